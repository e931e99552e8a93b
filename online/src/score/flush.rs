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

/// And at most about so many: what waits to be written is in memory.
const SLICE_BYTES_MAX: u64 = 4 << 20;

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
    /// The engine's number of it; 0 where it holds none of its pieces.
    number: u64,
}

/// What a write has done.
#[derive(Debug)]
pub struct Done {
    pub bytes: u64,
    pub mark: Option<Mark>,
    /// Keys of the pieces of series that were forgotten.
    pub forgotten: Vec<Box<[u8]>>,
    /// The engine's number of the slice that is durable, with all before it.
    pub slice: u64,
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
    /// Bytes of the round before, or as many as are expected of this one.
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
        let round = Round::new(clock.elapsed_ms(), changes, marked);
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
        let room = self.waiting.len() < SLICES_WAITING;
        let budget = round.budget(&self.pace, changes, now_ms, room)?;
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
        slice.number = engine.slice();
        round.bytes += slice.pieces.bytes() as u64;
        if let Some(RoundEnd { replay_from, stream_time_ms, forgotten }) = end {
            let mark = Mark { replay_from, stream_time_ms, commits_from: round.commits_from };
            slice.end = Some((mark, forgotten));
            round.open = false;
            round.credit = 0;
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

    /// Whether more may be scored: what waits is bounded, and a round that the disk can't follow is waited for,
    /// so that what a recovery replays is bounded too.
    pub fn has_room(&self) -> bool {
        let late = self.round.changes >= self.pace.round_records && self.is_busy();
        self.waiting.len() < WRITES_WAITING && !late
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
    fn new(now_ms: u64, changes: u64, marked: Option<Position>) -> Self {
        Self {
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
        }
    }

    /// Bytes that are to be written now, where there is room for a slice: enough that the round ends in time.
    fn budget(&mut self, pace: &Pace, changes: u64, now_ms: u64, room: bool) -> Option<u64> {
        if self.hurry {
            return Some(u64::MAX);
        }
        let elapsed_ms = now_ms.saturating_sub(self.began_ms);
        let over = self.changes >= pace.round_records / 2 || elapsed_ms >= pace.round_ms / 2;
        // Half of the time lies between rounds, so that what changes often is not written all the time.
        if !self.open && !over {
            return None;
        }
        let late = self.open && over;
        if late {
            // There is more than in the round before, or the disk is slow: as much again is expected as was written.
            self.bytes_before = self.bytes_before.max(self.bytes * 2);
        }
        let since_ms = now_ms.saturating_sub(self.sliced_ms);
        let per_record = self.bytes_before.saturating_mul(changes) / (pace.round_records / 2).max(1);
        let per_time =
            self.bytes_before.saturating_mul(since_ms.min(SLICE_MS_MAX)) / (pace.round_ms / 2).max(1);
        let slice_max = (self.bytes_before / 4).clamp(SLICE_BYTES_MIN, SLICE_BYTES_MAX);
        let due = per_record.max(per_time) * 5 / 4 + 1;
        self.credit = (self.credit + if late { due * 4 } else { due }).min(slice_max);
        if !room || (self.credit < SLICE_BYTES_MIN && since_ms < SLICE_MS_MAX) {
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
    let Slice { mut pieces, end, number, .. } = slice;
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
    Ok(Done { bytes, mark, forgotten, slice: number })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIES_BYTES: u64 = 4 << 20;

    /// A round of so many bytes, on a disk that takes a slice with every `takes_each`-th commit, while no time
    /// passes: over how many observations it goes on once it is due.
    fn observations_of_a_round(bytes_before: u64, takes_each: u64) -> u64 {
        let pace = Pace::default();
        let mut round = Round { bytes_before, ..Round::new(0, pace.round_records / 2, None) };
        let changes = 1_000;
        for commit in 1.. {
            round.changes += changes;
            assert!(commit < 10_000, "{round:?}");
            let Some(budget) = round.budget(&pace, changes, 0, commit % takes_each == 0) else { continue };
            if !round.open {
                round.open = true;
                round.changes = 0;
                round.bytes = 0;
            }
            round.bytes += budget;
            if round.bytes >= SERIES_BYTES {
                return commit * changes;
            }
        }
        unreachable!("it returns or fails")
    }

    #[test]
    fn a_round_ends_in_time_however_fast_the_observations_come() {
        let in_time = Pace::default().round_records / 2;
        assert!(observations_of_a_round(SERIES_BYTES, 1) <= in_time);
        // The disk is slow.
        assert!(observations_of_a_round(SERIES_BYTES, 5) <= in_time * 3 / 2);
        // The first round, and one with many more series than the one before.
        assert!(observations_of_a_round(SLICE_BYTES_MIN, 1) <= in_time * 5 / 2);
    }

    #[test]
    fn nothing_is_due_between_rounds() {
        let pace = Pace::default();
        let mut round =
            Round { bytes_before: SERIES_BYTES, ..Round::new(0, pace.round_records / 2 - 1, None) };
        assert_eq!(round.budget(&pace, 100, pace.round_ms / 2 - 1, true), None);
        assert_ne!(round.budget(&pace, 100, pace.round_ms / 2, true), None, "time passes too");
        round.changes += 1;
        assert_ne!(round.budget(&pace, 20_000, 0, true), None);
    }
}
