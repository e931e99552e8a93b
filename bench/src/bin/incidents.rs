//! How well incidents tell which alerts belong together: the engine over generated fleets of 500 series of which
//! some fail together, its alerts given to the incidents, and those compared with the failures.
//!
//! `cargo run --release -p kizashi-bench --bin incidents -- [SEED...]`: seeds of fleets, 1 to 3 by default; the
//! constants were chosen on the seeds from 101 on. Prints, over all fleets, precision, recall and F1 of pairs: two
//! alerts in one incident against two alerts of one failure. An alert that is of no failure is alone in truth. Alerts of
//! the first week, in which there is no failure and the engine begins to learn, are given to the incidents, and
//! are not judged.

use kizashi_models::{
    alert::{Alert, AlertEvent},
    detector::DefaultDetector,
    engine::{Engine, EngineConfig, Output},
    incident::{Incidents, Parameters},
    observation::{Observation, Values},
    position::{Position, Source},
};
use kizashi_offline::generate::{Fleet, FleetOptions};
use kizashi_offline::parallel::on_all_cores;
use std::{collections::BTreeMap, sync::Arc, time::Instant};

const SHARDS: usize = 2;
const INTERVAL_MS: i64 = 120_000;
const ROWS_WEEK: usize = (7 * 86_400_000 / INTERVAL_MS) as usize;

/// An alert with the failure that it is of.
type Judged = (Arc<Alert>, Option<usize>);

fn main() {
    let seeds: Vec<u64> =
        std::env::args().skip(1).map(|seed| seed.parse().expect("SEED is a number")).collect();
    let seeds = if seeds.is_empty() { vec![1, 2, 3] } else { seeds };
    let begun = Instant::now();
    let mut total = Pairs::default();
    for seed in seeds {
        let fleet = fleet(seed);
        let alerts = alerts(&fleet);
        let false_alerts = without_cause(&alerts);
        let mut incidents = Incidents::new(100_000, Parameters::default());
        for (alert, _) in &alerts {
            incidents.put(alert.clone());
            incidents.settle();
        }
        let judged: Vec<Judged> =
            alerts.iter().filter(|(alert, _)| alert.opened_ms >= fleet.learnt_ms()).cloned().collect();
        let pairs = Pairs::of(&judged, &incidents);
        println!(
            "seed {seed}: {} failures, {} alerts, of no failure {} in the first week and {} behind it; {pairs}",
            fleet.failures().len(),
            alerts.len(),
            false_alerts - without_cause(&judged),
            without_cause(&judged),
        );
        total = total.and(&pairs);
    }
    println!("all: {total}");
    println!("{:.1} s", begun.elapsed().as_secs_f64());
}

fn without_cause(alerts: &[Judged]) -> usize {
    alerts.iter().filter(|(_, cause)| cause.is_none()).count()
}

fn fleet(seed: u64) -> Fleet {
    Fleet::new(FleetOptions {
        seed,
        rows: 3 * ROWS_WEEK,
        learning: ROWS_WEEK,
        interval_ms: INTERVAL_MS,
        failures: 30,
    })
}

/// What the engine says of the fleet, its series spread over shards: every alert as it is in the end, in the
/// order in which they opened.
fn alerts(fleet: &Fleet) -> Vec<Judged> {
    let shards = on_all_cores(SHARDS as u64, |shard| run(fleet, shard as usize));
    let mut alerts = BTreeMap::new();
    for event in shards.into_iter().flatten() {
        alerts.insert((event.alert.opened_ms, event.alert.id), Arc::new(event.alert));
    }
    let series: BTreeMap<&str, usize> =
        fleet.keys().iter().enumerate().map(|(number, key)| (key.as_str(), number)).collect();
    let judged = |alert: Arc<Alert>| {
        let cause = fleet.cause_of(series[&*alert.series], alert.opened_ms);
        (alert, cause)
    };
    alerts.into_values().map(judged).collect()
}

fn run(fleet: &Fleet, shard: usize) -> Vec<AlertEvent> {
    let mut engine =
        Engine::new(DefaultDetector::default(), EngineConfig::default()).expect("the default is allowed");
    let (mut out, mut events) = (Output::default(), Vec::new());
    let points = fleet.points(|series| series % SHARDS == shard);
    for (number, point) in points.into_iter().enumerate() {
        let mut sequence = [0; 24];
        sequence[16..].copy_from_slice(&(number as u64 + 1).to_be_bytes());
        let at = Position { sequence, index: 0 };
        let source =
            Source { stream: "events".into(), shard: format!("shardId-{shard:012}").into(), position: at };
        let observation = Observation {
            series: fleet.keys()[point.series].as_str().into(),
            time_ms: Some(point.time_ms),
            values: Values::One(point.value),
        };
        engine.observe(at, &source, point.time_ms, &observation, &mut out).expect("an observation to score");
        events.append(&mut out.events);
        out.clear();
    }
    events
}

/// Pairs of alerts: those of one failure, those in one incident, and those that are both.
#[derive(Default)]
struct Pairs {
    true_pairs: u64,
    found: u64,
    both: u64,
    incidents: usize,
}

impl Pairs {
    fn of(alerts: &[Judged], incidents: &Incidents) -> Self {
        let mut pairs = Self::default();
        let incident = |alert: &Alert| incidents.of_alert(alert.id).expect("each alert is in an incident").id;
        for (at, (alert, cause)) in alerts.iter().enumerate() {
            for (other, other_cause) in &alerts[at + 1..] {
                let is = cause.is_some() && cause == other_cause;
                let found = incident(alert) == incident(other);
                pairs.true_pairs += u64::from(is);
                pairs.found += u64::from(found);
                pairs.both += u64::from(is && found);
            }
        }
        pairs.incidents =
            incidents.newest_first(None).filter(|(_, incident)| incident.members.len() > 1).count();
        pairs
    }

    fn and(&self, other: &Self) -> Self {
        Self {
            true_pairs: self.true_pairs + other.true_pairs,
            found: self.found + other.found,
            both: self.both + other.both,
            incidents: self.incidents + other.incidents,
        }
    }
}

impl std::fmt::Display for Pairs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let precision = self.both as f64 / self.found as f64;
        let recall = self.both as f64 / self.true_pairs as f64;
        let f1 = 2.0 * precision * recall / (precision + recall);
        write!(
            f,
            "{} incidents of several alerts; pairs: precision {precision:.3}, recall {recall:.3}, F1 {f1:.3}",
            self.incidents
        )
    }
}
