//! The endpoint over a real socket, before embedded streams in a temporary directory.

mod blackbox;
mod protocol;
mod put;
mod read;
mod scripted;
mod streams;

use blackbox::{Service, refusal};
