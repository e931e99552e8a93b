//! From a record to its lines.

use super::line::{LineError, decode_object, find_series};
use super::paths::Keys;
use super::{Decoded, Mapping, MappingError};
use std::ops::Range;

/// Most lines that one record may hold, blank ones left out.
pub const LINES_MAX: u32 = 10_000;

/// Why a line could not be decoded, and what would be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct DecodeError {
    /// One sentence for the operator: the field, what it held, what is allowed.
    pub reason: String,
    /// The line, as a range of the record's bytes.
    pub line: Range<usize>,
}

/// A mapping made ready to decode records.
#[derive(Clone, Debug)]
pub struct Decoder {
    mapping: Mapping,
    keys: Keys,
}

impl Decoder {
    /// Checks a mapping and makes it ready.
    ///
    /// # Errors
    /// Names the key that can't be.
    pub fn new(mapping: &Mapping) -> Result<Self, MappingError> {
        mapping.validate()?;
        Ok(Self { mapping: mapping.clone(), keys: Keys::new(mapping) })
    }

    /// Decodes a record: one JSON object, which may span lines, or JSON lines, an object a line.
    ///
    /// `sink` is given the number of each line that is not blank, from 0, and what it says or why it
    /// can't be decoded. A bad line stops nothing. A record without any line is one that can't be decoded,
    /// and so is what follows [`LINES_MAX`] lines.
    pub fn decode(&self, record: &[u8], sink: &mut dyn FnMut(u32, Result<Decoded, DecodeError>)) {
        let mut lines = 0;
        let mut start = 0;
        for (index, line) in record.split(|byte| *byte == b'\n').enumerate() {
            let mut range = start..start + line.len();
            start = range.end + 1;
            if line.trim_ascii().is_empty() {
                continue;
            }
            let index = index as u32;
            if lines == LINES_MAX {
                let reason =
                    format!("more than {LINES_MAX} lines in one record; this one and the rest are left out");
                sink(index, Err(DecodeError { reason, line: range.start..record.len() }));
                return;
            }
            lines += 1;
            let mut result = self.decode_text(line);
            if lines == 1 && matches!(&result, Err(LineError::Syntax(error)) if error.cut_short) {
                // An object that is written over several lines is one record and not many bad lines.
                let whole = self.decode_text(&record[range.start..]);
                if !matches!(whole, Err(LineError::Syntax(_))) {
                    result = whole;
                    range.end = record.len();
                }
            }
            let spans_record = range.end == record.len();
            sink(index, result.map_err(|error| DecodeError { reason: reason(error), line: range }));
            if spans_record {
                return;
            }
        }
        if lines == 0 {
            let reason = "the record is empty; a JSON object is needed".to_owned();
            sink(0, Err(DecodeError { reason, line: 0..record.len() }));
        }
    }

    /// The key of the series that a record of one object names, whether or not its other fields can be decoded.
    pub fn series_key(&self, record: &[u8]) -> Option<Box<str>> {
        let text = std::str::from_utf8(record).ok()?;
        find_series(&self.mapping, &self.keys, without_mark(text))
    }

    fn decode_text(&self, bytes: &[u8]) -> Result<Decoded, LineError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| LineError::Meaning(format!("not UTF-8 at byte {}", error.valid_up_to())))?;
        decode_object(&self.mapping, &self.keys, without_mark(text))
    }
}

/// A text without the byte order mark that it may begin with.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn reason(error: LineError) -> String {
    match error {
        LineError::Syntax(error) => format!("not JSON at byte {} of the line: {}", error.at, error.what),
        LineError::Meaning(reason) => reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Interaction, Item};
    use crate::observation::{Observation, Values};
    use proptest::prelude::*;

    fn decode_with(mapping: &Mapping, record: &[u8]) -> Vec<(u32, Result<Decoded, DecodeError>)> {
        let mut found = Vec::new();
        Decoder::new(mapping).unwrap().decode(record, &mut |index, result| found.push((index, result)));
        found
    }

    /// What the only line of a record says.
    fn one(record: &str) -> Result<Decoded, String> {
        let mut found = decode_with(&Mapping::default(), record.as_bytes());
        assert_eq!(found.len(), 1, "{record}");
        found.remove(0).1.map_err(|error| error.reason)
    }

    fn observation(series: &str, time_ms: Option<i64>, values: Values) -> Result<Decoded, String> {
        Ok(Decoded::Observation(Observation { series: series.into(), time_ms, values }))
    }

    fn named(fields: &[(&str, f64)]) -> Values {
        Values::Named(fields.iter().map(|(name, value)| ((*name).into(), *value)).collect())
    }

    #[test]
    fn an_observation_of_one_value() {
        let expected = observation("abc", Some(1_732_400_000_000), Values::One(1.5));
        assert_eq!(one(r#"{"series":"abc","time":1732400000000,"value":1.5}"#), expected);
        assert_eq!(one(r#"{"series":"abc","time":1732400000,"value":1.5}"#), expected);
        assert_eq!(one(r#"{"series":"abc","time":"1732400000","value":"1.5"}"#), expected);
        assert_eq!(
            one(r#" { "value" : 15e-1, "x":{"series":[]}, "time":"2024-11-23T22:13:20Z", "series":"abc" } "#),
            expected
        );
        assert_eq!(one(r#"{"series":"abc","value":1.5}"#), observation("abc", None, Values::One(1.5)));
        assert_eq!(
            one(r#"{"series":"a\u0062c","time":null,"value":1.5}"#),
            observation("abc", None, Values::One(1.5))
        );
    }

    #[test]
    fn a_vector_is_sorted_and_the_last_of_a_name_counts() {
        let expected = observation("a", None, named(&[("x", 3.0), ("y", 1.0)]));
        assert_eq!(one(r#"{"series":"a","values":{"y":1,"x":2,"x":3}}"#), expected);
    }

    #[test]
    fn missing_and_infinite_values_are_ordinary_input() {
        for (text, expected) in [
            ("null", f64::NAN),
            ("NaN", f64::NAN),
            ("\"NaN\"", f64::NAN),
            ("Infinity", f64::INFINITY),
            ("\"-Infinity\"", f64::NEG_INFINITY),
            ("1e999", f64::INFINITY),
            ("-1e999", f64::NEG_INFINITY),
            ("1e-999", 0.0),
        ] {
            let decoded = one(&format!(r#"{{"series":"a","value":{text}}}"#)).unwrap();
            let Decoded::Observation(Observation { values: Values::One(value), .. }) = decoded else {
                panic!("{text} gave {decoded:?}");
            };
            assert!(value == expected || value.is_nan() && expected.is_nan(), "{text} gave {value}");
        }
    }

    #[test]
    fn an_error_names_the_field_what_it_held_and_what_is_allowed() {
        let long = "x".repeat(1025);
        for (record, part) in [
            (r#"{"series":5,"value":1}"#, "`series` is 5; it must be a text"),
            (r#"{"series":"","value":1}"#, "`series` is empty"),
            (&format!(r#"{{"series":"{long}","value":1}}"#), "`series` has 1025 bytes; at most 1024"),
            (r#"{"series":"a","value":true}"#, "`value` is true; it must be a number"),
            (r#"{"series":"a","value":"high"}"#, "`value` is \"high\"; it must be a number"),
            (r#"{"series":"a","value":[1]}"#, "`value` is an array; it must be a number"),
            (r#"{"series":"a","values":{"b":false}}"#, "`values.b` is false; it must be a number"),
            (r#"{"series":"a","values":3}"#, "`values` is 3; it must be an object of numbers"),
            (r#"{"series":"a","values":{}}"#, "`values` has no field"),
            (r#"{"series":"a"}"#, "no `value`, a number, and no `values`"),
            (r#"{"series":"a","value":1,"values":{"b":1}}"#, "both `value` and `values`"),
            (r#"{"series":"a","value":1,"time":"noon"}"#, "`time` is \"noon\"; it must be RFC 3339"),
            (r#"{"series":"a","value":1,"time":true}"#, "`time` is true"),
            (r#"{"series":"a","value":1,"time":1e300}"#, "`time` is 1e300"),
            (r#"{"value":1}"#, "no `series`"),
            (r#"{"user":"u","item":{}}"#, "`item` is an object; it must be a text or a whole number"),
            ("[1]", "not JSON at byte 0 of the line: an object is needed"),
            ("foo", "not JSON at byte 0 of the line"),
            (r#"{"series":"a","value":1} x"#, "something follows the object"),
            ("", "the record is empty"),
            (" \n\n", "the record is empty"),
        ] {
            let reason = one(record).unwrap_err();
            assert!(reason.contains(part), "{record} gave: {reason}");
        }
        let reason =
            decode_with(&Mapping::default(), b"{\"series\":\"\xff\"}").remove(0).1.unwrap_err().reason;
        assert_eq!(reason, "not UTF-8 at byte 11");
    }

    #[test]
    fn too_many_fields_are_refused() {
        let fields: Vec<String> = (0..257).map(|at| format!("\"f{at}\":1")).collect();
        let reason = one(&format!(r#"{{"series":"a","values":{{{}}}}}"#, fields.join(","))).unwrap_err();
        assert_eq!(reason, "more than 256 fields; so many are allowed");
    }

    #[test]
    fn users_and_items_are_told_apart() {
        let interaction = |event: &str| Interaction {
            user: "u".into(),
            item: "7".into(),
            event: event.into(),
            time_ms: Some(5000),
        };
        assert_eq!(
            one(r#"{"user":"u","item":7,"event":"view","time":5,"value":"ignored"}"#),
            Ok(Decoded::Interaction(interaction("view")))
        );
        assert_eq!(one(r#"{"user":"u","item":"7","time":5}"#), Ok(Decoded::Interaction(interaction(""))));
        assert_eq!(one(r#"{"item":"7","value":true}"#), Ok(Decoded::Item(Item { item: "7".into() })));
    }

    #[test]
    fn a_mapping_finds_what_stands_elsewhere() {
        let mapping = Mapping {
            series: "host.name".into(),
            time: "@timestamp".into(),
            fields: vec!["load.1m".into(), "mem".into()],
            prefix: "prod/".into(),
            ..Mapping::default()
        };
        let record = br#"{"host":{"ip":"::1","name":"web-1"},"@timestamp":"2024-11-23T22:13:20Z",
            "mem":3,"load":{"5m":1,"1m":2},"value":"other"}"#;
        let decoded = decode_with(&mapping, record).remove(0).1;
        let values = named(&[("load.1m", 2.0), ("mem", 3.0)]);
        let series = "prod/web-1".into();
        let expected = Observation { series, time_ms: Some(1_732_400_000_000), values };
        assert_eq!(decoded, Ok(Decoded::Observation(expected)));
        let reason = decode_with(&mapping, br#"{"host":{"name":"a"}}"#).remove(0).1.unwrap_err().reason;
        assert_eq!(reason, "none of the fields `load.1m`, `mem`");
    }

    #[test]
    fn a_series_is_found_without_the_rest() {
        let mapping = Mapping { series: "host.name".into(), prefix: "prod/".into(), ..Mapping::default() };
        let decoder = Decoder::new(&mapping).unwrap();
        for (record, expected) in [
            ("\u{feff}{\"value\":NaN,\"host\":{\"name\":\"a\"}}", Some("prod/a")),
            (r#"{"host":{"name":"a"},"host":{"name":"b"},"time":"noon"}"#, Some("prod/b")),
            (r#"{"host":{"name":7}}"#, None),
            (r#"{"host":"a"}"#, None),
            (r#"{"host":{"name":"a"}} x"#, None),
            (r#"{"host":{"name":"a"}"#, None),
        ] {
            assert_eq!(decoder.series_key(record.as_bytes()).as_deref(), expected, "{record}");
        }
        assert_eq!(decoder.series_key(b"\xff"), None);
    }

    #[test]
    fn one_key_can_hold_a_value_or_an_object_of_values() {
        let mapping = Mapping { value: "v".into(), values: "v".into(), ..Mapping::default() };
        for (record, values) in [
            (r#"{"series":"a","v":1}"#, Values::One(1.0)),
            (r#"{"series":"a","v":{"x":1}}"#, named(&[("x", 1.0)])),
        ] {
            let decoded = decode_with(&mapping, record.as_bytes()).remove(0).1.map_err(|error| error.reason);
            assert_eq!(decoded, observation("a", None, values));
        }
    }

    #[test]
    fn one_bad_line_among_good_ones_is_one_error() {
        let record =
            b"\xef\xbb\xbf{\"series\":\"a\",\"value\":1}\r\n\n{\"series\":\n{\"series\":\"b\",\"value\":2}\n";
        let found = decode_with(&Mapping::default(), record);
        let indexes: Vec<(u32, bool)> =
            found.iter().map(|(index, result)| (*index, result.is_ok())).collect();
        assert_eq!(indexes, [(0, true), (2, false), (3, true)]);
        let error = found[1].1.as_ref().unwrap_err();
        assert_eq!(&record[error.line.clone()], b"{\"series\":");
    }

    #[test]
    fn a_bad_first_line_does_not_take_the_others_with_it() {
        let found = decode_with(&Mapping::default(), b"{\"series\":\n{\"series\":\"b\",\"value\":2}\n");
        let indexes: Vec<(u32, bool)> =
            found.iter().map(|(index, result)| (*index, result.is_ok())).collect();
        assert_eq!(indexes, [(0, false), (1, true)]);
    }

    #[test]
    fn an_object_over_several_lines_is_one_record() {
        assert_eq!(
            one("{\n \"series\": \"a\",\n \"value\": 1\n}\n"),
            observation("a", None, Values::One(1.0))
        );
        assert!(one("{\n \"series\": \"a\",\n \"value\": true\n}").unwrap_err().contains("`value` is true"));
    }

    #[test]
    fn lines_are_bounded() {
        let record = "{\"item\":\"a\"}\n".repeat(LINES_MAX as usize + 5);
        let found = decode_with(&Mapping::default(), record.as_bytes());
        assert_eq!(found.len(), LINES_MAX as usize + 1);
        let (index, last) = found.last().unwrap();
        assert_eq!(*index, LINES_MAX);
        assert!(last.as_ref().unwrap_err().reason.contains("more than 10000 lines"));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic_and_every_line_is_accounted_for(record: Vec<u8>) {
            let found = decode_with(&Mapping::default(), &record);
            prop_assert!(!found.is_empty());
            prop_assert!(found.is_sorted_by(|a, b| a.0 < b.0));
        }

        #[test]
        fn a_series_that_is_found_is_the_one_that_is_decoded(
            record in r#"\{("(series|value|time)":("a"|"b"|1|null),?){0,4}\}"#,
        ) {
            let decoder = Decoder::new(&Mapping::default()).unwrap();
            let found = decoder.series_key(record.as_bytes());
            if let Ok(Decoded::Observation(observation)) = one(&record) {
                prop_assert_eq!(found, Some(observation.series));
            }
        }

        #[test]
        fn what_looks_like_a_record_never_panics(
            record in r#"(\{"(series|value|values|time)":("a"|1|-|\{|"|null|true|\[|\}){0,3},?){0,6}\}?\n?"#,
        ) {
            prop_assert!(!decode_with(&Mapping::default(), record.as_bytes()).is_empty());
        }

        #[test]
        fn a_value_comes_through_bit_for_bit(value in prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL) {
            prop_assert_eq!(one(&format!(r#"{{"series":"a","value":{value:e}}}"#)), observation("a", None, Values::One(value)));
        }
    }
}
