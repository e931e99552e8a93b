//! The parameters that score: from a file, the same in the worker, in the backtest and in the library.

use crate::eventually;
use kizashi_models::{
    detector::{DefaultDetector, Detector, Parameters, Scored},
    snapshot::{DEFAULT, Snapshot, detector},
};
use kizashi_proto::v1::{
    FieldPoints, GetStatusRequest, ListSeriesRequest, QuerySeriesRequest, series_client::SeriesClient,
    status_client::StatusClient,
};
use kizashi_tests::{
    Service, run,
    waveform::{Burst, Random},
};
use serde_json::{Map, Value};
use std::{
    fs,
    path::{Path, PathBuf},
};

const BURST: Burst = Burst { before: 300, during: 5, after: 60 };
/// 2026-01-01T00:00:00Z; a row every ten seconds.
const START_S: usize = 1_767_225_600;

/// The default with all parameters a hundredth lower that may be.
fn lowered() -> Vec<u8> {
    let default = Parameters::default();
    let written = |parameters: &Parameters| detector::write(parameters, "a test", Map::new());
    let lower =
        |parameters: &Parameters, (name, value): (&str, f64)| parameters.with(name, 0.99 * value).unwrap();
    let may_be = |one: &(&str, f64)| written(&lower(&default, *one)).is_ok();
    let names: Vec<(&str, f64)> = detector::named(&default).into_iter().filter(may_be).collect();
    assert!(!names.is_empty(), "no parameter may be lower");
    written(&names.into_iter().fold(default.clone(), |lowered, one| lower(&lowered, one))).unwrap()
}

/// A file of rows with a burst, with as many columns of values, and the values.
fn rows(folder: &Path, name: &str, columns: usize) -> (PathBuf, Vec<Vec<f64>>) {
    let mut random = Random::new(columns as u64);
    let mut text = "time".to_owned();
    (0..columns).for_each(|column| text += &format!(",v{column}"));
    let mut values = Vec::new();
    for step in 0..BURST.len() {
        let row: Vec<f64> = (0..columns).map(|_| BURST.value(step, &mut random)).collect();
        text += &format!("\n{}", START_S + step * 10);
        row.iter().for_each(|value| text += &format!(",{value:?}"));
        values.push(row);
    }
    let file = folder.join(name);
    fs::write(&file, text).unwrap();
    (file, values)
}

/// Bits of expected value and band of each row and column, and of the anomaly score of each row, which
/// history keeps as f32.
#[derive(Debug, Default, PartialEq)]
struct Bits {
    bands: Vec<[u64; 3]>,
    scores: Vec<u32>,
}

fn of_backtest(file: &Path, columns: usize, snapshot: Option<&Path>) -> Bits {
    let out = file.with_extension("scored");
    let [input, output] = [file, &out].map(|path| path.to_str().unwrap());
    let mut arguments = vec!["backtest", input, "--out", output];
    arguments.extend(snapshot.iter().flat_map(|file| ["--snapshot", file.to_str().unwrap()]));
    let finished = run(&arguments, b"");
    assert!(finished.status.success(), "{finished:?}");
    let text = fs::read_to_string(out.join(file.file_name().unwrap())).unwrap();
    let mut bits = Bits::default();
    for line in text.lines().skip(1) {
        // Time and values of the input; then three numbers a column, the score, and the alert.
        let cells: Vec<&str> = line.split(',').skip(1 + columns).collect();
        let number = |cell: &str| if cell.is_empty() { f64::NAN } else { cell.parse().unwrap() };
        for band in cells[..3 * columns].chunks(3) {
            bits.bands.push([band[0], band[1], band[2]].map(|cell| number(cell).to_bits()));
        }
        bits.scores.push((number(cells[3 * columns]) as f32).to_bits());
    }
    bits
}

async fn of_worker(service: &Service, file: &Path) -> Vec<FieldPoints> {
    let key = file.file_stem().unwrap().to_str().unwrap();
    let finished = run(&["replay", file.to_str().unwrap(), "--server", &service.url()], b"");
    assert!(finished.status.success(), "{finished:?}");
    let mut series = SeriesClient::new(service.channel().await);
    loop {
        let list = series.list_series(ListSeriesRequest::default()).await.unwrap().into_inner();
        let found = list.series.iter().find(|series| series.series == key);
        if found.is_some_and(|series| series.observations == BURST.len() as u64) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let time = |step: usize| Some(prost_types::Timestamp { seconds: (START_S + step * 10) as i64, nanos: 0 });
    let request = QuerySeriesRequest {
        series: key.into(),
        start: time(0),
        end: time(BURST.len()),
        points_max: 10_000,
        ..QuerySeriesRequest::default()
    };
    series.query_series(request).await.unwrap().into_inner().fields
}

/// The same of the points that the service shows, field by field.
fn shown(fields: &[FieldPoints]) -> Bits {
    let mut bits = Bits::default();
    for row in 0..BURST.len() {
        for points in fields {
            let band = [points.expected[row], points.lower[row], points.upper[row]];
            bits.bands.push(band.map(|value| if value.is_nan() { f64::NAN } else { value }.to_bits()));
        }
        bits.scores.push((fields[0].anomaly_score[row] as f32).to_bits());
    }
    bits
}

/// Bits of the surprise of each row by the library, as f32.
fn surprises(detector: &DefaultDetector, rows: &[Vec<f64>]) -> Vec<u32> {
    let mut state = detector.new_state(&vec![None; rows[0].len()]);
    let mut scored = Scored::default();
    let mut score = |(step, row): (usize, &Vec<f64>)| {
        detector.step(&mut state, ((START_S + step * 10) * 1000) as i64, row, &mut scored);
        (scored.surprise as f32).to_bits()
    };
    rows.iter().enumerate().map(&mut score).collect()
}

#[tokio::test]
async fn worker_backtest_and_library_score_to_the_same_bits_with_one_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = lowered();
    let snapshot = Snapshot::parse(&bytes).unwrap();
    let detector = DefaultDetector::from_snapshot(&snapshot).unwrap();
    let file = folder.path().join(format!("{}.snapshot", snapshot.name()));
    fs::write(&file, &bytes).unwrap();
    let config = format!("snapshot = {:?}\n", file.to_str().unwrap());
    let service = Service::start_with(&folder.path().join("data"), &config, &[]);
    for columns in [1, 3] {
        let (input, values) = rows(folder.path(), &format!("press-{columns}.csv"), columns);
        let live = of_worker(&service, &input).await;
        let scored = of_backtest(&input, columns, Some(&file));
        assert_eq!(shown(&live), scored, "{columns} columns");
        assert_ne!(scored, of_backtest(&input, columns, None), "the parameters are those of the file");
        let surprise: Vec<u32> = live[0].surprise.iter().map(|value| (*value as f32).to_bits()).collect();
        assert_eq!(surprise, surprises(&detector, &values), "{columns} columns");
    }
    let alerts = eventually(|| {
        let alerts = run(&["alerts", "--json", "--server", &service.url()], b"");
        let alerts: Vec<Value> =
            alerts.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (alerts.len() >= 2).then_some(alerts)
    });
    for alert in alerts {
        assert_eq!(alert["snapshot"], *snapshot.name());
    }

    // The audit scores with what scored; with other parameters it says that it can't compare.
    assert!(service.stop().status.success());
    let (data, file) = (folder.path().join("data"), file.to_str().unwrap());
    let audit = ["audit", "--data", data.to_str().unwrap()];
    let same = run(&[&audit[..], &["--snapshot", file]].concat(), b"");
    assert!(same.status.success() && !same.stdout.contains("other parameters"), "{same:?}");
    let other = run(&audit, b"");
    assert!(other.stdout.contains("other parameters"), "{other:?}");
}

#[tokio::test]
async fn the_built_in_snapshot_is_the_one_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("data"));
    let mut status = StatusClient::new(service.channel().await);
    let used = status.get_status(GetStatusRequest {}).await.unwrap().into_inner().snapshot;
    let shown = run(&["snapshot", "show"], b"");
    assert!(shown.stdout.lines().any(|line| line == format!("id          {used}")), "{shown:?}");
}

#[test]
fn a_bad_snapshot_is_refused_at_the_start_and_the_data_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let cut = path("cut.snapshot");
    fs::write(&cut, &DEFAULT[..DEFAULT.len() - 1]).unwrap();
    let altered = path(&format!("{}.snapshot", Snapshot::parse(DEFAULT).unwrap().name()));
    fs::write(&altered, lowered()).unwrap();
    let cases = [(path("absent"), "can't read"), (cut, "not a safetensors file"), (altered, "its name says")];
    let data = folder.path().join("data");
    for (file, reason) in cases {
        let config = format!("snapshot = {file:?}\n");
        let refused = Service::try_start(&data, &config, &[]).err().expect("the snapshot is bad");
        let by_flag = run(&["serve", "--data", data.to_str().unwrap(), "--snapshot", &file], b"");
        let checked = run(&["snapshot", "check", &file], b"");
        let configured = run(&["config", "check", &path("kizashi.toml")], b"");
        for finished in [refused, by_flag, checked, configured] {
            assert_eq!(finished.status.code(), Some(2), "{finished:?}");
            assert!(finished.stderr.contains(&file) && finished.stderr.contains(reason), "{finished:?}");
        }
    }
    assert!(!data.exists(), "nothing was begun");
}
