//! The engine: all series of one shard, each scored, learnt and watched for episodes and silence.

mod config;
mod output;

pub use config::{ConfigError, EngineConfig};
pub use output::{Output, Point};

use crate::alert::AlertId;
use crate::codec::CodecError;
use crate::detector::{Detector, Scored, StateError};
use crate::observation::{Observation, Values};
use crate::position::{Position, Source};
use std::collections::HashMap;
use std::sync::Arc;

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
        /// The new series, shortened.
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

struct SeriesState<S> {
    key: Arc<str>,
    fields: Arc<[Box<str>]>,
    stream: Arc<str>,
    detector: S,
    observations: u64,
    last_ms: i64,
    values: Vec<f64>,
    surprise: f64,
}

/// All series of one shard.
pub struct Engine<D: Detector> {
    detector: D,
    config: EngineConfig,
    series: HashMap<Arc<str>, SeriesState<D::State>>,
    position: Position,
    stream_time_ms: i64,
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
            detector,
            config,
            series: HashMap::new(),
            position: Position::default(),
            stream_time_ms: i64::MIN,
            scored: Scored::default(),
        })
    }

    /// Before pieces are loaded: where the replay begins, and the stream time there.
    pub fn resume(&mut self, replay_from: Position, stream_time_ms: i64) {
        self.position = replay_from;
        self.stream_time_ms = stream_time_ms;
    }

    /// Loads a piece that [`Engine::take_pieces`] gave.
    ///
    /// # Errors
    /// Where the bytes are not a piece of this version.
    pub fn load_piece(&mut self, _key: &[u8], _bytes: &[u8]) -> Result<(), PieceError> {
        Ok(())
    }

    /// Scores an observation that stands at `at` on the shard, learns from it, and says what came of it.
    ///
    /// First stream time advances to `arrival_ms`, as [`Engine::advance`] does.
    ///
    /// # Errors
    /// A [`Rejection`]; the engine goes on as if the observation had not been.
    pub fn observe(
        &mut self,
        at: Position,
        source: &Source,
        arrival_ms: i64,
        observation: &Observation,
        out: &mut Output,
    ) -> Result<(), Rejection> {
        self.advance(at, arrival_ms, out);
        let time_ms = observation.time_ms.unwrap_or(arrival_ms);
        let ahead_ms = time_ms.saturating_sub(arrival_ms);
        if ahead_ms > i64::from(self.config.ahead_max_s) * 1000 {
            let ahead_max_s = self.config.ahead_max_s;
            return Err(Rejection::Future { time_ms, ahead_s: ahead_ms / 1000, ahead_max_s });
        }
        if !self.series.contains_key(&*observation.series) {
            if self.series.len() >= self.config.series_max as usize {
                let series_max = self.config.series_max;
                return Err(Rejection::TooManySeries { series: observation.series.clone(), series_max });
            }
            let fields: Arc<[Box<str>]> = match &observation.values {
                Values::One(_) => Arc::from([Box::from("")]),
                Values::Named(named) => named.iter().map(|(name, _)| name.clone()).collect(),
            };
            let key: Arc<str> = Arc::from(&*observation.series);
            let state = SeriesState {
                key: Arc::clone(&key),
                stream: Arc::from(&*source.stream),
                detector: self.detector.new_state(fields.len()),
                values: vec![f64::NAN; fields.len()],
                fields,
                observations: 0,
                last_ms: time_ms,
                surprise: 0.0,
            };
            self.series.insert(key, state);
        }
        let series = self.series.get_mut(&*observation.series).expect("inserted above");
        match &observation.values {
            Values::One(value) => series.values[0] = *value,
            Values::Named(named) => {
                for (at, name) in series.fields.iter().enumerate() {
                    let found = named.iter().find(|(n, _)| n == name);
                    series.values[at] = found.map_or(f64::NAN, |(_, value)| *value);
                }
            }
        }
        self.detector.step(&mut series.detector, time_ms, &series.values, &mut self.scored);
        series.observations += 1;
        series.last_ms = time_ms;
        series.surprise = self.scored.surprise;
        out.push_point(&series.key, &series.fields, at, time_ms, &series.values, &self.scored);
        out.digest = out.digest.wrapping_add(self.scored.surprise.to_bits());
        Ok(())
    }

    /// Advances stream time, at a position on the shard, and fires the timers that are due: episodes
    /// and silences that end or begin, series to forget. In the order of their deadlines, then keys.
    pub fn advance(&mut self, at: Position, stream_time_ms: i64, _out: &mut Output) {
        self.position = at;
        self.stream_time_ms = self.stream_time_ms.max(stream_time_ms);
    }

    /// When the next timer may be due, in stream time; an idle shard commits a tick then.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        None
    }

    /// The newest position given.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The stream time there.
    pub fn stream_time_ms(&self) -> i64 {
        self.stream_time_ms
    }

    /// Gives pieces of series that changed since they were last given, until about `budget_bytes` are
    /// reached, and says how the round ends once all are given.
    ///
    /// A round begins with the first call after the end of the last. A piece stands at
    /// [`Engine::position`]: it may be written once the commit that reaches that position is durable.
    pub fn take_pieces(
        &mut self,
        _budget_bytes: usize,
        _give: &mut dyn FnMut(Piece<'_>),
    ) -> Option<RoundEnd> {
        Some(RoundEnd {
            replay_from: self.position,
            stream_time_ms: self.stream_time_ms,
            forgotten: Vec::new(),
        })
    }

    /// How many series are known.
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    /// How many alerts are open.
    pub fn open_alerts(&self) -> usize {
        0
    }

    /// Every series, in no particular order.
    pub fn summaries(&self) -> impl Iterator<Item = Summary> {
        self.series.values().map(|series| self.summarize(series))
    }

    /// One series.
    pub fn summary(&self, key: &str) -> Option<Summary> {
        self.series.get(key).map(|series| self.summarize(series))
    }

    fn summarize(&self, series: &SeriesState<D::State>) -> Summary {
        Summary {
            series: Arc::clone(&series.key),
            stream: Arc::clone(&series.stream),
            fields: Arc::clone(&series.fields),
            last_ms: series.last_ms,
            values: series.values.clone(),
            observations: series.observations,
            surprise: series.surprise,
            open_alert: None,
        }
    }
}
