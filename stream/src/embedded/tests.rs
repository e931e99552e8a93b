//! The embedded stream through its public face.

use super::{EmbeddedStreams, Options};
use crate::{
    api::{Cursor, Placed, PutRecord, Record, SequencedRecord, SourcePosition, StartingPosition, Stream},
    clock::ManualClock,
    sequence::SequenceNumber,
};
use kizashi_log::{FileSystem, LogOptions, StdFileSystem};
use std::{sync::Arc, time::Duration};

const START_MS: i64 = 1_780_000_000_000;

struct Setup {
    fs: Arc<dyn FileSystem>,
    dir: tempfile::TempDir,
    clock: ManualClock,
    options: Options,
}

fn setup(segment_bytes: u64) -> Setup {
    let clock = ManualClock::at(START_MS);
    let log = LogOptions { segment_bytes, ..LogOptions::default() };
    let options = Options { clock: Arc::new(clock.clone()), log, ..Options::default() };
    Setup { fs: Arc::new(StdFileSystem), dir: tempfile::tempdir().unwrap(), options, clock }
}

impl Setup {
    fn open(&self) -> EmbeddedStreams {
        EmbeddedStreams::open(self.fs.clone(), self.dir.path(), self.options.clone()).unwrap()
    }
}

fn record(key: &str, data: &str) -> PutRecord {
    PutRecord { partition_key: key.into(), explicit_hash_key: None, data: data.to_owned().into() }
}

async fn put(streams: &EmbeddedStreams, stream: &str, key: &str, data: &str) -> Placed {
    streams.put_records(stream, vec![record(key, data)]).await.unwrap().remove(0).unwrap()
}

async fn all(streams: &EmbeddedStreams, stream: &str, shard: &str) -> Vec<Record> {
    let mut cursor = streams.cursor(stream, shard, StartingPosition::TrimHorizon).await.unwrap();
    let mut records = Vec::new();
    loop {
        let batch = streams.read(stream, shard, cursor, 7, 1 << 20).await.unwrap();
        if batch.records.is_empty() {
            return records;
        }
        records.extend(batch.records);
        cursor = batch.next.unwrap();
    }
}

fn text(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| std::str::from_utf8(&record.data).unwrap()).collect()
}

const SHARD: &str = "shardId-000000000000";

#[tokio::test]
async fn what_was_put_is_read_in_order_after_a_restart() {
    let setup = setup(2000);
    let streams = setup.open();
    streams.create_stream("events", 4).await.unwrap();
    let mut placed = Vec::new();
    for i in 0..100 {
        placed.push(put(&streams, "events", &format!("key {}", i % 10), &i.to_string()).await);
    }
    drop(streams);
    let streams = setup.open();
    let mut found = 0;
    for shard in streams.describe_stream("events").await.unwrap().shards {
        let records = all(&streams, "events", &shard.id).await;
        assert!(records.is_sorted_by(|a, b| a.sequence < b.sequence));
        for record in &records {
            let i: usize = text(std::slice::from_ref(record))[0].parse().unwrap();
            assert_eq!(placed[i], Placed { shard: shard.id.clone(), sequence: record.sequence });
            assert_eq!(*record.partition_key, format!("key {}", i % 10));
            assert_eq!(record.arrival_ms, START_MS);
        }
        found += records.len();
    }
    assert_eq!(found, 100);
}

fn sequenced(keys: usize, range: std::ops::Range<u64>) -> Vec<SequencedRecord> {
    let source = |n: u64| {
        let mut sequence = SequenceNumber([2; 24]);
        sequence.0[16..].copy_from_slice(&(n / 3).to_be_bytes());
        SourcePosition { sequence, index: (n % 3) as u32 }
    };
    range
        .map(|n| SequencedRecord {
            record: record(&format!("key {}", n as usize % keys), &n.to_string()),
            source: source(n),
        })
        .collect()
}

#[tokio::test]
async fn a_re_keyed_record_is_taken_once_across_restarts() {
    let setup = setup(500);
    let mut streams = setup.open();
    streams.create_stream(".events.keyed", 2).await.unwrap();
    for range in [0..10, 5..12, 0..10, 12..13, 0..40, 30..31, 40..50] {
        for source in ["shardId-000000000000", "shardId-000000000001"] {
            streams
                .put_sequenced(".events.keyed", "events", source, sequenced(5, range.clone()))
                .await
                .unwrap();
        }
        put(&streams, ".events.keyed", "key 0", "plain").await;
        drop(streams);
        streams = setup.open();
    }
    let mut found = Vec::new();
    for shard in streams.describe_stream(".events.keyed").await.unwrap().shards {
        let records = all(&streams, ".events.keyed", &shard.id).await;
        found.extend(text(&records).into_iter().filter_map(|text| text.parse::<u64>().ok()));
    }
    found.sort_unstable();
    assert_eq!(found, (0..50).flat_map(|n| [n, n]).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_five_starting_positions() {
    let setup = setup(300);
    let streams = setup.open();
    streams.create_stream("events", 1).await.unwrap();
    let mut placed = Vec::new();
    for i in 0..20 {
        placed.push(put(&streams, "events", "k", &i.to_string()).await.sequence);
        setup.clock.advance(Duration::from_millis(10));
    }
    let next = |from| {
        let streams = &streams;
        async move {
            let cursor = streams.cursor("events", SHARD, from).await?;
            let batch = streams.read("events", SHARD, cursor, 1, 1000).await?;
            Ok::<_, crate::api::StreamError>(batch.records.first().map(|record| record.sequence))
        }
    };
    use StartingPosition::*;
    assert_eq!(next(TrimHorizon).await.unwrap(), Some(placed[0]));
    assert_eq!(next(Latest).await.unwrap(), None);
    for i in 0..20 {
        assert_eq!(next(AtSequenceNumber(placed[i])).await.unwrap(), Some(placed[i]));
        assert_eq!(next(AfterSequenceNumber(placed[i])).await.unwrap(), placed.get(i + 1).copied());
        assert_eq!(next(AtTimestamp(START_MS + i as i64 * 10)).await.unwrap(), Some(placed[i]));
        assert_eq!(next(AtTimestamp(START_MS + i as i64 * 10 - 9)).await.unwrap(), Some(placed[i]));
    }
    assert_eq!(next(AtTimestamp(i64::MAX)).await.unwrap(), None);
    let mut never_given = placed[19];
    never_given.0[23] += 1;
    for foreign in [SequenceNumber::default(), never_given] {
        let error = next(AtSequenceNumber(foreign)).await.unwrap_err();
        assert_eq!(error.code(), "InvalidArgumentException");
    }
    let at_end = Cursor(never_given);
    assert!(streams.read("events", SHARD, at_end, 1, 1).await.unwrap().records.is_empty());
    let readable = streams.readable("events", SHARD, at_end);
    let (woken, last) = tokio::join!(readable, put(&streams, "events", "k", "last"));
    woken.unwrap();
    assert_eq!(last.sequence, never_given);
}
