//! The commands, one a module.

mod acknowledged;
mod agent;
mod alerts;
mod audit;
mod backtest;
mod config;
mod dead_letters;
mod incidents;
mod partition_key;
mod put;
mod replay;
mod serve;
mod snapshot;

use crate::{
    arguments::{Arguments, Command},
    report::Failure,
};
use clap::CommandFactory;
use std::future::Future;

/// Runs what was typed.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Put(arguments) => client(put::run(arguments)),
        Command::Agent(arguments) => client(agent::run(arguments)),
        Command::Alerts(arguments) => client(alerts::run(arguments)),
        Command::Incidents(arguments) => client(incidents::run(arguments)),
        Command::DeadLetters(arguments) => client(dead_letters::run(arguments)),
        Command::Replay(arguments) => client(replay::run(arguments)),
        Command::Backtest(arguments) => backtest::run(arguments),
        Command::Audit(arguments) => client(audit::run(arguments)),
        Command::Snapshot(arguments) => snapshot::run(arguments),
        Command::Config(arguments) => config::run(arguments),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "kizashi", &mut std::io::stdout());
            Ok(())
        }
    }
}

/// Runs a command that needs one thread.
fn client(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::run(format_args!("can't start: {error}")))?;
    runtime.block_on(command)
}
