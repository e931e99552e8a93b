//! What the tables `[[series]]` do to alerts, with a detector whose surprise is what the test says.

use super::test_bench::{Bench, SECOND_MS};
use super::*;
use crate::alert::{Change, Severity};

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
