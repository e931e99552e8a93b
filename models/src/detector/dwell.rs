//! Novelty of how long a series stays where it is.

use super::codec::{Decoder, Encoder};
use crate::detector::StateError;

/// Lengths of a stay that are told apart: 4, 6, 8, 12 and so on, two to an octave, to 4,096.
const LENGTHS: usize = 21;
/// Two to the power of this is the first length. Shorter stays are no news: noise has them.
const FIRST_POWER: u32 = 2;
/// Lengths in an octave.
const OCTAVE: usize = 2;

/// How often a series has stayed in each of some places for each of some lengths of time, in observations.
///
/// A stay counts as it reaches a length, not as it ends, so that one that lasts longer than any before is news while it
/// lasts: a sensor that is stuck, noise that is gone, a season that doesn't come. Counters are bytes that stay at 255.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dwell<const PLACES: usize> {
    place: u8,
    /// Observations since it came to the place, this one included.
    stay: u32,
    counts: [[u8; LENGTHS]; PLACES],
}

/// How unusual it is that a stay has reached a length. Both are 0 where it has not just reached one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Stay {
    /// 1 / (1 + how often the length had been reached before): 1 is new, towards 0 usual.
    pub(super) novelty: f64,
    /// The product of that and of the same for half the length: 1 for a stay twice as long as any before, from 8
    /// observations on. Where stays are a matter of chance the longest one grows slowly; one twice as long is none of these.
    pub(super) outlasting: f64,
}

impl<const PLACES: usize> Dwell<PLACES> {
    pub(super) fn new() -> Self {
        const { assert!(PLACES > 0 && PLACES <= u8::MAX as usize) };
        Dwell { place: 0, stay: 0, counts: [[0; LENGTHS]; PLACES] }
    }

    /// Ends the stay: the next observation begins another, be it in the same place.
    pub(super) fn leave(&mut self) {
        self.stay = 0;
    }

    /// Takes in that the series is at `place`, below `PLACES`.
    pub(super) fn stay(&mut self, place: u8) -> Stay {
        if place != self.place {
            self.place = place;
            self.stay = 0;
        }
        self.stay = self.stay.saturating_add(1);
        let Some(length) = length_reached(self.stay) else { return Stay::default() };
        let counts = &mut self.counts[usize::from(place)];
        let novelty = 1.0 / (1.0 + f64::from(counts[length]));
        counts[length] = counts[length].saturating_add(1);
        // This stay has itself reached half the length, so that counts at least one, unless the state was altered. Of the
        // first lengths no half is counted.
        let outlasting =
            length.checked_sub(OCTAVE).map_or(0.0, |half| novelty / f64::from(counts[half].max(1)));
        Stay { novelty, outlasting }
    }

    /// Observations since the series came to where it is.
    pub(super) fn length(&self) -> u32 {
        self.stay
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.bytes(&[self.place]);
        out.u32(self.stay);
        out.sparse(self.counts.as_flattened());
    }

    pub(super) fn decode(from: &mut Decoder) -> Result<Self, StateError> {
        let mut read = Dwell::new();
        read.place = from.u8_to(PLACES as u8 - 1)?;
        read.stay = from.u32()?;
        from.sparse(read.counts.as_flattened_mut())?;
        Ok(read)
    }
}

/// Which of the lengths a stay of `stay` observations, at least 1, has just reached.
fn length_reached(stay: u32) -> Option<usize> {
    let power = stay.ilog2();
    let octave = 1 << power;
    let half = match stay - octave {
        0 => 0,
        rest if 2 * rest == octave => 1,
        _ => return None,
    };
    let length = OCTAVE * power.checked_sub(FIRST_POWER)? as usize + half;
    (length < LENGTHS).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_two_to_an_octave() {
        let reached: Vec<u32> = (1..100_000).filter(|stay| length_reached(*stay).is_some()).collect();
        assert_eq!(reached[..7], [4, 6, 8, 12, 16, 24, 32]);
        assert_eq!((reached.len(), reached[LENGTHS - 1]), (LENGTHS, 4096));
        let lengths: Vec<usize> = reached.into_iter().filter_map(length_reached).collect();
        assert_eq!(lengths, (0..LENGTHS).collect::<Vec<_>>());
        assert_eq!(length_reached(u32::MAX), None);
    }

    #[test]
    fn a_stay_is_new_as_soon_as_it_is_longer_than_those_before() {
        let mut dwell = Dwell::<2>::new();
        for _ in 0..200 {
            (0..10).for_each(|_| {
                dwell.stay(0);
            });
            (0..5).for_each(|_| {
                dwell.stay(1);
            });
        }
        let news: Vec<f64> = (0..12).map(|_| dwell.stay(0).novelty).collect();
        assert!(news[3] < 0.01 && news[7] < 0.01, "{news:?}");
        assert_eq!((news[8], news[11]), (0.0, 1.0), "{news:?}");
        let elsewhere: Vec<f64> = (0..6).map(|_| dwell.stay(1).novelty).collect();
        assert_eq!(elsewhere[5], 1.0, "what is usual in one place is new in another: {elsewhere:?}");
    }

    #[test]
    fn leaving_begins_another_stay_in_the_same_place() {
        let mut dwell = Dwell::<1>::new();
        for _ in 0..100 {
            dwell.leave();
            (0..3).for_each(|_| assert_eq!(dwell.stay(0), Stay::default()));
        }
        assert_eq!(dwell.stay(0).novelty, 1.0);
    }

    #[test]
    fn a_stay_that_no_counts_go_with_is_finite() {
        let mut dwell = Dwell::<1> { stay: 7, ..Dwell::new() };
        assert_eq!(dwell.stay(0), Stay { novelty: 1.0, outlasting: 1.0 });
    }

    #[test]
    fn a_stay_outlasts_where_it_is_twice_as_long_as_any_before() {
        let mut dwell = Dwell::<1>::new();
        for _ in 0..100 {
            dwell.leave();
            (0..7).for_each(|_| {
                dwell.stay(0);
            });
        }
        dwell.leave();
        let stays: Vec<Stay> = (0..16).map(|_| dwell.stay(0)).collect();
        assert!(stays[7].novelty == 1.0 && stays[7].outlasting < 0.02, "8 after 7s: {stays:?}");
        assert!(stays[15].outlasting == 1.0, "16 after 7s: {stays:?}");
    }
}
