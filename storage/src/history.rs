//! History: the points of series as they were scored, for queries.
//!
//! Points gather in memory, a chunk a series, until the worker flushes the series: before it writes the
//! series' piece of state, so that what the piece has seen is in the history too. A replay appends the
//! points behind the piece again; a query takes each position once.
//!
//! Whole points are kept for about a day, then the extremes of each minute, within a bound of bytes.

pub mod chunk;
mod chunk_log;
mod minute;

use crate::error::StoreError;
use chunk::{ChunkBuilder, FieldNames, FieldPoint, Point, PointRef};
use chunk_log::{ChunkLog, NewChunk};
use kizashi_log::FileSystem;
use minute::Reduction;
use parking_lot::RwLock;
use std::{collections::HashMap, ops::Range, path::Path, sync::Arc};

/// Bytes of chunks that are appended at once.
const APPEND_BYTES: usize = 256 << 10;

/// Bounds of a shard's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryOptions {
    /// Most bytes on the disk, about; at least 1 MiB. Three quarters are for whole points.
    pub bytes_max: u64,
    /// How long points are kept whole, milliseconds.
    pub whole_ms: i64,
}

impl Default for HistoryOptions {
    fn default() -> Self {
        Self { bytes_max: 256 << 20, whole_ms: 24 * 3_600_000 }
    }
}

/// Points of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesPoints {
    /// Names of the fields, in the order of the points' fields.
    pub names: FieldNames,
    /// In the order of time, then position; each position once.
    pub points: Vec<Point>,
    /// Whether some of the range is kept as the extremes of each minute alone.
    pub reduced: bool,
}

/// The history of one shard. It has one writer and any number of readers.
#[derive(Debug)]
pub struct History {
    whole: ChunkLog,
    minutes: ChunkLog,
    options: HistoryOptions,
    open: RwLock<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// Points that were appended and not flushed.
    series: HashMap<Arc<str>, ChunkBuilder>,
    /// Points on their way to the disk.
    flushing: Vec<(Arc<str>, ChunkBuilder)>,
}

impl History {
    /// Opens the history in a directory, which is created where absent.
    pub fn open(fs: Arc<dyn FileSystem>, dir: &Path, options: HistoryOptions) -> Result<Self, StoreError> {
        let bytes_max = options.bytes_max.max(1 << 20);
        let whole = ChunkLog::open(fs.clone(), &dir.join("whole"), bytes_max / 4 * 3)?;
        let minutes = ChunkLog::open(fs, &dir.join("minutes"), bytes_max / 4)?;
        let options = HistoryOptions { bytes_max, ..options };
        Ok(Self { whole, minutes, options, open: RwLock::default() })
    }

    /// Forgets the points that are not flushed: a replay brings them again.
    pub fn forget_open(&self) {
        *self.open.write() = Open::default();
    }

    /// Appends points in memory; `each` is called once and pushes them.
    pub fn append(&self, each: impl FnOnce(&mut dyn FnMut(&Arc<str>, &FieldNames, &PointRef<'_>))) {
        let open = &mut *self.open.write();
        each(&mut |series, names, point| {
            let builder = match open.series.get_mut(series) {
                Some(builder) => builder,
                None => open.series.entry(series.clone()).or_insert_with(|| ChunkBuilder::new(names.clone())),
            };
            if !Arc::ptr_eq(builder.names(), names) && builder.names() != names {
                // The series has got a field: its earlier points stay a chunk of their own.
                let full = std::mem::replace(builder, ChunkBuilder::new(names.clone()));
                if full.points() > 0 {
                    open.flushing.push((series.clone(), full));
                }
            }
            builder.push(point);
        });
    }

    /// Makes the points of these series durable.
    pub async fn flush(
        &self,
        time_ms: i64,
        series: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<(), StoreError> {
        let mut batches = vec![Vec::new()];
        {
            let open = &mut *self.open.write();
            for series in series {
                if let Some((series, builder)) = open.series.remove_entry(series.as_ref())
                    && builder.points() > 0
                {
                    open.flushing.push((series, builder));
                }
            }
            let mut bytes = 0;
            for (series, builder) in &open.flushing {
                let encoded = builder.encode(series);
                bytes += encoded.len();
                let chunk = NewChunk {
                    series: series.clone(),
                    bytes: encoded,
                    time_range_ms: builder.time_range_ms(),
                };
                batches.last_mut().expect("there is always one").push(chunk);
                if bytes > APPEND_BYTES {
                    bytes = 0;
                    batches.push(Vec::new());
                }
            }
        }
        for batch in batches {
            self.whole.append(time_ms, &batch).await?;
        }
        self.open.write().flushing.clear();
        Ok(())
    }

    /// Makes all points durable.
    pub async fn flush_all(&self, time_ms: i64) -> Result<(), StoreError> {
        let series: Vec<Arc<str>> = self.open.read().series.keys().cloned().collect();
        self.flush(time_ms, series).await
    }

    /// Reduces what is older than a day or beyond the bound of bytes, and drops what is beyond it even
    /// so. Cheap where nothing is due.
    pub async fn keep_bounds(&self, now_ms: i64) -> Result<(), StoreError> {
        let whole_max = self.options.bytes_max / 4 * 3;
        let over = self.whole.bytes().saturating_sub(whole_max);
        // An eighth at once, so that minutes are cut through as seldom as may be.
        let wanted = if over > 0 { over.max(whole_max / 8) } else { 0 };
        let mut reduction = Reduction::default();
        let mut reduced_bytes = 0;
        let mut through = None;
        for group in self.whole.full_groups() {
            let old = group.time_max_ms < now_ms.saturating_sub(self.options.whole_ms);
            if reduced_bytes >= wanted && (!old || reduced_bytes >= whole_max / 8) {
                break;
            }
            self.whole.chunks_of_group(&group, |chunk| reduction.add(chunk))?;
            reduced_bytes += group.bytes;
            through = Some(group.list + 1);
        }
        if let Some(through) = through {
            let chunks = reduction.finish();
            for chunks in chunks.chunks(1024) {
                self.minutes.append(now_ms, chunks).await?;
            }
            self.whole.trim(through)?;
        }
        let minutes_max = self.options.bytes_max / 4;
        let mut over = self.minutes.bytes().saturating_sub(minutes_max);
        if over > 0 {
            let groups = self.minutes.full_groups();
            let dropped = groups.iter().take_while(|group| {
                let drop = over > 0;
                over = over.saturating_sub(group.bytes);
                drop
            });
            if let Some(last) = dropped.last() {
                self.minutes.trim(last.list + 1)?;
            }
        }
        Ok(())
    }

    /// Points of a series from `start_ms` on and before `end_ms`; `None` where there is none at all in
    /// that range.
    pub fn query(
        &self,
        series: &str,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Option<SeriesPoints>, StoreError> {
        let mut found = Found { range: start_ms..end_ms, ..Found::default() };
        self.minutes.chunks(series, start_ms, end_ms, |chunk| found.add_all(&chunk.names, chunk.points))?;
        let reduced = !found.is_empty();
        // The open points first: those that are flushed meanwhile are found on the disk too.
        {
            let open = self.open.read();
            let flushing = open.flushing.iter().filter(|(key, _)| **key == *series).map(|(_, chunk)| chunk);
            for builder in flushing.chain(open.series.get(series)) {
                let mut points = Vec::with_capacity(builder.points() as usize);
                builder.read(|point| points.push(owned(&point)));
                found.add_all(builder.names(), points);
            }
        }
        self.whole.chunks(series, start_ms, end_ms, |chunk| found.add_all(&chunk.names, chunk.points))?;
        Ok(found.finish(reduced))
    }

    /// Bytes on the disk.
    pub fn bytes(&self) -> u64 {
        self.whole.bytes() + self.minutes.bytes()
    }
}

/// What a query has found so far: runs of points with the same fields.
#[derive(Debug, Default)]
struct Found {
    range: Range<i64>,
    runs: Vec<(FieldNames, Vec<Point>)>,
}

impl Found {
    fn add_all(&mut self, names: &FieldNames, points: impl IntoIterator<Item = Point>) {
        let range = &self.range;
        let inside = points.into_iter().filter(|point| range.contains(&point.time_ms));
        match self.runs.last_mut() {
            Some((of_run, run)) if of_run == names => run.extend(inside),
            _ => self.runs.push((names.clone(), inside.collect())),
        }
    }

    fn is_empty(&self) -> bool {
        self.runs.iter().all(|(_, points)| points.is_empty())
    }

    fn finish(mut self, reduced: bool) -> Option<SeriesPoints> {
        self.runs.retain(|(_, points)| !points.is_empty());
        let names = all_names(&self.runs)?;
        let mut points = Vec::with_capacity(self.runs.iter().map(|(_, points)| points.len()).sum());
        for (of_run, run) in self.runs {
            if of_run == names {
                points.extend(run);
                continue;
            }
            let places: Vec<Option<usize>> =
                names.iter().map(|name| of_run.iter().position(|known| known == name)).collect();
            points.extend(run.into_iter().map(|mut point| {
                let missing =
                    FieldPoint { value: f64::NAN, expected: f64::NAN, lower: f64::NAN, upper: f64::NAN };
                let at = |place: &Option<usize>| place.map_or(missing, |place| point.fields[place]);
                point.fields = places.iter().map(at).collect();
                point
            }));
        }
        points.sort_by_key(|point| (point.time_ms, point.position));
        points.dedup_by_key(|point| point.position);
        Some(SeriesPoints { names, points, reduced })
    }
}

/// The fields of all runs, each once, in the order they came up; `None` where there is no run.
fn all_names(runs: &[(FieldNames, Vec<Point>)]) -> Option<FieldNames> {
    let (first, _) = runs.first()?;
    if runs.iter().all(|(names, _)| names == first) {
        return Some(first.clone());
    }
    let mut all: Vec<Box<str>> = Vec::new();
    for name in runs.iter().flat_map(|(names, _)| names.iter()) {
        if !all.contains(name) {
            all.push(name.clone());
        }
    }
    Some(all.into())
}

fn owned(point: &PointRef<'_>) -> Point {
    Point {
        position: point.position,
        time_ms: point.time_ms,
        surprise: point.surprise,
        anomaly_score: point.anomaly_score,
        fields: point.fields.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kizashi_log::StdFileSystem;
    use kizashi_models::position::Position;
    use std::task::{Context, Poll, Waker};

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return value;
            }
            std::thread::yield_now();
        }
    }

    fn names(names: &[&str]) -> FieldNames {
        names.iter().map(|name| Box::from(*name)).collect()
    }

    fn point(number: u64, fields: usize) -> Point {
        let mut sequence = [1; 24];
        sequence[16..].copy_from_slice(&number.to_be_bytes());
        let value = number as f64 * 0.1;
        Point {
            position: Position { sequence, index: 0 },
            time_ms: number as i64 * 1_000,
            surprise: (number % 13) as f32,
            anomaly_score: 0.25,
            fields: vec![FieldPoint { value, expected: 1.0, lower: 0.0, upper: 2.0 }; fields].into(),
        }
    }

    fn append(history: &History, series: &str, of: &FieldNames, numbers: Range<u64>) {
        let series = Arc::from(series);
        history.append(|push| {
            for number in numbers {
                push(&series, of, &point(number, of.len()).as_ref());
            }
        });
    }

    fn numbers(history: &History, series: &str) -> Vec<i64> {
        let found = history.query(series, i64::MIN, i64::MAX).unwrap();
        found.map_or(Vec::new(), |found| found.points.iter().map(|p| p.time_ms / 1_000).collect())
    }

    #[test]
    fn points_are_found_open_flushed_and_after_opening_again() {
        let dir = tempfile::tempdir().unwrap();
        let open = || History::open(Arc::new(StdFileSystem), dir.path(), HistoryOptions::default()).unwrap();
        let history = open();
        let one = names(&[""]);
        append(&history, "a", &one, 0..10);
        append(&history, "b", &one, 0..5);
        assert_eq!(numbers(&history, "a"), (0..10).collect::<Vec<_>>());
        block_on(history.flush(0, ["a"])).unwrap();
        append(&history, "a", &one, 10..12);
        assert_eq!(numbers(&history, "a"), (0..12).collect::<Vec<_>>());
        assert_eq!(history.query("c", 0, i64::MAX).unwrap(), None);
        let some = history.query("a", 3_000, 6_000).unwrap().unwrap();
        assert_eq!((some.points.len(), some.reduced), (3, false));
        assert_eq!(some.points[0], point(3, 1));
        drop(history);
        // What was not flushed is gone, and a replay brings it again.
        let history = open();
        assert_eq!(numbers(&history, "a"), (0..10).collect::<Vec<_>>());
        assert_eq!(numbers(&history, "b"), Vec::<i64>::new());
        append(&history, "a", &one, 5..12);
        assert_eq!(numbers(&history, "a"), (0..12).collect::<Vec<_>>());
        block_on(history.flush_all(0)).unwrap();
        assert_eq!(numbers(&history, "a"), (0..12).collect::<Vec<_>>());
    }

    #[test]
    fn a_series_that_gets_a_field_is_one_series() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::open(Arc::new(StdFileSystem), dir.path(), HistoryOptions::default()).unwrap();
        append(&history, "a", &names(&["x"]), 0..2);
        append(&history, "a", &names(&["x", "y"]), 2..4);
        let found = history.query("a", 0, i64::MAX).unwrap().unwrap();
        assert_eq!(found.names, names(&["x", "y"]));
        assert!(found.points[1].fields[1].value.is_nan() && found.points[1].fields[0].value == 0.1);
        assert_eq!(found.points[2], point(2, 2));
    }

    #[test]
    fn the_bound_of_bytes_holds_and_old_points_are_reduced() {
        let dir = tempfile::tempdir().unwrap();
        let options = HistoryOptions { bytes_max: 1 << 20, whole_ms: i64::MAX };
        let history = History::open(Arc::new(StdFileSystem), dir.path(), options).unwrap();
        let one = names(&[""]);
        for round in 0..300u64 {
            for series in ["a", "b"] {
                append(&history, series, &one, round * 240..(round + 1) * 240);
            }
            block_on(history.flush_all(0)).unwrap();
            block_on(history.keep_bounds(0)).unwrap();
        }
        assert!(history.bytes() < (1 << 20) + (256 << 10), "{} bytes", history.bytes());
        let last = 300 * 240 - 1;
        let found = history.query("a", 0, i64::MAX).unwrap().unwrap();
        assert!(found.reduced);
        assert_eq!(found.points.last().unwrap(), &point(last, 1));
        let gaps: Vec<i64> = found.points.windows(2).map(|p| p[1].time_ms - p[0].time_ms).collect();
        assert!(gaps.iter().all(|gap| (1..=60_000).contains(gap)), "no minute is without a point");
        let newest = history.query("a", (last as i64 - 1_000) * 1_000, i64::MAX).unwrap().unwrap();
        assert_eq!((newest.points.len(), newest.reduced), (1_001, false));
        drop(history);
        let history = History::open(Arc::new(StdFileSystem), dir.path(), options).unwrap();
        assert_eq!(history.query("a", 0, i64::MAX).unwrap().unwrap(), found);
    }

    #[test]
    fn points_older_than_their_time_are_reduced() {
        let dir = tempfile::tempdir().unwrap();
        let options = HistoryOptions { bytes_max: 1 << 20, whole_ms: 3_600_000 };
        let history = History::open(Arc::new(StdFileSystem), dir.path(), options).unwrap();
        for round in 0..10u64 {
            append(&history, "a", &names(&[""]), round * 1_000..(round + 1) * 1_000);
            block_on(history.flush_all(0)).unwrap();
        }
        block_on(history.keep_bounds(0)).unwrap();
        assert_eq!(numbers(&history, "a").len(), 10_000);
        block_on(history.keep_bounds(100_000_000)).unwrap();
        let found = history.query("a", 0, i64::MAX).unwrap().unwrap();
        assert!(found.reduced && found.points.len() < 10_000, "{}", found.points.len());
    }
}
