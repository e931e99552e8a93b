//! From a budget of false alerts a series and week to the surprise at which an alert opens.

use super::pace::Pace;
use crate::codec::{CodecError, Reader, put_near, put_round_f64};

const WEEK_MS: f64 = 7.0 * 86_400_000.0;
/// Nothing below this surprise opens an alert, however slow the series.
pub(super) const SURPRISE_MIN: f64 = 2.0;
/// Observations before which nothing opens an alert.
const INFANT: u64 = 8;
/// Observations before which only twice the surprise opens an alert: little is known yet.
pub(super) const YOUNG: u64 = 30;
/// The false alerts that a young series is allowed beyond its budget, so that it need not be a week old to say
/// anything: those of a day, spread over its age on a logarithmic scale that begins at a minute. In its first month
/// that is 1.5 times the budget of a week, in all.
const ADVANCE_WEEKS: f64 = 1.0 / 7.0;
const BIRTH_WEEKS: f64 = 1.0 / (7.0 * 24.0 * 60.0);
/// What an alert beyond the allowance adds to the surprise that the next one needs, and at most.
const OFFSET_STEP: f64 = 0.25;
const OFFSET_MAX: f64 = 1.5;
/// Weeks in which that addition falls to 37 %.
const OFFSET_MEMORY_WEEKS: f64 = 4.0;

/// What a series has used of its budget.
///
/// If surprise is calibrated, `rate` observations a week exceed `log10(rate / budget)` as often as the budget
/// allows. Where alerts come more often than that, the series needs more of them: each alert takes one of
/// an allowance that fills at the rate of the budget and holds one, and one beyond it raises the bar.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Budget {
    allowance: f64,
    offset: f64,
    settled_ms: i64,
}

impl Budget {
    pub(super) fn new(time_ms: i64) -> Self {
        Self { allowance: 1.0, offset: 0.0, settled_ms: time_ms }
    }

    /// The surprise that opens an alert, of one value or a vector, now; infinite for a series too young for any.
    pub(super) fn threshold(
        &mut self,
        per_week: f64,
        pace: &Pace,
        observations: u64,
        is_vector: bool,
    ) -> f64 {
        if observations < INFANT {
            return f64::INFINITY;
        }
        self.settle(per_week, pace.clock_ms());
        let young = observations < YOUNG;
        let age_weeks = observations as f64 / pace.per_week();
        let advance = if young { 0.0 } else { ADVANCE_WEEKS / (age_weeks + BIRTH_WEEKS) };
        let allowed = per_week * (1.0 + advance);
        let base = libm::log10(pace.per_week() / allowed).max(SURPRISE_MIN);
        // How fields hang together takes longer to be known than what each of them does.
        let caution = if young {
            2.0
        } else if is_vector {
            1.0 + YOUNG as f64 / observations as f64
        } else {
            1.0
        };
        base * caution + self.offset
    }

    /// Takes an alert from the allowance.
    pub(super) fn spend(&mut self) {
        if self.allowance >= 1.0 {
            self.allowance -= 1.0;
        } else {
            self.offset = (self.offset + OFFSET_STEP).min(OFFSET_MAX);
        }
    }

    fn settle(&mut self, per_week: f64, now_ms: i64) {
        let weeks = now_ms.saturating_sub(self.settled_ms).max(0) as f64 / WEEK_MS;
        self.settled_ms = now_ms;
        self.allowance = (self.allowance + weeks * per_week).min(1.0);
        self.offset *= libm::exp(-weeks / OFFSET_MEMORY_WEEKS);
    }

    pub(super) fn encode(&self, last_ms: i64, out: &mut Vec<u8>) {
        put_round_f64(out, self.allowance);
        put_round_f64(out, self.offset);
        put_near(out, self.settled_ms.wrapping_sub(last_ms));
    }

    pub(super) fn decode(last_ms: i64, reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            allowance: reader.round_f64()?,
            offset: reader.round_f64()?,
            settled_ms: last_ms.wrapping_add(reader.near()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paced(count: i64, interval_ms: i64) -> Pace {
        let mut pace = Pace::new(0);
        (1..count).for_each(|at| pace.observe(at * interval_ms));
        pace
    }

    #[test]
    fn the_threshold_is_what_the_budget_allows_at_the_series_pace() {
        let pace = paced(1000, 300_000);
        let threshold = Budget::new(0).threshold(0.1, &pace, 10_000_000, false);
        assert!((threshold - 4.3045).abs() < 1e-3, "{threshold}");
        assert!((Budget::new(0).threshold(1.0, &pace, 10_000_000, false) - (threshold - 1.0)).abs() < 1e-9);
    }

    #[test]
    fn what_the_young_are_allowed_in_advance_is_bounded() {
        let pace = paced(1000, 1000);
        let mut false_alerts = 0.0;
        // Of a series that reports each second, in its first four weeks.
        for second in (30..4 * 604_800).step_by(30) {
            false_alerts += 30.0 * libm::pow(10.0, -Budget::new(0).threshold(0.1, &pace, second, false));
        }
        assert!((0.4..0.4 + 0.16).contains(&false_alerts), "{false_alerts}");
        let two_minutes = Budget::new(0).threshold(0.1, &pace, 120, false);
        assert!((4.0..4.5).contains(&two_minutes), "{two_minutes}");
    }

    #[test]
    fn the_young_are_treated_with_caution() {
        let pace = paced(10, 300_000);
        assert_eq!(Budget::new(0).threshold(0.1, &pace, 7, false), f64::INFINITY);
        assert!(Budget::new(0).threshold(0.1, &pace, 10, false) > 8.0);
        let [one, ten] = [false, true].map(|is_vector| Budget::new(0).threshold(0.1, &pace, 60, is_vector));
        assert!((ten - 1.5 * one).abs() < 1e-9, "of vectors for longer: {ten} {one}");
    }

    #[test]
    fn alerts_beyond_the_allowance_raise_the_bar_and_time_lowers_it() {
        let mut pace = paced(1000, 300_000);
        let mut budget = Budget::new(0);
        let first = budget.threshold(0.1, &pace, 1000, false);
        budget.spend();
        assert_eq!(budget.threshold(0.1, &pace, 1000, false), first, "the first is free");
        (0..20).for_each(|_| budget.spend());
        let raised = budget.threshold(0.1, &pace, 1000, false);
        assert!((raised - first - OFFSET_MAX).abs() < 1e-9, "{raised}");
        pace.observe(pace.clock_ms() + 40 * WEEK_MS as i64);
        pace.observe(pace.clock_ms() + 300_000);
        assert!(budget.threshold(0.1, &pace, 1002, false) < first + 0.1);
    }
}
