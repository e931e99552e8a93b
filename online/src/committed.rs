//! The border between the workers and the views: what is committed is handed on, once it is durable.

use kizashi_models::{
    alert::Alert,
    engine::{Output, Summary},
};
use kizashi_storage::commit::{Commit, DeadLetter};
use std::sync::Arc;

/// A shard as an application reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardRef {
    /// `route` or `score`.
    pub application: Arc<str>,
    /// The stream as configured, also where the application reads its internal stream.
    pub stream: Arc<str>,
    /// Id of the shard of the stream that is read.
    pub shard: Arc<str>,
}

/// A durable commit with the points that it covers.
#[derive(Clone, Copy, Debug)]
pub struct Committed<'a> {
    /// Whose it is.
    pub shard: &'a ShardRef,
    /// Its index in the shard's commit log.
    pub index: u64,
    /// What was committed.
    pub commit: &'a Commit,
    /// The scored observations of the batch, with their values and bands; empty where the application
    /// does not score. (Its events are those of the commit.)
    pub output: &'a Output,
}

/// What is known of a shard when its worker starts, or starts again after an error. It replaces all that was
/// known before; the next commit handed on is that of index `next_commit`.
#[derive(Debug)]
pub struct Restored {
    /// Alerts that are kept, up to the last commit, in no particular order.
    pub alerts: Vec<Alert>,
    /// Dead letters that are kept and not settled, in the order of the shard.
    pub dead_letters: Vec<DeadLetter>,
    /// Every series of the shard, up to the last commit.
    pub series: Vec<Summary>,
    /// Index of the next commit.
    pub next_commit: u64,
}

/// Takes what was committed. Called in the order of the commits of a shard, from the shard's task: what
/// takes long belongs on another task, behind a bounded queue.
pub trait CommitSink: Send + Sync + 'static {
    /// A worker of the shard has recovered.
    fn restored(&self, shard: &ShardRef, restored: Restored);

    /// A commit is durable.
    fn committed(&self, committed: Committed<'_>);

    /// The shard's engine has forgotten these series, which have been silent for long. A sink that keeps
    /// nothing by series has nothing to do.
    fn forgotten(&self, _shard: &ShardRef, _series: &[Box<str>]) {}
}
