//! Counts what producers put on a stream, and what is refused, for the metrics.

use crate::metrics::{Histogram, Registry};
use kizashi_stream::api::{
    BoxFuture, Cursor, PutOutcome, PutRecord, ReadBatch, Result, SequencedRecord, StartingPosition, Stream,
    StreamDescription,
};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Instant,
};

/// Streams that are told apart. What is put on further ones, or on a stream that does not exist, is counted
/// under an empty name: producers can't make the metrics grow.
const STREAMS_MAX: usize = 1_000;

/// A stream as the ports see it: passes everything on and counts puts.
///
/// Gives `kizashi_refused_records_total{stream,code}`, the code being the one that the Kinesis API has, and
/// `kizashi_put_seconds{stream}`, from a put that a stream takes to its answer.
pub struct CountedStream {
    inner: Arc<dyn Stream>,
    registry: Arc<Registry>,
    /// Of the streams that are known to exist.
    put_latency: Mutex<HashMap<Arc<str>, Histogram>>,
}

impl CountedStream {
    /// Counts what goes through to `inner`, which has streams of these names; others are known once they
    /// have been created or put to.
    pub fn new<'a>(
        inner: Arc<dyn Stream>,
        registry: Arc<Registry>,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let counted = Self { inner, registry, put_latency: Mutex::default() };
        for name in names {
            counted.put_latency(name);
        }
        counted
    }

    /// Counts records that a port has refused before they came to the stream.
    pub fn refused(&self, stream: &str, code: &str, records: u64) {
        let known = self.put_latency.lock().contains_key(stream);
        let labels = [("stream", if known { stream } else { "" }), ("code", code)];
        let help = "Records that were put and refused, by the error that the producer was told.";
        self.registry.counter("kizashi_refused_records_total", help, &labels).add(records);
    }

    /// The histogram of a stream that exists; `None` where too many do.
    fn put_latency(&self, stream: &str) -> Option<Histogram> {
        let mut known = self.put_latency.lock();
        if let Some(histogram) = known.get(stream) {
            return Some(histogram.clone());
        }
        if known.len() >= STREAMS_MAX {
            return None;
        }
        let help = "From a put to its answer, which follows the sync.";
        let histogram = self.registry.histogram("kizashi_put_seconds", help, &[("stream", stream)]);
        known.insert(stream.into(), histogram.clone());
        Some(histogram)
    }
}

impl Stream for CountedStream {
    fn put_records<'a>(
        &'a self,
        stream: &'a str,
        records: Vec<PutRecord>,
    ) -> BoxFuture<'a, Result<Vec<PutOutcome>>> {
        Box::pin(async move {
            let (count, begun) = (records.len() as u64, Instant::now());
            let outcomes = self.inner.put_records(stream, records).await;
            match &outcomes {
                Ok(outcomes) => {
                    if let Some(histogram) = self.put_latency(stream) {
                        histogram.observe(begun.elapsed());
                    }
                    let mut refused = BTreeMap::new();
                    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
                        *refused.entry(error.code()).or_insert(0) += 1;
                    }
                    for (code, records) in refused {
                        self.refused(stream, code, records);
                    }
                }
                Err(error) => self.refused(stream, error.code(), count),
            }
            outcomes
        })
    }

    fn describe_stream<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<StreamDescription>> {
        self.inner.describe_stream(stream)
    }

    fn create_stream<'a>(&'a self, stream: &'a str, shards: u32) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.inner.create_stream(stream, shards).await?;
            self.put_latency(stream);
            Ok(())
        })
    }

    fn delete_stream<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<()>> {
        self.inner.delete_stream(stream)
    }

    fn list_streams(&self) -> BoxFuture<'_, Result<Vec<Arc<str>>>> {
        self.inner.list_streams()
    }

    fn set_retention_hours<'a>(&'a self, stream: &'a str, hours: u32) -> BoxFuture<'a, Result<()>> {
        self.inner.set_retention_hours(stream, hours)
    }

    fn put_sequenced<'a>(
        &'a self,
        stream: &'a str,
        source_stream: &'a str,
        source_shard: &'a str,
        records: Vec<SequencedRecord>,
    ) -> BoxFuture<'a, Result<()>> {
        self.inner.put_sequenced(stream, source_stream, source_shard, records)
    }

    fn cursor<'a>(
        &'a self,
        stream: &'a str,
        shard: &'a str,
        from: StartingPosition,
    ) -> BoxFuture<'a, Result<Cursor>> {
        self.inner.cursor(stream, shard, from)
    }

    fn read<'a>(
        &'a self,
        stream: &'a str,
        shard: &'a str,
        cursor: Cursor,
        records_max: usize,
        bytes_max: usize,
    ) -> BoxFuture<'a, Result<ReadBatch>> {
        self.inner.read(stream, shard, cursor, records_max, bytes_max)
    }

    fn readable<'a>(&'a self, stream: &'a str, shard: &'a str, cursor: Cursor) -> BoxFuture<'a, Result<()>> {
        self.inner.readable(stream, shard, cursor)
    }

    fn hold<'a>(
        &'a self,
        stream: &'a str,
        shard: &'a str,
        application: &'a str,
        from: Option<Cursor>,
    ) -> BoxFuture<'a, Result<()>> {
        self.inner.hold(stream, shard, application, from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kizashi_log::SimFileSystem;
    use kizashi_stream::embedded::{EmbeddedStreams, Options};
    use std::path::Path;

    fn records(count: usize, bytes: usize) -> Vec<PutRecord> {
        let data = bytes::Bytes::from(vec![b'x'; bytes]);
        vec![PutRecord { partition_key: "k".into(), explicit_hash_key: None, data }; count]
    }

    async fn counted(disk: &SimFileSystem, registry: &Arc<Registry>) -> CountedStream {
        let inner =
            EmbeddedStreams::open(Arc::new(disk.clone()), Path::new("/data"), Options::default()).unwrap();
        inner.create_stream("events", 1).await.unwrap();
        CountedStream::new(Arc::new(inner), registry.clone(), ["events"])
    }

    #[tokio::test]
    async fn what_is_put_and_what_is_refused_is_counted_by_stream() {
        let (disk, registry) = (SimFileSystem::new(), Arc::new(Registry::default()));
        let counted = counted(&disk, &registry).await;
        let text = registry.render();
        assert!(text.contains("kizashi_put_seconds_count{stream=\"events\"} 0\n"), "{text}");
        counted.create_stream("second", 1).await.unwrap();
        counted.put_records("events", records(3, 10)).await.unwrap();
        counted.put_records("second", records(1, 10)).await.unwrap();
        counted.put_records("second", records(2, 2 << 20)).await.unwrap_err();
        counted.put_records("nowhere", records(5, 10)).await.unwrap_err();
        counted.refused("events", "ValidationException", 4);
        let text = registry.render();
        for line in [
            "kizashi_put_seconds_count{stream=\"events\"} 1",
            "kizashi_put_seconds_count{stream=\"second\"} 1",
            "kizashi_refused_records_total{stream=\"second\",code=\"InvalidArgumentException\"} 2",
            "kizashi_refused_records_total{stream=\"\",code=\"ResourceNotFoundException\"} 5",
            "kizashi_refused_records_total{stream=\"events\",code=\"ValidationException\"} 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("nowhere"), "what producers make up is no label: {text}");
    }

    #[tokio::test]
    async fn a_full_disk_is_counted_by_record() {
        let (disk, registry) = (SimFileSystem::new(), Arc::new(Registry::default()));
        let counted = counted(&disk, &registry).await;
        disk.set_capacity(Some(0));
        let outcomes = counted.put_records("events", records(7, 10)).await.unwrap();
        assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
        let text = registry.render();
        let line = "kizashi_refused_records_total{stream=\"events\",code=\"InternalFailure\"} 7";
        assert!(text.lines().any(|found| found == line), "{text}");
    }
}
