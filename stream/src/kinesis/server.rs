//! Listens, and speaks HTTP/1.1 and HTTP/2 without TLS.

use super::{
    body::{self, Memory, Reserved},
    error::ApiError,
    operation::Endpoint,
    options::Options,
    request::{self, Refusal},
    token::Tokens,
};
use crate::api::Stream;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use std::{
    convert::Infallible,
    hash::{BuildHasher, RandomState},
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

/// Requests that one HTTP/2 connection may have under way.
const CONCURRENT_STREAMS_MAX: u32 = 100;

/// An address that the endpoint refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the Kinesis endpoint refuses to listen beyond loopback without authentication: {0} is not a loopback address; \
     listen on 127.0.0.1 or [::1]"
)]
pub struct BeyondLoopback(pub SocketAddr);

/// Refuses an address that is reachable from outside this machine. To be asked before the port is bound;
/// [`serve`] asks again.
pub fn refuse_beyond_loopback(address: SocketAddr) -> Result<(), BeyondLoopback> {
    if address.ip().to_canonical().is_loopback() { Ok(()) } else { Err(BeyondLoopback(address)) }
}

/// Answers requests on `listener` until `shutdown` is ready; then it accepts no more, and returns once the requests
/// under way have their answers or [`Options::drain_timeout`] has passed.
///
/// Fails at once where the listener is not on loopback.
pub async fn serve(
    listener: TcpListener,
    streams: Arc<dyn Stream>,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    refuse_beyond_loopback(listener.local_addr()?)
        .map_err(|error| io::Error::new(io::ErrorKind::PermissionDenied, error))?;
    let server = Arc::new(Server::new(streams, options));
    let places = Arc::new(Semaphore::new(server.options.connections_max.max(1)));
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let place = tokio::select! {
            () = &mut shutdown => break,
            place = places.clone().acquire_owned() => place.expect("the semaphore is never closed"),
        };
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((socket, _)) => {
                let connection = server.clone().serve_connection(socket, stopped.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, or the peer was gone already: wait a little, go on.
                tracing::warn!(%error, "could not accept a connection");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    let drain_timeout = server.options.drain_timeout;
    drop(stop);
    let drained = timeout(drain_timeout, async { while connections.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tracing::warn!(open = connections.len(), "closed connections whose requests did not end in time");
        connections.shutdown().await;
    }
    Ok(())
}

/// What all connections share.
struct Server {
    endpoint: Endpoint,
    options: Options,
    memory: Memory,
    request_ids: RequestIds,
    http: auto::Builder<TokioExecutor>,
}

impl Server {
    fn new(streams: Arc<dyn Stream>, options: Options) -> Self {
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1().timer(TokioTimer::new()).header_read_timeout(options.header_timeout).keep_alive(true);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(CONCURRENT_STREAMS_MAX)
            .keep_alive_interval(options.header_timeout)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20);
        let memory = Memory::new(options.in_flight_bytes_max);
        let endpoint = Endpoint {
            streams,
            tokens: Tokens::new(options.token_key),
            memory: memory.clone(),
            options: options.clone(),
        };
        Self { endpoint, options, memory, request_ids: RequestIds::default(), http }
    }

    async fn serve_connection(self: Arc<Self>, socket: TcpStream, mut stopped: watch::Receiver<()>) {
        // Answers are small and wanted at once.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "could not set TCP_NODELAY");
        }
        let begun = Arc::new(AtomicBool::new(false));
        let (server, told) = (self.clone(), begun.clone());
        let service = service_fn(move |request| {
            told.store(true, Ordering::Relaxed);
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        let connection = self.http.serve_connection(TokioIo::new(socket), service);
        let mut connection = std::pin::pin!(connection);
        // While it is not known which HTTP a client speaks, hyper does not watch the time.
        let overdue = async {
            sleep(self.options.header_timeout).await;
            if begun.load(Ordering::Relaxed) {
                std::future::pending().await
            }
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = overdue => return,
            _ = stopped.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let call = match request::read_head(&head) {
            Ok(call) => call,
            Err(refusal) => {
                body::drop_rest(body, &self.options).await;
                return self.refuse(&refusal);
            }
        };
        let answered = match body::read(body, &self.memory, &self.options).await {
            Ok((body, reserved)) => self.endpoint.run(&call, body, reserved).await,
            Err(error) => Err(error),
        };
        match answered {
            Ok(answer) => {
                let content = match answer.reserved {
                    Some(reserved) => Bytes::from_owner(ReservedBytes(answer.content, reserved)),
                    None => Bytes::from(answer.content),
                };
                self.respond(StatusCode::OK, Some(call.format.content_type()), content)
            }
            Err(error) => self.refuse(&Refusal { error, format: Some(call.format) }),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Response<Full<Bytes>> {
        let (content_type, content) = refusal.encode();
        let ApiError { code, status, .. } = refusal.error;
        let mut response = self.respond(status, content_type, content.into());
        response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(code));
        response
    }

    fn respond(
        &self,
        status: StatusCode,
        content_type: Option<&'static str>,
        content: Bytes,
    ) -> Response<Full<Bytes>> {
        let (request_id, extended_id) = self.request_ids.next();
        let mut response = Response::new(Full::new(content));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert("x-amzn-requestid", header_value(request_id));
        headers.insert("x-amz-id-2", header_value(extended_id));
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        response
    }
}

fn header_value(text: String) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(text)).expect("hexadecimal and base64 are header values")
}

/// Bytes of a response that hold their part of the memory until they are sent.
struct ReservedBytes(Vec<u8>, #[expect(dead_code, reason = "held, not read")] Reserved);

impl AsRef<[u8]> for ReservedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Ids that tell requests apart in a client's log. Unique and without order, but no secret.
#[derive(Default)]
struct RequestIds {
    keys: RandomState,
    count: AtomicU64,
}

impl RequestIds {
    /// `x-amzn-RequestId`, a UUID of version 4's form, and `x-amz-id-2`.
    fn next(&self) -> (String, String) {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let word = |index: u64| self.keys.hash_one((count, index));
        let (high, low) = (word(0), word(1));
        let request_id = format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        );
        let extended: Vec<u8> = (2..8).flat_map(|index| word(index).to_be_bytes()).collect();
        (request_id, STANDARD.encode(extended))
    }
}
