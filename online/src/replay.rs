//! Dead letters, put through the mapping once more.
//!
//! The bytes are read again where they arrived. A line that decodes now is put on its stream as a record of its
//! own, so that it takes the way that every record takes; once that is durable its letter is settled by the
//! worker that wrote it. A death in between leaves the letter listed, and a second replay puts the line again.

use crate::{
    committed::ShardRef,
    serve::{DeadLetterReplay, ReplayOutcome},
    settlement::Settlements,
    work::WatchedStream,
};
use bytes::Bytes;
use kizashi_models::{decode::Decoder, position::Source};
use kizashi_stream::{
    api::{BoxFuture, PutRecord, Record, StartingPosition, Stream, StreamError},
    sequence::SequenceNumber,
};
use std::{collections::HashMap, sync::Arc};

/// Lines put and settled together.
const TOGETHER: usize = 100;

/// Replays the dead letters of these streams.
pub struct Replay {
    streams: Arc<dyn Stream>,
    decoders: HashMap<Arc<str>, Arc<Decoder>>,
    settlements: Arc<Settlements>,
}

/// What a letter comes to.
enum Again {
    Decodes(PutRecord),
    Fails,
    Gone,
}

impl Replay {
    /// With the mappings as they are configured now.
    pub fn new(streams: Arc<dyn Stream>, watched: &[WatchedStream], settlements: Arc<Settlements>) -> Self {
        let decoders = watched.iter().map(|stream| (stream.name.clone(), stream.decoder.clone())).collect();
        Self { streams, decoders, settlements }
    }

    async fn again(&self, letter: &Source) -> Result<Again, StreamError> {
        let Some(decoder) = self.decoders.get(&*letter.stream) else { return Ok(Again::Gone) };
        let sequence = SequenceNumber(letter.position.sequence);
        let (stream, shard) = (&*letter.stream, &*letter.shard);
        let cursor = self.streams.cursor(stream, shard, StartingPosition::AtSequenceNumber(sequence)).await?;
        let read = self.streams.read(stream, shard, cursor, 1, 1).await?;
        // What is trimmed is passed over.
        let Some(record) = read.records.first().filter(|record| record.sequence == sequence) else {
            return Ok(Again::Gone);
        };
        Ok(match line(decoder, record, letter.position.index) {
            Some(data) => Again::Decodes(PutRecord {
                partition_key: record.partition_key.clone(),
                explicit_hash_key: None,
                data,
            }),
            None => Again::Fails,
        })
    }

    async fn replay_some(&self, shard: &ShardRef, letters: &[Source]) -> Result<ReplayOutcome, String> {
        let mut outcome = ReplayOutcome::default();
        let mut settled = Vec::new();
        for letter in letters {
            match self.again(letter).await.map_err(|error| error.to_string())? {
                Again::Fails => outcome.failed += 1,
                Again::Gone => outcome.gone += 1,
                Again::Decodes(record) => {
                    let put = self.streams.put_records(&letter.stream, vec![record]).await;
                    put.and_then(|mut outcomes| outcomes.remove(0)).map_err(|error| error.to_string())?;
                    settled.push(letter.clone());
                    outcome.replayed += 1;
                }
            }
        }
        if !settled.is_empty() {
            self.settlements.settle(shard, settled).await?;
        }
        Ok(outcome)
    }
}

impl DeadLetterReplay for Replay {
    fn replay<'a>(
        &'a self,
        shard: &'a ShardRef,
        letters: Vec<Source>,
    ) -> BoxFuture<'a, Result<ReplayOutcome, String>> {
        Box::pin(async move {
            let mut outcome = ReplayOutcome::default();
            for letters in letters.chunks(TOGETHER) {
                let some = self.replay_some(shard, letters).await?;
                outcome.replayed += some.replayed;
                outcome.failed += some.failed;
                outcome.gone += some.gone;
            }
            Ok(outcome)
        })
    }
}

/// The bytes of a line of a record, where it decodes.
fn line(decoder: &Decoder, record: &Record, index: u32) -> Option<Bytes> {
    let (mut lines, mut decodes) = (0, false);
    decoder.decode(&record.data, &mut |line, decoded| {
        lines += 1;
        decodes |= line == index && decoded.is_ok();
    });
    if !decodes {
        return None;
    }
    // An object alone may stand over several lines.
    if lines == 1 {
        return Some(record.data.clone());
    }
    let bytes = record.data.split(|byte| *byte == b'\n').nth(index as usize)?;
    Some(record.data.slice_ref(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kizashi_models::decode::Mapping;

    fn record(data: &'static [u8]) -> Record {
        Record {
            sequence: SequenceNumber::default(),
            arrival_ms: 0,
            partition_key: "k".into(),
            data: Bytes::from_static(data),
        }
    }

    #[test]
    fn a_line_is_taken_by_itself_and_an_object_over_lines_as_a_whole() {
        let decoder = Decoder::new(&Mapping::default()).unwrap();
        let lines = record(b"{\"series\":\"a\",\"value\":1}\n\nnonsense\n{\"series\":\"b\",\"value\":2}\n");
        assert_eq!(line(&decoder, &lines, 3).unwrap(), &b"{\"series\":\"b\",\"value\":2}"[..]);
        assert_eq!(line(&decoder, &lines, 2), None);
        assert_eq!(line(&decoder, &lines, 9), None);
        let whole = record(b"{\"series\":\"a\",\n\"value\":1}\n");
        assert_eq!(line(&decoder, &whole, 0).unwrap(), whole.data);
    }
}
