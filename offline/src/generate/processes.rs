//! Series whose rhythm is no clock's: machines, levels that wander, load.

use super::normal::{INTERVAL_MS, START_MS};
use super::plan::{Plan, Spacing, at_row, plan};
use super::random::Random;
use super::season::DAY_MS;
use std::f64::consts::TAU;
use std::fmt;
use std::ops::Range;

/// Share of the rows, and more of them at random, before the first disturbance.
const LEARNING: f64 = 0.35;
const LEARNING_MORE: usize = 800;
/// Rows from the beginning of a disturbance to that of the next, at least, and more at random.
const APART: usize = 900;
const APART_MORE: usize = 1500;

/// What a series is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Process {
    /// A waveform with a period of 16 to 300 rows, which may vary from turn to turn in length and height.
    Cycle,
    /// Two to four levels, one after the other, each for a time of its own.
    Switch,
    /// A level that wanders, now and then with momentum, and noise.
    Walk,
    /// A load: log-normal, its deviations lasting, with or without a day.
    Load,
}

impl Process {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Cycle, Self::Switch, Self::Walk, Self::Load];

    /// Its name, lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cycle => "cycle",
            Self::Switch => "switch",
            Self::Walk => "walk",
            Self::Load => "load",
        }
    }

    /// What may disturb it.
    fn disturbances(self) -> &'static [&'static str] {
        match self {
            Self::Cycle => &[
                "flat",
                "reversed",
                "smaller",
                "larger",
                "faster",
                "slower",
                "noisy",
                "off centre",
                "other shape",
            ],
            Self::Switch => &["stays", "toggles", "other level", "noisy", "drifts"],
            Self::Walk => &["jump", "spike", "stuck", "noisy", "runs away"],
            Self::Load => &["more", "less", "peak", "none"],
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A series and what disturbs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Disturbed {
    /// What it is of, and its seed.
    pub name: String,
    /// Time of each row, Unix milliseconds, five minutes apart.
    pub times: Vec<i64>,
    /// Its values.
    pub values: Vec<f64>,
    /// What disturbs it, and in which rows, in their order.
    pub disturbances: Vec<(&'static str, Range<usize>)>,
}

impl Disturbed {
    /// First and last row of each disturbance.
    pub fn windows(&self) -> Vec<(usize, usize)> {
        self.disturbances.iter().map(|(_, rows)| (rows.start, rows.end - 1)).collect()
    }
}

/// A series of 5,000 to 10,000 rows with a few disturbances, all drawn from the seed.
pub fn process(process: Process, seed: u64) -> Disturbed {
    let mut random = Random::new(seed);
    let rows = random.between(5000.0, 10_000.0) as usize;
    let random = &mut random;
    let (values, disturbances) = match process {
        Process::Cycle => cycle(random, rows),
        Process::Switch => switch(random, rows),
        Process::Walk => walk(random, rows),
        Process::Load => load(random, rows),
    };
    let times = (0..rows as i64).map(|row| START_MS + row * INTERVAL_MS).collect();
    Disturbed { name: format!("{process}-{seed:016x}"), times, values, disturbances }
}

/// Where a process of so many rows is disturbed.
fn disturb(
    random: &mut Random,
    rows: usize,
    process: Process,
    length: impl Fn(&mut Random, &str) -> f64,
) -> Plan {
    let learning = (rows as f64 * LEARNING) as usize;
    let spacing = Spacing { learning, learning_more: LEARNING_MORE, apart: APART, apart_more: APART_MORE };
    plan(random, rows, process.disturbances(), &spacing, length)
}

/// A waveform over turns: some harmonics, and up to three pulses.
pub(super) fn waveform(random: &mut Random) -> impl Fn(f64) -> f64 + use<> {
    let harmonics: Vec<(f64, f64)> = (0..1 + random.below(5))
        .map(|above| (random.normal() / (1.0 + 0.5 * above as f64), random.uniform()))
        .collect();
    let pulses: Vec<(f64, f64, f64)> = (0..random.below(4))
        .map(|_| (random.uniform(), random.between(0.01, 0.06), 4.0 * random.normal()))
        .collect();
    move |turns: f64| {
        let harmonics = harmonics
            .iter()
            .enumerate()
            .map(|(above, (size, phase))| size * libm::sin(TAU * ((above + 1) as f64 * turns + phase)));
        let pulses = pulses.iter().map(|(centre, width, size)| {
            let distance = ((turns - centre + 0.5).rem_euclid(1.0) - 0.5) / width;
            size * libm::exp(-0.5 * distance * distance)
        });
        harmonics.sum::<f64>() + pulses.sum::<f64>()
    }
}

fn cycle(random: &mut Random, rows: usize) -> (Vec<f64>, Plan) {
    let period = random.magnitude(16.0, 300.0);
    let length_varies = if random.chance(0.5) { 0.0 } else { random.between(0.0, 0.05) };
    let height_varies = if random.chance(0.5) { 0.0 } else { 0.1 };
    let noise = random.magnitude(0.02, 0.3);
    let (usual, other) = (waveform(random), waveform(random));
    let plan =
        disturb(random, rows, Process::Cycle, |random, _| (period * random.between(1.0, 2.0)).max(16.0));
    let flat = usual(random.uniform());
    let (mut turns, mut speed, mut height) = (random.uniform(), 1.0, 1.0);
    let mut value = |row| {
        let (kind, share) = at_row(&plan, row);
        let rate = match kind {
            "faster" => 1.8,
            "slower" => 0.55,
            _ => 1.0,
        };
        let before = libm::floor(turns);
        turns += rate * speed / period;
        if libm::floor(turns) != before {
            speed = 1.0 + length_varies * random.normal();
            height = 1.0 + height_varies * random.normal();
        }
        let shape = match kind {
            "flat" => flat,
            "reversed" => height * usual(-turns),
            "smaller" => 0.4 * height * usual(turns),
            "larger" => 1.7 * height * usual(turns),
            "off centre" => height * usual(turns) + 2.0 * libm::sin(0.5 * TAU * share),
            "other shape" => other(turns),
            _ => height * usual(turns),
        };
        shape + random.normal() * noise * if kind == "noisy" { 5.0 } else { 1.0 }
    };
    ((0..rows).map(&mut value).collect(), plan)
}

fn switch(random: &mut Random, rows: usize) -> (Vec<f64>, Plan) {
    let levels: Vec<f64> = (0..2 + random.below(3)).map(|_| 3.0 * random.normal()).collect();
    let stays: Vec<f64> = levels.iter().map(|_| random.magnitude(8.0, 150.0)).collect();
    let varies = random.between(0.02, 0.3);
    let noise = if random.chance(0.4) { 0.0 } else { random.magnitude(0.005, 0.3) };
    let plan = disturb(random, rows, Process::Switch, |random, _| random.magnitude(30.0, 200.0));
    let (mut at, mut left) = (0, stays[0]);
    let mut value = |row| {
        let (kind, share) = at_row(&plan, row);
        let haste = if kind == "toggles" { 0.15 } else { 1.0 };
        left = left.min(2.0 * haste * stays[at]);
        left -= if kind == "stays" { 0.0 } else { 1.0 };
        if left <= 0.0 {
            at = (at + 1) % levels.len();
            left = (stays[at] * haste * (1.0 + varies * random.normal())).max(1.0);
        }
        let level = match kind {
            "other level" => levels[at] + 1.5,
            "drifts" => levels[at] + 2.0 * share,
            _ => levels[at],
        };
        level + random.normal() * if kind == "noisy" { 5.0 * noise + 0.2 } else { noise }
    };
    ((0..rows).map(&mut value).collect(), plan)
}

fn walk(random: &mut Random, rows: usize) -> (Vec<f64>, Plan) {
    let pull = random.magnitude(1e-4, 1e-2);
    let momentum = random.between(0.0, 0.9);
    let noise = if random.chance(0.5) { 0.0 } else { random.between(0.1, 2.0) };
    let plan = disturb(random, rows, Process::Walk, |random, kind| match kind {
        "spike" => 2.0,
        "jump" | "runs away" => 60.0,
        _ => random.magnitude(30.0, 200.0),
    });
    let (mut place, mut step, mut offset, mut last) = (0.0, 0.0, 0.0, 0.0);
    let mut value = |row| {
        let (kind, share) = at_row(&plan, row);
        step = momentum * step + (1.0 - momentum) * random.normal();
        place += step - pull * place + if kind == "runs away" { 1.0 } else { 0.0 };
        if kind == "jump" && share == 0.0 {
            offset += 15.0 * random.sign();
        }
        let more = match kind {
            "spike" => 15.0,
            "noisy" => (4.0 + 3.0 * noise) * random.normal(),
            _ => 0.0,
        };
        let value = place + offset + more + noise * random.normal();
        last = if kind == "stuck" { last } else { value };
        last
    };
    ((0..rows).map(&mut value).collect(), plan)
}

fn load(random: &mut Random, rows: usize) -> (Vec<f64>, Plan) {
    let lasting = random.between(0.3, 0.97);
    let spread = random.between(0.2, 1.0);
    let day = if random.chance(0.5) { random.between(0.3, 1.0) } else { 0.0 };
    let rows_a_day = DAY_MS as f64 / INTERVAL_MS as f64;
    let plan = disturb(random, rows, Process::Load, |random, kind| match kind {
        "peak" => 3.0,
        "none" => random.between(5.0, 55.0),
        _ => random.magnitude(30.0, 200.0),
    });
    let mut deviation = random.normal();
    let mut value = |row| {
        deviation = random.autoregressive(deviation, lasting);
        let value = libm::exp(spread * deviation + day * libm::sin(TAU * row as f64 / rows_a_day));
        match at_row(&plan, row).0 {
            "more" => value * (1.0 + 3.0 * spread),
            "less" => value / (1.0 + 3.0 * spread),
            "peak" => value + 20.0 * spread,
            "none" => 0.0,
            _ => value,
        }
    };
    ((0..rows).map(&mut value).collect(), plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_series_is_a_function_of_its_seed() {
        for kind in Process::ALL {
            assert_eq!(process(kind, 3), process(kind, 3), "{kind}");
            assert_ne!(process(kind, 3).values, process(kind, 4).values, "{kind}");
        }
    }

    #[test]
    fn disturbances_come_behind_the_learning_and_apart_and_each_comes_up() {
        for kind in Process::ALL {
            let mut seen = BTreeSet::new();
            for seed in 0..60 {
                let series = process(kind, seed);
                assert_eq!(series.times.len(), series.values.len());
                assert!(series.values.iter().all(|value| value.is_finite()), "{}", series.name);
                let first = series.disturbances.first().expect("each has one");
                assert!(first.1.start as f64 >= LEARNING * series.values.len() as f64 - 1.0);
                let pairs = series.disturbances.windows(2);
                assert!(pairs.into_iter().all(|pair| pair[0].1.end < pair[1].1.start), "{}", series.name);
                assert!(series.disturbances.last().unwrap().1.end <= series.values.len());
                seen.extend(series.disturbances.iter().map(|(name, _)| *name));
            }
            assert_eq!(seen, kind.disturbances().iter().copied().collect(), "{kind}");
        }
    }

    #[test]
    fn what_is_stuck_stands_and_what_is_none_is_zero() {
        let rows_of = |kind, name: &str| -> Vec<Vec<f64>> {
            let series = (0..40).map(move |seed| process(kind, seed));
            series
                .flat_map(|series| {
                    let rows = series.disturbances.iter().filter(|(other, _)| *other == name);
                    rows.map(|(_, rows)| series.values[rows.clone()].to_vec()).collect::<Vec<_>>()
                })
                .collect()
        };
        let stuck = rows_of(Process::Walk, "stuck");
        assert!(
            !stuck.is_empty() && stuck.iter().all(|values| values.iter().all(|value| *value == values[0]))
        );
        let none = rows_of(Process::Load, "none");
        assert!(!none.is_empty() && none.iter().flatten().all(|value| *value == 0.0));
    }
}
