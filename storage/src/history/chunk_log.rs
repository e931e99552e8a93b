//! Chunks on a log, and where the chunks of a series stand.
//!
//! The log is cut into groups. A group that is full ends with an entry that lists its chunks by series, so
//! that in memory stand only the list of groups and the chunks of the last, open one. The list of groups
//! goes along in the headers of the log's segments: opening reads the last segment and the open group.

use super::chunk::{self, Chunk, ChunkError, Reader, put_bytes, put_varint};
use crate::error::StoreError;
use kizashi_log::{FileSystem, Log, LogOptions};
use parking_lot::RwLock;
use std::{
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
    sync::Arc,
};

/// First byte of an entry that lists the chunks of a group; chunks begin with their version.
const GROUP: u8 = 0xff;
const GROUP_BYTES: usize = 40;

/// Entries that one step of a scan reads at once.
const READ_BYTES: usize = 1 << 20;

/// A chunk to append.
#[derive(Debug)]
pub(super) struct NewChunk {
    pub series: Arc<str>,
    pub bytes: Vec<u8>,
    pub time_range_ms: (i64, i64),
}

/// A full group of chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// Its first entry.
    pub first: u64,
    /// The entry that lists its chunks: its last.
    pub list: u64,
    pub time_min_ms: i64,
    pub time_max_ms: i64,
    pub bytes: u64,
}

/// The group that is being filled.
#[derive(Clone, Debug)]
struct OpenGroup {
    first: u64,
    /// Chunks of each series, as distances from `first`.
    chunks: BTreeMap<Arc<str>, Vec<u32>>,
    time_min_ms: i64,
    time_max_ms: i64,
    bytes: u64,
}

#[derive(Debug)]
struct Groups {
    full: VecDeque<Group>,
    open: OpenGroup,
}

/// Chunks on a log.
#[derive(Debug)]
pub(super) struct ChunkLog {
    log: Log,
    dir: PathBuf,
    group_bytes: u64,
    groups: RwLock<Groups>,
}

impl ChunkLog {
    /// Opens it with segments such that there are about 16 of them in `bytes_max`.
    pub fn open(fs: Arc<dyn FileSystem>, dir: &Path, bytes_max: u64) -> Result<Self, StoreError> {
        let segment_bytes = (bytes_max / 16).clamp(64 << 10, 16 << 20);
        let options = LogOptions {
            segment_bytes,
            block_bytes: 256 << 10,
            cache_bytes: 1 << 20,
            ..LogOptions::default()
        };
        let (log, recovery) = Log::open(fs, dir, options)?;
        let mut full = decode_groups(&recovery.carry.unwrap_or_default())?;
        full.retain(|group| group.first >= log.first_index());
        let next = full.back().map_or(log.first_index(), |group| group.list + 1);
        let groups = RwLock::new(Groups { full, open: OpenGroup::new(next) });
        let opened = Self { log, dir: dir.into(), group_bytes: segment_bytes / 2, groups };
        opened.recover(next)?;
        Ok(opened)
    }

    /// Reads the entries behind the groups that are known.
    fn recover(&self, from_index: u64) -> Result<(), StoreError> {
        let mut next = from_index;
        let mut groups = self.groups.write();
        loop {
            let entries = self.log.read(next, usize::MAX, READ_BYTES)?;
            let Some(last) = entries.last() else { return Ok(()) };
            next = last.index + 1;
            for entry in &entries {
                if entry.data.first() == Some(&GROUP) {
                    let group = groups.open.close(entry.index);
                    groups.full.push_back(group);
                    groups.open = OpenGroup::new(entry.index + 1);
                } else {
                    let chunk = self.decode(entry.index, &entry.data)?;
                    let times = chunk.points.iter().map(|point| point.time_ms);
                    let range = times.fold((i64::MAX, i64::MIN), |(min, max), t| (min.min(t), max.max(t)));
                    groups.open.add(entry.index, &Arc::from(chunk.series), entry.data.len(), range);
                }
            }
        }
    }

    fn decode(&self, index: u64, bytes: &[u8]) -> Result<Chunk, StoreError> {
        chunk::decode(bytes).map_err(|error| self.damaged(index, &error))
    }

    fn damaged(&self, index: u64, error: &ChunkError) -> StoreError {
        StoreError::Entry { dir: self.dir.clone(), index, reason: error.to_string() }
    }

    /// Appends chunks; returns when they are durable and found. There is one writer.
    pub async fn append(&self, time_ms: i64, chunks: &[NewChunk]) -> Result<(), StoreError> {
        if chunks.is_empty() {
            return Ok(());
        }
        let open_bytes: usize = chunks.iter().map(|chunk| chunk.bytes.len()).sum();
        let (first, list, ticket) = {
            let groups = self.groups.read();
            let full = groups.open.bytes + open_bytes as u64 >= self.group_bytes;
            let next_index = self.log.next_index();
            let list = full.then(|| {
                let mut open = groups.open.clone();
                open.add_all(next_index, chunks);
                open.encode()
            });
            let entries = chunks.iter().map(|chunk| &chunk.bytes[..]).chain(list.as_deref());
            let ticket = self.log.append_at(next_index, time_ms, entries, || encode_groups(&groups.full))?;
            (next_index, list.is_some().then_some(next_index + chunks.len() as u64), ticket)
        };
        ticket.await?;
        let mut groups = self.groups.write();
        groups.open.add_all(first, chunks);
        if let Some(list) = list {
            let group = groups.open.close(list);
            groups.full.push_back(group);
            groups.open = OpenGroup::new(list + 1);
        }
        Ok(())
    }

    /// Calls `each` with every chunk of a series in groups that touch a range of time, oldest first.
    pub fn chunks(
        &self,
        series: &str,
        start_ms: i64,
        end_ms: i64,
        mut each: impl FnMut(Chunk),
    ) -> Result<(), StoreError> {
        let (touching, open) = {
            let groups = self.groups.read();
            let touches = |group: &&Group| group.time_max_ms >= start_ms && group.time_min_ms < end_ms;
            let touching: Vec<Group> = groups.full.iter().filter(touches).copied().collect();
            let open = groups.open.chunks.get(series).map(|chunks| (groups.open.first, chunks.clone()));
            (touching, open)
        };
        let mut read = |first: u64, distances: &[u32]| -> Result<(), StoreError> {
            for distance in distances {
                let index = first + u64::from(*distance);
                // Gone: trimmed since the groups were looked at.
                if index < self.log.first_index() {
                    continue;
                }
                if let Some(entry) = self.log.read(index, 1, READ_BYTES)?.pop() {
                    each(self.decode(entry.index, &entry.data)?);
                }
            }
            Ok(())
        };
        for group in touching {
            if group.list < self.log.first_index() {
                continue;
            }
            let Some(entry) = self.log.read(group.list, 1, READ_BYTES)?.pop() else { continue };
            let distances =
                find_in_list(&entry.data, series).map_err(|error| self.damaged(entry.index, &error))?;
            read(group.first, &distances)?;
        }
        match open {
            Some((first, distances)) => read(first, &distances),
            None => Ok(()),
        }
    }

    /// The full groups, oldest first.
    pub fn full_groups(&self) -> Vec<Group> {
        self.groups.read().full.iter().copied().collect()
    }

    /// Calls `each` with every chunk of a group.
    pub fn chunks_of_group(&self, group: &Group, mut each: impl FnMut(Chunk)) -> Result<(), StoreError> {
        let mut next = group.first;
        while next < group.list {
            let entries = self.log.read(next, (group.list - next) as usize, READ_BYTES)?;
            for entry in &entries {
                each(self.decode(entry.index, &entry.data)?);
                next = entry.index + 1;
            }
        }
        Ok(())
    }

    /// Removes what lies before an entry, as far as whole segments allow, and forgets the groups that are
    /// gone.
    pub fn trim(&self, before_index: u64) -> Result<(), StoreError> {
        let first = self.log.trim(before_index)?;
        self.groups.write().full.retain(|group| group.first >= first);
        Ok(())
    }

    /// Bytes on the disk.
    pub fn bytes(&self) -> u64 {
        self.log.bytes()
    }
}

impl OpenGroup {
    fn new(first: u64) -> Self {
        Self { first, chunks: BTreeMap::new(), time_min_ms: i64::MAX, time_max_ms: i64::MIN, bytes: 0 }
    }

    fn add(&mut self, index: u64, series: &Arc<str>, bytes: usize, (min_ms, max_ms): (i64, i64)) {
        let distance = u32::try_from(index - self.first).expect("a group has less than 2^32 chunks");
        match self.chunks.get_mut(series) {
            Some(chunks) => chunks.push(distance),
            None => {
                self.chunks.insert(series.clone(), vec![distance]);
            }
        }
        self.time_min_ms = self.time_min_ms.min(min_ms);
        self.time_max_ms = self.time_max_ms.max(max_ms);
        self.bytes += bytes as u64;
    }

    fn add_all(&mut self, first: u64, chunks: &[NewChunk]) {
        for (index, chunk) in (first..).zip(chunks) {
            self.add(index, &chunk.series, chunk.bytes.len(), chunk.time_range_ms);
        }
    }

    fn close(&self, list: u64) -> Group {
        Group {
            first: self.first,
            list,
            time_min_ms: self.time_min_ms,
            time_max_ms: self.time_max_ms,
            bytes: self.bytes,
        }
    }

    /// The list of chunks: each series with the distances of its chunks, each from the one before.
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![GROUP];
        put_varint(&mut out, self.chunks.len() as u64);
        for (series, distances) in &self.chunks {
            put_bytes(&mut out, series.as_bytes());
            put_varint(&mut out, distances.len() as u64);
            let mut before = 0;
            for distance in distances {
                put_varint(&mut out, u64::from(distance - before));
                before = *distance;
            }
        }
        out
    }
}

/// Distances of the chunks of a series in a list of chunks.
fn find_in_list(list: &[u8], series: &str) -> Result<Vec<u32>, ChunkError> {
    let mut reader = Reader { rest: list };
    if reader.array::<1>()? != [GROUP] {
        return Err(ChunkError("a list of chunks is something else"));
    }
    for _ in 0..reader.varint()? {
        let found = reader.text()? == series;
        let mut distances = Vec::new();
        let mut distance = 0u64;
        for _ in 0..reader.varint()? {
            distance = distance.saturating_add(reader.varint()?);
            if found {
                let distance = u32::try_from(distance);
                distances.push(distance.map_err(|_| ChunkError("a distance has more than 32 bits"))?);
            }
        }
        if found {
            return Ok(distances);
        }
    }
    Ok(Vec::new())
}

fn encode_groups(groups: &VecDeque<Group>) -> Vec<u8> {
    let mut out = Vec::with_capacity(groups.len() * GROUP_BYTES);
    for group in groups {
        for word in [group.first, group.list, group.time_min_ms as u64, group.time_max_ms as u64, group.bytes]
        {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }
    out
}

fn decode_groups(bytes: &[u8]) -> Result<VecDeque<Group>, ChunkError> {
    let (groups, rest) = bytes.as_chunks::<GROUP_BYTES>();
    if !rest.is_empty() {
        return Err(ChunkError("the list of groups is cut short"));
    }
    let decode = |group: &[u8; GROUP_BYTES]| {
        let (words, _) = group.as_chunks::<8>();
        let word = |at: usize| u64::from_le_bytes(words[at]);
        Group {
            first: word(0),
            list: word(1),
            time_min_ms: word(2) as i64,
            time_max_ms: word(3) as i64,
            bytes: word(4),
        }
    };
    Ok(groups.iter().map(decode).collect())
}
