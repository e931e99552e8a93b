//! What the fields of a vector say of each other.

use super::codec::{Decoder, Encoder};
use super::joint::{BLOCK, Joint};
use super::parameters::Parameters;
use crate::detector::StateError;

/// Errors beyond this, in deviations given the other fields, enter the mean of squared ones as this.
const DISPERSION_CUT: f64 = 6.0;
const DISPERSION_MAX: f64 = DISPERSION_CUT * DISPERSION_CUT;
/// A field's root mean squared error of so many deviations is as rare as an error of twice what it is more than 1.
const DISPERSION_SCALE: f64 = 2.0;
/// Share of the squared error given the others in a field's contribution, which has the field's own error already.
const GIVEN_SHARE: f64 = 0.3;

/// The joint distributions of up to [`BLOCK`] fields.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Block {
    /// Of their errors.
    now: Joint,
    /// Of their sustained distances.
    lately: Joint,
    /// By field the recent mean of its squared error given the others', each cut.
    dispersion: Vec<f64>,
}

/// How the fields of an observation stand to each other. Magnitudes and distances are logarithmic.
#[derive(Default)]
pub(super) struct Together {
    /// The largest of the magnitudes of all errors together, of a field's error, dispersion and sustained distance given
    /// the others'.
    pub(super) magnitude: f64,
    /// Error of the field that is farthest from what the others say.
    pub(super) moment: f64,
    /// Joint distance of the sustained distances.
    pub(super) sustained: f64,
    /// Sustained distance of the field where it is farthest from what those of the others say.
    pub(super) field_sustained: f64,
    /// Root of the largest dispersion.
    pub(super) dispersion: f64,
    /// Share of the fields' errors, or of their sustained distances, that the others explain, 0 to 1.
    pub(super) explained: f64,
}

impl Together {
    /// Takes in what another block says: of each the larger.
    pub(super) fn join(&mut self, other: &Self) {
        self.magnitude = self.magnitude.max(other.magnitude);
        self.moment = self.moment.max(other.moment);
        self.sustained = self.sustained.max(other.sustained);
        self.field_sustained = self.field_sustained.max(other.field_sustained);
        self.dispersion = self.dispersion.max(other.dispersion);
        self.explained = self.explained.max(other.explained);
    }
}

impl Block {
    pub(super) fn new() -> Self {
        Block { now: Joint::new(), lately: Joint::new(), dispersion: Vec::new() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.dispersion.len() == BLOCK
    }

    pub(super) fn add_field(&mut self) {
        self.now.add_field();
        self.lately.add_field();
        self.dispersion.push(1.0);
    }

    /// Judges the errors and the sustained distances of the fields, NaN where one is not to be judged, then learns them; says
    /// also what each field adds to the evidence.
    pub(super) fn step(
        &mut self,
        errors: &[f64],
        sustained: &[f64],
        parameters: &Parameters,
    ) -> (Together, [f64; BLOCK]) {
        let now = self.now.step(errors, parameters.joint_ridge, parameters);
        let lately = self.lately.step(sustained, parameters.joint_ridge_sustained, parameters);
        let mut dispersion = 0.0_f64;
        let mut contributions = [0.0; BLOCK];
        for (i, mean) in self.dispersion.iter_mut().enumerate() {
            if errors[i].is_nan() {
                continue;
            }
            let cut = now.given[i].clamp(-DISPERSION_CUT, DISPERSION_CUT);
            // Over a short memory it could round to beyond the bound, which no state may hold.
            *mean = (*mean + (cut * cut - *mean) / parameters.memory_sustained).clamp(0.0, DISPERSION_MAX);
            dispersion = dispersion.max(*mean);
            contributions[i] = now.trust * (GIVEN_SHARE * now.given[i] * now.given[i] + *mean)
                + lately.trust * lately.given[i] * lately.given[i];
        }
        let dispersion = dispersion.sqrt();
        let (moment, field_sustained) = (now.farthest(), lately.farthest());
        let magnitudes = [
            now.trust * parameters.magnitude(now.beyond),
            now.trust * parameters.magnitude(moment),
            now.trust * parameters.magnitude(DISPERSION_SCALE * (dispersion - 1.0).max(0.0)),
            lately.trust * parameters.magnitude(field_sustained),
        ];
        let together = Together {
            magnitude: magnitudes.into_iter().fold(0.0, f64::max),
            moment: now.trust * libm::log1p(moment),
            sustained: lately.trust * libm::log1p(lately.value),
            field_sustained: lately.trust * libm::log1p(field_sustained),
            dispersion: now.trust * libm::log1p(dispersion),
            explained: (now.trust * now.explained).max(lately.trust * lately.explained),
        };
        (together, contributions)
    }

    pub(super) fn bytes(&self) -> usize {
        let dispersion = size_of::<Vec<f64>>() + self.dispersion.capacity() * size_of::<f64>();
        self.now.bytes() + self.lately.bytes() + dispersion
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        self.now.encode(out);
        self.lately.encode(out);
        self.dispersion.iter().for_each(|mean| out.f64(*mean));
    }

    /// Reads a block of `fields` fields.
    pub(super) fn decode(from: &mut Decoder, fields: usize) -> Result<Self, StateError> {
        Ok(Block {
            now: Joint::decode(from, fields)?,
            lately: Joint::decode(from, fields)?,
            dispersion: (0..fields).map(|_| from.f64_in(0.0, DISPERSION_MAX)).collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two fields that say the same of each other, but for a little noise, after so many rows.
    fn twins(rows: u32) -> Block {
        let mut block = Block::new();
        (0..2).for_each(|_| block.add_field());
        for row in 0..rows {
            let (x, noise) = (f64::from(row * 37 % 41) / 10.0 - 2.0, f64::from(row * 17 % 11) / 50.0 - 0.1);
            block.step(&[x, x + noise], &[0.1 * x, 0.1 * x], &Parameters::default());
        }
        block
    }

    #[test]
    fn what_lasts_of_a_broken_correlation_grows_though_no_error_is_large() {
        let (mut block, parameters) = (twins(2000), Parameters::default());
        let (usual, _) = block.clone().step(&[1.0, 1.0], &[0.1, 0.1], &parameters);
        let mut broken = Together::default();
        for row in 0..40 {
            let x = if row % 2 == 0 { 1.0 } else { -1.0 };
            broken = block.step(&[x, -x], &[0.0, 0.0], &parameters).0;
        }
        assert!(broken.dispersion > usual.dispersion + 0.8, "{} {}", broken.dispersion, usual.dispersion);
    }

    #[test]
    fn a_field_that_is_missing_says_nothing_of_the_other() {
        let parameters = Parameters::default();
        let (alone, contributions) = twins(2000).step(&[1.5, f64::NAN], &[0.1, f64::NAN], &parameters);
        assert!(alone.moment < 1.1, "{}: 1.5 is usual", alone.moment);
        assert_eq!(contributions[1], 0.0);
        let (other, _) = twins(2000).step(&[1.5, 0.0], &[0.1, 0.0], &parameters);
        assert!(other.moment > 2.0, "{}: the other should be at 1.5", other.moment);
    }

    #[test]
    fn rows_without_any_of_the_fields_teach_nothing() {
        let (mut block, before) = (twins(100), twins(100));
        block.step(&[f64::NAN; 2], &[f64::NAN; 2], &Parameters::default());
        assert_eq!(block, before);
    }
}
