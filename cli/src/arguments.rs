//! What can be typed.

use clap::{Args, Parser, Subcommand};
use kizashi_offline::table::{Choice, DateOrder, Every};
use std::{net::SocketAddr, path::PathBuf};

/// Anomaly detection for event streams: watches, learns, and alerts within a second.
#[derive(Debug, Parser)]
#[command(
    name = "kizashi",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the service: streams, workers, API and dashboard, in one process
    Serve(Serve),
    /// Put JSON lines from standard input (or a file) on a stream
    Put(Put),
    /// Put the rows of a CSV, Parquet or JSON-lines file on a stream, in the rhythm of their times
    Replay(Replay),
    /// Put this host's CPU, memory, disk, network and load on a stream, each second
    Agent(Agent),
    /// Print alerts, newest first, or as they happen
    Alerts(Alerts),
    /// Print which series broke together, newest first, or as it happens
    Incidents(Incidents),
    /// Look at records that could not be decoded, or try them again
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Score files with the very code of the service
    Backtest(Backtest),
    /// Check a stopped service's data: every record, every score, every alert
    Audit(Audit),
    /// Check or show a snapshot: the parameters that score
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Check the configuration, and show what it means
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Where a client command finds the service.
#[derive(Args, Debug)]
pub struct Server {
    /// The service's gRPC address
    #[arg(
        long = "server",
        value_name = "URL",
        env = "KIZASHI_SERVER",
        default_value = "http://127.0.0.1:8750"
    )]
    pub url: String,
}

/// `kizashi serve`.
#[derive(Args, Debug)]
pub struct Serve {
    /// Folder that holds everything durable; made if absent [default: kizashi-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address of gRPC, gRPC-Web, the dashboard and /metrics [default: 127.0.0.1:8750]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Address of the Kinesis endpoint [default: 127.0.0.1:4567]
    #[arg(long, value_name = "ADDR:PORT")]
    pub kinesis: Option<SocketAddr>,
    /// The snapshot that scores [default: the configuration's `snapshot`, else the built-in one]
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// Configuration file [default: kizashi.toml here, where there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `kizashi put`.
#[derive(Args, Debug)]
pub struct Put {
    /// JSON lines, one record each; standard input where absent
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The stream
    #[arg(long, default_value = "events")]
    pub stream: String,
    /// Field that names a record's series, or a path with dots, as the stream's mapping has it: it is the partition key,
    /// so that each series keeps its order; the service spreads records that name none
    #[arg(long, value_name = "PATH", default_value = "series")]
    pub series: String,
    /// Partition key of every record in place of its series
    #[arg(long, value_name = "KEY", conflicts_with = "series")]
    pub partition_key: Option<String>,
    /// Print each record's shard and sequence number
    #[arg(long, short)]
    pub verbose: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub server: Server,
}

/// What the columns of a file hold.
#[derive(Args, Debug)]
pub struct Columns {
    /// Column of the time [default: the first that parses as time]
    #[arg(long, value_name = "COLUMN")]
    pub time: Option<String>,
    /// How far apart rows are, as 500ms, 10s, 5m, 1h or 1d, of a file without times: the first is at the start of 1970
    #[arg(long, value_name = "STEP", conflicts_with = "time")]
    pub every: Option<Every>,
    /// The first line of CSV is a row like the others; the columns are named 1, 2, 3, …
    #[arg(long)]
    pub no_header: bool,
    /// Columns of the values [default: all numeric columns]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub values: Vec<String>,
    /// Columns to leave out, such as labels
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// Column of the series' key, of JSON lines its field [default: each file is one series, named after it; JSON lines
    /// name theirs]
    #[arg(long, value_name = "COLUMN")]
    pub series: Option<String>,
    /// Which of day and month comes first, where the file doesn't tell, as in 01/02/2026
    #[arg(long, value_name = "ORDER")]
    pub date_order: Option<Order>,
}

/// Whether dates begin with the day or with the month.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Order {
    /// Day, month, year
    Dmy,
    /// Month, day, year
    Mdy,
}

impl From<Columns> for Choice {
    fn from(columns: Columns) -> Self {
        let Columns { time, every, no_header, values, ignore, series, date_order } = columns;
        let date_order = date_order.map(|order| match order {
            Order::Dmy => DateOrder::DayFirst,
            Order::Mdy => DateOrder::MonthFirst,
        });
        Self { time, every, no_header, values, ignore, series, date_order }
    }
}

/// `kizashi replay`.
#[derive(Args, Debug)]
pub struct Replay {
    /// The file: .csv, .parquet or .jsonl
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub columns: Columns,
    /// So many times the rhythm of the rows' times, such as 1 or 60; `max` does not wait
    #[arg(long, value_name = "FACTOR", default_value = "max")]
    pub speed: Speed,
    /// The stream
    #[arg(long, default_value = "events")]
    pub stream: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub server: Server,
}

/// How fast to replay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// As fast as the service takes it.
    Max,
    /// So many times the rhythm of the rows.
    Times(f64),
}

impl std::str::FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.trim_end_matches('x').parse::<f64>() {
            Ok(factor) if factor.is_finite() && factor > 0.0 => Ok(Self::Times(factor)),
            _ => Err("a number above 0, such as 1 or 60, or `max`".into()),
        }
    }
}

/// `kizashi agent`.
#[derive(Args, Debug)]
pub struct Agent {
    /// First part of each series' key [default: this host's name]
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// Seconds between observations
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = interval)]
    pub interval: f64,
    /// The stream
    #[arg(long, default_value = "events")]
    pub stream: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub server: Server,
}

fn interval(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.2..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0.2 to 3600".into()),
    }
}

/// `kizashi alerts`.
#[derive(Args, Debug)]
pub struct Alerts {
    /// Go on and print alerts as they open, worsen and close
    #[arg(long, short)]
    pub watch: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Terms such as `series:web-*`, `severity>=warning`, `open:true`
    #[arg(long, default_value = "", value_name = "TERMS")]
    pub filter: String,
    /// At most so many of the past
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub limit: u32,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub server: Server,
}

/// `kizashi incidents`.
#[derive(Args, Debug)]
pub struct Incidents {
    /// Go on and print incidents as they open, grow and close
    #[arg(long, short)]
    pub watch: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Only those that are open
    #[arg(long)]
    pub open: bool,
    /// Each with its alerts, a line each
    #[arg(long, short, conflicts_with = "json")]
    pub members: bool,
    /// At most so many of the past
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub limit: u32,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub server: Server,
}

/// `kizashi dead-letters`.
#[derive(Debug, Subcommand)]
pub enum DeadLetters {
    /// Print what could not be decoded, newest first
    List {
        /// The stream
        #[arg(long, default_value = "events")]
        stream: String,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        #[command(flatten)]
        #[allow(missing_docs)]
        server: Server,
    },
    /// Read the records again and put them through the mapping once more
    Replay {
        /// Ids, as `list` prints them; none stands for all of the stream
        ids: Vec<String>,
        /// The stream
        #[arg(long, default_value = "events")]
        stream: String,
        #[command(flatten)]
        #[allow(missing_docs)]
        server: Server,
    },
}

/// `kizashi backtest`.
#[derive(Args, Debug)]
pub struct Backtest {
    /// CSV, Parquet or JSON-lines files, or `-` for standard input; of CSV and Parquet each is a series of its
    /// own unless --series is given
    #[arg(value_name = "FILE", required_unless_present = "nab")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub columns: Columns,
    /// Folder for the scored files, one of the same name for each input
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Labelled events of the files, to score by event
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Run the Numenta Anomaly Benchmark in this folder, which holds data/ and labels/; how its files are read is known
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = [
            "files", "labels", "time", "every", "no_header", "values", "ignore", "series", "date_order",
        ]
    )]
    pub nab: Option<PathBuf>,
    /// Declare each column's least and largest value as its range before the file is run, as that benchmark does
    #[arg(long)]
    pub declared_range: bool,
    /// Print each alert, with its id and why; the first 1,000 of a file
    #[arg(long)]
    pub alerts: bool,
    /// False alerts allowed a series and week, in place of the configured
    #[arg(long, value_name = "N")]
    pub budget: Option<f64>,
    /// The stream whose mapping JSON lines are read by
    #[arg(long, default_value = "events")]
    pub stream: String,
    /// The snapshot that scores [default: the configuration's `snapshot`, else the built-in one]
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// Configuration file, whose `detect` and `[[series]]` count [default: kizashi.toml here, where there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `kizashi audit`.
#[derive(Args, Debug)]
pub struct Audit {
    /// The data folder of a service that is not running [default: kizashi-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The snapshot that scores [default: the configuration's `snapshot`, else the built-in one]
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// Configuration file [default: kizashi.toml here, where there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `kizashi snapshot`.
#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    /// Say whether this version can score with a snapshot
    Check {
        /// The file
        file: PathBuf,
    },
    /// Print a snapshot's id, what it says of itself, and its tensors
    Show {
        /// The file [default: the built-in one]
        file: Option<PathBuf>,
    },
}

/// `kizashi config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Say whether the configuration is good, and print it as TOML with every key
    Check {
        /// The file [default: kizashi.toml here, where there is one]
        file: Option<PathBuf>,
        /// The file, as the other commands name it
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        config: Option<PathBuf>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_hold_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn how_the_files_of_the_benchmark_are_read_is_not_to_be_said() {
        let parse = |flags: &[&str]| {
            Arguments::try_parse_from([&["kizashi", "backtest", "--nab", "NAB"], flags].concat())
        };
        assert!(parse(&["--declared-range", "--alerts", "--out", "scored"]).is_ok());
        for flags in [
            &["x.csv"][..],
            &["--labels", "labels.json"],
            &["--time", "t"],
            &["--every", "5m"],
            &["--no-header"],
            &["--values", "x"],
            &["--ignore", "y"],
            &["--series", "host"],
            &["--date-order", "dmy"],
        ] {
            let error = parse(flags).unwrap_err().to_string();
            let told = format!(
                "the argument '--nab <DIR>' cannot be used with '{}",
                flags[0].replace("x.csv", "[FILE]")
            );
            assert!(error.contains(&told), "{error}");
        }
    }

    #[test]
    fn a_speed_is_a_factor_or_max() {
        assert_eq!("60".parse(), Ok(Speed::Times(60.0)));
        assert_eq!("1.5x".parse(), Ok(Speed::Times(1.5)));
        assert_eq!("max".parse(), Ok(Speed::Max));
        for bad in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(bad.parse::<Speed>().is_err(), "{bad}");
        }
    }
}
