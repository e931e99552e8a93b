//! `kizashi backtest`: files through the very code of the service.

use crate::{
    arguments::Backtest,
    config,
    report::{self, Failure},
};
use indicatif::{ProgressBar, ProgressStyle};
use kizashi_offline::backtest;

pub fn run(arguments: Backtest) -> Result<(), Failure> {
    let config = config::load(arguments.config.as_deref(), std::env::vars())?;
    let options = backtest::Options {
        files: arguments.files,
        choice: arguments.columns.into(),
        out: arguments.out,
        labels: arguments.labels,
        nab: arguments.nab,
        engine: config.engine(),
        threads: 0,
    };
    let bar = ProgressBar::no_length()
        .with_style(ProgressStyle::with_template("{spinner} {pos} files").expect("the template is right"));
    let report = backtest::run(&options, &|_| bar.inc(1)).map_err(Failure::usage)?;
    bar.finish_and_clear();
    report::line(report.to_string().trim_end())
}
