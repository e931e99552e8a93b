//! All of Kizashi that is pure: mapping bytes to observations, detectors, calibration and budget,
//! episodes, and the engine that runs them for one shard.
//!
//! Nothing here does I/O, reads a clock, spawns, or draws a random number that is not seeded, and all
//! mathematics beyond the four operations and the square root goes through `libm`, so that a score has
//! the same bits on every processor: score = f(parameters, state, observation).

pub mod alert;
pub mod codec;
pub mod decode;
pub mod detector;
pub mod engine;
pub mod fnv;
pub mod incident;
pub mod observation;
pub mod plural;
pub mod position;
pub mod snapshot;
pub mod time;
