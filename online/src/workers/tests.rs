//! The workers on an embedded stream in a temporary directory.

use super::*;
use crate::{
    audit::{Audit, Report},
    kept::KeepLimits,
    metrics::Registry,
    stores::{StoreLimits, Stores},
    work::Pace,
};
use kizashi_log::{FileSystem, StdFileSystem};
use kizashi_models::{
    alert::{AlertEvent, AlertKind, Change},
    decode::{Decoder, Mapping},
    detector::DefaultDetector,
};
use kizashi_storage::{
    commit::{Commit, Control},
    history::HistoryOptions,
};
use kizashi_stream::{
    api::{Placed, PutRecord, StartingPosition},
    clock::{Clock, ManualClock, SystemClock},
    embedded::{EmbeddedStreams, Options},
    sequence::SequenceNumber,
};
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

/// A commit that was handed on: its index, what it says, and how many points it covers.
pub(super) type Seen = (u64, Commit, usize);

/// Remembers what it is told.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) commits: Mutex<BTreeMap<ShardRef, Vec<Seen>>>,
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

pub(super) struct House {
    pub(super) fs: Arc<dyn FileSystem>,
    pub(super) dir: PathBuf,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rekey: bool,
    pub(super) pace: Pace,
    pub(super) segment_bytes: u64,
}

pub(super) struct Running {
    streams: EmbeddedStreams,
    stores: Arc<Stores>,
    pub(super) recorder: Arc<Recorder>,
    registry: Arc<Registry>,
    workers: Workers,
}

impl House {
    pub(super) fn new(dir: &Path) -> Self {
        Self {
            fs: Arc::new(StdFileSystem),
            dir: dir.into(),
            clock: Arc::new(SystemClock::default()),
            rekey: true,
            pace: Pace {
                round_records: 200,
                round_ms: 200,
                route_commit_ms: 20,
                series_live_max: 1,
                ..Pace::default()
            },
            segment_bytes: 32 << 10,
        }
    }

    pub(super) async fn open(&self) -> Result<Running, String> {
        let options = Options {
            clock: self.clock.clone(),
            log: kizashi_log::LogOptions { segment_bytes: self.segment_bytes, ..Default::default() },
            ..Options::default()
        };
        let opened = EmbeddedStreams::open(self.fs.clone(), &self.dir, options);
        let streams = opened.map_err(|error| error.to_string())?;
        match streams.create_stream("events", 2).await {
            Ok(()) | Err(StreamError::ResourceInUse(_)) => {}
            Err(error) => return Err(error.to_string()),
        }
        let limits = StoreLimits {
            history: HistoryOptions { bytes_max: 4 << 20, ..HistoryOptions::default() },
            segment_bytes: Some(self.segment_bytes),
        };
        let stores = Arc::new(Stores::new(self.fs.clone(), &self.dir, limits));
        let recorder = Arc::new(Recorder::default());
        let registry = Arc::new(Registry::default());
        let shared = Shared {
            streams: Arc::new(streams.clone()),
            stores: stores.clone(),
            sink: recorder.clone(),
            clock: self.clock.clone(),
            registry: registry.clone(),
            keep: KeepLimits { alerts_max: 1000, dead_letters_max: 100 },
            settlements: Default::default(),
            pace: self.pace,
        };
        let started = Workers::start(shared, vec![self.watched()], detector(), config()).await;
        let workers = started.map_err(|error| error.to_string())?;
        Ok(Running { streams, stores, recorder, registry, workers })
    }

    fn watched(&self) -> WatchedStream {
        WatchedStream {
            name: "events".into(),
            rekey: self.rekey,
            decoder: Arc::new(Decoder::new(&Mapping::default()).unwrap()),
        }
    }
}

fn detector() -> DefaultDetector {
    DefaultDetector::default()
}

fn config() -> EngineConfig {
    EngineConfig { false_alerts_per_week: 1.0, ..EngineConfig::default() }
}

impl Running {
    /// Puts texts under random-looking keys; gives those that were taken.
    pub(super) async fn put(&self, texts: impl IntoIterator<Item = String>) -> Vec<(Placed, String)> {
        let records: Vec<PutRecord> = texts
            .into_iter()
            .enumerate()
            .map(|(number, text)| PutRecord {
                partition_key: format!("key {}", number * 7919 % 101).into(),
                explicit_hash_key: None,
                data: text.into(),
            })
            .collect();
        let mut taken = Vec::new();
        for part in records.chunks(500) {
            let outcomes = self.streams.put_records("events", part.to_vec()).await.unwrap_or_default();
            let texts = part.iter().map(|record| String::from_utf8(record.data.to_vec()).unwrap());
            taken.extend(
                outcomes.into_iter().zip(texts).filter_map(|(placed, text)| Some((placed.ok()?, text))),
            );
        }
        taken
    }

    /// Waits until everything that is on the stream is committed.
    pub(super) async fn settle(&self, acknowledged: u64) {
        let settled = async {
            let mut scored = 0;
            loop {
                tokio::time::sleep(Duration::from_millis(50)).await;
                let mut now = 0;
                for shard in self.recorder.restored.lock().keys().filter(|s| &*s.application == SCORE) {
                    let commits = &self.stores.shard(shard).unwrap().commits;
                    let all = commits.read(0, usize::MAX).unwrap();
                    now += all.iter().map(|(_, commit)| commit.records).sum::<u64>();
                }
                if now >= acknowledged && now == scored {
                    return;
                }
                scored = now;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), settled).await.expect("it comes to rest in time");
    }

    /// The events of a durable commit of a shard, named as its debug form.
    pub(super) fn commit_of(&self, shard: &str, index: u64) -> Option<Vec<AlertEvent>> {
        let restored = self.recorder.restored.lock();
        let shard = restored.keys().find(|known| format!("{known:?}") == shard)?;
        let (_, commit) = self.stores.shard(shard).unwrap().commits.read(index, 1).unwrap().pop()?;
        Some(commit.events)
    }

    /// Every acknowledged record is on the stream as it was put.
    pub(super) async fn assert_stored(&self, acknowledged: &HashMap<(Arc<str>, SequenceNumber), String>) {
        for ((shard, sequence), text) in acknowledged {
            let at = StartingPosition::AtSequenceNumber(*sequence);
            let cursor = self.streams.cursor("events", shard, at).await.unwrap();
            let read = self.streams.read("events", shard, cursor, 1, 1 << 20).await.unwrap();
            assert_eq!((read.records[0].sequence, &read.records[0].data[..]), (*sequence, text.as_bytes()));
        }
    }

    /// Stops cleanly and audits what is left.
    pub(super) async fn stop_and_audit(self, house: &House) -> Report {
        self.workers.stop().await;
        let audit =
            Audit { streams: &self.streams, stores: &self.stores, detector: detector(), config: config() };
        audit.run(&[house.watched()]).await.unwrap()
    }
}

/// Observations of a series with a value that wobbles a little, to no beat: shards may change their order.
pub(super) fn wobble(series: &str, from: i64, count: i64) -> Vec<String> {
    let value = |i: i64| {
        let bits = i.wrapping_mul(i).wrapping_mul(0x5851_f42d_4c95_7f2d) >> 33;
        50.0 + bits.rem_euclid(13) as f64 * 0.1
    };
    (from..from + count)
        .map(|i| format!(r#"{{"series":"{series}","time":{},"value":{}}}"#, 1_700_000_000 + i * 10, value(i)))
        .collect()
}

pub(super) fn leap(series: &str, at: i64) -> String {
    format!(r#"{{"series":"{series}","time":{},"value":5000}}"#, 1_700_000_000 + at * 10)
}

#[tokio::test]
async fn a_leap_becomes_an_alert() {
    for rekey in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let house = House { rekey, ..House::new(dir.path()) };
        let running = house.open().await.unwrap();
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
        let report = running.stop_and_audit(&house).await;
        assert!(report.is_clean(), "{report}");
        assert_eq!((report.records, report.events, report.unchecked.len()), (501, 1, 0), "{report}");
    }
}

#[tokio::test]
async fn a_clean_stop_leaves_nothing_to_replay_and_a_start_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::new(dir.path());
    let series: Vec<String> = (0..20).map(|number| format!("series {number}")).collect();
    let mut commits_before = 0;
    for life in 0..4 {
        let running = house.open().await.unwrap();
        let restored = std::mem::take(&mut *running.recorder.restored.lock());
        let known: usize = restored.values().map(|restored| restored.series.len()).sum();
        assert_eq!(known, if life == 0 { 0 } else { 20 });
        let alerts: usize = restored.values().map(|restored| restored.alerts.len()).sum();
        assert_eq!(alerts, if life == 0 { 0 } else { 20 });
        for step in 0..5 {
            let from = life * 500 + step * 100;
            running.put(series.iter().flat_map(|series| wobble(series, from, 100))).await;
        }
        running.recorder.until(|seen| seen.scored() == 10_000).await;
        if life == 0 {
            running.put(series.iter().map(|series| leap(series, 500))).await;
        }
        let expected = if life == 0 { 10_020 } else { 10_000 };
        running.recorder.until(|seen| seen.scored() == expected).await;
        let opened = running.recorder.events().iter().filter(|e| e.change == Change::Opened).count();
        assert_eq!(opened, if life == 0 { 20 } else { 0 });
        let report = running.stop_and_audit(&house).await;
        assert!(report.is_clean() && report.unchecked.is_empty(), "{report}");
        assert!(report.commits > commits_before && report.events >= 20, "{report}");
        commits_before = report.commits;
    }
}

/// The sum of a metric over all shards.
fn total(registry: &Registry, metric: &str) -> usize {
    let text = registry.render();
    let values = text.lines().filter_map(|line| line.strip_prefix(metric)?.rsplit_once(' '));
    values.map(|(_, value)| value.parse::<usize>().unwrap()).sum()
}

#[tokio::test]
async fn series_that_left_memory_come_back_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::new(dir.path());
    let (mut put, series) = (0, 50);
    for life in 0..2 {
        let running = house.open().await.unwrap();
        if life > 0 {
            let restored = running.recorder.restored.lock();
            let summaries: Vec<_> = restored.values().flat_map(|restored| &restored.series).collect();
            let observations: u64 = summaries.iter().map(|summary| summary.observations).sum();
            assert_eq!((summaries.len(), observations), (series, put as u64), "cold ones are listed");
        }
        for visit in life * 3..life * 3 + 3 {
            let texts = (0..series).flat_map(|own| wobble(&format!("s{own}"), visit * 5, 5));
            put += running.put(texts).await.len();
            running.settle(put as u64).await;
            let left = async {
                while total(&running.registry, "kizashi_series_live{") > 2 {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(30), left).await.expect("they leave memory in time");
            assert_eq!(total(&running.registry, "kizashi_series_cold{"), series - 2);
        }
        assert!(total(&running.registry, "kizashi_series_read_total{") >= 2 * (series - 2));
        // The audit replays everything with all series in memory.
        let report = running.stop_and_audit(&house).await;
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.observations, put as u64);
    }
}

#[tokio::test]
async fn bad_lines_are_dead_letters_and_the_others_count() {
    for rekey in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let house = House { rekey, ..House::new(dir.path()) };
        let running = house.open().await.unwrap();
        let lines = [
            "{\"series\":\"a\",\"value\":1}\nnot JSON\n{\"series\":\"b\",\"value\":2}",
            "{\"series\":\"a\"}",
            "{\"series\":\"a\",\"time\":99999999999,\"value\":1}",
            "",
        ];
        running.put(lines.map(String::from)).await;
        let letters = |seen: &Recorder| {
            seen.sum(ROUTE, |commit| commit.dead_letters.len() as u64)
                + seen.sum(SCORE, |commit| commit.dead_letters.len() as u64)
        };
        running.recorder.until(|seen| seen.scored() == 3 && letters(seen) == 4).await;
        let report = running.stop_and_audit(&house).await;
        assert!(report.is_clean(), "{report}");
        let running = house.open().await.unwrap();
        let restored = running.recorder.restored.lock();
        let kept: usize = restored.values().map(|restored| restored.dead_letters.len()).sum();
        assert_eq!(kept, 4);
    }
}

#[tokio::test]
async fn an_idle_shard_ticks_and_silence_is_an_alert() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(1_700_000_000_000);
    let house = House { clock: Arc::new(clock.clone()), ..House::new(dir.path()) };
    let running = house.open().await.unwrap();
    for step in 0..100 {
        running.put([format!(r#"{{"series":"pump","value":{}}}"#, step % 5)]).await;
        running.recorder.until(|seen| seen.scored() == step + 1).await;
        clock.advance(Duration::from_secs(10));
    }
    let mut waited = 0;
    while running.recorder.events().is_empty() {
        waited += 1;
        assert!(waited < 2_000, "the silence is noticed in the end");
        clock.advance(Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(running.recorder.events()[0].alert.kind, AlertKind::Silence);
    let ticks = running.recorder.sum(SCORE, |commit| {
        commit.control.iter().filter(|entry| matches!(entry.control, Control::Tick { .. })).count() as u64
    });
    assert!((1..10).contains(&ticks), "a tick only where a timer is due, not {ticks}");
    let driver = tokio::spawn({
        let clock = clock.clone();
        async move {
            loop {
                clock.advance(Duration::from_millis(100));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    let report = running.stop_and_audit(&house).await;
    driver.abort();
    assert!(report.is_clean() && report.events > 0, "{report}");
}

#[tokio::test]
async fn who_takes_a_shard_over_fences_the_worker_before() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::new(dir.path());
    let running = house.open().await.unwrap();
    running.put(wobble("cpu", 0, 50)).await;
    running.recorder.until(|seen| seen.scored() == 50).await;
    let shard = running.recorder.commits.lock().keys().find(|s| &*s.application == SCORE).unwrap().clone();
    let store = running.stores.shard(&shard).unwrap();
    let (_, last) = store.commits.last().unwrap().unwrap();
    let (durable, _) = store.commits.take_over(last.lease + 1, 0, Commit::default()).await.unwrap();
    // The worker is refused, starts again under a higher counter, and scores what it had lost.
    running.put(wobble("cpu", 50, 50)).await;
    running.recorder.until(|seen| seen.scored() == 100).await;
    let behind = store.commits.read(durable.index() + 1, 100).unwrap();
    assert!(behind.iter().all(|(_, commit)| commit.lease > last.lease + 1), "{behind:?}");
}
