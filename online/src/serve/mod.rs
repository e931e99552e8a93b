//! The port that people and programs use: gRPC, gRPC-Web, the dashboard, `/metrics` and `/healthz`.

mod alerts;
mod dead_letters;
mod downsample;
mod errors;
mod guard;
mod incidents;
mod listen;
mod records;
mod series;
mod status;
mod stop;
#[cfg(test)]
mod tests;
mod watch;
mod wire;

pub use alerts::RESUME_TOKEN_METADATA;
pub use dead_letters::{DeadLetterReplay, ReplayOutcome};
pub use errors::DOMAIN as ERROR_DOMAIN;
pub use listen::{BindError, Bound, PortLimits};
pub use series::SeriesHistory;
pub use status::{WorkerStatus, WorkerStatusSource};

use crate::views::{Views, token};
use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header},
    middleware,
    response::IntoResponse,
    routing::get,
};
use bytes::Bytes;
use kizashi_proto::{
    FILE_DESCRIPTOR_SET,
    v1::{
        alerts_server::AlertsServer, dead_letters_server::DeadLettersServer,
        incidents_server::IncidentsServer, records_server::RecordsServer, series_server::SeriesServer,
        status_server::StatusServer,
    },
};
use kizashi_stream::api::Stream;
use std::{future::Future, sync::Arc};
use stop::Stop;
use tokio::{net::TcpListener, sync::watch::Sender};
use tonic::{Status, server::NamedService, service::Routes};
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_web::GrpcWebLayer;

/// Largest message of a request, bytes.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Answers for a path of the dashboard, given the request's `Accept-Encoding`; `None` where there is nothing.
pub type Assets = Arc<dyn Fn(&str, Option<&str>) -> Option<Response<Bytes>> + Send + Sync>;

/// What the services stand on.
pub struct Parts {
    /// Takes the records that are put.
    pub stream: Arc<dyn Stream>,
    /// What is shown.
    pub views: Arc<Views>,
    /// Gives the history of series.
    pub history: Arc<dyn SeriesHistory>,
    /// Replays dead letters.
    pub dead_letters: Arc<dyn DeadLetterReplay>,
    /// Tells how the workers fare.
    pub workers: WorkerStatusSource,
    /// The metrics in the Prometheus text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// The dashboard.
    pub assets: Assets,
    /// When the service started, Unix milliseconds.
    pub started_ms: i64,
    /// Bounds of the port.
    pub limits: PortLimits,
}

/// All services, ready to serve.
pub struct Server {
    router: Router,
    limits: PortLimits,
    health: HealthReporter,
    stopper: Sender<bool>,
    stop: Stop,
    /// Whose incidents are brought up to date while it serves.
    settled: Arc<Views>,
}

/// Puts the services together.
pub fn server(parts: Parts) -> Server {
    let (stopper, stop) = Stop::new();
    let Parts { stream, views, history, dead_letters, workers, metrics, assets, started_ms, limits } = parts;
    let (health, health_service) = tonic_health::server::health_reporter();
    let alerts = alerts::AlertsService::new(views.clone(), stop.clone());
    let incidents = incidents::IncidentsService::new(views.clone(), stop.clone());
    let settled = views.clone();
    let records = records::RecordsService::new(stream, stop.clone());
    let dead_letters = dead_letters::DeadLettersService { views: views.clone(), replay: dead_letters };
    let series = series::SeriesService::new(views.clone(), history);
    let status = status::StatusService { views, workers, started_ms };
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let grpc = Routes::default()
        .add_service(AlertsServer::new(alerts).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(IncidentsServer::new(incidents).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(RecordsServer::new(records).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(DeadLettersServer::new(dead_letters).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(SeriesServer::new(series).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(StatusServer::new(status).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(health_service)
        .add_service(reflection().build_v1().expect("the descriptors are those of this build"))
        .add_service(reflection().build_v1alpha().expect("the descriptors are those of this build"));
    // Only the gRPC routes understand gRPC-Web; the layer would refuse all else over HTTP/1.1.
    let grpc = grpc.into_axum_router().route_layer(GrpcWebLayer::new());
    let router = Router::new()
        .merge(grpc.reset_fallback())
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(move || measured(metrics.clone())))
        .fallback(move |request: Request| async move { fallback(&assets, &request) })
        .layer(middleware::from_fn(guard::guard));
    Server { router, limits, health, stopper, stop, settled }
}

impl Server {
    /// Serves on `listener` until `shutdown` is done; then health turns to NOT_SERVING, watches end with
    /// UNAVAILABLE, and requests under way have ten seconds.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) {
        let Self { router, limits, mut health, stopper, stop, settled } = self;
        set_health(&health, ServingStatus::Serving).await;
        let settling = incidents::settle(settled, stop.clone());
        let serving = listen::run(listener, router, &limits, stop.receiver());
        let stopping = async {
            shutdown.await;
            set_health(&health, ServingStatus::NotServing).await;
            stopper.send_replace(true);
            // Ends the health watches, which would keep their connections up.
            for service in HEALTH_SERVICES {
                health.clear_service_status(service).await;
            }
        };
        tokio::join!(serving, settling, stopping);
    }
}

/// Names that health can be asked for; the empty one stands for the whole.
const HEALTH_SERVICES: [&str; 7] = [
    "",
    <AlertsServer<alerts::AlertsService> as NamedService>::NAME,
    <IncidentsServer<incidents::IncidentsService> as NamedService>::NAME,
    <RecordsServer<records::RecordsService> as NamedService>::NAME,
    <DeadLettersServer<dead_letters::DeadLettersService> as NamedService>::NAME,
    <SeriesServer<series::SeriesService> as NamedService>::NAME,
    <StatusServer<status::StatusService> as NamedService>::NAME,
];

async fn set_health(health: &HealthReporter, status: ServingStatus) {
    for service in HEALTH_SERVICES {
        health.set_service_status(service, status).await;
    }
}

/// The metrics, taken where that holds no request up: they count incidents, which are brought up to date first.
async fn measured(metrics: Arc<dyn Fn() -> String + Send + Sync>) -> axum::response::Response {
    match tokio::task::spawn_blocking(move || metrics()).await {
        Ok(text) => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn fallback(assets: &Assets, request: &Request) -> axum::response::Response {
    if guard::is_grpc(request.headers()) {
        return guard::unimplemented(request.uri());
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    let mut response = match assets(request.uri().path(), accept_encoding(request.headers())) {
        Some(response) => response.map(Body::from),
        None => (StatusCode::NOT_FOUND, "there is nothing at this path\n").into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

fn accept_encoding(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::ACCEPT_ENCODING)?.to_str().ok()
}

/// A page size as asked for, or its default where it is 0.
fn page_size(asked: i32, default: usize, max: usize) -> Result<usize, Status> {
    match usize::try_from(asked) {
        Ok(0) => Ok(default),
        Ok(size) if size <= max => Ok(size),
        _ => Err(errors::invalid("page_size", asked, format!("1 to {max}, or 0 for {default}"))),
    }
}

/// The key that a page token holds; `None` for the first page.
fn page_token<K>(scope: &str, held: &str, decode: impl Fn(&[u8]) -> Option<K>) -> Result<Option<K>, Status> {
    if held.is_empty() {
        return Ok(None);
    }
    let key = token::open(scope, held).and_then(|bytes| decode(&bytes).ok_or(token::TokenError::Malformed));
    key.map(Some).map_err(|problem| {
        let allowed = "the `next_page_token` of the previous answer, with the same filter and order";
        errors::invalid("page_token", held, format!("{allowed}; {problem}"))
    })
}
