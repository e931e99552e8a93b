//! The workers that route and score, the views of what they commit, and the services that show them.
//! See docs/ARCHITECTURE.md.

pub mod committed;
pub mod metrics;
pub mod serve;
pub mod views;
