//! Files of rows with a time: CSV with any usual delimiter, and Parquet, read row by row.

mod cell;
mod columns;
mod decimal;
mod error;
mod every;
mod header;
pub(crate) mod input;
mod label_names;
mod layout;
mod month_name;
mod names;
mod parquet_rows;
mod row_times;
mod rows;
mod sample;
#[cfg(test)]
mod tests;
mod time_column;
mod time_format;

pub use columns::{Choice, Columns};
pub use error::TableError;
pub use every::Every;
pub use input::{Form, Input, STDIN};
pub use layout::{Layout, LeftOut, Reason};
pub use time_format::DateOrder;

use cell::{is_missing, shown};
use columns::Found;
use csv::ByteRecord;
use decimal::Decimal;
use row_times::{NoTime, RowTimes};
use rows::Rows;
use sample::Sample;
use std::path::{Path, PathBuf};
use time_format::TimeFormat;

/// A file of rows, of which the columns are known.
pub struct Table {
    file: PathBuf,
    rows: Rows,
    names: Vec<String>,
    columns: Columns,
    /// How the numbers of the values are written, in their order.
    decimals: Vec<Decimal>,
    /// How they are written in columns in which there was nothing.
    usual_decimal: Decimal,
    times: RowTimes,
    layout: Layout,
    /// Columns in which there has been nothing so far.
    empty: Vec<usize>,
    /// Rows that were read to find out about the columns.
    sample: Sample,
    record: ByteRecord,
    line: u64,
}

/// A row's time, its series and its values; the texts are as the file has them.
#[derive(Debug)]
pub struct Row<'a> {
    /// Text of the time; where rows are numbered, the number of the row in its series, from 0.
    pub time_text: &'a [u8],
    /// The time, Unix milliseconds; one without a zone is taken as UTC.
    pub time_ms: i64,
    /// Text of the series, where a column of it was chosen.
    pub series: Option<&'a str>,
    /// The values, in the order of [`Columns::values`]; NaN where missing.
    pub values: &'a [f64],
}

impl Table {
    /// Opens a file, or standard input for [`STDIN`], and finds out what its columns hold.
    ///
    /// # Errors
    /// Where the file can't be read, is empty, or has no columns that fit the choice.
    pub fn open(file: &Path, choice: &Choice) -> Result<Self, TableError> {
        Self::new(Input::open(file, choice)?, choice)
    }

    /// As [`Self::open`], of a file that is open.
    ///
    /// # Errors
    /// As there.
    pub fn new(input: Input, choice: &Choice) -> Result<Self, TableError> {
        let file = input.file.clone();
        let mut rows = Rows::new(input, choice)?;
        let names = rows.names().to_vec();
        let sample = Sample::read(&mut rows)?;
        let reason = |reason: String| TableError::File { file: file.clone(), reason };
        if sample.is_empty() {
            return Err(reason("there are no rows below the header".to_owned()));
        }
        let Found { columns, decimals, usual_decimal, times, layout } =
            columns::find(choice, &names, &sample).map_err(reason)?;
        let left_out = layout.left_out.iter();
        let empty = left_out.filter(|out| out.reason == Reason::Empty).map(|out| out.column).collect();
        let record = ByteRecord::new();
        Ok(Self {
            file,
            rows,
            names,
            columns,
            decimals,
            usual_decimal,
            times,
            layout,
            empty,
            sample,
            record,
            line: 0,
        })
    }

    /// The file, as it was given.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Names of all columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Which of them are used; that of the times is named by [`Self::layout`].
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The places of the values in the order of their columns' names, which is that of the fields of a vector.
    pub fn values_by_name(&self) -> Vec<usize> {
        let columns = &self.columns().values;
        let mut order: Vec<usize> = (0..columns.len()).collect();
        order.sort_by_key(|value| &self.names()[columns[*value]]);
        order
    }

    /// What its columns are taken for, as a person is told.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Rows so far whose time is missing: they have that of the row of their series before.
    pub fn untimed(&self) -> u64 {
        match &self.times {
            RowTimes::Column(time) => time.untimed,
            RowTimes::Numbered(_) => 0,
        }
    }

    /// Line of the row that was read last; see [`TableError::Row`].
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Hands over the cells of the row that was read last, in exchange for a record to read into.
    pub(crate) fn take_cells(&mut self, cells: &mut ByteRecord) {
        std::mem::swap(&mut self.record, cells);
    }

    /// Reads the next row; its values go to `values`.
    ///
    /// # Errors
    /// Names the line, and the column where it is about a cell.
    pub fn read<'a>(&'a mut self, values: &'a mut Vec<f64>) -> Result<Option<Row<'a>>, TableError> {
        match self.sample.take() {
            Some((line, record)) => (self.line, self.record) = (line, record),
            None => {
                if !self.rows.read(&mut self.record)? {
                    return Ok(None);
                }
                self.line = self.rows.line();
                self.look_at_empty_columns();
            }
        }
        let columns = &self.columns;
        let series = match columns.series {
            None => None,
            Some(column) => match std::str::from_utf8(&self.record[column]) {
                Ok(series) if !series.is_empty() => Some(series),
                _ => return Err(self.wrong(column, "the key of a series, a text in UTF-8")),
            },
        };
        let time_ms = match &mut self.times {
            RowTimes::Column(time) => {
                let (index, format) = (time.index, time.format);
                time.next(series, &self.record[index]).map_err(|why| match why {
                    NoTime::Wrong => self.wrong(index, needed_time(format)),
                    NoTime::First => self.no_time_above(index, series),
                })?
            }
            RowTimes::Numbered(rows) => {
                let time_ms = rows.next(series.unwrap_or_default());
                time_ms.ok_or_else(|| self.too_late())?
            }
        };
        values.clear();
        for (column, decimal) in columns.values.iter().zip(&self.decimals) {
            let value = decimal.parse(&self.record[*column]);
            values.push(value.ok_or_else(|| self.wrong(*column, decimal.needed()))?);
        }
        let time_text = match &self.times {
            RowTimes::Column(time) => &self.record[time.index],
            RowTimes::Numbered(rows) => rows.text(),
        };
        Ok(Some(Row { time_text, time_ms, series, values }))
    }

    /// Notes where a column that was empty so far has something.
    fn look_at_empty_columns(&mut self) {
        let Self { record, line, layout, empty, usual_decimal, .. } = self;
        empty.retain(|column| {
            let cell = &record[*column];
            if is_missing(cell) {
                return true;
            }
            if let Some(out) = layout.left_out.iter_mut().find(|out| out.column == *column) {
                let is_number = usual_decimal.parse(cell).is_some();
                out.reason = Reason::EmptyAtFirst { cell: shown(cell), line: *line, is_number };
            }
            false
        });
    }

    fn too_late(&self) -> TableError {
        let reason = "the row's number gives a time beyond the year 9999; choose less (--every)".to_owned();
        TableError::Row { file: self.file.clone(), line: self.line, reason }
    }

    fn no_time_above(&self, column: usize, series: Option<&str>) -> TableError {
        let name = &self.names[column];
        let whose = series.map_or_else(String::new, |key| format!(" of series `{}`", shown(key.as_bytes())));
        let reason =
            format!("the first row{whose} has no time in column `{name}`; give it one, or take the row out");
        TableError::Row { file: self.file.clone(), line: self.line, reason }
    }

    fn wrong(&self, column: usize, needed: &'static str) -> TableError {
        let text = shown(&self.record[column]);
        TableError::Cell {
            file: self.file.clone(),
            line: self.line,
            column: self.names[column].clone(),
            text,
            needed,
        }
    }
}

fn needed_time(format: TimeFormat) -> &'static str {
    match format {
        TimeFormat::Standard => "a time (RFC 3339, or seconds or milliseconds since 1970)",
        TimeFormat::Compact => "a time (such as 20140131T093000)",
        TimeFormat::YearFirst => "a time (year, month, day)",
        TimeFormat::YearLast(DateOrder::DayFirst) => "a time (day, month, year)",
        TimeFormat::YearLast(DateOrder::MonthFirst) => "a time (month, day, year)",
        TimeFormat::MonthName => "a time (such as 26 Nov 2026 21:52:03 +0000)",
    }
}
