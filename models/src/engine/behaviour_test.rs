//! What the engine does with a detector whose surprise is what the test says.

use super::test_bench::{Bench, SECOND_MS, START_MS, Told, vector};
use super::*;
use crate::alert::{AlertKind, Change, Severity};
use crate::observation::{Observation, Values};
use crate::position::Source;

#[test]
fn an_episode_opens_once_worsens_and_closes() {
    let mut bench = Bench::new(EngineConfig::default());
    bench.steady(&["cpu"], 100);
    // One a second and 0.1 a week: log10(6,048,000) = 6.8, less 2.7 for a series that is 100 seconds old.
    bench.now_ms += SECOND_MS;
    bench.put("cpu", 3.9);
    assert_eq!(bench.changes(), []);
    bench.now_ms += SECOND_MS;
    bench.put("cpu", 4.3);
    assert_eq!(bench.changes(), [(Change::Opened, Severity::Info)]);
    let opened = bench.out.events[0].alert.clone();
    assert_eq!((opened.opened_ms, opened.kind, opened.snapshot), (bench.now_ms, AlertKind::Anomaly, [7; 32]));
    assert_eq!(opened.why, "cpu was 4.3, expected 0 to 2 (about 1); unusual since 22:15:02 UTC");
    assert_eq!(bench.engine.summary("cpu").unwrap().open_alert, Some(opened.id));
    bench.now_ms += SECOND_MS;
    bench.put("cpu", 12.0);
    assert_eq!(bench.changes(), [(Change::Escalated, Severity::Critical)]);
    let last_ms = bench.now_ms;
    for _ in 0..19 {
        bench.now_ms += SECOND_MS;
        bench.put("cpu", 0.5);
        assert_eq!(bench.changes(), []);
    }
    bench.now_ms += SECOND_MS;
    bench.put("cpu", 0.5);
    assert_eq!(bench.changes(), [(Change::Closed, Severity::Critical)]);
    let closed = &bench.out.events[0].alert;
    assert_eq!((closed.id, closed.opened_ms, closed.last_ms), (opened.id, opened.opened_ms, last_ms));
    assert_eq!((closed.closed_ms, closed.observations), (Some(bench.now_ms), 2));
    assert_eq!((bench.engine.open_alerts(), bench.engine.summary("cpu").unwrap().open_alert), (0, None));
}

#[test]
fn an_alert_names_the_past_episode_that_is_most_like_it() {
    let mut bench = Bench::new(EngineConfig::default());
    let mut episode = |peak: f64| {
        bench.steady(&["cpu"], 100);
        bench.now_ms += SECOND_MS;
        bench.put("cpu", peak);
        let opened = bench.out.events[0].alert.clone();
        for _ in 0..20 {
            bench.now_ms += SECOND_MS;
            bench.put("cpu", 0.5);
        }
        assert_eq!(bench.changes()[0].0, Change::Closed);
        assert_eq!(bench.out.events[0].alert.nearest, opened.nearest);
        opened
    };
    let (first, second, third) = (episode(9.0), episode(250.0), episode(9.5));
    assert_eq!(first.nearest, None);
    let nearest = second.nearest.unwrap();
    assert!(nearest.id == first.id && nearest.similarity < 0.8, "{nearest:?}");
    assert!(!second.why.contains("as on"), "{}", second.why);
    let nearest = third.nearest.unwrap();
    assert_eq!((nearest.id, nearest.opened_ms), (first.id, first.opened_ms));
    assert_eq!(nearest.duration_ms, 20 * SECOND_MS);
    assert!(nearest.similarity > 0.95, "{nearest:?}");
    assert!(third.why.ends_with(", as on 14 November 22:15"), "{}", third.why);
}

#[test]
fn an_episode_of_a_series_that_stops_closes_too() {
    let mut bench = Bench::new(EngineConfig { silence: false, ..EngineConfig::default() });
    bench.steady(&["cpu"], 100);
    bench.put("cpu", 9.0);
    assert_eq!(bench.engine.open_alerts(), 1);
    let stopped_ms = bench.now_ms;
    let events = bench.pass(60 * SECOND_MS);
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].change, events[0].alert.closed_ms),
        (Change::Closed, Some(stopped_ms + 20 * SECOND_MS))
    );
}

#[test]
fn what_does_not_stand_out_from_the_recent_past_opens_nothing() {
    let mut bench = Bench::new(EngineConfig::default());
    bench.steady(&["cpu"], 100);
    bench.now_ms += SECOND_MS;
    bench.put("cpu", -20.0);
    assert_eq!(bench.changes(), []);
}

#[test]
fn the_young_open_nothing() {
    let mut bench = Bench::new(EngineConfig::default());
    for at in 0..29 {
        bench.now_ms += SECOND_MS;
        bench.put("cpu", 8.0);
        assert_eq!(bench.changes(), [], "observation {at}");
    }
    bench.now_ms += SECOND_MS;
    bench.put("cpu", 8.0);
    assert_eq!(bench.changes(), [(Change::Opened, Severity::Critical)]);
}

#[test]
fn a_series_that_goes_silent_is_an_alert_until_it_reports() {
    let mut bench = Bench::new(EngineConfig::default());
    for _ in 0..30 {
        bench.now_ms += 10 * SECOND_MS;
        bench.put("web-1", 0.5);
    }
    let last_ms = bench.now_ms;
    let source = bench.engine.slots[0].live().unwrap().source();
    assert_eq!(bench.pass(49 * SECOND_MS), []);
    let events = bench.pass(251 * SECOND_MS);
    assert_eq!(events.len(), 1, "it is told once");
    let opened = &events[0].alert;
    assert_eq!(
        (events[0].change, opened.kind, opened.opened_ms),
        (Change::Opened, AlertKind::Silence, last_ms + 50_000)
    );
    assert_eq!(opened.why, "no record for 50 s, usually one every 10 s");
    assert_eq!(opened.id, AlertId::new(AlertKind::Silence, "web-1", &source));
    assert_eq!(bench.engine.summary("web-1").unwrap().open_alert, Some(opened.id));
    bench.put("web-1", 0.5);
    let closed = &bench.out.events[0].alert;
    assert_eq!((bench.out.events.len(), closed.id, closed.closed_ms), (1, opened.id, Some(bench.now_ms)));
    assert_eq!(bench.engine.open_alerts(), 0);
}

#[test]
fn a_shard_that_was_down_blames_no_series_for_it() {
    let mut bench = Bench::new(EngineConfig::default());
    bench.steady(&["a", "b"], 100);
    bench.now_ms += 3600 * SECOND_MS;
    bench.put("a", 0.5);
    assert_eq!(bench.out.events, []);
    let resumed_ms = bench.now_ms;
    let events = bench.pass(60 * SECOND_MS);
    let opened: Vec<_> = events.iter().map(|event| (&*event.alert.series, event.alert.kind)).collect();
    assert_eq!(opened, [("a", AlertKind::Silence), ("b", AlertKind::Silence)]);
    assert!(bench.engine.stream_time_ms() < resumed_ms + 30 * SECOND_MS);
}

#[test]
fn silence_can_be_switched_off() {
    let mut bench = Bench::new(EngineConfig { silence: false, ..EngineConfig::default() });
    bench.steady(&["a"], 100);
    assert_eq!(bench.pass(86_400 * SECOND_MS), []);
}

#[test]
fn timers_fire_in_the_order_of_deadlines_then_keys() {
    let mut bench = Bench::new(EngineConfig::default());
    bench.steady(&["c", "a", "b"], 100);
    bench.now_ms += SECOND_MS;
    bench.put("a", 0.5);
    // Both calls are within moments of the deadlines, as on a live shard.
    bench.out.clear();
    bench.engine.advance(bench.engine.position(), bench.now_ms + 30 * SECOND_MS, &mut bench.out);
    let order: Vec<_> = bench.out.events.iter().map(|event| &*event.alert.series).collect();
    assert_eq!(order, ["b", "c", "a"]);
}

#[test]
fn an_idle_series_is_forgotten_and_its_piece_with_it() {
    let mut bench = Bench::new(EngineConfig { forget_after_days: 1, ..EngineConfig::default() });
    bench.steady(&["a"], 100);
    let mut keys = Vec::new();
    let first = bench.engine.take_pieces(1, &mut |piece| keys.push(piece.key.to_vec())).unwrap();
    assert_eq!((keys.len(), first.forgotten.len()), (1, 0));
    let events = bench.pass(2 * 86_400 * SECOND_MS);
    let changes: Vec<_> = events.iter().map(|event| (event.change, event.alert.kind)).collect();
    assert_eq!(changes, [(Change::Opened, AlertKind::Silence), (Change::Closed, AlertKind::Silence)]);
    assert_eq!((bench.engine.series_count(), bench.engine.open_alerts()), (0, 0));
    assert_eq!(bench.engine.next_deadline_ms(), None);
    let end = bench.engine.take_pieces(1, &mut |_| panic!("nothing is left to give")).unwrap();
    assert_eq!(end.forgotten, [keys[0].clone().into_boxed_slice()]);
}

#[test]
fn a_round_gives_each_changed_series_once() {
    let mut bench = Bench::new(EngineConfig::default());
    bench.steady(&["a", "b", "c"], 3);
    let mark = bench.engine.position();
    let mut given = Vec::new();
    assert_eq!(bench.engine.take_pieces(1, &mut |piece| given.push(piece.series.to_owned())), None);
    bench.put("a", 0.5);
    let end = loop {
        if let Some(end) = bench.engine.take_pieces(1, &mut |piece| given.push(piece.series.to_owned())) {
            break end;
        }
    };
    given.sort();
    assert_eq!((given.as_slice(), end.replay_from), (["a", "b", "c"].map(String::from).as_slice(), mark));
}

#[test]
fn what_can_not_be_taken_is_refused_and_changes_nothing() {
    let mut bench = Bench::new(EngineConfig { series_max: 1, ..EngineConfig::default() });
    bench.steady(&["a"], 3);
    let ahead =
        Observation { series: "a".into(), time_ms: Some(bench.now_ms + 600_001), values: Values::One(1.0) };
    let refused = bench.observe(&ahead).unwrap_err();
    assert!(refused.to_string().starts_with("time in the future: "), "{refused}");
    let other = Observation { series: "b".into(), time_ms: None, values: Values::One(1.0) };
    let refused = bench.observe(&other).unwrap_err();
    assert_eq!(refused, Rejection::TooManySeries { series: "b".into(), series_max: 1 });
    let names: Vec<String> = (0..256).map(|at| format!("f{at:03}")).collect();
    let named = names.iter().map(|name| (name.as_str().into(), 1.0)).collect();
    let wide = Observation { series: "a".into(), time_ms: None, values: Values::Named(named) };
    assert_eq!(bench.observe(&wide), Err(Rejection::TooManyFields { fields: 257 }));
    assert_eq!((bench.engine.series_count(), bench.engine.summary("a").unwrap().observations), (1, 3));
    bench.now_ms += SECOND_MS;
    bench.put("a", 0.5);
    assert_eq!(bench.engine.summary("a").unwrap().observations, 4);
}

#[test]
fn a_repeat_is_a_sign_of_life_and_nothing_else() {
    let mut bench = Bench::new(EngineConfig::default());
    bench.steady(&["a"], 3);
    bench.put("a", 0.5);
    assert_eq!((bench.out.repeated, bench.out.points.len(), bench.out.digest), (1, 0, 0));
    bench.put("a", 0.6);
    assert_eq!((bench.out.repeated, bench.out.points.len()), (0, 1), "the same time and another value");
    let untimed = Observation { series: "a".into(), time_ms: None, values: Values::One(0.6) };
    bench.observe(&untimed).unwrap();
    bench.observe(&untimed).unwrap();
    assert_eq!(bench.out.points.len(), 1, "without a time of its own nothing is a repeat");
}

#[test]
fn a_late_observation_is_scored_with_its_own_time_kept() {
    let mut bench = Bench::new(EngineConfig::default());
    bench.steady(&["a"], 3);
    let time_ms = bench.now_ms - 3600 * SECOND_MS;
    bench
        .observe(&Observation { series: "a".into(), time_ms: Some(time_ms), values: Values::One(0.7) })
        .unwrap();
    assert_eq!((bench.out.points[0].time_ms, bench.out.points.len()), (time_ms, 1));
}

#[test]
fn fields_that_come_later_are_added_and_missing_ones_are_nan() {
    let mut bench = Bench::new(EngineConfig::default());
    let mut put = |fields: &[(&str, f64)]| {
        bench.now_ms += SECOND_MS;
        bench.observe(&vector(fields, bench.now_ms)).unwrap();
        let point = &bench.out.points[0];
        let names: Vec<String> = point.fields.iter().map(|name| name.to_string()).collect();
        (names, bench.out.values(point).iter().map(|value| format!("{value}")).collect::<Vec<_>>())
    };
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(put(&[("b", 1.0), ("d", 2.0)]), (texts(&["b", "d"]), texts(&["1", "2"])));
    assert_eq!(
        put(&[("a", 3.0), ("c", 4.0), ("d", 5.0)]),
        (texts(&["b", "d", "a", "c"]), texts(&["NaN", "5", "3", "4"]))
    );
    assert_eq!(
        put(&[("a", 1.0), ("b", 2.0)]),
        (texts(&["b", "d", "a", "c"]), texts(&["2", "NaN", "1", "NaN"]))
    );
}

#[test]
fn the_detector_is_told_the_declared_range_of_each_field() {
    let rule = |matches: &str, field: Option<&str>, max: f64| SeriesRule {
        field: field.map(Into::into),
        range: Some([0.0, max]),
        ..SeriesRule::new(matches)
    };
    let series = vec![rule("v*", None, 7.0), rule("v", Some("d?"), 9.0), rule("w", None, 8.0)];
    let mut bench = Bench::new(EngineConfig { series, ..EngineConfig::default() });
    bench.observe(&vector(&[("a", 0.0), ("b", 0.0), ("d1", 0.0)], START_MS)).unwrap();
    bench.observe(&vector(&[("c", 0.0), ("d2", 0.0)], START_MS + 1)).unwrap();
    assert_eq!(bench.engine.slots[0].live().unwrap().detector[1..], [7, 9, 7, 9]);
}

#[test]
fn the_digest_does_not_depend_on_batches() {
    let run = |clear: bool| {
        let mut engine = Engine::new(Told, EngineConfig::default()).unwrap();
        let (mut out, mut sum) = (Output::default(), 0u64);
        for record in 1..10u8 {
            let mut position = Position::default();
            position.sequence[23] = record;
            let source = Source { stream: "s".into(), shard: "0".into(), position };
            let observation =
                Observation { series: "a".into(), time_ms: None, values: Values::One(f64::from(record)) };
            engine.observe(position, &source, i64::from(record), &observation, &mut out).unwrap();
            if clear {
                sum = sum.wrapping_add(out.digest);
                out.clear();
            }
        }
        sum.wrapping_add(out.digest)
    };
    assert_eq!(run(true), run(false));
    assert_ne!(run(true), 0);
}

#[test]
fn bytes_that_are_no_piece_are_refused() {
    let mut bench = Bench::new(EngineConfig::default());
    bench.steady(&["a"], 40);
    bench.put("a", 9.0);
    let (mut key, mut bytes) = (Vec::new(), Vec::new());
    bench.engine.take_pieces(1, &mut |piece| (key, bytes) = (piece.key.to_vec(), piece.bytes.to_vec()));
    let new = || Engine::new(Told, EngineConfig::default()).unwrap();
    let other = [b"b", &key[1..]].concat();
    assert_eq!(new().load_piece(&other, &bytes), Err(PieceError::Key { series: "b".into() }));
    for length in 0..key.len() {
        assert!(new().load_piece(&key[..length], &bytes).is_err(), "a key of {length} bytes was taken");
    }
    for length in 0..bytes.len() {
        assert!(new().load_piece(&key, &bytes[..length]).is_err(), "{length} bytes were taken");
    }
    let mut again = new();
    again.resume(bench.engine.position(), bench.engine.stream_time_ms());
    again.load_piece(&key, &bytes).unwrap();
    assert_eq!(again.summary("a"), bench.engine.summary("a"));
    assert_eq!(again.open_alerts(), 1);
}
