//! Timers of all series, in a heap that is brought up to date only where it is looked at.
//!
//! Nearly every observation puts a timer of its series off, so an entry says no more than "not before". An
//! entry that comes up too early is put back at the right time.

use super::series::{SILENCE_SEVERITY, Timer};
use super::slot::Slot;
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
    /// Series with an entry that is not after `now_ms`, in no order, some more than once.
    pub(super) fn until(&self, now_ms: i64, mut each: impl FnMut(u32)) {
        let heap = self.heap.as_slice();
        let mut places = vec![0];
        while let Some(place) = places.pop() {
            // No entry is earlier than the one above it.
            if let Some(Reverse((not_before_ms, slot))) = heap.get(place)
                && *not_before_ms <= now_ms
            {
                each(*slot);
                places.extend([2 * place + 1, 2 * place + 2]);
            }
        }
    }

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
                let key = self.slots[slot as usize].key().expect("the timer is one of a series");
                due.insert((due_ms, Arc::clone(key), slot));
            }
        }
        while let Some((due_ms, key, slot)) = due.pop_first() {
            self.fire(slot, leap_ms, out);
            let live = self.slots[slot as usize].live().filter(|series| series.key == key);
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
        let (scheduled_ms, due_ms) = match &self.slots[slot as usize] {
            Slot::Free => return None,
            Slot::Live(series) => (series.scheduled_ms, series.next_timer(&self.config).0),
            Slot::Cold(cold) => (cold.due_ms, cold.due_ms),
        };
        (scheduled_ms == not_before_ms).then_some(due_ms)
    }

    /// Deals with an entry that was taken: says when its timer is due, and puts it back at that time
    /// unless that has come.
    fn put_back(&mut self, not_before_ms: i64, slot: u32) -> Option<i64> {
        let due_ms = self.next_of_entry(not_before_ms, slot)?;
        if let Slot::Live(series) = &mut self.slots[slot as usize] {
            series.scheduled_ms = i64::MAX;
            if due_ms > self.stream_time_ms {
                self.schedule(slot);
            }
        }
        Some(due_ms)
    }

    /// Sees to it that there is an entry no later than the series' next timer.
    pub(super) fn schedule(&mut self, slot: u32) {
        let series = self.slots[slot as usize].live_mut();
        let (due_ms, _) = series.next_timer(&self.config);
        if due_ms < series.scheduled_ms {
            series.scheduled_ms = due_ms;
            self.push_timer(due_ms, slot);
        }
    }

    /// Adds an entry for a series, whose earlier one no longer says anything.
    pub(super) fn push_timer(&mut self, not_before_ms: i64, slot: u32) {
        self.timers.heap.push(Reverse((not_before_ms, slot)));
        // Entries that no longer say anything may pile up, but not without bound.
        if self.timers.heap.len() > 1024 + 4 * self.slots.len() {
            let entries = self.slots.iter().zip(0..).filter_map(|(series, slot)| match series {
                Slot::Free => None,
                Slot::Live(series) => Some(Reverse((series.scheduled_ms, slot))),
                Slot::Cold(cold) => Some(Reverse((cold.due_ms, slot))),
            });
            self.timers.heap = entries.collect();
        }
    }

    /// Fires the next timer of a series, which is due.
    fn fire(&mut self, slot: u32, leap_ms: i64, out: &mut Output) {
        let now_ms = self.stream_time_ms;
        if let Slot::Cold(cold) = &self.slots[slot as usize] {
            assert!(cold.only_forgotten, "a series is brought back before its timer is due");
            return self.remove(slot);
        }
        let (due_ms, timer) = self.slots[slot as usize].live_mut().next_timer(&self.config);
        // What is forgotten is as its piece says, unless it had changed before.
        if timer != Timer::Forget {
            self.touch(slot);
        }
        let snapshot = self.snapshot;
        let series = self.slots[slot as usize].live_mut();
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
