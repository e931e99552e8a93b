//! Novelty of how long a series stays where it is.

use super::codec::{Decoder, Encoder};
use crate::detector::StateError;
use std::hint::black_box;

/// Lengths of a stay that are told apart: 1, 2, 3, 4, 6, 8, 12 and so on, two to an octave, to 4,096.
const LENGTHS: usize = 24;
/// Lengths in an octave.
const OCTAVE: usize = 2;
/// The first length that is news when it is reached. Shorter stays are none: noise has them.
const LENGTH_FIRST: usize = 3;
/// Stays in a place before it is known how short they are.
const STAYS_KNOWN: u32 = 20;

/// How often a series has stayed in each of some places for each of some lengths of time, in observations.
///
/// A stay is news as it reaches a length that few before it reached, so that one that lasts longer than any before is
/// news while it lasts: a sensor that is stuck, noise that is gone, a season that doesn't come. One that ends sooner than
/// others did is news as it ends: a machine that switches too early. A stay counts as of the last length that it reached.
/// Counters are bytes that stay at 255.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dwell<const PLACES: usize> {
    place: u8,
    /// Observations since it came to the place, this one included.
    stay: u32,
    /// Stays that ended, by place and the last length that they reached.
    ended: [[u8; LENGTHS]; PLACES],
}

/// How unusual the length of a stay is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Stay {
    /// 1 / (1 + how many stays had reached the length before), where this one has just reached it: 1 is new, towards 0
    /// usual, and 0 where it has not just reached one.
    pub(super) novelty: f64,
    /// The product of that and of the same for half the length: 1 for a stay twice as long as any before, from 8
    /// observations on. Where stays are a matter of chance the longest one grows slowly; one twice as long is none of these.
    pub(super) outlasting: f64,
    /// 1 / (1 + how many stays had ended at such a length before), of the stay in another place that this observation has
    /// ended; 0 where it has ended none.
    pub(super) ended: f64,
}

impl<const PLACES: usize> Dwell<PLACES> {
    pub(super) fn new() -> Self {
        const { assert!(PLACES > 0 && PLACES <= u8::MAX as usize) };
        Dwell { place: 0, stay: 0, ended: [[0; LENGTHS]; PLACES] }
    }

    /// Reads a counter of the place where it is, for them to be at hand.
    pub(super) fn fetch(&self) {
        black_box(self.ended[usize::from(self.place)][LENGTHS / 2]);
    }

    /// Ends the stay: the next observation begins another, be it in the same place.
    pub(super) fn leave(&mut self) {
        if self.stay > 0 {
            let ended = &mut self.ended[usize::from(self.place)][length_of(self.stay)];
            *ended = ended.saturating_add(1);
        }
        self.stay = 0;
    }

    /// Takes in that the series is at `place`, below `PLACES`.
    pub(super) fn stay(&mut self, place: u8) -> Stay {
        let mut stay = Stay::default();
        if place != self.place {
            if self.stay > 0 && self.reached(0) >= STAYS_KNOWN {
                let ended = self.ended[usize::from(self.place)][length_of(self.stay)];
                stay.ended = 1.0 / (1.0 + f64::from(ended));
            }
            self.leave();
            self.place = place;
        }
        self.stay = self.stay.saturating_add(1);
        let length = length_of(self.stay);
        if length >= LENGTH_FIRST && length_of(self.stay - 1) != length {
            stay.novelty = 1.0 / (1.0 + f64::from(self.reached(length)));
            if length >= LENGTH_FIRST + OCTAVE {
                stay.outlasting = stay.novelty / (1.0 + f64::from(self.reached(length - OCTAVE)));
            }
        }
        stay
    }

    /// How many stays in the place where it is had reached a length when they ended.
    fn reached(&self, length: usize) -> u32 {
        self.ended[usize::from(self.place)][length..].iter().map(|count| u32::from(*count)).sum()
    }

    /// Observations since the series came to where it is.
    pub(super) fn length(&self) -> u32 {
        self.stay
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.bytes(&[self.place]);
        out.u32(self.stay);
        out.sparse(self.ended.as_flattened());
    }

    pub(super) fn decode(from: &mut Decoder) -> Result<Self, StateError> {
        let mut read = Dwell::new();
        read.place = from.u8_to(PLACES as u8 - 1)?;
        read.stay = from.u32()?;
        from.sparse(read.ended.as_flattened_mut())?;
        Ok(read)
    }
}

/// The last of the lengths that a stay of `stay` observations has reached; the first also of none.
fn length_of(stay: u32) -> usize {
    let Some(power) = stay.checked_ilog2() else { return 0 };
    let half = usize::from(2 * (stay - (1 << power)) >= 1 << power && power > 0);
    // From 1 to 2 there is no half.
    (OCTAVE * power as usize + half).saturating_sub(1).min(LENGTHS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stays<const PLACES: usize>(dwell: &mut Dwell<PLACES>, place: u8, observations: usize) -> Vec<Stay> {
        (0..observations).map(|_| dwell.stay(place)).collect()
    }

    #[test]
    fn lengths_are_two_to_an_octave() {
        let reached = |stay: &u32| length_of(*stay) != length_of(*stay - 1);
        let lengths: Vec<u32> = (2..100_000).filter(reached).collect();
        assert_eq!(lengths[..7], [2, 3, 4, 6, 8, 12, 16]);
        assert_eq!((lengths.len(), lengths[LENGTHS - 2]), (LENGTHS - 1, 4096));
        assert_eq!(
            (length_of(0), length_of(1), length_of(4), length_of(u32::MAX)),
            (0, 0, LENGTH_FIRST, LENGTHS - 1)
        );
    }

    #[test]
    fn a_stay_is_new_as_soon_as_it_is_longer_than_those_before() {
        let mut dwell = Dwell::<2>::new();
        for _ in 0..200 {
            stays(&mut dwell, 0, 10);
            stays(&mut dwell, 1, 5);
        }
        let news: Vec<f64> = stays(&mut dwell, 0, 12).iter().map(|stay| stay.novelty).collect();
        assert!(news[3] < 0.01 && news[7] < 0.01, "{news:?}");
        assert_eq!((news[8], news[11]), (0.0, 1.0), "{news:?}");
        let elsewhere = stays(&mut dwell, 1, 6);
        assert_eq!(elsewhere[5].novelty, 1.0, "what is usual in one place is new in another: {elsewhere:?}");
    }

    #[test]
    fn a_stay_that_ends_too_soon_is_new_as_it_ends() {
        let mut dwell = Dwell::<2>::new();
        for _ in 0..STAYS_KNOWN + 1 {
            assert_eq!(stays(&mut dwell, 0, 20)[0].ended, 0.0);
            assert!(stays(&mut dwell, 1, 5)[0].ended < 0.1);
        }
        stays(&mut dwell, 0, 9);
        let other = stays(&mut dwell, 1, 2);
        assert_eq!((other[0].ended, other[1].ended), (1.0, 0.0), "9 after 20s: {other:?}");
    }

    #[test]
    fn leaving_begins_another_stay_in_the_same_place() {
        let mut dwell = Dwell::<1>::new();
        for _ in 0..100 {
            dwell.leave();
            assert_eq!(stays(&mut dwell, 0, 3), [Stay::default(); 3]);
        }
        assert_eq!(dwell.stay(0).novelty, 1.0);
    }

    #[test]
    fn a_stay_that_no_counts_go_with_is_finite() {
        let mut dwell = Dwell::<1> { stay: 7, ..Dwell::new() };
        assert_eq!(dwell.stay(0), Stay { novelty: 1.0, outlasting: 1.0, ended: 0.0 });
    }

    #[test]
    fn a_stay_outlasts_where_it_is_twice_as_long_as_any_before() {
        let mut dwell = Dwell::<1>::new();
        for _ in 0..100 {
            dwell.leave();
            stays(&mut dwell, 0, 7);
        }
        dwell.leave();
        let long = stays(&mut dwell, 0, 16);
        assert!(long[7].novelty == 1.0 && long[7].outlasting < 0.02, "8 after 7s: {long:?}");
        assert_eq!(long[15].outlasting, 1.0, "16 after 7s: {long:?}");
    }
}
