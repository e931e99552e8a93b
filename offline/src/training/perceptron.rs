//! Trains a network of one hidden layer: logistic loss, Adam (Kingma and Ba, "Adam: A method for stochastic optimization",
//! 2015), a learning rate that falls along a cosine to nothing.

use super::examples::{Example, Examples};
use crate::generate::Random;
use kizashi_models::detector::{FEATURES, HIDDEN, Network};

const SEED: u64 = 1;
const EPOCHS: usize = 12;
const BATCH: usize = 512;
const RATE: f64 = 2e-3;
/// Decay of weights.
const DECAY: f32 = 1e-4;
const MOMENTUM: f32 = 0.9;
const MOMENTUM_OF_SQUARES: f32 = 0.999;
const EPSILON: f32 = 1e-8;
/// Added to the deviation of a feature, so that one that never changes has a reciprocal.
const DEVIATION_MIN: f64 = 1e-3;

/// The network of some examples: the same each time.
pub(super) fn train(examples: &Examples) -> Network {
    let examples = &examples.0;
    let (centre, scale) = standard(examples);
    let mut network = Network { centre, scale, ..Network::even() };
    let inputs: Vec<[f32; FEATURES]> =
        examples.iter().map(|example| network.standardised(&example.features)).collect();
    let all: f64 = examples.iter().map(|example| f64::from(example.weight)).sum();
    let mean_weight = (all / examples.len() as f64) as f32;

    let mut random = Random::new(SEED);
    // He et al., "Delving deep into rectifiers", 2015.
    let deviation = |inputs: usize| (2.0 / inputs as f64).sqrt();
    for weight in network.hidden.as_flattened_mut() {
        *weight = (deviation(FEATURES) * random.normal()) as f32;
    }
    for weight in &mut network.output {
        *weight = (deviation(HIDDEN) * random.normal()) as f32;
    }
    let mut adam = Adam::new();
    let batches = examples.len() / BATCH;
    let mut order: Vec<usize> = (0..examples.len()).collect();
    for epoch in 0..EPOCHS {
        random.shuffle(&mut order);
        for (batch, numbers) in order.chunks_exact(BATCH).enumerate() {
            let mut gradient = Network::even();
            for number in numbers {
                let example = &examples[*number];
                let weight = example.weight / mean_weight / BATCH as f32;
                add_gradient(&network, &inputs[*number], example.is_anomalous, weight, &mut gradient);
            }
            let sums = gradient.hidden.as_flattened_mut().iter_mut().chain(&mut gradient.output);
            let weights = network.hidden.as_flattened().iter().chain(&network.output);
            sums.zip(weights).for_each(|(sum, weight)| *sum += DECAY * weight);
            let passed = (epoch * batches + batch) as f64 / (EPOCHS * batches) as f64;
            let rate = RATE * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * passed));
            adam.step(&mut network, &mut gradient, rate as f32);
        }
    }
    network
}

/// Mean of each feature, and the reciprocal of its standard deviation.
fn standard(examples: &[Example]) -> ([f32; FEATURES], [f32; FEATURES]) {
    let count = examples.len() as f64;
    let (mut mean, mut square) = ([0.0; FEATURES], [0.0; FEATURES]);
    for example in examples {
        mean.iter_mut().zip(&example.features).for_each(|(sum, feature)| *sum += f64::from(*feature) / count);
    }
    for example in examples {
        for (at, feature) in example.features.iter().enumerate() {
            let off = f64::from(*feature) - mean[at];
            square[at] += off * off / count;
        }
    }
    (mean.map(|mean| mean as f32), square.map(|square| (1.0 / (square.sqrt() + DEVIATION_MIN)) as f32))
}

/// Adds the gradient of an example's loss, `weight` times, each weight's in its place.
fn add_gradient(
    network: &Network,
    input: &[f32; FEATURES],
    is_anomalous: bool,
    weight: f32,
    gradient: &mut Network,
) {
    let active = network.active(input);
    let probability = 1.0 / (1.0 + libm::expf(-network.output(&active)));
    let error = weight * (probability - if is_anomalous { 1.0 } else { 0.0 });
    let of_hidden: [f32; HIDDEN] =
        std::array::from_fn(|at| if active[at] > 0.0 { error * network.output[at] } else { 0.0 });
    let add = |sums: &mut [f32; HIDDEN], size: f32, of: &[f32; HIDDEN]| {
        sums.iter_mut().zip(of).for_each(|(sum, one)| *sum += size * one);
    };
    for (sums, feature) in gradient.hidden.iter_mut().zip(input) {
        add(sums, *feature, &of_hidden);
    }
    add(&mut gradient.hidden_bias, 1.0, &of_hidden);
    add(&mut gradient.output, error, &active);
    gradient.output_bias += error;
}

/// Means of each weight's gradient, and of its square.
struct Adam {
    mean: Network,
    square: Network,
    /// What is left of the zeros that these begin with.
    mean_left: f32,
    square_left: f32,
}

impl Adam {
    fn new() -> Self {
        Adam { mean: Network::even(), square: Network::even(), mean_left: 1.0, square_left: 1.0 }
    }

    fn step(&mut self, network: &mut Network, gradient: &mut Network, rate: f32) {
        self.mean_left *= MOMENTUM;
        self.square_left *= MOMENTUM_OF_SQUARES;
        let means = self.mean.weights_mut().zip(self.square.weights_mut());
        for ((weight, one), (mean, square)) in network.weights_mut().zip(gradient.weights_mut()).zip(means) {
            *mean += (1.0 - MOMENTUM) * (*one - *mean);
            *square += (1.0 - MOMENTUM_OF_SQUARES) * (*one * *one - *square);
            let (mean, square) = (*mean / (1.0 - self.mean_left), *square / (1.0 - self.square_left));
            *weight -= rate * mean / (square.sqrt() + EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples of which those are anomalous whose first two features are of one sign, which no line tells apart.
    fn examples() -> Examples {
        let mut random = Random::new(7);
        let example = |_| {
            let mut features = [0.0; FEATURES];
            features[..4].iter_mut().for_each(|feature| *feature = random.normal() as f32);
            Example { features, is_anomalous: features[0] * features[1] > 0.0, weight: 0.25 }
        };
        Examples((0..20_000).map(example).collect())
    }

    #[test]
    fn it_learns_what_no_single_feature_says_and_does_so_the_same_each_time() {
        let examples = examples();
        let network = train(&examples);
        assert_eq!(train(&examples), network);
        let mut of_one = [0.0_f32; 2];
        for example in &examples.0[..2000] {
            let mut gradient = Network::even();
            add_gradient(&network, &example.features, example.is_anomalous, 1.0, &mut gradient);
            // That of the output's bias is the probability less what is so.
            of_one[usize::from(example.is_anomalous)] += gradient.output_bias.abs() / 1000.0;
        }
        assert!(of_one.iter().all(|error| *error < 0.35), "mean errors of {of_one:?}, where a guess has 0.5");
    }

    #[test]
    fn the_gradient_is_what_the_loss_changes_by() {
        let mut random = Random::new(3);
        let mut network = Network::even();
        network.weights_mut().for_each(|weight| *weight = 0.3 * random.normal() as f32);
        let input: [f32; FEATURES] = std::array::from_fn(|_| random.normal() as f32);
        let gradient = |network: &Network| {
            let mut gradient = Network::even();
            add_gradient(network, &input, true, 1.0, &mut gradient);
            gradient
        };
        // Of an anomaly the loss is -ln p, and the gradient of the output's bias p - 1.
        let loss = |network: &Network| -f64::from(1.0 + gradient(network).output_bias).ln();
        for (at, expected) in gradient(&network).weights_mut().enumerate().step_by(7) {
            let moved = |by: f32| {
                let mut moved = network.clone();
                *moved.weights_mut().nth(at).expect("as many as there are") += by;
                loss(&moved)
            };
            let change = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            assert!((change - f64::from(*expected)).abs() < 2e-2, "{at}: {change}, not {expected}");
        }
    }
}
