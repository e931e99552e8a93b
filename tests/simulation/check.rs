//! What must hold of the data that a history leaves.

use crate::{
    follower::Followed,
    history::Acknowledged,
    load::Load,
    node::{Opened, STREAM, config, detector, watched},
};
use kizashi_models::alert::{AlertId, AlertKind, Change};
use kizashi_online::{audit::Audit, committed::ShardRef};
use kizashi_storage::commit::{Commit, Control};
use kizashi_stream::api::{StartingPosition, Stream};
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

/// What was there.
#[derive(Default)]
pub struct Found {
    records: u64,
    observations: u64,
    dead_letters: u64,
    commits: u64,
    events: u64,
    /// Alerts of unusual observations that opened.
    pub alerts: u64,
    /// Those and silences that closed.
    pub closed: u64,
    /// Silences that opened.
    silences: u64,
    /// Ticks of idle shards.
    pub ticks: u64,
}

/// Checks everything.
pub async fn check(
    opened: &Opened,
    acknowledged: Acknowledged,
    load: &Load,
    followed: &BTreeMap<ShardRef, Followed>,
) -> Found {
    check_source(opened, acknowledged, load).await;
    let mut found = Found::default();
    check_commits(opened, followed, &mut found).await;
    let audit =
        Audit { streams: &opened.streams, stores: &opened.stores, detector: detector(), config: config() };
    let report = audit.run(&[watched()]).await.expect("it can be read");
    assert!(report.is_clean() && report.unchecked.is_empty(), "{report}");
    assert_eq!(report.observations, report.rekeyed, "all is at rest: {report}");
    found.records = report.records;
    found.observations = report.observations;
    found.dead_letters = report.dead_letters;
    found.commits = report.commits;
    found.events = report.events;
    found
}

/// Every acknowledged record stands in its place, unaltered, and nothing stands there that was not put.
async fn check_source(opened: &Opened, mut acknowledged: Acknowledged, load: &Load) {
    let mut times: HashMap<String, u64> = HashMap::new();
    for shard in opened.shards(STREAM).await.expect("the stream is there") {
        let streams = &opened.streams;
        let mut cursor =
            streams.cursor(STREAM, &shard, StartingPosition::TrimHorizon).await.expect("a cursor");
        loop {
            let read = streams.read(STREAM, &shard, cursor, 1_000, 1 << 20).await.expect("records");
            if read.records.is_empty() {
                break;
            }
            cursor = read.next.expect("the shard is open");
            for record in read.records {
                let text = String::from_utf8(record.data.to_vec()).expect("text was put");
                if let Some(put) = acknowledged.remove(&(shard.clone(), record.sequence)) {
                    assert_eq!(put, (record.partition_key, text.clone()), "{shard} {}", record.sequence);
                }
                *times.entry(text).or_default() += 1;
            }
        }
    }
    assert!(acknowledged.is_empty(), "acknowledged and lost: {acknowledged:?}");
    for (text, times) in times {
        let attempts = load.attempts(&text);
        assert!(times <= attempts, "{text} stands there {times} times and was put {attempts} times");
    }
}

/// The commits hold each alert's opening once and its closing at most once, and what was handed on.
async fn check_commits(opened: &Opened, followed: &BTreeMap<ShardRef, Followed>, found: &mut Found) {
    let mut alerts: HashMap<AlertId, (u64, u64)> = HashMap::new();
    for (shard, _) in opened.applications().await.expect("the streams are there") {
        let log = &opened.stores.shard(&shard).expect("a store").commits;
        let count = usize::try_from(log.durable_index()).expect("few commits");
        let commits: BTreeMap<u64, Commit> = log.read(0, count).expect("commits").into_iter().collect();
        assert_eq!(commits.len(), count, "all commits of {shard:?} are kept");
        if let Some(followed) = followed.get(&shard) {
            for (index, commit) in &followed.commits {
                assert_eq!(commits.get(index), Some(commit), "{shard:?}: commit {index} was handed on");
            }
        }
        for commit in commits.values() {
            let ticks = commit.control.iter().filter(|entry| matches!(entry.control, Control::Tick { .. }));
            found.ticks += ticks.count() as u64;
            for event in &commit.events {
                let (openings, closings) = alerts.entry(event.alert.id).or_default();
                match event.change {
                    Change::Opened => *openings += 1,
                    Change::Closed => *closings += 1,
                    Change::Escalated => {}
                }
                assert!(*openings == 1 && *closings <= 1, "{event:?}: opened {openings}, closed {closings}");
                match (event.change, event.alert.kind) {
                    (Change::Opened, AlertKind::Anomaly) => found.alerts += 1,
                    (Change::Opened, AlertKind::Silence) => found.silences += 1,
                    (Change::Closed, _) => found.closed += 1,
                    (Change::Escalated, _) => {}
                }
            }
        }
    }
}

impl Found {
    /// Adds what another history has left.
    pub fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.observations += other.observations;
        self.dead_letters += other.dead_letters;
        self.commits += other.commits;
        self.events += other.events;
        self.alerts += other.alerts;
        self.closed += other.closed;
        self.silences += other.silences;
        self.ticks += other.ticks;
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} records found, {} observations, {} dead letters, {} commits, {} alert events: {} alerts and {} silences \
             opened, {} closed; {} ticks",
            self.records,
            self.observations,
            self.dead_letters,
            self.commits,
            self.events,
            self.alerts,
            self.silences,
            self.closed,
            self.ticks
        )
    }
}
