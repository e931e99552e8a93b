//! What waits to be written: batches, put into blocks under the log's lock.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::block::BlockBuilder;
use crate::segment;
use crate::ticket::{Outcome, Ticket};
use crate::{EntryParts, LogError, LogOptions};

/// What waits to be written.
#[derive(Debug)]
pub(crate) struct Queue {
    pub next_index: u64,
    pub time_ms_last: i64,
    blocks: VecDeque<QueuedBlock>,
    /// Bytes of the queued blocks and of the one that is being written.
    pending_bytes: usize,
    /// `Segment::filled_bytes` of the last segment with all that is queued for it; `None` if there is no
    /// segment yet.
    segment_bytes: Option<u64>,
    poisoned: Option<Arc<str>>,
    closed: bool,
}

/// A block that waits.
#[derive(Debug)]
pub(crate) struct QueuedBlock {
    pub builder: BlockBuilder,
    /// The block begins a new segment, with this carry.
    pub carry: Option<Vec<u8>>,
    pub outcome: Arc<Outcome>,
}

impl Queue {
    pub fn new(next_index: u64, time_ms_last: i64, segment_bytes: Option<u64>) -> Queue {
        Queue {
            next_index,
            time_ms_last,
            blocks: VecDeque::new(),
            pending_bytes: 0,
            segment_bytes,
            poisoned: None,
            closed: false,
        }
    }

    pub fn poisoned(&self) -> Option<LogError> {
        self.poisoned.clone().map(|reason| LogError::Poisoned { reason })
    }

    pub fn close(&mut self) {
        self.closed = true;
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes the next block to write. It counts as pending until it is [`Queue::settle`]d.
    pub fn pop(&mut self) -> Option<QueuedBlock> {
        self.blocks.pop_front()
    }

    /// A block of so many bytes is durable.
    pub fn settle(&mut self, block_bytes: usize) {
        self.pending_bytes -= block_bytes;
    }

    /// The block that was being written has failed. Takes all that stand behind it: their indexes follow
    /// the failed ones, and indexes have no gap, so they fail as well. The next append is given
    /// `durable_index`. `segment_bytes` is the size of the last segment.
    pub fn fail(
        &mut self,
        durable_index: u64,
        segment_bytes: Option<u64>,
        poison: Option<Arc<str>>,
    ) -> VecDeque<QueuedBlock> {
        self.next_index = durable_index;
        self.pending_bytes = 0;
        self.segment_bytes = segment_bytes;
        self.poisoned = poison;
        std::mem::take(&mut self.blocks)
    }

    /// Queues a batch: all its entries go into one block.
    pub fn push<E: EntryParts>(
        &mut self,
        options: &LogOptions,
        time_ms: i64,
        entries: impl IntoIterator<Item = E>,
        carry: impl FnOnce() -> Vec<u8>,
    ) -> Result<(u64, Ticket), LogError> {
        if let Some(error) = self.poisoned() {
            return Err(error);
        }
        if self.closed {
            return Err(LogError::Closed);
        }
        let first_index = self.next_index;
        let time_ms = time_ms.max(self.time_ms_last);
        let new_segment = self.segment_bytes.is_none_or(|bytes| bytes >= options.segment_bytes);
        let (count, bytes) = {
            let mut draft = Draft::new(&mut self.blocks, new_segment, options, first_index, time_ms);
            for entry in entries {
                check_size(options, self.pending_bytes, draft.bytes(), &entry)?;
                draft.block().builder.push(time_ms, &entry);
            }
            if draft.count() == 0 {
                return Err(LogError::EmptyBatch);
            }
            if new_segment {
                let carry = carry();
                self.segment_bytes = Some((segment::HEADER_BYTES + carry.len()) as u64);
                draft.block().carry = Some(carry);
            }
            draft.accept()
        };
        self.pending_bytes += bytes;
        self.segment_bytes = self.segment_bytes.map(|before| before + bytes as u64);
        self.next_index += count as u64;
        self.time_ms_last = time_ms;
        let outcome = &self.blocks.back().expect("the batch stands in it").outcome;
        Ok((first_index, outcome.ticket()))
    }
}

/// A batch that is being put into the last block. Dropped before it is accepted, as by a bound or by a
/// panic of the owner's code, it leaves the queue as it was.
struct Draft<'a> {
    blocks: &'a mut VecDeque<QueuedBlock>,
    count_before: usize,
    bytes_before: usize,
    accepted: bool,
}

impl Draft<'_> {
    fn new<'a>(
        blocks: &'a mut VecDeque<QueuedBlock>,
        new_segment: bool,
        options: &LogOptions,
        first_index: u64,
        time_ms: i64,
    ) -> Draft<'a> {
        let joins = |last: &&QueuedBlock| !new_segment && last.builder.bytes() < options.block_bytes;
        let (count_before, bytes_before) = match blocks.back().filter(joins) {
            Some(last) => (last.builder.count(), last.builder.bytes()),
            None => {
                let builder = BlockBuilder::new(first_index, time_ms);
                blocks.push_back(QueuedBlock { builder, carry: None, outcome: Arc::default() });
                (0, 0)
            }
        };
        Draft { blocks, count_before, bytes_before, accepted: false }
    }

    fn block(&mut self) -> &mut QueuedBlock {
        self.blocks.back_mut().expect("there is one while the batch is drafted")
    }

    fn count(&mut self) -> usize {
        self.block().builder.count() - self.count_before
    }

    /// Bytes of the batch so far, with the block's header if the batch begins the block.
    fn bytes(&mut self) -> usize {
        self.block().builder.bytes() - self.bytes_before
    }

    /// Leaves the batch in the queue; its entries and bytes.
    fn accept(mut self) -> (usize, usize) {
        self.accepted = true;
        (self.count(), self.bytes())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if self.accepted {
            return;
        }
        let count_before = self.count_before;
        if count_before == 0 {
            self.blocks.pop_back();
        } else {
            self.block().builder.truncate(count_before);
        }
    }
}

/// Whether an entry fits, where `batch_bytes` of its batch and `pending_bytes` before it are queued.
fn check_size(
    options: &LogOptions,
    pending_bytes: usize,
    batch_bytes: usize,
    entry: &impl EntryParts,
) -> Result<(), LogError> {
    let entry_bytes = entry.entry_bytes();
    if entry_bytes > options.entry_bytes_max {
        let bytes_max = options.entry_bytes_max;
        return Err(LogError::TooLarge { what: "an entry", bytes: entry_bytes, bytes_max });
    }
    let bytes = batch_bytes + entry_bytes;
    let bytes_max = options.pending_bytes_max;
    if bytes > bytes_max {
        return Err(LogError::TooLarge { what: "a batch", bytes, bytes_max });
    }
    if pending_bytes + bytes > bytes_max {
        return Err(LogError::Busy { pending_bytes, pending_bytes_max: bytes_max });
    }
    Ok(())
}
