//! How long surprise has been lasting in a vector.

use super::codec::{Decoder, Encoder};
use super::fading::faded;
use crate::detector::StateError;

/// What is taken from each surprise before it is added up: usual ones are 0.43 in the mean, and those of neighbours alike.
const ALLOWANCE: f64 = 1.3;
/// A sum from which on onsets count more,
const FROM: f64 = 6.3;
/// by so much for each unit of the sum,
const GAIN: f64 = 0.09;
/// and by so much at most.
const MOST: f64 = 0.6;
/// Bound of the sum: what has lasted for hours is over within minutes.
const SUM_MAX: f64 = 30.0;

/// A one-sided cumulative sum of surprise (E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954). An onset in the
/// midst of surprise is worth more than one that is surprising by itself: a failure of a machine is a little of everything
/// for a while, and what is usual now and then, a switch or a glitch, is soon over.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Streak {
    sum: f64,
}

impl Streak {
    /// Adds the surprise of an observation, and says how many times as much an onset is worth there: 1 to 1.6.
    pub(super) fn observe(&mut self, surprise: f64) -> f64 {
        self.sum = faded((self.sum + surprise - ALLOWANCE).clamp(0.0, SUM_MAX));
        1.0 + (GAIN * (self.sum - FROM)).clamp(0.0, MOST)
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.f64(self.sum);
    }

    pub(super) fn decode(from: &mut Decoder) -> Result<Self, StateError> {
        Ok(Streak { sum: from.f64_in(0.0, SUM_MAX)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surprise_that_lasts_makes_onsets_worth_more_and_one_that_stands_alone_does_not() {
        let mut streak = Streak::default();
        assert_eq!(streak.observe(7.0), 1.0, "a glitch, however rare");
        (0..20).for_each(|_| assert_eq!(streak.observe(0.43), 1.0, "usual ones"));
        let worth: Vec<f64> = (0..12).map(|_| streak.observe(2.5)).collect();
        assert_eq!(worth[4], 1.0);
        assert!(worth[11] > 1.5, "{worth:?}");
        assert!(worth.is_sorted());
    }

    #[test]
    fn what_has_lasted_for_long_is_soon_over() {
        let mut streak = Streak::default();
        let worth = (0..100_000).map(|_| streak.observe(3.0)).fold(0.0, f64::max);
        assert_eq!(worth, 1.0 + MOST);
        let usual = (0..40).map(|_| streak.observe(0.43)).last();
        assert_eq!(usual, Some(1.0));
    }
}
