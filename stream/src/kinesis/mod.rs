//! The Kinesis API over HTTP: what `aws kinesis`, boto3 and the Java clients speak.
//!
//! [`serve`] answers on a loopback listener until it is told to stop. A request goes through these steps:
//! [`request`] reads its head (operation, encoding, signature), [`body`] its body within bounds, [`operation`]
//! decodes, validates and runs it against a [`Stream`](crate::api::Stream), and [`server`] sends what came of it.
//! Messages and names of errors are the API's own. Each operation is its own function in [`operations`].

mod authorization;
mod body;
mod error;
mod operation;
mod operations;
mod options;
mod request;
mod server;
#[cfg(test)]
mod tests;
mod token;
mod validation;
mod wire;

pub use options::{OnRefused, Options};
pub use server::{BeyondLoopback, refuse_beyond_loopback, serve};
