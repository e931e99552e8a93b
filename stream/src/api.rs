//! The trait that the embedded stream and Amazon Kinesis both are.

use crate::sequence::SequenceNumber;
use bytes::Bytes;
use std::{future::Future, pin::Pin, sync::Arc};

/// A future of a stream.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Result of a stream's operation.
pub type Result<T, E = StreamError> = std::result::Result<T, E>;

/// Why a stream refused, in the API's own terms; [`StreamError::code`] is the name that Kinesis gives it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// No such stream or shard.
    #[error("{0}")]
    ResourceNotFound(String),
    /// The stream exists already, or is not ready for this.
    #[error("{0}")]
    ResourceInUse(String),
    /// An argument is out of its range.
    #[error("{0}")]
    InvalidArgument(String),
    /// The iterator is older than five minutes.
    #[error("{0}")]
    ExpiredIterator(String),
    /// Too many records or bytes at once, or the service can't take more now. Try again.
    #[error("{0}")]
    ThroughputExceeded(String),
    /// A bound on streams or shards is reached.
    #[error("{0}")]
    LimitExceeded(String),
    /// The disk is full, or could not be read or written.
    #[error("{0}")]
    Internal(String),
}

/// One record to put.
#[derive(Clone, Debug)]
pub struct PutRecord {
    /// 1 to 256 characters; its MD5 picks the shard.
    pub partition_key: Arc<str>,
    /// Picks the shard in place of the partition key's MD5.
    pub explicit_hash_key: Option<u128>,
    /// The bytes.
    pub data: Bytes,
}

/// What became of one record of a put.
pub type PutOutcome = Result<Placed>;

/// Where a record was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Id of the shard.
    pub shard: Arc<str>,
    /// The record's sequence number.
    pub sequence: SequenceNumber,
}

/// The place of a re-keyed record on the stream that it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourcePosition {
    /// Sequence number of the record on its shard.
    pub sequence: SequenceNumber,
    /// Which observation of the record, from 0.
    pub index: u32,
}

/// One record of a re-keyed put.
#[derive(Clone, Debug)]
pub struct SequencedRecord {
    /// The record.
    pub record: PutRecord,
    /// Where it comes from. Ascending within a put.
    pub source: SourcePosition,
}

/// A record as read.
#[derive(Clone, Debug)]
pub struct Record {
    /// The record's sequence number.
    pub sequence: SequenceNumber,
    /// When the stream took it, Unix milliseconds; never falls within a shard.
    pub arrival_ms: i64,
    /// As put.
    pub partition_key: Arc<str>,
    /// The bytes.
    pub data: Bytes,
}

/// Where to begin reading a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartingPosition {
    /// With the record of this number.
    AtSequenceNumber(SequenceNumber),
    /// Behind the record of this number.
    AfterSequenceNumber(SequenceNumber),
    /// With the oldest that is kept.
    TrimHorizon,
    /// With the next that is put.
    Latest,
    /// With the first that arrived at or after this time, Unix milliseconds.
    AtTimestamp(i64),
}

/// What a read gave.
#[derive(Clone, Debug, Default)]
pub struct ReadBatch {
    /// In order; empty where nothing has come yet.
    pub records: Vec<Record>,
    /// Where the next read begins; `None` at the end of a closed shard.
    pub next: Option<Cursor>,
    /// How far the newest record is ahead of the batch, milliseconds of arrival.
    pub behind_latest_ms: i64,
}

/// A resolved place in a shard from which to read on: the number of the next record, or a number above
/// the newest and not above the next to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(pub SequenceNumber);

/// A shard of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardDescription {
    /// Such as `shardId-000000000000`.
    pub id: Arc<str>,
    /// First and last hash key of its range.
    pub hash_range: (u128, u128),
    /// First sequence number it may give.
    pub starting_sequence: SequenceNumber,
    /// Last sequence number, where the shard is closed.
    pub ending_sequence: Option<SequenceNumber>,
    /// The shards it was split or merged from.
    pub parents: Vec<Arc<str>>,
}

/// What is known of a stream.
#[derive(Clone, Debug)]
pub struct StreamDescription {
    /// Its name.
    pub name: Arc<str>,
    /// When it was created, Unix milliseconds.
    pub created_ms: i64,
    /// Hours that records are kept.
    pub retention_hours: u32,
    /// Its shards, in the order of their ids.
    pub shards: Vec<ShardDescription>,
}

/// A set of streams: the embedded one, or Amazon Kinesis.
pub trait Stream: Send + Sync + 'static {
    /// Creates a stream of `shards` equal ranges. `ResourceInUse` where it exists.
    fn create_stream<'a>(&'a self, stream: &'a str, shards: u32) -> BoxFuture<'a, Result<()>>;

    /// Deletes a stream and all it holds.
    fn delete_stream<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Names of the streams, sorted. Internal streams (names that begin with `.`) are left out.
    fn list_streams(&self) -> BoxFuture<'_, Result<Vec<Arc<str>>>>;

    /// Describes a stream.
    fn describe_stream<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<StreamDescription>>;

    /// Sets how many hours records are kept, 24 to 8,760.
    fn set_retention_hours<'a>(&'a self, stream: &'a str, hours: u32) -> BoxFuture<'a, Result<()>>;

    /// Puts records; answers when all that were taken are durable. One outcome a record, in order; the
    /// outer error is for the request as a whole.
    fn put_records<'a>(
        &'a self,
        stream: &'a str,
        records: Vec<PutRecord>,
    ) -> BoxFuture<'a, Result<Vec<PutOutcome>>>;

    /// Puts re-keyed records that come from shard `source_shard` of stream `source_stream`, in ascending
    /// order of their source positions. A target shard drops each that is not above the highest source
    /// position it has seen of that source shard, so that a repeated put adds nothing; answers when all
    /// are durable. Fails as a whole; what was put before a failure is dropped when it is put again.
    ///
    /// Whoever puts the records of a source shard begins the next put when the one before was answered, and
    /// repeats one that failed: two in flight, of which the first fails, would leave a hole that the second
    /// closes for good.
    fn put_sequenced<'a>(
        &'a self,
        stream: &'a str,
        source_stream: &'a str,
        source_shard: &'a str,
        records: Vec<SequencedRecord>,
    ) -> BoxFuture<'a, Result<()>>;

    /// Resolves a starting position. `InvalidArgument` for a sequence number of another shard or one
    /// never given. A position before the trim horizon is moved to it.
    fn cursor<'a>(
        &'a self,
        stream: &'a str,
        shard: &'a str,
        from: StartingPosition,
    ) -> BoxFuture<'a, Result<Cursor>>;

    /// Reads up to `records_max` records and about `bytes_max` bytes (at least one record), only what is
    /// durable, without waiting.
    fn read<'a>(
        &'a self,
        stream: &'a str,
        shard: &'a str,
        cursor: Cursor,
        records_max: usize,
        bytes_max: usize,
    ) -> BoxFuture<'a, Result<ReadBatch>>;

    /// Waits until a read at `cursor` gives something, or the shard or stream is closed.
    fn readable<'a>(&'a self, stream: &'a str, shard: &'a str, cursor: Cursor) -> BoxFuture<'a, Result<()>>;

    /// Keeps all records of a shard from `from` on, whatever their age, on behalf of `application`:
    /// trimming waits for the slowest application. `None` takes the hold away.
    fn hold<'a>(
        &'a self,
        stream: &'a str,
        shard: &'a str,
        application: &'a str,
        from: Option<Cursor>,
    ) -> BoxFuture<'a, Result<()>>;
}

impl StreamError {
    /// The error's name in the Kinesis API.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ResourceNotFound(_) => "ResourceNotFoundException",
            Self::ResourceInUse(_) => "ResourceInUseException",
            Self::InvalidArgument(_) => "InvalidArgumentException",
            Self::ExpiredIterator(_) => "ExpiredIteratorException",
            Self::ThroughputExceeded(_) => "ProvisionedThroughputExceededException",
            Self::LimitExceeded(_) => "LimitExceededException",
            Self::Internal(_) => "InternalFailure",
        }
    }
}
