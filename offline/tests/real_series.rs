//! Series as they come from machines, through the backtest: where an alert must open, and where none may.
//!
//! Each case is several series from seeds. The budget allows a false alert now and then, so what must stay
//! quiet is counted over all of them.

use kizashi_offline::backtest::{Options, Report, run};
use kizashi_offline::generate::Random;
use std::fmt::Write;
use std::fs;

const START_S: i64 = 1_767_225_600;
const SEEDS: u64 = 8;

/// A row: seconds behind the start, and a value.
type Row = (i64, f64);

/// What a backtest says of one series.
struct Said {
    scores: Vec<f64>,
    /// Rows at which an alert opened.
    opened: Vec<usize>,
}

/// Runs series, each in a file of its own.
fn run_all(series: &[Vec<Row>]) -> Vec<Said> {
    let folder = tempfile::tempdir().unwrap();
    let file = |at: usize| folder.path().join(format!("{at}.csv"));
    for (at, rows) in series.iter().enumerate() {
        let mut text = "t,x\n".to_owned();
        rows.iter().for_each(|(s, value)| writeln!(text, "{},{value:?}", START_S + s).unwrap());
        fs::write(file(at), text).unwrap();
    }
    let out = folder.path().join("out");
    let files = (0..series.len()).map(file).collect();
    run(&Options { files, out: Some(out.clone()), ..Options::default() }, &|_| {})
        .and_then(Report::whole)
        .unwrap();
    (0..series.len())
        .map(|at| {
            let text = fs::read_to_string(out.join(format!("{at}.csv"))).unwrap();
            let cells = || text.lines().skip(1).map(|line| line.rsplit(',').take(2).collect::<Vec<_>>());
            let alerts: Vec<&str> = cells().map(|cells| cells[0]).collect();
            let opens =
                |row: &usize| !alerts[*row].is_empty() && (*row == 0 || alerts[*row] != alerts[*row - 1]);
            Said {
                scores: cells().map(|cells| cells[1].parse().unwrap()).collect(),
                opened: (0..alerts.len()).filter(opens).collect(),
            }
        })
        .collect()
}

/// A series from each seed.
fn seeded(make: impl Fn(&mut Random) -> Vec<Row>) -> Vec<Vec<Row>> {
    (1..=SEEDS).map(|seed| make(&mut Random::new(seed))).collect()
}

/// Rows at a step, from what is said of each.
fn regular(step_s: i64, rows: usize, mut value: impl FnMut(usize) -> f64) -> Vec<Row> {
    (0..rows).map(|row| (step_s * row as i64, value(row))).collect()
}

/// How many alerts opened in these rows, over all series.
fn count(said: &[Said], rows: std::ops::Range<usize>) -> usize {
    said.iter().flat_map(|said| &said.opened).filter(|row| rows.contains(row)).count()
}

/// How many series have an alert that opened at a row or one of the few behind it.
fn found(said: &[Said], row: usize, within: usize) -> usize {
    said.iter().filter(|said| said.opened.iter().any(|opened| (row..=row + within).contains(opened))).count()
}

const ALL: usize = SEEDS as usize;
/// False alerts of all series together that say nothing: the budget is 0.1 a series and week, and the young
/// have less to go by.
const FEW: usize = 4;

/// Level 20 with a spread of 1, and a spike at one row.
fn noise(random: &mut Random, row: usize, spike_at: usize) -> f64 {
    20.0 + random.normal() + if row == spike_at { 30.0 } else { 0.0 }
}

#[test]
fn irregular_sampling_is_no_anomaly_and_hides_none() {
    let series = seeded(|random| {
        let mut s = 0;
        (0..4000)
            .map(|row| {
                s += 1 + (random.uniform() * random.uniform() * 600.0) as i64;
                (s, noise(random, row, 3500))
            })
            .collect()
    });
    let said = run_all(&series);
    assert!(count(&said, 0..3500) <= FEW, "{} alerts", count(&said, 0..3500));
    assert_eq!(found(&said, 3500, 0), ALL);
}

#[test]
fn a_gap_of_days_is_no_anomaly_of_what_follows() {
    let series = seeded(|random| {
        (0..4000)
            .map(|row| (300 * row as i64 + if row >= 3000 { 200_000 } else { 0 }, noise(random, row, 3900)))
            .collect()
    });
    let said = run_all(&series);
    assert_eq!(count(&said, 3000..3900), 0);
    assert_eq!(found(&said, 3900, 0), ALL);
}

#[test]
fn a_counter_that_leaps_is_found() {
    let series = seeded(|random| {
        let mut counter = 0.0;
        regular(60, 6000, |row| {
            counter += (5.0 + random.normal()).max(0.0) + if row == 5500 { 2000.0 } else { 0.0 };
            if row % 700 == 699 {
                counter = 0.0;
            }
            counter
        })
    });
    assert_eq!(found(&run_all(&series), 5500, 1), ALL);
}

#[test]
fn a_constant_that_changes_is_one_alert_and_then_the_new_constant() {
    let series = seeded(|random| {
        let level = (1.0 + random.uniform() * 50.0).floor();
        regular(60, 4000, |row| if row < 2000 { level } else { level + 1.0 })
    });
    let said = run_all(&series);
    assert_eq!((count(&said, 0..2000), found(&said, 2000, 2), count(&said, 2003..4000)), (0, ALL, 0));
}

#[test]
fn the_first_event_behind_nothing_but_zeros_is_found() {
    let series = seeded(|_| regular(300, 3000, |row| if row == 2500 { 1.0 } else { 0.0 }));
    let said = run_all(&series);
    assert_eq!((count(&said, 0..2500), found(&said, 2500, 0)), (0, ALL));
}

#[test]
fn scores_do_not_depend_on_the_unit() {
    let base = seeded(|random| regular(300, 3000, |row| 5.0 * noise(random, row, 2500)));
    let plain = run_all(&base);
    assert_eq!(found(&plain, 2500, 0), ALL);
    let scaled = |factor: f64| {
        let scale = |rows: &Vec<Row>| rows.iter().map(|(s, value)| (*s, value * factor)).collect();
        run_all(&base.iter().map(scale).collect::<Vec<Vec<Row>>>())
    };
    // A power of two changes no digit: from about 1e-12 to 1e15.
    for exponent in [-46, -20, 10, 43] {
        for (at, (a, b)) in plain.iter().zip(scaled(f64::powi(2.0, exponent))).enumerate() {
            assert!(a.scores == b.scores && a.opened == b.opened, "series {at} times 2^{exponent}");
        }
    }
    for factor in [1e-12, 1e-6, 1e6, 1e13] {
        for (at, (a, b)) in plain.iter().zip(scaled(factor)).enumerate() {
            let differs = a.scores.iter().zip(&b.scores).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(differs < 1e-6 && a.opened == b.opened, "series {at} times {factor:e}: {differs:e}");
        }
    }
}

#[test]
fn late_and_duplicate_rows_are_no_anomaly_and_hide_none() {
    let plain = seeded(|random| regular(60, 4000, |row| noise(random, row, 3500)));
    let mut disturbed = plain.clone();
    for (rows, seed) in disturbed.iter_mut().zip(100..) {
        let mut random = Random::new(seed);
        for at in 10..3400 {
            if random.chance(0.03) {
                let late = rows.remove(at - 1 - random.below(5));
                rows.insert(at, late);
            }
        }
        for at in (20..3300).step_by(100) {
            rows.insert(at, rows[at]);
        }
    }
    let said = run_all(&disturbed);
    let more = count(&said, 0..3500).saturating_sub(count(&run_all(&plain), 0..3500));
    assert!(more <= FEW, "{more} alerts more than in the order of time");
    for (at, (said, rows)) in said.iter().zip(&disturbed).enumerate() {
        let spike = rows.iter().position(|(_, value)| *value > 40.0).unwrap();
        assert!(said.opened.contains(&spike), "series {at}: row {spike} of {:?}", said.opened);
        let repeats = (1..rows.len()).filter(|row| rows[*row] == rows[row - 1]);
        assert!(
            repeats.into_iter().all(|row| said.scores[row] == 0.0),
            "series {at}: a duplicate is no news"
        );
    }
}

#[test]
fn a_young_series_is_cautious_and_not_silent() {
    for (step_s, spike_at) in [(60, 120), (300, 40)] {
        let series = seeded(|random| {
            regular(step_s, 400, |row| 20.0 + random.normal() + if row == spike_at { 200.0 } else { 0.0 })
        });
        let said = run_all(&series);
        let (before, after) = (count(&said, 0..spike_at), count(&said, spike_at + 1..400));
        assert!(before <= 1 && after <= 1, "every {step_s} s: {before} alerts before, {after} after");
        assert_eq!(found(&said, spike_at, 0), ALL, "every {step_s} s");
    }
}

#[test]
fn a_slow_drift_is_no_anomaly() {
    let series = seeded(|random| regular(300, 8000, |row| row as f64 * 0.005 + noise(random, row, 7500)));
    let said = run_all(&series);
    assert!(count(&said, 0..7500) <= FEW, "{} alerts", count(&said, 0..7500));
    assert_eq!(found(&said, 7500, 0), ALL);
}

#[test]
fn a_daily_wave_is_no_anomaly_and_hides_none() {
    let series = seeded(|random| {
        regular(300, 8000, |row| {
            let of_day = row as f64 * std::f64::consts::TAU / 288.0;
            10.0 * of_day.sin() + noise(random, row, 7500)
        })
    });
    let said = run_all(&series);
    assert!(count(&said, 0..7500) <= FEW, "{} alerts", count(&said, 0..7500));
    assert_eq!(found(&said, 7500, 0), ALL);
}

#[test]
fn a_level_that_shifts_for_good_is_one_alert() {
    let series =
        seeded(|random| regular(60, 6000, |row| if row < 3000 { 20.0 } else { 35.0 } + random.normal()));
    let said = run_all(&series);
    assert_eq!(found(&said, 3000, 3), ALL);
    assert!(count(&said, 3004..6000) <= FEW, "{} alerts later", count(&said, 3004..6000));
}

#[test]
fn a_counter_that_resets_is_soon_no_news() {
    let series = seeded(|random| {
        let mut counter = 0.0;
        regular(60, 5500, |row| {
            counter += (5.0 + random.normal()).max(0.0);
            if row % 700 == 699 {
                counter = 0.0;
            }
            counter
        })
    });
    let said = run_all(&series);
    // Behind two that were seen one more may be news to each, and hardly one of the four behind that.
    assert!(count(&said, 1500..2200) <= ALL, "{} alerts", count(&said, 1500..2200));
    assert!(count(&said, 2200..5500) <= FEW, "{} alerts", count(&said, 2200..5500));
}

#[test]
fn a_counter_that_rises_is_no_anomaly() {
    let series = seeded(|random| {
        let mut counter = 0.0;
        regular(60, 6000, |_| {
            counter += (5.0 + random.normal()).max(0.0);
            counter
        })
    });
    let said = run_all(&series);
    assert!(count(&said, 0..6000) <= FEW, "{} alerts", count(&said, 0..6000));
}

#[test]
fn a_sensor_that_is_stuck_is_found() {
    let series =
        seeded(|random| regular(60, 4000, |row| if row < 3000 { 20.0 + random.normal() } else { 20.0 }));
    let said = run_all(&series);
    assert_eq!(found(&said, 3000, 11), ALL);
    assert!(count(&said, 0..3000) <= FEW, "{} alerts before", count(&said, 0..3000));
}
