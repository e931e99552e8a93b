//! Which anomalies the service finds, of those that the generators put into series of all kinds.
//!
//! `cargo run --release -p kizashi-bench --bin generated_anomalies -- [SERIES]`: SERIES series (1,000 by default) of 4,000 to
//! 12,000 rows with none to four anomalies each, and a tenth as many of each machine of many fields with its faults, through
//! the very engine of the service with its default budget. An anomaly is found if an alert opens in a row of its window; the
//! delay is that of the first such row from the window's beginning. Other alerts count as false but for those within 150 rows
//! behind a window, which the end of the anomaly may have caused.

use kizashi_bench::replay::Replay;
use kizashi_models::alert::{AlertEvent, AlertKind, Change};
use kizashi_offline::generate::{Machine, labelled, machine};
use kizashi_offline::parallel::on_all_cores;
use std::collections::BTreeMap;
use std::ops::Range;

const BUDGET: f64 = 0.1;
const WEEK_MS: f64 = 7.0 * 86_400_000.0;
/// Rows behind a window in which an alert may be that of the anomaly's end.
const AFTERMATH: usize = 150;
/// A machine's rows are worth so many series' of one value.
const MACHINES_SHARE: u64 = 10;

/// A series, and the rows of each of its anomalies.
struct Series {
    fields: usize,
    times: Vec<i64>,
    values: Vec<f64>,
    anomalies: Vec<(&'static str, Range<usize>)>,
}

#[derive(Default)]
struct Counts {
    /// Of each anomaly how many there were, and the delays of those found, in rows.
    anomalies: BTreeMap<&'static str, (u64, Vec<usize>)>,
    false_alerts: u64,
    rows: u64,
    weeks: f64,
}

fn main() {
    let series: u64 = std::env::args().nth(1).map_or(1000, |text| text.parse().expect("SERIES is a number"));
    print_table("series of one value", series, |seed| {
        let series = labelled(seed);
        let anomalies = series.strikes.iter().map(|strike| (strike.anomaly.name(), strike.rows.clone()));
        Series { fields: 1, anomalies: anomalies.collect(), times: series.times, values: series.values }
    });
    for kind in Machine::ALL {
        print_table(kind.name(), series.div_ceil(MACHINES_SHARE), |seed| {
            let watched = machine(kind, seed);
            Series {
                fields: watched.fields,
                times: watched.times,
                values: watched.values,
                anomalies: watched.faults,
            }
        });
    }
}

/// Counts and prints what is found of so many series.
fn print_table(name: &str, series: u64, make: impl Fn(u64) -> Series + Sync) {
    let mut counts = Counts::default();
    for counted in on_all_cores(series, |seed| count(&make(seed))) {
        counts.add(counted);
    }
    println!("{series} of {name}\n");
    println!("| anomaly | windows | found | median delay, rows |");
    println!("|---|---|---|---|");
    let (mut windows_sum, mut found_sum) = (0, 0);
    for (anomaly, (windows, mut delays)) in counts.anomalies {
        delays.sort_unstable();
        let found = delays.len() as f64 / windows as f64;
        let delay = delays.get(delays.len() / 2).map_or("–".to_owned(), usize::to_string);
        println!("| {anomaly} | {windows} | {found:.3} | {delay} |");
        windows_sum += windows;
        found_sum += delays.len();
    }
    println!("| all | {windows_sum} | {:.3} | |", found_sum as f64 / windows_sum as f64);
    println!(
        "\n{} false alerts in {} rows, {:.3} a series and week\n",
        counts.false_alerts,
        counts.rows,
        counts.false_alerts as f64 / counts.weeks
    );
}

/// Rows at which alerts of unusual observations open.
fn opened(series: &Series) -> Vec<usize> {
    let mut replay = Replay::new(series.fields, BUDGET);
    let mut opened = Vec::new();
    for (row, values) in series.values.chunks(series.fields).enumerate() {
        let events = &replay.put(series.times[row], values).events;
        let opens =
            |event: &&AlertEvent| event.change == Change::Opened && event.alert.kind == AlertKind::Anomaly;
        opened.extend(events.iter().filter(opens).map(|_| row));
    }
    opened
}

fn count(series: &Series) -> Counts {
    let opened = opened(series);
    let mut counts = Counts::default();
    for (anomaly, rows) in &series.anomalies {
        let (windows, delays) = counts.anomalies.entry(anomaly).or_default();
        *windows += 1;
        let found = opened.iter().find(|row| rows.contains(row));
        delays.extend(found.map(|row| row - rows.start));
    }
    let excused = |row: &usize| {
        series.anomalies.iter().any(|(_, rows)| (rows.start..rows.end + AFTERMATH).contains(row))
    };
    counts.false_alerts = opened.iter().filter(|row| !excused(row)).count() as u64;
    counts.rows = series.times.len() as u64;
    counts.weeks = (series.times[series.times.len() - 1] - series.times[0]) as f64 / WEEK_MS;
    counts
}

impl Counts {
    fn add(&mut self, other: Self) {
        for (anomaly, (windows, delays)) in other.anomalies {
            let (all_windows, all_delays) = self.anomalies.entry(anomaly).or_default();
            *all_windows += windows;
            all_delays.extend(delays);
        }
        self.false_alerts += other.false_alerts;
        self.rows += other.rows;
        self.weeks += other.weeks;
    }
}
