//! Evidence of a run: observations that are each somewhat unusual, one after the other, are together more so.

use crate::codec::{CodecError, Reader, put_round_f64, put_varint};

/// Taken from each observation's surprise. Surprise of usual observations averages 1 / ln 10 = 0.43, so a sum
/// less this much keeps returning to 0.
const ALLOWANCE: f64 = 1.0;
/// The sum exceeds h about as often as one observation's surprise exceeds this times h. Of independent observations that
/// is 0.856, the positive root of ln 10 / (ln 10 - x) = exp(x · ALLOWANCE), over ln 10; the evidence of neighbouring ones
/// hangs together, as it is of recent means, so less is claimed.
const RARITY: f64 = 0.75;
/// Of a vector less is, as more of its evidence lasts.
const RARITY_OF_VECTORS: f64 = 0.5;
/// A run of a single value is a large one from this sum on.
const LARGE: f64 = 3.0;
/// How much more than that large runs have in the mean: sums of independent observations fall by a factor of e over less than
/// this. Surprise that comes in bursts has larger ones, so this counts for a few runs beside the series' own.
const EXCESS_USUAL: f64 = 0.6;
const EXCESS_USUAL_COUNT: f64 = 5.0;
/// What a run has beyond is not learnt, so that one that is out of all measure doesn't hide the next.
const EXCESS_MAX: f64 = 10.0;
/// Large runs over which the mean of them forgets.
const EXCESS_MEMORY: u32 = 100;
/// A run counts where it is so many times as large as those before it: some series come in bursts, each of which is
/// a run, and only the first is news.
const NEWS: f64 = 1.6;
/// Share of the largest sum so far that is forgotten with each observation.
const FORGETTING: f64 = 1.0 / 5_000.0;

/// A one-sided cumulative sum of surprise (E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954).
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Run {
    sum: f64,
    /// The largest sum in the run.
    peak: f64,
    /// The largest onset in the run.
    onset: f64,
    /// The largest sum of the runs before it, forgotten slowly.
    largest: f64,
    /// Large runs so far, at most [`EXCESS_MEMORY`],
    large: u32,
    /// and the mean of how much they were larger than that.
    excess: f64,
}

impl Run {
    /// Takes an observation in, of one value or a vector; returns the surprise of one observation as rare as the run.
    pub(super) fn observe(&mut self, surprise: f64, onset: f64, is_vector: bool) -> f64 {
        let sum = self.sum + surprise - ALLOWANCE;
        self.largest *= 1.0 - FORGETTING;
        if sum <= 0.0 {
            self.end();
            return 0.0;
        }
        self.sum = sum;
        self.peak = self.peak.max(sum);
        self.onset = self.onset.max(onset);
        if sum <= self.largest * NEWS {
            return 0.0;
        }
        if is_vector { RARITY_OF_VECTORS * sum } else { self.rarity(sum) }
    }

    /// The surprise of one observation of a single value as rare as a sum.
    fn rarity(&self, sum: f64) -> f64 {
        let large = f64::from(self.large);
        let excess = (large * self.excess + EXCESS_USUAL_COUNT * EXCESS_USUAL) / (large + EXCESS_USUAL_COUNT);
        RARITY * (sum.min(LARGE) + (sum - LARGE).max(0.0) * (EXCESS_USUAL / excess).min(1.0))
    }

    /// The largest onset of its observations.
    pub(super) fn onset(&self) -> f64 {
        self.onset
    }

    /// Ends the run, as it does by itself, or once an alert has told of it.
    pub(super) fn end(&mut self) {
        if self.peak > LARGE {
            self.large = (self.large + 1).min(EXCESS_MEMORY);
            let excess = (self.peak - LARGE).min(EXCESS_MAX);
            self.excess += (excess - self.excess) / f64::from(self.large);
        }
        self.largest = self.largest.max(self.peak);
        (self.sum, self.peak, self.onset) = (0.0, 0.0, 0.0);
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        [self.sum, self.peak, self.onset, self.largest, self.excess]
            .into_iter()
            .for_each(|value| put_round_f64(out, value));
        put_varint(out, u64::from(self.large));
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let run = Self {
            sum: reader.round_f64()?,
            peak: reader.round_f64()?,
            onset: reader.round_f64()?,
            largest: reader.round_f64()?,
            excess: reader.round_f64()?,
            large: reader.varint()?.min(u64::from(EXCESS_MEMORY)) as u32,
        };
        let sizes = [run.sum, run.peak, run.onset, run.largest];
        // An excess below 0 could make a rarity that is no number.
        if !sizes.into_iter().all(|size| (0.0..=f64::MAX).contains(&size))
            || !(0.0..=EXCESS_MAX).contains(&run.excess)
        {
            return Err(CodecError("a run out of its bounds"));
        }
        Ok(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Surprise of usual observations: -log10 of a uniform number.
    fn usual(count: usize) -> impl Iterator<Item = f64> {
        let mut state = 1_u64;
        (0..count).map(move |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            -libm::log10(((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64)
        })
    }

    #[test]
    fn of_bursts_that_are_alike_the_first_is_news() {
        let mut run = Run::default();
        let mut burst = |size: f64| {
            let largest = (0..10).map(|_| run.observe(size, 1.0, false)).fold(0.0, f64::max);
            (0..30).for_each(|_| {
                run.observe(0.3, 0.0, false);
            });
            largest
        };
        assert!(burst(2.0) > 7.0);
        assert_eq!(burst(2.0), 0.0);
        assert_eq!(burst(2.2), 0.0);
        assert!(burst(3.5) > 5.0, "a larger one is");
    }

    #[test]
    fn the_sum_is_as_rare_as_it_says() {
        for is_vector in [false, true] {
            let mut run = Run::default();
            let count = 2_000_000;
            let rarities: Vec<f64> =
                usual(count).map(|surprise| run.observe(surprise, 0.0, is_vector)).collect();
            for s in [2.0, 3.0, 4.0] {
                let share = rarities.iter().filter(|rarity| **rarity >= s).count() as f64 / count as f64;
                let expected = libm::pow(10.0, -s);
                // The mark holds up to a constant below 1: a run errs on the side of silence.
                assert!(share < expected, "s {s}: {share}");
            }
        }
    }

    #[test]
    fn of_a_series_that_comes_in_bursts_a_larger_one_is_less_rare() {
        let rarity = |mut run: Run| (0..9).map(|_| run.observe(2.5, 1.0, false)).fold(0.0, f64::max);
        let mut bursts = Run::default();
        for length in (1..40).map(|at| at % 5) {
            (0..length).for_each(|_| {
                bursts.observe(2.5, 1.0, false);
            });
            bursts.observe(0.0, 0.0, false);
            (0..20).for_each(|_| {
                bursts.observe(0.1, 0.0, false);
            });
        }
        let (usual, bursts) = (rarity(Run::default()), rarity(bursts));
        assert!(bursts > 3.0 && bursts < 0.5 * usual, "{bursts} and {usual}");
    }

    #[test]
    fn a_run_out_of_its_bounds_is_refused() {
        let with = |at: usize, value: f64| {
            let mut bytes = Vec::new();
            let numbers: [f64; 5] = std::array::from_fn(|other| if other == at { value } else { 1.0 });
            numbers.into_iter().for_each(|number| put_round_f64(&mut bytes, number));
            put_varint(&mut bytes, 3);
            Run::decode(&mut Reader::new(&bytes))
        };
        for at in 0..5 {
            assert!(with(at, 2.0).is_ok());
            for value in [-1e-9, f64::INFINITY, f64::NAN] {
                assert!(with(at, value).is_err(), "{value} as number {at}");
            }
        }
        assert!(with(4, EXCESS_MAX).is_ok() && with(4, 10.5).is_err());
    }

    #[test]
    fn some_surprises_in_a_row_are_as_rare_as_a_large_one() {
        let mut run = Run::default();
        let rarities: Vec<f64> =
            [3.0, 3.0, 2.7, 2.5, 2.2].map(|surprise| run.observe(surprise, 1.0, false)).into();
        assert!(rarities[0] < 2.0 && rarities[4] > 6.0, "{rarities:?}");
        let mut vector = Run { sum: 4.0, ..Run::default() };
        let rarity = vector.observe(3.0, 1.0, true);
        assert!(rarity < 0.7 * (4.0 + 3.0 - ALLOWANCE), "less is claimed of a vector: {rarity}");
        (0..20).for_each(|_| {
            run.observe(0.4, 0.0, false);
        });
        assert_eq!((run.sum, run.onset), (0.0, 0.0), "it has ended");
    }
}
