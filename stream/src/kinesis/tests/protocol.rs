//! What lies below the operations: HTTP, signatures, CBOR, bounds, shutdown.

use super::{
    Service,
    blackbox::{START_MS, receive, refusal, signed},
    scripted::ScriptedStream,
};
use crate::{
    clock::ManualClock,
    kinesis::{BeyondLoopback, Options, refuse_beyond_loopback, serve},
};
use bytes::Bytes;
use ciborium::{Value, cbor};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const JSON: &str = "application/x-amz-json-1.1";
const CBOR: &str = "application/x-amz-cbor-1.1";

#[tokio::test]
async fn every_reply_has_the_ids_of_its_request() {
    let service = Service::start().await;
    let mut connection = service.connect().await;
    let mut seen = std::collections::HashSet::new();
    for operation in ["ListStreams", "NoSuchOperation", "ListStreams"] {
        let reply = receive(&mut connection, signed(operation, JSON, "{}")).await;
        assert_eq!(reply.headers["content-type"], JSON);
        let id = reply.headers["x-amzn-requestid"].to_str().unwrap();
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(reply.headers["x-amz-id-2"].len() > 60);
        assert!(seen.insert(id.to_owned()));
    }
}

#[tokio::test]
async fn what_is_no_request_of_the_api_is_told_so() {
    let service = Service::start().await;
    let altered = |alter: &dyn Fn(&mut Request<Full<Bytes>>)| {
        let mut request = signed("ListStreams", JSON, "{}");
        alter(&mut request);
        request
    };
    let without = |header: &'static str| altered(&|request| drop(request.headers_mut().remove(header)));
    let with = |header: &'static str, value: &'static str| {
        altered(&|request| drop(request.headers_mut().insert(header, value.parse().unwrap())))
    };
    let cases = [
        (signed("MergeShards", JSON, "{}"), 400, "UnknownOperationException"),
        (with("x-amz-target", "DynamoDB_20120810.ListTables"), 400, "UnknownOperationException"),
        (with("content-type", "text/plain"), 404, "UnknownOperationException"),
        (without("x-amz-target"), 400, "UnknownOperationException"),
        (without("authorization"), 400, "MissingAuthenticationTokenException"),
        (without("x-amz-date"), 400, "IncompleteSignatureException"),
        (with("authorization", "AWS4-HMAC-SHA256 Credential=x"), 400, "IncompleteSignatureException"),
        (with("origin", "http://kizashi.example:4567"), 403, "AccessDeniedException"),
        (altered(&|request| *request.method_mut() = http::Method::GET), 403, "AccessDeniedException"),
    ];
    for (request, status, code) in cases {
        let reply = service.send(request).await;
        assert_eq!(reply.status, status, "{reply:?}");
        assert_eq!(reply.headers["x-amzn-errortype"], code);
        assert!(String::from_utf8_lossy(&reply.body).contains(code), "{reply:?}");
    }
    let reply = service.send(with("origin", "http://localhost:8750")).await;
    assert_eq!(reply.status, StatusCode::OK);
}

#[tokio::test]
async fn cbor_is_spoken_as_java_clients_speak_it() {
    let service = Service::start().await;
    let call = async |operation: &str, body: &[u8]| {
        let reply = service.send(signed(operation, CBOR, body.to_vec())).await;
        assert_eq!(reply.headers["content-type"], CBOR);
        let value = (!reply.body.is_empty()).then(|| ciborium::from_reader(&*reply.body).unwrap());
        (reply.status.as_u16(), value.unwrap_or(Value::Null))
    };
    let encode = |value: Value| {
        let mut bytes = Vec::new();
        ciborium::into_writer(&value, &mut bytes).unwrap();
        bytes
    };
    let member = |value: &Value, name: &str| {
        let members = value.as_map().unwrap().iter();
        members.clone().find(|(key, _)| key.as_text() == Some(name)).unwrap().1.clone()
    };

    let create = cbor!({ "StreamName" => "s", "ShardCount" => 1 }).unwrap();
    assert_eq!(call("CreateStream", &encode(create)).await, (200, Value::Null));
    // A map and a list of indefinite length, a byte string, and one in chunks.
    let mut put = b"\xbf\x6aStreamName\x61s\x67Records\x9f".to_vec();
    put.extend_from_slice(b"\xbf\x64Data\x43\x00\xff\x0a\x6cPartitionKey\x61k\xff");
    put.extend_from_slice(
        b"\xbf\x64Data\x5f\x41a\x42bc\xff\x6cPartitionKey\x61k\x6fExplicitHashKey\xf6\xff\xff\xff",
    );
    let (status, put) = call("PutRecords", &put).await;
    assert_eq!((status, member(&put, "FailedRecordCount")), (200, Value::from(0)));

    // Milliseconds in tag 1, against the tag's meaning.
    let timestamp = Value::Tag(1, Box::new(Value::from(START_MS)));
    let body = Value::Map(vec![
        (Value::from("StreamName"), Value::from("s")),
        (Value::from("ShardId"), Value::from("shardId-000000000000")),
        (Value::from("ShardIteratorType"), Value::from("AT_TIMESTAMP")),
        (Value::from("Timestamp"), timestamp),
    ]);
    let (status, iterator) = call("GetShardIterator", &encode(body)).await;
    assert_eq!(status, 200, "{iterator:?}");
    let token = member(&iterator, "ShardIterator").into_text().unwrap();
    let (_, read) =
        call("GetRecords", &encode(cbor!({ "ShardIterator" => token, "Limit" => 10.0 }).unwrap())).await;
    let records = member(&read, "Records").into_array().unwrap();
    assert_eq!(member(&records[0], "Data"), Value::Bytes(vec![0x00, 0xff, 0x0a]));
    assert_eq!(member(&records[1], "Data"), Value::Bytes(b"abc".to_vec()));
    assert_eq!(member(&records[1], "ApproximateArrivalTimestamp"), Value::from(START_MS));
    assert_eq!(member(&read, "MillisBehindLatest"), Value::from(0));

    let (status, error) = call("DescribeStream", &encode(cbor!({ "StreamName" => "t" }).unwrap())).await;
    assert_eq!((status, member(&error, "__type")), (400, Value::from("ResourceNotFoundException")));
    let (_, error) = call("DescribeStream", &encode(cbor!({ "StreamName" => true }).unwrap())).await;
    assert_eq!(
        member(&error, "message"),
        Value::from("class java.lang.Boolean can not be converted to an String")
    );
    let (_, error) = call("DescribeStream", b"\xbf\x6aStreamName").await;
    assert_eq!(member(&error, "__type"), Value::from("SerializationException"));
}

#[tokio::test]
async fn http2_is_spoken_without_tls() {
    let service = Service::start().await;
    let socket = TcpStream::connect(service.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    let mut request = signed("ListStreams", JSON, "{}");
    *request.uri_mut() = "http://localhost/".parse().unwrap();
    let reply = sender.send_request(request).await.unwrap();
    assert_eq!((reply.status(), reply.version()), (StatusCode::OK, http::Version::HTTP_2));
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap()["StreamNames"], json!([]));
}

#[tokio::test]
async fn nothing_beyond_loopback_is_listened_on() {
    for address in ["127.0.0.1:4567", "[::1]:0", "127.8.8.8:1", "[::ffff:127.0.0.1]:1"] {
        assert_eq!(refuse_beyond_loopback(address.parse().unwrap()), Ok(()));
    }
    for address in ["0.0.0.0:4567", "[::]:4567", "192.168.1.2:4567"] {
        let address = address.parse().unwrap();
        let error = refuse_beyond_loopback(address).unwrap_err();
        assert_eq!(error, BeyondLoopback(address));
        assert!(error.to_string().contains("refuses to listen beyond loopback without authentication"));
    }
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let streams = Arc::new(ScriptedStream::default());
    let error = serve(listener, streams, Options::default(), std::future::pending()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_end() {
    let streams = ScriptedStream::stalled();
    let service = Service::before(streams.clone(), Options::default(), ManualClock::default()).await;
    let mut connection = service.connect().await;
    let idle = service.connect().await;
    let records = json!([{ "PartitionKey": "k", "Data": "" }]);
    let body = json!({ "StreamName": "s", "Records": records }).to_string();
    let put = tokio::spawn(async move { receive(&mut connection, signed("PutRecords", JSON, body)).await });
    streams.arrived.notified().await;
    let address = service.address;
    let stopping = tokio::spawn(service.stop());
    while TcpStream::connect(address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!stopping.is_finished());
    streams.puts.add_permits(1);
    assert_eq!(put.await.unwrap().status, StatusCode::OK);
    stopping.await.unwrap();
    drop(idle);
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_off() {
    let streams = ScriptedStream::stalled();
    let options = Options { drain_timeout: Duration::from_millis(10), ..Options::default() };
    let service = Service::before(streams.clone(), options, ManualClock::default()).await;
    let mut connection = service.connect().await;
    let records = json!([{ "PartitionKey": "k", "Data": "" }]);
    let body = json!({ "StreamName": "s", "Records": records }).to_string();
    connection.ready().await.unwrap();
    let put = tokio::spawn(connection.send_request(signed("PutRecords", JSON, body)));
    streams.arrived.notified().await;
    service.stop().await;
    assert!(put.await.unwrap().is_err());
}

#[tokio::test]
async fn a_head_that_does_not_arrive_is_given_up() {
    let options = Options { header_timeout: Duration::from_millis(30), ..Options::default() };
    let streams = Arc::new(ScriptedStream::default());
    let service = Service::before(streams, options, ManualClock::default()).await;
    let mut reply = Vec::new();
    for head in ["", "P", "PRI * HTTP/2.0", "POST / HTTP/1.1\r\nhost: a\r\n"] {
        let mut socket = TcpStream::connect(service.address).await.unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.read_to_end(&mut reply).await.unwrap();
        assert!(reply.is_empty(), "a head that does not end has no answer: {head:?}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let options = Options { body_timeout: Duration::from_millis(30), ..Options::default() };
    let streams = Arc::new(ScriptedStream::default());
    let service = Service::before(streams, options, ManualClock::default()).await;
    let mut socket = TcpStream::connect(service.address).await.unwrap();
    let head = signed("PutRecord", JSON, "");
    let mut text = "POST / HTTP/1.1\r\ncontent-length: 10\r\n".to_owned();
    for (name, value) in head.headers() {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    socket.write_all(format!("{text}\r\n{{").as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    socket.read_to_end(&mut reply).await.unwrap();
    assert!(String::from_utf8_lossy(&reply).starts_with("HTTP/1.1 408 "), "{reply:?}");
}

#[tokio::test]
async fn beyond_the_bytes_in_flight_a_request_is_told_to_slow_down() {
    let streams = ScriptedStream::stalled();
    let options =
        Options { in_flight_bytes_max: 2048, body_timeout: Duration::from_millis(500), ..Options::default() };
    let service = Service::before(streams.clone(), options, ManualClock::default()).await;
    let records = json!([{ "PartitionKey": "k".repeat(250), "Data": "AAAA".repeat(400) }]);
    let body = json!({ "StreamName": "s", "Records": records }).to_string();
    let mut first = service.connect().await;
    first.ready().await.unwrap();
    let first = tokio::spawn(first.send_request(signed("PutRecords", JSON, body.clone())));
    streams.arrived.notified().await;
    let reply = service.send(signed("PutRecords", JSON, body)).await;
    assert_eq!(refusal(&reply).0, "ProvisionedThroughputExceededException");
    streams.puts.add_permits(1);
    assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_a_place() {
    let streams = Arc::new(ScriptedStream::default());
    let options = Options { connections_max: 1, ..Options::default() };
    let service = Service::before(streams, options, ManualClock::default()).await;
    let mut first = service.connect().await;
    let request = || signed("DescribeStream", JSON, r#"{"StreamName":"s"}"#);
    assert_eq!(receive(&mut first, request()).await.status, StatusCode::OK);
    let mut second = service.connect().await;
    let waiting = tokio::spawn(async move { receive(&mut second, request()).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!waiting.is_finished());
    drop(first);
    assert_eq!(waiting.await.unwrap().status, StatusCode::OK);
}
