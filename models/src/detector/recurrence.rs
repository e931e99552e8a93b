//! How often a field has shown something new or far of late.

use super::codec::{Decoder, Encoder};
use super::fading::faded_f32;
use crate::detector::StateError;

/// Observations over which what was shown is forgotten: what belongs to the same event, and what is a habit of the field.
const MEMORIES: [f32; 2] = [20.0, 500.0];
/// Counts that are told of a value.
const COUNTS: usize = 2 * MEMORIES.len();

/// Exponentially fading counts of what the network was asked of, on either side of the expected: what follows something of its
/// kind closely is more of the same event, and what comes again and again is a habit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Recurrence {
    /// Below the expected, and above.
    counts: [[f32; MEMORIES.len()]; 2],
}

impl Recurrence {
    pub(super) fn new() -> Self {
        Recurrence { counts: [[0.0; MEMORIES.len()]; 2] }
    }

    /// Learns a value: the side of the expected where the network was asked of it, else none.
    pub(super) fn learn(&mut self, is_above: Option<bool>) {
        for (side, counts) in [false, true].into_iter().zip(&mut self.counts) {
            let more = if is_above == Some(side) { 1.0 } else { 0.0 };
            for (count, memory) in counts.iter_mut().zip(MEMORIES) {
                *count = faded_f32((*count + more) * (1.0 - 1.0 / memory));
            }
        }
    }

    /// How often there was something of late: on the same side, over the short memory and the long one, then on the other.
    pub(super) fn of(&self, is_above: bool) -> [f64; COUNTS] {
        let [same, other] = [is_above, !is_above].map(|side| self.counts[usize::from(side)].map(f64::from));
        [same[0], same[1], other[0], other[1]]
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        self.counts.iter().flatten().for_each(|count| out.f32(*count));
    }

    pub(super) fn decode(from: &mut Decoder) -> Result<Self, StateError> {
        let mut read = Self::new();
        for counts in &mut read.counts {
            for (count, memory) in counts.iter_mut().zip(MEMORIES) {
                *count = from.f32_in(0.0, memory)?;
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After so many values, of which those at a multiple of `every` are counted above.
    fn after(values: u32, every: u32) -> Recurrence {
        let mut recurrence = Recurrence::new();
        for value in 0..values {
            recurrence.learn(value.is_multiple_of(every).then_some(true));
        }
        recurrence
    }

    #[test]
    fn a_habit_is_told_from_an_event_by_the_two_memories() {
        let [event, habit] = [after(8, 1), after(3000, 60)].map(|recurrence| recurrence.of(true));
        assert!(event[0] > 5.0 && event[1] > 5.0, "{event:?}");
        assert!(habit[0] < 1.0 && habit[1] > 5.0, "{habit:?}");
        assert_eq!(after(8, 1).of(false)[..2], [0.0, 0.0], "nothing was below");
        assert_eq!(after(8, 1).of(false)[2..], event[..2]);
    }

    #[test]
    fn bytes_bring_back_even_the_highest_counts() {
        for recurrence in [Recurrence::new(), after(77, 3), after(100_000, 1)] {
            let mut bytes = Vec::new();
            recurrence.encode(&mut Encoder(&mut bytes));
            assert_eq!(Recurrence::decode(&mut Decoder(&bytes)).unwrap(), recurrence);
        }
    }

    #[test]
    fn more_than_a_memory_holds_is_refused() {
        let mut bytes = Vec::new();
        let mut out = Encoder(&mut bytes);
        [20.5_f32, 1.0, 1.0, 1.0].into_iter().for_each(|count| out.f32(count));
        assert!(Recurrence::decode(&mut Decoder(&bytes)).is_err());
    }
}
