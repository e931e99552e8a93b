//! Blocks in memory: the newest ones, as they were written, and a few that were read back.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::block::Block;

/// A bounded store of blocks. Half of the bound is the tail's, which readers that keep up read; the rest
/// is for blocks read from the disk, so that one reader far behind can't drive out the tail.
#[derive(Debug)]
pub(crate) struct Cache {
    tail: Share,
    cold: Share,
}

#[derive(Debug)]
struct Share {
    blocks: VecDeque<Arc<Block>>,
    bytes: usize,
    bytes_max: usize,
}

impl Cache {
    pub fn new(bytes_max: usize) -> Cache {
        let share = |bytes_max| Share { blocks: VecDeque::new(), bytes: 0, bytes_max };
        Cache { tail: share(bytes_max / 2), cold: share(bytes_max / 2) }
    }

    /// Keeps the block that was just written.
    pub fn push_tail(&mut self, block: Arc<Block>) {
        self.tail.push(block);
    }

    /// Keeps a block that was read from the disk.
    pub fn push_cold(&mut self, block: Arc<Block>) {
        if self.cold.scan(block.header.first_index).is_none() {
            self.cold.push(block);
        }
    }

    /// The block that holds an index, if it is here.
    pub fn find(&self, index: u64) -> Option<Arc<Block>> {
        self.tail.search(index).or_else(|| self.cold.scan(index))
    }

    /// Forgets what was trimmed.
    pub fn trim(&mut self, before_index: u64) {
        self.tail.trim(before_index);
        self.cold.trim(before_index);
    }
}

impl Share {
    fn push(&mut self, block: Arc<Block>) {
        self.bytes += block.memory_bytes();
        self.blocks.push_back(block);
        while self.bytes > self.bytes_max
            && let Some(oldest) = self.blocks.pop_front()
        {
            self.bytes -= oldest.memory_bytes();
        }
    }

    /// For blocks in the order of their indexes.
    fn search(&self, index: u64) -> Option<Arc<Block>> {
        let at = self.blocks.partition_point(|block| block.header.next_index() <= index);
        self.blocks.get(at).filter(|block| block.header.first_index <= index).cloned()
    }

    /// For blocks in the order in which they were read; the newest is the likeliest.
    fn scan(&self, index: u64) -> Option<Arc<Block>> {
        let holds =
            |block: &&Arc<Block>| (block.header.first_index..block.header.next_index()).contains(&index);
        self.blocks.iter().rev().find(holds).cloned()
    }

    fn trim(&mut self, before_index: u64) {
        self.blocks.retain(|block| block.header.next_index() > before_index);
        self.bytes = self.blocks.iter().map(|block| block.memory_bytes()).sum();
    }
}
