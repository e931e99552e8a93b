//! A random cut forest (Guha et al., "Robust Random Cut Forest Based Anomaly Detection on Streams", ICML 2016), which is
//! what one would pick for streams that nobody tuned anything for: the crate `rcf3`.

use rcf3::Forest;

const TREES: usize = 50;
const SAMPLES: usize = 256;
/// Rate at which samples age: a tenth of the crate's own, with which the forest scores a little better here.
const DECAY: f64 = 0.1 / 2560.0;
/// Values of a series that make a point; of a vector its fields do.
const SHINGLE: usize = 8;
/// Rows before which no level and spread is known.
const FIRST: usize = 5;
/// A standardised value that is farther out than this is taken to be there: the forest computes in `f32`.
const FAR: f32 = 1000.0;

/// Scores by row of `values`, which are those of `fields` fields, row by row; NaN is a missing one.
///
/// Fields are standardised by the mean and the deviation of all before the row, as scales are not known beforehand.
///
/// # Panics
/// Where the forest refuses a row.
pub fn scores(values: &[f64], fields: usize) -> Vec<f64> {
    let shingle = if fields == 1 { SHINGLE } else { 1 };
    let forest = Forest::builder(fields).shingle_size(shingle).num_trees(TREES).capacity(SAMPLES);
    let mut forest = forest.time_decay(DECAY).seed(7).build().expect("the forest takes its parameters");
    let mut moments = vec![(0.0_f64, 0.0_f64); fields];
    let mut last = vec![0.0; fields];
    let mut point = vec![0.0; fields];
    let mut scores = Vec::with_capacity(values.len() / fields);
    for (row, values) in values.chunks(fields).enumerate() {
        let gain = 1.0 / (row + 1) as f64;
        for (i, (mean, variance)) in moments.iter_mut().enumerate() {
            if !values[i].is_nan() {
                last[i] = values[i];
            }
            let error = last[i] - *mean;
            let deviation = variance.sqrt() + 1e-12 * mean.abs() + f64::MIN_POSITIVE;
            point[i] = ((error / deviation) as f32).clamp(-FAR, FAR);
            *mean += gain * error;
            *variance += gain * (error * error * (1.0 - gain) - *variance);
        }
        let score = if row < FIRST { 0.0 } else { forest.update_and_score(&point).expect("it is finite") };
        scores.push(score);
    }
    scores
}
