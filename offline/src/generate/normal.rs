//! Series without anomalies.

use super::random::Random;
use super::season::{Season, WEEK_MS};
use std::fmt;

/// The usual distance of two observations: five minutes.
pub const INTERVAL_MS: i64 = 300_000;
/// A Monday, 00:00, at or soon behind which series begin.
pub(super) const START_MS: i64 = 1_767_571_200_000;

/// What a series without anomalies does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Gaussian noise about a level.
    Gaussian,
    /// Noise of Student's t of three degrees of freedom about a level.
    Student,
    /// An autoregressive process of first order, of a coefficient of 0.8 to 0.95.
    Autoregressive,
    /// A sine of one day and Gaussian noise.
    DailySine,
    /// A higher level in the business hours of each day, and Gaussian noise.
    DailyHours,
    /// A day of hours or of a bump that differs at the weekend, and Gaussian noise.
    Weekly,
    /// Poisson counts of a mean of 0.1 to 10.
    FewCounts,
    /// Poisson counts of a mean of 10 to 3,000.
    ManyCounts,
    /// Gaussian noise about a level, with runs of zeros of random lengths.
    ZeroRuns,
    /// Zeros, and at random a value of Gaussian noise about a level.
    ZeroInflated,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Gaussian,
        Self::Student,
        Self::Autoregressive,
        Self::DailySine,
        Self::DailyHours,
        Self::Weekly,
        Self::FewCounts,
        Self::ManyCounts,
        Self::ZeroRuns,
        Self::ZeroInflated,
    ];

    /// Its name, lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gaussian => "gaussian",
            Self::Student => "student_t3",
            Self::Autoregressive => "ar1",
            Self::DailySine => "daily_sine",
            Self::DailyHours => "daily_hours",
            Self::Weekly => "weekly",
            Self::FewCounts => "poisson_small",
            Self::ManyCounts => "poisson_large",
            Self::ZeroRuns => "zero_runs",
            Self::ZeroInflated => "zero_inflated",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What happens about the level, in units of the spread but for counts.
#[derive(Clone, Debug)]
enum Noise {
    Gaussian,
    Student,
    Autoregressive { coefficient: f64, deviation: f64 },
    Counts,
    ZeroRuns { values_mean: f64, zeros_mean: f64, zeros: bool, left: u64 },
    ZeroInflated { zeros: f64 },
}

/// A series without anomalies: an iterator without end over times, Unix milliseconds, and values.
#[derive(Clone, Debug)]
pub struct Series {
    kind: Kind,
    random: Random,
    level: f64,
    spread: f64,
    season: Season,
    noise: Noise,
    time_ms: i64,
    interval_ms: i64,
}

impl Series {
    /// A series of a kind, with parameters drawn from the seed, one observation each [`INTERVAL_MS`].
    pub fn new(kind: Kind, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let random = &mut random;
        let spread =
            if random.chance(0.25) { random.magnitude(1e-12, 1e15) } else { random.magnitude(1e-2, 1e3) };
        let level = random.sign() * random.magnitude(0.1, 1e3) * spread;
        let coefficient = random.between(0.8, 0.95);
        let range = random.magnitude(4.0, 40.0) * spread;
        let (level, spread, season, noise) = match kind {
            Kind::Gaussian => (level, spread, Season::None, Noise::Gaussian),
            Kind::Student => (level, spread, Season::None, Noise::Student),
            Kind::Autoregressive => {
                let noise = Noise::Autoregressive { coefficient, deviation: random.normal() };
                (level, spread, Season::None, noise)
            }
            Kind::DailySine => (level, spread, Season::sine(random, range), Noise::Gaussian),
            Kind::DailyHours => (level, spread, Season::hours(random, range, 7), Noise::Gaussian),
            Kind::Weekly => {
                let hours = random.chance(0.5);
                let season =
                    if hours { Season::hours(random, range, 5) } else { Season::bump(random, range) };
                (level, spread, season, Noise::Gaussian)
            }
            Kind::FewCounts | Kind::ManyCounts => {
                let few = kind == Kind::FewCounts;
                let mean = if few { random.magnitude(0.1, 10.0) } else { random.magnitude(10.0, 3000.0) };
                (mean, mean.sqrt(), Season::None, Noise::Counts)
            }
            Kind::ZeroRuns => {
                let (values_mean, zeros_mean) = (random.magnitude(50.0, 500.0), random.magnitude(2.0, 50.0));
                let noise =
                    Noise::ZeroRuns { values_mean, zeros_mean, zeros: false, left: random.run(values_mean) };
                (random.magnitude(6.0, 100.0) * spread, spread, Season::None, noise)
            }
            Kind::ZeroInflated => {
                let noise = Noise::ZeroInflated { zeros: random.between(0.1, 0.95) };
                (random.magnitude(6.0, 100.0) * spread, spread, Season::None, noise)
            }
        };
        // A series begins anywhere in the week.
        let intervals = WEEK_MS / INTERVAL_MS;
        let time_ms = START_MS + random.below(intervals as usize) as i64 * INTERVAL_MS;
        let random = Random::new(random.bits());
        Self { kind, random, level, spread, season, noise, time_ms, interval_ms: INTERVAL_MS }
    }

    /// The same with another distance of two observations, in milliseconds.
    pub fn with_interval_ms(self, interval_ms: i64) -> Self {
        Self { interval_ms, ..self }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The centre of its values without the season; of those that are not zero, where zeros are usual.
    pub fn level(&self) -> f64 {
        self.level
    }

    /// The scale of the noise about level and season: the standard deviation, but of Student's t the factor
    /// before it, which is its variance's square root divided by that of 3.
    pub fn spread(&self) -> f64 {
        self.spread
    }

    /// What recurs in it.
    pub fn season(&self) -> &Season {
        &self.season
    }

    fn draw(&mut self) -> f64 {
        let Self { random, level, spread, season, noise, .. } = self;
        let centre = *level + season.at(self.time_ms);
        match noise {
            Noise::Gaussian => centre + *spread * random.normal(),
            Noise::Student => centre + *spread * random.student_3(),
            Noise::Autoregressive { coefficient, deviation } => {
                *deviation = random.autoregressive(*deviation, *coefficient);
                centre + *spread * *deviation
            }
            Noise::Counts => random.poisson(*level),
            Noise::ZeroRuns { values_mean, zeros_mean, zeros, left } => {
                if *left == 0 {
                    *zeros = !*zeros;
                    *left = random.run(if *zeros { *zeros_mean } else { *values_mean });
                }
                *left -= 1;
                if *zeros { 0.0 } else { centre + *spread * random.normal() }
            }
            Noise::ZeroInflated { zeros } => {
                if random.chance(*zeros) {
                    0.0
                } else {
                    centre + *spread * random.normal()
                }
            }
        }
    }
}

impl Iterator for Series {
    type Item = (i64, f64);

    fn next(&mut self) -> Option<(i64, f64)> {
        let point = (self.time_ms, self.draw());
        self.time_ms += self.interval_ms;
        Some(point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and variance of what a series does about its level and season, in spreads.
    fn moments(series: Series, keep: impl Fn(f64) -> bool) -> (f64, f64) {
        let (level, spread, season) = (series.level(), series.spread(), series.season().clone());
        let rests: Vec<f64> = series
            .take(100_000)
            .filter(|(_, value)| keep(*value))
            .map(|(time_ms, value)| (value - level - season.at(time_ms)) / spread)
            .collect();
        let mean = rests.iter().sum::<f64>() / rests.len() as f64;
        (mean, rests.iter().map(|rest| (rest - mean) * (rest - mean)).sum::<f64>() / rests.len() as f64)
    }

    #[test]
    fn a_series_is_a_function_of_kind_and_seed() {
        for kind in Kind::ALL {
            let bits = |seed| -> Vec<(i64, u64)> {
                Series::new(kind, seed).take(500).map(|(time, value)| (time, value.to_bits())).collect()
            };
            assert_eq!(bits(5), bits(5), "{kind}");
            assert_ne!(bits(5), bits(6), "{kind}");
        }
    }

    #[test]
    fn the_bits_are_the_same_on_every_processor() {
        let values = Kind::ALL.into_iter().flat_map(|kind| Series::new(kind, 1).take(100));
        let sum = values.fold(0_u64, |sum, (_, value)| sum.rotate_left(5) ^ value.to_bits());
        assert_eq!(sum, 13_730_304_857_835_577_280, "as it came out when this was written");
    }

    #[test]
    fn mean_and_variance_of_each_kind_are_those_of_theory() {
        for kind in Kind::ALL {
            for seed in 0..4 {
                let variance_expected = if kind == Kind::Student { 3.0 } else { 1.0 };
                let zeros = matches!(kind, Kind::ZeroRuns | Kind::ZeroInflated);
                let (mean, variance) = moments(Series::new(kind, seed), |value| !zeros || value != 0.0);
                assert!(mean.abs() < 0.06, "{kind} {seed}: a mean of {mean}");
                // The fourth moment of Student's t is infinite, so its variance converges slowly.
                let within = if kind == Kind::Student { 1.0 } else { 0.1 };
                assert!(
                    (variance - variance_expected).abs() < within,
                    "{kind} {seed}: a variance of {variance}"
                );
            }
        }
    }

    #[test]
    fn an_autoregressive_series_is_correlated_with_itself_as_its_coefficient_says() {
        for seed in 0..10 {
            let series = Series::new(Kind::Autoregressive, seed);
            let Noise::Autoregressive { coefficient, .. } = series.noise else { panic!("another noise") };
            let (level, spread) = (series.level(), series.spread());
            let rests: Vec<f64> = series.take(50_000).map(|(_, value)| (value - level) / spread).collect();
            let products = rests.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>();
            let correlation = products / rests.iter().map(|rest| rest * rest).sum::<f64>();
            assert!((correlation - coefficient).abs() < 0.02, "{correlation}, not {coefficient}");
        }
    }

    #[test]
    fn zeros_come_in_runs_or_alone_as_often_as_they_were_drawn() {
        for seed in 0..6 {
            let series = Series::new(Kind::ZeroRuns, seed);
            let Noise::ZeroRuns { values_mean, zeros_mean, .. } = series.noise else {
                panic!("another noise")
            };
            let zeros = series.take(200_000).filter(|(_, value)| *value == 0.0).count() as f64 / 200_000.0;
            let expected = zeros_mean / (zeros_mean + values_mean);
            assert!((zeros / expected - 1.0).abs() < 0.25, "{zeros}, not {expected}");
            let series = Series::new(Kind::ZeroInflated, seed);
            let Noise::ZeroInflated { zeros: expected } = series.noise else { panic!("another noise") };
            let zeros = series.take(50_000).filter(|(_, value)| *value == 0.0).count() as f64 / 50_000.0;
            assert!((zeros - expected).abs() < 0.01, "{zeros}, not {expected}");
        }
    }

    #[test]
    fn values_are_of_any_magnitude_and_times_are_evenly_spaced() {
        let spreads: Vec<f64> = (0..200).map(|seed| Series::new(Kind::Gaussian, seed).spread()).collect();
        assert!(spreads.iter().any(|spread| *spread < 1e-6) && spreads.iter().any(|spread| *spread > 1e9));
        let times: Vec<i64> =
            Series::new(Kind::Weekly, 3).with_interval_ms(60_000).take(100).map(|(time, _)| time).collect();
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 60_000));
    }
}
