//! The engine of the service, over batches of rows.

use super::Error;
use super::batch::Batch;
use super::reader::Row;
use kizashi_models::alert::{AlertEvent, AlertId};
use kizashi_models::detector::{DefaultDetector, FieldScore};
use kizashi_models::engine::{Engine, EngineConfig, Output};
use kizashi_models::position::{Position, Source};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Scores the rows of its series. Series know nothing of each other but the time, so several scorers that
/// share a file's series say what one would.
pub(super) struct Scorer {
    engine: Engine<DefaultDetector>,
    index: usize,
    source: Source,
    output: Output,
}

/// What a scorer says of one row.
#[derive(Debug)]
pub(super) struct Score {
    /// 0 for a row that repeats the row before it, or was refused.
    pub(super) surprise: f64,
    pub(super) anomaly_score: f64,
    /// Its alert that is open behind it.
    pub(super) alert: Option<AlertId>,
    /// Names of its series' fields; none for a row that has no scores of fields.
    pub(super) names: Option<Arc<[Box<str>]>>,
    fields: Range<usize>,
    /// Why the engine refused it.
    pub(super) refused: Option<String>,
}

/// What a scorer says of its rows of a batch, in their order.
#[derive(Debug, Default)]
pub(super) struct Scores {
    pub(super) rows: Vec<Score>,
    fields: Vec<FieldScore>,
    values: Vec<f64>,
    /// Alerts that opened, worsened or closed, with the number of the row of the batch at whose time they did.
    pub(super) events: Vec<(usize, AlertEvent)>,
}

impl Scores {
    /// Expectation and band of each field of a row.
    pub(super) fn fields(&self, score: &Score) -> &[FieldScore] {
        &self.fields[score.fields.clone()]
    }

    /// The value of each field of a row, NaN where missing.
    pub(super) fn values(&self, score: &Score) -> &[f64] {
        &self.values[score.fields.clone()]
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.fields.clear();
        self.values.clear();
        self.events.clear();
    }
}

impl Scorer {
    pub(super) fn new(
        file: &Path,
        detector: &DefaultDetector,
        config: &EngineConfig,
        index: usize,
    ) -> Result<Self, Error> {
        let shard = file.to_string_lossy().into();
        Ok(Self {
            engine: Engine::new(detector.clone(), config.clone())?,
            index,
            source: Source { stream: "backtest".into(), shard, position: Position::default() },
            output: Output::default(),
        })
    }

    /// Scores its rows of a batch.
    pub(super) fn score(&mut self, batch: &Batch, scores: &mut Scores) {
        scores.clear();
        for (at, row) in batch.rows().iter().enumerate() {
            let its_own = row.scorer == self.index;
            if row.refused.is_some() {
                continue;
            }
            self.output.clear();
            let position = position(batch.first + at as u64);
            self.pass_time(row.time_ms, position);
            let refused = if its_own { self.observe(row, position) } else { None };
            scores.events.extend(self.output.events.drain(..).map(|event| (at, event)));
            if its_own {
                let score = self.take(row, refused, scores);
                scores.rows.push(score);
            }
        }
    }

    /// Lets time go on to that of a row, as on a live shard: what falls due before it happens then.
    fn pass_time(&mut self, time_ms: i64, position: Position) {
        let Self { engine, output, .. } = self;
        while let Some(due_ms) = engine.next_deadline_ms().filter(|due_ms| *due_ms < time_ms) {
            let before = engine.position();
            engine.advance(before, due_ms, output);
        }
        engine.advance(position, time_ms, output);
    }

    fn observe(&mut self, row: &Row, position: Position) -> Option<String> {
        let Self { engine, source, output, .. } = self;
        source.position = position;
        let observed = engine.observe(position, source, row.time_ms, &row.observation, output);
        observed.err().map(|rejection| rejection.to_string())
    }

    fn take(&self, row: &Row, refused: Option<String>, scores: &mut Scores) -> Score {
        let start = scores.fields.len();
        let point = self.output.points.last();
        if let Some(point) = point {
            scores.fields.extend_from_slice(self.output.scores(point));
            scores.values.extend_from_slice(self.output.values(point));
        }
        Score {
            surprise: point.map_or(0.0, |point| point.surprise),
            anomaly_score: point.map_or(0.0, |point| point.anomaly_score),
            alert: self.engine.open_episode(&row.observation.series),
            names: point.map(|point| Arc::clone(&point.fields)),
            fields: start..scores.fields.len(),
            refused,
        }
    }
}

fn position(row: u64) -> Position {
    let mut position = Position::default();
    position.sequence[16..].copy_from_slice(&(row + 1).to_be_bytes());
    position
}
