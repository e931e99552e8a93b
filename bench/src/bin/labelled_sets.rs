//! How well anomaly scores tell the events of labelled sets.
//!
//! `cargo run --release -p kizashi-bench --bin labelled_sets -- [NAME=VALUE …] SET…`: each SET is a folder of `labels.json` and the
//! CSV files that it names. Prints of each the best F1 over thresholds and the recall at one false alert in 5,000 rows, and their
//! means; `kizashi backtest SET/*.csv --labels SET/labels.json` says the same of one. NAME=VALUE is a parameter of the
//! detector to try in place of the service's. With `--features peers` also those of a random cut forest.

use kizashi_bench::{detector_with, own_scores};
use kizashi_offline::event_score::{EventScore, Labels, score};
use kizashi_offline::parallel::on_all_cores;
use kizashi_offline::table::{Choice, Table, TableError};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

type Failure = Box<dyn std::error::Error>;

/// Times and values of a file, row by row.
#[derive(Default)]
struct Rows {
    times: Vec<i64>,
    fields: usize,
    values: Vec<f64>,
}

impl Rows {
    fn read(file: &Path) -> Result<Self, TableError> {
        let mut table = Table::open(file, &Choice::default())?;
        // As the service has the fields of a vector. Of more than a block it matters which are together.
        let order = table.values_by_name();
        let mut rows = Rows { fields: order.len(), ..Rows::default() };
        let mut values = Vec::new();
        while let Some(row) = table.read(&mut values)? {
            rows.times.push(row.time_ms);
            rows.values.extend(order.iter().map(|place| row.values[*place]));
        }
        Ok(rows)
    }
}

fn main() -> Result<(), Failure> {
    let (parameters, sets): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.contains('='));
    if sets.is_empty() {
        return Err("a folder with labels.json is expected".into());
    }
    let detector = detector_with(parameters)?;
    let own = |rows: &Rows| own_scores(&detector, &rows.times, &rows.values, rows.fields);
    table("", &sets, own)?;
    #[cfg(feature = "peers")]
    table("forest", &sets, |rows: &Rows| kizashi_bench::forest::scores(&rows.values, rows.fields))?;
    Ok(())
}

/// Prints what a detector, which gives a score by row, finds in each set.
fn table(name: &str, sets: &[String], scores: impl Fn(&Rows) -> Vec<f64> + Sync) -> Result<(), Failure> {
    println!("| {name} | files | events | F1 | recall at 1 false in 5,000 rows |");
    println!("|---|---|---|---|---|");
    let (mut f1, mut recall) = (0.0, 0.0);
    for set in sets {
        let folder = PathBuf::from(set);
        let (files, found) = scored(&folder, &scores).map_err(|error| format!("{set}: {error}"))?;
        let name = folder.file_name().unwrap_or(folder.as_os_str()).display();
        println!(
            "| {name} | {files} | {} | {:.3} | {:.3} |",
            found.events, found.f1, found.recall_at_1_in_5000
        );
        f1 += found.f1;
        recall += found.recall_at_1_in_5000;
    }
    let count = sets.len() as f64;
    println!("| mean | | | {:.3} | {:.3} |\n", f1 / count, recall / count);
    Ok(())
}

/// How many files a set has, and what is found in them.
fn scored(
    folder: &Path,
    scores: &(impl Fn(&Rows) -> Vec<f64> + Sync),
) -> Result<(usize, EventScore), Failure> {
    let labels: Labels = serde_json::from_slice(&fs::read(folder.join("labels.json"))?)?;
    let names: Vec<&String> = labels.windows.keys().collect();
    let all = on_all_cores(names.len() as u64, |number| {
        Rows::read(&folder.join(format!("{}.csv", names[number as usize]))).map(|rows| scores(&rows))
    });
    let mut by_name = BTreeMap::new();
    for (name, scores) in names.iter().zip(all) {
        by_name.insert((*name).clone(), scores?);
    }
    Ok((names.len(), score(&labels, &by_name)?))
}
