//! Waiting for new entries.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use crate::LogError;
use crate::commit::Shared;

/// A future that resolves when the log holds durable entries beyond an index. See `Log::wait_beyond`.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct WaitBeyond {
    shared: Arc<Shared>,
    index: u64,
    slot: Option<usize>,
}

/// The wakers of all that wait: one slot a waiter, given back when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

#[derive(Debug)]
struct Slot {
    index: u64,
    waker: Option<Waker>,
}

impl Waiters {
    /// Takes the wakers of those who wait for less than `durable_index`.
    pub fn take_ready(&mut self, durable_index: u64) -> Vec<Waker> {
        self.slots
            .iter_mut()
            .filter(|slot| slot.index < durable_index)
            .filter_map(|slot| slot.waker.take())
            .collect()
    }

    /// Takes all wakers, since the log has ended.
    pub fn take_all(&mut self) -> Vec<Waker> {
        self.slots.iter_mut().filter_map(|slot| slot.waker.take()).collect()
    }

    fn register(&mut self, slot: &mut Option<usize>, index: u64, waker: &Waker) {
        let at = *slot.get_or_insert_with(|| {
            self.free.pop().unwrap_or_else(|| {
                self.slots.push(Slot { index, waker: None });
                self.slots.len() - 1
            })
        });
        self.slots[at] = Slot { index, waker: Some(waker.clone()) };
    }

    fn release(&mut self, slot: usize) {
        self.slots[slot].waker = None;
        self.free.push(slot);
    }
}

impl WaitBeyond {
    pub(crate) fn new(shared: Arc<Shared>, index: u64) -> WaitBeyond {
        WaitBeyond { shared, index, slot: None }
    }
}

impl Future for WaitBeyond {
    type Output = Result<u64, LogError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let WaitBeyond { shared, index, slot } = &mut *self;
        // The lock is held over the check, so that a commit in between can't miss this waker.
        let mut waiters = shared.waiters.lock();
        let durable_index = shared.durable_index.load(Ordering::Acquire);
        if durable_index > *index {
            return Poll::Ready(Ok(durable_index));
        }
        if let Some(error) = shared.ended() {
            return Poll::Ready(Err(error));
        }
        waiters.register(slot, *index, context.waker());
        Poll::Pending
    }
}

impl Drop for WaitBeyond {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            self.shared.waiters.lock().release(slot);
        }
    }
}
