//! A lease that this worker has.

use super::lease::{Checkpoint, Lease, LeaseError, LeaseTable};
use crate::{clock::Clock, sequence::SequenceNumber};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::{Mutex, watch};

/// What the task of a shard is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Go on.
    Run,
    /// End in order.
    Stop,
    /// Leave: the lease is another's.
    Lost,
}

/// Why a checkpoint was not set.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Another worker has the lease.
    #[error("the lease on the shard is lost: another worker has it")]
    LeaseLost,
    /// The table failed.
    #[error(transparent)]
    Table(#[from] LeaseError),
}

/// Sets the checkpoint of a shard as long as its lease is held.
#[derive(Clone)]
pub struct Checkpointer {
    held: Arc<HeldLease>,
}

impl Checkpointer {
    pub(super) fn new(held: Arc<HeldLease>) -> Self {
        Self { held }
    }

    /// Notes that all records up to and with this one are done. Cheap to call with each batch: the
    /// embedded table writes it to the disk from time to time.
    pub async fn checkpoint(&self, sequence: SequenceNumber) -> Result<(), CheckpointError> {
        self.held.change(Change::Checkpoint(Checkpoint::Sequence(sequence))).await
    }
}

/// A change of a held lease.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// Tell the others that this worker lives.
    Renew,
    /// Set the checkpoint.
    Checkpoint(Checkpoint),
    /// Let it go.
    Evict,
}

/// A lease that this worker has taken, until it is lost or let go.
pub struct HeldLease {
    table: Arc<dyn LeaseTable>,
    clock: Arc<dyn Clock>,
    token: u64,
    lease: Mutex<Lease>,
    /// When it was last known to be this worker's, on the steady clock.
    renewed_at_ms: AtomicU64,
    orders: watch::Sender<Order>,
}

impl HeldLease {
    /// Holds a lease that was just taken; `asked_at_ms` is when the table was asked.
    pub fn new(table: Arc<dyn LeaseTable>, clock: Arc<dyn Clock>, lease: Lease, asked_at_ms: u64) -> Self {
        Self {
            table,
            clock,
            token: lease.lease_counter,
            lease: Mutex::new(lease),
            renewed_at_ms: AtomicU64::new(asked_at_ms),
            orders: watch::Sender::new(Order::Run),
        }
    }

    /// The counter that the lease had when it was taken.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// The checkpoint as it now is.
    pub async fn checkpoint(&self) -> Checkpoint {
        self.lease.lock().await.checkpoint
    }

    /// What the shard's task is to do, now and from now on.
    pub fn orders(&self) -> watch::Receiver<Order> {
        self.orders.subscribe()
    }

    /// Tells the shard's task what to do. A lease that is lost stays lost.
    pub fn order(&self, order: Order) {
        self.orders.send_if_modified(|current| {
            let changes = *current != Order::Lost && *current != order;
            if changes {
                *current = order;
            }
            changes
        });
    }

    /// Changes the lease in the table, if it is still this worker's.
    pub async fn change(&self, change: Change) -> Result<(), CheckpointError> {
        let mut lease = self.lease.lock().await;
        if *self.orders.borrow() == Order::Lost {
            return Err(CheckpointError::LeaseLost);
        }
        let asked_at_ms = self.clock.elapsed_ms();
        let changed = match change {
            Change::Renew => self.table.renew(&lease).await,
            Change::Checkpoint(checkpoint) => self.table.checkpoint(&lease, checkpoint).await,
            Change::Evict => self.table.evict(&lease).await,
        };
        match changed? {
            Some(changed) => {
                *lease = changed;
                self.renewed_at_ms.store(asked_at_ms, Ordering::Relaxed);
                Ok(())
            }
            None => {
                self.order(Order::Lost);
                Err(CheckpointError::LeaseLost)
            }
        }
    }

    /// Renews the lease. Where the table can't be reached for the failover time, the others have taken
    /// this worker for dead, so the lease counts as lost.
    pub async fn renew(&self, failover_ms: u64) {
        if let Err(CheckpointError::Table(error)) = self.change(Change::Renew).await {
            let since_ms = self.clock.elapsed_ms() - self.renewed_at_ms.load(Ordering::Relaxed);
            tracing::warn!(%error, since_ms, "renewing a lease");
            if since_ms >= failover_ms {
                self.order(Order::Lost);
            }
        }
    }
}
