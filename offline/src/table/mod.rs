//! Files of rows with a time: CSV with any usual delimiter, and Parquet, read row by row.

mod columns;
pub(crate) mod input;
mod names;
mod parquet_rows;
mod rows;
mod time_format;

pub use columns::{Choice, Columns};
pub use input::{Form, STDIN};
pub use time_format::DateOrder;

use csv::ByteRecord;
use input::Input;
use rows::Rows;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use time_format::TimeFormat;

/// Rows looked at to find out what the columns hold, and the cells of them after which it is enough.
const SAMPLE_ROWS: usize = 200;
const SAMPLE_CELLS: usize = 1_000_000;

/// A file that can't be read, or a place in it.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file can't be opened or read.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file as a whole is not what it should be.
    #[error("{}: {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong, and what is needed.
        reason: String,
    },
    /// A row is not what it should be.
    #[error("{}, line {line}: {reason}", file.display())]
    Row {
        /// The file.
        file: PathBuf,
        /// Line of a CSV file, the header being line 1; of Parquet the row, the first being 1.
        line: u64,
        /// What is wrong, and what is needed.
        reason: String,
    },
    /// A cell is not what its column should hold.
    #[error(
        "{}, line {line}, column `{column}`: `{text}` is not {needed}; mend it, or leave the column out",
        file.display()
    )]
    Cell {
        /// The file.
        file: PathBuf,
        /// As above.
        line: u64,
        /// Name of the column.
        column: String,
        /// What the cell holds, shortened.
        text: String,
        /// What it should be.
        needed: &'static str,
    },
}

/// A file of rows, of which the columns are known.
pub struct Table {
    file: PathBuf,
    rows: Rows,
    names: Vec<String>,
    columns: Columns,
    time_format: TimeFormat,
    /// Rows that were read to find out about the columns.
    sample: VecDeque<(u64, ByteRecord)>,
    record: ByteRecord,
    line: u64,
}

/// A row's time, its series and its values; the texts are as the file has them.
#[derive(Debug)]
pub struct Row<'a> {
    /// Text of the time.
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
        Self::new(Input::open(file)?, choice)
    }

    pub(crate) fn new(input: Input, choice: &Choice) -> Result<Self, TableError> {
        let file = input.file.clone();
        let mut rows = Rows::new(input)?;
        let names = rows.names().to_vec();
        let mut sample = VecDeque::new();
        let mut record = ByteRecord::new();
        while sample.len() < SAMPLE_ROWS && (sample.len() + 1) * names.len() <= SAMPLE_CELLS.max(names.len())
        {
            if !rows.read(&mut record)? {
                break;
            }
            sample.push_back((rows.line(), record.clone()));
        }
        let reason = |reason: String| TableError::File { file: file.clone(), reason };
        if sample.is_empty() {
            return Err(reason("there are no rows below the header".to_owned()));
        }
        let records: Vec<&ByteRecord> = sample.iter().map(|(_, record)| record).collect();
        let (columns, time_format) = Columns::find(choice, &names, &records).map_err(reason)?;
        Ok(Self { file, rows, names, columns, time_format, sample, record, line: 0 })
    }

    /// The file, as it was given.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Names of all columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Which of them are used.
    pub fn columns(&self) -> &Columns {
        &self.columns
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
        match self.sample.pop_front() {
            Some((line, record)) => (self.line, self.record) = (line, record),
            None => {
                if !self.rows.read(&mut self.record)? {
                    return Ok(None);
                }
                self.line = self.rows.line();
            }
        }
        let columns = &self.columns;
        let time_text = &self.record[columns.time];
        let time_ms =
            self.time_format.parse(time_text).ok_or_else(|| self.wrong(columns.time, self.needed_time()))?;
        values.clear();
        for column in &columns.values {
            let value = parse_value(&self.record[*column]).ok_or_else(|| self.wrong(*column, "a number"))?;
            values.push(value);
        }
        let series = match columns.series {
            None => None,
            Some(column) => match std::str::from_utf8(&self.record[column]) {
                Ok(series) if !series.is_empty() => Some(series),
                _ => return Err(self.wrong(column, "the key of a series, a text in UTF-8")),
            },
        };
        Ok(Some(Row { time_text, time_ms, series, values }))
    }

    fn needed_time(&self) -> &'static str {
        match self.time_format {
            TimeFormat::Standard => "a time (RFC 3339, or seconds or milliseconds since 1970)",
            TimeFormat::Compact => "a time (such as 20140131T093000)",
            TimeFormat::YearFirst => "a time (year, month, day)",
            TimeFormat::YearLast(DateOrder::DayFirst) => "a time (day, month, year)",
            TimeFormat::YearLast(DateOrder::MonthFirst) => "a time (month, day, year)",
        }
    }

    fn wrong(&self, column: usize, needed: &'static str) -> TableError {
        let text: String = String::from_utf8_lossy(&self.record[column]).chars().take(40).collect();
        TableError::Cell {
            file: self.file.clone(),
            line: self.line,
            column: self.names[column].clone(),
            text,
            needed,
        }
    }
}

/// A number; NaN for a cell that says that its value is missing.
fn parse_value(cell: &[u8]) -> Option<f64> {
    match cell.trim_ascii() {
        b"" | b"NaN" | b"nan" | b"NA" | b"N/A" | b"null" | b"NULL" | b"None" | b"-" => Some(f64::NAN),
        text => std::str::from_utf8(text).ok()?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Time, series and values of a row.
    type Read = (i64, Option<String>, Vec<f64>);

    fn rows(text: &str, choice: &Choice) -> Result<Vec<Read>, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("t.csv");
        std::fs::write(&file, text).unwrap();
        let mut found = Vec::new();
        let without_dir =
            |error: TableError| error.to_string().replace(&format!("{}/", dir.path().display()), "");
        let mut table = Table::open(&file, choice).map_err(without_dir)?;
        let mut values = Vec::new();
        while let Some(row) = table.read(&mut values).map_err(without_dir)? {
            found.push((row.time_ms, row.series.map(str::to_owned), row.values.to_vec()));
        }
        Ok(found)
    }

    #[test]
    fn the_delimiter_and_the_time_are_found_out() {
        let expected = Ok(vec![(1_396_310_400_000, None, vec![1.5]), (1_396_310_700_000, None, vec![2.0])]);
        for text in [
            "timestamp,value\n2014-04-01 00:00:00,1.5\n2014-04-01 00:05:00,2\n",
            "\u{feff}value;when\r\n1.5;2014-04-01T00:00:00Z\r\n2;2014-04-01T00:05:00Z\r\n",
            "\"a name, with commas\"\tx\n2014-04-01T02:00:00+02:00\t1.5\n2014-04-01T02:05:00+02:00\t2",
            "epoch,x\n1396310400,1.5\n1396310700,2\n",
            "x,epoch\n1.5,1396310400000\n2,1396310700000\n",
        ] {
            assert_eq!(rows(text, &Choice::default()), expected, "{text}");
        }
    }

    #[test]
    fn columns_can_be_chosen() {
        let text = "t,host,a,b,label\n2014-04-01,x,1,2,0\n2014-04-02,y,3,,1\n";
        let choice =
            Choice { series: Some("host".into()), ignore: vec!["label".into()], ..Choice::default() };
        let found = rows(text, &choice).unwrap();
        assert_eq!((found[0].1.as_deref(), &found[0].2), (Some("x"), &vec![1.0, 2.0]));
        assert!(found[1].2[0] == 3.0 && found[1].2[1].is_nan());
        let choice = Choice { values: vec!["b".into()], ..Choice::default() };
        assert_eq!(rows(text, &choice).unwrap()[0].2, [2.0]);
    }

    #[test]
    fn forms_that_programs_write_are_read() {
        let one = Ok(vec![(1_396_310_400_000, None, vec![1.5])]);
        for text in [
            ",timestamp,value\n0,2014-04-01,1.5\n",
            "\n\r\nvalue,timestamp\n\n1.5,\"2014-04-01 00:00:00\"\n\n",
            "timestamp,value,,\n2014-04-01,1.5,,\n",
            "\"a\nname\",\"t\"\"\"\n\"1.5\",2014-04-01\n",
            "n,n,t,x\na,b,01.04.2014,1.5\n",
            "t\tx\r20140401\t1.5\r",
        ] {
            assert_eq!(rows(text, &Choice::default()), one, "{text:?}");
        }
    }

    #[test]
    fn a_table_of_very_many_columns_is_refused_unless_some_are_chosen() {
        let columns = 100_000;
        let mut text = String::from("t");
        (0..columns).for_each(|at| text += &format!(",c{at}"));
        (0..20).for_each(|row| text += &format!("\n2014-04-{:02}{}", row + 1, ",7".repeat(columns)));
        let error = rows(&text, &Choice::default()).unwrap_err();
        assert_eq!(error, "t.csv: 100000 columns hold numbers; at most 256 are allowed; choose (--values)");
        let choice = Choice { values: vec!["c99999".into()], ..Choice::default() };
        assert_eq!(rows(&text, &choice).unwrap().len(), 20);
    }

    #[test]
    fn a_quote_that_is_never_closed_does_not_take_the_file_into_memory() {
        let mut text = String::from("t,x\n2014-04-01,1\n2014-04-02,\"2\n");
        text += &"2014-04-03,3\n".repeat(2 << 20);
        let choice = Choice { values: vec!["x".into()], ..Choice::default() };
        let error = rows(&text, &choice).unwrap_err();
        assert_eq!(error, "t.csv, line 3: a row of more than 16 MiB; is a quote not closed?");
    }

    #[test]
    fn errors_name_file_line_and_column() {
        let with = |time: Option<&str>, values: &[&str]| Choice {
            time: time.map(str::to_owned),
            values: values.iter().map(|name| (*name).to_owned()).collect(),
            ..Choice::default()
        };
        let default = Choice::default;
        let two = "t,x\n2014-04-01,1\n";
        for (text, choice, part) in [
            ("", default(), "t.csv: the file is empty"),
            ("t,x\n", default(), "t.csv: there are no rows below the header"),
            ("2014-04-01,1\n2014-04-02,2\n", default(), "t.csv: the first line is a row of data; a header"),
            ("a,b\n1,2\n", default(), "t.csv: no column holds times; its columns are a, b"),
            ("t\n2014-04-01\n", default(), "t.csv: no column holds numbers"),
            (
                &format!("t,x\n{}2014-04-02,high\n", "2014-04-01,1\n".repeat(9)),
                default(),
                "t.csv: column `x` holds numbers but also `high`; mend it, or",
            ),
            ("t,t\n2014-04-01,1\n", default(), "t.csv: two columns are named `t`"),
            (two, with(Some("time"), &[]), "t.csv: there is no column `time`; its columns are t, x"),
            (two, with(Some("x"), &["x"]), "t.csv: `x` is chosen twice"),
            ("t,x\n2014-04-01,1\n2014-04-02\n", default(), "t.csv, line 3: "),
            (
                "t,x\n2014-04-01,1\n2014-14-02,2\n",
                with(Some("t"), &[]),
                "t.csv, line 3, column `t`: `2014-14-02` is not a time",
            ),
            (
                "t,x\n2014-04-01,1\n2014-04-02,high\n",
                with(None, &["x"]),
                "t.csv, line 3, column `x`: `high` is not a number",
            ),
        ] {
            let error = rows(text, &choice).unwrap_err();
            assert!(error.starts_with(part), "{text:?} gave: {error}");
        }
    }

    #[test]
    fn a_bad_cell_far_down_is_found_by_its_line() {
        let mut text = String::from("t,x\n");
        (0..1000).for_each(|row| text += &format!("{},{row}\n", 1_396_310_400 + row));
        text += "1396320400,oops\n";
        assert!(
            rows(&text, &Choice::default()).unwrap_err().starts_with("t.csv, line 1002, column `x`: `oops`")
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Table::open(Path::new("/nowhere/x.csv"), &Choice::default()).err().unwrap().to_string();
        assert!(error.starts_with("/nowhere/x.csv: "), "{error}");
    }
}
