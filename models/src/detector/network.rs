//! How likely what is new or far is wrong, by all that the members make of it: a small network, trained on generated series.

use crate::snapshot::{Draft, Snapshot, SnapshotError};

/// What the network is told of a value; `field.rs` says what each is.
pub const FEATURES: usize = 39;
/// Neurons of its only hidden layer.
pub const HIDDEN: usize = 16;
/// Bound of a standardised feature: what is beyond the training's range says no more than its end.
const FEATURE_BOUND: f32 = 4.0;
/// Bound of the log odds.
const LOG_ODDS_MAX: f64 = 5.0;
/// Bound of a weight, so that no sum of them overflows.
const WEIGHT_MAX: f32 = 1e4;

/// A perceptron with one hidden layer of rectified linear units, whose output is the logarithm of the odds that a value is
/// part of an anomaly. Sums are of 32 bits and in a fixed order, so that they are the same on every processor.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Mean of each feature in training,
    pub centre: [f32; FEATURES],
    /// and the reciprocal of its standard deviation.
    pub scale: [f32; FEATURES],
    /// Weights of each feature in the hidden layer,
    pub hidden: [[f32; HIDDEN]; FEATURES],
    /// and what is added there.
    pub hidden_bias: [f32; HIDDEN],
    /// Weights of the hidden layer in the output,
    pub output: [f32; HIDDEN],
    /// and what is added there.
    pub output_bias: f32,
}

impl Network {
    /// One that says of everything that the odds are even.
    pub const fn even() -> Self {
        Network {
            centre: [0.0; FEATURES],
            scale: [0.0; FEATURES],
            hidden: [[0.0; HIDDEN]; FEATURES],
            hidden_bias: [0.0; HIDDEN],
            output: [0.0; HIDDEN],
            output_bias: 0.0,
        }
    }

    /// The features as the hidden layer has them: in standard deviations of the training, and bounded.
    pub fn standardised(&self, features: &[f32; FEATURES]) -> [f32; FEATURES] {
        std::array::from_fn(|at| {
            ((features[at] - self.centre[at]) * self.scale[at]).clamp(-FEATURE_BOUND, FEATURE_BOUND)
        })
    }

    /// The natural logarithm of the odds, 5 at most.
    pub(super) fn log_odds(&self, features: &[f32; FEATURES]) -> f64 {
        let active = self.active(&self.standardised(features));
        f64::from(self.output(&active)).min(LOG_ODDS_MAX)
    }

    /// The hidden layer for standardised features.
    pub fn active(&self, features: &[f32; FEATURES]) -> [f32; HIDDEN] {
        let mut sums = self.hidden_bias;
        for (feature, weights) in features.iter().zip(&self.hidden) {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += feature * weight;
            }
        }
        // The sum of a feature that is no number is no number, of which the larger to 0 is 0.
        sums.map(|sum| sum.max(0.0))
    }

    /// The logarithm of the odds, unbounded, for a hidden layer.
    pub fn output(&self, active: &[f32; HIDDEN]) -> f32 {
        active.iter().zip(&self.output).fold(self.output_bias, |all, (one, weight)| all + one * weight)
    }

    /// All weights that are trained, layer by layer, the features' own mean and scale not.
    pub fn weights_mut(&mut self) -> impl Iterator<Item = &mut f32> {
        let hidden = self.hidden.as_flattened_mut().iter_mut().chain(&mut self.hidden_bias);
        hidden.chain(&mut self.output).chain(std::iter::once(&mut self.output_bias))
    }

    /// Adds its tensors to a snapshot.
    pub(crate) fn write(&self, draft: Draft) -> Draft {
        let mut own = self.clone();
        own.tensors()
            .into_iter()
            .fold(draft, |draft, (name, shape, values)| draft.tensor(name, shape, &*values))
    }

    /// Reads its tensors from a snapshot.
    pub(crate) fn read(snapshot: &Snapshot<'_>) -> Result<Self, SnapshotError> {
        let mut read = Network::even();
        for (name, shape, places) in read.tensors() {
            let values: Vec<f32> = snapshot.tensor(name, shape)?;
            if let Some(wild) = values.iter().find(|value| !(-WEIGHT_MAX..=WEIGHT_MAX).contains(*value)) {
                let (found, most) = (f64::from(*wild), f64::from(WEIGHT_MAX));
                return Err(SnapshotError::Range { name: name.into(), found, least: -most, most });
            }
            places.copy_from_slice(&values);
        }
        Ok(read)
    }

    /// Whether a tensor of that name is one of its.
    pub(crate) fn has(name: &str) -> bool {
        Network::even().tensors().iter().any(|(own, _, _)| *own == name)
    }

    /// Its tensors: name, shape and values of each.
    fn tensors(&mut self) -> [(&'static str, &'static [usize], &mut [f32]); 6] {
        [
            ("network_centre", &[FEATURES], &mut self.centre),
            ("network_scale", &[FEATURES], &mut self.scale),
            ("network_hidden", &[FEATURES, HIDDEN], self.hidden.as_flattened_mut()),
            ("network_hidden_bias", &[HIDDEN], &mut self.hidden_bias),
            ("network_output", &[HIDDEN], &mut self.output),
            ("network_output_bias", &[], std::slice::from_mut(&mut self.output_bias)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Description;
    use proptest::prelude::*;

    /// A network that is sure where the first feature is large, and less so the larger the second is.
    fn of_two() -> Network {
        let mut network = Network::even();
        network.scale = [1.0; FEATURES];
        network.hidden[0][0] = 1.0;
        network.hidden[1][1] = 1.0;
        (network.output[0], network.output[1]) = (2.0, -1.0);
        network.output_bias = -1.0;
        network
    }

    fn features(first: f32, second: f32) -> [f32; FEATURES] {
        let mut features = [0.0; FEATURES];
        (features[0], features[1]) = (first, second);
        features
    }

    #[test]
    fn odds_are_those_of_the_sum_of_what_is_active() {
        let network = of_two();
        assert_eq!(network.log_odds(&features(0.0, 0.0)), -1.0);
        assert_eq!(network.log_odds(&features(1.5, 0.0)), 2.0);
        assert_eq!(network.log_odds(&features(1.5, 1.0)), 1.0);
        assert_eq!(network.log_odds(&features(-3.0, 0.0)), -1.0, "what is less than nothing is not active");
        assert_eq!(Network::even().log_odds(&features(9.0, 9.0)), 0.0);
    }

    #[test]
    fn what_is_beyond_the_training_says_no_more_than_its_end_and_odds_have_a_bound() {
        let network = of_two();
        let end = network.log_odds(&features(FEATURE_BOUND, 3.0));
        assert_eq!(network.log_odds(&features(1e30, 3.0)), end);
        assert_eq!(network.log_odds(&features(f32::INFINITY, 3.0)), end);
        assert_eq!(network.log_odds(&features(FEATURE_BOUND, 0.0)), LOG_ODDS_MAX);
    }

    fn written(network: &Network) -> Result<Vec<u8>, SnapshotError> {
        let description =
            Description { kind: "example".into(), method: "example/1".into(), ..Description::default() };
        network.write(Draft::new(description)).write()
    }

    #[test]
    fn a_weight_that_is_none_is_refused_by_the_name_of_its_tensor() {
        for wild in [f32::NAN, f32::INFINITY, 2e4] {
            let mut network = of_two();
            network.hidden[3][4] = wild;
            let bytes = written(&network).unwrap();
            let error = Network::read(&Snapshot::parse(&bytes).unwrap()).unwrap_err().to_string();
            assert!(error.starts_with("tensor `network_hidden` is "), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_network_is_read_as_it_was_written_and_has_finite_odds(
            weights in prop::collection::vec(-1e4_f32..1e4, 60..80),
            told in prop::collection::vec(prop_oneof![any::<f32>(), -10.0..10.0_f32], FEATURES),
        ) {
            let mut weights = weights.into_iter().cycle();
            let mut next = || weights.next().unwrap();
            let network = Network {
                centre: std::array::from_fn(|_| next()),
                scale: std::array::from_fn(|_| next()),
                hidden: std::array::from_fn(|_| std::array::from_fn(|_| next())),
                hidden_bias: std::array::from_fn(|_| next()),
                output: std::array::from_fn(|_| next()),
                output_bias: next(),
            };
            let bytes = written(&network).unwrap();
            prop_assert_eq!(&Network::read(&Snapshot::parse(&bytes).unwrap()).unwrap(), &network);
            let told: [f32; FEATURES] = std::array::from_fn(|at| told[at]);
            let odds = network.log_odds(&told);
            prop_assert!(odds.is_finite(), "{} of {:?}", odds, told);
        }
    }
}
