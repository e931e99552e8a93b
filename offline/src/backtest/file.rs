//! One file through an engine of its own.

use super::Error;
use crate::table::{Choice, Row, Table, TableError};
use csv::Writer;
use kizashi_models::alert::Change;
use kizashi_models::detector::{DefaultDetector, FieldScore};
use kizashi_models::engine::{Engine, EngineConfig, Output};
use kizashi_models::observation::{Observation, SERIES_BYTES_MAX, Values};
use kizashi_models::position::{Position, Source};
use std::fmt;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// What came of one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileReport {
    /// The file.
    pub file: PathBuf,
    /// Rows below the header.
    pub rows: u64,
    /// Rows whose time lies before that of a row above.
    pub late: u64,
    /// Series in it.
    pub series: u64,
    /// Alerts opened, those of silence among them.
    pub alerts: u64,
    /// The highest surprise, and the text of its time.
    pub strangest: Option<(f64, String)>,
    /// Anomaly score of each row, where scores were asked for.
    pub scores: Vec<f64>,
    /// Text of the time of each row, likewise.
    pub times: Vec<String>,
}

impl fmt::Display for FileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} rows, {} series, {} alerts",
            self.file.display(),
            self.rows,
            self.series,
            self.alerts
        )?;
        if let Some((surprise, time)) = &self.strangest {
            write!(f, ", strangest {time} (surprise {surprise:.1})")?;
        }
        if self.late > 0 {
            write!(f, ", {} rows not in the order of time", self.late)?;
        }
        Ok(())
    }
}

/// Runs a file; results go to `out` if there is one, and to the report's scores if `keep_scores` is set.
pub(super) fn run_file(
    file: &Path,
    choice: &Choice,
    config: &EngineConfig,
    out: Option<&Path>,
    keep_scores: bool,
) -> Result<FileReport, Error> {
    let mut table = Table::open(file, choice)?;
    let mut results = out.map(|out| Results::create(out, &table)).transpose()?;
    let mut replay = Replay::new(file, &table, config)?;
    let mut report = FileReport { file: file.to_owned(), ..FileReport::default() };
    let mut values = Vec::new();
    let mut newest_ms = i64::MIN;
    let mut time_text = Vec::new();
    while let Some(row) = table.read(&mut values)? {
        report.rows += 1;
        report.late += u64::from(row.time_ms < newest_ms);
        newest_ms = newest_ms.max(row.time_ms);
        time_text.clear();
        time_text.extend_from_slice(row.time_text);
        let refused = replay.put(report.rows, &row);
        if let Err(reason) = refused {
            return Err(TableError::Row { file: file.to_owned(), line: table.line(), reason }.into());
        }
        report.alerts += replay.opened();
        let (surprise, score) = replay.point();
        if surprise > report.strangest.as_ref().map_or(0.0, |(highest, _)| *highest) {
            report.strangest = Some((surprise, String::from_utf8_lossy(&time_text).into_owned()));
        }
        if keep_scores {
            report.scores.push(score);
            report.times.push(String::from_utf8_lossy(&time_text).into_owned());
        }
        if let Some(results) = &mut results {
            results.write(&table, &time_text, &replay)?;
        }
    }
    report.series = replay.engine.series_count() as u64;
    if let Some(results) = results {
        results.finish()?;
    }
    Ok(report)
}

/// The engine, and what came of the last row.
struct Replay {
    engine: Engine<DefaultDetector>,
    source: Source,
    /// Reused from row to row.
    observation: Observation,
    /// For each value of a row, its place among the observation's names, which are sorted.
    places: Vec<usize>,
    output: Output,
}

impl Replay {
    fn new(file: &Path, table: &Table, config: &EngineConfig) -> Result<Self, Error> {
        let columns = &table.columns().values;
        let name = |value: &usize| table.names()[columns[*value]].as_str();
        let mut order: Vec<usize> = (0..columns.len()).collect();
        order.sort_by_key(|value| name(value));
        let mut places = vec![0; columns.len()];
        order.iter().enumerate().for_each(|(place, value)| places[*value] = place);
        let values = match columns.len() {
            1 => Values::One(f64::NAN),
            _ => Values::Named(order.iter().map(|value| (name(value).into(), f64::NAN)).collect()),
        };
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let shard = file.to_string_lossy().into();
        Ok(Self {
            engine: Engine::new(DefaultDetector::default(), config.clone())?,
            source: Source { stream: "backtest".into(), shard, position: Position::default() },
            observation: Observation { series: stem.into(), time_ms: None, values },
            places,
            output: Output::default(),
        })
    }

    /// Puts a row through the engine, as a live shard would: what falls due before its time happens then.
    fn put(&mut self, number: u64, row: &Row<'_>) -> Result<(), String> {
        self.output.clear();
        while let Some(due_ms) = self.engine.next_deadline_ms().filter(|due_ms| *due_ms < row.time_ms) {
            let position = self.engine.position();
            self.engine.advance(position, due_ms, &mut self.output);
        }
        let mut position = Position::default();
        position.sequence[16..].copy_from_slice(&number.to_be_bytes());
        self.source.position = position;
        if let Some(series) = row.series {
            if series.len() > SERIES_BYTES_MAX {
                return Err(format!(
                    "a series key of {} bytes; at most {SERIES_BYTES_MAX} are allowed",
                    series.len()
                ));
            }
            if *self.observation.series != *series {
                self.observation.series = series.into();
            }
        }
        self.observation.time_ms = Some(row.time_ms);
        match &mut self.observation.values {
            Values::One(value) => *value = row.values[0],
            Values::Named(named) => {
                for (place, value) in self.places.iter().zip(row.values) {
                    named[*place].1 = *value;
                }
            }
        }
        let Self { engine, source, observation, output, .. } = self;
        engine
            .observe(position, source, row.time_ms, observation, output)
            .map_err(|rejection| rejection.to_string())
    }

    /// Alerts that the last row opened, or the time before it.
    fn opened(&self) -> u64 {
        self.output.events.iter().filter(|event| event.change == Change::Opened).count() as u64
    }

    /// Surprise and anomaly score of the last row; 0 for one that repeats the row above.
    fn point(&self) -> (f64, f64) {
        self.output.points.last().map_or((0.0, 0.0), |point| (point.surprise, point.anomaly_score))
    }

    /// What was expected of each value of the last row.
    fn scores(&self) -> Option<impl Iterator<Item = &FieldScore>> {
        let scores = self.output.scores(self.output.points.last()?);
        // The fields of the engine are those of the first observation, which are sorted, and never others.
        Some(self.places.iter().map(|place| &scores[*place]))
    }
}

/// The file of results, which has its name only once it is whole.
struct Results {
    file: PathBuf,
    partial: PathBuf,
    writer: Writer<BufWriter<File>>,
    values: usize,
}

impl Results {
    fn create(file: &Path, table: &Table) -> Result<Self, Error> {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let partial = file.with_file_name(name);
        let io = |file: &Path| {
            let file = file.to_owned();
            move |source| Error::Io { file, source }
        };
        if let Some(dir) = file.parent() {
            fs::create_dir_all(dir).map_err(io(dir))?;
        }
        let writer = BufWriter::with_capacity(1 << 16, File::create(&partial).map_err(io(&partial))?);
        let values = table.columns().values.len();
        let mut results =
            Self { file: file.to_owned(), partial, writer: Writer::from_writer(writer), values };
        let names: Vec<&str> =
            table.columns().values.iter().map(|column| table.names()[*column].as_str()).collect();
        let mut header = vec!["timestamp".to_owned()];
        header.extend(table.columns().series.map(|column| table.names()[column].clone()));
        header.extend(names.iter().map(|name| (*name).to_owned()));
        match names.as_slice() {
            [_] => header.extend(["expected", "lower", "upper"].map(str::to_owned)),
            names => {
                for name in names {
                    header.extend(["expected", "lower", "upper"].map(|what| format!("{what}_{name}")));
                }
            }
        }
        header.extend(["anomaly_score", "alert"].map(str::to_owned));
        let written = results.writer.write_record(&header);
        results.check(written)?;
        Ok(results)
    }

    fn write(&mut self, table: &Table, time_text: &[u8], replay: &Replay) -> Result<(), Error> {
        let written = self.write_row(table, time_text, replay);
        self.check(written)
    }

    fn write_row(&mut self, table: &Table, time_text: &[u8], replay: &Replay) -> csv::Result<()> {
        let writer = &mut self.writer;
        writer.write_field(time_text)?;
        if let Some(column) = table.columns().series {
            writer.write_field(table.cell(column))?;
        }
        for column in &table.columns().values {
            writer.write_field(table.cell(*column))?;
        }
        match replay.scores() {
            Some(scores) => {
                for score in scores {
                    for value in [score.expected, score.lower, score.upper] {
                        writer.write_field(number(value))?;
                    }
                }
            }
            None => {
                for _ in 0..3 * self.values {
                    writer.write_field("")?;
                }
            }
        }
        writer.write_field(number(replay.point().1))?;
        let alert = replay.engine.open_episode(&replay.observation.series);
        writer.write_field(alert.map_or_else(String::new, |id| id.to_string()))?;
        writer.write_record(None::<&[u8]>)
    }

    fn check(&self, written: csv::Result<()>) -> Result<(), Error> {
        written
            .map_err(|error| Error::Io { file: self.partial.clone(), source: std::io::Error::other(error) })
    }

    fn finish(mut self) -> Result<(), Error> {
        let flushed = self.writer.flush().and_then(|()| fs::rename(&self.partial, &self.file));
        flushed.map_err(|source| Error::Io { file: self.file, source })
    }
}

/// A number that reads back as the same; nothing for one that is missing.
fn number(value: f64) -> String {
    if value.is_nan() { String::new() } else { format!("{value:?}") }
}
