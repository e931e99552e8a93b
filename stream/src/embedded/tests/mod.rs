//! The embedded stream through its public face, on a simulated disk.

mod faults;
mod model;

use super::{EmbeddedStreams, Options};
use crate::{
    api::{
        Cursor, Placed, PutRecord, Record, SequencedRecord, SourcePosition, StartingPosition, Stream,
        StreamError,
    },
    clock::ManualClock,
    sequence::SequenceNumber,
};
use kizashi_log::{FileSystem, LogOptions, SimFileSystem};
use std::{path::Path, sync::Arc, time::Duration};

const START_MS: i64 = 1_780_000_000_000;
const DIR: &str = "/data";
const HOUR: Duration = Duration::from_secs(3600);

struct Setup {
    disk: SimFileSystem,
    clock: ManualClock,
    options: Options,
}

fn setup(segment_bytes: u64) -> Setup {
    let clock = ManualClock::at(START_MS);
    let log = LogOptions { segment_bytes, ..LogOptions::default() };
    let options = Options { clock: Arc::new(clock.clone()), log, ..Options::default() };
    let disk = SimFileSystem::new();
    disk.create_dir_all(Path::new(DIR)).unwrap();
    Setup { disk, options, clock }
}

impl Setup {
    fn open(&self) -> EmbeddedStreams {
        self.open_on(Arc::new(self.disk.clone()))
    }

    fn open_on(&self, fs: Arc<dyn FileSystem>) -> EmbeddedStreams {
        EmbeddedStreams::open(fs, Path::new(DIR), self.options.clone()).unwrap()
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

#[tokio::test]
async fn records_expire_unless_an_application_holds_them() {
    let setup = setup(300);
    let streams = setup.open();
    streams.create_stream("events", 1).await.unwrap();
    let mut placed = Vec::new();
    for i in 0..48 {
        placed.push(put(&streams, "events", "k", &i.to_string()).await.sequence);
        setup.clock.advance(HOUR);
    }
    let oldest = || async { text(&all(&streams, "events", SHARD).await)[0].parse::<usize>().unwrap() };
    streams.hold("events", SHARD, "slow", Some(Cursor(placed[10]))).await.unwrap();
    streams.hold("events", SHARD, "fast", Some(Cursor(placed[40]))).await.unwrap();
    streams.tick();
    assert_eq!(oldest().await, 10);
    streams.hold("events", SHARD, "slow", None).await.unwrap();
    streams.tick();
    assert_eq!(oldest().await, 24, "24 hours are kept");
    let trimmed =
        streams.cursor("events", SHARD, StartingPosition::AtSequenceNumber(placed[3])).await.unwrap();
    assert_eq!(trimmed, Cursor(placed[24]), "what is gone is passed over");
    let read = streams.read("events", SHARD, Cursor(placed[3]), 1, 1).await.unwrap();
    assert_eq!(read.records[0].sequence, placed[24]);
    streams.set_retention_hours("events", 30).await.unwrap();
    setup.clock.advance(6 * HOUR);
    streams.tick();
    assert_eq!(oldest().await, 24);
    streams.hold("events", SHARD, "fast", None).await.unwrap();
    setup.clock.advance(1000 * HOUR);
    streams.tick();
    assert!(all(&streams, "events", SHARD).await.is_empty());
    assert_eq!(put(&streams, "events", "k", "next").await.sequence.parts().unwrap().index, 48);
    for hours in [0, 23, 8761] {
        let refused = streams.set_retention_hours("events", hours).await.unwrap_err();
        assert_eq!(refused.code(), "InvalidArgumentException");
    }
    drop(streams);
    assert_eq!(setup.open().describe_stream("events").await.unwrap().retention_hours, 30);
}

#[tokio::test]
async fn the_sources_a_shard_has_seen_outlive_the_records() {
    let setup = setup(300);
    let mut streams = setup.open();
    streams.create_stream(".keyed", 1).await.unwrap();
    for n in 0..20 {
        streams.put_sequenced(".keyed", "events", "0", sequenced(1, n..n + 1)).await.unwrap();
    }
    for _ in 0..10 {
        setup.clock.advance(48 * HOUR);
        put(&streams, ".keyed", "k", "filler").await;
        streams.tick();
        drop(streams);
        streams = setup.open();
    }
    streams.put_sequenced(".keyed", "events", "0", sequenced(1, 0..21)).await.unwrap();
    let records = all(&streams, ".keyed", SHARD).await;
    assert!(records.len() < 15, "most are trimmed");
    assert_eq!(text(&records).last(), Some(&"20"));
    assert_eq!(text(&records).iter().filter(|text| **text != "filler").count(), 1);
}

#[tokio::test]
async fn the_time_of_arrival_never_falls() {
    let setup = setup(300);
    let mut streams = setup.open();
    streams.create_stream("events", 1).await.unwrap();
    for ms in [0, 5, -1_000_000, 3, 10, -7] {
        setup.clock.set(START_MS + ms);
        put(&streams, "events", "k", "x").await;
        drop(streams);
        streams = setup.open();
    }
    let arrivals: Vec<_> =
        all(&streams, "events", SHARD).await.iter().map(|record| record.arrival_ms - START_MS).collect();
    assert_eq!(arrivals, [0, 5, 5, 5, 10, 10]);
    let first = streams.cursor("events", SHARD, StartingPosition::TrimHorizon).await.unwrap();
    let batch = streams.read("events", SHARD, first, 2, 1000).await.unwrap();
    assert_eq!(batch.behind_latest_ms, 5);
}

#[tokio::test]
async fn a_stream_created_again_is_another() {
    let setup = setup(300);
    let streams = setup.open();
    streams.create_stream("events", 1).await.unwrap();
    assert_eq!(streams.create_stream("events", 1).await.unwrap_err().code(), "ResourceInUseException");
    let old = put(&streams, "events", "k", "old").await.sequence;
    let end = streams.cursor("events", SHARD, StartingPosition::Latest).await.unwrap();
    let (waited, deleted) =
        tokio::join!(streams.readable("events", SHARD, end), streams.delete_stream("events"));
    deleted.unwrap();
    assert_eq!(waited.unwrap_err().code(), "ResourceNotFoundException");
    assert_eq!(streams.delete_stream("events").await.unwrap_err().code(), "ResourceNotFoundException");
    assert!(setup.disk.list(&Path::new(DIR).join("streams")).unwrap().is_empty());
    setup.clock.set(0);
    streams.create_stream("events", 1).await.unwrap();
    let new = put(&streams, "events", "k", "new").await.sequence;
    assert!(new > old);
    let stale = streams.cursor("events", SHARD, StartingPosition::AtSequenceNumber(old)).await;
    assert_eq!(stale.unwrap_err().code(), "InvalidArgumentException");
    assert_eq!(text(&all(&streams, "events", SHARD).await), ["new"]);
}

#[tokio::test]
async fn streams_and_shards_are_bounded_and_what_is_not_there_is_not_found() {
    let mut setup = setup(300);
    (setup.options.streams_max, setup.options.shards_max) = (3, 7);
    let streams = setup.open();
    streams.create_stream("b", 3).await.unwrap();
    streams.create_stream(".internal", 2).await.unwrap();
    assert_eq!(streams.create_stream("a", 3).await.unwrap_err().code(), "LimitExceededException");
    assert_eq!(streams.create_stream("a", 0).await.unwrap_err().code(), "InvalidArgumentException");
    assert_eq!(streams.create_stream("a/b", 1).await.unwrap_err().code(), "InvalidArgumentException");
    streams.create_stream("a", 1).await.unwrap();
    assert_eq!(streams.create_stream("c", 1).await.unwrap_err().code(), "LimitExceededException");
    assert_eq!(streams.list_streams().await.unwrap(), ["a".into(), "b".into()]);
    for (stream, shard) in [("none", SHARD), ("a", "shardId-000000000001"), ("a", ""), ("", SHARD)] {
        let error = streams.cursor(stream, shard, StartingPosition::TrimHorizon).await.unwrap_err();
        assert_eq!(error.code(), "ResourceNotFoundException");
    }
    let error = streams.put_records("none", vec![record("k", "x")]).await.unwrap_err();
    assert_eq!(error.code(), "ResourceNotFoundException");
}

#[tokio::test]
async fn a_hash_key_that_is_given_picks_the_shard() {
    let setup = setup(300);
    let streams = setup.open();
    streams.create_stream("events", 3).await.unwrap();
    for shard in streams.describe_stream("events").await.unwrap().shards {
        for hash in [shard.hash_range.0, shard.hash_range.1] {
            let record = PutRecord { explicit_hash_key: Some(hash), ..record("k", "x") };
            let placed = streams.put_records("events", vec![record]).await.unwrap().remove(0).unwrap();
            assert_eq!(placed.shard, shard.id);
        }
    }
}

#[tokio::test]
async fn re_keyed_records_come_in_order_and_within_bounds() {
    let setup = setup(300);
    let streams = setup.open();
    streams.create_stream(".keyed", 1).await.unwrap();
    let mut reversed = sequenced(1, 0..2);
    reversed.reverse();
    let mut repeated = sequenced(1, 0..1);
    repeated.extend(sequenced(1, 0..1));
    for refused in [reversed, repeated, Vec::new(), sequenced(1, 0..10_001)] {
        let error = streams.put_sequenced(".keyed", "events", "0", refused).await.unwrap_err();
        assert_eq!(error.code(), "InvalidArgumentException");
    }
    assert!(all(&streams, ".keyed", SHARD).await.is_empty());
}
