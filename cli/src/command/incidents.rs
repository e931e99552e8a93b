//! `kizashi incidents`: which series broke together.

use super::alerts::{kind_name, severity_name, time};
use crate::{
    arguments::Incidents,
    client::{self, Reconnect},
    report::{self, Failure},
};
use kizashi_proto::v1::{
    Incident, ListIncidentsRequest, WatchIncidentsRequest, incident_event::Type,
    incidents_client::IncidentsClient,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use tonic::{Code, Status, transport::Channel};

const PAGE_SIZE: u32 = 100;

pub async fn run(arguments: Incidents) -> Result<(), Failure> {
    let mut incidents = IncidentsClient::new(client::connect(&arguments.server).await?);
    if arguments.watch {
        return watch(&mut incidents, &arguments).await;
    }
    let found = list(&mut incidents, &arguments).await;
    for incident in found.map_err(|status| client::refused(&arguments.server, &status))? {
        print(&arguments, &incident, what(&incident))?;
    }
    Ok(())
}

async fn list(
    incidents: &mut IncidentsClient<Channel>,
    arguments: &Incidents,
) -> Result<Vec<Incident>, Status> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let left = arguments.limit as usize - found.len();
        let request = ListIncidentsRequest {
            open: arguments.open.then_some(true),
            page_size: (left as u32).clamp(1, PAGE_SIZE) as i32,
            page_token,
            ..Default::default()
        };
        let answer = incidents.list_incidents(request).await?.into_inner();
        found.extend(answer.incidents.into_iter().take(left));
        page_token = answer.next_page_token;
        if page_token.is_empty() || found.len() >= arguments.limit as usize {
            return Ok(found);
        }
    }
}

/// Prints what there is, oldest first, then what changes. After a connection that broke it lists again, and prints
/// what has changed meanwhile.
async fn watch(incidents: &mut IncidentsClient<Channel>, arguments: &Incidents) -> Result<(), Failure> {
    // As they were printed; no more of the past than is listed.
    let mut printed: HashMap<String, Incident> = HashMap::new();
    // A service that restarts, or one whose events came too fast, is asked again.
    let mut reconnect = Reconnect::new(&arguments.server, Some(Code::OutOfRange));
    loop {
        let ended = match incidents.watch_incidents(WatchIncidentsRequest {}).await {
            Err(status) => status,
            Ok(answer) => {
                let mut events = answer.into_inner();
                match list(incidents, arguments).await {
                    Err(status) => status,
                    Ok(listed) => {
                        reconnect.reached();
                        printed.retain(|id, _| listed.iter().any(|incident| incident.id == *id));
                        for incident in listed.into_iter().rev() {
                            if printed.get(&incident.id) != Some(&incident) {
                                print(arguments, &incident, what(&incident))?;
                                printed.insert(incident.id.clone(), incident);
                            }
                        }
                        follow(&mut events, arguments, &mut printed).await?
                    }
                }
            }
        };
        reconnect.after(&ended).await?;
    }
}

/// Prints events until they end, and gives why they did.
async fn follow(
    events: &mut tonic::Streaming<kizashi_proto::v1::IncidentEvent>,
    arguments: &Incidents,
    printed: &mut HashMap<String, Incident>,
) -> Result<Status, Failure> {
    loop {
        let event = match client::next(events).await {
            Ok(event) => event,
            Err(status) => return Ok(status),
        };
        let what = match event.r#type() {
            Type::Opened => "opened",
            Type::Closed => "closed",
            Type::Removed => "gone  ",
            Type::Changed | Type::Unspecified => "grown ",
        };
        let removed = event.r#type() == Type::Removed;
        let Some(incident) = event.incident else { continue };
        if arguments.open && incident.closed.is_some() && !printed.contains_key(&incident.id) {
            continue;
        }
        // Not each change of an alert is news of the incident.
        let shown = |incident: &Incident| (incident.title.clone(), incident.severity, incident.closed);
        let before = printed.get(&incident.id);
        if removed || before.is_none_or(|before| shown(before) != shown(&incident)) {
            print(arguments, &incident, what)?;
        }
        if removed || (incident.closed.is_some() && printed.len() >= 10_000) {
            printed.remove(&incident.id);
        } else {
            printed.insert(incident.id.clone(), incident);
        }
    }
}

fn what(incident: &Incident) -> &'static str {
    if incident.closed.is_some() { "closed" } else { "open  " }
}

fn print(arguments: &Incidents, incident: &Incident, what: &str) -> Result<(), Failure> {
    if arguments.json {
        return report::line(object(incident, what));
    }
    let when = if what == "closed" { incident.closed } else { incident.opened };
    let severity = severity_name(incident.severity()).to_uppercase();
    report::line(format_args!(
        "{}  {what}  {severity:<8}  {}",
        time(when).as_deref().unwrap_or("-"),
        incident.title
    ))?;
    if arguments.members {
        for member in &incident.members {
            let state = if member.closed.is_some() { "closed" } else { "open  " };
            let severity = severity_name(member.severity()).to_uppercase();
            let opened = time(member.opened);
            report::line(format_args!(
                "  {}  {state}  {severity:<8}  {}",
                opened.as_deref().unwrap_or("-"),
                member.series
            ))?;
        }
    }
    Ok(())
}

fn object(incident: &Incident, what: &str) -> Value {
    let members: Vec<_> = incident
        .members
        .iter()
        .map(|member| {
            json!({
                "alert": member.alert, "stream": member.stream, "series": member.series,
                "kind": kind_name(member.kind()), "severity": severity_name(member.severity()),
                "opened": time(member.opened), "closed": time(member.closed),
            })
        })
        .collect();
    json!({
        "id": incident.id, "what": what.trim_end(), "title": incident.title, "series": incident.series,
        "severity": severity_name(incident.severity()), "opened": time(incident.opened),
        "last": time(incident.last), "closed": time(incident.closed), "members": members,
    })
}
