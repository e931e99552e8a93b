//! The operations of the API, each a function from an invocation to an answer.

pub(super) mod describe;
pub(super) mod put;
pub(super) mod read;
pub(super) mod retention;
pub(super) mod shards;
pub(super) mod streams;
