//! A fleet of series of which some fail together, and which failed for which reason.

use super::normal::{Kind, START_MS, Series};
use super::random::Random;
use std::collections::BTreeSet;

const MINUTE_MS: f64 = 60_000.0;
/// Fewest and most series that a failure strikes.
const STRUCK_MIN: usize = 2;
const STRUCK_MAX: usize = 20;
/// Sets of series of unlike names that hang on something in common, and fail again and again.
const HIDDEN_SETS: usize = 8;
/// How long after the end of a strike what opens on its series is still of it: the way back is news as well.
const AFTERMATH_ROWS: i64 = 20;

/// What a fleet is like.
#[derive(Clone, Debug)]
pub struct FleetOptions {
    /// All is drawn from it.
    pub seed: u64,
    /// Rows of each series.
    pub rows: usize,
    /// Rows before the first failure.
    pub learning: usize,
    /// Milliseconds between two observations of a series.
    pub interval_ms: i64,
    /// Failures, a share of which overlap.
    pub failures: usize,
}

/// What the series of a failure have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A host.
    Host,
    /// A service, on several hosts.
    Service,
    /// Something that their names don't tell, but that has failed before, or will.
    Hidden,
    /// Nothing that shows.
    Chance,
}

/// A strike on one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Struck {
    /// Which series.
    pub series: usize,
    /// From when on it is not as usual,
    pub from_ms: i64,
    /// and until when.
    pub until_ms: i64,
    shape: Shape,
}

/// What a strike does to a series, in its spreads.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Shift(f64),
    /// A shift that grows over a quarter of the strike.
    Ramp(f64),
    Noise(f64),
    Silence,
}

/// Series that failed together.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Why.
    pub cause: Cause,
    /// On which series, the first first.
    pub strikes: Vec<Struck>,
}

/// A fleet of 500 series that know nothing of each other but for the failures.
#[derive(Clone, Debug)]
pub struct Fleet {
    options: FleetOptions,
    keys: Vec<String>,
    failures: Vec<Failure>,
    /// When within the interval each series reports.
    phases_ms: Vec<i64>,
}

/// One observation of a fleet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FleetPoint {
    /// Which series.
    pub series: usize,
    /// When, Unix milliseconds.
    pub time_ms: i64,
    /// What.
    pub value: f64,
}

impl Fleet {
    /// The fleet of a seed.
    pub fn new(options: FleetOptions) -> Self {
        assert!(options.learning < options.rows, "failures come behind what is learnt from");
        let mut random = Random::new(options.seed);
        let keys = keys();
        let phases_ms = keys.iter().map(|_| random.below(options.interval_ms as usize) as i64).collect();
        let failures = failures(&keys, &options, &mut random);
        Self { options, keys, failures, phases_ms }
    }

    /// Keys of the series.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The failures in the order in which they begin.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// When the first failure may begin.
    pub fn learnt_ms(&self) -> i64 {
        START_MS + self.options.learning as i64 * self.options.interval_ms
    }

    /// The failure that is the reason of an alert which opened on a series at a time; `None` where there is none.
    /// Of several, the one that struck the series last.
    pub fn cause_of(&self, series: usize, opened_ms: i64) -> Option<usize> {
        let aftermath_ms = AFTERMATH_ROWS * self.options.interval_ms;
        let strikes = self.failures.iter().enumerate().flat_map(|(number, failure)| {
            failure
                .strikes
                .iter()
                .filter(|strike| strike.series == series)
                .map(move |strike| (number, strike))
        });
        let reasons = strikes
            .filter(|(_, strike)| strike.from_ms <= opened_ms && opened_ms <= strike.until_ms + aftermath_ms);
        reasons.max_by_key(|(_, strike)| strike.from_ms).map(|(number, _)| number)
    }

    /// The observations of the series that `wanted` lets through, in the order of time.
    pub fn points(&self, wanted: impl Fn(usize) -> bool) -> Vec<FleetPoint> {
        let mut points: Vec<FleetPoint> = (0..self.keys.len())
            .filter(|series| wanted(*series))
            .flat_map(|series| self.of_series(series))
            .collect();
        points.sort_unstable_by_key(|point| (point.time_ms, point.series));
        points
    }

    fn of_series(&self, number: usize) -> Vec<FleetPoint> {
        let mut random = Random::new(self.options.seed ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9));
        let kind = Kind::ALL[random.below(Kind::ALL.len())];
        let series = Series::new(kind, random.bits()).with_interval_ms(self.options.interval_ms);
        let (level, spread) = (series.level(), series.spread());
        let counts = matches!(kind, Kind::FewCounts | Kind::ManyCounts);
        let unit = match kind {
            Kind::Student => 3.0 * spread,
            Kind::FewCounts => spread.max(1.0),
            _ => spread,
        };
        let strikes: Vec<&Struck> = self.failures.iter().flat_map(|failure| &failure.strikes).collect();
        let strikes: Vec<&Struck> = strikes.into_iter().filter(|strike| strike.series == number).collect();
        let mut points = Vec::with_capacity(self.options.rows);
        for (row, (_, usual)) in series.take(self.options.rows).enumerate() {
            let time_ms = START_MS + row as i64 * self.options.interval_ms + self.phases_ms[number];
            let now = strikes.iter().filter(|strike| (strike.from_ms..strike.until_ms).contains(&time_ms));
            let (mut value, mut silent) = (usual, false);
            for strike in now {
                match strike.shape {
                    Shape::Shift(size) => value += size * unit,
                    Shape::Ramp(size) => {
                        let share =
                            (time_ms - strike.from_ms) as f64 / (strike.until_ms - strike.from_ms) as f64;
                        value += size * unit * (4.0 * share).min(1.0);
                    }
                    Shape::Noise(factor) => value = level + factor * (value - level),
                    Shape::Silence => silent = true,
                }
            }
            if counts {
                value = libm::rint(value).max(0.0);
            }
            if !silent {
                points.push(FleetPoint { series: number, time_ms, value });
            }
        }
        points
    }
}

/// 300 series of 30 hosts, 192 of 12 services that run on those, 8 of the edge.
fn keys() -> Vec<String> {
    let hosts: Vec<String> = [("web", 12), ("db", 6), ("cache", 4), ("worker", 8)]
        .into_iter()
        .flat_map(|(role, count)| (1..=count).map(move |number| format!("{role}-{number:02}")))
        .collect();
    let metrics = [
        "cpu/user",
        "cpu/iowait",
        "mem/used",
        "mem/swap",
        "disk/sda/util",
        "disk/sda/await",
        "disk/sda/free",
        "net/eth0/rx",
        "net/eth0/tx",
        "load",
    ];
    let services = [
        "checkout",
        "cart",
        "search",
        "login",
        "catalog",
        "pricing",
        "mail",
        "invoice",
        "stock",
        "review",
        "image",
        "recommend",
    ];
    let mut keys = Vec::new();
    for host in &hosts {
        keys.extend(metrics.iter().map(|metric| format!("{host}/{metric}")));
    }
    for (number, service) in services.into_iter().enumerate() {
        for instance in 0..4 {
            let host = &hosts[(number * 5 + instance * 7) % hosts.len()];
            let metrics = ["latency_p99", "requests", "errors", "queue"];
            keys.extend(metrics.iter().map(|metric| format!("svc.{service}.{host}.{metric}")));
        }
    }
    keys.extend(
        ["hits", "misses", "bytes", "tls", "errors", "latency", "purges", "origins"]
            .map(|metric| format!("edge:{metric}")),
    );
    keys
}

fn failures(keys: &[String], options: &FleetOptions, random: &mut Random) -> Vec<Failure> {
    let hidden: Vec<Vec<usize>> = (0..HIDDEN_SETS)
        .map(|_| {
            let count = STRUCK_MIN + 1 + random.below(STRUCK_MAX - STRUCK_MIN);
            some_of((0..keys.len()).collect(), count, random)
        })
        .collect();
    let from_ms = START_MS + options.learning as i64 * options.interval_ms;
    let span_ms = (options.rows - options.learning) as f64 * options.interval_ms as f64 - 240.0 * MINUTE_MS;
    let mut begins: Vec<i64> = Vec::new();
    while begins.len() < options.failures {
        let begin_ms = from_ms + (random.uniform() * span_ms) as i64;
        begins.push(begin_ms);
        // One in six is followed by another at once, of another cause.
        if random.chance(1.0 / 6.0) && begins.len() < options.failures {
            begins.push(begin_ms + random.between(0.0, 10.0 * MINUTE_MS) as i64);
        }
    }
    begins.sort_unstable();
    begins.into_iter().map(|begin_ms| failure(keys, &hidden, begin_ms, random)).collect()
}

fn failure(keys: &[String], hidden: &[Vec<usize>], begin_ms: i64, random: &mut Random) -> Failure {
    let with = |word: &str| -> Vec<usize> {
        let has = |key: &String| key.split(['/', '.', ':']).any(|part| part == word);
        (0..keys.len()).filter(|series| has(&keys[*series])).collect()
    };
    let parts = |series: usize| keys[series].split(['/', '.']).collect::<Vec<_>>();
    let (cause, candidates) = match random.uniform() {
        draw if draw < 0.45 => (Cause::Host, with(parts(random.below(300))[0])),
        draw if draw < 0.7 => (Cause::Service, with(parts(300 + random.below(192))[1])),
        draw if draw < 0.85 => (Cause::Hidden, hidden[random.below(hidden.len())].clone()),
        _ => (Cause::Chance, (0..keys.len()).collect()),
    };
    let count = match cause {
        // Most of them, each time.
        Cause::Hidden => (candidates.len() * 4).div_ceil(5).max(STRUCK_MIN),
        _ => (STRUCK_MIN + random.below(STRUCK_MAX - STRUCK_MIN + 1)).min(candidates.len()),
    };
    let struck = some_of(candidates, count, random);
    // How fast it spreads: within seconds or within minutes.
    let delay_ms = random.magnitude(2_000.0, 90_000.0);
    let length_ms = random.magnitude(10.0, 180.0) * MINUTE_MS;
    let mut strikes: Vec<Struck> = struck
        .into_iter()
        .enumerate()
        .map(|(number, series)| {
            let wait_ms = if number == 0 { 0.0 } else { -libm::log(random.uniform()) * delay_ms };
            let from_ms = begin_ms + wait_ms.min(10.0 * MINUTE_MS) as i64;
            let until_ms = from_ms + (length_ms * random.between(0.9, 1.1)) as i64;
            let size = random.sign() * random.magnitude(5.0, 30.0);
            let shape = match random.below(10) {
                0..=5 => Shape::Shift(size),
                6 => Shape::Ramp(size),
                7 | 8 => Shape::Noise(size.abs()),
                _ => Shape::Silence,
            };
            Struck { series, from_ms, until_ms, shape }
        })
        .collect();
    strikes.sort_by_key(|strike| strike.from_ms);
    Failure { cause, strikes }
}

/// So many of the candidates, in random order.
fn some_of(mut candidates: Vec<usize>, count: usize, random: &mut Random) -> Vec<usize> {
    let mut chosen = Vec::with_capacity(count);
    for _ in 0..count {
        chosen.push(candidates.swap_remove(random.below(candidates.len())));
    }
    debug_assert_eq!(chosen.iter().collect::<BTreeSet<_>>().len(), count);
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(seed: u64) -> Fleet {
        Fleet::new(FleetOptions { seed, rows: 3_000, learning: 1_000, interval_ms: 120_000, failures: 40 })
    }

    #[test]
    fn a_fleet_is_a_function_of_its_seed() {
        let bits = |seed| -> Vec<(usize, i64, u64)> {
            let points = fleet(seed).points(|series| series % 100 == 0);
            points.into_iter().map(|point| (point.series, point.time_ms, point.value.to_bits())).collect()
        };
        assert_eq!(bits(1), bits(1));
        assert_ne!(bits(1), bits(2));
    }

    #[test]
    fn five_hundred_series_fail_2_to_20_at_a_time() {
        let fleet = fleet(1);
        assert_eq!(fleet.keys().iter().collect::<BTreeSet<_>>().len(), 500);
        assert_eq!(fleet.failures().len(), 40);
        for failure in fleet.failures() {
            assert!((2..=20).contains(&failure.strikes.len()), "{failure:?}");
            let first = failure.strikes[0].from_ms;
            assert!(failure.strikes.iter().all(|strike| strike.from_ms - first <= 600_000));
        }
        let causes: BTreeSet<Cause> = fleet.failures().iter().map(|failure| failure.cause).collect();
        assert_eq!(causes.len(), 4);
    }

    #[test]
    fn series_that_fail_differ_from_themselves_while_they_do_and_only_then() {
        let (with, mut without) = (fleet(3), fleet(3));
        without.failures.clear();
        let strike = with.failures()[0].strikes[0];
        let values = |fleet: &Fleet| -> Vec<FleetPoint> { fleet.points(|series| series == strike.series) };
        let (with_values, usual) = (values(&with), values(&without));
        let struck = |time_ms| {
            with.failures().iter().flat_map(|failure| &failure.strikes).any(|other| {
                other.series == strike.series && (other.from_ms..other.until_ms).contains(&time_ms)
            })
        };
        let alike: BTreeSet<i64> =
            with_values.iter().filter(|point| usual.contains(point)).map(|point| point.time_ms).collect();
        for point in usual {
            assert!(struck(point.time_ms) || alike.contains(&point.time_ms), "{point:?}");
        }
    }

    #[test]
    fn an_alert_has_the_reason_that_struck_its_series() {
        let fleet = fleet(4);
        for (number, failure) in fleet.failures().iter().enumerate() {
            for strike in &failure.strikes {
                let cause = fleet.cause_of(strike.series, strike.from_ms).expect("a reason");
                assert!(
                    cause == number
                        || fleet.failures()[cause].strikes.iter().any(|s| s.series == strike.series)
                );
            }
        }
        assert_eq!(fleet.cause_of(0, START_MS), None);
    }
}
