//! Service `Alerts`.

use super::{
    errors, incidents,
    stop::Stop,
    watch::{Events, Watched, Watches},
    wire,
};
use crate::views::{
    Views,
    alert_book::{AlertOrder, SortKey},
    filter::Filter,
    token,
    watch::{Watch, WatchError},
};
use kizashi_models::alert::{Alert, AlertId};
use kizashi_proto::v1::{self, alerts_server::Alerts};
use std::sync::Arc;
use tonic::{Code, Request, Response, Status};

const PAGE_SIZE_DEFAULT: usize = 50;
const PAGE_SIZE_MAX: usize = 1_000;
/// Response metadata of a watch: the token it begins at.
pub const RESUME_TOKEN_METADATA: &str = "kizashi-resume-token";
const METADATA_BYTES_MAX: usize = 4_096;

/// Lists, gets and watches alerts.
pub(super) struct AlertsService {
    views: Arc<Views>,
    watches: Watches,
}

impl AlertsService {
    pub(super) fn new(views: Arc<Views>, stop: Stop) -> Self {
        Self { views, watches: Watches::new(stop) }
    }

    /// Alerts, each with the incident that it is part of with others.
    async fn with_incidents(&self, alerts: &[Arc<Alert>]) -> Result<Vec<v1::Alert>, Status> {
        let ids: Vec<AlertId> = alerts.iter().map(|alert| alert.id).collect();
        let incidents =
            incidents::ask(&self.views, move |incidents| incidents.of_alerts(ids.into_iter())).await?;
        let of_several = incidents.into_iter().map(|incident| incident.filter(|one| one.members.len() > 1));
        let ids = of_several.map(|incident| incident.map_or_else(String::new, |one| one.id.to_string()));
        let alerts = alerts.iter().zip(ids);
        Ok(alerts.map(|(alert, incident)| v1::Alert { incident, ..wire::alert(alert) }).collect())
    }
}

#[tonic::async_trait]
impl Alerts for AlertsService {
    async fn list_alerts(
        &self,
        request: Request<v1::ListAlertsRequest>,
    ) -> Result<Response<v1::ListAlertsResponse>, Status> {
        let request = request.into_inner();
        let filter = parse_filter(&request.filter)?;
        let order = parse_order(&request.order_by)?;
        let count = super::page_size(request.page_size, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)?;
        let scope = format!("alerts\n{}\n{filter}", order.name());
        let after = super::page_token(&scope, &request.page_token, SortKey::decode)?;
        let page = self.views.alerts(&filter, order, after, count);
        Ok(Response::new(v1::ListAlertsResponse {
            alerts: self.with_incidents(&page.alerts).await?,
            next_page_token: page.next.map_or_else(String::new, |key| token::seal(&scope, &key.encode())),
            watch_token: page.watch_token,
        }))
    }

    async fn get_alert(&self, request: Request<v1::GetAlertRequest>) -> Result<Response<v1::Alert>, Status> {
        let id = request.into_inner().id;
        let parsed =
            wire::alert_id(&id).ok_or_else(|| errors::invalid("id", &id, "32 hexadecimal digits"))?;
        let alert = self.views.alert(parsed);
        let alert =
            alert.ok_or_else(|| errors::not_found("alert", &id, format!("no alert `{id}` is kept")))?;
        let alert = self.with_incidents(&[alert]).await?.pop().expect("one for one");
        Ok(Response::new(alert))
    }

    type WatchAlertsStream = Events<v1::AlertEvent>;

    async fn watch_alerts(
        &self,
        request: Request<v1::WatchAlertsRequest>,
    ) -> Result<Response<Self::WatchAlertsStream>, Status> {
        let request = request.into_inner();
        let filter = parse_filter(&request.filter)?;
        let place = self.watches.place()?;
        let resume = Some(request.resume_token.as_str()).filter(|token| !token.is_empty());
        let watch =
            self.views.watch(filter, resume).map_err(|error| watch_status(&error, &request.resume_token))?;
        let begins_at = watch.resume_token();
        let watched = WatchedAlerts { watch, resumed_from: request.resume_token };
        let mut response = Response::new(place.relay(watched));
        // With hundreds of shards it would be too long for the bounds that clients set on headers.
        if begins_at.len() <= METADATA_BYTES_MAX {
            let begins_at = begins_at.parse().expect("a token is ASCII");
            response.metadata_mut().insert(RESUME_TOKEN_METADATA, begins_at);
        }
        Ok(response)
    }
}

/// The changes of alerts as one watcher is sent them.
struct WatchedAlerts {
    watch: Watch,
    /// The token of the call.
    resumed_from: String,
}

impl Watched for WatchedAlerts {
    type Event = v1::AlertEvent;

    async fn next(&mut self) -> Result<v1::AlertEvent, Status> {
        let event = self.watch.next().await.map_err(|error| watch_status(&error, &self.resumed_from))?;
        Ok(v1::AlertEvent {
            r#type: wire::change(event.change) as i32,
            alert: Some(wire::alert(&event.alert)),
            resume_token: event.resume_token,
        })
    }

    fn stopping(&self) -> Status {
        watch_status(&WatchError::Stopping, &self.resumed_from)
    }
}

fn parse_filter(text: &str) -> Result<Filter, Status> {
    Filter::parse(text).map_err(|error| errors::invalid("filter", text, error))
}

fn parse_order(text: &str) -> Result<AlertOrder, Status> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.is_empty() {
        return Ok(AlertOrder::OpenedDesc);
    }
    let order = AlertOrder::ALL.into_iter().find(|order| order.name() == words);
    order.ok_or_else(|| errors::invalid("order_by", text, AlertOrder::ALL.map(AlertOrder::name).join(", ")))
}

fn watch_status(error: &WatchError, token: &str) -> Status {
    match error {
        WatchError::Token(problem) => errors::invalid(
            "resume_token",
            token,
            format!("the last `resume_token` seen, a list's `watch_token`, or nothing; {problem}"),
        ),
        WatchError::OutOfRange(problem) => errors::other(
            Code::OutOfRange,
            "EVENTS_NOT_KEPT",
            format!("`resume_token`: {problem}; list, then watch from the list's `watch_token`"),
        ),
        WatchError::Unreadable(problem) => errors::other(Code::Internal, "COMMIT_LOG_UNREADABLE", problem),
        WatchError::Stopping => errors::other(
            Code::Unavailable,
            "STOPPING",
            "the service is stopping; watch again from the last `resume_token` seen",
        ),
    }
}
