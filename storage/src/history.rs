//! History: the points of series as they were scored, for queries.

pub mod chunk;
