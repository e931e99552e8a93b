//! A worker of an application: finds the shards of a stream, and takes and keeps its share of the leases.

use super::{
    balance::{Observed, Random},
    held_lease::{Change, HeldLease, Order},
    lease::{Checkpoint, Lease, LeaseError, LeaseTable},
    processor::ProcessorFactory,
    shard_task::ShardTask,
};
use crate::{
    api::{ShardDescription, Stream, StreamDescription, StreamError},
    clock::Clock,
};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::watch,
    task::{Id, JoinError, JoinHandle, JoinSet},
};

/// How a consumer works.
#[derive(Clone, Debug)]
pub struct ConsumerOptions {
    /// The application's name.
    pub application: String,
    /// The stream's name.
    pub stream: String,
    /// This worker's name, which no other living worker of the application has.
    pub worker: String,
    /// Where a shard begins that the application has no lease on yet: [`Checkpoint::TrimHorizon`] or
    /// [`Checkpoint::Latest`]. The children of a split or merge always begin with their first record.
    pub start: Checkpoint,
    /// A lease that isn't renewed for this long is taken by another worker. It is renewed three times as
    /// often. Default 10 s.
    pub failover: Duration,
    /// How often the worker looks for shards and for leases to take. Default 5 s.
    pub take_interval: Duration,
    /// Records of a batch. Default 10,000, as Kinesis gives.
    pub records_max: usize,
    /// Bytes of a batch, about. Default 4 MiB.
    pub bytes_max: usize,
    /// Reads the next batch while one is processed.
    pub prefetch: bool,
    /// Decides between leases that are as good to take; any number, another for each worker.
    pub seed: u64,
}

impl ConsumerOptions {
    /// The defaults.
    pub fn new(
        application: impl Into<String>,
        stream: impl Into<String>,
        worker: impl Into<String>,
        seed: u64,
    ) -> Self {
        Self {
            application: application.into(),
            stream: stream.into(),
            worker: worker.into(),
            start: Checkpoint::TrimHorizon,
            failover: Duration::from_secs(10),
            take_interval: Duration::from_secs(5),
            records_max: 10_000,
            bytes_max: 4 << 20,
            prefetch: true,
            seed,
        }
    }

    fn failover_ms(&self) -> u64 {
        u64::try_from(self.failover.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A running worker. Dropped without [`Consumer::shutdown`] it stops at once and lets its leases expire, as
/// a worker that is killed does.
pub struct Consumer {
    stop: watch::Sender<bool>,
    coordinator: JoinHandle<()>,
}

impl Consumer {
    /// Starts a worker on the current Tokio runtime.
    pub fn start(
        stream: Arc<dyn Stream>,
        table: Arc<dyn LeaseTable>,
        factory: Arc<dyn ProcessorFactory>,
        clock: Arc<dyn Clock>,
        options: ConsumerOptions,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let coordinator = Coordinator {
            stream,
            table,
            factory,
            clock,
            random: Random::seeded(options.seed),
            options: Arc::new(options),
            observed: Observed::default(),
            held: Arc::default(),
            keys: HashMap::new(),
            tasks: JoinSet::new(),
        };
        Self { stop, coordinator: tokio::spawn(coordinator.run(stopped)) }
    }

    /// Stops in order: each shard's batch is finished, its processor shut down, its lease let go.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        if let Err(error) = (&mut self.coordinator).await {
            tracing::error!(%error, "a consumer ended early");
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.coordinator.abort();
    }
}

type Held = Arc<Mutex<BTreeMap<String, Arc<HeldLease>>>>;

struct Coordinator {
    stream: Arc<dyn Stream>,
    table: Arc<dyn LeaseTable>,
    factory: Arc<dyn ProcessorFactory>,
    clock: Arc<dyn Clock>,
    options: Arc<ConsumerOptions>,
    observed: Observed,
    random: Random,
    held: Held,
    /// The lease of each task.
    keys: HashMap<Id, String>,
    tasks: JoinSet<()>,
}

#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error(transparent)]
    Table(#[from] LeaseError),
}

impl Coordinator {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut renewer = JoinSet::new();
        renewer.spawn(renew(self.held.clone(), self.clock.clone(), self.options.clone()));
        loop {
            if let Err(error) = self.round().await {
                let ConsumerOptions { application, stream, .. } = &*self.options;
                tracing::warn!(application, stream, %error, "looking for shards to read; trying again");
            }
            tokio::select! {
                biased;
                _ = stopped.changed() => break,
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended).await,
                () = self.clock.sleep(self.options.take_interval) => {}
            }
        }
        for held in self.held.lock().values() {
            held.order(Order::Stop);
        }
        // Leases are renewed until the last task is done.
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.ended(ended).await;
        }
    }

    /// Takes note that the task of a shard has ended.
    async fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let (id, panicked) = match ended {
            Ok((id, ())) => (id, false),
            Err(error) => (error.id(), true),
        };
        let key = self.keys.remove(&id).expect("each task has a lease");
        let held = self.held.lock().remove(&key).expect("it is held until its task has ended");
        if panicked {
            tracing::error!(application = self.options.application, lease = key, "a shard's task panicked");
            if let Err(error) = held.change(Change::Evict).await {
                tracing::warn!(lease = key, %error, "releasing a lease");
            }
        }
    }

    /// Looks at the stream's shards and the table's leases, and takes what this worker should have.
    async fn round(&mut self) -> Result<(), RoundError> {
        let description = match self.stream.describe_stream(&self.options.stream).await {
            Ok(description) => description,
            Err(error) => {
                if matches!(error, StreamError::ResourceNotFound(_)) {
                    for held in self.held.lock().values() {
                        held.order(Order::Stop);
                    }
                }
                return Err(error.into());
            }
        };
        let shards: BTreeMap<String, &ShardDescription> =
            description.shards.iter().map(|shard| (lease_key(&description, &shard.id), shard)).collect();
        let leases = self.table.list().await?;
        let leases = self.tidy(&description, &shards, leases).await?;
        self.observed.update(leases, self.clock.elapsed_ms());
        let to_take = {
            let held = self.held.lock();
            self.observed.to_take(
                &self.options.worker,
                |key| held.contains_key(key),
                self.clock.elapsed_ms(),
                self.options.failover_ms(),
                &mut self.random,
            )
        };
        for lease in to_take {
            let asked_at_ms = self.clock.elapsed_ms();
            // Somebody else may have been faster.
            if let Some(lease) = self.table.take(&lease, &self.options.worker).await? {
                self.begin(shards[&lease.lease_key], lease, asked_at_ms);
            }
        }
        Ok(())
    }

    /// The stream's leases, where those of new shards are created and those of shards that are gone, or of
    /// a stream of the same name that was deleted, are removed.
    async fn tidy(
        &self,
        description: &StreamDescription,
        shards: &BTreeMap<String, &ShardDescription>,
        leases: Vec<Lease>,
    ) -> Result<Vec<Lease>, LeaseError> {
        let prefix = format!("{}:", description.name);
        let mut known = BTreeMap::new();
        for lease in leases.into_iter().filter(|lease| lease.lease_key.starts_with(&prefix)) {
            if shards.contains_key(&lease.lease_key) {
                known.insert(lease.lease_key.clone(), lease);
            } else if !self.held.lock().contains_key(&lease.lease_key) {
                self.table.delete(&lease.lease_key).await?;
            }
        }
        for (key, shard) in shards {
            if known.contains_key(key) {
                continue;
            }
            let parents: Vec<String> =
                shard.parents.iter().map(|parent| lease_key(description, parent)).collect();
            let start = if parents.is_empty() { self.options.start } else { Checkpoint::TrimHorizon };
            let lease = Lease::unowned(key.clone(), start, parents);
            // One that another worker has just created is seen in the next round.
            if self.table.create(&lease).await? {
                known.insert(key.clone(), lease);
            }
        }
        Ok(known.into_values().collect())
    }

    fn begin(&mut self, shard: &ShardDescription, lease: Lease, asked_at_ms: u64) {
        let key = lease.lease_key.clone();
        let held = Arc::new(HeldLease::new(self.table.clone(), self.clock.clone(), lease, asked_at_ms));
        self.held.lock().insert(key.clone(), held.clone());
        let task = ShardTask {
            stream: self.stream.clone(),
            shard: shard.clone(),
            held,
            factory: self.factory.clone(),
            clock: self.clock.clone(),
            options: self.options.clone(),
        };
        let id = self.tasks.spawn(task.run()).id();
        self.keys.insert(id, key);
    }
}

/// Renews all held leases, for ever.
async fn renew(held: Held, clock: Arc<dyn Clock>, options: Arc<ConsumerOptions>) {
    loop {
        clock.sleep(options.failover / 3).await;
        let leases: Vec<_> = held.lock().values().cloned().collect();
        for lease in leases {
            lease.renew(options.failover_ms()).await;
        }
    }
}

fn lease_key(stream: &StreamDescription, shard: &str) -> String {
    format!("{}:{}:{shard}", stream.name, stream.created_ms)
}
