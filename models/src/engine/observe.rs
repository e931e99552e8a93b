//! One observation: scored, learnt from, and what comes of it.

use super::budget::{Budget, SURPRISE_MIN, YOUNG};
use super::digest::{hash_key, hash_observation};
use super::episode::{Episode, Seen, Step};
use super::habit::Habit;
use super::pace::Pace;
use super::past::Past;
use super::run::Run;
use super::series::Series;
use super::{Detector, Engine, Output, Rejection};
use crate::alert::{Alert, AlertEvent, Change};
use crate::observation::{FIELDS_MAX, Observation, Values};
use crate::position::{Position, Source};

/// An observation, or a run of them, opens an episode by its surprise, which is what a budget is about; but
/// only if it stands out from the recent past by at least so much onset.
const ONSET_MIN: f64 = 0.35;

impl<D: Detector> Engine<D> {
    /// Scores an observation that stands at `at` on the shard, learns from it, and says what came of it.
    ///
    /// First stream time advances to `arrival_ms`, as [`Engine::advance`] does. An observation without a
    /// time has that of its arrival. One that is late is taken as it comes, with the series' newest time so
    /// far in place of its own where a model needs time to go forward. One that repeats the last, its own
    /// time and values alike, is a sign of life and nothing else.
    ///
    /// # Errors
    /// A [`Rejection`]; the engine goes on as if the observation had not been.
    ///
    /// # Panics
    /// Where `at` is not behind the observation before it.
    pub fn observe(
        &mut self,
        at: Position,
        source: &Source,
        arrival_ms: i64,
        observation: &Observation,
        out: &mut Output,
    ) -> Result<(), Rejection> {
        assert!(Some(at) > self.observed, "each observation has its own position: {at:?}");
        self.observed = Some(at);
        self.advance(at, arrival_ms, out);
        let time_ms = self.time_of(arrival_ms, observation)?;
        let known = match self.slot_of(&observation.series) {
            Some(slot) => Some(slot),
            None => self.recovery.take_unborn(&observation.series, &at).map(|(series, stands_at)| {
                let slot = self.insert(series);
                self.recovery.expect(slot, stands_at);
                slot
            }),
        };
        if let Some(slot) = known
            && self.recovery.has_seen(slot, &at)
        {
            out.skipped += 1;
            return Ok(());
        }
        let slot = match known {
            Some(slot) => {
                self.take_values(slot, &observation.values)?;
                slot
            }
            None => self.give_birth(at, source, time_ms, observation)?,
        };
        self.touch(slot);
        if known.is_some() {
            let repeats = self.take_sign_of_life(slot, source, time_ms, observation.time_ms.is_some(), out);
            if repeats {
                out.repeated += 1;
                self.schedule(slot);
                return Ok(());
            }
        }
        self.score(slot, at, time_ms, out);
        self.schedule(slot);
        Ok(())
    }

    fn time_of(&self, arrival_ms: i64, observation: &Observation) -> Result<i64, Rejection> {
        let time_ms = observation.time_ms.unwrap_or(arrival_ms);
        let ahead_ms = time_ms.saturating_sub(arrival_ms);
        let ahead_max_s = self.config.ahead_max_s;
        if ahead_ms > i64::from(ahead_max_s) * 1000 {
            return Err(Rejection::Future { time_ms, ahead_s: ahead_ms / 1000, ahead_max_s });
        }
        Ok(time_ms)
    }

    /// A new series, with the values of its first observation in `self.values`.
    fn give_birth(
        &mut self,
        at: Position,
        source: &Source,
        time_ms: i64,
        observation: &Observation,
    ) -> Result<u32, Rejection> {
        self.values.clear();
        let fields = match &observation.values {
            Values::Named(named) if named.len() > FIELDS_MAX => {
                return Err(Rejection::TooManyFields { fields: named.len() });
            }
            Values::Named(named) if !named.is_empty() => {
                self.values.extend(named.iter().map(|(_, value)| *value));
                let names: Vec<&str> = named.iter().map(|(name, _)| &**name).collect();
                self.shared.fields(&names)
            }
            Values::Named(_) => {
                self.values.push(f64::NAN);
                self.shared.fields(&[""])
            }
            Values::One(value) => {
                self.values.push(*value);
                self.shared.fields(&[""])
            }
        };
        let series_max = self.config.series_max;
        if self.series_count() >= series_max as usize {
            return Err(Rejection::TooManySeries { series: observation.series.clone(), series_max });
        }
        let policy = self.shared.policy(&observation.series, &fields);
        let ranges = match &policy {
            Some(policy) => policy.ranges().collect(),
            None => vec![None; fields.len()],
        };
        let series = Series {
            key: (*observation.series).into(),
            key_hash: hash_key(&observation.series),
            detector: self.detector.new_state(&ranges),
            values: vec![f64::NAN; fields.len()],
            fields,
            policy,
            born: at,
            stream: self.shared.text(&source.stream),
            shard: self.shared.text(&source.shard),
            source_position: source.position,
            observations: 0,
            last_ms: time_ms,
            own_time: observation.time_ms.is_some(),
            surprise: 0.0,
            seen_ms: self.stream_time_ms,
            waiting_ms: self.stream_time_ms,
            pace: Pace::new(time_ms),
            habit: Habit::new(),
            budget: Budget::new(time_ms),
            run: Run::default(),
            episode: None,
            silence: None,
            past: Past::default(),
            dirty: false,
            has_piece: false,
            slice: 0,
            scheduled_ms: i64::MAX,
        };
        Ok(self.insert(Box::new(series)))
    }

    /// Puts the values of an observation into `self.values` in the order of the series' fields, which grow
    /// where it has new ones.
    fn take_values(&mut self, slot: u32, values: &Values) -> Result<(), Rejection> {
        let Self { slots, values: row, .. } = self;
        let series = slots[slot as usize].live_mut();
        row.clear();
        let mut grown: Vec<(&str, f64)> = Vec::new();
        match values {
            Values::One(value) if series.fields.len() == 1 && series.fields[0].is_empty() => row.push(*value),
            Values::One(value) => place(&series.fields, [("", *value)], row, &mut grown),
            Values::Named(named) => {
                let named = named.iter().map(|(name, value)| (&**name, *value));
                place(&series.fields, named, row, &mut grown);
            }
        }
        if grown.is_empty() {
            return Ok(());
        }
        let fields = series.fields.len() + grown.len();
        if fields > FIELDS_MAX {
            return Err(Rejection::TooManyFields { fields });
        }
        let mut names: Vec<&str> = series.fields.iter().map(|name| &**name).collect();
        let known = names.len();
        for (name, value) in grown {
            names.push(name);
            row.push(value);
            series.values.push(f64::NAN);
        }
        let fields = self.shared.fields(&names);
        let policy = self.shared.policy(&series.key, &fields);
        for at in known..fields.len() {
            let range = policy.as_ref().and_then(|policy| policy.range(at));
            self.detector.add_field(&mut series.detector, range);
        }
        (series.fields, series.policy) = (fields, policy);
        Ok(())
    }

    /// Notes that a known series has reported, which ends its silence; says whether the observation
    /// repeats the one before.
    fn take_sign_of_life(
        &mut self,
        slot: u32,
        source: &Source,
        time_ms: i64,
        own_time: bool,
        out: &mut Output,
    ) -> bool {
        let Self { slots, values, shared, .. } = self;
        let series = slots[slot as usize].live_mut();
        let now_ms = self.stream_time_ms;
        let silence = series.silence.take();
        series.habit.observe(now_ms.saturating_sub(series.waiting_ms), silence.is_some());
        if let Some(alert) = silence {
            let closed_ms = Some(time_ms.max(alert.opened_ms));
            out.events.push(AlertEvent { change: Change::Closed, alert: Alert { closed_ms, ..*alert } });
            self.open_alerts -= 1;
        }
        if *series.stream != *source.stream || *series.shard != *source.shard {
            series.stream = shared.text(&source.stream);
            series.shard = shared.text(&source.shard);
        }
        let same = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits();
        let repeats = own_time
            && series.own_time
            && series.last_ms == time_ms
            && series.values.iter().zip(&*values).all(same);
        series.source_position = source.position;
        series.seen_ms = now_ms;
        series.waiting_ms = now_ms;
        series.last_ms = time_ms;
        series.own_time = own_time;
        if !repeats {
            series.pace.observe(time_ms);
        }
        repeats
    }

    /// Scores the values in `self.values`, learns from them, and sees what that means for alerts.
    fn score(&mut self, slot: u32, at: Position, time_ms: i64, out: &mut Output) {
        let Self { slots, values, scored, detector, .. } = self;
        let series = slots[slot as usize].live_mut();
        let clock_ms = series.pace.clock_ms();
        let local_ms = series.policy.as_ref().map_or(clock_ms, |policy| policy.local_ms(clock_ms));
        detector.step(&mut series.detector, local_ms, values, scored);
        let in_range = |score: f64| (0.0..f64::INFINITY).contains(&score);
        assert!(
            in_range(scored.surprise) && in_range(scored.onset) && in_range(scored.by_evidence),
            "a detector's scores are finite: {scored:?}"
        );
        series.observations += 1;
        series.values.copy_from_slice(values);
        series.surprise = scored.surprise;
        out.push_point(&series.key, &series.fields, at, time_ms, values, scored);
        out.digest = out.digest.wrapping_add(hash_observation(series.key_hash, &at, scored.surprise));
        self.watch(slot, time_ms, out);
    }

    /// Opens, goes on with or closes an episode of the series that was just scored.
    fn watch(&mut self, slot: u32, time_ms: i64, out: &mut Output) {
        let Self { slots, values, scored, config, .. } = self;
        let series = slots[slot as usize].live_mut();
        let policy = series.policy.as_deref();
        let ignored = policy.is_some_and(|policy| policy.ignores(values, &scored.fields));
        let may_open = |severity| {
            policy.is_none_or(|policy| policy.opens_ms(severity, series.seen_ms) <= series.seen_ms)
        };
        let seen = Seen {
            series: &series.key,
            fields: &series.fields,
            values,
            time_ms,
            scored,
            ignored,
            past: &series.past,
        };
        let mut event = |change, alert| out.events.push(AlertEvent { change, alert });
        if let Some(episode) = &mut series.episode {
            let step = episode.observe(seen);
            episode.wait(series.seen_ms, series.habit.usual_ms());
            match step {
                Step::Goes | Step::Escalates if episode.waits => {
                    if episode.is_going_on() && may_open(episode.alert.severity) {
                        episode.waits = false;
                        series.budget.spend();
                        event(Change::Opened, episode.alert.clone());
                        self.open_alerts += 1;
                    }
                }
                Step::Goes => {}
                Step::Escalates => event(Change::Escalated, episode.alert.clone()),
                Step::Ends => {
                    if !episode.waits {
                        let closed_ms = time_ms.max(episode.alert.last_ms);
                        series.past.keep(&episode.alert, closed_ms, &series.fields);
                        let closed_ms = Some(closed_ms);
                        event(Change::Closed, Alert { closed_ms, ..episode.alert.clone() });
                        self.open_alerts -= 1;
                    }
                    series.episode = None;
                }
            }
            return;
        }
        // By itself, or together with those before it; of the young little is known, so no run counts.
        let (by_evidence, onset) = if ignored { (0.0, 0.0) } else { (scored.by_evidence, scored.onset) };
        let is_vector = scored.fields.len() > 1;
        let run =
            if series.observations < YOUNG { 0.0 } else { series.run.observe(by_evidence, onset, is_vector) };
        let rarity = run.max(scored.surprise);
        if ignored || rarity < SURPRISE_MIN || series.run.onset().max(onset) < ONSET_MIN {
            return;
        }
        let budget = policy.map_or(config.false_alerts_per_week, |policy| policy.false_alerts_per_week);
        let threshold = series.budget.threshold(budget, &series.pace, series.observations, is_vector);
        if rarity < threshold {
            return;
        }
        series.run.end();
        let mut episode = Episode::open(seen, threshold, series.source(), self.snapshot);
        episode.wait(series.seen_ms, series.habit.usual_ms());
        if may_open(episode.alert.severity) {
            series.budget.spend();
            event(Change::Opened, episode.alert.clone());
            self.open_alerts += 1;
        } else {
            episode.waits = true;
        }
        series.episode = Some(Box::new(episode));
    }
}

/// Lays named values out in the order of `fields`, NaN where one is missing; those that are no field
/// go to `grown`.
fn place<'a>(
    fields: &[Box<str>],
    named: impl IntoIterator<Item = (&'a str, f64)>,
    row: &mut Vec<f64>,
    grown: &mut Vec<(&'a str, f64)>,
) {
    row.resize(fields.len(), f64::NAN);
    // Both are sorted but for fields that came later, so the search goes on behind the last find.
    let mut next = 0;
    for (name, value) in named {
        let (before, behind) = fields.split_at(next);
        let found = behind.iter().position(|field| **field == *name).map(|at| next + at);
        match found.or_else(|| before.iter().position(|field| **field == *name)) {
            Some(at) => {
                row[at] = value;
                next = at + 1;
            }
            None => grown.push((name, value)),
        }
    }
}
