//! What the end-to-end tests share: the real binary, started on free ports with data of its own.

mod service;
pub mod waveform;

pub use service::{Finished, Service, binary, run};
