//! The score of the Numenta Anomaly Benchmark (Lavin and Ahmad, "Evaluating Real-time Anomaly Detection
//! Algorithms", 2015).
//!
//! A detection inside a labelled window earns up to 1, the earlier the more; one outside costs more the
//! farther it lies behind the last window; a missed window costs too. The first 15 % of a file, at most 750 rows,
//! is probation and is not scored. 0 is a detector that says nothing, 100 a perfect one. The threshold is the one
//! that is best for the whole corpus, by profile.

use std::collections::BTreeMap;
use std::fmt;

/// What a false positive and a missed window weigh.
struct Profile {
    name: &'static str,
    false_positive: f64,
    missed: f64,
}

const PROFILES: [Profile; 3] = [
    Profile { name: "standard", false_positive: 0.11, missed: 1.0 },
    Profile { name: "low_FP", false_positive: 0.22, missed: 1.0 },
    Profile { name: "low_FN", false_positive: 0.11, missed: 2.0 },
];

const PROBATION_SHARE: f64 = 0.15;
const PROBATION_ROWS_MAX: f64 = 0.15 * 5000.0;

/// Labelled windows by file, as first and last timestamp: `labels/combined_windows.json`.
pub type Windows = BTreeMap<String, Vec<(String, String)>>;

/// A file as it was scored.
#[derive(Debug)]
pub struct Scored<'a> {
    /// Its name among the windows.
    pub name: &'a str,
    /// Timestamp of each row, as the file has it.
    pub times: &'a [String],
    /// Anomaly score of each row.
    pub scores: &'a [f64],
}

/// The score of one profile.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileScore {
    /// Name of the profile.
    pub profile: &'static str,
    /// 0 for a detector that says nothing, 100 for a perfect one.
    pub score: f64,
    /// The best threshold for the whole corpus.
    pub threshold: f64,
    /// Windows found at it.
    pub windows_found: usize,
    /// Windows in all.
    pub windows: usize,
    /// False positives at it.
    pub false_positives: usize,
}

impl fmt::Display for ProfileScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { profile, score, threshold, windows_found, windows, false_positives } = self;
        write!(
            f,
            "{profile:9} {score:6.2}  threshold {threshold:.6}  windows {windows_found}/{windows}  \
             false positives {false_positives}"
        )
    }
}

/// One row past probation.
struct Detection {
    score: f64,
    /// What it earns or costs, before the weights of a profile.
    position: f64,
    /// The window it lies in, counted over all files.
    window: Option<usize>,
}

/// Scores detections on a corpus, by profile.
///
/// # Errors
/// Where a window has no row in its file, or a score is not a number.
pub fn score(files: &[Scored<'_>], windows: &Windows) -> Result<Vec<ProfileScore>, String> {
    let mut detections = Vec::new();
    let mut windows_total = 0;
    for file in files {
        let labelled = windows.get(file.name).ok_or_else(|| format!("{} has no labels", file.name))?;
        add_file(file, labelled, windows_total, &mut detections)?;
        windows_total += labelled.len();
    }
    if detections.iter().any(|detection| detection.score.is_nan()) {
        return Err("a score is not a number".to_owned());
    }
    detections.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(PROFILES.iter().map(|profile| best(profile, &detections, windows_total)).collect())
}

fn add_file(
    file: &Scored<'_>,
    labelled: &[(String, String)],
    windows_before: usize,
    detections: &mut Vec<Detection>,
) -> Result<(), String> {
    let spans = row_spans(file, labelled)?;
    let probation = probation_rows(file.scores.len());
    let mut next = 0;
    for (row, score) in file.scores.iter().enumerate() {
        while next < spans.len() && row > spans[next].1 {
            next += 1;
        }
        if row < probation {
            continue;
        }
        let (position, window) = match (spans.get(next), next.checked_sub(1)) {
            (Some((first, last)), _) if row >= *first => {
                let behind = -((last - row + 1) as f64) / (last - first + 1) as f64;
                (sigmoid(behind) / sigmoid(-1.0), Some(windows_before + next))
            }
            (_, None) => (-1.0, None),
            (_, Some(before)) => {
                let (first, last) = spans[before];
                (sigmoid((row - last) as f64 / (last - first) as f64), None)
            }
        };
        detections.push(Detection { score: *score, position, window });
    }
    Ok(())
}

/// First and last row of each window of a file.
pub(crate) fn window_rows(file: &Scored<'_>, windows: &Windows) -> Result<Vec<(usize, usize)>, String> {
    row_spans(file, windows.get(file.name).ok_or_else(|| format!("{} has no labels", file.name))?)
}

fn row_spans(file: &Scored<'_>, labelled: &[(String, String)]) -> Result<Vec<(usize, usize)>, String> {
    let mut first_row = BTreeMap::new();
    for (row, time) in file.times.iter().enumerate() {
        first_row.entry(plain_time(time)).or_insert(row);
    }
    let row_of = |time: &str| {
        let row = first_row.get(&plain_time(time));
        row.copied().ok_or_else(|| format!("{}: the window's end {time} has no row", file.name))
    };
    labelled.iter().map(|(first, last)| Ok((row_of(first)?, row_of(last)?))).collect()
}

/// Rows at the start of a file of so many that are not scored.
pub(crate) fn probation_rows(rows: usize) -> usize {
    (PROBATION_SHARE * rows as f64).floor().min(PROBATION_ROWS_MAX) as usize
}

/// A timestamp without fractions, zone and `T`, as the labels and the files write it in different ways.
fn plain_time(time: &str) -> String {
    time.split('.').next().unwrap_or_default().replace('T', " ").trim_end_matches('Z').to_owned()
}

fn sigmoid(x: f64) -> f64 {
    if x > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * x).exp()) - 1.0 }
}

/// The best threshold of a profile, over detections that fall in score.
fn best(profile: &Profile, detections: &[Detection], windows: usize) -> ProfileScore {
    let nothing = -profile.missed * windows as f64;
    let mut total = nothing;
    let mut best_total = nothing;
    let mut best = ProfileScore {
        profile: profile.name,
        score: 0.0,
        threshold: f64::INFINITY,
        windows_found: 0,
        windows,
        false_positives: 0,
    };
    let mut gains: Vec<Option<f64>> = vec![None; windows];
    let (mut found, mut false_positives) = (0, 0);
    for (at, detection) in detections.iter().enumerate() {
        match detection.window.map(|window| &mut gains[window]) {
            None => {
                total += profile.false_positive * detection.position;
                false_positives += 1;
            }
            Some(gain @ None) => {
                total += detection.position + profile.missed;
                *gain = Some(detection.position);
                found += 1;
            }
            Some(Some(gain)) if detection.position > *gain => {
                total += detection.position - *gain;
                *gain = detection.position;
            }
            Some(Some(_)) => {}
        }
        let last_of_its_score = detections.get(at + 1).is_none_or(|next| next.score < detection.score);
        if last_of_its_score && total > best_total {
            best_total = total;
            best = ProfileScore { threshold: detection.score, windows_found: found, false_positives, ..best };
        }
    }
    best.score = 100.0 * (best_total - nothing) / (windows as f64 - nothing);
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(count: usize) -> Vec<String> {
        (0..count).map(|row| format!("2014-04-01 {:02}:{:02}:00", row / 60, row % 60)).collect()
    }

    fn windows(spans: &[(usize, usize)]) -> Windows {
        let times = times(1000);
        let label = |(first, last): &(usize, usize)| {
            (format!("{}.000000", times[*first]), format!("{}.000000", times[*last]))
        };
        BTreeMap::from([("x".to_owned(), spans.iter().map(label).collect())])
    }

    fn standard(scores: &[f64], windows: &Windows) -> ProfileScore {
        let times = times(scores.len());
        score(&[Scored { name: "x", times: &times, scores }], windows).unwrap().remove(0)
    }

    #[test]
    fn the_perfect_detector_has_100_and_the_silent_one_0() {
        let windows = windows(&[(400, 500), (700, 800)]);
        let mut scores = vec![0.0; 1000];
        assert_eq!(standard(&scores, &windows).score, 0.0);
        (scores[400], scores[700]) = (0.9, 0.8);
        let best = standard(&scores, &windows);
        assert!((best.score - 100.0).abs() < 1e-9, "{best}");
        assert_eq!((best.windows_found, best.false_positives, best.threshold), (2, 0, 0.8));
    }

    #[test]
    fn late_detections_earn_less_and_false_ones_cost() {
        let windows = windows(&[(400, 500)]);
        let with = |rows: &[usize]| {
            let mut scores = vec![0.0; 1000];
            rows.iter().for_each(|row| scores[*row] = 0.9);
            standard(&scores, &windows).score
        };
        assert!(with(&[400]) > with(&[480]) && with(&[480]) > with(&[499]));
        assert!((with(&[400, 900]) - (100.0 - 0.11 * 50.0)).abs() < 1e-9, "{}", with(&[400, 900]));
        assert!((with(&[400, 10]) - 100.0).abs() < 1e-9, "probation counts for nothing");
    }

    #[test]
    fn what_can_not_be_scored_is_an_error() {
        let times = times(10);
        let file = |scores| [Scored { name: "x", times: &times, scores }];
        assert_eq!(score(&file(&[f64::NAN; 10]), &windows(&[])).unwrap_err(), "a score is not a number");
        let error = score(&file(&[0.0; 10]), &windows(&[(20, 30)])).unwrap_err();
        assert!(error.contains("has no row"), "{error}");
        assert_eq!(score(&file(&[0.0; 10]), &Windows::new()).unwrap_err(), "x has no labels");
    }
}
