//! State is written behind the commits, in rounds: a round writes every piece that changed since it was last
//! written, a slice with each commit, and ends with a mark from which a recovery replays.

use crate::{
    kept::{Kept, key},
    work::{Pace, WorkError},
};
use kizashi_models::{
    detector::Detector,
    engine::{Engine, RoundEnd},
    position::Position,
};
use kizashi_storage::{
    commit::Commit,
    commit_log::Durable,
    history::History,
    pieces::{Mark, PieceBatch},
    shard::ShardStore,
};
use kizashi_stream::{api::BoxFuture, clock::Clock};
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// A slice is at least so many bytes, unless the last was long ago: each costs two syncs.
const SLICE_BYTES_MIN: u64 = 64 << 10;

/// A slice of any size is due after this long.
const SLICE_MS_MAX: u64 = 1_000;

/// Slices that may wait to be written; more are not taken before.
const SLICES_WAITING: usize = 4;

/// Writes that may wait; beyond it nothing more is scored.
const WRITES_WAITING: usize = 64;

/// Pieces of state as they stood at a commit.
#[derive(Debug, Default)]
pub struct Slice {
    pieces: PieceBatch,
    /// Series whose points are made durable before.
    series: Vec<Box<str>>,
    end: Option<(Mark, Vec<Box<[u8]>>)>,
}

/// What a write has done.
#[derive(Debug)]
pub struct Done {
    pub bytes: u64,
    pub mark: Option<Mark>,
    /// Keys of the pieces of series that were forgotten.
    pub forgotten: Vec<Box<[u8]>>,
}

/// Writes history and pieces in the order of commits, one write at a time, and paces the rounds.
pub struct Flusher {
    store: Arc<ShardStore>,
    history: Arc<History>,
    clock: Arc<dyn Clock>,
    pace: Pace,
    waiting: VecDeque<(Durable, Slice)>,
    running: Option<BoxFuture<'static, Result<Done, WorkError>>>,
    round: Round,
}

/// How far the round is.
#[derive(Debug)]
struct Round {
    /// Whether one is under way.
    open: bool,
    /// Where the round began: the first commit beyond it.
    commits_from: u64,
    began_ms: u64,
    /// Observations, and timers that fired, since it began.
    changes: u64,
    /// Bytes it has written.
    bytes: u64,
    /// Bytes of the round before.
    bytes_before: u64,
    /// Bytes that may be written now, and since when.
    credit: u64,
    sliced_ms: u64,
    /// The position from which the newest mark replays.
    marked: Option<Position>,
    hurry: bool,
}

impl Flusher {
    /// Nothing is under way. `changes` observations have been replayed from the position that is marked.
    pub fn new(
        store: Arc<ShardStore>,
        history: Arc<History>,
        clock: Arc<dyn Clock>,
        pace: Pace,
        marked: Option<Position>,
        changes: u64,
    ) -> Self {
        let now_ms = clock.elapsed_ms();
        let round = Round {
            open: false,
            commits_from: 0,
            began_ms: now_ms,
            changes,
            bytes: 0,
            bytes_before: SLICE_BYTES_MIN,
            credit: 0,
            sliced_ms: now_ms,
            marked,
            hurry: false,
        };
        Self { store, history, clock, pace, waiting: VecDeque::new(), running: None, round }
    }

    /// After the changes of a commit: takes the slice that is due, if one is.
    pub fn slice<D: Detector>(
        &mut self,
        engine: &mut Engine<D>,
        commit: u64,
        changes: u64,
        now_ms: u64,
    ) -> Option<Slice> {
        let round = &mut self.round;
        round.changes += changes;
        if self.waiting.len() >= SLICES_WAITING && !round.hurry {
            return None;
        }
        let budget = round.budget(&self.pace, changes, now_ms)?;
        if !round.open {
            round.open = true;
            round.commits_from = commit + 1;
            round.began_ms = now_ms;
            round.changes = 0;
            round.bytes = 0;
        }
        let mut slice = Slice::default();
        let mut keyed = vec![key::SERIES];
        let end = engine.take_pieces(usize::try_from(budget).unwrap_or(usize::MAX), &mut |piece| {
            keyed.truncate(1);
            keyed.extend_from_slice(piece.key);
            slice.pieces.put(&keyed, piece.bytes);
            slice.series.push(piece.series.into());
        });
        round.bytes += slice.pieces.bytes() as u64;
        if let Some(RoundEnd { replay_from, stream_time_ms, forgotten }) = end {
            let mark = Mark { replay_from, stream_time_ms, commits_from: round.commits_from };
            slice.end = Some((mark, forgotten));
            round.open = false;
            round.bytes_before = round.bytes.max(SLICE_BYTES_MIN);
            round.marked = Some(replay_from);
            round.hurry = false;
        }
        Some(slice)
    }

    /// Queues what a durable commit changes and the slice that was taken at it.
    pub fn queue(&mut self, durable: Durable, commit: &Commit, slice: Option<Slice>, kept: &mut Kept) {
        let mut slice = slice.unwrap_or_default();
        kept.follow(commit, &mut slice.pieces);
        if !slice.pieces.is_empty() || slice.end.is_some() {
            self.waiting.push_back((durable, slice));
        }
    }

    /// Whether there is something to write.
    pub fn is_busy(&self) -> bool {
        self.running.is_some() || !self.waiting.is_empty()
    }

    /// Whether more may be queued: what waits is bounded.
    pub fn has_room(&self) -> bool {
        self.waiting.len() < WRITES_WAITING
    }

    /// Writes the next that waits. May be dropped and called again.
    pub async fn run(&mut self) -> Result<Done, WorkError> {
        if self.running.is_none() {
            let (durable, slice) = self.waiting.pop_front().expect("the flusher is busy");
            let write = write(self.store.clone(), self.history.clone(), self.clock.clone(), durable, slice);
            self.running = Some(Box::pin(write));
        }
        let done = self.running.as_mut().expect("it was set above").await;
        self.running = None;
        done
    }

    /// How long until a slice is due though nothing comes; `None` where all state is written.
    pub fn pause_when_idle(&self, now_ms: u64) -> Option<Duration> {
        let round = &self.round;
        if !round.open && round.changes == 0 || self.waiting.len() >= SLICES_WAITING {
            return None;
        }
        let due_ms = if round.open {
            round.sliced_ms + SLICE_MS_MAX
        } else {
            (round.began_ms + self.pace.round_ms / 2).max(round.sliced_ms + SLICE_MS_MAX)
        };
        Some(Duration::from_millis(due_ms.saturating_sub(now_ms)))
    }

    /// Whether a recovery would replay nothing.
    pub fn is_clean<D: Detector>(&self, engine: &Engine<D>) -> bool {
        let round = &self.round;
        !round.open && round.changes == 0 && round.marked.is_some_and(|at| at == engine.position())
    }

    /// The next slice ends the round.
    pub fn hurry(&mut self) {
        self.round.hurry = true;
    }
}

impl Round {
    /// Bytes that are to be written now: enough that the round ends in time.
    fn budget(&mut self, pace: &Pace, changes: u64, now_ms: u64) -> Option<u64> {
        if self.hurry {
            return Some(u64::MAX);
        }
        let elapsed_ms = now_ms.saturating_sub(self.began_ms);
        if !self.open {
            // Half of the time lies between rounds, so that what changes often is not written all the time.
            let due = self.changes >= pace.round_records / 2 || elapsed_ms >= pace.round_ms / 2;
            if !due {
                return None;
            }
            self.credit = 0;
        }
        let since_ms = now_ms.saturating_sub(self.sliced_ms);
        let per_record = self.bytes_before.saturating_mul(changes) / (pace.round_records / 2).max(1);
        let per_time =
            self.bytes_before.saturating_mul(since_ms.min(SLICE_MS_MAX)) / (pace.round_ms / 2).max(1);
        self.credit += per_record.max(per_time) * 5 / 4 + 1;
        let late = self.open && (self.changes >= pace.round_records / 2 || elapsed_ms >= pace.round_ms / 2);
        if late {
            // There is more than in the round before.
            self.credit = self.credit.saturating_mul(4);
        }
        if self.credit < SLICE_BYTES_MIN && since_ms < SLICE_MS_MAX {
            return None;
        }
        self.sliced_ms = now_ms;
        Some(std::mem::take(&mut self.credit).max(SLICE_BYTES_MIN / 4))
    }
}

/// The points of the series first, then their pieces, then what the end of the round makes superfluous.
async fn write(
    store: Arc<ShardStore>,
    history: Arc<History>,
    clock: Arc<dyn Clock>,
    durable: Durable,
    slice: Slice,
) -> Result<Done, WorkError> {
    let now_ms = clock.now_ms();
    history.flush(now_ms, &slice.series).await?;
    let Slice { mut pieces, end, .. } = slice;
    let (mark, forgotten) = end.map_or((None, Vec::new()), |(mark, forgotten)| (Some(mark), forgotten));
    if let Some(mark) = &mark {
        pieces.mark(mark);
    }
    let bytes = pieces.bytes() as u64;
    store.pieces.write(durable, now_ms, &pieces).await?;
    if !forgotten.is_empty() {
        let mut deletions = PieceBatch::default();
        for forgotten in &forgotten {
            deletions.delete(&[&[key::SERIES], &forgotten[..]].concat());
        }
        store.pieces.write(durable, now_ms, &deletions).await?;
    }
    if mark.is_some() {
        history.keep_bounds(now_ms).await?;
    }
    Ok(Done { bytes, mark, forgotten })
}
