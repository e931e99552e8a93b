//! What is kept of old points: of each minute the least and the greatest value of each field, and the
//! strangest point.

use super::{
    chunk::{Chunk, ChunkBuilder, FieldNames, Point},
    chunk_log::NewChunk,
};
use std::{collections::HashMap, sync::Arc};

const MINUTE_MS: i64 = 60_000;

/// Reduces points minute by minute.
#[derive(Debug, Default)]
pub(super) struct Reduction {
    series: HashMap<Arc<str>, Reduced>,
    done: Vec<NewChunk>,
}

#[derive(Debug)]
struct Reduced {
    minute: Minute,
    out: ChunkBuilder,
}

/// The points of one minute that are worth keeping so far.
#[derive(Debug, Default)]
struct Minute {
    number: i64,
    least: Vec<Option<Point>>,
    greatest: Vec<Option<Point>>,
    strangest: Option<Point>,
}

impl Reduction {
    /// Takes a chunk in; those of a series come in the order they were written.
    pub fn add(&mut self, chunk: Chunk) {
        let series: Arc<str> = Arc::from(chunk.series);
        if let Some(reduced) = self.series.get(&series)
            && reduced.out.names() != &chunk.names
        {
            // The series has got a field since.
            let reduced = self.series.remove(&series).expect("it was found above");
            self.done.extend(reduced.finish(&series));
        }
        let reduced = self.series.entry(series).or_insert_with(|| Reduced::new(&chunk.names));
        for point in chunk.points {
            reduced.add(point);
        }
    }

    /// The reduced chunks, in the order of their series.
    pub fn finish(mut self) -> Vec<NewChunk> {
        for (series, reduced) in self.series {
            self.done.extend(reduced.finish(&series));
        }
        self.done.sort_by(|a, b| a.series.cmp(&b.series));
        self.done
    }
}

impl Reduced {
    fn new(names: &FieldNames) -> Self {
        Self { minute: Minute::default(), out: ChunkBuilder::new(names.clone()) }
    }

    fn add(&mut self, point: Point) {
        let number = point.time_ms.div_euclid(MINUTE_MS);
        if number != self.minute.number {
            self.minute.drain_into(&mut self.out);
            self.minute = Minute { number, ..Minute::default() };
        }
        self.minute.add(point);
    }

    fn finish(mut self, series: &Arc<str>) -> Option<NewChunk> {
        self.minute.drain_into(&mut self.out);
        (self.out.points() > 0).then(|| NewChunk {
            series: series.clone(),
            bytes: self.out.encode(series),
            time_range_ms: self.out.time_range_ms(),
        })
    }
}

impl Minute {
    fn add(&mut self, point: Point) {
        self.least.resize(point.fields.len(), None);
        self.greatest.resize(point.fields.len(), None);
        let slots = self.least.iter_mut().zip(&mut self.greatest);
        for (at, (least, greatest)) in slots.enumerate() {
            let value = point.fields[at].value;
            if value.is_nan() {
                continue;
            }
            if least.as_ref().is_none_or(|kept| value < kept.fields[at].value) {
                *least = Some(point.clone());
            }
            if greatest.as_ref().is_none_or(|kept| value > kept.fields[at].value) {
                *greatest = Some(point.clone());
            }
        }
        if self.strangest.as_ref().is_none_or(|kept| point.surprise > kept.surprise) {
            self.strangest = Some(point);
        }
    }

    fn drain_into(&mut self, out: &mut ChunkBuilder) {
        let extremes = self.least.drain(..).chain(self.greatest.drain(..)).flatten();
        let mut kept: Vec<Point> = extremes.chain(self.strangest.take()).collect();
        kept.sort_by_key(|point| point.position);
        kept.dedup_by_key(|point| point.position);
        for point in &kept {
            out.push(&point.as_ref());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::chunk::{FieldPoint, decode},
        *,
    };
    use kizashi_models::position::Position;

    fn point(second: i64, value: f64, surprise: f32) -> Point {
        let mut sequence = [0; 24];
        sequence[16..].copy_from_slice(&(second as u64).to_be_bytes());
        Point {
            position: Position { sequence, index: 0 },
            time_ms: second * 1_000,
            surprise,
            anomaly_score: 0.0,
            fields: [FieldPoint { value, ..FieldPoint::default() }].into(),
        }
    }

    #[test]
    fn a_minute_keeps_its_extremes_and_its_strangest() {
        let names: FieldNames = Arc::from([Box::from("")]);
        let mut reduction = Reduction::default();
        let points = (0..120).map(|second| {
            let surprise = if second == 30 { 5.0 } else { 0.5 };
            point(second, f64::from((second % 60) as i32), surprise)
        });
        let points: Vec<Point> = points.collect();
        for points in points.chunks(7) {
            reduction.add(Chunk { series: "s".into(), names: names.clone(), points: points.to_vec() });
        }
        let chunks = reduction.finish();
        assert_eq!(chunks.len(), 1);
        assert_eq!(chunks[0].time_range_ms, (0, 119_000));
        let seconds: Vec<i64> =
            decode(&chunks[0].bytes).unwrap().points.iter().map(|p| p.time_ms / 1_000).collect();
        // The first of the second minute is its least and, as all are alike, its strangest too.
        assert_eq!(seconds, [0, 30, 59, 60, 119]);
    }

    #[test]
    fn a_minute_without_values_keeps_its_strangest() {
        let names: FieldNames = Arc::from([Box::from("")]);
        let mut reduction = Reduction::default();
        let points = vec![point(0, f64::NAN, 0.0), point(1, f64::NAN, 1.0)];
        reduction.add(Chunk { series: "s".into(), names, points });
        let chunks = reduction.finish();
        assert_eq!(decode(&chunks[0].bytes).unwrap().points[0].time_ms, 1_000);
    }
}
