//! Profiles by hour of the day and hour of the week, learnt visit by visit.

use super::codec::{Decoder, Encoder};
use super::parameters::Parameters;
use crate::detector::StateError;
use std::hint::black_box;

const HOURS_DAY: usize = 24;
const HOURS_WEEK: usize = 7 * HOURS_DAY;
const HOUR_MS: i64 = 3_600_000;
/// 1970-01-01 was a Thursday; hours of the week are counted from Monday.
const MONDAY_MS: i64 = 3 * 24 * HOUR_MS;

/// The mean value of each hour of the day and of each hour of the week (UTC).
///
/// A profile learns when an hour is left: the mean of the visit enters it with equal weight, however
/// many observations it had. So what a profile says of this hour comes from other days, and the length of
/// its memory doesn't depend on the rate of sampling. Values are kept as distance from the first one, so that
/// four bytes are enough for a small season on a large value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Season {
    origin: f64,
    visit_sum: f64,
    visit_count: u32,
    hour: u8,
    day_visits: [u8; HOURS_DAY],
    week_visits: [u8; HOURS_WEEK],
    day: [f32; HOURS_DAY],
    week: [f32; HOURS_WEEK],
}

impl Season {
    pub(super) fn new() -> Self {
        Season {
            origin: 0.0,
            visit_sum: 0.0,
            visit_count: 0,
            hour: 0,
            day_visits: [0; HOURS_DAY],
            week_visits: [0; HOURS_WEEK],
            day: [0.0; HOURS_DAY],
            week: [0.0; HOURS_WEEK],
        }
    }

    /// Sets the value that others are kept as a distance from.
    pub(super) fn start(&mut self, origin: f64) {
        self.origin = origin;
    }

    /// Reads what the profiles say of the hour, for it to be at hand.
    pub(super) fn fetch(&self) {
        black_box((self.visit_sum, self.daily(), self.weekly()));
    }

    /// Goes to the hour of `time_ms`. Where that is another one than before, the visit is over and learnt.
    pub(super) fn visit(&mut self, time_ms: i64, parameters: &Parameters) {
        let hour = hour_of_week(time_ms);
        if hour == self.hour {
            return;
        }
        if self.visit_count > 0 {
            let mean = self.visit_sum / f64::from(self.visit_count);
            let at = usize::from(self.hour);
            let (day, week) = (at % HOURS_DAY, at);
            learn(&mut self.day[day], &mut self.day_visits[day], mean, parameters.visits_day);
            learn(&mut self.week[week], &mut self.week_visits[week], mean, parameters.visits_week);
        }
        self.hour = hour;
        self.visit_sum = 0.0;
        self.visit_count = 0;
    }

    /// What the profile of the day says of the current hour; none before a first visit has ended.
    pub(super) fn daily(&self) -> Option<f64> {
        let at = usize::from(self.hour) % HOURS_DAY;
        (self.day_visits[at] > 0).then(|| self.origin + f64::from(self.day[at]))
    }

    /// What the profile of the week says of the current hour; none before a first visit has ended.
    pub(super) fn weekly(&self) -> Option<f64> {
        let at = usize::from(self.hour);
        (self.week_visits[at] > 0).then(|| self.origin + f64::from(self.week[at]))
    }

    /// Adds a value to the current visit.
    pub(super) fn learn(&mut self, value: f64) {
        let sum = self.visit_sum + (value - self.origin);
        if sum.is_finite() && self.visit_count < u32::MAX {
            self.visit_sum = sum;
            self.visit_count += 1;
        }
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.f64(self.origin);
        out.f64(self.visit_sum);
        out.u32(self.visit_count);
        out.bytes(&[self.hour]);
        out.sparse(&self.day_visits);
        out.sparse(&self.week_visits);
        for (value, visits) in self.day.iter().zip(&self.day_visits) {
            if *visits > 0 {
                out.f32(*value);
            }
        }
        for (value, visits) in self.week.iter().zip(&self.week_visits) {
            if *visits > 0 {
                out.f32(*value);
            }
        }
    }

    pub(super) fn decode(from: &mut Decoder) -> Result<Self, StateError> {
        let mut read = Season::new();
        read.origin = from.learnt()?;
        read.visit_sum = from.f64_in(-f64::MAX, f64::MAX)?;
        read.visit_count = from.u32()?;
        read.hour = from.u8_to(HOURS_WEEK as u8 - 1)?;
        from.sparse(&mut read.day_visits)?;
        from.sparse(&mut read.week_visits)?;
        for (value, visits) in read.day.iter_mut().zip(&read.day_visits) {
            if *visits > 0 {
                *value = from.f32_in(f32::MIN, f32::MAX)?;
            }
        }
        for (value, visits) in read.week.iter_mut().zip(&read.week_visits) {
            if *visits > 0 {
                *value = from.f32_in(f32::MIN, f32::MAX)?;
            }
        }
        Ok(read)
    }
}

fn learn(value: &mut f32, visits: &mut u8, mean: f64, visits_max: f64) {
    let weight = (f64::from(*visits) + 1.0).min(visits_max);
    let old = f64::from(*value);
    let bound = f64::from(f32::MAX);
    *value = (old + (mean - old) / weight).clamp(-bound, bound) as f32;
    *visits = visits.saturating_add(1);
}

fn hour_of_week(time_ms: i64) -> u8 {
    let within = time_ms.wrapping_add(MONDAY_MS).rem_euclid(HOURS_WEEK as i64 * HOUR_MS);
    (within / HOUR_MS) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_counted_from_monday_and_every_time_has_one() {
        assert_eq!(hour_of_week(0), 3 * 24);
        assert_eq!(hour_of_week(-3 * 24 * HOUR_MS), 0);
        for time_ms in [i64::MIN, -1, i64::MAX] {
            assert!(usize::from(hour_of_week(time_ms)) < HOURS_WEEK);
        }
    }

    #[test]
    fn a_profile_speaks_of_other_days_alone() {
        let (mut season, parameters) = (Season::new(), Parameters::default());
        season.start(1e9);
        for i in 0..24 * 60 {
            season.visit(i * HOUR_MS / 60, &parameters);
            assert_eq!(season.daily(), None, "nothing is known of an hour on the first day");
            season.learn(1e9 + (i / 60) as f64);
        }
        season.visit(24 * HOUR_MS + 5, &parameters);
        assert_eq!(season.daily(), Some(1e9));
        season.visit(30 * HOUR_MS, &parameters);
        assert_eq!(season.daily(), Some(1e9 + 6.0));
        assert_eq!(season.weekly(), None, "no week has passed");
    }
}
