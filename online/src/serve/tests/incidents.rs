use super::Service;
use crate::views::watch::tests::Node;
use kizashi_proto::v1::{
    self, alerts_client::AlertsClient, incident_event::Type, incidents_client::IncidentsClient,
};
use tonic::Code;

#[tokio::test]
async fn alerts_that_open_together_are_listed_watched_and_found_as_one() {
    let mut service = Service::start(Node::new(2, 64)).await;
    let mut client = IncidentsClient::new(service.channel().await);
    let mut events = client.watch_incidents(v1::WatchIncidentsRequest {}).await.unwrap().into_inner();
    // Within milliseconds, on two shards.
    let first = service.node.commit_series(0, &["web/cpu", "web/disk"], true);
    let ids = [first, service.node.commit_series(1, &["web/load"], true)].concat();
    let opened = loop {
        // The timeout only keeps a lost event from hanging the test.
        let event = tokio::time::timeout(std::time::Duration::from_secs(20), events.message()).await;
        let event = event.expect("an event is lost").unwrap().unwrap();
        let incident = event.incident.clone().unwrap();
        if incident.members.len() == 3 {
            break incident;
        }
        assert_eq!(event.r#type(), Type::Opened);
    };
    let members: Vec<&str> = opened.members.iter().map(|member| member.alert.as_str()).collect();
    assert_eq!(members, ids.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!((opened.series, opened.closed), (3, None));
    assert_eq!(opened.title, "3 series of web broke within 1 s; first web/cpu");

    let listed = client.list_incidents(v1::ListIncidentsRequest::default()).await.unwrap().into_inner();
    assert_eq!((&listed.incidents[..], listed.next_page_token.as_str()), (&[opened.clone()][..], ""));
    let closed = v1::ListIncidentsRequest { open: Some(false), ..Default::default() };
    assert!(client.list_incidents(closed).await.unwrap().into_inner().incidents.is_empty());
    for request in [
        v1::GetIncidentRequest { id: opened.id.clone(), ..Default::default() },
        v1::GetIncidentRequest { alert: ids[2].to_string(), ..Default::default() },
    ] {
        assert_eq!(client.get_incident(request).await.unwrap().into_inner(), opened);
    }
    let mut alerts = AlertsClient::new(service.channel().await);
    let alert = alerts.get_alert(v1::GetAlertRequest { id: ids[0].to_string() }).await.unwrap().into_inner();
    assert_eq!(alert.incident, opened.id);

    let mut node = std::mem::replace(&mut service.node, Node::new(1, 64));
    service.stop().await;
    let mut last = None;
    while let Some(event) = events.message().await.transpose() {
        last = Some(event);
    }
    assert_eq!(last.unwrap().unwrap_err().code(), Code::Unavailable, "a watch ends when the service stops");
    node.restart();
    let service = Service::start(node).await;
    let mut client = IncidentsClient::new(service.channel().await);
    let again = client.list_incidents(v1::ListIncidentsRequest::default()).await.unwrap().into_inner();
    assert_eq!(again.incidents, [opened], "the same from what is kept");
    service.stop().await;
}

#[tokio::test]
async fn errors_name_what_is_allowed() {
    let service = Service::start(Node::new(1, 64)).await;
    let mut client = IncidentsClient::new(service.channel().await);
    let default = v1::ListIncidentsRequest::default();
    for (request, word) in [
        (v1::ListIncidentsRequest { members_min: -1, ..default.clone() }, "1 to 1024"),
        (v1::ListIncidentsRequest { page_size: 501, ..default.clone() }, "1 to 500"),
        (v1::ListIncidentsRequest { page_token: "x".into(), ..default.clone() }, "next_page_token"),
    ] {
        let status = client.list_incidents(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(word), "{status}");
    }
    let both = v1::GetIncidentRequest { id: "0".repeat(32), alert: "0".repeat(32) };
    for (request, code) in [
        (both.clone(), Code::InvalidArgument),
        (v1::GetIncidentRequest::default(), Code::InvalidArgument),
        (v1::GetIncidentRequest { id: "7".into(), alert: String::new() }, Code::InvalidArgument),
        (v1::GetIncidentRequest { alert: String::new(), ..both.clone() }, Code::NotFound),
        (v1::GetIncidentRequest { id: String::new(), ..both }, Code::NotFound),
    ] {
        assert_eq!(client.get_incident(request).await.unwrap_err().code(), code);
    }
    service.stop().await;
}
