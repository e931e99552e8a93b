//! What a shard keeps.

use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

/// Applications that may hold records of a shard.
const HOLDS_MAX: usize = 256;

/// A shard's trim horizon, and the applications that keep it from rising.
#[derive(Debug, Default)]
pub struct Retention {
    /// Records below are as if they were gone, though the segment that they share with others may be left.
    horizon: AtomicU64,
    holds: Mutex<BTreeMap<Box<str>, u64>>,
}

impl Retention {
    /// The index of the oldest record that is kept.
    pub fn horizon(&self) -> u64 {
        self.horizon.load(Ordering::Acquire)
    }

    /// Sets or takes away an application's hold; `false` where there are too many.
    pub fn hold(&self, application: &str, from_index: Option<u64>) -> bool {
        let mut holds = self.holds.lock();
        match from_index {
            None => {
                holds.remove(application);
            }
            Some(_) if holds.len() >= HOLDS_MAX && !holds.contains_key(application) => return false,
            Some(index) => {
                holds.insert(application.into(), index);
            }
        }
        true
    }

    /// Raises the horizon to `expired`, or as far as the holds allow, and returns it.
    pub fn raise(&self, expired: u64) -> u64 {
        let holds = self.holds.lock();
        let horizon = holds.values().copied().fold(expired, u64::min);
        self.horizon.fetch_max(horizon, Ordering::AcqRel).max(horizon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_application_decides() {
        let retention = Retention::default();
        assert!(retention.hold("slow", Some(5)) && retention.hold("fast", Some(50)));
        assert_eq!(retention.raise(100), 5);
        retention.hold("slow", None);
        assert_eq!(retention.raise(100), 50);
        assert_eq!(retention.raise(20), 50, "it never falls");
    }

    #[test]
    fn holds_are_bounded() {
        let retention = Retention::default();
        for i in 0..HOLDS_MAX {
            assert!(retention.hold(&i.to_string(), Some(0)));
        }
        assert!(!retention.hold("one more", Some(0)));
        assert!(retention.hold("0", Some(1)));
    }
}
