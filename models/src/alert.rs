//! Alerts: episodes of unusual observations on a series, opened and closed once.

use crate::codec::{CodecError, Reader, put_bytes, put_f64, put_i64, put_varint};
use crate::observation::{decode_source, encode_position, encode_source};
use crate::position::Source;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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

/// The past episode of a series that an alert is most like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NearestEpisode {
    /// The alert of that episode.
    pub id: AlertId,
    /// When it opened, Unix milliseconds.
    pub opened_ms: i64,
    /// How long it was open, in milliseconds.
    pub duration_ms: i64,
    /// How alike the leading fields deviate at the peaks of both, 0 to 1.
    pub similarity: f64,
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
    /// Of the last episodes of the series, the one that is most like this; `None` for silences, and where there is none.
    pub nearest: Option<NearestEpisode>,
    /// One plain sentence.
    pub why: String,
    /// Id of the snapshot that scored it.
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

impl AlertId {
    /// The id of the alert that the observation at `source` opens on a series.
    pub fn new(kind: AlertKind, series: &str, source: &Source) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.push(kind as u8);
        put_bytes(&mut bytes, source.stream.as_bytes());
        put_bytes(&mut bytes, series.as_bytes());
        put_bytes(&mut bytes, source.shard.as_bytes());
        encode_position(&source.position, &mut bytes);
        let hash: [u8; 32] = Sha256::digest(&bytes).into();
        Self(*hash.first_chunk().expect("16 of 32 bytes"))
    }
}

/// Version of the binary form, its first byte.
const VERSION: u8 = 2;

impl Alert {
    /// Appends the binary form (docs/FORMATS.md, "Alert"). Equal alerts give equal bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend_from_slice(&self.id.0);
        put_bytes(out, self.series.as_bytes());
        out.push(self.kind as u8);
        out.push(self.severity as u8);
        put_i64(out, self.opened_ms);
        put_i64(out, self.last_ms);
        out.push(u8::from(self.closed_ms.is_some()));
        if let Some(closed_ms) = self.closed_ms {
            put_i64(out, closed_ms);
        }
        put_f64(out, self.surprise);
        put_f64(out, self.anomaly_score);
        put_varint(out, self.observations);
        put_varint(out, self.fields.len() as u64);
        for field in &self.fields {
            put_bytes(out, field.name.as_bytes());
            for value in [field.observed, field.expected, field.lower, field.upper, field.contribution] {
                put_f64(out, value);
            }
        }
        out.push(u8::from(self.nearest.is_some()));
        if let Some(nearest) = &self.nearest {
            out.extend_from_slice(&nearest.id.0);
            put_i64(out, nearest.opened_ms);
            put_i64(out, nearest.duration_ms);
            put_f64(out, nearest.similarity);
        }
        put_bytes(out, self.why.as_bytes());
        out.extend_from_slice(&self.snapshot);
        encode_source(&self.source, out);
    }

    /// Reads back what [`Alert::encode`] wrote.
    ///
    /// # Errors
    /// Where the bytes are of another version, cut short, or not of this form.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(CodecError("an alert of another version"));
        }
        let id = AlertId(reader.array()?);
        let series = reader.text()?.into();
        let kind = match reader.u8()? {
            0 => AlertKind::Anomaly,
            1 => AlertKind::Silence,
            _ => return Err(CodecError("an unknown kind of alert")),
        };
        let severity = match reader.u8()? {
            0 => Severity::Info,
            1 => Severity::Warning,
            2 => Severity::Critical,
            _ => return Err(CodecError("an unknown severity")),
        };
        let opened_ms = reader.i64()?;
        let last_ms = reader.i64()?;
        let closed_ms = if reader.bool()? { Some(reader.i64()?) } else { None };
        let surprise = reader.f64()?;
        let anomaly_score = reader.f64()?;
        let observations = reader.varint()?;
        let count = reader.length(41)?;
        let mut fields = Vec::with_capacity(count);
        for _ in 0..count {
            fields.push(FieldEvidence {
                name: reader.text()?.into(),
                observed: reader.f64()?,
                expected: reader.f64()?,
                lower: reader.f64()?,
                upper: reader.f64()?,
                contribution: reader.f64()?,
            });
        }
        let nearest = match reader.bool()? {
            true => Some(NearestEpisode {
                id: AlertId(reader.array()?),
                opened_ms: reader.i64()?,
                duration_ms: reader.i64()?,
                similarity: reader.f64()?,
            }),
            false => None,
        };
        let why = reader.text()?.into();
        let snapshot = reader.array()?;
        let source = decode_source(&mut reader)?;
        reader.end()?;
        Ok(Self {
            id,
            series,
            kind,
            severity,
            opened_ms,
            last_ms,
            closed_ms,
            surprise,
            anomaly_score,
            observations,
            fields,
            nearest,
            why,
            snapshot,
            source,
        })
    }
}

impl AlertEvent {
    /// Appends the binary form: the change as one byte, then the alert.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.change as u8);
        self.alert.encode(out);
    }

    /// Reads back what [`AlertEvent::encode`] wrote.
    ///
    /// # Errors
    /// Where the bytes are not of this form.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let (change, alert) = bytes.split_first().ok_or(CodecError("an event without bytes"))?;
        let change = match change {
            0 => Change::Opened,
            1 => Change::Escalated,
            2 => Change::Closed,
            _ => return Err(CodecError("an unknown change of an alert")),
        };
        Ok(Self { change, alert: Alert::decode(alert)? })
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Position;

    fn source() -> Source {
        let position = Position { sequence: [7; 24], index: 3 };
        Source { stream: "events".into(), shard: "shardId-000000000001".into(), position }
    }

    fn alert() -> Alert {
        Alert {
            id: AlertId::new(AlertKind::Anomaly, "cpu", &source()),
            series: "cpu".into(),
            kind: AlertKind::Anomaly,
            severity: Severity::Critical,
            opened_ms: 1_700_000_000_000,
            last_ms: 1_700_000_001_000,
            closed_ms: Some(-1),
            surprise: 9.5,
            anomaly_score: 0.75,
            observations: 300,
            fields: vec![FieldEvidence {
                name: "user".into(),
                observed: f64::INFINITY,
                expected: 4.0,
                lower: 3.0,
                upper: 5.0,
                contribution: 1.0,
            }],
            nearest: Some(NearestEpisode {
                id: AlertId([5; 16]),
                opened_ms: 1_600_000_000_000,
                duration_ms: 60_000,
                similarity: 0.875,
            }),
            why: "it was so".into(),
            snapshot: [9; 32],
            source: source(),
        }
    }

    #[test]
    fn an_event_comes_back_from_its_bytes() {
        for (change, closed_ms) in
            [(Change::Opened, None), (Change::Escalated, None), (Change::Closed, Some(5))]
        {
            let nearest = closed_ms.and(alert().nearest);
            let event = AlertEvent { change, alert: Alert { closed_ms, nearest, ..alert() } };
            let mut bytes = Vec::new();
            event.encode(&mut bytes);
            assert_eq!(AlertEvent::decode(&bytes), Ok(event));
        }
    }

    #[test]
    fn bytes_cut_short_or_too_long_are_refused() {
        let mut bytes = Vec::new();
        alert().encode(&mut bytes);
        for length in 0..bytes.len() {
            assert!(Alert::decode(&bytes[..length]).is_err(), "{length} bytes were taken");
        }
        bytes.push(0);
        assert!(Alert::decode(&bytes).is_err());
    }

    #[test]
    fn an_id_depends_on_all_that_it_stands_for() {
        let id = AlertId::new(AlertKind::Anomaly, "cpu", &source());
        assert_eq!(id, AlertId::new(AlertKind::Anomaly, "cpu", &source()));
        assert_eq!(id.to_string().len(), 32);
        let mut elsewhere = source();
        elsewhere.position.index = 4;
        for other in [
            AlertId::new(AlertKind::Silence, "cpu", &source()),
            AlertId::new(AlertKind::Anomaly, "cpu2", &source()),
            AlertId::new(AlertKind::Anomaly, "cpu", &elsewhere),
        ] {
            assert_ne!(id, other);
        }
    }
}
