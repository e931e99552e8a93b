//! From one JSON object to what it says.

use super::json::{Scanner, SyntaxError, Token};
use super::paths::{Keys, Target};
use super::{Decoded, Interaction, Item, Mapping};
use crate::observation::{FIELDS_MAX, Observation, SERIES_BYTES_MAX, Values};
use crate::time::{parse_epoch, parse_timestamp};
use std::borrow::Cow;

/// Why an object could not be decoded.
pub(super) enum LineError {
    Syntax(SyntaxError),
    Meaning(String),
}

impl From<SyntaxError> for LineError {
    fn from(error: SyntaxError) -> Self {
        Self::Syntax(error)
    }
}

/// What the mapping's paths led to; of a key that stands twice, the last.
#[derive(Default)]
struct Found<'a> {
    series: Option<Token<'a>>,
    time: Option<Token<'a>>,
    value: Option<Token<'a>>,
    values: Option<Token<'a>>,
    named: Vec<(Cow<'a, str>, Token<'a>)>,
    fields: Vec<(usize, Token<'a>)>,
    user: Option<Token<'a>>,
    item: Option<Token<'a>>,
    event: Option<Token<'a>>,
}

/// Decodes the one object that `text` holds.
pub(super) fn decode_object(mapping: &Mapping, keys: &Keys, text: &str) -> Result<Decoded, LineError> {
    scan(keys, text)?.interpret(mapping).map_err(LineError::Meaning)
}

/// The series that the one object names, where it does.
pub(super) fn find_series(mapping: &Mapping, keys: &Keys, text: &str) -> Option<Box<str>> {
    series_key(mapping, &scan(keys, text).ok()?.series?).ok()
}

fn scan<'a>(keys: &Keys, text: &'a str) -> Result<Found<'a>, SyntaxError> {
    let mut found = Found::default();
    let mut scanner = Scanner::new(text);
    scan_object(&mut scanner, keys, &mut found)?;
    scanner.end()?;
    Ok(found)
}

/// Scans an object; it goes no deeper than the mapping's paths do.
fn scan_object<'a>(scanner: &mut Scanner<'a>, keys: &Keys, found: &mut Found<'a>) -> Result<(), SyntaxError> {
    scanner.open()?;
    let mut first = true;
    while let Some(key) = scanner.key(first)? {
        first = false;
        let Some(entry) = keys.find(&key) else {
            scanner.value()?;
            continue;
        };
        let is_object = scanner.peek() == Some(b'{');
        if is_object && !entry.inside.is_empty() {
            scan_object(scanner, &entry.inside, found)?;
        } else if is_object && entry.targets.contains(&Target::Values) {
            scan_named(scanner, &mut found.named)?;
            found.values = Some(Token::Object);
        } else {
            let token = scanner.value()?;
            for target in &entry.targets {
                found.put(*target, token.clone());
            }
        }
    }
    Ok(())
}

fn scan_named<'a>(
    scanner: &mut Scanner<'a>,
    named: &mut Vec<(Cow<'a, str>, Token<'a>)>,
) -> Result<(), SyntaxError> {
    named.clear();
    scanner.open()?;
    while let Some(name) = scanner.key(named.is_empty())? {
        let token = scanner.value()?;
        // One more than is allowed is enough to be refused by.
        if named.len() <= FIELDS_MAX {
            named.push((name, token));
        }
    }
    Ok(())
}

impl<'a> Found<'a> {
    fn put(&mut self, target: Target, token: Token<'a>) {
        let place = match target {
            Target::Series => &mut self.series,
            Target::Time => &mut self.time,
            Target::Value => &mut self.value,
            Target::Values => &mut self.values,
            Target::User => &mut self.user,
            Target::Item => &mut self.item,
            Target::Event => &mut self.event,
            Target::Field(at) => {
                self.fields.push((at, token));
                return;
            }
        };
        *place = Some(token);
    }

    fn interpret(self, mapping: &Mapping) -> Result<Decoded, String> {
        if let Some(series) = &self.series {
            let series = series_key(mapping, series)?;
            let time_ms = time_of(&mapping.time, self.time.as_ref())?;
            let values = self.values_of(mapping)?;
            return Ok(Decoded::Observation(Observation { series, time_ms, values }));
        }
        let Some(item) = &self.item else {
            return Err(format!(
                "no `{}`; an observation has it, an interaction has `{}` and `{}`, an item `{}`",
                mapping.series, mapping.user, mapping.item, mapping.item
            ));
        };
        let item = name_of(&mapping.item, item)?;
        let Some(user) = &self.user else { return Ok(Decoded::Item(Item { item })) };
        let event = match &self.event {
            None | Some(Token::Null) => Box::default(),
            Some(event) => name_of(&mapping.event, event)?,
        };
        let time_ms = time_of(&mapping.time, self.time.as_ref())?;
        let user = name_of(&mapping.user, user)?;
        Ok(Decoded::Interaction(Interaction { user, item, event, time_ms }))
    }

    fn values_of(self, mapping: &Mapping) -> Result<Values, String> {
        if !mapping.fields.is_empty() {
            if self.fields.is_empty() {
                return Err(format!("none of the fields {}", list(&mapping.fields)));
            }
            let named = self.fields.into_iter().map(|(at, token)| (Cow::from(&*mapping.fields[at]), token));
            return named_values(named, |name| name.to_owned());
        }
        match (self.value, self.values) {
            (Some(value), None) => Ok(Values::One(number_of(&mapping.value, &value)?)),
            (None, Some(Token::Object)) if self.named.is_empty() => {
                Err(format!("`{}` has no field; at least one is needed", mapping.values))
            }
            (None, Some(Token::Object)) => {
                named_values(self.named.into_iter(), |name| format!("{}.{name}", mapping.values))
            }
            (None, Some(other)) => Err(wrong(&mapping.values, &other, "an object of numbers")),
            // Both stand under one key: what stands there says which of them it is.
            (Some(value), Some(Token::Object)) if mapping.value == mapping.values => {
                Err(wrong(&mapping.value, &value, NUMBER))
            }
            (Some(value), Some(_)) if mapping.value == mapping.values => {
                Ok(Values::One(number_of(&mapping.value, &value)?))
            }
            (Some(_), Some(_)) => {
                Err(format!("both `{}` and `{}`; one of them is needed", mapping.value, mapping.values))
            }
            (None, None) => Err(format!(
                "no `{}`, a number, and no `{}`, an object of numbers; one of them is needed",
                mapping.value, mapping.values
            )),
        }
    }
}

const NUMBER: &str = "a number, or null, \"NaN\", \"Infinity\" or \"-Infinity\"";

fn named_values<'a>(
    named: impl ExactSizeIterator<Item = (Cow<'a, str>, Token<'a>)>,
    path: impl Fn(&str) -> String,
) -> Result<Values, String> {
    if named.len() > FIELDS_MAX {
        return Err(format!("more than {FIELDS_MAX} fields; so many are allowed"));
    }
    let mut fields: Vec<(Box<str>, f64)> = Vec::with_capacity(named.len());
    for (name, token) in named {
        let value = match plain_number(&token) {
            Some(value) => value,
            None => return Err(wrong(&path(&name), &token, NUMBER)),
        };
        fields.push((name.into(), value));
    }
    if !fields.is_sorted_by(|a, b| a.0 < b.0) {
        // Stable, and then the last of each name is kept: as JSON's readers do with a key that stands twice.
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        fields.reverse();
        fields.dedup_by(|a, b| a.0 == b.0);
        fields.reverse();
    }
    Ok(Values::Named(fields))
}

fn series_key(mapping: &Mapping, token: &Token<'_>) -> Result<Box<str>, String> {
    let Token::Text(key) = token else { return Err(wrong(&mapping.series, token, "a text")) };
    if key.is_empty() {
        return Err(format!("`{}` is empty; a text of at least one character is needed", mapping.series));
    }
    let length = mapping.prefix.len() + key.len();
    if length > SERIES_BYTES_MAX {
        return Err(format!(
            "`{}` has {length} bytes; at most {SERIES_BYTES_MAX} are allowed",
            mapping.series
        ));
    }
    if mapping.prefix.is_empty() {
        return Ok(key.as_ref().into());
    }
    Ok([&mapping.prefix, key.as_ref()].concat().into())
}

/// The name of a user, an item or an event: a text, or a whole number, which many catalogues use.
fn name_of(path: &str, token: &Token<'_>) -> Result<Box<str>, String> {
    let name = match token {
        Token::Text(name) => name.as_ref(),
        Token::Number(number) if number.parse::<i64>().is_ok() => number,
        _ => return Err(wrong(path, token, "a text or a whole number")),
    };
    if name.is_empty() || name.len() > SERIES_BYTES_MAX {
        return Err(format!("`{path}` has {} bytes; 1 to {SERIES_BYTES_MAX} are allowed", name.len()));
    }
    Ok(name.into())
}

fn time_of(path: &str, token: Option<&Token<'_>>) -> Result<Option<i64>, String> {
    let time_ms = match token {
        None | Some(Token::Null) => return Ok(None),
        Some(Token::Number(number)) => parse_epoch(number),
        Some(Token::Text(text)) => {
            parse_timestamp(text).map(|timestamp| timestamp.unix_ms).or_else(|| parse_epoch(text))
        }
        Some(_) => None,
    };
    match (time_ms, token) {
        (None, Some(token)) => Err(wrong(
            path,
            token,
            "RFC 3339, or seconds (below 1e11) or milliseconds since 1970, in the years 0 to 9999",
        )),
        (time_ms, _) => Ok(time_ms),
    }
}

fn number_of(path: &str, token: &Token<'_>) -> Result<f64, String> {
    plain_number(token).ok_or_else(|| wrong(path, token, NUMBER))
}

/// The value of a number, also of one that stands in a text; a number too large is infinite, and null is
/// missing.
fn plain_number(token: &Token<'_>) -> Option<f64> {
    let text = match token {
        Token::Null => return Some(f64::NAN),
        Token::Number(text) => text,
        Token::Text(text) => text.as_ref(),
        Token::Bool(_) | Token::Object | Token::Array => return None,
    };
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        // The standard library also reads `inf` and `nan`; a text must look like a number.
        _ if text.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            text.parse().ok()
        }
        _ => None,
    }
}

fn wrong(path: &str, token: &Token<'_>, allowed: &str) -> String {
    let held = match token {
        Token::Null => "null".to_owned(),
        Token::Bool(value) => value.to_string(),
        Token::Number(number) => shorten(number),
        Token::Text(text) => format!("\"{}\"", shorten(text)),
        Token::Object => "an object".to_owned(),
        Token::Array => "an array".to_owned(),
    };
    format!("`{path}` is {held}; it must be {allowed}")
}

/// At most 40 characters of a text.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().take(5).map(|name| format!("`{}`", shorten(name))).collect();
    let more = if names.len() > 5 { ", …" } else { "" };
    format!("{}{more}", quoted.join(", "))
}
