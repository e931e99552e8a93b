//! A running endpoint, and a client that signs as little as is needed.

use crate::{
    api::Stream,
    clock::ManualClock,
    embedded::{self, EmbeddedStreams},
    kinesis::{Options, serve},
};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use kizashi_log::StdFileSystem;
use serde_json::Value;
use std::{io, net::SocketAddr, sync::Arc};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

/// The clock's time when a service starts, Unix milliseconds.
pub(in crate::kinesis) const START_MS: i64 = 1_780_000_000_000;

/// What a client gets back.
#[derive(Debug)]
pub(in crate::kinesis) struct Reply {
    pub(in crate::kinesis) status: StatusCode,
    pub(in crate::kinesis) headers: HeaderMap,
    pub(in crate::kinesis) body: Bytes,
}

/// An endpoint on a free port.
pub(in crate::kinesis) struct Service {
    pub(in crate::kinesis) address: SocketAddr,
    pub(in crate::kinesis) clock: ManualClock,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<io::Result<()>>,
    /// Removed with the service.
    _dir: Option<tempfile::TempDir>,
}

impl Service {
    /// Before embedded streams.
    pub(in crate::kinesis) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(START_MS);
        let options = embedded::Options { clock: Arc::new(clock.clone()), ..Default::default() };
        let streams = EmbeddedStreams::open(Arc::new(StdFileSystem), dir.path(), options).unwrap();
        let service = Self::before(Arc::new(streams), Options::default(), clock).await;
        Self { _dir: Some(dir), ..service }
    }

    /// Before given streams, within given bounds.
    pub(in crate::kinesis) async fn before(
        streams: Arc<dyn Stream>,
        options: Options,
        clock: ManualClock,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let options = Options { clock: Arc::new(clock.clone()), ..options };
        let serving = tokio::spawn(serve(listener, streams, options, async {
            // Ends as well where the sender is dropped.
            let _ = stopped.await;
        }));
        Self { address, clock, stop: Some(stop), serving, _dir: None }
    }

    /// Tells it to stop and waits until it has.
    pub(in crate::kinesis) async fn stop(mut self) {
        drop(self.stop.take());
        self.serving.await.unwrap().unwrap();
    }

    /// A connection of its own.
    pub(in crate::kinesis) async fn connect(&self) -> http1::SendRequest<Full<Bytes>> {
        let socket = TcpStream::connect(self.address).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(socket)).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    /// Sends a request on a connection of its own.
    pub(in crate::kinesis) async fn send(&self, request: Request<Full<Bytes>>) -> Reply {
        receive(&mut self.connect().await, request).await
    }

    /// Calls an operation in JSON.
    pub(in crate::kinesis) async fn call(&self, operation: &str, body: Value) -> Reply {
        self.send(signed(operation, "application/x-amz-json-1.1", body.to_string())).await
    }

    /// Calls an operation that succeeds.
    pub(in crate::kinesis) async fn ok(&self, operation: &str, body: Value) -> Value {
        let reply = self.call(operation, body).await;
        assert_eq!(reply.status, StatusCode::OK, "{operation}: {:?}", reply.body);
        if reply.body.is_empty() { Value::Null } else { serde_json::from_slice(&reply.body).unwrap() }
    }

    /// Calls an operation that is refused; the error's name and message.
    pub(in crate::kinesis) async fn refused(&self, operation: &str, body: Value) -> (String, String) {
        let reply = self.call(operation, body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{operation}: {:?}", reply.body);
        refusal(&reply)
    }

    /// Creates a stream.
    pub(in crate::kinesis) async fn create(&self, stream: &str, shards: u32) {
        let body = serde_json::json!({ "StreamName": stream, "ShardCount": shards });
        self.ok("CreateStream", body).await;
    }
}

/// The name and message of an error in JSON, which the headers repeat.
pub(in crate::kinesis) fn refusal(reply: &Reply) -> (String, String) {
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    let code = body["__type"].as_str().unwrap();
    assert_eq!(reply.headers["x-amzn-errortype"], code);
    (code.to_owned(), body["message"].as_str().unwrap_or_default().to_owned())
}

/// A request as a client of AWS sends it.
pub(in crate::kinesis) fn signed(
    operation: &str,
    content_type: &str,
    body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let signature = "ab".repeat(32);
    Request::post("/")
        .header("host", "localhost")
        .header("content-type", content_type)
        .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
        .header("x-amz-date", "20260131T235959Z")
        .header(
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential=AKID/20260131/eu-west-1/kinesis/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={signature}"
            ),
        )
        .body(Full::new(body.into()))
        .unwrap()
}

/// Sends a request on a connection and reads the reply whole.
pub(in crate::kinesis) async fn receive(
    connection: &mut http1::SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Reply {
    connection.ready().await.unwrap();
    let (head, body) = connection.send_request(request).await.unwrap().into_parts();
    Reply { status: head.status, headers: head.headers, body: body.collect().await.unwrap().to_bytes() }
}
