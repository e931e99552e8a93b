//! The series that are known, with the newest observation of each.

use crate::committed::ShardRef;
use kizashi_models::engine::{Output, Summary};
use parking_lot::Mutex;
use std::{
    collections::{BTreeSet, HashMap},
    ops::Bound,
    sync::Arc,
};

/// Series looked at while a shard's table is locked.
const SCANNED_MAX: usize = 1_000;

/// A series in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesEntry {
    /// Key of the series.
    pub series: Arc<str>,
    /// The stream its observations come from.
    pub stream: Arc<str>,
    /// Names of its fields; one empty name for a single value.
    pub fields: Arc<[Box<str>]>,
    /// Time of its newest observation, Unix milliseconds.
    pub last_ms: i64,
    /// Values there, one a field, NaN where missing.
    pub values: Box<[f64]>,
    /// How many observations it has had.
    pub observations: u64,
    /// Surprise of the newest.
    pub surprise: f64,
}

impl SeriesEntry {
    /// Its place in a list.
    pub fn key(&self) -> SeriesKey {
        SeriesKey { series: self.series.clone(), stream: self.stream.clone() }
    }
}

/// Where a series stands in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesKey {
    series: Arc<str>,
    stream: Arc<str>,
}

impl SeriesKey {
    /// Packs the key for a token. Names of streams hold no zero byte.
    pub fn encode(&self) -> Vec<u8> {
        [self.stream.as_bytes(), &[0], self.series.as_bytes()].concat()
    }

    /// Unpacks what [`SeriesKey::encode`] gave.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (stream, series) = std::str::from_utf8(bytes).ok()?.split_once('\0')?;
        Some(Self { series: series.into(), stream: stream.into() })
    }
}

/// The series of one shard.
#[derive(Debug)]
pub struct SeriesTable {
    shard: ShardRef,
    series: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<Arc<str>, SeriesEntry>,
    keys: BTreeSet<Arc<str>>,
}

impl SeriesTable {
    /// An empty table of the series of a shard.
    pub fn new(shard: ShardRef) -> Self {
        Self { shard, series: Mutex::default() }
    }

    /// The shard.
    pub fn shard(&self) -> &ShardRef {
        &self.shard
    }

    /// Replaces all series by what the engine knows after recovery.
    pub fn restore(&self, summaries: Vec<Summary>) {
        let entries = summaries.into_iter().map(|summary| SeriesEntry {
            series: summary.series,
            stream: self.shard.stream.clone(),
            fields: summary.fields,
            last_ms: summary.last_ms,
            values: summary.values.into(),
            observations: summary.observations,
            surprise: summary.surprise,
        });
        let entries: HashMap<_, _> = entries.map(|entry| (entry.series.clone(), entry)).collect();
        let keys = entries.keys().cloned().collect();
        *self.series.lock() = Table { entries, keys };
    }

    /// Follows a batch of scored observations.
    pub fn observe(&self, output: &Output) {
        let mut table = self.series.lock();
        for point in &output.points {
            let values = output.values(point);
            match table.entries.get_mut(&point.series) {
                Some(entry) => {
                    entry.last_ms = point.time_ms;
                    entry.observations += 1;
                    entry.surprise = point.surprise;
                    if entry.values.len() == values.len() {
                        entry.values.copy_from_slice(values);
                    } else {
                        entry.values = values.into();
                        entry.fields = point.fields.clone();
                    }
                }
                None => {
                    let entry = SeriesEntry {
                        series: point.series.clone(),
                        stream: self.shard.stream.clone(),
                        fields: point.fields.clone(),
                        last_ms: point.time_ms,
                        values: values.into(),
                        observations: 1,
                        surprise: point.surprise,
                    };
                    table.keys.insert(point.series.clone());
                    table.entries.insert(point.series.clone(), entry);
                }
            }
        }
    }

    /// Takes out series that the engine has forgotten.
    pub fn forget(&self, series: &[Box<str>]) {
        let mut table = self.series.lock();
        for series in series {
            table.entries.remove(&**series);
            table.keys.remove(&**series);
        }
    }

    /// One series.
    pub fn get(&self, series: &str) -> Option<SeriesEntry> {
        self.series.lock().entries.get(series).cloned()
    }

    /// How many series are known.
    pub fn count(&self) -> usize {
        self.series.lock().entries.len()
    }

    /// Up to `found_max` series behind `after`, in the order of keys, whose key contains `needle`, which is in
    /// lower case. The table is unlocked from time to time.
    pub fn page(&self, after: Option<&SeriesKey>, needle: &str, found_max: usize) -> Vec<SeriesEntry> {
        let mut found = Vec::new();
        let mut from: Bound<Arc<str>> = match after {
            None => Bound::Unbounded,
            Some(key) if self.shard.stream > key.stream => Bound::Included(key.series.clone()),
            Some(key) => Bound::Excluded(key.series.clone()),
        };
        loop {
            let table = self.series.lock();
            let mut last = None;
            let keys = table.keys.range((from, Bound::Unbounded));
            for key in keys.take(SCANNED_MAX) {
                if needle.is_empty() || key.to_lowercase().contains(needle) {
                    found.push(table.entries[key].clone());
                    if found.len() == found_max {
                        return found;
                    }
                }
                last = Some(key.clone());
            }
            match last {
                Some(key) => from = Bound::Excluded(key),
                None => return found,
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::views::watch::tests::shard;

    pub(crate) fn summary(series: &str) -> Summary {
        Summary {
            series: series.into(),
            stream: "events".into(),
            fields: Arc::from([Box::from("")]),
            last_ms: 5,
            values: vec![1.0],
            observations: 3,
            surprise: 0.5,
            open_alert: None,
        }
    }

    #[test]
    fn pages_are_in_order_and_cross_the_slices() {
        let table = SeriesTable::new(shard(0));
        table.restore((0..2_500).map(|number| summary(&format!("Host-{number:04}"))).collect());
        let first = table.page(None, "", 3);
        let keys: Vec<&str> = first.iter().map(|entry| &*entry.series).collect();
        assert_eq!(keys, ["Host-0000", "Host-0001", "Host-0002"]);
        let after = SeriesKey::decode(&first[2].key().encode()).unwrap();
        assert_eq!(&*table.page(Some(&after), "", 1)[0].series, "Host-0003");
        let found = table.page(None, "host-2499", 10);
        assert_eq!(found.len(), 1, "the case of the key is ignored");
        assert!(table.page(Some(&found[0].key()), "", 1).is_empty());
        let of_earlier_stream = SeriesKey { stream: "a".into(), ..after };
        assert_eq!(&*table.page(Some(&of_earlier_stream), "", 1)[0].series, "Host-0002");
        table.forget(&["Host-2499".into()]);
        assert!(table.page(None, "host-2499", 10).is_empty());
        assert_eq!((table.count(), table.get("Host-2499")), (2_499, None));
    }
}
