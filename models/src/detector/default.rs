//! The built-in detector: the evidence of all fields and of their joint distribution, calibrated.

use super::codec::{Decoder, Encoder};
use super::field::Field;
use super::joint::{BLOCK, Joint};
use super::parameters::Parameters;
use super::tail::Tail;
use super::{Detector, FieldScore, Range, Scored, StateError};
use crate::snapshot::{Snapshot, SnapshotError, detector};

/// First byte of a state.
const STATE_VERSION: u8 = 5;

/// The detector that the service runs where no snapshot says otherwise.
///
/// Of each field it keeps a few forecasts (level, fast level, last value, season of day and of week) with their
/// mean errors, lattices of what the field has shown, counts of quantised contexts and of how long it stays where it
/// is; of a vector also the covariances of its fields' errors, now and sustained. An observation's *novelty* says how
/// seldom its like was seen, its *magnitude* how far it is from the best forecast; their sum is calibrated to a surprise
/// by the series' own past. The onset is what novelty is more than the usual one, and of a vector the joint distances, of
/// a single value an unusual surprise, where it exceeds the decayed maximum.
#[derive(Clone, Debug)]
pub struct DefaultDetector {
    parameters: Parameters,
    /// Id of the snapshot that the parameters are from.
    snapshot: [u8; 32],
}

/// What [`DefaultDetector`] keeps of a series: plain data.
#[derive(Clone, Debug, PartialEq)]
pub struct DefaultState {
    count: u32,
    /// Decayed maximum of what could be an onset.
    maximum: f64,
    /// Recent mean of novelty.
    novelty: f64,
    tail: Tail,
    fields: Vec<Field>,
    blocks: Vec<Block>,
}

/// The joint distributions of up to [`BLOCK`] fields.
#[derive(Clone, Debug, PartialEq)]
struct Block {
    /// Of their errors.
    now: Joint,
    /// Of their sustained distances.
    lately: Joint,
    /// Recent mean of the squared distance of their errors, each cut.
    dispersion: f64,
}

impl Block {
    fn new() -> Self {
        Block { now: Joint::new(), lately: Joint::new(), dispersion: 1.0 }
    }
}

/// The evidence of one observation.
#[derive(Default)]
struct Evidence {
    present: f64,
    novelty: f64,
    magnitude_squared: f64,
    /// Of the block that is farthest out: the magnitude of its errors,
    joint: f64,
    /// their logarithmic distance, and that of the sustained ones.
    distance: f64,
    sustained: f64,
    /// and that of the recent mean of their squared distances.
    dispersion: f64,
    /// How far the field that stands out in this has been the same for longer than ever before.
    still: f64,
}

/// A field that is still by so much is said to be.
const STILL: f64 = 0.5;
/// Distances beyond this enter the mean of squared ones as this.
const DISPERSION_CUT: f64 = 10.0;

impl DefaultDetector {
    /// The detector of a snapshot of kind `detector`.
    ///
    /// # Errors
    /// Where the snapshot is of another kind or method, or lacks a parameter, or has one that is not of this
    /// detector or out of its range.
    pub fn from_snapshot(snapshot: &Snapshot<'_>) -> Result<Self, SnapshotError> {
        Ok(DefaultDetector { parameters: detector::parameters(snapshot)?, snapshot: snapshot.id() })
    }

    /// Judges and learns the values of one block of fields, and adds their evidence.
    fn step_block(
        &self,
        time_ms: i64,
        fields: &mut [Field],
        block: &mut Block,
        values: &[f64],
        scores: &mut [FieldScore],
        evidence: &mut Evidence,
    ) {
        let parameters = &self.parameters;
        let mut errors = [f64::NAN; BLOCK];
        let mut sustained = [f64::NAN; BLOCK];
        for (i, field) in fields.iter_mut().enumerate() {
            let forecast = field.forecast(time_ms, parameters);
            let score = &mut scores[i];
            score.expected = forecast.expected;
            score.lower = bounded(forecast.expected - forecast.half_width);
            score.upper = bounded(forecast.expected + forecast.half_width);
            if values[i].is_nan() {
                continue;
            }
            let judged = field.judge(values[i], &forecast, parameters);
            evidence.present += 1.0;
            evidence.novelty += judged.novelty;
            evidence.still = evidence.still.max(judged.still);
            evidence.magnitude_squared += judged.magnitude * judged.magnitude;
            let own = judged.novelty + judged.magnitude + parameters.surprise_still * judged.still;
            score.contribution = own * own;
            score.still = judged.still >= STILL;
            errors[i] = judged.error.clamp(-parameters.joint_bound, parameters.joint_bound);
            sustained[i] = judged.sustained;
        }
        if fields.len() < 2 {
            return;
        }
        let now = block.now.step(&errors[..fields.len()], parameters.joint_ridge, parameters);
        let lately =
            block.lately.step(&sustained[..fields.len()], parameters.joint_ridge_sustained, parameters);
        let cut = now.value.min(DISPERSION_CUT);
        let dispersion = block.dispersion + (cut * cut - block.dispersion) / parameters.memory_sustained;
        // Over a short memory it could round to beyond the bound, which no state may hold.
        block.dispersion = dispersion.clamp(0.0, DISPERSION_CUT * DISPERSION_CUT);
        let dispersion = now.trust * libm::log1p(block.dispersion.sqrt());
        evidence.dispersion = evidence.dispersion.max(dispersion);
        evidence.joint = evidence.joint.max(now.magnitude);
        evidence.distance = evidence.distance.max(now.logarithm);
        evidence.sustained = evidence.sustained.max(lately.logarithm);
        for (i, score) in scores.iter_mut().enumerate() {
            score.contribution += now.by_field[i].max(0.0);
        }
    }
}

impl Default for DefaultDetector {
    /// The detector of `models/default.snapshot`.
    fn default() -> Self {
        let (parameters, snapshot) = detector::embedded().clone();
        DefaultDetector { parameters, snapshot }
    }
}

impl Detector for DefaultDetector {
    type State = DefaultState;

    fn snapshot_id(&self) -> [u8; 32] {
        self.snapshot
    }

    fn new_state(&self, ranges: &[Option<Range>]) -> DefaultState {
        let fields = ranges.len();
        let mut state = DefaultState {
            count: 0,
            maximum: 0.0,
            novelty: 0.0,
            tail: Tail::new(),
            fields: Vec::with_capacity(fields),
            blocks: Vec::with_capacity(if fields > 1 { fields.div_ceil(BLOCK) } else { 0 }),
        };
        ranges.iter().for_each(|range| self.add_field(&mut state, *range));
        state
    }

    fn add_field(&self, state: &mut DefaultState, range: Option<Range>) {
        state.fields.push(Field::new(range));
        if state.blocks.last().is_none_or(|block| block.now.fields() == BLOCK) {
            state.blocks.push(Block::new());
        }
        let block = state.blocks.last_mut().expect("pushed above");
        block.now.add_field();
        block.lately.add_field();
    }

    fn step(&self, state: &mut DefaultState, time_ms: i64, values: &[f64], out: &mut Scored) {
        assert_eq!(values.len(), state.fields.len(), "one value a field");
        let parameters = &self.parameters;
        out.fields.clear();
        out.fields.resize(values.len(), FieldScore::default());
        let mut evidence = Evidence::default();
        let blocks = state.fields.chunks_mut(BLOCK).zip(&mut state.blocks);
        let scores = out.fields.chunks_mut(BLOCK).zip(values.chunks(BLOCK));
        for ((fields, block), (scores, values)) in blocks.zip(scores) {
            self.step_block(time_ms, fields, block, values, scores, &mut evidence);
        }
        if evidence.present == 0.0 {
            (out.surprise, out.onset, out.anomaly_score) = (0.0, 0.0, 0.0);
            return;
        }
        state.count = state.count.saturating_add(1);
        let count = f64::from(state.count);

        let novelty = evidence.novelty / evidence.present;
        let magnitude =
            (evidence.magnitude_squared / evidence.present).sqrt() + parameters.weight_joint * evidence.joint;
        let trust = believed(count - 1.0, parameters.caution_tail);
        let strangeness = novelty / parameters.whole + magnitude + parameters.surprise_still * evidence.still;
        let (surprise, limit) = state.tail.judge(strangeness, trust);
        out.surprise = surprise;
        let is_seasonal = || state.fields.iter().any(Field::is_seasonal);
        state.tail.learn(strangeness, limit, state.count, is_seasonal);

        // Of a series that often shows something new, and of one that is young, less of it is news.
        let news = (novelty - state.novelty).max(0.0);
        state.novelty += (novelty - state.novelty) / count.min(parameters.memory);
        let strange = if values.len() > 1 {
            parameters.weight_vector_novelty * news
                + parameters.weight_vector_still * evidence.still
                + parameters.weight_distance * evidence.distance
                + parameters.weight_vector_sustained * evidence.sustained
                + parameters.weight_dispersion * evidence.dispersion
        } else {
            news + parameters.weight_surprise * (surprise - parameters.surprise_usual).max(0.0)
        };
        let candidate = parameters.onset_scale * strange * believed(count - 1.0, parameters.caution);
        out.onset = if candidate > state.maximum { candidate } else { 0.0 };
        out.anomaly_score = out.onset / (out.onset + parameters.onset_half);
        state.maximum = candidate.max(state.maximum * (1.0 - 1.0 / parameters.onset_memory));

        let total: f64 = out.fields.iter().map(|field| field.contribution).sum();
        for field in &mut out.fields {
            field.contribution =
                if total > 0.0 && out.surprise > 0.0 { field.contribution / total } else { 0.0 };
        }
    }

    fn encode(&self, state: &DefaultState, out: &mut Vec<u8>) {
        out.push(STATE_VERSION);
        let mut out = Encoder(out);
        out.u32(state.fields.len() as u32);
        out.u32(state.count);
        out.f64(state.maximum);
        out.f64(state.novelty);
        state.tail.encode(&mut out);
        state.fields.iter().for_each(|field| field.encode(&mut out));
        for block in &state.blocks {
            block.now.encode(&mut out);
            block.lately.encode(&mut out);
            out.f64(block.dispersion);
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<DefaultState, StateError> {
        let mut from = Decoder(bytes);
        let version = from.u8_to(u8::MAX)?;
        if version != STATE_VERSION {
            return Err(StateError(format!("version {version}, not {STATE_VERSION}")));
        }
        let fields = from.u32()? as usize;
        let mut state = DefaultState {
            count: from.u32()?,
            maximum: from.f64_in(0.0, f64::MAX)?,
            novelty: from.f64_in(0.0, f64::MAX)?,
            tail: Tail::decode(&mut from)?,
            fields: Vec::new(),
            blocks: Vec::new(),
        };
        for _ in 0..fields {
            state.fields.push(Field::decode(&mut from)?);
        }
        for first in (0..fields).step_by(BLOCK) {
            let count = BLOCK.min(fields - first);
            state.blocks.push(Block {
                now: Joint::decode(&mut from, count)?,
                lately: Joint::decode(&mut from, count)?,
                dispersion: from.f64_in(0.0, DISPERSION_CUT * DISPERSION_CUT)?,
            });
        }
        if !from.0.is_empty() {
            return Err(StateError(format!("{} bytes too many", from.0.len())));
        }
        state.fields.shrink_to_fit();
        Ok(state)
    }

    fn state_bytes(&self, state: &DefaultState) -> usize {
        size_of::<DefaultState>()
            + state.fields.capacity() * size_of::<Field>()
            + state.blocks.iter().map(|block| block.now.bytes() + block.lately.bytes()).sum::<usize>()
    }
}

/// How far what rests on `count` observations is believed, where `half` of them are worth one half.
fn believed(count: f64, half: f64) -> f64 {
    count * count / (count * count + half * half)
}

/// A bound of a band as a finite number, NaN kept.
fn bounded(value: f64) -> f64 {
    value.clamp(f64::MIN, f64::MAX)
}
