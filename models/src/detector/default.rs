//! The built-in detector: the evidence of all fields and of their joint distribution, calibrated.

use super::block::{Block, Together};
use super::codec::{Decoder, Encoder};
use super::fading::fading_maximum;
use super::field::{Field, Levels};
use super::joint::BLOCK;
use super::member::Member;
use super::network::FEATURES;
use super::parameters::Parameters;
use super::rarity::Rarity;
use super::streak::Streak;
use super::tail::{Tail, Trust};
use super::{Detector, FieldScore, Range, Scored, StateError};
use crate::snapshot::{Snapshot, SnapshotError, detector};

/// First byte of a state.
const STATE_VERSION: u8 = 15;

/// The detector that the service runs where no snapshot says otherwise.
///
/// Of each field it keeps a few forecasts (level, fast level, last value, season of day and of week, rhythm, and what
/// they make together) with their mean errors, lattices of what the field has shown, counts of quantised contexts and of how
/// long it stays where it is; of a vector also the covariances of its fields' errors, now and sustained. An observation's
/// *novelty* says how seldom its like was seen, its *magnitude* how far it is from the best forecast; their sum is
/// calibrated to a surprise by the series' own past. The onset of a single value is what novelty is more than the usual one,
/// and an unusual surprise, where that exceeds its decayed maximum. Of a vector each field has that of a single value, and
/// there is one more of how they stand to each other; either counts more where surprise lasts.
#[derive(Clone, Debug)]
pub struct DefaultDetector {
    parameters: Parameters,
    levels: Levels,
    /// Id of the snapshot that the parameters are from.
    snapshot: [u8; 32],
}

/// What [`DefaultDetector`] keeps of a series: plain data.
#[derive(Clone, Debug, PartialEq)]
pub struct DefaultState {
    count: u32,
    /// Decayed maximum of what could be an onset: of a single value, or of how a vector's fields stand to each other.
    maximum: f64,
    tail: Tail,
    /// Of the onsets of all of it.
    rarity: Rarity,
    /// Of the surprise of a vector by its evidence.
    streak: Streak,
    fields: Vec<Field>,
    blocks: Vec<Block>,
}

/// The evidence of one observation.
#[derive(Default)]
struct Evidence {
    present: f64,
    novelty: f64,
    /// Of the only field, as far as it is more than usual, with what the network adds,
    news: f64,
    /// and what that was told.
    features: Option<[f32; FEATURES]>,
    magnitude_squared: f64,
    /// Of a vector.
    together: Together,
    /// How far the field that stands out in this has been the same for longer than ever before.
    still: f64,
    /// The largest onset of a vector's fields, each by itself,
    alone: f64,
    /// and the sum of their squares, of quantities.
    alone_squared: f64,
}

impl Evidence {
    /// What a vector's fields show, each by itself. Where several show something new at once that is more than the largest of
    /// them.
    fn alone(&self) -> f64 {
        self.alone.max(self.alone_squared.sqrt())
    }
}

/// A field that is still by so much is said to be.
const STILL: f64 = 0.5;
/// What counts of how a vector's fields stand to each other, which is larger than what one of them shows by itself, so that
/// an onset of a vector and one of a single value are of one size where they are as rare.
const ONSET_TOGETHER: f64 = 0.23;
/// What is surprising by its evidence, or by its onset, is this much less so than by either alone: of a single value little,
/// as both are made of the same novelty,
const TWO_LOOKS: f64 = 0.1;
/// and of a vector log10(2), as of two looks that have nothing in common.
const TWO_LOOKS_OF_VECTORS: f64 = 0.3;
/// How far a vector's evidence is believed to go on beyond its highest as it fell before: errors that are bounded make that
/// steeper than it is.
const HIGHEST_OF_VECTORS: f64 = 0.5;
/// What counts of a vector's evidence: with its joint magnitude it would reach beyond what a tail tells apart.
const VECTOR_EVIDENCE: f64 = 0.36;

impl DefaultDetector {
    /// The detector of a snapshot of kind `detector`.
    ///
    /// # Errors
    /// Where the snapshot is of another kind or method, or lacks a parameter, or has one that is not of this
    /// detector or out of its range.
    pub fn from_snapshot(snapshot: &Snapshot<'_>) -> Result<Self, SnapshotError> {
        Ok(Self::with_parameters(detector::parameters(snapshot)?, snapshot.id()))
    }

    fn with_parameters(parameters: Parameters, snapshot: [u8; 32]) -> Self {
        DefaultDetector { levels: Levels::new(&parameters), parameters, snapshot }
    }

    /// Judges and learns an observation. Returns its evidence.
    fn judge(&self, state: &mut DefaultState, time_ms: i64, values: &[f64], out: &mut Scored) -> Evidence {
        assert_eq!(values.len(), state.fields.len(), "one value a field");
        let parameters = &self.parameters;
        out.fields.clear();
        out.fields.resize(values.len(), FieldScore::default());
        let mut evidence = Evidence::default();
        let mut blocks = state.blocks.iter_mut();
        let scores = out.fields.chunks_mut(BLOCK).zip(values.chunks(BLOCK));
        for (fields, (scores, values)) in state.fields.chunks_mut(BLOCK).zip(scores) {
            self.step_fields(time_ms, fields, blocks.next(), values, scores, &mut evidence);
        }
        if evidence.present == 0.0 {
            (out.surprise, out.by_evidence, out.onset, out.anomaly_score) = (0.0, 0.0, 0.0, 0.0);
            return evidence;
        }
        state.count = state.count.saturating_add(1);
        let count = f64::from(state.count);

        let novelty = evidence.novelty / evidence.present;
        let magnitude = (evidence.magnitude_squared / evidence.present).sqrt();
        let together = &evidence.together;
        let is_vector = values.len() > 1;
        let by_field = novelty / parameters.whole + magnitude;
        let moving = if is_vector {
            VECTOR_EVIDENCE * (by_field + parameters.weight_joint * together.magnitude)
        } else {
            by_field
        };
        let strangeness = moving + parameters.surprise_still * evidence.still;
        let (of_highest, two_looks) =
            if is_vector { (HIGHEST_OF_VECTORS, TWO_LOOKS_OF_VECTORS) } else { (1.0, TWO_LOOKS) };
        let tail = believed(count - 1.0, parameters.caution_tail);
        let trust = Trust { tail, highest: of_highest * tail };
        let (surprise, limit) = state.tail.judge(strangeness, trust);
        out.by_evidence = surprise;
        let is_seasonal = || state.fields.iter().any(Field::is_seasonal);
        state.tail.learn(strangeness, limit, state.count, is_seasonal);

        let strange = if is_vector {
            parameters.weight_vector_still * evidence.still
                + parameters.weight_vector_sustained * together.sustained
                + parameters.weight_field_sustained * together.field_sustained
                + parameters.weight_dispersion * together.dispersion
        } else {
            parameters.candidate(evidence.news, surprise)
        };
        let (scale, alone) = if is_vector {
            let worth = state.streak.observe(surprise);
            (worth * ONSET_TOGETHER, worth * evidence.alone() / libm::cbrt(values.len() as f64))
        } else {
            (1.0, 0.0)
        };
        let candidate = scale * parameters.onset_scale * believed(count - 1.0, parameters.caution) * strange;
        out.onset = alone;
        if candidate > state.maximum {
            out.onset = out.onset.max(candidate);
        }
        state.maximum = fading_maximum(state.maximum, candidate, parameters.onset_memory);
        let usual = parameters.usual_onsets(is_vector);
        let trust_rarity = believed(f64::from(state.rarity.seen()), parameters.caution_rarity);
        let (rarity, limit) =
            if out.onset > 0.0 { state.rarity.judge(out.onset, usual) } else { (0.0, f64::INFINITY) };
        state.rarity.learn(out.onset, limit);
        out.surprise = (out.by_evidence.max(trust_rarity * rarity) - two_looks * trust_rarity).max(0.0);
        let young = 1.0 - believed(count - 1.0, parameters.young_until);
        let grown = out.onset * (1.0 - parameters.young_discount * young);
        out.anomaly_score = grown / (grown + parameters.onset_half);

        let total: f64 = out.fields.iter().map(|field| field.contribution).sum();
        for field in &mut out.fields {
            field.contribution =
                if total > 0.0 && out.surprise > 0.0 { field.contribution / total } else { 0.0 };
        }
        evidence
    }

    /// Judges and learns an observation of a series of one value, as [`Detector::step`] does, and returns what the network was
    /// told of it: `None` where it wasn't asked, as the value is neither new nor far from a forecast.
    pub fn step_and_tell(
        &self,
        state: &mut DefaultState,
        time_ms: i64,
        value: f64,
        out: &mut Scored,
    ) -> Option<[f32; FEATURES]> {
        self.judge(state, time_ms, &[value], out).features
    }

    /// Judges and learns the values of up to [`BLOCK`] fields, and adds their evidence. `block` is of these, where they are of
    /// a vector.
    fn step_fields(
        &self,
        time_ms: i64,
        fields: &mut [Field],
        mut block: Option<&mut Block>,
        values: &[f64],
        scores: &mut [FieldScore],
        evidence: &mut Evidence,
    ) {
        let parameters = &self.parameters;
        let mut errors = [f64::NAN; BLOCK];
        let mut sustained = [f64::NAN; BLOCK];
        // A state that was not used lately lies in memory, and a step reads some hundred pieces of it, here and
        // there. Asked for one after the other, as it comes to them, they take as long as all else; asked for
        // all at once they come together.
        fields.iter().for_each(Field::fetch);
        if let Some(block) = &block {
            block.fetch();
        }
        for (i, field) in fields.iter_mut().enumerate() {
            let forecast = field.forecast(time_ms, parameters);
            let score = &mut scores[i];
            score.expected = forecast.expected;
            score.lower = bounded(forecast.expected - forecast.half_width);
            score.upper = bounded(forecast.expected + forecast.half_width);
            if values[i].is_nan() {
                continue;
            }
            let is_young = field.is_young();
            let judged = field.judge(values[i], &forecast, parameters, &self.levels);
            evidence.present += 1.0;
            evidence.novelty += judged.novelty;
            evidence.still = evidence.still.max(judged.still);
            evidence.magnitude_squared += judged.magnitude * judged.magnitude;
            let own = judged.novelty + judged.magnitude + parameters.surprise_still * judged.still;
            score.contribution = own * own;
            score.still = judged.still >= STILL;
            let Some(block) = &mut block else {
                evidence.news = judged.news + judged.learned;
                evidence.features = judged.features;
                continue;
            };
            let member = block.member(i);
            let alone = member.onset(&judged, || field.is_seasonal(), parameters);
            evidence.alone = evidence.alone.max(alone.onset);
            evidence.alone_squared += alone.shared * alone.shared;
            if is_young {
                // It may be new to a vector that is not: nothing is known of it.
                continue;
            }
            member.notice(judged.news, parameters);
            errors[i] = judged.error.clamp(-parameters.joint_bound, parameters.joint_bound);
            sustained[i] = judged.sustained;
        }
        if let Some(block) = block {
            let (together, contributions) =
                block.step(&errors[..fields.len()], &sustained[..fields.len()], parameters);
            evidence.together.join(&together);
            for (score, contribution) in scores.iter_mut().zip(contributions) {
                score.contribution += contribution;
            }
        }
    }
}

impl DefaultState {
    /// Puts a field into the last block, or into a new one.
    fn push_member(&mut self, member: Member) {
        if self.blocks.last().is_none_or(Block::is_full) {
            self.blocks.push(Block::new());
        }
        self.blocks.last_mut().expect("pushed above").add_field(member);
    }
}

impl Default for DefaultDetector {
    /// The detector of `models/default.snapshot`.
    fn default() -> Self {
        let (parameters, snapshot) = detector::embedded().clone();
        Self::with_parameters(parameters, snapshot)
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
            tail: Tail::new(),
            rarity: Rarity::new(),
            streak: Streak::default(),
            fields: Vec::with_capacity(fields),
            blocks: Vec::new(),
        };
        ranges.iter().for_each(|range| self.add_field(&mut state, *range));
        state
    }

    fn add_field(&self, state: &mut DefaultState, range: Option<Range>) {
        state.fields.push(Field::new(range));
        match state.fields.len() {
            1 => {}
            // The first was alone so far.
            2 => {
                let first = Member::grown(state.count, state.tail.clone(), state.maximum);
                // Those of vectors are of another kind.
                (state.maximum, state.rarity) = (0.0, Rarity::new());
                state.push_member(first);
                state.push_member(Member::new());
            }
            _ => state.push_member(Member::new()),
        }
    }

    fn step(&self, state: &mut DefaultState, time_ms: i64, values: &[f64], out: &mut Scored) {
        self.judge(state, time_ms, values, out);
    }

    fn encode(&self, state: &DefaultState, out: &mut Vec<u8>) {
        out.push(STATE_VERSION);
        let mut out = Encoder(out);
        out.u32(state.fields.len() as u32);
        out.u32(state.count);
        out.f64(state.maximum);
        state.tail.encode(&mut out);
        state.rarity.encode(&mut out);
        state.fields.iter().for_each(|field| field.encode(&mut out));
        if state.fields.len() > 1 {
            state.streak.encode(&mut out);
        }
        state.blocks.iter().for_each(|block| block.encode(&mut out));
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
            tail: Tail::decode(&mut from)?,
            rarity: Rarity::decode(&mut from)?,
            streak: Streak::default(),
            fields: Vec::new(),
            blocks: Vec::new(),
        };
        for _ in 0..fields {
            state.fields.push(Field::decode(&mut from)?);
        }
        if fields > 1 {
            state.streak = Streak::decode(&mut from)?;
            for first in (0..fields).step_by(BLOCK) {
                state.blocks.push(Block::decode(&mut from, BLOCK.min(fields - first))?);
            }
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
            + state.blocks.iter().map(Block::bytes).sum::<usize>()
    }
}

/// How far what rests on `count` observations is believed, where `half` of them are worth one half.
pub(super) fn believed(count: f64, half: f64) -> f64 {
    count * count / (count * count + half * half)
}

/// A bound of a band as a finite number, NaN kept.
fn bounded(value: f64) -> f64 {
    value.clamp(f64::MIN, f64::MAX)
}
