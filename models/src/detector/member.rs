//! A field as one of a vector.

use super::codec::{Decoder, Encoder};
use super::default::believed;
use super::fading::{faded, fading_maximum};
use super::field::{Judged, NOVELTY_MAX};
use super::parameters::Parameters;
use super::tail::{Tail, Trust};
use crate::detector::StateError;
use std::hint::black_box;

/// Observations more than of a single value after which half of an onset of a field by itself is believed: of many fields
/// one or another shows something new for long.
const CAUTION_MORE: f64 = 800.0;

/// How much more the network adds to the news of a field of a vector than to that of a single value: of many fields, what is
/// merely new says less of one.
const LEARNED_MORE: f64 = 1.33;

/// How far a distance from what the other fields say is believed, 1 at most: so much of it,
struct Belief {
    always: f64,
    /// so much for the share of the field's variance that the others explain (the squared multiple correlation),
    explained: f64,
    /// and so much for a unit of what the field has shown lately that is new.
    news: f64,
}

/// Of a field little where it has nothing in common with the others.
const OF_A_FIELD: Belief = Belief { always: 0.25, explained: 1.5, news: 0.85 };
/// Of all fields together, by the mean of what is explained.
const OF_ALL: Belief = Belief { always: 0.3, explained: 1.5, news: 1.0 };

/// What counts of a field that never moves, where all of one that always does counts: a command or a mode that switches
/// now and then is new, and far from where it was, each time, and so is what the process then does. So much of its onset by
/// itself,
const ONSET_OF_A_STATE: f64 = 0.25;
/// and so much of its distance from what the others say.
const BELIEF_OF_A_STATE: f64 = 0.5;
/// The share of values that differ from the one before at which a field is a little more a quantity than a state: readings
/// are rounded, and often the same for a while.
const MOVING: f64 = 0.1;

impl Belief {
    fn of(&self, explained: f64, news: f64) -> f64 {
        (self.always + self.explained * explained + self.news * news).min(1.0)
    }
}

/// What is kept of a field because it is one of a vector: what it would have if it were a series of its own, and what is
/// known of it beside the others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    count: u32,
    tail: Tail,
    /// Decayed maximum of what could be an onset of it by itself.
    maximum: f64,
    /// Decayed maximum of its news.
    pub(super) news: f64,
    /// Recent mean of its squared error given the others', each cut.
    pub(super) dispersion: f64,
    /// Recent share of its values that were other than the one before. A field that was a series of its own begins as one that
    /// always moves.
    moves: f64,
}

/// The onset that an observation is of a field by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Alone {
    /// The onset, as far as it counts,
    pub(super) onset: f64,
    /// and what of it adds to the onsets of others: those of quantities come together by chance alone, and those of states with
    /// each other.
    pub(super) shared: f64,
}

impl Member {
    pub(super) fn new() -> Self {
        Member { count: 0, tail: Tail::new(), maximum: 0.0, news: 0.0, dispersion: 1.0, moves: 1.0 }
    }

    /// What is known of a field that was a series of its own for `count` observations.
    pub(super) fn grown(count: u32, tail: Tail, maximum: f64) -> Self {
        Member { count, tail, maximum, ..Member::new() }
    }

    /// Reads a little of all that its onset will be judged by, for that to be at hand.
    pub(super) fn fetch(&self) {
        black_box(self.maximum);
        self.tail.fetch();
    }

    /// The onset that an observation is of the field by itself, and 0 where there is none. `is_seasonal` says whether the field
    /// has a season.
    pub(super) fn onset(
        &mut self,
        judged: &Judged,
        is_seasonal: impl FnOnce() -> bool,
        parameters: &Parameters,
    ) -> Alone {
        let before = f64::from(self.count);
        self.count = self.count.saturating_add(1);
        let moved = f64::from(u8::from(judged.moved));
        let moves = self.moves + (moved - self.moves) / f64::from(self.count).min(parameters.memory);
        self.moves = faded(moves);
        let strangeness = judged.strangeness(parameters);
        let trust = Trust::of(believed(before, parameters.caution_tail));
        let (surprise, limit) = self.tail.judge_beyond(parameters.surprise_usual, strangeness, trust);
        self.tail.learn(strangeness, limit, self.count, is_seasonal);
        let candidate = parameters.onset_scale
            * believed(before, parameters.caution + CAUTION_MORE)
            * parameters.candidate(judged.news + LEARNED_MORE * judged.learned, surprise);
        let is_onset = candidate > self.maximum;
        self.maximum = fading_maximum(self.maximum, candidate, parameters.onset_memory);
        if !is_onset {
            return Alone::default();
        }
        let onset = candidate * self.weight(ONSET_OF_A_STATE);
        Alone { onset, shared: self.liveliness() * onset }
    }

    /// Whether the field is a quantity, which is another one with each observation, or a state, which stays: 1 to 0.
    pub(super) fn liveliness(&self) -> f64 {
        self.moves * (1.0 + MOVING) / (self.moves + MOVING)
    }

    /// What counts of the field, where so much does of a state.
    fn weight(&self, of_a_state: f64) -> f64 {
        of_a_state + (1.0 - of_a_state) * self.liveliness()
    }

    /// Takes in what the field showed that is new: 0 where it is missing.
    pub(super) fn notice(&mut self, news: f64, parameters: &Parameters) {
        self.news = fading_maximum(self.news, news, parameters.memory_news);
    }

    /// How far what the others say of the field is believed, where they explain so much of its variance.
    pub(super) fn believed(&self, explained: f64) -> f64 {
        self.weight(BELIEF_OF_A_STATE) * OF_A_FIELD.of(explained, self.news)
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.u32(self.count);
        self.tail.encode(out);
        [self.maximum, self.news, self.dispersion, self.moves].into_iter().for_each(|value| out.f64(value));
    }

    /// Reads one whose dispersion is at most `dispersion_max`.
    pub(super) fn decode(from: &mut Decoder, dispersion_max: f64) -> Result<Self, StateError> {
        Ok(Member {
            count: from.u32()?,
            tail: Tail::decode(from)?,
            maximum: from.f64_in(0.0, f64::MAX)?,
            news: from.f64_in(0.0, NOVELTY_MAX)?,
            dispersion: from.f64_in(0.0, dispersion_max)?,
            moves: from.f64_in(0.0, 1.0)?,
        })
    }
}

/// How far the distance of all `members` together is believed, where of a field's variance the others explain so much in the
/// mean.
pub(super) fn believed_of_all(members: &[Member], explained: f64) -> f64 {
    let weights: f64 = members.iter().map(|member| member.weight(BELIEF_OF_A_STATE)).sum();
    let news = members.iter().fold(0.0, |news: f64, member| news.max(member.news));
    weights / members.len() as f64 * OF_ALL.of(explained, news)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(news: f64, magnitude: f64) -> Judged {
        Judged {
            novelty: news,
            news,
            learned: 0.0,
            features: None,
            still: 0.0,
            error: magnitude,
            magnitude,
            sustained: 0.0,
            moved: true,
        }
    }

    #[test]
    fn what_is_new_to_a_field_is_its_onset_once_and_later_than_that_of_a_single_value() {
        let (mut member, parameters) = (Member::new(), Parameters::default());
        let mut onset = |news| member.onset(&judged(news, 0.3), || false, &parameters).onset;
        assert!(onset(1.0) < 1e-6, "nothing is believed of the first");
        (0..200).for_each(|_| assert_eq!(onset(0.0), 0.0));
        let young = onset(1.0);
        (0..4000).for_each(|_| assert_eq!(onset(0.0), 0.0));
        let grown = onset(1.0);
        assert!(grown > 10.0 * young && young > 0.0, "{young} then {grown}");
        assert_eq!(onset(0.9), 0.0, "it is hidden by the one before");
    }

    /// One that has moved with one in `every` observations, and showed nothing new.
    fn moving(every: u32) -> Member {
        let mut member = Member::new();
        for row in 0..4000 {
            let judged = Judged { moved: row % every == 0, ..judged(0.0, 0.3) };
            member.onset(&judged, || false, &Parameters::default());
        }
        member
    }

    #[test]
    fn what_is_new_to_a_state_counts_a_quarter_and_adds_nothing_to_what_is_new_to_others() {
        let onset = |every| moving(every).onset(&judged(2.0, 0.3), || false, &Parameters::default());
        let (quantity, rounded, state) = (onset(1), onset(4), onset(500));
        assert_eq!(quantity.shared, quantity.onset, "{quantity:?}");
        assert!(rounded.onset > 0.8 * quantity.onset, "{rounded:?} of {quantity:?}");
        assert!(state.onset < 0.3 * quantity.onset, "{state:?} of {quantity:?}");
        assert!(state.onset > 0.25 * quantity.onset, "{state:?} of {quantity:?}");
        assert!(state.shared < 0.05 * state.onset, "{state:?}");
        assert!(moving(500).believed(0.9) < 0.55, "and of others less is believed");
    }

    #[test]
    fn the_others_are_believed_of_a_field_that_is_like_them_or_shows_something_new() {
        let mut member = moving(1);
        assert!(member.believed(0.0) < 0.3);
        assert_eq!(member.believed(0.9), 1.0, "others say what it should be");
        member.notice(2.0, &Parameters::default());
        assert_eq!(member.believed(0.0), 1.0, "it is new");
        (0..500).for_each(|_| member.notice(0.0, &Parameters::default()));
        assert!(member.believed(0.0) < 0.3, "it is long ago");
    }
}
