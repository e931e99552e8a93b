//! What the engine keeps of one series.

use super::budget::Budget;
use super::episode::Episode;
use super::habit::Habit;
use super::pace::Pace;
use super::past::Past;
use super::rules::Policy;
use super::run::Run;
use super::{EngineConfig, Summary};
use crate::alert::{Alert, AlertId, Severity};
use crate::position::{Position, Source};
use std::sync::Arc;

const DAY_MS: i64 = 86_400_000;
/// How far a silence deserves attention.
pub(super) const SILENCE_SEVERITY: Severity = Severity::Warning;

/// One series and all that is known of it.
#[derive(Clone, Debug)]
pub(super) struct Series<S> {
    pub(super) key: Arc<str>,
    pub(super) key_hash: u64,
    /// Names of the fields, in the order of the detector's state.
    pub(super) fields: Arc<[Box<str>]>,
    /// The position of the first observation: tells a series from an earlier one of the same key.
    pub(super) born: Position,
    pub(super) stream: Arc<str>,
    pub(super) shard: Arc<str>,
    /// Where on `stream` and `shard` the last observation stands.
    pub(super) source_position: Position,
    pub(super) detector: S,
    pub(super) observations: u64,
    /// The last observation: its time, whether that was its own, its values and its surprise.
    pub(super) last_ms: i64,
    pub(super) own_time: bool,
    pub(super) values: Vec<f64>,
    pub(super) surprise: f64,
    /// Stream time at the last observation.
    pub(super) seen_ms: i64,
    /// Stream time from which silence is counted: `seen_ms`, or later where the shard itself had paused.
    pub(super) waiting_ms: i64,
    pub(super) pace: Pace,
    pub(super) habit: Habit,
    pub(super) budget: Budget,
    pub(super) run: Run,
    pub(super) episode: Option<Box<Episode>>,
    pub(super) silence: Option<Box<Alert>>,
    pub(super) past: Past,
    /// Not part of a piece: what the configuration says of it,
    pub(super) policy: Option<Arc<Policy>>,
    /// whether it changed since its piece was last given,
    pub(super) dirty: bool,
    /// whether there is a piece of it,
    pub(super) has_piece: bool,
    /// the slice it was last given with,
    pub(super) slice: u64,
    /// and the earliest entry for it among the timers.
    pub(super) scheduled_ms: i64,
}

/// A timer of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// The open episode closes, as the series sends no more.
    Quiet,
    /// The series has been silent for too long.
    Silence,
    /// The series is forgotten.
    Forget,
}

impl<S> Series<S> {
    /// The stream time at which it is forgotten unless it reports.
    pub(super) fn forgotten_ms(&self, config: &EngineConfig) -> i64 {
        self.seen_ms.saturating_add(i64::from(config.forget_after_days) * DAY_MS)
    }

    /// The next timer, and the stream time at which it is due.
    pub(super) fn next_timer(&self, config: &EngineConfig) -> (i64, Timer) {
        let mut next = (self.forgotten_ms(config), Timer::Forget);
        let muted = self.policy.as_ref().is_some_and(|policy| policy.mute);
        if config.silence
            && !muted
            && self.silence.is_none()
            && let Some(after_ms) = self.habit.silent_after_ms(config.silence_factor)
        {
            let silent_ms = self.waiting_ms.saturating_add(after_ms);
            let due_ms = self.opens_ms(SILENCE_SEVERITY, silent_ms);
            if due_ms < next.0 {
                next = (due_ms, Timer::Silence);
            }
        }
        if let Some(episode) = &self.episode
            && episode.closes_ms <= next.0
        {
            next = (episode.closes_ms, Timer::Quiet);
        }
        next
    }

    /// The first stream time from `time_ms` on at which an alert of this severity may open.
    pub(super) fn opens_ms(&self, severity: Severity, time_ms: i64) -> i64 {
        self.policy.as_ref().map_or(time_ms, |policy| policy.opens_ms(severity, time_ms))
    }

    /// The alert of unusual observations that is open; one that waits for the end of quiet hours is not.
    pub(super) fn open_episode(&self) -> Option<AlertId> {
        self.episode.as_ref().filter(|episode| !episode.waits).map(|episode| episode.alert.id)
    }

    /// How many alerts are open.
    pub(super) fn open_alerts(&self) -> usize {
        usize::from(self.open_episode().is_some()) + usize::from(self.silence.is_some())
    }

    /// A point in stream time on the series' own clock, which may be years apart from it.
    pub(super) fn own_time_at(&self, stream_ms: i64) -> i64 {
        self.last_ms.saturating_add(stream_ms.saturating_sub(self.seen_ms))
    }

    /// The source of the last observation.
    pub(super) fn source(&self) -> Source {
        Source { stream: (*self.stream).into(), shard: (*self.shard).into(), position: self.source_position }
    }

    pub(super) fn summarize(&self) -> Summary {
        Summary {
            series: Arc::clone(&self.key),
            stream: Arc::clone(&self.stream),
            fields: Arc::clone(&self.fields),
            last_ms: self.last_ms,
            values: self.values.clone(),
            observations: self.observations,
            surprise: self.surprise,
            open_alert: self.open_episode().or(self.silence.as_ref().map(|alert| alert.id)),
        }
    }
}
