//! The seam between the engine and what scores: a [`Detector`] over plain state and an observation.

mod blend;
mod block;
mod codec;
mod covariance;
mod default;
mod dwell;
mod fading;
mod field;
mod highest;
mod joint;
mod lattice;
mod member;
mod network;
mod novelty;
mod parameters;
mod rarity;
mod recurrence;
mod rhythm;
mod season;
mod spread;
mod streak;
mod tail;

pub use default::{DefaultDetector, DefaultState};
pub use network::{FEATURES, HIDDEN, Network};
pub use parameters::Parameters;

/// What a detector says of one observation. Buffers are reused from call to call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scored {
    /// Surprise s = -log10 p: one in 10^s observations of this series is stranger, by its evidence or by its onset. At least
    /// 0, finite.
    pub surprise: f64,
    /// The same by the evidence of this observation alone. At least 0, finite.
    pub by_evidence: f64,
    /// How new the observation is in kind, on a scale like that of surprise, where that exceeds the series' decayed
    /// recent maximum (of a vector one of several: of how its fields stand to each other, and of each field alone); else 0.
    /// At least 0, finite.
    pub onset: f64,
    /// onset / (onset + c), a little less of the onset where the series is young: 0 to 1, never saturating.
    pub anomaly_score: f64,
    /// One a field of the state, in its order.
    pub fields: Vec<FieldScore>,
}

/// What a detector says of one field of an observation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FieldScore {
    /// What was expected before the observation was seen; NaN while nothing is known.
    pub expected: f64,
    /// Lower end of the band that about 99 % of usual observations fall into.
    pub lower: f64,
    /// Upper end of that band.
    pub upper: f64,
    /// Share of the surprise that this field accounts for; the shares of an observation sum to 1, or
    /// are all 0 where nothing was surprising.
    pub contribution: f64,
    /// Whether the value has been the same for about twice as long as ever before.
    pub still: bool,
}

/// The range that an operator declares for the values of a field, in their unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The least value that is possible. Finite.
    pub min: f64,
    /// The largest. Finite, above `min`.
    pub max: f64,
}

/// Bytes that are not a state of this detector and version.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a state of this detector: {0}")]
pub struct StateError(pub String);

/// Scores observations of one series against what a plain state has learnt of it, then learns.
///
/// Implementations are pure: the result depends on the detector's parameters, the state and the
/// arguments, and on nothing else. `step` doesn't allocate once the state and `out` have their size.
pub trait Detector: Send + Sync {
    /// What is kept of one series. Plain data.
    type State: Clone + Send;

    /// Id of the snapshot that the parameters are from. Alerts name it.
    fn snapshot_id(&self) -> [u8; 32];

    /// The state of a series of which nothing is known but the declared range of each of its fields (at
    /// least 1), where there is one. Values beyond their range are ordinary input all the same.
    fn new_state(&self, ranges: &[Option<Range>]) -> Self::State;

    /// Appends a field to the state, with its declared range; what is known of the others stays.
    fn add_field(&self, state: &mut Self::State, range: Option<Range>);

    /// Scores `values` (one a field, NaN where missing) observed at `time_ms`, then learns from them.
    ///
    /// `time_ms` is by the wall clock where the series is, as if that were UTC, so that an hour of the day is the same
    /// in summer and in winter. Times may stand still or go back, and values may be infinite: that is ordinary input.
    /// Scoring comes before learning, so an observation never vouches for itself.
    fn step(&self, state: &mut Self::State, time_ms: i64, values: &[f64], out: &mut Scored);

    /// Appends the state's bytes to `out`. Equal states give equal bytes.
    fn encode(&self, state: &Self::State, out: &mut Vec<u8>);

    /// Reads back what [`Detector::encode`] wrote; the state behaves bit for bit as the one written.
    fn decode(&self, bytes: &[u8]) -> Result<Self::State, StateError>;

    /// Heap and inline bytes that the state occupies.
    fn state_bytes(&self, state: &Self::State) -> usize;
}
