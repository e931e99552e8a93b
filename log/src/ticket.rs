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

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct CountingWaker(AtomicUsize);

    impl Wake for CountingWaker {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn all_tickets_of_a_block_resolve_and_the_last_waker_of_each_is_woken() {
        let outcome = Arc::new(Outcome::default());
        let wakers: [Arc<CountingWaker>; 3] = Default::default();
        let mut first = pin!(outcome.ticket());
        let mut second = pin!(outcome.ticket());
        let poll = |ticket: Pin<&mut Ticket>, waker: usize| {
            ticket.poll(&mut Context::from_waker(&Waker::from(wakers[waker].clone())))
        };
        assert!(poll(first.as_mut(), 0).is_pending());
        assert!(poll(first.as_mut(), 1).is_pending());
        assert!(poll(second.as_mut(), 2).is_pending());
        let waiting = std::thread::spawn({
            let ticket = outcome.ticket();
            move || ticket.wait()
        });
        outcome.resolve(Err(LogError::Closed));
        assert_eq!(wakers.each_ref().map(|waker| waker.0.load(Ordering::SeqCst)), [0, 1, 1]);
        assert!(matches!(poll(first, 1), Poll::Ready(Err(LogError::Closed))));
        assert!(matches!(poll(second, 2), Poll::Ready(Err(LogError::Closed))));
        assert!(matches!(waiting.join().unwrap(), Err(LogError::Closed)));
        assert!(outcome.ticket().wait().is_err(), "a ticket may be waited for late");
    }
}
