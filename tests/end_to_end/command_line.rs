//! The commands as typed.

use crate::eventually;
use kizashi_tests::{
    Service, run,
    waveform::{Burst, Random},
};
use serde_json::Value;

const BURST: Burst = Burst { before: 300, during: 5, after: 120 };

#[test]
fn what_is_put_by_hand_is_printed_as_an_alert() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("data"));
    let url = service.url();
    let mut random = Random::new(7);
    let lines: String = (0..BURST.len())
        .map(|step| {
            let value = BURST.value(step, &mut random);
            format!("{{\"series\":\"door\",\"time\":{},\"value\":{value}}}\n", 1_767_225_600 + step)
        })
        .collect();
    let put = run(&["put", "--server", &url, "--partition-key", "door"], lines.as_bytes());
    assert!(put.status.success(), "{put:?}");
    assert_eq!(put.stdout, format!("{} records are durable\n", BURST.len()));

    let alert = eventually(|| {
        let alerts = run(&["alerts", "--json", "--server", &url], b"");
        assert!(alerts.status.success(), "{alerts:?}");
        alerts
            .stdout
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .find(|alert| !alert["closed"].is_null())
    });
    assert_eq!(alert["series"], "door");
    assert_eq!(alert["opened"], "2026-01-01T00:05:00.000Z");
    for key in ["id", "severity", "surprise", "why", "stream", "observations", "fields", "snapshot"] {
        assert!(!alert[key].is_null(), "{key} in {alert}");
    }
    let text = run(&["alerts", "--server", &url, "--filter", "series:do*"], b"");
    assert!(text.stdout.contains("door"), "{text:?}");
    let none = run(&["alerts", "--server", &url, "--filter", "series:window"], b"");
    assert_eq!((none.status.code(), none.stdout.as_str()), (Some(0), ""));
    let wrong = run(&["alerts", "--server", &url, "--filter", "colour:red"], b"");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(wrong.stderr.contains("colour") && wrong.stderr.contains("severity"), "{wrong:?}");
}

#[test]
fn a_series_that_is_put_keeps_its_order() {
    const ROUNDS: usize = 400;
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("data"));
    let url = service.url();
    let series = ["a", "b", "c", "d", "e"];
    let lines: String = (0..ROUNDS)
        .flat_map(|round| {
            series.map(|name| format!("{{\"id\":{{\"name\":\"{name}\"}},\"value\":{round}}}\n"))
        })
        .collect();
    let put = run(&["put", "--server", &url, "--series", "id.name", "--verbose"], lines.as_bytes());
    assert!(put.status.success(), "{put:?}");
    let places: Vec<(&str, &str)> = put.stdout.lines().map(|line| line.split_once(' ').unwrap()).collect();
    assert_eq!(places.len(), ROUNDS * series.len());
    for at in 0..series.len() {
        let of_series: Vec<_> = places.iter().skip(at).step_by(series.len()).collect();
        assert!(of_series.iter().all(|(shard, _)| *shard == of_series[0].0), "one shard");
        // Decimals of one length.
        assert!(of_series.is_sorted_by(|(_, before), (_, after)| before < after), "the order of the input");
    }
    let shards: std::collections::BTreeSet<_> = places.iter().map(|(shard, _)| shard).collect();
    assert!(shards.len() > 1, "several series are spread: {shards:?}");
    let both = run(&["put", "--server", &url, "--series", "x", "--partition-key", "y"], b"");
    assert_eq!(both.status.code(), Some(2), "{both:?}");
}

#[test]
fn dead_letters_are_listed_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("data"));
    let url = service.url();
    let put = run(
        &["put", "--server", &url],
        b"{\"series\":\"a\",\"value\":1}\n{\"series\":\"a\",\"value\":\"hot\"}\nnonsense\n",
    );
    assert!(put.status.success(), "{put:?}");
    let letters = eventually(|| {
        let list = run(&["dead-letters", "list", "--json", "--server", &url], b"");
        assert!(list.status.success(), "{list:?}");
        let letters: Vec<Value> =
            list.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (letters.len() == 2).then_some(letters)
    });
    let hot = letters.iter().find(|letter| letter["excerpt"].as_str().unwrap().contains("hot")).unwrap();
    assert!(hot["reason"].as_str().unwrap().contains("value"), "{hot}");
    let replay = run(&["dead-letters", "replay", "--server", &url], b"");
    assert_eq!(
        replay.stdout, "0 replayed, 2 still can't be decoded, 0 are gone from the stream\n",
        "{replay:?}"
    );
}

#[test]
fn dead_letters_are_scored_once_the_mapping_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let letters = |url: &str| {
        let list = run(&["dead-letters", "list", "--server", url], b"");
        assert!(list.status.success(), "{list:?}");
        list.stdout.lines().count()
    };
    let service = Service::start(&data);
    let url = service.url();
    let lines = b"{\"sensor\":\"a\",\"value\":1}\n{\"sensor\":\"b\",\"value\":2}\nnonsense\n";
    assert!(run(&["put", "--server", &url], lines).status.success());
    eventually(|| (letters(&url) == 3).then_some(()));
    assert!(service.stop().status.success());

    let service = Service::start_with(&data, "[streams.events.mapping]\nseries = \"sensor\"\n", &[]);
    let url = service.url();
    assert_eq!(letters(&url), 3);
    let replay = run(&["dead-letters", "replay", "--server", &url], b"");
    assert_eq!(
        replay.stdout, "2 replayed, 1 still can't be decoded, 0 are gone from the stream\n",
        "{replay:?}"
    );
    eventually(|| (letters(&url) == 1).then_some(()));
    // Settled is durable, and what was settled is not replayed again.
    service.kill();
    let service = Service::start_with(&data, "[streams.events.mapping]\nseries = \"sensor\"\n", &[]);
    let replay = run(&["dead-letters", "replay", "--server", &service.url()], b"");
    assert_eq!(
        replay.stdout, "0 replayed, 1 still can't be decoded, 0 are gone from the stream\n",
        "{replay:?}"
    );
}

/// A CSV file of a burst, an observation every ten seconds.
fn burst_file(folder: &std::path::Path) -> std::path::PathBuf {
    let mut random = Random::new(7);
    let mut text = "timestamp,value,label\n".to_owned();
    for step in 0..BURST.len() {
        let (minute, second) = (step / 6, step % 6 * 10);
        let value = BURST.value(step, &mut random);
        text += &format!("2026-01-01 {:02}:{:02}:{second:02},{value},0\n", minute / 60, minute % 60);
    }
    let file = folder.join("boiler.csv");
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn a_replayed_file_and_its_backtest_find_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = burst_file(folder.path());
    let file = file.to_str().unwrap();
    let service = Service::start(&folder.path().join("data"));
    let url = service.url();
    let replay = run(&["replay", file, "--ignore", "label", "--server", &url], b"");
    assert!(replay.status.success(), "{replay:?}");
    assert_eq!(replay.stdout, format!("{} records are durable\n", BURST.len()));
    let live = eventually(|| {
        let alerts = run(&["alerts", "--json", "--server", &url], b"");
        alerts.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).next()
    });
    assert_eq!((&live["series"], &live["opened"]), (&"boiler".into(), &"2026-01-01T00:50:00.000Z".into()));

    let out = folder.path().join("scored");
    let backtest = run(&["backtest", file, "--ignore", "label", "--out", out.to_str().unwrap()], b"");
    assert!(backtest.status.success() && backtest.stdout.contains("1 series, 1 alert"), "{backtest:?}");
    let scored = std::fs::read_to_string(out.join("boiler.csv")).unwrap();
    let rows: Vec<Vec<&str>> = scored.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0], ["timestamp", "value", "expected", "lower", "upper", "anomaly_score", "alert"]);
    assert_eq!(rows.len(), 1 + BURST.len());
    let first = rows[1..].iter().find(|row| !row[6].is_empty()).unwrap();
    assert_eq!(first[0], "2026-01-01 00:50:00");

    let wrong = run(&["backtest", file, "--values", "heat"], b"");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(wrong.stderr.contains("heat") && wrong.stderr.contains("timestamp, value, label"), "{wrong:?}");
    let wrong = run(&["replay", file, "--server", &url, "--speed", "fast"], b"");
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}

#[test]
fn a_stopped_service_is_audited() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let service = Service::start(&data);
    assert!(run(&["put", "--server", &service.url()], b"{\"series\":\"a\",\"value\":1}\n").status.success());
    assert!(service.stop().status.success());
    let audit = run(&["audit", "--data", data.to_str().unwrap()], b"");
    assert!(
        audit.status.success() && audit.stdout.contains("1 record with 1 observation and 0 dead letters"),
        "{audit:?}"
    );
    let nowhere = run(&["audit", "--data", "/nonexistent"], b"");
    assert_eq!(nowhere.status.code(), Some(2), "{nowhere:?}");
}

#[test]
fn a_service_that_is_not_there_is_told_as_such() {
    for arguments in [&["alerts"][..], &["put"], &["dead-letters", "list"], &["agent"]] {
        // Port 9 is discard: nothing listens there on a test machine.
        let finished = run(&[arguments, &["--server", "http://127.0.0.1:9"]].concat(), b"");
        assert_eq!(finished.status.code(), Some(1), "{finished:?}");
        assert!(finished.stderr.contains("no service answers at http://127.0.0.1:9"), "{finished:?}");
        assert!(finished.stderr.contains("kizashi serve"), "{finished:?}");
    }
    let finished = run(&["alerts", "--server", "localhost"], b"");
    assert_eq!(finished.status.code(), Some(2), "{finished:?}");
}

#[test]
fn a_checked_configuration_is_printed_as_a_file_that_means_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (file, printed) = (folder.path().join("mine.toml"), folder.path().join("printed.toml"));
    std::fs::write(&file, "[detect]\nsilence = false\n[[series]]\nmatch = \"web-*\"\nmute = true\n").unwrap();
    let file = file.to_str().unwrap();
    let checked = run(&["config", "check", file], b"");
    assert!(checked.status.success(), "{checked:?}");
    let (head, text) = checked.stdout.split_once('\n').unwrap();
    assert_eq!(head, format!("# {file}: the configuration is good. With every key, it is:"));
    for line in ["silence = false", "[[series]]", "match = \"web-*\"", "[streams.events]", "shards = 4"] {
        assert!(text.lines().any(|shown| shown == line), "{line} in {text}");
    }
    std::fs::write(&printed, &checked.stdout).unwrap();
    let again = run(&["config", "check", "--config", printed.to_str().unwrap()], b"");
    assert!(again.status.success(), "{again:?}");
    assert_eq!(again.stdout.split_once('\n').unwrap().1, text);
    let wrong = run(&["config", "check", "--config", "/nonexistent.toml"], b"");
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}

#[test]
fn completions_and_help_are_printed() {
    for shell in ["bash", "zsh", "fish"] {
        let finished = run(&["completions", shell], b"");
        assert!(finished.status.success() && finished.stdout.contains("dead-letters"), "{shell}");
    }
    assert!(run(&["--help"], b"").stdout.contains("backtest"));
}
