//! Consumers on an embedded stream, with a lease table in memory and a clock that the test moves.

use super::*;
use crate::{
    api::{BoxFuture, PutRecord, ReadBatch, StartingPosition, Stream},
    clock::{Clock, ManualClock},
    embedded::{CATALOGUE, Catalogue, EmbeddedStreams, Options, ShardEntry},
    sequence::SequenceNumber,
};
use kizashi_log::StdFileSystem;
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A lease table without a disk.
#[derive(Default)]
struct MemoryTable(Mutex<BTreeMap<String, Lease>>);

impl MemoryTable {
    fn change(&self, seen: &Lease, next: impl FnOnce(&Lease) -> Lease) -> LeaseResult<Option<Lease>> {
        let mut leases = self.0.lock();
        let current = leases.get_mut(&seen.lease_key);
        Ok(current.filter(|current| current.lease_counter == seen.lease_counter).map(|current| {
            *current = next(current);
            current.clone()
        }))
    }

    /// How many leases a worker has.
    fn count(&self, owner: Option<&str>) -> usize {
        self.0.lock().values().filter(|lease| lease.lease_owner.as_deref() == owner).count()
    }
}

impl LeaseTable for MemoryTable {
    fn list(&self) -> BoxFuture<'_, LeaseResult<Vec<Lease>>> {
        Box::pin(async { Ok(self.0.lock().values().cloned().collect()) })
    }

    fn create<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, LeaseResult<bool>> {
        let mut leases = self.0.lock();
        let absent = !leases.contains_key(&lease.lease_key);
        leases.entry(lease.lease_key.clone()).or_insert_with(|| lease.clone());
        Box::pin(async move { Ok(absent) })
    }

    fn take<'a>(&'a self, lease: &'a Lease, owner: &'a str) -> BoxFuture<'a, LeaseResult<Option<Lease>>> {
        Box::pin(async move { self.change(lease, |current| current.taken_by(owner)) })
    }

    fn renew<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, LeaseResult<Option<Lease>>> {
        Box::pin(async move { self.change(lease, Lease::renewed) })
    }

    fn checkpoint<'a>(
        &'a self,
        lease: &'a Lease,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, LeaseResult<Option<Lease>>> {
        Box::pin(async move { self.change(lease, |current| current.checkpointed(checkpoint)) })
    }

    fn evict<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, LeaseResult<Option<Lease>>> {
        Box::pin(async move { self.change(lease, Lease::evicted) })
    }

    fn delete<'a>(&'a self, lease_key: &'a str) -> BoxFuture<'a, LeaseResult<()>> {
        self.0.lock().remove(lease_key);
        Box::pin(async { Ok(()) })
    }
}

/// What the processors of all workers did, and what they committed.
#[derive(Default)]
struct Journal {
    events: Vec<(String, String, &'static str)>,
    /// Highest token and last record by shard.
    commits: BTreeMap<String, (u64, Option<SequenceNumber>)>,
    processed: Vec<String>,
    checkpointers: BTreeMap<String, Checkpointer>,
    /// Batches that fail before one goes well.
    failures: usize,
    /// Until when a timer is wanted.
    timer_ms: Option<i64>,
}

struct Recorder {
    worker: String,
    shard: String,
    token: u64,
    checkpointer: Option<Checkpointer>,
    journal: Arc<Mutex<Journal>>,
}

impl Recorder {
    fn note(&self, event: &'static str) {
        self.journal.lock().events.push((self.worker.clone(), self.shard.clone(), event));
    }
}

impl Processor for Recorder {
    fn initialize(&mut self, start: ShardStart) -> BoxFuture<'_, ProcessorResult<StartingPosition>> {
        self.note("initialize");
        let mut journal = self.journal.lock();
        self.token = start.token;
        journal.checkpointers.insert(self.shard.clone(), start.checkpointer.clone());
        self.checkpointer = Some(start.checkpointer);
        let (highest, committed) = journal.commits.entry(self.shard.clone()).or_default();
        assert!(start.token >= *highest, "a token is never lower than one before");
        *highest = start.token;
        let from = match committed {
            Some(sequence) => StartingPosition::AfterSequenceNumber(*sequence),
            None => start.checkpoint.starting_position().unwrap(),
        };
        Box::pin(async move { Ok(from) })
    }

    fn process(&mut self, batch: ReadBatch) -> BoxFuture<'_, ProcessorResult<()>> {
        let last = batch.records.last().expect("never none").sequence;
        {
            let mut journal = self.journal.lock();
            if journal.failures > 0 {
                journal.failures -= 1;
                return Box::pin(async { Err("it fails".into()) });
            }
            if journal.commits[&self.shard].0 > self.token {
                return Box::pin(async { Err("fenced".into()) });
            }
            let texts = batch.records.iter().map(|record| String::from_utf8(record.data.to_vec()).unwrap());
            journal.processed.extend(texts);
            journal.commits.insert(self.shard.clone(), (self.token, Some(last)));
        }
        let checkpointer = self.checkpointer.clone().unwrap();
        Box::pin(async move { Ok(checkpointer.checkpoint(last).await?) })
    }

    fn timer_ms(&self) -> Option<i64> {
        self.journal.lock().timer_ms
    }

    fn timer(&mut self, now_ms: i64) -> BoxFuture<'_, ProcessorResult<()>> {
        let due = self.journal.lock().timer_ms.take();
        assert!(due.is_some_and(|due| due <= now_ms));
        self.note("timer");
        Box::pin(async { Ok(()) })
    }

    fn lease_lost(&mut self) -> BoxFuture<'_, ()> {
        self.note("lease lost");
        Box::pin(async {})
    }

    fn shutdown(&mut self, reason: ShutdownReason) -> BoxFuture<'_, ProcessorResult<()>> {
        self.note(match reason {
            ShutdownReason::Requested => "shutdown",
            ShutdownReason::ShardEnd => "shard end",
        });
        Box::pin(async { Ok(()) })
    }
}

struct House {
    dir: tempfile::TempDir,
    clock: ManualClock,
    streams: EmbeddedStreams,
    table: Arc<MemoryTable>,
    journal: Arc<Mutex<Journal>>,
}

fn open(dir: &std::path::Path, clock: &ManualClock) -> EmbeddedStreams {
    let options = Options { clock: Arc::new(clock.clone()), ..Options::default() };
    EmbeddedStreams::open(Arc::new(StdFileSystem), dir, options).unwrap()
}

impl House {
    async fn of_shards(shards: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(1_780_000_000_000);
        let streams = open(dir.path(), &clock);
        streams.create_stream("events", shards).await.unwrap();
        Self { dir, clock, streams, table: Arc::default(), journal: Arc::default() }
    }

    fn worker(&self, name: &str) -> Consumer {
        let (worker, journal) = (name.to_owned(), self.journal.clone());
        let factory = move |_: &str, shard: &str| -> Box<dyn Processor> {
            let (worker, shard, journal) = (worker.clone(), shard.to_owned(), journal.clone());
            Box::new(Recorder { worker, shard, token: 0, checkpointer: None, journal })
        };
        let options = ConsumerOptions::new("app", "events", name, 7);
        let (streams, table) = (Arc::new(self.streams.clone()), self.table.clone());
        Consumer::start(streams, table, Arc::new(factory), Arc::new(self.clock.clone()), options)
    }

    async fn put(&self, texts: std::ops::Range<usize>) {
        let record = |i: usize| {
            let text = i.to_string();
            PutRecord { partition_key: text.as_str().into(), explicit_hash_key: None, data: text.into() }
        };
        let outcomes = self.streams.put_records("events", texts.map(record).collect()).await.unwrap();
        assert!(outcomes.iter().all(Result::is_ok));
        settle().await;
    }

    /// Lets time pass in steps that are short against the failover time, and all tasks come to rest.
    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds * 2 {
            self.clock.advance(Duration::from_millis(500));
            settle().await;
        }
    }

    fn processed(&self) -> Vec<usize> {
        let mut processed: Vec<usize> =
            self.journal.lock().processed.iter().map(|text| text.parse().unwrap()).collect();
        processed.sort_unstable();
        processed
    }

    fn events(&self, event: &str) -> usize {
        self.journal.lock().events.iter().filter(|(_, _, what)| *what == event).count()
    }
}

/// Lets all tasks run until they wait: with one thread, and reads from memory, turns suffice.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn two_workers_share_and_each_record_is_processed_once() {
    let house = House::of_shards(5).await;
    house.put(0..100).await;
    let first = house.worker("first");
    settle().await;
    assert_eq!(house.table.count(Some("first")), 5);
    let second = house.worker("second");
    house.put(100..200).await;
    house.pass(60).await;
    house.put(200..300).await;
    let shares = [house.table.count(Some("first")), house.table.count(Some("second"))];
    assert!(shares == [3, 2] || shares == [2, 3], "{shares:?}");
    assert_eq!(house.processed(), (0..300).collect::<Vec<_>>());
    let moved = house.events("lease lost");
    house.pass(60).await;
    assert_eq!(house.events("lease lost"), moved, "an even share is left alone");
    first.shutdown().await;
    second.shutdown().await;
    assert_eq!(house.table.count(None), 5);
}

#[tokio::test]
async fn a_dead_workers_leases_are_taken_after_the_failover_time() {
    let house = House::of_shards(3).await;
    let dead = house.worker("dead");
    house.put(0..20).await;
    drop(dead);
    let heir = house.worker("heir");
    house.put(20..40).await;
    house.pass(9).await;
    assert_eq!(house.table.count(Some("dead")), 2, "it may still live, so only the share is stolen");
    house.pass(11).await;
    assert_eq!(house.table.count(Some("heir")), 3);
    assert_eq!(house.processed(), (0..40).collect::<Vec<_>>());
    heir.shutdown().await;
}

#[tokio::test]
async fn who_lost_the_lease_can_not_checkpoint() {
    let house = House::of_shards(1).await;
    let worker = house.worker("worker");
    house.put(0..1).await;
    let checkpointer = house.journal.lock().checkpointers.values().next().unwrap().clone();
    checkpointer.checkpoint(SequenceNumber::default()).await.unwrap();
    let lease = house.table.0.lock().values().next().unwrap().clone();
    house.table.take(&lease, "thief").await.unwrap().unwrap();
    let refused = checkpointer.checkpoint(SequenceNumber([1; 24])).await;
    assert!(matches!(refused, Err(CheckpointError::LeaseLost)));
    settle().await;
    assert_eq!(house.events("lease lost"), 1);
    assert_eq!(house.table.0.lock().values().next().unwrap().checkpoint, lease.checkpoint);
    worker.shutdown().await;
    assert_eq!(house.table.count(Some("thief")), 1, "it lets go only of what it has");
}

#[tokio::test]
async fn a_shutdown_hands_over_at_once() {
    let house = House::of_shards(2).await;
    let first = house.worker("first");
    house.put(0..30).await;
    first.shutdown().await;
    assert_eq!((house.table.count(None), house.events("shutdown")), (2, 2));
    house.put(30..60).await;
    let second = house.worker("second");
    settle().await;
    assert_eq!(house.processed(), (0..60).collect::<Vec<_>>());
    second.shutdown().await;
}

#[tokio::test]
async fn a_failed_batch_is_read_again_after_a_pause() {
    let house = House::of_shards(1).await;
    house.journal.lock().failures = 3;
    let worker = house.worker("worker");
    house.put(0..10).await;
    assert!(house.processed().is_empty());
    house.pass(8).await;
    assert_eq!(house.processed(), (0..10).collect::<Vec<_>>());
    assert_eq!(house.events("initialize"), 4);
    worker.shutdown().await;
}

#[tokio::test]
async fn a_child_is_read_when_its_parent_is_done() {
    let mut house = House::of_shards(1).await;
    house.put(0..10).await;
    // As a split of shard 0 leaves the catalogue.
    house.streams = open(tempfile::tempdir().unwrap().path(), &house.clock);
    let path = house.dir.path().join("streams.catalogue");
    let mut catalogue: Catalogue = CATALOGUE.read(&StdFileSystem, &path).unwrap().unwrap();
    let shards = &mut catalogue.streams.get_mut("events").unwrap().shards;
    shards[0].closed_at_index = Some(10);
    for (number, (hash_first, hash_last)) in [(1, (0, u128::MAX / 2)), (2, (u128::MAX / 2 + 1, u128::MAX))] {
        let parent = shards[0].clone();
        let child =
            ShardEntry { number, hash_first, hash_last, parents: vec![0], closed_at_index: None, ..parent };
        shards.push(child);
    }
    CATALOGUE.replace(&StdFileSystem, &path, &catalogue).unwrap();
    house.streams = open(house.dir.path(), &house.clock);
    house.put(10..30).await;
    let worker = house.worker("worker");
    house.pass(12).await;
    assert_eq!(house.processed(), (0..30).collect::<Vec<_>>());
    {
        let journal = house.journal.lock();
        let begun: Vec<_> = journal.events.iter().map(|(_, shard, event)| (&shard[18..], *event)).collect();
        assert_eq!(begun[..2], [("00", "initialize"), ("00", "shard end")], "{begun:?}");
        let first = journal.processed[..10].iter().map(|text| text.parse().unwrap());
        assert_eq!(first.collect::<Vec<usize>>(), (0..10).collect::<Vec<_>>());
    }
    worker.shutdown().await;
}

#[tokio::test]
async fn an_idle_shard_is_woken_by_its_timer() {
    let house = House::of_shards(1).await;
    house.journal.lock().timer_ms = Some(house.clock.now_ms() + 2_000);
    let worker = house.worker("worker");
    house.pass(1).await;
    assert_eq!(house.events("timer"), 0);
    house.pass(2).await;
    assert_eq!(house.events("timer"), 1);
    worker.shutdown().await;
}

#[tokio::test]
async fn a_stream_created_again_has_other_leases() {
    let house = House::of_shards(2).await;
    let worker = house.worker("worker");
    house.put(0..10).await;
    house.streams.delete_stream("events").await.unwrap();
    house.pass(6).await;
    house.streams.create_stream("events", 1).await.unwrap();
    house.journal.lock().commits.clear();
    house.pass(6).await;
    house.put(10..20).await;
    assert_eq!(house.processed(), (0..20).collect::<Vec<_>>());
    assert_eq!(house.table.0.lock().len(), 1);
    worker.shutdown().await;
}
