//! Rows of text cells, whatever the form of the file.

use super::TableError;
use super::columns::look_like_data;
use super::parquet_rows::ParquetRows;
use csv::{ByteRecord, Reader, ReaderBuilder};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

/// Bytes of a CSV file that are looked at to find out the delimiter.
const HEADER_BYTES_MAX: u64 = 1 << 20;

pub(super) struct Rows {
    file: PathBuf,
    names: Vec<String>,
    form: Form,
    line: u64,
}

enum Form {
    Csv(Box<Reader<BufReader<File>>>),
    Parquet(ParquetRows),
}

impl Rows {
    pub(super) fn open(file: &Path) -> Result<Self, TableError> {
        let io = |source| TableError::Io { file: file.to_owned(), source };
        let reason = |reason: String| TableError::File { file: file.to_owned(), reason };
        let mut reader = BufReader::with_capacity(1 << 16, File::open(file).map_err(io)?);
        let start = reader.fill_buf().map_err(io)?;
        if start.is_empty() {
            return Err(reason("the file is empty".to_owned()));
        }
        if start.starts_with(b"PAR1") {
            let rows = ParquetRows::open(reader.into_inner()).map_err(|error| reason(error.to_string()))?;
            let names = rows.names();
            return Ok(Self { file: file.to_owned(), names, form: Form::Parquet(rows), line: 0 });
        }
        let mut header = Vec::new();
        reader.by_ref().take(HEADER_BYTES_MAX).read_until(b'\n', &mut header).map_err(io)?;
        reader.rewind().map_err(io)?;
        let mut csv = ReaderBuilder::new().delimiter(delimiter(&header)).from_reader(reader);
        let header = csv.byte_headers().map_err(|error| reason(error.to_string()))?;
        let names: Vec<String> =
            header.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        let names: Vec<String> =
            names.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
        if look_like_data(&names) {
            return Err(reason(
                "the first line is a row of data; a header with the names of the columns is needed"
                    .to_owned(),
            ));
        }
        Ok(Self { file: file.to_owned(), names, form: Form::Csv(Box::new(csv)), line: 1 })
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Line, or row, of the record read last.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Reads the next record; false at the end.
    pub(super) fn read(&mut self, record: &mut ByteRecord) -> Result<bool, TableError> {
        let result = match &mut self.form {
            Form::Csv(csv) => {
                let read = csv.read_byte_record(record);
                self.line = record.position().map_or(self.line + 1, |position| position.line());
                read.map_err(|error| csv_reason(&error, &mut self.line))
            }
            Form::Parquet(rows) => {
                self.line += 1;
                rows.read(record).map_err(|error| error.to_string())
            }
        };
        result.map_err(|reason| TableError::Row { file: self.file.clone(), line: self.line, reason })
    }
}

fn csv_reason(error: &csv::Error, line: &mut u64) -> String {
    if let Some(position) = error.position() {
        *line = position.line();
    }
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} cells; the header has {expected_len}")
        }
        _ => error.to_string(),
    }
}

/// The one of `,` `;` and tab that stands most often in a header, outside of quotes.
fn delimiter(header: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in header {
        quoted ^= *byte == b'"';
        if !quoted && let Some((_, count)) = counts.iter_mut().find(|(delimiter, _)| delimiter == byte) {
            *count += 1;
        }
    }
    // Of equals the first.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| *delimiter)
}
