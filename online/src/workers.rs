//! Runs the workers of all shards: each in a task of its own, started again after an error.

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;

use crate::{
    committed::{CommitSink, Committed, Restored, ShardRef},
    route::RouteShard,
    score::{ScoreShard, Scoring},
    work::{ROUTE, Routed, SCORE, Shared, Stop, WatchedStream, WorkError},
};
use kizashi_models::{detector::Detector, engine::EngineConfig};
use kizashi_storage::error::StoreError;
use kizashi_stream::api::{Stream, StreamError};
use parking_lot::Mutex;
use std::{collections::HashSet, pin::Pin, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

/// Pause before a worker is started again, at first and at most.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// A worker that has run for so long is taken for healthy: its next pause is the shortest again.
const HEALTHY_MS: u64 = 60_000;

/// The running workers of a node.
#[derive(Debug)]
pub struct Workers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// A worker's life: takes a lease counter and runs until it ends.
type Life = Pin<Box<dyn Future<Output = Result<(), WorkError>> + Send>>;

impl Workers {
    /// Starts the workers of these streams, which exist; creates their internal streams where absent.
    /// Returns when every shard has recovered, or has failed to and is tried again in the background.
    pub async fn start<D: Detector + Clone + 'static>(
        mut shared: Shared,
        streams: Vec<WatchedStream>,
        detector: D,
        config: EngineConfig,
    ) -> Result<Self, WorkError> {
        config.validate()?;
        let begun =
            Arc::new(Begun { sink: shared.sink.clone(), shards: Mutex::default(), changed: Notify::new() });
        shared.sink = begun.clone();
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let mut expected = 0;
        for stream in streams {
            let sources = shard_ids(&*shared.streams, &stream.name).await?;
            let scored = if stream.rekey {
                let keyed = stream.keyed_name();
                match shared.streams.create_stream(&keyed, sources.len() as u32).await {
                    Ok(()) | Err(StreamError::ResourceInUse(_)) => {}
                    Err(error) => return Err(error.into()),
                }
                shard_ids(&*shared.streams, &keyed).await?
            } else {
                sources.clone()
            };
            let routed = stream.rekey.then(|| Arc::new(Routed::new(sources.iter().cloned())));
            if let Some(routed) = &routed {
                for shard in &sources {
                    let worker = (shared.clone(), stream.clone(), routed.clone());
                    let life = move |shard: ShardRef, lease, stop| -> Life {
                        let (shared, stream, routed) = worker.clone();
                        Box::pin(async move {
                            RouteShard::run(&shared, &stream, &routed, &shard, lease, stop).await
                        })
                    };
                    let shard = shard_ref(ROUTE, &stream.name, shard);
                    tasks.spawn(keep_alive(shared.clone(), begun.clone(), shard, stopped.clone(), life));
                    expected += 1;
                }
            }
            let scoring = Scoring { detector: detector.clone(), config: config.clone(), stream, routed };
            for shard in &scored {
                let worker = (shared.clone(), scoring.clone());
                let life = move |shard: ShardRef, lease, stop| -> Life {
                    let (shared, scoring) = worker.clone();
                    Box::pin(async move { ScoreShard::run(&shared, &scoring, &shard, lease, stop).await })
                };
                let shard = shard_ref(SCORE, &scoring.stream.name, shard);
                tasks.spawn(keep_alive(shared.clone(), begun.clone(), shard, stopped.clone(), life));
                expected += 1;
            }
        }
        begun.wait_for(expected).await;
        Ok(Self { stop, tasks })
    }

    /// Stops cleanly: returns when all that was read is committed and all state is flushed.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "the keeper of a worker ended early");
            }
        }
    }
}

fn shard_ref(application: &str, stream: &Arc<str>, shard: &Arc<str>) -> ShardRef {
    ShardRef { application: application.into(), stream: stream.clone(), shard: shard.clone() }
}

async fn shard_ids(streams: &dyn Stream, stream: &str) -> Result<Vec<Arc<str>>, WorkError> {
    let description = streams.describe_stream(stream).await?;
    Ok(description.shards.into_iter().map(|shard| shard.id).collect())
}

/// Runs a worker, and again after an error or a panic, until it ends well or is stopped.
async fn keep_alive(
    shared: Shared,
    begun: Arc<Begun>,
    shard: ShardRef,
    mut stop: Stop,
    life: impl Fn(ShardRef, u64, Stop) -> Life + Send,
) {
    let mut pause = PAUSE_MIN;
    while !*stop.borrow() {
        let started_ms = shared.clock.elapsed_ms();
        // Nobody else works on this directory, so the counter is this node's to raise.
        let ended = match next_lease(&shared, &shard) {
            Ok(lease) => {
                // A task of its own, so that a panic ends this worker alone; in a set, so that it ends with
                // its keeper.
                let mut task = JoinSet::new();
                task.spawn(life(shard.clone(), lease, stop.clone()));
                match task.join_next().await.expect("there is one task") {
                    Ok(ended) => ended.map_err(|error| error.to_string()),
                    Err(panic) => Err(panic.to_string()),
                }
            }
            Err(error) => Err(error.to_string()),
        };
        let Err(error) = ended else { return };
        begun.note(&shard);
        let ShardRef { application, stream, shard: id } = &shard;
        tracing::error!(%application, %stream, shard = %id, error, "a worker failed and is started again");
        let labels = [("application", &**application), ("stream", &**stream), ("shard", &**id)];
        let help = "Times the worker was started again after an error.";
        shared.registry.counter("kizashi_restarts_total", help, &labels).add(1);
        if shared.clock.elapsed_ms().saturating_sub(started_ms) >= HEALTHY_MS {
            pause = PAUSE_MIN;
        }
        tokio::select! {
            () = shared.clock.sleep(pause) => {}
            _ = stop.changed() => {}
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

fn next_lease(shared: &Shared, shard: &ShardRef) -> Result<u64, StoreError> {
    let last = shared.stores.shard(shard)?.commits.last()?;
    Ok(last.map_or(1, |(_, commit)| commit.lease + 1))
}

/// Passes on what workers say, and knows which have begun.
struct Begun {
    sink: Arc<dyn CommitSink>,
    shards: Mutex<HashSet<ShardRef>>,
    changed: Notify,
}

impl Begun {
    fn note(&self, shard: &ShardRef) {
        if self.shards.lock().insert(shard.clone()) {
            self.changed.notify_one();
        }
    }

    async fn wait_for(&self, count: usize) {
        while self.shards.lock().len() < count {
            self.changed.notified().await;
        }
    }
}

impl CommitSink for Begun {
    fn restored(&self, shard: &ShardRef, restored: Restored) {
        self.sink.restored(shard, restored);
        self.note(shard);
    }

    fn committed(&self, committed: Committed<'_>) {
        self.sink.committed(committed);
    }

    fn forgotten(&self, shard: &ShardRef, series: &[Box<str>]) {
        self.sink.forgotten(shard, series);
    }
}
