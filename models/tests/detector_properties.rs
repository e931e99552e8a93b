//! Whatever comes in: finite scores in range, the same from the same, and from a state that was written and read.

use kizashi_models::detector::{DefaultDetector, Detector, Scored};
use proptest::prelude::*;

const HOUR_MS: i64 = 3_600_000;

fn values() -> impl Strategy<Value = f64> {
    prop_oneof![
        12 => -3.0..3.0f64,
        2 => Just(0.0),
        2 => (-12..15i32, -9.9..9.9f64).prop_map(|(power, value)| value * 10f64.powi(power)),
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)],
        1 => any::<f64>(),
    ]
}

fn pauses_ms() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => Just(60_000),
        4 => 0..HOUR_MS,
        1 => Just(0),
        1 => -30 * HOUR_MS..0,
        1 => 0..1000 * HOUR_MS,
        1 => any::<i64>(),
    ]
}

/// Rows of `fields` values, each behind a pause; about every fourth series never moves.
fn series(fields: usize) -> impl Strategy<Value = Vec<(i64, Vec<f64>)>> {
    let row = (pauses_ms(), prop::collection::vec(values(), fields));
    let moving = prop::collection::vec(row, 1..200);
    let constant = (values(), prop::collection::vec(pauses_ms(), 1..200)).prop_map(move |(value, pauses)| {
        pauses.into_iter().map(|pause_ms| (pause_ms, vec![value; fields])).collect()
    });
    prop_oneof![3 => moving, 1 => constant]
}

fn bits(scored: &Scored) -> Vec<u64> {
    let fields = scored.fields.iter().flat_map(|f| [f.expected, f.lower, f.upper, f.contribution]);
    [scored.surprise, scored.onset, scored.anomaly_score]
        .into_iter()
        .chain(fields)
        .map(f64::to_bits)
        .collect()
}

fn check(rows: &[(i64, Vec<f64>)], fields: usize, reload_at: usize) -> Result<(), TestCaseError> {
    let detector = DefaultDetector::default();
    let (mut state, mut scored) = (detector.new_state(&vec![None; fields]), Scored::default());
    let (mut other, mut other_scored) = (detector.new_state(&vec![None; fields]), Scored::default());
    let mut time_ms = 1_700_000_000_000_i64;
    for (at, (pause_ms, values)) in rows.iter().enumerate() {
        time_ms = time_ms.saturating_add(*pause_ms);
        detector.step(&mut state, time_ms, values, &mut scored);
        if at == reload_at % rows.len() {
            let (mut bytes, mut again) = (Vec::new(), Vec::new());
            detector.encode(&other, &mut bytes);
            other = detector.decode(&bytes).expect("what was written is read");
            detector.encode(&other, &mut again);
            prop_assert_eq!(bytes, again);
        }
        detector.step(&mut other, time_ms, values, &mut other_scored);
        prop_assert_eq!(bits(&scored), bits(&other_scored), "row {}", at);

        prop_assert!(scored.surprise >= 0.0 && scored.surprise.is_finite(), "{:?}", scored);
        prop_assert!(scored.onset >= 0.0 && scored.onset.is_finite(), "{:?}", scored);
        prop_assert!((0.0..1.0).contains(&scored.anomaly_score), "{:?}", scored);
        let most = if at < 10 { 4.0 } else { f64::INFINITY };
        prop_assert!(scored.surprise <= most, "little is known at row {}: {:?}", at, scored);
        prop_assert_eq!(scored.fields.len(), fields);
        let mut total = 0.0;
        for field in &scored.fields {
            prop_assert!((0.0..=1.0 + 1e-9).contains(&field.contribution), "{:?}", field);
            total += field.contribution;
            let known = field.expected.is_finite();
            prop_assert!(known || field.expected.is_nan(), "{:?}", field);
            if known {
                prop_assert!(field.lower.is_finite() && field.upper.is_finite(), "{:?}", field);
                prop_assert!(field.lower <= field.expected && field.expected <= field.upper, "{:?}", field);
            }
        }
        prop_assert!(total == 0.0 || (total - 1.0).abs() < 1e-9, "{}", total);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn values_are_scored_in_range_and_again_alike(rows in series(1), reload_at in any::<usize>()) {
        check(&rows, 1, reload_at)?;
    }

    #[test]
    fn vectors_are_scored_in_range_and_again_alike(rows in series(5), reload_at in any::<usize>()) {
        check(&rows, 5, reload_at)?;
    }

    #[test]
    fn wide_vectors_with_gaps_are_scored_in_range_and_again_alike(
        rows in series(17), gaps in prop::collection::vec(any::<u32>(), 1..50), reload_at in any::<usize>(),
    ) {
        let mut rows = rows;
        for ((_, values), gaps) in rows.iter_mut().zip(gaps.iter().cycle()) {
            let missing = values.iter_mut().enumerate().filter(|(field, _)| gaps >> field & 1 == 1);
            missing.for_each(|(_, value)| *value = f64::NAN);
        }
        check(&rows, 17, reload_at)?;
    }

    #[test]
    fn bytes_that_are_no_state_are_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        version in prop_oneof![Just(None), any::<u8>().prop_map(Some)],
    ) {
        let detector = DefaultDetector::default();
        let mut state = Vec::new();
        detector.encode(&detector.new_state(&[None]), &mut state);
        // Behind another version than that of today nothing else would be looked at.
        let bytes = [&[version.unwrap_or(state[0])], bytes.as_slice()].concat();
        prop_assert!(detector.decode(&bytes).is_err());
    }

    #[test]
    fn a_state_that_was_cut_or_altered_is_refused_or_harmless(
        rows in prop_oneof![series(2), series(6), series(17)],
        cut in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), flip in 1u8..,
    ) {
        let detector = DefaultDetector::default();
        let fields = rows[0].1.len();
        let (mut state, mut scored) = (detector.new_state(&vec![None; fields]), Scored::default());
        for (_, values) in &rows {
            detector.step(&mut state, 0, values, &mut scored);
        }
        let mut bytes = Vec::new();
        detector.encode(&state, &mut bytes);
        prop_assert!(detector.decode(&bytes[..cut.index(bytes.len())]).is_err());
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        goes_on(&detector, &bytes, fields);
    }
}

/// Whether a state is refused, or scores well for a while and is one that is not refused then.
fn goes_on(detector: &DefaultDetector, bytes: &[u8], fields: usize) {
    let Ok(mut state) = detector.decode(bytes) else { return };
    let (mut scored, mut after) = (Scored::default(), Vec::new());
    for i in 0..20 {
        let row: Vec<f64> =
            (0..fields).map(|field| if field % 2 == 0 { 1.0 + i as f64 } else { -2.0 }).collect();
        detector.step(&mut state, i * HOUR_MS, &row, &mut scored);
        assert!(scored.surprise >= 0.0 && scored.surprise.is_finite(), "{scored:?}");
        assert!((0.0..1.0).contains(&scored.anomaly_score), "{scored:?}");
    }
    detector.encode(&state, &mut after);
    if let Err(error) = detector.decode(&after) {
        panic!("{error}, after steps from a state that was read");
    }
}

#[test]
fn a_state_with_a_number_out_of_all_bounds_is_refused_or_harmless() {
    let detector = DefaultDetector::default();
    let (mut state, mut scored) = (detector.new_state(&[None; 2]), Scored::default());
    for i in 0..300 {
        let row = [f64::from(i % 7), f64::from(i * i % 11)];
        detector.step(&mut state, i64::from(i) * 600_000, &row, &mut scored);
    }
    let mut bytes = Vec::new();
    detector.encode(&state, &mut bytes);
    // The last bytes of a number are its sign and its exponent: the largest, either way, an infinite one, and about 1e302.
    for high in [[0xef, 0x7f], [0xef, 0xff], [0xf0, 0x7f], [0xb0, 0x7e], [0xb0, 0xfe]] {
        for at in 1..bytes.len() - 1 {
            let mut altered = bytes.clone();
            altered[at..at + 2].copy_from_slice(&high);
            goes_on(&detector, &altered, 2);
        }
    }
}

#[test]
fn a_wide_state_with_covariances_that_no_fields_have_is_refused_or_harmless() {
    let detector = DefaultDetector::default();
    let (mut state, mut scored) = (detector.new_state(&[None; 6]), Scored::default());
    for i in 0..300 {
        let row: Vec<f64> = (1..7).map(|field| f64::from(i * i % (5 + field))).collect();
        detector.step(&mut state, i64::from(i) * 600_000, &row, &mut scored);
    }
    let mut bytes = Vec::new();
    detector.encode(&state, &mut bytes);
    // The joint distributions, each of a count, a spread and 21 covariances, stand before what is known of each field as one of a
    // vector, of which none has highest evidences yet: of any two numbers there one becomes about 1, 1,000 or a million, either
    // way.
    let end = bytes.len() - 6 * (4 + 64 * 2 + 4 + 1 + 2 * 4 + 3 * 8);
    let start = end - 2 * (4 + 12 + 21 * 8);
    for (first, second) in
        [([0xf0, 0x3f], [0x8f, 0xc0]), ([0x8f, 0x40], [0x2e, 0xc1]), ([0x2e, 0x41], [0x2e, 0x41])]
    {
        for at in start..end - 1 {
            let mut altered = bytes.clone();
            altered[at..at + 2].copy_from_slice(&first);
            let other = (at + 8 * 5).min(end - 2);
            altered[other..other + 2].copy_from_slice(&second);
            goes_on(&detector, &altered, 6);
        }
    }
}

/// A number of `0..below` that is another one for each `at`, without a rhythm.
fn drawn(at: i64, below: i64) -> f64 {
    let bits = at.wrapping_mul(at).wrapping_mul(0x5851_f42d_4c95_7f2d);
    (bits >> 33).rem_euclid(below) as f64
}

#[test]
fn a_field_that_comes_later_leaves_the_others_as_they_were() {
    let detector = DefaultDetector::default();
    let (mut state, mut scored) = (detector.new_state(&[None]), Scored::default());
    for i in 0..500 {
        detector.step(&mut state, i * 60_000, &[drawn(i, 5)], &mut scored);
    }
    let before = scored.fields[0];
    for fields in 2..40 {
        detector.add_field(&mut state, None);
        let mut row = vec![f64::NAN; fields];
        row[0] = 2.0;
        row[fields - 1] = 7.0;
        detector.step(&mut state, 500 * 60_000, &row, &mut scored);
    }
    assert!((scored.fields[0].expected - before.expected).abs() < 2.0);
    assert!(scored.surprise.is_finite());
    assert_eq!(scored.fields.len(), 39);
}

#[test]
fn a_field_that_is_infinite_is_not_an_onset_for_ever() {
    let detector = DefaultDetector::default();
    let largest = |from: i64, then: f64| {
        let (mut state, mut scored) = (detector.new_state(&[None; 4]), Scored::default());
        let mut largest = 0.0_f64;
        for i in 0..20_000_i64 {
            let mut row: Vec<f64> = (0..4).map(|field| drawn(4 * i + field, 7 + field)).collect();
            if i >= from {
                row[1] = then;
            }
            detector.step(&mut state, i * 60_000, &row, &mut scored);
            if i > 15_000 {
                largest = largest.max(scored.onset);
            }
        }
        largest
    };
    for from in [0, 700] {
        let (infinite, missing) = (largest(from, f64::INFINITY), largest(from, f64::NAN));
        assert!(infinite < 1.5 * missing, "from {from} on: {infinite}, {missing} where it is missing");
    }
}

/// Rounding never makes a number 0 that only fades, and a processor takes a hundred times as long for one that is subnormal.
#[test]
fn a_series_that_stands_still_has_no_subnormal_number() {
    let detector = DefaultDetector::default();
    for stands_at in [0.0, 5.0] {
        let (mut state, mut scored) = (detector.new_state(&[None; 2]), Scored::default());
        for i in 0..220_000_i64 {
            let value = if i < 300 { drawn(i, 1000) } else { stands_at };
            detector.step(&mut state, i * 60_000, &[value, 5.0], &mut scored);
        }
        let shown = format!("{state:?}");
        let words = shown.split(|c: char| !c.is_ascii_digit() && !"+-.e".contains(c));
        let numbers: Vec<f64> = words.filter_map(|word| word.parse().ok()).collect();
        assert!(numbers.len() > 1000, "{} numbers", numbers.len());
        // Of 32 bits they are from 1.4e-45 on.
        let of_32_bits = 1.4e-45..f64::from(f32::MIN_POSITIVE);
        let odd = numbers.iter().find(|number| number.is_subnormal() || of_32_bits.contains(&number.abs()));
        assert_eq!(odd, None, "at {stands_at}");
    }
}

#[test]
fn the_state_of_a_value_fits_in_five_kilobytes() {
    let detector = DefaultDetector::default();
    let bytes = detector.state_bytes(&detector.new_state(&[None]));
    assert!(bytes <= 5000, "{bytes}");
    println!("{bytes} bytes");
}
