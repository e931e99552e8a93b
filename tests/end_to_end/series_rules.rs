//! What `[[series]]` tables do to alerts, over a restart and a change of them.

use crate::eventually;
use kizashi_tests::{
    Service, run,
    waveform::{Burst, Random},
};
use serde_json::Value;
use std::path::Path;

const BURST: Burst = Burst { before: 300, during: 5, after: 120 };
const RULES: &str = r#"
[[series]]
match = "*"
ignore_rise = 10

[[series]]
match = "pump-?"
ignore_rise = 0
time_zone = "Europe/Berlin"

[[series]]
match = "pump-8"
mute = true
"#;

/// Two bursts of a series, as lines.
fn lines(series: &str, scale: f64, seed: u64) -> String {
    let mut random = Random::new(seed);
    let line = |at: usize| {
        // A tenth of the burst is a rise of 4.
        let value = BURST.value(at % BURST.len(), &mut random) * scale;
        format!("{{\"series\":\"{series}\",\"time\":{},\"value\":{value}}}\n", 1_767_225_600 + 10 * at)
    };
    (0..2 * BURST.len()).map(line).collect()
}

fn put(service: &Service, lines: &str) {
    let put = run(&["put", "--server", &service.url(), "--partition-key", "one"], lines.as_bytes());
    assert!(put.status.success(), "{put:?}");
}

/// The alerts that have closed, the oldest first, once there are so many.
fn closed(service: &Service, count: usize) -> Vec<Value> {
    eventually(|| {
        let alerts = run(&["alerts", "--json", "--server", &service.url()], b"");
        let mut alerts: Vec<Value> =
            alerts.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        alerts.reverse();
        alerts.retain(|alert| !alert["closed"].is_null());
        (alerts.len() >= count).then_some(alerts)
    })
}

fn audit(data: &Path) -> String {
    let config = data.parent().unwrap().join("kizashi.toml");
    let audit = run(&["audit", "--data", data.to_str().unwrap(), "--config", config.to_str().unwrap()], b"");
    assert!(audit.status.success(), "{audit:?}");
    audit.stdout
}

#[test]
fn tables_decide_which_series_raise_alerts() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let service = Service::start_with(&data, RULES, &[]);
    // In one shard of the stream, so that what is put last is routed last.
    put(&service, &(lines("pump-8", 1.0, 1) + &lines("valve", 0.1, 2) + &lines("pump-7", 1.0, 3)));
    let alerts = closed(&service, 2);
    let series: Vec<_> = alerts.iter().map(|alert| alert["series"].as_str().unwrap()).collect();
    assert_eq!(series, ["pump-7", "pump-7"], "pump-8 is mute, and a rise of 4 is ignored");
    assert_eq!(alerts[0]["nearest"], Value::Null);
    let nearest = &alerts[1]["nearest"];
    assert_eq!((&nearest["id"], &nearest["opened"]), (&alerts[0]["id"], &alerts[0]["opened"]));
    assert!(nearest["similarity"].as_f64().unwrap() > 0.8, "{nearest}");
    assert!(alerts[1]["why"].as_str().unwrap().ends_with(", as on 1 January 00:50"), "{}", alerts[1]["why"]);

    assert!(service.stop().status.success());
    let report = audit(&data);
    assert!(!report.contains("another configuration"), "{report}");

    let service = Service::start_with(&data, "", &[]);
    assert_eq!(closed(&service, 2), alerts, "a change of tables changes nothing that was told");
    assert!(service.stop().status.success());
    let report = audit(&data);
    assert!(report.contains("another configuration scored"), "{report}");
}

#[test]
fn a_table_that_is_wrong_stops_the_start_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let config = format!("{RULES}\n[[series]]\nmatch = \"*\"\ntime_zone = \"Europe/Atlantis\"\n");
    let Err(finished) = Service::try_start(&data, &config, &[]) else { panic!("it started") };
    assert_eq!(finished.status.code(), Some(2));
    assert!(
        finished.stderr.contains("kizashi.toml:17: series.4.time_zone \"Europe/Atlantis\" is not allowed: "),
        "{finished:?}"
    );
}
