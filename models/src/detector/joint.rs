//! The joint distribution of the standardised errors of a vector's fields.

use super::codec::{Decoder, Encoder};
use super::parameters::Parameters;
use super::spread::Spread;
use crate::detector::StateError;

/// Fields whose joint distribution is kept together. The cost of an observation grows with the cube of a
/// block and only linearly with the number of blocks, so a vector of any width stays affordable.
pub(super) const BLOCK: usize = 16;
/// Variance of a field of which nothing is known: that of a Gaussian error of mean size 1.
const VARIANCE_FIRST: f64 = 1.57;
/// Least spread of the distance, in the root of the mean squared error.
const SPREAD_MIN: f64 = 1e-3;

/// Exponentially weighted covariance of up to [`BLOCK`] fields, and the spread of the Mahalanobis distance
/// (Mahalanobis, 1936) from it. It sees fields that are usual one by one but not together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Joint {
    fields: usize,
    count: u32,
    distance: Spread,
    /// Lower triangle, row by row.
    covariance: Vec<f64>,
}

/// How an observation stands in the joint distribution.
pub(super) struct Distance {
    /// Root of the mean squared decorrelated error; about 1 is usual.
    pub(super) value: f64,
    /// How far it is believed, 0 to 1: a young covariance is not.
    pub(super) trust: f64,
    /// Logarithm of 1 + that.
    pub(super) logarithm: f64,
    /// Logarithmic magnitude of what it is beyond the usual.
    pub(super) magnitude: f64,
    /// Share of the squared distance by field; they sum to the squared distance, and may be negative.
    pub(super) by_field: [f64; BLOCK],
}

impl Joint {
    pub(super) fn new() -> Self {
        Joint { fields: 0, count: 0, distance: Spread::default(), covariance: Vec::new() }
    }

    pub(super) fn fields(&self) -> usize {
        self.fields
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Joint>() + self.covariance.capacity() * size_of::<f64>()
    }

    /// Appends a field that is not correlated with the others so far.
    pub(super) fn add_field(&mut self) {
        assert!(self.fields < BLOCK, "a block holds {BLOCK} fields");
        self.covariance.extend(std::iter::repeat_n(0.0, self.fields));
        self.covariance.push(VARIANCE_FIRST);
        self.fields += 1;
    }

    /// Says how far standardised errors are out, then learns them. `ridge` is added to the variances.
    pub(super) fn step(&mut self, errors: &[f64], ridge: f64, parameters: &Parameters) -> Distance {
        let distance = self.distance(errors, ridge, parameters);
        self.learn(errors, &distance, parameters);
        distance
    }

    /// The distance of standardised errors (NaN where missing, which counts as no error).
    fn distance(&self, errors: &[f64], ridge: f64, parameters: &Parameters) -> Distance {
        let n = self.fields;
        assert_eq!(errors.len(), n);
        let mut lower = [[0.0; BLOCK]; BLOCK];
        let mut solved = [0.0; BLOCK];
        let mut squared = 0.0;
        let mut row = 0;
        for i in 0..n {
            for j in 0..=i {
                let value = self.covariance[row + j] - dot(&lower[i][..j], &lower[j][..j]);
                if i == j {
                    lower[i][i] = (value + ridge).max(1e-9).sqrt();
                } else {
                    lower[i][j] = value / lower[j][j];
                }
            }
            let error = if errors[i].is_nan() { 0.0 } else { errors[i] };
            solved[i] = (error - dot(&lower[i][..i], &solved[..i])) / lower[i][i];
            squared += solved[i] * solved[i];
            row += i + 1;
        }
        let value = (squared / n.max(1) as f64).sqrt();
        let trust = (f64::from(self.count) / (3 * n.max(1)) as f64).min(1.0);
        let beyond = (value - 1.0).max(0.0) / self.distance.mean.max(SPREAD_MIN);
        for i in (0..n).rev() {
            let mut value = solved[i];
            for k in i + 1..n {
                value -= lower[k][i] * solved[k];
            }
            solved[i] = value / lower[i][i];
        }
        for (solved, error) in solved.iter_mut().zip(errors) {
            *solved *= if error.is_nan() { 0.0 } else { *error };
        }
        Distance {
            value,
            trust,
            logarithm: trust * libm::log1p(value),
            magnitude: trust * parameters.magnitude(beyond),
            by_field: solved,
        }
    }

    /// Learns the errors whose distance was `distance`.
    fn learn(&mut self, errors: &[f64], distance: &Distance, parameters: &Parameters) {
        self.count = self.count.saturating_add(1);
        let gain = 1.0 / f64::from(self.count).min(parameters.memory);
        self.distance.learn(distance.value - 1.0, gain, SPREAD_MIN);
        let mut at = 0;
        for i in 0..self.fields {
            for j in 0..=i {
                let product = errors[i] * errors[j];
                if !product.is_nan() {
                    self.covariance[at] += gain * (product - self.covariance[at]);
                }
                at += 1;
            }
        }
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.u32(self.count);
        self.distance.encode(out);
        self.covariance.iter().for_each(|value| out.f64(*value));
    }

    /// Reads a block of `fields` fields.
    pub(super) fn decode(from: &mut Decoder, fields: usize) -> Result<Self, StateError> {
        let mut read = Joint::new();
        read.count = from.u32()?;
        read.distance = Spread::decode(from)?;
        (0..fields).for_each(|_| read.add_field());
        for value in &mut read.covariance {
            *value = from.f64_in(-1e9, 1e9)?;
        }
        Ok(read)
    }
}

/// Sum of products, from the first to the last.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_correlation_is_far_though_each_field_is_usual() {
        let (mut joint, parameters) = (Joint::new(), Parameters::default());
        joint.add_field();
        joint.add_field();
        for i in 0..2000 {
            let x = ((i * 37) % 41) as f64 / 10.0 - 2.0;
            let errors = [x, -x + ((i * 17) % 11) as f64 / 50.0 - 0.1];
            let distance = joint.distance(&errors, 0.01, &parameters);
            joint.learn(&errors, &distance, &parameters);
        }
        let usual = joint.distance(&[1.5, -1.5], 0.01, &parameters);
        let broken = joint.distance(&[1.5, 1.5], 0.01, &parameters);
        assert!(broken.magnitude > usual.magnitude + 1.0, "{} {}", broken.magnitude, usual.magnitude);
        assert!(joint.distance(&[1.5, f64::NAN], 0.01, &parameters).magnitude.is_finite());
        let total: f64 = broken.by_field.iter().sum();
        assert!((total / (broken.value * broken.value * 2.0) - 1.0).abs() < 1e-9);
    }
}
