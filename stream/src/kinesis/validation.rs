//! The constraints that the API's model puts on members, checked together and reported in one message.

use super::error::ApiError;
use std::fmt;

/// The API reports this many at most.
const REPORTED_MAX: usize = 10;

/// Collects the constraints that a request breaks.
#[derive(Debug, Default)]
pub(super) struct Validation {
    broken: Vec<String>,
}

impl Validation {
    /// Nothing broken yet.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// An error that names all that was broken.
    pub(super) fn finish(self) -> Result<(), ApiError> {
        if self.broken.is_empty() {
            return Ok(());
        }
        let plural = if self.broken.len() > 1 { "s" } else { "" };
        Err(ApiError::new(
            "ValidationException",
            format!("{} validation error{plural} detected: {}", self.broken.len(), self.broken.join("; ")),
        ))
    }

    /// Reports that the value at `member` does not satisfy `constraint`. The value is shown where it is given.
    pub(super) fn broken(
        &mut self,
        value: Option<&dyn fmt::Display>,
        member: impl fmt::Display,
        constraint: impl fmt::Display,
    ) {
        if self.broken.len() == REPORTED_MAX {
            return;
        }
        let shown = value.map(|value| format!("'{value}' ")).unwrap_or_default();
        self.broken.push(format!("Value {shown}at '{member}' failed to satisfy constraint: {constraint}"));
    }

    /// The member must be there.
    pub(super) fn present<T>(&mut self, value: &Option<T>, member: impl fmt::Display) {
        if value.is_none() && self.broken.len() < REPORTED_MAX {
            self.broken.push(format!(
                "Value null at '{member}' failed to satisfy constraint: Member must not be null"
            ));
        }
    }

    /// An integer within bounds.
    pub(super) fn range(&mut self, value: i64, member: &str, min: i64, max: i64) {
        if value < min {
            let constraint = format!("Member must have value greater than or equal to {min}");
            self.broken(Some(&value), member, constraint);
        } else if value > max {
            self.broken(Some(&value), member, format!("Member must have value less than or equal to {max}"));
        }
    }

    /// A string of a number of characters within bounds.
    pub(super) fn length(&mut self, text: &str, member: impl fmt::Display, min: usize, max: usize) {
        // A character has at least one byte, so most strings need no count.
        if text.len() <= max && text.len() >= min && (min <= 1 || text.is_ascii()) {
            return;
        }
        let length = text.encode_utf16().count();
        let shown = shortened(text);
        if length < min {
            let constraint = format!("Member must have length greater than or equal to {min}");
            self.broken(Some(&shown), member, constraint);
        } else if length > max {
            self.broken(Some(&shown), member, format!("Member must have length less than or equal to {max}"));
        }
    }

    /// The name of a stream, a shard or the like.
    pub(super) fn name(&mut self, name: &str, member: &str) {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        if name.is_empty() || !name.bytes().all(fits) {
            self.pattern(name, member, "[a-zA-Z0-9_.-]+");
        }
        self.length(name, member, 1, 128);
    }

    /// A decimal of at most `digits_max` digits without a leading zero.
    pub(super) fn decimal(&mut self, text: &str, member: impl fmt::Display, digits_max: usize) {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = text == "0" || (!text.is_empty() && !text.starts_with('0') && text.len() <= digits_max);
        if !(digits && fits) {
            self.pattern(text, member, &format!("0|([1-9]\\d{{0,{}}})", digits_max - 1));
        }
    }

    /// One of a set of words.
    pub(super) fn one_of(&mut self, word: &str, member: &str, words: &[&str]) {
        if !words.contains(&word) {
            let constraint = format!("Member must satisfy enum value set: [{}]", words.join(", "));
            self.broken(Some(&shortened(word)), member, constraint);
        }
    }

    /// Reports that a string does not match a pattern.
    pub(super) fn pattern(&mut self, text: &str, member: impl fmt::Display, pattern: &str) {
        let constraint = format!("Member must satisfy regular expression pattern: {pattern}");
        self.broken(Some(&shortened(text)), member, constraint);
    }
}

/// A value as it is shown: a message never carries more than a line of what was sent.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(check: impl FnOnce(&mut Validation)) -> Option<String> {
        let mut validation = Validation::new();
        check(&mut validation);
        let error = validation.finish().err()?;
        assert_eq!(error.code, "ValidationException");
        error.message.map(String::from)
    }

    #[test]
    fn all_that_is_broken_is_in_one_message() {
        let text = message(|validation| {
            validation.present(&None::<u8>, "shardId");
            validation.name("a b", "streamName");
            validation.range(10_001, "limit", 1, 10_000);
        });
        assert_eq!(
            text.as_deref(),
            Some(
                "3 validation errors detected: Value null at 'shardId' failed to satisfy constraint: Member must \
                 not be null; Value 'a b' at 'streamName' failed to satisfy constraint: Member must satisfy \
                 regular expression pattern: [a-zA-Z0-9_.-]+; Value '10001' at 'limit' failed to satisfy \
                 constraint: Member must have value less than or equal to 10000"
            )
        );
    }

    #[test]
    fn no_more_than_ten_are_reported() {
        let text = message(|validation| {
            for index in 0..500 {
                validation.range(index - 1000, "limit", 1, 10);
                validation.present(&None::<u8>, "data");
            }
        });
        assert!(text.unwrap().starts_with("10 validation errors detected: "));
    }

    #[test]
    fn decimals_and_lengths_end_where_the_model_ends() {
        let decimal = |text: &str| message(|validation| validation.decimal(text, "hash", 39)).is_none();
        assert!(decimal("0") && decimal("10") && decimal(&"9".repeat(39)));
        assert!(!decimal("") && !decimal("01") && !decimal("1a") && !decimal(&"9".repeat(40)));
        let length = |text: &str| message(|validation| validation.length(text, "key", 1, 4)).is_none();
        assert!(length("éééé") && length("a"));
        assert!(!length("") && !length("ééééé"));
    }
}
