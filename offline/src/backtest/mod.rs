//! Files through the very engine of the service: what it would have said, row by row.

mod file;
mod run;

pub use file::FileReport;
pub use run::run;

use crate::event_score::EventScore;
use crate::nab_score::ProfileScore;
use crate::table::{Choice, TableError};
use kizashi_models::engine::{ConfigError, EngineConfig};
use std::fmt;
use std::path::PathBuf;

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The files, CSV or Parquet. Each is a series of its own unless the choice names a column of series.
    pub files: Vec<PathBuf>,
    /// Which columns hold what.
    pub choice: Choice,
    /// Where results are written, a CSV file under each file's name; none are if this is not set.
    pub out: Option<PathBuf>,
    /// Labels of events by which the files are scored.
    pub labels: Option<PathBuf>,
    /// The folder of the Numenta Anomaly Benchmark, with `data/` and `labels/`: its files are run and scored.
    pub nab: Option<PathBuf>,
    /// The engine's configuration.
    pub engine: EngineConfig,
    /// Files at a time; 0 stands for one a core.
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
    /// The options don't fit each other, or what they name is not what it should be.
    #[error("{0}")]
    Options(String),
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By file, in the order given.
    pub files: Vec<FileReport>,
    /// The scores of the Numenta Anomaly Benchmark, by profile, where it was asked for.
    pub nab: Vec<ProfileScore>,
    /// The score by event, where labels were given.
    pub events: Option<EventScore>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = |count: fn(&FileReport) -> u64| self.files.iter().map(count).sum::<u64>();
        for file in self.files.iter().filter(|_| self.nab.is_empty()) {
            writeln!(f, "{file}")?;
        }
        let (rows, alerts) = (sum(|file| file.rows), sum(|file| file.alerts));
        writeln!(f, "{} files, {rows} rows, {alerts} alerts", self.files.len())?;
        for profile in &self.nab {
            writeln!(f, "{profile}")?;
        }
        match &self.events {
            Some(events) => writeln!(f, "{events}"),
            None => Ok(()),
        }
    }
}
