//! Quality by event: which labelled windows an alert starts in, and how many alerts start elsewhere.
//!
//! One threshold serves the whole set. An alert starts where the score reaches it and has not in the `quiet` rows
//! before. An event is found if an alert starts inside its window or at most `late` rows behind; an alert that
//! starts outside all of these is false. The first `probation` rows of a file count for nothing.

use crate::alert_score::{self, AlertScore, Raised};
use kizashi_models::plural::Count;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How alerts and windows are matched, in rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Rules {
    /// How far behind its window an event may still be found.
    pub late: usize,
    /// So many rows below the threshold, and the next one above is another alert.
    pub quiet: usize,
    /// Rows at the start of a file that count for nothing.
    pub probation: usize,
}

/// A set's labels: `labels.json`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Labels {
    /// How alerts and windows are matched.
    pub rules: Rules,
    /// First and last row of each event, from 0, by name of the file without `.csv`.
    pub windows: BTreeMap<String, Vec<(usize, usize)>>,
}

/// The quality of a set's scores.
#[derive(Clone, Debug, PartialEq)]
pub struct EventScore {
    /// The best F1 over thresholds.
    pub f1: f64,
    /// Precision there.
    pub precision: f64,
    /// Recall there.
    pub recall: f64,
    /// False alerts there.
    pub false_alerts: usize,
    /// The threshold.
    pub threshold: f64,
    /// Labelled events.
    pub events: usize,
    /// Rows in all.
    pub rows: usize,
    /// Recall at one false alert in 5,000 rows.
    pub recall_at_1_in_5000: f64,
}

impl fmt::Display for EventScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "F1 {:.3}  precision {:.3}  recall {:.3}  false {}  threshold {:.3}  events {}  rows {}  \
             recall_at_1_in_5000 {:.3}",
            self.f1,
            self.precision,
            self.recall,
            self.false_alerts,
            self.threshold,
            self.events,
            self.rows,
            self.recall_at_1_in_5000
        )
    }
}

/// Scores a set: the anomaly scores of each labelled file, by its name.
///
/// # Errors
/// Where a labelled file is missing, no event is labelled, a window is none of the file, or a score is not a
/// number.
pub fn score(labels: &Labels, scores: &BTreeMap<String, Vec<f64>>) -> Result<EventScore, String> {
    let files = files(labels, scores)?;
    let rules = labels.rules;
    let rows: usize = files.iter().map(|(scores, _)| scores.len()).sum();
    let events: usize = files.iter().map(|(_, windows)| windows.len()).sum();
    let mut pool: Vec<f64> =
        files.iter().flat_map(|(scores, _)| scores.iter().skip(rules.probation)).copied().collect();
    pool.sort_by(f64::total_cmp);
    pool.dedup();
    if events == 0 || pool.is_empty() {
        return Err("there is no event, or no row behind the probation".to_owned());
    }
    // Thresholds lie closer together where alerts are few.
    let ranks: BTreeSet<usize> =
        (0..170).map(|step| pool.len().min((1.0 + 1.07f64.powf(f64::from(step))) as usize)).collect();
    let mut best: Option<EventScore> = None;
    let mut recall_at_1_in_5000: f64 = 0.0;
    for rank in ranks {
        let threshold = pool[pool.len() - rank];
        let alerts = alerts_at(&files, rules, threshold);
        let (f1, recall, false_alerts) = (alerts.f1(), alerts.recall(), alerts.false_alerts);
        if best.as_ref().is_none_or(|best| f1 > best.f1) {
            let recall_at_1_in_5000 = 0.0;
            best = Some(EventScore {
                f1,
                precision: alerts.precision(),
                recall,
                false_alerts,
                threshold,
                events,
                rows,
                recall_at_1_in_5000,
            });
        }
        if false_alerts as f64 <= rows as f64 / 5000.0 {
            recall_at_1_in_5000 = recall_at_1_in_5000.max(recall);
        }
    }
    let best = best.expect("there is at least one threshold");
    Ok(EventScore { recall_at_1_in_5000, ..best })
}

/// The alerts that the scores of a set give at a threshold.
///
/// # Errors
/// Where a labelled file is missing, a window is none of the file, or a score is not a number.
pub fn score_at(
    labels: &Labels,
    scores: &BTreeMap<String, Vec<f64>>,
    threshold: f64,
) -> Result<AlertScore, String> {
    Ok(alerts_at(&files(labels, scores)?, labels.rules, threshold))
}

/// Scores and windows of a file.
type File<'a> = (&'a [f64], &'a [(usize, usize)]);

fn files<'a>(labels: &'a Labels, scores: &'a BTreeMap<String, Vec<f64>>) -> Result<Vec<File<'a>>, String> {
    let mut files = Vec::new();
    for (name, windows) in &labels.windows {
        let scores = scores.get(name).ok_or_else(|| format!("{name}.csv is labelled but was not given"))?;
        if scores.iter().any(|score| score.is_nan()) {
            return Err(format!("{name}.csv: a score is not a number"));
        }
        let rows = scores.len();
        for (first, last) in windows {
            // Such a window could be found by no alert, and would count as an event that was missed.
            if last < first {
                return Err(format!("{name}.csv: the window [{first}, {last}] ends before it starts"));
            }
            if *last >= rows {
                return Err(format!(
                    "{name}.csv: the window [{first}, {last}] reaches beyond the file: {}, numbered from 0",
                    Count(rows as u64, "row")
                ));
            }
        }
        files.push((scores.as_slice(), windows.as_slice()));
    }
    Ok(files)
}

fn alerts_at(files: &[File<'_>], rules: Rules, threshold: f64) -> AlertScore {
    let opened: Vec<_> = files.iter().map(|(scores, _)| starts(scores, threshold, rules)).collect();
    let raised = files.iter().zip(&opened).map(|((_, windows), opened)| Raised {
        opened,
        windows,
        late: rules.late,
        probation: rules.probation,
    });
    alert_score::score(raised)
}

/// Rows at which alerts start.
fn starts(scores: &[f64], threshold: f64, rules: Rules) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut last: Option<usize> = None;
    for (row, score) in scores.iter().enumerate().skip(rules.probation) {
        if *score >= threshold {
            if last.is_none_or(|last| row - last > rules.quiet) {
                starts.push(row);
            }
            last = Some(row);
        }
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(windows: &[(usize, usize)]) -> Labels {
        let rules = Rules { late: 5, quiet: 10, probation: 20 };
        Labels { rules, windows: BTreeMap::from([("x".to_owned(), windows.to_vec())]) }
    }

    fn scored(windows: &[(usize, usize)], high: &[usize]) -> EventScore {
        let mut scores = vec![0.0; 200];
        // The second highest score is the highest threshold that is tried.
        high.iter().zip(1..).for_each(|(row, rank)| scores[*row] = 0.9 + 0.01 * f64::from(rank));
        score(&labels(windows), &BTreeMap::from([("x".to_owned(), scores)])).unwrap()
    }

    #[test]
    fn found_late_and_false() {
        let two = [(50, 60), (100, 110)];
        let best = scored(&two, &[50, 115]);
        assert_eq!((best.f1, best.false_alerts, best.events, best.rows), (1.0, 0, 2, 200));
        let best = scored(&two, &[50, 116]);
        assert_eq!((best.recall, best.precision, best.false_alerts), (0.5, 0.5, 1));
        assert_eq!(best.recall_at_1_in_5000, 0.0, "no false alert is allowed in 200 rows");
        assert_eq!(scored(&two, &[50, 51, 10]).recall, 0.5, "probation counts for nothing");
    }

    #[test]
    fn of_a_file_events_and_false_alerts_are_counted_at_any_threshold() {
        let mut scores = vec![0.0; 200];
        (scores[52], scores[55], scores[150]) = (0.9, 0.95, 0.5);
        let scores = BTreeMap::from([("x".to_owned(), scores)]);
        let at = |threshold| {
            let alerts = score_at(&labels(&[(50, 60), (100, 110)]), &scores, threshold).unwrap();
            (alerts.found, alerts.false_alerts)
        };
        assert_eq!(at(0.9), (1, 0));
        assert_eq!(at(0.5), (1, 1));
        assert_eq!(at(0.99), (0, 0));
    }

    #[test]
    fn an_alert_that_started_before_the_window_does_not_find_it() {
        assert_eq!(scored(&[(50, 60)], &[45, 52]).recall, 0.0);
        assert_eq!(scored(&[(50, 60)], &[39, 52]).recall, 1.0);
    }

    #[test]
    fn what_can_not_be_scored_is_an_error() {
        let error = score(&labels(&[(1, 2)]), &BTreeMap::new()).unwrap_err();
        assert_eq!(error, "x.csv is labelled but was not given");
        let nan = BTreeMap::from([("x".to_owned(), vec![f64::NAN])]);
        assert_eq!(score(&labels(&[(1, 2)]), &nan).unwrap_err(), "x.csv: a score is not a number");
        let rows = BTreeMap::from([("x".to_owned(), vec![0.0; 200])]);
        for (window, error) in [
            ((20, 10), "x.csv: the window [20, 10] ends before it starts"),
            ((190, 200), "x.csv: the window [190, 200] reaches beyond the file: 200 rows, numbered from 0"),
        ] {
            assert_eq!(score(&labels(&[(50, 60), window]), &rows).unwrap_err(), error);
        }
        assert!(score(&labels(&[(50, 60), (190, 199)]), &rows).is_ok());
    }
}
