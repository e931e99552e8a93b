//! Independent runs, as many at once as there are cores.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// What `run` gives for each number below `count`, which may be the seed of a series, in their order.
pub fn on_all_cores<T: Send>(count: u64, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let (next, results) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    thread::scope(|scope| {
        for _ in 0..threads.min(count) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    let result = run(number);
                    results.lock().expect("no thread panicked with it").push((number, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no thread panicked with it");
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn results_come_in_the_order_of_their_numbers() {
        let run = |number| {
            // The first ones take longest.
            thread::sleep(Duration::from_millis(20_u64.saturating_sub(number)));
            number * number
        };
        assert_eq!(on_all_cores(40, run), (0..40).map(|number| number * number).collect::<Vec<_>>());
        assert!(on_all_cores(0, run).is_empty());
    }
}
