//! Applications that read streams, as the Kinesis Client Library does.
//!
//! An application has a name and a [`LeaseTable`]. Each of its workers runs a [`Consumer`] for a stream,
//! which takes leases on shards, balances them with the other workers, takes over those of the dead, and
//! runs one task a shard that hands batches of records to a [`Processor`].
//!
//! Where a processor begins is its own to say ([`Processor::initialize`]): what it has committed decides,
//! and the checkpoint in the lease table is a hint. With each start comes a fencing token that is higher
//! than any that the shard's lease has given before, so that the commits of a worker that lost the lease
//! without knowing can be told and refused.

mod balance;
mod embedded_table;
mod held_lease;
mod lease;
mod processor;
mod shard_task;
#[cfg(test)]
mod tests;
mod worker;

pub use embedded_table::EmbeddedLeaseTable;
pub use held_lease::{CheckpointError, Checkpointer};
pub use lease::{Checkpoint, Lease, LeaseError, LeaseResult, LeaseTable};
pub use processor::{Processor, ProcessorFactory, ProcessorResult, ShardStart, ShutdownReason};
pub use worker::{Consumer, ConsumerOptions};
