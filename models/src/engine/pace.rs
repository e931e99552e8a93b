//! How fast a series goes by its own clock: what a budget a week means for it.

use crate::codec::{CodecError, Reader, put_near, put_round_f64, put_varint};

const WEEK_MS: f64 = 7.0 * 86_400_000.0;
/// Observations after which the mean interval has forgotten 63 % of what came before.
const MEMORY: f64 = 200.0;
/// An interval counts as at most so many usual ones, so that an outage does not look like a slow series.
const OUTLIER: f64 = 10.0;
/// So many late observations in a row, and the series' clock has been set back.
const LATE_RUN_MAX: u32 = 50;

/// The clock of a series, and its mean interval.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pace {
    clock_ms: i64,
    late_run: u32,
    intervals: f64,
    mean_ms: f64,
}

impl Pace {
    pub(super) fn new(time_ms: i64) -> Self {
        Self { clock_ms: time_ms, late_run: 0, intervals: 0.0, mean_ms: 0.0 }
    }

    /// The newest time so far: what a detector is told for a late observation. A clock that is set back for
    /// good is followed after a while.
    pub(super) fn clock_ms(&self) -> i64 {
        self.clock_ms
    }

    /// Takes in the time of an observation behind the first.
    pub(super) fn observe(&mut self, time_ms: i64) {
        if time_ms < self.clock_ms {
            self.late_run += 1;
            if self.late_run > LATE_RUN_MAX {
                self.late_run = 0;
                self.clock_ms = time_ms;
            }
        } else {
            self.late_run = 0;
        }
        let interval_ms = time_ms.saturating_sub(self.clock_ms).max(0) as f64;
        self.clock_ms = self.clock_ms.max(time_ms);
        let limit_ms = if self.intervals < 10.0 { f64::INFINITY } else { OUTLIER * self.mean_ms.max(1.0) };
        self.intervals = (self.intervals + 1.0).min(MEMORY);
        self.mean_ms += (interval_ms.min(limit_ms) - self.mean_ms) / self.intervals;
    }

    /// Observations a week at the present pace.
    pub(super) fn per_week(&self) -> f64 {
        WEEK_MS / self.mean_ms.max(0.01)
    }

    pub(super) fn encode(&self, last_ms: i64, out: &mut Vec<u8>) {
        put_near(out, self.clock_ms.wrapping_sub(last_ms));
        put_varint(out, u64::from(self.late_run));
        put_round_f64(out, self.intervals);
        put_round_f64(out, self.mean_ms);
    }

    pub(super) fn decode(last_ms: i64, reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            clock_ms: last_ms.wrapping_add(reader.near()?),
            late_run: reader.varint()? as u32,
            intervals: reader.round_f64()?,
            mean_ms: reader.round_f64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paced(intervals_ms: impl IntoIterator<Item = i64>) -> Pace {
        let mut pace = Pace::new(0);
        let mut time_ms = 0;
        for interval_ms in intervals_ms {
            time_ms += interval_ms;
            pace.observe(time_ms);
        }
        pace
    }

    #[test]
    fn five_minutes_are_2016_a_week() {
        assert_eq!(paced([300_000; 100]).per_week(), 2016.0);
    }

    #[test]
    fn an_outage_of_a_month_does_not_make_a_series_slow() {
        let outage = [1000; 100].into_iter().chain([30 * 86_400_000]).chain([1000; 5]);
        assert!(paced(outage).per_week() > 0.8 * 604_800.0);
    }

    #[test]
    fn late_times_hold_the_clock_until_they_are_the_rule() {
        let mut pace = paced([1000; 100]);
        for _ in 0..LATE_RUN_MAX {
            pace.observe(5000);
        }
        assert_eq!(pace.clock_ms(), 100_000);
        pace.observe(6000);
        assert_eq!(pace.clock_ms(), 6000);
    }

    #[test]
    fn extreme_times_overflow_nothing() {
        let mut pace = Pace::new(i64::MIN);
        for time_ms in [i64::MAX, i64::MIN, 0, i64::MAX] {
            pace.observe(time_ms);
        }
        assert!(pace.per_week().is_finite());
    }
}
