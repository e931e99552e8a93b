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

/// Numbers that are trained: those of the hidden layer, feature by feature, its biases, those of the output and its bias.
const OUTPUT: usize = (FEATURES + 1) * HIDDEN;
const WEIGHTS: usize = OUTPUT + HIDDEN + 1;
type Weights = [f32; WEIGHTS];

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
    let mut weights: Weights = [0.0; WEIGHTS];
    // He et al., "Delving deep into rectifiers", 2015.
    let deviation = |inputs: usize| (2.0 / inputs as f64).sqrt();
    for weight in &mut weights[..FEATURES * HIDDEN] {
        *weight = (deviation(FEATURES) * random.normal()) as f32;
    }
    for weight in &mut weights[OUTPUT..OUTPUT + HIDDEN] {
        *weight = (deviation(HIDDEN) * random.normal()) as f32;
    }
    let mut adam = Adam::new();
    let batches = examples.len() / BATCH;
    let mut order: Vec<usize> = (0..examples.len()).collect();
    for epoch in 0..EPOCHS {
        // Fisher and Yates.
        for last in (1..order.len()).rev() {
            order.swap(last, random.below(last + 1));
        }
        for (batch, numbers) in order.chunks_exact(BATCH).enumerate() {
            let mut gradient = [0.0; WEIGHTS];
            for number in numbers {
                let example = &examples[*number];
                let weight = example.weight / mean_weight / BATCH as f32;
                add_gradient(&weights, &inputs[*number], example.is_anomalous, weight, &mut gradient);
            }
            for layer in [0..FEATURES * HIDDEN, OUTPUT..OUTPUT + HIDDEN] {
                gradient[layer.clone()]
                    .iter_mut()
                    .zip(&weights[layer])
                    .for_each(|(sum, weight)| *sum += DECAY * weight);
            }
            let passed = (epoch * batches + batch) as f64 / (EPOCHS * batches) as f64;
            let rate = RATE * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * passed));
            adam.step(&mut weights, &gradient, rate as f32);
        }
    }
    network.hidden.as_flattened_mut().copy_from_slice(&weights[..FEATURES * HIDDEN]);
    network.hidden_bias.copy_from_slice(&weights[FEATURES * HIDDEN..OUTPUT]);
    network.output.copy_from_slice(&weights[OUTPUT..OUTPUT + HIDDEN]);
    network.output_bias = weights[OUTPUT + HIDDEN];
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

/// Adds the gradient of an example's loss, `weight` times.
fn add_gradient(
    weights: &Weights,
    input: &[f32; FEATURES],
    is_anomalous: bool,
    weight: f32,
    gradient: &mut Weights,
) {
    let mut hidden: [f32; HIDDEN] = std::array::from_fn(|at| weights[FEATURES * HIDDEN + at]);
    for (feature, weights) in input.iter().zip(weights.chunks_exact(HIDDEN)) {
        hidden.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += feature * weight);
    }
    let output = &weights[OUTPUT..OUTPUT + HIDDEN];
    let active = hidden.map(|sum| sum.max(0.0));
    let odds =
        active.iter().zip(output).fold(weights[OUTPUT + HIDDEN], |all, (one, weight)| all + one * weight);
    let probability = 1.0 / (1.0 + libm::expf(-odds));
    let error = weight * (probability - if is_anomalous { 1.0 } else { 0.0 });
    let of_hidden: [f32; HIDDEN] =
        std::array::from_fn(|at| if hidden[at] > 0.0 { error * output[at] } else { 0.0 });
    let (of_layer, of_output) = gradient.split_at_mut(OUTPUT);
    // The last row is that of the biases, whose feature is 1.
    for (feature, sums) in input.iter().chain(&[1.0]).zip(of_layer.chunks_exact_mut(HIDDEN)) {
        sums.iter_mut().zip(&of_hidden).for_each(|(sum, one)| *sum += feature * one);
    }
    for (sum, one) in of_output.iter_mut().zip(active.iter().chain(&[1.0])) {
        *sum += error * one;
    }
}

struct Adam {
    mean: Weights,
    square: Weights,
    /// What is left of the zeros that these begin with.
    mean_left: f32,
    square_left: f32,
}

impl Adam {
    fn new() -> Self {
        Adam { mean: [0.0; WEIGHTS], square: [0.0; WEIGHTS], mean_left: 1.0, square_left: 1.0 }
    }

    fn step(&mut self, weights: &mut Weights, gradient: &Weights, rate: f32) {
        self.mean_left *= MOMENTUM;
        self.square_left *= MOMENTUM_OF_SQUARES;
        for (at, one) in gradient.iter().enumerate() {
            self.mean[at] += (1.0 - MOMENTUM) * (one - self.mean[at]);
            self.square[at] += (1.0 - MOMENTUM_OF_SQUARES) * (one * one - self.square[at]);
            let mean = self.mean[at] / (1.0 - self.mean_left);
            let square = self.square[at] / (1.0 - self.square_left);
            weights[at] -= rate * mean / (square.sqrt() + EPSILON);
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
            let mut weights: Weights = [0.0; WEIGHTS];
            weights[..FEATURES * HIDDEN].copy_from_slice(network.hidden.as_flattened());
            weights[FEATURES * HIDDEN..OUTPUT].copy_from_slice(&network.hidden_bias);
            weights[OUTPUT..OUTPUT + HIDDEN].copy_from_slice(&network.output);
            weights[OUTPUT + HIDDEN] = network.output_bias;
            let mut gradient = [0.0; WEIGHTS];
            add_gradient(&weights, &example.features, example.is_anomalous, 1.0, &mut gradient);
            // That of the output's bias is the probability less what is so.
            of_one[usize::from(example.is_anomalous)] += gradient[WEIGHTS - 1].abs() / 1000.0;
        }
        assert!(of_one.iter().all(|error| *error < 0.35), "mean errors of {of_one:?}, where a guess has 0.5");
    }

    #[test]
    fn the_gradient_is_what_the_loss_changes_by() {
        let mut random = Random::new(3);
        let weights: Weights = std::array::from_fn(|_| 0.3 * random.normal() as f32);
        let input: [f32; FEATURES] = std::array::from_fn(|_| random.normal() as f32);
        let bias_gradient = |weights: &Weights| {
            let mut gradient = [0.0; WEIGHTS];
            add_gradient(weights, &input, true, 1.0, &mut gradient);
            gradient
        };
        let gradient = bias_gradient(&weights);
        // Of an anomaly the loss is -ln p, and the gradient of the output's bias p - 1.
        let loss = |weights: &Weights| -f64::from(1.0 + bias_gradient(weights)[WEIGHTS - 1]).ln();
        for at in (0..WEIGHTS).step_by(7) {
            let (mut more, mut less) = (weights, weights);
            more[at] += 1e-2;
            less[at] -= 1e-2;
            let change = (loss(&more) - loss(&less)) / 2e-2;
            assert!((change - f64::from(gradient[at])).abs() < 2e-2, "{at}: {change}, not {}", gradient[at]);
        }
    }
}
