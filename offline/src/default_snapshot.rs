//! `models/default.snapshot`: what the service scores with where no other snapshot is configured.

use kizashi_models::detector::Parameters;
use kizashi_models::snapshot::{SnapshotError, detector};
use serde_json::Map;

/// The parameters, chosen by hand; the reason of each stands at its field.
fn parameters() -> Parameters {
    Parameters {
        memory: 1000.0,
        memory_fast: 20.0,
        visits_day: 7.0,
        visits_week: 4.0,
        error_floor: 0.02,
        step_season: 1.7,
        step_dwell: 0.9,
        memory_lattice: 1700.0,
        memory_sustained: 20.0,
        memory_restless: 20.0,
        memory_news: 50.0,
        weight_value: 0.76,
        weight_change: 0.33,
        weight_sustained: 0.6,
        weight_restless: 0.5,
        weight_dwell: 0.6,
        weight_ended: 0.6,
        weight_context: 0.9,
        weight_residual: 0.9,
        weight_rhythm: 0.65,
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
        weight_surprise: 0.6,
        surprise_usual: 3.6,
        onset_scale: 2.7,
        onset_memory: 140.0,
        caution: 80.0,
        young_discount: 0.2,
        young_until: 2000.0,
        caution_tail: 30.0,
        caution_rarity: 1000.0,
        onset_thousandth: 1.0,
        onset_decade: 1.25,
        onset_exceedances: 8.0,
        onset_thousandth_vector: 2.0,
        onset_decade_vector: 0.17,
        onset_exceedances_vector: 8.0,
        onset_half: 4.0,
    }
}

/// The bytes of the file, the same each time.
///
/// # Errors
/// Where a parameter is out of its range.
pub fn bytes() -> Result<Vec<u8>, SnapshotError> {
    detector::write(&parameters(), "make default-snapshot", Map::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_in_the_repository_is_what_the_command_writes() {
        let file = include_bytes!("../../models/default.snapshot");
        assert!(
            bytes().unwrap() == file,
            "models/default.snapshot is of another state: run `make default-snapshot`"
        );
    }
}
