//! Anomalies that are put into a series.

use super::normal::{Kind, Series};
use super::random::Random;
use super::season::{DAY_MS, HOUR_MS, Season};
use std::fmt;
use std::ops::Range;

/// What may befall a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anomaly {
    /// One to three rows far above.
    Spike,
    /// One to three rows far below.
    Dip,
    /// Up to 40 rows above, and more restless.
    Burst,
    /// Another level, for some hundreds of rows or for good.
    LevelShift,
    /// A level that climbs or falls within some hundreds of rows, and stays.
    Ramp,
    /// A level that does so within a thousand rows or more.
    SlowDrift,
    /// More noise.
    VarianceIncrease,
    /// Nearly no noise.
    VarianceDecrease,
    /// A day without its season.
    MissingSeason,
    /// The season comes hours early or late, for a day or two.
    PhaseShift,
    /// The season runs several times as fast for a day or two; without a season, an oscillation begins.
    FrequencyChange,
    /// A value that is usual at another hour.
    Contextual,
    /// The last value again and again.
    Stuck,
    /// A break of the correlation between fields, each of which goes on as usual by itself.
    CorrelationBreak,
}

impl Anomaly {
    /// Those of one field.
    pub const ALL: [Self; 13] = [
        Self::Spike,
        Self::Dip,
        Self::Burst,
        Self::LevelShift,
        Self::Ramp,
        Self::SlowDrift,
        Self::VarianceIncrease,
        Self::VarianceDecrease,
        Self::MissingSeason,
        Self::PhaseShift,
        Self::FrequencyChange,
        Self::Contextual,
        Self::Stuck,
    ];

    /// Its name, lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spike => "spike",
            Self::Dip => "dip",
            Self::Burst => "burst",
            Self::LevelShift => "level_shift",
            Self::Ramp => "ramp",
            Self::SlowDrift => "slow_drift",
            Self::VarianceIncrease => "variance_increase",
            Self::VarianceDecrease => "variance_decrease",
            Self::MissingSeason => "missing_season",
            Self::PhaseShift => "phase_shift",
            Self::FrequencyChange => "frequency_change",
            Self::Contextual => "contextual",
            Self::Stuck => "stuck",
            Self::CorrelationBreak => "correlation_break",
        }
    }

    /// Whether it is an anomaly in a series of a kind: few counts may well stay the same for long, and only what has a
    /// season can miss it.
    pub fn fits(self, kind: Kind) -> bool {
        let season = matches!(kind, Kind::DailySine | Kind::DailyHours | Kind::Weekly);
        let zeros = matches!(kind, Kind::ZeroRuns | Kind::ZeroInflated);
        let few = kind == Kind::FewCounts;
        match self {
            Self::Spike | Self::Burst | Self::LevelShift | Self::Ramp => true,
            Self::Dip | Self::VarianceDecrease | Self::Stuck => !zeros && !few,
            Self::SlowDrift | Self::VarianceIncrease | Self::FrequencyChange => !zeros,
            Self::MissingSeason | Self::PhaseShift | Self::Contextual => season,
            Self::CorrelationBreak => false,
        }
    }

    /// How many rows it lasts in a series of that interval.
    pub(super) fn draw_rows(self, random: &mut Random, interval_ms: i64) -> usize {
        let rows = |random: &mut Random, from: f64, to: f64| random.magnitude(from, to) as usize;
        let day = (DAY_MS / interval_ms).max(1) as usize;
        match self {
            Self::Spike | Self::Dip => rows(random, 1.0, 4.0),
            Self::Burst => rows(random, 5.0, 41.0),
            Self::LevelShift | Self::Ramp => rows(random, 40.0, 400.0),
            Self::SlowDrift => rows(random, 800.0, 1600.0),
            Self::VarianceIncrease | Self::VarianceDecrease | Self::CorrelationBreak => {
                rows(random, 40.0, 300.0)
            }
            Self::MissingSeason => day,
            Self::PhaseShift | Self::FrequencyChange => day + random.below(day + 1),
            Self::Contextual => rows(random, 2.0, 1.0 + day as f64 / 12.0),
            Self::Stuck => rows(random, 20.0, 300.0),
        }
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an anomaly has to know of the series it is put into.
pub(super) struct Ground<'a> {
    /// Time of each row.
    pub(super) times: &'a [i64],
    pub(super) season: &'a Season,
    pub(super) level: f64,
    /// The unit of sizes: [`Series::spread`], or the standard deviation of a field of a vector.
    pub(super) spread: f64,
    /// Whether values are counts.
    pub(super) counts: bool,
    /// Whether zeros are usual, and so are left as they are by what changes the level.
    pub(super) zeros: bool,
    /// How much farther a single value has to lie than in Gaussian noise, so that it is strange.
    pub(super) tail: f64,
}

impl<'a> Ground<'a> {
    pub(super) fn of(series: &'a Series, times: &'a [i64]) -> Self {
        let kind = series.kind();
        Self {
            times,
            season: series.season(),
            level: series.level(),
            // Of few counts, the unit is no less than one.
            spread: if kind == Kind::FewCounts { series.spread().max(1.0) } else { series.spread() },
            counts: matches!(kind, Kind::FewCounts | Kind::ManyCounts),
            zeros: matches!(kind, Kind::ZeroRuns | Kind::ZeroInflated),
            tail: if kind == Kind::Student { 3.0 } else { 1.0 },
        }
    }

    /// Changes the values from `rows.start` on: within `rows`, and where the change is for good, behind them.
    pub(super) fn apply(
        &self,
        anomaly: Anomaly,
        rows: Range<usize>,
        values: &mut [f64],
        random: &mut Random,
    ) {
        let Range { start, end } = rows.clone();
        let spread = self.spread;
        // A field of few counts can't fall by much.
        let sign = if self.counts && self.level < 100.0 { 1.0 } else { random.sign() };
        match anomaly {
            Anomaly::Spike | Anomaly::Dip => {
                let up = if anomaly == Anomaly::Spike { 1.0 } else { -1.0 };
                let size = up * random.magnitude(6.0, 40.0) * self.tail * spread;
                rows.for_each(|row| values[row] = self.usual(values[row]) + size);
            }
            Anomaly::Burst => {
                let size = random.magnitude(5.0, 20.0) * self.tail * spread;
                for row in rows {
                    values[row] = self.usual(values[row]) + size * random.between(0.5, 1.5);
                }
            }
            Anomaly::LevelShift => {
                let size = sign * random.magnitude(4.0, 20.0) * spread;
                let until = if random.chance(0.5) { values.len() } else { end };
                (start..until).for_each(|row| self.add(&mut values[row], size));
            }
            Anomaly::Ramp | Anomaly::SlowDrift => {
                let size = sign * random.magnitude(5.0, 20.0) * spread;
                for (row, value) in values.iter_mut().enumerate().skip(start) {
                    let share = (row + 1 - start) as f64 / (end - start) as f64;
                    self.add(value, size * share.min(1.0));
                }
            }
            Anomaly::VarianceIncrease | Anomaly::VarianceDecrease => {
                let more = anomaly == Anomaly::VarianceIncrease;
                let factor = if more { random.magnitude(3.0, 10.0) } else { random.between(0.0, 0.2) };
                for row in rows {
                    let centre = self.level + self.season.at(self.times[row]);
                    values[row] = centre + factor * (values[row] - centre);
                }
            }
            Anomaly::MissingSeason => {
                let flat = self.season.lowest() + random.uniform() * self.season.range();
                rows.for_each(|row| values[row] += flat - self.season.at(self.times[row]));
            }
            Anomaly::PhaseShift => {
                let shift_ms =
                    random.sign() as i64 * (2 * HOUR_MS + random.below(8 * HOUR_MS as usize) as i64);
                self.warp(rows, values, |time_ms| time_ms + shift_ms);
            }
            Anomaly::FrequencyChange if self.season.period_ms() > 0 => {
                let (factor, start_ms) = (2 + random.below(5) as i64, self.times[start]);
                self.warp(rows, values, |time_ms| start_ms + factor * (time_ms - start_ms));
            }
            Anomaly::FrequencyChange => {
                let period = random.magnitude(6.0, 40.0);
                let size = random.magnitude(3.0, 8.0) * spread;
                for row in rows {
                    let turns = (row - start) as f64 / period;
                    values[row] += size * libm::sin(std::f64::consts::TAU * turns);
                }
            }
            Anomaly::Contextual => self.warp(rows, values, |time_ms| time_ms + DAY_MS / 2),
            Anomaly::Stuck => {
                let last = values[start - 1];
                values[rows].fill(last);
            }
            Anomaly::CorrelationBreak => unreachable!("it is of several fields"),
        }
        if self.counts {
            values[start..].iter_mut().for_each(|value| *value = libm::rint(*value).max(0.0));
        }
    }

    /// What a value would have been were it no zero of a series that has them.
    fn usual(&self, value: f64) -> f64 {
        if self.zeros && value == 0.0 { self.level } else { value }
    }

    fn add(&self, value: &mut f64, size: f64) {
        if !self.zeros || *value != 0.0 {
            *value += size;
        }
    }

    /// Puts the season of other times in place of that of these.
    fn warp(&self, rows: Range<usize>, values: &mut [f64], other: impl Fn(i64) -> i64) {
        for row in rows {
            let time_ms = self.times[row];
            values[row] += self.season.at(other(time_ms)) - self.season.at(time_ms);
        }
    }
}
