//! The seam behind which time lies, so that a test or a simulation can drive it.

use crate::api::BoxFuture;
use parking_lot::Mutex;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::oneshot;

/// Tells the time and sleeps.
pub trait Clock: Send + Sync + 'static {
    /// The time of day, Unix milliseconds. May jump.
    fn now_ms(&self) -> i64;

    /// Milliseconds since some moment before. Never falls, never jumps: for leases and intervals.
    fn elapsed_ms(&self) -> u64;

    /// Sleeps.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The system's clock; sleeps on Tokio's timer.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock that stands until it is moved. A clone is the same clock.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    inner: Arc<Manual>,
}

#[derive(Debug, Default)]
struct Manual {
    wall_ms: AtomicI64,
    elapsed_ms: AtomicU64,
    sleepers: Mutex<Vec<(u64, oneshot::Sender<()>)>>,
}

impl ManualClock {
    /// A clock that shows `now_ms`, Unix milliseconds.
    pub fn at(now_ms: i64) -> Self {
        let clock = Self::default();
        clock.set(now_ms);
        clock
    }

    /// Moves the time of day alone, as an operator may; sleepers sleep on.
    pub fn set(&self, now_ms: i64) {
        self.inner.wall_ms.store(now_ms, Ordering::SeqCst);
    }

    /// Lets time pass, and wakes those whose sleep is over.
    pub fn advance(&self, duration: Duration) {
        let ms = u64::try_from(duration.as_millis()).expect("a bounded duration");
        self.inner.wall_ms.fetch_add(ms as i64, Ordering::SeqCst);
        let now = self.inner.elapsed_ms.fetch_add(ms, Ordering::SeqCst) + ms;
        let mut sleepers = self.inner.sleepers.lock();
        sleepers.retain(|(_, wake)| !wake.is_closed());
        let mut due: Vec<_> = sleepers.extract_if(.., |(until, _)| *until <= now).collect();
        drop(sleepers);
        due.sort_by_key(|(until, _)| *until);
        for (_, wake) in due {
            // A sleeper that has gone away meanwhile needs no waking.
            let _ = wake.send(());
        }
    }

    /// How many sleep.
    pub fn sleepers(&self) -> usize {
        self.inner.sleepers.lock().iter().filter(|(_, wake)| !wake.is_closed()).count()
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.inner.wall_ms.load(Ordering::SeqCst)
    }

    fn elapsed_ms(&self) -> u64 {
        self.inner.elapsed_ms.load(Ordering::SeqCst)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        if ms == 0 {
            return Box::pin(tokio::task::yield_now());
        }
        let (wake, woken) = oneshot::channel();
        let mut sleepers = self.inner.sleepers.lock();
        sleepers.push((self.elapsed_ms().saturating_add(ms), wake));
        drop(sleepers);
        Box::pin(async move {
            // The clock going away ends the sleep too.
            let _ = woken.await;
        })
    }
}
