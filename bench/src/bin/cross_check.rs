//! What weights chosen on one half of the Numenta Anomaly Benchmark's files are worth on the other.
//!
//! `cargo run --release -p kizashi-bench --bin cross_check -- NAB`, NAB being the folder that holds `data/` and `labels/`.
//! Every second file, in the order of their names, is of the one half, and the others of the other. From equal weights of
//! all members, each weight is halved and doubled in turn, twice over, and what raises the mean of the three profiles on
//! the one half is kept. That half and the other, each at its own best threshold as the benchmark has it, are then scored
//! with it, and with the service's parameters beside.

use kizashi_bench::detector_of;
use kizashi_models::detector::Parameters;
use kizashi_offline::backtest::{Options, Report, run};
use kizashi_offline::nab_score::Windows;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

type Failure = Box<dyn std::error::Error>;

/// What is chosen: the weights of the members of a field.
const WEIGHTS: [fn(&mut Parameters) -> &mut f64; 9] = [
    |p| &mut p.weight_value,
    |p| &mut p.weight_change,
    |p| &mut p.weight_sustained,
    |p| &mut p.weight_restless,
    |p| &mut p.weight_dwell,
    |p| &mut p.weight_ended,
    |p| &mut p.weight_context,
    |p| &mut p.weight_residual,
    |p| &mut p.weight_rhythm,
];
const START: f64 = 0.4;
const PASSES: usize = 2;

fn main() -> Result<(), Failure> {
    let Some(nab) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err("give the folder of the benchmark, which holds data/ and labels/".into());
    };
    let halves = [half(&nab, 0)?, half(&nab, 1)?];
    println!("| weights | half A: standard / low FP / low FN | half B |");
    println!("|---|---|---|");
    print_row("the service's", &Parameters::default(), &halves)?;
    let mut equal = Parameters::default();
    WEIGHTS.iter().for_each(|weight| *weight(&mut equal) = START);
    print_row("equal", &equal, &halves)?;
    for (name, half) in ["chosen on half A", "chosen on half B"].into_iter().zip(&halves) {
        print_row(name, &choose(equal.clone(), half.path())?, &halves)?;
    }
    Ok(())
}

fn print_row(name: &str, parameters: &Parameters, halves: &[TempDir; 2]) -> Result<(), Failure> {
    let mut row = format!("| {name} |");
    for half in halves {
        let [standard, low_fp, low_fn] = scores(parameters, half.path())?;
        row += &format!(" {standard:.1} / {low_fp:.1} / {low_fn:.1} |");
    }
    println!("{row}");
    Ok(())
}

/// A folder with every second file of the benchmark.
fn half(nab: &Path, which: usize) -> Result<TempDir, Failure> {
    let folder = tempfile::tempdir()?;
    let labels = "labels/combined_windows.json";
    let windows: Windows = serde_json::from_slice(&fs::read(nab.join(labels))?)?;
    let half: Windows =
        windows.into_iter().enumerate().filter(|(at, _)| at % 2 == which).map(|(_, file)| file).collect();
    fs::create_dir(folder.path().join("labels"))?;
    fs::write(folder.path().join(labels), serde_json::to_vec(&half)?)?;
    for name in half.keys() {
        let to = folder.path().join("data").join(name);
        fs::create_dir_all(to.parent().expect("a file in a folder"))?;
        fs::copy(nab.join("data").join(name), to)?;
    }
    Ok(folder)
}

fn choose(mut best: Parameters, half: &Path) -> Result<Parameters, Failure> {
    let worth = |parameters: &Parameters| scores(parameters, half).map(|scores| scores.iter().sum::<f64>());
    let mut most = worth(&best)?;
    for weight in WEIGHTS.iter().cycle().take(PASSES * WEIGHTS.len()) {
        for factor in [0.5, 2.0] {
            let mut other = best.clone();
            *weight(&mut other) *= factor;
            let other_worth = worth(&other)?;
            if other_worth > most {
                (best, most) = (other, other_worth);
            }
        }
    }
    Ok(best)
}

/// The scores by profile.
fn scores(parameters: &Parameters, nab: &Path) -> Result<[f64; 3], Failure> {
    let options =
        Options { nab: Some(nab.to_owned()), detector: detector_of(parameters)?, ..Options::default() };
    let report = run(&options, &|_| {}).and_then(Report::whole).map_err(|error| error.to_string())?;
    let scores: Vec<f64> = report.nab.iter().map(|profile| profile.score).collect();
    scores.try_into().map_err(|_| "the benchmark has three profiles".into())
}
