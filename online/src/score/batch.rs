//! From the records of the shard that is read to the engine.

use crate::work::{WorkError, excerpt};
use kizashi_models::{
    decode::{Decoded, Decoder},
    detector::Detector,
    engine::{Engine, Output},
    observation::{Observation, decode_routed},
    position::{Position, Source},
};
use kizashi_storage::{commit::DeadLetter, pieces::Pieces};
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

/// Records as they were decoded, in order.
#[derive(Debug, Default)]
pub struct Batch {
    steps: Vec<Step>,
    /// Up to when stream time advances.
    until_ms: Option<i64>,
    /// How many observations there are.
    pub observations: u64,
}

#[derive(Debug)]
enum Step {
    /// The source is `None` where it is that of the input, at the same position.
    Observe { at: Position, source: Option<Source>, arrival_ms: i64, observation: Observation },
    /// Nothing to learn from, and perhaps a dead letter.
    Pass { at: Position, arrival_ms: i64, letter: Option<DeadLetter> },
}

impl Batch {
    fn push(&mut self, arrival_ms: i64, step: Step) {
        self.until_ms = self.until_ms.max(Some(arrival_ms));
        self.observations += u64::from(matches!(step, Step::Observe { .. }));
        self.steps.push(step);
    }

    /// Brings the cold series back that this batch needs, from their pieces; says how many they were.
    pub async fn bring_back<D: Detector>(
        &self,
        engine: &mut Engine<D>,
        pieces: &Pieces,
    ) -> Result<usize, WorkError> {
        let Some(until_ms) = self.until_ms else { return Ok(0) };
        let series = self.steps.iter().filter_map(|step| match step {
            Step::Observe { observation, .. } => Some(&*observation.series),
            Step::Pass { .. } => None,
        });
        super::cold::bring_back(engine, pieces, series, until_ms).await
    }
}

impl Input {
    /// Decodes records.
    pub fn decode(&self, records: &[Record]) -> Batch {
        let mut batch = Batch::default();
        match self {
            Self::Routed => decode_all_routed(records, &mut batch),
            Self::Direct { decoder, source } => decode_direct(decoder, source, records, &mut batch),
        }
        batch
    }

    /// Gives a batch to an engine, in order, and says what could not be taken; returns how many
    /// observations there were.
    ///
    /// What becomes of a record depends on the record and the engine alone, not on the batch it is in: so a
    /// replay in other batches comes to the same.
    pub fn observe<D: Detector>(
        &mut self,
        batch: Batch,
        engine: &mut Engine<D>,
        output: &mut Output,
        dead_letters: &mut Vec<DeadLetter>,
    ) -> u64 {
        for step in batch.steps {
            match step {
                Step::Observe { at, source: Some(source), arrival_ms, observation } => {
                    let taken = engine.observe(at, &source, arrival_ms, &observation, output);
                    if let Err(rejection) = taken {
                        dead_letters.push(refused(source, arrival_ms, &rejection, &observation));
                    }
                }
                Step::Observe { at, source: None, arrival_ms, observation } => {
                    let Self::Direct { source, .. } = self else {
                        unreachable!("a routed observation has its source")
                    };
                    source.position = at;
                    let taken = engine.observe(at, source, arrival_ms, &observation, output);
                    if let Err(rejection) = taken {
                        dead_letters.push(refused(source.clone(), arrival_ms, &rejection, &observation));
                    }
                }
                Step::Pass { at, arrival_ms, letter } => {
                    engine.advance(at, arrival_ms, output);
                    dead_letters.extend(letter);
                }
            }
        }
        batch.observations
    }

    /// As [`Input::observe`], of records and an engine without cold series.
    pub fn observe_all<D: Detector>(
        &mut self,
        engine: &mut Engine<D>,
        records: &[Record],
        output: &mut Output,
        dead_letters: &mut Vec<DeadLetter>,
    ) -> u64 {
        self.observe(self.decode(records), engine, output, dead_letters)
    }
}

fn refused(
    source: Source,
    arrival_ms: i64,
    rejection: &kizashi_models::engine::Rejection,
    observation: &Observation,
) -> DeadLetter {
    let excerpt = excerpt(observation.series.as_bytes());
    DeadLetter { source, arrival_ms, reason: rejection.to_string().into(), excerpt }
}

fn decode_all_routed(records: &[Record], batch: &mut Batch) {
    for record in records {
        let at = Position { sequence: record.sequence.0, index: 0 };
        match decode_routed(&record.data) {
            Ok(routed) => batch.push(
                routed.arrival_ms,
                Step::Observe {
                    at,
                    source: Some(routed.source),
                    arrival_ms: routed.arrival_ms,
                    observation: routed.observation,
                },
            ),
            // Only the route worker writes here, so this is a record of another version.
            Err(error) => {
                let letter = DeadLetter {
                    source: Source { stream: "".into(), shard: "".into(), position: at },
                    arrival_ms: record.arrival_ms,
                    reason: error.to_string().into(),
                    excerpt: excerpt(&record.data),
                };
                let arrival_ms = record.arrival_ms;
                batch.push(arrival_ms, Step::Pass { at, arrival_ms, letter: Some(letter) });
            }
        }
    }
    batch.observations = records.len() as u64;
}

fn decode_direct(decoder: &Decoder, source: &Source, records: &[Record], batch: &mut Batch) {
    for record in records {
        let arrival_ms = record.arrival_ms;
        decoder.decode(&record.data, &mut |line, decoded| {
            let at = Position { sequence: record.sequence.0, index: line };
            let step = match decoded {
                Ok(Decoded::Observation(observation)) => {
                    Step::Observe { at, source: None, arrival_ms, observation }
                }
                // Nobody reads interactions and items yet.
                Ok(Decoded::Interaction(_) | Decoded::Item(_)) => Step::Pass { at, arrival_ms, letter: None },
                Err(error) => {
                    let letter = DeadLetter {
                        source: Source { position: at, ..source.clone() },
                        arrival_ms,
                        reason: error.reason.into(),
                        excerpt: excerpt(&record.data[error.line]),
                    };
                    Step::Pass { at, arrival_ms, letter: Some(letter) }
                }
            };
            batch.push(arrival_ms, step);
        });
    }
}
