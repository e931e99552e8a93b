//! A pump that turns water round a loop, recorded for some minutes.

use super::{follow, rounded};
use crate::generate::plan::{Plan, at_row};
use crate::generate::random::Random;

/// What may be wrong.
pub(super) const FAULTS: [&str; 6] =
    ["valve closes", "imbalance", "cavitation", "leak", "hot bearing", "slow pump"];

/// Values row by row, and what was wrong.
pub(super) fn watch(random: &mut Random, rows: usize) -> (Vec<f64>, Plan) {
    let start = (rows as f64 * random.between(0.45, 0.65)) as usize;
    let end = start + random.between(100.0, 350.0) as usize;
    let fault = FAULTS[random.below(FAULTS.len())];
    let plan = vec![(fault, start..end)];
    let size = random.between(0.5, 1.5);
    let rough = random.between(0.1, 0.4);
    let lasting = random.between(0.5, 0.95);
    let glitches = random.magnitude(0.001, 0.02);
    let flow_step = if random.chance(0.5) { 1.0 } else { 0.1 };
    let warming = random.between(-2.0, 4.0);
    let (mut valve, mut speed, mut swirl, mut body, mut shake) = (1.0, 1.0, 0.0, 0.0, 0.0);
    let mut values = Vec::with_capacity(8 * rows);
    for row in 0..rows {
        let (fault, _) = at_row(&plan, row);
        let wrong = |name: &str| if fault == name { size } else { 0.0 };
        follow(&mut valve, 1.0 - 0.5 * wrong("valve closes"), 0.05);
        follow(&mut speed, 1.0 - 0.15 * wrong("slow pump"), 0.05);
        swirl = random.autoregressive(swirl, lasting);
        shake = random.autoregressive(shake, 0.7);
        let bubbles = 1.0 + 4.0 * wrong("cavitation");
        let vibration =
            libm::exp(rough * shake) * speed * (1.0 + 0.8 * wrong("imbalance") + 0.3 * wrong("cavitation"));
        let flow = 32.0 * speed * (0.3 + 0.7 * valve) - 4.0 * wrong("leak")
            + bubbles * (0.6 * swirl + 0.4 * random.normal());
        let glitch = if random.chance(glitches) { 8.0 * random.normal() } else { 0.0 };
        let pressure = 2.0 + 1.5 * (1.0 - valve) * speed - 0.4 * wrong("leak") + bubbles * 0.08 * swirl;
        let current = 1.2 * speed * (0.7 + 0.3 * valve) + 0.15 * wrong("imbalance") + 0.05 * random.normal();
        follow(&mut body, warming * row as f64 / rows as f64 + 12.0 * wrong("hot bearing"), 0.02);
        values.extend([
            0.027 * vibration * (1.0 + 0.1 * random.normal()),
            0.040 * libm::sqrt(vibration) * (1.0 + 0.1 * random.normal()),
            current,
            rounded(pressure, 0.05),
            70.0 + body + 0.3 * random.normal(),
            25.0 + 0.3 * body + 0.05 * random.normal(),
            230.0 + 5.0 * random.normal(),
            rounded(flow + glitch, flow_step),
        ]);
    }
    (values, plan)
}
