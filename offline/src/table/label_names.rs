//! Names that columns of labels have, in data sets that are public.

/// Without case, blanks and punctuation.
const NAMES: [&str; 14] = [
    "label",
    "labels",
    "anomaly",
    "isanomaly",
    "anomalies",
    "class",
    "attack",
    "normalattack",
    "changepoint",
    "outlier",
    "isoutlier",
    "groundtruth",
    "ytrue",
    "target",
];

/// Whether a column's name says that it holds labels. It may hold something else nevertheless.
pub(super) fn is_like_a_label(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    NAMES.contains(&plain.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_blanks_and_punctuation_do_not_matter() {
        for name in ["label", "Is_Anomaly", " Normal/Attack", "change point", "Y_TRUE", "\"Class\""] {
            assert!(is_like_a_label(name), "{name}");
        }
        for name in ["", "labelled_at", "attack_angle", "classes", "load", "anomaly_score"] {
            assert!(!is_like_a_label(name), "{name}");
        }
    }
}
