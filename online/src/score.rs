//! The score worker of a shard: gives every observation to the shard's engine and commits what comes of it.
//!
//! Batches are scored one after the other; while the commit of one is synced, the next is scored. What came of
//! a batch is handed on, in order, once its commit is durable, and pieces of state are written behind it. So the
//! engine may be ahead of what is committed, but nothing that anyone sees, and nothing on the disk, is.

mod batch;
mod cold;
mod flush;
mod recovery;

use crate::{
    committed::{Committed, ShardRef},
    kept::Kept,
    metrics::ShardMetrics,
    settlement::Settle,
    work::{ENGINE_VERSION, Routed, SCORE, Shared, Stop, WatchedStream, WorkError},
};
use flush::{Flusher, Slice};
use kizashi_models::{
    detector::Detector,
    engine::{Engine, EngineConfig, Output},
    position::Position,
};
use kizashi_storage::{
    commit::{Commit, Control, ControlEntry},
    commit_log::{Durable, PendingCommit},
    history::{
        History,
        chunk::{FieldPoint, PointRef},
    },
    shard::ShardStore,
};
use kizashi_stream::api::{Cursor, ReadBatch};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::sync::oneshot;

pub use batch::Input;
pub(crate) use recovery::config_json;

/// Batches whose commits may be on their way to the disk.
const PENDING_BATCHES: usize = 4;

/// How long after a deadline that could not be met for want of certainty it is looked at again.
const TICK_RETRY_MS: u64 = 1_000;

/// What the score workers of one stream work with.
#[derive(Clone)]
pub struct Scoring<D> {
    /// Scores; each shard's engine has its own.
    pub detector: D,
    /// Of every engine.
    pub config: EngineConfig,
    /// The stream that is watched.
    pub stream: WatchedStream,
    /// How far its records have been routed, where they are.
    pub routed: Option<Arc<Routed>>,
}

/// A batch that was scored and whose commit is on its way.
struct Scored {
    pending: PendingCommit,
    begun_ms: u64,
    commit: Commit,
    output: Output,
    slice: Option<Slice>,
    oldest_arrival_ms: Option<i64>,
    behind_ms: i64,
    /// Told once the commit is durable.
    settling: Option<oneshot::Sender<()>>,
}

/// Scores one shard until told to stop, or until it fails.
pub struct ScoreShard<'a, D: Detector + Clone> {
    shared: &'a Shared,
    shard: &'a ShardRef,
    /// The stream that is read.
    name: Arc<str>,
    input: Input,
    routed: Option<Arc<Routed>>,
    lease: u64,
    engine: Engine<D>,
    store: Arc<ShardStore>,
    history: Arc<History>,
    metrics: ShardMetrics,
    kept: Kept,
    flusher: Flusher,
    scored: VecDeque<Scored>,
    /// Outputs to be used again.
    spare: Vec<Output>,
    fields: Vec<FieldPoint>,
}

impl<'a, D: Detector + Clone> ScoreShard<'a, D> {
    /// Takes the shard over, recovers its engine and scores. Returns after a clean stop, with all state
    /// flushed at the committed position, or at the end of the shard.
    pub async fn run(
        shared: &'a Shared,
        scoring: &'a Scoring<D>,
        shard: &'a ShardRef,
        lease: u64,
        stop: Stop,
    ) -> Result<(), WorkError> {
        let (mut worker, cursor) = Self::recover(shared, scoring, shard, lease).await?;
        worker.work(cursor, stop).await
    }

    async fn work(&mut self, cursor: Option<Cursor>, mut stop: Stop) -> Result<(), WorkError> {
        let mut cursor = cursor;
        let mut settlements = self.shared.settlements.queue(self.shard);
        while !*stop.borrow() && cursor.is_some() {
            let tick = self.pause_before_tick();
            let idle_flush = self.flusher.pause_when_idle(self.shared.clock.elapsed_ms());
            let room = self.scored.len() < PENDING_BATCHES && self.flusher.has_room();
            tokio::select! {
                biased;
                durable = async { (&mut self.scored.front_mut().expect("checked").pending).await },
                    if !self.scored.is_empty() =>
                {
                    self.release(durable?)?;
                }
                flushed = self.flusher.run(), if self.flusher.is_busy() => self.after_flush(flushed?).await?,
                read = next_read(self.shared, &self.name, &self.shard.shard, cursor), if room => {
                    let read = read?;
                    cursor = read.next;
                    self.score(read).await?;
                }
                Some(settle) = settlements.recv(), if room => self.settle(settle)?,
                () = self.shared.clock.sleep(tick.unwrap_or_default()), if room && tick.is_some() => self.tick().await?,
                () = self.shared.clock.sleep(idle_flush.unwrap_or_default()),
                    if room && idle_flush.is_some() => self.commit_slice()?,
                _ = stop.changed() => {}
            }
        }
        self.finish().await
    }

    /// Scores a batch, queues its commit, and takes the slice of state that goes with it.
    async fn score(&mut self, read: ReadBatch) -> Result<(), WorkError> {
        let (Some(first), Some(last)) = (read.records.first(), read.records.last()) else { return Ok(()) };
        let (oldest_arrival_ms, newest) = (first.arrival_ms, last.sequence.0);
        let mut output = self.spare.pop().unwrap_or_default();
        let mut dead_letters = Vec::new();
        let engine = &mut self.engine;
        let batch = self.input.decode(&read.records);
        let back = batch.bring_back(engine, &self.store.pieces).await?;
        self.metrics.series_read.add(back as u64);
        let records = self.input.observe(batch, engine, &mut output, &mut dead_letters);
        assert_eq!(self.engine.position().sequence, newest, "the engine stands where the batch ends");
        let commit = Commit { dead_letters, records, ..Commit::default() };
        self.commit(commit, output, Some(oldest_arrival_ms), read.behind_latest_ms)
    }

    /// Queues a commit of what the engine has come to.
    fn commit(
        &mut self,
        mut commit: Commit,
        mut output: Output,
        oldest_arrival_ms: Option<i64>,
        behind_ms: i64,
    ) -> Result<(), WorkError> {
        commit.position = self.engine.position();
        commit.stream_time_ms = self.engine.stream_time_ms();
        commit.events = std::mem::take(&mut output.events);
        commit.lease = self.lease;
        commit.engine_version = ENGINE_VERSION;
        commit.digest = output.digest;
        let clock = &self.shared.clock;
        let begun_ms = clock.elapsed_ms();
        let pending = self.store.commits.append(clock.now_ms(), &commit)?;
        let changes = commit.records + commit.control.len() as u64;
        let slice = self.flusher.slice(&mut self.engine, pending.index(), changes, begun_ms);
        self.spill();
        let scored =
            Scored { pending, begun_ms, commit, output, slice, oldest_arrival_ms, behind_ms, settling: None };
        self.scored.push_back(scored);
        Ok(())
    }

    /// Lets the series leave memory that are too many and may.
    fn spill(&mut self) {
        self.engine.spill(self.shared.pace.series_live_max);
        let live = self.engine.live_count();
        self.metrics.series_live.set(live as i64);
        self.metrics.series_cold.set((self.engine.series_count() - live) as i64);
    }

    /// Hands on what a durable commit says, in the order of commits.
    fn release(&mut self, durable: Durable) -> Result<(), WorkError> {
        let scored = self.scored.pop_front().expect("its commit was waited for");
        let Scored { begun_ms, commit, mut output, slice, oldest_arrival_ms, behind_ms, settling, .. } =
            scored;
        append_points(&self.history, &output, &mut self.fields);
        self.shared.sink.committed(Committed {
            shard: self.shard,
            index: durable.index(),
            commit: &commit,
            output: &output,
        });
        if let Some(done) = settling {
            // Whoever asked may have gone.
            let _ = done.send(());
        }
        let clock = &self.shared.clock;
        let metrics = &self.metrics;
        metrics.commits.add(1);
        metrics.records.add(commit.records);
        metrics.dead_letters.add(commit.dead_letters.len() as u64);
        let opened =
            commit.events.iter().filter(|event| event.change == kizashi_models::alert::Change::Opened);
        metrics.alerts.add(opened.count() as u64);
        metrics.lag_ms.set(behind_ms);
        metrics.commit_latency.observe(Duration::from_millis(clock.elapsed_ms().saturating_sub(begun_ms)));
        if let Some(arrival_ms) = oldest_arrival_ms {
            let late_ms = clock.now_ms().saturating_sub(arrival_ms);
            metrics.record_latency.observe(Duration::from_millis(u64::try_from(late_ms).unwrap_or(0)));
        }
        self.flusher.queue(durable, &commit, slice, &mut self.kept);
        output.clear();
        self.spare.push(output);
        Ok(())
    }

    /// How long until a timer of the engine is due by the clock on the wall; `None` where none runs.
    fn pause_before_tick(&mut self) -> Option<Duration> {
        let deadline_ms = self.engine.next_deadline_ms()?;
        let pause_ms = deadline_ms.saturating_sub(self.shared.clock.now_ms());
        let pause = Duration::from_millis(u64::try_from(pause_ms).unwrap_or(0));
        // What may still be on its way from the source comes before the timer.
        let certain = self.certain_ms() >= deadline_ms;
        Some(if certain { pause } else { pause.max(Duration::from_millis(TICK_RETRY_MS)) })
    }

    /// Up to when all that arrived has been read, where this shard is idle.
    fn certain_ms(&self) -> i64 {
        self.routed.as_ref().map_or(i64::MAX, |routed| routed.until_ms())
    }

    /// Moves stream time on where no record does, if a timer is due.
    async fn tick(&mut self) -> Result<(), WorkError> {
        let time_ms = self.shared.clock.now_ms().min(self.certain_ms());
        if self.engine.next_deadline_ms().is_none_or(|deadline_ms| time_ms < deadline_ms) {
            return Ok(());
        }
        let mut output = self.spare.pop().unwrap_or_default();
        let position = self.engine.position();
        let back = cold::bring_back(&mut self.engine, &self.store.pieces, [], time_ms).await?;
        self.metrics.series_read.add(back as u64);
        self.engine.advance(position, time_ms, &mut output);
        let control = vec![ControlEntry { position, control: Control::Tick { time_ms } }];
        self.commit(Commit { control, ..Commit::default() }, output, None, 0)
    }

    /// Commits that letters are dealt with.
    fn settle(&mut self, settle: Settle) -> Result<(), WorkError> {
        let (entry, done) = settle.at(self.engine.position());
        self.commit(Commit { control: vec![entry], ..Commit::default() }, Output::default(), None, 0)?;
        self.scored.back_mut().expect("it was just queued").settling = Some(done);
        Ok(())
    }

    /// Where nothing comes, a slice of state goes with an empty commit.
    fn commit_slice(&mut self) -> Result<(), WorkError> {
        self.commit(Commit::default(), Output::default(), None, 0)
    }

    async fn after_flush(&mut self, done: flush::Done) -> Result<(), WorkError> {
        self.metrics.piece_bytes.add(done.bytes);
        self.engine.slice_is_durable(done.slice);
        self.spill();
        // A series that came back since has another piece.
        let keys = done.forgotten.iter().filter_map(|piece| piece.split(|byte| *byte == 0xff).next());
        let series = keys.filter_map(|key| std::str::from_utf8(key).ok());
        let gone: Vec<Box<str>> = series.filter(|series| !self.engine.knows(series)).map(Box::from).collect();
        if !gone.is_empty() {
            self.shared.sink.forgotten(self.shard, &gone);
        }
        if let Some(mark) = done.mark {
            let before_ms = self.shared.clock.now_ms().saturating_sub(self.shared.pace.commits_kept_ms);
            self.store.commits.trim(mark.commits_from, before_ms)?;
            hold_behind(self.shared, &self.name, &self.shard.shard, &mark.replay_from).await?;
        }
        Ok(())
    }

    /// Waits for all commits and flushes all state at the committed position.
    async fn finish(&mut self) -> Result<(), WorkError> {
        loop {
            while let Some(front) = self.scored.front_mut() {
                let durable = (&mut front.pending).await?;
                self.release(durable)?;
            }
            while self.flusher.is_busy() {
                let done = self.flusher.run().await?;
                self.after_flush(done).await?;
            }
            if self.flusher.is_clean(&self.engine) {
                return Ok(());
            }
            self.flusher.hurry();
            self.commit_slice()?;
        }
    }
}

/// Keeps the records that a recovery would replay from being trimmed.
async fn hold_behind(
    shared: &Shared,
    stream: &str,
    shard: &str,
    position: &Position,
) -> Result<(), WorkError> {
    let from = shared.cursor_behind(stream, shard, position).await?;
    Ok(shared.streams.hold(stream, shard, SCORE, Some(from)).await?)
}

/// Waits until there is something to read and reads it.
async fn next_read(
    shared: &Shared,
    stream: &str,
    shard: &str,
    cursor: Option<Cursor>,
) -> Result<ReadBatch, WorkError> {
    let cursor = cursor.expect("the shard has not ended");
    loop {
        let pace = &shared.pace;
        let read =
            shared.streams.read(stream, shard, cursor, pace.batch_records_max, pace.batch_bytes_max).await?;
        if !read.records.is_empty() || read.next.is_none() {
            return Ok(read);
        }
        shared.streams.readable(stream, shard, cursor).await?;
    }
}

/// Appends the points of a batch to the history.
fn append_points(history: &History, output: &Output, fields: &mut Vec<FieldPoint>) {
    if output.points.is_empty() {
        return;
    }
    history.append(|push| {
        for point in &output.points {
            fields.clear();
            let scored = output.values(point).iter().zip(output.scores(point));
            fields.extend(scored.map(|(value, score)| FieldPoint {
                value: *value,
                expected: score.expected,
                lower: score.lower,
                upper: score.upper,
            }));
            push(
                &point.series,
                &point.fields,
                &PointRef {
                    position: point.position,
                    time_ms: point.time_ms,
                    surprise: point.surprise as f32,
                    anomaly_score: point.anomaly_score as f32,
                    fields,
                },
            );
        }
    });
}
