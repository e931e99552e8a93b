//! Service `Incidents`.

use super::{
    errors,
    stop::Stop,
    watch::{Events, Watched, Watches},
    wire,
};
use crate::views::{
    Views,
    incidents::{IncidentChange, IncidentEvent, IncidentFilter, IncidentView, MEMBERS_MIN},
    token,
};
use kizashi_models::{
    alert::AlertId,
    incident::{AlertKey, IncidentId},
};
use kizashi_proto::v1::{self, incident_event::Type, incidents_server::Incidents};
use std::{sync::Arc, time::Duration};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tonic::{Code, Request, Response, Status};

const PAGE_SIZE_DEFAULT: usize = 50;
const PAGE_SIZE_MAX: usize = 500;
const MEMBERS_MIN_MAX: usize = 1_024;
/// How often incidents are brought up to date.
const SETTLE_EVERY: Duration = Duration::from_millis(200);

/// Brings the incidents up to date, again and again, until the service stops.
pub(super) async fn settle(views: Arc<Views>, stop: Stop) {
    loop {
        let views = views.clone();
        // With many alerts at once, as after a start, it takes a while. A panic there is none of the service's.
        let _ = tokio::task::spawn_blocking(move || views.incidents().settle()).await;
        tokio::select! {
            () = tokio::time::sleep(SETTLE_EVERY) => {}
            () = stop.stopped() => return,
        }
    }
}

/// Asks for incidents where it holds no other request up: with many alerts at once, bringing them up to date takes a while.
pub(super) async fn ask<T: Send + 'static>(
    views: &Arc<Views>,
    what: impl FnOnce(&IncidentView) -> T + Send + 'static,
) -> Result<T, Status> {
    let views = views.clone();
    let asked = tokio::task::spawn_blocking(move || what(views.incidents())).await;
    asked.map_err(|error| errors::other(Code::Internal, "INCIDENTS_UNREADABLE", error.to_string()))
}

/// Lists, gets and watches incidents.
pub(super) struct IncidentsService {
    views: Arc<Views>,
    watches: Watches,
}

impl IncidentsService {
    pub(super) fn new(views: Arc<Views>, stop: Stop) -> Self {
        Self { views, watches: Watches::new(stop) }
    }
}

#[tonic::async_trait]
impl Incidents for IncidentsService {
    async fn list_incidents(
        &self,
        request: Request<v1::ListIncidentsRequest>,
    ) -> Result<Response<v1::ListIncidentsResponse>, Status> {
        let request = request.into_inner();
        let members_min = match usize::try_from(request.members_min) {
            Ok(0) => MEMBERS_MIN,
            Ok(least) if least <= MEMBERS_MIN_MAX => least,
            _ => {
                let allowed = format!("1 to {MEMBERS_MIN_MAX}, or 0 for {MEMBERS_MIN}");
                return Err(errors::invalid("members_min", request.members_min, allowed));
            }
        };
        let filter = IncidentFilter { open: request.open, members_min };
        let count = super::page_size(request.page_size, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)?;
        let scope = format!("incidents\n{:?}\n{members_min}", request.open);
        let after = super::page_token(&scope, &request.page_token, decode_key)?;
        let page = ask(&self.views, move |incidents| incidents.page(filter, after, count)).await?;
        Ok(Response::new(v1::ListIncidentsResponse {
            incidents: page.incidents.iter().map(|incident| wire::incident(incident)).collect(),
            next_page_token: page.next.map_or_else(String::new, |key| token::seal(&scope, &encode_key(&key))),
        }))
    }

    async fn get_incident(
        &self,
        request: Request<v1::GetIncidentRequest>,
    ) -> Result<Response<v1::Incident>, Status> {
        let v1::GetIncidentRequest { id, alert } = request.into_inner();
        let digits = |field, text: &str| {
            wire::alert_id(text).ok_or_else(|| errors::invalid(field, text, "32 hexadecimal digits"))
        };
        let found = match (id.is_empty(), alert.is_empty()) {
            (false, true) => {
                let id = IncidentId(digits("id", &id)?.0);
                ask(&self.views, move |incidents| incidents.get(id)).await?
            }
            (true, false) => {
                let alert = digits("alert", &alert)?;
                ask(&self.views, move |incidents| incidents.of_alert(alert)).await?
            }
            _ => return Err(errors::invalid("id", &id, "either `id` or `alert` is to be set")),
        };
        let found = found.ok_or_else(|| match id.is_empty() {
            false => errors::not_found("incident", &id, format!("there is no incident `{id}`")),
            true => errors::not_found("alert", &alert, format!("no alert `{alert}` is kept")),
        })?;
        Ok(Response::new(wire::incident(&found)))
    }

    type WatchIncidentsStream = Events<v1::IncidentEvent>;

    async fn watch_incidents(
        &self,
        _request: Request<v1::WatchIncidentsRequest>,
    ) -> Result<Response<Self::WatchIncidentsStream>, Status> {
        let place = self.watches.place()?;
        Ok(Response::new(place.relay(ask(&self.views, IncidentView::watch).await?)))
    }
}

impl Watched for Receiver<IncidentEvent> {
    type Event = v1::IncidentEvent;

    async fn next(&mut self) -> Result<v1::IncidentEvent, Status> {
        let event = self.recv().await.map_err(|error| ended(&error))?;
        Ok(wire_event(&event))
    }

    fn stopping(&self) -> Status {
        ended(&RecvError::Closed)
    }
}

fn wire_event(event: &IncidentEvent) -> v1::IncidentEvent {
    let change = match event.change {
        IncidentChange::Opened => Type::Opened,
        IncidentChange::Changed => Type::Changed,
        IncidentChange::Closed => Type::Closed,
        IncidentChange::Removed => Type::Removed,
    };
    v1::IncidentEvent { r#type: change as i32, incident: Some(wire::incident(&event.incident)) }
}

fn ended(error: &RecvError) -> Status {
    match error {
        RecvError::Lagged(missed) => {
            let problem = format!("{missed} events were not taken in time; watch again, then list");
            errors::other(Code::OutOfRange, "EVENTS_NOT_KEPT", problem)
        }
        RecvError::Closed => {
            errors::other(Code::Unavailable, "STOPPING", "the service is stopping; watch again, then list")
        }
    }
}

fn encode_key(key: &AlertKey) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&key.opened_ms.to_le_bytes());
    bytes[8..].copy_from_slice(&key.id.0);
    bytes
}

fn decode_key(bytes: &[u8]) -> Option<AlertKey> {
    let (opened_ms, id) = bytes.split_first_chunk()?;
    Some(AlertKey { opened_ms: i64::from_le_bytes(*opened_ms), id: AlertId(id.try_into().ok()?) })
}
