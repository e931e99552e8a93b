//! Files through the very engine of the service: what it would have said, row by row.

mod alert_list;
mod batch;
mod declared;
mod file;
mod hints;
mod json_lines;
mod partial_file;
mod pipeline;
mod reader;
mod report;
mod results;
mod run;
mod scorer;

pub use report::{FileReport, Report};
pub use run::run;

use crate::table::{Choice, TableError};
use kizashi_models::decode::Mapping;
use kizashi_models::detector::DefaultDetector;
use kizashi_models::engine::{ConfigError, EngineConfig};
use std::path::PathBuf;

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The files: CSV, Parquet or JSON lines, and `-` for standard input. A table is a series of its own
    /// unless the choice names a column of series; JSON lines name their series.
    pub files: Vec<PathBuf>,
    /// Which columns hold what.
    pub choice: Choice,
    /// Where in JSON lines things stand, where the choice says nothing else.
    pub mapping: Mapping,
    /// Where results are written, a file under each file's name; none are if this is not set.
    pub out: Option<PathBuf>,
    /// Labels of events by which the files are scored.
    pub labels: Option<PathBuf>,
    /// The folder of the Numenta Anomaly Benchmark, with `data/` and `labels/`: its files are run and scored, as
    /// they are read without a choice.
    pub nab: Option<PathBuf>,
    /// Whether the least and the largest value of each column of a file is declared to the engine as its
    /// range before the file is run, as the Numenta Anomaly Benchmark does.
    pub declared_range: bool,
    /// What scores.
    pub detector: DefaultDetector,
    /// Whether the report lists alerts, the first 1,000 of each file.
    pub list_alerts: bool,
    /// The engine's configuration.
    pub engine: EngineConfig,
    /// Threads; 0 stands for one a core.
    pub threads: usize,
}

/// Why a backtest could not be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file, or a place in it.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The engine's configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file can't be read or written.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Several files could not be run or scored.
    #[error("{}", lines(.0))]
    Several(Vec<Error>),
    /// More series than the engine may hold.
    #[error(transparent)]
    Series(#[from] TooManySeries),
    /// The options don't fit each other, or what they name is not what it should be.
    #[error("{0}")]
    Options(String),
}

/// Errors that a message lists.
const LISTED_MAX: usize = 10;

fn lines(errors: &[Error]) -> String {
    let mut lines: Vec<String> = errors.iter().take(LISTED_MAX).map(Error::to_string).collect();
    if errors.len() > LISTED_MAX {
        lines.push(format!("and {} more files could not be run", errors.len() - LISTED_MAX));
    }
    lines.join("\n")
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many rows more.
    Rows(u64),
    /// A file more.
    File,
}

/// A file has more series than the configuration allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}, line {line}: a new series, and there are {series_max} already; allow more (detect.series_max)",
    file.display()
)]
pub struct TooManySeries {
    /// The file.
    pub file: PathBuf,
    /// The line that has the series.
    pub line: u64,
    /// What is allowed.
    pub series_max: u32,
}
