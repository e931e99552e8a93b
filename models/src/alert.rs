//! Alerts: episodes of unusual observations on a series, opened and closed once.

use crate::position::Source;
use std::fmt;

/// Identifies an alert: a hash of the stream, the series, and the source position of the record that
/// opened it, so that a replay gives the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId(pub [u8; 16]);

/// What sort of episode an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertKind {
    /// Observations that were unusual for their series.
    Anomaly,
    /// A series that used to report has gone silent.
    Silence,
}

/// How far an alert deserves attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Unusual, may wait.
    Info,
    /// Deserves a look today.
    Warning,
    /// Deserves a look now.
    Critical,
}

/// One field of a series at the peak of an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldEvidence {
    /// Name of the field; empty for a series of one unnamed value.
    pub name: Box<str>,
    /// What was observed.
    pub observed: f64,
    /// What was expected.
    pub expected: f64,
    /// Lower end of the band of usual observations.
    pub lower: f64,
    /// Upper end of that band.
    pub upper: f64,
    /// Share of the surprise, 0 to 1.
    pub contribution: f64,
}

/// An episode of unusual observations on one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Same after a replay.
    pub id: AlertId,
    /// Key of the series.
    pub series: Box<str>,
    /// What sort of episode.
    pub kind: AlertKind,
    /// From the peak surprise.
    pub severity: Severity,
    /// Time of the observation that opened it, Unix milliseconds.
    pub opened_ms: i64,
    /// Time of the last unusual observation so far.
    pub last_ms: i64,
    /// When the series was back to usual; `None` while open.
    pub closed_ms: Option<i64>,
    /// Peak surprise.
    pub surprise: f64,
    /// Peak anomaly score.
    pub anomaly_score: f64,
    /// Unusual observations so far.
    pub observations: u64,
    /// What was seen at the peak, the field that contributed most first.
    pub fields: Vec<FieldEvidence>,
    /// One plain sentence.
    pub why: String,
    /// SHA-256 of the parameters that scored it.
    pub snapshot: [u8; 32],
    /// The observation that opened it.
    pub source: Source,
}

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was opened.
    Opened,
    /// Still open, it has become more severe.
    Escalated,
    /// The series is back to usual.
    Closed,
}

/// A change of an alert, with the alert as it is after the change.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertEvent {
    /// What happened.
    pub change: Change,
    /// The alert after it.
    pub alert: Alert,
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AlertId({self})")
    }
}
