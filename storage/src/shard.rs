//! What is kept of one shard as one application reads it: its commit log and its pieces.

use crate::{commit_log::CommitLog, error::StoreError, pieces::Pieces};
use kizashi_log::{FileSystem, LogOptions};
use std::{path::Path, sync::Arc};

/// The commit log and the pieces of one shard.
#[derive(Debug)]
pub struct ShardStore {
    /// The truth.
    pub commits: CommitLog,
    /// What is derived from it, and the state.
    pub pieces: Pieces,
}

impl ShardStore {
    /// Opens what is kept in a directory, which is created where absent: `commits` and `pieces` in it.
    pub fn open(fs: &Arc<dyn FileSystem>, dir: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            commits: CommitLog::open(fs.clone(), &dir.join("commits"))?,
            pieces: Pieces::open(fs.clone(), &dir.join("pieces"))?,
        })
    }

    /// As [`ShardStore::open`], with segments of at most so many bytes, and as many bytes of dead pieces:
    /// for tests that are to see segments end.
    pub fn open_small(fs: &Arc<dyn FileSystem>, dir: &Path, segment_bytes: u64) -> Result<Self, StoreError> {
        let options = LogOptions { segment_bytes, ..LogOptions::default() };
        Ok(Self {
            commits: CommitLog::open_with(fs.clone(), &dir.join("commits"), options.clone())?,
            pieces: Pieces::open_with(fs.clone(), &dir.join("pieces"), options, segment_bytes)?,
        })
    }
}
