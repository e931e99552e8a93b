//! The handle of a log.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex, RwLock};

use crate::block::Block;
use crate::cache::Cache;
use crate::commit::{Shared, Writer};
use crate::queue::Queue;
use crate::recovery::{self, Recovery};
use crate::segment::Segment;
use crate::wait::{WaitBeyond, Waiters};
use crate::{Entry, EntryParts, FileSystem, LogError, Ticket};

/// The writer needs little stack: it calls the file system and wakers.
const WRITER_STACK_BYTES: usize = 128 * 1024;

/// The bounds of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// A batch that finds the last segment at this size or above begins a new one. Trimming removes whole
    /// segments, so this is its grain, and what is scanned at open. Default 64 MiB.
    pub segment_bytes: u64,
    /// A queued block at this size or above takes no further batch. It is what a commit writes and syncs
    /// at once, and the grain of reads from disk. Default 1 MiB.
    pub block_bytes: usize,
    /// Bytes that may wait to be written; an append beyond is refused as busy. Also the bound of a batch.
    /// At most 1 GiB. Default 32 MiB.
    pub pending_bytes_max: usize,
    /// The largest entry. Default 16 MiB.
    pub entry_bytes_max: usize,
    /// Bytes of blocks kept in memory for readers: half for the newest ones, half for blocks read from
    /// disk. Default 4 MiB.
    pub cache_bytes: usize,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions {
            segment_bytes: 64 << 20,
            block_bytes: 1 << 20,
            pending_bytes_max: 32 << 20,
            entry_bytes_max: 16 << 20,
            cache_bytes: 4 << 20,
        }
    }
}

/// A log: entries numbered from 0, appended durably, read in order, trimmed from the front.
///
/// A handle is cheap to clone and may be used from any thread. When the last one is dropped, what is queued
/// is written and the writer thread ends.
#[derive(Debug, Clone)]
pub struct Log {
    shared: Arc<Shared>,
    writer: Arc<WriterThread>,
}

/// Ends the writer when dropped.
#[derive(Debug)]
struct WriterThread {
    shared: Arc<Shared>,
    handle: Mutex<Option<JoinHandle<()>>>,
}

impl Log {
    /// Opens the log in a directory, which is created if absent, and cuts off a torn tail.
    ///
    /// Nothing keeps a second opener out: take a [`DirectoryLock`](crate::DirectoryLock) on the data
    /// directory first.
    pub fn open(
        fs: Arc<dyn FileSystem>,
        dir: impl AsRef<Path>,
        options: LogOptions,
    ) -> Result<(Log, Recovery), LogError> {
        assert!(options.pending_bytes_max <= 1 << 30, "pending_bytes_max is at most 1 GiB");
        let dir = dir.as_ref();
        let recovered = recovery::recover(&*fs, dir)?;
        let segment_bytes =
            recovered.segments.back().map(|segment| segment.filled_bytes(recovered.next_index));
        let shared = Arc::new(Shared {
            fs,
            dir: dir.into(),
            queue: Mutex::new(Queue::new(recovered.next_index, recovered.time_ms_last, segment_bytes)),
            work: Condvar::new(),
            segments: RwLock::new(recovered.segments),
            durable_index: AtomicU64::new(recovered.next_index),
            cache: Mutex::new(Cache::new(options.cache_bytes)),
            waiters: Mutex::new(Waiters::default()),
            ended: AtomicBool::new(false),
            trim_unsynced: Mutex::new(false),
            options,
        });
        let writer = Writer::new(shared.clone(), recovered.active);
        let handle = std::thread::Builder::new()
            .name("log-writer".to_owned())
            .stack_size(WRITER_STACK_BYTES)
            .spawn(move || writer.run())
            .map_err(|error| LogError::io("start the writer of", dir, error))?;
        let writer = Arc::new(WriterThread { shared: shared.clone(), handle: Mutex::new(Some(handle)) });
        Ok((Log { shared, writer }, recovered.recovery))
    }

    /// Queues a batch and returns the index of its first entry, and a ticket that resolves when the batch
    /// is durable. The entries of a batch are durable together or not at all.
    ///
    /// All entries get `time_ms`, raised to the time of the entry before if that is later.
    ///
    /// `carry` is called, under the log's lock, only where the batch begins a new segment; its bytes go
    /// into the segment's header and are given back by [`Log::open`]. They tell of the entries before this
    /// batch: the batch itself may fail after the header has become durable.
    ///
    /// A failed block fails all that were queued behind it, since indexes have no gap: the next append is
    /// given the failed block's first index again. An owner that keeps state derived from what it appended
    /// uses [`Log::append_at`] to notice before it appends on top of what is not there.
    pub fn append<E: EntryParts>(
        &self,
        time_ms: i64,
        entries: impl IntoIterator<Item = E>,
        carry: impl FnOnce() -> Vec<u8>,
    ) -> Result<(u64, Ticket), LogError> {
        let mut queue = self.shared.queue.lock();
        let appended = queue.push(&self.shared.options, time_ms, entries, carry)?;
        drop(queue);
        self.shared.work.notify_one();
        Ok(appended)
    }

    /// Like [`Log::append`], but refuses with [`LogError::Moved`] if the batch would not be given the
    /// index `first_index`: then an earlier append has failed.
    pub fn append_at<E: EntryParts>(
        &self,
        first_index: u64,
        time_ms: i64,
        entries: impl IntoIterator<Item = E>,
        carry: impl FnOnce() -> Vec<u8>,
    ) -> Result<Ticket, LogError> {
        let mut queue = self.shared.queue.lock();
        if queue.next_index != first_index {
            return Err(LogError::Moved { expected: first_index, next_index: queue.next_index });
        }
        let (_, ticket) = queue.push(&self.shared.options, time_ms, entries, carry)?;
        drop(queue);
        self.shared.work.notify_one();
        Ok(ticket)
    }

    /// Reads durable entries from an index on: at most `entries_max`, and no more once `bytes_max` is
    /// reached, but at least one if there is one.
    pub fn read(
        &self,
        from_index: u64,
        entries_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Entry>, LogError> {
        let durable_index = self.durable_index();
        let first_index = self.first_index();
        if from_index < first_index {
            return Err(LogError::Trimmed { index: from_index, first_index });
        }
        let mut entries = Vec::new();
        let mut bytes = 0;
        let mut index = from_index;
        while index < durable_index && entries.len() < entries_max {
            let block = self.block(index, durable_index)?;
            while index < block.header.next_index() && entries.len() < entries_max {
                let entry = block.entry(index);
                if !entries.is_empty() && bytes + entry.data.len() > bytes_max {
                    return Ok(entries);
                }
                bytes += entry.data.len();
                entries.push(entry);
                index += 1;
            }
        }
        Ok(entries)
    }

    /// Calls `each` with the durable entries of these indexes, which rise, until it fails: a block that holds
    /// several is read once. Within is what `each` says.
    ///
    /// # Errors
    /// As [`Log::read`].
    pub fn read_each<E>(
        &self,
        indexes: impl IntoIterator<Item = u64>,
        mut each: impl FnMut(Entry) -> Result<(), E>,
    ) -> Result<Result<(), E>, LogError> {
        let durable_index = self.durable_index();
        let mut last: Option<Arc<Block>> = None;
        for index in indexes {
            assert!(
                index < durable_index,
                "entry {index} is not durable, only what is before {durable_index}"
            );
            let held = last
                .take()
                .filter(|block| (block.header.first_index..block.header.next_index()).contains(&index));
            let block = match held {
                Some(block) => block,
                None => self.block(index, durable_index)?,
            };
            if let Err(error) = each(block.entry(index)) {
                return Ok(Err(error));
            }
            last = Some(block);
        }
        Ok(Ok(()))
    }

    /// The block that holds a durable index, from the cache or the disk.
    fn block(&self, index: u64, durable_index: u64) -> Result<Arc<Block>, LogError> {
        if let Some(block) = self.shared.cache.lock().find(index) {
            return Ok(block);
        }
        let (segment, next_index) = {
            let segments = self.shared.segments.read();
            let after = segments.partition_point(|segment| segment.header.first_index <= index);
            let Some(segment) = after.checked_sub(1).map(|at| segments[at].clone()) else {
                let first_index = segments.front().map_or(durable_index, |first| first.header.first_index);
                return Err(LogError::Trimmed { index, first_index });
            };
            (segment, segments.get(after).map_or(durable_index, |next| next.header.first_index))
        };
        let blocks = match segment.read(&*self.shared.fs, index, next_index) {
            // Trimmed since the list was looked at.
            Err(_) if self.first_index() > index => {
                return Err(LogError::Trimmed { index, first_index: self.first_index() });
            }
            read => read?,
        };
        let mut cache = self.shared.cache.lock();
        for block in &blocks {
            cache.push_cold(block.clone());
        }
        Ok(blocks[0].clone())
    }

    /// The index of the oldest entry; equal to [`Log::durable_index`] in an empty log.
    pub fn first_index(&self) -> u64 {
        first_index(&self.shared.segments.read())
    }

    /// The index that the next append will be given.
    pub fn next_index(&self) -> u64 {
        self.shared.queue.lock().next_index
    }

    /// One past the last durable entry: what can be read ends here.
    pub fn durable_index(&self) -> u64 {
        self.shared.durable_index.load(Ordering::Acquire)
    }

    /// Resolves with the durable index once it lies beyond `index`, that is, once the entry `index` can be
    /// read. Fails if the log is closed or poisoned before.
    pub fn wait_beyond(&self, index: u64) -> WaitBeyond {
        WaitBeyond::new(self.shared.clone(), index)
    }

    /// The index of the first durable entry whose time is `time_ms` or later; the durable index if there
    /// is none.
    pub fn find_time(&self, time_ms: i64) -> Result<u64, LogError> {
        let durable_index = self.durable_index();
        let (segment, next_index) = {
            let segments = self.shared.segments.read();
            let after = segments.partition_point(|segment| segment.header.time_ms < time_ms);
            let Some(before) = after.checked_sub(1) else {
                return Ok(first_index(&segments));
            };
            let next_index = segments.get(after).map_or(durable_index, |next| next.header.first_index);
            (segments[before].clone(), next_index)
        };
        let mut index = segment.mark_before(&*self.shared.fs, time_ms, next_index)?;
        while index < next_index {
            let block = self.block(index, durable_index)?;
            if block.time_ms_last() >= time_ms {
                let entries = block.header.first_index..block.header.next_index();
                let found = entries.into_iter().find(|index| block.entry(*index).time_ms >= time_ms);
                return Ok(found.expect("the last one is"));
            }
            index = block.header.next_index();
        }
        Ok(next_index)
    }

    /// Removes whole segments all of whose entries lie before `before_index`. The last one stays.
    /// Returns the first index that is left.
    pub fn trim(&self, before_index: u64) -> Result<u64, LogError> {
        self.trim_while(|next| next.header.first_index <= before_index)
    }

    /// Removes whole segments all of whose entries are older than `time_ms`. The last one stays.
    /// Returns the first index that is left.
    pub fn trim_time(&self, time_ms: i64) -> Result<u64, LogError> {
        self.trim_while(|next| next.header.time_ms < time_ms)
    }

    /// Removes the oldest segment as long as the one after it satisfies a condition.
    fn trim_while(&self, removable: impl Fn(&Segment) -> bool) -> Result<u64, LogError> {
        let (fs, dir) = (&self.shared.fs, &self.shared.dir);
        let mut unsynced = self.shared.trim_unsynced.lock();
        loop {
            // One removal after the other, so that a power loss can't keep an older segment and lose a
            // newer one: a gap is taken for corruption.
            if *unsynced {
                fs.sync_dir(dir).map_err(|error| LogError::io("sync", dir, error))?;
                *unsynced = false;
            }
            let oldest = {
                let mut segments = self.shared.segments.write();
                match segments.get(1) {
                    Some(next) if removable(next) => segments.pop_front().expect("there are two"),
                    _ => break,
                }
            };
            *unsynced = true;
            if let Err(error) = fs.remove(&oldest.path) {
                let error = LogError::io("remove", &oldest.path, error);
                self.shared.segments.write().push_front(oldest);
                return Err(error);
            }
        }
        let first_index = self.first_index();
        self.shared.cache.lock().trim(first_index);
        Ok(first_index)
    }

    /// Durable bytes on the disk.
    pub fn bytes(&self) -> u64 {
        self.shared.segments.read().iter().map(|segment| segment.length()).sum()
    }

    /// Writes what is queued and ends the log; later appends fail, reads go on.
    pub fn close(&self) -> Result<(), LogError> {
        self.writer.end();
        match self.shared.queue.lock().poisoned() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

fn first_index(segments: &VecDeque<Arc<Segment>>) -> u64 {
    segments.front().map_or(0, |segment| segment.header.first_index)
}

impl WriterThread {
    fn end(&self) {
        self.shared.queue.lock().close();
        self.shared.work.notify_one();
        let mut handle = self.handle.lock();
        if let Some(handle) = handle.take()
            // The last handle may be dropped by a waker that the writer itself has called.
            && handle.thread().id() != std::thread::current().id()
        {
            handle.join().expect("the writer of a log does not panic");
        }
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        self.end();
    }
}
