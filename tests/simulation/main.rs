//! Whole histories in one process, on a simulated disk: the streams, the workers and what they commit live
//! through one power loss after the other, each at a seeded file operation.
//!
//! `KIZASHI_POWER_LOSSES` sets how many, `KIZASHI_SEED` where. The seed fixes the load, the operations aimed
//! at and what the disk keeps of what was not synced. The writer threads of the logs run as the scheduler lets
//! them, so a seed that fails may need a few runs to fail again.

mod check;
mod follower;
mod history;
mod load;
mod machine;
mod node;
mod quick_clock;

use history::{Tally, live};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Power losses of one history.
const LOSSES_A_HISTORY: u64 = 10;

/// Histories that live beside each other.
const THREADS: usize = 2;

#[test]
fn power_loss_loses_nothing_acknowledged_and_repeats_nothing() {
    let number = |name: &str, usual: u64| {
        std::env::var(name)
            .map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
    };
    let (losses, seed) = (number("KIZASHI_POWER_LOSSES", 1_000), number("KIZASHI_SEED", 1));
    let histories = losses.div_ceil(LOSSES_A_HISTORY);
    let (next, total) = (AtomicU64::new(0), Mutex::new(Tally::default()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let history = next.fetch_add(1, Ordering::Relaxed);
                    if history >= histories {
                        return;
                    }
                    let tally = live(seed, history, LOSSES_A_HISTORY);
                    total.lock().add(&tally);
                }
            });
        }
    });
    let total = total.into_inner();
    println!("{total}");
    assert_eq!(total.losses, histories * LOSSES_A_HISTORY);
    // Few say nothing of shares.
    if total.losses >= 500 {
        total.assert_varied();
    }
}
