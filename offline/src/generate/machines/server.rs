//! A computer under load.

use super::{came_to_pass, follow, rounded, spacing};
use crate::generate::plan::{Plan, at_row, plan};
use crate::generate::random::Random;
use crate::generate::season::DAY_MS;
use std::f64::consts::TAU;

/// What may be wrong.
pub(super) const FAULTS: [&str; 9] =
    ["overload", "idle", "slow", "leak", "errors", "job hangs", "busy disk", "stuck", "other setting"];

/// What a field shows.
enum Field {
    /// Share of a resource that the load takes, in percent.
    Busy { appetite: f64, noise: f64, step: f64 },
    /// What passes through, in proportion to a power of the load, log-normal.
    Traffic { scale: f64, power: f64, noise: f64 },
    /// Time of an answer, which grows with the load.
    Latency { scale: f64, noise: f64 },
    /// Memory that fills with the load, and is released at a bound.
    Memory { used: f64, rate: f64, bound: f64 },
    /// A job that comes every so many rows and works for some.
    Job { every: usize, works: usize, height: f64, noise: f64 },
    /// Zeros, and at random a burst.
    Bursts { chance: f64, height: f64, left: u64 },
    /// Counts of what goes wrong now and then.
    Errors { mean: f64 },
    /// What is open at a time, a whole number that follows the load.
    Open { scale: f64, now: f64 },
    /// What follows the load slowly, a temperature.
    Slow { level: f64, gain: f64, now: f64, noise: f64 },
    /// What somebody set.
    Setting { value: f64 },
}

impl Field {
    fn new(random: &mut Random) -> Self {
        let noise = random.magnitude(0.01, 0.5);
        let scale = random.magnitude(0.1, 1e6);
        match random.below(13) {
            0 | 1 => Self::Busy {
                appetite: random.between(0.05, 0.6),
                noise: random.between(0.2, 4.0),
                step: if random.chance(0.5) { 1.0 } else { 0.01 },
            },
            2..=4 => Self::Traffic { scale, power: random.between(0.5, 1.3), noise },
            5 => Self::Latency { scale, noise },
            6 => Self::Memory {
                used: 0.3,
                rate: random.magnitude(3e-4, 1e-2),
                bound: random.between(0.6, 0.9),
            },
            7 => {
                let every = random.magnitude(15.0, 400.0) as usize;
                let works = (every as f64 * random.between(0.02, 0.3)) as usize + 1;
                Self::Job { every, works, height: scale, noise: 0.2 * noise }
            }
            8 => Self::Bursts { chance: random.magnitude(0.002, 0.05), height: scale, left: 0 },
            9 => Self::Errors { mean: random.magnitude(0.002, 0.5) },
            10 => Self::Open { scale: random.magnitude(3.0, 300.0), now: 0.0 },
            11 => Self::Slow {
                level: random.between(20.0, 60.0),
                gain: random.between(1.0, 8.0),
                now: 0.0,
                noise: 0.5 * noise,
            },
            _ => Self::Setting { value: rounded(scale, 1.0).max(1.0) },
        }
    }

    fn next(&mut self, load: f64, fault: &str, row: usize, random: &mut Random) -> f64 {
        let normal = random.normal();
        match self {
            Self::Busy { appetite, noise, step } => {
                let load = if fault == "slow" { 3.0 * load } else { load };
                let value = 100.0 * (1.0 - libm::exp(-*appetite * load)) + *noise * normal;
                rounded(value.clamp(0.0, 100.0), *step)
            }
            Self::Traffic { scale, power, noise } => {
                *scale * libm::pow(load, *power) * libm::exp(*noise * normal)
            }
            Self::Latency { scale, noise } => {
                let slow = if fault == "slow" { 4.0 } else { 1.0 };
                *scale * (1.0 + 0.3 * load * load) * slow * libm::exp(*noise * normal)
            }
            Self::Memory { used, rate, bound } => {
                *used += *rate * load * random.uniform() * if fault == "leak" { 6.0 } else { 1.0 };
                if *used > *bound && fault != "leak" {
                    *used = 0.3;
                }
                used.min(1.0) * 100.0
            }
            Self::Job { every, works, height, noise } => {
                let active = row % *every < *works || fault == "job hangs";
                *height * (0.05 + if active { 1.0 } else { 0.0 }) * (1.0 + *noise * normal)
            }
            Self::Bursts { chance, height, left } => {
                if *left == 0 && random.chance(*chance) {
                    *left = random.run(4.0);
                }
                let active = *left > 0 || fault == "busy disk";
                *left = left.saturating_sub(1);
                if active { *height * libm::exp(0.7 * normal) } else { 0.0 }
            }
            Self::Errors { mean } => {
                let more = if fault == "errors" { 5.0 + 20.0 * *mean } else { 0.0 };
                random.poisson(*mean * load.max(0.01) + more)
            }
            Self::Open { scale, now } => {
                let target = *scale * load * if fault == "slow" { 3.0 } else { 1.0 };
                random.poisson(follow(now, target, 0.2).max(1e-6))
            }
            Self::Slow { level, gain, now, noise } => {
                *level + follow(now, *gain * load, 0.03) + *noise * normal
            }
            Self::Setting { value } => *value,
        }
    }

    /// Whether it is a job that works in a row as it should.
    fn works(&self, row: usize) -> bool {
        matches!(self, Self::Job { every, works, .. } if row % every < *works)
    }

    /// What a fault needs so that it can be seen.
    fn shows(&self, fault: &str) -> bool {
        match fault {
            "overload" | "idle" => {
                matches!(self, Self::Busy { .. } | Self::Traffic { .. } | Self::Open { .. })
            }
            "slow" => matches!(self, Self::Latency { .. } | Self::Open { .. }),
            "leak" => matches!(self, Self::Memory { .. }),
            "errors" => matches!(self, Self::Errors { .. }),
            "job hangs" => matches!(self, Self::Job { .. }),
            "busy disk" => matches!(self, Self::Bursts { .. }),
            "other setting" => matches!(self, Self::Setting { .. }),
            _ => matches!(self, Self::Traffic { .. }),
        }
    }
}

/// Values row by row, and what was wrong.
pub(super) fn watch(random: &mut Random, times: &[i64]) -> (Vec<f64>, Plan) {
    let rows = times.len();
    let count = random.between(12.0, 39.0) as usize;
    let mut fields: Vec<Field> = (0..count).map(|_| Field::new(random)).collect();
    let kinds: Vec<&str> =
        FAULTS.into_iter().filter(|fault| fields.iter().any(|field| field.shows(fault))).collect();
    let plan = plan(random, rows, &kinds, &spacing(rows, 500), |random, kind| {
        // Bursts of a dozen rows are usual.
        let least = if kind == "busy disk" { 40.0 } else { 10.0 };
        random.magnitude(least, 200.0)
    });
    let mut changed = vec![false; rows];
    let day = random.between(0.2, 0.8);
    let (spread, lasting) = (random.between(0.1, 0.4), random.between(0.8, 0.98));
    let (mut deviation, mut last) = (random.normal(), vec![0.0; count]);
    let stuck = (0..count).find(|field| fields[*field].shows("stuck"));
    let mut values = Vec::with_capacity(rows * count);
    for (row, time_ms) in times.iter().enumerate() {
        let (fault, _) = at_row(&plan, row);
        changed[row] = fields.iter().any(|field| field.shows(fault) && !field.works(row));
        deviation = random.autoregressive(deviation, lasting);
        let turn = libm::sin(TAU * (time_ms % DAY_MS) as f64 / DAY_MS as f64);
        let load = libm::exp(day * turn + spread * deviation);
        let load = match fault {
            "overload" => 4.0 * load,
            "idle" => 0.03 * load,
            _ => load,
        };
        for (at, field) in fields.iter_mut().enumerate() {
            let mut value = field.next(load, fault, row, random);
            if fault == "other setting" && field.shows(fault) {
                value *= 2.0;
            }
            if fault == "stuck" && stuck == Some(at) {
                value = last[at];
            }
            last[at] = value;
            values.push(value);
        }
    }
    (values, came_to_pass(plan, &changed))
}
