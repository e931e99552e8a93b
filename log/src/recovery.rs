//! Opening a log: which segments there are, and where the last one's intact part ends.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::block::{self, Block, BlockHeader};
use crate::segment::{self, Segment, SegmentHeader};
use crate::{File, FileSystem, LogError};

/// Bytes of a tail that are searched at once.
const WINDOW_BYTES: usize = 1 << 20;

/// What opening a log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The carry in the header of the last segment; `None` in a log that never had an entry.
    pub carry: Option<Vec<u8>>,
    /// The first index of the last segment. Together with the carry, the entries from here on are all that
    /// an owner needs to read to know what it knew.
    pub segment_first_index: u64,
    /// Bytes of a torn tail that were cut: an append that was never acknowledged.
    pub bytes_cut: u64,
}

/// The state of the directory after recovery.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub recovery: Recovery,
    pub segments: VecDeque<Arc<Segment>>,
    pub next_index: u64,
    pub time_ms_last: i64,
    /// The last segment's file and the `crc` of its last header, to append to.
    pub active: Option<(Box<dyn File>, u32)>,
}

/// Reads the directory, cuts a torn tail off, and removes a segment whose header never became whole.
pub(crate) fn recover(fs: &dyn FileSystem, dir: &Path) -> Result<Recovered, LogError> {
    fs.create_dir_all(dir).map_err(|error| LogError::io("create", dir, error))?;
    let names = fs.list(dir).map_err(|error| LogError::io("list", dir, error))?;
    let mut indexes: Vec<u64> = names.iter().filter_map(|name| segment::parse_file_name(name)).collect();
    indexes.sort_unstable();

    let mut bytes_cut = 0;
    let mut last = None;
    while let Some(&first_index) = indexes.last() {
        match open_last(fs, dir, first_index)? {
            Last::Intact(found) => {
                last = Some(found);
                break;
            }
            Last::Unborn { bytes } => {
                let path = dir.join(segment::file_name(first_index));
                // Should the removal be lost, the next open removes it again.
                fs.remove(&path).map_err(|error| LogError::io("remove", &path, error))?;
                bytes_cut += bytes;
                indexes.pop();
            }
        }
    }
    let Some(last) = last else {
        let recovery = Recovery { carry: None, segment_first_index: 0, bytes_cut };
        return Ok(Recovered {
            recovery,
            segments: VecDeque::new(),
            next_index: 0,
            time_ms_last: i64::MIN,
            active: None,
        });
    };

    let mut segments = VecDeque::from([Arc::new(last.segment)]);
    for &first_index in indexes.iter().rev().skip(1) {
        let path = dir.join(segment::file_name(first_index));
        let file = fs.open(&path).map_err(|error| LogError::io("open", &path, error))?;
        let header = SegmentHeader::read(&path, &*file)?;
        let length = file.length().map_err(|error| LogError::io("read", &path, error))?;
        let next = &segments[0];
        if header.first_index != first_index || next.header.previous != Some(first_index) {
            return Err(LogError::corrupt(
                &next.path,
                0,
                format!(
                    "the segment before it is missing: the \
                nearest one begins at entry {first_index}"
                ),
            ));
        }
        segments.push_front(Arc::new(Segment::unindexed(path, header, length)));
    }
    Ok(Recovered {
        recovery: Recovery {
            carry: Some(last.carry),
            segment_first_index: segments.back().expect("the last one").header.first_index,
            bytes_cut: bytes_cut + last.bytes_cut,
        },
        segments,
        next_index: last.next_index,
        time_ms_last: last.time_ms_last,
        active: Some((last.file, last.chain)),
    })
}

enum Last {
    Intact(Box<LastSegment>),
    /// The file was created, but its header is not whole, so no entry in it was ever acknowledged.
    Unborn {
        bytes: u64,
    },
}

struct LastSegment {
    segment: Segment,
    file: Box<dyn File>,
    carry: Vec<u8>,
    next_index: u64,
    time_ms_last: i64,
    chain: u32,
    bytes_cut: u64,
}

fn open_last(fs: &dyn FileSystem, dir: &Path, first_index: u64) -> Result<Last, LogError> {
    let path = dir.join(segment::file_name(first_index));
    let file = fs.open(&path).map_err(|error| LogError::io("open", &path, error))?;
    let length = file.length().map_err(|error| LogError::io("read", &path, error))?;
    let read = SegmentHeader::read(&path, &*file)
        .and_then(|header| header.read_carry(&path, &*file).map(|carry| (header, carry)));
    let (header, carry) = match read {
        Ok(read) => read,
        // The header is synced before the first block is written, so a block behind it means that the
        // header was whole once.
        Err(LogError::Corrupt { .. }) if find_block(&*file, &path, 0, length, first_index)?.is_none() => {
            return Ok(Last::Unborn { bytes: length });
        }
        Err(error) => return Err(error),
    };
    if header.first_index != first_index {
        let reason = format!("its header says that it begins at entry {}", header.first_index);
        return Err(LogError::corrupt(&path, 0, reason));
    }

    let segment = Segment::indexed(path, header);
    let mut next_index = first_index;
    let mut chain = header.crc;
    let mut time_ms_last = header.time_ms;
    while segment.length() < length {
        let offset = segment.length();
        match read_block(&*file, &segment.path, offset, length)? {
            Some(block) if block.header.first_index == next_index && block.header.chain == chain => {
                next_index = block.header.next_index();
                chain = block.header.crc;
                time_ms_last = block.time_ms_last();
                segment.grow(&block.header);
            }
            // It follows another block than the one that stands before it: left over from an append that
            // was cut off.
            Some(_) => break,
            None => {
                // One block is in flight at a time, so what was torn is the last thing that was written.
                if let Some(at) = find_block(&*file, &segment.path, offset, length, next_index + 1)? {
                    let reason =
                        format!("the block does not verify, but an intact later one follows at {at}");
                    return Err(LogError::corrupt(&segment.path, offset, reason));
                }
                break;
            }
        }
    }
    let bytes_cut = written_end(&*file, &segment.path, segment.length(), length)? - segment.length();
    if length > segment.length() {
        file.truncate(segment.length()).map_err(|error| LogError::io("truncate", &segment.path, error))?;
    }
    // The cut must last before anything is written behind it, and what a killed process left in the page
    // cache is served from here on, so it must be as durable as all else.
    file.sync_data().map_err(|error| LogError::io("sync", &segment.path, error))?;
    fs.sync_dir(dir).map_err(|error| LogError::io("sync", dir, error))?;
    let last = LastSegment { segment, file, carry, next_index, time_ms_last, chain, bytes_cut };
    Ok(Last::Intact(Box::new(last)))
}

/// The block at `offset`, if an intact one stands there.
fn read_block(file: &dyn File, path: &Path, offset: u64, length: u64) -> Result<Option<Block>, LogError> {
    let read = |bytes: &mut [u8]| {
        file.read_exact_at(bytes, offset).map_err(|error| LogError::io("read", path, error))
    };
    let mut header = [0; block::HEADER_BYTES];
    if length - offset < header.len() as u64 {
        return Ok(None);
    }
    read(&mut header)?;
    let Some(header) = BlockHeader::decode(&header) else { return Ok(None) };
    if length - offset < header.block_bytes() {
        return Ok(None);
    }
    let mut bytes = vec![0; header.block_bytes() as usize];
    read(&mut bytes)?;
    Ok(Block::decode(Bytes::from(bytes)).ok())
}

/// One past the last byte that is not zero, from `offset` on: files are extended ahead with zeros.
fn written_end(file: &dyn File, path: &Path, offset: u64, length: u64) -> Result<u64, LogError> {
    let mut end = offset;
    let mut window = Vec::new();
    for start in (offset..length).step_by(WINDOW_BYTES) {
        window.resize((length - start).min(WINDOW_BYTES as u64) as usize, 0);
        file.read_exact_at(&mut window, start).map_err(|error| LogError::io("read", path, error))?;
        if let Some(at) = window.iter().rposition(|byte| *byte != 0) {
            end = start + at as u64 + 1;
        }
    }
    Ok(end)
}

/// Searches the bytes from `offset` on for an intact block that begins at `index_min` or later.
fn find_block(
    file: &dyn File,
    path: &Path,
    offset: u64,
    length: u64,
    index_min: u64,
) -> Result<Option<u64>, LogError> {
    let mut window = Vec::new();
    let mut window_offset = offset;
    while window_offset + (block::HEADER_BYTES as u64) <= length {
        window.resize((length - window_offset).min(WINDOW_BYTES as u64) as usize, 0);
        file.read_exact_at(&mut window, window_offset).map_err(|error| LogError::io("read", path, error))?;
        let starts = window.len() - block::HEADER_BYTES + 1;
        for at in 0..starts {
            if window[at..].starts_with(&block::MAGIC)
                && BlockHeader::decode(&window[at..]).is_some_and(|header| header.first_index >= index_min)
                && read_block(file, path, window_offset + at as u64, length)?.is_some()
            {
                return Ok(Some(window_offset + at as u64));
            }
        }
        window_offset += starts as u64;
    }
    Ok(None)
}
