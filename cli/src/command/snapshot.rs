//! `kizashi snapshot`: what a file of parameters holds, and whether it fits.

use crate::{
    arguments::SnapshotCommand,
    report::{self, Failure},
    snapshot_file,
};
use kizashi_models::snapshot::{DEFAULT, FORMAT, Snapshot};
use std::{fmt, path::Path};

pub fn run(command: SnapshotCommand) -> Result<(), Failure> {
    match command {
        SnapshotCommand::Check { file } => {
            let bytes = snapshot_file::read(&file)?;
            let snapshot = snapshot_file::parse(&file, &bytes)?;
            snapshot_file::fitting(&file, &snapshot)?;
            report::line(format_args!("the snapshot is good: {}", snapshot.name()))
        }
        SnapshotCommand::Show { file: Some(file) } => show(&file, &snapshot_file::read(&file)?),
        SnapshotCommand::Show { file: None } => show(Path::new("built-in"), DEFAULT),
    }
}

fn show(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let snapshot = snapshot_file::parse(file, bytes)?;
    report::line(Shown(&snapshot).to_string().trim_end())
}

/// A snapshot for a person.
struct Shown<'a>(&'a Snapshot<'a>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(snapshot) = self;
        let description = snapshot.description();
        writeln!(f, "id          {}", snapshot.name())?;
        writeln!(f, "format      {FORMAT}")?;
        writeln!(f, "kind        {}", description.kind)?;
        writeln!(f, "method      {}", description.method)?;
        writeln!(f, "created by  {}", printable(&description.created_by))?;
        for (name, value) in &description.facts {
            writeln!(f, "fact        {}", printable(&format!("{name}: {value}")))?;
        }
        let width = snapshot.tensors().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, shape) in snapshot.tensors() {
            match snapshot.tensor::<f64>(name, &[]) {
                Ok(value) => writeln!(f, "tensor      {name:width$}  {:?}", value[0])?,
                Err(_) => writeln!(f, "tensor      {name:width$}  {shape}")?,
            }
        }
        Ok(())
    }
}

/// A text from a file that anyone may have written, without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
