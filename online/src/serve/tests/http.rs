//! What HTTP clients see: the dashboard, metrics, gRPC-Web over HTTP/1.1, health, reflection, and refusals.

use super::Service;
use crate::views::watch::tests::Node;
use kizashi_proto::v1;
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// Sends one request over HTTP/1.1 and gives the whole answer.
async fn http1(service: &Service, request_line: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let mut head = format!("{request_line} HTTP/1.1\r\nconnection: close\r\n");
    for header in headers {
        head += &format!("{header}\r\n");
    }
    head += &format!("content-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

async fn get(service: &Service, path: &str, headers: &[&str]) -> String {
    String::from_utf8(http1(service, &format!("GET {path}"), headers, b"").await).unwrap()
}

const HOST: &str = "host: localhost:8750";

#[tokio::test]
async fn the_dashboard_and_the_metrics_are_on_the_same_port() {
    let service = Service::start(Node::new(1, 8)).await;
    let page = get(&service, "/", &[HOST, "accept-encoding: br"]).await;
    assert!(page.starts_with("HTTP/1.1 200") && page.ends_with("page, encoding Some(\"br\")"), "{page}");
    assert!(page.contains("x-frame-options: DENY"), "{page}");
    assert!(get(&service, "/missing", &[HOST]).await.starts_with("HTTP/1.1 404"));
    let metrics = get(&service, "/metrics", &[HOST]).await;
    assert!(
        metrics.contains("text/plain; version=0.0.4") && metrics.ends_with("kizashi_up 1\n"),
        "{metrics}"
    );
    assert!(get(&service, "/healthz", &[HOST]).await.ends_with("ok\n"));
    let post = http1(&service, "POST /", &[HOST], b"x").await;
    assert!(post.starts_with(b"HTTP/1.1 405"));
    service.stop().await;
}

#[tokio::test]
async fn foreign_pages_and_rebound_names_are_refused() {
    let service = Service::start(Node::new(1, 8)).await;
    let rebound = get(&service, "/metrics", &["host: evil.example:8750"]).await;
    assert!(rebound.starts_with("HTTP/1.1 403") && rebound.contains("`evil.example:8750`"), "{rebound}");
    let foreign = get(&service, "/", &[HOST, "origin: http://evil.example"]).await;
    assert!(foreign.starts_with("HTTP/1.1 403"), "{foreign}");
    let own = get(&service, "/", &[HOST, "origin: http://localhost:8750"]).await;
    assert!(own.starts_with("HTTP/1.1 200"), "{own}");
    let headers = [HOST, "origin: https://evil.example", "content-type: application/grpc-web+proto"];
    let call = http1(&service, "POST /kizashi.v1.Records/PutRecords", &headers, &[0, 0, 0, 0, 0]).await;
    let call = String::from_utf8_lossy(&call).into_owned();
    assert!(call.contains("grpc-status: 7"), "{call}");
    assert!(service.stream.state.lock().puts.is_empty());
    service.stop().await;
}

#[tokio::test]
async fn grpc_web_works_over_http_1() {
    let mut node = Node::new(1, 8);
    let committed = node.commit(0, 1, true);
    let service = Service::start(node).await;
    let message = v1::ListAlertsRequest { filter: "open:true".into(), ..v1::ListAlertsRequest::default() };
    let message = message.encode_to_vec();
    let body = [&[0][..], &(message.len() as u32).to_be_bytes(), &message].concat();
    let headers =
        [HOST, "content-type: application/grpc-web+proto", "x-grpc-web: 1", "origin: http://localhost:8750"];
    let answer = http1(&service, "POST /kizashi.v1.Alerts/ListAlerts", &headers, &body).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    assert!(
        text.starts_with("HTTP/1.1 200") && text.contains("content-type: application/grpc-web+proto"),
        "{text}"
    );
    assert!(text.contains("grpc-status:0"), "the trailers stand in the body: {text}");
    assert!(text.contains(&committed[0].to_string()), "{text}");

    let headers = [HOST, "content-type: application/grpc-web+proto"];
    let unknown = http1(&service, "POST /kizashi.v1.Alerts/Nothing", &headers, &body).await;
    assert!(String::from_utf8_lossy(&unknown).contains("grpc-status: 12"));
    let unknown = http1(&service, "POST /kizashi.v1.Nothing/Nothing", &headers, &body).await;
    assert!(String::from_utf8_lossy(&unknown).contains("grpc-status: 12"));
    service.stop().await;
}

#[tokio::test]
async fn health_turns_when_the_service_stops() {
    let service = Service::start(Node::new(1, 8)).await;
    let mut health = HealthClient::new(service.channel().await);
    for name in ["", "kizashi.v1.Alerts", "kizashi.v1.Records"] {
        let check = health.check(HealthCheckRequest { service: name.to_owned() }).await.unwrap().into_inner();
        assert_eq!(check.status(), ServingStatus::Serving, "{name}");
    }
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    service.stop().await;
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(watch.message().await.unwrap().is_none());
}

#[tokio::test]
async fn reflection_tells_the_services() {
    use tonic_reflection::pb::{v1, v1alpha};
    const SERVICES: [&str; 4] =
        ["kizashi.v1.Alerts", "kizashi.v1.DeadLetters", "kizashi.v1.Records", "kizashi.v1.Status"];
    let service = Service::start(Node::new(1, 8)).await;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(service.channel().await);
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(String::new())),
    };
    let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let v1::server_reflection_response::MessageResponse::ListServicesResponse(list) = answer else {
        panic!("{answer:?}");
    };
    for name in SERVICES {
        assert!(list.service.iter().any(|service| service.name == name), "{name}: {list:?}");
    }

    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(service.channel().await);
    let symbol = "kizashi.v1.Alerts.WatchAlerts".to_owned();
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
            symbol,
        )),
    };
    let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    assert!(matches!(
        answer,
        v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_)
    ));
    service.stop().await;
}
