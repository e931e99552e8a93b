//! Pieces and a replay from the mark reach what an uninterrupted run reaches, bit for bit.

use super::*;
use crate::alert::Severity;
use crate::detector::DefaultDetector;
use crate::observation::{Observation, Values};
use crate::position::Source;
use proptest::prelude::*;
use std::collections::BTreeMap;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// One call to the engine, as the shard's log and its commits give it.
#[derive(Clone, Debug)]
enum Call {
    Observe { at: Position, arrival_ms: i64, observation: Observation },
    Tick { at: Position, stream_ms: i64 },
}

impl Call {
    fn at(&self) -> Position {
        match self {
            Self::Observe { at, .. } | Self::Tick { at, .. } => *at,
        }
    }
}

/// What came of one call.
#[derive(Debug, PartialEq)]
struct Came {
    /// In their binary form, since NaN is no equal of itself.
    events: Vec<Vec<u8>>,
    /// Position, surprise bits, values' bits.
    points: Vec<(Position, u64, Vec<u64>)>,
    digest: u64,
    skipped: u64,
    rejection: Option<Rejection>,
}

fn config() -> EngineConfig {
    EngineConfig {
        false_alerts_per_week: 1000.0,
        series_max: 4,
        silence_factor: 2.0,
        forget_after_days: 1,
        series: vec![
            SeriesRule {
                quiet_hours: Some(vec!["22:00-00:30".into(), "03:00-04:00".into()]),
                quiet_severity: Some(Severity::Critical),
                time_zone: Some("Europe/Berlin".into()),
                ..SeriesRule::new("s1")
            },
            SeriesRule { field: Some("b".into()), ignore_rise: Some(600.0), ..SeriesRule::new("s?") },
            SeriesRule { mute: Some(true), ..SeriesRule::new("s3") },
        ],
        ..EngineConfig::default()
    }
}

fn position(record: u64, index: u32) -> Position {
    let mut sequence = [0; 24];
    sequence[16..].copy_from_slice(&record.to_be_bytes());
    Position { sequence, index }
}

fn apply(engine: &mut Engine<DefaultDetector>, call: &Call) -> Came {
    let mut out = Output::default();
    let rejection = match call {
        Call::Observe { at, arrival_ms, observation } => {
            let source =
                Source { stream: "events".into(), shard: "shardId-000000000000".into(), position: *at };
            engine.observe(*at, &source, *arrival_ms, observation, &mut out).err()
        }
        Call::Tick { at, stream_ms } => {
            engine.advance(*at, *stream_ms, &mut out);
            None
        }
    };
    let bits = |point: &Point| out.values(point).iter().map(|value| value.to_bits()).collect();
    let points =
        out.points.iter().map(|point| (point.position, point.surprise.to_bits(), bits(point))).collect();
    let encoded = |event: &crate::alert::AlertEvent| {
        let mut bytes = Vec::new();
        event.encode(&mut bytes);
        bytes
    };
    let events = out.events.iter().map(encoded).collect();
    Came { points, events, digest: out.digest, skipped: out.skipped, rejection }
}

/// Every live series as a piece that stands at the end.
fn dump(engine: &Engine<DefaultDetector>) -> BTreeMap<String, Vec<u8>> {
    let pieces = engine.slots.iter().filter_map(Slot::live).map(|series| {
        let mut bytes = Vec::new();
        piece::encode(&engine.detector, series, &engine.position(), &mut bytes);
        (series.key.to_string(), bytes)
    });
    pieces.collect()
}

/// Calls as they are drawn: series, pause, own time's lag if any, value, and how the values come.
type Drawn = (u8, i64, Option<i64>, f64, u8);

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let pause_ms = prop_oneof![
        30 => Just(MINUTE_MS),
        8 => 0..MINUTE_MS,
        1 => 5 * MINUTE_MS..60 * MINUTE_MS,
        1 => DAY_MS / 2..2 * DAY_MS,
        1 => -10 * MINUTE_MS..0,
    ];
    let lag_ms = prop_oneof![
        3 => Just(None),
        10 => Just(Some(0)),
        2 => (-20 * MINUTE_MS..20 * MINUTE_MS).prop_map(Some),
    ];
    let value = prop_oneof![
        80 => 9.0..11.0f64,
        2 => 500.0..1000.0f64,
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(-1e300), Just(0.0)],
    ];
    let form = prop_oneof![20 => Just(0u8), 4 => 1..4u8, 3 => Just(9)];
    // A few series that go on for long, and some that come and go.
    let series = prop_oneof![20 => 0..2u8, 3 => 2..7u8];
    prop::collection::vec((series, pause_ms, lag_ms, value, form), 20..400)
}

fn calls(drawn: &[Drawn]) -> Vec<Call> {
    let mut now_ms = 1_700_000_000_000;
    let mut record = 1;
    let mut calls = Vec::new();
    for (series, pause_ms, lag_ms, value, form) in drawn {
        // Through a pause of minutes the shard lives on.
        if (2 * MINUTE_MS..2 * 60 * MINUTE_MS).contains(pause_ms) {
            for passed_ms in (0..*pause_ms).step_by(MINUTE_MS as usize / 2) {
                calls.push(Call::Tick { at: position(record, 0), stream_ms: now_ms + passed_ms });
            }
        }
        now_ms += pause_ms;
        if *form == 9 {
            calls.push(Call::Tick { at: position(record, 0), stream_ms: now_ms });
            continue;
        }
        record += 1;
        let named = |names: &[&str]| {
            let field = |(at, name): (usize, &&str)| ((*name).into(), value + at as f64);
            Values::Named(names.iter().enumerate().map(field).collect())
        };
        let values = match form {
            0 => Values::One(*value),
            1 => named(&["a", "b"]),
            2 => named(&["b", "c"]),
            _ => named(&["", "a"]),
        };
        let series = format!("s{series}").into();
        let time_ms = lag_ms.map(|lag_ms| now_ms - lag_ms);
        let observation = Observation { series, time_ms, values };
        calls.push(Call::Observe { at: position(record, 0), arrival_ms: now_ms, observation });
    }
    calls
}

/// What may happen behind a call.
#[derive(Clone, Debug)]
enum Fate {
    Nothing,
    /// A slice of pieces of about so many bytes is written.
    Flush(usize),
    /// As before, but if that ends a round, the stop comes before forgotten pieces are deleted.
    FlushKeepingForgotten(usize),
    /// All but so many series leave memory, if they may.
    Spill(usize),
    Crash,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        8 => Just(Fate::Nothing),
        6 => (1..4000usize).prop_map(Fate::Flush),
        1 => (1..4000usize).prop_map(Fate::FlushKeepingForgotten),
        4 => (0..3usize).prop_map(Fate::Spill),
        1 => Just(Fate::Crash),
    ];
    prop::collection::vec(fate, 400)
}

/// What is on disk.
#[derive(Default)]
struct Store {
    pieces: BTreeMap<Box<[u8]>, Vec<u8>>,
    mark: Option<(Position, i64)>,
}

impl Store {
    fn flush(&mut self, engine: &mut Engine<DefaultDetector>, budget_bytes: usize, delete: bool) {
        let pieces = &mut self.pieces;
        // Where forgotten pieces are kept, the slice is still on its way.
        engine.slice_is_durable(engine.slice());
        let end = engine.take_pieces(budget_bytes, &mut |piece| {
            pieces.insert(piece.key.into(), piece.bytes.to_vec());
        });
        if delete {
            engine.slice_is_durable(engine.slice());
        }
        if let Some(end) = end {
            self.mark = Some((end.replay_from, end.stream_time_ms));
            for key in end.forgotten.iter().filter(|_| delete) {
                assert!(self.pieces.remove(key).is_some(), "only what has a piece is forgotten");
            }
        }
    }

    fn recover(&self) -> Engine<DefaultDetector> {
        let mut engine = Engine::new(DefaultDetector::default(), config()).unwrap();
        if let Some((replay_from, stream_time_ms)) = self.mark {
            engine.resume(replay_from, stream_time_ms);
        }
        for (key, bytes) in &self.pieces {
            match bytes.iter().fold(0, |sum, byte| sum ^ byte) % 2 {
                0 => engine.load_piece(key, bytes).unwrap(),
                _ => drop(engine.load_cold(key, bytes).unwrap()),
            }
        }
        engine
    }

    /// Brings back what a call needs of an engine, and makes the call.
    fn apply(&self, engine: &mut Engine<DefaultDetector>, call: &Call) -> Came {
        let (series, until_ms) = match call {
            Call::Observe { arrival_ms, observation, .. } => (Some(&*observation.series), *arrival_ms),
            Call::Tick { stream_ms, .. } => (None, *stream_ms),
        };
        self.bring_back(engine, series, until_ms);
        apply(engine, call)
    }

    fn bring_back<'a>(
        &self,
        engine: &mut Engine<DefaultDetector>,
        series: impl IntoIterator<Item = &'a str>,
        until_ms: i64,
    ) {
        for wanted in engine.wanted(series, until_ms) {
            engine.bring_back(&wanted, &self.pieces[wanted.key()]).unwrap();
        }
    }

    /// Every series as a piece that stands at the end, from wherever it is.
    fn dump(&self, engine: &mut Engine<DefaultDetector>) -> BTreeMap<String, Vec<u8>> {
        let keys: Vec<String> =
            engine.slots.iter().filter_map(Slot::key).map(|key| key.to_string()).collect();
        self.bring_back(engine, keys.iter().map(|key| &**key), i64::MIN);
        assert_eq!(engine.live_count(), engine.series_count());
        dump(engine)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn pieces_and_replay_equal_the_uninterrupted_run(drawn in drawn(), fates in fates()) {
        let calls = calls(&drawn);
        let mut steady = Engine::new(DefaultDetector::default(), config()).unwrap();
        let expected: Vec<Came> = calls.iter().map(|call| apply(&mut steady, call)).collect();

        let mut store = Store::default();
        let mut engine = store.recover();
        for (at, (call, fate)) in calls.iter().zip(fates.iter().cycle()).enumerate() {
            prop_assert_eq!(&store.apply(&mut engine, call), &expected[at], "call {}", at);
            match fate {
                Fate::Nothing => {}
                Fate::Flush(budget_bytes) => store.flush(&mut engine, *budget_bytes, true),
                Fate::FlushKeepingForgotten(budget_bytes) => store.flush(&mut engine, *budget_bytes, false),
                Fate::Spill(live_max) => engine.spill(*live_max),
                Fate::Crash => {
                    engine = store.recover();
                    for (again, call) in calls.iter().enumerate().take(at + 1) {
                        // Ticks at the mark may come again: they change nothing the second time.
                        let tick = matches!(call, Call::Tick { .. });
                        if store.mark.is_some_and(|(mark, _)| call.at() < mark || (call.at() == mark && !tick)) {
                            continue;
                        }
                        let came = store.apply(&mut engine, call);
                        if came.skipped == 0 {
                            prop_assert_eq!(&came.points, &expected[again].points, "replayed call {}", again);
                            prop_assert_eq!(came.digest, expected[again].digest);
                        }
                    }
                }
            }
        }
        prop_assert_eq!(engine.open_alerts(), steady.open_alerts());
        prop_assert_eq!(engine.next_deadline_ms(), steady.next_deadline_ms());
        prop_assert_eq!(store.dump(&mut engine), dump(&steady));
    }

    #[test]
    fn what_is_cold_has_no_influence(drawn in drawn(), fates in fates()) {
        let calls = calls(&drawn);
        let (mut free, mut bounded) = (Store::default(), Store::default());
        let (mut free_engine, mut bounded_engine) = (free.recover(), bounded.recover());
        for (at, (call, fate)) in calls.iter().zip(fates.iter().cycle()).enumerate() {
            let came = bounded.apply(&mut bounded_engine, call);
            prop_assert_eq!(&came, &apply(&mut free_engine, call), "call {}", at);
            if let Fate::Flush(budget_bytes) | Fate::FlushKeepingForgotten(budget_bytes) = fate {
                let delete = matches!(fate, Fate::Flush(_));
                free.flush(&mut free_engine, *budget_bytes, delete);
                bounded.flush(&mut bounded_engine, *budget_bytes, delete);
                prop_assert_eq!(&bounded.pieces, &free.pieces, "behind call {}", at);
                prop_assert_eq!(bounded.mark, free.mark);
            }
            bounded_engine.spill(1);
            prop_assert_eq!(bounded_engine.series_count(), free_engine.series_count());
            prop_assert_eq!(bounded_engine.open_alerts(), free_engine.open_alerts());
            prop_assert_eq!(bounded_engine.next_deadline_ms(), free_engine.next_deadline_ms());
        }
        prop_assert_eq!(bounded.dump(&mut bounded_engine), dump(&free_engine));
    }
}

#[test]
fn the_calls_that_are_drawn_reach_every_kind_of_event() {
    use crate::alert::{AlertEvent, AlertKind, Change};
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, TestRunner};
    let mut seen = std::collections::HashSet::new();
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let (mut forgotten, mut named) = (false, false);
    let mut refused = std::collections::HashSet::new();
    for _ in 0..300 {
        let calls = calls(&drawn().new_tree(&mut runner).unwrap().current());
        let mut engine = Engine::new(DefaultDetector::default(), config()).unwrap();
        let mut count = 0;
        for call in &calls {
            let came = apply(&mut engine, call);
            let events = came.events.iter().map(|bytes| AlertEvent::decode(bytes).unwrap());
            seen.extend(events.map(|event| {
                named |= event.alert.nearest.is_some();
                (event.alert.kind as u8, event.change as u8)
            }));
            refused.extend(came.rejection.iter().map(std::mem::discriminant));
            forgotten |= engine.series_count() < count;
            count = engine.series_count();
        }
    }
    for (kind, change) in [
        (AlertKind::Anomaly, Change::Opened),
        (AlertKind::Anomaly, Change::Closed),
        (AlertKind::Silence, Change::Opened),
        (AlertKind::Silence, Change::Closed),
    ] {
        assert!(seen.contains(&(kind as u8, change as u8)), "no {kind:?} {change:?}: {seen:?}");
    }
    assert!(forgotten, "no series was forgotten");
    assert!(named, "no alert named a past episode");
    assert_eq!(refused.len(), 2, "refused for the future and for the number of series");
}
