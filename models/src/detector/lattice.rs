//! Novelty on a lattice of equal cells that spans what a series has shown so far.

use super::Range;
use super::codec::{Decoder, Encoder, LEARNT_MAX, within};
use super::fading::faded_f32;
use crate::detector::StateError;
use std::hint::black_box;

/// Cells at most, from that of the lowest value to that of the highest.
const CELLS: usize = 14;
/// Cells that the first difference of two values spans.
const FIRST: f64 = 10.0;
/// Cells that a declared range spans.
const DECLARED: usize = 12;
/// Values farther away than so many cells are taken to lie there.
const FAR: f64 = 1e12;
/// Observations after which the lattice asks whether it is still as wide as the series.
const REVIEW: u16 = 1024;
/// It is not where all of these fell into so few cells,
const NARROW: f64 = 2.0;
/// and no more of the mass than this lies elsewhere: a value seen once is forgotten so far in 2,700 observations.
const FORGOTTEN: f32 = 0.2;
/// A cell was seen once where its count is below this, and more than what is as good as gone: what came once is that after
/// four times the memory.
const ONCE: f32 = 1.5;
const GONE: f32 = 0.02;
/// A cell is in use where its count is this at least.
const IN_USE: f32 = 0.5;

/// Counts of the cells that values fell into. Where a value lies beyond the lattice, neighbouring cells are merged in
/// pairs until it doesn't: so the cells are fine enough for what the series does, no range needs to be known, and a
/// count never means something else than it did.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lattice {
    /// Centre of cell 0.
    anchor: f64,
    /// Width of a cell; 0 while only one value was seen.
    width: f64,
    lowest: i64,
    highest: i64,
    /// Lowest and highest value since the last review.
    low: f64,
    high: f64,
    seen: u16,
    known: bool,
    counts: [f32; CELLS],
}

impl Lattice {
    pub(super) const fn new() -> Self {
        Lattice {
            anchor: 0.0,
            width: 0.0,
            lowest: 0,
            highest: 0,
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
            seen: 0,
            known: false,
            counts: [0.0; CELLS],
        }
    }

    /// A lattice over a declared range: what lies in it is new until it is seen. Where the
    /// series keeps to a small part of the range, a review narrows it to that.
    pub(super) fn spanning(range: Range) -> Self {
        let span = range.max - range.min;
        let cells = DECLARED as f64;
        let width = if span.is_finite() { span / cells } else { range.max / cells - range.min / cells };
        Lattice {
            anchor: range.min + 0.5 * width,
            width: width.max(f64::MIN_POSITIVE),
            highest: DECLARED as i64 - 1,
            known: true,
            ..Lattice::new()
        }
    }

    /// Reads its ends, for all of it to be at hand.
    pub(super) fn fetch(&self) {
        black_box((self.anchor, self.counts[CELLS - 1]));
    }

    /// The cell that `value` lies in, be it one of these or not.
    pub(super) fn cell(&self, value: f64) -> i64 {
        if self.width == 0.0 {
            return if value == self.anchor { 0 } else { FAR as i64 };
        }
        floor(((value - self.anchor) / self.width + 0.5).clamp(-FAR, FAR))
    }

    /// Where the count of `cell` is, if it is one of these.
    fn index(&self, cell: i64) -> Option<usize> {
        (self.lowest..=self.highest).contains(&cell).then(|| (cell - self.lowest) as usize)
    }

    /// The cells, from the lowest to the highest, and the count of each.
    fn cells(&self) -> impl Iterator<Item = (i64, f32)> {
        (self.lowest..=self.highest).zip(self.counts)
    }

    /// Cells that are not as good as forgotten.
    pub(super) fn in_use(&self) -> usize {
        self.counts.iter().filter(|count| **count >= IN_USE).count()
    }

    /// How many cells `value` lies beyond what was seen since the last review; less than 0 within it, and 0 where nothing is
    /// known.
    pub(super) fn beyond(&self, value: f64) -> f64 {
        if self.width > 0.0 && self.high >= self.low {
            (value - self.high).max(self.low - value) / self.width
        } else {
            0.0
        }
    }

    /// Cells in which the series was seen once, but for cell `here`.
    pub(super) fn once_elsewhere(&self, here: i64) -> usize {
        let is_once = |count: f32| usize::from((GONE..ONCE).contains(&count));
        // Beyond the highest cell there are none: all places are looked at, which vector instructions do at once.
        let once: usize = self.counts.into_iter().map(is_once).sum();
        once - self.index(here).map_or(0, |at| is_once(self.counts[at]))
    }

    /// Novelty of `value`, which is finite, then counts it: 1 / (1 + count of its cell), 1 is new, towards 0 usual. Counts
    /// keep the share `keep` of themselves with each observation.
    pub(super) fn novelty(&mut self, value: f64, keep: f32) -> f64 {
        self.novelty_in(self.cell(value), value, keep)
    }

    /// The same where the cell of `value` is known.
    pub(super) fn novelty_in(&mut self, cell: i64, value: f64, keep: f32) -> f64 {
        if !self.known {
            self.known = true;
            self.anchor = value;
            self.counts[0] = 1.0;
            return 1.0;
        }
        let (at, count) = match self.index(cell) {
            Some(at) => (at, self.counts[at]),
            None => (self.reach(cell, value), 0.0),
        };
        self.counts.iter_mut().for_each(|count| *count = faded_f32(*count * keep));
        self.counts[at] += 1.0;
        (self.low, self.high) = (self.low.min(value), self.high.max(value));
        self.seen += 1;
        if self.seen >= REVIEW {
            self.review();
        }
        1.0 / (1.0 + f64::from(count))
    }

    /// Stretches the lattice to `value`, whose `cell` is none of these so far. Returns where the count of its cell is.
    #[cold]
    fn reach(&mut self, mut cell: i64, value: f64) -> usize {
        if self.width == 0.0 {
            self.width = ((value - self.anchor).abs() / FIRST).max(f64::MIN_POSITIVE);
            cell = self.cell(value);
        }
        while cell.max(self.highest) - cell.min(self.lowest) >= CELLS as i64 {
            self.merge();
            cell = self.cell(value);
        }
        if cell < self.lowest {
            self.counts.rotate_right((self.lowest - cell) as usize);
            self.lowest = cell;
        }
        self.highest = self.highest.max(cell);
        (cell - self.lowest) as usize
    }

    /// Merges cells 2k and 2k + 1 to cell k.
    fn merge(&mut self) {
        let half = |cell: i64| cell.div_euclid(2);
        let lowest = half(self.lowest);
        let mut counts = [0.0; CELLS];
        for (cell, count) in self.cells() {
            counts[(half(cell) - lowest) as usize] += count;
        }
        self.counts = counts;
        self.anchor += 0.5 * self.width;
        self.width *= 2.0;
        (self.lowest, self.highest) = (lowest, half(self.highest));
    }

    /// Narrows a lattice that was stretched by values long gone to the values since the last review, over which its
    /// mass is spread.
    fn review(&mut self) {
        let (low, high) = (self.low, self.high);
        (self.low, self.high, self.seen) = (f64::INFINITY, f64::NEG_INFINITY, 0);
        if high <= low || high - low > NARROW * self.width {
            return;
        }
        let (first, last) = (self.cell(low), self.cell(high));
        let within = |cell: i64| (first..=last).contains(&cell);
        let mass = |inside: bool| -> f32 {
            self.cells().filter(|(cell, _)| within(*cell) == inside).map(|(_, count)| count).sum()
        };
        let (rest, all) = (mass(false), mass(true));
        if rest > FORGOTTEN {
            return;
        }
        self.width = ((high - low) / FIRST).max(f64::MIN_POSITIVE);
        self.anchor = low;
        self.lowest = 0;
        self.highest = self.cell(high).clamp(0, CELLS as i64 - 1);
        let cells = self.highest as usize + 1;
        self.counts = [0.0; CELLS];
        self.counts[..cells].fill(all / cells as f32);
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.bytes(&[u8::from(self.known), (self.highest - self.lowest) as u8]);
        if !self.known {
            return;
        }
        out.u16(self.seen);
        out.f64(self.anchor);
        out.f64(self.width);
        out.f64(self.lowest as f64);
        out.f64(self.low);
        out.f64(self.high);
        let cells = (self.highest - self.lowest) as usize + 1;
        self.counts[..cells].iter().for_each(|count| out.f32(*count));
    }

    pub(super) fn decode(from: &mut Decoder) -> Result<Self, StateError> {
        let mut read = Lattice::new();
        read.known = from.u8_to(1)? == 1;
        let above = from.u8_to(CELLS as u8 - 1)?;
        if !read.known {
            return Ok(read);
        }
        read.seen = from.u16()?;
        if read.seen >= REVIEW {
            return Err(StateError(format!("{} observations since a review", read.seen)));
        }
        read.anchor = from.learnt()?;
        read.width = from.f64_in(0.0, LEARNT_MAX)?;
        let lowest = from.f64_in(-FAR, FAR)?;
        within(lowest, (lowest * read.width).abs() <= LEARNT_MAX)?;
        read.lowest = lowest as i64;
        read.highest = read.lowest + i64::from(above);
        read.low = from.f64_in(f64::NEG_INFINITY, f64::INFINITY)?;
        read.high = from.f64_in(f64::NEG_INFINITY, f64::INFINITY)?;
        for count in &mut read.counts[..usize::from(above) + 1] {
            *count = from.f32_in(0.0, f32::MAX)?;
        }
        Ok(read)
    }
}

/// The largest whole number that is not above `value`, which is small enough to have one.
fn floor(value: f64) -> i64 {
    let towards_zero = value as i64;
    towards_zero - i64::from(towards_zero as f64 > value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_often_seen_is_usual_and_what_lies_beyond_is_new() {
        let mut lattice = Lattice::new();
        for i in 0..500 {
            lattice.novelty(f64::from(i % 10), 1.0);
        }
        assert!(lattice.novelty(5.0, 1.0) < 0.03);
        assert_eq!(lattice.novelty(100.0, 1.0), 1.0);
        assert!(lattice.novelty(5.0, 1.0) < 0.03, "merging keeps what was counted");
        assert_eq!(lattice.novelty(100.0, 1.0), 0.5);
    }

    #[test]
    fn cells_seen_once_are_counted_until_they_are_gone_but_for_that_of_the_value() {
        let (mut lattice, keep) = (Lattice::new(), 1.0 - 1.0 / 100.0);
        let usual = |lattice: &mut Lattice, count| {
            for i in 0..count {
                lattice.novelty(f64::from(i % 10), keep);
            }
        };
        let once_elsewhere = |lattice: &Lattice, value| lattice.once_elsewhere(lattice.cell(value));
        usual(&mut lattice, 200);
        assert_eq!(once_elsewhere(&lattice, 5.0), 0);
        for lone in [60.0, 75.0, -50.0] {
            lattice.novelty(lone, keep);
        }
        assert_eq!(once_elsewhere(&lattice, 5.0), 3);
        assert_eq!(once_elsewhere(&lattice, 75.0), 2);
        assert_eq!(once_elsewhere(&lattice, 1e6), 3, "it has a cell of its own");
        lattice.novelty(60.0, keep);
        assert_eq!(once_elsewhere(&lattice, 5.0), 2, "one was seen twice");
        usual(&mut lattice, 500);
        assert_eq!(once_elsewhere(&lattice, 5.0), 0, "all are long ago");
    }

    #[test]
    fn a_constant_that_changes_is_new_at_once() {
        let mut lattice = Lattice::new();
        for _ in 0..100 {
            lattice.novelty(7.0, 1.0);
        }
        assert_eq!(lattice.novelty(7.5, 1.0), 1.0);
    }

    #[test]
    fn a_declared_range_sets_the_cells_and_what_lies_beyond_is_new() {
        let mut lattice = Lattice::spanning(Range { min: 0.0, max: 12.0 });
        assert_eq!(lattice.novelty(3.2, 1.0), 1.0);
        assert_eq!(lattice.novelty(3.7, 1.0), 0.5);
        assert_eq!(lattice.novelty(20.0, 1.0), 1.0);
    }

    #[test]
    fn one_absurd_value_does_not_blind_it_for_ever() {
        let mut lattice = Lattice::new();
        let keep = 1.0 - 1.0 / 2000.0;
        for i in 0..8000_u32 {
            lattice.novelty(if i == 100 { 1e15 } else { f64::from(i % 10) }, keep);
        }
        assert_eq!(lattice.novelty(30.0, keep), 1.0);
        assert!(lattice.novelty(4.0, keep) < 0.1);
    }

    proptest! {
        #[test]
        fn scaling_by_a_power_of_two_changes_nothing(values in prop::collection::vec(-1e6..1e6f64, 1..300), power in -40..40i32) {
            let (mut one, mut other) = (Lattice::new(), Lattice::new());
            let scale = libm::exp2(f64::from(power));
            for value in values {
                prop_assert_eq!(one.novelty(value, 0.99), other.novelty(value * scale, 0.99));
            }
        }

        #[test]
        fn every_value_has_a_novelty_and_bytes_bring_it_back(
            values in prop::collection::vec(prop_oneof![-1e300..1e300f64, -1.0..1.0f64, Just(0.0), Just(1e-300)], 1..300),
        ) {
            let mut lattice = Lattice::new();
            for value in values {
                let novelty = lattice.novelty(value, 0.999);
                prop_assert!(novelty > 0.0 && novelty <= 1.0);
                let mut bytes = Vec::new();
                lattice.encode(&mut Encoder(&mut bytes));
                prop_assert_eq!(&Lattice::decode(&mut Decoder(&bytes)).unwrap(), &lattice);
            }
        }
    }
}
