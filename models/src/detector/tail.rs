//! From evidence to surprise: the series' own distribution of evidence, with a tail that extrapolates.

use super::codec::{Decoder, Encoder};
use crate::detector::StateError;
use std::f64::consts::LN_10;

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
/// The slope of the tail is that between its edge and the evidence exceeded by ten times as many observations, where
/// values are so few that nothing nearer says more,
const BODY: f64 = 10.0;
/// but no flatter than so many times that from four times as many: a body of two humps says nothing of the tail.
const SHOULDER: f64 = 4.0;
const FLATTER_MAX: f64 = 3.0;
/// So few exceedances stand behind the slope of the tail. With it uncertain, the share of new observations far out is
/// that of a generalised Pareto distribution of shape 1 / so many, not of an exponential one (the predictive
/// distribution under a gamma prior); this also keeps a surprise of 20 from being claimed of any series.
const EXCEEDANCES: f64 = 10.0;
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

/// A histogram of past evidence. Surprise is -log10 of the share of observations that had as much; beyond
/// the ten highest it goes on by the fall of evidence between the hundredth and the tenth of the past
/// observations (peaks over threshold), with what that leaves uncertain. Evidence being logarithmic in the error,
/// that is a power law: it never says that something is impossible, and overstates no tail that is thinner.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tail {
    counts: [u16; BINS],
    total: u32,
    /// Observations since one was beyond the limit of what is learnt,
    since: u32,
    /// and whether another had been before it.
    repeated: bool,
}

impl Tail {
    pub(super) fn new() -> Self {
        Tail { counts: [0; BINS], total: 0, since: u32::MAX, repeated: false }
    }

    /// Surprise of `evidence`, at least 0 and finite, and the most that is to be learnt of it. `trust`, 0 to
    /// 1, is how far the extrapolation counts.
    pub(super) fn judge(&self, evidence: f64, trust: f64) -> (f64, f64) {
        debug_assert!(evidence >= 0.0 && evidence.is_finite());
        let total = f64::from(self.total) + PRIOR;
        let tail = ((total / 100.0).clamp(TAIL_MIN, TAIL_MAX) / total).min(0.3);
        let body = (BODY * tail).min(0.9);
        let shoulder = SHOULDER * tail;
        let bin = bin_of(evidence);

        let mut above = 0;
        let mut upper = PRIOR_SURVIVAL[BINS] / total;
        let mut tail_edge = None;
        let mut steepest = f64::INFINITY;
        let mut share = None;
        for i in (0..BINS).rev() {
            above += u32::from(self.counts[i]);
            let lower = (f64::from(above) + PRIOR_SURVIVAL[i]) / total;
            if i == bin {
                let within = (evidence / WIDTH - i as f64).min(1.0);
                share = Some(lower + (upper - lower) * within);
            }
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
            match (tail_edge, share) {
                (Some(edge), _) if evidence > edge && lower > body => {
                    let decades = libm::log10(body / tail);
                    let own = ((edge - crossing(i, lower, upper, body)) / decades).min(steepest);
                    let count = f64::from(self.total);
                    let decade =
                        (own * count + DECADE_PRIOR * DECADE_PRIOR_COUNT) / (count + DECADE_PRIOR_COUNT);
                    let decade = decade.max(DECADE_MIN);
                    let base = -libm::log10(tail);
                    let learnt = edge + (LEARNT_MAX - base).max(LEARNT_DECADES_MIN) * decade;
                    let beyond = (evidence - edge) / decade * trust * LN_10;
                    let decades = EXCEEDANCES * libm::log10(1.0 + beyond / EXCEEDANCES);
                    // What was seen before is no rarer than that.
                    let seen = share.map_or(f64::INFINITY, |share| -libm::log10(share));
                    return ((base + decades).min(seen.max(base)), learnt);
                }
                (Some(edge), Some(share)) if evidence <= edge => {
                    return ((-libm::log10(share)).max(0.0), f64::INFINITY);
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
        self.counts[bin_of(learnt)] += 1;
        self.total += 1;
        if self.total >= TOTAL_MAX
            || GROWN.contains(&count)
            || (SEASON_LEARNT.contains(&count) && is_seasonal())
        {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().map(|count| u32::from(*count)).sum();
        }
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        self.counts.iter().for_each(|count| out.u16(*count));
        out.u32(self.since);
        out.bytes(&[u8::from(self.repeated)]);
    }

    pub(super) fn decode(from: &mut Decoder) -> Result<Self, StateError> {
        let mut read = Tail::new();
        for count in &mut read.counts {
            *count = from.u16()?;
        }
        read.since = from.u32()?;
        read.repeated = from.u8_to(1)? == 1;
        read.total = read.counts.iter().map(|count| u32::from(*count)).sum();
        if read.total >= TOTAL_MAX {
            return Err(StateError(format!("{} observations in the tail", read.total)));
        }
        Ok(read)
    }
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
        assert!(Tail::new().judge(5.0, 0.0).0 < 0.6);
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
            let found = tail.judge(evidence, 1.0).0;
            assert!((found - surprise).abs() < 0.1 * surprise, "{evidence}: {found} against {surprise}");
        }
        let far = tail.judge(3.0, 1.0).0;
        assert!((5.0..5.8).contains(&far), "{far} of 6: the slope is not known so well");
    }

    proptest! {
        #[test]
        fn more_evidence_is_never_less_surprising(
            past in prop::collection::vec(0.0..9.0f64, 0..300), a in 0.0..40.0f64, b in 0.0..40.0f64,
        ) {
            let mut tail = Tail::new();
            past.iter().for_each(|evidence| tail.learn(*evidence, f64::INFINITY, 1, || false));
            let (low, high) = (tail.judge(a.min(b), 1.0).0, tail.judge(a.max(b), 1.0).0);
            prop_assert!(low >= 0.0 && high.is_finite());
            prop_assert!(low <= high + 1e-9, "{} then {}", low, high);
        }
    }
}
