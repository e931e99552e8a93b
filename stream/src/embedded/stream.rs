//! A stream: its shards, and which record goes to which.

use super::{catalogue::StreamEntry, hash_range::hash_key, shard::Shard, sources::Source};
use crate::api::{Placed, PutOutcome, PutRecord, Result, SequencedRecord, StreamDescription, StreamError};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// An embedded stream.
#[derive(Debug)]
pub struct EmbeddedStream {
    /// Its name.
    pub name: Arc<str>,
    created_ms: u64,
    retention_hours: AtomicU32,
    /// In the order of their numbers.
    shards: Vec<Arc<Shard>>,
    /// The open shards with the last hash keys of their ranges, in the order of these.
    routes: Vec<(u128, u32)>,
}

impl EmbeddedStream {
    /// Puts opened shards together.
    pub fn new(name: Arc<str>, entry: &StreamEntry, shards: Vec<Arc<Shard>>) -> Self {
        let mut routes: Vec<(u128, u32)> =
            (0..).zip(&shards).filter_map(|(at, shard)| Some((shard.open_until()?, at))).collect();
        routes.sort_unstable();
        assert_eq!(routes.last().map(|route| route.0), Some(u128::MAX), "every hash key has a shard");
        let retention_hours = AtomicU32::new(entry.retention_hours);
        Self { name, created_ms: entry.created_ms, retention_hours, shards, routes }
    }

    /// Describes it.
    pub fn describe(&self) -> StreamDescription {
        StreamDescription {
            name: self.name.clone(),
            created_ms: self.created_ms as i64,
            retention_hours: self.retention_hours(),
            shards: self.shards.iter().map(|shard| shard.describe()).collect(),
        }
    }

    /// How long records are kept.
    pub fn retention_hours(&self) -> u32 {
        self.retention_hours.load(Ordering::Relaxed)
    }

    /// Sets how long records are kept.
    pub fn set_retention_hours(&self, hours: u32) {
        self.retention_hours.store(hours, Ordering::Relaxed);
    }

    /// All shards.
    pub fn shards(&self) -> &[Arc<Shard>] {
        &self.shards
    }

    /// The shard of an id.
    pub fn shard(&self, id: &str) -> Result<&Arc<Shard>> {
        // Ids have twelve digits, so their order as text is that of their numbers.
        match self.shards.binary_search_by(|shard| (*shard.id).cmp(id)) {
            Ok(at) => Ok(&self.shards[at]),
            Err(_) => Err(StreamError::ResourceNotFound(format!(
                "Shard {} in stream {} not found.",
                id.chars().take(128).collect::<String>(),
                self.name
            ))),
        }
    }

    /// Puts records; one outcome each.
    pub async fn put(&self, time_ms: i64, records: &[PutRecord]) -> Vec<PutOutcome> {
        let groups = self.group(records.len(), |i| &records[i]);
        let mut appends = Vec::with_capacity(groups.len());
        for (shard, members) in &groups {
            let records = members.iter().map(|i| &records[*i as usize]);
            appends.push((shard, members, shard.append(time_ms, records)));
        }
        let mut outcomes = vec![None; records.len()];
        for (shard, members, append) in appends {
            let finished = match append {
                Ok(append) => shard.finish(append).await,
                Err(error) => Err(error),
            };
            for (offset, i) in (0..).zip(members) {
                let placed = |first_index: u64| Placed {
                    shard: shard.id.clone(),
                    sequence: shard.sequence(first_index + offset),
                };
                outcomes[*i as usize] = Some(finished.clone().map(placed));
            }
        }
        outcomes.into_iter().map(|outcome| outcome.expect("each record is in a group")).collect()
    }

    /// Puts re-keyed records of one source shard.
    pub async fn put_sequenced(
        &self,
        time_ms: i64,
        source: Source,
        records: &[SequencedRecord],
    ) -> Result<()> {
        let groups = self.group(records.len(), |i| &records[i].record);
        let mut appends = Vec::with_capacity(groups.len());
        let mut begun = Ok(());
        for (shard, members) in &groups {
            let records: Vec<_> = members.iter().map(|i| &records[*i as usize]).collect();
            match shard.append_sequenced(time_ms, &source, &records).await {
                Ok(append) => appends.extend(append.map(|append| (shard, append))),
                Err(error) => {
                    begun = Err(error);
                    break;
                }
            }
        }
        for (shard, append) in appends {
            let finished = shard.finish(append).await;
            shard.settle(&source);
            begun = begun.and(finished.map(drop));
        }
        begun
    }

    /// The shards that records go to, each with the places of its records in the put, in order.
    fn group<'a>(
        &self,
        count: usize,
        record: impl Fn(usize) -> &'a PutRecord,
    ) -> Vec<(&Arc<Shard>, Vec<u32>)> {
        let mut routed: Vec<(u32, u32)> = (0..count)
            .map(|i| {
                let record = record(i);
                let hash = record.explicit_hash_key.unwrap_or_else(|| hash_key(&record.partition_key));
                let route = self.routes.partition_point(|(last, _)| *last < hash);
                (self.routes[route].1, u32::try_from(i).expect("a put is bounded"))
            })
            .collect();
        routed.sort_unstable();
        routed
            .chunk_by(|a, b| a.0 == b.0)
            .map(|group| (&self.shards[group[0].0 as usize], group.iter().map(|(_, i)| *i).collect()))
            .collect()
    }
}
