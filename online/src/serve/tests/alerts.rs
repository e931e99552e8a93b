use super::Service;
use crate::{serve::RESUME_TOKEN_METADATA, views::watch::tests::Node};
use kizashi_models::alert::AlertId;
use kizashi_proto::v1::{self, alert_event::Type, alerts_client::AlertsClient, status_client::StatusClient};
use tonic::{Code, Status};
use tonic_types::StatusExt;

fn ids(alerts: &[v1::Alert]) -> Vec<String> {
    alerts.iter().map(|alert| alert.id.clone()).collect()
}

fn texts(ids: impl IntoIterator<Item = AlertId>) -> Vec<String> {
    ids.into_iter().map(|id| id.to_string()).collect()
}

/// The field and the sentence of an INVALID_ARGUMENT.
fn violation(status: &Status) -> (String, String) {
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let details = status.get_error_details();
    let violation = &details.bad_request().unwrap().field_violations[0];
    let info = details.error_info().unwrap();
    assert_eq!((info.domain.as_str(), info.reason.as_str()), ("kizashi", "INVALID_FIELD"));
    assert_eq!(info.metadata["field"], violation.field);
    (violation.field.clone(), violation.description.clone())
}

#[tokio::test]
async fn pages_follow_each_other_while_alerts_arrive() {
    let mut node = Node::new(2, 64);
    let mut committed: Vec<AlertId> = (0..5).flat_map(|number| node.commit(number % 2, 1, true)).collect();
    let mut service = Service::start(node).await;
    let mut client = AlertsClient::new(service.channel().await);
    committed.reverse();

    let request = v1::ListAlertsRequest { page_size: 2, ..v1::ListAlertsRequest::default() };
    let first = client.list_alerts(request.clone()).await.unwrap().into_inner();
    assert_eq!(ids(&first.alerts), texts(committed[..2].to_vec()));
    let newer = service.node.commit(0, 1, true);
    let next = v1::ListAlertsRequest { page_token: first.next_page_token.clone(), ..request.clone() };
    let second = client.list_alerts(next).await.unwrap().into_inner();
    assert_eq!(ids(&second.alerts), texts(committed[2..4].to_vec()));
    let next = v1::ListAlertsRequest { page_token: second.next_page_token, ..request.clone() };
    let third = client.list_alerts(next).await.unwrap().into_inner();
    assert_eq!(ids(&third.alerts), texts(committed[4..].to_vec()));
    assert_eq!(third.next_page_token, "", "the last page says so");

    let got = client.get_alert(v1::GetAlertRequest { id: newer[0].to_string() }).await.unwrap().into_inner();
    assert_eq!(
        (got.series.as_str(), got.sequence_number.as_str(), got.shard.as_str()),
        ("cpu", "6", "shardId-000000000000")
    );
    assert_eq!((got.fields.len(), got.closed, got.snapshot.len()), (1, None, 64));

    let other =
        v1::ListAlertsRequest { page_token: first.next_page_token, order_by: "opened asc".into(), ..request };
    let (field, sentence) = violation(&client.list_alerts(other).await.unwrap_err());
    assert_eq!(field, "page_token");
    assert!(sentence.contains("another filter or order"), "{sentence}");
    service.stop().await;
}

#[tokio::test]
async fn errors_name_the_field_what_it_held_and_what_is_allowed() {
    let service = Service::start(Node::new(1, 64)).await;
    let mut client = AlertsClient::new(service.channel().await);
    let default = v1::ListAlertsRequest::default();
    for (request, field, held, allowed) in [
        (v1::ListAlertsRequest { page_size: -1, ..default.clone() }, "page_size", "`-1`", "1 to 1000"),
        (v1::ListAlertsRequest { page_size: 1_001, ..default.clone() }, "page_size", "`1001`", "1 to 1000"),
        (
            v1::ListAlertsRequest { filter: "open:1".into(), ..default.clone() },
            "filter",
            "`open:1`",
            "at character 6",
        ),
        (
            v1::ListAlertsRequest { order_by: "id".into(), ..default.clone() },
            "order_by",
            "`id`",
            "surprise desc",
        ),
        (
            v1::ListAlertsRequest { page_token: "x".into(), ..default.clone() },
            "page_token",
            "`x`",
            "next_page_token",
        ),
    ] {
        let (named, sentence) = violation(&client.list_alerts(request).await.unwrap_err());
        assert_eq!(named, field);
        assert!(sentence.contains(held) && sentence.contains(allowed), "{sentence}");
    }
    let watch = v1::WatchAlertsRequest { resume_token: "AAAA".into(), ..v1::WatchAlertsRequest::default() };
    assert_eq!(violation(&client.watch_alerts(watch).await.unwrap_err()).0, "resume_token");
    let id = violation(&client.get_alert(v1::GetAlertRequest { id: "7".into() }).await.unwrap_err());
    assert!(id.1.contains("32 hexadecimal digits"));

    let missing = client.get_alert(v1::GetAlertRequest { id: "0".repeat(32) }).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    let details = missing.get_error_details();
    assert_eq!(details.resource_info().unwrap().resource_type, "alert");
    assert_eq!(details.error_info().unwrap().reason, "ALERT_NOT_FOUND");
    service.stop().await;
}

#[tokio::test]
async fn a_watch_goes_on_behind_its_token_after_a_restart() {
    let mut service = Service::start(Node::new(2, 64)).await;
    let mut client = AlertsClient::new(service.channel().await);
    let response = client.watch_alerts(v1::WatchAlertsRequest::default()).await.unwrap();
    let begins_at = response.metadata().get(RESUME_TOKEN_METADATA).unwrap().to_str().unwrap().to_owned();
    let mut events = response.into_inner();
    let committed = texts([service.node.commit(0, 3, true), service.node.commit(1, 1, true)].concat());
    let first = events.message().await.unwrap().unwrap();
    assert_eq!(first.r#type(), Type::Opened);
    assert_eq!(first.alert.unwrap().id, committed[0]);

    let mut node = std::mem::replace(&mut service.node, Node::new(1, 64));
    service.stop().await;
    let mut last = None;
    while let Some(event) = events.message().await.transpose() {
        last = Some(event);
    }
    let ended = last.unwrap().unwrap_err();
    assert_eq!(ended.code(), Code::Unavailable, "a watch ends when the service stops");
    assert_eq!(ended.get_error_details().error_info().unwrap().reason, "STOPPING");

    node.restart();
    let mut service = Service::start(node).await;
    let mut client = AlertsClient::new(service.channel().await);
    for (token, seen) in [(first.resume_token, 1), (begins_at, 0)] {
        let resume = v1::WatchAlertsRequest { resume_token: token, ..v1::WatchAlertsRequest::default() };
        let mut events = client.watch_alerts(resume).await.unwrap().into_inner();
        let mut ids = Vec::new();
        for _ in seen..committed.len() {
            ids.push(events.message().await.unwrap().unwrap().alert.unwrap().id);
        }
        // Which shard's events come first is not promised.
        ids.sort_unstable();
        assert_eq!(ids, committed[seen..]);
    }
    let filtered =
        v1::WatchAlertsRequest { filter: "series:mem".into(), ..v1::WatchAlertsRequest::default() };
    let mut none = client.watch_alerts(filtered).await.unwrap().into_inner();
    let mut all = client.watch_alerts(v1::WatchAlertsRequest::default()).await.unwrap().into_inner();
    service.node.commit(1, 1, true);
    assert!(all.message().await.unwrap().is_some());
    assert!(tokio::time::timeout(std::time::Duration::from_millis(20), none.message()).await.is_err());

    let status =
        StatusClient::new(service.channel().await).get_status(v1::GetStatusRequest {}).await.unwrap();
    let status = status.into_inner();
    assert_eq!((status.open_alerts, status.series, status.records_per_second), (5, 0, 12.5));
    assert_eq!(status.started.unwrap().seconds, 1_700_000_000);
    service.stop().await;
}
