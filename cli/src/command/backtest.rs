//! `kizashi backtest`: files through the very code of the service.

use crate::{
    arguments::Backtest,
    config,
    report::{self, Failure},
    snapshot_file,
};
use indicatif::{ProgressBar, ProgressStyle};
use kizashi_models::{decode::Mapping, plural::Count};
use kizashi_offline::backtest::{self, Progress};
use std::sync::atomic::{AtomicUsize, Ordering};

pub fn run(arguments: Backtest) -> Result<(), Failure> {
    let config = config::load(arguments.config.as_deref(), std::env::vars())?;
    let mut engine = config.engine();
    if let Some(budget) = arguments.budget {
        engine.false_alerts_per_week = budget;
    }
    let mapping = match config.streams.get(&arguments.stream) {
        Some(stream) => stream.mapping.clone(),
        // Without a configuration of its own the default says where things stand.
        None if arguments.stream == "events" => Mapping::default(),
        None => {
            let names: Vec<&str> = config.streams.keys().map(String::as_str).collect();
            let (stream, names) = (&arguments.stream, names.join(", "));
            return Err(Failure::usage(format_args!("no stream {stream} is configured; there are {names}")));
        }
    };
    let snapshot = arguments.snapshot.as_deref().or(config.snapshot.as_deref());
    let options = backtest::Options {
        files: arguments.files,
        choice: arguments.columns.into(),
        mapping,
        out: arguments.out,
        labels: arguments.labels,
        nab: arguments.nab,
        declared_range: arguments.declared_range,
        list_alerts: arguments.alerts,
        detector: snapshot_file::detector(snapshot)?,
        engine,
        threads: 0,
    };
    let style = ProgressStyle::with_template("{spinner} {human_pos} rows  {per_sec}  {msg}");
    let bar = ProgressBar::no_length().with_style(style.expect("the template is right"));
    let files = AtomicUsize::new(0);
    let mut report = backtest::run(&options, &|progress| match progress {
        Progress::Rows(rows) => bar.inc(rows),
        Progress::File => {
            let files = files.fetch_add(1, Ordering::Relaxed) + 1;
            bar.set_message(format!("{} done", Count(files as u64, "file")));
        }
    })
    .map_err(Failure::usage)?;
    bar.finish_and_clear();
    if let Some(warning) = report.warning() {
        report::warn(warning);
    }
    let error = report.take_error();
    if error.is_none() || !report.files.is_empty() {
        report::line(report.to_string().trim_end())?;
    }
    error.map_or(Ok(()), |error| Err(Failure::usage(error)))
}
