//! Writes `models/default.snapshot` to the file that is named: `make default-snapshot`.

use kizashi_offline::default_snapshot;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(file) = std::env::args_os().nth(1) else {
        eprintln!("usage: default_snapshot FILE");
        return ExitCode::from(2);
    };
    let written = default_snapshot::bytes()
        .map_err(|error| error.to_string())
        .and_then(|bytes| std::fs::write(&file, bytes).map_err(|error| error.to_string()));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", file.to_string_lossy());
            ExitCode::FAILURE
        }
    }
}
