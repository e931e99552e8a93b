//! A log: entries of bytes, numbered from 0 without a gap, appended durably, read in order, trimmed from
//! the front. Everything durable in Kizashi stands on it.
//!
//! It is an embedded library: one process, one directory a log, one writer thread a log that sleeps while
//! nothing is appended. It is not a database: an entry is found by its index or by the time of its
//! append, and is never changed.
//!
//! # What is durable when
//!
//! - **When [`Log::append`] returns**, nothing is durable. The batch is queued and has its indexes. Reads
//!   do not see it.
//! - **When its [`Ticket`] resolves with `Ok`**, the batch has been written and synced (`fdatasync`). It is
//!   there after the process is killed and after the power fails, whole, in its place, unaltered. From
//!   here on reads see it.
//! - **When its ticket resolves with an error**, the batch is not in the log, nor is any that was queued
//!   behind it, and its indexes are given again. One exception: after [`LogError::Poisoned`], which
//!   follows a failed sync, it is unknown whether the batch is there when the log is opened again.
//! - **When the process dies before the ticket resolves**, the batch is there as a whole or not at all.
//!
//! Batches that are queued while a sync runs are written together by the next one: group commit. So many
//! threads that append one entry each, and wait, share the price of a sync.
//!
//! ```
//! use std::sync::Arc;
//!
//! use kizashi_log::{DirectoryLock, Log, LogOptions, StdFileSystem};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let temporary = tempfile::tempdir()?;
//! # let dir = temporary.path();
//! let _lock = DirectoryLock::acquire(&StdFileSystem, dir)?;
//! let (log, recovery) = Log::open(Arc::new(StdFileSystem), dir.join("readings"), LogOptions::default())?;
//! assert_eq!(recovery.carry, None); // a new log
//!
//! let time_ms = 1_790_000_000_000;
//! let (first_index, ticket) = log.append(time_ms, [b"20.5", b"20.7"], || b"a summary".to_vec())?;
//! ticket.wait()?; // or `ticket.await`
//! // Both entries are durable.
//!
//! let entries = log.read(first_index, 10, 1 << 20)?;
//! assert_eq!(&entries[1].data[..], b"20.7");
//! # Ok(())
//! # }
//! ```

mod block;
mod cache;
mod commit;
mod entry;
mod error;
mod filesystem;
mod log;
mod queue;
mod recovery;
mod segment;
mod ticket;
mod wait;

pub use entry::{Entry, EntryParts};
pub use error::LogError;
pub use filesystem::{
    DirectoryLock, File, FileLock, FileSystem, HookedFileSystem, Operation, OperationKind, SimFileSystem,
    StdFileSystem,
};
pub use log::{Log, LogOptions};
pub use recovery::Recovery;
pub use ticket::Ticket;
pub use wait::WaitBeyond;
