//! How well anomaly scores tell the anomalies of generated series, by event.
//!
//! `cargo run --release -p kizashi-bench --bin generated_scores -- [NAME=VALUE …]`: series of one value with the generator's
//! anomalies, vectors with failures, and series whose rhythm is no clock's; of each the best F1 over thresholds and the
//! recall at one false alert in 5,000 rows. NAME=VALUE is a parameter of the detector to try in place of the service's:
//! 0 for a weight shows what it is for.

use kizashi_bench::{detector_of, parallel::on_all_cores};
use kizashi_models::detector::{DefaultDetector, Detector, Parameters, Scored};
use kizashi_offline::event_score::{EventScore, Labels, Rules, score};
use kizashi_offline::generate::{Process, failing, labelled, process};
use std::collections::BTreeMap;

const RULES: Rules = Rules { late: 20, quiet: 100, probation: 700 };
const VALUES: u64 = 400;
const VECTORS: u64 = 150;
const VECTOR_ROWS: usize = 6000;
const PROCESSES: u64 = 100;
/// First seeds: not those of other benchmarks.
const VALUES_FROM: u64 = 1_000_000;
const VECTORS_FROM: u64 = 5_000_000;
const PROCESSES_FROM: u64 = 7_000_000;

/// Times and values of a series, and first and last row of each of its anomalies.
struct Series {
    times: Vec<i64>,
    fields: usize,
    values: Vec<f64>,
    windows: Vec<(usize, usize)>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let detector = detector_with(std::env::args().skip(1))?;
    println!("| | events | F1 | recall at 1 false in 5,000 rows |");
    println!("|---|---|---|---|");
    let one = |seed| {
        let series = labelled(VALUES_FROM + seed);
        Series { windows: series.windows(), times: series.times, fields: 1, values: series.values }
    };
    print_row("one value", &measure(&detector, VALUES, one)?);
    let vector = |seed: u64| {
        let fields = 2 + seed as usize % 12;
        let struck = 1 + seed as usize % 3 % fields;
        let series = failing(VECTORS_FROM + seed, VECTOR_ROWS, fields, struck);
        Series { windows: series.windows(), times: series.times, fields, values: series.values }
    };
    print_row("vectors", &measure(&detector, VECTORS, vector)?);
    let mut sum = 0.0;
    for kind in Process::ALL {
        let made = |seed| {
            let series = process(kind, PROCESSES_FROM + seed);
            let windows = series.disturbances.iter().map(|(_, rows)| (rows.start, rows.end - 1)).collect();
            Series { windows, times: series.times, fields: 1, values: series.values }
        };
        let found = measure(&detector, PROCESSES, made)?;
        print_row(kind.name(), &found);
        sum += found.f1;
    }
    println!("| mean of these {} | | {:.3} | |", Process::ALL.len(), sum / Process::ALL.len() as f64);
    Ok(())
}

/// The service's detector, but for what the arguments say.
fn detector_with(
    arguments: impl Iterator<Item = String>,
) -> Result<DefaultDetector, Box<dyn std::error::Error>> {
    let mut parameters = Parameters::default();
    for argument in arguments {
        let (name, value) =
            argument.split_once('=').ok_or_else(|| format!("{argument}: NAME=VALUE is expected"))?;
        let value = value.parse().map_err(|error| format!("{argument}: {error}"))?;
        parameters = parameters.with(name, value).ok_or_else(|| format!("{name} is no parameter"))?;
    }
    Ok(detector_of(&parameters)?)
}

fn print_row(name: &str, found: &EventScore) {
    println!("| {name} | {} | {:.3} | {:.3} |", found.events, found.f1, found.recall_at_1_in_5000);
}

fn measure(
    detector: &DefaultDetector,
    count: u64,
    make: impl Fn(u64) -> Series + Sync,
) -> Result<EventScore, String> {
    let scored = on_all_cores(count, |seed| {
        let series = make(seed);
        let mut state = detector.new_state(&vec![None; series.fields]);
        let mut out = Scored::default();
        let mut scores = Vec::with_capacity(series.times.len());
        for (time_ms, values) in series.times.iter().zip(series.values.chunks(series.fields)) {
            detector.step(&mut state, *time_ms, values, &mut out);
            scores.push(out.anomaly_score);
        }
        (series.windows, scores)
    });
    let (mut windows, mut scores) = (BTreeMap::new(), BTreeMap::new());
    for (number, (of_series, its_scores)) in scored.into_iter().enumerate() {
        windows.insert(format!("{number:06}"), of_series);
        scores.insert(format!("{number:06}"), its_scores);
    }
    score(&Labels { rules: RULES, windows }, &scores)
}
