//! What can go wrong with a log.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An error of a log. It can be cloned, since all the batches of a block share its fate.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    /// Too many bytes wait to be written. Nothing was queued; try again once tickets have resolved.
    #[error(
        "the log is busy: {pending_bytes} bytes wait to be written and this batch does not fit under the \
         bound of {pending_bytes_max}; wait for earlier appends and try again"
    )]
    Busy {
        /// Bytes that wait now.
        pending_bytes: usize,
        /// The bound, `LogOptions::pending_bytes_max`.
        pending_bytes_max: usize,
    },
    /// An entry, or a whole batch, is larger than the log takes.
    #[error("{what} of {bytes} bytes is over the bound of {bytes_max} bytes; split it")]
    TooLarge {
        /// "an entry" or "a batch".
        what: &'static str,
        /// The size that was asked for.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// A batch without entries was appended.
    #[error("a batch must hold at least one entry")]
    EmptyBatch,
    /// The caller expected another next index (`Log::append_at`): an earlier append has failed, or
    /// somebody else appended. Nothing was queued.
    #[error("the next index of the log is {next_index}, not {expected} as the caller expected")]
    Moved {
        /// What the caller expected.
        expected: u64,
        /// What the next append would be given.
        next_index: u64,
    },
    /// The disk, or the quota, is full. The batch is not in the log; later appends work again once there
    /// is room.
    #[error("no space left to write {}; free some, or shorten the retention", path.display())]
    Full {
        /// The segment that could not be written.
        path: PathBuf,
    },
    /// Reading or writing failed.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was tried: "write", "read", "create", …
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// An earlier sync failed, so it is unknown what is on the disk. The log takes no more appends until
    /// it is opened again; reads of what was acknowledged before go on.
    #[error("the log takes no more appends until it is opened again, since an earlier step failed: {reason}")]
    Poisoned {
        /// The failure that poisoned it.
        reason: Arc<str>,
    },
    /// Bytes on the disk are not what was written. They are never served.
    #[error("{} is corrupt at byte {offset}: {reason}", path.display())]
    Corrupt {
        /// The segment.
        path: PathBuf,
        /// Where in the file the block or header begins that does not verify.
        offset: u64,
        /// What does not fit.
        reason: String,
    },
    /// A segment was written by a version of the format that this build does not know.
    #[error("{} has format version {found}; this build reads version {supported}", path.display())]
    UnknownVersion {
        /// The segment.
        path: PathBuf,
        /// The version in the file.
        found: u32,
        /// The version that this build reads and writes.
        supported: u32,
    },
    /// The entries asked for have been trimmed.
    #[error("entry {index} has been trimmed; the log begins at {first_index}")]
    Trimmed {
        /// What was asked for.
        index: u64,
        /// The first index that can be read.
        first_index: u64,
    },
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
    /// Another process, or another opener in this one, holds the directory.
    #[error("{} is in use by {}", dir.display(), holder(.pid))]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// The process that holds it, where its lock file says so.
        pid: Option<u32>,
    },
}

fn holder(pid: &Option<u32>) -> String {
    match pid {
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    }
}

impl LogError {
    /// An error of the file system, told apart by whether it means that the disk is full.
    pub(crate) fn io(operation: &'static str, path: &Path, source: io::Error) -> LogError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LogError::Full { path: path.into() },
            _ => LogError::Io { operation, path: path.into(), source: Arc::new(source) },
        }
    }

    pub(crate) fn corrupt(path: &Path, offset: u64, reason: impl Into<String>) -> LogError {
        LogError::Corrupt { path: path.into(), offset, reason: reason.into() }
    }
}
