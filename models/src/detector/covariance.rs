//! Covariances of a block of fields, and what their inverse says of an observation.

use super::codec::{Decoder, Encoder};
use super::fading::faded;
use super::joint::BLOCK;
use crate::detector::StateError;
use std::hint::black_box;

/// Variance of a field of which nothing is known: that of a Gaussian error of mean size 1.
const VARIANCE_FIRST: f64 = 1.57;
/// Least square of a pivot of the factor of a covariance, and its least share of the variance: less is rounding.
const PIVOT_MIN: f64 = 1e-9;
const PIVOT_SHARE_MIN: f64 = 1e-7;
/// Share of a variance that rounding never makes it less.
const ROUNDING: f64 = 1e-6;
/// The square of the largest bound that errors may have.
const COVARIANCE_MAX: f64 = 1e6;
/// Rows are as long as the next multiple of this, so that a whole one is a few vectors of any processor.
const LANES: usize = 4;

/// The covariances of up to [`BLOCK`] fields.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Covariance {
    fields: usize,
    /// A row a field, with zeros behind the last field. Both halves, though they are the same.
    numbers: Vec<f64>,
}

/// The errors of a block's fields, 0 where one is missing or there is no field.
pub(super) struct Errors {
    values: [f64; BLOCK],
    /// 1 where there is one, else 0.
    there: [f64; BLOCK],
    /// How many there are.
    pub(super) present: f64,
}

/// What the inverse of the covariances says of errors.
pub(super) struct Solved {
    /// Sum of the squares of the decorrelated errors.
    pub(super) squared: f64,
    /// How far each field is from what the others say of it, in its deviations given them, signed; 0 where it
    /// is missing.
    pub(super) given: [f64; BLOCK],
    /// Share of each field's variance that the others explain; 0 where it is missing.
    pub(super) explained: [f64; BLOCK],
}

impl Errors {
    /// Of `errors`, NaN where missing.
    pub(super) fn new(errors: &[f64]) -> Self {
        let (mut values, mut there) = ([0.0; BLOCK], [0.0; BLOCK]);
        for (i, error) in errors.iter().enumerate() {
            if !error.is_nan() {
                (values[i], there[i]) = (*error, 1.0);
            }
        }
        Errors { values, there, present: there.iter().sum() }
    }
}

impl Covariance {
    pub(super) fn new() -> Self {
        Covariance { fields: 0, numbers: Vec::new() }
    }

    pub(super) fn fields(&self) -> usize {
        self.fields
    }

    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        self.numbers.capacity() * size_of::<f64>()
    }

    /// Length of a row.
    fn width(&self) -> usize {
        self.fields.next_multiple_of(LANES)
    }

    /// Appends a field that is not correlated with the others so far.
    pub(super) fn add_field(&mut self) {
        assert!(self.fields < BLOCK, "a block holds {BLOCK} fields");
        let (before, width) = (self.width(), (self.fields + 1).next_multiple_of(LANES));
        let mut numbers = vec![0.0; (self.fields + 1) * width];
        for field in 0..self.fields {
            numbers[field * width..][..before].copy_from_slice(&self.numbers[field * before..][..before]);
        }
        numbers[self.fields * width + self.fields] = VARIANCE_FIRST;
        self.numbers = numbers;
        self.fields += 1;
    }

    /// Reads a number of each cache line, for all to be at hand.
    pub(super) fn fetch(&self) {
        self.numbers.iter().step_by(64 / size_of::<f64>()).for_each(|number| {
            black_box(*number);
        });
    }

    /// Learns errors with weight `gain`.
    pub(super) fn learn(&mut self, errors: &Errors, gain: f64) {
        let width = self.width();
        // Variances shrink by 1 - gain where a field is there. Its covariances with those that are not shrink by
        // the root of that, so that the matrix stays one of covariances.
        let (both, one) = (1.0 - gain, (1.0 - gain).sqrt());
        let beside_one_there = errors.there.map(|there| if there > 0.0 { both } else { one });
        let beside_one_missing = errors.there.map(|there| if there > 0.0 { one } else { 1.0 });
        for (i, row) in self.numbers.chunks_exact_mut(width).enumerate() {
            let keep = if errors.there[i] > 0.0 { &beside_one_there } else { &beside_one_missing };
            let own = errors.values[i];
            for ((number, keep), value) in row.iter_mut().zip(keep).zip(&errors.values) {
                // As a sum of two, so that what a large variance was leaves no trace in the digits of a small one.
                *number = faded(keep * *number + gain * (own * value));
            }
        }
    }

    /// Variance of a field.
    pub(super) fn variance(&self, field: usize) -> f64 {
        self.numbers[field * self.width() + field]
    }

    /// What the inverse says of errors. `ridges` are added to the variances.
    pub(super) fn solve(&self, errors: &Errors, ridges: &[f64; BLOCK]) -> Solved {
        const { assert!(BLOCK == 4 * LANES) };
        match self.width() / LANES {
            0 | 1 => self.solve_in::<{ LANES }>(errors, ridges),
            2 => self.solve_in::<{ 2 * LANES }>(errors, ridges),
            3 => self.solve_in::<{ 3 * LANES }>(errors, ridges),
            _ => self.solve_in::<BLOCK>(errors, ridges),
        }
    }

    /// The same of rows of length `WIDTH`.
    fn solve_in<const WIDTH: usize>(&self, errors: &Errors, ridges: &[f64; BLOCK]) -> Solved {
        let rows = self.rows::<WIDTH>();
        let there = head::<WIDTH>(&errors.there);
        // The Cholesky factor column by column, and its inverse row by row, so that each step is one of whole
        // rows. Of a column nothing is read that is before its diagonal.
        let mut factor = [[0.0; WIDTH]; WIDTH];
        let mut inverse = [[0.0; WIDTH]; WIDTH];
        let (mut squared, mut weighted) = (0.0, [0.0; WIDTH]);
        // Of each field more than 0, and of one that is none as well.
        let mut precision = [f64::MIN_POSITIVE; WIDTH];
        let mut variances = [0.0; WIDTH];
        for (i, row) in rows.iter().enumerate() {
            // A missing field's row and column of the factor are those of the identity: it has no part in what follows.
            let mut reciprocal = 1.0;
            variances[i] = row[i] + ridges[i];
            if there[i] > 0.0 {
                let left = left(row, there, &factor[..i]);
                reciprocal = 1.0 / (left[i] + ridges[i]).max(PIVOT_MIN).max(PIVOT_SHARE_MIN * row[i]).sqrt();
                factor[i] = left.map(|left| left * reciprocal);
            }
            inverse[i] = sum(&factor[..i], i, &inverse).map(|sum| -sum * reciprocal);
            inverse[i][i] = reciprocal;
            let mut decorrelated = 0.0;
            for (element, value) in inverse[i][..=i].iter().zip(&errors.values) {
                decorrelated += element * value;
            }
            squared += decorrelated * decorrelated;
            // The errors times the inverse of the covariance, and the diagonal of that.
            add(&mut weighted, decorrelated, &inverse[i]);
            for (precision, element) in precision.iter_mut().zip(&inverse[i]) {
                *precision += element * element;
            }
        }
        let mut solved = Solved { squared, given: [0.0; BLOCK], explained: [0.0; BLOCK] };
        for i in 0..WIDTH {
            solved.given[i] = there[i] * weighted[i] / precision[i].sqrt();
            solved.explained[i] = there[i] * (1.0 - 1.0 / (variances[i] * precision[i]).max(1.0));
        }
        solved
    }

    /// Whether the numbers can be covariances but for rounding: no combination of fields has a negative variance
    /// where each has a little more.
    pub(super) fn is_possible(&self) -> bool {
        let mut factor = [[0.0; BLOCK]; BLOCK];
        for (i, row) in self.numbers.chunks_exact(self.width()).enumerate() {
            let mut whole = [0.0; BLOCK];
            whole[..row.len()].copy_from_slice(row);
            let left = left(&whole, &[1.0; BLOCK], &factor[..i]);
            let squared = left[i] + ROUNDING * row[i] + PIVOT_MIN;
            if row[i] < 0.0 || squared <= 0.0 {
                return false;
            }
            factor[i] = left.map(|left| left / squared.sqrt());
        }
        true
    }

    fn rows<const WIDTH: usize>(&self) -> &[[f64; WIDTH]] {
        self.numbers.as_chunks().0
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        for (i, row) in self.numbers.chunks_exact(self.width()).enumerate() {
            row[..=i].iter().for_each(|value| out.f64(*value));
        }
    }

    /// Reads those of `fields` fields.
    pub(super) fn decode(from: &mut Decoder, fields: usize) -> Result<Self, StateError> {
        let mut read = Covariance::new();
        (0..fields).for_each(|_| read.add_field());
        let width = read.width();
        for i in 0..fields {
            for j in 0..=i {
                let value = from.f64_in(-COVARIANCE_MAX, COVARIANCE_MAX)?;
                read.numbers[i * width + j] = value;
                read.numbers[j * width + i] = value;
            }
        }
        if !read.is_possible() {
            return Err(StateError("covariances that no fields can have".into()));
        }
        Ok(read)
    }
}

/// What the columns of a Cholesky factor before it leave of a row of the matrix; fields for which `there` is 0
/// have no part in it. Divided by the pivot it is the next column.
fn left<const WIDTH: usize>(
    row: &[f64; WIDTH],
    there: &[f64; WIDTH],
    factor: &[[f64; WIDTH]],
) -> [f64; WIDTH] {
    let sum = sum(factor, factor.len(), factor);
    std::array::from_fn(|k| row[k] * there[k] - sum[k])
}

/// The sum of `rows`, each times element `at` of the row of `by` that is beside it, from the first to the last.
fn sum<const WIDTH: usize>(by: &[[f64; WIDTH]], at: usize, rows: &[[f64; WIDTH]]) -> [f64; WIDTH] {
    let mut sum = [-0.0; WIDTH];
    for (by, row) in by.iter().zip(rows) {
        add(&mut sum, by[at], row);
    }
    sum
}

/// Adds `by` times `row` to `sum`.
fn add<const WIDTH: usize>(sum: &mut [f64; WIDTH], by: f64, row: &[f64; WIDTH]) {
    for (sum, element) in sum.iter_mut().zip(row) {
        *sum += by * element;
    }
}

fn head<const WIDTH: usize>(values: &[f64; BLOCK]) -> &[f64; WIDTH] {
    values.first_chunk().expect("no row is longer than a block")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many fields that have one thing in common, after some rows of which each lacks a field.
    fn learnt(fields: usize) -> Covariance {
        let mut covariance = Covariance::new();
        (0..fields).for_each(|_| covariance.add_field());
        for row in 0..500 {
            let mut errors: Vec<_> =
                (0..fields).map(|i| ((row * 37 + i * i * 11) % 41) as f64 / 10.0 - 2.0).collect();
            let common = (row * 17 % 23) as f64 / 10.0 - 1.1;
            errors.iter_mut().for_each(|error| *error += common);
            errors[row % fields] = f64::NAN;
            covariance.learn(&Errors::new(&errors), 0.01);
        }
        covariance
    }

    #[test]
    fn the_inverse_is_one_of_any_number_of_fields() {
        for fields in 1..=BLOCK {
            let (covariance, ridge) = (learnt(fields), 0.1);
            // Errors that are a column of the covariances themselves are all the doing of that field.
            for column in 0..fields {
                let row = &covariance.numbers[column * covariance.width()..][..fields];
                let mut errors = row.to_vec();
                errors[column] += ridge;
                let solved = covariance.solve(&Errors::new(&errors), &[ridge; BLOCK]);
                assert!((solved.squared - errors[column]).abs() < 1e-9, "{column} of {fields}");
                for (i, given) in solved.given[..fields].iter().enumerate() {
                    let given_others = (errors[column] * (1.0 - solved.explained[i])).sqrt();
                    let expected = if i == column { given_others } else { 0.0 };
                    assert!((given - expected).abs() < 1e-9, "{given} not {expected} of {fields}");
                }
            }
        }
    }

    #[test]
    fn a_field_that_is_added_changes_nothing_of_the_others() {
        for fields in 1..BLOCK {
            let (before, mut after) = (learnt(fields), learnt(fields));
            after.add_field();
            let errors: Vec<_> = (0..=fields).map(|i| i as f64 / 7.0).collect();
            let one = before.solve(&Errors::new(&errors[..fields]), &[0.1; BLOCK]);
            let missing = [&errors[..fields], &[f64::NAN]].concat();
            let other = after.solve(&Errors::new(&missing), &[0.1; BLOCK]);
            assert_eq!((one.squared, one.given), (other.squared, other.given), "{fields}");
        }
    }
}
