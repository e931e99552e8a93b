//! States of the fold to go back to when an alert comes late.

use super::AlertKey;
use super::fold::Fold;

/// Alerts between one and the next, where they are newest; older ones lie further apart.
const EVERY: usize = 256;
/// How many are kept.
const KEPT_MAX: usize = 8;

/// The fold as it was behind some alerts, oldest first.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    kept: Vec<(AlertKey, Fold)>,
    since: usize,
}

impl Checkpoints {
    /// Notes that the fold stands behind this alert.
    pub(super) fn passed(&mut self, key: AlertKey, fold: &Fold) {
        self.since += 1;
        if self.since < EVERY {
            return;
        }
        self.since = 0;
        self.kept.push((key, fold.clone()));
        if self.kept.len() > KEPT_MAX {
            // Every second of the older ones, so that their distances grow with their age.
            let newest = self.kept.len() - 2;
            let mut at = 0;
            self.kept.retain(|_| {
                at += 1;
                at % 2 == 0 || at > newest
            });
        }
    }

    /// Goes back: the newest state before `key`, with the alert that it stands behind, or an empty one. Those
    /// that have seen `key` are dropped.
    pub(super) fn back_to(&mut self, key: AlertKey) -> (Option<AlertKey>, Fold) {
        self.kept.retain(|(behind, _)| *behind < key);
        self.since = 0;
        self.kept.last().map_or_else(Default::default, |(behind, fold)| (Some(*behind), fold.clone()))
    }

    /// Takes a group out of all states.
    pub(super) fn forget(&mut self, first: AlertKey) {
        self.kept.iter_mut().for_each(|(_, fold)| fold.forget(first));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertId;

    fn key(opened_ms: i64) -> AlertKey {
        AlertKey { opened_ms, id: AlertId([0; 16]) }
    }

    #[test]
    fn a_bounded_number_is_kept_the_newest_close_together() {
        let mut checkpoints = Checkpoints::default();
        let passed = 100 * EVERY as i64;
        for at in 1..=passed {
            checkpoints.passed(key(at), &Fold::default());
        }
        assert!(checkpoints.kept.len() <= KEPT_MAX, "{}", checkpoints.kept.len());
        let (behind, _) = checkpoints.back_to(key(passed));
        assert!(behind.unwrap().opened_ms >= passed - 2 * EVERY as i64, "{behind:?}");
        let (behind, _) = checkpoints.back_to(key(passed * 3 / 4));
        assert!(behind.is_none_or(|behind| behind.opened_ms < passed * 3 / 4), "{behind:?}");
        assert_eq!(checkpoints.back_to(key(0)).0, None);
    }
}
