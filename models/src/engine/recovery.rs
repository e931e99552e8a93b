//! Recovery: pieces are loaded, then the shard is replayed from the mark of the last complete round, and what
//! a piece has already seen is passed over.

use super::series::Series;
use super::slot::{Cold, Slot};
use super::{Detector, Engine, PieceError, Summary, piece};
use crate::position::Position;
use std::collections::HashMap;

/// What is known of pieces that stand behind the position the replay has reached.
#[derive(Debug)]
pub(super) struct Recovery<S> {
    /// By the slot of a live series: where its piece stands.
    stands_at: HashMap<u32, Position>,
    /// Series whose first observation the replay has not reached, by the position of that.
    unborn: HashMap<Position, (Box<Series<S>>, Position)>,
    /// Behind this position nothing is left to pass over.
    until: Option<Position>,
}

impl<S> Default for Recovery<S> {
    fn default() -> Self {
        Self { stands_at: HashMap::new(), unborn: HashMap::new(), until: None }
    }
}

impl<S> Recovery<S> {
    /// Whether the piece of a live series has seen what stands at `at`.
    pub(super) fn has_seen(&self, slot: u32, at: &Position) -> bool {
        self.until.is_some() && self.stands_at.get(&slot).is_some_and(|stands_at| at <= stands_at)
    }

    /// The series that the observation at `at` gives birth to, if its piece was loaded.
    pub(super) fn take_unborn(&mut self, key: &str, at: &Position) -> Option<(Box<Series<S>>, Position)> {
        self.until?;
        let (series, stands_at) = self.unborn.remove(at)?;
        assert_eq!(&*series.key, key, "a piece was loaded on a shard that is not its own");
        Some((series, stands_at))
    }

    pub(super) fn expect(&mut self, slot: u32, stands_at: Position) {
        self.stands_at.insert(slot, stands_at);
        self.until = self.until.max(Some(stands_at));
    }

    pub(super) fn forget(&mut self, slot: u32) {
        if self.until.is_some() {
            self.stands_at.remove(&slot);
        }
    }

    /// Ends the recovery where the replay is past all pieces.
    pub(super) fn advance(&mut self, at: &Position) {
        if self.until.is_some_and(|until| until < *at) {
            *self = Self::default();
        }
    }
}

impl<D: Detector> Engine<D> {
    /// Before pieces are loaded: where the last complete round says to replay from, and the stream time
    /// there. Without such a round the replay is of all that the shard has, and this is not called.
    pub fn resume(&mut self, replay_from: Position, stream_time_ms: i64) {
        assert!(self.position.is_none() && self.series_count() == 0, "only a new engine resumes");
        self.position = Some(replay_from);
        self.stream_time_ms = stream_time_ms;
    }

    /// Loads a piece that [`Engine::take_pieces`] gave, in any order, before the first observation.
    ///
    /// # Errors
    /// Where the bytes are not a piece of this version under its own key.
    pub fn load_piece(&mut self, key: &[u8], bytes: &[u8]) -> Result<(), PieceError> {
        let (series, stands_at) = piece::decode(&self.detector, &mut self.shared, key, bytes)?;
        if Some(series.born) > self.position {
            self.recovery.until = self.recovery.until.max(Some(stands_at));
            self.recovery.unborn.insert(series.born, (Box::new(series), stands_at));
        } else if self.makes_way(key, &series) {
            let slot = self.insert(Box::new(series));
            self.expect_beyond(slot, stands_at);
        }
        Ok(())
    }

    /// As [`Engine::load_piece`], for a series that stays cold if it may; gives what is shown of it then.
    ///
    /// # Errors
    /// As [`Engine::load_piece`]; but of the detector's state nothing is read.
    pub fn load_cold(&mut self, key: &[u8], bytes: &[u8]) -> Result<Option<Summary>, PieceError> {
        let (series, stands_at) = piece::decode_without_state(&mut self.shared, key, bytes)?;
        if Some(series.born) > self.position {
            // Until the replay has reached its birth it is kept aside.
            return self.load_piece(key, bytes).map(|()| None);
        }
        if !self.makes_way(key, &series) {
            return Ok(None);
        }
        self.open_alerts += series.open_alerts();
        let cold = Cold::new(&series, series.next_timer(&self.config));
        let due_ms = cold.due_ms;
        let slot = self.put(series.key.clone(), Slot::Cold(Box::new(cold)));
        self.push_timer(due_ms, slot);
        self.expect_beyond(slot, stands_at);
        Ok(Some(series.summarize()))
    }

    /// Whether a loaded series that was born before the mark is one of those that are known there.
    fn makes_way<S>(&mut self, key: &[u8], series: &Series<S>) -> bool {
        // Forgotten before the mark, and the stop came before the piece was deleted.
        if series.forgotten_ms(&self.config) <= self.stream_time_ms {
            self.rounds.forgotten(key.into());
            return false;
        }
        // As above, but it has come back since, and the configuration now remembers for longer.
        if let Some(other) = self.slot_of(&series.key) {
            if *self.slots[other as usize].born() > series.born {
                self.rounds.forgotten(key.into());
                return false;
            }
            self.remove(other);
        }
        true
    }

    fn expect_beyond(&mut self, slot: u32, stands_at: Position) {
        if Some(stands_at) > self.position {
            self.recovery.expect(slot, stands_at);
        }
    }
}
