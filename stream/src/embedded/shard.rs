//! A shard: a log, what it knows of its sources, and its trim horizon.

use super::{
    catalogue::{ShardEntry, shard_id},
    record::{NewRecord, NewSource, decode},
    retention::Retention,
    sequencing::Sequencing,
    sources::{Source, SourceScan, SourceTable},
};
use crate::{
    api::{
        Cursor, PutRecord, ReadBatch, Record, Result, SequencedRecord, ShardDescription, StartingPosition,
        StreamError,
    },
    sequence::{SequenceNumber, SequenceParts},
};
use kizashi_log::{FileSystem, Log, LogError, LogOptions, Ticket};
use parking_lot::Mutex;
use std::{path::Path, sync::Arc};

/// Entries and bytes that a scan at open reads at once.
const SCAN_ENTRIES: usize = 4096;
const SCAN_BYTES: usize = 4 << 20;

/// A reader this many records behind reads from the disk, and so may block.
const COLD_RECORDS: u64 = 16_384;

/// A shard of an embedded stream.
#[derive(Debug)]
pub struct Shard {
    /// Such as `shardId-000000000000`.
    pub id: Arc<str>,
    stream: Arc<str>,
    entry: ShardEntry,
    log: Log,
    sequencing: Mutex<Sequencing>,
    retention: Retention,
}

/// Records appended by one put to one shard, to be durable soon.
#[derive(Debug)]
#[must_use = "records are durable only when the append has finished"]
pub struct Append {
    first_index: u64,
    ticket: Ticket,
}

impl Shard {
    /// Opens a shard, or begins one where the directory is absent or empty.
    pub fn open(
        fs: Arc<dyn FileSystem>,
        dir: &Path,
        stream: Arc<str>,
        entry: ShardEntry,
        options: LogOptions,
    ) -> Result<Self, LogError> {
        let (log, recovery) = Log::open(fs, dir, options)?;
        let unknown = |error: &dyn std::fmt::Display| LogError::Corrupt {
            path: dir.into(),
            offset: 0,
            reason: format!("in the segment that begins at entry {}: {error}", recovery.segment_first_index),
        };
        let (table, scan_from) = match &recovery.carry {
            Some(carry) => SourceTable::decode(carry).map_err(|error| unknown(&error))?,
            None => (SourceTable::default(), u64::MAX),
        };
        let mut scan = SourceScan::new(table);
        let mut next = scan_from.min(recovery.segment_first_index).max(log.first_index());
        loop {
            let entries = log.read(next, SCAN_ENTRIES, SCAN_BYTES)?;
            let Some(last) = entries.last() else { break };
            next = last.index + 1;
            for entry in &entries {
                let record = decode(&entry.data).map_err(|error| unknown(&error))?;
                scan.take_up(&record).map_err(|error| unknown(&error))?;
            }
        }
        let scan_from = (scan_from < recovery.segment_first_index).then_some(scan_from);
        Ok(Self {
            id: shard_id(entry.number).into(),
            stream,
            entry,
            log,
            sequencing: Mutex::new(Sequencing::new(scan.finish(), scan_from)),
            retention: Retention::default(),
        })
    }

    /// Describes it.
    pub fn describe(&self) -> ShardDescription {
        ShardDescription {
            id: self.id.clone(),
            hash_range: (self.entry.hash_first, self.entry.hash_last),
            starting_sequence: self.sequence(0),
            ending_sequence: self.entry.closed_at_index.map(|end| self.sequence(end.saturating_sub(1))),
            parents: self.entry.parents.iter().map(|number| shard_id(*number).into()).collect(),
        }
    }

    /// Last hash key of its range; `None` where it is closed and takes nothing.
    pub fn open_until(&self) -> Option<u128> {
        self.entry.closed_at_index.is_none().then_some(self.entry.hash_last)
    }

    /// The number of the record at an index.
    pub fn sequence(&self, index: u64) -> SequenceNumber {
        SequenceParts { created_ms: self.entry.created_ms, shard: self.entry.number, index }.into()
    }

    /// Appends records as they are.
    pub fn append<'a>(&self, time_ms: i64, records: impl Iterator<Item = &'a PutRecord>) -> Result<Append> {
        let entries = records.map(|record| NewRecord {
            source: None,
            partition_key: &record.partition_key,
            data: &record.data,
        });
        // Locked over the append, as a segment's header is written from it.
        let mut sequencing = self.sequencing.lock();
        let (first_index, ticket) =
            self.log.append(time_ms, entries, || sequencing.carry()).map_err(|error| self.failed(error))?;
        Ok(Append { first_index, ticket })
    }

    /// Appends those of the re-keyed records that lie above the highest position of their source. `None`
    /// where none do, and all are durable.
    pub async fn append_sequenced(
        &self,
        time_ms: i64,
        source: &Source,
        records: &[&SequencedRecord],
    ) -> Result<Option<Append>> {
        loop {
            let earlier = {
                let mut sequencing = self.sequencing.lock();
                match sequencing.highest(source) {
                    Ok(highest) => {
                        return self.append_above(&mut sequencing, highest, time_ms, source, records);
                    }
                    Err(earlier) => earlier,
                }
            };
            // Its outcome is taken up by the next look at it.
            let _ = earlier.await;
        }
    }

    fn append_above(
        &self,
        sequencing: &mut Sequencing,
        highest: Option<crate::api::SourcePosition>,
        time_ms: i64,
        source: &Source,
        records: &[&SequencedRecord],
    ) -> Result<Option<Append>> {
        let new = &records[records.partition_point(|record| Some(record.source) <= highest)..];
        let Some(last) = new.last() else { return Ok(None) };
        if !sequencing.has_room_for(source) {
            return Err(StreamError::LimitExceeded(format!(
                "shard {} of stream {} takes re-keyed records of no further source shard",
                self.id, self.stream
            )));
        }
        let entries = new.iter().enumerate().map(|(i, record)| NewRecord {
            source: Some(NewSource {
                shard: (&source.0, &source.1),
                position: record.source,
                before: i.checked_sub(1).map(|before| new[before].source),
            }),
            partition_key: &record.record.partition_key,
            data: &record.record.data,
        });
        let (first_index, ticket) =
            self.log.append(time_ms, entries, || sequencing.carry()).map_err(|error| self.failed(error))?;
        sequencing.begin(source.clone(), first_index, last.source, ticket.clone());
        Ok(Some(Append { first_index, ticket }))
    }

    /// Waits until an append is durable; gives the index of its first record.
    pub async fn finish(&self, append: Append) -> Result<u64> {
        append.ticket.await.map_err(|error| self.failed(error))?;
        Ok(append.first_index)
    }

    /// Takes up what became of an append of a source.
    pub fn settle(&self, source: &Source) {
        self.sequencing.lock().settle(source);
    }

    /// Resolves a starting position.
    pub fn cursor(&self, from: StartingPosition) -> Result<Cursor> {
        let durable = self.log.durable_index();
        let index = match from {
            StartingPosition::AtSequenceNumber(sequence) => self.given(sequence, durable)?,
            StartingPosition::AfterSequenceNumber(sequence) => {
                (self.given(sequence, durable)? + 1).min(durable)
            }
            StartingPosition::TrimHorizon => 0,
            StartingPosition::Latest => durable,
            StartingPosition::AtTimestamp(time_ms) => {
                self.log.find_time(time_ms).map_err(|error| self.failed(error))?
            }
        };
        Ok(Cursor(self.sequence(index.max(self.horizon()))))
    }

    /// The index of a number that this shard has given, or that its description tells as its first.
    fn given(&self, sequence: SequenceNumber, durable: u64) -> Result<u64> {
        let index = self.index(sequence)?;
        if index < durable || index == 0 { Ok(index) } else { Err(self.foreign(sequence)) }
    }

    /// The index in a number of this shard.
    fn index(&self, sequence: SequenceNumber) -> Result<u64> {
        match sequence.parts() {
            Some(parts) if parts.shard == self.entry.number && parts.created_ms == self.entry.created_ms => {
                Ok(parts.index)
            }
            _ => Err(self.foreign(sequence)),
        }
    }

    fn foreign(&self, sequence: SequenceNumber) -> StreamError {
        StreamError::InvalidArgument(format!(
            "StartingSequenceNumber {sequence} used in GetShardIterator on shard {} in stream {} is invalid \
             because it did not come from this stream.",
            self.id, self.stream
        ))
    }

    /// Reads what is durable at a cursor.
    pub fn read(&self, cursor: Cursor, records_max: usize, bytes_max: usize) -> Result<ReadBatch> {
        let from = self.index(cursor.0)?.max(self.horizon());
        let durable = self.log.durable_index();
        let cold = durable.saturating_sub(from) > COLD_RECORDS;
        let read = || self.read_entries(from, records_max.max(1), bytes_max);
        let entries = if cold { may_block(read)? } else { read()? };
        let newest_ms = match self.log.durable_index().checked_sub(1) {
            Some(newest) => self.log.read(newest, 1, 0).ok().and_then(|newest| Some(newest.first()?.time_ms)),
            None => None,
        };
        let next = entries.last().map_or(from, |last| last.index + 1);
        let read_until_ms = match entries.last() {
            Some(last) => Some(last.time_ms),
            None => newest_ms,
        };
        let behind_latest_ms =
            newest_ms.zip(read_until_ms).map_or(0, |(newest, until)| (newest - until).max(0));
        let records = entries
            .into_iter()
            .map(|entry| {
                let stored = decode(&entry.data).map_err(|error| {
                    let shard = &self.id;
                    StreamError::Internal(format!("record {} of shard {shard}: {error}", entry.index))
                })?;
                Ok(Record {
                    sequence: self.sequence(entry.index),
                    arrival_ms: entry.time_ms,
                    partition_key: stored.partition_key.into(),
                    data: entry.data.slice(stored.data_at..),
                })
            })
            .collect::<Result<_>>()?;
        let at_end = self.entry.closed_at_index.is_some_and(|end| next >= end);
        let next = (!at_end).then(|| Cursor(self.sequence(next)));
        Ok(ReadBatch { records, next, behind_latest_ms })
    }

    /// Reads entries from an index on, or from the horizon where that has risen above it meanwhile.
    fn read_entries(
        &self,
        mut from: u64,
        records_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<kizashi_log::Entry>> {
        loop {
            match self.log.read(from, records_max, bytes_max) {
                Err(LogError::Trimmed { first_index, .. }) if first_index > from => from = first_index,
                read => return read.map_err(|error| self.failed(error)),
            }
        }
    }

    /// Waits until a read at a cursor gives something.
    pub async fn readable(&self, cursor: Cursor) -> Result<()> {
        let index = self.index(cursor.0)?;
        if self.entry.closed_at_index.is_some() {
            return Ok(());
        }
        self.log.wait_beyond(index).await.map(drop).map_err(|error| self.failed(error))
    }

    /// Holds records on behalf of an application.
    pub fn hold(&self, application: &str, from: Option<Cursor>) -> Result<()> {
        let index = from.map(|cursor| self.index(cursor.0)).transpose()?;
        if self.retention.hold(application, index) {
            return Ok(());
        }
        Err(StreamError::LimitExceeded(format!(
            "too many applications hold records of shard {} of stream {}",
            self.id, self.stream
        )))
    }

    /// Trims what arrived before `expired_ms` and nobody holds.
    pub fn trim(&self, expired_ms: i64) -> Result<(), LogError> {
        let mut expired = self.log.find_time(expired_ms)?;
        if let Some(scan_from) = self.sequencing.lock().scan_from() {
            expired = expired.min(scan_from);
        }
        let horizon = self.retention.raise(expired);
        self.log.trim(horizon)?;
        Ok(())
    }

    /// Ends the log. Appends and waits fail from now on.
    pub fn close(&self) -> Result<(), LogError> {
        self.log.close()
    }

    fn horizon(&self) -> u64 {
        self.retention.horizon().max(self.log.first_index())
    }

    /// An error of the log in the API's words.
    fn failed(&self, error: LogError) -> StreamError {
        let (shard, stream) = (&self.id, &self.stream);
        match error {
            LogError::Busy { .. } => StreamError::ThroughputExceeded(format!(
                "Rate exceeded for shard {shard} in stream {stream}: its disk can't take more now, try again"
            )),
            LogError::Closed => StreamError::ResourceNotFound(format!("Stream {stream} is closed.")),
            error => StreamError::Internal(format!("shard {shard} of stream {stream}: {error}")),
        }
    }
}

/// Runs what may wait for the disk without keeping other tasks from this thread, where the runtime can.
fn may_block<T>(work: impl FnOnce() -> T) -> T {
    let flavor = tokio::runtime::Handle::try_current().map(|handle| handle.runtime_flavor());
    match flavor {
        Ok(tokio::runtime::RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
