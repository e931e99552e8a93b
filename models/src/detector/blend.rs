//! A forecast made of others.

use super::codec::{Decoder, Encoder, LEARNT_MAX};
use super::fading::faded_f32;
use crate::detector::StateError;

/// What it is made of: the last value, what the season's profile says of now, what it said of the last value, and what the
/// rhythm says of now.
const PARTS: usize = 4;
/// Distances from the level, in its mean errors, beyond which a part, or the value, counts as this.
const DISTANCE_MAX: f64 = 20.0;
/// Added to the mean square of each part, where that of a usual one is about 1.5: parts that say the same share their weight.
const RIDGE: f64 = 0.003;
/// More of it, over the observations so far: weights of a few are small ones.
const RIDGE_FIRST: f64 = 1.0;
/// Observations before which it says nothing.
const KNOWN: u32 = 20;
/// Weights are found anew after so many: that costs more than all else here, and they change little meanwhile.
const SOLVED_EVERY: u32 = 8;
/// Bound of a weight: by the least ridge, a value and parts of 20 mean errors make less.
const WEIGHT_MAX: f32 = 1e6;

/// A linear combination of forecasts, by regression of what came on what they had said (Granger and Ramanathan, "Improved
/// Methods of Combining Forecasts", J. Forecasting 3, 1984), over a fading past. With the last value and the season then and
/// now it is a season whose residual is autoregressive; where there is no season it is the share of the last value that
/// stays.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Blend {
    /// What the season's profile said of the last value.
    before: f64,
    /// Mean products of each two parts, row by row up to the diagonal,
    products: [f32; PARTS * (PARTS + 1) / 2],
    /// and of each part and the value.
    with_value: [f32; PARTS],
    weights: [f32; PARTS],
}

/// What the forecast of one value is made of.
pub(super) struct Parts {
    /// Each part's distance from the level, in its mean errors.
    distances: [f64; PARTS],
    /// What the season's profile says of the value.
    season: f64,
    measure: Measure,
}

/// How distances are measured: from `level`, in units of `error`.
#[derive(Clone, Copy)]
pub(super) struct Measure {
    pub(super) level: f64,
    pub(super) error: f64,
}

impl Measure {
    fn distance(self, value: f64) -> f64 {
        ((value - self.level) / self.error).clamp(-DISTANCE_MAX, DISTANCE_MAX)
    }
}

impl Blend {
    pub(super) fn new() -> Self {
        Blend { before: 0.0, products: [0.0; _], with_value: [0.0; _], weights: [0.0; _] }
    }

    /// The parts of a forecast, of the last value and of what the season's profile and the rhythm say now.
    pub(super) fn parts(&self, last: f64, season: f64, rhythm: f64, measure: Measure) -> Parts {
        let distances = [last, season, self.before, rhythm].map(|value| measure.distance(value));
        Parts { distances, season, measure }
    }

    /// The value that `parts` make, after `seen` that were learnt; none before weights are known.
    pub(super) fn expected(&self, parts: &Parts, seen: u32) -> Option<f64> {
        if seen < KNOWN {
            return None;
        }
        let distance: f64 =
            parts.distances.iter().zip(self.weights).map(|(part, weight)| part * f64::from(weight)).sum();
        let Measure { level, error } = parts.measure;
        Some(level + distance.clamp(-DISTANCE_MAX, DISTANCE_MAX) * error)
    }

    /// Solves the regression by factors L D L'.
    fn solved(&self, ridge: f64) -> [f32; PARTS] {
        let mut lower = [[0.0; PARTS]; PARTS];
        let mut inverse = [0.0; PARTS];
        let mut weights = [0.0; PARTS];
        let mut products = self.products.iter().map(|product| f64::from(*product));
        for i in 0..PARTS {
            let mut pivot = ridge;
            let mut solved = f64::from(self.with_value[i]);
            for j in 0..=i {
                let mut rest = products.next().expect("a product of each two");
                for k in 0..j {
                    rest -= lower[i][k] * lower[j][k] * inverse[k];
                }
                if j < i {
                    lower[i][j] = rest;
                    solved -= rest * inverse[j] * weights[j];
                } else {
                    pivot += rest;
                }
            }
            // Of products that are rounded, or were read, it could be nothing or less.
            inverse[i] = 1.0 / pivot.max(ridge);
            weights[i] = solved;
        }
        for i in (0..PARTS).rev() {
            weights[i] *= inverse[i];
            for k in i + 1..PARTS {
                weights[i] -= lower[k][i] * inverse[i] * weights[k];
            }
        }
        weights.map(|weight| faded_f32((weight as f32).clamp(-WEIGHT_MAX, WEIGHT_MAX)))
    }

    /// Learns `value`, the `seen`th one, of which a forecast had these parts; of one before the first only what the season
    /// said.
    pub(super) fn learn(&mut self, parts: &Parts, value: f64, seen: u32, memory: f64) {
        self.before = parts.season.clamp(-LEARNT_MAX, LEARNT_MAX);
        if seen == 0 {
            return;
        }
        let gain = 1.0 / f64::from(seen).min(memory);
        let distance = parts.measure.distance(value);
        let fade = |mean: &mut f32, product: f64| {
            *mean = faded_f32(*mean + (gain * (product - f64::from(*mean))) as f32);
        };
        let mut products = self.products.iter_mut();
        for (i, part) in parts.distances.iter().enumerate() {
            for (other, product) in parts.distances[..=i].iter().zip(&mut products) {
                fade(product, part * other);
            }
            fade(&mut self.with_value[i], part * distance);
        }
        if seen.is_multiple_of(SOLVED_EVERY) {
            self.weights = self.solved(RIDGE + RIDGE_FIRST / f64::from(seen));
        }
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.f64(self.before);
        self.products.iter().chain(&self.with_value).chain(&self.weights).for_each(|mean| out.f32(*mean));
    }

    pub(super) fn decode(from: &mut Decoder) -> Result<Self, StateError> {
        let mut read = Blend { before: from.learnt()?, ..Blend::new() };
        // Rounded, a mean of the largest products could be a little more than they are.
        let most = (2.0 * DISTANCE_MAX * DISTANCE_MAX) as f32;
        for mean in read.products.iter_mut().chain(&mut read.with_value) {
            *mean = from.f32_in(-most, most)?;
        }
        for weight in &mut read.weights {
            *weight = from.f32_in(-WEIGHT_MAX, WEIGHT_MAX)?;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MEASURE: Measure = Measure { level: 10.0, error: 2.0 };

    /// What `blend` expected of each of these values (value, season, rhythm).
    fn fed(blend: &mut Blend, values: impl IntoIterator<Item = (f64, f64, f64)>) -> Vec<Option<f64>> {
        let mut last = 10.0;
        let values = values.into_iter().enumerate();
        let step = |(n, (value, season, rhythm)): (usize, (f64, f64, f64))| {
            let parts = blend.parts(last, season, rhythm, MEASURE);
            let expected = blend.expected(&parts, n as u32);
            blend.learn(&parts, value, n as u32 + 1, 1000.0);
            last = value;
            expected
        };
        values.map(step).collect()
    }

    /// Numbers in -1..1 that nothing foretells (xorshift; Marsaglia, 2003).
    fn noise() -> impl FnMut() -> f64 {
        let mut bits = 88_172_645_463_325_252_u64;
        move || {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            (bits >> 11) as f64 / 2f64.powi(52) - 1.0
        }
    }

    #[test]
    fn a_season_whose_residual_fades_is_followed() {
        let season = |n: usize| 10.0 + 4.0 * (n as f64 / 4.0).sin();
        let (mut residual, mut noise) = (0.0, noise());
        let values: Vec<_> = (0..3000)
            .map(|n| {
                residual = 0.8 * residual + noise();
                (season(n) + residual, season(n), 10.0)
            })
            .collect();
        let expected = fed(&mut Blend::new(), values.clone());
        let (mut error, mut of_season) = (0.0, 0.0);
        for n in 2000..3000 {
            let best = season(n) + 0.8 * (values[n - 1].0 - season(n - 1));
            error += (expected[n].unwrap() - best).abs();
            of_season += (season(n) - best).abs();
        }
        assert!(error < 0.15 * of_season, "{error} of {of_season}");
    }

    #[test]
    fn of_parts_that_say_nothing_little_is_made() {
        let mut noise = noise();
        let rows: Vec<_> = (0..3000).map(|_| (10.0 + noise(), 10.0 + noise(), 10.0 + noise())).collect();
        let expected = fed(&mut Blend::new(), rows);
        assert_eq!(expected[..20], [None; 20]);
        let far = expected[1000..].iter().map(|e| (e.unwrap() - 10.0).abs()).fold(0.0, f64::max);
        assert!(far < 0.3, "{far}");
    }

    proptest! {
        #[test]
        fn what_is_expected_is_finite_and_bytes_bring_it_back(
            values in prop::collection::vec((-1e300..1e300, -1e300..1e300, -1e300..1e300), 1..60),
        ) {
            let mut blend = Blend::new();
            prop_assert!(fed(&mut blend, values).into_iter().flatten().all(f64::is_finite));
            let mut bytes = Vec::new();
            blend.encode(&mut Encoder(&mut bytes));
            prop_assert_eq!(Blend::decode(&mut Decoder(&bytes)).unwrap(), blend);
        }
    }
}
