//! Why a snapshot is refused.

use super::header::NAME_BYTES_MAX;
use super::{BYTES_MAX, FORMAT, HEADER_BYTES_MAX};
use serde_json::Value;
use std::fmt::Display;

/// Most characters of a foreign text in an error.
const SHOWN_MAX: usize = 300;

/// Why bytes are not a snapshot, or not one that fits.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SnapshotError {
    /// The file is too large.
    #[error("it has more than {BYTES_MAX} bytes, and so is not a snapshot of this version of kizashi")]
    Bytes,
    /// The header is too large.
    #[error(
        "not a snapshot, or a damaged one: by its first 8 bytes its header has {0} bytes, of which at most {HEADER_BYTES_MAX} are allowed"
    )]
    HeaderBytes(u64),
    /// The bytes are no safetensors file.
    #[error("not a safetensors file: {0}")]
    Form(String),
    /// A good safetensors file, but not as it is to be written.
    #[error(
        "not in the canonical form: {0}; write it with the safetensors package, with `kizashi` as the only key of the metadata"
    )]
    NotCanonical(&'static str),
    /// Our part of the metadata is absent.
    #[error(
        "the metadata has no key `kizashi` alone, so this is not a snapshot of kizashi, or another program has written it anew"
    )]
    NoDescription,
    /// Our part of the metadata is wrong.
    #[error("key `kizashi` of the metadata: {0}")]
    Description(String),
    /// A name that can't be one.
    #[error(
        "{what}: `{name}` is not a name: 1 to {NAME_BYTES_MAX} letters, digits, `_`, `-`, `.` and `/` are"
    )]
    Name {
        /// What it would name.
        what: &'static str,
        /// The name, as far as it is shown.
        name: String,
    },
    /// The bytes are not those that were named.
    #[error(
        "its name says {wanted}, but the SHA-256 of its bytes is {found}: it was altered, or is not whole"
    )]
    Id {
        /// The id of the bytes, in hexadecimal.
        found: String,
        /// The id that they go by.
        wanted: String,
    },
    /// The format is of another version.
    #[error("the snapshot is of format {found}; this version of kizashi reads format {FORMAT}")]
    Format {
        /// The number, as JSON.
        found: String,
    },
    /// It is for something else.
    #[error("the snapshot is of kind `{found}`; `{wanted}` is wanted")]
    Kind {
        /// The snapshot's kind.
        found: String,
        /// The kind that was asked for.
        wanted: &'static str,
    },
    /// It was made for another method.
    #[error(
        "the snapshot is for method `{found}`; this version of kizashi scores by `{wanted}`: make the snapshot with this version"
    )]
    Method {
        /// The snapshot's method.
        found: String,
        /// The method of this version.
        wanted: &'static str,
    },
    /// A tensor is absent.
    #[error("tensor `{name}` is missing; {wanted} is wanted")]
    Missing {
        /// Its name.
        name: String,
        /// Type and shape.
        wanted: String,
    },
    /// A tensor has another type or shape.
    #[error("tensor `{name}` is {found}; {wanted} is wanted")]
    Tensor {
        /// Its name.
        name: String,
        /// Type and shape that it has.
        found: String,
        /// Type and shape that were asked for.
        wanted: String,
    },
    /// A tensor that nobody reads: a misspelt one, or one for another version.
    #[error("tensor `{name}` is not known to this method")]
    Unknown {
        /// Its name.
        name: String,
    },
    /// A value is out of its range.
    #[error("tensor `{name}` is {found}; from {least} to {most} is allowed")]
    Range {
        /// Its name.
        name: String,
        /// The value.
        found: f64,
        /// The least that is allowed.
        least: f64,
        /// The most that is allowed.
        most: f64,
    },
}

impl SnapshotError {
    pub(super) fn form(error: impl Display) -> Self {
        SnapshotError::Form(shown(&error.to_string()))
    }

    pub(super) fn description(error: impl Display) -> Self {
        SnapshotError::Description(shown(&error.to_string()))
    }

    pub(super) fn format(found: &Value) -> Self {
        SnapshotError::Format { found: shown(&found.to_string()) }
    }

    pub(super) fn name(what: &'static str, name: &str) -> Self {
        SnapshotError::Name { what, name: shown(name) }
    }
}

/// A text that quotes a file, which anyone may have written: short, and without what a terminal would obey.
fn shown(text: &str) -> String {
    let printable = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let mut shown: String = text.chars().take(SHOWN_MAX).map(printable).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_says_is_shown_short_and_harmless() {
        assert_eq!(shown("a `b`\u{1b}[2J"), "a `b`\u{fffd}[2J");
        assert_eq!(shown(&"é".repeat(400)), format!("{}…", "é".repeat(300)));
        assert_eq!(shown(&"é".repeat(300)), "é".repeat(300));
    }
}
