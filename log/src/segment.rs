//! A segment: one file of a log. A header with the owner's carry, then blocks. See docs/FORMATS.md.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::block::{self, Block, BlockHeader};
use crate::{File, FileSystem, LogError};

/// Bytes of a segment's header before the carry.
pub(crate) const HEADER_BYTES: usize = 52;
const MAGIC: [u8; 8] = *b"KZSHILOG";
/// The format version that this build reads and writes.
pub(crate) const VERSION: u32 = 1;
const SUFFIX: &str = ".segment";

/// How far apart, at least, the marks of the sparse index stand.
pub(crate) const MARK_BYTES: u64 = 128 * 1024;

/// What stands at the start of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub carry_bytes: u32,
    pub first_index: u64,
    /// Time of the segment's first entry.
    pub time_ms: i64,
    /// First index of the segment before, if there was one.
    pub previous: Option<u64>,
    /// The `crc` of the previous segment's last block; 0 in the first segment.
    pub chain: u32,
    pub carry_crc: u32,
    pub crc: u32,
}

impl SegmentHeader {
    /// The header and its carry as they stand in the file; fills in the checksums.
    pub fn encode(&mut self, carry: &[u8]) -> Vec<u8> {
        self.carry_bytes = u32::try_from(carry.len()).expect("a carry is far below 4 GiB");
        self.carry_crc = crc32c::crc32c(carry);
        let mut out = Vec::with_capacity(HEADER_BYTES + carry.len());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.carry_bytes.to_le_bytes());
        out.extend_from_slice(&self.first_index.to_le_bytes());
        out.extend_from_slice(&self.time_ms.to_le_bytes());
        out.extend_from_slice(&self.previous.unwrap_or(u64::MAX).to_le_bytes());
        out.extend_from_slice(&self.chain.to_le_bytes());
        out.extend_from_slice(&self.carry_crc.to_le_bytes());
        self.crc = crc32c::crc32c(&out);
        out.extend_from_slice(&self.crc.to_le_bytes());
        debug_assert_eq!(out.len(), HEADER_BYTES);
        out.extend_from_slice(carry);
        out
    }

    /// The header at the start of a file, without its carry.
    pub fn decode(path: &Path, bytes: &[u8]) -> Result<SegmentHeader, LogError> {
        let Some(bytes) = bytes.get(..HEADER_BYTES) else {
            return Err(LogError::corrupt(path, 0, "the header of the segment is cut"));
        };
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        if bytes[..8] != MAGIC {
            return Err(LogError::corrupt(path, 0, "not a segment of a log"));
        }
        if crc32c::crc32c(&bytes[..48]) != u32_at(48) {
            return Err(LogError::corrupt(path, 0, "the header of the segment does not verify"));
        }
        if u32_at(8) != VERSION {
            return Err(LogError::UnknownVersion { path: path.into(), found: u32_at(8), supported: VERSION });
        }
        Ok(SegmentHeader {
            carry_bytes: u32_at(12),
            first_index: u64_at(16),
            time_ms: u64_at(24) as i64,
            previous: Some(u64_at(32)).filter(|previous| *previous != u64::MAX),
            chain: u32_at(40),
            carry_crc: u32_at(44),
            crc: u32_at(48),
        })
    }

    /// Reads the header of a file.
    pub fn read(path: &Path, file: &dyn File) -> Result<SegmentHeader, LogError> {
        let mut bytes = [0; HEADER_BYTES];
        let length = file.length().map_err(|error| LogError::io("read", path, error))?;
        let filled = length.min(HEADER_BYTES as u64) as usize;
        file.read_exact_at(&mut bytes[..filled], 0).map_err(|error| LogError::io("read", path, error))?;
        SegmentHeader::decode(path, &bytes[..filled])
    }

    /// Reads the owner's carry that follows the header.
    pub fn read_carry(&self, path: &Path, file: &dyn File) -> Result<Vec<u8>, LogError> {
        let length = file.length().map_err(|error| LogError::io("read", path, error))?;
        if length < self.blocks_offset() {
            return Err(LogError::corrupt(path, 0, "the carry of the segment is cut"));
        }
        let mut carry = vec![0; self.carry_bytes as usize];
        file.read_exact_at(&mut carry, HEADER_BYTES as u64)
            .map_err(|error| LogError::io("read", path, error))?;
        if crc32c::crc32c(&carry) != self.carry_crc {
            return Err(LogError::corrupt(path, 0, "the carry of the segment does not verify"));
        }
        Ok(carry)
    }

    /// Where the first block begins.
    pub fn blocks_offset(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.carry_bytes)
    }
}

/// The name of the segment that begins with an index: names sort as indexes do.
pub(crate) fn file_name(first_index: u64) -> String {
    format!("{first_index:020}{SUFFIX}")
}

/// The first index in a segment's name; `None` if the file is no segment.
pub(crate) fn parse_file_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// An entry of the sparse index: where in the file a block begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub first_index: u64,
    pub time_ms: i64,
    pub offset: u64,
}

/// A segment that may be read. Only its durable part is.
#[derive(Debug)]
pub(crate) struct Segment {
    pub path: PathBuf,
    pub header: SegmentHeader,
    /// Durable bytes of the file.
    length: AtomicU64,
    /// Kept by the writer for segments that it wrote, made on the first read of others.
    sparse_index: Mutex<Option<SparseIndex>>,
}

/// Where some of the blocks begin, at least [`MARK_BYTES`] apart.
#[derive(Debug, Default)]
struct SparseIndex {
    marks: Vec<Mark>,
    /// Where the blocks end, in a segment that takes no more.
    end: Option<End>,
}

#[derive(Debug)]
struct End {
    index: u64,
    offset: u64,
    /// Why they end, if not because the next segment begins. What stands before is served.
    broken: Option<LogError>,
}

impl Segment {
    /// A segment whose sparse index is made when it is first needed.
    pub fn unindexed(path: PathBuf, header: SegmentHeader, length: u64) -> Segment {
        Segment { path, header, length: AtomicU64::new(length), sparse_index: Mutex::new(None) }
    }

    /// A segment whose blocks are all announced by [`Segment::grow`].
    pub fn indexed(path: PathBuf, header: SegmentHeader) -> Segment {
        let length = AtomicU64::new(header.blocks_offset());
        Segment { path, header, length, sparse_index: Mutex::new(Some(SparseIndex::default())) }
    }

    pub fn length(&self) -> u64 {
        self.length.load(Ordering::Acquire)
    }

    /// Bytes that count towards `LogOptions::segment_bytes`, where `next_index` is the next to be appended.
    /// A segment without an entry counts as empty however large its carry is: a segment that followed it
    /// would have the same first index, and so the same name.
    pub fn filled_bytes(&self, next_index: u64) -> u64 {
        if self.header.first_index == next_index { 0 } else { self.length() }
    }

    /// Takes in a block that is durable now.
    pub fn grow(&self, header: &BlockHeader) {
        let offset = self.length();
        if let Some(sparse_index) = &mut *self.sparse_index.lock() {
            sparse_index.push(header, offset);
        }
        self.length.store(offset + header.block_bytes(), Ordering::Release);
    }

    /// Reads and verifies the blocks from the one that holds `index` to the next mark: at least one.
    /// `next_index` is the first index after this segment's durable part.
    pub fn read(
        &self,
        fs: &dyn FileSystem,
        index: u64,
        next_index: u64,
    ) -> Result<Vec<Arc<Block>>, LogError> {
        let length = self.length();
        let file = fs.open(&self.path).map_err(|error| LogError::io("open", &self.path, error))?;
        let (start, end) =
            self.with_index(&*file, length, next_index, |sparse_index| sparse_index.span(index, length))??;
        let mut bytes = vec![0; (end - start) as usize];
        file.read_exact_at(&mut bytes, start).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => LogError::corrupt(&self.path, start, "the file is cut"),
            _ => LogError::io("read", &self.path, error),
        })?;
        let bytes = Bytes::from(bytes);
        let mut blocks = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let offset = start + at as u64;
            let corrupt = |reason: String| LogError::corrupt(&self.path, offset, reason);
            let header = BlockHeader::decode(&bytes[at..])
                .ok_or_else(|| corrupt("the header of a block does not verify".to_owned()))?;
            let block_end = at.saturating_add(header.block_bytes() as usize).min(bytes.len());
            if header.next_index() > index {
                blocks.push(Arc::new(Block::decode(bytes.slice(at..block_end)).map_err(corrupt)?));
            }
            at = block_end;
        }
        match blocks.first() {
            Some(block) if block.header.first_index <= index => Ok(blocks),
            _ => Err(LogError::corrupt(&self.path, start, format!("entry {index} is missing"))),
        }
    }

    /// The index of the last marked block whose first entry is older than `time_ms`: the first entry at or
    /// after that time does not stand before it. The segment's first index if there is none.
    pub fn mark_before(&self, fs: &dyn FileSystem, time_ms: i64, next_index: u64) -> Result<u64, LogError> {
        let file = fs.open(&self.path).map_err(|error| LogError::io("open", &self.path, error))?;
        self.with_index(&*file, self.length(), next_index, |sparse_index| {
            let after = sparse_index.marks.partition_point(|mark| mark.time_ms < time_ms);
            sparse_index.marks[..after].last().map_or(self.header.first_index, |mark| mark.first_index)
        })
    }

    fn with_index<T>(
        &self,
        file: &dyn File,
        length: u64,
        next_index: u64,
        look_up: impl FnOnce(&SparseIndex) -> T,
    ) -> Result<T, LogError> {
        let mut sparse_index = self.sparse_index.lock();
        if sparse_index.is_none() {
            *sparse_index = Some(self.scan(file, length, next_index)?);
        }
        Ok(look_up(sparse_index.as_ref().expect("made above")))
    }

    /// Makes the sparse index from the headers of all blocks. Payloads are verified when they are read.
    fn scan(&self, file: &dyn File, length: u64, next_index: u64) -> Result<SparseIndex, LogError> {
        let mut headers = HeaderScan::new(file, &self.path, length);
        let mut sparse_index = SparseIndex::default();
        let (mut offset, mut index, mut chain) =
            (self.header.blocks_offset(), self.header.first_index, self.header.crc);
        // The file may go on behind the last block, where it was extended ahead and never cut.
        let broken = loop {
            if index == next_index {
                break None;
            }
            let header = if offset < length { headers.at(offset)? } else { None };
            let reason = match header {
                None => format!("the next segment begins at entry {next_index}, but no block stands here"),
                Some(header) if header.first_index != index || header.chain != chain => {
                    "a block does not follow the one before".to_owned()
                }
                Some(header) if offset + header.block_bytes() > length => {
                    "the file is cut within a block".to_owned()
                }
                Some(header) => {
                    sparse_index.push(&header, offset);
                    (offset, index, chain) = (offset + header.block_bytes(), header.next_index(), header.crc);
                    continue;
                }
            };
            break Some(LogError::corrupt(&self.path, offset, format!("entry {index} is missing: {reason}")));
        };
        sparse_index.end = Some(End { index, offset, broken });
        Ok(sparse_index)
    }
}

impl SparseIndex {
    fn push(&mut self, header: &BlockHeader, offset: u64) {
        if self.marks.last().is_none_or(|mark| offset >= mark.offset + MARK_BYTES) {
            self.marks.push(Mark { first_index: header.first_index, time_ms: header.time_ms, offset });
        }
    }

    /// Where the marked run of blocks that holds an index begins and ends, in a file of a durable length.
    fn span(&self, index: u64, length: u64) -> Result<(u64, u64), LogError> {
        let length = match &self.end {
            Some(End { index: end, broken: Some(error), .. }) if *end <= index => return Err(error.clone()),
            Some(end) => end.offset,
            None => length,
        };
        let after = self.marks.partition_point(|mark| mark.first_index <= index);
        let start = self.marks[..after].last().expect("the first block of a segment is marked").offset;
        Ok((start, self.marks.get(after).map_or(length, |mark| mark.offset)))
    }
}

/// Reads the headers of blocks, many small blocks with one read, and skips what lies between large ones.
struct HeaderScan<'a> {
    file: &'a dyn File,
    path: &'a Path,
    length: u64,
    window: Vec<u8>,
    window_offset: u64,
}

impl<'a> HeaderScan<'a> {
    const WINDOW_BYTES: u64 = 16 * 1024;

    fn new(file: &'a dyn File, path: &'a Path, length: u64) -> HeaderScan<'a> {
        HeaderScan { file, path, length, window: Vec::new(), window_offset: 0 }
    }

    fn at(&mut self, offset: u64) -> Result<Option<BlockHeader>, LogError> {
        let window_end = self.window_offset + self.window.len() as u64;
        if offset < self.window_offset || offset + block::HEADER_BYTES as u64 > window_end {
            let bytes = (self.length - offset).min(Self::WINDOW_BYTES) as usize;
            self.window.resize(bytes, 0);
            self.window_offset = offset;
            self.file
                .read_exact_at(&mut self.window, offset)
                .map_err(|error| LogError::io("read", self.path, error))?;
        }
        Ok(BlockHeader::decode(&self.window[(offset - self.window_offset) as usize..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_indexes_do() {
        let indexes = [0, 9, 10, 999_999, u64::MAX];
        let names = indexes.map(file_name);
        assert!(names.is_sorted());
        assert_eq!(names.each_ref().map(|name| parse_file_name(name)), indexes.map(Some));
    }

    #[test]
    fn other_names_are_no_segments() {
        for name in ["LOCK", "1.segment", "0000000000000000000x.segment", "99999999999999999999.segment"] {
            assert_eq!(parse_file_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        for previous in [None, Some(0), Some(41)] {
            let mut header = SegmentHeader {
                carry_bytes: 0,
                first_index: 42,
                time_ms: -5,
                previous,
                chain: 7,
                carry_crc: 0,
                crc: 0,
            };
            let bytes = header.encode(b"carry");
            assert_eq!(SegmentHeader::decode(Path::new("x"), &bytes).unwrap(), header);
            assert_eq!(header.blocks_offset(), bytes.len() as u64);
        }
    }
}
