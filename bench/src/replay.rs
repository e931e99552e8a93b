//! A generated series through an engine of its own, as a shard would put it.

use kizashi_models::detector::DefaultDetector;
use kizashi_models::engine::{Engine, EngineConfig, Output};
use kizashi_models::observation::{Observation, Values};
use kizashi_models::position::{Position, Source};

/// An engine that holds one series.
pub struct Replay {
    engine: Engine<DefaultDetector>,
    source: Source,
    observation: Observation,
    rows: u64,
    output: Output,
}

impl Replay {
    /// An engine of the default configuration but for the budget of false alerts a week, for a series of so many
    /// fields: one has no name, more are named by [`field_name`].
    pub fn new(fields: usize, false_alerts_per_week: f64) -> Self {
        let config = EngineConfig { false_alerts_per_week, ..EngineConfig::default() };
        let values = match fields {
            1 => Values::One(f64::NAN),
            _ => Values::Named((0..fields).map(|field| (field_name(field).into(), f64::NAN)).collect()),
        };
        Self {
            engine: Engine::new(DefaultDetector::default(), config).expect("the budget is an allowed one"),
            source: Source { stream: "bench".into(), shard: "0".into(), position: Position::default() },
            observation: Observation { series: "generated".into(), time_ms: None, values },
            rows: 0,
            output: Output::default(),
        }
    }

    /// Puts a row, which arrives at its own time, and says what came of it and of the timers due before it.
    pub fn put(&mut self, time_ms: i64, values: &[f64]) -> &Output {
        let Self { engine, source, observation, output, .. } = self;
        output.clear();
        while let Some(due_ms) = engine.next_deadline_ms().filter(|due_ms| *due_ms < time_ms) {
            let position = engine.position();
            engine.advance(position, due_ms, output);
        }
        self.rows += 1;
        let mut position = Position::default();
        position.sequence[16..].copy_from_slice(&self.rows.to_be_bytes());
        source.position = position;
        observation.time_ms = Some(time_ms);
        match &mut observation.values {
            Values::One(value) => *value = values[0],
            Values::Named(named) => {
                named.iter_mut().zip(values).for_each(|((_, field), value)| *field = *value);
            }
        }
        engine
            .observe(position, source, time_ms, observation, output)
            .expect("a generated row is not refused");
        output
    }
}

/// Name of a field by its place: names sort as places do, up to 1,000 of them.
pub fn field_name(field: usize) -> String {
    format!("f{field:03}")
}
