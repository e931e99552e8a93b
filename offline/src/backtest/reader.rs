//! The rows of an input as observations.

use super::Error;
use super::json_lines::JsonLines;
use crate::table::input::uncompressed_name;
use crate::table::{Choice, Form, Input, STDIN, Table, TableError};
use csv::ByteRecord;
use kizashi_models::decode::{Decoder, Mapping};
use kizashi_models::observation::{Observation, SERIES_BYTES_MAX, Values};
use std::path::{Path, PathBuf};

/// One row of an input. Its buffers are used again for another.
#[derive(Debug)]
pub(super) struct Row {
    /// Line of the file; of Parquet the row.
    pub(super) line: u64,
    pub(super) time_ms: i64,
    /// The time as the input has it: of a table its text, of JSON its token.
    pub(super) time_text: Vec<u8>,
    pub(super) observation: Observation,
    /// The cells of a table.
    pub(super) cells: ByteRecord,
    /// Why the row is no observation, though the rows behind it are read.
    pub(super) refused: Option<String>,
    /// Which of the scorers has its series.
    pub(super) scorer: usize,
    /// Bytes that it has in the input, about.
    pub(super) bytes: usize,
}

impl Row {
    pub(super) fn new() -> Self {
        let observation = Observation { series: "".into(), time_ms: None, values: Values::One(f64::NAN) };
        Self {
            line: 0,
            time_ms: 0,
            time_text: Vec::new(),
            observation,
            cells: ByteRecord::new(),
            refused: None,
            scorer: 0,
            bytes: 0,
        }
    }
}

/// An input, read row by row.
pub(super) enum Reader {
    Table(TableReader),
    JsonLines(JsonLines),
}

impl Reader {
    /// Opens an input and finds out what it holds.
    pub(super) fn open(file: &Path, choice: &Choice, mapping: &Mapping) -> Result<Self, Error> {
        let input = Input::open(file, choice)?;
        if input.form() == Form::JsonLines {
            let mapping = with_choice(mapping, choice);
            let decoder = Decoder::new(&mapping)
                .map_err(|error| Error::Options(format!("the mapping of JSON lines: {error}")))?;
            return Ok(Self::JsonLines(JsonLines::new(input, decoder, &mapping.time, &choice.ignore)));
        }
        Ok(Self::Table(TableReader::new(Table::new(input, choice)?, file)))
    }

    /// Reads the next row; false at the end.
    pub(super) fn read(&mut self, row: &mut Row) -> Result<bool, Error> {
        row.refused = None;
        match self {
            Self::Table(reader) => reader.read(row),
            Self::JsonLines(reader) => reader.read(row),
        }
    }

    /// The input, as it was given.
    pub(super) fn file(&self) -> &Path {
        match self {
            Self::Table(reader) => reader.table.file(),
            Self::JsonLines(reader) => reader.file(),
        }
    }

    /// The table that it reads, unless it reads JSON lines.
    pub(super) fn table(&self) -> Option<&Table> {
        match self {
            Self::Table(reader) => Some(&reader.table),
            Self::JsonLines(_) => None,
        }
    }

    /// Whether it may hold more than one series.
    pub(super) fn has_many_series(&self) -> bool {
        self.table().is_none_or(|table| table.columns().series.is_some())
    }
}

/// What is said of columns holds for the keys of JSON, too.
fn with_choice(mapping: &Mapping, choice: &Choice) -> Mapping {
    let mut mapping = mapping.clone();
    if let Some(time) = &choice.time {
        mapping.time.clone_from(time);
    }
    if let Some(series) = &choice.series {
        mapping.series.clone_from(series);
    }
    if !choice.values.is_empty() {
        mapping.fields.clone_from(&choice.values);
    }
    mapping
}

/// Rows of CSV or Parquet.
pub(super) struct TableReader {
    table: Table,
    /// What a row's observation is before it has its values.
    blank: Observation,
    /// For each value of a row, its place among the observation's names, which are sorted.
    places: Vec<usize>,
    values: Vec<f64>,
}

impl TableReader {
    fn new(table: Table, file: &Path) -> Self {
        let columns = &table.columns().values;
        let name = |value: &usize| table.names()[columns[*value]].as_str();
        let order = table.values_by_name();
        let mut places = vec![0; columns.len()];
        order.iter().enumerate().for_each(|(place, value)| places[*value] = place);
        let values = match columns.len() {
            1 => Values::One(f64::NAN),
            _ => Values::Named(order.iter().map(|value| (name(value).into(), f64::NAN)).collect()),
        };
        let file = if file == Path::new(STDIN) { PathBuf::from("stdin") } else { uncompressed_name(file) };
        let series = file.file_stem().unwrap_or_default().to_string_lossy();
        let blank = Observation { series: series.into(), time_ms: None, values };
        Self { table, blank, places, values: Vec::new() }
    }

    /// The table, of which the names and columns are of interest.
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// For each value of a row, its place among the fields of its series.
    pub(super) fn places(&self) -> &[usize] {
        &self.places
    }

    fn read(&mut self, row: &mut Row) -> Result<bool, Error> {
        let Self { table, blank, places, values } = self;
        let Some(read) = table.read(values)? else { return Ok(false) };
        row.time_ms = read.time_ms;
        row.time_text.clear();
        row.time_text.extend_from_slice(read.time_text);
        let observation = &mut row.observation;
        observation.time_ms = Some(read.time_ms);
        let series = read.series.unwrap_or(&blank.series);
        let series_bytes = series.len();
        if *observation.series != *series && series_bytes <= SERIES_BYTES_MAX {
            observation.series = series.into();
        }
        match (&mut observation.values, &blank.values) {
            (Values::One(value), Values::One(_)) => *value = read.values[0],
            (Values::Named(named), Values::Named(blank)) if named.len() == blank.len() => {
                places.iter().zip(read.values).for_each(|(place, value)| named[*place].1 = *value);
            }
            (_, Values::One(_)) => observation.values = Values::One(read.values[0]),
            (_, Values::Named(blank)) => {
                let mut named = blank.clone();
                places.iter().zip(read.values).for_each(|(place, value)| named[*place].1 = *value);
                observation.values = Values::Named(named);
            }
        }
        row.line = table.line();
        if series_bytes > SERIES_BYTES_MAX {
            let reason =
                format!("a series key of {series_bytes} bytes; at most {SERIES_BYTES_MAX} are allowed");
            return Err(TableError::Row { file: table.file().to_owned(), line: row.line, reason }.into());
        }
        table.take_cells(&mut row.cells);
        row.bytes = row.cells.as_slice().len();
        Ok(true)
    }
}
