//! Which streams and shards there are, durably. See docs/FORMATS.md, "Catalogue of streams".

use super::{checked_file::CheckedFile, hash_range::even_ranges};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The file `streams.catalogue`.
pub const CATALOGUE: CheckedFile = CheckedFile { name: "kizashi-streams", version: 1 };

/// All streams.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct Catalogue {
    /// No shard was ever created later than this, deleted ones included: the next is created above it,
    /// whatever the clock says, so that sequence numbers of a stream created again go on above the old.
    pub created_ms_max: u64,
    /// By name.
    pub streams: BTreeMap<String, StreamEntry>,
}

/// A stream.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct StreamEntry {
    /// When it was created, Unix milliseconds.
    pub created_ms: u64,
    /// How long records are kept.
    pub retention_hours: u32,
    /// Its shards, in the order of their numbers. A closed shard stays until its records are trimmed.
    pub shards: Vec<ShardEntry>,
}

/// A shard.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct ShardEntry {
    /// The number in its id.
    pub number: u32,
    /// Part of its sequence numbers.
    pub created_ms: u64,
    /// First hash key of its range.
    #[serde(with = "decimal")]
    pub hash_first: u128,
    /// Last hash key of its range.
    #[serde(with = "decimal")]
    pub hash_last: u128,
    /// Numbers of the shards that it was split or merged from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<u32>,
    /// How many records it took until it was closed; absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at_index: Option<u64>,
}

impl Catalogue {
    /// A new stream's entry, with shards of equal ranges. The catalogue is as it was but for
    /// `created_ms_max`.
    pub fn new_stream(&mut self, shards: u32, now_ms: i64, retention_hours: u32) -> StreamEntry {
        let created_ms = u64::try_from(now_ms).unwrap_or(0).max(self.created_ms_max + 1);
        self.created_ms_max = created_ms;
        let shards = (0..)
            .zip(even_ranges(shards))
            .map(|(number, (hash_first, hash_last))| ShardEntry {
                number,
                created_ms,
                hash_first,
                hash_last,
                parents: Vec::new(),
                closed_at_index: None,
            })
            .collect();
        StreamEntry { created_ms, retention_hours, shards }
    }
}

/// The id of a shard.
pub fn shard_id(number: u32) -> String {
    format!("shardId-{number:012}")
}

/// 128-bit numbers as decimal text, which every JSON reader takes.
mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_its_text() {
        let mut catalogue = Catalogue::default();
        let mut entry = catalogue.new_stream(3, 1_780_000_000_000, 24);
        entry.shards[1].parents = vec![0, 2];
        entry.shards[2].closed_at_index = Some(7);
        catalogue.streams.insert("events".to_owned(), entry);
        let text = serde_json::to_string(&catalogue).unwrap();
        assert_eq!(serde_json::from_str::<Catalogue>(&text).unwrap(), catalogue);
    }

    #[test]
    fn a_stream_created_again_goes_on_above() {
        let mut catalogue = Catalogue::default();
        let first = catalogue.new_stream(1, 1000, 24);
        let again = catalogue.new_stream(1, 500, 24);
        assert!(again.shards[0].created_ms > first.shards[0].created_ms);
    }
}
