//! The stream that was scored gives the commits again.

use super::{Audit, Report, score_ref, show};
use crate::{
    score::{Input, config_json},
    work::{ENGINE_VERSION, WatchedStream, WorkError},
};
use kizashi_models::{
    detector::Detector,
    engine::{Engine, Output},
    position::{Position, Source},
};
use kizashi_storage::commit::{Commit, Control};
use kizashi_stream::api::Record;
use std::{collections::VecDeque, sync::Arc};

impl<D: Detector + Clone> Audit<'_, D> {
    /// Replays each shard into an empty state and compares every commit.
    pub(super) async fn audit_scored(
        &self,
        stream: &WatchedStream,
        report: &mut Report,
    ) -> Result<(), WorkError> {
        let name = stream.scored_name();
        for shard in self.shards(&name).await? {
            let reference = score_ref(stream, &shard);
            self.read_pieces(&reference, report).await?;
            self.replay(stream, &name, &shard, report).await?;
        }
        Ok(())
    }

    async fn replay(
        &self,
        stream: &WatchedStream,
        name: &str,
        shard: &Arc<str>,
        report: &mut Report,
    ) -> Result<(), WorkError> {
        let Some(commits) = self.commits(&score_ref(stream, shard), report)? else { return Ok(()) };
        if let Err(reason) = self.comparable(&commits) {
            report.unchecked.push(format!("{name} {shard}: {reason}"));
            return Ok(());
        }
        let input = match stream.rekey {
            true => Input::Routed,
            false => Input::Direct {
                decoder: stream.decoder.clone(),
                source: Source {
                    stream: (&*stream.name).into(),
                    shard: (&**shard).into(),
                    position: Position::default(),
                },
            },
        };
        let mut replay = Replay {
            name: format!("{name} {shard}"),
            engine: Engine::new(self.detector.clone(), self.config.clone())?,
            input,
            commits: commits.into(),
            output: Output::default(),
            letters: Vec::new(),
            records: 0,
        };
        let whole = self
            .read_all(name, shard, report, |record, report| {
                if !stream.rekey {
                    report.records += 1;
                }
                replay.take(record, report);
            })
            .await?;
        if !whole {
            report.unchecked.push(format!("{name} {shard}: old records are trimmed; not replayed"));
            return Ok(());
        }
        replay.finish(report);
        Ok(())
    }

    /// Whether the commits were made by this engine.
    fn comparable(&self, commits: &[(u64, Commit)]) -> Result<(), String> {
        let (own, own_config) = (self.detector.snapshot_id(), config_json(&self.config));
        for (index, commit) in commits {
            if commit.engine_version != ENGINE_VERSION {
                return Err(format!("commit {index} is of engine version {}", commit.engine_version));
            }
            for entry in &commit.control {
                if let Control::Engine { snapshot, config } = &entry.control
                    && (*snapshot != own || *config != own_config)
                {
                    return Err(format!(
                        "from commit {index} on other parameters or another configuration scored"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// A replay that is compared commit by commit.
struct Replay<D: Detector> {
    name: String,
    engine: Engine<D>,
    input: Input,
    commits: VecDeque<(u64, Commit)>,
    output: Output,
    letters: Vec<kizashi_storage::commit::DeadLetter>,
    records: u64,
}

impl<D: Detector> Replay<D> {
    fn take(&mut self, record: &Record, report: &mut Report) {
        while let Some((_, commit)) = self.commits.front()
            && commit.position.sequence < record.sequence.0
        {
            self.compare(report);
        }
        // Behind the last commit nothing was scored as far as anyone has seen.
        if self.commits.is_empty() {
            return;
        }
        let record = std::slice::from_ref(record);
        self.records += self.input.observe_all(&mut self.engine, record, &mut self.output, &mut self.letters);
    }

    fn finish(mut self, report: &mut Report) {
        while !self.commits.is_empty() {
            self.compare(report);
        }
    }

    /// Compares what came since the last commit with the next.
    fn compare(&mut self, report: &mut Report) {
        let (index, commit) = self.commits.pop_front().expect("checked by the callers");
        for entry in &commit.control {
            if let Control::Tick { time_ms } = entry.control {
                self.engine.advance(self.engine.position(), time_ms, &mut self.output);
            }
        }
        let name = &self.name;
        if self.engine.position() != commit.position {
            let (replayed, committed) = (show(&self.engine.position()), show(&commit.position));
            report.find(|| format!("{name}: commit {index} reaches {committed}, the records {replayed}"));
        }
        if self.records != commit.records {
            let replayed = self.records;
            report
                .find(|| format!("{name}: commit {index} is of {} records, not {replayed}", commit.records));
        }
        if self.output.digest != commit.digest {
            report.find(|| format!("{name}: the scores of commit {index} are others"));
        }
        if self.letters != commit.dead_letters {
            report.find(|| format!("{name}: the dead letters of commit {index} are others"));
        }
        if self.output.events != commit.events {
            let (replayed, committed) = (&self.output.events, &commit.events);
            report.find(|| {
                format!("{name}: commit {index} has the alert events {committed:?}, a replay {replayed:?}")
            });
        } else {
            report.events += commit.events.len() as u64;
        }
        report.commits += 1;
        self.output.clear();
        self.letters.clear();
        self.records = 0;
    }
}
