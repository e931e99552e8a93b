//! From the models' types to those of the protocol.

use kizashi_models::{
    alert::{Alert, AlertId, AlertKind, Change, Severity},
    incident::Incident,
};
use kizashi_proto::v1;
use kizashi_stream::sequence::SequenceNumber;
use prost_types::Timestamp;
use std::{fmt::Write, sync::Arc};

/// Unix milliseconds as a timestamp.
pub fn timestamp(ms: i64) -> Timestamp {
    Timestamp { seconds: ms.div_euclid(1_000), nanos: ms.rem_euclid(1_000) as i32 * 1_000_000 }
}

/// A timestamp as Unix milliseconds, rounded down; `None` where it is out of their range.
pub fn milliseconds(time: &Timestamp) -> Option<i64> {
    i64::try_from(i128::from(time.seconds) * 1_000 + i128::from(time.nanos).div_euclid(1_000_000)).ok()
}

/// Bytes in hexadecimal.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An alert's id from its 32 hexadecimal digits.
pub fn alert_id(text: &str) -> Option<AlertId> {
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(text, 16).ok().map(|id| AlertId(id.to_be_bytes()))
}

/// An alert as the protocol has it.
pub fn alert(alert: &Alert) -> v1::Alert {
    v1::Alert {
        id: alert.id.to_string(),
        stream: alert.source.stream.to_string(),
        series: alert.series.to_string(),
        kind: kind(alert.kind) as i32,
        severity: severity(alert.severity) as i32,
        opened: Some(timestamp(alert.opened_ms)),
        last: Some(timestamp(alert.last_ms)),
        closed: alert.closed_ms.map(timestamp),
        surprise: alert.surprise,
        anomaly_score: alert.anomaly_score,
        observations: alert.observations,
        fields: alert.fields.iter().map(evidence).collect(),
        why: alert.why.clone(),
        snapshot: hexadecimal(&alert.snapshot),
        shard: alert.source.shard.to_string(),
        sequence_number: SequenceNumber(alert.source.position.sequence).to_string(),
        index: alert.source.position.index,
        nearest: alert.nearest.map(|nearest| v1::NearestEpisode {
            id: nearest.id.to_string(),
            opened: Some(timestamp(nearest.opened_ms)),
            duration_ms: nearest.duration_ms,
            similarity: nearest.similarity,
        }),
        incident: String::new(),
    }
}

fn kind(kind: AlertKind) -> v1::AlertKind {
    match kind {
        AlertKind::Anomaly => v1::AlertKind::Anomaly,
        AlertKind::Silence => v1::AlertKind::Silence,
    }
}

fn severity(severity: Severity) -> v1::Severity {
    match severity {
        Severity::Info => v1::Severity::Info,
        Severity::Warning => v1::Severity::Warning,
        Severity::Critical => v1::Severity::Critical,
    }
}

/// An incident as the protocol has it.
pub fn incident(incident: &Incident) -> v1::Incident {
    let member = |alert: &Arc<Alert>| v1::IncidentMember {
        alert: alert.id.to_string(),
        stream: alert.source.stream.to_string(),
        series: alert.series.to_string(),
        kind: kind(alert.kind) as i32,
        severity: severity(alert.severity) as i32,
        opened: Some(timestamp(alert.opened_ms)),
        closed: alert.closed_ms.map(timestamp),
    };
    v1::Incident {
        id: incident.id.to_string(),
        opened: Some(timestamp(incident.opened_ms)),
        last: Some(timestamp(incident.last_ms)),
        closed: incident.closed_ms.map(timestamp),
        severity: severity(incident.severity) as i32,
        title: incident.title.clone(),
        series: incident.series as u32,
        members: incident.members.iter().map(member).collect(),
    }
}

fn evidence(field: &kizashi_models::alert::FieldEvidence) -> v1::FieldEvidence {
    v1::FieldEvidence {
        name: field.name.to_string(),
        observed: field.observed,
        expected: field.expected,
        lower: field.lower,
        upper: field.upper,
        contribution: field.contribution,
    }
}

/// What happened to an alert, as the protocol has it.
pub fn change(change: Change) -> v1::alert_event::Type {
    match change {
        Change::Opened => v1::alert_event::Type::Opened,
        Change::Escalated => v1::alert_event::Type::Escalated,
        Change::Closed => v1::alert_event::Type::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kizashi_models::alert::NearestEpisode;

    #[test]
    fn times_keep_their_milliseconds() {
        for ms in [0, 1, -1, -1_001, 1_700_000_000_123, i64::MAX, i64::MIN] {
            assert_eq!(milliseconds(&timestamp(ms)), Some(ms));
        }
        assert_eq!(milliseconds(&Timestamp { seconds: i64::MAX, nanos: 0 }), None);
    }

    #[test]
    fn an_alert_names_its_nearest_past_episode() {
        let mut alert = crate::views::alert_book::tests::alert(1, "cpu", 5000);
        assert_eq!(super::alert(&alert).nearest, None);
        let id = AlertId([0xab; 16]);
        alert.nearest = Some(NearestEpisode { id, opened_ms: 1500, duration_ms: 60_000, similarity: 0.875 });
        let nearest = v1::NearestEpisode {
            id: "ab".repeat(16),
            opened: Some(Timestamp { seconds: 1, nanos: 500_000_000 }),
            duration_ms: 60_000,
            similarity: 0.875,
        };
        assert_eq!(super::alert(&alert).nearest, Some(nearest));
    }

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = AlertId(*b"\x00\x01\xff3456789abcdef");
        assert_eq!(alert_id(&id.to_string()), Some(id));
        assert_eq!(alert_id("+0000000000000000000000000000001"), None);
        assert_eq!(alert_id("00"), None);
    }
}
