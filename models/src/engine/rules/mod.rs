//! What an operator says of some series: the tables `[[series]]` of the configuration.
//!
//! All tables whose patterns match apply, and where two set the same key, the later one holds.

mod glob;
mod policies;
mod policy;
mod quiet;
mod table;
mod zone;

pub(super) use policies::Policies;
pub(super) use policy::Policy;
pub use table::{Direction, RULES_MAX, SeriesRule};
