//! Damage that is planted in a data directory is found and named.

use super::*;
use crate::{score::Input, stores::StoreLimits, stores::shard_dir, work::ENGINE_VERSION};
use kizashi_log::{FileSystem, LogOptions, StdFileSystem};
use kizashi_models::{
    decode::{Decoded, Decoder, Mapping},
    detector::DefaultDetector,
    engine::{Engine, Output},
    observation::encode_routed,
    position::Source,
};
use kizashi_storage::{commit::DeadLetter, history::HistoryOptions};
use kizashi_stream::{
    api::{PutRecord, SequencedRecord, SourcePosition},
    embedded::{EmbeddedStreams, Options},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

const SHARD: &str = "shardId-000000000000";
const KEYED: &str = ".events.keyed";

/// Segments of all logs, small, so that damage lies in one that is not the last.
const SEGMENT_BYTES: u64 = 2 << 10;

/// A record that does not decode stands behind so many that do.
const BAD_RECORD: usize = 300;
const RECORDS: usize = 400;

/// A data directory of one stream of one shard.
struct House {
    dir: tempfile::TempDir,
    rekey: bool,
}

impl House {
    /// With 399 observations, one bad record among them, and an alert at the end; nothing of it is routed or
    /// scored.
    async fn new(rekey: bool) -> Self {
        let house = Self { dir: tempfile::tempdir().unwrap(), rekey };
        let streams = house.streams();
        streams.create_stream("events", 1).await.unwrap();
        for number in 0..RECORDS {
            let value =
                if number >= RECORDS - 5 { 5_000.0 } else { 50.0 + (number * 7919 % 13) as f64 * 0.1 };
            let time = 1_700_000_000 + number * 10;
            let text = match number {
                BAD_RECORD => "not JSON".to_owned(),
                _ => format!(r#"{{"series":"pump","time":{time},"value":{value}}}"#),
            };
            put(&streams, "events", text).await;
        }
        if rekey {
            streams.create_stream(KEYED, 1).await.unwrap();
        }
        house
    }

    fn fs(&self) -> Arc<dyn FileSystem> {
        Arc::new(StdFileSystem)
    }

    fn streams(&self) -> EmbeddedStreams {
        let log = LogOptions { segment_bytes: SEGMENT_BYTES, cache_bytes: 0, ..LogOptions::default() };
        EmbeddedStreams::open(self.fs(), self.dir.path(), Options { log, ..Options::default() }).unwrap()
    }

    fn stores(&self) -> Stores {
        let limits = StoreLimits { history: HistoryOptions::default(), segment_bytes: Some(SEGMENT_BYTES) };
        Stores::new(self.fs(), self.dir.path(), limits)
    }

    fn watched(&self) -> WatchedStream {
        let decoder = Arc::new(Decoder::new(&Mapping::default()).unwrap());
        WatchedStream { name: "events".into(), rekey: self.rekey, decoder }
    }

    async fn audit(&self) -> Report {
        let (streams, stores) = (self.streams(), self.stores());
        let audit = Audit {
            streams: &streams,
            stores: &stores,
            detector: DefaultDetector::default(),
            config: config(),
        };
        audit.run(&[self.watched()]).await.unwrap()
    }

    async fn records(&self, stream: &str) -> Vec<Record> {
        let streams = self.streams();
        let mut cursor = Some(streams.cursor(stream, SHARD, StartingPosition::TrimHorizon).await.unwrap());
        let mut records = Vec::new();
        while let Some(from) = cursor {
            let read = streams.read(stream, SHARD, from, 100, 1 << 20).await.unwrap();
            cursor = read.next.filter(|_| !read.records.is_empty());
            records.extend(read.records);
        }
        records
    }

    /// What a route worker would put and commit.
    async fn routed(&self) -> (Vec<SequencedRecord>, Commit) {
        let mut routed = Vec::new();
        let mut commit = Commit { lease: 1, engine_version: ENGINE_VERSION, ..Commit::default() };
        for record in self.records("events").await {
            let mut source = source(&record);
            self.watched().decoder.decode(&record.data, &mut |line, decoded| {
                source.position.index = line;
                match decoded {
                    Ok(Decoded::Observation(observation)) => {
                        let mut data = Vec::new();
                        encode_routed(&source, record.arrival_ms, &observation, &mut data);
                        let (sequence, index) = (record.sequence, line);
                        routed.push(SequencedRecord {
                            record: keyed(data),
                            source: SourcePosition { sequence, index },
                        });
                        commit.records += 1;
                    }
                    Ok(_) => unreachable!("there are observations only"),
                    Err(_) => commit.dead_letters.push(letter(&source)),
                }
                commit.position = source.position;
            });
        }
        (routed, commit)
    }

    /// Puts and commits what a route worker has come to.
    async fn route(&self, routed: Vec<SequencedRecord>, commits: &[Commit]) {
        self.streams().put_sequenced(KEYED, "events", SHARD, routed).await.unwrap();
        self.commit(ROUTE, commits);
    }

    /// What a score worker would commit of a stream that is not re-keyed.
    async fn scored(&self) -> Vec<Commit> {
        let decoder = self.watched().decoder;
        let records = self.records("events").await;
        let mut input = Input::Direct { decoder, source: source(&records[0]) };
        let mut engine = Engine::new(DefaultDetector::default(), config()).unwrap();
        let mut output = Output::default();
        let mut commits = Vec::new();
        for batch in records.chunks(10) {
            let mut dead_letters = Vec::new();
            let records = input.observe_all(&mut engine, batch, &mut output, &mut dead_letters);
            commits.push(Commit {
                position: engine.position(),
                stream_time_ms: engine.stream_time_ms(),
                events: output.events.clone(),
                dead_letters,
                lease: 1,
                engine_version: ENGINE_VERSION,
                digest: output.digest,
                records,
                ..Commit::default()
            });
            output.clear();
        }
        assert!(commits.iter().any(|commit| !commit.events.is_empty()), "there is an alert");
        commits
    }

    fn shard(&self, application: &str) -> ShardRef {
        ShardRef { application: application.into(), stream: "events".into(), shard: SHARD.into() }
    }

    fn commit(&self, application: &str, commits: &[Commit]) {
        let store = self.stores().shard(&self.shard(application)).unwrap();
        for commit in commits {
            store.commits.append(0, commit).unwrap().wait().unwrap();
        }
    }

    /// Flips one bit in the middle of the first segment of the log in a directory, which has others.
    fn flip_a_bit(&self, dir: &Path) {
        let mut segments = files(dir);
        segments.retain(|file| file.extension().is_some_and(|extension| extension == "segment"));
        assert!(segments.len() > 1, "{segments:?}");
        let mut bytes = fs::read(&segments[0]).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        fs::write(&segments[0], bytes).unwrap();
    }
}

/// So many false alerts are allowed that a short history suffices for one.
fn config() -> EngineConfig {
    EngineConfig { false_alerts_per_week: 100.0, ..EngineConfig::default() }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let (dirs, mut found): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    dirs.iter().for_each(|dir| found.extend(files(dir)));
    found.sort();
    found
}

fn source(record: &Record) -> Source {
    let position = Position { sequence: record.sequence.0, index: 0 };
    Source { stream: "events".into(), shard: SHARD.into(), position }
}

fn letter(source: &Source) -> DeadLetter {
    DeadLetter { source: source.clone(), arrival_ms: 0, reason: "is bad".into(), excerpt: "".into() }
}

fn keyed(data: impl Into<bytes::Bytes>) -> PutRecord {
    PutRecord { partition_key: "pump".into(), explicit_hash_key: None, data: data.into() }
}

async fn put(streams: &EmbeddedStreams, stream: &str, data: impl Into<bytes::Bytes>) {
    for outcome in streams.put_records(stream, vec![keyed(data)]).await.unwrap() {
        outcome.unwrap();
    }
}

/// The one thing that is wrong.
#[track_caller]
fn assert_found(report: &Report, expected: &str) {
    assert_eq!(report.findings, [expected], "{report}");
    assert_eq!(report.findings_total, 1);
}

#[tokio::test]
async fn what_is_whole_is_clean() {
    let house = House::new(true).await;
    let (routed, commit) = house.routed().await;
    house.route(routed, &[commit]).await;
    let report = house.audit().await;
    assert!(report.is_clean() && report.unchecked.is_empty(), "{report}");
    assert_eq!(
        (report.records, report.observations, report.rekeyed, report.dead_letters),
        (400, 399, 399, 1)
    );

    let house = House::new(false).await;
    house.commit(SCORE, &house.scored().await);
    let report = house.audit().await;
    assert!(report.is_clean() && report.unchecked.is_empty(), "{report}");
    assert_eq!((report.records, report.commits), (400, 40));
    assert!(report.events > 0, "{report}");
}

#[tokio::test]
async fn an_observation_that_was_not_put_is_missing() {
    let house = House::new(true).await;
    let (mut routed, commit) = house.routed().await;
    let lost = routed.remove(123).source;
    house.route(routed, &[commit]).await;
    let expected = format!("{KEYED} lacks the observation of {SHARD} {}/0", lost.sequence);
    assert_found(&house.audit().await, &expected);
}

#[tokio::test]
async fn an_observation_that_was_put_twice_repeats() {
    let house = House::new(true).await;
    let (routed, commit) = house.routed().await;
    let (again, source) = (routed[398].record.data.clone(), routed[398].source);
    house.route(routed, &[commit]).await;
    put(&house.streams(), KEYED, again).await;
    let at = house.records(KEYED).await[399].sequence;
    let expected = format!("{KEYED} {SHARD}: record {at} repeats {SHARD} {}/0", source.sequence);
    assert_found(&house.audit().await, &expected);
}

#[tokio::test]
async fn an_observation_that_was_altered_differs() {
    let house = House::new(true).await;
    let (mut routed, commit) = house.routed().await;
    let mut altered = routed[7].record.data.to_vec();
    *altered.last_mut().unwrap() ^= 1;
    routed[7].record.data = altered.into();
    let source = routed[7].source;
    house.route(routed, &[commit]).await;
    let at = house.records(KEYED).await[7].sequence;
    let expected = format!("{KEYED} {SHARD}: record {at} differs from {SHARD} {}/0", source.sequence);
    assert_found(&house.audit().await, &expected);
}

#[tokio::test]
async fn an_observation_behind_a_later_one_is_out_of_order() {
    let house = House::new(true).await;
    let (routed, commit) = house.routed().await;
    let late = &routed[50];
    let others = [&routed[..50], &routed[51..]].concat();
    house.route(others, &[commit]).await;
    put(&house.streams(), KEYED, late.record.data.clone()).await;
    let at = house.records(KEYED).await[398].sequence;
    let expected =
        format!("{KEYED} {SHARD}: record {at} of {SHARD} {}/0 is out of order", late.source.sequence);
    assert_found(&house.audit().await, &expected);
}

#[tokio::test]
async fn an_observation_of_no_record_is_named() {
    let house = House::new(true).await;
    let (mut routed, commit) = house.routed().await;
    let bad = house.records("events").await[BAD_RECORD].sequence;
    // As if the bad record had been the observation before it.
    let mut made_up = routed[BAD_RECORD - 1].clone();
    made_up.source.sequence = bad;
    let position = Position { sequence: bad.0, index: 0 };
    let source = Source { stream: "events".into(), shard: SHARD.into(), position };
    let observation = kizashi_models::observation::decode_routed(&made_up.record.data).unwrap().observation;
    let mut data = Vec::new();
    encode_routed(&source, 0, &observation, &mut data);
    made_up.record.data = data.into();
    routed.insert(BAD_RECORD, made_up);
    house.route(routed, &[commit]).await;
    let at = house.records(KEYED).await[BAD_RECORD].sequence;
    let expected = format!("{KEYED} {SHARD}: record {at} is of {SHARD} {bad}/0, which has no observation");
    assert_found(&house.audit().await, &expected);
}

#[tokio::test]
async fn a_dead_letter_that_was_not_committed_is_missing() {
    let house = House::new(true).await;
    let (routed, mut commit) = house.routed().await;
    let lost = commit.dead_letters.pop().unwrap().source.position;
    house.route(routed, &[commit]).await;
    let expected = format!("{SHARD} {} does not decode and is no dead letter", show(&lost));
    assert_found(&house.audit().await, &expected);
}

#[tokio::test]
async fn a_dead_letter_that_was_committed_twice_repeats() {
    let house = House::new(true).await;
    let (routed, commit) = house.routed().await;
    let position = show(&commit.dead_letters[0].source.position);
    house.route(routed, &[commit.clone(), commit]).await;
    assert_found(&house.audit().await, &format!("{SHARD}: commit 1 repeats the dead letter {position}"));
}

#[tokio::test]
async fn an_alert_event_that_was_changed_is_named() {
    let house = House::new(false).await;
    let mut commits = house.scored().await;
    let changed = commits.iter().position(|commit| !commit.events.is_empty()).unwrap();
    let was = commits[changed].events.clone();
    commits[changed].events[0].alert.opened_ms += 1;
    let is = commits[changed].events.clone();
    house.commit(SCORE, &commits);
    assert_found(
        &house.audit().await,
        &format!("events {SHARD}: commit {changed} has the alert events {is:?}, a replay {was:?}"),
    );
}

#[tokio::test]
async fn an_alert_event_that_was_dropped_is_named() {
    let house = House::new(false).await;
    let mut commits = house.scored().await;
    let changed = commits.iter().position(|commit| !commit.events.is_empty()).unwrap();
    let was = std::mem::take(&mut commits[changed].events);
    house.commit(SCORE, &commits);
    assert_found(
        &house.audit().await,
        &format!("events {SHARD}: commit {changed} has the alert events [], a replay {was:?}"),
    );
}

#[tokio::test]
async fn scores_letters_and_counts_that_were_changed_are_named() {
    type Damage = fn(&mut Commit);
    let bad = BAD_RECORD / 10;
    let cases: [(usize, Damage, &str); 3] = [
        (17, |commit| commit.digest ^= 1, "the scores of commit 17 are others"),
        (bad, |commit| commit.dead_letters.clear(), "the dead letters of commit 30 are others"),
        (3, |commit| commit.records += 1, "commit 3 is of 11 records, not 10"),
    ];
    for (index, damage, expected) in cases {
        let house = House::new(false).await;
        let mut commits = house.scored().await;
        damage(&mut commits[index]);
        house.commit(SCORE, &commits);
        assert_found(&house.audit().await, &format!("events {SHARD}: {expected}"));
    }
}

#[tokio::test]
async fn a_commit_that_is_lost_is_named() {
    let house = House::new(false).await;
    let mut commits = house.scored().await;
    commits.remove(20);
    house.commit(SCORE, &commits);
    let report = house.audit().await;
    // The next one seems to hold its records too.
    let expected = [
        format!("events {SHARD}: commit 20 is of 10 records, not 20"),
        format!("events {SHARD}: the scores of commit 20 are others"),
    ];
    assert_eq!(report.findings, expected, "{report}");
}

#[tokio::test]
async fn a_bit_that_flipped_in_a_segment_is_named() {
    let house = House::new(false).await;
    house.commit(SCORE, &house.scored().await);
    house.flip_a_bit(&house.dir.path().join("streams"));
    let report = house.audit().await;
    let unreadable = |what: &str| report.findings.iter().any(|finding| finding.starts_with(what));
    assert!(unreadable(&format!("events {SHARD}: from ")), "{report}");

    let house = House::new(false).await;
    house.commit(SCORE, &house.scored().await);
    let score = house.shard(SCORE);
    house.flip_a_bit(&shard_dir(house.dir.path(), &score).join("commits"));
    let report = house.audit().await;
    assert_eq!(report.findings_total, 1, "{report}");
    let expected = format!("score events {SHARD}: commits from 0 on are unreadable: ");
    assert!(report.findings[0].starts_with(&expected), "{report}");
}

#[tokio::test]
async fn a_bit_that_flipped_in_the_pieces_is_named() {
    let house = House::new(false).await;
    house.commit(SCORE, &house.scored().await);
    let score = house.shard(SCORE);
    {
        let store = house.stores().shard(&score).unwrap();
        let (_, last) = store.commits.last().unwrap().unwrap();
        let (durable, _) = store.commits.take_over(1, 0, last).await.unwrap();
        for number in 0..100_u8 {
            let mut pieces = kizashi_storage::pieces::PieceBatch::default();
            pieces.put(&[number], &[number; 200]);
            store.pieces.write(durable, 0, &pieces).await.unwrap();
        }
    }
    house.flip_a_bit(&shard_dir(house.dir.path(), &score).join("pieces"));
    let report = house.audit().await;
    let expected = format!("score events {SHARD}: ");
    assert!(report.findings.iter().any(|finding| finding.starts_with(&expected)), "{report}");
}
