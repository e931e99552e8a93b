//! Plain little-endian bytes of a state, and the checks on reading them back.

use super::StateError;

/// Bound of what a state holds of values. Values are at most 1e300, and differences, means and cells of them a few times
/// that: a state beyond this was written by no detector, and might not stay finite.
pub(super) const LEARNT_MAX: f64 = 1e302;

/// Appends numbers to a buffer.
pub(super) struct Encoder<'a>(pub(super) &'a mut Vec<u8>);

impl Encoder<'_> {
    pub(super) fn f64(&mut self, value: f64) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn f32(&mut self, value: f32) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, values: &[u8]) {
        self.0.extend(values);
    }

    /// Bytes most of which are zero: each zero is followed by the length of its run, 1 to 255.
    pub(super) fn sparse(&mut self, values: &[u8]) {
        let mut rest = values;
        while let Some(&first) = rest.first() {
            let run = rest.iter().take(255).take_while(|v| **v == 0).count();
            if run == 0 {
                self.0.push(first);
                rest = &rest[1..];
            } else {
                self.0.extend([0, run as u8]);
                rest = &rest[run..];
            }
        }
    }
}

/// Takes numbers off the front of bytes.
pub(super) struct Decoder<'a>(pub(super) &'a [u8]);

impl Decoder<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let (head, rest) =
            self.0.split_first_chunk::<N>().ok_or_else(|| StateError("it ends early".into()))?;
        self.0 = rest;
        Ok(*head)
    }

    /// A number within the bounds; NaN is in none.
    pub(super) fn f64_in(&mut self, least: f64, most: f64) -> Result<f64, StateError> {
        let value = f64::from_le_bytes(self.take()?);
        within(value, value >= least && value <= most)
    }

    /// A number that is learnt from values.
    pub(super) fn learnt(&mut self) -> Result<f64, StateError> {
        self.f64_in(-LEARNT_MAX, LEARNT_MAX)
    }

    pub(super) fn f32_in(&mut self, least: f32, most: f32) -> Result<f32, StateError> {
        let value = f32::from_le_bytes(self.take()?);
        within(value, value >= least && value <= most)
    }

    pub(super) fn u32(&mut self) -> Result<u32, StateError> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, StateError> {
        Ok(u16::from_le_bytes(self.take()?))
    }

    /// A byte that is at most `most`.
    pub(super) fn u8_to(&mut self, most: u8) -> Result<u8, StateError> {
        let [value] = self.take()?;
        within(value, value <= most)
    }

    /// Fills `values` with what [`Encoder::sparse`] wrote.
    pub(super) fn sparse(&mut self, values: &mut [u8]) -> Result<(), StateError> {
        let mut at = 0;
        while at < values.len() {
            let [value] = self.take()?;
            let run = if value == 0 { self.take::<1>()?[0] as usize } else { 1 };
            within(run, run >= 1 && at + run <= values.len())?;
            values[at..at + run].fill(value);
            at += run;
        }
        Ok(())
    }
}

pub(super) fn within<T: std::fmt::Display>(value: T, holds: bool) -> Result<T, StateError> {
    if holds { Ok(value) } else { Err(StateError(format!("{value} is out of bounds"))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sparse_bytes_come_back(values in prop::collection::vec(prop_oneof![4 => Just(0u8), 1 => any::<u8>()], 0..900)) {
            let mut bytes = Vec::new();
            Encoder(&mut bytes).sparse(&values);
            let mut read = vec![7; values.len()];
            let mut from = Decoder(&bytes);
            from.sparse(&mut read).unwrap();
            prop_assert_eq!(read, values);
            prop_assert!(from.0.is_empty());
        }
    }
}
