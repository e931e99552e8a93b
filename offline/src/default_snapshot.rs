//! `models/default.snapshot`: what the service scores with where no other snapshot is configured.

use crate::training;
use kizashi_models::detector::{DefaultDetector, Network, Parameters};
use kizashi_models::snapshot::{Snapshot, SnapshotError, detector};
use serde_json::Map;

/// The parameters, chosen by hand, the reason of each at its field, and a network that says of everything that the odds are
/// even.
fn parameters() -> Parameters {
    Parameters {
        memory: 1000.0,
        memory_fast: 20.0,
        visits_day: 7.0,
        visits_week: 4.0,
        error_floor: 0.02,
        step_season: 1.7,
        step_dwell: 0.9,
        memory_lattice: 2000.0,
        memory_sustained: 20.0,
        memory_restless: 20.0,
        memory_news: 50.0,
        weight_value: 0.85,
        weight_change: 0.3,
        weight_sustained: 0.5,
        weight_restless: 0.5,
        weight_dwell: 0.6,
        weight_ended: 0.6,
        weight_context: 0.9,
        weight_residual: 0.7,
        weight_rhythm: 0.5,
        whole: 5.0,
        surprise_still: 4.0,
        magnitude_knee: 4.0,
        magnitude_slope: 0.1,
        weight_joint: 2.0,
        joint_ridge: 0.01,
        joint_bound: 4.0,
        joint_ridge_sustained: 0.01,
        weight_vector_still: 3.0,
        weight_vector_sustained: 1.0,
        weight_field_sustained: 1.0,
        weight_dispersion: 1.4,
        weight_learned: 0.3,
        learned_usual: -1.0,
        weight_surprise: 0.5,
        surprise_usual: 3.8,
        onset_scale: 2.7,
        onset_memory: 140.0,
        caution: 80.0,
        young_discount: 0.2,
        young_until: 2000.0,
        caution_tail: 30.0,
        caution_rarity: 1000.0,
        onset_thousandth: 1.0,
        onset_decade: 1.4,
        onset_exceedances: 8.0,
        onset_thousandth_vector: 2.2,
        onset_decade_vector: 0.32,
        onset_exceedances_vector: 8.0,
        onset_half: 4.0,
        network: Network::even(),
    }
}

/// The bytes of the file, the same each time. The network is trained first, which takes a minute or two.
///
/// # Errors
/// Where a parameter is out of its range.
pub fn bytes() -> Result<Vec<u8>, SnapshotError> {
    let untrained = snapshot(&parameters())?;
    // What the network is told doesn't depend on it.
    let detector = DefaultDetector::from_snapshot(&Snapshot::parse(&untrained)?)?;
    snapshot(&Parameters { network: training::network(&detector), ..parameters() })
}

fn snapshot(parameters: &Parameters) -> Result<Vec<u8>, SnapshotError> {
    detector::write(parameters, "make default-snapshot", Map::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That training gives the network of the file, too, takes longer: `scripts/bench.sh snapshot`.
    #[test]
    fn the_file_in_the_repository_has_these_parameters_and_a_network() {
        let file = include_bytes!("../../models/default.snapshot");
        let network = detector::parameters(&Snapshot::parse(file).unwrap()).unwrap().network;
        assert_ne!(network, Network::even());
        assert!(
            snapshot(&Parameters { network, ..parameters() }).unwrap() == file,
            "models/default.snapshot is of another state: run `make default-snapshot`"
        );
    }
}
