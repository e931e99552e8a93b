//! Timers of all series, in a heap that is brought up to date only where it is looked at.
//!
//! Nearly every observation puts a timer of its series off, so an entry says no more than "not before". An
//! entry that comes up too early is put back at the right time.

use super::series::{SILENCE_SEVERITY, Timer};
use super::{Detector, Engine, Output, why};
use crate::alert::{Alert, AlertEvent, AlertId, AlertKind, Change};
use crate::position::Position;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

/// A live shard fires its timers within moments. Where stream time leaps by more than this, the service
/// itself was down, and what did not come in meanwhile says nothing of the series.
const PAUSE_MS: i64 = 60_000;
/// Surprise of a pause, in usual pauses, were pauses exponential; and the most that is made of it.
const SURPRISE_A_PAUSE: f64 = std::f64::consts::LOG10_E;
const SURPRISE_MAX: f64 = 300.0;
/// The surprise of a silence at which its anomaly score is one half.
const SCORE_HALF: f64 = 4.0;

/// Entries "not before this time, this series".
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(i64, u32)>>,
}

impl Timers {
    /// Takes the earliest entry if it is not after `now_ms`.
    fn pop(&mut self, now_ms: i64) -> Option<(i64, u32)> {
        let Reverse((not_before_ms, _)) = self.heap.peek()?;
        if *not_before_ms > now_ms {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

impl<D: Detector> Engine<D> {
    /// Advances stream time, at a position on the shard, and fires the timers that are due: episodes
    /// and silences that end or begin, series to forget. In the order of their deadlines, then keys.
    ///
    /// Stream time is a running maximum; an earlier one changes nothing.
    pub fn advance(&mut self, at: Position, stream_time_ms: i64, out: &mut Output) {
        assert!(Some(at) >= self.position, "positions never fall: {at:?} after {:?}", self.position);
        self.position = Some(at);
        self.recovery.advance(&at);
        if stream_time_ms <= self.stream_time_ms {
            return;
        }
        let leap_ms = stream_time_ms.saturating_sub(self.stream_time_ms);
        self.stream_time_ms = stream_time_ms;
        let mut due = BTreeSet::new();
        while let Some((not_before_ms, slot)) = self.timers.pop(stream_time_ms) {
            if let Some(due_ms) = self.put_back(not_before_ms, slot)
                && due_ms <= stream_time_ms
            {
                due.insert((due_ms, Arc::clone(&self.series(slot).key), slot));
            }
        }
        while let Some((due_ms, key, slot)) = due.pop_first() {
            self.fire(slot, leap_ms, out);
            let live = self.slots[slot as usize].as_deref().filter(|series| series.key == key);
            let Some(series) = live else { continue };
            let (next_ms, _) = series.next_timer(&self.config);
            if next_ms <= stream_time_ms {
                assert!(next_ms >= due_ms, "a timer that fires sets none in the past");
                due.insert((next_ms, key, slot));
            } else {
                self.schedule(slot);
            }
        }
    }

    /// When the next timer is due, in stream time; an idle shard advances then.
    pub fn next_deadline_ms(&mut self) -> Option<i64> {
        loop {
            let Reverse((not_before_ms, slot)) = *self.timers.heap.peek()?;
            if self.next_of_entry(not_before_ms, slot) == Some(not_before_ms) {
                return Some(not_before_ms);
            }
            self.timers.heap.pop();
            self.put_back(not_before_ms, slot);
        }
    }

    /// When the timer of an entry is due; `None` for an entry that no longer says anything.
    fn next_of_entry(&self, not_before_ms: i64, slot: u32) -> Option<i64> {
        let series = self.slots[slot as usize].as_deref()?;
        (series.scheduled_ms == not_before_ms).then(|| series.next_timer(&self.config).0)
    }

    /// Deals with an entry that was taken: says when its timer is due, and puts it back at that time
    /// unless that has come.
    fn put_back(&mut self, not_before_ms: i64, slot: u32) -> Option<i64> {
        let due_ms = self.next_of_entry(not_before_ms, slot)?;
        self.series_mut(slot).scheduled_ms = i64::MAX;
        if due_ms > self.stream_time_ms {
            self.schedule(slot);
        }
        Some(due_ms)
    }

    /// Sees to it that there is an entry no later than the series' next timer.
    pub(super) fn schedule(&mut self, slot: u32) {
        let series = self.slots[slot as usize].as_deref_mut().expect("the slot of a live series");
        let (due_ms, _) = series.next_timer(&self.config);
        if due_ms >= series.scheduled_ms {
            return;
        }
        series.scheduled_ms = due_ms;
        self.timers.heap.push(Reverse((due_ms, slot)));
        // Entries that no longer say anything may pile up, but not without bound.
        if self.timers.heap.len() > 1024 + 4 * self.slots.len() {
            let live = self.slots.iter().zip(0..).filter_map(|(series, slot)| Some((series.as_ref()?, slot)));
            self.timers.heap = live.map(|(series, slot)| Reverse((series.scheduled_ms, slot))).collect();
        }
    }

    /// Fires the next timer of a series, which is due.
    fn fire(&mut self, slot: u32, leap_ms: i64, out: &mut Output) {
        let now_ms = self.stream_time_ms;
        let (due_ms, timer) = self.series(slot).next_timer(&self.config);
        self.touch(slot);
        let snapshot = self.snapshot;
        let series = self.series_mut(slot);
        let ended_ms = series.own_time_at(due_ms);
        let closed_ms = Some(ended_ms);
        match timer {
            Timer::Quiet => {
                let episode = series.episode.take().expect("an episode that closes is open");
                if !episode.waits {
                    series.past.keep(&episode.alert, ended_ms, &series.fields);
                    let alert = Alert { closed_ms, ..episode.alert };
                    out.events.push(AlertEvent { change: Change::Closed, alert });
                    self.open_alerts -= 1;
                }
            }
            Timer::Silence if leap_ms > PAUSE_MS && now_ms.saturating_sub(due_ms) > PAUSE_MS => {
                series.waiting_ms = now_ms;
            }
            Timer::Silence => {
                let opened_ms = series.own_time_at(due_ms);
                let pause_ms = due_ms.saturating_sub(series.waiting_ms);
                let usual_ms = series.habit.usual_ms().max(1.0);
                let surprise = (SURPRISE_A_PAUSE * pause_ms as f64 / usual_ms).min(SURPRISE_MAX);
                let source = series.source();
                let alert = Alert {
                    id: AlertId::new(AlertKind::Silence, &series.key, &source),
                    series: (*series.key).into(),
                    kind: AlertKind::Silence,
                    severity: SILENCE_SEVERITY,
                    opened_ms,
                    last_ms: opened_ms,
                    closed_ms: None,
                    surprise,
                    anomaly_score: surprise / (surprise + SCORE_HALF),
                    observations: 0,
                    fields: Vec::new(),
                    nearest: None,
                    why: why::silence(pause_ms, usual_ms),
                    snapshot,
                    source,
                };
                series.silence = Some(Box::new(alert.clone()));
                out.events.push(AlertEvent { change: Change::Opened, alert });
                self.open_alerts += 1;
            }
            Timer::Forget => {
                if let Some(alert) = series.silence.take() {
                    out.events
                        .push(AlertEvent { change: Change::Closed, alert: Alert { closed_ms, ..*alert } });
                    self.open_alerts -= 1;
                }
                self.remove(slot);
            }
        }
    }
}
