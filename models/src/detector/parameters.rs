//! The parameters of the built-in detector, each with its reason.

use sha2::{Digest, Sha256};

/// Raised with every change of the method that moves a score's bits.
pub(super) const METHOD: &str = "kizashi/default/3";

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
    /// Width of a quantiser's step, in asinh of the standardised distance, for the distance from the level.
    pub step_level: f64,
    /// The same for the change from the last value.
    pub step_change: f64,
    /// The same for the distance from the season. The three differ so that their edges don't coincide.
    pub step_season: f64,
    /// Weight of the novelty of the level; the three weights sum to 1.
    pub weight_level: f64,
    /// Weight of the novelty of the change.
    pub weight_change: f64,
    /// Weight of the novelty of the distance from the season.
    pub weight_season: f64,
    /// Log-magnitude beyond which a forecast error counts little more: 4 is an error of 53 mean errors.
    pub magnitude_knee: f64,
    /// Slope (logarithmic) beyond the knee.
    pub magnitude_slope: f64,
    /// Weight of the joint magnitude of a vector beside that of its fields.
    pub weight_joint: f64,
    /// Added to the variances of the joint distribution, in squared mean errors, so that it can be inverted.
    pub joint_ridge: f64,
    /// Bound of a standardised error in the joint distribution, in mean errors.
    pub joint_bound: f64,
    /// What a surprise counts for at least in the onset, however familiar its kind.
    pub familiar: f64,
    /// What a unit of magnitude adds to that.
    pub familiar_magnitude: f64,
    /// The weight from which on a surprise counts whole in the onset.
    pub whole: f64,
    /// Observations over which the recent maximum, that an onset must exceed, falls by 63 %.
    pub onset_memory: f64,
    /// Observations after which half of an onset is believed.
    pub caution: f64,
    /// Observations after which half of the extrapolation of the tail is believed.
    pub caution_tail: f64,
    /// The onset at which the anomaly score is one half.
    pub onset_half: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Parameters {
            memory: 1000.0,
            memory_fast: 20.0,
            visits_day: 7.0,
            visits_week: 4.0,
            error_floor: 0.02,
            step_level: 1.5,
            step_change: 1.6,
            step_season: 1.7,
            weight_level: 0.5,
            weight_change: 0.25,
            weight_season: 0.25,
            magnitude_knee: 4.0,
            magnitude_slope: 0.1,
            weight_joint: 1.0,
            joint_ridge: 0.01,
            joint_bound: 10.0,
            familiar: 0.035,
            familiar_magnitude: 0.017,
            whole: 0.4,
            onset_memory: 200.0,
            caution: 30.0,
            caution_tail: 30.0,
            onset_half: 4.0,
        }
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

    /// SHA-256 of the method's name and of all parameters, in the order of their declaration.
    pub(super) fn id(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(METHOD);
        for parameter in [
            self.memory,
            self.memory_fast,
            self.visits_day,
            self.visits_week,
            self.error_floor,
            self.step_level,
            self.step_change,
            self.step_season,
            self.weight_level,
            self.weight_change,
            self.weight_season,
            self.magnitude_knee,
            self.magnitude_slope,
            self.weight_joint,
            self.joint_ridge,
            self.joint_bound,
            self.familiar,
            self.familiar_magnitude,
            self.whole,
            self.onset_memory,
            self.caution,
            self.caution_tail,
            self.onset_half,
        ] {
            hash.update(parameter.to_le_bytes());
        }
        hash.finalize().into()
    }
}
