//! What the tables `[[series]]` do to alerts, with a detector whose surprise is what the test says.

use super::series::SILENCE_SEVERITY;
use super::test_bench::{Bench, SECOND_MS};
use super::*;
use crate::alert::{AlertKind, Change, Severity};
use crate::detector::DefaultDetector;
use crate::observation::{Observation, Values};
use crate::position::Source;

fn with(series: Vec<SeriesRule>) -> Bench {
    Bench::new(EngineConfig { series, ..EngineConfig::default() })
}

#[test]
fn what_is_to_be_ignored_neither_opens_an_alert_nor_keeps_it_open() {
    // The detector of the test expects 1.
    let mut bench = with(vec![SeriesRule { ignore_rise: Some(5.0), ..SeriesRule::new("cpu") }]);
    bench.steady(&["cpu"], 100);
    for _ in 0..50 {
        bench.now_ms += SECOND_MS;
        bench.put("cpu", 5.9);
        assert_eq!(bench.changes(), [], "not even as a run");
        assert_eq!(bench.out.points[0].surprise, 5.9, "it is scored as ever");
    }
    bench.now_ms += SECOND_MS;
    bench.put("cpu", 6.1);
    assert_eq!(bench.changes(), [(Change::Opened, Severity::Warning)]);
    for _ in 0..19 {
        bench.now_ms += SECOND_MS;
        bench.put("cpu", 5.9);
        assert_eq!(bench.changes(), []);
    }
    bench.now_ms += SECOND_MS;
    bench.put("cpu", 5.9);
    assert_eq!(bench.changes(), [(Change::Closed, Severity::Warning)]);
    assert_eq!(bench.out.events[0].alert.observations, 1);
}

#[test]
fn the_mute_open_nothing() {
    let mut bench = with(vec![SeriesRule { mute: Some(true), ..SeriesRule::new("test-*") }]);
    bench.steady(&["test-1", "web"], 100);
    bench.put("test-1", 9.0);
    assert_eq!((bench.changes(), bench.out.points[0].surprise), (vec![], 9.0));
    let silent: Vec<_> =
        bench.pass(3600 * SECOND_MS).into_iter().map(|event| (event.change, event.alert.series)).collect();
    assert_eq!(silent, [(Change::Opened, "web".into())]);
}

#[test]
fn an_open_alert_of_the_muted_closes_as_if_all_were_usual() {
    let mut bench = Bench::new(EngineConfig::default());
    bench.steady(&["a"], 100);
    bench.put("a", 9.0);
    let mut piece = Vec::new();
    bench.engine.take_pieces(1, &mut |given| piece = [given.key, given.bytes].map(<[u8]>::to_vec).into());
    let mut muted = with(vec![SeriesRule { mute: Some(true), ..SeriesRule::new("*") }]);
    muted.engine.resume(bench.engine.position(), bench.engine.stream_time_ms());
    muted.engine.load_piece(&piece[0], &piece[1]).unwrap();
    muted.go_on_from(&bench);
    for _ in 0..20 {
        muted.now_ms += SECOND_MS;
        muted.put("a", 9.0);
    }
    assert_eq!(muted.changes(), [(Change::Closed, Severity::Critical)]);
}

#[test]
fn a_series_can_have_a_budget_of_its_own() {
    let generous = SeriesRule { false_alerts_per_week: Some(100.0), ..SeriesRule::new("noisy") };
    let mut bench = with(vec![generous]);
    bench.steady(&["noisy", "other"], 100);
    bench.now_ms += SECOND_MS;
    bench.put("other", 3.0);
    assert_eq!(bench.changes(), []);
    bench.put("noisy", 3.0);
    assert_eq!(bench.changes(), [(Change::Opened, Severity::Warning)]);
}

/// The clock of these tests starts at 22:13:20 UTC, 23:13:20 in Berlin.
fn quiet(until: &str, severity: Option<Severity>) -> Bench {
    with(vec![SeriesRule {
        quiet_hours: Some(vec![format!("22:00-{until}").into()]),
        quiet_severity: severity,
        time_zone: Some("Europe/Berlin".into()),
        ..SeriesRule::new("*")
    }])
}

#[test]
fn an_anomaly_that_outlasts_quiet_hours_opens_when_they_end() {
    let mut bench = quiet("23:20", None);
    bench.steady(&["cpu"], 100);
    let began_ms = bench.now_ms + SECOND_MS;
    for _ in 0..299 {
        bench.now_ms += SECOND_MS;
        bench.put("cpu", 9.0);
        assert_eq!(bench.changes(), []);
        assert_eq!((bench.engine.open_alerts(), bench.engine.summary("cpu").unwrap().open_alert), (0, None));
    }
    bench.now_ms += SECOND_MS;
    bench.put("cpu", 8.0);
    assert_eq!(bench.changes(), [(Change::Opened, Severity::Critical)]);
    let alert = &bench.out.events[0].alert;
    assert_eq!((alert.opened_ms, alert.last_ms, alert.observations), (began_ms, bench.now_ms, 300));
    assert_eq!(alert.surprise, 9.0, "its peak lay in quiet hours");
    assert_eq!(bench.engine.open_alerts(), 1);
    bench.pass(25 * SECOND_MS);
    assert_eq!(bench.engine.summary("cpu").unwrap().open_alert.map(|_| ()), Some(()), "now it is silent");
}

#[test]
fn an_anomaly_within_quiet_hours_is_never_told() {
    let mut bench = quiet("23:20", None);
    bench.steady(&["cpu", "stops"], 100);
    for series in ["cpu", "stops"] {
        bench.put(series, 9.0);
        assert_eq!(bench.changes(), []);
    }
    for _ in 0..310 {
        bench.now_ms += SECOND_MS;
        bench.put("cpu", 0.5);
        let anomalies = bench.out.events.iter().filter(|event| event.alert.kind == AlertKind::Anomaly);
        assert_eq!(anomalies.count(), 0);
    }
    bench.put("cpu", 9.0);
    assert_eq!(bench.changes(), [(Change::Opened, Severity::Critical)], "of the budget nothing was spent");
}

#[test]
fn what_is_severe_opens_in_quiet_hours_too() {
    let mut bench = quiet("23:20", Some(Severity::Critical));
    bench.steady(&["a", "b"], 100);
    bench.put("a", 9.0);
    assert_eq!(bench.changes(), [(Change::Opened, Severity::Critical)]);
    bench.put("b", 4.5);
    assert_eq!(bench.changes(), []);
    bench.now_ms += SECOND_MS;
    bench.put("b", 12.0);
    assert_eq!(bench.changes(), [(Change::Opened, Severity::Critical)], "as it worsens");
}

#[test]
fn a_silence_waits_for_the_end_of_quiet_hours() {
    let mut bench = quiet("23:20", None);
    bench.steady(&["a"], 100);
    let last_ms = bench.now_ms;
    let events = bench.pass(299 * SECOND_MS);
    assert_eq!(events, []);
    let events = bench.pass(2 * SECOND_MS);
    assert_eq!((events.len(), events[0].alert.opened_ms), (1, last_ms + 300 * SECOND_MS));
    assert_eq!(events[0].alert.why, "no record for 5 min, usually one every 1 s");

    let mut bench = quiet("23:20", Some(SILENCE_SEVERITY));
    bench.steady(&["a"], 100);
    assert_eq!(bench.pass(60 * SECOND_MS).len(), 1, "it is a warning");
}

#[test]
fn what_waits_comes_back_from_its_piece() {
    let mut bench = quiet("23:20", None);
    bench.steady(&["cpu"], 100);
    bench.put("cpu", 9.0);
    let mut piece = Vec::new();
    bench.engine.take_pieces(1, &mut |given| piece = [given.key, given.bytes].map(<[u8]>::to_vec).into());
    let mut again = quiet("23:15", None);
    again.engine.resume(bench.engine.position(), bench.engine.stream_time_ms());
    again.engine.load_piece(&piece[0], &piece[1]).unwrap();
    again.go_on_from(&bench);
    assert_eq!(again.engine.open_alerts(), 0);
    again.now_ms += SECOND_MS;
    again.put("cpu", 9.0);
    let opened = &again.out.events[0].alert;
    assert_eq!((opened.opened_ms, opened.observations), (bench.now_ms, 2), "quiet hours end earlier now");
}

/// When clocks in Berlin go forward and back: 2025-03-30 and 2025-10-26, 01:00 UTC, both Sundays.
const SPRING_MS: i64 = 1_743_296_400_000;
const AUTUMN_MS: i64 = 1_761_440_400_000;

/// Days of 10 min steps in Berlin, loud from 08:00 to 20:00 by the wall clock there; returns the greatest surprise
/// of the two days behind a change of clocks.
fn over_daylight_saving(change_ms: i64, rules: Vec<SeriesRule>) -> f64 {
    const STEP_MS: i64 = 600_000;
    let config = EngineConfig { series: rules, ..EngineConfig::default() };
    let mut engine = Engine::new(DefaultDetector::default(), config).unwrap();
    let (mut out, mut greatest) = (Output::default(), 0.0_f64);
    for step in -42 * 144..2 * 144_i64 {
        let time_ms = change_ms + step * STEP_MS;
        let summer = (step < 0) == (change_ms == AUTUMN_MS);
        let local_hour = (time_ms / 3_600_000 + if summer { 2 } else { 1 }) % 24;
        let load = if (8..20).contains(&local_hour) { 100.0 } else { 10.0 };
        let noise = libm::sin(step as f64 * 12.9898) * 43_758.545_3;
        let mut position = Position::default();
        position.sequence[16..].copy_from_slice(&((step + 50_000) as u64).to_be_bytes());
        let source = Source { stream: "s".into(), shard: "0".into(), position };
        let values = Values::One(load + noise - libm::floor(noise));
        let observation = Observation { series: "shop".into(), time_ms: Some(time_ms), values };
        out.clear();
        engine.observe(position, &source, time_ms, &observation, &mut out).unwrap();
        if step >= 0 {
            greatest = greatest.max(out.points[0].surprise);
        }
    }
    greatest
}

#[test]
fn with_a_time_zone_daylight_saving_is_no_surprise() {
    let zone = || SeriesRule { time_zone: Some("Europe/Berlin".into()), ..SeriesRule::new("shop") };
    for change_ms in [SPRING_MS, AUTUMN_MS] {
        let with = over_daylight_saving(change_ms, vec![zone()]);
        let without = over_daylight_saving(change_ms, vec![]);
        assert!(with < 3.0 && with + 0.5 < without, "{with} {without}");
    }
}
