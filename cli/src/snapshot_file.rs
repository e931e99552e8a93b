//! Snapshots from files, with errors that name the file.

use crate::report::Failure;
use kizashi_models::{
    detector::DefaultDetector,
    snapshot::{BYTES_MAX, Snapshot, SnapshotError},
};
use std::{fs::File, io::Read, path::Path};

/// Reads a file, at most as much of it as a snapshot may have and one byte.
pub fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|open| open.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => {
            Err(Failure::usage(format_args!("can't read the snapshot {}: {error}", file.display())))
        }
    }
}

/// Reads what describes the snapshot in `bytes`, which are those of `file`.
pub fn parse<'a>(file: &Path, bytes: &'a [u8]) -> Result<Snapshot<'a>, Failure> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let parsed = Snapshot::parse(bytes).and_then(|snapshot| {
        snapshot.check_name(&name)?;
        Ok(snapshot)
    });
    parsed.map_err(|error| refused(file, &error))
}

/// The detector of a snapshot; of the built-in one where none is named.
pub fn detector(file: Option<&Path>) -> Result<DefaultDetector, Failure> {
    let Some(file) = file else { return Ok(DefaultDetector::default()) };
    let bytes = read(file)?;
    fitting(file, &parse(file, &bytes)?)
}

/// The detector of a snapshot, which is that of `file`, if this version can score with it.
pub fn fitting(file: &Path, snapshot: &Snapshot<'_>) -> Result<DefaultDetector, Failure> {
    DefaultDetector::from_snapshot(snapshot).map_err(|error| refused(file, &error))
}

fn refused(file: &Path, error: &SnapshotError) -> Failure {
    Failure::usage(format_args!("snapshot {}: {error}", file.display()))
}
