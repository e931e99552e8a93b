//! `kizashi backtest` as typed, and what must not hurt it.

use crate::eventually;
use kizashi_proto::v1::{QuerySeriesRequest, series_client::SeriesClient};
use kizashi_tests::{
    Finished, Service, binary, run,
    waveform::{Burst, Random},
};
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let file = self.path(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, bytes).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Runs a backtest with its results under `out`.
    fn backtest(&self, arguments: &[&str], input: &[u8]) -> Finished {
        let out = self.path("out");
        run(&[&["backtest", "--out", out.to_str().unwrap()], arguments].concat(), input)
    }

    /// Cells of a file of results.
    fn results(&self, name: &str) -> Vec<Vec<String>> {
        let text = fs::read_to_string(self.path("out").join(name)).unwrap();
        text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
    }
}

#[track_caller]
fn assert_refused(finished: &Finished, parts: &[&str]) {
    assert_eq!((finished.status.code(), finished.stdout.as_str()), (Some(2), ""), "{finished:?}");
    assert_eq!(finished.stderr.matches('\n').count(), 1, "one line is for the person: {finished:?}");
    for part in parts {
        assert!(finished.stderr.contains(part), "{part} in {finished:?}");
    }
}

/// A burst of a minute, five hours into a series of a row every ten seconds.
fn burst() -> String {
    let burst = Burst { before: 1800, during: 6, after: 120 };
    let mut random = Random::new(7);
    (0..burst.len()).fold("t,x\n".to_owned(), |mut text, step| {
        writeln!(text, "{},{}", 1_396_310_400 + 10 * step, burst.value(step, &mut random)).unwrap();
        text
    })
}

#[test]
fn a_pipe_gives_the_results_of_the_file() {
    let folder = Folder::new();
    let text = burst();
    let from_file = folder.backtest(&[&folder.file("stdin.csv", &text)], b"");
    let results = folder.results("stdin.csv");
    let from_pipe = folder.backtest(&["-"], text.as_bytes());
    assert!(from_file.status.success() && from_pipe.status.success(), "{from_file:?} {from_pipe:?}");
    let counts = |finished: &Finished| finished.stdout.split_once(": ").unwrap().1.to_owned();
    assert_eq!(counts(&from_file), counts(&from_pipe));
    assert_eq!(results.len(), 1 + text.lines().count() - 1);
    let without_ids = |results: &[Vec<String>]| -> Vec<Vec<String>> {
        results.iter().map(|row| row[..row.len() - 1].to_vec()).collect()
    };
    assert_eq!(without_ids(&results), without_ids(&folder.results("stdin.csv")));
    assert!(results[1801..].iter().any(|row| row[6].len() == 32), "an alert is open");
}

#[tokio::test]
async fn every_score_is_that_of_the_service() {
    let folder = Folder::new();
    let burst = Burst { before: 300, during: 5, after: 120 };
    let mut random = Random::new(7);
    let mut text = "t,a,b\n".to_owned();
    for step in 0..burst.len() {
        let (a, b) = (burst.value(step, &mut random), random.normal());
        writeln!(text, "{},{a},{b}", 1_767_225_600 + 10 * step).unwrap();
    }
    let file = folder.file("pump.csv", text);
    assert!(folder.backtest(&[&file], b"").status.success());
    let rows: Vec<Vec<f64>> = folder.results("pump.csv")[1..]
        .iter()
        .map(|row| row[..10].iter().map(|cell| cell.parse().unwrap_or(f64::NAN)).collect())
        .collect();

    let service = Service::start(&folder.path("data"));
    let url = service.url();
    assert!(run(&["replay", &file, "--server", &url], b"").status.success());
    eventually(|| {
        let alerts = run(&["alerts", "--json", "--server", &url], b"");
        alerts.stdout.lines().any(|line| !line.contains("\"closed\":null")).then_some(())
    });
    let request = QuerySeriesRequest {
        series: "pump".into(),
        start: Some(prost_types::Timestamp { seconds: 1_767_225_600, nanos: 0 }),
        points_max: 10_000,
        ..Default::default()
    };
    let answer = SeriesClient::new(service.channel().await).query_series(request).await.unwrap().into_inner();
    assert!(!answer.downsampled);
    assert_eq!(answer.fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    for (field, (value, expected)) in answer.fields.iter().zip([(1, 3), (2, 6)]) {
        for (name, ours, column) in [
            ("value", &field.value, value),
            ("expected", &field.expected, expected),
            ("lower", &field.lower, expected + 1),
            ("upper", &field.upper, expected + 2),
            ("anomaly_score", &field.anomaly_score, 9),
        ] {
            // The history keeps scores in 32 bits.
            let kept = |x: f64| if name == "anomaly_score" { f64::from(x as f32) } else { x };
            let theirs: Vec<f64> = rows.iter().map(|row| kept(row[column])).collect();
            assert_eq!(ours.len(), theirs.len(), "{name}");
            let same = |(a, b): (&f64, &f64)| a == b || a.is_nan() && b.is_nan();
            let differs = ours.iter().zip(&theirs).position(|pair| !same(pair));
            assert_eq!(differs.map(|at| (at, ours[at], theirs[at])), None, "{name} of {}", field.name);
        }
    }
}

#[test]
fn what_is_wrong_with_a_file_is_told_in_one_line() {
    let folder = Folder::new();
    let good = "t,load\n2026-01-01,1\n2026-01-02,2\n";
    let file = folder.file("x.csv", good);
    assert_refused(
        &folder.backtest(&[&file, "--values", "laod"], b""),
        &["there is no column `laod` (did you mean `load`?)"],
    );
    assert_refused(&folder.backtest(&[folder.0.path().to_str().unwrap()], b""), &["it is a folder"]);
    assert_refused(&folder.backtest(&["/nowhere/x.csv"], b""), &["/nowhere/x.csv: No such file"]);
    assert_refused(&folder.backtest(&["-"], b""), &["-: the file is empty"]);
    assert_refused(&folder.backtest(&["-"], b"t,x\n"), &["no rows below the header"]);
    assert_refused(
        &folder.backtest(&["-", "-"], good.as_bytes()),
        &["standard input (`-`) can be read once"],
    );
    assert_refused(&folder.backtest(&["-"], b"PAR1 and so on"), &["Parquet can't be read from a pipe"]);
    let cut = folder.file("x.parquet", b"PAR1 and nothing else");
    assert_refused(&folder.backtest(&[&cut], b""), &["x.parquet: ", "Parquet"]);
    assert_refused(
        &folder.backtest(&["-", "--declared-range"], good.as_bytes()),
        &["two passes", "[[series]]"],
    );
    assert_refused(
        &folder.backtest(&["-"], b"t,x\n2026-01-01,1\n2026-01-02,1,2\n"),
        &["-, line 3: 3 cells; the header has 2"],
    );
    let other = folder.file("other/x.csv", good);
    assert_refused(&folder.backtest(&[&file, &other], b""), &["share their results' name"]);
    let inside = folder.file("out/x.csv", good);
    assert_refused(&folder.backtest(&[&inside], b""), &["would overwrite", "choose another folder"]);
    assert_eq!(fs::read_to_string(inside).unwrap(), good, "it was left alone");
    assert_refused(&folder.backtest(&[&file, "--budget", "0"], b""), &["false_alerts_per_week: 0", "0.001"]);
    assert_refused(&folder.backtest(&[&file, "--stream", "evnts"], b""), &["no stream evnts", "events"]);
    // A process may not read its memory at address 0: a file that can be opened, but not read.
    #[cfg(target_os = "linux")]
    assert_refused(&folder.backtest(&["/proc/self/mem"], b""), &["/proc/self/mem: Input/output error"]);
}

#[test]
fn what_the_columns_were_taken_for_is_told() {
    let folder = Folder::new();
    let mut text = "when,load,state,is_anomaly,spare\n".to_owned();
    (0..50).for_each(|row| writeln!(text, "{},{row},OPEN,0,", 1_767_225_600 + row).unwrap());
    let (a, b) = (folder.file("a.csv", &text), folder.file("b.csv", &text));
    let backtest = folder.backtest(&[&a, &b], b"");
    let told = "columns: time `when`; 2 values `load`, `is_anomaly`; left out \
                `spare` (empty), `state` (text: `OPEN` in line 2)";
    assert_eq!(backtest.stdout.lines().filter(|line| *line == told).count(), 1, "{backtest:?}");
    let warning = "kizashi: `is_anomaly` is named like a label and is scored as a value; \
                   --ignore is_anomaly leaves it out\n";
    assert_eq!((backtest.status.code(), backtest.stderr.as_str()), (Some(0), warning));
    for without in [["--ignore", "is_anomaly"], ["--values", "is_anomaly"]] {
        let backtest = folder.backtest(&[&[a.as_str()][..], &without].concat(), b"");
        assert_eq!((backtest.status.code(), backtest.stderr.as_str()), (Some(0), ""), "nothing is to say");
    }
}

#[test]
fn a_file_that_can_not_be_run_hides_no_results() {
    let folder = Folder::new();
    let good = folder.file("good.csv", "t,x\n2026-01-01,1\n2026-01-02,2\n");
    let bad = folder.file("bad.csv", "t,x\n2026-01-01,1\n2026-01-02\n");
    let labels = folder.file(
        "labels.json",
        r#"{"rules": {"late": 0, "quiet": 1, "probation": 0}, "windows": {"good": [[1, 1]], "bad": [[0, 0]]}}"#,
    );
    let backtest = folder.backtest(&[&bad, &good, "--labels", &labels], b"");
    assert_eq!(backtest.status.code(), Some(2), "{backtest:?}");
    assert!(backtest.stdout.contains("good.csv: 2 rows") && !backtest.stdout.contains("F1"), "{backtest:?}");
    assert_eq!(folder.results("good.csv").len(), 3);
    let errors: Vec<&str> = backtest.stderr.lines().collect();
    assert!(errors[0].ends_with("bad.csv, line 3: 1 cells; the header has 2"), "{backtest:?}");
    assert!(
        errors[1].ends_with("not scored, since bad, which is labelled, could not be run"),
        "{backtest:?}"
    );
}

#[test]
fn data_without_times_and_header_is_scored_as_if_it_had_both() {
    let folder = Folder::new();
    let values: Vec<String> =
        burst().lines().skip(1).map(|line| line.split(',').nth(1).unwrap().to_owned()).collect();
    let bare = folder.file("bare.txt", values.join("\n"));
    let refused = folder.backtest(&[&bare], b"");
    assert_refused(&refused, &["the first line is a row of data", "--no-header"]);
    let refused = folder.backtest(&[&bare, "--no-header"], b"");
    assert_refused(&refused, &["no column holds times", "--every 5m"]);
    let labels = folder.file(
        "labels.json",
        r#"{"rules": {"late": 5, "quiet": 10, "probation": 300}, "windows": {"bare": [[1800, 1806]]}}"#,
    );
    let bare = folder.backtest(&[&bare, "--no-header", "--every", "10s", "--labels", &labels], b"");
    assert!(bare.status.success() && bare.stdout.contains("alerts    F1 1.000"), "{bare:?}");
    assert!(bare.stdout.contains("\ncolumns: time by the number of the row; value `1`\n"), "{bare:?}");
    let rows = folder.results("bare.txt");
    assert_eq!((rows[0][..2].join(","), rows[1][0].as_str()), ("timestamp,1".to_owned(), "0"));
    assert_eq!((rows.len(), rows[1926][0].as_str()), (1927, "1925"));
    // The same with times from the start of 1970 on, and through a pipe.
    let timed = values
        .iter()
        .enumerate()
        .fold("t,1\n".to_owned(), |text, (row, value)| text + &format!("{},{value}\n", 10 * row));
    assert!(folder.backtest(&["-", "--time", "t"], timed.as_bytes()).status.success());
    let scores = |rows: &[Vec<String>]| -> Vec<_> { rows.iter().map(|row| row[1..6].to_vec()).collect() };
    assert!(scores(&rows) == scores(&folder.results("stdin.csv")));
    let piped = folder.backtest(&["-", "--no-header", "--every", "10s"], values.join("\n").as_bytes());
    assert!(piped.status.success() && rows[..1800] == folder.results("stdin.csv")[..1800], "{piped:?}");

    let both = folder.backtest(&["-", "--every", "10s", "--time", "t"], timed.as_bytes());
    assert_eq!(both.status.code(), Some(2));
    assert!(both.stderr.contains("'--every <STEP>' cannot be used with '--time <COLUMN>'"), "{both:?}");
    let json = folder.backtest(&["-", "--every", "10s"], b"{\"series\":\"a\",\"value\":1}");
    assert_refused(&json, &["JSON lines name their times"]);
}

#[test]
fn a_replay_of_rows_without_times_puts_them_as_far_apart_as_was_said() {
    let folder = Folder::new();
    let values: String =
        burst().lines().skip(1).map(|line| line.split(',').nth(1).unwrap().to_owned() + "\n").collect();
    let bare = folder.file("bare.txt", values);
    let service = Service::start(&folder.path("data"));
    let url = service.url();
    let replay = run(&["replay", &bare, "--no-header", "--every", "10s", "--server", &url], b"");
    assert!(replay.status.success(), "{replay:?}");
    // The burst begins five hours behind the first row.
    eventually(|| {
        let alerts = run(&["alerts", "--json", "--server", &url], b"");
        alerts.stdout.contains("\"opened\":\"1970-01-01T05:0").then_some(())
    });
}

#[test]
fn a_field_that_turns_from_number_to_text_is_told_with_its_line() {
    let folder = Folder::new();
    let mut text = "t,x,y\n".to_owned();
    (0..5000).for_each(|row| writeln!(text, "{},{row},1", 1_767_225_600 + row).unwrap());
    text += "1767230600,broken,1\n";
    let file = folder.file("x.csv", &text);
    assert_refused(
        &folder.backtest(&[&file], b""),
        &["x.csv, line 5002, column `x`: `broken` is not a number; mend it, or leave the column out"],
    );
    assert!(!folder.path("out/x.csv").exists() && !folder.path("out/x.csv.partial").exists());
    let without = folder.backtest(&[&file, "--ignore", "x"], b"");
    assert!(without.status.success() && without.stdout.contains("5001 rows"), "{without:?}");
}

#[test]
fn very_many_columns_and_very_long_keys_are_refused() {
    let folder = Folder::new();
    let names: String = (0..100_000).fold("t".to_owned(), |names, at| names + &format!(",c{at}"));
    let row = format!("2026-01-01{}", ",7".repeat(100_000));
    let wide = folder.file("wide.csv", format!("{names}\n{row}\n"));
    assert_refused(
        &folder.backtest(&[&wide], b""),
        &["100000 columns hold numbers; at most 256 are allowed; choose (--values)"],
    );
    assert!(folder.backtest(&[&wide, "--values", "c99999"], b"").status.success());
    let key = "k".repeat(1_000_000);
    let keyed = folder.file("keyed.csv", format!("t,host,x\n2026-01-01,a,1\n2026-01-02,{key},1\n"));
    assert_refused(
        &folder.backtest(&[&keyed, "--series", "host"], b""),
        &["line 3: a series key of 1000000 bytes; at most 1024 are allowed"],
    );
}

#[test]
fn unsorted_times_of_many_zones_are_taken_as_they_stand() {
    let folder = Folder::new();
    let text = "when,x\n2026-01-01T12:00:00+02:00,1\n2026-01-01 10:05,2\n2026-01-01T05:01:00-05:00,3\n";
    let backtest = folder.backtest(&["-"], text.as_bytes());
    assert!(backtest.stdout.contains("3 rows") && backtest.stdout.contains("1 row not in the order of time"));
    let times: Vec<String> = folder.results("stdin.csv").into_iter().map(|mut row| row.remove(0)).collect();
    assert_eq!(
        times,
        ["timestamp", "2026-01-01T12:00:00+02:00", "2026-01-01 10:05", "2026-01-01T05:01:00-05:00"]
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_nothing_half_done_is_left() {
    let folder = Folder::new();
    let file = folder.file("x.csv", burst());
    fs::create_dir(folder.path("out")).unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path("out/x.csv.partial")).unwrap();
    assert_refused(&folder.backtest(&[&file], b""), &["out/x.csv.partial: No space left on device"]);
    assert_eq!(fs::read_dir(folder.path("out")).unwrap().count(), 0);
}

/// The most memory that a running process has held, in bytes.
#[cfg(target_os = "linux")]
fn peak_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[cfg(target_os = "linux")]
#[test]
fn what_comes_through_a_pipe_is_not_kept() {
    let folder = Folder::new();
    let mut child = Command::new(binary())
        .args(["backtest", "-", "--series", "host", "--out", folder.path("out").to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "t,host,x,note").unwrap();
    let note = "n".repeat(1000);
    // 300 MB, most of it text that nobody asked for.
    let rows = 300_000_i64;
    let mut chunk = String::new();
    for row in 0..rows {
        writeln!(chunk, "{},h{},{},{note}", 1_767_225_600 + row / 50, row % 50, row * 7919 % 101).unwrap();
        if chunk.len() > 1 << 20 || row + 1 == rows {
            input.write_all(chunk.as_bytes()).unwrap();
            chunk.clear();
        }
    }
    // All but what the pipe holds has been read.
    let peak = peak_bytes(child.id());
    drop(input);
    let finished = child.wait_with_output().unwrap();
    let stdout = String::from_utf8_lossy(&finished.stdout);
    assert!(finished.status.success() && stdout.contains("300000 rows, 50 series"), "{stdout}");
    assert!(peak < 120 << 20, "{peak} bytes were held");
    assert_eq!(folder.results("stdin.csv").len(), 300_001);
}

#[test]
fn the_numenta_benchmark_is_run_and_scored_from_its_folder() {
    let folder = Folder::new();
    folder.file("nab/data/kind/x.csv", burst().replace("t,x", "timestamp,value"));
    folder.file("nab/labels/combined_windows.json", r#"{"kind/x.csv": [["1396328390", "1396328470"]]}"#);
    let nab = folder.path("nab");
    for flags in [&[][..], &["--declared-range"]] {
        let backtest = folder.backtest(&[&["--nab", nab.to_str().unwrap()], flags].concat(), b"");
        assert!(backtest.status.success(), "{backtest:?}");
        for profile in ["standard ", "low_FP ", "low_FN "] {
            let line = backtest.stdout.lines().find(|line| line.starts_with(profile)).unwrap();
            assert!(line.contains("windows 1/1"), "{line}");
        }
        assert!(backtest.stdout.contains("alerts    F1 1.000"), "{backtest:?}");
        assert_eq!(folder.results("kind/x.csv").len(), 1 + 1926);
    }
}

#[test]
fn labels_and_a_budget_are_taken() {
    let folder = Folder::new();
    let file = folder.file("x.csv", burst());
    let labels = folder.file(
        "labels.json",
        r#"{"rules": {"late": 5, "quiet": 10, "probation": 300}, "windows": {"x": [[1800, 1806]]}}"#,
    );
    let backtest = folder.backtest(&[&file, "--labels", &labels, "--budget", "0.5", "--alerts"], b"");
    assert!(backtest.status.success(), "{backtest:?}");
    for part in
        ["at a budget of 0.5", "F1 1.000", "alerts    F1 1.000", "false 0 of 1", "median delay 0 rows"]
    {
        assert!(backtest.stdout.contains(part), "{part} in {}", backtest.stdout);
    }
    let id = &folder.results("x.csv")[1801][6];
    let alert = backtest.stdout.lines().find(|line| line.trim_start().starts_with(id.as_str())).unwrap();
    assert!(alert.contains("2014-04-01 05:00:00 UTC to ") && alert.contains("  x: "), "{alert}");
}
