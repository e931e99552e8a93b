//! What the score on the Numenta Anomaly Benchmark loses where the data come otherwise.
//!
//! `cargo run --release -p kizashi-bench --bin robustness -- NAB`, NAB being the folder that holds `data/` and `labels/`:
//! the score by profile of the files as they are, with values × 1e6, with values + 1e6, without the first tenth of
//! their rows, and without every second row; then with other such changes, and the mean of all, which moves less by
//! chance than the score of one. Rows that were left out score 0; beside it what the unchanged files are worth where the
//! scores of these rows are 0, which is lost though nothing was learnt otherwise. First strictly, with nothing known of a
//! file before its rows, then with the range of the changed file declared.

use kizashi_offline::backtest::{Error, Options, Report, run};
use kizashi_offline::nab_score::{ProfileScore, Scored, Windows, score};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What is done to the rows of a file.
#[derive(Clone, Copy, PartialEq)]
enum Change {
    None,
    Times(f64),
    Plus(f64),
    /// So many in a hundred.
    WithoutFirst(usize),
    /// Of every so many rows, the one at this place.
    Without(usize, usize),
}

const CHANGES: [(&str, Change); 14] = [
    ("as it is", Change::None),
    ("values × 1e6", Change::Times(1e6)),
    ("values + 1e6", Change::Plus(1e6)),
    ("first 10 % of rows cut", Change::WithoutFirst(10)),
    ("every 2nd row left out", Change::Without(2, 1)),
    ("values × 1.3", Change::Times(1.3)),
    ("values × -1.7", Change::Times(-1.7)),
    ("first 5 % of rows cut", Change::WithoutFirst(5)),
    ("first 14 % of rows cut", Change::WithoutFirst(14)),
    ("the other half of the rows left out", Change::Without(2, 0)),
    ("every 3rd row left out", Change::Without(3, 0)),
    ("every 3rd row from the 2nd on", Change::Without(3, 1)),
    ("every 3rd row from the 3rd on", Change::Without(3, 2)),
    ("every 5th row left out", Change::Without(5, 0)),
];
/// So many of them are asked to lose little.
const ASKED: usize = 5;

/// A file of the benchmark: the times of its rows as it has them, and their values.
struct Rows {
    times: Vec<String>,
    values: Vec<f64>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(nab) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err("give the folder of the benchmark, which holds data/ and labels/".into());
    };
    let windows: Windows = serde_json::from_slice(&fs::read(nab.join("labels/combined_windows.json"))?)?;
    let mut files = BTreeMap::new();
    for name in windows.keys() {
        files.insert(name.clone(), read(&nab.join("data").join(name))?);
    }
    print_table("strict", &files, &windows, false)?;
    print_table("declared range", &files, &windows, true)
}

fn print_table(
    protocol: &str,
    files: &BTreeMap<String, Rows>,
    windows: &Windows,
    declared_range: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    println!("| {protocol} | standard | low FP | low FN | most lost | not scored: standard |");
    println!("|---|---|---|---|---|---|");
    let by_profile = |scores: &[Vec<f64>]| -> Result<Vec<f64>, String> {
        Ok(judge(files, windows, scores)?.iter().map(|profile| profile.score).collect())
    };
    let unchanged = score_files(files, Change::None, declared_range)?;
    let usual = by_profile(&unchanged)?;
    let mut sums = [0.0; 3];
    for (at, (name, change)) in CHANGES.into_iter().enumerate() {
        let scores = match change {
            Change::None => usual.clone(),
            _ => by_profile(&score_files(files, change, declared_range)?)?,
        };
        sums.iter_mut().zip(&scores).for_each(|(sum, score)| *sum += score);
        let lost = usual.iter().zip(&scores).map(|(usual, score)| usual - score);
        let cells: Vec<String> = scores.iter().map(|score| format!("{score:.2}")).collect();
        let not_scored = match change {
            Change::WithoutFirst(_) | Change::Without(..) => {
                let kept: Vec<Vec<f64>> = unchanged.iter().map(|scores| change.silence(scores)).collect();
                format!("{:.2}", by_profile(&kept)?[0])
            }
            _ => String::new(),
        };
        println!("| {name} | {} | {:.2} | {not_scored} |", cells.join(" | "), lost.fold(f64::MIN, f64::max));
        if at + 1 == ASKED {
            println!("| floor of these | | | | 3 | |");
            println!("| goal of these | | | | 1 | |");
        }
    }
    let means = sums.map(|sum| format!("{:.2}", sum / CHANGES.len() as f64));
    println!("| mean | {} | | |\n", means.join(" | "));
    Ok(())
}

fn read(file: &Path) -> Result<Rows, Box<dyn std::error::Error>> {
    let mut rows = Rows { times: Vec::new(), values: Vec::new() };
    for line in fs::read_to_string(file)?.lines().skip(1) {
        let cells = line.split_once(',').and_then(|(time, value)| Some((time, value.parse().ok()?)));
        let (time, value) = cells.ok_or_else(|| format!("{}: `{line}` is no row", file.display()))?;
        rows.times.push(time.to_owned());
        rows.values.push(value);
    }
    Ok(rows)
}

impl Change {
    fn keeps(self, row: usize, rows: usize) -> bool {
        match self {
            Self::WithoutFirst(percent) => row >= rows * percent / 100,
            Self::Without(every, at) => row % every != at,
            _ => true,
        }
    }

    /// The scores of all rows: those of the rows that were kept, and 0 for the others.
    fn put_back(self, scores: &[f64], rows: usize) -> Vec<f64> {
        let mut scores = scores.iter();
        let score = |row| if self.keeps(row, rows) { scores.next().copied() } else { Some(0.0) };
        (0..rows).map(score).map(|score| score.expect("every row that was kept has a score")).collect()
    }

    /// The scores of all rows, but 0 for those that are left out.
    fn silence(self, scores: &[f64]) -> Vec<f64> {
        let rows = scores.iter().enumerate();
        rows.map(|(row, score)| if self.keeps(row, scores.len()) { *score } else { 0.0 }).collect()
    }

    fn value(self, value: f64) -> f64 {
        match self {
            Self::Times(factor) => value * factor,
            Self::Plus(term) => value + term,
            _ => value,
        }
    }
}

/// The scores of all rows of the changed files.
fn score_files(
    files: &BTreeMap<String, Rows>,
    change: Change,
    declared_range: bool,
) -> Result<Vec<Vec<f64>>, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    // The ends of windows may have been left out, so the backtest is told of none, and the score is taken here.
    let unlabelled: Windows = files.keys().map(|name| (name.clone(), Vec::new())).collect();
    write(&folder.path().join("labels/combined_windows.json"), &serde_json::to_string(&unlabelled)?)?;
    for (name, rows) in files {
        let mut text = String::from("timestamp,value\n");
        for (row, (time, value)) in rows.times.iter().zip(&rows.values).enumerate() {
            if change.keeps(row, rows.times.len()) {
                text += &format!("{time},{:?}\n", change.value(*value));
            }
        }
        write(&folder.path().join("data").join(name), &text)?;
    }
    let options = Options { nab: Some(folder.path().to_owned()), declared_range, ..Options::default() };
    let report = run(&options, &|_| {}).and_then(Report::whole).map_err(|error: Error| error.to_string())?;
    let each = files.values().zip(&report.files);
    Ok(each.map(|(rows, file)| change.put_back(&file.scores, rows.times.len())).collect())
}

/// What scores are worth, by profile.
fn judge(
    files: &BTreeMap<String, Rows>,
    windows: &Windows,
    scores: &[Vec<f64>],
) -> Result<Vec<ProfileScore>, String> {
    let scored: Vec<Scored<'_>> = files
        .iter()
        .zip(scores)
        .map(|((name, rows), scores)| Scored { name, times: &rows.times, scores })
        .collect();
    score(&scored, windows)
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    fs::create_dir_all(file.parent().expect("a file in a folder"))?;
    fs::write(file, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_return_to_the_rows_that_were_kept() {
        assert_eq!(Change::None.put_back(&[0.1, 0.2], 2), [0.1, 0.2]);
        assert_eq!(Change::Without(2, 1).put_back(&[0.1, 0.2, 0.3], 5), [0.1, 0.0, 0.2, 0.0, 0.3]);
        let cut = Change::WithoutFirst(10).put_back(&[0.5; 18], 20);
        assert_eq!((&cut[..2], &cut[2..]), (&[0.0; 2][..], &[0.5; 18][..]));
        assert_eq!(Change::Without(2, 1).silence(&[0.1, 0.2, 0.3]), [0.1, 0.0, 0.3]);
    }
}
