//! The parameters of the built-in detector, each with its reason.

use super::network::Network;
use super::rarity::Usual;
use crate::snapshot::detector;
use std::convert::Infallible;
use std::ops::RangeInclusive;

/// Raised with every change of the method that moves a score's bits.
const METHOD: &str = "kizashi/default/20";

/// What can be chosen about the built-in detector. One set serves all series.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// Observations over which level and errors forget 63 %: a few days of five-minute data, so that a
    /// new regime is usual within a day and one bad hour is not.
    pub memory: f64,
    /// Observations over which the fast level forgets 63 %.
    pub memory_fast: f64,
    /// Visits after which an hour of the day is learnt no slower: a week of days.
    pub visits_day: f64,
    /// Visits after which an hour of the week is learnt no slower: a month of weeks.
    pub visits_week: f64,
    /// Share of the level's spread that is added to a forecast's error: a forecast that was exact so far
    /// is not trusted to be exact for ever.
    pub error_floor: f64,
    /// Width of a quantiser's step, in asinh of the standardised distance, for the distance from the season.
    pub step_season: f64,
    /// The same for the distance from the slow level, of which it counts how long the series stays at one step: fine, so
    /// that noise crosses a step's edges.
    pub step_dwell: f64,
    /// Observations over which the counts of a lattice forget 63 %.
    pub memory_lattice: f64,
    /// Observations that the sustained distance from the fast level is a mean of: 1 / lambda of an EWMA chart. A field's mean
    /// squared error given the others is one of as many.
    pub memory_sustained: f64,
    /// Observations that the size of changes is a mean of.
    pub memory_restless: f64,
    /// Observations over which what was news in a vector is news no more: its field's novelty is over before what lasts is at
    /// its highest.
    pub memory_news: f64,
    /// Weight of the novelty of the value.
    pub weight_value: f64,
    /// Weight of the novelty of the change.
    pub weight_change: f64,
    /// Weight of the novelty of the sustained distance from the season, or from the fast level where there is none.
    pub weight_sustained: f64,
    /// Weight of the novelty of the size of recent changes.
    pub weight_restless: f64,
    /// Weight of the novelty of how long a series stays at one level.
    pub weight_dwell: f64,
    /// Weight of the novelty of how short a stay was that has just ended.
    pub weight_ended: f64,
    /// Weight of the novelty of the distance from the season in the context of those before it.
    pub weight_context: f64,
    /// Weight of the novelty of the distance from the season, where there is one.
    pub weight_residual: f64,
    /// Weight of the novelty of the distance from the rhythm, where there is one.
    pub weight_rhythm: f64,
    /// The novelty that counts as one unit of magnitude in the evidence for surprise: as much as nearly all members have
    /// together, since what is new is an onset by itself, and adds to every first of its kind here.
    pub whole: f64,
    /// Weight, in units of magnitude, of how far a value has been the same for longer than ever before in the evidence
    /// for surprise: enough to stand out by itself, for such a value is otherwise a usual one.
    pub surprise_still: f64,
    /// Log-magnitude beyond which a forecast error counts little more: 4 is an error of 53 mean errors.
    pub magnitude_knee: f64,
    /// Slope (logarithmic) beyond the knee.
    pub magnitude_slope: f64,
    /// Weight of the joint magnitude of a vector beside that of its fields: of ten fields one that is out is lost among
    /// theirs, not in how far it is from what the others say.
    pub weight_joint: f64,
    /// Added to the variances of the joint distribution, in squared mean errors, so that it can be inverted.
    pub joint_ridge: f64,
    /// Bound of a standardised error in the joint distribution, in mean errors: how far a field is out by itself is no
    /// matter of the others, and of one that seldom switches every switch is hundreds.
    pub joint_bound: f64,
    /// What is added to the variances of the sustained distances, in squared units of them: of quantities, as they become known,
    /// less.
    pub joint_ridge_sustained: f64,
    /// Weight of how far a field has been the same for longer than ever before, of the field where it is most, in what lasts.
    pub weight_vector_still: f64,
    /// Weight of the joint distance of the sustained distances there.
    pub weight_vector_sustained: f64,
    /// Weight of the sustained distance of the field where that is farthest from what those of the others say.
    pub weight_field_sustained: f64,
    /// Weight of the recent mean of a field's squared distances from what the others say, of the field where it is most: a
    /// correlation that is broken makes none of them large.
    pub weight_dispersion: f64,
    /// Weight of the log odds that the network gives a value beside its news, as far as they are more than usual: it knows
    /// what members mean together, and novelty what no training has shown.
    pub weight_learned: f64,
    /// The log odds that add nothing: the network may say that a value is wrong, but not that what is new is not.
    pub learned_usual: f64,
    /// Weight of a unit of surprise beyond `surprise_usual` in the onset of a single value: what is far from every
    /// forecast is an onset where nothing is new, and a series that wanders shows something new all the time.
    pub weight_surprise: f64,
    /// The surprise that adds nothing to the onset: one in four thousand observations has as much.
    pub surprise_usual: f64,
    /// The onset of one unit of novelty, or of a vector's logarithmic distance.
    pub onset_scale: f64,
    /// Observations over which the recent maximum, that an onset must exceed, falls by 63 %.
    pub onset_memory: f64,
    /// Observations after which half of an onset is believed; of a field of a vector by itself later (`member.rs`).
    pub caution: f64,
    /// Share of an onset that the anomaly score leaves out where the series is young: what is usual goes on being learnt for
    /// thousands of observations, and of two onsets of a size that of the older series means more.
    pub young_discount: f64,
    /// Observations after which half of that is over: so many that it hardly ranks the onsets of a short series anew.
    pub young_until: f64,
    /// Observations after which half of the extrapolation of the tail is believed.
    pub caution_tail: f64,
    /// Observations after which half of an onset's rarity is believed.
    pub caution_rarity: f64,
    /// The onset that one observation in a thousand exceeds, of a single value without anomalies: it differs little from
    /// series to series of the generator.
    pub onset_thousandth: f64,
    /// How much more one in ten thousand has.
    pub onset_decade: f64,
    /// Exceedances that this stands on: fewer where rarer onsets fall more slowly.
    pub onset_exceedances: f64,
    /// The onset that one vector in a thousand without anomalies exceeds.
    pub onset_thousandth_vector: f64,
    /// How much more one in ten thousand vectors has.
    pub onset_decade_vector: f64,
    /// Exceedances that this stands on: the onset of a field alone, which is rarer, falls more slowly than what fields say of
    /// each other.
    pub onset_exceedances_vector: f64,
    /// The onset at which the anomaly score is one half.
    pub onset_half: f64,
    /// Says how likely what is new or far is wrong.
    pub network: Network,
}

/// A parameter as a snapshot holds it.
pub(crate) struct Parameter {
    /// Name of the tensor, which is that of the field.
    pub(crate) name: &'static str,
    /// What it may be. Within it no score leaves its own range.
    pub(crate) allowed: RangeInclusive<f64>,
    /// Reads the field.
    pub(crate) of: fn(&Parameters) -> f64,
}

impl Default for Parameters {
    /// Those of `models/default.snapshot`.
    fn default() -> Self {
        detector::embedded().0.clone()
    }
}

impl Parameters {
    /// The logarithmic magnitude of an error of `size` mean errors, which is not negative.
    pub(super) fn magnitude(&self, size: f64) -> f64 {
        let magnitude = libm::log1p(size);
        let beyond = magnitude - self.magnitude_knee;
        if beyond > 0.0 {
            self.magnitude_knee + self.magnitude_slope * libm::log1p(beyond)
        } else {
            magnitude
        }
    }

    /// What the network adds to the news of a value that it gives such log odds.
    pub(super) fn learned(&self, log_odds: f64) -> f64 {
        self.weight_learned * (log_odds - self.learned_usual).max(0.0)
    }

    /// What could be an onset of a single value: what is news, by the network too, and what surprise is beyond the usual.
    pub(super) fn candidate(&self, news: f64, surprise: f64) -> f64 {
        news + self.weight_surprise * (surprise - self.surprise_usual).max(0.0)
    }

    /// The onsets of a series without anomalies.
    pub(super) fn usual_onsets(&self, is_vector: bool) -> Usual {
        if is_vector {
            Usual {
                thousandth: self.onset_thousandth_vector,
                decade: self.onset_decade_vector,
                exceedances: self.onset_exceedances_vector,
            }
        } else {
            Usual {
                thousandth: self.onset_thousandth,
                decade: self.onset_decade,
                exceedances: self.onset_exceedances,
            }
        }
    }

    /// The same with another value for the one of that name; `None` where none has it.
    pub fn with(&self, name: &str, value: f64) -> Option<Self> {
        let mut found = false;
        let Ok(with) = Self::from_each(self.network.clone(), |parameter| {
            let is_it = parameter.name == name;
            found |= is_it;
            Ok::<_, Infallible>(if is_it { value } else { (parameter.of)(self) })
        });
        found.then_some(with)
    }

    /// Name and version of the method that these are the parameters of.
    pub(crate) const METHOD: &str = METHOD;

    /// All parameters, each with the name and the range that it has in a snapshot, from what `value` gives
    /// for it, and a network. A new field needs a line here and nothing more.
    pub(crate) fn from_each<E>(
        network: Network,
        mut value: impl FnMut(Parameter) -> Result<f64, E>,
    ) -> Result<Self, E> {
        let mut value = |name, allowed, of| value(Parameter { name, allowed, of });
        Ok(Parameters {
            memory: value("memory", 1.0..=1e9, |p| p.memory)?,
            memory_fast: value("memory_fast", 1.0..=1e9, |p| p.memory_fast)?,
            visits_day: value("visits_day", 1.0..=255.0, |p| p.visits_day)?,
            visits_week: value("visits_week", 1.0..=255.0, |p| p.visits_week)?,
            error_floor: value("error_floor", 1e-9..=1.0, |p| p.error_floor)?,
            step_season: value("step_season", 0.01..=100.0, |p| p.step_season)?,
            step_dwell: value("step_dwell", 0.01..=100.0, |p| p.step_dwell)?,
            memory_lattice: value("memory_lattice", 2.0..=1e9, |p| p.memory_lattice)?,
            memory_sustained: value("memory_sustained", 1.0..=1e9, |p| p.memory_sustained)?,
            memory_restless: value("memory_restless", 1.0..=1e9, |p| p.memory_restless)?,
            memory_news: value("memory_news", 1.0..=1e9, |p| p.memory_news)?,
            weight_value: value("weight_value", 0.0..=10.0, |p| p.weight_value)?,
            weight_change: value("weight_change", 0.0..=10.0, |p| p.weight_change)?,
            weight_sustained: value("weight_sustained", 0.0..=10.0, |p| p.weight_sustained)?,
            weight_restless: value("weight_restless", 0.0..=10.0, |p| p.weight_restless)?,
            weight_dwell: value("weight_dwell", 0.0..=10.0, |p| p.weight_dwell)?,
            weight_ended: value("weight_ended", 0.0..=10.0, |p| p.weight_ended)?,
            weight_context: value("weight_context", 0.0..=10.0, |p| p.weight_context)?,
            weight_residual: value("weight_residual", 0.0..=10.0, |p| p.weight_residual)?,
            weight_rhythm: value("weight_rhythm", 0.0..=10.0, |p| p.weight_rhythm)?,
            whole: value("whole", 1e-3..=100.0, |p| p.whole)?,
            surprise_still: value("surprise_still", 0.0..=100.0, |p| p.surprise_still)?,
            magnitude_knee: value("magnitude_knee", 0.1..=100.0, |p| p.magnitude_knee)?,
            magnitude_slope: value("magnitude_slope", 0.0..=1.0, |p| p.magnitude_slope)?,
            weight_joint: value("weight_joint", 0.0..=100.0, |p| p.weight_joint)?,
            joint_ridge: value("joint_ridge", 1e-9..=1e3, |p| p.joint_ridge)?,
            joint_bound: value("joint_bound", 1.0..=1e3, |p| p.joint_bound)?,
            joint_ridge_sustained: value("joint_ridge_sustained", 1e-9..=1e3, |p| p.joint_ridge_sustained)?,
            weight_vector_still: value("weight_vector_still", 0.0..=10.0, |p| p.weight_vector_still)?,
            weight_vector_sustained: value("weight_vector_sustained", 0.0..=10.0, |p| {
                p.weight_vector_sustained
            })?,
            weight_field_sustained: value("weight_field_sustained", 0.0..=10.0, |p| {
                p.weight_field_sustained
            })?,
            weight_dispersion: value("weight_dispersion", 0.0..=10.0, |p| p.weight_dispersion)?,
            weight_learned: value("weight_learned", 0.0..=10.0, |p| p.weight_learned)?,
            learned_usual: value("learned_usual", -100.0..=100.0, |p| p.learned_usual)?,
            weight_surprise: value("weight_surprise", 0.0..=10.0, |p| p.weight_surprise)?,
            surprise_usual: value("surprise_usual", 0.0..=100.0, |p| p.surprise_usual)?,
            onset_scale: value("onset_scale", 1e-3..=100.0, |p| p.onset_scale)?,
            onset_memory: value("onset_memory", 1.0..=1e9, |p| p.onset_memory)?,
            caution: value("caution", 1.0..=1e9, |p| p.caution)?,
            young_discount: value("young_discount", 0.0..=1.0, |p| p.young_discount)?,
            young_until: value("young_until", 1.0..=1e9, |p| p.young_until)?,
            caution_tail: value("caution_tail", 1.0..=1e9, |p| p.caution_tail)?,
            caution_rarity: value("caution_rarity", 1.0..=1e9, |p| p.caution_rarity)?,
            onset_thousandth: value("onset_thousandth", 0.0..=1e3, |p| p.onset_thousandth)?,
            onset_decade: value("onset_decade", 1e-3..=1e3, |p| p.onset_decade)?,
            onset_exceedances: value("onset_exceedances", 0.1..=1e3, |p| p.onset_exceedances)?,
            onset_thousandth_vector: value("onset_thousandth_vector", 0.0..=1e3, |p| {
                p.onset_thousandth_vector
            })?,
            onset_decade_vector: value("onset_decade_vector", 1e-3..=1e3, |p| p.onset_decade_vector)?,
            onset_exceedances_vector: value("onset_exceedances_vector", 0.1..=1e3, |p| {
                p.onset_exceedances_vector
            })?,
            onset_half: value("onset_half", 1e-3..=1e3, |p| p.onset_half)?,
            network,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_replaced_by_its_name() {
        let usual = Parameters::default();
        let with = usual.with("weight_dwell", 0.25).unwrap();
        assert_eq!(with, Parameters { weight_dwell: 0.25, ..usual.clone() });
        assert_eq!(usual.with("weight", 0.25), None);
    }

    #[test]
    fn each_parameter_has_the_name_of_its_field() {
        let mut next = 0.0;
        let mut names = Vec::new();
        let Ok(numbered) = Parameters::from_each(Network::even(), |parameter| {
            next += 1.0;
            names.push((parameter.name, parameter.of));
            Ok::<_, Infallible>(next)
        });
        let shown = format!("{numbered:?}");
        for (number, (name, of)) in (1..).zip(names) {
            assert_eq!(of(&numbered), f64::from(number), "{name}");
            assert!(shown.contains(&format!("{name}: {number}.0")), "{name} in {shown}");
        }
    }
}
