//! Follows the commits through all lives of a history, as one does who watches.

use kizashi_models::alert::{AlertId, AlertKind, Change};
use kizashi_online::committed::{Committed, Restored, ShardRef};
use kizashi_storage::commit::Commit;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a shard.
#[derive(Default)]
pub struct Followed {
    /// Commits that were handed on, by index.
    pub commits: BTreeMap<u64, Commit>,
    /// Open alerts of unusual observations.
    open: BTreeSet<AlertId>,
    /// Index of the next commit to be handed on.
    next: u64,
}

/// Remembers what it is told.
#[derive(Default)]
pub struct Follower {
    shards: Mutex<BTreeMap<ShardRef, Followed>>,
    faults: Mutex<Vec<String>>,
}

impl Follower {
    /// Whether an alert of unusual observations is open.
    pub fn has_open_alert(&self) -> bool {
        self.shards.lock().values().any(|followed| !followed.open.is_empty())
    }

    /// What it was told, and what was wrong with that.
    pub fn take(&self) -> (BTreeMap<ShardRef, Followed>, Vec<String>) {
        (std::mem::take(&mut *self.shards.lock()), std::mem::take(&mut *self.faults.lock()))
    }

    /// A worker of the shard has recovered.
    pub fn restored(&self, shard: &ShardRef, restored: &Restored) {
        let mut shards = self.shards.lock();
        let followed = shards.entry(shard.clone()).or_default();
        if restored.next_commit < followed.next {
            let (next, before) = (restored.next_commit, followed.next);
            self.faults.lock().push(format!("{shard:?}: goes back from commit {before} to {next}"));
        }
        followed.next = restored.next_commit;
        let anomalies = restored.alerts.iter().filter(|alert| alert.kind == AlertKind::Anomaly);
        followed.open = anomalies.filter(|alert| alert.closed_ms.is_none()).map(|alert| alert.id).collect();
    }

    /// A commit is durable.
    pub fn committed(&self, committed: &Committed<'_>) {
        let mut shards = self.shards.lock();
        let followed = shards.entry(committed.shard.clone()).or_default();
        if committed.index < followed.next {
            let (index, next) = (committed.index, followed.next);
            let shard = committed.shard;
            self.faults.lock().push(format!("{shard:?}: commit {index} where {next} or later was due"));
        }
        followed.next = committed.index + 1;
        for event in &committed.commit.events {
            match event.change {
                Change::Opened if event.alert.kind == AlertKind::Anomaly => {
                    followed.open.insert(event.alert.id);
                }
                Change::Closed => {
                    followed.open.remove(&event.alert.id);
                }
                Change::Opened | Change::Escalated => {}
            }
        }
        followed.commits.insert(committed.index, committed.commit.clone());
    }
}
