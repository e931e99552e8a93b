//! A lease table in a small file of this machine. See docs/FORMATS.md, "Leases".

use super::lease::{Checkpoint, Lease, LeaseError, LeaseResult, LeaseTable};
use crate::{
    api::BoxFuture,
    clock::Clock,
    embedded::{CheckedFile, CheckedFileError, check_stream_name},
};
use kizashi_log::FileSystem;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::Mutex;

/// Leases that a table may hold.
const LEASES_MAX: usize = 65_536;

/// Checkpoints and new leases are written this often at most; takes at once.
const WRITE_INTERVAL_MS: u64 = 5_000;

const LEASES: CheckedFile = CheckedFile { name: "kizashi-leases", version: 1 };

/// The leases of one application, in file `leases/APPLICATION` of a data directory.
///
/// Renewals stay in memory: the process has the directory for itself, so when it is gone all its leases are
/// free. Takes are written at once, for their counters are fencing tokens; checkpoints from time to time.
pub struct EmbeddedLeaseTable {
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

type Leases = BTreeMap<String, Lease>;

struct State {
    leases: Leases,
    /// The file lacks something.
    dirty: bool,
    written_at_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct LeaseFile {
    leases: Vec<Lease>,
}

impl EmbeddedLeaseTable {
    /// Opens the table of an application in a data directory that this process has. Leases in it are
    /// nobody's: whoever had them is gone.
    pub fn open(
        fs: Arc<dyn FileSystem>,
        data_dir: &Path,
        application: &str,
        clock: Arc<dyn Clock>,
    ) -> LeaseResult<Self> {
        check_stream_name(application).map_err(|error| LeaseError::Storage(Box::new(error)))?;
        let dir = data_dir.join("leases");
        fs.create_dir_all(&dir).map_err(|source| CheckedFileError::Io {
            operation: "create",
            path: dir.clone(),
            source,
        })?;
        let path = dir.join(application);
        let file = LEASES.read(&*fs, &path)?.unwrap_or(LeaseFile { leases: Vec::new() });
        let free = |lease: Lease| if lease.lease_owner.is_some() { lease.evicted() } else { lease };
        let leases: Leases =
            file.leases.into_iter().map(|lease| (lease.lease_key.clone(), free(lease))).collect();
        let state = State { leases, dirty: false, written_at_ms: clock.elapsed_ms() };
        Ok(Self { fs, path, clock, state: Mutex::new(state) })
    }

    /// Replaces a lease that is as `seen` by what `next` makes of it.
    async fn change(
        &self,
        seen: &Lease,
        durable: bool,
        next: impl FnOnce(&Lease) -> Lease,
    ) -> LeaseResult<Option<Lease>> {
        let mut state = self.state.lock().await;
        let Some(current) = state.leases.get(&seen.lease_key) else { return Ok(None) };
        if current.lease_counter != seen.lease_counter || current.lease_owner != seen.lease_owner {
            return Ok(None);
        }
        let next = next(current);
        let checkpointed = current.checkpoint != next.checkpoint;
        if durable {
            let mut leases = state.leases.clone();
            leases.insert(next.lease_key.clone(), next.clone());
            self.write(&mut state, leases).await?;
        } else {
            state.dirty |= checkpointed;
            state.leases.insert(next.lease_key.clone(), next.clone());
            self.write_if_due(&mut state).await;
        }
        Ok(Some(next))
    }

    /// Writes what the file lacks, where the last write is long enough ago. A failure is no reason to stop:
    /// a checkpoint is a hint.
    async fn write_if_due(&self, state: &mut State) {
        let since_ms = self.clock.elapsed_ms() - state.written_at_ms;
        if !state.dirty || since_ms < WRITE_INTERVAL_MS {
            return;
        }
        let leases = state.leases.clone();
        if let Err(error) = self.write(state, leases).await {
            tracing::warn!(%error, "writing checkpoints; trying again later");
            state.written_at_ms = self.clock.elapsed_ms();
        }
    }

    /// Makes these the leases, durably. The table is as before where that fails.
    async fn write(&self, state: &mut State, leases: Leases) -> LeaseResult<()> {
        let file = LeaseFile { leases: leases.values().cloned().collect() };
        let (fs, path) = (self.fs.clone(), self.path.clone());
        tokio::task::spawn_blocking(move || LEASES.replace(&*fs, &path, &file))
            .await
            .map_err(|error| LeaseError::Storage(Box::new(error)))??;
        *state = State { leases, dirty: false, written_at_ms: self.clock.elapsed_ms() };
        Ok(())
    }
}

impl LeaseTable for EmbeddedLeaseTable {
    fn list(&self) -> BoxFuture<'_, LeaseResult<Vec<Lease>>> {
        Box::pin(async move { Ok(self.state.lock().await.leases.values().cloned().collect()) })
    }

    fn create<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, LeaseResult<bool>> {
        Box::pin(async move {
            let mut state = self.state.lock().await;
            if state.leases.contains_key(&lease.lease_key) {
                return Ok(false);
            }
            if state.leases.len() >= LEASES_MAX {
                return Err(LeaseError::Full(LEASES_MAX));
            }
            // Written with the first take: until then nothing is known that would not be found again.
            state.leases.insert(lease.lease_key.clone(), lease.clone());
            state.dirty = true;
            Ok(true)
        })
    }

    fn take<'a>(&'a self, lease: &'a Lease, owner: &'a str) -> BoxFuture<'a, LeaseResult<Option<Lease>>> {
        Box::pin(self.change(lease, true, |current| current.taken_by(owner)))
    }

    fn renew<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, LeaseResult<Option<Lease>>> {
        Box::pin(self.change(lease, false, Lease::renewed))
    }

    fn checkpoint<'a>(
        &'a self,
        lease: &'a Lease,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, LeaseResult<Option<Lease>>> {
        // The end of a shard is the last thing that happens to it, and its children wait for it.
        let durable = checkpoint == Checkpoint::ShardEnd;
        Box::pin(self.change(lease, durable, move |current| current.checkpointed(checkpoint)))
    }

    fn evict<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, LeaseResult<Option<Lease>>> {
        Box::pin(self.change(lease, true, Lease::evicted))
    }

    fn delete<'a>(&'a self, lease_key: &'a str) -> BoxFuture<'a, LeaseResult<()>> {
        Box::pin(async move {
            let mut state = self.state.lock().await;
            let mut leases = state.leases.clone();
            match leases.remove(lease_key) {
                Some(_) => self.write(&mut state, leases).await,
                None => Ok(()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::ManualClock, sequence::SequenceNumber};
    use kizashi_log::StdFileSystem;
    use std::time::Duration;

    fn open(dir: &Path, clock: &ManualClock) -> EmbeddedLeaseTable {
        EmbeddedLeaseTable::open(Arc::new(StdFileSystem), dir, "score", Arc::new(clock.clone())).unwrap()
    }

    fn checkpoint(n: u8) -> Checkpoint {
        Checkpoint::Sequence(SequenceNumber([n; 24]))
    }

    #[tokio::test]
    async fn an_operation_with_an_old_counter_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let table = open(dir.path(), &ManualClock::default());
        let lease = Lease::unowned("s:1:a".into(), Checkpoint::TrimHorizon, Vec::new());
        assert!(table.create(&lease).await.unwrap());
        assert!(!table.create(&lease).await.unwrap());
        let mine = table.take(&lease, "me").await.unwrap().unwrap();
        assert_eq!(table.take(&lease, "late").await.unwrap(), None);
        let theirs = table.take(&mine, "thief").await.unwrap().unwrap();
        assert_eq!(table.renew(&mine).await.unwrap(), None);
        assert_eq!(table.checkpoint(&mine, checkpoint(1)).await.unwrap(), None);
        assert_eq!(table.evict(&mine).await.unwrap(), None);
        assert_eq!(table.list().await.unwrap(), [theirs]);
        table.delete("s:1:a").await.unwrap();
        assert_eq!(table.list().await.unwrap(), []);
    }

    #[tokio::test]
    async fn takes_are_durable_at_once_and_checkpoints_from_time_to_time() {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::default();
        let table = open(dir.path(), &clock);
        let lease = Lease::unowned("s:1:a".into(), Checkpoint::TrimHorizon, Vec::new());
        table.create(&lease).await.unwrap();
        let lease = table.take(&lease, "me").await.unwrap().unwrap();
        let lease = table.checkpoint(&lease, checkpoint(1)).await.unwrap().unwrap();
        let found = open(dir.path(), &clock).list().await.unwrap().remove(0);
        assert_eq!(found.checkpoint, Checkpoint::TrimHorizon);
        assert_eq!(found.lease_owner, None, "whoever had it is gone");
        assert!(found.lease_counter > lease.lease_counter - 1, "tokens never come again");

        clock.advance(Duration::from_secs(6));
        let lease = table.renew(&lease).await.unwrap().unwrap();
        assert_eq!(open(dir.path(), &clock).list().await.unwrap()[0].checkpoint, checkpoint(1));
        table.checkpoint(&lease, checkpoint(2)).await.unwrap().unwrap();
        assert_eq!(open(dir.path(), &clock).list().await.unwrap()[0].checkpoint, checkpoint(1));
    }
}
