//! What is read of the shards' storage: commits, for those who resume a watch, and history, for queries.

use super::watch::{CommitHistory, CommitHistoryError, CommitSlice};
use crate::committed::ShardRef;
use kizashi_log::LogError;
use kizashi_storage::{
    commit_log::CommitLog,
    error::StoreError,
    history::{History, SeriesPoints},
};
use parking_lot::RwLock;
use std::{collections::HashMap, sync::Arc};

/// Most commits that a watch reads at once.
const COMMITS_MAX: usize = 256;

/// Readers of the shards' commit logs and histories, as the workers open them.
#[derive(Debug, Default)]
pub struct ShardStores {
    commits: RwLock<HashMap<ShardRef, Arc<CommitLog>>>,
    histories: RwLock<HashMap<ShardRef, Arc<History>>>,
}

impl ShardStores {
    /// Reads the commits of `shard` from this log.
    pub fn add_commits(&self, shard: &ShardRef, log: Arc<CommitLog>) {
        self.commits.write().insert(shard.clone(), log);
    }

    /// Reads the history of the series of `shard` from here.
    pub fn add_history(&self, shard: &ShardRef, history: Arc<History>) {
        self.histories.write().insert(shard.clone(), history);
    }

    /// Points of a series of a shard, from `start_ms` on and before `end_ms`, those that are not flushed too;
    /// `None` where there is none. May block.
    pub fn points(
        &self,
        shard: &ShardRef,
        series: &str,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Option<SeriesPoints>, StoreError> {
        let history = self.histories.read().get(shard).cloned();
        history.map_or(Ok(None), |history| history.query(series, start_ms, end_ms))
    }
}

impl CommitHistory for ShardStores {
    fn read(&self, shard: &ShardRef, from: u64, until: u64) -> Result<CommitSlice, CommitHistoryError> {
        let unreadable = |problem: String| CommitHistoryError::Unreadable(problem);
        let log = self.commits.read().get(shard).cloned();
        let log = log.ok_or_else(|| {
            unreadable(format!(
                "the commit log of shard {} of stream {} is not open",
                shard.shard, shard.stream
            ))
        })?;
        let commits_max = usize::try_from(until - from).unwrap_or(usize::MAX).min(COMMITS_MAX);
        let commits = log.read(from, commits_max).map_err(|error| match error {
            StoreError::Log(LogError::Trimmed { .. }) => CommitHistoryError::Trimmed(log.first_index()),
            other => unreadable(other.to_string()),
        })?;
        let next = commits.last().map(|(index, _)| index + 1);
        let next =
            next.ok_or_else(|| unreadable(format!("commit {from} is not there, though it was durable")))?;
        let commits = commits.into_iter().filter(|(_, commit)| !commit.events.is_empty());
        Ok(CommitSlice { commits: commits.map(|(index, commit)| (index, commit.events)).collect(), next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::{alert_book::tests::alert, watch::tests::shard};
    use kizashi_log::StdFileSystem;
    use kizashi_models::alert::{AlertEvent, Change};
    use kizashi_storage::commit::Commit;

    #[tokio::test]
    async fn events_come_back_from_the_commit_log() {
        let dir = tempfile::tempdir().unwrap();
        let log = Arc::new(CommitLog::open(Arc::new(StdFileSystem), dir.path()).unwrap());
        for number in 0..3 {
            let event = AlertEvent { change: Change::Opened, alert: alert(number, "cpu", 0) };
            let events = if number == 1 { Vec::new() } else { vec![event] };
            log.append(0, &Commit { events, ..Commit::default() }).unwrap().await.unwrap();
        }
        let stores = ShardStores::default();
        assert!(matches!(stores.read(&shard(0), 0, 3), Err(CommitHistoryError::Unreadable(_))));
        stores.add_commits(&shard(0), log);
        let slice = stores.read(&shard(0), 0, 3).unwrap();
        let numbers: Vec<u64> = slice.commits.iter().map(|(number, _)| *number).collect();
        assert_eq!((numbers, slice.next), (vec![0, 2], 3));
        assert_eq!(slice.commits[1].1[0].alert, alert(2, "cpu", 0));
        let slice = stores.read(&shard(0), 1, 2).unwrap();
        assert_eq!((slice.commits.len(), slice.next), (0, 2));
        assert!(matches!(stores.points(&shard(0), "cpu", 0, 1), Ok(None)));
    }
}
