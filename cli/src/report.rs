//! How a failure reaches the person at the terminal.

use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
};

/// A failure, told for the person who typed the command.
#[derive(Debug)]
pub struct Failure {
    message: String,
    /// 2 for what was typed or configured, 1 for what happened.
    code: u8,
}

impl Failure {
    /// Something that was typed or configured is wrong.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), code: 2 }
    }

    /// Something happened.
    pub fn run(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), code: 1 }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Prints the failure; gives the exit code.
pub fn fail(failure: &Failure) -> ExitCode {
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(io::stderr(), "kizashi: {failure}");
    ExitCode::from(failure.code)
}

/// Tells of something that may not be as it was meant, and that stops nothing.
pub fn warn(text: impl fmt::Display) {
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(io::stderr(), "kizashi: {text}");
}

/// Writes one line to standard output. A reader that has gone away (`kizashi alerts | head`) ends the
/// process quietly, as it ends other tools.
pub fn line(text: impl fmt::Display) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::run(format_args!("can't write to standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}
