//! From the bytes of a record to what it says: observations, interactions, items.

mod decoder;
mod json;
mod line;
mod mapping;
mod paths;

pub use decoder::{DecodeError, Decoder, LINES_MAX};
pub use mapping::{Mapping, MappingError};

use crate::observation::Observation;

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
