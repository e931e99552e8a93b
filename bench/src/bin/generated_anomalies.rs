//! Which anomalies the service finds, of those that the generator puts into series of all kinds.
//!
//! `cargo run --release -p kizashi-bench --bin generated_anomalies -- [SERIES]`: SERIES series (1,000 by default) of 4,000 to
//! 12,000 rows with none to four anomalies each, through the very engine of the service with its default budget. An anomaly
//! is found if an alert opens in a row of its window; the delay is that of the first such row from the window's
//! beginning. Other alerts count as false but for those within 150 rows behind a window, which the end of the anomaly may have
//! caused.

use kizashi_bench::parallel::on_all_cores;
use kizashi_bench::replay::Replay;
use kizashi_models::alert::{AlertEvent, AlertKind, Change};
use kizashi_offline::generate::{Anomaly, Labelled, labelled};
use std::collections::BTreeMap;

const BUDGET: f64 = 0.1;
const WEEK_MS: f64 = 7.0 * 86_400_000.0;
/// Rows behind a window in which an alert may be that of the anomaly's end.
const AFTERMATH: usize = 150;

#[derive(Default)]
struct Counts {
    /// Of each anomaly how many there were, and the delays of those found, in rows.
    anomalies: BTreeMap<Anomaly, (u64, Vec<usize>)>,
    false_alerts: u64,
    weeks: f64,
}

fn main() {
    let series: u64 = std::env::args().nth(1).map_or(1000, |text| text.parse().expect("SERIES is a number"));
    let mut counts = Counts::default();
    for counted in on_all_cores(series, count_series) {
        counts.add(counted);
    }
    println!("{series} series\n");
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
    println!("\n{:.3} false alerts a series and week", counts.false_alerts as f64 / counts.weeks);
}

/// Rows at which alerts of unusual observations open.
fn opened(series: &Labelled) -> Vec<usize> {
    let mut replay = Replay::new(1, BUDGET);
    let mut opened = Vec::new();
    for row in 0..series.rows() {
        let events = &replay.put(series.times[row], series.row(row)).events;
        let opens =
            |event: &&AlertEvent| event.change == Change::Opened && event.alert.kind == AlertKind::Anomaly;
        opened.extend(events.iter().filter(opens).map(|_| row));
    }
    opened
}

fn count_series(seed: u64) -> Counts {
    let series = labelled(seed);
    let opened = opened(&series);
    let mut counts = Counts::default();
    for strike in &series.strikes {
        let (windows, delays) = counts.anomalies.entry(strike.anomaly).or_default();
        *windows += 1;
        let found = opened.iter().find(|row| strike.rows.contains(row));
        delays.extend(found.map(|row| row - strike.rows.start));
    }
    let excused = |row: &usize| {
        series.strikes.iter().any(|strike| (strike.rows.start..strike.rows.end + AFTERMATH).contains(row))
    };
    counts.false_alerts = opened.iter().filter(|row| !excused(row)).count() as u64;
    counts.weeks = (series.times[series.rows() - 1] - series.times[0]) as f64 / WEEK_MS;
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
        self.weeks += other.weeks;
    }
}
