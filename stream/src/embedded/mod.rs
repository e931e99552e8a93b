//! Streams on this machine's disk: a log a shard, and a catalogue of what there is.
//!
//! A put is answered when its records are synced. Records of one shard are kept in the order of their
//! sequence numbers, for the time of the stream's retention or until the last application that holds them
//! is done with them, whichever is later.

mod catalogue;
mod checked_file;
mod data_directory;
mod hash_range;
mod limits;
mod name;
mod record;
mod retention;
mod sequencing;
mod shard;
mod sources;
mod stream;
mod streams;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use catalogue::{CATALOGUE, Catalogue, ShardEntry};
pub(crate) use checked_file::CheckedFile;
pub use checked_file::CheckedFileError;
pub use data_directory::{DataDirectory, DataDirectoryError, FORMAT_VERSION};
pub use hash_range::hash_key;
pub use limits::{
    PARTITION_KEY_LENGTH_MAX, PUT_RECORDS_MAX, PUT_SEQUENCED_BYTES_MAX, PUT_SEQUENCED_RECORDS_MAX,
    RETENTION_HOURS_DEFAULT, RETENTION_HOURS_MAX,
};
pub use name::{check_stream_name, is_internal};
pub use streams::{EmbeddedStreams, OpenError, Options};
