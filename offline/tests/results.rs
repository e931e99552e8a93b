//! The files that a backtest writes, and how it refuses what it can't run.

use kizashi_models::alert::AlertKind;
use kizashi_models::engine::EngineConfig;
use kizashi_offline::backtest::{self, Options, Report, run};
use kizashi_offline::table::Choice;
use std::fs;
use std::path::{Path, PathBuf};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.0.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        file
    }

    fn out(&self) -> PathBuf {
        self.0.path().join("out")
    }

    /// Lines of a file of results, as cells.
    fn results(&self, name: &str) -> Vec<Vec<String>> {
        let text = fs::read_to_string(self.out().join(name)).unwrap();
        text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
    }

    fn run(&self, files: &[&Path], choice: Choice) -> Result<Report, String> {
        let files = files.iter().map(|file| file.to_path_buf()).collect();
        let options = Options { files, choice, out: Some(self.out()), ..Options::default() };
        run_whole(&options)
            .map_err(|error| error.to_string().replace(&format!("{}/", self.0.path().display()), ""))
    }
}

/// Runs a backtest of which nothing may fail.
fn run_whole(options: &Options) -> Result<Report, backtest::Error> {
    run(options, &|_| {}).and_then(Report::whole)
}

/// Five-minute rows of a level with a little noise, and a spike at row 900.
fn spiky(rows: usize) -> String {
    let mut text = String::from("when,load\n");
    for row in 0..rows {
        let noise = (row * 7919 % 101) as f64 / 101.0;
        let value = if row == 900 { 500.0 } else { 10.0 + noise };
        text += &format!("{},{value:?}\n", 1_396_310_400 + 300 * row);
    }
    text
}

#[test]
fn a_row_of_results_for_each_row_and_the_spike_stands_out() {
    let folder = Folder::new();
    let file = folder.file("x.csv", &spiky(1000));
    let report = folder.run(&[&file], Choice::default()).unwrap();
    let rows = folder.results("x.csv");
    assert_eq!(rows[0], ["timestamp", "load", "expected", "lower", "upper", "anomaly_score", "alert"]);
    assert_eq!((rows.len(), report.files[0].rows), (1001, 1000));
    assert_eq!(
        (rows[1][0].as_str(), rows[1][1].as_str()),
        ("1396310400", "10.0"),
        "texts are those of the input"
    );
    let score = |row: &Vec<String>| row[5].parse::<f64>().unwrap();
    assert!(rows[1..].iter().all(|row| (0.0..=1.0).contains(&score(row))));
    let highest = rows[2..].iter().max_by(|a, b| score(a).total_cmp(&score(b))).unwrap();
    assert_eq!(highest[1], "500.0");
    assert_eq!(highest[6].len(), 32, "an alert is open there: {highest:?}");
    assert!(report.files[0].alerts >= 1);
    assert!(highest[3].parse::<f64>().unwrap() <= highest[4].parse::<f64>().unwrap());
    assert!(!folder.out().join("x.csv.partial").exists());
}

#[test]
fn the_same_input_gives_the_same_bytes_on_any_number_of_threads() {
    let folder = Folder::new();
    let files: Vec<PathBuf> = (0..6).map(|at| folder.file(&format!("{at}.csv"), &spiky(920 + at))).collect();
    let results = [1, 4].map(|threads| {
        let out = folder.0.path().join(threads.to_string());
        let options = Options { files: files.clone(), out: Some(out.clone()), threads, ..Options::default() };
        let report = run_whole(&options).unwrap();
        let bytes: Vec<_> = (0..6).map(|at| fs::read(out.join(format!("{at}.csv"))).unwrap()).collect();
        (report.files, bytes)
    });
    assert!(results[0] == results[1]);
}

/// Rows of 40 hosts that take turns; some fall silent, come late, or spike.
fn hosts(rows: usize) -> String {
    let mut text = String::from("t,host,x,y\n");
    for row in 0..rows {
        let (step, host) = (row / 40, row % 40);
        if step > 300 && host == 7 {
            continue;
        }
        let late = if host == 3 && step % 10 == 0 { 15 } else { 0 };
        let spike = if host == 11 && (500..502).contains(&step) { 1000.0 } else { 0.0 };
        let noise = (row * 7919 % 1009) as f64 / 1009.0;
        let time = 1_396_310_400 + 10 * step - late;
        text += &format!("{time},host-{host},{:?},{:?}\n", noise + spike, 5.0 - noise);
    }
    text
}

#[test]
fn one_file_of_many_series_gives_the_same_bytes_on_any_number_of_threads() {
    let folder = Folder::new();
    let file = folder.file("hosts.csv", &hosts(24_000));
    let choice = Choice { series: Some("host".into()), ..Choice::default() };
    let results = [1, 2, 5].map(|threads| {
        let out = folder.0.path().join(threads.to_string());
        let options = Options {
            files: vec![file.clone()],
            choice: choice.clone(),
            out: Some(out.clone()),
            threads,
            list_alerts: true,
            ..Options::default()
        };
        let report = run_whole(&options).unwrap();
        (report.files, fs::read(out.join("hosts.csv")).unwrap())
    });
    let (report, bytes) = &results[0];
    assert_eq!((report[0].series, report[0].late, report[0].silences), (40, 59, 1), "{}", report[0]);
    assert!(report[0].alerts >= 1, "{}", report[0]);
    let raised = &report[0].raised;
    assert_eq!(raised.len() as u64, report[0].alerts + report[0].silences);
    let silence = raised.iter().find(|alert| alert.kind == AlertKind::Silence).unwrap();
    assert_eq!((&*silence.series, silence.closed_ms), ("host-7", None));
    let line = report[0].to_string();
    assert!(line.contains(&format!("{}  2014-04-01 ", silence.id)) && line.contains("host-7: "), "{line}");
    assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count() as u64, 1 + report[0].rows);
    assert!(results.iter().all(|result| *result == results[0]));
}

#[test]
fn an_error_far_down_ends_every_thread() {
    let folder = Folder::new();
    let file = folder.file("hosts.csv", &(hosts(20_000) + "1396320400,host-1,high,1\n"));
    for threads in [1, 4] {
        let options = Options {
            files: vec![file.clone()],
            choice: Choice { series: Some("host".into()), ..Choice::default() },
            out: Some(folder.out()),
            threads,
            ..Options::default()
        };
        let error = run_whole(&options).unwrap_err().to_string();
        assert!(error.contains("column `x`: `high` is not a number"), "{error}");
        assert_eq!(fs::read_dir(folder.out()).unwrap().count(), 0, "nothing half done is left");
    }
}

#[test]
fn more_series_than_are_allowed_are_refused() {
    let folder = Folder::new();
    let file = folder.file("hosts.csv", &hosts(400));
    let options = Options {
        files: vec![file],
        choice: Choice { series: Some("host".into()), ..Choice::default() },
        engine: EngineConfig { series_max: 39, ..EngineConfig::default() },
        ..Options::default()
    };
    let error = run_whole(&options).unwrap_err().to_string();
    assert!(
        error.ends_with("line 41: a new series, and there are 39 already; allow more (detect.series_max)")
    );
}

#[test]
fn a_declared_range_is_that_of_the_file() {
    let folder = Folder::new();
    let file = folder.file("x.csv", &spiky(1000));
    let options = Options { files: vec![file], declared_range: true, ..Options::default() };
    assert_eq!(run_whole(&options).unwrap().files[0].rows, 1000);
}

#[test]
fn vectors_have_a_band_for_each_field() {
    let folder = Folder::new();
    let mut text = String::from("t;zeta;alpha;label\n");
    (0..50).for_each(|row| text += &format!("2020-01-01 00:{row:02}:00;{row};100;0\n"));
    let file = folder.file("v.csv", &text);
    folder.run(&[&file], Choice { ignore: vec!["label".into()], ..Choice::default() }).unwrap();
    let rows = folder.results("v.csv");
    assert_eq!(
        rows[0].join(","),
        "timestamp,zeta,alpha,expected_zeta,lower_zeta,upper_zeta,expected_alpha,lower_alpha,upper_alpha,anomaly_score,alert"
    );
    assert_eq!(rows[50][..3], ["2020-01-01 00:49:00", "49", "100"]);
    assert!(
        (rows[50][6].parse::<f64>().unwrap() - 100.0).abs() < 1.0,
        "what was expected of alpha: {:?}",
        rows[50]
    );
}

#[test]
fn a_column_of_series_keeps_them_apart() {
    let folder = Folder::new();
    let mut text = String::from("t,host,x\n");
    for row in 0..60 {
        text +=
            &format!("{},a,{}\n{},b,{}\n", 1_396_310_400 + row, row % 3, 1_396_310_400 + row, 1000 + row % 3);
    }
    let file = folder.file("hosts.csv", &text);
    let report = folder.run(&[&file], Choice { series: Some("host".into()), ..Choice::default() }).unwrap();
    assert_eq!((report.files[0].series, report.files[0].rows), (2, 120));
    let rows = folder.results("hosts.csv");
    assert_eq!(rows[0][..3], ["timestamp", "host", "x"]);
    assert!(rows[119][3].parse::<f64>().unwrap() < 10.0 && rows[120][3].parse::<f64>().unwrap() > 900.0);
}

#[test]
fn a_row_without_a_time_has_that_of_the_row_before() {
    let folder = Folder::new();
    let mut text = String::from("closed,t,x\n");
    for row in 0..300 {
        let time = if row % 50 == 49 {
            ["", "NaT"][row / 50 % 2].to_owned()
        } else {
            (1_396_310_400 + row).to_string()
        };
        // A time that most rows lack is not the time of the rows.
        let closed = if row == 3 { "2014-04-01" } else { "" };
        text += &format!("{closed},{time},{row}\n");
    }
    let file = folder.file("x.csv", &text);
    let report = folder.run(&[&file], Choice::default()).unwrap();
    assert_eq!((report.files[0].rows, report.files[0].untimed, report.files[0].late), (300, 6, 0));
    let told = ", 6 rows without a time (taken as that of the row before)\ncolumns: time `t`; value `x`;";
    assert!(report.to_string().contains(told), "{report}");
    let times: Vec<_> = folder.results("x.csv").iter().map(|row| row[0].clone()).collect();
    assert_eq!(
        (times.len(), times[49].as_str(), times[50].as_str()),
        (301, "1396310448", ""),
        "as in the input"
    );
    assert_eq!(times[100], "NaT");

    let first = folder.file("first.csv", "t,x\n,1\n2020-01-01,2\n");
    let error = folder.run(&[&first], Choice { time: Some("t".into()), ..Choice::default() }).unwrap_err();
    let told = "first.csv, line 2: the first row has no time in column `t`; give it one, or take the row out";
    assert_eq!(error, told);
}

#[test]
fn a_row_without_a_time_has_that_of_the_row_of_its_series_before() {
    let folder = Folder::new();
    let mut text = String::from("t,host,x\n");
    for host in ["a", "b"] {
        (0..100).for_each(|row| text += &format!("{},{host},{row}\n", 1_396_310_400 + 60 * row));
    }
    // Behind the end of `b`, whose last time lies beyond that of `a`.
    text += "1396400000,b,1\n,a,100\n1396316400,a,101\n";
    let choice = || Choice { series: Some("host".into()), ..Choice::default() };
    let report = folder.run(&[&folder.file("x.csv", &text)], choice()).unwrap();
    assert_eq!((report.files[0].untimed, report.files[0].late), (1, 0), "{report}");

    let error = folder.run(&[&folder.file("y.csv", &(text + "NaT,c,1\n"))], choice()).unwrap_err();
    let told = "y.csv, line 205: the first row of series `c` has no time in column `t`; \
                give it one, or take the row out";
    assert_eq!(error, told);
}

#[test]
fn series_one_behind_the_other_are_told_how_to_be_kept_apart() {
    let folder = Folder::new();
    let mut text = String::from("t,KPI ID,x\n");
    for key in ["a7", "b9", "c3"] {
        (0..100).for_each(|row| text += &format!("{},{key},{row}\n", 1_396_310_400 + 60 * row));
    }
    let file = folder.file("kpi.csv", &text);
    let report = folder.run(&[&file], Choice::default()).unwrap().to_string();
    let hint =
        "198 rows not in the order of time (if these are several series, --series 'KPI ID' keeps them apart)";
    assert!(report.contains(hint), "{report}");
    let report = folder.run(&[&file], Choice { series: Some("KPI ID".into()), ..Choice::default() }).unwrap();
    assert_eq!((report.files[0].series, report.files[0].late), (3, 0));
}

#[test]
fn unsorted_times_and_mixed_zones_are_taken_in_the_order_of_the_file() {
    let folder = Folder::new();
    let file = folder.file(
        "x.csv",
        "t,x\n2020-01-01T12:00:00+02:00,1\n2020-01-01 10:05:00,2\n2020-01-01T10:01:00Z,3\n2020-01-01 10:06:00,\n",
    );
    let report = folder.run(&[&file], Choice::default()).unwrap();
    assert_eq!((report.files[0].rows, report.files[0].late), (4, 1));
    assert!(report.to_string().contains(", 1 row not in the order of time"), "{report}");
    let times: Vec<_> = folder.results("x.csv").iter().skip(1).map(|row| row[0].clone()).collect();
    assert_eq!(times[2], "2020-01-01T10:01:00Z");
}

#[test]
fn a_file_that_can_not_be_run_does_not_stop_the_others() {
    let folder = Folder::new();
    let bad = folder.file("bad.csv", "t,x\n2020-01-01,1\n2020-01-02\n");
    let good = folder.file("good.csv", "t,x\n2020-01-01,1\n");
    let worse = folder.file("worse.csv", "");
    let labels = |name: &str| {
        let text = r#"{"rules": {"late": 5, "quiet": 10, "probation": 0}, "windows": {"NAME": [[0, 0]]}}"#;
        folder.file("labels.json", &text.replace("NAME", name))
    };
    let run_with = |labels: Option<PathBuf>| {
        let files = vec![bad.clone(), good.clone(), worse.clone()];
        let options = Options { files, labels, out: Some(folder.out()), ..Options::default() };
        let report = run(&options, &|_| {}).unwrap();
        let told = |error: &backtest::Error| error.to_string();
        let failed: Vec<String> = report.failed.iter().map(told).collect();
        (report, failed.join("\n").replace(&format!("{}/", folder.0.path().display()), ""))
    };
    let (report, failed) = run_with(None);
    assert_eq!(failed, "bad.csv, line 3: 1 cells; the header has 2\nworse.csv: the file is empty");
    assert!(report.to_string().contains("good.csv: 1 row"), "{report}");
    assert_eq!(folder.results("good.csv").len(), 2);
    assert!(!folder.out().join("bad.csv").exists());
    assert_eq!(report.whole().unwrap_err().to_string().lines().count(), 2);

    let (report, failed) = run_with(Some(labels("bad")));
    assert!(report.events.is_none() && report.files.len() == 1);
    let told = "\nlabels.json: not scored, since bad, which is labelled, could not be run";
    assert!(failed.ends_with(told), "{failed}");
    let (report, _) = run_with(Some(labels("good")));
    assert!(report.events.is_some(), "no label is of a file that is missing");
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let folder = Folder::new();
    let file = folder.file("x.csv", "t,x\n2020-01-01,1\n");
    let other = folder.file("other/x.csv", "t,x\n2020-01-01,1\n");
    let error = folder.run(&[&file, &other], Choice::default()).unwrap_err();
    assert_eq!(error, "x.csv and other/x.csv would share their results' name; run them apart");
    let files = vec![file.clone(), folder.file("x.txt", "t,x\n2020-01-01,1\n")];
    assert!(folder.run(&[&files[0], &files[1]], Choice::default()).is_ok(), "their results have other names");
    let labels =
        folder.file("x.json", r#"{"rules": {"late": 5, "quiet": 10, "probation": 0}, "windows": {}}"#);
    let error = run(&Options { files, labels: Some(labels), ..Options::default() }, &|_| {}).unwrap_err();
    assert!(error.to_string().ends_with("x.txt would share their labels; run them apart"), "{error}");
    assert_eq!(folder.run(&[], Choice::default()).unwrap_err(), "no file was given");
    let inside = folder.file("out/y.csv", "t,x\n2020-01-01,1\n");
    let error = folder.run(&[&inside], Choice::default()).unwrap_err();
    assert_eq!(error, "the results would overwrite out/y.csv; choose another folder");
    let engine = EngineConfig { silence_factor: 0.0, ..EngineConfig::default() };
    let options = Options { files: vec![file.clone()], engine, ..Options::default() };
    assert!(run_whole(&options).unwrap_err().to_string().starts_with("silence_factor: 0 is not allowed"));
    let beyond = r#"{"rules": {"late": 5, "quiet": 10, "probation": 0}, "windows": {"x": [[0, 1]]}}"#;
    let labels = folder.file("beyond.json", beyond);
    let options = Options { files: vec![file.clone()], labels: Some(labels), ..Options::default() };
    let error = run_whole(&options).unwrap_err().to_string();
    let told = "beyond.json: x.csv: the window [0, 1] reaches beyond the file: 1 row, numbered from 0";
    assert!(error.ends_with(told), "{error}");
    let nab = folder.file("nab/labels/combined_windows.json", "{}").ancestors().nth(2).map(Path::to_owned);
    let choice = Choice { no_header: true, ..Choice::default() };
    let error = run(&Options { nab, choice, ..Options::default() }, &|_| {}).unwrap_err().to_string();
    assert_eq!(error, "nab knows how its files are read; give it without a choice of columns");
    let labels = folder.file("labels.json", "{}");
    let options = Options { files: vec![file], labels: Some(labels), ..Options::default() };
    assert!(run_whole(&options).unwrap_err().to_string().contains("labels.json: missing field `rules`"));
}
