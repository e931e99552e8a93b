//! The writer thread: it makes queued blocks durable one after the other, each with one write and one
//! sync.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex, RwLock};

use crate::block::{Block, BlockBuilder};
use crate::cache::Cache;
use crate::queue::{Queue, QueuedBlock};
use crate::segment::{self, Segment, SegmentHeader};
use crate::ticket::Outcome;
use crate::wait::Waiters;
use crate::{File, FileSystem, LogError, LogOptions};

/// What the handles of a log and its writer share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub fs: Arc<dyn FileSystem>,
    pub dir: PathBuf,
    pub options: LogOptions,
    pub queue: Mutex<Queue>,
    /// Tells the writer that there is work, or that the log closes.
    pub work: Condvar,
    /// Oldest first. Empty until the first entry is durable.
    pub segments: RwLock<VecDeque<Arc<Segment>>>,
    /// One past the last durable entry.
    pub durable_index: AtomicU64,
    pub cache: Mutex<Cache>,
    pub waiters: Mutex<Waiters>,
    /// The writer has ended: nothing will become durable any more.
    pub ended: AtomicBool,
    /// Held while trimming; whether a segment was removed and the removal is not yet durable.
    pub trim_unsynced: Mutex<bool>,
}

impl Shared {
    /// Why nothing will become durable any more, if so.
    pub fn ended(&self) -> Option<LogError> {
        let ended = self.ended.load(Ordering::Acquire);
        ended.then(|| self.queue.lock().poisoned().unwrap_or(LogError::Closed))
    }

    fn announce(&self, durable_index: u64) {
        let wakers = {
            let mut waiters = self.waiters.lock();
            self.durable_index.store(durable_index, Ordering::Release);
            waiters.take_ready(durable_index)
        };
        for waker in wakers {
            waker.wake();
        }
    }

    fn end(&self) {
        let wakers = {
            let mut waiters = self.waiters.lock();
            self.ended.store(true, Ordering::Release);
            waiters.take_all()
        };
        for waker in wakers {
            waker.wake();
        }
    }
}

/// A step of the writer that failed.
struct Failure {
    error: LogError,
    /// It is unknown what is on the disk.
    poisons: bool,
}

/// The thread that writes.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    active: Option<Active>,
}

/// The segment that is written to.
struct Active {
    segment: Arc<Segment>,
    file: Box<dyn File>,
    /// The `crc` of the last header in it.
    chain: u32,
    /// The file's length. It is extended ahead of the blocks, since a sync that need not record a new
    /// length is spared the file system's journal. What is extended is a hole: it takes no room.
    file_bytes: u64,
    ahead_bytes: u64,
}

/// How far ahead of its blocks a file is extended, at most.
const AHEAD_BYTES_MAX: u64 = 1 << 20;

impl Writer {
    /// `active` is the last segment's file and the `crc` of the last header in it.
    pub fn new(shared: Arc<Shared>, active: Option<(Box<dyn File>, u32)>) -> Writer {
        let active = active.map(|(file, chain)| {
            let segment = shared.segments.read().back().cloned().expect("its file is open");
            Active::new(&shared.options, segment, file, chain)
        });
        Writer { shared, active }
    }

    /// Writes until the log is closed and nothing is queued, or until it is poisoned.
    pub fn run(mut self) {
        self.commit_all();
        self.shared.end();
    }

    fn commit_all(&mut self) {
        while let Some((block, bytes)) = self.next() {
            let outcome = block.outcome.clone();
            match self.commit(block) {
                Ok(()) => {
                    self.shared.queue.lock().settle(bytes);
                    outcome.resolve(Ok(()));
                }
                Err(failure) => {
                    let poisoned = failure.poisons;
                    self.fail(outcome, failure);
                    if poisoned {
                        return;
                    }
                }
            }
        }
        if let Some(active) = &self.active {
            active.finish();
        }
    }

    /// The next block, once there is one.
    fn next(&self) -> Option<(QueuedBlock, usize)> {
        let mut queue = self.shared.queue.lock();
        loop {
            if let Some(block) = queue.pop() {
                let bytes = block.builder.bytes();
                return Some((block, bytes));
            }
            if queue.is_closed() {
                return None;
            }
            self.shared.work.wait(&mut queue);
        }
    }

    /// Makes a block durable and lets readers see it.
    fn commit(&mut self, queued: QueuedBlock) -> Result<(), Failure> {
        if let Some(carry) = queued.carry {
            let begun = self.begin_segment(&queued.builder, &carry)?;
            if let Some(full) = self.active.replace(begun) {
                full.finish();
            }
        }
        let active = self.active.as_mut().expect("the first block of a log begins a segment");
        let block = queued.builder.finish(active.chain);
        active.append(&block)?;
        active.segment.grow(&block.header);
        active.chain = block.header.crc;
        let durable_index = block.header.next_index();
        {
            let mut segments = self.shared.segments.write();
            if segments.back().is_none_or(|last| !Arc::ptr_eq(last, &active.segment)) {
                segments.push_back(active.segment.clone());
            }
        }
        self.shared.cache.lock().push_tail(block);
        self.shared.announce(durable_index);
        Ok(())
    }

    /// Creates the segment that begins with a block and makes its header and its name durable.
    fn begin_segment(&self, first: &BlockBuilder, carry: &[u8]) -> Result<Active, Failure> {
        let fs = &self.shared.fs;
        let mut header = SegmentHeader {
            carry_bytes: 0,
            first_index: first.first_index(),
            time_ms: first.time_ms(),
            previous: self.active.as_ref().map(|active| active.segment.header.first_index),
            chain: self.active.as_ref().map_or(0, |active| active.chain),
            carry_crc: 0,
            crc: 0,
        };
        let bytes = header.encode(carry);
        let path = self.shared.dir.join(segment::file_name(header.first_index));
        // A file left behind by a failure here is harmless: no entry goes elsewhere before a segment of
        // this very name has been begun, and `create` empties it.
        let recoverable = |error| Failure { error: LogError::io("write", &path, error), poisons: false };
        let file = fs.create(&path).map_err(recoverable)?;
        file.write_all_at(&bytes, 0).map_err(recoverable)?;
        let poisons = |error| Failure { error: LogError::io("sync", &path, error), poisons: true };
        file.sync_data().map_err(poisons)?;
        fs.sync_dir(&self.shared.dir).map_err(poisons)?;
        let chain = header.crc;
        let segment = Arc::new(Segment::indexed(path, header));
        Ok(Active::new(&self.shared.options, segment, file, chain))
    }

    /// Fails a block and all that is queued behind it.
    fn fail(&mut self, outcome: Arc<Outcome>, failure: Failure) {
        let Failure { error, poisons } = failure;
        let poison = poisons.then(|| error.to_string().into());
        let durable_index = self.shared.durable_index.load(Ordering::Acquire);
        let segment_bytes = self.active.as_ref().map(|active| active.segment.filled_bytes(durable_index));
        let behind = self.shared.queue.lock().fail(durable_index, segment_bytes, poison);
        outcome.resolve(Err(error.clone()));
        for block in behind {
            block.outcome.resolve(Err(error.clone()));
        }
    }
}

impl Active {
    fn new(options: &LogOptions, segment: Arc<Segment>, file: Box<dyn File>, chain: u32) -> Active {
        let file_bytes = segment.length();
        let ahead_bytes = (options.segment_bytes / 4).min(AHEAD_BYTES_MAX);
        Active { segment, file, chain, file_bytes, ahead_bytes }
    }

    fn append(&mut self, block: &Block) -> Result<(), Failure> {
        let offset = self.segment.length();
        if let Err(error) = self.write(block.as_bytes(), offset) {
            let error = LogError::io("write", &self.segment.path, error);
            // Synced as well: the batch is said not to be there, and must not come back after a power loss.
            let cut = self.file.truncate(offset).and_then(|()| self.file.sync_data());
            self.file_bytes = offset;
            return Err(Failure { error, poisons: cut.is_err() });
        }
        self.file.sync_data().map_err(|error| Failure {
            error: LogError::io("sync", &self.segment.path, error),
            poisons: true,
        })
    }

    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let end = offset + bytes.len() as u64;
        if end > self.file_bytes {
            self.file.truncate(end + self.ahead_bytes)?;
            self.file_bytes = end + self.ahead_bytes;
        }
        self.file.write_all_at(bytes, offset)
    }

    /// Gives back what the file was extended by. Should that fail, or be lost, recovery and reads know
    /// where the blocks end.
    fn finish(&self) {
        if self.file_bytes > self.segment.length() {
            let _ = self.file.truncate(self.segment.length());
        }
    }
}
