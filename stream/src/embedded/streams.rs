//! The set of embedded streams.

use super::{
    catalogue::{CATALOGUE, Catalogue, StreamEntry, shard_id},
    checked_file::CheckedFileError,
    limits::{RETENTION_HOURS_DEFAULT, RETENTION_HOURS_MAX, Sizes},
    name::{check_stream_name, is_internal},
    shard::Shard,
    stream::EmbeddedStream,
};
use crate::{
    api::{
        BoxFuture, Cursor, PutOutcome, PutRecord, ReadBatch, Result, SequencedRecord, StartingPosition,
        Stream, StreamDescription, StreamError,
    },
    clock::{Clock, SystemClock},
};
use kizashi_log::{FileSystem, LogError, LogOptions};
use parking_lot::{Mutex, RwLock};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

/// How often what has expired is trimmed.
const TRIM_INTERVAL: Duration = Duration::from_secs(60);

/// Applications renew their holds when they start: nothing is trimmed for so long after an open.
const TRIM_DELAY: Duration = Duration::from_secs(300);

const HOUR_MS: i64 = 3_600_000;

/// How embedded streams are kept.
#[derive(Clone)]
pub struct Options {
    /// Tells arrival times.
    pub clock: Arc<dyn Clock>,
    /// Of each shard's log.
    pub log: LogOptions,
    /// Takes records and puts of up to 10 MiB, as Kinesis does today, in place of 1 MiB and 5 MiB.
    pub large_records: bool,
    /// Streams that there may be.
    pub streams_max: usize,
    /// Shards that all streams together may have. Each has a thread and an open file.
    pub shards_max: usize,
    /// Retention of a new stream, 24 to 8,760.
    pub retention_hours: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock::default()),
            log: LogOptions::default(),
            large_records: false,
            streams_max: 256,
            shards_max: 1024,
            retention_hours: RETENTION_HOURS_DEFAULT,
        }
    }
}

impl Options {
    /// Bytes that a record may have, partition key included.
    pub fn record_bytes_max(&self) -> usize {
        Sizes::new(self.large_records).record_bytes_max
    }
}

/// Why embedded streams could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A shard's log.
    #[error("stream {stream}, shard {shard}: {source}")]
    Shard {
        /// The stream's name.
        stream: Arc<str>,
        /// The shard's id.
        shard: String,
        /// Of the log.
        source: LogError,
    },
    /// The catalogue.
    #[error(transparent)]
    Catalogue(#[from] CheckedFileError),
}

/// Streams in a directory of this machine. A clone is the same set.
///
/// The directory is one process's alone: hold its [`DataDirectory`](super::DataDirectory).
#[derive(Clone)]
pub struct EmbeddedStreams {
    inner: Arc<Inner>,
}

struct Inner {
    fs: Arc<dyn FileSystem>,
    /// Holds a directory a stream.
    dir: PathBuf,
    catalogue_path: PathBuf,
    options: Options,
    sizes: Sizes,
    streams: RwLock<BTreeMap<Arc<str>, Arc<EmbeddedStream>>>,
    /// Locked by whoever creates, deletes or changes a stream, over the whole change.
    catalogue: Mutex<Catalogue>,
}

impl EmbeddedStreams {
    /// Opens the streams of data directory `dir`, which exists: its `streams.catalogue` and `streams/`.
    pub fn open(fs: Arc<dyn FileSystem>, dir: &Path, options: Options) -> Result<Self, OpenError> {
        let catalogue_path = dir.join("streams.catalogue");
        let dir = dir.join("streams");
        fs.create_dir_all(&dir).map_err(|source| file_error("create", &dir, source))?;
        let catalogue: Catalogue = CATALOGUE.read(&*fs, &catalogue_path)?.unwrap_or_default();
        for name in fs.list(&dir).map_err(|source| file_error("list", &dir, source))? {
            // Left by a creation or deletion that a crash cut short.
            if !catalogue.streams.contains_key(&name) {
                remove_tree(&*fs, &dir.join(name))?;
            }
        }
        let sizes = Sizes::new(options.large_records);
        let inner = Inner {
            fs,
            dir,
            catalogue_path,
            options,
            sizes,
            streams: RwLock::default(),
            catalogue: Mutex::default(),
        };
        let streams = catalogue
            .streams
            .iter()
            .map(|(name, entry)| Ok((name.as_str().into(), Arc::new(inner.open_stream(name, entry)?))))
            .collect::<Result<_, OpenError>>()?;
        *inner.streams.write() = streams;
        *inner.catalogue.lock() = catalogue;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Trims what has expired and nobody holds, in all streams.
    pub fn tick(&self) {
        self.inner.trim();
    }

    /// Trims from time to time, on the current Tokio runtime, as long as these streams are in use.
    pub fn trim_in_background(&self) {
        let inner = Arc::downgrade(&self.inner);
        let clock = self.inner.options.clock.clone();
        tokio::spawn(async move {
            clock.sleep(TRIM_DELAY).await;
            loop {
                let Some(inner) = inner.upgrade() else { return };
                // What a trim reports, it logs; a panic in it has been reported as such.
                let _ = tokio::task::spawn_blocking(move || inner.trim()).await;
                clock.sleep(TRIM_INTERVAL).await;
            }
        });
    }

    fn stream(&self, name: &str) -> Result<Arc<EmbeddedStream>> {
        self.inner.streams.read().get(name).cloned().ok_or_else(|| not_found(name))
    }

    /// Runs a change, which waits for the disk, beside the tasks.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Inner) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = self.inner.clone();
        tokio::task::spawn_blocking(move || change(&inner)).await.unwrap_or_else(|error| {
            Err(StreamError::Internal(format!("a change of streams ended early: {error}")))
        })
    }
}

impl Inner {
    fn open_stream(&self, name: &str, entry: &StreamEntry) -> Result<EmbeddedStream, OpenError> {
        let name: Arc<str> = name.into();
        let open = |entry: &super::catalogue::ShardEntry| {
            let id = shard_id(entry.number);
            let dir = self.dir.join(&*name).join(&id);
            Shard::open(self.fs.clone(), &dir, name.clone(), entry.clone(), self.options.log.clone())
                .map(Arc::new)
                .map_err(|source| OpenError::Shard { stream: name.clone(), shard: id, source })
        };
        // Each start reads a last segment: some at once, so that neither disk nor processor waits.
        let at_once = thread::available_parallelism().map_or(1, usize::from).min(entry.shards.len()).max(1);
        let shards = thread::scope(|scope| {
            let chunks = entry.shards.chunks(entry.shards.len().div_ceil(at_once).max(1));
            let opening: Vec<_> = chunks
                .map(|chunk| scope.spawn(|| chunk.iter().map(open).collect::<Result<Vec<_>, _>>()))
                .collect();
            opening
                .into_iter()
                .map(|opened| opened.join().expect("opening a shard does not panic"))
                .collect::<Result<Vec<_>, _>>()
        })?;
        Ok(EmbeddedStream::new(name, entry, shards.concat()))
    }

    fn create(&self, name: &str, shards: u32) -> Result<()> {
        check_stream_name(name)?;
        let mut catalogue = self.catalogue.lock();
        if catalogue.streams.contains_key(name) {
            return Err(StreamError::ResourceInUse(format!("Stream {name} already exists.")));
        }
        let options = &self.options;
        if catalogue.streams.len() >= options.streams_max {
            let streams_max = options.streams_max;
            return Err(StreamError::LimitExceeded(format!(
                "there are {streams_max} streams, which is the most: delete one, or raise the bound"
            )));
        }
        let used: usize = catalogue.streams.values().map(|entry| entry.shards.len()).sum();
        let free = options.shards_max.saturating_sub(used);
        if shards == 0 {
            return Err(StreamError::InvalidArgument("ShardCount is 0, a stream has at least 1".to_owned()));
        }
        if shards as usize > free {
            return Err(StreamError::LimitExceeded(format!(
                "ShardCount is {shards}, but only {free} of {} shards are free",
                options.shards_max
            )));
        }
        let mut next = catalogue.clone();
        let entry = next.new_stream(shards, options.clock.now_ms(), options.retention_hours);
        next.streams.insert(name.to_owned(), entry.clone());
        // A creation that failed may have left something.
        remove_tree(&*self.fs, &self.dir.join(name)).map_err(internal)?;
        let stream = self.open_stream(name, &entry).map_err(internal)?;
        CATALOGUE.replace(&*self.fs, &self.catalogue_path, &next).map_err(internal)?;
        *catalogue = next;
        self.streams.write().insert(stream.name.clone(), Arc::new(stream));
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<()> {
        let mut catalogue = self.catalogue.lock();
        let mut next = catalogue.clone();
        next.streams.remove(name).ok_or_else(|| not_found(name))?;
        CATALOGUE.replace(&*self.fs, &self.catalogue_path, &next).map_err(internal)?;
        *catalogue = next;
        let stream = self.streams.write().remove(name).expect("the catalogue has it");
        for shard in stream.shards() {
            if let Err(error) = shard.close() {
                tracing::warn!(stream = name, shard = &*shard.id, %error, "closing a deleted shard");
            }
        }
        remove_tree(&*self.fs, &self.dir.join(name)).map_err(internal)
    }

    fn set_retention_hours(&self, name: &str, hours: u32) -> Result<()> {
        if !(RETENTION_HOURS_DEFAULT..=RETENTION_HOURS_MAX).contains(&hours) {
            return Err(StreamError::InvalidArgument(format!(
                "RetentionPeriodHours is {hours}, it is {RETENTION_HOURS_DEFAULT} to {RETENTION_HOURS_MAX}"
            )));
        }
        let mut catalogue = self.catalogue.lock();
        let mut next = catalogue.clone();
        next.streams.get_mut(name).ok_or_else(|| not_found(name))?.retention_hours = hours;
        CATALOGUE.replace(&*self.fs, &self.catalogue_path, &next).map_err(internal)?;
        *catalogue = next;
        if let Some(stream) = self.streams.read().get(name) {
            stream.set_retention_hours(hours);
        }
        Ok(())
    }

    fn trim(&self) {
        let now_ms = self.options.clock.now_ms();
        let streams: Vec<_> = self.streams.read().values().cloned().collect();
        for stream in streams {
            let expired_ms = now_ms - i64::from(stream.retention_hours()) * HOUR_MS;
            for shard in stream.shards() {
                if let Err(error) = shard.trim(expired_ms) {
                    tracing::warn!(stream = &*stream.name, shard = &*shard.id, %error, "trimming");
                }
            }
        }
    }
}

impl Stream for EmbeddedStreams {
    fn create_stream<'a>(&'a self, stream: &'a str, shards: u32) -> BoxFuture<'a, Result<()>> {
        let name = stream.to_owned();
        Box::pin(self.change(move |inner| inner.create(&name, shards)))
    }

    fn delete_stream<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<()>> {
        let name = stream.to_owned();
        Box::pin(self.change(move |inner| inner.delete(&name)))
    }

    fn list_streams(&self) -> BoxFuture<'_, Result<Vec<Arc<str>>>> {
        Box::pin(async move {
            let streams = self.inner.streams.read();
            Ok(streams.keys().filter(|name| !is_internal(name)).cloned().collect())
        })
    }

    fn describe_stream<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<StreamDescription>> {
        Box::pin(async move { Ok(self.stream(stream)?.describe()) })
    }

    fn set_retention_hours<'a>(&'a self, stream: &'a str, hours: u32) -> BoxFuture<'a, Result<()>> {
        let name = stream.to_owned();
        Box::pin(self.change(move |inner| inner.set_retention_hours(&name, hours)))
    }

    fn put_records<'a>(
        &'a self,
        stream: &'a str,
        records: Vec<PutRecord>,
    ) -> BoxFuture<'a, Result<Vec<PutOutcome>>> {
        Box::pin(async move {
            let stream = self.stream(stream)?;
            self.inner.sizes.check_put(&records)?;
            Ok(stream.put(self.inner.options.clock.now_ms(), &records).await)
        })
    }

    fn put_sequenced<'a>(
        &'a self,
        stream: &'a str,
        source_stream: &'a str,
        source_shard: &'a str,
        records: Vec<SequencedRecord>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let stream = self.stream(stream)?;
            check_stream_name(source_stream)?;
            check_stream_name(source_shard)?;
            self.inner.sizes.check_sequenced(records.iter().map(|record| &record.record))?;
            if !records.is_sorted_by(|a, b| a.source < b.source) {
                return Err(StreamError::InvalidArgument(
                    "the records of a re-keyed put come in ascending order of their sources".to_owned(),
                ));
            }
            let source = (source_stream.into(), source_shard.into());
            stream.put_sequenced(self.inner.options.clock.now_ms(), source, &records).await
        })
    }

    fn cursor<'a>(
        &'a self,
        stream: &'a str,
        shard: &'a str,
        from: StartingPosition,
    ) -> BoxFuture<'a, Result<Cursor>> {
        Box::pin(async move { self.stream(stream)?.shard(shard)?.cursor(from) })
    }

    fn read<'a>(
        &'a self,
        stream: &'a str,
        shard: &'a str,
        cursor: Cursor,
        records_max: usize,
        bytes_max: usize,
    ) -> BoxFuture<'a, Result<ReadBatch>> {
        Box::pin(async move { self.stream(stream)?.shard(shard)?.read(cursor, records_max, bytes_max) })
    }

    fn readable<'a>(&'a self, stream: &'a str, shard: &'a str, cursor: Cursor) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let shard = self.stream(stream)?.shard(shard)?.clone();
            shard.readable(cursor).await
        })
    }

    fn hold<'a>(
        &'a self,
        stream: &'a str,
        shard: &'a str,
        application: &'a str,
        from: Option<Cursor>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.stream(stream)?.shard(shard)?.hold(application, from) })
    }
}

/// Removes a directory with all it holds; nothing where it is absent.
fn remove_tree(fs: &dyn FileSystem, dir: &Path) -> Result<(), CheckedFileError> {
    let names = match fs.list(dir) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return fs.remove(dir).map_err(|source| file_error("remove", dir, source));
        }
        Err(source) => return Err(file_error("list", dir, source)),
    };
    for name in names {
        remove_tree(fs, &dir.join(name))?;
    }
    fs.remove_dir(dir).map_err(|source| file_error("remove", dir, source))
}

fn file_error(operation: &'static str, path: &Path, source: io::Error) -> CheckedFileError {
    CheckedFileError::Io { operation, path: path.into(), source }
}

fn internal(error: impl std::fmt::Display) -> StreamError {
    StreamError::Internal(error.to_string())
}

fn not_found(name: &str) -> StreamError {
    let name: String = name.chars().take(128).collect();
    StreamError::ResourceNotFound(format!("Stream {name} not found."))
}
