//! Names of streams and applications.

use crate::api::{Result, StreamError};

/// Characters of a name that a user gives.
pub const NAME_LENGTH_MAX: usize = 128;

/// Characters of the name of an internal stream: `.NAME.keyed` and the like.
pub const INTERNAL_NAME_LENGTH_MAX: usize = 192;

/// Whether a stream is internal: kept by the service for itself, and not listed.
pub fn is_internal(stream: &str) -> bool {
    stream.starts_with('.')
}

/// Checks the name of a stream: 1 to 128 of `a-z A-Z 0-9 _ . -`. A leading dot is for internal streams.
pub fn check_stream_name(stream: &str) -> Result<()> {
    let length_max = if is_internal(stream) { INTERNAL_NAME_LENGTH_MAX } else { NAME_LENGTH_MAX };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if (1..=length_max).contains(&stream.len())
        && stream.bytes().all(allowed)
        && !stream.bytes().all(|byte| byte == b'.')
    {
        return Ok(());
    }
    let shown: String = stream.chars().take(NAME_LENGTH_MAX).collect();
    Err(StreamError::InvalidArgument(format!(
        "stream name {shown:?} is not allowed: it has 1 to {NAME_LENGTH_MAX} characters of a-z A-Z 0-9 _ . -"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_kinesis() {
        for name in
            ["a", "events", "A_b.c-9", &"x".repeat(128), ".events.keyed", &format!(".{}", "x".repeat(134))]
        {
            assert!(check_stream_name(name).is_ok(), "{name}");
        }
        for name in
            ["", ".", "..", "a/b", "é", "a b", "a\0", &"x".repeat(129), &format!(".{}", "x".repeat(192))]
        {
            assert!(check_stream_name(name).is_err(), "{name}");
        }
    }
}
