//! From evidence to surprise: the series' own distribution of evidence, with a tail that extrapolates.

use super::codec::{Decoder, Encoder};
use super::highest::{Highest, RANKED_FROM};
use crate::detector::StateError;
use std::f64::consts::LN_10;
use std::hint::black_box;

const BINS: usize = 64;
/// Width of a bin in units of evidence, which is logarithmic: 64 bins reach 5.3, that is 1 of novelty and a
/// magnitude at its knee.
const WIDTH: f64 = 1.0 / 12.0;
/// Observations that the prior counts for.
const PRIOR: f64 = 10.0;
/// The prior's survival function falls by this factor with each bin: a decade in 0.23 of evidence.
const PRIOR_FACTOR: f64 = 0.435;
/// The tail extrapolates from the evidence that this many observations have exceeded: in a young series and
/// from the thousandth observation on. In between it is one in a hundred.
const TAIL_MIN: f64 = 5.0;
const TAIL_MAX: f64 = 10.0;
/// Fall of evidence over a decade of the tail that is expected of a young series, and the observations
/// that this counts for: the body of a distribution falls more slowly than its tail.
const DECADE_PRIOR: f64 = 0.3;
const DECADE_PRIOR_COUNT: f64 = 200.0;
/// That is as well known as from so many exceedances.
const EXCEEDANCES_PRIOR: f64 = 10.0;
/// The slope of the tail is that between its edge and the evidence exceeded by ten times as many observations, where
/// values are so few that nothing nearer says more,
const BODY: f64 = 10.0;
/// but no flatter than so many times that from four times as many: a body of two humps says nothing of the tail.
const SHOULDER: f64 = 4.0;
const FLATTER_MAX: f64 = 3.0;
/// So few exceedances stand behind the own slope of the tail, which also keeps a surprise of 20 from being claimed of any
/// series.
const EXCEEDANCES: f64 = 5.0;
/// Least fall of evidence over a decade that the tail is believed to have. Atoms (a count that is always 3)
/// would otherwise make an infinitely steep one.
const DECADE_MIN: f64 = 0.11;
/// Evidence beyond this surprise is learnt as if it had been no more surprising, but at least half a decade
/// beyond the tail's edge: an anomaly makes its kind more usual without stretching the tail to its size.
const LEARNT_MAX: f64 = 5.0;
const LEARNT_DECADES_MIN: f64 = 0.5;
/// That holds where none came before it for so many observations. What comes again, after a pause, is learnt as it is:
/// counters reset, constants change, and zeros end, again and again.
const AGAIN: u32 = 4096;
/// Before so many observations of the series all is beyond the limit now and then.
const KNOWN: u32 = 100;
/// Observations of pause behind which what is beyond the limit is not the same anomaly any more.
const PAUSE: u32 = 8;
/// At this many observations all counts are halved, so that the distribution follows a drift.
const TOTAL_MAX: u32 = 8192;
/// At these observations of the series they are halved once more: the evidence so far came from models that had
/// still to learn level and season.
const GROWN: [u32; 2] = [1024, 2048];
/// The same where there is a season: by then a profile has seen two weeks of five-minute data, and errors from before it
/// are larger than any that it will make.
const SEASON_LEARNT: [u32; 2] = [3072, 4096];

/// The highest past evidences are kept as they were: bins are too wide to rank them, where all that is usual comes to one or
/// two values (zeros among others, a change of hours). They rank what is new where there are at least so many.
const RANKED_MIN: usize = 5;
/// Beyond the highest of them, the fall of evidence over a decade goes on as among them, and in proportion less where they
/// are the highest of fewer observations than this: the highest is itself a matter of chance.
const BEYOND_KNOWN: f64 = 3000.0;

/// More than the surprise of any evidence that is below the tail's edge: at least one in 821 exceeds that.
const BELOW_EDGE_MAX: f64 = 3.0;
const _: () = assert!(1000.0 * TAIL_MAX > TOTAL_MAX as f64 + PRIOR);

/// Survival function of the prior at the lower edge of each bin.
const PRIOR_SURVIVAL: [f64; BINS + 1] = {
    let mut survival = [PRIOR; BINS + 1];
    let mut i = 1;
    while i <= BINS {
        survival[i] = survival[i - 1] * PRIOR_FACTOR;
        i += 1;
    }
    survival
};

/// A histogram of past evidence, and the highest of it. Surprise is -log10 of the share of observations that had as much;
/// beyond the ten highest it goes on by the fall of evidence between the hundredth and the tenth of the past
/// observations (peaks over threshold), with what that leaves uncertain, or by the rank among the highest where that is
/// more. Evidence being logarithmic in the error, that is a power law: it never says that something is impossible, and
/// overstates no tail that is thinner.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tail {
    counts: [u16; BINS],
    total: u32,
    /// Observations since one was beyond the limit of what is learnt,
    since: u32,
    /// and whether another had been before it.
    repeated: bool,
    highest: Highest,
}

/// How far extrapolation counts, 0 to 1: that from the tail's edge, and that from the highest evidence.
#[derive(Clone, Copy)]
pub(super) struct Trust {
    pub(super) tail: f64,
    pub(super) highest: f64,
}

impl Trust {
    /// As far for both.
    pub(super) fn of(trust: f64) -> Self {
        Trust { tail: trust, highest: trust }
    }
}

impl Tail {
    pub(super) fn new() -> Self {
        Tail { counts: [0; BINS], total: 0, since: u32::MAX, repeated: false, highest: Highest::new() }
    }

    /// Reads some of the counts, and of the highest, for all to be at hand.
    pub(super) fn fetch(&self) {
        black_box((self.counts[0], self.counts[BINS / 2], self.counts[BINS - 1], self.highest.of()));
    }

    /// Surprise of `evidence`, at least 0 and finite, and the most that is to be learnt of it.
    pub(super) fn judge(&self, evidence: f64, trust: Trust) -> (f64, f64) {
        self.judge_beyond(0.0, evidence, trust)
    }

    /// The same where a surprise of `least` is like none: for that of most evidence no logarithm needs to be taken.
    pub(super) fn judge_beyond(&self, least: f64, evidence: f64, trust: Trust) -> (f64, f64) {
        debug_assert!(evidence >= 0.0 && evidence.is_finite());
        let (surprise, limit) = self.judge_by_bins(least, evidence, trust);
        (surprise.max(self.judge_by_rank(evidence, trust)), limit)
    }

    /// The surprise of what is as high as the highest; 0 of what isn't.
    fn judge_by_rank(&self, evidence: f64, trust: Trust) -> f64 {
        if !self.highest.may_rank(evidence) {
            return 0.0;
        }
        let highest = self.highest.ranked();
        let highest = highest.values();
        let (Some(first), Some(last)) = (highest.first(), highest.last()) else { return 0.0 };
        let (first, last) = (f64::from(*first), f64::from(*last));
        if highest.len() < RANKED_MIN || evidence <= last {
            return 0.0;
        }
        let of = f64::from(self.highest.of());
        let total = of + PRIOR;
        let above = highest.iter().take_while(|other| f64::from(**other) >= evidence).count();
        if above == 0 {
            let decade = ((first - last) / libm::log10(highest.len() as f64)).max(DECADE_MIN);
            let trust = trust.highest * (of / BEYOND_KNOWN).min(1.0);
            let beyond = decades((evidence - first) / decade * trust, EXCEEDANCES);
            return libm::log10(total) + beyond;
        }
        let (high, low) = (f64::from(highest[above - 1]), f64::from(highest[above]));
        let rank = above as f64 + (high - evidence) / (high - low);
        libm::log10(total / rank)
    }

    /// Surprise by the histogram, and the most that is to be learnt.
    fn judge_by_bins(&self, least: f64, evidence: f64, trust: Trust) -> (f64, f64) {
        let total = f64::from(self.total) + PRIOR;
        let tail = ((total / 100.0).clamp(TAIL_MIN, TAIL_MAX) / total).min(0.3);
        let body = (BODY * tail).min(0.9);
        let shoulder = SHOULDER * tail;
        let bin = bin_of(evidence);
        let survival = |above: u32, i: usize| (f64::from(above) + PRIOR_SURVIVAL[i]) / total;

        // The sum of all is below `TOTAL_MAX`, so it fits in what each is counted in. All are looked at: loops of
        // one length are unrolled for vector instructions.
        let higher =
            (0..BINS as u16).zip(self.counts).map(|(i, count)| if i > bin as u16 { count } else { 0 });
        let above = u32::from(higher.sum::<u16>());
        let upper = survival(above, bin + 1);
        // Most evidence is below the tail's edge: then nothing but its own bin matters.
        let is_below_edge = upper > tail;
        if is_below_edge && least >= BELOW_EDGE_MAX {
            return (0.0, f64::INFINITY);
        }
        let lower = survival(above + u32::from(self.counts[bin]), bin);
        let within = (evidence / WIDTH - bin as f64).min(1.0);
        let share = lower + (upper - lower) * within;
        let below_edge = || ((-libm::log10(share)).max(0.0), f64::INFINITY);
        if is_below_edge {
            return below_edge();
        }

        let mut above = 0;
        let mut upper = survival(0, BINS);
        let mut tail_edge = None;
        let mut steepest = f64::INFINITY;
        for i in (0..BINS).rev() {
            above += u32::from(self.counts[i]);
            let lower = survival(above, i);
            if tail_edge.is_none() && lower > tail {
                tail_edge = Some(crossing(i, lower, upper, tail));
            }
            if let Some(edge) = tail_edge
                && steepest.is_infinite()
                && lower > shoulder
            {
                let fall = edge - crossing(i, lower, upper, shoulder);
                steepest = FLATTER_MAX * fall / libm::log10(SHOULDER);
            }
            match tail_edge {
                Some(edge) if evidence <= edge => return below_edge(),
                Some(edge) if lower > body => {
                    let body_decades = libm::log10(body / tail);
                    let own = ((edge - crossing(i, lower, upper, body)) / body_decades).min(steepest);
                    let count = f64::from(self.total);
                    let with_prior = |own: f64, prior: f64| {
                        (own * count + prior * DECADE_PRIOR_COUNT) / (count + DECADE_PRIOR_COUNT)
                    };
                    let decade = with_prior(own, DECADE_PRIOR).max(DECADE_MIN);
                    let exceedances = with_prior(EXCEEDANCES, EXCEEDANCES_PRIOR);
                    let base = -libm::log10(tail);
                    let learnt = edge + (LEARNT_MAX - base).max(LEARNT_DECADES_MIN) * decade;
                    let beyond = decades((evidence - edge) / decade * trust.tail, exceedances);
                    // What was seen before is no rarer than that.
                    let seen = -libm::log10(share);
                    return ((base + beyond).min(seen.max(base)), learnt);
                }
                _ => upper = lower,
            }
        }
        unreachable!("the share above the lowest bin is 1")
    }

    /// Counts `evidence` among the past, as that of the series' observation number `count`. Beyond `limit` it is cut,
    /// unless it is not the first. `is_seasonal` says whether the series has a season; it is seldom asked.
    pub(super) fn learn(
        &mut self,
        evidence: f64,
        limit: f64,
        count: u32,
        is_seasonal: impl FnOnce() -> bool,
    ) {
        let mut learnt = evidence;
        if evidence > limit {
            if self.since >= PAUSE {
                self.repeated = self.since < AGAIN;
            }
            if !self.repeated {
                learnt = limit;
            }
            if count >= KNOWN {
                self.since = 0;
            }
        } else {
            self.since = self.since.saturating_add(1);
        }
        if count >= RANKED_FROM {
            self.highest.learn(learnt as f32);
        }
        self.counts[bin_of(learnt)] += 1;
        self.total += 1;
        if self.total >= TOTAL_MAX
            || GROWN.contains(&count)
            || (SEASON_LEARNT.contains(&count) && is_seasonal())
        {
            self.halve();
        }
    }

    /// Forgets half of the past, and of the highest those from before the last time.
    fn halve(&mut self) {
        self.counts.iter_mut().for_each(|count| *count /= 2);
        self.total = self.counts.iter().map(|count| u32::from(*count)).sum();
        self.highest.forget();
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        self.counts.iter().for_each(|count| out.u16(*count));
        out.u32(self.since);
        out.bytes(&[u8::from(self.repeated)]);
        self.highest.encode(out);
    }

    pub(super) fn decode(from: &mut Decoder) -> Result<Self, StateError> {
        let mut read = Tail::new();
        for count in &mut read.counts {
            *count = from.u16()?;
        }
        read.since = from.u32()?;
        read.repeated = from.u8_to(1)? == 1;
        read.highest = Highest::decode(from, TOTAL_MAX)?;
        read.total = read.counts.iter().map(|count| u32::from(*count)).sum();
        if read.total >= TOTAL_MAX {
            return Err(StateError(format!("{} observations in the tail", read.total)));
        }
        Ok(read)
    }
}

/// Decades of surprise beyond where the tail is known, of so many as an exponential tail would have, where its slope stands on
/// so many exceedances: the share of new observations far out is that of a generalised Pareto distribution of shape
/// 1 / `exceedances` (the predictive distribution under a gamma prior).
pub(super) fn decades(exponential: f64, exceedances: f64) -> f64 {
    exceedances * libm::log10(1.0 + exponential * LN_10 / exceedances)
}

fn bin_of(evidence: f64) -> usize {
    ((evidence / WIDTH) as usize).min(BINS - 1)
}

/// Where in bin `i` the survival function, `lower` at the bin's lower edge and `upper` at its upper one,
/// falls to `level`, in units of evidence; logarithmic in between.
fn crossing(i: usize, lower: f64, upper: f64, level: f64) -> f64 {
    let share = libm::log(lower / level) / libm::log(lower / upper);
    (i as f64 + share.clamp(0.0, 1.0)) * WIDTH
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn little_is_surprising_before_something_is_known() {
        assert!(Tail::new().judge(5.0, Trust::of(0.0)).0 < 0.6);
    }

    #[test]
    fn surprise_is_minus_log_of_the_share_and_goes_on_beyond_it() {
        let mut tail = Tail::new();
        for i in 0..8000_u32 {
            // Evidence whose share above x is 10^(-2 x).
            let share = (f64::from((i * 4099) % 8000) + 0.5) / 8000.0;
            tail.learn(-libm::log10(share) / 2.0, f64::INFINITY, i, || false);
        }
        for (evidence, surprise) in [(0.5, 1.0), (1.0, 2.0), (1.25, 2.5), (2.0, 4.0)] {
            let found = tail.judge(evidence, Trust::of(1.0)).0;
            assert!((found - surprise).abs() < 0.1 * surprise, "{evidence}: {found} against {surprise}");
        }
        let far = tail.judge(3.0, Trust::of(1.0)).0;
        assert!((5.0..5.8).contains(&far), "{far} of 6: the slope is not known so well");
    }

    #[test]
    fn what_is_all_in_one_bin_is_ranked_as_it_is() {
        let mut tail = Tail::new();
        for i in 0..8000_u32 {
            // One in a hundred is far out, at much the same evidence each time.
            let evidence = if i % 100 == 0 { 3.0 + f64::from(i % 7919) * 1e-6 } else { 0.1 };
            tail.learn(evidence, f64::INFINITY, i, || false);
        }
        let surprise = |evidence| tail.judge(evidence, Trust::of(1.0)).0;
        assert!((1.9..2.4).contains(&surprise(3.003)), "{}", surprise(3.003));
        assert!((3.0..3.6).contains(&surprise(3.0076)), "{}", surprise(3.0076));
        assert!((3.8..4.0).contains(&surprise(3.01)), "{}", surprise(3.01));
    }

    #[test]
    fn the_highest_are_forgotten_with_the_others() {
        let mut tail = Tail::new();
        for i in 0..60_000_u32 {
            let evidence = if i < 5000 { 4.0 } else { 1.0 } + f64::from((i * 4099) % 8000) * 1e-5;
            tail.learn(evidence, f64::INFINITY, i, || false);
        }
        assert!(tail.judge(1.079, Trust::of(1.0)).0 > 2.5, "{}", tail.judge(1.079, Trust::of(1.0)).0);
    }

    proptest! {
        #[test]
        fn more_evidence_is_never_less_surprising(
            past in prop::collection::vec(0.0..9.0f64, 0..300), a in 0.0..40.0f64, b in 0.0..40.0f64,
        ) {
            let mut tail = Tail::new();
            past.iter().for_each(|evidence| tail.learn(*evidence, f64::INFINITY, RANKED_FROM, || false));
            let (low, high) = (tail.judge(a.min(b), Trust::of(1.0)).0, tail.judge(a.max(b), Trust::of(1.0)).0);
            prop_assert!(low >= 0.0 && high.is_finite());
            prop_assert!(low <= high + 1e-9, "{} then {}", low, high);
        }
    }
}
