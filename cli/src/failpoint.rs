//! Sudden death and a full disk at a counted moment, for the tests of recovery.
//!
//! `KIZASHI_FAIL_AT=sync:commits:12` ends the process, as `kill -9` would, just before the 12th sync of a
//! file whose path has `commits` in it; `write:…` does so before a write. `full:commits:12` finds the
//! disk full at the 12th write and all that follow.

use crate::report::Failure;
use kizashi_log::{FileSystem, HookedFileSystem, OperationKind, StdFileSystem};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

const VARIABLE: &str = "KIZASHI_FAIL_AT";

/// The file system that the service runs on: the machine's own, unless the environment asks for a death.
pub fn file_system() -> Result<Arc<dyn FileSystem>, Failure> {
    let Ok(text) = std::env::var(VARIABLE) else {
        return Ok(Arc::new(StdFileSystem));
    };
    let point = Point::parse(&text).ok_or_else(|| {
        Failure::usage(format_args!(
            "{VARIABLE}={text:?} is not a moment: KIND:PART_OF_PATH:COUNT is, KIND write, sync or full"
        ))
    })?;
    let seen = AtomicU64::new(0);
    Ok(Arc::new(HookedFileSystem::new(Arc::new(StdFileSystem), move |operation| {
        if operation.kind != point.kind || !operation.path.to_string_lossy().contains(&point.part) {
            return Ok(());
        }
        let count = seen.fetch_add(1, Ordering::Relaxed) + 1;
        match point.end {
            End::Death if count == point.count => std::process::abort(),
            End::FullDisk if count >= point.count => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    })))
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Death,
    FullDisk,
}

#[derive(Debug, PartialEq)]
struct Point {
    end: End,
    kind: OperationKind,
    part: String,
    count: u64,
}

impl Point {
    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (part, count) = rest.rsplit_once(':')?;
        let (end, kind) = match kind {
            "write" => (End::Death, OperationKind::Write),
            "sync" => (End::Death, OperationKind::Sync),
            "full" => (End::FullDisk, OperationKind::Write),
            _ => return None,
        };
        let count = count.parse().ok().filter(|count| *count > 0)?;
        Some(Self { end, kind, part: part.to_owned(), count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_kind_a_part_of_a_path_and_a_count() {
        let point =
            Point { end: End::Death, kind: OperationKind::Sync, part: "score/commits".into(), count: 12 };
        assert_eq!(Point::parse("sync:score/commits:12"), Some(point));
        for bad in ["", "sync", "sync:commits", "sync:commits:0", "rename:x:1", "write:x:-1"] {
            assert_eq!(Point::parse(bad), None, "{bad}");
        }
    }
}
