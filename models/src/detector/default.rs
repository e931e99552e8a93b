//! The built-in detector: level and spread of each field, forgetting exponentially.

use super::{Detector, FieldScore, Scored, StateError};
use sha2::{Digest, Sha256};

/// Bumped with every change that moves a score's bits.
const VERSION: u8 = 1;
/// Observations after which the level and the spread have forgotten 63 % of what came before.
const MEMORY: f64 = 300.0;
/// Decay of the recent maximum of surprise, per observation.
const ONSET_DECAY: f64 = 1.0 / 200.0;
/// The onset at which the anomaly score is one half.
const ONSET_HALF: f64 = 4.0;

/// The detector that the service runs where no snapshot says otherwise.
#[derive(Clone, Debug, Default)]
pub struct DefaultDetector {}

/// What [`DefaultDetector`] keeps of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct DefaultState {
    recent_maximum: f64,
    fields: Vec<Level>,
}

/// Level and spread of one field.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Level {
    count: f64,
    centre: f64,
    spread: f64,
}

impl Level {
    fn surprise(&self, value: f64) -> f64 {
        let scale = self.scale();
        let distance = (value - self.centre).abs() / scale;
        let degrees = self.count.clamp(1.0, 6.0);
        let tail = libm::log10(1.0 + distance * distance / degrees) * (degrees + 1.0) / 2.0;
        tail.min(300.0)
    }

    fn scale(&self) -> f64 {
        1.25 * self.spread + 1e-9 * self.centre.abs() + f64::MIN_POSITIVE
    }

    fn learn(&mut self, value: f64) {
        if self.count == 0.0 {
            self.centre = value;
        }
        self.count = (self.count + 1.0).min(MEMORY);
        let error = value - self.centre;
        let limit = if self.count < 10.0 { f64::INFINITY } else { 5.0 * self.scale() };
        let error = error.clamp(-limit.max(f64::MIN_POSITIVE), limit.max(f64::MIN_POSITIVE));
        self.centre += error / self.count;
        self.spread += (error.abs() - self.spread) / self.count;
    }
}

impl Detector for DefaultDetector {
    type State = DefaultState;

    fn snapshot_id(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update([VERSION]);
        for parameter in [MEMORY, ONSET_DECAY, ONSET_HALF] {
            hash.update(parameter.to_le_bytes());
        }
        hash.finalize().into()
    }

    fn new_state(&self, fields: usize) -> DefaultState {
        DefaultState { recent_maximum: 0.0, fields: vec![Level::default(); fields] }
    }

    fn add_field(&self, state: &mut DefaultState) {
        state.fields.push(Level::default());
    }

    fn step(&self, state: &mut DefaultState, _time_ms: i64, values: &[f64], out: &mut Scored) {
        assert_eq!(values.len(), state.fields.len(), "one value a field");
        out.fields.clear();
        out.fields.resize(values.len(), FieldScore::default());
        let mut sum = 0.0;
        let mut most: f64 = 0.0;
        for ((level, value), field) in state.fields.iter_mut().zip(values).zip(&mut out.fields) {
            let known = level.count > 0.0;
            let width = 3.0 * level.scale();
            field.expected = if known { level.centre } else { f64::NAN };
            field.lower = field.expected - width;
            field.upper = field.expected + width;
            if value.is_nan() {
                continue;
            }
            let value = value.clamp(-1e300, 1e300);
            if known {
                field.contribution = level.surprise(value);
            }
            sum += field.contribution;
            most = most.max(field.contribution);
            level.learn(value);
        }
        if sum > 0.0 {
            for field in &mut out.fields {
                field.contribution /= sum;
            }
        }
        out.surprise = most;
        out.onset = (most - state.recent_maximum).max(0.0);
        out.anomaly_score = out.onset / (out.onset + ONSET_HALF);
        state.recent_maximum = most.max(state.recent_maximum * (1.0 - ONSET_DECAY));
    }

    fn encode(&self, state: &DefaultState, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(state.recent_maximum.to_le_bytes());
        for level in &state.fields {
            for number in [level.count, level.centre, level.spread] {
                out.extend(number.to_le_bytes());
            }
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<DefaultState, StateError> {
        let (version, bytes) = bytes.split_first().ok_or_else(|| StateError("it is empty".into()))?;
        if *version != VERSION {
            return Err(StateError(format!("version {version}, not {VERSION}")));
        }
        let (numbers, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() || numbers.len() % 3 != 1 {
            return Err(StateError(format!("{} bytes are not whole fields", bytes.len())));
        }
        let mut numbers = numbers.iter().map(|b| f64::from_le_bytes(*b));
        let recent_maximum = numbers.next().expect("counted above");
        let mut fields = Vec::new();
        while let (Some(count), Some(centre), Some(spread)) = (numbers.next(), numbers.next(), numbers.next())
        {
            fields.push(Level { count, centre, spread });
        }
        Ok(DefaultState { recent_maximum, fields })
    }

    fn state_bytes(&self, state: &DefaultState) -> usize {
        size_of::<DefaultState>() + state.fields.capacity() * size_of::<Level>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_stranger_than_noise_and_survives_encoding() {
        let detector = DefaultDetector::default();
        let (mut state, mut out) = (detector.new_state(1), Scored::default());
        let mut usual: f64 = 0.0;
        for i in 0..500_i64 {
            detector.step(&mut state, i * 1000, &[(i % 7) as f64], &mut out);
            usual = usual.max(if i > 100 { out.surprise } else { 0.0 });
        }
        let mut bytes = Vec::new();
        detector.encode(&state, &mut bytes);
        let mut read = detector.decode(&bytes).unwrap();
        assert_eq!(read, state);
        detector.step(&mut read, 500_000, &[60.0], &mut out);
        assert!(out.surprise > 3.0 * usual, "{} against {usual}", out.surprise);
        assert_eq!(out.fields[0].contribution, 1.0);
    }
}
