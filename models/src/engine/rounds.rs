//! Rounds: the pieces of all series that changed, given out a slice at a time.

use super::slot::Slot;
use super::{Detector, Engine, Piece, RoundEnd, piece};
use crate::position::Position;
use std::sync::Arc;

/// What the present round still has to give, and what the next will.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// Series that changed since their pieces were given, each once, as their flags say.
    changed: Vec<u32>,
    /// Keys of pieces whose series were forgotten.
    forgotten: Vec<Box<[u8]>>,
    round: Option<Round>,
}

/// A round that has begun.
#[derive(Debug)]
struct Round {
    to_give: Vec<u32>,
    replay_from: Position,
    stream_time_ms: i64,
    forgotten: Vec<Box<[u8]>>,
    /// Pieces of series that were forgotten before their turn: a replay from the mark begins with them.
    parting: Vec<PartingPiece>,
}

#[derive(Debug)]
struct PartingPiece {
    series: Arc<str>,
    key: Box<[u8]>,
    bytes: Box<[u8]>,
}

impl Rounds {
    pub(super) fn changed(&mut self, series: u32) {
        self.changed.push(series);
    }

    /// Whether the present round owes the piece of a series that was born at `born` and has changed since
    /// its piece was given.
    pub(super) fn owes(&self, born: &Position) -> bool {
        self.round.as_ref().is_some_and(|round| *born <= round.replay_from)
    }

    /// Gives the piece of a series with the present round, though the series is being forgotten.
    pub(super) fn part_with(&mut self, series: &Arc<str>, key: &[u8], bytes: Vec<u8>) {
        let round = self.round.as_mut().expect("a round that owes a piece is open");
        round.parting.push(PartingPiece {
            series: Arc::clone(series),
            key: key.into(),
            bytes: bytes.into_boxed_slice(),
        });
    }

    pub(super) fn forgotten(&mut self, piece_key: Box<[u8]>) {
        self.forgotten.push(piece_key);
    }
}

impl<D: Detector> Engine<D> {
    /// Gives pieces of series that changed since they were last given, until about `budget_bytes` are
    /// reached, at least one, and says how the round ends once all are given.
    ///
    /// A round begins with the first call after the end of the last. A piece stands at
    /// [`Engine::position`]: it may be written once the commit that reaches that position is durable. The
    /// mark of the [`RoundEnd`] counts once all pieces given before it are durable.
    pub fn take_pieces(&mut self, budget_bytes: usize, give: &mut dyn FnMut(Piece<'_>)) -> Option<RoundEnd> {
        let position = self.position.unwrap_or_default();
        let slice = self.spilling.next_slice();
        let mut round = self.rounds.round.take().unwrap_or_else(|| Round {
            to_give: std::mem::take(&mut self.rounds.changed),
            replay_from: position,
            stream_time_ms: self.stream_time_ms,
            forgotten: std::mem::take(&mut self.rounds.forgotten),
            parting: Vec::new(),
        });
        let mut given_bytes = 0;
        for PartingPiece { series, key, bytes } in round.parting.drain(..) {
            give(Piece { series: &series, key: &key, bytes: &bytes });
            given_bytes += key.len() + bytes.len();
        }
        let (mut key, mut bytes) = (Vec::new(), Vec::new());
        while (given_bytes == 0 || given_bytes < budget_bytes)
            && let Some(at) = round.to_give.pop()
        {
            // The series may be gone, or another may stand in its place, whose piece is then early.
            let Slot::Live(series) = &mut self.slots[at as usize] else { continue };
            if !series.dirty {
                continue;
            }
            key.clear();
            bytes.clear();
            piece::encode_key(&series.key, &series.born, &mut key);
            piece::encode(&self.detector, series, &position, &mut bytes);
            series.dirty = false;
            series.has_piece = true;
            series.slice = slice;
            self.spilling.may_leave(at, slice);
            give(Piece { series: &series.key, key: &key, bytes: &bytes });
            given_bytes += key.len() + bytes.len();
        }
        if !round.to_give.is_empty() {
            self.rounds.round = Some(round);
            return None;
        }
        Some(RoundEnd {
            replay_from: round.replay_from,
            stream_time_ms: round.stream_time_ms,
            forgotten: round.forgotten,
        })
    }
}
