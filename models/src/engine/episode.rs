//! Episodes: when an alert of unusual observations opens, worsens and closes.

use crate::alert::{Alert, AlertId, AlertKind, FieldEvidence, Severity};
use crate::codec::{CodecError, Reader, put_bytes, put_f64, put_i64, put_varint};
use crate::detector::Scored;
use crate::engine::budget::SURPRISE_MIN;
use crate::engine::past::Past;
use crate::engine::why;
use crate::position::Source;

/// An episode goes on while surprise stays above this share of the threshold that opened it.
const HYSTERESIS: f64 = 0.5;
/// It ends after so many usual observations in a row,
const QUIET_OBSERVATIONS: u32 = 20;
/// or after so few where they took long,
const QUIET_OBSERVATIONS_SLOW: u32 = 3;
const QUIET_SLOW_MS: i64 = 6 * 3_600_000;
/// or where the series sends no more, after the time of so many, within these bounds.
const QUIET_MS_MIN: i64 = 10_000;
const QUIET_MS_MAX: i64 = 86_400_000;
/// Orders of magnitude above the opening threshold at which a severity begins.
const WARNING_ABOVE: f64 = 1.0;
const CRITICAL_ABOVE: f64 = 3.0;
/// Fields that an alert keeps.
const EVIDENCE_MAX: usize = 16;

/// One observation as it was scored.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) series: &'a str,
    pub(super) fields: &'a [Box<str>],
    pub(super) values: &'a [f64],
    pub(super) time_ms: i64,
    pub(super) scored: &'a Scored,
    /// Whether it is to be ignored, and so counts as usual.
    pub(super) ignored: bool,
    /// The series' past episodes.
    pub(super) past: &'a Past,
}

/// What an observation does to an open episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Goes,
    Escalates,
    Ends,
}

/// An open episode.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Episode {
    pub(super) alert: Alert,
    threshold: f64,
    quiet: u32,
    /// Whether its alert waits for the end of quiet hours; it has not been told of.
    pub(super) waits: bool,
    /// Stream time at which it closes if nothing more comes.
    pub(super) closes_ms: i64,
}

impl Episode {
    /// The episode that an observation opens whose surprise reached `threshold`.
    pub(super) fn open(seen: Seen<'_>, threshold: f64, source: Source, snapshot: [u8; 32]) -> Self {
        let (fields, still) = evidence(seen);
        let nearest = seen.past.nearest(&fields, seen.fields);
        let why = why::anomaly(seen.series, &fields, &still, nearest.as_ref(), [seen.time_ms; 2]);
        Self {
            alert: Alert {
                id: AlertId::new(AlertKind::Anomaly, seen.series, &source),
                series: seen.series.into(),
                kind: AlertKind::Anomaly,
                severity: severity(seen.scored.surprise, threshold),
                opened_ms: seen.time_ms,
                last_ms: seen.time_ms,
                closed_ms: None,
                surprise: seen.scored.surprise,
                anomaly_score: seen.scored.anomaly_score,
                observations: 1,
                why,
                fields,
                nearest,
                snapshot,
                source,
            },
            threshold,
            quiet: 0,
            waits: false,
            closes_ms: i64::MAX,
        }
    }

    /// Whether the last observation was an unusual one.
    pub(super) fn is_going_on(&self) -> bool {
        self.quiet == 0
    }

    /// Takes in the next observation of the series.
    pub(super) fn observe(&mut self, seen: Seen<'_>) -> Step {
        if seen.ignored || seen.scored.surprise < (self.threshold * HYSTERESIS).max(SURPRISE_MIN) {
            self.quiet += 1;
            let slow = self.quiet >= QUIET_OBSERVATIONS_SLOW
                && seen.time_ms.saturating_sub(self.alert.last_ms) >= QUIET_SLOW_MS;
            return if slow || self.quiet >= QUIET_OBSERVATIONS { Step::Ends } else { Step::Goes };
        }
        let alert = &mut self.alert;
        self.quiet = 0;
        alert.last_ms = seen.time_ms.max(alert.last_ms);
        alert.observations += 1;
        alert.anomaly_score = alert.anomaly_score.max(seen.scored.anomaly_score);
        if seen.scored.surprise <= alert.surprise {
            return Step::Goes;
        }
        alert.surprise = seen.scored.surprise;
        let (fields, still) = evidence(seen);
        alert.fields = fields;
        alert.nearest = seen.past.nearest(&alert.fields, seen.fields);
        let nearest = alert.nearest.as_ref();
        let times_ms = [alert.opened_ms, seen.time_ms];
        alert.why = why::anomaly(seen.series, &alert.fields, &still, nearest, times_ms);
        let severity = severity(alert.surprise, self.threshold);
        if severity <= alert.severity {
            return Step::Goes;
        }
        alert.severity = severity;
        Step::Escalates
    }

    /// Puts off the end that comes if the series sends no more after `seen_ms` of stream time.
    pub(super) fn wait(&mut self, seen_ms: i64, usual_pause_ms: f64) {
        let quiet_ms = (usual_pause_ms * f64::from(QUIET_OBSERVATIONS)) as i64;
        self.closes_ms = seen_ms.saturating_add(quiet_ms.clamp(QUIET_MS_MIN, QUIET_MS_MAX));
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut alert = Vec::new();
        self.alert.encode(&mut alert);
        put_bytes(out, &alert);
        put_f64(out, self.threshold);
        put_varint(out, u64::from(self.quiet));
        out.push(u8::from(self.waits));
        put_i64(out, self.closes_ms);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            alert: Alert::decode(reader.bytes()?)?,
            threshold: reader.f64()?,
            quiet: reader.varint()? as u32,
            waits: reader.bool()?,
            closes_ms: reader.i64()?,
        })
    }
}

fn severity(surprise: f64, threshold: f64) -> Severity {
    match surprise - threshold {
        above if above >= CRITICAL_ABOVE => Severity::Critical,
        above if above >= WARNING_ABOVE => Severity::Warning,
        _ => Severity::Info,
    }
}

/// The fields that contributed most, the first of them first; equal ones in the order of their names. And of each whether
/// it stands still.
fn evidence(seen: Seen<'_>) -> (Vec<FieldEvidence>, Vec<bool>) {
    let mut order: Vec<usize> = (0..seen.fields.len()).collect();
    let contribution = |at: usize| seen.scored.fields[at].contribution;
    order.sort_by(|a, b| {
        contribution(*b).total_cmp(&contribution(*a)).then_with(|| seen.fields[*a].cmp(&seen.fields[*b]))
    });
    order.truncate(EVIDENCE_MAX);
    let evidence = order.into_iter().map(|at| {
        let score = &seen.scored.fields[at];
        let evidence = FieldEvidence {
            name: seen.fields[at].clone(),
            observed: seen.values[at],
            expected: score.expected,
            lower: score.lower,
            upper: score.upper,
            contribution: score.contribution,
        };
        (evidence, score.still)
    });
    evidence.unzip()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::FieldScore;
    use crate::position::Position;

    fn with_surprise<T>(surprise: f64, time_ms: i64, take: impl FnOnce(Seen<'_>) -> T) -> T {
        let fields = [
            FieldScore { expected: 1.0, lower: 0.0, upper: 2.0, contribution: 0.25, still: false },
            FieldScore { expected: 1.0, lower: 0.0, upper: 2.0, contribution: 0.75, still: false },
        ];
        let scored = Scored {
            surprise,
            by_evidence: surprise,
            onset: surprise,
            anomaly_score: 0.5,
            fields: fields.to_vec(),
        };
        take(Seen {
            series: "x",
            fields: &["a".into(), "b".into()],
            values: &[5.0, 9.0],
            time_ms,
            scored: &scored,
            ignored: false,
            past: &Past::default(),
        })
    }

    fn open(surprise: f64) -> Episode {
        let source = Source { stream: "events".into(), shard: "0".into(), position: Position::default() };
        with_surprise(surprise, 1000, |seen| Episode::open(seen, 4.0, source, [0; 32]))
    }

    #[test]
    fn the_field_that_contributed_most_comes_first() {
        let names: Vec<_> = open(5.0).alert.fields.into_iter().map(|field| field.name).collect();
        assert_eq!(names, ["b".into(), "a".into()]);
    }

    #[test]
    fn it_goes_on_above_the_lower_threshold_and_ends_after_quiet() {
        let mut episode = open(5.0);
        for at in 0..QUIET_OBSERVATIONS - 1 {
            assert_eq!(with_surprise(1.9, 2000 + i64::from(at), |seen| episode.observe(seen)), Step::Goes);
        }
        assert_eq!(with_surprise(2.1, 3000, |seen| episode.observe(seen)), Step::Goes);
        assert_eq!((episode.alert.last_ms, episode.alert.observations), (3000, 2));
        for at in 0..QUIET_OBSERVATIONS - 1 {
            assert_eq!(with_surprise(0.0, 4000 + i64::from(at), |seen| episode.observe(seen)), Step::Goes);
        }
        assert_eq!(with_surprise(0.0, 5000, |seen| episode.observe(seen)), Step::Ends);
    }

    #[test]
    fn a_slow_series_ends_it_in_fewer_observations() {
        let mut episode = open(5.0);
        assert_eq!(with_surprise(0.0, QUIET_SLOW_MS, |seen| episode.observe(seen)), Step::Goes);
        assert_eq!(with_surprise(0.0, 2 * QUIET_SLOW_MS, |seen| episode.observe(seen)), Step::Goes);
        assert_eq!(with_surprise(0.0, 3 * QUIET_SLOW_MS, |seen| episode.observe(seen)), Step::Ends);
    }

    #[test]
    fn severity_rises_with_the_peak_and_never_falls() {
        let mut episode = open(4.5);
        assert_eq!(episode.alert.severity, Severity::Info);
        assert_eq!(with_surprise(5.5, 2000, |seen| episode.observe(seen)), Step::Escalates);
        assert_eq!(episode.alert.severity, Severity::Warning);
        assert_eq!(with_surprise(4.5, 3000, |seen| episode.observe(seen)), Step::Goes);
        assert_eq!(with_surprise(8.0, 4000, |seen| episode.observe(seen)), Step::Escalates);
        assert_eq!(episode.alert.severity, Severity::Critical);
        assert_eq!(episode.alert.surprise, 8.0);
    }

    #[test]
    fn it_comes_back_from_its_bytes() {
        let mut episode = open(5.0);
        episode.wait(5000, 1000.0);
        assert_eq!(episode.closes_ms, 25_000);
        let mut bytes = Vec::new();
        episode.encode(&mut bytes);
        let mut reader = Reader::new(&bytes);
        assert_eq!(Episode::decode(&mut reader), Ok(episode));
        assert_eq!(reader.end(), Ok(()));
    }
}
