//! The time of each row: what a column says, or what the row's number gives.

use super::cell::is_missing_time;
use super::every::Every;
use super::time_format::TimeFormat;
use kizashi_models::time::UNIX_MS_RANGE;
use std::collections::HashMap;
use std::fmt::Write;

/// Where the time of a row comes from.
pub(super) enum RowTimes {
    /// A column says it.
    Column(TimeColumn),
    /// The rows are numbered.
    Numbered(NumberedRows),
}

impl RowTimes {
    /// The column of the times; none where rows are numbered.
    pub(super) fn column(&self) -> Option<usize> {
        match self {
            Self::Column(time) => Some(time.index),
            Self::Numbered(_) => None,
        }
    }
}

/// A column of times. A row whose time is missing has that of the row of its series before, since each row has a
/// result: where series stand one behind the other, the row before may be the end of another.
pub(super) struct TimeColumn {
    pub(super) index: usize,
    pub(super) format: TimeFormat,
    /// The last time of a file that is one series.
    last_ms: Option<i64>,
    /// The last time of each series, where a column tells them apart.
    last_of_series: HashMap<Box<str>, i64>,
    /// Rows so far whose time is missing.
    pub(super) untimed: u64,
}

/// Why a row has no time.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoTime {
    /// Its cell is no time.
    Wrong,
    /// Its time is missing, and no row of its series is above.
    First,
}

impl TimeColumn {
    pub(super) fn new(index: usize, format: TimeFormat) -> Self {
        Self { index, format, last_ms: None, last_of_series: HashMap::new(), untimed: 0 }
    }

    /// The time of the next row, and of its series where a column tells series apart.
    pub(super) fn next(&mut self, series: Option<&str>, cell: &[u8]) -> Result<i64, NoTime> {
        if let Some(time_ms) = self.format.parse(cell) {
            self.keep(series, time_ms);
            return Ok(time_ms);
        }
        if !is_missing_time(cell) {
            return Err(NoTime::Wrong);
        }
        let last_ms = match series {
            Some(series) => self.last_of_series.get(series).copied(),
            None => self.last_ms,
        };
        self.untimed += u64::from(last_ms.is_some());
        last_ms.ok_or(NoTime::First)
    }

    fn keep(&mut self, series: Option<&str>, time_ms: i64) {
        let Some(series) = series else {
            self.last_ms = Some(time_ms);
            return;
        };
        match self.last_of_series.get_mut(series) {
            Some(last_ms) => *last_ms = time_ms,
            None => {
                self.last_of_series.insert(series.into(), time_ms);
            }
        }
    }
}

/// Rows without times: the first of a series stands at the start of 1970, the others follow in equal steps.
///
/// They are counted by series, so that series in one file are sampled alike, whether they take turns in it or stand
/// one behind the other.
pub(super) struct NumberedRows {
    every: Every,
    /// Rows so far of each series; of a file that is one series under no name.
    rows: HashMap<Box<str>, i64>,
    text: String,
}

impl NumberedRows {
    pub(super) fn new(every: Every) -> Self {
        Self { every, rows: HashMap::new(), text: String::new() }
    }

    /// The time of the next row of a series; nothing behind the year 9999.
    pub(super) fn next(&mut self, series: &str) -> Option<i64> {
        let row = match self.rows.get_mut(series) {
            Some(rows) => {
                *rows += 1;
                *rows
            }
            None => {
                self.rows.insert(series.into(), 0);
                0
            }
        };
        self.text.clear();
        write!(self.text, "{row}").expect("a text takes what is written");
        row.checked_mul(self.every.ms).filter(|time_ms| UNIX_MS_RANGE.contains(time_ms))
    }

    /// The number of the row whose time was given last, from 0.
    pub(super) fn text(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_time_is_that_of_the_row_of_its_series_before() {
        let mut times = TimeColumn::new(0, TimeFormat::Standard);
        assert_eq!(times.next(Some("a"), b""), Err(NoTime::First));
        for (series, cell, time_ms) in [
            ("a", "10", Ok(10_000)),
            ("b", "99", Ok(99_000)),
            ("a", "", Ok(10_000)),
            ("a", "noon", Err(NoTime::Wrong)),
        ] {
            assert_eq!(times.next(Some(series), cell.as_bytes()), time_ms, "{series} {cell}");
        }
        assert_eq!(times.next(Some("c"), b"NaT"), Err(NoTime::First), "another series says nothing of it");
        assert_eq!(times.untimed, 1);
        let mut one = TimeColumn::new(0, TimeFormat::Standard);
        assert_eq!([one.next(None, b"10"), one.next(None, b"")], [Ok(10_000), Ok(10_000)]);
    }
}
