//! A shard's commit log: the truth about what has been dealt with.

use crate::{
    codec::{decode_commit, encode_commit},
    commit::Commit,
    error::StoreError,
};
use kizashi_log::{FileSystem, Log, LogOptions, Ticket};
use kizashi_models::position::Position;
use parking_lot::Mutex;
use std::{
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// Bounds of a commit log: small entries, one writer.
fn options() -> LogOptions {
    LogOptions {
        segment_bytes: 16 << 20,
        block_bytes: 256 << 10,
        cache_bytes: 256 << 10,
        ..LogOptions::default()
    }
}

/// A shard's commit log. One writer at a time holds it: the one of the highest lease counter.
#[derive(Debug)]
pub struct CommitLog {
    log: Log,
    dir: PathBuf,
    head: Mutex<Head>,
}

/// Where the next commit goes.
#[derive(Debug, Default)]
struct Head {
    /// Index that the next commit must be given.
    next_index: u64,
    position: Position,
    stream_time_ms: i64,
    /// Highest lease counter seen.
    lease: u64,
}

/// A commit on its way to the disk; a future that says when it is there.
#[derive(Debug)]
#[must_use = "a commit is durable only when this has resolved"]
pub struct PendingCommit {
    index: u64,
    ticket: Ticket,
}

impl PendingCommit {
    /// Its index in the log.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Blocks this thread until it is durable or has failed.
    pub fn wait(self) -> Result<Durable, StoreError> {
        self.ticket.wait()?;
        Ok(Durable { index: self.index })
    }
}

impl Future for PendingCommit {
    type Output = Result<Durable, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let index = self.index;
        Pin::new(&mut self.ticket).poll(context).map(|result| match result {
            Ok(()) => Ok(Durable { index }),
            Err(error) => Err(error.into()),
        })
    }
}

/// Says that a commit is durable. Only the commit log gives it, and pieces are written against it, so that no
/// piece can be ahead of the commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durable {
    index: u64,
}

impl Durable {
    /// Index of the commit.
    pub fn index(self) -> u64 {
        self.index
    }
}

impl CommitLog {
    /// Opens the log in a directory, which is created where absent.
    pub fn open(fs: Arc<dyn FileSystem>, dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(fs, dir, options())
    }

    /// As [`CommitLog::open`], with other bounds.
    pub fn open_with(fs: Arc<dyn FileSystem>, dir: &Path, options: LogOptions) -> Result<Self, StoreError> {
        let (log, _) = Log::open(fs, dir, options)?;
        let commits = Self { log, dir: dir.into(), head: Mutex::default() };
        let last = commits.last()?;
        commits.head.lock().reset(commits.log.next_index(), last.as_ref().map(|(_, commit)| commit));
        Ok(commits)
    }

    /// Takes the shard over under a lease: refuses all writers of lower counters from here on, and
    /// appends `commit` at the position and stream time of the last. Everything before it is settled once it
    /// is durable; it comes back with the position it was given.
    ///
    /// # Errors
    /// `Fenced` where a higher counter has been seen.
    pub async fn take_over(
        &self,
        lease: u64,
        time_ms: i64,
        mut commit: Commit,
    ) -> Result<(Durable, Commit), StoreError> {
        let pending = {
            let mut head = self.head.lock();
            if lease < head.lease {
                return Err(StoreError::Fenced { lease, highest: head.lease });
            }
            if self.log.next_index() == self.log.durable_index() {
                // Nothing is on its way: an append that failed is forgotten.
                let last = self.last()?;
                head.reset(self.log.next_index(), last.as_ref().map(|(_, commit)| commit));
            }
            head.lease = head.lease.max(lease);
            commit.position = head.position;
            commit.stream_time_ms = commit.stream_time_ms.max(head.stream_time_ms);
            commit.lease = lease;
            commit.control.iter_mut().for_each(|entry| entry.position = head.position);
            self.append_locked(&mut head, time_ms, &commit)?
        };
        Ok((pending.await?, commit))
    }

    /// Queues a commit behind all before it.
    ///
    /// # Errors
    /// `Fenced` where a higher lease counter has been seen; `Backwards` where the position lies before
    /// the last; [`LogError::Moved`] where an earlier commit has failed: the shard is then taken over again.
    pub fn append(&self, time_ms: i64, commit: &Commit) -> Result<PendingCommit, StoreError> {
        self.append_locked(&mut self.head.lock(), time_ms, commit)
    }

    fn append_locked(
        &self,
        head: &mut Head,
        time_ms: i64,
        commit: &Commit,
    ) -> Result<PendingCommit, StoreError> {
        if commit.lease < head.lease {
            return Err(StoreError::Fenced { lease: commit.lease, highest: head.lease });
        }
        if commit.position < head.position {
            return Err(StoreError::Backwards { from: head.position, to: commit.position });
        }
        let index = head.next_index;
        let ticket = self.log.append_at(index, time_ms, [encode_commit(commit)], Vec::new)?;
        *head = Head {
            next_index: index + 1,
            position: commit.position,
            stream_time_ms: commit.stream_time_ms.max(head.stream_time_ms),
            lease: commit.lease,
        };
        Ok(PendingCommit { index, ticket })
    }

    /// The last durable commit and its index.
    pub fn last(&self) -> Result<Option<(u64, Commit)>, StoreError> {
        match self.log.durable_index().checked_sub(1) {
            Some(index) if index >= self.log.first_index() => Ok(self.read(index, 1)?.pop()),
            _ => Ok(None),
        }
    }

    /// Durable commits from an index on, at most `commits_max`, and about 4 MiB.
    ///
    /// # Errors
    /// [`LogError::Trimmed`] where commits from there on are no longer kept.
    pub fn read(&self, from_index: u64, commits_max: usize) -> Result<Vec<(u64, Commit)>, StoreError> {
        let entries = self.log.read(from_index, commits_max, 4 << 20)?;
        let decoded = entries.into_iter().map(|entry| {
            decode_commit(&entry.data).map(|commit| (entry.index, commit)).map_err(|error| {
                StoreError::Entry { dir: self.dir.clone(), index: entry.index, reason: error.to_string() }
            })
        });
        decoded.collect()
    }

    /// Index of the oldest commit that is kept.
    pub fn first_index(&self) -> u64 {
        self.log.first_index()
    }

    /// One past the index of the last durable commit.
    pub fn durable_index(&self) -> u64 {
        self.log.durable_index()
    }

    /// Removes commits before `before_index` that are older than `before_ms`, as far as whole segments
    /// allow.
    pub fn trim(&self, before_index: u64, before_ms: i64) -> Result<(), StoreError> {
        let old = self.log.find_time(before_ms)?;
        self.log.trim(old.min(before_index))?;
        Ok(())
    }

    /// Bytes on the disk.
    pub fn bytes(&self) -> u64 {
        self.log.bytes()
    }
}

impl Head {
    fn reset(&mut self, next_index: u64, last: Option<&Commit>) {
        let lease = self.lease;
        *self = Self { next_index, stream_time_ms: i64::MIN, lease, ..Self::default() };
        if let Some(last) = last {
            self.position = last.position;
            self.stream_time_ms = last.stream_time_ms;
            self.lease = lease.max(last.lease);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kizashi_log::StdFileSystem;

    fn at(index: u32, lease: u64) -> Commit {
        Commit { position: Position { sequence: [1; 24], index }, lease, ..Commit::default() }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let waker = std::task::Waker::noop();
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(waker)) {
                return value;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn commits_are_there_after_opening_again() {
        let dir = tempfile::tempdir().unwrap();
        let commits = CommitLog::open(Arc::new(StdFileSystem), dir.path()).unwrap();
        assert_eq!(commits.last().unwrap(), None);
        let pending = commits.append(10, &at(1, 1)).unwrap();
        assert_eq!(pending.index(), 0);
        assert_eq!(pending.wait().unwrap().index(), 0);
        commits.append(10, &at(1, 1)).unwrap().wait().unwrap();
        drop(commits);
        let commits = CommitLog::open(Arc::new(StdFileSystem), dir.path()).unwrap();
        assert_eq!(commits.last().unwrap(), Some((1, at(1, 1))));
        assert_eq!(commits.read(0, 10).unwrap().len(), 2);
        assert!(matches!(commits.append(10, &at(0, 1)), Err(StoreError::Backwards { .. })));
        assert!(matches!(commits.append(10, &at(2, 0)), Err(StoreError::Fenced { lease: 0, highest: 1 })));
        commits.append(10, &at(2, 1)).unwrap().wait().unwrap();
    }

    #[test]
    fn who_takes_over_fences_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let commits = CommitLog::open(Arc::new(StdFileSystem), dir.path()).unwrap();
        block_on(commits.take_over(4, 0, Commit::default())).unwrap();
        commits.append(0, &at(3, 4)).unwrap().wait().unwrap();
        let (durable, commit) = block_on(commits.take_over(5, 0, Commit::default())).unwrap();
        assert_eq!((durable.index(), commit.position, commit.lease), (2, at(3, 4).position, 5));
        assert!(matches!(commits.append(0, &at(4, 4)), Err(StoreError::Fenced { lease: 4, highest: 5 })));
        let refused = block_on(commits.take_over(4, 0, Commit::default()));
        assert!(matches!(refused, Err(StoreError::Fenced { lease: 4, highest: 5 })));
        commits.append(0, &at(4, 5)).unwrap().wait().unwrap();
    }
}
