//! What an application does with a shard.

use super::{held_lease::Checkpointer, lease::Checkpoint};
use crate::api::{BoxFuture, ReadBatch, ShardDescription, StartingPosition};
use std::sync::Arc;

/// Result of a processor's work. An error is logged; after a pause that grows with each failure in a row
/// the shard is begun again with a new processor, which starts where the application's commits say.
pub type ProcessorResult<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What a processor is told when it begins with a shard.
pub struct ShardStart {
    /// The stream's name.
    pub stream: Arc<str>,
    /// The shard.
    pub shard: ShardDescription,
    /// The fencing token: higher each time that the shard's lease is taken.
    pub token: u64,
    /// How far the application came, as far as the lease table knows.
    pub checkpoint: Checkpoint,
    /// Sets the checkpoint.
    pub checkpointer: Checkpointer,
}

/// Why a processor's work on a shard ends in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownReason {
    /// This worker stops; another goes on.
    Requested,
    /// The shard is closed and all its records were processed. Once the processor answers, the shard's
    /// children are begun: so it answers when what came of these records is durable.
    ShardEnd,
}

/// An application's work on one shard. One call at a time.
pub trait Processor: Send + 'static {
    /// Begins; answers with where to read from. Usually from the application's own commits, or, where
    /// there are none, [`Checkpoint::starting_position`].
    fn initialize(&mut self, start: ShardStart) -> BoxFuture<'_, ProcessorResult<StartingPosition>>;

    /// Takes the next records, which are never none. The following are asked for when this answers (and,
    /// with prefetch, read meanwhile): so a slow processor slows its reader down.
    fn process(&mut self, batch: ReadBatch) -> BoxFuture<'_, ProcessorResult<()>>;

    /// When the processor wants [`Processor::timer`] to be called if no records come before, Unix
    /// milliseconds of the clock; asked after each call. `None` for not at all.
    fn timer_ms(&self) -> Option<i64> {
        None
    }

    /// The time that [`Processor::timer_ms`] told has come, and no record is there.
    fn timer(&mut self, now_ms: i64) -> BoxFuture<'_, ProcessorResult<()>> {
        let _ = now_ms;
        Box::pin(async { Ok(()) })
    }

    /// The lease is lost: another worker has the shard, or soon will. What is not committed is to be left.
    fn lease_lost(&mut self) -> BoxFuture<'_, ()>;

    /// The work ends in order; the lease is still held and is let go when this answers.
    fn shutdown(&mut self, reason: ShutdownReason) -> BoxFuture<'_, ProcessorResult<()>>;
}

/// Makes processors.
pub trait ProcessorFactory: Send + Sync + 'static {
    /// A processor for a shard, which has read nothing yet.
    fn create(&self, stream: &str, shard: &str) -> Box<dyn Processor>;
}

impl<F: Fn(&str, &str) -> Box<dyn Processor> + Send + Sync + 'static> ProcessorFactory for F {
    fn create(&self, stream: &str, shard: &str) -> Box<dyn Processor> {
        self(stream, shard)
    }
}

impl Checkpoint {
    /// Where an application reads on that has only its checkpoint. `None` at the end of a closed shard.
    pub fn starting_position(&self) -> Option<StartingPosition> {
        match *self {
            Self::TrimHorizon => Some(StartingPosition::TrimHorizon),
            Self::Latest => Some(StartingPosition::Latest),
            Self::Sequence(sequence) => Some(StartingPosition::AfterSequenceNumber(sequence)),
            Self::ShardEnd => None,
        }
    }
}
