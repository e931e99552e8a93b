//! A stream that answers as it is told, for what embedded streams do seldom or never.

use crate::{
    api::{
        BoxFuture, Cursor, PutOutcome, PutRecord, ReadBatch, Result, SequencedRecord, ShardDescription,
        StartingPosition, Stream, StreamDescription, StreamError,
    },
    sequence::SequenceNumber,
};
use std::sync::Arc;
use tokio::sync::{Notify, Semaphore};

/// A stream of any name whose first shard was split in two.
pub(super) struct ScriptedStream {
    /// What a put answers; without it the disk is full.
    pub(super) outcomes: Option<Vec<PutOutcome>>,
    /// A put takes one of these and waits for it.
    pub(super) puts: Semaphore,
    /// Told when a put has come.
    pub(super) arrived: Notify,
}

impl ScriptedStream {
    /// Puts wait until they are let through.
    pub(super) fn stalled() -> Arc<Self> {
        Arc::new(Self { puts: Semaphore::new(0), outcomes: Some(vec![]), ..Self::default() })
    }
}

impl Default for ScriptedStream {
    fn default() -> Self {
        Self { outcomes: None, puts: Semaphore::new(1000), arrived: Notify::new() }
    }
}

fn shard(number: usize, parents: Vec<Arc<str>>, ending_sequence: Option<SequenceNumber>) -> ShardDescription {
    ShardDescription {
        id: format!("shardId-{number:012}").into(),
        hash_range: (0, u128::MAX),
        starting_sequence: SequenceNumber([1; 24]),
        ending_sequence,
        parents,
    }
}

fn refused<T: Send + 'static>() -> BoxFuture<'static, Result<T>> {
    Box::pin(async { Err(StreamError::Internal("the disk is full".to_owned())) })
}

impl Stream for ScriptedStream {
    fn create_stream<'a>(&'a self, _: &'a str, _: u32) -> BoxFuture<'a, Result<()>> {
        refused()
    }

    fn delete_stream<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<()>> {
        refused()
    }

    fn list_streams(&self) -> BoxFuture<'_, Result<Vec<Arc<str>>>> {
        refused()
    }

    fn describe_stream<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<StreamDescription>> {
        let parent: Arc<str> = "shardId-000000000000".into();
        let shards = vec![
            shard(0, vec![], Some(SequenceNumber([2; 24]))),
            shard(1, vec![parent.clone()], None),
            shard(2, vec![parent], None),
        ];
        let description =
            StreamDescription { name: stream.into(), created_ms: 0, retention_hours: 24, shards };
        Box::pin(async { Ok(description) })
    }

    fn set_retention_hours<'a>(&'a self, _: &'a str, _: u32) -> BoxFuture<'a, Result<()>> {
        refused()
    }

    fn put_records<'a>(&'a self, _: &'a str, _: Vec<PutRecord>) -> BoxFuture<'a, Result<Vec<PutOutcome>>> {
        Box::pin(async {
            self.arrived.notify_one();
            self.puts.acquire().await.expect("the semaphore is never closed").forget();
            self.outcomes.clone().ok_or_else(|| StreamError::Internal("the disk is full".to_owned()))
        })
    }

    fn put_sequenced<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: &'a str,
        _: Vec<SequencedRecord>,
    ) -> BoxFuture<'a, Result<()>> {
        refused()
    }

    fn cursor<'a>(&'a self, _: &'a str, _: &'a str, _: StartingPosition) -> BoxFuture<'a, Result<Cursor>> {
        Box::pin(async { Ok(Cursor(SequenceNumber([2; 24]))) })
    }

    fn read<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: Cursor,
        _: usize,
        _: usize,
    ) -> BoxFuture<'a, Result<ReadBatch>> {
        Box::pin(async { Ok(ReadBatch::default()) })
    }

    fn readable<'a>(&'a self, _: &'a str, _: &'a str, _: Cursor) -> BoxFuture<'a, Result<()>> {
        refused()
    }

    fn hold<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: &'a str,
        _: Option<Cursor>,
    ) -> BoxFuture<'a, Result<()>> {
        refused()
    }
}
