//! How well anomaly scores tell the anomalies of generated series, by event.
//!
//! `cargo run --release -p kizashi-bench --bin generated_scores -- [NAME=VALUE …]`: series of one value with the generator's
//! anomalies, vectors with failures, series whose rhythm is no clock's, vectors of these, and machines of many fields; of each
//! the best F1 over thresholds and the recall at one false alert in 5,000 rows; of the first also, by kind, what is found and how
//! many alerts are false there. NAME=VALUE is a parameter of the detector to try in place of the service's: 0 for a weight
//! shows what it is for. With `--features peers` the same of a random cut forest.

use kizashi_bench::{detector_with, own_scores};
use kizashi_offline::event_score::{EventScore, Labels, Rules, score, score_at};
use kizashi_offline::generate::{
    Kind, Labelled, Machine, Process, Random, failing, labelled, machine, process,
};
use kizashi_offline::parallel::on_all_cores;
use std::collections::BTreeMap;

const RULES: Rules = Rules { late: 20, quiet: 100, probation: 700 };
const VALUES: u64 = 400;
const VECTORS: u64 = 150;
const WIDE_VECTORS: u64 = 40;
const VECTOR_ROWS: usize = 6000;
const PROCESSES: u64 = 100;
/// First seeds: not those of other benchmarks.
const VALUES_FROM: u64 = 1_000_000;
const VECTORS_FROM: u64 = 5_000_000;
const WIDE_VECTORS_FROM: u64 = 6_000_000;
const PROCESSES_FROM: u64 = 7_000_000;
const MACHINES: u64 = 100;
const MACHINES_FROM: u64 = 8_000_000;
/// The rig's records are short.
const RIG_RULES: Rules = Rules { probation: 350, ..RULES };
const TOGETHER_FROM: u64 = 40_000_000;
/// The shortest process.
const TOGETHER_ROWS: usize = 5000;

/// Times and values of a series, and first and last row of each of its anomalies.
#[derive(Default)]
struct Series {
    /// The kind of a single value.
    kind: Option<Kind>,
    times: Vec<i64>,
    fields: usize,
    values: Vec<f64>,
    windows: Vec<(usize, usize)>,
}

impl Series {
    fn of(series: Labelled) -> Self {
        let windows = series.windows();
        let Labelled { kind, times, fields, values, .. } = series;
        Series { kind, times, fields, values, windows }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let detector = detector_with(std::env::args().skip(1))?;
    let own = |series: &Series| own_scores(&detector, &series.times, &series.values, series.fields);
    table("", own)?;
    #[cfg(feature = "peers")]
    table("forest", |series: &Series| kizashi_bench::forest::scores(&series.values, series.fields))?;
    Ok(())
}

/// Prints what a detector, which gives a score by row, finds.
fn table(name: &str, scores: impl Fn(&Series) -> Vec<f64> + Sync) -> Result<(), String> {
    println!("| {name} | events | F1 | recall at 1 false in 5,000 rows |");
    println!("|---|---|---|---|");
    let one = |seed| Series::of(labelled(VALUES_FROM + seed));
    let values = Set::scored(RULES, &scores, VALUES, one);
    let of_values = values.score()?;
    print_row("one value", &of_values);
    let vector = |seed, fields, struck| Series::of(failing(seed, VECTOR_ROWS, fields, struck));
    let narrow = |seed: u64| {
        let fields = 2 + seed as usize % 12;
        vector(VECTORS_FROM + seed, fields, 1 + seed as usize % 3 % fields)
    };
    print_row("vectors of 2 to 13", &Set::scored(RULES, &scores, VECTORS, narrow).score()?);
    let wide = |seed: u64| vector(WIDE_VECTORS_FROM + seed, 25 + seed as usize % 30, 1 + seed as usize % 4);
    print_row("vectors of 25 to 54", &Set::scored(RULES, &scores, WIDE_VECTORS, wide).score()?);
    print_row(
        "vectors of 2 to 6 processes",
        &Set::scored(RULES, &scores, PROCESSES, processes_together).score()?,
    );
    let mut sum = 0.0;
    for kind in Process::ALL {
        let made = |seed| {
            let series = process(kind, PROCESSES_FROM + seed);
            let windows = series.windows();
            Series { windows, times: series.times, fields: 1, values: series.values, ..Series::default() }
        };
        let found = Set::scored(RULES, &scores, PROCESSES, made).score()?;
        print_row(kind.name(), &found);
        sum += found.f1;
    }
    println!("| mean of these {} | | {:.3} | |", Process::ALL.len(), sum / Process::ALL.len() as f64);
    for kind in Machine::ALL {
        let made = |seed| {
            let series = machine(kind, MACHINES_FROM + seed);
            let windows = series.faults.iter().map(|(_, rows)| (rows.start, rows.end - 1)).collect();
            let (times, fields, values) = (series.times, series.fields, series.values);
            Series { windows, times, fields, values, ..Series::default() }
        };
        let rules = if kind == Machine::Rig { RIG_RULES } else { RULES };
        print_row(kind.name(), &Set::scored(rules, &scores, MACHINES, made).score()?);
    }
    println!();
    values.print_kinds(of_values.threshold)
}

/// Processes that have nothing in common but a clock, as the fields of one vector.
fn processes_together(seed: u64) -> Series {
    let fields = 2 + seed as usize % 5;
    let mut random = Random::new(TOGETHER_FROM + seed);
    let series: Vec<_> =
        (0..fields).map(|_| process(Process::ALL[random.below(Process::ALL.len())], random.bits())).collect();
    let values =
        (0..TOGETHER_ROWS).flat_map(|row| series.iter().map(move |series| series.values[row])).collect();
    let disturbed = series.iter().flat_map(|series| &series.disturbances);
    let mut each: Vec<_> = disturbed.map(|(_, rows)| (rows.start, rows.end.min(TOGETHER_ROWS) - 1)).collect();
    each.retain(|(first, _)| *first < TOGETHER_ROWS);
    each.sort_unstable();
    let mut windows: Vec<(usize, usize)> = Vec::new();
    for (first, last) in each {
        match windows.last_mut() {
            Some(before) if first <= before.1 => before.1 = before.1.max(last),
            _ => windows.push((first, last)),
        }
    }
    let times = series[0].times[..TOGETHER_ROWS].to_vec();
    Series { windows, times, fields, values, ..Series::default() }
}

fn print_row(name: &str, found: &EventScore) {
    println!("| {name} | {} | {:.3} | {:.3} |", found.events, found.f1, found.recall_at_1_in_5000);
}

/// Series of which all rows have a score.
struct Set {
    labels: Labels,
    scores: BTreeMap<String, Vec<f64>>,
    /// Of single values, by the same names.
    kinds: BTreeMap<String, Kind>,
}

impl Set {
    /// So many series that `make` makes of their numbers.
    fn scored(
        rules: Rules,
        scores_of: &(impl Fn(&Series) -> Vec<f64> + Sync),
        count: u64,
        make: impl Fn(u64) -> Series + Sync,
    ) -> Self {
        let scored = on_all_cores(count, |seed| {
            let series = make(seed);
            let scores = scores_of(&series);
            (series.kind, series.windows, scores)
        });
        let labels = Labels { rules, windows: BTreeMap::new() };
        let mut set = Set { labels, scores: BTreeMap::new(), kinds: BTreeMap::new() };
        for (number, (kind, windows, scores)) in scored.into_iter().enumerate() {
            let name = format!("{number:06}");
            set.kinds.extend(kind.map(|kind| (name.clone(), kind)));
            set.labels.windows.insert(name.clone(), windows);
            set.scores.insert(name, scores);
        }
        set
    }

    fn score(&self) -> Result<EventScore, String> {
        score(&self.labels, &self.scores)
    }

    /// Prints by kind what is found and what is false at a threshold.
    fn print_kinds(&self, threshold: f64) -> Result<(), String> {
        println!("| kind | events | found | false in 5,000 rows |");
        println!("|---|---|---|---|");
        for kind in Kind::ALL {
            let is_it = |name: &String| self.kinds.get(name) == Some(&kind);
            let windows = self.labels.windows.iter().filter(|(name, _)| is_it(name));
            let windows = windows.map(|(name, windows)| (name.clone(), windows.clone())).collect();
            let alerts = score_at(&Labels { rules: self.labels.rules, windows }, &self.scores, threshold)?;
            let rows: usize = self.scores.iter().filter(|(name, _)| is_it(name)).map(|(_, s)| s.len()).sum();
            let wrong = 5000.0 * alerts.false_alerts as f64 / rows as f64;
            println!("| {kind} | {} | {:.2} | {wrong:.2} |", alerts.events, alerts.recall());
        }
        Ok(())
    }
}
