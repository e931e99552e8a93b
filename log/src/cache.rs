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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::BlockBuilder;

    /// A block of ten entries, 100 bytes each.
    fn block(first_index: u64) -> Arc<Block> {
        let mut builder = BlockBuilder::new(first_index, 0);
        for _ in 0..10 {
            builder.push(0, &[0; 100]);
        }
        builder.finish(0)
    }

    #[test]
    fn the_oldest_are_driven_out_and_the_cold_do_not_drive_out_the_tail() {
        let block_bytes = block(0).memory_bytes();
        let mut cache = Cache::new(6 * block_bytes);
        for at in 0..10 {
            cache.push_tail(block(100 + at * 10));
        }
        for at in [50, 20, 70, 70, 0, 70] {
            cache.push_cold(block(at));
        }
        let found = |index| cache.find(index).map(|block| block.header.first_index);
        assert_eq!(found(199), Some(190));
        assert_eq!(found(170), Some(170));
        assert_eq!(found(169), None);
        assert_eq!(found(200), None);
        assert_eq!([found(75), found(5), found(29), found(55)], [Some(70), Some(0), Some(20), None]);
        assert_eq!((cache.tail.bytes, cache.cold.bytes), (3 * block_bytes, 3 * block_bytes));
    }

    #[test]
    fn what_is_trimmed_is_given_back() {
        let mut cache = Cache::new(1 << 20);
        for at in 0..10 {
            cache.push_tail(block(at * 10));
        }
        cache.push_cold(block(0));
        cache.trim(35);
        assert!(cache.find(25).is_none() && cache.find(30).is_some());
        assert_eq!((cache.tail.bytes, cache.cold.bytes), (7 * block(0).memory_bytes(), 0));
    }
}
