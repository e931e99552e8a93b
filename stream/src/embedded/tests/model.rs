//! Whatever is done, and wherever the disk fails: what was acknowledged is there, once and in order.

use super::*;
use kizashi_log::{HookedFileSystem, OperationKind};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

const SOURCES: [&str; 3] = ["shardId-000000000000", "shardId-000000000001", "shardId-000000000002"];

#[derive(Clone, Debug)]
enum Step {
    /// Puts so many records under one of a few keys.
    Put { key: u8, count: u8 },
    /// Puts re-keyed records of a source, from so far back to so far beyond what it is known to have put.
    Sequenced { source: usize, back: u64, ahead: u64 },
    /// The same, twice at once.
    Twice { source: usize, back: u64, ahead: u64 },
    /// The process is killed.
    Kill,
    /// The power fails after so many more operations of the disk.
    PowerLoss { after: u64, seed: u64 },
    /// A write, so far ahead, finds the disk full.
    Fail { after: usize },
    /// Time passes, or the clock is set back.
    Time { ms: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u8..5, 1u8..6).prop_map(|(key, count)| Step::Put { key, count }),
        6 => (0usize..3, 0u64..8, 1u64..8).prop_map(|(source, back, ahead)| Step::Sequenced { source, back, ahead }),
        2 => (0usize..3, 0u64..8, 1u64..8).prop_map(|(source, back, ahead)| Step::Twice { source, back, ahead }),
        2 => Just(Step::Kill),
        2 => (0u64..12, any::<u64>()).prop_map(|(after, seed)| Step::PowerLoss { after, seed }),
        2 => (0usize..6).prop_map(|after| Step::Fail { after }),
        1 => (-100i64..1000).prop_map(|ms| Step::Time { ms }),
    ];
    prop::collection::vec(step, 1..40)
}

struct Model {
    setup: Setup,
    fs: Arc<dyn FileSystem>,
    /// Writes until the disk is found full.
    full_after: Arc<AtomicUsize>,
    streams: EmbeddedStreams,
    /// What was acknowledged, by shard, with its sequence number.
    acknowledged: BTreeMap<Arc<str>, Vec<(SequenceNumber, String)>>,
    put: usize,
    /// Of each source, the first that was not acknowledged.
    next: [u64; 3],
    /// Of each source, the first that was never put; those from `next` on may be there or not.
    tried: [u64; 3],
}

impl Model {
    async fn begin(segment_bytes: u64) -> Self {
        let setup = setup(segment_bytes);
        let full_after = Arc::new(AtomicUsize::new(usize::MAX));
        let count_down = full_after.clone();
        let fs: Arc<dyn FileSystem> =
            Arc::new(HookedFileSystem::new(Arc::new(setup.disk.clone()), move |operation| {
                // Not syncs: what a failed one should have synced is lost for good, though a process that
                // starts again still reads it.
                let full =
                    operation.kind == OperationKind::Write && count_down.fetch_sub(1, Ordering::SeqCst) == 0;
                if full { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
            }));
        let streams = setup.open_on(fs.clone());
        streams.create_stream("events", 2).await.unwrap();
        streams.create_stream(".keyed", 2).await.unwrap();
        Self {
            setup,
            fs,
            full_after,
            streams,
            acknowledged: BTreeMap::new(),
            put: 0,
            next: [0; 3],
            tried: [0; 3],
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Put { key, count } => {
                let texts: Vec<String> = (0..count).map(|_| self.next_text()).collect();
                let records = texts.iter().map(|text| record(&key.to_string(), text)).collect();
                for (outcome, text) in
                    self.streams.put_records("events", records).await.unwrap().into_iter().zip(texts)
                {
                    if let Ok(placed) = outcome {
                        self.acknowledged.entry(placed.shard).or_default().push((placed.sequence, text));
                    }
                }
            }
            Step::Sequenced { source, back, ahead } => {
                let range = self.range(source, back, ahead);
                let put = self.put_sequenced(source, range.clone()).await;
                if put {
                    self.next[source] = self.next[source].max(range.end);
                }
            }
            Step::Twice { source, back, ahead } => {
                let range = self.range(source, back, ahead);
                self.tried[source] = self.tried[source].max(range.end);
                let put = || {
                    let records = self.keyed(source, range.clone());
                    self.streams.put_sequenced(".keyed", "events", SOURCES[source], records)
                };
                let (first, second) = tokio::join!(put(), put());
                if first.is_ok() || second.is_ok() {
                    self.next[source] = self.next[source].max(range.end);
                }
            }
            Step::Kill => self.restart(|disk| disk.restart()),
            Step::PowerLoss { after, seed } => {
                self.setup.disk.crash_at(self.setup.disk.operations() + after);
                for source in 0..3 {
                    let range = self.range(source, 0, 3);
                    if self.put_sequenced(source, range.clone()).await {
                        self.next[source] = range.end;
                    }
                }
                self.restart(|disk| disk.power_loss(seed));
            }
            Step::Fail { after } => {
                self.full_after.store(after, Ordering::SeqCst);
            }
            Step::Time { ms } => {
                let now_ms = crate::clock::Clock::now_ms(&self.setup.clock);
                self.setup.clock.set(now_ms + ms);
            }
        }
    }

    fn next_text(&mut self) -> String {
        self.put += 1;
        self.put.to_string()
    }

    fn range(&self, source: usize, back: u64, ahead: u64) -> std::ops::Range<u64> {
        self.next[source].saturating_sub(back)..self.next[source] + ahead
    }

    async fn put_sequenced(&mut self, source: usize, range: std::ops::Range<u64>) -> bool {
        self.tried[source] = self.tried[source].max(range.end);
        let records = self.keyed(source, range);
        self.streams.put_sequenced(".keyed", "events", SOURCES[source], records).await.is_ok()
    }

    fn keyed(&self, source: usize, range: std::ops::Range<u64>) -> Vec<SequencedRecord> {
        let mut records = sequenced(5, range.clone());
        for (record, n) in records.iter_mut().zip(range) {
            record.record.data = format!("{source} {n}").into();
        }
        records
    }

    /// A new process.
    fn restart(&mut self, fail: impl Fn(&SimFileSystem)) {
        fail(&self.setup.disk);
        self.full_after.store(usize::MAX, Ordering::SeqCst);
        self.streams = self.setup.open_on(self.fs.clone());
    }

    async fn check(mut self) {
        self.restart(|disk| disk.restart());
        for source in 0..3 {
            let range = 0..self.tried[source].max(1);
            assert!(self.put_sequenced(source, range.clone()).await, "the disk is well");
            self.next[source] = range.end;
        }
        for shard in self.streams.describe_stream("events").await.unwrap().shards {
            let records = all(&self.streams, "events", &shard.id).await;
            let found: BTreeMap<_, _> = records
                .iter()
                .map(|record| (record.sequence, String::from_utf8_lossy(&record.data)))
                .collect();
            let acknowledged = self.acknowledged.remove(&shard.id).unwrap_or_default();
            assert!(acknowledged.is_sorted(), "numbers grow");
            for (sequence, text) in acknowledged {
                assert_eq!(found.get(&sequence).map(|text| &**text), Some(&*text));
            }
        }
        let mut seen: BTreeMap<(String, u64), usize> = BTreeMap::new();
        for shard in self.streams.describe_stream(".keyed").await.unwrap().shards {
            let records = all(&self.streams, ".keyed", &shard.id).await;
            assert!(records.is_sorted_by(|a, b| a.sequence < b.sequence && a.arrival_ms <= b.arrival_ms));
            let mut last: BTreeMap<String, u64> = BTreeMap::new();
            for record in &records {
                let text = String::from_utf8_lossy(&record.data);
                let (source, n) = text.split_once(' ').unwrap();
                let n = n.parse().unwrap();
                assert!(
                    last.insert(source.to_owned(), n).is_none_or(|last| last < n),
                    "in the source's order"
                );
                *seen.entry((source.to_owned(), n)).or_default() += 1;
            }
        }
        let expected: usize = self.next.iter().map(|next| *next as usize).sum();
        assert_eq!(seen.len(), expected, "{seen:?}");
        assert!(seen.values().all(|count| *count == 1), "each once: {seen:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_was_acknowledged_is_there_once_and_in_order(steps in steps(), segment_bytes in 100u64..2_000) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut model = Model::begin(segment_bytes).await;
            for step in steps {
                model.step(step).await;
            }
            model.check().await;
        });
    }
}
