//! The protobuf form of commits, dead letters and alerts, as docs/FORMATS.md describes it.

use crate::commit::{Commit, Control, ControlEntry, DeadLetter};
use kizashi_models::{
    alert::{Alert, AlertEvent, AlertId, AlertKind, Change, FieldEvidence, NearestEpisode, Severity},
    position::{Position, Source},
};
use prost::Message;

/// Bytes of a position: the sequence number and the index, most significant byte first, so that the order
/// of bytes is the order of positions.
pub const POSITION_BYTES: usize = 28;

/// Bytes that are not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// They are no protobuf message of the kind.
    #[error("not a {0}: {1}")]
    Message(&'static str, prost::DecodeError),
    /// A field holds what it can't.
    #[error("field {field} of the {message} holds {value}")]
    Field {
        /// Name of the message.
        message: &'static str,
        /// Name of the field.
        field: &'static str,
        /// What it holds.
        value: String,
    },
}

/// The ordered bytes of a position.
pub fn position_to_bytes(position: &Position) -> [u8; POSITION_BYTES] {
    let mut bytes = [0; POSITION_BYTES];
    bytes[..24].copy_from_slice(&position.sequence);
    bytes[24..].copy_from_slice(&position.index.to_be_bytes());
    bytes
}

/// Reads back what [`position_to_bytes`] wrote; `None` where the length is another.
pub fn position_from_bytes(bytes: &[u8]) -> Option<Position> {
    let (sequence, index) = bytes.split_at_checked(24)?;
    Some(Position { sequence: sequence.try_into().ok()?, index: u32::from_be_bytes(index.try_into().ok()?) })
}

/// Encodes a commit.
pub fn encode_commit(commit: &Commit) -> Vec<u8> {
    wire::Commit::from(commit).encode_to_vec()
}

/// Decodes a commit.
pub fn decode_commit(bytes: &[u8]) -> Result<Commit, DecodeError> {
    wire::Commit::decode(bytes).map_err(|e| DecodeError::Message("commit", e))?.try_into()
}

/// Encodes an alert.
pub fn encode_alert(alert: &Alert) -> Vec<u8> {
    wire::Alert::from(alert).encode_to_vec()
}

/// Decodes an alert.
pub fn decode_alert(bytes: &[u8]) -> Result<Alert, DecodeError> {
    wire::Alert::decode(bytes).map_err(|e| DecodeError::Message("alert", e))?.try_into()
}

/// Encodes a dead letter.
pub fn encode_dead_letter(letter: &DeadLetter) -> Vec<u8> {
    wire::DeadLetter::from(letter).encode_to_vec()
}

/// Decodes a dead letter.
pub fn decode_dead_letter(bytes: &[u8]) -> Result<DeadLetter, DecodeError> {
    wire::DeadLetter::decode(bytes).map_err(|e| DecodeError::Message("dead letter", e))?.try_into()
}

/// The messages as prost derives them.
mod wire {
    use prost::{Message, Oneof};

    #[derive(Clone, PartialEq, Message)]
    pub struct Commit {
        #[prost(bytes = "vec", tag = "1")]
        pub position: Vec<u8>,
        #[prost(sint64, tag = "2")]
        pub stream_time_ms: i64,
        #[prost(message, repeated, tag = "3")]
        pub events: Vec<AlertEvent>,
        #[prost(message, repeated, tag = "4")]
        pub dead_letters: Vec<DeadLetter>,
        #[prost(message, repeated, tag = "5")]
        pub control: Vec<ControlEntry>,
        #[prost(uint64, tag = "6")]
        pub lease: u64,
        #[prost(uint32, tag = "7")]
        pub engine_version: u32,
        #[prost(fixed64, tag = "8")]
        pub digest: u64,
        #[prost(uint64, tag = "9")]
        pub records: u64,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct DeadLetter {
        #[prost(message, optional, tag = "1")]
        pub source: Option<Source>,
        #[prost(sint64, tag = "2")]
        pub arrival_ms: i64,
        #[prost(string, tag = "3")]
        pub reason: String,
        #[prost(string, tag = "4")]
        pub excerpt: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct ControlEntry {
        #[prost(bytes = "vec", tag = "1")]
        pub position: Vec<u8>,
        #[prost(oneof = "Control", tags = "2, 3, 4")]
        pub control: Option<Control>,
    }

    #[derive(Clone, PartialEq, Oneof)]
    pub enum Control {
        #[prost(message, tag = "2")]
        Engine(Engine),
        #[prost(sint64, tag = "3")]
        TickMs(i64),
        #[prost(message, tag = "4")]
        SettleDeadLetters(Letters),
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Engine {
        #[prost(bytes = "vec", tag = "1")]
        pub snapshot: Vec<u8>,
        #[prost(string, tag = "2")]
        pub config: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Letters {
        #[prost(message, repeated, tag = "1")]
        pub sources: Vec<Source>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Source {
        #[prost(string, tag = "1")]
        pub stream: String,
        #[prost(string, tag = "2")]
        pub shard: String,
        #[prost(bytes = "vec", tag = "3")]
        pub position: Vec<u8>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct AlertEvent {
        #[prost(uint32, tag = "1")]
        pub change: u32,
        #[prost(message, optional, tag = "2")]
        pub alert: Option<Alert>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Alert {
        #[prost(bytes = "vec", tag = "1")]
        pub id: Vec<u8>,
        #[prost(string, tag = "2")]
        pub series: String,
        #[prost(uint32, tag = "3")]
        pub kind: u32,
        #[prost(uint32, tag = "4")]
        pub severity: u32,
        #[prost(sint64, tag = "5")]
        pub opened_ms: i64,
        #[prost(sint64, tag = "6")]
        pub last_ms: i64,
        #[prost(sint64, optional, tag = "7")]
        pub closed_ms: Option<i64>,
        #[prost(double, tag = "8")]
        pub surprise: f64,
        #[prost(double, tag = "9")]
        pub anomaly_score: f64,
        #[prost(uint64, tag = "10")]
        pub observations: u64,
        #[prost(message, repeated, tag = "11")]
        pub fields: Vec<FieldEvidence>,
        #[prost(string, tag = "12")]
        pub why: String,
        #[prost(bytes = "vec", tag = "13")]
        pub snapshot: Vec<u8>,
        #[prost(message, optional, tag = "14")]
        pub source: Option<Source>,
        #[prost(message, optional, tag = "15")]
        pub nearest: Option<NearestEpisode>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct NearestEpisode {
        #[prost(bytes = "vec", tag = "1")]
        pub id: Vec<u8>,
        #[prost(sint64, tag = "2")]
        pub opened_ms: i64,
        #[prost(sint64, tag = "3")]
        pub duration_ms: i64,
        #[prost(double, tag = "4")]
        pub similarity: f64,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct FieldEvidence {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(double, tag = "2")]
        pub observed: f64,
        #[prost(double, tag = "3")]
        pub expected: f64,
        #[prost(double, tag = "4")]
        pub lower: f64,
        #[prost(double, tag = "5")]
        pub upper: f64,
        #[prost(double, tag = "6")]
        pub contribution: f64,
    }
}

fn position(message: &'static str, bytes: &[u8]) -> Result<Position, DecodeError> {
    position_from_bytes(bytes).ok_or_else(|| DecodeError::Field {
        message,
        field: "position",
        value: format!("{} bytes instead of {POSITION_BYTES}", bytes.len()),
    })
}

fn exactly<const N: usize>(
    message: &'static str,
    field: &'static str,
    bytes: &[u8],
) -> Result<[u8; N], DecodeError> {
    bytes.try_into().map_err(|_| DecodeError::Field {
        message,
        field,
        value: format!("{} bytes instead of {N}", bytes.len()),
    })
}

fn unknown(message: &'static str, field: &'static str, value: u32) -> DecodeError {
    DecodeError::Field { message, field, value: format!("{value}, which this version does not know") }
}

fn letters_to_wire(letters: &[Source]) -> wire::Letters {
    wire::Letters { sources: letters.iter().map(Into::into).collect() }
}

fn letters_from_wire(letters: wire::Letters) -> Result<Vec<Source>, DecodeError> {
    letters.sources.into_iter().map(TryInto::try_into).collect()
}

fn source(message: &'static str, source: Option<wire::Source>) -> Result<Source, DecodeError> {
    let nothing = || DecodeError::Field { message, field: "source", value: "nothing".into() };
    source.ok_or_else(nothing)?.try_into()
}

impl From<&Source> for wire::Source {
    fn from(source: &Source) -> Self {
        Self {
            stream: source.stream.to_string(),
            shard: source.shard.to_string(),
            position: position_to_bytes(&source.position).to_vec(),
        }
    }
}

impl TryFrom<wire::Source> for Source {
    type Error = DecodeError;

    fn try_from(source: wire::Source) -> Result<Self, DecodeError> {
        Ok(Self {
            stream: source.stream.into_boxed_str(),
            shard: source.shard.into_boxed_str(),
            position: position("source", &source.position)?,
        })
    }
}

impl From<&Commit> for wire::Commit {
    fn from(commit: &Commit) -> Self {
        Self {
            position: position_to_bytes(&commit.position).to_vec(),
            stream_time_ms: commit.stream_time_ms,
            events: commit.events.iter().map(Into::into).collect(),
            dead_letters: commit.dead_letters.iter().map(Into::into).collect(),
            control: commit.control.iter().map(Into::into).collect(),
            lease: commit.lease,
            engine_version: commit.engine_version,
            digest: commit.digest,
            records: commit.records,
        }
    }
}

impl TryFrom<wire::Commit> for Commit {
    type Error = DecodeError;

    fn try_from(commit: wire::Commit) -> Result<Self, DecodeError> {
        Ok(Self {
            position: position("commit", &commit.position)?,
            stream_time_ms: commit.stream_time_ms,
            events: commit.events.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            dead_letters: commit.dead_letters.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            control: commit.control.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            lease: commit.lease,
            engine_version: commit.engine_version,
            digest: commit.digest,
            records: commit.records,
        })
    }
}

impl From<&DeadLetter> for wire::DeadLetter {
    fn from(letter: &DeadLetter) -> Self {
        Self {
            source: Some((&letter.source).into()),
            arrival_ms: letter.arrival_ms,
            reason: letter.reason.to_string(),
            excerpt: letter.excerpt.to_string(),
        }
    }
}

impl TryFrom<wire::DeadLetter> for DeadLetter {
    type Error = DecodeError;

    fn try_from(letter: wire::DeadLetter) -> Result<Self, DecodeError> {
        Ok(Self {
            source: source("dead letter", letter.source)?,
            arrival_ms: letter.arrival_ms,
            reason: letter.reason.into_boxed_str(),
            excerpt: letter.excerpt.into_boxed_str(),
        })
    }
}

impl From<&ControlEntry> for wire::ControlEntry {
    fn from(entry: &ControlEntry) -> Self {
        let control = match &entry.control {
            Control::Engine { snapshot, config } => wire::Control::Engine(wire::Engine {
                snapshot: snapshot.to_vec(),
                config: config.to_string(),
            }),
            Control::Tick { time_ms } => wire::Control::TickMs(*time_ms),
            Control::SettleDeadLetters { letters } => {
                wire::Control::SettleDeadLetters(letters_to_wire(letters))
            }
        };
        Self { position: position_to_bytes(&entry.position).to_vec(), control: Some(control) }
    }
}

impl TryFrom<wire::ControlEntry> for ControlEntry {
    type Error = DecodeError;

    fn try_from(entry: wire::ControlEntry) -> Result<Self, DecodeError> {
        let control = match entry.control {
            Some(wire::Control::Engine(engine)) => Control::Engine {
                snapshot: exactly("control entry", "engine.snapshot", &engine.snapshot)?,
                config: engine.config.into_boxed_str(),
            },
            Some(wire::Control::TickMs(time_ms)) => Control::Tick { time_ms },
            Some(wire::Control::SettleDeadLetters(letters)) => {
                Control::SettleDeadLetters { letters: letters_from_wire(letters)? }
            }
            None => {
                return Err(DecodeError::Field {
                    message: "control entry",
                    field: "control",
                    value: "nothing that this version knows".into(),
                });
            }
        };
        Ok(Self { position: position("control entry", &entry.position)?, control })
    }
}

impl From<&AlertEvent> for wire::AlertEvent {
    fn from(event: &AlertEvent) -> Self {
        let change = match event.change {
            Change::Opened => 1,
            Change::Escalated => 2,
            Change::Closed => 3,
        };
        Self { change, alert: Some((&event.alert).into()) }
    }
}

impl TryFrom<wire::AlertEvent> for AlertEvent {
    type Error = DecodeError;

    fn try_from(event: wire::AlertEvent) -> Result<Self, DecodeError> {
        let change = match event.change {
            1 => Change::Opened,
            2 => Change::Escalated,
            3 => Change::Closed,
            other => return Err(unknown("alert event", "change", other)),
        };
        let alert = event.alert.ok_or_else(|| DecodeError::Field {
            message: "alert event",
            field: "alert",
            value: "nothing".into(),
        })?;
        Ok(Self { change, alert: alert.try_into()? })
    }
}

impl From<&Alert> for wire::Alert {
    fn from(alert: &Alert) -> Self {
        Self {
            id: alert.id.0.to_vec(),
            series: alert.series.to_string(),
            kind: match alert.kind {
                AlertKind::Anomaly => 1,
                AlertKind::Silence => 2,
            },
            severity: match alert.severity {
                Severity::Info => 1,
                Severity::Warning => 2,
                Severity::Critical => 3,
            },
            opened_ms: alert.opened_ms,
            last_ms: alert.last_ms,
            closed_ms: alert.closed_ms,
            surprise: alert.surprise,
            anomaly_score: alert.anomaly_score,
            observations: alert.observations,
            fields: alert.fields.iter().map(Into::into).collect(),
            why: alert.why.clone(),
            snapshot: alert.snapshot.to_vec(),
            source: Some((&alert.source).into()),
            nearest: alert.nearest.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<wire::Alert> for Alert {
    type Error = DecodeError;

    fn try_from(alert: wire::Alert) -> Result<Self, DecodeError> {
        Ok(Self {
            id: AlertId(exactly("alert", "id", &alert.id)?),
            series: alert.series.into_boxed_str(),
            kind: match alert.kind {
                1 => AlertKind::Anomaly,
                2 => AlertKind::Silence,
                other => return Err(unknown("alert", "kind", other)),
            },
            severity: match alert.severity {
                1 => Severity::Info,
                2 => Severity::Warning,
                3 => Severity::Critical,
                other => return Err(unknown("alert", "severity", other)),
            },
            opened_ms: alert.opened_ms,
            last_ms: alert.last_ms,
            closed_ms: alert.closed_ms,
            surprise: alert.surprise,
            anomaly_score: alert.anomaly_score,
            observations: alert.observations,
            fields: alert.fields.into_iter().map(Into::into).collect(),
            why: alert.why,
            snapshot: exactly("alert", "snapshot", &alert.snapshot)?,
            source: source("alert", alert.source)?,
            nearest: alert.nearest.map(TryInto::try_into).transpose()?,
        })
    }
}

impl From<&NearestEpisode> for wire::NearestEpisode {
    fn from(nearest: &NearestEpisode) -> Self {
        Self {
            id: nearest.id.0.to_vec(),
            opened_ms: nearest.opened_ms,
            duration_ms: nearest.duration_ms,
            similarity: nearest.similarity,
        }
    }
}

impl TryFrom<wire::NearestEpisode> for NearestEpisode {
    type Error = DecodeError;

    fn try_from(nearest: wire::NearestEpisode) -> Result<Self, DecodeError> {
        Ok(Self {
            id: AlertId(exactly("alert", "nearest.id", &nearest.id)?),
            opened_ms: nearest.opened_ms,
            duration_ms: nearest.duration_ms,
            similarity: nearest.similarity,
        })
    }
}

impl From<&FieldEvidence> for wire::FieldEvidence {
    fn from(field: &FieldEvidence) -> Self {
        Self {
            name: field.name.to_string(),
            observed: field.observed,
            expected: field.expected,
            lower: field.lower,
            upper: field.upper,
            contribution: field.contribution,
        }
    }
}

impl From<wire::FieldEvidence> for FieldEvidence {
    fn from(field: wire::FieldEvidence) -> Self {
        Self {
            name: field.name.into_boxed_str(),
            observed: field.observed,
            expected: field.expected,
            lower: field.lower,
            upper: field.upper,
            contribution: field.contribution,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn alert() -> Alert {
        Alert {
            id: AlertId([9; 16]),
            series: "cpu.load".into(),
            kind: AlertKind::Anomaly,
            severity: Severity::Critical,
            opened_ms: 1_000,
            last_ms: -5,
            closed_ms: Some(0),
            surprise: 7.5,
            anomaly_score: 0.75,
            observations: 4,
            fields: vec![FieldEvidence {
                name: "".into(),
                observed: f64::INFINITY,
                expected: 1.0,
                lower: 0.5,
                upper: -0.0,
                contribution: 1.0,
            }],
            nearest: Some(NearestEpisode {
                id: AlertId([8; 16]),
                opened_ms: -7,
                duration_ms: 60_000,
                similarity: 0.875,
            }),
            why: "because".into(),
            snapshot: [3; 32],
            source: Source {
                stream: "events".into(),
                shard: "shardId-000000000000".into(),
                position: Position { sequence: [1; 24], index: 2 },
            },
        }
    }

    #[test]
    fn a_commit_comes_back_as_written() {
        let here = Position { sequence: [2; 24], index: 77 };
        let commit = Commit {
            position: here,
            stream_time_ms: -1,
            events: vec![AlertEvent { change: Change::Escalated, alert: alert() }],
            dead_letters: vec![DeadLetter {
                source: alert().source,
                arrival_ms: 12,
                reason: "no series".into(),
                excerpt: "{}".into(),
            }],
            control: vec![
                ControlEntry { position: here, control: Control::Tick { time_ms: 5 } },
                ControlEntry {
                    position: here,
                    control: Control::Engine { snapshot: [4; 32], config: "{}".into() },
                },
                ControlEntry {
                    position: here,
                    control: Control::SettleDeadLetters { letters: vec![alert().source] },
                },
            ],
            lease: 3,
            engine_version: 1,
            digest: u64::MAX,
            records: 10,
        };
        assert_eq!(decode_commit(&encode_commit(&commit)).unwrap(), commit);
    }

    #[test]
    fn what_a_field_can_t_hold_is_named() {
        let mut message = wire::Alert::from(&alert());
        message.severity = 9;
        let error = decode_alert(&message.encode_to_vec()).unwrap_err().to_string();
        assert_eq!(error, "field severity of the alert holds 9, which this version does not know");
        let error = decode_commit(&[]).unwrap_err().to_string();
        assert!(error.contains("position"), "{error}");
    }

    #[test]
    fn positions_keep_their_order_as_bytes() {
        let small = Position { sequence: [0; 24], index: u32::MAX };
        let mut sequence = [0; 24];
        sequence[23] = 1;
        let large = Position { sequence, index: 0 };
        assert!(small < large && position_to_bytes(&small) < position_to_bytes(&large));
        assert_eq!(position_from_bytes(&position_to_bytes(&small)), Some(small));
        assert_eq!(position_from_bytes(&[0; 27]), None);
    }
}
