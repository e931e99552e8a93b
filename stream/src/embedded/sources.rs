//! What a shard has seen of the shards that re-keyed records come from.
//!
//! The table holds only what is durable: a position enters it when the append that carries it has been
//! synced, so an append that fails leaves nothing to undo. The header of each segment holds the table as it
//! then was, and the index from which entries may be missing in it; the table is rebuilt from the last
//! segment's header and the entries from that index on.

use super::record::{Reader, StoredRecord, StoredSource, UnknownForm, encode_name};
use crate::{api::SourcePosition, sequence::SequenceNumber};
use std::collections::BTreeMap;

/// Source shards that a shard can tell apart.
pub const SOURCES_MAX: usize = 4096;

/// Version of the form of [`SourceTable::encode`].
const VERSION: u8 = 1;

/// Stream and shard that re-keyed records come from.
pub type Source = (Box<str>, Box<str>);

/// The highest position seen of each source shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceTable {
    highest: BTreeMap<Source, SourcePosition>,
}

impl SourceTable {
    /// The highest position seen of a source shard.
    pub fn highest(&self, source: &Source) -> Option<SourcePosition> {
        self.highest.get(source).copied()
    }

    /// Whether there is room for a source shard.
    pub fn has_room_for(&self, source: &Source) -> bool {
        self.highest.len() < SOURCES_MAX || self.highest.contains_key(source)
    }

    /// Takes up what is durable.
    pub fn raise(&mut self, source: &Source, position: SourcePosition) {
        match self.highest.get_mut(source) {
            Some(highest) => *highest = (*highest).max(position),
            None => {
                self.highest.insert(source.clone(), position);
            }
        }
    }

    /// The bytes for a segment's header. All entries before `scan_from` are in the table.
    pub fn encode(&self, scan_from: u64) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&scan_from.to_le_bytes());
        bytes.extend_from_slice(&(self.highest.len() as u32).to_le_bytes());
        for ((stream, shard), position) in &self.highest {
            encode_name(stream, &mut bytes);
            encode_name(shard, &mut bytes);
            bytes.extend_from_slice(&position.sequence.0);
            bytes.extend_from_slice(&position.index.to_le_bytes());
        }
        bytes
    }

    /// The table and the index to scan from, from a segment's header.
    pub fn decode(bytes: &[u8]) -> Result<(Self, u64), UnknownForm> {
        let mut reader = Reader { bytes };
        if reader.array()? != [VERSION] {
            return Err(UnknownForm);
        }
        let scan_from = u64::from_le_bytes(reader.array()?);
        let mut table = Self::default();
        for _ in 0..u32::from_le_bytes(reader.array()?) {
            let source = (reader.name()?.into(), reader.name()?.into());
            let sequence = SequenceNumber(reader.array()?);
            let index = u32::from_le_bytes(reader.array()?);
            table.highest.insert(source, SourcePosition { sequence, index });
        }
        if reader.bytes.is_empty() { Ok((table, scan_from)) } else { Err(UnknownForm) }
    }
}

/// Takes up entries one after the other.
#[derive(Debug)]
pub struct SourceScan {
    table: SourceTable,
    before: Option<(Source, SourcePosition)>,
}

impl SourceScan {
    /// Continues a table with the entries that follow it.
    pub fn new(table: SourceTable) -> Self {
        Self { table, before: None }
    }

    /// Takes up the next entry.
    pub fn take_up(&mut self, record: &StoredRecord<'_>) -> Result<(), UnknownForm> {
        let Some(source) = &record.source else {
            self.before = None;
            return Ok(());
        };
        let position = source.position(self.before.as_ref().map(|(_, position)| *position))?;
        let shard = match (source, self.before.take()) {
            (StoredSource::Named { shard, .. }, _) => (shard.0.into(), shard.1.into()),
            (StoredSource::AsBefore { .. }, Some((shard, _))) => shard,
            (StoredSource::AsBefore { .. }, None) => return Err(UnknownForm),
        };
        self.table.raise(&shard, position);
        self.before = Some((shard, position));
        Ok(())
    }

    /// The table with all that was taken up.
    pub fn finish(self) -> SourceTable {
        self.table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::record::{NewRecord, NewSource, decode};
    use kizashi_log::EntryParts;
    use proptest::prelude::*;

    fn position(n: u64) -> SourcePosition {
        let mut sequence = SequenceNumber([1; 24]);
        sequence.0[16..].copy_from_slice(&(n / 4).to_be_bytes());
        SourcePosition { sequence, index: (n % 4) as u32 }
    }

    fn entry(source: Option<NewSource<'_>>) -> Vec<u8> {
        let mut entry = Vec::new();
        NewRecord { source, partition_key: "k", data: b"" }.write_to(&mut entry);
        entry
    }

    #[test]
    fn a_cut_or_newer_header_is_an_error() {
        let mut table = SourceTable::default();
        table.raise(&("a".into(), "b".into()), position(9));
        let bytes = table.encode(7);
        assert_eq!(SourceTable::decode(&bytes), Ok((table, 7)));
        assert_eq!(SourceTable::decode(&bytes[..bytes.len() - 1]), Err(UnknownForm));
        assert_eq!(SourceTable::decode(&[2, 0]), Err(UnknownForm));
    }

    #[test]
    fn an_entry_that_follows_nothing_is_an_error() {
        let source = NewSource { shard: ("s", "0"), position: position(2), before: Some(position(1)) };
        let entry = entry(Some(source));
        assert!(SourceScan::new(SourceTable::default()).take_up(&decode(&entry).unwrap()).is_err());
    }

    proptest! {
        /// Wherever the header was written, it and the entries behind it give the same table.
        #[test]
        fn header_and_scan_give_the_whole(
            batches in prop::collection::vec((0usize..4, 1u64..9), 0..20),
            cut in 0usize..20,
        ) {
            let mut tables = [SourceTable::default(), SourceTable::default()];
            let mut scan = None;
            let mut next = [0; 3];
            for (i, (source, count)) in batches.into_iter().enumerate() {
                if i == cut {
                    let (table, _) = SourceTable::decode(&tables[0].encode(0)).unwrap();
                    scan = Some(SourceScan::new(table));
                }
                let mut before = None;
                for _ in 0..count {
                    let entry = if source == 3 {
                        entry(None)
                    } else {
                        let name = source.to_string();
                        next[source] += 1;
                        let position = position(next[source]);
                        let entry = entry(Some(NewSource { shard: ("s", &name), position, before }));
                        before = Some(position);
                        tables[0].raise(&("s".into(), name.into()), position);
                        entry
                    };
                    if let Some(scan) = &mut scan {
                        scan.take_up(&decode(&entry).unwrap()).unwrap();
                    }
                }
            }
            if let Some(scan) = scan {
                tables[1] = scan.finish();
                prop_assert_eq!(&tables[0], &tables[1]);
            }
        }
    }
}
