//! The part of canonical JSON (RFC 8785) that has whole numbers alone: members sorted by name, no space, no
//! escape without need. It is what Python writes with `json.dumps(value, sort_keys=True,
//! separators=(",", ":"), ensure_ascii=False)`.
//!
//! Languages write fractions each in its own way (1.0, 1, 1e0), and the RFC's is that of ECMAScript. They
//! are refused here, since a snapshot has an exact place for them: a tensor.

use serde_json::Value;
use std::cmp::Ordering;

/// Whole numbers up to here are exact in every language.
const WHOLE_MAX: u64 = (1 << 53) - 1;

/// Reads a text that is in canonical form.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let wanted = write(&value)?;
    if wanted != text {
        let at = wanted.bytes().zip(text.bytes()).take_while(|(wanted, found)| wanted == found).count();
        return Err(format!(
            "not canonical JSON (RFC 8785) from byte {at} on: names are sorted and there once, without spaces, and \
             nothing is escaped without need"
        ));
    }
    Ok(value)
}

/// The one form of a value.
pub(super) fn write(value: &Value) -> Result<String, String> {
    let mut out = String::new();
    append(value, &mut out)?;
    Ok(out)
}

fn append(value: &Value, out: &mut String) -> Result<(), String> {
    match value {
        Value::Null | Value::Bool(_) => out.push_str(&value.to_string()),
        Value::Number(number) => {
            if number.as_i64().map(i64::unsigned_abs).or(number.as_u64()).is_none_or(|size| size > WHOLE_MAX)
            {
                return Err(format!(
                    "{number} is not a whole number of at most {WHOLE_MAX}: put other numbers in tensors"
                ));
            }
            out.push_str(&number.to_string());
        }
        Value::String(text) => append_text(text, out),
        Value::Array(values) => {
            out.push('[');
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                append(value, out)?;
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| by_utf16(a, b));
            out.push('{');
            for (at, (name, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                append_text(name, out);
                out.push(':');
                append(value, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

/// serde_json escapes what the RFC asks for and nothing else.
fn append_text(text: &str, out: &mut String) {
    out.push_str(&Value::from(text).to_string());
}

/// The RFC's order of names.
fn by_utf16(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfcs_own_examples() {
        // RFC 8785, 3.2.3, without the fractions.
        let text = "{\"€\":\"Euro Sign\",\"\\r\":\"Carriage Return\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\",\
                    \"1\":\"One\",\"😀\":\"Emoji: Grinning Face\",\"\u{80}\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\"}";
        let value: Value = serde_json::from_str(text).unwrap();
        let written = write(&value).unwrap();
        let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"];
        let places: Vec<_> = order.map(|word| written.find(word).unwrap()).into();
        assert!(places.is_sorted(), "{written}");
        // 3.2.2.2.
        let text = write(&Value::from("€$\u{f}\nA'\u{42}\"\\\"/\u{7f}")).unwrap();
        assert_eq!(text, "\"€$\\u000f\\nA'B\\\"\\\\\\\"/\u{7f}\"");
    }

    #[test]
    fn other_forms_of_the_same_are_refused() {
        for canonical in ["{}", "[]", "null", r#"{"a":[1,-9007199254740991,true],"b":"x"}"#] {
            assert!(parse(canonical).is_ok(), "{canonical}");
        }
        for other in [
            "{ }",
            "{} ",
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,"a":1}"#,
            r#""\u0061""#,
            r#""\/""#,
            "01",
            "-0",
            "1.0",
            "1e2",
            "0.1",
            "9007199254740992",
            "",
        ] {
            assert!(parse(other).is_err(), "{other}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err(), "depth is bounded");
    }
}
