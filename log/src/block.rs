//! A block: what one commit writes and syncs. See docs/FORMATS.md, "Log segments".

use std::sync::Arc;

use bytes::Bytes;

use crate::{Entry, EntryParts};

/// Bytes of a block before its payload.
pub(crate) const HEADER_BYTES: usize = 40;

/// Begins every block; the last byte is the version of the block's layout.
pub(crate) const MAGIC: [u8; 4] = *b"KBL\x01";

/// What stands before a block's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    pub payload_bytes: u32,
    pub first_index: u64,
    /// Time of the first entry.
    pub time_ms: i64,
    pub count: u32,
    /// The `crc` of the header before: of the previous block, or of the segment.
    pub chain: u32,
    pub payload_crc: u32,
    /// Over all fields before, and through `payload_crc` over the whole block.
    pub crc: u32,
}

impl BlockHeader {
    fn encode(&mut self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..4].copy_from_slice(&MAGIC);
        out[4..8].copy_from_slice(&self.payload_bytes.to_le_bytes());
        out[8..16].copy_from_slice(&self.first_index.to_le_bytes());
        out[16..24].copy_from_slice(&self.time_ms.to_le_bytes());
        out[24..28].copy_from_slice(&self.count.to_le_bytes());
        out[28..32].copy_from_slice(&self.chain.to_le_bytes());
        out[32..36].copy_from_slice(&self.payload_crc.to_le_bytes());
        self.crc = crc32c::crc32c(&out[..36]);
        out[36..].copy_from_slice(&self.crc.to_le_bytes());
        out
    }

    /// The header at the start of `bytes`, if a whole and intact one stands there.
    pub fn decode(bytes: &[u8]) -> Option<BlockHeader> {
        let bytes: &[u8; HEADER_BYTES] = bytes.get(..HEADER_BYTES)?.try_into().ok()?;
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let header = BlockHeader {
            payload_bytes: u32_at(4),
            first_index: u64_at(8),
            time_ms: u64_at(16) as i64,
            count: u32_at(24),
            chain: u32_at(28),
            payload_crc: u32_at(32),
            crc: u32_at(36),
        };
        (bytes[..4] == MAGIC && header.crc == crc32c::crc32c(&bytes[..36]) && header.count > 0)
            .then_some(header)
    }

    /// Bytes of the whole block.
    pub fn block_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.payload_bytes)
    }

    /// One past the index of the block's last entry.
    pub fn next_index(&self) -> u64 {
        self.first_index + u64::from(self.count)
    }
}

/// A block in memory, verified, from which entries are sliced.
#[derive(Debug)]
pub(crate) struct Block {
    pub header: BlockHeader,
    /// Header and payload.
    bytes: Bytes,
    /// Where each entry begins in `bytes`.
    offsets: Box<[u32]>,
}

impl Block {
    /// Verifies and takes apart the block that `bytes` are, whole. The error says what does not fit.
    pub fn decode(bytes: Bytes) -> Result<Block, String> {
        let header = BlockHeader::decode(&bytes).ok_or("the header of a block does not verify")?;
        if bytes.len() as u64 != header.block_bytes() {
            return Err(format!("a block of {} bytes is cut at {}", header.block_bytes(), bytes.len()));
        }
        if crc32c::crc32c(&bytes[HEADER_BYTES..]) != header.payload_crc {
            return Err("the payload of a block does not verify".to_owned());
        }
        let mut offsets = Vec::with_capacity((header.count as usize).min(bytes.len()));
        let mut at = HEADER_BYTES;
        for _ in 0..header.count {
            offsets.push(at as u32);
            let ((_, length), start) = entry_frame(&bytes, at).ok_or("the frame of an entry is cut")?;
            at = start.checked_add(length).filter(|end| *end <= bytes.len()).ok_or("an entry is cut")?;
        }
        if at != bytes.len() {
            return Err("bytes follow the last entry of a block".to_owned());
        }
        Ok(Block { header, bytes, offsets: offsets.into() })
    }

    /// The entry of an index that stands in this block.
    pub fn entry(&self, index: u64) -> Entry {
        let at = self.offsets[(index - self.header.first_index) as usize] as usize;
        let ((delta_ms, length), start) = entry_frame(&self.bytes, at).expect("checked when it was decoded");
        Entry {
            index,
            time_ms: self.header.time_ms.saturating_add_unsigned(delta_ms),
            data: self.bytes.slice(start..start + length),
        }
    }

    pub fn time_ms_last(&self) -> i64 {
        self.entry(self.header.next_index() - 1).time_ms
    }

    /// Header and payload as they stand on the disk.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes that it takes in memory.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.len() + self.offsets.len() * size_of::<u32>() + size_of::<Block>()
    }
}

/// Time since the block's time and length of the entry at `at`, and where its bytes begin.
fn entry_frame(bytes: &[u8], at: usize) -> Option<((u64, usize), usize)> {
    let (delta_ms, at) = read_varint(bytes, at)?;
    let (length, at) = read_varint(bytes, at)?;
    Some(((delta_ms, usize::try_from(length).ok()?), at))
}

/// A block that still takes entries.
#[derive(Debug)]
pub(crate) struct BlockBuilder {
    first_index: u64,
    time_ms: i64,
    /// Room for the header, then the payload.
    bytes: Vec<u8>,
    offsets: Vec<u32>,
}

impl BlockBuilder {
    /// An empty block whose first entry will have this index and time.
    pub fn new(first_index: u64, time_ms: i64) -> BlockBuilder {
        BlockBuilder { first_index, time_ms, bytes: vec![0; HEADER_BYTES], offsets: Vec::new() }
    }

    pub fn first_index(&self) -> u64 {
        self.first_index
    }

    /// Time of the first entry.
    pub fn time_ms(&self) -> i64 {
        self.time_ms
    }

    pub fn push(&mut self, time_ms: i64, entry: &impl EntryParts) {
        debug_assert!(time_ms >= self.time_ms, "the time of a log never falls");
        let length = entry.entry_bytes();
        self.offsets.push(u32::try_from(self.bytes.len()).expect("a block is bounded by pending_bytes_max"));
        write_varint(&mut self.bytes, time_ms.abs_diff(self.time_ms));
        write_varint(&mut self.bytes, length as u64);
        let start = self.bytes.len();
        entry.write_to(&mut self.bytes);
        assert_eq!(self.bytes.len() - start, length, "EntryParts: entry_bytes and write_to disagree");
    }

    /// Takes back all entries from the `count`th on.
    pub fn truncate(&mut self, count: usize) {
        if let Some(offset) = self.offsets.get(count) {
            self.bytes.truncate(*offset as usize);
            self.offsets.truncate(count);
        }
    }

    pub fn count(&self) -> usize {
        self.offsets.len()
    }

    /// Bytes so far, header included.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Closes the block: fills in its header. `chain` is the `crc` of the header before.
    pub fn finish(mut self, chain: u32) -> Arc<Block> {
        let payload = &self.bytes[HEADER_BYTES..];
        let mut header = BlockHeader {
            payload_bytes: payload.len() as u32,
            first_index: self.first_index,
            time_ms: self.time_ms,
            count: self.offsets.len() as u32,
            chain,
            payload_crc: crc32c::crc32c(payload),
            crc: 0,
        };
        let encoded = header.encode();
        self.bytes[..HEADER_BYTES].copy_from_slice(&encoded);
        Arc::new(Block { header, bytes: self.bytes.into(), offsets: self.offsets.into() })
    }
}

/// LEB128: seven bits a byte, lowest first, the high bit says that more follow.
fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The value at `at` and where the next byte stands.
fn read_varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((value, at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn built(time_ms: i64, entries: &[(u64, Vec<u8>)]) -> Arc<Block> {
        let mut builder = BlockBuilder::new(7, time_ms);
        let mut at = time_ms;
        for (later_ms, data) in entries {
            at = at.saturating_add_unsigned(*later_ms);
            builder.push(at, data);
        }
        builder.finish(99)
    }

    proptest! {
        #[test]
        fn a_block_is_read_as_it_was_built(
            time_ms in any::<i64>(),
            entries in vec((0..1_u64 << 50, vec(any::<u8>(), 0..300)), 1..20),
        ) {
            let block = built(time_ms, &entries);
            let read = Block::decode(Bytes::copy_from_slice(block.as_bytes())).unwrap();
            prop_assert_eq!(read.header, block.header);
            prop_assert_eq!((read.header.first_index, read.header.chain), (7, 99));
            let mut at = time_ms;
            for (index, (later_ms, data)) in (7..).zip(&entries) {
                at = at.saturating_add_unsigned(*later_ms);
                let expected = Entry { index, time_ms: at, data: Bytes::copy_from_slice(data) };
                prop_assert_eq!(&read.entry(index), &expected);
                prop_assert_eq!(&block.entry(index), &expected);
            }
            prop_assert_eq!(read.time_ms_last(), at);
        }

        #[test]
        fn arbitrary_bytes_are_no_block(bytes in vec(any::<u8>(), 0..200)) {
            prop_assert!(Block::decode(bytes.into()).is_err());
        }
    }

    #[test]
    fn a_flipped_bit_or_a_cut_is_noticed() {
        let whole = built(5, &[(0, vec![1; 20]), (3, vec![2; 200])]).as_bytes().to_vec();
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Block::decode(damaged.into()).is_err(), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(Block::decode(whole[..length].to_vec().into()).is_err(), "length {length}");
        }
    }

    #[test]
    fn entries_are_taken_back() {
        let mut builder = BlockBuilder::new(0, 0);
        builder.push(0, b"kept");
        let bytes = builder.bytes();
        builder.push(0, b"taken back");
        builder.push(0, b"as well");
        builder.truncate(1);
        assert_eq!((builder.count(), builder.bytes()), (1, bytes));
        builder.truncate(1);
        assert_eq!(builder.finish(0).header.count, 1);
    }
}
