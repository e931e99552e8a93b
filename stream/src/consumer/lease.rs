//! Leases: which worker reads which shard, in the schema of the Kinesis Client Library.

use crate::{api::BoxFuture, embedded::CheckedFileError, sequence::SequenceNumber};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Result of a lease table's operation.
pub type LeaseResult<T> = Result<T, LeaseError>;

/// A lease on a shard.
///
/// The counter grows with every change of the lease, so an operation that names the counter it has seen
/// succeeds only where nobody else has changed the lease since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// `STREAM:CREATED:SHARD`, CREATED being when the stream was created, Unix milliseconds: a stream that was
    /// deleted and created again has other leases.
    pub lease_key: String,
    /// The worker that has it.
    pub lease_owner: Option<String>,
    /// Grows with every change.
    pub lease_counter: u64,
    /// How far the application has come. A hint: what the application itself committed decides.
    pub checkpoint: Checkpoint,
    /// How often the owner changed since the last checkpoint.
    pub owner_switches_since_checkpoint: u64,
    /// Keys of the leases on the shards that this one was split or merged from.
    #[serde(default)]
    pub parent_shard_id: Vec<String>,
}

/// How far an application has come in a shard. Its text is as the Kinesis Client Library writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checkpoint {
    /// Nowhere: begins with the oldest record that is kept.
    TrimHorizon,
    /// Nowhere: begins with the next record that is put.
    Latest,
    /// All records up to and with this one are done.
    Sequence(SequenceNumber),
    /// All records of a closed shard are done.
    ShardEnd,
}

/// Why an operation on a lease table failed.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The table could not be read or written.
    #[error("the lease table could not be read or written: {0}")]
    Storage(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The table is full.
    #[error("the lease table holds {0} leases, which is the most it takes")]
    Full(usize),
}

impl From<CheckedFileError> for LeaseError {
    fn from(error: CheckedFileError) -> Self {
        Self::Storage(Box::new(error))
    }
}

/// The leases of one application. All changes compare the owner and the counter with those of the lease
/// that is passed, and answer `None`, changing nothing, where they differ or the lease is gone.
pub trait LeaseTable: Send + Sync + 'static {
    /// All leases.
    fn list(&self) -> BoxFuture<'_, LeaseResult<Vec<Lease>>>;

    /// Creates a lease; `false` where its key exists.
    fn create<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, LeaseResult<bool>>;

    /// Makes `owner` the owner. Durable when it answers, since the new counter is a fencing token.
    fn take<'a>(&'a self, lease: &'a Lease, owner: &'a str) -> BoxFuture<'a, LeaseResult<Option<Lease>>>;

    /// Tells the others that the owner lives.
    fn renew<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, LeaseResult<Option<Lease>>>;

    /// Sets the checkpoint.
    fn checkpoint<'a>(
        &'a self,
        lease: &'a Lease,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, LeaseResult<Option<Lease>>>;

    /// Takes the owner away, so that another worker may take the lease at once.
    fn evict<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, LeaseResult<Option<Lease>>>;

    /// Removes a lease, whatever its counter; nothing happens where it is gone.
    fn delete<'a>(&'a self, lease_key: &'a str) -> BoxFuture<'a, LeaseResult<()>>;
}

impl Lease {
    /// A lease that nobody has yet.
    pub fn unowned(lease_key: String, checkpoint: Checkpoint, parent_shard_id: Vec<String>) -> Self {
        Self {
            lease_key,
            lease_owner: None,
            lease_counter: 0,
            checkpoint,
            owner_switches_since_checkpoint: 0,
            parent_shard_id,
        }
    }

    /// The lease as it is after `owner` took it.
    pub fn taken_by(&self, owner: &str) -> Self {
        let switched = self.lease_owner.as_deref() != Some(owner);
        Self {
            lease_owner: Some(owner.into()),
            lease_counter: self.lease_counter + 1,
            owner_switches_since_checkpoint: self.owner_switches_since_checkpoint + u64::from(switched),
            ..self.clone()
        }
    }

    /// The lease as it is after its owner renewed it.
    pub fn renewed(&self) -> Self {
        Self { lease_counter: self.lease_counter + 1, ..self.clone() }
    }

    /// The lease as it is after a checkpoint.
    pub fn checkpointed(&self, checkpoint: Checkpoint) -> Self {
        Self { checkpoint, owner_switches_since_checkpoint: 0, ..self.renewed() }
    }

    /// The lease as it is after its owner let it go.
    pub fn evicted(&self) -> Self {
        Self { lease_owner: None, ..self.renewed() }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TrimHorizon => f.write_str("TRIM_HORIZON"),
            Self::Latest => f.write_str("LATEST"),
            Self::Sequence(sequence) => sequence.fmt(f),
            Self::ShardEnd => f.write_str("SHARD_END"),
        }
    }
}

impl FromStr for Checkpoint {
    type Err = crate::sequence::ParseSequenceNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "TRIM_HORIZON" => Self::TrimHorizon,
            "LATEST" => Self::Latest,
            "SHARD_END" => Self::ShardEnd,
            number => Self::Sequence(number.parse()?),
        })
    }
}

impl Serialize for Checkpoint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Checkpoint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_those_of_the_client_library() {
        let lease = Lease::unowned("s:1:shardId-000000000000".into(), Checkpoint::TrimHorizon, Vec::new());
        let lease = lease.taken_by("w").checkpointed(Checkpoint::Sequence(SequenceNumber([1; 24])));
        let json = serde_json::to_value(&lease).unwrap();
        for field in ["leaseKey", "leaseOwner", "leaseCounter", "checkpoint", "ownerSwitchesSinceCheckpoint"]
        {
            assert!(json.get(field).is_some(), "{field}");
        }
        assert_eq!(serde_json::from_value::<Lease>(json).unwrap(), lease);
    }

    #[test]
    fn every_change_grows_the_counter() {
        let lease = Lease::unowned("k".into(), Checkpoint::Latest, Vec::new());
        let taken = lease.taken_by("a");
        let again = taken.taken_by("a");
        assert_eq!((taken.owner_switches_since_checkpoint, again.owner_switches_since_checkpoint), (1, 1));
        for next in [&again, &taken.renewed(), &taken.evicted(), &taken.checkpointed(Checkpoint::ShardEnd)] {
            assert_eq!(next.lease_counter, taken.lease_counter + 1);
        }
    }
}
