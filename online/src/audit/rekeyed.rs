//! Each observation of the source stands once on the internal stream.

use super::{Audit, Report, route_ref, show};
use crate::work::{WatchedStream, WorkError};
use kizashi_models::{
    decode::Decoded,
    detector::Detector,
    observation::{decode_routed, encode_routed},
    position::{Position, Source},
};
use kizashi_storage::commit::Control;
use std::{
    collections::{HashMap, HashSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::Arc,
};

/// Where an observation comes from: the number of the source shard, and the position there.
type Origin = (usize, Position);

/// What is expected of an observation of the source.
struct Expected {
    /// Of its routed form.
    hash: u64,
    /// The route worker has said that it is put. Later ones may have been.
    committed: bool,
    /// It was a dead letter and is put out of order.
    replayed: bool,
    found: bool,
}

/// What one source shard says.
#[derive(Default)]
struct Said {
    committed: Position,
    /// Dead letters of the commits; `None` where not all commits are kept.
    letters: Option<HashSet<Position>>,
    settled: HashSet<Position>,
}

impl<D: Detector + Clone> Audit<'_, D> {
    /// Compares the internal stream with what the source decodes to. Takes about 100 bytes of memory an
    /// observation.
    pub(super) async fn audit_rekeyed(
        &self,
        stream: &WatchedStream,
        report: &mut Report,
    ) -> Result<(), WorkError> {
        let sources = self.shards(&stream.name).await?;
        let mut expected = HashMap::new();
        let mut whole = true;
        for (number, shard) in sources.iter().enumerate() {
            let said = self.said(stream, shard, report)?;
            self.read_pieces(&route_ref(stream, shard), report).await?;
            whole &= self.expect(stream, (number, shard), &said, &mut expected, report).await?;
        }
        let keyed = stream.keyed_name();
        let mut keyed_whole = true;
        for shard in self.shards(&keyed).await? {
            let mut highest: HashMap<usize, Position> = HashMap::new();
            keyed_whole &= self
                .read_all(&keyed, &shard, report, |record, report| {
                    report.rekeyed += 1;
                    let at = || format!("{keyed} {shard}: record {}", record.sequence);
                    let source = match decode_routed(&record.data) {
                        Ok(routed) => routed.source,
                        Err(error) => return report.find(|| format!("{} is not readable: {error}", at())),
                    };
                    let Some(number) = sources.iter().position(|id| **id == *source.shard) else {
                        return report.find(|| format!("{} comes from unknown {}", at(), source.shard));
                    };
                    let from = || format!("{} {}", source.shard, show(&source.position));
                    let Some(known) = expected.get_mut(&(number, source.position)) else {
                        if whole {
                            report.find(|| format!("{} is of {}, which has no observation", at(), from()));
                        }
                        return;
                    };
                    if known.found {
                        report.find(|| format!("{} repeats {}", at(), from()));
                    }
                    if known.hash != hash(&record.data) {
                        report.find(|| format!("{} differs from {}", at(), from()));
                    }
                    known.found = true;
                    if !known.replayed {
                        let before = highest.insert(number, source.position);
                        if before.is_some_and(|before| before > source.position) {
                            report.find(|| format!("{} of {} is out of order", at(), from()));
                        }
                    }
                })
                .await?;
        }
        if !whole || !keyed_whole {
            report
                .unchecked
                .push(format!("{}: old records are trimmed; what is missing is not told", stream.name));
            return Ok(());
        }
        let missing = expected.iter().filter(|(_, expected)| expected.committed && !expected.found);
        for ((number, position), _) in missing {
            let shard = &sources[*number];
            report.find(|| format!("{keyed} lacks the observation of {shard} {}", show(position)));
        }
        Ok(())
    }

    /// What the route worker has committed of a source shard.
    fn said(&self, stream: &WatchedStream, shard: &Arc<str>, report: &mut Report) -> Result<Said, WorkError> {
        let store = self.stores.shard(&route_ref(stream, shard))?;
        let committed = store.commits.last()?.map_or(Position::default(), |(_, commit)| commit.position);
        let mut said = Said { committed, ..Said::default() };
        let Some(commits) = self.commits(&route_ref(stream, shard), report)? else { return Ok(said) };
        let mut letters = HashSet::new();
        for (index, commit) in commits {
            for letter in commit.dead_letters {
                if !letters.insert(letter.source.position) {
                    let position = show(&letter.source.position);
                    report.find(|| format!("{shard}: commit {index} repeats the dead letter {position}"));
                }
            }
            for entry in commit.control {
                if let Control::SettleDeadLetters { letters } = entry.control {
                    said.settled.extend(letters.iter().map(|source| source.position));
                }
            }
        }
        said.letters = Some(letters);
        Ok(said)
    }

    /// Decodes a source shard again; says whether none of it was trimmed.
    async fn expect(
        &self,
        stream: &WatchedStream,
        (number, shard): (usize, &Arc<str>),
        said: &Said,
        expected: &mut HashMap<Origin, Expected>,
        report: &mut Report,
    ) -> Result<bool, WorkError> {
        let mut encoded = Vec::new();
        let mut source = Source {
            stream: (&*stream.name).into(),
            shard: (&**shard).into(),
            position: Position::default(),
        };
        self.read_all(&stream.name, shard, report, |record, report| {
            report.records += 1;
            source.position.sequence = record.sequence.0;
            stream.decoder.decode(&record.data, &mut |line, decoded| {
                source.position.index = line;
                let position = source.position;
                let committed = position <= said.committed;
                let listed = said.letters.as_ref().map(|letters| letters.contains(&position));
                match decoded {
                    Ok(Decoded::Observation(observation)) => {
                        report.observations += 1;
                        encoded.clear();
                        encode_routed(&source, record.arrival_ms, &observation, &mut encoded);
                        // A letter that decodes by now is put when it is replayed.
                        let replayed = listed == Some(true);
                        let put = !replayed || said.settled.contains(&position);
                        let expectation = Expected {
                            hash: hash(&encoded),
                            committed: committed && put,
                            replayed,
                            found: false,
                        };
                        expected.insert((number, position), expectation);
                    }
                    Ok(Decoded::Interaction(_) | Decoded::Item(_)) => {}
                    Err(_) => {
                        report.dead_letters += 1;
                        if committed && listed == Some(false) {
                            report.find(|| {
                                format!("{shard} {} does not decode and is no dead letter", show(&position))
                            });
                        }
                    }
                }
            });
        })
        .await
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
