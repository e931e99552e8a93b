//! The rows of a table that are looked at to find out what its columns hold.

use super::TableError;
use super::rows::Rows;
use csv::ByteRecord;
use std::collections::VecDeque;

/// Rows that are looked at, and the cells of them after which it is enough.
pub(super) const ROWS_MAX: usize = 200;
const CELLS_MAX: usize = 1_000_000;

/// The first rows of a table, each with its line. They are kept, for a pipe can't be read again.
pub(super) struct Sample {
    rows: VecDeque<(u64, ByteRecord)>,
    unread: Vec<Option<&'static str>>,
    /// Whether commas tell no cells apart, so that one may stand before decimals.
    pub(super) may_have_decimal_commas: bool,
}

impl Sample {
    /// Takes the first rows.
    pub(super) fn read(rows: &mut Rows) -> Result<Self, TableError> {
        let columns = rows.names().len();
        let (mut sample, mut record) = (VecDeque::new(), ByteRecord::new());
        while sample.len() < ROWS_MAX && (sample.len() + 1) * columns <= CELLS_MAX.max(columns) {
            if !rows.read(&mut record)? {
                break;
            }
            sample.push_back((rows.line(), record.clone()));
        }
        let may_have_decimal_commas = rows.may_have_decimal_commas();
        Ok(Self { rows: sample, unread: rows.unread(), may_have_decimal_commas })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What a column is, where it is of a type that is not read.
    pub(super) fn unread(&self, column: usize) -> Option<&'static str> {
        self.unread[column]
    }

    /// Whether a column is of a type that is read.
    pub(super) fn is_read(&self, column: usize) -> bool {
        self.unread[column].is_none()
    }

    /// The cells of a column.
    pub(super) fn cells(&self, column: usize) -> impl Iterator<Item = &[u8]> + Clone {
        self.lined_cells(column).map(|(_, cell)| cell)
    }

    /// The cells of a column, each with its line.
    pub(super) fn lined_cells(&self, column: usize) -> impl Iterator<Item = (u64, &[u8])> + Clone {
        self.rows.iter().map(move |(line, record)| (*line, &record[column]))
    }

    /// Takes the first row that was not taken yet.
    pub(super) fn take(&mut self) -> Option<(u64, ByteRecord)> {
        self.rows.pop_front()
    }
}
