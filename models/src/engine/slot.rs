//! Where a series stands: in memory, or by its piece in the store.

use super::series::Series;
use crate::position::Position;
use std::sync::Arc;

/// A place for a series.
#[derive(Debug)]
pub(super) enum Slot<S> {
    /// For a new series.
    Free,
    /// Of a series in memory.
    Live(Box<Series<S>>),
    /// Of a series that is as its piece in the store says.
    Cold(Box<Cold>),
}

/// What stays in memory of a series whose piece is in the store.
#[derive(Debug)]
pub(super) struct Cold {
    pub(super) key: Arc<str>,
    pub(super) born: Position,
    /// When its next timer is due, in stream time. There is an entry of that time among the timers.
    pub(super) due_ms: i64,
    /// Whether that timer forgets it and nothing is said of it: it need not be brought back for that.
    pub(super) only_forgotten: bool,
    pub(super) open_alerts: u8,
}

impl<S> Slot<S> {
    pub(super) fn live(&self) -> Option<&Series<S>> {
        match self {
            Self::Live(series) => Some(series),
            Self::Free | Self::Cold(_) => None,
        }
    }

    /// The series of a slot that is known to hold a live one.
    pub(super) fn live_mut(&mut self) -> &mut Series<S> {
        match self {
            Self::Live(series) => series,
            Self::Cold(cold) => panic!("`{}` is brought back before it is needed", cold.key),
            Self::Free => panic!("the slot of a series"),
        }
    }

    pub(super) fn key(&self) -> Option<&Arc<str>> {
        match self {
            Self::Free => None,
            Self::Live(series) => Some(&series.key),
            Self::Cold(cold) => Some(&cold.key),
        }
    }

    /// Where the series of a slot that holds one was born.
    pub(super) fn born(&self) -> &Position {
        match self {
            Self::Free => panic!("the slot of a series"),
            Self::Live(series) => &series.born,
            Self::Cold(cold) => &cold.born,
        }
    }

    pub(super) fn open_alerts(&self) -> usize {
        match self {
            Self::Free => 0,
            Self::Live(series) => series.open_alerts(),
            Self::Cold(cold) => cold.open_alerts.into(),
        }
    }
}
