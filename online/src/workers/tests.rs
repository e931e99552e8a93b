//! The workers on an embedded stream in a temporary directory.

use super::*;
use crate::{
    kept::KeepLimits,
    metrics::Registry,
    stores::{StoreLimits, Stores},
    work::Pace,
};
use kizashi_log::{FileSystem, StdFileSystem};
use kizashi_models::{
    alert::{AlertEvent, Change},
    decode::{Decoder, Mapping},
    detector::DefaultDetector,
};
use kizashi_storage::{commit::Commit, history::HistoryOptions};
use kizashi_stream::{
    api::PutRecord,
    clock::{Clock, SystemClock},
    embedded::{EmbeddedStreams, Options},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// A commit that was handed on: its index, what it says, and how many points it covers.
type Seen = (u64, Commit, usize);

/// Remembers what it is told.
#[derive(Default)]
struct Recorder {
    commits: Mutex<BTreeMap<ShardRef, Vec<Seen>>>,
    restored: Mutex<BTreeMap<ShardRef, Restored>>,
    changed: Notify,
}

impl CommitSink for Recorder {
    fn restored(&self, shard: &ShardRef, restored: Restored) {
        self.restored.lock().insert(shard.clone(), restored);
    }

    fn committed(&self, committed: Committed<'_>) {
        let entry = (committed.index, committed.commit.clone(), committed.output.points.len());
        self.commits.lock().entry(committed.shard.clone()).or_default().push(entry);
        self.changed.notify_one();
    }
}

impl Recorder {
    async fn until(&self, mut condition: impl FnMut(&Recorder) -> bool) {
        let wait = async {
            while !condition(self) {
                self.changed.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.expect("it comes to that in time");
    }

    fn scored(&self) -> u64 {
        self.sum(SCORE, |commit| commit.records)
    }

    fn sum(&self, application: &str, of: impl Fn(&Commit) -> u64) -> u64 {
        let commits = self.commits.lock();
        let of_application = commits.iter().filter(|(shard, _)| &*shard.application == application);
        of_application.flat_map(|(_, commits)| commits).map(|(_, commit, _)| of(commit)).sum()
    }

    fn events(&self) -> Vec<AlertEvent> {
        let commits = self.commits.lock();
        commits.values().flatten().flat_map(|(_, commit, _)| commit.events.clone()).collect()
    }
}

struct House {
    fs: Arc<dyn FileSystem>,
    dir: PathBuf,
    clock: Arc<dyn Clock>,
    rekey: bool,
    pace: Pace,
    segment_bytes: u64,
}

struct Running {
    streams: EmbeddedStreams,
    recorder: Arc<Recorder>,
    workers: Workers,
}

impl House {
    fn new(dir: &Path) -> Self {
        Self {
            fs: Arc::new(StdFileSystem),
            dir: dir.into(),
            clock: Arc::new(SystemClock::default()),
            rekey: true,
            pace: Pace { round_records: 200, round_ms: 200, route_commit_ms: 20, ..Pace::default() },
            segment_bytes: 32 << 10,
        }
    }

    async fn open(&self) -> Running {
        let options = Options {
            clock: self.clock.clone(),
            log: kizashi_log::LogOptions { segment_bytes: self.segment_bytes, ..Default::default() },
            ..Options::default()
        };
        let streams = EmbeddedStreams::open(self.fs.clone(), &self.dir, options).unwrap();
        if let Err(error) = streams.create_stream("events", 2).await {
            assert_eq!(error.code(), "ResourceInUseException", "{error}");
        }
        let limits = StoreLimits {
            history: HistoryOptions { bytes_max: 4 << 20, ..HistoryOptions::default() },
            segment_bytes: Some(self.segment_bytes),
        };
        let stores = Arc::new(Stores::new(self.fs.clone(), &self.dir, limits));
        let recorder = Arc::new(Recorder::default());
        let shared = Shared {
            streams: Arc::new(streams.clone()),
            stores,
            sink: recorder.clone(),
            clock: self.clock.clone(),
            registry: Arc::new(Registry::default()),
            keep: KeepLimits { alerts_max: 1000, dead_letters_max: 100 },
            pace: self.pace,
        };
        let watched = WatchedStream {
            name: "events".into(),
            rekey: self.rekey,
            decoder: Arc::new(Decoder::new(&Mapping::default()).unwrap()),
        };
        let detector = DefaultDetector::default();
        let config = EngineConfig { false_alerts_per_week: 100.0, ..EngineConfig::default() };
        let workers = Workers::start(shared, vec![watched], detector, config).await.unwrap();
        Running { streams, recorder, workers }
    }
}

impl Running {
    /// Puts texts under random-looking keys.
    async fn put(&self, texts: impl IntoIterator<Item = String>) {
        let records: Vec<PutRecord> = texts
            .into_iter()
            .enumerate()
            .map(|(number, text)| PutRecord {
                partition_key: format!("key {}", number * 7919 % 101).into(),
                explicit_hash_key: None,
                data: text.into(),
            })
            .collect();
        for part in records.chunks(500) {
            for outcome in self.streams.put_records("events", part.to_vec()).await.unwrap() {
                outcome.unwrap();
            }
        }
    }
}

/// Observations of a series with a value that wobbles a little, and a leap at the end.
fn wobble(series: &str, from: i64, count: i64) -> Vec<String> {
    let value = |i: i64| 50.0 + ((i * 7919) % 13) as f64 * 0.1;
    (from..from + count)
        .map(|i| format!(r#"{{"series":"{series}","time":{},"value":{}}}"#, 1_700_000_000 + i * 10, value(i)))
        .collect()
}

fn leap(series: &str, at: i64) -> String {
    format!(r#"{{"series":"{series}","time":{},"value":5000}}"#, 1_700_000_000 + at * 10)
}

#[tokio::test]
async fn a_leap_becomes_an_alert() {
    for rekey in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let house = House { rekey, ..House::new(dir.path()) };
        let running = house.open().await;
        let lines = wobble("cpu", 0, 500);
        for line in &lines {
            // One key, so that a stream that is not re-keyed keeps the order.
            running.put([line.clone()]).await;
        }
        running.put([leap("cpu", 500)]).await;
        running.recorder.until(|seen| seen.scored() == 501).await;
        let events = running.recorder.events();
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!((events[0].change, &*events[0].alert.series), (Change::Opened, "cpu"));
        running.workers.stop().await;
    }
}
