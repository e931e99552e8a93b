//! Service `Status`.

use super::wire;
use crate::views::Views;
use kizashi_proto::v1::{self, status_server::Status};
use std::sync::Arc;
use tonic::{Request, Response};

/// What the workers say of themselves.
#[derive(Clone, Debug, Default)]
pub struct WorkerStatus {
    /// Id of the snapshot in use.
    pub snapshot: [u8; 32],
    /// Observations scored a second, over the last few seconds.
    pub records_per_second: f64,
    /// Age of the oldest record that is not scored yet; 0 where there is none.
    pub lag_seconds: f64,
    /// One a shard and application.
    pub shards: Vec<v1::ShardStatus>,
}

/// Asks the workers.
pub type WorkerStatusSource = Arc<dyn Fn() -> WorkerStatus + Send + Sync>;

/// Tells the state of the service.
pub(super) struct StatusService {
    pub(super) views: Arc<Views>,
    pub(super) workers: WorkerStatusSource,
    /// When the service started, Unix milliseconds.
    pub(super) started_ms: i64,
}

#[tonic::async_trait]
impl Status for StatusService {
    async fn get_status(
        &self,
        _request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, tonic::Status> {
        let workers = (self.workers)();
        Ok(Response::new(v1::GetStatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: Some(wire::timestamp(self.started_ms)),
            snapshot: wire::hexadecimal(&workers.snapshot),
            series: self.views.series_count() as u64,
            open_alerts: self.views.open_alerts() as u64,
            dead_letters: self.views.dead_letters().lock().count("") as u64,
            records_per_second: workers.records_per_second,
            lag_seconds: workers.lag_seconds,
            shards: workers.shards,
        }))
    }
}
