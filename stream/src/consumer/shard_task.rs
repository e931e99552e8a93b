//! The task of one shard: reads, hands over, waits.

use super::{
    held_lease::{Change, CheckpointError, Checkpointer, HeldLease, Order},
    lease::Checkpoint,
    processor::{Processor, ProcessorFactory, ProcessorResult, ShardStart, ShutdownReason},
    worker::ConsumerOptions,
};
use crate::{
    api::{Cursor, ReadBatch, Result, ShardDescription, Stream},
    clock::Clock,
};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::sync::watch;

/// The first pause after a failure, and the longest.
const PAUSE_MS: u64 = 500;
const PAUSE_MS_MAX: u64 = 30_000;

/// Reads one shard as long as its lease is held.
pub struct ShardTask {
    /// Where it reads.
    pub stream: Arc<dyn Stream>,
    /// The shard.
    pub shard: ShardDescription,
    /// The lease on it.
    pub held: Arc<HeldLease>,
    /// Makes processors.
    pub factory: Arc<dyn ProcessorFactory>,
    /// Tells the time and sleeps.
    pub clock: Arc<dyn Clock>,
    /// Of the consumer.
    pub options: Arc<ConsumerOptions>,
}

/// How the work on a shard ended.
enum End {
    Stopped,
    Lost,
    AllRead,
}

impl ShardTask {
    /// Works until it is told to stop, the lease is lost, or the shard ends.
    pub async fn run(self) {
        let mut failures = 0;
        loop {
            let mut processor = self.factory.create(&self.options.stream, &self.shard.id);
            let error = match self.work(&mut *processor, &mut failures).await {
                Ok(End::Lost) => return processor.lease_lost().await,
                Ok(End::Stopped) => return self.release().await,
                Ok(End::AllRead) => match self.held.change(Change::Checkpoint(Checkpoint::ShardEnd)).await {
                    Ok(()) => return self.release().await,
                    Err(CheckpointError::LeaseLost) => return,
                    Err(error) => error.into(),
                },
                Err(error) => error,
            };
            drop(processor);
            let pause_ms = (PAUSE_MS << failures.min(16)).min(PAUSE_MS_MAX);
            failures += 1;
            let ConsumerOptions { application, stream, .. } = &*self.options;
            let shard = &*self.shard.id;
            tracing::warn!(application, stream, shard, %error, pause_ms, "a shard's work failed; trying again");
            let mut orders = self.held.orders();
            tokio::select! {
                order = next_order(&mut orders) => match order {
                    Order::Lost => return,
                    _ => return self.release().await,
                },
                () = self.clock.sleep(Duration::from_millis(pause_ms)) => {}
            }
        }
    }

    /// Lets a processor work. Sets `failures` back when it has processed something.
    async fn work(&self, processor: &mut dyn Processor, failures: &mut u32) -> ProcessorResult<End> {
        let start = ShardStart {
            stream: self.options.stream.as_str().into(),
            shard: self.shard.clone(),
            token: self.held.token(),
            checkpoint: self.held.checkpoint().await,
            checkpointer: Checkpointer::new(self.held.clone()),
        };
        let from = processor.initialize(start).await?;
        let cursor = self.stream.cursor(&self.options.stream, &self.shard.id, from).await?;
        let mut orders = self.held.orders();
        let mut fetch = Box::pin(self.fetch(cursor));
        let mut fetched: Option<Result<ReadBatch>> = None;
        loop {
            let timer_ms = processor.timer_ms();
            let wake = async {
                match timer_ms {
                    Some(at_ms) => self.sleep_until(at_ms).await,
                    None => std::future::pending().await,
                }
            };
            let batch = tokio::select! {
                biased;
                order = next_order(&mut orders) => {
                    if order == Order::Lost {
                        return Ok(End::Lost);
                    }
                    processor.shutdown(ShutdownReason::Requested).await?;
                    return Ok(End::Stopped);
                }
                batch = async { match fetched.take() { Some(batch) => batch, None => (&mut fetch).await } } => {
                    Some(batch?)
                }
                () = wake => None,
            };
            let Some(batch) = batch else {
                processor.timer(self.clock.now_ms()).await?;
                continue;
            };
            let next = batch.next;
            if let Some(next) = next {
                fetch = Box::pin(self.fetch(next));
            }
            if !batch.records.is_empty() {
                let mut process = pin!(processor.process(batch));
                loop {
                    tokio::select! {
                        done = &mut process => break done?,
                        batch = &mut fetch, if self.options.prefetch && next.is_some() && fetched.is_none() => {
                            fetched = Some(batch);
                        }
                    }
                }
                *failures = 0;
            }
            if next.is_none() {
                processor.shutdown(ShutdownReason::ShardEnd).await?;
                return Ok(End::AllRead);
            }
        }
    }

    /// Waits for records and reads them.
    async fn fetch(&self, cursor: Cursor) -> Result<ReadBatch> {
        let ConsumerOptions { stream, records_max, bytes_max, .. } = &*self.options;
        self.stream.readable(stream, &self.shard.id, cursor).await?;
        self.stream.read(stream, &self.shard.id, cursor, *records_max, *bytes_max).await
    }

    async fn sleep_until(&self, at_ms: i64) {
        let ms = at_ms.saturating_sub(self.clock.now_ms()).max(0);
        self.clock.sleep(Duration::from_millis(ms.unsigned_abs())).await;
    }

    /// Lets the lease go, so that another worker need not wait until it expires.
    async fn release(&self) {
        if let Err(error) = self.held.change(Change::Evict).await {
            let ConsumerOptions { application, stream, .. } = &*self.options;
            tracing::warn!(application, stream, shard = &*self.shard.id, %error, "releasing a lease");
        }
    }
}

/// The next order other than to go on.
async fn next_order(orders: &mut watch::Receiver<Order>) -> Order {
    match orders.wait_for(|order| *order != Order::Run).await {
        Ok(order) => *order,
        // The lease that gives the orders is kept by the task itself.
        Err(_) => Order::Stop,
    }
}
