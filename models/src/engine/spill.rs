//! Cold series: those that have not changed for long leave memory, and come back from their pieces.
//!
//! What leaves when has no influence on what the engine says: a cold series is as its piece says, and nothing
//! is asked of it before it is back. Only its owner knows which pieces are durable, and reads them; so the
//! engine says what it wants before a batch, and does no I/O.

use super::piece;
use super::series::{Series, Timer};
use super::slot::{Cold, Slot};
use super::{Detector, Engine, PieceError};
use std::collections::VecDeque;

/// Series in the order in which they may leave.
#[derive(Debug, Default)]
pub(super) struct Spilling {
    /// How many series are live.
    pub(super) live: usize,
    /// Number of the newest slice of pieces that was given, from 1.
    slice: u64,
    /// Number of the newest slice that is durable with all before it.
    durable: u64,
    /// Slots with the slice that their piece was given with, the longest unchanged first. One that changed
    /// since, or left, has an entry that no longer says anything.
    queue: VecDeque<(u32, u64)>,
}

impl Spilling {
    /// Begins the next slice.
    pub(super) fn next_slice(&mut self) -> u64 {
        self.slice += 1;
        self.slice
    }

    /// Notes that a series may leave once a slice is durable, if it does not change before.
    pub(super) fn may_leave(&mut self, slot: u32, slice: u64) {
        self.queue.push_back((slot, slice));
    }
}

/// A series that has to be brought back, and the key of its piece.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    slot: u32,
    key: Box<[u8]>,
}

impl Wanted {
    /// The key of its piece, under which [`Piece`](super::Piece) gave it.
    pub fn key(&self) -> &[u8] {
        &self.key
    }
}

impl<D: Detector> Engine<D> {
    /// How many series are in memory; the others are cold.
    pub fn live_count(&self) -> usize {
        self.spilling.live
    }

    /// Whether a series is known and cold.
    pub fn is_cold(&self, series: &str) -> bool {
        self.slot_of(series).is_some_and(|slot| matches!(self.slots[slot as usize], Slot::Cold(_)))
    }

    /// Number of the newest slice of pieces that [`Engine::take_pieces`] gave.
    pub fn slice(&self) -> u64 {
        self.spilling.slice
    }

    /// Notes that all pieces up to a slice are durable and can be read.
    pub fn slice_is_durable(&mut self, slice: u64) {
        assert!(slice <= self.spilling.slice, "no such slice was given");
        self.spilling.durable = self.spilling.durable.max(slice);
    }

    /// Lets series leave memory until no more than `live_max` are live, the longest unchanged first. Those
    /// whose newest piece is not durable stay, so it may be more.
    pub fn spill(&mut self, live_max: usize) {
        while self.spilling.live > live_max
            && let Some((slot, slice)) = self.spilling.queue.front().copied()
            && slice <= self.spilling.durable
        {
            self.spilling.queue.pop_front();
            if self.may_leave(slot, slice) {
                self.let_go(slot);
            }
        }
        // Entries that no longer say anything may pile up, but not without bound.
        if self.spilling.queue.len() > 1024 + 4 * self.spilling.live {
            let mut queue = std::mem::take(&mut self.spilling.queue);
            queue.retain(|(slot, slice)| self.may_leave(*slot, *slice));
            self.spilling.queue = queue;
        }
    }

    /// Whether an entry of the queue still says something.
    fn may_leave(&self, slot: u32, slice: u64) -> bool {
        let series = self.slots[slot as usize].live();
        series.is_some_and(|series| !series.dirty && series.has_piece && series.slice == slice)
    }

    fn let_go(&mut self, slot: u32) {
        let series = self.slots[slot as usize].live_mut();
        let (cold, scheduled_ms) = (Cold::new(series, series.next_timer(&self.config)), series.scheduled_ms);
        let due_ms = cold.due_ms;
        self.slots[slot as usize] = Slot::Cold(Box::new(cold));
        self.spilling.live -= 1;
        if scheduled_ms != due_ms {
            self.push_timer(due_ms, slot);
        }
    }

    /// The cold series that have to be brought back before these series are observed and stream time
    /// advances to `until_ms`. Each once, in no particular order.
    pub fn wanted<'a>(&self, series: impl IntoIterator<Item = &'a str>, until_ms: i64) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        if self.spilling.live == self.series_count() {
            return wanted;
        }
        let mut want = |slot: u32, cold: &Cold| {
            let mut key = Vec::new();
            piece::encode_key(&cold.key, &cold.born, &mut key);
            wanted.push(Wanted { slot, key: key.into() });
        };
        for series in series {
            if let Some(slot) = self.slot_of(series)
                && let Slot::Cold(cold) = &self.slots[slot as usize]
            {
                want(slot, cold);
            }
        }
        self.timers.until(until_ms, |slot| {
            if let Slot::Cold(cold) = &self.slots[slot as usize]
                && cold.due_ms <= until_ms
                && !cold.only_forgotten
            {
                want(slot, cold);
            }
        });
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// Brings a series back that [`Engine::wanted`] named, from its piece. One that is live already stays.
    ///
    /// # Errors
    /// Where the bytes are not its piece.
    pub fn bring_back(&mut self, wanted: &Wanted, bytes: &[u8]) -> Result<(), PieceError> {
        let slot = wanted.slot;
        let Slot::Cold(cold) = &self.slots[slot as usize] else { return Ok(()) };
        let (mut series, _) = piece::decode(&self.detector, &mut self.shared, &wanted.key, bytes)?;
        assert!(series.key == cold.key && series.born == cold.born, "a slot is wanted for its own series");
        // So that there is one text of it, here and where it is listed.
        series.key = cold.key.clone();
        series.scheduled_ms = cold.due_ms;
        series.slice = 0;
        self.slots[slot as usize] = Slot::Live(Box::new(series));
        self.spilling.live += 1;
        self.spilling.may_leave(slot, 0);
        self.schedule(slot);
        Ok(())
    }
}

impl Cold {
    /// What stays of a series whose next timer is this one.
    pub(super) fn new<S>(series: &Series<S>, (due_ms, timer): (i64, Timer)) -> Self {
        Self {
            key: series.key.clone(),
            born: series.born,
            due_ms,
            only_forgotten: timer == Timer::Forget && series.episode.is_none() && series.silence.is_none(),
            open_alerts: series.open_alerts() as u8,
        }
    }
}
