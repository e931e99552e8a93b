//! Rows of text cells, whatever the form of the file.

use super::cell::shown;
use super::decimal::Decimal;
use super::header;
use super::input::{Bytes, Form, Input};
use super::parquet_rows::ParquetRows;
use super::{Choice, TableError};
use csv::{ByteRecord, Reader, ReaderBuilder};
use std::io::{self, Read};
use std::path::PathBuf;

/// Bytes of a row of a CSV file, about; a quote that is never closed would take all that follows.
const ROW_BYTES_MAX: usize = 16 << 20;
const BUFFER_BYTES: usize = 1 << 16;

pub(super) struct Rows {
    file: PathBuf,
    names: Vec<String>,
    kind: Kind,
    line: u64,
}

enum Kind {
    Csv { reader: Box<Reader<Bounded<Bytes>>>, delimiter: u8 },
    Parquet(Box<ParquetRows>),
}

impl Rows {
    pub(super) fn new(input: Input, choice: &Choice) -> Result<Self, TableError> {
        let (file, no_header) = (input.file.clone(), choice.no_header);
        let reason = |reason: String| TableError::File { file: file.clone(), reason };
        match input.form() {
            Form::JsonLines => Err(reason("it holds JSON and no columns".to_owned())),
            Form::Parquet => {
                let rows = ParquetRows::open(input.into_file()?).map_err(reason)?;
                let names = rows.names();
                Ok(Self { file, names, kind: Kind::Parquet(Box::new(rows)), line: 0 })
            }
            Form::Csv => {
                let delimiter = delimiter(input.head());
                let bytes = Bounded { bytes: input.into_bytes(), left: ROW_BYTES_MAX };
                let mut csv = ReaderBuilder::new()
                    .delimiter(delimiter)
                    .has_headers(!no_header)
                    .buffer_capacity(BUFFER_BYTES)
                    .from_reader(bytes);
                let first = csv.byte_headers().map_err(|error| reason(error.to_string()))?;
                let (names, line) = if no_header {
                    ((1..=first.len()).map(|place| place.to_string()).collect(), 0)
                } else {
                    (header_names(first, choice).map_err(reason)?, 1)
                };
                Ok(Self { file, names, kind: Kind::Csv { reader: Box::new(csv), delimiter }, line })
            }
        }
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// What each column is, where it is of a type that is not read.
    pub(super) fn unread(&self) -> Vec<Option<&'static str>> {
        match &self.kind {
            Kind::Csv { .. } => vec![None; self.names.len()],
            Kind::Parquet(rows) => rows.unread(),
        }
    }

    /// Whether commas tell no cells apart, so that one may stand before decimals.
    pub(super) fn may_have_decimal_commas(&self) -> bool {
        matches!(self.kind, Kind::Csv { delimiter, .. } if delimiter != b',')
    }

    /// Line, or row, of the record read last.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Reads the next record; false at the end.
    pub(super) fn read(&mut self, record: &mut ByteRecord) -> Result<bool, TableError> {
        let result = match &mut self.kind {
            Kind::Csv { reader: csv, .. } => {
                csv.get_mut().left = ROW_BYTES_MAX;
                let read = csv.read_byte_record(record);
                self.line = match &read {
                    Err(error) => error.position().map_or(self.line + 1, |position| position.line()),
                    Ok(_) => record.position().map_or(self.line + 1, |position| position.line()),
                };
                read.map_err(|error| csv_reason(&error, csv.has_headers()))
            }
            Kind::Parquet(rows) => {
                self.line += 1;
                rows.read(record)
            }
        };
        result.map_err(|reason| TableError::Row { file: self.file.clone(), line: self.line, reason })
    }
}

/// Fails where more is read than a row may hold.
struct Bounded<R> {
    bytes: R,
    left: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.left = self.left.checked_sub(read).ok_or_else(|| {
            let mib = ROW_BYTES_MAX >> 20;
            io::Error::other(format!("a row of more than {mib} MiB; is a quote not closed?"))
        })?;
        Ok(read)
    }
}

/// The names in the first line of a file that should have a header.
fn header_names(first: &ByteRecord, choice: &Choice) -> Result<Vec<String>, String> {
    let name = |name: &[u8]| String::from_utf8_lossy(name).trim().to_owned();
    let names: Vec<String> = first.iter().map(name).collect();
    // Who names a column by it says that it is a name.
    let is_named = || names.iter().any(|name| header::may_be_a_cell(name) && choice.names(name));
    match header::data(&names).filter(|_| !is_named()) {
        None => Ok(names),
        Some(cell) => Err(format!(
            "the first line is a row of data, by its `{}`; a header with the names of the columns is needed, or say \
             that there is none (--no-header), or that it is a name (--values, --ignore)",
            shown(cell.as_bytes())
        )),
    }
}

fn csv_reason(error: &csv::Error, has_header: bool) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let first = if has_header { "the header" } else { "the first line" };
            format!("{len} cells; {first} has {expected_len}")
        }
        _ => error.to_string(),
    }
}

/// The one of `,` `;` and tab that stands most often in a first line, outside of quotes. Where one of the others leaves commas
/// in numbers alone, they stand before decimals and don't count.
fn delimiter(head: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in head {
        quoted ^= *byte == b'"';
        if !quoted && let Some((_, count)) = counts.iter_mut().find(|(delimiter, _)| delimiter == byte) {
            *count += 1;
        }
    }
    let is_whole = |cell: &[u8]| !cell.contains(&b',') || Decimal::Comma.parse(cell).is_some();
    let are_decimal = |delimiter: u8| head.split(|byte| *byte == delimiter).all(is_whole);
    if counts[1..].iter().any(|(delimiter, count)| *count > 0 && are_decimal(*delimiter)) {
        counts[0].1 = 0;
    }
    // Of equals the first.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| *delimiter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_before_decimals_tell_no_cells_apart() {
        for (head, found) in [
            ("t,x", b','),
            ("x", b','),
            ("a,b;c", b','),
            ("1,2", b','),
            ("t;x,y;z", b';'),
            ("2026-01-31;12,5", b';'),
            ("12,5;3,25", b';'),
            ("12,5\t3,25\t1,5", b'\t'),
            ("\"a;b;c\",d", b','),
            ("1,2,a;b", b','),
            ("1,0,2,up; then down; then up", b','),
            ("1,2,3,4;", b','),
        ] {
            assert_eq!(char::from(delimiter(head.as_bytes())), char::from(found), "{head}");
        }
    }
}
