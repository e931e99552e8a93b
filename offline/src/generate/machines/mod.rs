//! Machines seen through many fields at once, of which most say something of the same few causes: a server, a plant that
//! works in batches, a pump on a test rig. Fields are of the kinds that such machines have: switches, counts, what is mostly
//! zero, what never changes, what lags behind something else.

mod plant;
mod rig;
mod server;

use super::normal::START_MS;
use super::plan::{Plan, Spacing};
use super::random::Random;
use std::fmt;
use std::ops::Range;

/// Share of the rows before the first fault.
const LEARNING: f64 = 0.4;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Machine {
    /// A computer under a load that has a day: 12 to 38 fields, a row a minute.
    Server,
    /// One to three vessels that are filled, heated, and drained: 5 to 28 fields, a row a minute.
    Plant,
    /// A pump in a loop: 8 fields, a row a second, 1,000 to 1,400 of them, and one fault.
    Rig,
}

impl Machine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Server, Self::Plant, Self::Rig];

    /// Its name, lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Plant => "plant",
            Self::Rig => "rig",
        }
    }

    /// What may be wrong with it.
    pub fn faults(self) -> &'static [&'static str] {
        match self {
            Self::Server => &server::FAULTS,
            Self::Plant => &plant::FAULTS,
            Self::Rig => &rig::FAULTS,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a machine's fields showed, and its faults.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// What it is, and its seed.
    pub name: String,
    /// How many fields each row has.
    pub fields: usize,
    /// Time of each row, Unix milliseconds.
    pub times: Vec<i64>,
    /// Values, row by row.
    pub values: Vec<f64>,
    /// What was wrong, and in which rows, in their order.
    pub faults: Vec<(&'static str, Range<usize>)>,
}

/// A machine and its faults, all drawn from the seed.
pub fn machine(machine: Machine, seed: u64) -> Watched {
    let mut random = Random::new(seed);
    let (rows, interval_ms) = match machine {
        Machine::Rig => (random.between(1000.0, 1400.0) as usize, 1000),
        _ => (random.between(6000.0, 10_000.0) as usize, 60_000),
    };
    let times: Vec<i64> = (0..rows as i64).map(|row| START_MS + row * interval_ms).collect();
    let (values, faults) = match machine {
        Machine::Server => server::watch(&mut random, &times),
        Machine::Plant => plant::watch(&mut random, rows),
        Machine::Rig => rig::watch(&mut random, rows),
    };
    Watched { name: format!("{machine}-{seed:016x}"), fields: values.len() / rows, times, values, faults }
}

/// Faults come once [`LEARNING`] of the rows have gone, `apart` rows or more from one beginning to the next.
fn spacing(rows: usize, apart: usize) -> Spacing {
    let learning = (LEARNING * rows as f64) as usize;
    Spacing { learning, learning_more: apart, apart, apart_more: 2 * apart }
}

/// The plan as it came to pass: of each fault the rows from the first to the last in which it changed something, and none of
/// one that changed nothing, as a valve that sticks while it is closed anyway.
fn came_to_pass(plan: Plan, changed: &[bool]) -> Plan {
    let seen = plan.into_iter().filter_map(|(kind, rows)| {
        let first = rows.clone().find(|row| changed[*row])?;
        let last = rows.rev().find(|row| changed[*row])?;
        Some((kind, first..last + 1))
    });
    seen.collect()
}

/// A value to a number of steps of its unit, as meters give it.
fn rounded(value: f64, step: f64) -> f64 {
    libm::rint(value / step) * step
}

/// Follows `target` by a share of what is between.
fn follow(value: &mut f64, target: f64, share: f64) -> f64 {
    *value += share * (target - *value);
    *value
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_machine_is_a_function_of_its_seed() {
        for kind in Machine::ALL {
            assert_eq!(machine(kind, 3), machine(kind, 3), "{kind}");
            assert_ne!(machine(kind, 3).values, machine(kind, 4).values, "{kind}");
        }
    }

    #[test]
    fn faults_come_behind_the_learning_and_apart_and_each_comes_up() {
        for kind in Machine::ALL {
            let mut seen = BTreeSet::new();
            for seed in 0..60 {
                let watched = machine(kind, seed);
                let rows = watched.times.len();
                assert_eq!(watched.values.len(), rows * watched.fields);
                assert!(watched.values.iter().all(|value| value.is_finite()), "{}", watched.name);
                let first = watched.faults.first().expect("each has one");
                assert!(first.1.start as f64 >= 0.4 * rows as f64 - 1.0, "{}", watched.name);
                let pairs = watched.faults.windows(2);
                assert!(pairs.into_iter().all(|pair| pair[0].1.end < pair[1].1.start), "{}", watched.name);
                assert!(watched.faults.last().unwrap().1.end <= rows, "{}", watched.name);
                seen.extend(watched.faults.iter().map(|(name, _)| *name));
            }
            assert_eq!(seen, kind.faults().iter().copied().collect(), "{kind}");
        }
    }

    #[test]
    fn a_hot_bearing_warms_the_body() {
        let mean = |watched: &Watched, field: usize, rows: Range<usize>| {
            let values = rows.clone().map(|row| watched.values[row * watched.fields + field]);
            values.sum::<f64>() / rows.len() as f64
        };
        let hot =
            (0..60).map(|seed| machine(Machine::Rig, seed)).filter(|rig| rig.faults[0].0 == "hot bearing");
        let mut count = 0;
        for rig in hot {
            let rows = rig.faults[0].1.clone();
            let before = mean(&rig, 4, rows.start - 50..rows.start);
            let end = mean(&rig, 4, rows.end - 30..rows.end);
            assert!(end > before + 1.0, "{}: {before} to {end}", rig.name);
            count += 1;
        }
        assert!(count > 0);
    }
}
