//! What the fields of a vector say of each other.

use super::codec::{Decoder, Encoder};
use super::fading::faded;
use super::joint::{BLOCK, Joint};
use super::member::{Member, believed_of_all};
use super::parameters::Parameters;
use crate::detector::StateError;

/// Errors beyond this, in deviations given the other fields, enter the mean of squared ones as this.
const DISPERSION_CUT: f64 = 6.0;
const DISPERSION_MAX: f64 = DISPERSION_CUT * DISPERSION_CUT;
/// A field's root mean squared error of so many deviations is as rare as an error of twice what it is more than 1.
const DISPERSION_SCALE: f64 = 2.0;
/// What counts of the magnitude of what lasts in an observation's evidence: one that follows another says much the same again,
/// and runs of evidence add them up.
const LASTING: f64 = 0.93;
/// Share of the squared error given the others in a field's contribution, which has the field's own error already.
const GIVEN_SHARE: f64 = 0.3;

/// The joint distributions of up to [`BLOCK`] fields.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Block {
    /// Of their errors.
    now: Joint,
    /// Of their sustained distances.
    lately: Joint,
    members: Vec<Member>,
}

/// How the fields of an observation stand to each other. Magnitudes and distances are logarithmic.
#[derive(Default)]
pub(super) struct Together {
    /// The largest of the magnitudes of all errors together, of a field's error, dispersion and sustained distance given
    /// the others'.
    pub(super) magnitude: f64,
    /// Joint distance of the sustained distances. This and what follows as far as it is believed.
    pub(super) sustained: f64,
    /// Sustained distance of the field where it is farthest from what those of the others say.
    pub(super) field_sustained: f64,
    /// Root of the dispersion, where it is largest.
    pub(super) dispersion: f64,
}

impl Together {
    /// Takes in what another block says: of each the larger.
    pub(super) fn join(&mut self, other: &Self) {
        self.magnitude = self.magnitude.max(other.magnitude);
        self.sustained = self.sustained.max(other.sustained);
        self.field_sustained = self.field_sustained.max(other.field_sustained);
        self.dispersion = self.dispersion.max(other.dispersion);
    }
}

impl Block {
    pub(super) fn new() -> Self {
        Block { now: Joint::new(), lately: Joint::new(), members: Vec::new() }
    }

    /// Reads a little of what is kept of each field, for it to be at hand.
    pub(super) fn fetch(&self) {
        self.now.fetch();
        self.lately.fetch();
        self.members.iter().for_each(Member::fetch);
    }

    pub(super) fn is_full(&self) -> bool {
        self.members.len() == BLOCK
    }

    pub(super) fn add_field(&mut self, member: Member) {
        self.now.add_field();
        self.lately.add_field();
        self.members.push(member);
    }

    pub(super) fn member(&mut self, field: usize) -> &mut Member {
        &mut self.members[field]
    }

    /// Judges the errors and the sustained distances of the fields, NaN where one is not to be judged, then learns them; says
    /// also what each field adds to the evidence.
    pub(super) fn step(
        &mut self,
        errors: &[f64],
        sustained: &[f64],
        parameters: &Parameters,
    ) -> (Together, [f64; BLOCK]) {
        let liveliness = self.members.iter().map(Member::liveliness);
        let ridges = self.lately.ridges(parameters.joint_ridge_sustained, liveliness);
        let now = self.now.step(errors, &[parameters.joint_ridge; BLOCK], parameters);
        let lately = self.lately.step(sustained, &ridges, parameters);
        let explained = |errors: f64, sustained: f64| (now.trust * errors).max(lately.trust * sustained);
        let mut contributions = [0.0; BLOCK];
        let mut together = Together::default();
        let mut dispersion = 0.0_f64;
        for (i, member) in self.members.iter_mut().enumerate() {
            if errors[i].is_nan() {
                member.notice(0.0, parameters);
                continue;
            }
            let (given, given_lately) = (now.given[i].abs(), lately.given[i].abs());
            let squared = given.min(DISPERSION_CUT) * given.min(DISPERSION_CUT);
            let mean = member.dispersion + (squared - member.dispersion) / parameters.memory_sustained;
            // Over a short memory it could round to beyond the bound, which no state may hold.
            member.dispersion = faded(mean.clamp(0.0, DISPERSION_MAX));
            dispersion = dispersion.max(member.dispersion);
            contributions[i] = now.trust * (GIVEN_SHARE * given * given + member.dispersion)
                + lately.trust * given_lately * given_lately;
            let believed = member.believed(explained(now.explained[i], lately.explained[i]));
            raise(&mut together.field_sustained, lately.trust * believed, given_lately);
            raise(&mut together.dispersion, now.trust * believed, member.dispersion.sqrt());
        }
        let believed = believed_of_all(&self.members, explained(now.explained_mean, lately.explained_mean));
        together.sustained = lately.trust * believed * libm::log1p(lately.value);
        let dispersed = DISPERSION_SCALE * (dispersion.sqrt() - 1.0);
        let magnitude = now.trust * parameters.magnitude(now.beyond.max(now.farthest()).max(dispersed));
        let magnitude_lately = LASTING * lately.trust * parameters.magnitude(lately.farthest());
        together.magnitude = magnitude.max(magnitude_lately);
        (together, contributions)
    }

    pub(super) fn bytes(&self) -> usize {
        let members = size_of::<Vec<Member>>() + self.members.capacity() * size_of::<Member>();
        self.now.bytes() + self.lately.bytes() + members
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        self.now.encode(out);
        self.lately.encode(out);
        self.members.iter().for_each(|member| member.encode(out));
    }

    /// Reads a block of `fields` fields.
    pub(super) fn decode(from: &mut Decoder, fields: usize) -> Result<Self, StateError> {
        Ok(Block {
            now: Joint::decode(from, fields)?,
            lately: Joint::decode(from, fields)?,
            members: (0..fields).map(|_| Member::decode(from, DISPERSION_MAX)).collect::<Result<_, _>>()?,
        })
    }
}

/// Raises `highest` to `weight` times the logarithm of 1 + `size`, where that is more.
fn raise(highest: &mut f64, weight: f64, size: f64) {
    // The logarithm, which takes longer than all else here, is no more than the size.
    if weight * size > *highest {
        *highest = highest.max(weight * libm::log1p(size));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two fields that say the same of each other, but for a little noise, after so many rows.
    fn twins(rows: u32) -> Block {
        let mut block = Block::new();
        (0..2).for_each(|_| block.add_field(Member::new()));
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
        let (_, alone) = twins(2000).step(&[1.5, f64::NAN], &[0.1, f64::NAN], &parameters);
        assert!(alone[0] < 3.0, "{}: 1.5 is usual", alone[0]);
        assert_eq!(alone[1], 0.0);
        let (_, other) = twins(2000).step(&[1.5, 0.0], &[0.1, 0.0], &parameters);
        assert!(other[0] > 10.0 * alone[0], "{}: the other should be at 1.5", other[0]);
    }

    #[test]
    fn rows_without_any_of_the_fields_teach_nothing() {
        let (mut block, before) = (twins(100), twins(100));
        block.step(&[f64::NAN; 2], &[f64::NAN; 2], &Parameters::default());
        assert_eq!(block, before);
    }
}
