//! A detector whose surprise is what the test says, and an engine with a clock around it.

use super::*;
use crate::alert::{AlertEvent, Change, Severity};
use crate::detector::{FieldScore, Range};
use crate::observation::{Observation, Values};
use crate::position::Source;

pub(super) const SECOND_MS: i64 = 1000;
pub(super) const START_MS: i64 = 1_700_000_000_000;

/// Its surprise is the first value, 0 where that is missing; a negative one is as surprising, but stands
/// out from nothing. It keeps the last time in place of the first field, and the declared maximum of each other.
pub(super) struct Told;

impl Detector for Told {
    type State = Vec<i64>;

    fn snapshot_id(&self) -> [u8; 32] {
        [7; 32]
    }

    fn new_state(&self, ranges: &[Option<Range>]) -> Vec<i64> {
        let mut state = vec![0];
        ranges[1..].iter().for_each(|range| self.add_field(&mut state, *range));
        state
    }

    fn add_field(&self, state: &mut Vec<i64>, range: Option<Range>) {
        state.push(range.map_or(0, |range| range.max as i64));
    }

    fn step(&self, state: &mut Vec<i64>, time_ms: i64, values: &[f64], out: &mut Scored) {
        assert_eq!(state.len(), values.len());
        assert!(time_ms >= state[0], "the engine gives times that do not fall");
        state[0] = time_ms;
        out.surprise = values[0].abs().max(0.0);
        out.by_evidence = out.surprise;
        out.onset = values[0].max(0.0);
        out.anomaly_score = out.onset / (out.onset + 1.0);
        out.fields.clear();
        let score = FieldScore { expected: 1.0, lower: 0.0, upper: 2.0, ..FieldScore::default() };
        out.fields.resize(values.len(), score);
    }

    fn encode(&self, state: &Vec<i64>, out: &mut Vec<u8>) {
        state.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vec<i64>, StateError> {
        Ok(bytes.chunks_exact(8).map(|word| i64::from_le_bytes(word.try_into().unwrap())).collect())
    }

    fn state_bytes(&self, state: &Vec<i64>) -> usize {
        8 * state.len()
    }
}

/// An engine, a clock and what came of the last call.
pub(super) struct Bench {
    pub(super) engine: Engine<Told>,
    record: u64,
    pub(super) now_ms: i64,
    pub(super) out: Output,
}

impl Bench {
    pub(super) fn new(config: EngineConfig) -> Self {
        let engine = Engine::new(Told, config).unwrap();
        Self { engine, record: 0, now_ms: START_MS, out: Output::default() }
    }

    pub(super) fn observe(&mut self, observation: &Observation) -> Result<(), Rejection> {
        self.out.clear();
        self.record += 1;
        let mut position = Position::default();
        position.sequence[16..].copy_from_slice(&self.record.to_be_bytes());
        let source = Source { stream: "events".into(), shard: "shardId-000000000000".into(), position };
        self.engine.observe(position, &source, self.now_ms, observation, &mut self.out)
    }

    /// An observation of one value at the present time.
    pub(super) fn put(&mut self, series: &str, value: f64) {
        let time_ms = Some(self.now_ms);
        self.observe(&Observation { series: series.into(), time_ms, values: Values::One(value) }).unwrap();
    }

    /// Sets clock and positions to those of another, whose pieces were loaded.
    pub(super) fn go_on_from(&mut self, other: &Self) {
        (self.record, self.now_ms) = (other.record, other.now_ms);
    }

    /// A steady past: an observation a second of each of these series.
    pub(super) fn steady(&mut self, series: &[&str], count: usize) {
        for _ in 0..count {
            self.now_ms += SECOND_MS;
            for series in series {
                self.put(series, 0.5);
                assert_eq!(self.out.events, []);
            }
        }
    }

    /// Lets time pass as an idle shard does, deadline by deadline.
    pub(super) fn pass(&mut self, pause_ms: i64) -> Vec<AlertEvent> {
        let until_ms = self.now_ms + pause_ms;
        self.out.clear();
        while let Some(due_ms) = self.engine.next_deadline_ms().filter(|due_ms| *due_ms <= until_ms) {
            self.engine.advance(self.engine.position(), due_ms, &mut self.out);
        }
        self.now_ms = until_ms;
        self.out.events.clone()
    }

    pub(super) fn changes(&self) -> Vec<(Change, Severity)> {
        self.out.events.iter().map(|event| (event.change, event.alert.severity)).collect()
    }
}

pub(super) fn vector(fields: &[(&str, f64)], time_ms: i64) -> Observation {
    let values = Values::Named(fields.iter().map(|(name, value)| ((*name).into(), *value)).collect());
    Observation { series: "v".into(), time_ms: Some(time_ms), values }
}
