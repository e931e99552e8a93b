//! Streams: sharded, ordered, replayable sequences of records, in the words of Amazon Kinesis.

pub mod api;
pub mod kinesis;
pub mod sequence;
