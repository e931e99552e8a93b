//! The stores of all shards of a data directory, each opened once.

use crate::{
    committed::ShardRef,
    serve::SeriesHistory,
    views::watch::{CommitHistory, CommitHistoryError, CommitSlice},
};
use kizashi_log::{FileSystem, LogError};
use kizashi_storage::{
    error::StoreError,
    history::{History, HistoryOptions, SeriesPoints},
    shard::ShardStore,
};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Commits that one read of a watcher looks at.
const SLICE_COMMITS: usize = 256;

/// Bounds of what is kept on the disk.
#[derive(Clone, Copy, Debug)]
pub struct StoreLimits {
    /// Of the history of each shard.
    pub history: HistoryOptions,
    /// Bytes of a segment of commits and pieces, where not the default.
    pub segment_bytes: Option<u64>,
}

/// The stores of all shards of a data directory.
#[derive(Debug)]
pub struct Stores {
    fs: Arc<dyn FileSystem>,
    dir: PathBuf,
    limits: StoreLimits,
    shards: Mutex<HashMap<ShardRef, Arc<ShardStore>>>,
    histories: Mutex<HashMap<ShardRef, Arc<History>>>,
}

impl Stores {
    /// The stores in a data directory, whose lock the caller holds. Nothing is opened yet.
    pub fn new(fs: Arc<dyn FileSystem>, dir: &Path, limits: StoreLimits) -> Self {
        let (shards, histories) = Default::default();
        Self { fs, dir: dir.into(), limits, shards, histories }
    }

    /// What is kept of a shard.
    pub fn shard(&self, shard: &ShardRef) -> Result<Arc<ShardStore>, StoreError> {
        let mut shards = self.shards.lock();
        if let Some(store) = shards.get(shard) {
            return Ok(store.clone());
        }
        let dir = shard_dir(&self.dir, shard);
        let store = Arc::new(match self.limits.segment_bytes {
            Some(bytes) => ShardStore::open_small(&self.fs, &dir, bytes)?,
            None => ShardStore::open(&self.fs, &dir)?,
        });
        shards.insert(shard.clone(), store.clone());
        Ok(store)
    }

    /// The history of the series of a shard.
    pub fn history(&self, shard: &ShardRef) -> Result<Arc<History>, StoreError> {
        let mut histories = self.histories.lock();
        if let Some(history) = histories.get(shard) {
            return Ok(history.clone());
        }
        let dir = self.dir.join("history").join(&*shard.stream).join(&*shard.shard);
        let history = Arc::new(History::open(self.fs.clone(), &dir, self.limits.history)?);
        histories.insert(shard.clone(), history.clone());
        Ok(history)
    }
}

/// Where the store of a shard is in a data directory.
pub fn shard_dir(data_dir: &Path, shard: &ShardRef) -> PathBuf {
    data_dir.join("apps").join(&*shard.application).join(&*shard.stream).join(&*shard.shard)
}

impl SeriesHistory for Stores {
    fn points(
        &self,
        shard: &ShardRef,
        series: &str,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Option<SeriesPoints>, StoreError> {
        self.history(shard)?.query(series, start_ms, end_ms)
    }
}

impl CommitHistory for Stores {
    fn read(&self, shard: &ShardRef, from: u64, until: u64) -> Result<CommitSlice, CommitHistoryError> {
        let unreadable = |error: StoreError| CommitHistoryError::Unreadable(error.to_string());
        let store = self.shard(shard).map_err(unreadable)?;
        let count = usize::try_from(until.saturating_sub(from)).unwrap_or(usize::MAX).min(SLICE_COMMITS);
        let commits = match store.commits.read(from, count) {
            Ok(commits) => commits,
            Err(StoreError::Log(LogError::Trimmed { first_index, .. })) => {
                return Err(CommitHistoryError::Trimmed(first_index));
            }
            Err(error) => return Err(unreadable(error)),
        };
        let next = commits.last().map(|(index, _)| index + 1);
        let next = next.ok_or_else(|| {
            CommitHistoryError::Unreadable(format!("commit {from} of shard {} is not there", shard.shard))
        })?;
        let with_events = commits.into_iter().filter(|(_, commit)| !commit.events.is_empty());
        Ok(CommitSlice { commits: with_events.map(|(index, commit)| (index, commit.events)).collect(), next })
    }
}
