//! Series as monitoring has them: each a level, what recurs, noise and habits, drawn at random and put together.

use super::normal::{INTERVAL_MS, START_MS};
use super::plan::{Plan, Spacing, at_row, plan};
use super::processes::{Disturbed, waveform};
use super::random::Random;
use super::season::{DAY_MS, Season};
use std::f64::consts::TAU;

/// Rows before the first disturbance, and more of them at random: alerts of a young series are of use, too.
const LEARNING: usize = 150;
const LEARNING_MORE: usize = 2500;
/// Rows from the beginning of a disturbance to that of the next, at least.
const APART: usize = 500;
/// Rows of the longest.
const LONGEST: f64 = 300.0;

/// Times that something has happened, and rows that a series was at a level, up to which it is not known as usual.
const KNOWN: u32 = 3;
const KNOWN_ROWS: u32 = 50;

/// What may disturb any series.
const ANY: [&str; 9] = ["spike", "dip", "shift", "ramp", "noisy", "quiet", "stuck", "none", "oscillation"];
/// What may disturb one in which something recurs,
const RECURRING: [&str; 3] = ["flat", "other time", "faster"];
/// and one with habits.
const HABITUAL: [&str; 2] = ["storm", "long burst"];

/// What recurs in a series.
enum Turn {
    Never,
    Clock(Season),
    Rhythm { period: f64, shape: Box<dyn Fn(f64) -> f64>, size: f64 },
}

impl Turn {
    fn draw(random: &mut Random) -> Self {
        let range = random.magnitude(2.0, 30.0);
        match random.below(10) {
            0..=2 => Self::Never,
            3..=4 => Self::Clock(Season::sine(random, range)),
            5 => Self::Clock(Season::hours(random, range, 7)),
            6 => Self::Clock(Season::hours(random, range, 5)),
            7 => Self::Clock(Season::bump(random, range)),
            _ => {
                let period = random.magnitude(16.0, 400.0);
                Self::Rhythm { period, shape: Box::new(waveform(random)), size: 0.3 * range }
            }
        }
    }

    fn period_ms(&self, interval_ms: i64) -> f64 {
        match self {
            Self::Never => 0.0,
            Self::Clock(_) => DAY_MS as f64,
            Self::Rhythm { period, .. } => period * interval_ms as f64,
        }
    }

    fn at(&self, time_ms: f64, interval_ms: i64) -> f64 {
        match self {
            Self::Never => 0.0,
            Self::Clock(season) => season.at(time_ms as i64),
            Self::Rhythm { period, shape, size } => size * shape(time_ms / (period * interval_ms as f64)),
        }
    }
}

/// How a series is noisy, in units of its spread.
enum Noise {
    Gaussian,
    Student,
    Autoregressive { coefficient: f64, deviation: f64 },
    Skewed { skew: f64 },
}

impl Noise {
    fn draw(random: &mut Random) -> Self {
        match random.below(6) {
            0..=1 => Self::Gaussian,
            2 => Self::Student,
            3..=4 => {
                Self::Autoregressive { coefficient: random.between(0.2, 0.98), deviation: random.normal() }
            }
            _ => Self::Skewed { skew: random.between(0.3, 1.2) },
        }
    }

    fn next(&mut self, random: &mut Random) -> f64 {
        match self {
            Self::Gaussian => random.normal(),
            Self::Student => 0.7 * random.student_3(),
            Self::Autoregressive { coefficient, deviation } => {
                *deviation = random.autoregressive(*deviation, *coefficient);
                *deviation
            }
            Self::Skewed { skew } => (libm::exp(*skew * random.normal()) - 1.0) / *skew,
        }
    }
}

/// What happens in a series now and then, or on time, and is usual.
struct Habit {
    /// Rows from one to the next: so many in the mean, or always where it is `punctual`.
    every: f64,
    punctual: bool,
    rows: f64,
    size: f64,
    /// Exponent of the Pareto distribution of sizes: the less, the heavier their tail.
    tail: f64,
    fades: bool,
    next: f64,
    /// The size of the one at hand, rows until it ends, and how many there were.
    height: f64,
    left: f64,
    times: u32,
}

impl Habit {
    fn draw(random: &mut Random) -> Self {
        let every = random.magnitude(30.0, 1500.0);
        let rows = random.magnitude(1.0, 30.0_f64.min(0.3 * every));
        Habit {
            every,
            punctual: random.chance(0.4),
            rows,
            size: random.magnitude(3.0, 30.0) * if random.chance(0.8) { 1.0 } else { -1.0 },
            tail: random.between(1.5, 6.0),
            fades: random.chance(0.4),
            next: every * random.uniform(),
            height: 0.0,
            left: 0.0,
            times: 0,
        }
    }

    /// Whether one is at hand that is among the first.
    fn is_new(&self) -> bool {
        self.times <= KNOWN && self.left > 0.0
    }

    /// What it adds to a row, where it comes so many times as often and lasts so many times as long.
    fn next(&mut self, random: &mut Random, often: f64, long: f64) -> f64 {
        self.next -= often;
        if self.next <= 0.0 {
            self.times += 1;
            let (wait, pareto) =
                (-libm::log(random.uniform()), libm::pow(random.uniform(), -1.0 / self.tail));
            self.next = self.every * if self.punctual { 1.0 } else { wait };
            self.left = if self.punctual { self.rows } else { random.run(self.rows) as f64 };
            self.height = if self.punctual {
                self.size * random.between(0.8, 1.2)
            } else {
                self.size * pareto.min(10.0)
            };
        }
        if self.left <= 0.0 {
            return 0.0;
        }
        self.left -= 1.0 / long;
        self.height * if self.fades { (self.left / self.rows).clamp(0.1, 1.0) } else { 1.0 }
    }
}

/// Levels that a series goes between.
struct Regimes {
    levels: Vec<f64>,
    stay: f64,
    at: usize,
    /// Rows that it was at each.
    rows: Vec<u32>,
}

impl Regimes {
    fn draw(random: &mut Random) -> Self {
        let count = if random.chance(0.25) { 2 + random.below(3) } else { 1 };
        let levels = (0..count).map(|_| if count == 1 { 0.0 } else { 5.0 * random.normal() }).collect();
        Regimes { levels, stay: random.magnitude(60.0, 1500.0), at: 0, rows: vec![0; count] }
    }

    /// Whether it is at a level where it was for a short time only, and it is not the first.
    fn is_new(&self) -> bool {
        self.rows[self.at] <= KNOWN_ROWS && self.rows.iter().filter(|rows| **rows > 0).count() > 1
    }

    fn next(&mut self, random: &mut Random) -> f64 {
        if random.chance(1.0 / self.stay) {
            self.at = random.below(self.levels.len());
        }
        self.rows[self.at] += 1;
        self.levels[self.at]
    }
}

/// A series of habits, and what disturbs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Composition {
    /// The series.
    pub series: Disturbed,
    /// Whether something happens in a row that has not happened often enough to be known as usual: nobody can tell it from a
    /// disturbance.
    pub is_unclear: Vec<bool>,
}

/// A series of 1,500 to 12,000 rows, a minute to an hour apart, with a few disturbances, all drawn from the seed.
pub fn composition(seed: u64) -> Composition {
    let mut random = Random::new(seed);
    let random = &mut random;
    let rows = random.magnitude(1500.0, 12_000.0) as usize;
    let interval_ms = INTERVAL_MS * [1, 1, 1, 3, 6, 12][random.below(6)] / [1, 1, 5][random.below(3)];
    let turn = Turn::draw(random);
    let mut noise = Noise::draw(random);
    let mut habits: Vec<Habit> = (0..[0, 0, 1, 1, 2][random.below(5)]).map(|_| Habit::draw(random)).collect();
    let mut regimes = Regimes::draw(random);
    let (wander, pull) =
        (if random.chance(0.5) { 0.0 } else { random.magnitude(0.5, 6.0) }, random.magnitude(200.0, 5000.0));
    let follows = if random.chance(0.3) { random.between(0.2, 1.0) } else { 0.0 };
    let kinds: Vec<&str> = ANY
        .into_iter()
        .chain(RECURRING.into_iter().filter(|_| !matches!(turn, Turn::Never)))
        .chain(HABITUAL.into_iter().filter(|_| !habits.is_empty()))
        .collect();
    let period = turn.period_ms(interval_ms) / interval_ms as f64;
    let spacing = Spacing {
        learning: LEARNING,
        learning_more: LEARNING_MORE,
        apart: APART,
        apart_more: random.magnitude(500.0, 6000.0) as usize,
    };
    let plan: Plan = plan(random, rows, &kinds, &spacing, |random, kind| match kind {
        "spike" | "dip" => random.magnitude(1.0, 5.0),
        "flat" | "other time" | "faster" => (period * random.between(0.3, 2.0)).clamp(8.0, LONGEST),
        _ => random.magnitude(12.0, LONGEST),
    });
    // Beyond what its habits do, and what is far for its noise.
    let largest = habits.iter().map(|habit| habit.size.abs()).fold(0.0, f64::max);
    let far = if matches!(noise, Noise::Gaussian | Noise::Autoregressive { .. }) { 1.0 } else { 2.0 };
    let output = Output::draw(random);
    let (mut place, mut size, mut sign, mut offset, mut last) = (random.normal(), 0.0, 1.0, 0.0, 0.0);
    let mut is_unclear = Vec::with_capacity(rows);
    let mut value = |row: usize| {
        let (kind, share) = at_row(&plan, row);
        if share == 0.0 && !kind.is_empty() {
            (size, sign) = (far * random.magnitude(5.0, 30.0), random.sign());
        }
        let time_ms = (START_MS + row as i64 * interval_ms) as f64;
        let period_ms = turn.period_ms(interval_ms);
        let recurring = match kind {
            "flat" => turn.at(period_ms * 0.37, interval_ms),
            "other time" => turn.at(time_ms + 0.4 * period_ms, interval_ms),
            "faster" => turn.at(2.2 * time_ms, interval_ms),
            _ => turn.at(time_ms, interval_ms),
        };
        place = random.autoregressive(place, 1.0 - 1.0 / pull);
        let restless = match kind {
            "noisy" => 1.0 + 0.4 * size,
            "quiet" => 0.1,
            _ => 1.0,
        };
        let spread = 1.0 + follows * (0.2 * recurring).clamp(-0.8, 4.0);
        let (often, long) = match kind {
            "storm" => (15.0, 1.0),
            "long burst" => (15.0, 12.0),
            _ => (1.0, 1.0),
        };
        let habitual: f64 = habits.iter_mut().map(|habit| habit.next(random, often, long)).sum();
        let level = regimes.next(random);
        let is_new = habits.iter().any(Habit::is_new) || regimes.is_new();
        let usual = recurring + wander * place + level + habitual + restless * spread * noise.next(random);
        if share == 0.0 && kind == "shift" && random.chance(0.5) {
            offset += sign * size;
        }
        let ends = row + 1 < rows && at_row(&plan, row + 1).0.is_empty();
        if kind == "ramp" && ends && random.chance(0.5) {
            offset += sign * size;
        }
        let more = match kind {
            "spike" => largest + size,
            "dip" => -(largest + size),
            "shift" if offset == 0.0 => sign * size,
            "ramp" => sign * size * share,
            "oscillation" => 0.5 * size * libm::sin(TAU * row as f64 / 7.3),
            _ => 0.0,
        };
        last = match kind {
            "stuck" => last,
            "none" => 0.0,
            _ => output.of(usual + offset + more, random),
        };
        is_unclear.push(is_new);
        last
    };
    let values = (0..rows).map(&mut value).collect();
    let times = (0..rows as i64).map(|row| START_MS + row * interval_ms).collect();
    let series = Disturbed { name: format!("composition-{seed:016x}"), times, values, disturbances: plan };
    Composition { series, is_unclear }
}

/// How what happens is read.
struct Output {
    level: f64,
    spread: f64,
    /// Whether what happens is the logarithm of what is read.
    is_ratio: bool,
    is_count: bool,
    /// What readings are rounded to, in spreads; 0 for none.
    step: f64,
    least: f64,
    most: f64,
}

impl Output {
    fn draw(random: &mut Random) -> Self {
        let is_ratio = random.chance(0.4);
        Output {
            level: random.magnitude(2.0, 200.0) * if random.chance(0.85) { 1.0 } else { -1.0 },
            spread: if is_ratio { random.between(0.05, 0.25) } else { random.magnitude(1e-3, 1e4) },
            is_ratio,
            is_count: random.chance(0.15),
            step: if random.chance(0.3) { random.magnitude(0.1, 3.0) } else { 0.0 },
            least: if random.chance(0.3) { random.between(-2.0, 0.5) } else { f64::NEG_INFINITY },
            most: if random.chance(0.1) { random.between(6.0, 20.0) } else { f64::INFINITY },
        }
    }

    fn of(&self, usual: f64, random: &mut Random) -> f64 {
        let mut at = usual.clamp(self.least, self.most);
        if self.step > 0.0 {
            at = self.step * libm::rint(at / self.step);
        }
        if self.is_count {
            let mean = self.level.abs() * libm::exp((0.2 * at).min(6.0));
            return random.poisson(mean);
        }
        if self.is_ratio {
            self.level * libm::exp((self.spread * at).min(20.0))
        } else {
            self.spread * (self.level + at)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_composition_is_a_function_of_its_seed() {
        assert_eq!(composition(3), composition(3));
        assert_ne!(composition(3).series.values, composition(4).series.values);
    }

    #[test]
    fn disturbances_are_apart_and_each_comes_up_and_values_are_finite() {
        let mut seen = BTreeSet::new();
        for seed in 0..300 {
            let series = composition(seed).series;
            assert!((1500..12_000).contains(&series.values.len()), "{}", series.name);
            assert_eq!(series.times.len(), series.values.len());
            assert!(series.values.iter().all(|value| value.is_finite()), "{}", series.name);
            let pairs = series.disturbances.windows(2);
            assert!(pairs.into_iter().all(|pair| pair[0].1.end < pair[1].1.start), "{}", series.name);
            assert!(series.disturbances.iter().all(|(_, rows)| rows.start >= LEARNING && !rows.is_empty()));
            assert!(series.disturbances.last().is_none_or(|(_, rows)| rows.end <= series.values.len()));
            seen.extend(series.disturbances.iter().map(|(name, _)| *name));
        }
        assert_eq!(seen, ANY.into_iter().chain(RECURRING).chain(HABITUAL).collect());
    }

    #[test]
    fn what_is_stuck_stands_and_what_is_none_is_zero() {
        let (mut stuck, mut none) = (0, 0);
        for series in (0..200).map(|seed| composition(seed).series) {
            for (kind, rows) in &series.disturbances {
                let values = &series.values[rows.clone()];
                match *kind {
                    "stuck" => {
                        stuck += 1;
                        assert!(values.iter().all(|value| *value == series.values[rows.start - 1]));
                    }
                    "none" => {
                        none += 1;
                        assert!(values.iter().all(|value| *value == 0.0));
                    }
                    _ => {}
                }
            }
        }
        assert!(stuck > 10 && none > 10, "{stuck} stuck and {none} none");
    }

    #[test]
    fn what_happens_for_the_first_times_is_unclear_and_later_no_more() {
        let mut unclear = [0.0; 2];
        for seed in 0..200 {
            let rows = composition(seed).is_unclear;
            for (half, sum) in rows.chunks(rows.len().div_ceil(2)).zip(&mut unclear) {
                *sum += half.iter().filter(|is| **is).count() as f64 / half.len() as f64 / 200.0;
            }
        }
        let [early, late] = unclear;
        assert!(early > 0.005 && early < 0.1 && late < 0.5 * early, "{early} and then {late}");
    }

    #[test]
    fn a_habit_comes_as_often_as_it_was_drawn_and_more_often_in_a_storm() {
        let mut random = Random::new(1);
        for _ in 0..20 {
            let mut habit = Habit { rows: 1.0, ..Habit::draw(&mut random) };
            let rows = 400.0 * habit.every;
            let mut come = |often: f64| {
                (0..rows as usize).filter(|_| habit.next(&mut random, often, 1.0) != 0.0).count() as f64
            };
            let usual = come(1.0);
            assert!((usual / 400.0 - 1.0).abs() < 0.25, "{usual} of 400");
            assert!(come(5.0) > 3.0 * usual);
        }
    }
}
