//! The joint distribution of the standardised errors of a vector's fields.

use super::codec::{Decoder, Encoder};
use super::covariance::{Covariance, Errors};
use super::default::believed;
use super::parameters::Parameters;
use super::spread::Spread;
use crate::detector::StateError;

/// Fields whose joint distribution is kept together. The cost of an observation grows with the cube of a
/// block and only linearly with the number of blocks, so a vector of any width stays affordable.
pub(super) const BLOCK: usize = 16;
/// What is added to the variance of a quantity that is known: this share of it,
const RIDGE_SHARE: f64 = 0.02;
/// but no less than this share of what is added to that of any other.
const RIDGE_LEAST: f64 = 0.01;
/// Observations after which half of what covariances say of a quantity is believed to the last digit.
const RIDGE_KNOWN: f64 = 300.0;
/// Least spread of the distance, in the root of the mean squared error.
const SPREAD_MIN: f64 = 1e-3;

/// Exponentially weighted covariance of up to [`BLOCK`] fields, and the spread of the Mahalanobis distance
/// (Mahalanobis, 1936) from it. It sees fields that are usual one by one but not together: the distance says whether
/// all of them are out, and each field's error given the others, the adjusted variable of regression-adjusted control charts
/// (Hawkins, "Multivariate Quality Control Based on Regression-Adjusted Variables", Technometrics 33, 1991), whether one is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Joint {
    count: u32,
    distance: Spread,
    covariance: Covariance,
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
        Joint { count: 0, distance: Spread::default(), covariance: Covariance::new() }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Joint>() + self.covariance.bytes()
    }

    /// Appends a field that is not correlated with the others so far.
    pub(super) fn add_field(&mut self) {
        self.covariance.add_field();
    }

    /// Reads a little of all that it is, for it to be at hand.
    pub(super) fn fetch(&self) {
        self.covariance.fetch();
    }

    /// What to add to the variances of fields of such liveliness: `most` of a state, whose liveliness is 0, and while little was
    /// seen; of a quantity, whose liveliness is 1, a share of the variance. Where fields jump together, as with an operating
    /// condition, what lasts of their distances varies by no more than `most`, and what of it is a field's own by a hundredth
    /// of that: a fault, which a ridge of `most` would hide.
    pub(super) fn ridges(&self, most: f64, liveliness: impl Iterator<Item = f64>) -> [f64; BLOCK] {
        let known = believed(f64::from(self.count), RIDGE_KNOWN);
        let mut ridges = [most; BLOCK];
        for (field, (ridge, liveliness)) in ridges.iter_mut().zip(liveliness).enumerate() {
            let of_variance = (RIDGE_SHARE * self.covariance.variance(field)).clamp(RIDGE_LEAST * most, most);
            *ridge += known * liveliness * (of_variance - most);
        }
        ridges
    }

    /// Says how far standardised errors (NaN where missing) are out, then learns them. `ridges` are added to the variances.
    pub(super) fn step(
        &mut self,
        errors: &[f64],
        ridges: &[f64; BLOCK],
        parameters: &Parameters,
    ) -> Distance {
        assert_eq!(errors.len(), self.covariance.fields());
        let errors = Errors::new(errors);
        let distance = self.distance(&errors, ridges);
        if errors.present > 0.0 {
            self.count = self.count.saturating_add(1);
            let gain = 1.0 / f64::from(self.count).min(parameters.memory);
            self.distance.learn(distance.value - 1.0, gain, SPREAD_MIN);
            self.covariance.learn(&errors, gain);
        }
        distance
    }

    /// The distance of the errors that are there in their own distribution.
    fn distance(&self, errors: &Errors, ridges: &[f64; BLOCK]) -> Distance {
        let solved = self.covariance.solve(errors, ridges);
        let present = errors.present.max(1.0);
        let value = (solved.squared / present).sqrt();
        let fields = self.covariance.fields().max(1);
        Distance {
            value,
            trust: (f64::from(self.count) / (3 * fields) as f64).min(1.0),
            beyond: (value - 1.0).max(0.0) / self.distance.mean.max(SPREAD_MIN),
            given: solved.given,
            explained: solved.explained,
            explained_mean: solved.explained.iter().sum::<f64>() / present,
        }
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.u32(self.count);
        self.distance.encode(out);
        self.covariance.encode(out);
    }

    /// Reads a block of `fields` fields.
    pub(super) fn decode(from: &mut Decoder, fields: usize) -> Result<Self, StateError> {
        Ok(Joint {
            count: from.u32()?,
            distance: Spread::decode(from)?,
            covariance: Covariance::decode(from, fields)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of covariances that are written as the lower triangle, row by row.
    fn decoded(covariances: &[f64], fields: usize) -> Result<Joint, StateError> {
        let mut bytes = Vec::new();
        let mut out = Encoder(&mut bytes);
        out.u32(1000);
        Spread::default().encode(&mut out);
        covariances.iter().for_each(|value| out.f64(*value));
        Joint::decode(&mut Decoder(&bytes), fields)
    }

    #[test]
    fn a_broken_correlation_is_far_though_each_field_is_usual() {
        let (mut joint, parameters) = (Joint::new(), Parameters::default());
        joint.add_field();
        joint.add_field();
        for i in 0..2000 {
            let x = ((i * 37) % 41) as f64 / 10.0 - 2.0;
            let errors = [x, -x + ((i * 17) % 11) as f64 / 50.0 - 0.1];
            joint.step(&errors, &[0.01; BLOCK], &parameters);
        }
        let usual = joint.distance(&Errors::new(&[1.5, -1.5]), &[0.01; BLOCK]);
        let broken = joint.distance(&Errors::new(&[1.5, 1.5]), &[0.01; BLOCK]);
        assert!(broken.value > 3.0 * usual.value, "{} {}", broken.value, usual.value);
        assert!(broken.beyond > 3.0 * usual.beyond, "{} {}", broken.beyond, usual.beyond);
    }

    #[test]
    fn a_field_is_as_far_as_its_regression_on_the_others_says() {
        // Of unit variances and a correlation of 0.8, a field's variance given the other is 1 - 0.64.
        let joint = decoded(&[1.0, 0.8, 1.0, 0.0, 0.0, 4.0], 3).unwrap();
        let distance = joint.distance(&Errors::new(&[2.0, 1.0, 6.0]), &[0.0; BLOCK]);
        let expected = [(2.0 - 0.8) / 0.6, (1.0 - 1.6) / 0.6, 3.0];
        for (found, expected) in distance.given.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
        }
        assert_eq!(distance.farthest(), distance.given[2]);
        for (found, expected) in distance.explained.iter().zip([0.64, 0.64, 0.0]) {
            assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
        }
        assert!((distance.explained_mean - (0.64 + 0.64) / 3.0).abs() < 1e-12);
        let missing = joint.distance(&Errors::new(&[2.0, f64::NAN, 6.0]), &[0.0; BLOCK]);
        assert_eq!(missing.given[..3], [2.0, 0.0, 3.0], "what is missing says nothing of the others");
        assert_eq!(missing.explained_mean, 0.0, "nor does it explain them");
        assert!((missing.value - (13.0_f64 / 2.0).sqrt()).abs() < 1e-12);
    }

    /// Three fields that jump together by their condition, which is drawn anew each time, as sustained distances are: so
    /// many rows of them, then one in which the last is a little off.
    fn off_by_a_little(rows: u32, liveliness: f64) -> f64 {
        let (mut joint, parameters) = (Joint::new(), Parameters::default());
        (0..3).for_each(|_| joint.add_field());
        let ridges = |joint: &Joint| joint.ridges(0.01, [liveliness; 3].into_iter());
        for row in 0..rows {
            let condition = f64::from(row * 37 % 41) / 50.0 - 0.4;
            let noise = |by| f64::from(row * by % 11) / 500.0 - 0.01;
            let ridges = ridges(&joint);
            joint.step(&[condition, condition + noise(17), noise(23) - condition], &ridges, &parameters);
        }
        joint.distance(&Errors::new(&[0.1, 0.1, 0.0]), &ridges(&joint)).given[2]
    }

    #[test]
    fn what_is_a_little_off_stands_out_among_quantities_that_jump_together_once_they_are_known() {
        let (known, young, states) =
            (off_by_a_little(2000, 1.0), off_by_a_little(60, 1.0), off_by_a_little(2000, 0.0));
        assert!(known > 2.0 * states && states > 0.0, "{known}, of states {states}");
        assert!(young < 1.2 * states, "{young}, of states {states}");
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
            let distance = joint.step(&errors, &[0.01; BLOCK], &parameters);
            assert!(distance.value < 100.0, "{}", distance.value);
        }
        assert!(joint.covariance.is_possible());
    }

    #[test]
    fn covariances_that_no_fields_have_are_refused() {
        assert!(decoded(&[1.0, 5.0, 1.0], 2).is_err());
    }
}
