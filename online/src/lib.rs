//! The workers that route and score, the views of what they commit, and the services that show them.
//! See docs/ARCHITECTURE.md.

pub mod audit;
pub mod committed;
pub mod counted;
pub mod kept;
pub mod metrics;
pub mod replay;
pub mod route;
pub mod score;
pub mod serve;
pub mod settlement;
pub mod stores;
pub mod views;
pub mod work;
pub mod workers;
