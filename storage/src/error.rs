//! What can go wrong with what is kept of a shard.

use crate::{codec::DecodeError, history::chunk::ChunkError};
use kizashi_log::LogError;
use kizashi_models::position::Position;
use std::path::PathBuf;

/// Why something could not be kept or read back.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The log beneath refused or failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A later lease has been seen: this writer has lost its shard.
    #[error("lease counter {lease} is behind {highest}: another worker has taken the shard over")]
    Fenced {
        /// The writer's counter.
        lease: u64,
        /// The highest seen.
        highest: u64,
    },
    /// A commit would go back.
    #[error("a commit to {to:?} goes back from {from:?}")]
    Backwards {
        /// The last position committed.
        from: Position,
        /// What was asked for.
        to: Position,
    },
    /// An entry that verifies is not what it should be.
    #[error("entry {index} of {}: {reason}", dir.display())]
    Entry {
        /// Directory of the log.
        dir: PathBuf,
        /// Index of the entry.
        index: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A piece is not there.
    #[error("{}: there is no piece of `{key}`", dir.display())]
    Missing {
        /// Directory of the log.
        dir: PathBuf,
        /// Key of the piece.
        key: String,
    },
    /// Bytes are not of the form they should have.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Bytes are not a chunk of history.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
}
