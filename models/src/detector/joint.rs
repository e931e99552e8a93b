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

/// Least square of a pivot of the factor of a covariance, and its least share of the variance: less is rounding.
const PIVOT_MIN: f64 = 1e-9;
const PIVOT_SHARE_MIN: f64 = 1e-7;
/// Share of a variance that rounding never makes it less.
const ROUNDING: f64 = 1e-6;
/// The square of the largest bound that errors may have.
const COVARIANCE_MAX: f64 = 1e6;

/// Exponentially weighted covariance of up to [`BLOCK`] fields, and the spread of the Mahalanobis distance
/// (Mahalanobis, 1936) from it. It sees fields that are usual one by one but not together: the distance says whether
/// all of them are out, and each field's error given the others, the adjusted variable of regression-adjusted control charts
/// (Hawkins, "Multivariate Quality Control Based on Regression-Adjusted Variables", Technometrics 33, 1991), whether one is.
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
    /// How far it is beyond 1, in its mean errors.
    pub(super) beyond: f64,
    /// How far each field is from what the others say of it, in its deviations given them, signed; 0 where it is missing.
    pub(super) given: [f64; BLOCK],
    /// Share of each field's variance that the others explain (the squared multiple correlation): 0 where it has nothing in
    /// common with them, or is missing, towards 1;
    pub(super) explained: [f64; BLOCK],
    /// and the mean of the fields that are there.
    pub(super) explained_mean: f64,
}

impl Distance {
    /// The largest of the fields' distances from what the others say.
    pub(super) fn farthest(&self) -> f64 {
        self.given.iter().fold(0.0, |farthest: f64, given| farthest.max(given.abs()))
    }
}

impl Joint {
    pub(super) fn new() -> Self {
        Joint { fields: 0, count: 0, distance: Spread::default(), covariance: Vec::new() }
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

    /// Says how far standardised errors (NaN where missing) are out, then learns them. `ridge` is added to the variances.
    pub(super) fn step(&mut self, errors: &[f64], ridge: f64, parameters: &Parameters) -> Distance {
        let distance = self.distance(errors, ridge);
        if errors.iter().any(|error| !error.is_nan()) {
            self.learn(errors, &distance, parameters);
        }
        distance
    }

    /// The distance of the errors that are there in their own distribution.
    fn distance(&self, errors: &[f64], ridge: f64) -> Distance {
        let n = self.fields;
        assert_eq!(errors.len(), n);
        let mut lower = [[0.0; BLOCK]; BLOCK];
        let mut solved = [0.0; BLOCK];
        let mut there = [0.0; BLOCK];
        let (mut squared, mut present, mut row) = (0.0, 0.0, 0);
        for i in 0..n {
            // A missing field's row and column of the factor are those of the identity: it has no part in what follows.
            lower[i][i] = 1.0;
            if !errors[i].is_nan() {
                there[i] = 1.0;
                let (own, left) = factor_row(&self.covariance[row..=row + i], &there, &mut lower);
                lower[i][i] = pivot(left + ridge, own);
                solved[i] = (errors[i] - dot(&lower[i][..i], &solved[..i])) / lower[i][i];
                squared += solved[i] * solved[i];
                present += 1.0;
            }
            row += i + 1;
        }
        let value = (squared / f64::max(present, 1.0)).sqrt();
        let trust = (f64::from(self.count) / (3 * n.max(1)) as f64).min(1.0);
        let beyond = (value - 1.0).max(0.0) / self.distance.mean.max(SPREAD_MIN);
        // From here on the errors times the inverse of the covariance.
        for i in (0..n).rev() {
            let mut value = solved[i];
            for k in i + 1..n {
                value -= lower[k][i] * solved[k];
            }
            solved[i] = value / lower[i][i];
        }
        let mut given = [0.0; BLOCK];
        let mut explained = [0.0; BLOCK];
        let mut diagonal = 0;
        for i in 0..n {
            let precision = precision(&lower, n, i);
            given[i] = there[i] * solved[i] / precision.sqrt();
            let variance = self.covariance[diagonal] + ridge;
            explained[i] = there[i] * (1.0 - 1.0 / (variance * precision).max(1.0));
            diagonal += i + 2;
        }
        let explained_mean = explained.iter().sum::<f64>() / f64::max(present, 1.0);
        Distance { value, trust, beyond, given, explained, explained_mean }
    }

    /// Learns the errors whose distance was `distance`.
    fn learn(&mut self, errors: &[f64], distance: &Distance, parameters: &Parameters) {
        self.count = self.count.saturating_add(1);
        let gain = 1.0 / f64::from(self.count).min(parameters.memory);
        self.distance.learn(distance.value - 1.0, gain, SPREAD_MIN);
        let mut at = 0;
        for i in 0..self.fields {
            for j in 0..=i {
                let covariance = &mut self.covariance[at];
                match (errors[i].is_nan(), errors[j].is_nan()) {
                    // As a sum of two, so that what a large variance was leaves no trace in the digits of a small one.
                    (false, false) => {
                        *covariance = (1.0 - gain) * *covariance + gain * (errors[i] * errors[j])
                    }
                    (true, true) => {}
                    // Variances shrink by 1 - gain where a field is there. Its covariances with those that are not shrink by
                    // the root of that, so that the matrix stays one of covariances.
                    _ => *covariance *= (1.0 - gain).sqrt(),
                }
                at += 1;
            }
        }
    }

    /// Whether the numbers can be covariances but for rounding: no combination of fields has a negative variance where each
    /// has a little more.
    fn is_covariance(&self) -> bool {
        let mut lower = [[0.0; BLOCK]; BLOCK];
        let mut row = 0;
        for i in 0..self.fields {
            let (own, left) = factor_row(&self.covariance[row..=row + i], &[1.0; BLOCK], &mut lower);
            let squared = left + ROUNDING * own + PIVOT_MIN;
            if own < 0.0 || squared <= 0.0 {
                return false;
            }
            lower[i][i] = squared.sqrt();
            row += i + 1;
        }
        true
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
            *value = from.f64_in(-COVARIANCE_MAX, COVARIANCE_MAX)?;
        }
        if !read.is_covariance() {
            return Err(StateError("covariances that no fields can have".into()));
        }
        Ok(read)
    }
}

/// Writes a row of a Cholesky factor but for its pivot, from the same row of the covariance up to its diagonal and the rows
/// before it; fields for which `there` is 0 have no part in it. Returns the variance and what those before it leave of that.
fn factor_row(covariance: &[f64], there: &[f64; BLOCK], lower: &mut [[f64; BLOCK]; BLOCK]) -> (f64, f64) {
    let i = covariance.len() - 1;
    for j in 0..i {
        let value = covariance[j] * there[j] - dot(&lower[i][..j], &lower[j][..j]);
        lower[i][j] = value / lower[j][j];
    }
    (covariance[i], covariance[i] - dot(&lower[i][..i], &lower[i][..i]))
}

/// The pivot of a field of the variance `own`, of which `squared` is left by those before it.
fn pivot(squared: f64, own: f64) -> f64 {
    squared.max(PIVOT_MIN).max(PIVOT_SHARE_MIN * own).sqrt()
}

/// Element `at` of the diagonal of the inverse of the matrix that `lower` is the Cholesky factor of: the squared length of a
/// column of the factor's inverse. It is 1 over the variance of a field given the others.
fn precision(lower: &[[f64; BLOCK]; BLOCK], n: usize, at: usize) -> f64 {
    let mut column = [0.0; BLOCK];
    column[at] = 1.0 / lower[at][at];
    for i in at + 1..n {
        column[i] = -dot(&lower[i][at..i], &column[at..i]) / lower[i][i];
    }
    dot(&column[at..n], &column[at..n])
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
            joint.step(&errors, 0.01, &parameters);
        }
        let usual = joint.distance(&[1.5, -1.5], 0.01);
        let broken = joint.distance(&[1.5, 1.5], 0.01);
        assert!(broken.value > 3.0 * usual.value, "{} {}", broken.value, usual.value);
        assert!(broken.beyond > 3.0 * usual.beyond, "{} {}", broken.beyond, usual.beyond);
    }

    #[test]
    fn a_field_is_as_far_as_its_regression_on_the_others_says() {
        // Of unit variances and a correlation of 0.8, a field's variance given the other is 1 - 0.64.
        let covariance = vec![1.0, 0.8, 1.0, 0.0, 0.0, 4.0];
        let joint = Joint { fields: 3, count: 1000, distance: Spread::default(), covariance };
        let distance = joint.distance(&[2.0, 1.0, 6.0], 0.0);
        let expected = [(2.0 - 0.8) / 0.6, (1.0 - 1.6) / 0.6, 3.0];
        for (found, expected) in distance.given.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
        }
        assert_eq!(distance.farthest(), distance.given[2]);
        for (found, expected) in distance.explained.iter().zip([0.64, 0.64, 0.0]) {
            assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
        }
        assert!((distance.explained_mean - (0.64 + 0.64) / 3.0).abs() < 1e-12);
        let missing = joint.distance(&[2.0, f64::NAN, 6.0], 0.0);
        assert_eq!(missing.given[..3], [2.0, 0.0, 3.0], "what is missing says nothing of the others");
        assert_eq!(missing.explained_mean, 0.0, "nor does it explain them");
        assert!((missing.value - (13.0_f64 / 2.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn covariances_stay_such_where_fields_come_and_go() {
        let (mut joint, parameters) = (Joint::new(), Parameters::default());
        (0..8).for_each(|_| joint.add_field());
        for i in 0..20_000_usize {
            let x = ((i * 37) % 41) as f64 / 10.0 - 2.0;
            let mut errors = [f64::NAN; 8];
            // Two at a time, alike or opposite by pair, so that what pairs say does not fit together.
            let (first, second) = (i % 8, (i / 8 * 5 + 1) % 8);
            errors[first] = x;
            errors[second] = if (first + second) % 2 == 0 { x } else { -x };
            let distance = joint.step(&errors, 0.01, &parameters);
            assert!(distance.value < 100.0, "{}", distance.value);
        }
        assert!(joint.is_covariance());
    }

    #[test]
    fn covariances_that_no_fields_have_are_refused() {
        let covariance = vec![1.0, 5.0, 1.0];
        let joint = Joint { fields: 2, count: 10, distance: Spread::default(), covariance };
        let mut bytes = Vec::new();
        joint.encode(&mut Encoder(&mut bytes));
        assert!(Joint::decode(&mut Decoder(&bytes), 2).is_err());
    }
}
