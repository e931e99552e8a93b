//! What the built-in detector says of series without anomalies, and of anomalies: surprise is calibrated, the band
//! covers, the season is found, and what is struck is named.

use kizashi_models::detector::{DefaultDetector, DefaultState, Detector, Scored};
use std::f64::consts::TAU;

const WEEK: usize = 2016;
const STEP_MS: i64 = 300_000;
/// A Monday.
const START_MS: i64 = 1_767_571_200_000;

/// SplitMix64 (Steele et al., 2014).
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((bits ^ (bits >> 31)) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        libm::sqrt(-2.0 * libm::log(self.uniform())) * libm::cos(TAU * self.uniform())
    }

    fn student_3(&mut self) -> f64 {
        let squares: f64 = (0..3).map(|_| self.normal()).map(|x| x * x).sum();
        self.normal() / libm::sqrt(squares / 3.0)
    }

    fn poisson(&mut self, mean: f64) -> f64 {
        let (mut count, mut product, limit) = (0.0, self.uniform(), libm::exp(-mean));
        while product > limit {
            product *= self.uniform();
            count += 1.0;
        }
        count
    }
}

struct Run {
    detector: DefaultDetector,
    state: DefaultState,
    scored: Scored,
    steps: i64,
}

impl Run {
    fn new(fields: usize) -> Self {
        let detector = DefaultDetector::default();
        Run { state: detector.new_state(&vec![None; fields]), detector, scored: Scored::default(), steps: 0 }
    }

    fn step(&mut self, values: &[f64]) -> &Scored {
        let time_ms = START_MS + self.steps * STEP_MS;
        self.steps += 1;
        self.detector.step(&mut self.state, time_ms, values, &mut self.scored);
        &self.scored
    }
}

/// Share of observations after the second week with a surprise of 2 and of 3, and within the band.
fn shares(make: impl Fn(&mut Random, usize, f64) -> f64) -> (f64, f64, f64) {
    let (mut two, mut three, mut within, mut all) = (0.0, 0.0, 0.0, 0.0);
    for seed in 1..13 {
        let (mut random, mut run, mut value) = (Random(seed * 7919), Run::new(1), 0.0);
        for i in 0..5 * WEEK {
            value = make(&mut random, i, value);
            let scored = run.step(&[value]);
            if i >= 2 * WEEK {
                all += 1.0;
                two += f64::from(scored.surprise >= 2.0);
                three += f64::from(scored.surprise >= 3.0);
                within += f64::from(value >= scored.fields[0].lower && value <= scored.fields[0].upper);
            }
        }
    }
    (two / all, three / all, within / all)
}

fn assert_calibrated(kind: &str, make: impl Fn(&mut Random, usize, f64) -> f64) {
    let (two, three, within) = shares(make);
    println!("{kind}: {:.2} x 10^-2, {:.2} x 10^-3, {within:.4} in the band", two * 1e2, three * 1e3);
    assert!((0.3e-2..3e-2).contains(&two), "{kind}: {two} have a surprise of 2");
    assert!((0.3e-3..3e-3).contains(&three), "{kind}: {three} have a surprise of 3");
    assert!((0.975..0.999).contains(&within), "{kind}: {within} are within the band");
}

#[test]
fn surprise_is_calibrated_on_gaussian_noise() {
    assert_calibrated("gaussian", |random, _, _| 10.0 + random.normal());
}

#[test]
fn surprise_is_calibrated_on_heavy_tails() {
    assert_calibrated("student", |random, _, _| random.student_3());
}

#[test]
fn surprise_is_calibrated_on_an_autoregressive_series() {
    assert_calibrated("ar1", |random, _, before| 0.9 * before + random.normal());
}

#[test]
fn surprise_is_calibrated_on_a_daily_season() {
    assert_calibrated("daily", |random, i, _| {
        100.0 + 20.0 * libm::sin(i as f64 / 288.0 * TAU) + 2.0 * random.normal()
    });
}

#[test]
fn surprise_is_calibrated_on_counts() {
    assert_calibrated("poisson", |random, _, _| random.poisson(5.0));
}

#[test]
fn a_daily_season_is_expected_once_it_was_seen() {
    let (mut random, mut run) = (Random(3), Run::new(1));
    let day = |i: usize| if (i / 12) % 24 < 8 { 20.0 } else { 100.0 };
    for i in 0..2 * WEEK {
        run.step(&[day(i) + random.normal()]);
    }
    // The first observation of 08:00, where the level leaps as on each day before.
    for i in 2 * WEEK..2 * WEEK + 8 * 12 {
        run.step(&[day(i) + random.normal()]);
    }
    let expected = run.step(&[100.0]).fields[0].expected;
    assert!((expected - 100.0).abs() < 10.0, "{expected}");
}

#[test]
fn a_weekly_season_is_expected_once_it_was_seen() {
    let (mut random, mut run) = (Random(4), Run::new(1));
    let week = |i: usize| if (i / 288) % 7 < 5 && (8..18).contains(&(i / 12 % 24)) { 100.0 } else { 20.0 };
    let mut missed = 0.0;
    for i in 0..6 * WEEK {
        let value = week(i) + random.normal();
        let expected = run.step(&[value]).fields[0].expected;
        if i >= 5 * WEEK {
            missed += f64::from((expected - value).abs() > 20.0) / WEEK as f64;
        }
    }
    assert!(missed < 0.01, "{missed} of the observations of the last week were not expected");
}

/// 53 rows that rise, fall back to the middle in one step, and fall again: no clock's rhythm.
fn turn(row: usize) -> f64 {
    let turn = (row % 53) as f64 / 53.0;
    if turn < 0.4 {
        5.0 * turn
    } else if turn < 0.5 {
        1.0
    } else {
        4.0 * (1.0 - turn)
    }
}

#[test]
fn a_turn_unlike_those_before_is_surprising_where_each_of_its_values_is_usual() {
    let (mut random, mut run) = (Random(8), Run::new(1));
    for row in 0..53 * 80 {
        let value = turn(row) + 0.05 * random.normal();
        let scored = run.step(&[value]);
        if row > 53 * 60 {
            let field = &scored.fields[0];
            assert!((field.expected - value).abs() < 0.7, "row {row}: {} for {value}", field.expected);
            assert!(scored.surprise < 4.0, "{} in row {row}", scored.surprise);
        }
    }
    let surprises = (0..53).rev().map(|row| run.step(&[turn(row) + 0.05 * random.normal()]).surprise);
    let largest = surprises.fold(0.0, f64::max);
    assert!(largest > 4.0, "{largest} in a turn that runs backwards");
}

#[test]
fn what_lasts_off_the_beat_scores() {
    let score_of = |shift: f64| {
        let (mut random, mut run) = (Random(9), Run::new(1));
        let mut score = 0.0_f64;
        for row in 0..53 * 81 {
            let shifted = if row < 53 * 80 { 0.0 } else { shift };
            let scored = run.step(&[turn(row) + 0.05 * random.normal() + shifted]);
            if row >= 53 * 80 {
                score = score.max(scored.anomaly_score);
            }
        }
        score
    };
    let (shifted, usual) = (score_of(-0.1), score_of(0.0));
    assert!(
        shifted > 0.5 && usual < 0.1,
        "{shifted} of a turn a twentieth lower, {usual} of one that is not"
    );
}

#[test]
fn what_was_odd_about_one_turn_is_not_expected_of_the_next() {
    const ODD: usize = 53 * 30 + 31;
    for seed in 0..20 {
        let (mut random, mut run) = (Random(seed), Run::new(1));
        for row in 0..53 * 33 {
            let usual = turn(row) + 0.05 * random.normal();
            let scored = run.step(&[if row == ODD { usual + 3.0 } else { usual }]);
            if row == ODD {
                assert!(scored.surprise > 3.0, "{}", scored.surprise);
            }
            if row == ODD + 53 || row == ODD + 2 * 53 {
                let expected = scored.fields[0].expected;
                assert!((expected - usual).abs() < 0.4, "{expected} for {usual}, {} rows later", row - ODD);
            }
        }
    }
}

/// The anomaly score of a spike of 160 deviations behind 4,000 observations of noise, of which one in 200 may have been a
/// lone extreme of 20 to 100.
fn score_of_a_spike(with_extremes: bool) -> f64 {
    let (mut run, mut random) = (Run::new(1), Random(5));
    for i in 0..4_000 {
        let noise = random.normal();
        let lone = i % 200 == 150;
        let sign = if i % 400 == 150 { 1.0 } else { -1.0 };
        let extreme = sign * (20.0 + 80.0 * random.uniform());
        run.step(&[if lone && with_extremes { extreme } else { noise }]);
    }
    run.step(&[160.0]).anomaly_score
}

#[test]
fn what_is_new_where_lone_extremes_are_usual_scores_less() {
    let (calm, wild) = (score_of_a_spike(false), score_of_a_spike(true));
    assert!(calm > 0.6 && wild < 0.65 * calm, "{calm} and {wild}");
}

#[test]
fn a_burst_in_a_young_series_is_an_onset_and_its_beginning_is_not() {
    for seed in 0..20 {
        let (mut random, mut run) = (Random(seed), Run::new(1));
        let usual = (0..300).map(|_| run.step(&[50.0 + random.normal()]).onset).fold(0.0, f64::max);
        assert!(usual < 5.0, "{usual} before anything happened");
        let onset = run.step(&[90.0]).onset;
        assert!(onset > 5.0, "{onset} at a burst of 40 deviations");
    }
}

#[test]
fn a_field_that_stands_still_is_named_within_eight_observations() {
    for seed in 0..20 {
        let (mut random, mut run) = (Random(seed), Run::new(3));
        let mut row = || [random.normal(), random.normal(), random.normal()];
        for _ in 0..2000 {
            assert!(!run.step(&row()).fields.iter().any(|field| field.still));
        }
        let stuck = row()[1];
        let mut rows = (0..8).map(|_| {
            let [a, _, c] = row();
            run.step(&[a, stuck, c]).clone()
        });
        let told = rows.find(|scored| scored.fields[1].still).expect("it is told");
        assert!(told.surprise > 3.0, "{told:?}");
        assert!(told.fields[1].contribution > 0.5, "{told:?}");
    }
}

#[test]
fn a_change_of_level_is_surprising_once_and_then_usual() {
    let (mut random, mut run) = (Random(9), Run::new(1));
    for _ in 0..WEEK {
        run.step(&[random.normal()]);
    }
    assert!(run.step(&[12.0]).onset > 3.0);
    for _ in 0..600 {
        run.step(&[12.0 + random.normal()]);
    }
    let scored = run.step(&[12.0]);
    assert!(scored.surprise < 1.5, "{}", scored.surprise);
    assert!((scored.fields[0].expected - 12.0).abs() < 2.0, "{}", scored.fields[0].expected);
}

#[test]
fn a_broken_correlation_is_surprising_and_its_field_is_named() {
    let mut named = 0;
    for seed in 0..20 {
        let (mut random, mut run) = (Random(seed + 50), Run::new(6));
        let row = |random: &mut Random, common: f64| {
            [1.0, -2.0, 0.5, 3.0, -1.0, 1.5].map(|weight| weight * common + 0.1 * random.normal())
        };
        for _ in 0..1500 {
            let common = random.normal();
            run.step(&row(&mut random, common));
        }
        let mut values = row(&mut random, 1.0);
        // Within what the field does by itself, against what the others do.
        values[3] = -values[3];
        let scored = run.step(&values);
        assert!(scored.surprise > 3.0, "{}", scored.surprise);
        let total: f64 = scored.fields.iter().map(|field| field.contribution).sum();
        assert!((total - 1.0).abs() < 1e-9);
        let most = scored.fields.iter().map(|field| field.contribution).fold(0.0, f64::max);
        named += u32::from(scored.fields[3].contribution == most);
    }
    assert!(named >= 18, "the struck field was named {named} times of 20");
}

/// Five fields that follow one factor; in one row of `every` one of them is 20 deviations off.
fn followers(random: &mut Random, row: usize, every: usize) -> [f64; 5] {
    let factor = 10.0 * random.normal();
    let mut row_of_fields = [(); 5].map(|()| factor + 0.3 * random.normal());
    if row % every == every - 1 {
        row_of_fields[row / every % 5] += 200.0 * random.normal();
    }
    row_of_fields
}

#[test]
fn glitches_of_a_field_that_come_again_and_again_are_not_surprising() {
    for every in [10, 30, 100] {
        let (mut random, mut run) = (Random(every as u64), Run::new(5));
        let (mut three, mut four) = (0, 0);
        for row in 0..16_000 {
            let surprise = run.step(&followers(&mut random, row, every)).surprise;
            if row >= 4000 {
                three += u32::from(surprise >= 3.0);
                four += u32::from(surprise >= 4.0);
            }
        }
        assert!(three <= 36 && four <= 12, "one in {every}: {three} of 12,000 reach 3, {four} reach 4");
    }
}

#[test]
fn what_the_others_say_of_a_missing_field_is_no_surprise() {
    let (mut random, mut run) = (Random(8), Run::new(5));
    let mut surprising = 0;
    for row in 0..8000 {
        let mut values = followers(&mut random, row, usize::MAX);
        let is_partial = row > 2000 && row % 50 == 0;
        if is_partial {
            values[1..].fill(f64::NAN);
        }
        surprising += u32::from(run.step(&values).surprise >= 3.0 && is_partial);
    }
    assert!(surprising <= 12, "{surprising} of 119 rows that have one field of five");
}

#[test]
fn every_field_of_a_wide_vector_is_seen() {
    for field in [0, 15, 16, 20, 32] {
        let (mut random, mut run) = (Random(21), Run::new(33));
        let mut row = || (0..33).map(|_| random.normal()).collect::<Vec<f64>>();
        let mut highest: f64 = 0.0;
        for at in 0..2000 {
            let score = run.step(&row()).anomaly_score;
            highest = if at < 500 { 0.0 } else { highest.max(score) };
        }
        let mut values = row();
        values[field] = 30.0;
        let scored = run.step(&values);
        let first =
            (0..33).max_by(|a, b| scored.fields[*a].contribution.total_cmp(&scored.fields[*b].contribution));
        assert!(scored.anomaly_score > highest, "field {field}: {highest} before {scored:?}");
        assert_eq!(first, Some(field));
    }
}
