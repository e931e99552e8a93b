//! Quality of the alerts themselves, as they were raised under the budget: no threshold is chosen afterwards.
//!
//! An event is found by an alert that opens inside its window or at most `late` rows behind; an alert that opens
//! outside all of these is false. The first `probation` rows of a file count for nothing.

use kizashi_models::plural::Count;
use std::fmt;

/// The alerts of one file, and the events in it.
#[derive(Clone, Copy, Debug)]
pub struct Raised<'a> {
    /// Rows at which alerts opened, from 0, in order.
    pub opened: &'a [usize],
    /// First and last row of each event.
    pub windows: &'a [(usize, usize)],
    /// How far behind its window an event may still be found, in rows.
    pub late: usize,
    /// Rows at the start that count for nothing.
    pub probation: usize,
}

/// How well alerts fit labelled events.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AlertScore {
    /// Alerts behind the probation.
    pub alerts: usize,
    /// Those that opened in no event.
    pub false_alerts: usize,
    /// Labelled events.
    pub events: usize,
    /// Those that were found.
    pub found: usize,
    /// Rows from an event's start to the alert that found it: the median, where any was found.
    pub delay_rows: Option<usize>,
}

impl AlertScore {
    /// Share of events among events found and false alerts: several alerts on one event count once.
    pub fn precision(&self) -> f64 {
        self.found as f64 / (self.found + self.false_alerts).max(1) as f64
    }

    /// Share of events that were found.
    pub fn recall(&self) -> f64 {
        self.found as f64 / self.events.max(1) as f64
    }

    /// Harmonic mean of both.
    pub fn f1(&self) -> f64 {
        let (precision, recall) = (self.precision(), self.recall());
        if self.found > 0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 }
    }
}

impl fmt::Display for AlertScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { alerts, false_alerts, events, found, delay_rows } = self;
        write!(
            f,
            "alerts    F1 {:.3}  precision {:.3}  recall {:.3}  false {false_alerts} of {alerts}  \
             events {found}/{events}",
            self.f1(),
            self.precision(),
            self.recall()
        )?;
        match delay_rows {
            Some(delay) => write!(f, "  median delay {}", Count(*delay as u64, "row")),
            None => Ok(()),
        }
    }
}

/// Scores the alerts of all files.
pub fn score<'a>(files: impl Iterator<Item = Raised<'a>>) -> AlertScore {
    let mut score = AlertScore::default();
    let mut delays = Vec::new();
    for Raised { opened, windows, late, probation } in files {
        let opened = &opened[opened.partition_point(|row| *row < probation)..];
        let hits = |window: &(usize, usize), row: usize| window.0 <= row && row <= window.1 + late;
        score.alerts += opened.len();
        score.events += windows.len();
        score.false_alerts +=
            opened.iter().filter(|row| !windows.iter().any(|window| hits(window, **row))).count();
        let first = |window: &(usize, usize)| opened.iter().find(|row| hits(window, **row));
        delays.extend(windows.iter().filter_map(|window| Some(first(window)? - window.0)));
    }
    delays.sort_unstable();
    score.found = delays.len();
    score.delay_rows = delays.get(delays.len() / 2).copied();
    score
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(opened: &[usize]) -> AlertScore {
        let windows = [(50, 60), (100, 110), (150, 160)];
        score([Raised { opened, windows: &windows, late: 5, probation: 20 }].into_iter())
    }

    #[test]
    fn found_late_missed_and_false() {
        let score = scored(&[10, 30, 53, 58, 115, 166]);
        assert_eq!((score.alerts, score.false_alerts), (5, 2), "10 is in the probation, 166 is too late");
        assert_eq!((score.found, score.events, score.delay_rows), (2, 3, Some(15)));
        assert_eq!((score.precision(), score.recall()), (0.5, 2.0 / 3.0));
        assert_eq!(
            score.to_string(),
            "alerts    F1 0.571  precision 0.500  recall 0.667  false 2 of 5  events 2/3  median delay 15 rows"
        );
    }

    #[test]
    fn without_alerts_nothing_is_found() {
        let score = scored(&[]);
        assert_eq!((score.f1(), score.precision(), score.delay_rows), (0.0, 0.0, None));
    }
}
