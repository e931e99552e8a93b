//! From the bytes of a record to what it says: observations, interactions, items.

mod mapping;

pub use mapping::{Decoder, Mapping, MappingError};

use crate::observation::Observation;

/// Most lines that one record may hold.
pub const LINES_MAX: u32 = 10_000;

/// A decoded record of a user and an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Interaction {
    /// Who.
    pub user: Box<str>,
    /// With what.
    pub item: Box<str>,
    /// What happened; empty where the record doesn't say.
    pub event: Box<str>,
    /// The record's own time in Unix milliseconds, where it gave one.
    pub time_ms: Option<i64>,
}

/// A decoded record of an item alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Which.
    pub item: Box<str>,
}

/// What one line of a record says.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded {
    /// An observation of a series.
    Observation(Observation),
    /// A user and an item.
    Interaction(Interaction),
    /// An item alone.
    Item(Item),
}

/// Why a line could not be decoded, and what would be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct DecodeError {
    /// One sentence for the operator: the field, what it held, what is allowed.
    pub reason: String,
    /// The line, as a range of the record's bytes.
    pub line: std::ops::Range<usize>,
}
