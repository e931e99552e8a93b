//! What the workers of a node share.

use crate::{
    committed::{CommitSink, ShardRef},
    kept::{Found, KeepLimits},
    metrics::{Registry, ShardMetrics},
    settlement::Settlements,
    stores::Stores,
};
use kizashi_models::{decode::Decoder, engine::ConfigError, position::Position};
use kizashi_storage::{
    commit::{Commit, Control, ControlEntry},
    commit_log::Durable,
    error::StoreError,
    pieces::Mark,
    shard::ShardStore,
};
use kizashi_stream::{
    api::{Cursor, StartingPosition, Stream, StreamError},
    clock::Clock,
    sequence::SequenceNumber,
};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};
use tokio::sync::watch;

/// Version of what a commit says of the engine: raised where the same records would give other scores.
pub const ENGINE_VERSION: u32 = 1;

/// Reads a stream into observations.
pub const ROUTE: &str = "route";

/// Scores observations.
pub const SCORE: &str = "score";

/// What the workers of a node share.
#[derive(Clone)]
pub struct Shared {
    /// Where the records are.
    pub streams: Arc<dyn Stream>,
    /// Where commits and state are.
    pub stores: Arc<Stores>,
    /// What follows the commits.
    pub sink: Arc<dyn CommitSink>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Counts.
    pub registry: Arc<Registry>,
    /// Bounds of what is kept of each shard.
    pub keep: KeepLimits,
    /// Bounds of batches and rounds.
    pub pace: Pace,
    /// Letters that operators have dealt with.
    pub settlements: Arc<Settlements>,
}

/// Bounds of batches, rounds and what is in memory.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Most records of a batch.
    pub batch_records_max: usize,
    /// Most bytes of a batch, about.
    pub batch_bytes_max: usize,
    /// A round of pieces is written over this many observations: a recovery replays at most about twice as
    /// many of a shard.
    pub round_records: u64,
    /// And over at most this long, where observations are few.
    pub round_ms: u64,
    /// How long the route worker may leave its position uncommitted where it has nothing else to say.
    pub route_commit_ms: u64,
    /// How long commits are kept.
    pub commits_kept_ms: i64,
    /// Most series of a shard in memory, and those besides whose newest state is not yet durable; the others
    /// are read back from their pieces when they are needed.
    pub series_live_max: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            batch_records_max: 2_048,
            batch_bytes_max: 2 << 20,
            round_records: 50_000,
            round_ms: 30_000,
            route_commit_ms: 1_000,
            commits_kept_ms: 7 * 24 * 3_600_000,
            series_live_max: 50_000,
        }
    }
}

/// A stream that is watched.
#[derive(Clone, Debug)]
pub struct WatchedStream {
    /// Its name.
    pub name: Arc<str>,
    /// Whether its records are re-keyed by series on an internal stream first.
    pub rekey: bool,
    /// From bytes to observations.
    pub decoder: Arc<Decoder>,
}

impl WatchedStream {
    /// Name of the internal stream.
    pub fn keyed_name(&self) -> Arc<str> {
        format!(".{}.keyed", self.name).into()
    }

    /// The stream that the score application reads.
    pub fn scored_name(&self) -> Arc<str> {
        if self.rekey { self.keyed_name() } else { self.name.clone() }
    }
}

/// Why a worker ended early.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The stream failed.
    #[error("{code}: {0}", code = .0.code())]
    Stream(#[from] StreamError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine's configuration can't be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A piece of state can't be read.
    #[error("a piece of state: {0}")]
    Piece(String),
}

/// Told once when the workers are to stop.
pub type Stop = watch::Receiver<bool>;

/// Up to when the records of each source shard have been routed: timers of the score workers may not run
/// ahead of it.
#[derive(Debug, Default)]
pub struct Routed {
    shards: HashMap<Arc<str>, AtomicI64>,
}

impl Routed {
    /// Nothing is known of these shards yet.
    pub fn new(shards: impl IntoIterator<Item = Arc<str>>) -> Self {
        Self { shards: shards.into_iter().map(|shard| (shard, AtomicI64::new(i64::MIN))).collect() }
    }

    /// All that arrived before this time has been routed; `i64::MAX` where all has been.
    pub fn set(&self, shard: &str, until_ms: i64) {
        if let Some(slot) = self.shards.get(shard) {
            slot.store(until_ms, Ordering::Release);
        }
    }

    /// The earliest of all shards.
    pub fn until_ms(&self) -> i64 {
        self.shards.values().map(|slot| slot.load(Ordering::Acquire)).min().unwrap_or(i64::MAX)
    }
}

/// A shard that has been taken over: what is known of it.
pub(crate) struct TakenOver {
    pub store: Arc<ShardStore>,
    pub metrics: ShardMetrics,
    /// The commit of the take-over.
    pub durable: Durable,
    pub commit: Commit,
    pub mark: Option<Mark>,
    pub found: Found,
    /// Commits behind the mark, the take-over included.
    pub tail: Vec<Commit>,
}

/// What a shard has kept, piece by piece.
pub(crate) enum Loaded<'a> {
    /// Comes first: where a replay begins, and how many pieces there are, those of all kinds together.
    Mark { mark: Option<&'a Mark>, pieces: usize },
    /// A piece of state, in the order they were written.
    Piece { key: &'a [u8], value: &'a [u8] },
}

impl Shared {
    /// Takes a shard over under the lease of a counter: commits that, loads what is kept, and gives `state` the
    /// mark and then all pieces of state.
    pub(crate) async fn take_over(
        &self,
        shard: &ShardRef,
        lease: u64,
        engine: Control,
        mut state: impl FnMut(Loaded<'_>) -> Result<(), WorkError>,
    ) -> Result<TakenOver, WorkError> {
        let store = self.stores.shard(shard)?;
        let control = ControlEntry { position: Position::default(), control: engine };
        let commit = Commit {
            stream_time_ms: i64::MIN,
            control: vec![control],
            engine_version: ENGINE_VERSION,
            ..Commit::default()
        };
        let (durable, commit) = store.commits.take_over(lease, self.clock.now_ms(), commit).await?;
        let mut found = Found::default();
        let mark = store.pieces.look().await?;
        state(Loaded::Mark { mark: mark.as_ref(), pieces: store.pieces.live() })?;
        store.pieces.read_all(|key, value| match found.load(key, value)? {
            true => Ok(()),
            false => state(Loaded::Piece { key, value }),
        })?;
        let mut next = mark.map_or(store.commits.first_index(), |mark| mark.commits_from);
        let mut tail = Vec::new();
        loop {
            let commits = store.commits.read(next, 1024)?;
            let Some((last, _)) = commits.last() else { break };
            next = last + 1;
            for (_, commit) in commits {
                found.follow(&commit);
                tail.push(commit);
            }
        }
        let metrics = ShardMetrics::new(&self.registry, &shard.application, &shard.stream, &shard.shard);
        Ok(TakenOver { store, metrics, durable, commit, mark, found, tail })
    }

    /// Where reading goes on behind a position.
    pub(crate) async fn cursor_behind(
        &self,
        stream: &str,
        shard: &str,
        position: &Position,
    ) -> Result<Cursor, WorkError> {
        if *position == Position::default() {
            return Ok(self.streams.cursor(stream, shard, StartingPosition::TrimHorizon).await?);
        }
        let behind = StartingPosition::AfterSequenceNumber(SequenceNumber(position.sequence));
        match self.streams.cursor(stream, shard, behind).await {
            // The stream was deleted and created again: its numbers go on above the old ones.
            Err(StreamError::InvalidArgument(reason)) => {
                tracing::warn!(stream, shard, reason, "reading from the start: the stream is another");
                Ok(self.streams.cursor(stream, shard, StartingPosition::TrimHorizon).await?)
            }
            cursor => Ok(cursor?),
        }
    }
}

/// The first 200 bytes of a line, with what is not UTF-8 replaced.
pub(crate) fn excerpt(line: &[u8]) -> Box<str> {
    String::from_utf8_lossy(&line[..line.len().min(200)]).into()
}
