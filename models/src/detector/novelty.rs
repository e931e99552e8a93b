//! Novelty of quantised contexts: how seldom a value's level was seen, alone and after the levels before it.

use super::codec::{Decoder, Encoder};
use crate::detector::StateError;
use std::hint::black_box;

/// Levels of the quantiser: four to each side of the middle one.
pub(super) const LEVELS: usize = 9;
/// Counters for contexts of no and of one value before, and of two as well.
const PAIRS: usize = LEVELS + LEVELS * LEVELS;
const TRIPLES: usize = PAIRS + LEVELS * LEVELS * LEVELS;

/// The levels of standardised distances: equal steps of asinh of the distance, fine in the middle and coarse far
/// out, so that no range of values needs to be known.
#[derive(Clone, Debug)]
pub(super) struct Quantiser {
    /// The least distances that are one level from the middle one, two, and so on.
    edges: [f64; LEVELS / 2],
}

impl Quantiser {
    /// With steps of `step`. An edge is found once, to the last bit, since a logarithm for each distance costs more.
    pub(super) fn new(step: f64) -> Self {
        let edge = |level: usize| {
            let is_beyond = |bits: u64| libm::round(libm::asinh(f64::from_bits(bits)) / step) >= level as f64;
            // Of distances that are not negative, the bits are in the order of their numbers.
            let (mut below, mut beyond) = (0.0_f64.to_bits(), f64::INFINITY.to_bits());
            while beyond - below > 1 {
                let middle = below + (beyond - below) / 2;
                if is_beyond(middle) { beyond = middle } else { below = middle }
            }
            f64::from_bits(beyond)
        };
        Quantiser { edges: std::array::from_fn(|at| edge(at + 1)) }
    }

    /// The level of a distance.
    pub(super) fn level(&self, distance: f64) -> u8 {
        let size = distance.abs();
        let from_middle: u8 = self.edges.iter().map(|edge| u8::from(size >= *edge)).sum();
        let middle = (LEVELS / 2) as u8;
        if distance < 0.0 { middle - from_middle } else { middle + from_middle }
    }
}

/// Counts of levels in contexts of up to two levels before, and the novelty that follows from them.
///
/// A counter is a byte that stays at 255: beyond that its reciprocal is nothing anyway. The idea is that of the
/// context anomaly detectors of the NAB leaderboard (CAD OSE).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Novelty {
    counts: [u8; TRIPLES],
    /// The levels before, the newest first.
    before: [u8; 2],
}

impl Novelty {
    pub(super) fn new() -> Self {
        Novelty { counts: [0; TRIPLES], before: [0; 2] }
    }

    /// Novelty of `level` after the levels before it: the mean over the lengths l of context of
    /// 1 / (1 + count), with weight 1 / (l + 1). 1 where all of it is new, towards 0 where it is usual.
    pub(super) fn score(&self, level: u8) -> f64 {
        let seen = |cell: usize| 1.0 / (1.0 + f64::from(self.counts[cell]));
        let [alone, pair, triple] = self.cells(level);
        (seen(alone) + seen(pair) / 2.0 + seen(triple) / 3.0) / (1.0 + 1.0 / 2.0 + 1.0 / 3.0)
    }

    /// Reads a counter of each length of context, beside which those of all levels are, for them to be at hand.
    pub(super) fn fetch(&self) {
        black_box(self.cells(LEVELS as u8 / 2).map(|cell| self.counts[cell]));
    }

    /// Counts `level` in its contexts; it is the newest level before the next.
    pub(super) fn learn(&mut self, level: u8) {
        for cell in self.cells(level) {
            self.counts[cell] = self.counts[cell].saturating_add(1);
        }
        self.before = [level, self.before[0]];
    }

    fn cells(&self, level: u8) -> [usize; 3] {
        let [last, older] = self.before.map(usize::from);
        let level = usize::from(level);
        [level, LEVELS + last * LEVELS + level, PAIRS + (last * LEVELS + older) * LEVELS + level]
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.bytes(&self.before);
        out.sparse(&self.counts);
    }

    pub(super) fn decode(from: &mut Decoder) -> Result<Self, StateError> {
        let mut read = Novelty::new();
        for level in &mut read.before {
            *level = from.u8_to(LEVELS as u8 - 1)?;
        }
        from.sparse(&mut read.counts)?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_level_in_a_new_place_is_newer_than_in_its_own() {
        let mut novelty = Novelty::new();
        for level in [1, 2, 3].into_iter().cycle().take(300) {
            novelty.learn(level);
        }
        assert!(novelty.score(1) < 0.02, "{}", novelty.score(1));
        assert!(novelty.score(3) > 0.4, "{}", novelty.score(3));
        assert_eq!(novelty.score(8), 1.0);
    }

    #[test]
    fn every_distance_has_a_level() {
        let quantiser = Quantiser::new(1.5);
        for distance in [0.0, -0.0, 1e-300, -3.0, 1e15, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(quantiser.level(distance) < LEVELS as u8);
        }
        assert_eq!((quantiser.level(0.0), quantiser.level(-0.0)), (4, 4));
        assert!(quantiser.level(10.0) > quantiser.level(1.0));
    }

    #[test]
    fn levels_are_equal_steps_of_asinh() {
        for step in [0.01, 0.9, 1.7, 100.0] {
            let quantiser = Quantiser::new(step);
            for i in -4000..4000 {
                let distance = libm::sinh(f64::from(i) * step / 700.0);
                let steps = libm::round(libm::asinh(distance) / step).clamp(-4.0, 4.0);
                assert_eq!(
                    f64::from(quantiser.level(distance)),
                    steps + 4.0,
                    "{distance} in steps of {step}"
                );
            }
        }
    }
}
