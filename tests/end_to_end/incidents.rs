//! Series that break together, on the command line.

use crate::eventually;
use kizashi_tests::{
    Service, run,
    waveform::{Burst, Random},
};
use serde_json::Value;

const BURST: Burst = Burst { before: 300, during: 5, after: 120 };
const SERIES: [&str; 3] = ["web-1/cpu", "web-1/disk", "web-1/load"];

/// The same burst in each series, in the order of their times.
fn lines() -> String {
    let mut randoms = [1, 2, 3].map(Random::new);
    let mut lines = String::new();
    for at in 0..BURST.len() {
        for (series, random) in SERIES.iter().zip(&mut randoms) {
            let (time, value) = (1_767_225_600 + 10 * at, BURST.value(at, random));
            lines += &format!("{{\"series\":\"{series}\",\"time\":{time},\"value\":{value}}}\n");
        }
    }
    lines
}

fn incidents(service: &Service, more: &[&str]) -> String {
    let url = service.url();
    let found = run(&[&["incidents", "--server", &url], more].concat(), b"");
    assert!(found.status.success(), "{found:?}");
    found.stdout
}

#[test]
fn series_that_break_together_are_listed_as_one_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let service = Service::start(&data);
    assert_eq!(incidents(&service, &[]), "");
    let put = run(&["put", "--server", &service.url(), "--partition-key", "one"], lines().as_bytes());
    assert!(put.status.success(), "{put:?}");

    let listed = eventually(|| {
        let listed = incidents(&service, &["--json"]);
        let first: Value = serde_json::from_str(listed.lines().next()?).unwrap();
        (first["what"] == "closed" && first["series"] == 3).then_some(listed)
    });
    assert_eq!(listed.lines().count(), 1, "{listed}");
    let incident: Value = serde_json::from_str(&listed).unwrap();
    assert!(incident["title"].as_str().unwrap().starts_with("3 series of web-1 broke "), "{incident}");
    let mut members: Vec<_> = incident["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member["series"].as_str().unwrap())
        .collect();
    members.sort_unstable();
    assert_eq!(members, SERIES);

    let text = incidents(&service, &["--members"]);
    assert_eq!(text.lines().count(), 4, "{text}");
    assert_eq!(incidents(&service, &["--open"]), "");

    assert!(service.stop().status.success());
    let service = Service::start(&data);
    assert_eq!(
        eventually(|| Some(incidents(&service, &["--json"])).filter(|found| !found.is_empty())),
        listed
    );
}
