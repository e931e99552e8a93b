//! How the engine of a shard comes back: pieces first, then a replay up to the committed position.

use super::{Flusher, Input, ScoreShard, Scoring, append_points, cold, hold_behind};
use crate::{
    committed::{Restored, ShardRef},
    kept::{Kept, key},
    work::{Loaded, Shared, WorkError},
};
use kizashi_models::{
    alert::AlertEvent,
    detector::Detector,
    engine::{Engine, EngineConfig, Output, PieceError, Summary},
    position::{Position, Source},
};
use kizashi_storage::{
    commit::{Commit, Control},
    history::History,
    pieces::Pieces,
};
use kizashi_stream::api::Cursor;
use std::{collections::VecDeque, sync::Arc};

impl<'a, D: Detector + Clone> ScoreShard<'a, D> {
    /// Takes the shard over under a lease and brings its engine to the committed position.
    pub(super) async fn recover(
        shared: &'a Shared,
        scoring: &'a Scoring<D>,
        shard: &'a ShardRef,
        lease: u64,
    ) -> Result<(Self, Option<Cursor>), WorkError> {
        let name = scoring.stream.scored_name();
        let mut engine = Engine::new(scoring.detector.clone(), scoring.config.clone())?;
        let control = Control::Engine {
            snapshot: scoring.detector.snapshot_id(),
            config: config_json(&scoring.config),
        };
        let mut loading = Loading::new(&mut engine, shared.pace.series_live_max);
        let taken = shared.take_over(shard, lease, control, |loaded| loading.take(loaded)).await?;
        let cold = loading.cold;
        let history = shared.stores.history(shard)?;
        history.forget_open();
        let input = match scoring.stream.rekey {
            true => Input::Routed,
            false => Input::Direct {
                decoder: scoring.stream.decoder.clone(),
                source: Source {
                    stream: (&*scoring.stream.name).into(),
                    shard: (&*shard.shard).into(),
                    position: Position::default(),
                },
            },
        };
        let replay_from = taken.mark.map_or(Position::default(), |mark| mark.replay_from);
        let cursor = shared.cursor_behind(&name, &shard.shard, &replay_from).await?;
        let mut replay = Replay {
            engine: &mut engine,
            pieces: &taken.store.pieces,
            input: input.clone(),
            controls: controls(&taken.tail, &replay_from),
            history: &history,
            output: Output::default(),
            expected: taken.tail.iter().flat_map(|commit| &commit.events).collect(),
            mismatches: 0,
            observations: 0,
        };
        let cursor = replay.run(shared, &name, shard, cursor, &taken.commit.position).await?;
        let Replay { mismatches, observations, .. } = replay;
        taken.metrics.replay_mismatches.add(mismatches);
        if mismatches > 0 {
            tracing::error!(
                stream = &*shard.stream,
                shard = &*shard.shard,
                mismatches,
                "a replay raised alerts that the commit log does not hold; the commit log stands"
            );
        }
        tracing::info!(
            stream = &*shard.stream,
            shard = &*shard.shard,
            observations,
            series = engine.series_count(),
            "recovered"
        );
        let kept = Kept::new(shared.keep, &taken.found, &taken.tail);
        let restored = Restored {
            alerts: taken.found.alerts.into_values().collect(),
            dead_letters: taken.found.letters.into_values().collect(),
            series: engine
                .summaries()
                .chain(cold.into_iter().filter(|cold| engine.is_cold(&cold.series)))
                .collect(),
            next_commit: taken.durable.index() + 1,
        };
        shared.sink.restored(shard, restored);
        let marked = taken.mark.map(|mark| mark.replay_from);
        let flusher = Flusher::new(
            taken.store.clone(),
            history.clone(),
            shared.clock.clone(),
            shared.pace,
            marked,
            observations,
        );
        hold_behind(shared, &name, &shard.shard, &replay_from).await?;
        let worker = Self {
            shared,
            shard,
            name,
            input,
            routed: scoring.routed.clone(),
            lease,
            engine,
            store: taken.store,
            history,
            metrics: taken.metrics,
            kept,
            flusher,
            scored: VecDeque::new(),
            spare: Vec::new(),
            fields: Vec::new(),
        };
        Ok((worker, cursor))
    }
}

/// A configuration as commits name it.
pub(crate) fn config_json(config: &EngineConfig) -> Box<str> {
    serde_json::to_string(config).expect("a configuration is plain data").into()
}

/// Loads pieces into an engine: those that were written last live, the others cold.
struct Loading<'a, D: Detector> {
    engine: &'a mut Engine<D>,
    live_max: usize,
    /// How many pieces are still to come.
    left: usize,
    /// What is shown of the series that are cold.
    cold: Vec<Summary>,
}

impl<'a, D: Detector> Loading<'a, D> {
    fn new(engine: &'a mut Engine<D>, live_max: usize) -> Self {
        Self { engine, live_max, left: 0, cold: Vec::new() }
    }

    fn take(&mut self, loaded: Loaded<'_>) -> Result<(), WorkError> {
        let (key, value) = match loaded {
            Loaded::Mark { mark, pieces } => {
                self.left = pieces;
                if let Some(mark) = mark {
                    self.engine.resume(mark.replay_from, mark.stream_time_ms);
                }
                return Ok(());
            }
            Loaded::Piece { key, value } => (key, value),
        };
        let Some((&key::SERIES, series)) = key.split_first() else {
            return Err(WorkError::Piece(format!("of an unknown kind, {:?}", key.first())));
        };
        let unreadable = |error: PieceError| WorkError::Piece(error.to_string());
        if self.left > self.live_max {
            self.cold.extend(self.engine.load_cold(series, value).map_err(unreadable)?);
        } else {
            self.engine.load_piece(series, value).map_err(unreadable)?;
        }
        self.left = self.left.saturating_sub(1);
        Ok(())
    }
}

/// The ticks of commits, each behind the position where it took effect.
pub(crate) fn controls(commits: &[Commit], from: &Position) -> VecDeque<(Position, i64)> {
    let entries = commits.iter().flat_map(|commit| &commit.control);
    let ticks = entries.filter_map(|entry| match entry.control {
        Control::Tick { time_ms } if entry.position >= *from => Some((entry.position, time_ms)),
        _ => None,
    });
    ticks.collect()
}

/// A replay of the stream up to the committed position.
struct Replay<'a, D: Detector> {
    engine: &'a mut Engine<D>,
    pieces: &'a Pieces,
    input: Input,
    controls: VecDeque<(Position, i64)>,
    history: &'a Arc<History>,
    output: Output,
    /// Events of the commits that are replayed, in order. A replay leaves out those that the pieces have
    /// seen, and may raise no other.
    expected: VecDeque<&'a AlertEvent>,
    mismatches: u64,
    observations: u64,
}

impl<D: Detector> Replay<'_, D> {
    async fn run(
        &mut self,
        shared: &Shared,
        name: &str,
        shard: &ShardRef,
        mut cursor: Cursor,
        until: &Position,
    ) -> Result<Option<Cursor>, WorkError> {
        let pace = &shared.pace;
        let mut fields = Vec::new();
        let mut letters = Vec::new();
        self.apply_controls().await?;
        while self.engine.position() < *until {
            let read = shared
                .streams
                .read(name, &shard.shard, cursor, pace.batch_records_max, pace.batch_bytes_max)
                .await?;
            let replayed = read.records.iter().take_while(|record| record.sequence.0 <= until.sequence);
            let mut replayed = &read.records[..replayed.count()];
            if replayed.is_empty() {
                let position = self.engine.position();
                tracing::error!(
                    stream = name,
                    shard = &*shard.shard,
                    ?position,
                    ?until,
                    "committed records are gone from the stream: what they taught is lost"
                );
                self.engine.advance(*until, i64::MIN, &mut self.output);
                break;
            }
            let last = replayed.last().expect("it is not empty").sequence;
            while !replayed.is_empty() {
                // Up to where the next tick took effect.
                let part = match self.controls.front() {
                    Some((at, _)) => replayed.partition_point(|record| record.sequence.0 <= at.sequence),
                    None => replayed.len(),
                };
                let (now, rest) = replayed.split_at(part);
                let batch = self.input.decode(now);
                batch.bring_back(self.engine, self.pieces).await?;
                self.observations += self.input.observe(batch, self.engine, &mut self.output, &mut letters);
                replayed = rest;
                self.apply_controls().await?;
            }
            append_points(self.history, &self.output, &mut fields);
            self.compare();
            letters.clear();
            let behind = read.records.iter().find(|record| record.sequence > last);
            match (behind, read.next) {
                (Some(next), _) => cursor = Cursor(next.sequence),
                (None, Some(next)) => cursor = next,
                (None, None) => return Ok(None),
            }
        }
        self.compare();
        Ok(Some(cursor))
    }

    /// Applies the ticks that took effect where the engine stands.
    async fn apply_controls(&mut self) -> Result<(), WorkError> {
        while let Some((at, time_ms)) = self.controls.front().copied()
            && at <= self.engine.position()
        {
            cold::bring_back(self.engine, self.pieces, [], time_ms).await?;
            self.engine.advance(self.engine.position(), time_ms, &mut self.output);
            self.controls.pop_front();
        }
        Ok(())
    }

    /// Compares the events of the replay with those of the commits, in order.
    fn compare(&mut self) {
        for event in &self.output.events {
            match self.expected.iter().position(|expected| *expected == event) {
                Some(at) => drop(self.expected.drain(..=at)),
                None => self.mismatches += 1,
            }
        }
        self.output.clear();
    }
}
