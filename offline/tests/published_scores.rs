//! On the public data sets, the scores computed here agree with those of the reference scripts, which
//! read the files that the backtest wrote. Where `$KIZASHI_BENCH_DATA` is not set there is nothing to run.

use kizashi_offline::backtest::{Options, Report, run};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the data, if there is one; the scripts lie beside it.
fn data() -> Option<PathBuf> {
    let data = std::env::var_os("KIZASHI_BENCH_DATA").map(PathBuf::from);
    if data.is_none() {
        eprintln!("skipped: KIZASHI_BENCH_DATA is not set");
    }
    data
}

fn script(data: &Path, name: &str, arguments: &[&Path]) -> serde_json::Value {
    let script = data.join("..").join(name);
    let output = Command::new("python3").arg(script).args(arguments).arg("--json").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn assert_near(ours: f64, theirs: &serde_json::Value, within: f64) {
    let theirs = theirs.as_f64().unwrap();
    assert!((ours - theirs).abs() <= within, "{ours} here, {theirs} there");
}

#[test]
fn the_numenta_benchmark() {
    let Some(data) = data() else { return };
    for declared_range in [false, true] {
        let out = tempfile::tempdir().unwrap();
        let options = Options {
            nab: Some(data.join("nab")),
            declared_range,
            out: Some(out.path().into()),
            ..Options::default()
        };
        let report = run(&options, &|_| {}).and_then(Report::whole).unwrap();
        eprintln!("{report}");
        let theirs = script(&data, "nab_score.py", &[out.path()]);
        assert_eq!(report.nab.len(), 3);
        for ours in &report.nab {
            let theirs = &theirs[ours.profile];
            assert_near(ours.score, &theirs["score"], 0.005 + 1e-9);
            // Reading JSON may cost the last bit.
            assert_near(ours.threshold, &theirs["threshold"], 1e-12);
            assert_eq!(ours.windows_found as u64, theirs["windows_found"]);
            assert_eq!(ours.false_positives as u64, theirs["false_positives"]);
        }
    }
}

#[test]
fn labelled_events() {
    let Some(data) = data() else { return };
    for set in ["skab", "smap"] {
        let set = data.join("events").join(set);
        let out = tempfile::tempdir().unwrap();
        let csv = |entry: std::io::Result<std::fs::DirEntry>| {
            Some(entry.unwrap().path()).filter(|path| path.extension().is_some_and(|ending| ending == "csv"))
        };
        let options = Options {
            files: std::fs::read_dir(&set).unwrap().filter_map(csv).collect(),
            labels: Some(set.join("labels.json")),
            out: Some(out.path().into()),
            ..Options::default()
        };
        let ours = run(&options, &|_| {}).and_then(Report::whole).unwrap().events.unwrap();
        eprintln!("{}: {ours}", set.display());
        let theirs = script(&data, "events_f1.py", &[&set, out.path()]);
        for (ours, key) in [
            (ours.f1, "F1"),
            (ours.precision, "precision"),
            (ours.recall, "recall"),
            (ours.threshold, "threshold"),
            (ours.recall_at_1_in_5000, "recall_at_1_in_5000"),
        ] {
            assert_near(ours, &theirs[key], 1e-12);
        }
        assert_eq!(ours.false_alerts as u64, theirs["false"]);
        assert_eq!(
            (ours.events as u64, ours.rows as u64),
            (theirs["events"].as_u64().unwrap(), theirs["rows"].as_u64().unwrap())
        );
    }
}
