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

/// A column of times. A row whose time is missing has that of the row before, since each row has a result.
pub(super) struct TimeColumn {
    pub(super) index: usize,
    pub(super) format: TimeFormat,
    last_ms: Option<i64>,
    /// Rows so far whose time is missing.
    pub(super) untimed: u64,
}

impl TimeColumn {
    pub(super) fn new(index: usize, format: TimeFormat) -> Self {
        Self { index, format, last_ms: None, untimed: 0 }
    }

    /// The time of the next row; nothing for a cell that is no time, or where none is above one that is missing.
    pub(super) fn next(&mut self, cell: &[u8]) -> Option<i64> {
        if let Some(time_ms) = self.format.parse(cell) {
            self.last_ms = Some(time_ms);
        } else if is_missing_time(cell) {
            self.untimed += u64::from(self.last_ms.is_some());
        } else {
            return None;
        }
        self.last_ms
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
