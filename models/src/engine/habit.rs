//! How regularly a series reports, in stream time: when it counts as silent.

use crate::codec::{CodecError, Reader, put_round_f64, put_varint};

/// So many pauses must be known before silence means anything.
const PAUSES_MIN: u64 = 20;
/// Nothing counts as silent before so long, whatever its habit.
const SILENT_AFTER_MS_MIN: f64 = 10_000.0;
/// Nor later than after half a year, which keeps sums of times far from overflow.
const SILENT_AFTER_MS_MAX: f64 = 180.0 * 86_400_000.0;
/// The longest usual pause forgets its record by this share a pause.
const DECAY: f64 = 1.0 / 500.0;
/// Pauses after which the usual one has forgotten 63 % of what came before.
const MEMORY: f64 = 50.0;
/// A record pause counts as at most so many times the record before it.
const RECORD_GROWTH: f64 = 4.0;
/// A pause below this share of the longest lies within a burst.
const WITHIN_BURST: f64 = 0.05;
/// What a false silence multiplies the patience by, at most so often, and what a pause takes back of it.
const PATIENCE_GROWTH: f64 = 1.5;
const PATIENCE_MAX: f64 = 16.0;
const PATIENCE_DECAY: f64 = 1.0 / 2000.0;

/// The pauses between a series' observations.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Habit {
    pauses: u64,
    /// Mean pause between bursts.
    usual_ms: f64,
    /// Decayed maximum.
    longest_ms: f64,
    patience: f64,
}

impl Habit {
    pub(super) fn new() -> Self {
        Self { pauses: 0, usual_ms: 0.0, longest_ms: 0.0, patience: 1.0 }
    }

    /// Takes in the pause before an observation; `was_silent`, if it had counted as silence.
    pub(super) fn observe(&mut self, pause_ms: i64, was_silent: bool) {
        if was_silent {
            self.patience = (self.patience * PATIENCE_GROWTH).min(PATIENCE_MAX);
        }
        // Observations of one instant are one report.
        if pause_ms <= 0 {
            return;
        }
        let mut pause_ms = pause_ms as f64;
        if self.pauses >= PAUSES_MIN / 2 {
            pause_ms = pause_ms.min(RECORD_GROWTH * self.longest_ms);
        }
        self.pauses += 1;
        self.longest_ms = pause_ms.max(self.longest_ms * (1.0 - DECAY));
        if self.usual_ms < WITHIN_BURST * self.longest_ms {
            self.usual_ms = pause_ms;
        } else if pause_ms >= WITHIN_BURST * self.longest_ms {
            let weight = (self.pauses as f64).min(MEMORY);
            self.usual_ms += (pause_ms - self.usual_ms) / weight;
        }
        self.patience = 1.0 + (self.patience - 1.0) * (1.0 - PATIENCE_DECAY);
    }

    /// How long a pause counts as silence; `None` while too little is known.
    pub(super) fn silent_after_ms(&self, factor: f64) -> Option<i64> {
        let after_ms =
            (factor * self.patience * self.longest_ms).clamp(SILENT_AFTER_MS_MIN, SILENT_AFTER_MS_MAX);
        (self.pauses >= PAUSES_MIN).then_some(after_ms as i64)
    }

    /// The usual pause between reports, in milliseconds; 0 while nothing is known.
    pub(super) fn usual_ms(&self) -> f64 {
        self.usual_ms
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.pauses);
        put_round_f64(out, self.usual_ms);
        put_round_f64(out, self.longest_ms);
        put_round_f64(out, self.patience);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            pauses: reader.varint()?,
            usual_ms: reader.round_f64()?,
            longest_ms: reader.round_f64()?,
            patience: reader.round_f64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn habit(pauses_ms: impl IntoIterator<Item = i64>) -> Habit {
        let mut habit = Habit::new();
        pauses_ms.into_iter().for_each(|pause_ms| habit.observe(pause_ms, false));
        habit
    }

    #[test]
    fn nothing_is_silent_before_its_habit_is_known() {
        assert_eq!(habit([1000; 19]).silent_after_ms(5.0), None);
        assert_eq!(habit([0; 1000]).silent_after_ms(5.0), None);
    }

    #[test]
    fn a_regular_series_is_silent_after_the_factor_of_its_pause() {
        let habit = habit([10_000; 100]);
        assert_eq!(habit.silent_after_ms(5.0), Some(50_000));
        assert_eq!(habit.usual_ms(), 10_000.0);
    }

    #[test]
    fn a_fast_series_is_not_silent_within_seconds() {
        assert_eq!(habit([10; 100]).silent_after_ms(5.0), Some(10_000));
    }

    #[test]
    fn bursts_are_judged_by_the_pauses_between_them() {
        let habit = habit((0..600).map(|at| if at % 60 == 59 { 60_000 } else { 1 }));
        assert!(habit.silent_after_ms(5.0).unwrap() >= 250_000, "{habit:?}");
        assert!((50_000.0..=61_000.0).contains(&habit.usual_ms()), "{habit:?}");
    }

    #[test]
    fn patience_grows_with_false_silences_and_comes_back() {
        let mut habit = habit([1000; 100]);
        let before = habit.silent_after_ms(20.0).unwrap();
        habit.observe(1000, true);
        let after = habit.silent_after_ms(20.0).unwrap();
        assert!(after > before * 14 / 10, "{before} {after}");
        (0..20_000).for_each(|_| habit.observe(1000, false));
        assert!(habit.silent_after_ms(20.0).unwrap() < before * 11 / 10);
    }

    #[test]
    fn one_long_outage_does_not_blind_it() {
        let mut habit = habit([1000; 100]);
        habit.observe(86_400_000, true);
        assert!(habit.silent_after_ms(5.0).unwrap() <= 30_000);
    }
}
