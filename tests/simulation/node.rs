//! One life of the service: streams, stores and workers on a disk.

use crate::{follower::Follower, quick_clock::QuickClock};
use kizashi_log::{FileSystem, LogOptions};
use kizashi_models::{
    alert::Alert,
    decode::{Decoder, Mapping},
    detector::DefaultDetector,
    engine::EngineConfig,
    position::Position,
};
use kizashi_online::{
    committed::{CommitSink, Committed, Restored, ShardRef},
    kept::KeepLimits,
    metrics::Registry,
    stores::{StoreLimits, Stores},
    views::{ViewLimits, Views, alert_book::AlertOrder, filter::Filter},
    work::{Pace, ROUTE, SCORE, Shared, WatchedStream},
    workers::Workers,
};
use kizashi_storage::history::HistoryOptions;
use kizashi_stream::{
    api::{StartingPosition, Stream, StreamError},
    embedded::{DataDirectory, EmbeddedStreams, Options},
    sequence::SequenceNumber,
};
use std::{error::Error, path::Path, sync::Arc, time::Duration};

/// Name of the stream that is put to.
pub const STREAM: &str = "events";

/// Small, so that segments begin, are scanned and are trimmed all the time.
const SEGMENT_BYTES: u64 = 8 << 10;

/// Where the data is on the simulated disk.
const DATA: &str = "/data";

/// What stands on the disk, opened.
pub struct Opened {
    pub streams: EmbeddedStreams,
    pub stores: Arc<Stores>,
    _directory: DataDirectory,
}

/// A running service.
pub struct Node {
    pub opened: Opened,
    pub registry: Arc<Registry>,
    views: Arc<Views>,
    workers: Workers,
}

/// What users see.
pub struct Shown {
    pub alerts: Vec<Arc<Alert>>,
    pub dead_letters: usize,
    pub series: usize,
}

/// Takes the commits of one life.
struct Sink {
    follower: Arc<Follower>,
    views: Arc<Views>,
}

impl CommitSink for Sink {
    fn restored(&self, shard: &ShardRef, restored: Restored) {
        self.follower.restored(shard, &restored);
        self.views.restored(shard, restored);
    }

    fn committed(&self, committed: Committed<'_>) {
        self.follower.committed(&committed);
        self.views.committed(committed);
    }

    fn forgotten(&self, shard: &ShardRef, series: &[Box<str>]) {
        self.views.forgotten(shard, series);
    }
}

/// What every life of a history has in common.
pub struct Setting {
    pub clock: Arc<QuickClock>,
    pub follower: Arc<Follower>,
    pub shards: u32,
}

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The stream as the workers see it.
pub fn watched() -> WatchedStream {
    let decoder = Decoder::new(&Mapping::default()).expect("the default can be");
    WatchedStream { name: STREAM.into(), rekey: true, decoder: Arc::new(decoder) }
}

/// What scores.
pub fn detector() -> DefaultDetector {
    DefaultDetector::default()
}

/// A low patience with silence, so that ticks and the alerts of silent series are many.
pub fn config() -> EngineConfig {
    EngineConfig { silence_factor: 2.0, ..EngineConfig::default() }
}

impl Setting {
    /// Opens the data directory.
    pub fn open(&self, files: Arc<dyn FileSystem>) -> Result<Opened> {
        let directory = DataDirectory::open(&files, Path::new(DATA))?;
        let log = LogOptions { segment_bytes: SEGMENT_BYTES, ..LogOptions::default() };
        let options = Options { clock: self.clock.clone(), log, ..Options::default() };
        let streams = EmbeddedStreams::open(files.clone(), Path::new(DATA), options)?;
        let limits = StoreLimits {
            history: HistoryOptions { bytes_max: 1 << 20, ..HistoryOptions::default() },
            segment_bytes: Some(SEGMENT_BYTES),
        };
        let stores = Arc::new(Stores::new(files, Path::new(DATA), limits));
        Ok(Opened { streams, stores, _directory: directory })
    }

    /// Starts the service. A worker that can't recover is no error here, as on a machine that has just gone
    /// down.
    pub async fn start(&self, files: Arc<dyn FileSystem>) -> Result<Node> {
        let opened = self.open(files)?;
        match opened.streams.create_stream(STREAM, self.shards).await {
            Ok(()) | Err(StreamError::ResourceInUse(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let registry = Arc::new(Registry::default());
        let views = Arc::new(Views::new(ViewLimits::default(), opened.stores.clone()));
        let shared = Shared {
            streams: Arc::new(opened.streams.clone()),
            stores: opened.stores.clone(),
            sink: Arc::new(Sink { follower: self.follower.clone(), views: views.clone() }),
            clock: self.clock.clone(),
            registry: registry.clone(),
            keep: KeepLimits { alerts_max: 1_000, dead_letters_max: 100 },
            settlements: Default::default(),
            pace: Pace {
                batch_records_max: 64,
                round_records: 100,
                round_ms: 20_000,
                route_commit_ms: 5_000,
                // So that series leave memory and come back all the time.
                series_live_max: 2,
                ..Pace::default()
            },
        };
        let workers = Workers::start(shared, vec![watched()], detector(), config()).await?;
        Ok(Node { opened, registry, views, workers })
    }
}

impl Opened {
    /// The ids of a stream's shards.
    pub async fn shards(&self, stream: &str) -> Result<Vec<Arc<str>>> {
        let description = self.streams.describe_stream(stream).await?;
        Ok(description.shards.into_iter().map(|shard| shard.id).collect())
    }

    /// The shards of the two applications, each with the stream that it reads.
    pub async fn applications(&self) -> Result<Vec<(ShardRef, Arc<str>)>> {
        let mut found = Vec::new();
        for (application, read) in [(ROUTE, STREAM.into()), (SCORE, watched().keyed_name())] {
            for shard in self.shards(&read).await? {
                let stream = STREAM.into();
                found.push((ShardRef { application: application.into(), stream, shard }, read.clone()));
            }
        }
        Ok(found)
    }

    /// Whether all that is on the streams is committed.
    async fn is_at_rest(&self) -> Result<bool> {
        for (shard, read) in self.applications().await? {
            let last = self.stores.shard(&shard)?.commits.last()?;
            let position = last.map_or(Position::default(), |(_, commit)| commit.position);
            let from = match position == Position::default() {
                true => StartingPosition::TrimHorizon,
                false => StartingPosition::AfterSequenceNumber(SequenceNumber(position.sequence)),
            };
            let cursor = self.streams.cursor(&read, &shard.shard, from).await?;
            let ahead = self.streams.read(&read, &shard.shard, cursor, 1, 1).await?;
            if !ahead.records.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Node {
    /// Waits until all that was put is scored and committed.
    pub async fn come_to_rest(&self) -> Result<()> {
        // Route before score: where both are at rest in this order, nothing is under way between them.
        while !self.opened.is_at_rest().await? {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Stops cleanly; gives what users saw last.
    pub async fn stop(self) -> Shown {
        self.workers.stop().await;
        let page = self.views.alerts(&Filter::default(), AlertOrder::OpenedAsc, None, usize::MAX - 1);
        Shown {
            alerts: page.alerts,
            dead_letters: self.views.dead_letters().lock().count(STREAM),
            series: self.views.series_count(),
        }
    }
}
