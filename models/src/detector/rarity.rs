//! How rare an onset is.

use super::codec::{Decoder, Encoder};
use super::highest::{HIGHEST, Highest, RANKED_FROM};
use super::tail::decades;
use crate::detector::StateError;
use std::f64::consts::LN_10;

/// Surprise of what one observation in a thousand has.
const THOUSANDTH: f64 = 3.0;
/// Onsets of the present and of the time before it, at most; when the present has half of them, what came before is forgotten.
const COUNT_MAX: u32 = 8192;
/// Observations that what is usual for any series counts for.
const USUAL_COUNT: f64 = 1000.0;
/// Exceedances that the usual fall over a decade counts for beside the series' own.
const USUAL_EXCEEDANCES: f64 = 12.0;
/// An onset that is rarer is learnt as if it were so rare: what comes again and again becomes usual by and by, and some
/// anomalies don't hide the next.
const LEARNT_MAX: f64 = 4.0;

/// The onsets of a series without anomalies: they are much alike from series to series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usual {
    /// That which one observation in a thousand exceeds.
    pub(super) thousandth: f64,
    /// How much higher that is which one in ten thousand exceeds.
    pub(super) decade: f64,
    /// So few exceedances stand behind that; see [`decades`].
    pub(super) exceedances: f64,
}

/// What is kept of a series' onsets to say how rare one is: the highest of them. Rarity is -log10 of the share of observations
/// that have as much, where what is usual for any series is as good as a thousand observations: what exceeds the lowest of the
/// highest falls exponentially (peaks over threshold), more slowly far out, as that fall is uncertain.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rarity {
    /// Observations so far.
    seen: u32,
    highest: Highest,
}

/// A tail of onsets: so rare is what exceeds `edge`, and so much higher what is ten times as rare.
struct Slope {
    rare: f64,
    edge: f64,
    decade: f64,
}

impl Rarity {
    pub(super) fn new() -> Self {
        Rarity { seen: 0, highest: Highest::new() }
    }

    /// Observations so far.
    pub(super) fn seen(&self) -> u32 {
        self.seen
    }

    /// Rarity of an onset, at least 0 and finite, and the most that is to be learnt of it.
    pub(super) fn judge(&self, onset: f64, usual: Usual) -> (f64, f64) {
        let Slope { rare, edge, decade } = self.slope(usual);
        let beyond = (onset - edge) / decade;
        let rarity = rare + if beyond > 0.0 { decades(beyond, usual.exceedances) } else { beyond };
        (rarity.max(0.0), (edge + decade * (LEARNT_MAX - rare)).max(0.0))
    }

    fn slope(&self, usual: Usual) -> Slope {
        let count = self.highest.of();
        // So many of the highest that what exceeds the lowest of them is as rare whatever the count.
        let ranks = (count as usize * HIGHEST / COUNT_MAX as usize).min(HIGHEST);
        let own = f64::from(count) / (f64::from(count) + USUAL_COUNT);
        let rare = libm::log10((f64::from(count) + USUAL_COUNT) / (ranks + 1) as f64);
        let usual_edge = usual.thousandth + (rare - THOUSANDTH) * usual.decade;
        let ranked = self.highest.ranked();
        let Some((lowest, higher)) = ranked.values()[..ranks].split_last() else {
            return Slope { rare, edge: usual_edge, decade: usual.decade };
        };
        let lowest = f64::from(*lowest);
        let sum: f64 = higher.iter().map(|onset| f64::from(*onset) - lowest).sum();
        let decade =
            (sum * LN_10 + USUAL_EXCEEDANCES * usual.decade) / (higher.len() as f64 + USUAL_EXCEEDANCES);
        Slope {
            rare,
            // Of a series with larger onsets than any other what is usual says nothing.
            edge: lowest.max(own * lowest + (1.0 - own) * usual_edge),
            // Those that were learnt as if they were no rarer are all of one size, which is not how they fall.
            decade: decade.max(usual.decade),
        }
    }

    /// Takes in the onset of an observation, or `limit` where that is less.
    pub(super) fn learn(&mut self, onset: f64, limit: f64) {
        self.seen = self.seen.saturating_add(1);
        if self.seen < RANKED_FROM {
            return;
        }
        self.highest.learn(onset.min(limit) as f32);
        if self.highest.of_now() >= COUNT_MAX / 2 {
            self.highest.forget();
        }
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.u32(self.seen);
        self.highest.encode(out);
    }

    pub(super) fn decode(from: &mut Decoder) -> Result<Self, StateError> {
        Ok(Rarity { seen: from.u32()?, highest: Highest::decode(from, COUNT_MAX / 2)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const USUAL: Usual = Usual { thousandth: 1.0, decade: 1.25, exceedances: 8.0 };

    fn rarity_of(onset: f64, rarity: &Rarity) -> f64 {
        rarity.judge(onset, USUAL).0
    }

    fn observe(rarity: &mut Rarity, onset: f64) {
        let (_, limit) = rarity.judge(onset, USUAL);
        rarity.learn(onset, limit);
    }

    /// Lets a series go on for so many observations, one in a hundred of which has an onset, exponential with this decade.
    fn go_on(rarity: &mut Rarity, count: u32, decade: f64) {
        for i in 0..count {
            let share = (f64::from(i * 4099 % 8192) + 0.5) / 8192.0;
            observe(rarity, decade * (-libm::log10(share) - 2.0).max(0.0));
        }
    }

    fn after(count: u32, decade: f64) -> Rarity {
        let mut rarity = Rarity::new();
        go_on(&mut rarity, RANKED_FROM + count, decade);
        rarity
    }

    #[test]
    fn of_a_young_series_an_onset_is_as_rare_as_of_any() {
        for rarity in [Rarity::new(), after(20, 1.25), after(600, 1.25), after(1500, 1.25)] {
            for (onset, expected) in [(1.0, 3.0), (2.25, 4.0)] {
                let found = rarity_of(onset, &rarity);
                assert!((found - expected).abs() < 0.3, "{onset}: {found}");
            }
            assert!(rarity_of(7.25, &rarity) < 7.0, "far out less is claimed than 8");
        }
    }

    #[test]
    fn of_a_series_with_larger_onsets_the_same_one_is_less_rare_however_long_it_goes_on() {
        for count in [12_000, 40_000, 80_000] {
            let (usual, loud) = (after(count, 1.25), after(count, 4.0));
            let [usual, loud] = [&usual, &loud].map(|rarity| rarity_of(4.0, rarity));
            assert!(usual > 4.0 && loud < usual - 0.8, "{count}: {usual} {loud}");
        }
    }

    #[test]
    fn a_series_that_becomes_quiet_is_known_to_be() {
        let mut rarity = after(12_000, 4.0);
        let loud = rarity_of(4.0, &rarity);
        go_on(&mut rarity, 20_000, 1.25);
        assert!(rarity_of(4.0, &rarity) > loud + 0.8);
    }

    #[test]
    fn some_anomalies_do_not_hide_the_next_and_what_comes_again_and_again_is_usual() {
        let mut struck = after(8000, 1.25);
        let before = rarity_of(9.0, &struck);
        (0..4).for_each(|_| observe(&mut struck, 9.0));
        let after_some = rarity_of(9.0, &struck);
        assert!(after_some > before - 0.6, "{before} {after_some}");
        for i in 0..40_000 {
            observe(&mut struck, if i % 50 == 0 { 9.0 } else { 0.0 });
            let rarity = rarity_of(9.0, &struck);
            assert!(i < 8000 || rarity < 4.0, "{i}: {rarity}");
        }
    }

    proptest! {
        #[test]
        fn a_larger_onset_is_never_less_rare(
            past in prop::collection::vec(0.0..1e3f64, 0..60), a in 0.0..1e3f64, b in 0.0..1e3f64, count in 0..9000u32,
        ) {
            let mut rarity = after(count, 1.0);
            past.iter().for_each(|onset| observe(&mut rarity, *onset));
            let [low, high] = [a.min(b), a.max(b)].map(|onset| rarity_of(onset, &rarity));
            prop_assert!(low >= 0.0 && high.is_finite());
            prop_assert!(low <= high);
            let mut bytes = Vec::new();
            rarity.encode(&mut Encoder(&mut bytes));
            prop_assert_eq!(Rarity::decode(&mut Decoder(&bytes)).unwrap(), rarity);
        }
    }
}
