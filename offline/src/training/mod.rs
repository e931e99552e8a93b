//! Trains the network of the built-in detector, on generated series alone: no benchmark's row is among them.

mod examples;
mod perceptron;

use crate::generate::{Process, composition, labelled, process};
use examples::Examples;
use kizashi_models::detector::{DefaultDetector, Network};

/// Series of each kind that examples are taken from, and what they weigh together. Seeds are others than those of series that
/// figures in docs/BENCHMARKS.md are of.
const SEED: u64 = 20_000_000;
const SERIES: u64 = 1000;
const COMPOSITIONS: u64 = 8000;
const WEIGHT_OF_COMPOSITIONS: f32 = 5.0;

/// The network that `detector`, whose own is of no account, is to have: the same each time.
pub fn network(detector: &DefaultDetector) -> Network {
    let mut examples = Examples::default();
    examples.add(detector, 1.0, SEED..SEED + SERIES, |seed| labelled(seed).into());
    for kind in Process::ALL {
        examples.add(detector, 1.0, SEED..SEED + SERIES, |seed| process(kind, seed).into());
    }
    let seeds = SEED..SEED + COMPOSITIONS;
    examples.add(detector, WEIGHT_OF_COMPOSITIONS, seeds, |seed| composition(seed).into());
    perceptron::train(&examples)
}
