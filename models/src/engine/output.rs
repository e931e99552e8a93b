//! What comes of a batch of observations.

use crate::alert::AlertEvent;
use crate::detector::{FieldScore, Scored};
use crate::position::Position;
use std::ops::Range;
use std::sync::Arc;

/// What came of the observations since it was cleared. Its buffers are reused.
#[derive(Debug, Default)]
pub struct Output {
    /// Alerts opened, escalated and closed, in order.
    pub events: Vec<AlertEvent>,
    /// One a scored observation, in order.
    pub points: Vec<Point>,
    /// Wrapping sum of a hash of each scored observation's position, series and surprise.
    pub digest: u64,
    /// Observations that a loaded piece had seen already: they are in no digest and gave no point.
    pub skipped: u64,
    /// Observations that repeated the last one of their series, and so taught nothing and gave no point.
    pub repeated: u64,
    values: Vec<f64>,
    scores: Vec<FieldScore>,
}

/// One scored observation.
#[derive(Clone, Debug)]
pub struct Point {
    /// Key of the series.
    pub series: Arc<str>,
    /// Names of the fields, in the order of values and scores; one empty name for a single value.
    pub fields: Arc<[Box<str>]>,
    /// Where it stands on the shard that was read.
    pub position: Position,
    /// Its time: its own, or that of its arrival where it had none.
    pub time_ms: i64,
    /// See [`Scored::surprise`].
    pub surprise: f64,
    /// See [`Scored::onset`].
    pub onset: f64,
    /// See [`Scored::anomaly_score`].
    pub anomaly_score: f64,
    range: Range<u32>,
}

impl Output {
    /// Values of a point of this output, one a field, NaN where missing.
    pub fn values(&self, point: &Point) -> &[f64] {
        &self.values[point.range.start as usize..point.range.end as usize]
    }

    /// Expectation, band and contribution of each field of a point of this output.
    pub fn scores(&self, point: &Point) -> &[FieldScore] {
        &self.scores[point.range.start as usize..point.range.end as usize]
    }

    /// Empties it for the next batch.
    pub fn clear(&mut self) {
        self.events.clear();
        self.points.clear();
        self.values.clear();
        self.scores.clear();
        self.digest = 0;
        self.skipped = 0;
        self.repeated = 0;
    }

    pub(super) fn push_point(
        &mut self,
        series: &Arc<str>,
        fields: &Arc<[Box<str>]>,
        position: Position,
        time_ms: i64,
        values: &[f64],
        scored: &Scored,
    ) {
        assert_eq!(values.len(), scored.fields.len(), "a detector scores every field");
        let start = self.values.len() as u32;
        self.values.extend_from_slice(values);
        self.scores.extend_from_slice(&scored.fields);
        self.points.push(Point {
            series: Arc::clone(series),
            fields: Arc::clone(fields),
            position,
            time_ms,
            surprise: scored.surprise,
            onset: scored.onset,
            anomaly_score: scored.anomaly_score,
            range: start..self.values.len() as u32,
        });
    }
}
