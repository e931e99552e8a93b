//! The bytes of a record in a shard's log. See docs/FORMATS.md, "Records of a shard".

use crate::{api::SourcePosition, sequence::SequenceNumber};
use kizashi_log::EntryParts;

/// Not re-keyed.
const PLAIN: u8 = 0;
/// Re-keyed; names the shard that it comes from.
const SOURCE_NAMED: u8 = 1;
/// Re-keyed, from the same shard as the entry before.
const SOURCE_AS_BEFORE: u8 = 2;

/// Bytes of a sequence number.
const SEQUENCE_BYTES: usize = 24;

/// An entry that can't be decoded. Its checksum was right, so another version wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record's entry has an unknown form: was it written by a newer version?")]
pub struct UnknownForm;

/// A shard's entry, borrowed from its bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct StoredRecord<'a> {
    /// Where it was re-keyed from.
    pub source: Option<StoredSource<'a>>,
    /// As put.
    pub partition_key: &'a str,
    /// Where in the entry the data begin; they go on to its end.
    pub data_at: usize,
}

/// A source as it stands in an entry.
#[derive(Debug, PartialEq, Eq)]
pub enum StoredSource<'a> {
    /// First of its batch.
    Named {
        /// Stream and shard.
        shard: (&'a str, &'a str),
        /// The record's place there.
        position: SourcePosition,
    },
    /// From the shard of the entry before.
    AsBefore {
        /// How many leading bytes of the sequence number are those of the entry before.
        shared: usize,
        /// The bytes that follow them.
        rest: &'a [u8],
        /// Which observation.
        index: u32,
    },
}

impl StoredSource<'_> {
    /// The position, `before` being that of the entry before.
    pub fn position(&self, before: Option<SourcePosition>) -> Result<SourcePosition, UnknownForm> {
        match *self {
            Self::Named { position, .. } => Ok(position),
            Self::AsBefore { shared, rest, index } => {
                let mut sequence = before.ok_or(UnknownForm)?.sequence;
                sequence.0[shared..].copy_from_slice(rest);
                Ok(SourcePosition { sequence, index })
            }
        }
    }
}

/// A record to append.
#[derive(Clone, Copy, Debug)]
pub struct NewRecord<'a> {
    /// Where it was re-keyed from.
    pub source: Option<NewSource<'a>>,
    /// 1 to 256 characters.
    pub partition_key: &'a str,
    /// The bytes.
    pub data: &'a [u8],
}

/// The source of a record to append.
#[derive(Clone, Copy, Debug)]
pub struct NewSource<'a> {
    /// Stream and shard.
    pub shard: (&'a str, &'a str),
    /// The record's place there.
    pub position: SourcePosition,
    /// The place of the record before in the same batch: all of a batch come from one shard, and only the
    /// first names it.
    pub before: Option<SourcePosition>,
}

impl NewSource<'_> {
    /// How many leading bytes of the sequence number need not be written again.
    fn shared(&self) -> usize {
        let sequence = &self.position.sequence.0;
        self.before
            .map_or(0, |before| sequence.iter().zip(&before.sequence.0).take_while(|(a, b)| a == b).count())
    }

    fn bytes(&self) -> usize {
        let named = match self.before {
            None => 1 + self.shard.0.len() + 1 + self.shard.1.len() + SEQUENCE_BYTES,
            Some(_) => 1 + SEQUENCE_BYTES - self.shared(),
        };
        named + size_of::<u32>()
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        let sequence = &self.position.sequence.0;
        if self.before.is_none() {
            out.push(SOURCE_NAMED);
            encode_name(self.shard.0, out);
            encode_name(self.shard.1, out);
            out.extend_from_slice(sequence);
        } else {
            let shared = self.shared();
            out.extend_from_slice(&[SOURCE_AS_BEFORE, shared as u8]);
            out.extend_from_slice(&sequence[shared..]);
        }
        out.extend_from_slice(&self.position.index.to_le_bytes());
    }
}

impl EntryParts for NewRecord<'_> {
    fn entry_bytes(&self) -> usize {
        let source = self.source.map_or(0, |source| source.bytes());
        1 + source + size_of::<u16>() + self.partition_key.len() + self.data.len()
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        match self.source {
            None => out.push(PLAIN),
            Some(source) => source.write_to(out),
        }
        let length = u16::try_from(self.partition_key.len()).expect("partition keys are bounded");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(self.partition_key.as_bytes());
        out.extend_from_slice(self.data);
    }
}

/// A name with its length before it, at most 255 bytes.
pub fn encode_name(name: &str, into: &mut Vec<u8>) {
    into.push(u8::try_from(name.len()).expect("names are bounded"));
    into.extend_from_slice(name.as_bytes());
}

/// Decodes an entry.
pub fn decode(entry: &[u8]) -> Result<StoredRecord<'_>, UnknownForm> {
    let mut reader = Reader { bytes: entry };
    let source = match reader.array::<1>()?[0] {
        PLAIN => None,
        SOURCE_NAMED => {
            let shard = (reader.name()?, reader.name()?);
            let sequence = SequenceNumber(reader.array()?);
            let index = u32::from_le_bytes(reader.array()?);
            Some(StoredSource::Named { shard, position: SourcePosition { sequence, index } })
        }
        SOURCE_AS_BEFORE => {
            let shared = usize::from(reader.array::<1>()?[0]);
            let rest = reader.take(SEQUENCE_BYTES.checked_sub(shared).ok_or(UnknownForm)?)?;
            Some(StoredSource::AsBefore { shared, rest, index: u32::from_le_bytes(reader.array()?) })
        }
        _ => return Err(UnknownForm),
    };
    let length = usize::from(u16::from_le_bytes(reader.array()?));
    let partition_key = std::str::from_utf8(reader.take(length)?).map_err(|_| UnknownForm)?;
    Ok(StoredRecord { source, partition_key, data_at: entry.len() - reader.bytes.len() })
}

/// Takes bytes from the front.
pub struct Reader<'a> {
    /// What is left.
    pub bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], UnknownForm> {
        let (taken, left) = self.bytes.split_at_checked(count).ok_or(UnknownForm)?;
        self.bytes = left;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], UnknownForm> {
        Ok(self.take(N)?.try_into().expect("as many as asked for"))
    }

    /// A name with its length before it.
    pub fn name(&mut self) -> Result<&'a str, UnknownForm> {
        let length = self.array::<1>()?[0];
        std::str::from_utf8(self.take(length.into())?).map_err(|_| UnknownForm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(record: NewRecord<'_>) -> Vec<u8> {
        let mut entry = Vec::new();
        record.write_to(&mut entry);
        assert_eq!(entry.len(), record.entry_bytes());
        entry
    }

    #[test]
    fn another_form_is_an_error() {
        for entry in
            [&[][..], &[9, 0, 0], &[PLAIN, 4, 0, b'k'], &[SOURCE_AS_BEFORE, 25], &[SOURCE_NAMED, 200]]
        {
            assert_eq!(decode(entry), Err(UnknownForm), "{entry:?}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_record_survives(key in ".{1,256}", data in any::<Vec<u8>>()) {
            let entry = encoded(NewRecord { source: None, partition_key: &key, data: &data });
            let record = decode(&entry).unwrap();
            prop_assert_eq!(record.source, None);
            prop_assert_eq!(record.partition_key, &key);
            prop_assert_eq!(&entry[record.data_at..], &data);
        }

        #[test]
        fn sources_survive(positions in prop::collection::vec((any::<[u8; 2]>(), any::<u32>()), 1..20)) {
            let mut before = None;
            let mut read_before = None;
            for (i, (tail, index)) in positions.into_iter().enumerate() {
                let mut position = SourcePosition { sequence: SequenceNumber([7; 24]), index };
                position.sequence.0[22..].copy_from_slice(&tail);
                let source = NewSource { shard: ("events", "shardId-000000000001"), position, before };
                let entry =
                    encoded(NewRecord { source: Some(source), partition_key: "k", data: b"data" });
                let record = decode(&entry).unwrap();
                prop_assert_eq!(&entry[record.data_at..], b"data");
                let source = record.source.unwrap();
                prop_assert_eq!(i == 0, matches!(source, StoredSource::Named { .. }));
                read_before = Some(source.position(read_before).unwrap());
                prop_assert_eq!(read_before, Some(position));
                before = Some(position);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(entry in any::<Vec<u8>>()) {
            if let Ok(record) = decode(&entry) {
                prop_assert!(record.data_at <= entry.len());
            }
        }
    }
}
