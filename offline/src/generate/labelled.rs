//! Series with anomalies, and where they are.

use super::anomalies::{Anomaly, Ground};
use super::normal::{INTERVAL_MS, Kind, Series};
use super::random::Random;
use super::season::{DAY_MS, Season};
use std::ops::Range;

/// Rows, as a share of a series, before which nothing strikes: a detector has to learn first.
const LEARNING: f64 = 0.3;
/// Rows between an anomaly and the next, so that what becomes of one is not that of another.
const APART: usize = 150;
/// Rows of a change for good in which it is news.
const NEWS: usize = 150;
/// Draws of a place before an anomaly is left out.
const TRIES: usize = 20;

/// Something that struck a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strike {
    /// What it was.
    pub anomaly: Anomaly,
    /// The rows in which it is news: the first and the last of them differ from what they would have been.
    pub rows: Range<usize>,
    /// Places of the fields that it struck, ascending; 0 for a series of one value.
    pub fields: Vec<usize>,
}

/// A series, or a vector of them, with anomalies.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// What it is, and its seed.
    pub name: String,
    /// The kind of a series of one value.
    pub kind: Option<Kind>,
    /// How many fields each row has.
    pub fields: usize,
    /// Time of each row, Unix milliseconds.
    pub times: Vec<i64>,
    /// Values, row by row.
    pub values: Vec<f64>,
    /// What the values would have been had nothing struck.
    pub twin: Vec<f64>,
    /// What struck, in the order of rows.
    pub strikes: Vec<Strike>,
}

impl Labelled {
    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.times.len()
    }

    /// Values of a row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.fields..(row + 1) * self.fields]
    }

    /// First and last row of each strike.
    pub fn windows(&self) -> Vec<(usize, usize)> {
        self.strikes.iter().map(|strike| (strike.rows.start, strike.rows.end - 1)).collect()
    }
}

/// A series of any kind and of 4,000 to 12,000 rows, five minutes, a quarter of an hour or an hour apart, with
/// none to four anomalies that fit it: all drawn from the seed.
pub fn labelled(seed: u64) -> Labelled {
    let mut random = Random::new(seed);
    let kind = Kind::ALL[random.below(Kind::ALL.len())];
    let interval_ms = INTERVAL_MS * [1, 1, 1, 3, 12][random.below(5)];
    // Of a week's season, no less than four weeks.
    let least = if kind == Kind::Weekly { 8064.0 } else { 4000.0 };
    let rows = random.between(least, 12_000.0) as usize;
    labelled_as(kind, random.bits(), rows, interval_ms)
}

/// A series of a kind, of so many rows and so many milliseconds between them, with none to four anomalies.
pub fn labelled_as(kind: Kind, seed: u64, rows: usize, interval_ms: i64) -> Labelled {
    let mut random = Random::new(seed);
    let mut series = Series::new(kind, random.bits()).with_interval_ms(interval_ms);
    let (times, twin): (Vec<i64>, Vec<f64>) = series.by_ref().take(rows).unzip();
    let mut values = twin.clone();
    let fitting: Vec<Anomaly> = Anomaly::ALL.into_iter().filter(|anomaly| anomaly.fits(kind)).collect();
    let (count, mut strikes) = (random.below(5), Vec::new());
    for _ in 0..count {
        let anomaly = fitting[random.below(fitting.len())];
        let ground = Ground::of(&series, &times);
        strikes.extend(put(anomaly, &ground, &strikes, &mut values, &mut random));
    }
    strikes.sort_by_key(|strike: &Strike| strike.rows.start);
    let name = format!("{kind}-{seed:016x}");
    Labelled { name, kind: Some(kind), fields: 1, times, values, twin, strikes }
}

/// Puts an anomaly into `values` of a series, of the times given, from the row `start` on.
///
/// It is as long as its kind is, and `None` if the series ends before it does or nothing differs: then the values
/// are as they were.
pub fn strike(
    anomaly: Anomaly,
    series: &Series,
    times: &[i64],
    start: usize,
    values: &mut [f64],
    random: &mut Random,
) -> Option<Strike> {
    let ground = Ground::of(series, times);
    let rows = anomaly.draw_rows(random, interval_of(times));
    strike_rows(anomaly, &ground, start..start + rows, values, random)
}

fn interval_of(times: &[i64]) -> i64 {
    if times.len() < 2 { INTERVAL_MS } else { times[1] - times[0] }
}

/// Puts an anomaly where there is room for it.
fn put(
    anomaly: Anomaly,
    ground: &Ground<'_>,
    others: &[Strike],
    values: &mut [f64],
    random: &mut Random,
) -> Option<Strike> {
    let length = values.len();
    let learning = (LEARNING * length as f64) as usize;
    for _ in 0..TRIES {
        let rows = anomaly.draw_rows(random, interval_of(ground.times));
        let Some(room) = length.checked_sub(learning + rows).filter(|room| *room > 0) else { continue };
        let start = learning + random.below(room);
        let apart =
            |other: &Strike| start >= other.rows.end + APART || start + rows + APART <= other.rows.start;
        if !others.iter().all(apart) || !suits(anomaly, ground.season, ground.times[start]) {
            continue;
        }
        if let Some(strike) = strike_rows(anomaly, ground, start..start + rows, values, random) {
            return Some(strike);
        }
    }
    None
}

/// Whether a time is one at which the value of half a day later is strange.
fn suits(anomaly: Anomaly, season: &Season, time_ms: i64) -> bool {
    let difference = season.at(time_ms + DAY_MS / 2) - season.at(time_ms);
    anomaly != Anomaly::Contextual || difference.abs() > 0.6 * season.range()
}

fn strike_rows(
    anomaly: Anomaly,
    ground: &Ground<'_>,
    rows: Range<usize>,
    values: &mut [f64],
    random: &mut Random,
) -> Option<Strike> {
    if rows.start == 0 || rows.end > values.len() {
        return None;
    }
    let before = values[rows.start..].to_vec();
    ground.apply(anomaly, rows.clone(), values, random);
    let differs = |row: &usize| values[*row] != before[*row - rows.start];
    let forever = anomaly == Anomaly::LevelShift && (rows.end..values.len()).any(|row| differs(&row));
    let news = if forever { rows.start..rows.end.min(rows.start + NEWS) } else { rows.clone() };
    let first = news.clone().find(differs)?;
    let last = news.rev().find(differs)?;
    Some(Strike { anomaly, rows: first..last + 1, fields: vec![0] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_labelled_series_is_a_function_of_its_seed() {
        for seed in 0..20 {
            let series = labelled(seed);
            assert_eq!(series, labelled(seed));
            assert!(series.strikes.len() <= 4);
            assert!((4000..12_000).contains(&series.rows()), "{} rows", series.rows());
        }
    }

    #[test]
    fn windows_begin_and_end_where_values_differ_from_the_twin() {
        for seed in 0..200 {
            let series = labelled(seed);
            for (first, last) in series.windows() {
                let differs = |row: usize| series.values[row] != series.twin[row];
                assert!(differs(first) && differs(last), "{}: {first} to {last}", series.name);
            }
            let first = series.strikes.first().map_or(series.rows(), |strike| strike.rows.start);
            assert_eq!(series.values[..first], series.twin[..first], "{}: nothing before it", series.name);
            assert!(first as f64 >= LEARNING * series.rows() as f64 - 1.0);
            let pairs = series.strikes.windows(2);
            assert!(pairs.into_iter().all(|pair| pair[0].rows.end < pair[1].rows.start), "{}", series.name);
        }
    }

    #[test]
    fn an_anomaly_that_passes_leaves_what_follows_as_it_was() {
        let mut series = Series::new(Kind::Gaussian, 1);
        let (times, twin): (Vec<i64>, Vec<f64>) = series.by_ref().take(3000).unzip();
        let lasting = [Anomaly::LevelShift, Anomaly::Ramp, Anomaly::SlowDrift];
        for anomaly in Anomaly::ALL {
            if !anomaly.fits(Kind::Gaussian) || lasting.contains(&anomaly) {
                continue;
            }
            let mut values = twin.clone();
            let strike = strike(anomaly, &series, &times, 1000, &mut values, &mut Random::new(2)).unwrap();
            assert_eq!(values[..strike.rows.start], twin[..strike.rows.start], "{anomaly}");
            assert_eq!(values[strike.rows.end..], twin[strike.rows.end..], "{anomaly}");
        }
    }

    #[test]
    fn sizes_are_those_of_the_series_spread() {
        for kind in Kind::ALL {
            for seed in 0..10 {
                let mut series = Series::new(kind, seed);
                let (times, twin): (Vec<i64>, Vec<f64>) = series.by_ref().take(2000).unzip();
                let mut values = twin.clone();
                let mut random = Random::new(seed);
                let strike = strike(Anomaly::Spike, &series, &times, 1500, &mut values, &mut random).unwrap();
                let size = (values[strike.rows.start] - twin[strike.rows.start]) / series.spread();
                assert!(size >= 5.0, "{kind}: a spike of {size} spreads");
            }
        }
    }

    #[test]
    fn a_series_that_ends_too_early_is_not_struck() {
        let mut series = Series::new(Kind::Gaussian, 1);
        let (times, mut values): (Vec<i64>, Vec<f64>) = series.by_ref().take(500).unzip();
        assert_eq!(strike(Anomaly::SlowDrift, &series, &times, 400, &mut values, &mut Random::new(1)), None);
        assert_eq!(strike(Anomaly::Stuck, &series, &times, 0, &mut values, &mut Random::new(1)), None);
    }

    #[test]
    fn every_anomaly_comes_up() {
        let mut seen: BTreeMap<Anomaly, u32> = BTreeMap::new();
        for seed in 0..600 {
            labelled(seed).strikes.iter().for_each(|strike| *seen.entry(strike.anomaly).or_default() += 1);
        }
        for anomaly in Anomaly::ALL {
            assert!(seen.get(&anomaly).is_some_and(|count| *count >= 10), "{anomaly}: {seen:?}");
        }
    }
}
