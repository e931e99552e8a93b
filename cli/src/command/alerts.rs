//! `kizashi alerts`: what has been unusual, and what is becoming so.

use crate::{
    arguments::Alerts,
    client::{self, Reconnect},
    report::{self, Failure},
};
use jiff::Timestamp;
use kizashi_proto::v1::{
    Alert, AlertKind, ListAlertsRequest, Severity, WatchAlertsRequest, alert_event::Type,
    alerts_client::AlertsClient,
};
use serde_json::{Value, json};
use tonic::transport::Channel;

const PAGE_SIZE: u32 = 500;

pub async fn run(arguments: Alerts) -> Result<(), Failure> {
    let mut alerts = AlertsClient::new(client::connect(&arguments.server).await?);
    let (past, token) = list(&mut alerts, &arguments).await?;
    // A list is newest first; a watch goes on in the order of time, so what came before it does too.
    let past: Vec<_> = if arguments.watch { past.into_iter().rev().collect() } else { past };
    for alert in &past {
        print(&arguments, alert, if alert.closed.is_some() { Type::Closed } else { Type::Opened })?;
    }
    if arguments.watch { watch(&mut alerts, &arguments, token).await } else { Ok(()) }
}

async fn list(
    alerts: &mut AlertsClient<Channel>,
    arguments: &Alerts,
) -> Result<(Vec<Alert>, String), Failure> {
    let mut found = Vec::new();
    let (mut page_token, mut watch_token) = (String::new(), None);
    loop {
        let left = arguments.limit - found.len() as u32;
        let request = ListAlertsRequest {
            filter: arguments.filter.clone(),
            page_size: left.clamp(1, PAGE_SIZE) as i32,
            page_token,
            ..Default::default()
        };
        let answer = alerts
            .list_alerts(request)
            .await
            .map_err(|status| client::refused(&arguments.server, &status))?
            .into_inner();
        // The first page's token: what changes while the pages are read must not be missed.
        let token = watch_token.get_or_insert(answer.watch_token).clone();
        found.extend(answer.alerts.into_iter().take(left as usize));
        page_token = answer.next_page_token;
        if page_token.is_empty() || found.len() as u32 >= arguments.limit {
            return Ok((found, token));
        }
    }
}

async fn watch(
    alerts: &mut AlertsClient<Channel>,
    arguments: &Alerts,
    mut token: String,
) -> Result<(), Failure> {
    let mut reconnect = Reconnect::new(&arguments.server, None);
    loop {
        let request = WatchAlertsRequest { filter: arguments.filter.clone(), resume_token: token.clone() };
        let ended = match alerts.watch_alerts(request).await {
            Err(status) => status,
            Ok(answer) => {
                let mut events = answer.into_inner();
                loop {
                    match client::next(&mut events).await {
                        Ok(event) => {
                            reconnect.reached();
                            token.clone_from(&event.resume_token);
                            if let Some(alert) = &event.alert {
                                print(arguments, alert, event.r#type())?;
                            }
                        }
                        Err(status) => break status,
                    }
                }
            }
        };
        // A service that restarts is waited for; the token makes nothing lost and nothing twice.
        reconnect.after(&ended).await?;
    }
}

fn print(arguments: &Alerts, alert: &Alert, change: Type) -> Result<(), Failure> {
    if arguments.json {
        return report::line(object(alert));
    }
    let what = match change {
        Type::Closed => "closed",
        Type::Escalated => "worse ",
        _ => "opened",
    };
    let when = if change == Type::Closed { alert.closed } else { alert.opened };
    let (when, severity) = (time(when), severity_name(alert.severity()).to_uppercase());
    report::line(format_args!("{}  {what}  {severity:<8}  {}", when.as_deref().unwrap_or("-"), alert.why))
}

fn object(alert: &Alert) -> Value {
    let fields: Vec<_> = alert
        .fields
        .iter()
        .map(|field| {
            json!({
                "name": field.name, "observed": field.observed, "expected": field.expected,
                "lower": field.lower, "upper": field.upper, "contribution": field.contribution,
            })
        })
        .collect();
    let nearest = alert.nearest.as_ref().map(|nearest| {
        json!({
            "id": nearest.id, "opened": time(nearest.opened), "duration_ms": nearest.duration_ms,
            "similarity": nearest.similarity,
        })
    });
    json!({
        "id": alert.id, "stream": alert.stream, "series": alert.series, "kind": kind_name(alert.kind()), "severity": severity_name(alert.severity()),
        "opened": time(alert.opened), "last": time(alert.last), "closed": time(alert.closed),
        "surprise": alert.surprise, "anomaly_score": alert.anomaly_score, "observations": alert.observations,
        "fields": fields, "nearest": nearest, "why": alert.why, "snapshot": alert.snapshot,
        "shard": alert.shard, "sequence_number": alert.sequence_number, "index": alert.index,
        "incident": alert.incident,
    })
}

/// As in filters.
pub fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Info => "info",
        Severity::Unspecified => "unknown",
    }
}

/// As in filters.
pub fn kind_name(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::Anomaly => "anomaly",
        AlertKind::Silence => "silence",
        AlertKind::Unspecified => "unknown",
    }
}

/// RFC 3339 with milliseconds.
pub fn time(time: Option<prost_types::Timestamp>) -> Option<String> {
    let time = time?;
    Timestamp::new(time.seconds, time.nanos).ok().map(|time| format!("{time:.3}"))
}
