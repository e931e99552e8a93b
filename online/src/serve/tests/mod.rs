//! The services from outside: a real port, real clients, and what they stand on replaced at its traits.

mod alerts;
mod dead_letters;
mod http;
mod incidents;
mod records;
mod series;

use super::{
    BindError, Bound, DeadLetterReplay, Parts, PortLimits, ReplayOutcome, SeriesHistory, WorkerStatus, server,
};
use crate::{committed::ShardRef, views::watch::tests::Node};
use ::http::Response;
use bytes::Bytes;
use kizashi_models::position::Source;
use kizashi_storage::{
    error::StoreError,
    history::{History, SeriesPoints},
};
use kizashi_stream::{
    api::{
        BoxFuture, Cursor, Placed, PutOutcome, PutRecord, ReadBatch, Result, SequencedRecord,
        StartingPosition, Stream, StreamDescription, StreamError,
    },
    sequence::SequenceNumber,
};
use parking_lot::Mutex;
use std::{collections::HashMap, net::SocketAddr, sync::Arc};
use tokio::{sync::oneshot, task::JoinHandle};
use tonic::transport::Channel;

/// A service on a free port, until it is stopped.
struct Service {
    node: Node,
    stream: Arc<MemoryStream>,
    history: Arc<Histories>,
    replay: Arc<CountingReplay>,
    address: SocketAddr,
    shutdown: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Service {
    async fn start(node: Node) -> Self {
        let stream = Arc::new(MemoryStream::default());
        let replay = Arc::new(CountingReplay::default());
        let history = Arc::new(Histories::default());
        let parts = Parts {
            stream: stream.clone(),
            views: node.views.clone(),
            history: history.clone(),
            dead_letters: replay.clone(),
            workers: Arc::new(|| WorkerStatus { records_per_second: 12.5, ..WorkerStatus::default() }),
            metrics: Arc::new(|| "kizashi_up 1\n".to_owned()),
            assets: Arc::new(|path, encoding| {
                let body = Bytes::from(format!("page, encoding {encoding:?}"));
                (path == "/").then(|| Response::new(body))
            }),
            started_ms: 1_700_000_000_000,
            limits: PortLimits::default(),
        };
        let listener = Bound::bind("127.0.0.1:0".parse().unwrap()).and_then(Bound::listen);
        let listener = listener.unwrap_or_else(|error: BindError| panic!("{error}"));
        let address = listener.local_addr().unwrap();
        let (shutdown, stopped) = oneshot::channel();
        let served = tokio::spawn(server(parts).serve(listener, async {
            let _ = stopped.await;
        }));
        Self { node, stream, history, replay, address, shutdown, served }
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    async fn stop(self) {
        self.shutdown.send(()).unwrap();
        self.served.await.unwrap();
    }
}

/// Streams `events` and `other` in memory, which take what they are told to.
#[derive(Default)]
struct MemoryStream {
    state: Mutex<MemoryState>,
}

#[derive(Default)]
struct MemoryState {
    records: Vec<(String, PutRecord)>,
    /// Number of records of each put.
    puts: Vec<usize>,
    /// So many puts are refused as a whole first.
    busy: usize,
}

impl Stream for MemoryStream {
    fn put_records<'a>(
        &'a self,
        stream: &'a str,
        records: Vec<PutRecord>,
    ) -> BoxFuture<'a, Result<Vec<PutOutcome>>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let mut state = self.state.lock();
            if stream != "events" && stream != "other" {
                return Err(StreamError::ResourceNotFound(format!("Stream {stream} not found.")));
            }
            if state.busy > 0 {
                state.busy -= 1;
                return Err(StreamError::ThroughputExceeded("too many bytes are pending".to_owned()));
            }
            state.puts.push(records.len());
            let outcomes = records.into_iter().map(|record| {
                if *record.data == *b"refused" {
                    return Err(StreamError::ThroughputExceeded("the shard is full".to_owned()));
                }
                state.records.push((stream.to_owned(), record));
                let mut sequence = [0; 24];
                sequence[16..].copy_from_slice(&(state.records.len() as u64).to_be_bytes());
                Ok(Placed { shard: "shardId-000000000000".into(), sequence: SequenceNumber(sequence) })
            });
            Ok(outcomes.collect())
        })
    }

    fn create_stream<'a>(&'a self, _: &'a str, _: u32) -> BoxFuture<'a, Result<()>> {
        unreachable!("the services only put")
    }
    fn delete_stream<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<()>> {
        unreachable!("the services only put")
    }
    fn list_streams(&self) -> BoxFuture<'_, Result<Vec<Arc<str>>>> {
        unreachable!("the services only put")
    }
    fn describe_stream<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<StreamDescription>> {
        unreachable!("the services only put")
    }
    fn set_retention_hours<'a>(&'a self, _: &'a str, _: u32) -> BoxFuture<'a, Result<()>> {
        unreachable!("the services only put")
    }
    fn put_sequenced<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: &'a str,
        _: Vec<SequencedRecord>,
    ) -> BoxFuture<'a, Result<()>> {
        unreachable!("the services only put")
    }
    fn cursor<'a>(&'a self, _: &'a str, _: &'a str, _: StartingPosition) -> BoxFuture<'a, Result<Cursor>> {
        unreachable!("the services only put")
    }
    fn read<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: Cursor,
        _: usize,
        _: usize,
    ) -> BoxFuture<'a, Result<ReadBatch>> {
        unreachable!("the services only put")
    }
    fn readable<'a>(&'a self, _: &'a str, _: &'a str, _: Cursor) -> BoxFuture<'a, Result<()>> {
        unreachable!("the services only put")
    }
    fn hold<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: &'a str,
        _: Option<Cursor>,
    ) -> BoxFuture<'a, Result<()>> {
        unreachable!("the services only put")
    }
}

/// Histories by shard.
#[derive(Default)]
struct Histories(Mutex<HashMap<ShardRef, History>>);

impl SeriesHistory for Histories {
    fn points(
        &self,
        shard: &ShardRef,
        series: &str,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Option<SeriesPoints>, StoreError> {
        self.0.lock().get(shard).map_or(Ok(None), |history| history.query(series, start_ms, end_ms))
    }
}

/// Says that all letters were replayed, and keeps which.
#[derive(Default)]
struct CountingReplay {
    letters: Mutex<Vec<(ShardRef, Vec<Source>)>>,
}

impl DeadLetterReplay for CountingReplay {
    fn replay<'a>(
        &'a self,
        shard: &'a ShardRef,
        letters: Vec<Source>,
    ) -> BoxFuture<'a, Result<ReplayOutcome, String>> {
        let replayed = letters.len() as u64;
        self.letters.lock().push((shard.clone(), letters));
        Box::pin(async move { Ok(ReplayOutcome { replayed, ..ReplayOutcome::default() }) })
    }
}
