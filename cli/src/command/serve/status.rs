//! What the workers say of themselves, gathered from their metrics and commit logs.

use crate::config::Config;
use kizashi_online::{
    committed::ShardRef,
    metrics::{Registry, ShardMetrics},
    serve::WorkerStatus,
    stores::Stores,
    work::{ROUTE, SCORE},
};
use kizashi_proto::v1::ShardStatus;
use kizashi_stream::{api::Stream, embedded::EmbeddedStreams, sequence::SequenceNumber};
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

/// Rates are over this many samples, one a second.
const SAMPLES: usize = 6;

/// Samples what was scored, and tells how the workers fare.
pub struct Meter {
    shards: Vec<(ShardRef, ShardMetrics)>,
    stores: Arc<Stores>,
    snapshot: [u8; 32],
    samples: Mutex<VecDeque<(Instant, u64)>>,
}

impl Meter {
    /// Begins to sample, on the current runtime, for as long as the meter is used.
    pub async fn start(
        registry: &Registry,
        stores: Arc<Stores>,
        streams: &EmbeddedStreams,
        snapshot: [u8; 32],
        config: &Config,
    ) -> Arc<Self> {
        let mut shards = Vec::new();
        for (name, stream) in &config.streams {
            let applications: &[&str] = if stream.rekey { &[ROUTE, SCORE] } else { &[SCORE] };
            // The internal stream has as many shards, with the same ids.
            let described =
                streams.describe_stream(name).await.map(|stream| stream.shards).unwrap_or_default();
            for application in applications {
                for shard in &described {
                    let metrics = ShardMetrics::new(registry, application, name, &shard.id);
                    let shard = ShardRef {
                        application: (*application).into(),
                        stream: name.as_str().into(),
                        shard: shard.id.clone(),
                    };
                    shards.push((shard, metrics));
                }
            }
        }
        let meter = Arc::new(Self { shards, stores, snapshot, samples: Mutex::default() });
        let sampled = Arc::downgrade(&meter);
        tokio::spawn(async move {
            while let Some(meter) = sampled.upgrade() {
                meter.sample();
                drop(meter);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        meter
    }

    fn scored(&self) -> u64 {
        let scored = self.shards.iter().filter(|(shard, _)| &*shard.application == SCORE);
        scored.map(|(_, metrics)| metrics.records.get()).sum()
    }

    fn sample(&self) {
        let mut samples = self.samples.lock();
        samples.push_back((Instant::now(), self.scored()));
        while samples.len() > SAMPLES {
            samples.pop_front();
        }
    }

    /// As it is now.
    pub fn status(&self) -> WorkerStatus {
        let (now, scored) = (Instant::now(), self.scored());
        let since = self.samples.lock().front().copied();
        let records_per_second = since.map_or(0.0, |(at, before)| {
            (scored - before) as f64 / now.saturating_duration_since(at).as_secs_f64().max(0.1)
        });
        let shards: Vec<_> =
            self.shards.iter().map(|(shard, metrics)| self.shard_status(shard, metrics)).collect();
        let lag_seconds = shards.iter().map(|shard| shard.lag_seconds).fold(0.0, f64::max);
        WorkerStatus { snapshot: self.snapshot, records_per_second, lag_seconds, shards }
    }

    fn shard_status(&self, shard: &ShardRef, metrics: &ShardMetrics) -> ShardStatus {
        // A shard whose store can't be read has no position to show; its worker says why in the log.
        let last = self.stores.shard(shard).ok().and_then(|store| store.commits.last().ok().flatten());
        ShardStatus {
            application: shard.application.to_string(),
            stream: shard.stream.to_string(),
            shard: shard.shard.to_string(),
            sequence_number: last
                .map(|(_, commit)| SequenceNumber(commit.position.sequence).to_string())
                .unwrap_or_default(),
            lag_seconds: metrics.lag_ms.get() as f64 / 1000.0,
            records: metrics.records.get(),
        }
    }
}
