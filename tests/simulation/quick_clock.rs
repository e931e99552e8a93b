//! Time that runs a thousand times as fast, so that timers of minutes are due within a test.

use kizashi_stream::{api::BoxFuture, clock::Clock};
use std::time::{Duration, Instant};

const SPEED: u32 = 1_000;
const START_MS: i64 = 1_767_225_600_000;

/// A clock on which a second passes within a millisecond.
pub struct QuickClock(Instant);

impl QuickClock {
    /// Begins at the first moment of 2026.
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for QuickClock {
    fn now_ms(&self) -> i64 {
        START_MS + i64::try_from(self.elapsed_ms()).expect("a test ends")
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from((self.0.elapsed() * SPEED).as_millis()).expect("a test ends")
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration / SPEED))
    }
}
