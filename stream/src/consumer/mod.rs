//! Applications that read streams, as the Kinesis Client Library does.

pub mod lease;
