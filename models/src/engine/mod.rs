//! The engine: all series of one shard, each scored, learnt and watched for episodes and silence.
//!
//! It is a function of the pieces it was loaded with, its configuration, and the calls made to it: after
//! a restart, loading the pieces and making the same calls behind the mark of the last round again reaches
//! the same state bit for bit. For that, series know nothing of each other. What they share is stream time,
//! which [`Engine::resume`] sets, and their number, which admits new ones.

mod budget;
mod config;
mod digest;
mod episode;
mod habit;
mod observe;
mod output;
mod pace;
mod past;
mod piece;
mod recovery;
mod rounds;
mod rules;
mod run;
mod series;
mod shared;
mod slot;
mod spill;
mod timers;
mod why;

#[cfg(test)]
mod behaviour_test;
#[cfg(test)]
mod replay_test;
#[cfg(test)]
mod rules_test;
#[cfg(test)]
mod test_bench;

pub use config::{ConfigError, EngineConfig};
pub use output::{Output, Point};
pub use rules::{Direction, RULES_MAX, SeriesRule};
pub use spill::Wanted;

use crate::alert::AlertId;
use crate::codec::CodecError;
use crate::detector::{Detector, Scored, StateError};
use crate::position::Position;
use recovery::Recovery;
use rounds::Rounds;
use series::Series;
use shared::Shared;
use slot::Slot;
use spill::Spilling;
use std::collections::HashMap;
use std::sync::Arc;
use timers::Timers;

/// Why an observation was refused: it becomes a dead letter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Its own time lies too far ahead of its arrival.
    #[error(
        "time in the future: {time_ms} is {ahead_s} s ahead of its arrival; at most {ahead_max_s} s are allowed (ahead_max_s)"
    )]
    Future {
        /// The observation's own time, Unix milliseconds.
        time_ms: i64,
        /// How far it lies ahead of the arrival.
        ahead_s: i64,
        /// What is allowed.
        ahead_max_s: u32,
    },
    /// The shard holds as many series as it may.
    #[error("the shard holds {series_max} series and takes no new one (series_max); `{series}` would be one")]
    TooManySeries {
        /// The new series.
        series: Box<str>,
        /// What is allowed.
        series_max: u32,
    },
    /// With its new fields the series would have too many.
    #[error("with this observation the series would have {fields} fields; at most 256 are allowed")]
    TooManyFields {
        /// How many it would have.
        fields: usize,
    },
}

/// A piece of state that can't be loaded.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PieceError {
    /// The bytes are not a piece.
    #[error("not a piece of a series' state: {0}")]
    Form(#[from] CodecError),
    /// The detector doesn't know its state in it.
    #[error(transparent)]
    State(#[from] StateError),
    /// It stands under a key that is not its own.
    #[error("what stands under the key of `{series}` is the piece of another series")]
    Key {
        /// The series that the key is of.
        series: String,
    },
}

/// What is shown of a series in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Key of the series.
    pub series: Arc<str>,
    /// Stream of its newest observation.
    pub stream: Arc<str>,
    /// Names of its fields; one empty name for a single value.
    pub fields: Arc<[Box<str>]>,
    /// Time of its newest observation.
    pub last_ms: i64,
    /// Values there, one a field, NaN where missing.
    pub values: Vec<f64>,
    /// How many observations it has had.
    pub observations: u64,
    /// Surprise of the newest.
    pub surprise: f64,
    /// Its open alert, that of unusual observations before that of silence.
    pub open_alert: Option<AlertId>,
}

/// The state of one series, to be kept under its key until that is named in [`RoundEnd::forgotten`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Key of the series, whose points up to here are to be durable before the piece.
    pub series: &'a str,
    /// Key of the piece: that of the series, 0xff, and the position of its first observation, so that a
    /// series that was forgotten and came back does not overwrite what a replay still needs.
    pub key: &'a [u8],
    /// The piece.
    pub bytes: &'a [u8],
}

/// The end of a round of pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundEnd {
    /// With the pieces of all complete rounds, a replay behind this position reaches the same state.
    pub replay_from: Position,
    /// Stream time there, to be given to [`Engine::resume`].
    pub stream_time_ms: i64,
    /// Keys of pieces to delete once the mark is durable: their series are forgotten.
    pub forgotten: Vec<Box<[u8]>>,
}

/// All series of one shard.
pub struct Engine<D: Detector> {
    detector: D,
    config: EngineConfig,
    snapshot: [u8; 32],
    slot_by_key: HashMap<Arc<str>, u32>,
    slots: Vec<Slot<D::State>>,
    free_slots: Vec<u32>,
    timers: Timers,
    rounds: Rounds,
    spilling: Spilling,
    recovery: Recovery<D::State>,
    shared: Shared,
    position: Option<Position>,
    observed: Option<Position>,
    stream_time_ms: i64,
    open_alerts: usize,
    values: Vec<f64>,
    scored: Scored,
}

impl<D: Detector> Engine<D> {
    /// An engine that knows no series.
    ///
    /// # Errors
    /// Names the key of the configuration that is out of its range.
    pub fn new(detector: D, config: EngineConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            snapshot: detector.snapshot_id(),
            shared: Shared::new(&config),
            detector,
            config,
            slot_by_key: HashMap::new(),
            slots: Vec::new(),
            free_slots: Vec::new(),
            timers: Timers::default(),
            rounds: Rounds::default(),
            spilling: Spilling::default(),
            recovery: Recovery::default(),
            position: None,
            observed: None,
            stream_time_ms: i64::MIN,
            open_alerts: 0,
            values: Vec::new(),
            scored: Scored::default(),
        })
    }

    /// The newest position given; the default before any.
    pub fn position(&self) -> Position {
        self.position.unwrap_or_default()
    }

    /// The stream time there; `i64::MIN` before any.
    pub fn stream_time_ms(&self) -> i64 {
        self.stream_time_ms
    }

    /// How many series are known.
    pub fn series_count(&self) -> usize {
        self.slot_by_key.len()
    }

    /// How many alerts are open.
    pub fn open_alerts(&self) -> usize {
        self.open_alerts
    }

    /// Heap and inline bytes that the detector's states of live series occupy.
    pub fn state_bytes(&self) -> usize {
        self.slots
            .iter()
            .filter_map(Slot::live)
            .map(|series| self.detector.state_bytes(&series.detector))
            .sum()
    }

    /// Every live series, in no particular order.
    pub fn summaries(&self) -> impl Iterator<Item = Summary> {
        self.slots.iter().filter_map(Slot::live).map(|series| series.summarize())
    }

    /// One live series.
    pub fn summary(&self, key: &str) -> Option<Summary> {
        Some(self.slots[self.slot_of(key)? as usize].live()?.summarize())
    }

    /// Whether a series is known.
    pub fn knows(&self, key: &str) -> bool {
        self.slot_by_key.contains_key(key)
    }

    /// The alert of unusual observations that is open on a live series.
    pub fn open_episode(&self, key: &str) -> Option<AlertId> {
        let slot = self.slot_of(key)?;
        self.slots[slot as usize].live()?.open_episode()
    }

    fn slot_of(&self, key: &str) -> Option<u32> {
        self.slot_by_key.get(key).copied()
    }

    /// Makes a series live, as it is.
    fn insert(&mut self, series: Box<Series<D::State>>) -> u32 {
        self.open_alerts += series.open_alerts();
        let has_piece = series.has_piece;
        let slot = self.put(Arc::clone(&series.key), Slot::Live(series));
        self.spilling.live += 1;
        if has_piece {
            self.spilling.may_leave(slot, 0);
        }
        self.schedule(slot);
        slot
    }

    /// Puts a series that is not known into a slot.
    fn put(&mut self, key: Arc<str>, content: Slot<D::State>) -> u32 {
        let slot = self.free_slots.pop().unwrap_or_else(|| {
            self.slots.push(Slot::Free);
            u32::try_from(self.slots.len() - 1).expect("series_max is far below 2^32")
        });
        let before = self.slot_by_key.insert(key, slot);
        assert_eq!(before, None, "a series is known once");
        self.slots[slot as usize] = content;
        slot
    }

    /// Takes a series away, and its piece with the round.
    fn remove(&mut self, slot: u32) {
        let taken = std::mem::replace(&mut self.slots[slot as usize], Slot::Free);
        let series = taken.key().expect("the slot of a series");
        self.slot_by_key.remove(series);
        self.free_slots.push(slot);
        self.recovery.forget(slot);
        self.open_alerts -= taken.open_alerts();
        let mut key = Vec::new();
        piece::encode_key(series, taken.born(), &mut key);
        let Slot::Live(series) = &taken else {
            // As its piece says.
            return self.rounds.forgotten(key.into());
        };
        self.spilling.live -= 1;
        let owed = series.dirty && self.rounds.owes(&series.born);
        if owed {
            let mut bytes = Vec::new();
            piece::encode(&self.detector, series, &self.position(), &mut bytes);
            self.rounds.part_with(&series.key, &key, bytes);
        }
        if owed || series.has_piece {
            self.rounds.forgotten(key.into());
        }
    }

    /// Notes that a live series is no longer as its piece says.
    fn touch(&mut self, slot: u32) {
        let series = self.slots[slot as usize].live_mut();
        if !series.dirty {
            series.dirty = true;
            self.rounds.changed(slot);
        }
    }
}
