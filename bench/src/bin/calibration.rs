//! Whether surprise and budget keep their word on series without anomalies.
//!
//! `cargo run --release -p kizashi-bench --bin calibration -- [SERIES] [KIND …]`: of each kind (or of those named) SERIES
//! series (1,000 by default) of five weeks, five minutes apart, generated one after the other, and a tenth as many vectors
//! of 2 and of 10 fields that hang together, through the very engine of the service, with budgets of 0.1 and of 1 false
//! alert a series and week. Counted after the second week:
//!
//! - observations with a surprise of `s` or more, to the 10^-s of them that there should be;
//! - alerts opened, a series and week, to the budget. Those of silence stand apart: no series falls silent.

use kizashi_bench::replay::Replay;
use kizashi_models::alert::{AlertKind, Change};
use kizashi_offline::generate::{Kind, Series, failing};
use kizashi_offline::parallel::on_all_cores;
use std::fmt;
use std::ops::AddAssign;
use std::time::Instant;

const WEEK: usize = 2016;
const WEEKS_LEARNT: usize = 2;
const WEEKS_COUNTED: usize = 3;
const SURPRISES: [f64; 3] = [2.0, 3.0, 4.0];
const BUDGETS: [f64; 2] = [0.1, 1.0];

/// Fields of vectors, and how many fewer of these there are.
const FIELDS: [usize; 2] = [2, 10];
const FEWER: u64 = 10;
/// First seed of vectors: not those of other benchmarks.
const VECTORS_FROM: u64 = 9_000_000;

/// What is counted: series of one value, of a kind, or vectors of so many fields.
#[derive(Clone, Copy)]
enum Subject {
    One(Kind),
    Vector(usize),
}

impl Subject {
    fn all() -> impl Iterator<Item = Self> {
        Kind::ALL.into_iter().map(Self::One).chain(FIELDS.map(Self::Vector))
    }

    fn name(self) -> String {
        match self {
            Self::One(kind) => kind.to_string(),
            Self::Vector(fields) => format!("vectors_{fields}"),
        }
    }

    /// What comes of so many series, or of fewer vectors, on all cores.
    fn count(self, series: u64) -> Counts {
        let rows = WEEK * (WEEKS_LEARNT + WEEKS_COUNTED);
        let counted = match self {
            Self::One(kind) => on_all_cores(series, |seed| {
                count_rows(1, Series::new(kind, seed).take(rows).map(|(time_ms, value)| (time_ms, [value])))
            }),
            Self::Vector(fields) => on_all_cores(series.div_ceil(FEWER), |seed| {
                let vector = failing(VECTORS_FROM + seed, rows, fields, 1);
                count_rows(fields, vector.times.iter().copied().zip(vector.twin.chunks(fields)))
            }),
        };
        let mut counts = Counts::default();
        counted.into_iter().for_each(|counted| counts += counted);
        counts
    }
}

/// What was counted, over series of one kind.
#[derive(Clone, Copy, Default)]
struct Counts {
    series: u64,
    /// Observations of at least each surprise.
    surprising: [u64; SURPRISES.len()],
    /// Alerts opened, by budget.
    alerts: [u64; BUDGETS.len()],
    silences: [u64; BUDGETS.len()],
}

/// A figure that should be 1.
struct Ratio {
    ratio: f64,
    goal: (f64, f64),
    floor: (f64, f64),
}

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    let series = arguments.next_if(|text| text.parse::<u64>().is_ok());
    let series: u64 = series.map_or(1000, |text| text.parse().expect("it was a number before"));
    let named: Vec<String> = arguments.collect();
    if let Some(unknown) = named.iter().find(|name| Subject::all().all(|subject| subject.name() != **name)) {
        let names: Vec<String> = Subject::all().map(Subject::name).collect();
        eprintln!("no kind is named {unknown}: {} are", names.join(", "));
        std::process::exit(2);
    }
    println!("{series} series of each kind; `~` misses the goal, `!` the floor\n");
    println!("| kind | s ≥ 2 | s ≥ 3 | s ≥ 4 | alerts, budget 0.1 | budget 1 | silences, budget 0.1 / 1 |");
    println!("|---|---|---|---|---|---|---|");
    let start = Instant::now();
    let mut all: Vec<Counts> = Vec::new();
    for subject in Subject::all().filter(|subject| named.is_empty() || named.contains(&subject.name())) {
        let counts = subject.count(series);
        println!("| {} {}", subject.name(), row(&counts));
        all.push(counts);
    }
    println!("| floor | 0.3–3 | 0.3–3 | 0.3–3 | ≤ 2 | ≤ 2 | 0 |");
    println!("| goal | 0.7–1.4 | 0.7–1.4 | 0.7–1.4 | ≤ 1.3 | ≤ 1.3 | 0 |");
    let observed = all.iter().map(|counts| counts.series).sum::<u64>() as f64
        * (BUDGETS.len() * WEEK * (WEEKS_LEARNT + WEEKS_COUNTED)) as f64;
    let seconds = start.elapsed().as_secs_f64();
    println!("\n{:.0} million observations in {seconds:.0} s", observed / 1e6);
}

fn row(counts: &Counts) -> String {
    let weeks = (counts.series as usize * WEEKS_COUNTED) as f64;
    let mut cells = Vec::new();
    for (surprise, count) in SURPRISES.iter().zip(counts.surprising) {
        let due = weeks * WEEK as f64 * 10_f64.powf(-surprise);
        cells.push(Ratio { ratio: count as f64 / due, goal: (0.7, 1.4), floor: (0.3, 3.0) }.to_string());
    }
    for (budget, alerts) in BUDGETS.iter().zip(counts.alerts) {
        let ratio = alerts as f64 / (weeks * budget);
        cells.push(Ratio { ratio, goal: (0.0, 1.3), floor: (0.0, 2.0) }.to_string());
    }
    cells.push(counts.silences.map(|count| count.to_string()).join(" / "));
    format!("| {} |", cells.join(" | "))
}

/// What comes of the rows of one series.
fn count_rows(fields: usize, rows: impl Iterator<Item = (i64, impl AsRef<[f64]>)>) -> Counts {
    let mut replays = BUDGETS.map(|budget| Replay::new(fields, budget));
    let mut counts = Counts { series: 1, ..Counts::default() };
    for (row, (time_ms, values)) in rows.enumerate() {
        let counted = row >= WEEK * WEEKS_LEARNT;
        for (at, replay) in replays.iter_mut().enumerate() {
            let output = replay.put(time_ms, values.as_ref());
            for event in output.events.iter().filter(|event| counted && event.change == Change::Opened) {
                match event.alert.kind {
                    AlertKind::Anomaly => counts.alerts[at] += 1,
                    AlertKind::Silence => counts.silences[at] += 1,
                }
            }
            // The budget is no matter of surprise, so that of the first is that of all.
            if let Some(point) = output.points.last().filter(|_| counted && at == 0) {
                for (count, surprise) in counts.surprising.iter_mut().zip(SURPRISES) {
                    *count += u64::from(point.surprise >= surprise);
                }
            }
        }
    }
    counts
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.series += other.series;
        let add = |mine: &mut [u64], others: &[u64]| {
            mine.iter_mut().zip(others).for_each(|(mine, other)| *mine += other);
        };
        add(&mut self.surprising, &other.surprising);
        add(&mut self.alerts, &other.alerts);
        add(&mut self.silences, &other.silences);
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let within = |(least, most): (f64, f64)| (least..=most).contains(&self.ratio);
        let mark = match (within(self.goal), within(self.floor)) {
            (true, _) => "",
            (false, true) => " ~",
            (false, false) => " !",
        };
        write!(f, "{:.2}{mark}", self.ratio)
    }
}
