//! The route worker of a shard: decodes each record once and puts its observations, keyed by series, on the
//! internal stream.
//!
//! Batches are put one after the other, so that each target shard sees the source in order; while one is
//! put, the next is read and decoded. A put that fails is repeated: the target drops what it has. The
//! position is committed after the put is durable; where there is nothing else to say only now and then,
//! since what is put again is dropped.

use crate::{
    committed::{Committed, Restored, ShardRef},
    kept::Kept,
    metrics::ShardMetrics,
    work::{ENGINE_VERSION, ROUTE, Routed, Shared, Stop, WatchedStream, WorkError, excerpt},
};
use bytes::Bytes;
use kizashi_models::{
    decode::Decoded,
    engine::Output,
    observation::encode_routed,
    position::{Position, Source},
};
use kizashi_storage::{
    commit::{Commit, Control, DeadLetter},
    commit_log::{Durable, PendingCommit},
    pieces::{Mark, PieceBatch},
    shard::ShardStore,
};
use kizashi_stream::{
    api::{BoxFuture, Cursor, PutRecord, ReadBatch, SequencedRecord, SourcePosition, StreamError},
    embedded::{PARTITION_KEY_LENGTH_MAX, PUT_SEQUENCED_RECORDS_MAX},
};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::sync::oneshot;

/// Bytes of records that are put at once, well below what a put may hold.
const PUT_BYTES: usize = 8 << 20;

/// Commits that may be on their way to the disk.
const PENDING_COMMITS: usize = 4;

/// Commits after which a mark says that older ones are not needed.
const MARK_COMMITS: u64 = 256;

/// Longest pause before a put that failed is repeated.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// What became of a batch of records.
#[derive(Debug, Default)]
struct Batch {
    /// To be put, in source order.
    records: Vec<SequencedRecord>,
    observations: u64,
    letters: Vec<DeadLetter>,
    /// The last line of the last record.
    reached: Position,
    oldest_arrival_ms: i64,
    newest_arrival_ms: i64,
    behind_ms: i64,
    /// Where reading goes on; `None` at the end of the shard.
    next: Option<Cursor>,
}

/// What has been put and is not committed.
#[derive(Debug)]
struct Uncommitted {
    commit: Commit,
    since_ms: u64,
    oldest_arrival_ms: i64,
    behind_ms: i64,
    /// Told once it is durable.
    settling: Vec<oneshot::Sender<()>>,
}

/// A commit on its way to the disk.
struct Committing {
    pending: PendingCommit,
    begun_ms: u64,
    covers: Uncommitted,
}

/// Routes one shard until told to stop, or until it fails.
pub struct RouteShard<'a> {
    shared: &'a Shared,
    stream: &'a WatchedStream,
    target: Arc<str>,
    routed: &'a Routed,
    shard: &'a ShardRef,
    lease: u64,
    store: Arc<ShardStore>,
    metrics: ShardMetrics,
    kept: Kept,
    stream_time_ms: i64,
    /// Where the last commit that was begun, or is to be, stands.
    reached: Position,
    output: Output,
    marked: u64,
}

impl<'a> RouteShard<'a> {
    /// Takes the shard over and routes it. Returns after a clean stop, with everything that was put
    /// committed, or at the end of the shard.
    pub async fn run(
        shared: &'a Shared,
        stream: &'a WatchedStream,
        routed: &'a Routed,
        shard: &'a ShardRef,
        lease: u64,
        stop: Stop,
    ) -> Result<(), WorkError> {
        let engine = Control::Engine { snapshot: [0; 32], config: "".into() };
        let taken = shared.take_over(shard, lease, engine, |_| Ok(())).await?;
        let kept = Kept::new(shared.keep, &taken.found, &taken.tail);
        let position = taken.commit.position;
        let restored = Restored {
            alerts: Vec::new(),
            dead_letters: taken.found.letters.into_values().collect(),
            series: Vec::new(),
            next_commit: taken.durable.index() + 1,
        };
        shared.sink.restored(shard, restored);
        let route = Self {
            shared,
            stream,
            target: stream.keyed_name(),
            routed,
            shard,
            lease,
            store: taken.store,
            metrics: taken.metrics,
            kept,
            stream_time_ms: taken.commit.stream_time_ms,
            reached: position,
            output: Output::default(),
            marked: taken.mark.map_or(0, |mark| mark.commits_from),
        };
        route.work(position, stop).await
    }

    async fn work(mut self, position: Position, mut stop: Stop) -> Result<(), WorkError> {
        let mut cursor =
            Some(self.shared.cursor_behind(&self.stream.name, &self.shard.shard, &position).await?);
        self.hold(cursor).await?;
        let mut ready: Option<Batch> = None;
        let mut putting: Option<(BoxFuture<'a, Result<(), WorkError>>, Batch)> = None;
        let mut uncommitted: Option<Uncommitted> = None;
        let mut committing: VecDeque<Committing> = VecDeque::new();
        let mut stopping = *stop.borrow();
        let mut settlements = self.shared.settlements.queue(self.shard);
        loop {
            if putting.is_none()
                && let Some(mut batch) = ready.take()
            {
                let records = std::mem::take(&mut batch.records);
                putting = Some((self.put(records), batch));
            }
            let idle = ready.is_none() && putting.is_none();
            let due = uncommitted.as_ref().map(|progress| self.due(progress, stopping && idle));
            if let Some(pause) = due
                && pause.is_zero()
                && committing.len() < PENDING_COMMITS
            {
                let covers = uncommitted.take().expect("something is due");
                committing.push_back(self.begin_commit(covers)?);
                continue;
            }
            if stopping && idle && uncommitted.is_none() && committing.is_empty() {
                return Ok(());
            }
            tokio::select! {
                biased;
                result = async { putting.as_mut().expect("checked").0.as_mut().await }, if putting.is_some() => {
                    result?;
                    let (_, batch) = putting.take().expect("it has just ended");
                    self.take_up(&mut uncommitted, batch);
                }
                result = async { (&mut committing.front_mut().expect("checked").pending).await },
                    if !committing.is_empty() =>
                {
                    let durable = result?;
                    let done = committing.pop_front().expect("it has just ended");
                    self.release(durable, done).await?;
                }
                batch = self.next_batch(cursor), if ready.is_none() && cursor.is_some() && !stopping => {
                    let batch = batch?;
                    cursor = batch.next;
                    ready = Some(batch);
                }
                Some(settle) = settlements.recv(), if !stopping => {
                    let (entry, done) = settle.at(self.reached);
                    let progress = self.progress(&mut uncommitted, i64::MAX);
                    progress.commit.control.push(entry);
                    progress.settling.push(done);
                }
                () = self.shared.clock.sleep(due.unwrap_or_default()), if due.is_some_and(|d| !d.is_zero()) => {}
                _ = stop.changed(), if !stopping => stopping = true,
            }
            // At the end of the shard what is under way is finished as on a stop.
            stopping |= cursor.is_none();
        }
    }

    /// Waits for records, reads and decodes them.
    async fn next_batch(&self, cursor: Option<Cursor>) -> Result<Batch, WorkError> {
        let cursor = cursor.expect("the shard has not ended");
        let (name, shard) = (&*self.stream.name, &*self.shard.shard);
        let pace = &self.shared.pace;
        loop {
            let read = self
                .shared
                .streams
                .read(name, shard, cursor, pace.batch_records_max, pace.batch_bytes_max)
                .await?;
            if !read.records.is_empty() || read.next.is_none() {
                return Ok(self.decode(&read));
            }
            self.routed.set(shard, i64::MAX);
            self.metrics.lag_ms.set(0);
            self.shared.streams.readable(name, shard, cursor).await?;
        }
    }

    fn decode(&self, read: &ReadBatch) -> Batch {
        let mut batch = Batch { next: read.next, behind_ms: read.behind_latest_ms, ..Batch::default() };
        if let (Some(first), Some(last)) = (read.records.first(), read.records.last()) {
            batch.oldest_arrival_ms = first.arrival_ms;
            batch.newest_arrival_ms = last.arrival_ms;
            self.routed.set(&self.shard.shard, first.arrival_ms);
        }
        let mut encoded = Vec::new();
        let mut placed: Vec<(Arc<str>, SourcePosition, usize)> = Vec::with_capacity(read.records.len());
        let mut source = Source {
            stream: (&*self.stream.name).into(),
            shard: (&*self.shard.shard).into(),
            position: Position::default(),
        };
        for record in &read.records {
            source.position.sequence = record.sequence.0;
            self.stream.decoder.decode(&record.data, &mut |line, decoded| {
                source.position.index = line;
                match decoded {
                    Ok(Decoded::Observation(observation)) => {
                        encode_routed(&source, record.arrival_ms, &observation, &mut encoded);
                        let place = SourcePosition { sequence: record.sequence, index: line };
                        placed.push((partition_key(&observation.series), place, encoded.len()));
                    }
                    // Nobody reads interactions and items yet.
                    Ok(Decoded::Interaction(_) | Decoded::Item(_)) => {}
                    Err(error) => batch.letters.push(DeadLetter {
                        source: source.clone(),
                        arrival_ms: record.arrival_ms,
                        reason: error.reason.into(),
                        excerpt: excerpt(&record.data[error.line]),
                    }),
                }
            });
            batch.reached = source.position;
        }
        let encoded = Bytes::from(encoded);
        let mut start = 0;
        batch.observations = placed.len() as u64;
        batch.records.reserve(placed.len());
        for (partition_key, source, end) in placed {
            let data = encoded.slice(start..end);
            start = end;
            let record = PutRecord { partition_key, explicit_hash_key: None, data };
            batch.records.push(SequencedRecord { record, source });
        }
        batch
    }

    /// Puts records, in parts that a put may hold; repeats what fails for want of room.
    fn put(&self, records: Vec<SequencedRecord>) -> BoxFuture<'a, Result<(), WorkError>> {
        let shared = self.shared;
        let (target, shard) = (self.target.clone(), self.shard);
        Box::pin(async move {
            let mut rest = &records[..];
            while !rest.is_empty() {
                let part;
                (part, rest) = rest.split_at(part_length(rest));
                let mut pause = Duration::from_millis(10);
                loop {
                    let put =
                        shared.streams.put_sequenced(&target, &shard.stream, &shard.shard, part.to_vec());
                    match put.await {
                        Ok(()) => break,
                        Err(StreamError::ThroughputExceeded(_)) => {
                            shared.clock.sleep(pause).await;
                            pause = (pause * 2).min(RETRY_MAX);
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            Ok(())
        })
    }

    fn take_up(&mut self, uncommitted: &mut Option<Uncommitted>, batch: Batch) {
        self.stream_time_ms = self.stream_time_ms.max(batch.newest_arrival_ms);
        self.reached = self.reached.max(batch.reached);
        let progress = self.progress(uncommitted, batch.oldest_arrival_ms);
        progress.commit.position = self.reached;
        progress.commit.records += batch.observations;
        progress.commit.dead_letters.extend(batch.letters);
        progress.behind_ms = batch.behind_ms;
    }

    /// What is to be committed next, with records that arrived from `oldest_arrival_ms` on.
    fn progress<'b>(
        &self,
        uncommitted: &'b mut Option<Uncommitted>,
        oldest_arrival_ms: i64,
    ) -> &'b mut Uncommitted {
        let progress = uncommitted.get_or_insert_with(|| Uncommitted {
            commit: Commit { position: self.reached, ..Commit::default() },
            since_ms: self.shared.clock.elapsed_ms(),
            oldest_arrival_ms,
            behind_ms: 0,
            settling: Vec::new(),
        });
        progress.oldest_arrival_ms = progress.oldest_arrival_ms.min(oldest_arrival_ms);
        progress
    }

    /// How long a commit may wait.
    fn due(&self, progress: &Uncommitted, finishing: bool) -> Duration {
        if finishing || !progress.commit.dead_letters.is_empty() || !progress.commit.control.is_empty() {
            return Duration::ZERO;
        }
        let waited_ms = self.shared.clock.elapsed_ms().saturating_sub(progress.since_ms);
        Duration::from_millis(self.shared.pace.route_commit_ms.saturating_sub(waited_ms))
    }

    fn begin_commit(&self, mut covers: Uncommitted) -> Result<Committing, WorkError> {
        covers.commit.lease = self.lease;
        covers.commit.stream_time_ms = self.stream_time_ms;
        covers.commit.engine_version = ENGINE_VERSION;
        let begun_ms = self.shared.clock.elapsed_ms();
        let pending = self.store.commits.append(self.shared.clock.now_ms(), &covers.commit)?;
        Ok(Committing { pending, begun_ms, covers })
    }

    /// Hands on what a durable commit says, and keeps its dead letters as pieces.
    async fn release(&mut self, durable: Durable, done: Committing) -> Result<(), WorkError> {
        let clock = &self.shared.clock;
        let Uncommitted { commit, oldest_arrival_ms, behind_ms, settling, .. } = done.covers;
        let metrics = &self.metrics;
        metrics.commits.add(1);
        metrics.records.add(commit.records);
        metrics.dead_letters.add(commit.dead_letters.len() as u64);
        metrics.lag_ms.set(behind_ms);
        metrics
            .commit_latency
            .observe(Duration::from_millis(clock.elapsed_ms().saturating_sub(done.begun_ms)));
        if commit.records > 0 {
            metrics.record_latency.observe(since(clock.now_ms(), oldest_arrival_ms));
        }
        let index = durable.index();
        self.shared.sink.committed(Committed {
            shard: self.shard,
            index,
            commit: &commit,
            output: &self.output,
        });
        for done in settling {
            // Whoever asked may have gone.
            let _ = done.send(());
        }
        let mut pieces = PieceBatch::default();
        self.kept.follow(&commit, &mut pieces);
        if !pieces.is_empty() || index >= self.marked + MARK_COMMITS {
            pieces.mark(&Mark {
                replay_from: commit.position,
                stream_time_ms: commit.stream_time_ms,
                commits_from: index + 1,
            });
            self.store.pieces.write(durable, clock.now_ms(), &pieces).await?;
            self.marked = index + 1;
            let before_ms = clock.now_ms().saturating_sub(self.shared.pace.commits_kept_ms);
            self.store.commits.trim(self.marked, before_ms)?;
        }
        let behind =
            self.shared.cursor_behind(&self.stream.name, &self.shard.shard, &commit.position).await?;
        self.hold(Some(behind)).await
    }

    /// Keeps the records that are not committed yet from being trimmed.
    async fn hold(&self, from: Option<Cursor>) -> Result<(), WorkError> {
        let (stream, shard) = (&*self.stream.name, &*self.shard.shard);
        Ok(self.shared.streams.hold(stream, shard, ROUTE, from).await?)
    }
}

fn since(now_ms: i64, then_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(now_ms.saturating_sub(then_ms)).unwrap_or(0))
}

/// The part of the records that fits one put.
fn part_length(records: &[SequencedRecord]) -> usize {
    let mut bytes = 0;
    let fits = records.iter().take(PUT_SEQUENCED_RECORDS_MAX).take_while(|record| {
        bytes += record.record.data.len() + record.record.partition_key.len();
        bytes <= PUT_BYTES
    });
    fits.count().max(1)
}

/// The key that decides the shard of a series: its own, cut to what a key may have.
fn partition_key(series: &str) -> Arc<str> {
    if series.len() <= PARTITION_KEY_LENGTH_MAX {
        return series.into();
    }
    series.chars().take(PARTITION_KEY_LENGTH_MAX).collect::<String>().into()
}
