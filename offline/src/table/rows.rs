//! Rows of text cells, whatever the form of the file.

use super::cell::shown;
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
    Csv(Box<Reader<Bounded<Bytes>>>),
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
                if no_header {
                    let names = (1..=first.len()).map(|place| place.to_string()).collect();
                    return Ok(Self { file, names, kind: Kind::Csv(Box::new(csv)), line: 0 });
                }
                let name = |name: &[u8]| String::from_utf8_lossy(name).trim().to_owned();
                let names: Vec<String> = first.iter().map(name).collect();
                // Who names a column by it says that it is a name.
                if let Some(cell) = header::data(&names).filter(|name| !choice.names(name)) {
                    return Err(reason(format!(
                        "the first line is a row of data, by its `{}`; a header with the names of the columns \
                         is needed, or say that there is none (--no-header), or that it is a name (--values, --ignore)",
                        shown(cell.as_bytes())
                    )));
                }
                Ok(Self { file, names, kind: Kind::Csv(Box::new(csv)), line: 1 })
            }
        }
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// What each column is, where it is of a type that is not read.
    pub(super) fn unread(&self) -> Vec<Option<&'static str>> {
        match &self.kind {
            Kind::Csv(_) => vec![None; self.names.len()],
            Kind::Parquet(rows) => rows.unread(),
        }
    }

    /// Line, or row, of the record read last.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Reads the next record; false at the end.
    pub(super) fn read(&mut self, record: &mut ByteRecord) -> Result<bool, TableError> {
        let result = match &mut self.kind {
            Kind::Csv(csv) => {
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

fn csv_reason(error: &csv::Error, has_header: bool) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let first = if has_header { "the header" } else { "the first line" };
            format!("{len} cells; {first} has {expected_len}")
        }
        _ => error.to_string(),
    }
}

/// The one of `,` `;` and tab that stands most often in a header, outside of quotes.
fn delimiter(head: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in head {
        quoted ^= *byte == b'"';
        if !quoted && let Some((_, count)) = counts.iter_mut().find(|(delimiter, _)| delimiter == byte) {
            *count += 1;
        }
    }
    // Of equals the first.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| *delimiter)
}
