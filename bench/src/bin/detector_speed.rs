//! Observations a second that the built-in detector scores on one core, through `Detector::step`.
//!
//! `cargo run --release -p kizashi-bench --bin detector_speed -- [SERIES]`: of values, and of vectors of ten
//! fields, over SERIES series in turn (1,000 by default), with the bytes of a state.

use kizashi_models::detector::{DefaultDetector, Detector, Scored};
use std::time::{Duration, Instant};

const LENGTH: Duration = Duration::from_secs(3);
const STEP_MS: i64 = 60_000;

fn main() {
    let series = std::env::args().nth(1).map_or(1000, |text| text.parse().expect("SERIES is a number"));
    for fields in [1, 10] {
        measure(series, fields);
    }
}

fn measure(series: usize, fields: usize) {
    let detector = DefaultDetector::default();
    let mut states: Vec<_> = (0..series).map(|_| detector.new_state(&vec![None; fields])).collect();
    let mut scored = Scored::default();
    // Drawn before, so that the generator is not measured.
    let mut bits = 1_u64;
    let rows: Vec<Vec<f64>> = (0..4096)
        .map(|_| {
            let value = |_| {
                bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                100.0 + (bits >> 40) as f64 / (1 << 20) as f64
            };
            (0..fields).map(value).collect()
        })
        .collect();
    let (start, mut scored_count, mut time_ms, mut checksum) = (Instant::now(), 0_u64, 0, 0.0);
    while start.elapsed() < LENGTH {
        for (at, state) in states.iter_mut().enumerate() {
            let row = &rows[(at + scored_count as usize) % rows.len()];
            detector.step(state, time_ms, row, &mut scored);
            checksum += scored.surprise;
        }
        scored_count += series as u64;
        time_ms += STEP_MS;
    }
    let rate = scored_count as f64 / start.elapsed().as_secs_f64();
    let bytes = detector.state_bytes(&states[0]);
    println!(
        "{fields:2} fields: {rate:9.0} observations/s, {bytes} bytes a state (sum of surprise {checksum:.1})"
    );
}
