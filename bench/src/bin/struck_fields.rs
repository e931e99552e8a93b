//! Whether an alert names first a field that was struck.
//!
//! `cargo run --release -p kizashi-bench --bin struck_fields -- [VECTORS]`: VECTORS vectors (300 by default) of ten fields,
//! 6,000 rows five minutes apart, most of the fields correlated, through the very engine of the service with its
//! default budget. About six times a vector, three fields are struck: their levels shift, their correlation
//! with the others breaks while each goes on as usual, their variance grows, they spike, or they stand still.
//!
//! A failure counts as found if an alert opens in a row of its window; what counts for naming is the first field of
//! that alert as it opened (of the first one, if several open), and beside it the first field at the
//! alert's peak. By chance it would be a struck one in 0.3 of them.

use kizashi_bench::replay::{Replay, field_name};
use kizashi_models::alert::{AlertId, AlertKind, Change};
use kizashi_offline::generate::{Anomaly, Strike, failing};
use kizashi_offline::parallel::on_all_cores;
use std::collections::{BTreeMap, HashMap};

const ROWS: usize = 6000;
const FIELDS: usize = 10;
const STRUCK: usize = 3;
const BUDGET: f64 = 0.1;

#[derive(Clone, Copy, Default)]
struct Counts {
    failures: u64,
    found: u64,
    named: u64,
    named_at_peak: u64,
}

/// An alert as it opened, and the first field at its peak.
struct Opened {
    row: usize,
    first: usize,
    first_at_peak: usize,
}

fn main() {
    let vectors: u64 = std::env::args().nth(1).map_or(300, |text| text.parse().expect("VECTORS is a number"));
    let mut counts: BTreeMap<Anomaly, Counts> = BTreeMap::new();
    for (anomaly, counted) in on_all_cores(vectors, count_vector).into_iter().flatten() {
        counts.entry(anomaly).or_default().add(&counted);
    }
    println!("{vectors} vectors of {FIELDS} fields, {STRUCK} of them struck each time\n");
    println!("| failure | windows | with an alert | first field struck | at the peak |");
    println!("|---|---|---|---|---|");
    let mut all = Counts::default();
    for (anomaly, counts) in &counts {
        println!("| {anomaly} {}", counts.row());
        all.add(counts);
    }
    println!("| all {}", all.row());
    println!("| floor | | | 0.9 | |");
    println!("| goal | | | 0.98 | |");
}

/// What came of each failure of a vector.
fn count_vector(seed: u64) -> Vec<(Anomaly, Counts)> {
    let vector = failing(seed, ROWS, FIELDS, STRUCK);
    let mut replay = Replay::new(FIELDS, BUDGET);
    let names: HashMap<String, usize> = (0..FIELDS).map(|field| (field_name(field), field)).collect();
    let (mut opened, mut by_id): (Vec<Opened>, HashMap<AlertId, usize>) = Default::default();
    for row in 0..vector.rows() {
        let output = replay.put(vector.times[row], vector.row(row));
        for event in output.events.iter().filter(|event| event.alert.kind == AlertKind::Anomaly) {
            let first = names[&*event.alert.fields[0].name];
            if event.change == Change::Opened {
                by_id.insert(event.alert.id, opened.len());
                opened.push(Opened { row, first, first_at_peak: first });
            } else {
                opened[by_id[&event.alert.id]].first_at_peak = first;
            }
        }
    }
    vector.strikes.iter().map(|strike| (strike.anomaly, judge(strike, &opened))).collect()
}

fn judge(strike: &Strike, opened: &[Opened]) -> Counts {
    let mut counts = Counts { failures: 1, ..Counts::default() };
    if let Some(alert) = opened.iter().find(|alert| strike.rows.contains(&alert.row)) {
        counts.found = 1;
        counts.named = u64::from(strike.fields.contains(&alert.first));
        counts.named_at_peak = u64::from(strike.fields.contains(&alert.first_at_peak));
    }
    counts
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.failures += other.failures;
        self.found += other.found;
        self.named += other.named;
        self.named_at_peak += other.named_at_peak;
    }

    fn row(&self) -> String {
        let share = |part: u64, whole: u64| match whole {
            0 => "–".to_owned(),
            _ => format!("{:.3}", part as f64 / whole as f64),
        };
        let Self { failures, found, named, named_at_peak } = *self;
        let (found_share, named) = (share(found, failures), share(named, found));
        format!("| {failures} | {found} ({found_share}) | {named} | {} |", share(named_at_peak, found))
    }
}
