//! Vectors of fields that hang together, and failures that strike some of them.

use super::anomalies::{Anomaly, Ground};
use super::labelled::{Labelled, Strike};
use super::normal::{INTERVAL_MS, Kind, Series};
use super::random::Random;
use super::season::Season;
use std::ops::Range;

/// What the fields have in common: two autoregressive processes and a day.
const FACTORS: usize = 3;
/// Share of fields that depend on no factor.
const INDEPENDENT: f64 = 0.2;
/// Rows before which nothing strikes.
const LEARNING: usize = 2016;
/// Rows from the beginning of a failure to that of the next.
const APART: usize = 700;
/// What a failure may be. A break of the correlation is one of fields that depend on factors.
const FAILURES: [Anomaly; 5] = [
    Anomaly::LevelShift,
    Anomaly::CorrelationBreak,
    Anomaly::VarianceIncrease,
    Anomaly::Spike,
    Anomaly::Stuck,
];

/// A field that depends on the factors: `level + spread × (weights · factors + rest × noise)`, of variance
/// `spread²`.
struct Field {
    level: f64,
    spread: f64,
    weights: [f64; FACTORS],
    rest: f64,
    /// Coefficient of the noise, an autoregressive process of first order; 0 for white noise.
    coefficient: f64,
    noise: f64,
}

/// The factors, each of variance 1.
struct Factors {
    coefficients: [f64; 2],
    states: [f64; 2],
    day: Season,
    random: Random,
}

impl Factors {
    fn new(random: &mut Random) -> Self {
        let day = Season::sine(random, 2.0 * std::f64::consts::SQRT_2);
        let coefficients = [(); 2].map(|()| random.between(0.8, 0.98));
        let states = [(); 2].map(|()| random.normal());
        Self { coefficients, states, day, random: Random::new(random.bits()) }
    }

    fn next(&mut self, time_ms: i64) -> [f64; FACTORS] {
        for (state, coefficient) in self.states.iter_mut().zip(self.coefficients) {
            *state = self.random.autoregressive(*state, coefficient);
        }
        [self.states[0], self.states[1], self.day.at(time_ms)]
    }
}

impl Field {
    fn new(random: &mut Random) -> Self {
        let spread = random.magnitude(1e-3, 1e6);
        let mut weights = [(); FACTORS].map(|()| random.normal());
        // So much of the variance is that of the factors.
        let common = random.between(0.6, 0.97);
        let norm = weights.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
        weights.iter_mut().for_each(|weight| *weight *= common.sqrt() / norm);
        let coefficient = if random.chance(0.5) { 0.0 } else { random.between(0.3, 0.9) };
        let level = random.sign() * random.magnitude(0.1, 100.0) * spread;
        Self { level, spread, weights, rest: (1.0 - common).sqrt(), coefficient, noise: random.normal() }
    }

    /// Its value, and what it would be if it hung together with other factors.
    fn next(&mut self, factors: &[[f64; FACTORS]; 2], random: &mut Random) -> [f64; 2] {
        self.noise = random.autoregressive(self.noise, self.coefficient);
        factors.map(|factors| {
            let common: f64 = self.weights.iter().zip(factors).map(|(weight, factor)| weight * factor).sum();
            self.level + self.spread * (common + self.rest * self.noise)
        })
    }
}

/// A vector of 2 to 20 fields over 4,000 to 10,000 rows, with failures that strike one field to half of them: all
/// drawn from the seed.
pub fn vector(seed: u64) -> Labelled {
    let mut random = Random::new(seed);
    let rows = random.between(4000.0, 10_000.0) as usize;
    let fields = random.magnitude(2.0, 21.0) as usize;
    let struck = 1 + random.below(fields.div_ceil(2));
    failing(random.bits(), rows, fields, struck)
}

/// A vector of so many fields, five minutes apart, which a failure strikes every [`APART`] rows once a week has gone:
/// `struck` fields, others each time.
///
/// # Panics
/// Where `struck` is not 1 to `fields`.
pub fn failing(seed: u64, rows: usize, fields: usize, struck: usize) -> Labelled {
    assert!((1..=fields).contains(&struck), "{struck} of {fields} fields can't be struck");
    let mut random = Random::new(seed);
    let independent =
        (0..fields).filter(|_| random.chance(INDEPENDENT)).count().min(fields.saturating_sub(2));
    let common = fields - independent;
    let columns = Columns::generate(&mut random, rows, common, independent);
    let mut struck_columns = columns.values.clone();
    // Which column is which field, so that the dependent ones are not the first.
    let places = permutation(fields, &mut random);
    let mut strikes = Vec::new();
    let mut start = LEARNING + random.below(APART / 2);
    while start + APART / 2 <= rows {
        let anomaly = loop {
            let anomaly = FAILURES[random.below(FAILURES.len())];
            if anomaly != Anomaly::CorrelationBreak || struck <= common && common > 1 {
                break anomaly;
            }
        };
        let length = anomaly.draw_rows(&mut random, INTERVAL_MS).min(APART / 2);
        let candidates = if anomaly == Anomaly::CorrelationBreak { common } else { fields };
        let chosen: Vec<usize> = permutation(candidates, &mut random).into_iter().take(struck).collect();
        for column in &chosen {
            columns.strike(
                anomaly,
                *column,
                start..start + length,
                &mut struck_columns[*column],
                &mut random,
            );
        }
        let mut chosen: Vec<usize> = chosen.into_iter().map(|column| places[column]).collect();
        chosen.sort_unstable();
        strikes.push(Strike { anomaly, rows: start..start + length, fields: chosen });
        start += APART - APART / 4 + random.below(APART / 2);
    }
    let by_row = |columns: &[Vec<f64>]| {
        let mut values = vec![0.0; rows * fields];
        for (column, place) in columns.iter().zip(&places) {
            column.iter().enumerate().for_each(|(row, value)| values[row * fields + place] = *value);
        }
        values
    };
    let (values, twin) = (by_row(&struck_columns), by_row(&columns.values));
    let name = format!("vector-{fields}-{seed:016x}");
    Labelled { name, kind: None, fields, times: columns.times, values, twin, strikes }
}

/// 0 to `count` − 1 in a random order.
fn permutation(count: usize, random: &mut Random) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    random.shuffle(&mut order);
    order
}

/// The fields column by column, those that depend on factors first.
struct Columns {
    times: Vec<i64>,
    values: Vec<Vec<f64>>,
    /// What the dependent ones would be if they hung together with other factors.
    apart: Vec<Vec<f64>>,
    levels: Vec<f64>,
    spreads: Vec<f64>,
}

impl Columns {
    fn generate(random: &mut Random, rows: usize, common: usize, independent: usize) -> Self {
        let mut factors = [(); 2].map(|()| Factors::new(random));
        let mut fields: Vec<Field> = (0..common).map(|_| Field::new(random)).collect();
        let clock = Series::new(Kind::Gaussian, random.bits());
        let times: Vec<i64> = clock.take(rows).map(|(time_ms, _)| time_ms).collect();
        let mut noise = Random::new(random.bits());
        let mut values = vec![Vec::with_capacity(rows); common];
        let mut apart = values.clone();
        for time_ms in &times {
            let factors = factors.each_mut().map(|factors| factors.next(*time_ms));
            for (at, field) in fields.iter_mut().enumerate() {
                let [value, other] = field.next(&factors, &mut noise);
                values[at].push(value);
                apart[at].push(other);
            }
        }
        let mut levels: Vec<f64> = fields.iter().map(|field| field.level).collect();
        let mut spreads: Vec<f64> = fields.iter().map(|field| field.spread).collect();
        let kinds = [Kind::Gaussian, Kind::Student, Kind::Autoregressive, Kind::ManyCounts];
        for _ in 0..independent {
            let series = Series::new(kinds[random.below(kinds.len())], random.bits());
            levels.push(series.level());
            spreads.push(series.spread());
            values.push(series.take(rows).map(|(_, value)| value).collect());
        }
        Self { times, values, apart, levels, spreads }
    }

    fn strike(
        &self,
        anomaly: Anomaly,
        column: usize,
        rows: Range<usize>,
        values: &mut [f64],
        random: &mut Random,
    ) {
        if anomaly == Anomaly::CorrelationBreak {
            values[rows.clone()].copy_from_slice(&self.apart[column][rows]);
            return;
        }
        let ground = Ground {
            times: &self.times,
            season: &Season::None,
            level: self.levels[column],
            spread: self.spreads[column],
            counts: false,
            zeros: false,
            tail: 1.0,
        };
        // What strikes a field is over when its window is, so that the next one finds it as it was.
        ground.apply(anomaly, rows.clone(), &mut values[..rows.end], random);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_a_function_of_its_seed() {
        for seed in 0..5 {
            let series = vector(seed);
            assert_eq!(series, vector(seed));
            assert_eq!(series.values.len(), series.rows() * series.fields);
            assert!((2..=20).contains(&series.fields));
        }
    }

    #[test]
    fn what_differs_from_the_twin_is_what_the_strikes_say() {
        for seed in 0..20 {
            let series = failing(seed, 5000, 10, 3);
            assert!(series.strikes.len() >= 3);
            let mut expected = vec![false; series.values.len()];
            for strike in &series.strikes {
                assert_eq!(strike.fields.len(), 3);
                for row in strike.rows.clone() {
                    strike.fields.iter().for_each(|field| expected[row * 10 + field] = true);
                }
                for field in &strike.fields {
                    let differing = strike
                        .rows
                        .clone()
                        .filter(|row| series.row(*row)[*field] != series.twin[row * 10 + field]);
                    assert!(differing.count() * 10 >= strike.rows.len() * 9, "{strike:?}");
                }
            }
            for (at, (value, twin)) in series.values.iter().zip(&series.twin).enumerate() {
                assert!(value == twin || expected[at], "row {} differs and no strike says so", at / 10);
            }
        }
    }

    #[test]
    fn fields_hang_together_until_their_correlation_breaks() {
        let mut random = Random::new(4);
        let columns = Columns::generate(&mut random, 20_000, 4, 1);
        let z = |column: usize, values: &[f64]| -> Vec<f64> {
            values.iter().map(|value| (value - columns.levels[column]) / columns.spreads[column]).collect()
        };
        let correlation =
            |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / a.len() as f64;
        let usual: Vec<Vec<f64>> = (0..5).map(|at| z(at, &columns.values[at])).collect();
        for column in &usual {
            let variance = correlation(column, column);
            assert!((0.7..1.4).contains(&variance), "a variance of {variance}");
        }
        let strongest = |column: usize| {
            let others = (0..4).filter(|other| *other != column);
            others.map(|other| correlation(&usual[column], &usual[other]).abs()).fold(0.0, f64::max)
        };
        assert!(strongest(0) > 0.3, "{}", strongest(0));
        assert!(strongest(4) < 0.1, "the last depends on nothing: {}", strongest(4));
        let apart = z(0, &columns.apart[0]);
        let variance = correlation(&apart, &apart);
        assert!((0.7..1.4).contains(&variance), "by itself it goes on as usual: {variance}");
    }
}
