//! What the network is told of values of generated series, and whether they are part of an anomaly.

use crate::generate::{Composition, Disturbed, Labelled};
use crate::parallel::on_all_cores;
use kizashi_models::detector::{DefaultDetector, Detector, FEATURES, Scored};
use std::ops::Range;

/// Rows of a series of which nothing is learnt: a detector says little of these anyway.
const LEARNING: usize = 120;
/// Rows behind an anomaly that still are of it.
const LATE: usize = 20;
/// Rows without an example that end a run of them.
const APART: usize = 20;
/// Steps of age, as the logarithm to base 2 of the row, that are told apart: one and a half to an octave.
const AGES: f64 = 1.5;
/// Anomalies of an age without which nothing is learnt of it.
const ANOMALIES_LEAST: f64 = 2.0;

/// A series, and the first and last row of each anomaly.
pub(super) struct Marked {
    pub(super) times: Vec<i64>,
    pub(super) values: Vec<f64>,
    pub(super) windows: Vec<(usize, usize)>,
    /// Rows of which nobody can tell whether they are one; none where all are known.
    pub(super) is_unclear: Vec<bool>,
}

impl From<Disturbed> for Marked {
    fn from(series: Disturbed) -> Self {
        let windows = series.windows();
        Marked { times: series.times, values: series.values, windows, is_unclear: Vec::new() }
    }
}

impl From<Labelled> for Marked {
    fn from(series: Labelled) -> Self {
        let windows = series.windows();
        Marked { times: series.times, values: series.values, windows, is_unclear: Vec::new() }
    }
}

impl From<Composition> for Marked {
    fn from(composition: Composition) -> Self {
        Marked { is_unclear: composition.is_unclear, ..composition.series.into() }
    }
}

/// A value that the network would be asked of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Example {
    pub(super) features: [f32; FEATURES],
    pub(super) is_anomalous: bool,
    pub(super) weight: f32,
}

/// Examples of all kinds.
#[derive(Default)]
pub(super) struct Examples(pub(super) Vec<Example>);

/// An example before its weight is known in full.
struct Told {
    row: usize,
    features: [f32; FEATURES],
    window: Option<usize>,
    weight: f64,
}

impl Examples {
    /// Adds those of a kind of series, one of each seed, which weigh `share` together.
    pub(super) fn add(
        &mut self,
        detector: &DefaultDetector,
        share: f32,
        seeds: Range<u64>,
        series: impl Fn(u64) -> Marked + Sync,
    ) {
        let count = seeds.end - seeds.start;
        let told = on_all_cores(count, |number| told(detector, &series(seeds.start + number)));
        let mut told: Vec<Told> = told.into_iter().flatten().collect();
        balance(&mut told);
        let all: f64 = told.iter().map(|one| one.weight).sum();
        self.0.extend(told.into_iter().filter(|one| one.weight > 0.0).map(|one| Example {
            features: one.features,
            is_anomalous: one.window.is_some(),
            weight: (f64::from(share) * one.weight / all) as f32,
        }));
    }
}

/// The examples of a series. Those of an anomaly weigh 1 together, and so do those of a run elsewhere: either is one alert.
fn told(detector: &DefaultDetector, series: &Marked) -> Vec<Told> {
    let mut state = detector.new_state(&[None]);
    let mut out = Scored::default();
    let mut told: Vec<Told> = Vec::new();
    for (row, (time_ms, value)) in series.times.iter().zip(&series.values).enumerate() {
        let Some(features) = detector.step_and_tell(&mut state, *time_ms, *value, &mut out) else { continue };
        if row >= LEARNING {
            let is_within = |(first, last): &(usize, usize)| (*first..=*last + LATE).contains(&row);
            let window = series.windows.iter().position(is_within);
            let before = &series.is_unclear[..series.is_unclear.len().min(row + 1)];
            let is_unclear = before[before.len().saturating_sub(LATE)..].contains(&true);
            if window.is_none() && is_unclear {
                continue;
            }
            told.push(Told { row, features, window, weight: 0.0 });
        }
    }
    let is_one = |a: &Told, b: &Told| a.window == b.window && (a.window.is_some() || b.row - a.row <= APART);
    for run in told.chunk_by_mut(is_one) {
        let weight = 1.0 / run.len() as f64;
        run.iter_mut().for_each(|one| one.weight = weight);
    }
    told
}

/// Gives what is no anomaly as much weight, beside what is one, at each age of a series: a young one shows much that is new, so
/// that odds alone would have nothing said of it, and a user wants to hear of its anomalies, too.
fn balance(told: &mut [Told]) {
    let age = |one: &Told| (AGES * libm::log2(one.row as f64 + 1.0)) as usize;
    let ages = told.iter().map(age).max().map_or(0, |last| last + 1);
    // Of what is no anomaly, and of what is one.
    let mut sums = vec![[0.0; 2]; ages];
    told.iter().for_each(|one| sums[age(one)][usize::from(one.window.is_some())] += one.weight);
    let [usual, anomalous] = [0, 1].map(|which| sums.iter().map(|sum| sum[which]).sum::<f64>());
    for one in told {
        let [usual_then, anomalous_then] = sums[age(one)];
        if anomalous_then <= ANOMALIES_LEAST || usual_then == 0.0 {
            one.weight = 0.0;
        } else if one.window.is_none() {
            one.weight *= usual / anomalous * anomalous_then / usual_then;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(row: usize, window: Option<usize>, weight: f64) -> Told {
        Told { row, features: [0.0; FEATURES], window, weight }
    }

    #[test]
    fn at_each_age_what_is_no_anomaly_weighs_as_much_beside_what_is_one() {
        // Ten times as much that is usual of a young series as of an old one.
        let mut told: Vec<Told> = Vec::new();
        for number in 0..30 {
            told.push(one(200, Some(0), 1.0));
            told.push(one(5000, Some(0), 1.0));
            told.extend((0..10).map(|_| one(200, None, 1.0)));
            told.push(one(5000, None, 1.0));
            told.push(one(40_000 + number, None, 1.0));
        }
        balance(&mut told);
        let sum = |row: usize, is_usual: bool| -> f64 {
            let these = told.iter().filter(|one| one.row == row && one.window.is_none() == is_usual);
            these.map(|one| one.weight).sum()
        };
        assert!((sum(200, true) / sum(200, false) - sum(5000, true) / sum(5000, false)).abs() < 1e-9);
        assert_eq!(sum(40_000, true), 0.0, "nothing is learnt of an age without anomalies");
    }

    #[test]
    fn an_anomaly_weighs_one_and_so_does_a_run_of_what_is_none() {
        let mut values: Vec<f64> = (0..1000).map(|row| f64::from(row % 7)).collect();
        values[600..605].fill(80.0);
        for lone in [300, 305, 800] {
            values[lone] = -60.0;
        }
        let times = (0..1000).map(|row| row * 60_000).collect();
        let told = told(
            &DefaultDetector::default(),
            &Marked { times, values, windows: vec![(600, 604)], is_unclear: vec![false; 1000] },
        );
        let weight = |rows: Range<usize>, window: Option<usize>| -> f64 {
            let these = told.iter().filter(|one| rows.contains(&one.row) && one.window == window);
            these.map(|one| one.weight).sum()
        };
        assert!((weight(600..625, Some(0)) - 1.0).abs() < 1e-9);
        let runs = weight(0..1000, None);
        assert!((runs - runs.round()).abs() < 1e-9 && runs >= 2.0, "runs of {runs} together");
        let lone = |row: usize| told.iter().find(|one| one.row == row).expect("it is far out").weight;
        assert_eq!(lone(300), lone(305), "two of a run");
        assert!(lone(300) <= 0.5);
        assert!(told.iter().all(|one| one.row >= LEARNING));
    }
}
