//! What recurs each day or each week.

use super::random::Random;
use std::f64::consts::TAU;

pub(super) const HOUR_MS: i64 = 3_600_000;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;
pub(super) const WEEK_MS: i64 = 7 * DAY_MS;

/// What recurs each day or each week, as an addition to a level.
#[derive(Clone, Debug, PartialEq)]
pub enum Season {
    /// Nothing does.
    None,
    /// A sine of one day.
    Sine {
        /// Half the distance from the lowest to the highest.
        amplitude: f64,
        /// When it passes its mean upwards, milliseconds after midnight.
        phase_ms: i64,
    },
    /// A height from an hour of the day to another, on the first days of the week, and 0 else.
    Hours {
        /// How much higher these hours are.
        height: f64,
        /// Their beginning, milliseconds after midnight.
        from_ms: i64,
        /// Their end, likewise, after the beginning.
        to_ms: i64,
        /// On how many days of the week, counted from Monday, 1 to 7.
        days: i64,
    },
    /// A bump of half a day, sin², on each day, less high on the last two days of the week.
    Bump {
        /// Height from Monday to Friday.
        height: f64,
        /// Its beginning, milliseconds after midnight.
        from_ms: i64,
        /// Height of Saturday and Sunday as a share of the others'.
        weekend: f64,
    },
}

impl Season {
    /// The addition at a time, Unix milliseconds.
    pub fn at(&self, time_ms: i64) -> f64 {
        // The first day of Unix time was a Thursday.
        let day_of_week = (time_ms.div_euclid(DAY_MS) + 3).rem_euclid(7);
        let of_day_ms = time_ms.rem_euclid(DAY_MS);
        match *self {
            Self::None => 0.0,
            Self::Sine { amplitude, phase_ms } => {
                amplitude * libm::sin(TAU * (of_day_ms - phase_ms) as f64 / DAY_MS as f64)
            }
            Self::Hours { height, from_ms, to_ms, days } => {
                if day_of_week < days && (from_ms..to_ms).contains(&of_day_ms) { height } else { 0.0 }
            }
            Self::Bump { height, from_ms, weekend } => {
                let into_ms = of_day_ms - from_ms;
                if !(0..DAY_MS / 2).contains(&into_ms) {
                    return 0.0;
                }
                let sine = libm::sin(TAU * into_ms as f64 / DAY_MS as f64);
                height * sine * sine * if day_of_week < 5 { 1.0 } else { weekend }
            }
        }
    }

    /// How far its highest lies above its lowest.
    pub fn range(&self) -> f64 {
        match *self {
            Self::None => 0.0,
            Self::Sine { amplitude, .. } => 2.0 * amplitude,
            Self::Hours { height, .. } | Self::Bump { height, .. } => height,
        }
    }

    /// Its lowest.
    pub fn lowest(&self) -> f64 {
        match *self {
            Self::Sine { amplitude, .. } => -amplitude,
            _ => 0.0,
        }
    }

    /// How long one turn of it is, in milliseconds; 0 for none.
    pub fn period_ms(&self) -> i64 {
        match *self {
            Self::None => 0,
            Self::Sine { .. } | Self::Hours { days: 7, .. } => DAY_MS,
            Self::Hours { .. } | Self::Bump { .. } => WEEK_MS,
        }
    }

    pub(super) fn sine(random: &mut Random, range: f64) -> Self {
        Self::Sine { amplitude: range / 2.0, phase_ms: random.below(DAY_MS as usize) as i64 }
    }

    pub(super) fn hours(random: &mut Random, height: f64, days: i64) -> Self {
        let half_hour = |from: usize, count: usize, random: &mut Random| {
            (from + random.below(count)) as i64 * HOUR_MS / 2
        };
        let (from_ms, to_ms) = (half_hour(12, 9, random), half_hour(32, 9, random));
        Self::Hours { height, from_ms, to_ms, days }
    }

    pub(super) fn bump(random: &mut Random, height: f64) -> Self {
        let from_ms = random.below(12) as i64 * HOUR_MS;
        Self::Bump { height, from_ms, weekend: random.between(0.0, 0.5) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Monday, 00:00.
    const MONDAY_MS: i64 = 1_767_571_200_000;

    #[test]
    fn business_hours_are_those_of_working_days() {
        let season = Season::Hours { height: 5.0, from_ms: 8 * HOUR_MS, to_ms: 18 * HOUR_MS, days: 5 };
        assert_eq!(season.at(MONDAY_MS + 7 * HOUR_MS), 0.0);
        assert_eq!(season.at(MONDAY_MS + 8 * HOUR_MS), 5.0);
        assert_eq!(season.at(MONDAY_MS + 4 * DAY_MS + 17 * HOUR_MS), 5.0);
        assert_eq!(season.at(MONDAY_MS + 5 * DAY_MS + 12 * HOUR_MS), 0.0);
    }

    #[test]
    fn each_season_recurs_and_stays_within_its_range() {
        let mut random = Random::new(1);
        for season in [
            Season::sine(&mut random, 3.0),
            Season::hours(&mut random, 3.0, 7),
            Season::hours(&mut random, 3.0, 5),
            Season::bump(&mut random, 3.0),
        ] {
            let values = (0..2016).map(|row| season.at(MONDAY_MS + row * 300_000));
            let (low, high) =
                values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
            assert!((low - season.lowest()).abs() < 1e-3, "{season:?}");
            assert!((high - low - season.range()).abs() < 1e-2, "{season:?}");
            let time_ms = MONDAY_MS + 13 * HOUR_MS;
            assert_eq!(season.at(time_ms), season.at(time_ms + season.period_ms()));
        }
    }
}
