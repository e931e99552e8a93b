//! Rows on their way from the reader to the scorers and to the results.

use super::reader::{Reader, Row};
use super::{Error, TooManySeries};
use crate::table::{Layout, Table};
use std::collections::HashMap;

/// Rows of a batch, and the bytes of text after which it is full.
const ROWS_MAX: usize = 512;
const TEXT_BYTES_MAX: usize = 1 << 20;

/// Rows in the order of the input.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Number of the first of them, from 0.
    pub(super) first: u64,
    rows: Vec<Row>,
    /// How many of `rows` are of this batch; the others keep their buffers.
    count: usize,
    text_bytes: usize,
}

impl Batch {
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows[..self.count]
    }

    /// A batch to fill, with the buffers of this one if they are of usual size.
    pub(super) fn recycle(self) -> Self {
        if self.text_bytes > 2 * TEXT_BYTES_MAX { Self::default() } else { self }
    }
}

/// When a series was seen, and who scores it.
#[derive(Debug)]
struct Span {
    first_ms: i64,
    newest_ms: i64,
    scorer: usize,
}

/// Fills batches from a reader, and keeps account of the series.
pub(super) struct Filler {
    reader: Reader,
    scorers: usize,
    series_max: u32,
    spans: HashMap<Box<str>, Span>,
    rows: u64,
    late: u64,
}

impl Filler {
    pub(super) fn new(reader: Reader, scorers: usize, series_max: u32) -> Self {
        Self { reader, scorers, series_max, spans: HashMap::new(), rows: 0, late: 0 }
    }

    /// Fills a batch with the next rows; without any at the end of the input.
    pub(super) fn fill(&mut self, batch: &mut Batch) -> Result<(), Error> {
        (batch.first, batch.count, batch.text_bytes) = (self.rows, 0, 0);
        while batch.count < ROWS_MAX && batch.text_bytes < TEXT_BYTES_MAX {
            if batch.rows.len() == batch.count {
                batch.rows.push(Row::new());
            }
            let row = &mut batch.rows[batch.count];
            if !self.reader.read(row)? {
                break;
            }
            self.rows += 1;
            batch.count += 1;
            batch.text_bytes += row.bytes;
            if row.refused.is_none() {
                self.note(row)?;
            }
        }
        Ok(())
    }

    fn note(&mut self, row: &mut Row) -> Result<(), TooManySeries> {
        let series = &row.observation.series;
        if let Some(span) = self.spans.get_mut(series) {
            self.late += u64::from(row.time_ms < span.newest_ms);
            span.newest_ms = span.newest_ms.max(row.time_ms);
            span.first_ms = span.first_ms.min(row.time_ms);
            row.scorer = span.scorer;
            return Ok(());
        }
        if self.spans.len() >= self.series_max as usize {
            let file = self.reader.file().to_owned();
            return Err(TooManySeries { file, line: row.line, series_max: self.series_max });
        }
        row.scorer = self.spans.len() % self.scorers;
        let span = Span { first_ms: row.time_ms, newest_ms: row.time_ms, scorer: row.scorer };
        self.spans.insert(series.clone(), span);
        Ok(())
    }

    pub(super) fn counts(&self) -> Counts {
        let span_ms = |span: &Span| span.newest_ms.saturating_sub(span.first_ms) as u64;
        Counts {
            layout: self.reader.table().map(|table| table.layout().clone()),
            untimed: self.reader.table().map_or(0, Table::untimed),
            late: self.late,
            series: self.spans.len() as u64,
            series_ms: self.spans.values().map(span_ms).fold(0, u64::saturating_add),
        }
    }
}

/// What a reader's rows were, all in all.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// What the columns of a table were taken for.
    pub(super) layout: Option<Layout>,
    /// Rows of a table whose time is missing.
    pub(super) untimed: u64,
    /// Rows whose time lies before that of a row of their series above.
    pub(super) late: u64,
    pub(super) series: u64,
    /// Milliseconds from the first to the newest row, over all series.
    pub(super) series_ms: u64,
}
