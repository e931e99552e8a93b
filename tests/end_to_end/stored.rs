//! What a stopped service's stream holds, read with the stream's own code.

use kizashi_log::StdFileSystem;
use kizashi_stream::{
    api::{StartingPosition, Stream},
    embedded::{EmbeddedStreams, Options},
};
use std::{collections::HashMap, path::Path, sync::Arc};

/// Those of `acknowledged` (shard and sequence number, and the bytes put there) that stream `events` under `data` does
/// not hold, or holds with other bytes. Panics where a shard is out of order.
pub async fn missing(
    data: &Path,
    acknowledged: &HashMap<(String, String), Vec<u8>>,
) -> Vec<(String, String)> {
    let streams = EmbeddedStreams::open(Arc::new(StdFileSystem), data, Options::default()).unwrap();
    let mut stored = HashMap::new();
    for shard in streams.describe_stream("events").await.unwrap().shards {
        let mut last = None;
        let mut cursor = streams.cursor("events", &shard.id, StartingPosition::TrimHorizon).await.unwrap();
        loop {
            let batch = streams.read("events", &shard.id, cursor, 10_000, 10 << 20).await.unwrap();
            if batch.records.is_empty() {
                break;
            }
            for record in batch.records {
                assert!(last < Some(record.sequence), "shard {} is in order", shard.id);
                last = Some(record.sequence);
                stored.insert((shard.id.to_string(), record.sequence.to_string()), record.data);
            }
            cursor = batch.next.expect("the shard is open");
        }
    }
    let differs = |(place, data): &(&(String, String), &Vec<u8>)| {
        stored.get(*place).is_none_or(|held| held != data.as_slice())
    };
    acknowledged.iter().filter(differs).map(|(place, _)| place.clone()).collect()
}
