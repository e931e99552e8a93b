//! The way from an operator to the worker that wrote a dead letter: only a shard's worker may commit that
//! the letter is dealt with.

use crate::committed::ShardRef;
use kizashi_models::position::{Position, Source};
use kizashi_storage::commit::{Control, ControlEntry};
use parking_lot::Mutex;
use std::collections::HashMap;
use tokio::sync::{mpsc, oneshot};

/// Requests that may wait for a worker.
const QUEUE: usize = 16;

/// A worker's queue of letters to settle.
pub type SettleQueue = mpsc::Receiver<Settle>;

/// Dead letters to be struck off the list.
#[derive(Debug)]
pub struct Settle {
    letters: Vec<Source>,
    done: oneshot::Sender<()>,
}

impl Settle {
    /// The control entry that settles them, and who is to be told once it is durable.
    pub fn at(self, position: Position) -> (ControlEntry, oneshot::Sender<()>) {
        (ControlEntry { position, control: Control::SettleDeadLetters { letters: self.letters } }, self.done)
    }
}

/// The queues of the workers of a node.
#[derive(Debug, Default)]
pub struct Settlements {
    queues: Mutex<HashMap<ShardRef, mpsc::Sender<Settle>>>,
}

impl Settlements {
    /// The queue of a shard, for the worker that begins on it; it replaces that of a worker before.
    pub fn queue(&self, shard: &ShardRef) -> SettleQueue {
        let (sender, receiver) = mpsc::channel(QUEUE);
        self.queues.lock().insert(shard.clone(), sender);
        receiver
    }

    /// Asks the worker of a shard to settle letters; returns once that is durable.
    ///
    /// # Errors
    /// One sentence, where the worker is not there or ends meanwhile.
    pub async fn settle(&self, shard: &ShardRef, letters: Vec<Source>) -> Result<(), String> {
        let ended = || format!("the {} worker of {} is not running", shard.application, shard.shard);
        let queue = self.queues.lock().get(shard).cloned().ok_or_else(ended)?;
        let (done, durable) = oneshot::channel();
        queue.send(Settle { letters, done }).await.map_err(|_| ended())?;
        durable.await.map_err(|_| ended())
    }
}
