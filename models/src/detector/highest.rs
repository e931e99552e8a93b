//! The highest of many numbers.

use super::codec::{Decoder, Encoder};
use crate::detector::StateError;

/// How many are kept.
pub(super) const HIGHEST: usize = 12;
/// What a series shows before so many observations is none of them: it comes from models that have still to learn.
pub(super) const RANKED_FROM: u32 = 400;

/// The highest numbers of the present and of the one time before it, as they were.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Highest {
    now: Window,
    before: Window,
}

/// The highest of some numbers.
#[derive(Clone, Debug, PartialEq)]
struct Window {
    /// The highest first, of as many as there were.
    values: [f32; HIGHEST],
    /// Of how many numbers they are the highest.
    of: u32,
}

/// The highest of all, the highest first.
pub(super) struct Ranked {
    values: [f32; HIGHEST],
    ranks: usize,
}

impl Highest {
    pub(super) fn new() -> Self {
        Highest { now: Window::new(), before: Window::new() }
    }

    /// Of how many numbers they are the highest.
    pub(super) fn of(&self) -> u32 {
        self.now.of + self.before.of
    }

    /// Of how many numbers since what came before was last forgotten.
    pub(super) fn of_now(&self) -> u32 {
        self.now.of
    }

    /// Takes a number in, which is not negative.
    pub(super) fn learn(&mut self, value: f32) {
        self.now.learn(value);
    }

    /// Forgets the time before, which the present is from now on.
    pub(super) fn forget(&mut self) {
        self.before = std::mem::replace(&mut self.now, Window::new());
    }

    /// Whether a number might be one of the highest; seldom true of one that isn't.
    pub(super) fn may_rank(&self, value: f64) -> bool {
        [&self.now, &self.before].into_iter().any(|window| !window.is_full() || value > window.lowest())
    }

    pub(super) fn ranked(&self) -> Ranked {
        let (mut now, mut before) = (self.now.known(), self.before.known());
        let mut merged = Ranked { values: [0.0; HIGHEST], ranks: 0 };
        while merged.ranks < HIGHEST {
            let from = match (now.first(), before.first()) {
                (Some(a), Some(b)) if a >= b => &mut now,
                (Some(_), None) => &mut now,
                (_, Some(_)) => &mut before,
                (None, None) => break,
            };
            merged.values[merged.ranks] = from[0];
            merged.ranks += 1;
            *from = &from[1..];
        }
        merged
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        self.now.encode(out);
        self.before.encode(out);
    }

    /// Reads those of at most `most` numbers in either time.
    pub(super) fn decode(from: &mut Decoder, most: u32) -> Result<Self, StateError> {
        Ok(Highest { now: Window::decode(from, most)?, before: Window::decode(from, most)? })
    }
}

impl Ranked {
    pub(super) fn values(&self) -> &[f32] {
        &self.values[..self.ranks]
    }
}

impl Window {
    fn new() -> Self {
        Window { values: [0.0; HIGHEST], of: 0 }
    }

    fn known(&self) -> &[f32] {
        &self.values[..HIGHEST.min(self.of as usize)]
    }

    fn is_full(&self) -> bool {
        self.known().len() == HIGHEST
    }

    fn lowest(&self) -> f64 {
        f64::from(self.values[HIGHEST - 1])
    }

    fn learn(&mut self, value: f32) {
        let at = self.known().iter().take_while(|other| **other >= value).count();
        self.of += 1;
        if at < HIGHEST {
            let ranks = self.known().len();
            self.values[at..ranks].rotate_right(1);
            self.values[at] = value;
        }
    }

    fn encode(&self, out: &mut Encoder) {
        out.u32(self.of);
        self.known().iter().for_each(|value| out.f32(*value));
    }

    fn decode(from: &mut Decoder, most: u32) -> Result<Self, StateError> {
        let of = from.u32()?;
        if of > most {
            return Err(StateError(format!("the highest of {of} numbers, {most} at most")));
        }
        let mut read = Window { of, ..Window::new() };
        let ranks = read.known().len();
        let mut highest = f32::MAX;
        for value in &mut read.values[..ranks] {
            highest = from.f32_in(0.0, highest)?;
            *value = highest;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_the_highest_since_the_last_time_but_one_that_was_forgotten(
            forgotten in prop::collection::vec(0.0..9.0f32, 0..30),
            before in prop::collection::vec(0.0..9.0f32, 0..30),
            now in prop::collection::vec(0.0..9.0f32, 0..30),
            other in 0.0..9.0f32,
        ) {
            let mut highest = Highest::new();
            for past in [&forgotten, &before] {
                past.iter().for_each(|value| highest.learn(*value));
                highest.forget();
            }
            now.iter().for_each(|value| highest.learn(*value));
            let mut all = [before, now].concat();
            prop_assert_eq!(highest.of() as usize, all.len());
            all.sort_by(|a, b| b.total_cmp(a));
            all.truncate(HIGHEST);
            let ranked = highest.ranked();
            prop_assert_eq!(ranked.values(), &all[..]);
            let ranks = all.len() < HIGHEST || other > all[HIGHEST - 1];
            prop_assert!(highest.may_rank(f64::from(other)) || !ranks);
            let mut bytes = Vec::new();
            highest.encode(&mut Encoder(&mut bytes));
            prop_assert_eq!(Highest::decode(&mut Decoder(&bytes), 30).unwrap(), highest);
        }
    }

    #[test]
    fn what_is_beyond_a_window_or_not_in_order_is_refused() {
        let mut highest = Highest::new();
        (0..4_u8).for_each(|value| highest.learn(f32::from(value)));
        let mut bytes = Vec::new();
        highest.encode(&mut Encoder(&mut bytes));
        assert!(Highest::decode(&mut Decoder(&bytes), 3).is_err());
        bytes[4..8].copy_from_slice(&1.0_f32.to_le_bytes());
        assert!(Highest::decode(&mut Decoder(&bytes), 4).is_err(), "3 was before 2");
    }
}
