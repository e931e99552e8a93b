//! From the records of the shard that is read to the engine.

use crate::work::excerpt;
use kizashi_models::{
    decode::{Decoded, Decoder},
    detector::Detector,
    engine::{Engine, Output},
    observation::decode_routed,
    position::{Position, Source},
};
use kizashi_storage::commit::DeadLetter;
use kizashi_stream::api::Record;
use std::sync::Arc;

/// What the records of the shard are.
#[derive(Clone, Debug)]
pub enum Input {
    /// Observations that the route worker has put.
    Routed,
    /// As the producers have put them.
    Direct {
        /// Decodes them.
        decoder: Arc<Decoder>,
        /// Their stream and shard, and a position to be set.
        source: Source,
    },
}

impl Input {
    /// Gives the records to an engine, in order, and says what could not be taken; returns how many
    /// observations there were.
    ///
    /// What becomes of a record depends on the record and the engine alone, not on the batch it is in: so a
    /// replay in other batches comes to the same.
    pub fn observe_all<D: Detector>(
        &mut self,
        engine: &mut Engine<D>,
        records: &[Record],
        output: &mut Output,
        dead_letters: &mut Vec<DeadLetter>,
    ) -> u64 {
        match self {
            Self::Routed => observe_routed(engine, records, output, dead_letters),
            Self::Direct { decoder, source } => {
                observe_direct(engine, decoder, source, records, output, dead_letters)
            }
        }
    }
}

fn observe_routed<D: Detector>(
    engine: &mut Engine<D>,
    records: &[Record],
    output: &mut Output,
    dead_letters: &mut Vec<DeadLetter>,
) -> u64 {
    for record in records {
        let at = Position { sequence: record.sequence.0, index: 0 };
        match decode_routed(&record.data) {
            Ok(routed) => {
                let taken =
                    engine.observe(at, &routed.source, routed.arrival_ms, &routed.observation, output);
                if let Err(rejection) = taken {
                    dead_letters.push(DeadLetter {
                        source: routed.source,
                        arrival_ms: routed.arrival_ms,
                        reason: rejection.to_string().into(),
                        excerpt: excerpt(routed.observation.series.as_bytes()),
                    });
                }
            }
            // Only the route worker writes here, so this is a record of another version.
            Err(error) => {
                engine.advance(at, record.arrival_ms, output);
                dead_letters.push(DeadLetter {
                    source: Source { stream: "".into(), shard: "".into(), position: at },
                    arrival_ms: record.arrival_ms,
                    reason: error.to_string().into(),
                    excerpt: excerpt(&record.data),
                });
            }
        }
    }
    records.len() as u64
}

fn observe_direct<D: Detector>(
    engine: &mut Engine<D>,
    decoder: &Decoder,
    source: &mut Source,
    records: &[Record],
    output: &mut Output,
    dead_letters: &mut Vec<DeadLetter>,
) -> u64 {
    let mut observations = 0;
    for record in records {
        source.position.sequence = record.sequence.0;
        decoder.decode(&record.data, &mut |line, decoded| {
            source.position.index = line;
            let at = source.position;
            let refused = match decoded {
                Ok(Decoded::Observation(observation)) => {
                    observations += 1;
                    let taken = engine.observe(at, source, record.arrival_ms, &observation, output);
                    taken.err().map(|rejection| (rejection.to_string(), observation.series.as_bytes().into()))
                }
                // Nobody reads interactions and items yet.
                Ok(Decoded::Interaction(_) | Decoded::Item(_)) => {
                    engine.advance(at, record.arrival_ms, output);
                    None
                }
                Err(error) => {
                    engine.advance(at, record.arrival_ms, output);
                    Some((error.reason, Vec::from(&record.data[error.line])))
                }
            };
            if let Some((reason, line)) = refused {
                dead_letters.push(DeadLetter {
                    source: source.clone(),
                    arrival_ms: record.arrival_ms,
                    reason: reason.into(),
                    excerpt: excerpt(&line),
                });
            }
        });
    }
    observations
}
