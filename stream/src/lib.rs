//! Streams: sharded, ordered, replayable sequences of records, in the words of Amazon Kinesis.
//!
//! [`api::Stream`] is what a set of streams can do; [`embedded::EmbeddedStreams`] keeps them on this
//! machine's disk, and [`kinesis`] serves them over HTTP. [`consumer`] reads them as the Kinesis Client Library
//! does.

pub mod api;
pub mod clock;
pub mod consumer;
pub mod embedded;
pub mod kinesis;
pub mod sequence;
