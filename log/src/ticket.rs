//! How an append is answered: a ticket that resolves when its block is durable, or has failed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::{Condvar, Mutex};

use crate::LogError;

/// The answer to an append, to come. A future for tasks, [`Ticket::wait`] for threads. Dropping it does
/// not take the append back; a clone waits for the same append.
#[derive(Debug)]
#[must_use = "an append is durable only when its ticket has resolved"]
pub struct Ticket {
    outcome: Arc<Outcome>,
    /// Where the outcome keeps this ticket's waker, once it has been polled.
    slot: Option<usize>,
}

impl Clone for Ticket {
    fn clone(&self) -> Self {
        self.outcome.ticket()
    }
}

impl Ticket {
    /// Blocks this thread until the append is durable or has failed.
    pub fn wait(self) -> Result<(), LogError> {
        self.outcome.wait()
    }
}

impl Future for Ticket {
    type Output = Result<(), LogError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Ticket { outcome, slot } = &mut *self;
        outcome.poll(slot, context.waker())
    }
}

/// What became of a block, shared by the tickets of all its batches.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    state: Mutex<State>,
    resolved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    result: Option<Result<(), LogError>>,
    wakers: Vec<Waker>,
}

impl Outcome {
    pub fn ticket(self: &Arc<Self>) -> Ticket {
        Ticket { outcome: self.clone(), slot: None }
    }

    /// Resolves all tickets.
    pub fn resolve(&self, result: Result<(), LogError>) {
        let wakers = {
            let mut state = self.state.lock();
            debug_assert!(state.result.is_none(), "a block has one outcome");
            state.result = Some(result);
            std::mem::take(&mut state.wakers)
        };
        self.resolved.notify_all();
        for waker in wakers {
            waker.wake();
        }
    }

    fn wait(&self) -> Result<(), LogError> {
        let mut state = self.state.lock();
        loop {
            if let Some(result) = &state.result {
                return result.clone();
            }
            self.resolved.wait(&mut state);
        }
    }

    fn poll(&self, slot: &mut Option<usize>, waker: &Waker) -> Poll<Result<(), LogError>> {
        let mut state = self.state.lock();
        if let Some(result) = &state.result {
            return Poll::Ready(result.clone());
        }
        match *slot {
            Some(slot) => state.wakers[slot].clone_from(waker),
            None => {
                *slot = Some(state.wakers.len());
                state.wakers.push(waker.clone());
            }
        }
        Poll::Pending
    }
}
