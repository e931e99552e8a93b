//! What must hold of the data that a history leaves.

use crate::{
    follower::Followed,
    history::Acknowledged,
    load::Load,
    node::{Opened, STREAM, Shown, config, detector, watched},
};
use kizashi_models::{
    alert::{Alert, AlertId, AlertKind, Change},
    observation::{Observation, Values, decode_routed},
};
use kizashi_online::{audit::Audit, committed::ShardRef, work::SCORE};
use kizashi_storage::commit::{Commit, Control};
use kizashi_stream::api::{StartingPosition, Stream};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
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

/// What a history has left, and what is known of it.
pub struct Left<'a> {
    pub opened: &'a Opened,
    pub load: &'a Load,
    pub followed: &'a BTreeMap<ShardRef, Followed>,
    /// What users saw last.
    pub shown: &'a Shown,
}

impl Left<'_> {
    /// Checks everything.
    pub async fn check(&self, acknowledged: Acknowledged) -> Found {
        self.check_source(acknowledged).await;
        let commits = self.commits().await;
        let control = commits.iter().flat_map(|commit| &commit.control);
        let ticks = control.filter(|entry| matches!(entry.control, Control::Tick { .. })).count();
        let mut found = Found { ticks: ticks as u64, ..Found::default() };
        self.check_alerts(&commits, &mut found);
        let (streams, stores) = (&self.opened.streams, &*self.opened.stores);
        let audit = Audit { streams, stores, detector: detector(), config: config() };
        let report = audit.run(&[watched()]).await.expect("it can be read");
        assert!(report.is_clean() && report.unchecked.is_empty(), "{report}");
        assert_eq!(report.observations, report.rekeyed, "all is at rest: {report}");
        assert_eq!(self.shown.dead_letters as u64, report.dead_letters, "dead letters that are shown");
        assert_eq!(self.shown.series, self.load.series(), "series that are shown");
        self.check_points().await;
        found.records = report.records;
        found.observations = report.observations;
        found.dead_letters = report.dead_letters;
        found.commits = report.commits;
        found.events = report.events;
        found
    }

    /// Every acknowledged record stands in its place, unaltered, and nothing stands there that was not put.
    async fn check_source(&self, mut acknowledged: Acknowledged) {
        let Self { opened, load, .. } = self;
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

    /// The history keeps a point of each observation, but for one that a producer has repeated.
    async fn check_points(&self) {
        for (shard, read) in self.opened.applications().await.expect("the streams are there") {
            if &*shard.application != SCORE {
                continue;
            }
            let history = self.opened.stores.history(&shard).expect("a history");
            let mut kept = BTreeSet::new();
            let mut contents = BTreeSet::new();
            for series in (0..self.load.series()).map(|number| number.to_string()) {
                let found = history.query(&series, i64::MIN, i64::MAX).expect("it can be read");
                for point in found.into_iter().flat_map(|found| found.points) {
                    contents.insert((series.clone(), point.time_ms, point.fields[0].value.to_bits()));
                    kept.insert(point.position.sequence);
                }
            }
            let streams = &self.opened.streams;
            let from = StartingPosition::TrimHorizon;
            let mut cursor = streams.cursor(&read, &shard.shard, from).await.expect("a cursor");
            loop {
                let batch = streams.read(&read, &shard.shard, cursor, 1_000, 1 << 20).await.expect("records");
                if batch.records.is_empty() {
                    break;
                }
                cursor = batch.next.expect("the shard is open");
                for record in batch.records.iter().filter(|record| !kept.contains(&record.sequence.0)) {
                    let Observation { series, time_ms, values } =
                        decode_routed(&record.data).expect("an observation").observation;
                    let (Some(time_ms), Values::One(value)) = (time_ms, &values) else {
                        panic!("{shard:?} {}: no point of {series} {values:?}", record.sequence);
                    };
                    let repeats = contents.contains(&(series.to_string(), time_ms, value.to_bits()));
                    assert!(repeats, "{shard:?} {}: no point of {series} at {time_ms}", record.sequence);
                }
            }
        }
    }

    /// All commits, which hold those that were handed on.
    async fn commits(&self) -> Vec<Commit> {
        let mut all = Vec::new();
        for (shard, _) in self.opened.applications().await.expect("the streams are there") {
            let log = &self.opened.stores.shard(&shard).expect("a store").commits;
            let count = usize::try_from(log.durable_index()).expect("few commits");
            let commits = log.read(0, count).expect("commits");
            assert_eq!(commits.len(), count, "all commits of {shard:?} are kept");
            let followed = self.followed.get(&shard).expect("every shard was followed");
            for (index, commit) in &followed.commits {
                let found = commits.get(*index as usize);
                assert_eq!(found, Some(&(*index, commit.clone())), "{shard:?}: a commit was handed on");
            }
            all.extend(commits.into_iter().map(|(_, commit)| commit));
        }
        all
    }

    /// The commits hold each alert's opening once and its closing at most once, and users saw what they hold.
    fn check_alerts(&self, commits: &[Commit], found: &mut Found) {
        let mut alerts: HashMap<AlertId, &Alert> = HashMap::new();
        for event in commits.iter().flat_map(|commit| &commit.events) {
            let before = alerts.insert(event.alert.id, &event.alert);
            match event.change {
                Change::Opened => assert_eq!(before, None, "an alert opens once"),
                Change::Escalated | Change::Closed => {
                    let open = before.is_some_and(|before| before.closed_ms.is_none());
                    assert!(open, "what changes is open: {event:?}, before {before:?}");
                }
            }
            match (event.change, event.alert.kind) {
                (Change::Opened, AlertKind::Anomaly) => found.alerts += 1,
                (Change::Opened, AlertKind::Silence) => found.silences += 1,
                (Change::Closed, _) => found.closed += 1,
                (Change::Escalated, _) => {}
            }
        }
        assert_eq!(self.shown.alerts.len(), alerts.len(), "alerts that are shown");
        for alert in &self.shown.alerts {
            assert_eq!(alerts.get(&alert.id), Some(&&**alert), "what is shown was committed");
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
