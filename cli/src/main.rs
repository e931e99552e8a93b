//! The `kizashi` binary: reads arguments and configuration, and wires the rooms together.

mod arguments;
mod client;
mod command;
mod config;
mod failpoint;
mod report;
mod snapshot_file;

use clap::Parser;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    match command::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::fail(&error),
    }
}
