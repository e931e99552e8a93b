//! Mean absolute error, robust to what was itself anomalous.

use super::codec::{Decoder, Encoder, LEARNT_MAX};
use super::fading::{faded, faded_f32};
use crate::detector::StateError;

/// Errors beyond this many mean errors are cut before they are learnt.
const CUT: f64 = 5.0;
/// What is left of the heat after an observation that was not cut: errors that are cut keep it up even
/// when they come as seldom as one in fifty.
const COOLING: f32 = 0.98;
/// Bound of the heat: 2^200 covers every magnitude that a series may go to.
const HEAT_MAX: f32 = 200.0;
/// Observations that are learnt uncut, for want of a mean error to cut by.
pub(super) const YOUNG: f64 = 10.0;

/// Exponentially weighted mean of absolute errors. Each error is cut at five times the mean, so an outlier
/// moves it little; but the limit doubles with every error that is cut, so a true change of spread, or
/// a burst after a long constant, is followed within a few observations.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spread {
    /// The mean absolute error.
    pub(super) mean: f64,
    heat: f32,
}

impl Spread {
    /// Learns `error` with weight `gain`, and gives it back as cut. A mean below `floor` counts as none.
    pub(super) fn learn(&mut self, error: f64, gain: f64, floor: f64) -> f64 {
        let mut cut = error;
        if gain < 1.0 / YOUNG && self.mean > floor {
            let limit = CUT * self.mean;
            let widened = limit * power_of_two(self.heat);
            if error.abs() > limit {
                self.heat = (self.heat + 1.0).min(HEAT_MAX);
            } else {
                self.heat = faded_f32(self.heat * COOLING);
            }
            cut = error.clamp(-widened, widened);
        }
        self.mean = faded(self.mean + gain * (cut.abs() - self.mean));
        cut
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.f64(self.mean);
        out.f32(self.heat);
    }

    pub(super) fn decode(from: &mut Decoder) -> Result<Self, StateError> {
        Ok(Spread { mean: from.f64_in(0.0, LEARNT_MAX)?, heat: from.f32_in(0.0, HEAT_MAX)? })
    }
}

/// 2 to the power of the whole part of `heat`, which is in 0..=200.
fn power_of_two(heat: f32) -> f64 {
    debug_assert!((0.0..=HEAT_MAX).contains(&heat));
    f64::from_bits((1023 + heat as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(error: f64) -> Spread {
        let mut spread = Spread::default();
        for n in 1..500 {
            spread.learn(error, 1.0 / n as f64, 1e-300);
        }
        spread
    }

    #[test]
    fn one_outlier_moves_it_by_no_more_than_the_cut() {
        let mut spread = settled(1.0);
        assert_eq!(spread.learn(1e12, 0.01, 1e-300), 5.0);
        assert!(spread.mean < 1.05, "{}", spread.mean);
    }

    #[test]
    fn a_lasting_change_over_nine_orders_is_followed_within_forty_observations() {
        let mut spread = settled(1e-9);
        for _ in 0..40 {
            spread.learn(1.0, 0.001, 1e-300);
        }
        assert!(spread.mean > 1e-3, "{}", spread.mean);
    }
}
