//! The incidents of a set of alerts, kept as the set changes.

use super::AlertKey;
use super::checkpoints::Checkpoints;
use super::fold::{Fold, HORIZON_MS};
use super::parameters::Parameters;
use super::shape::{Incident, IncidentId};
use super::tokens::tokens;
use crate::alert::{Alert, AlertId};
use crate::fnv::fnv1a;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

/// The incidents of a set of alerts: at most so many alerts, those of the oldest incidents go first.
///
/// Alerts are put in as they change, in any order; [`Incidents::settle`] brings the incidents up to date. An
/// alert that opened before others that are known takes the fold back to before it; the work is bounded by the
/// number of alerts behind it.
#[derive(Debug)]
pub struct Incidents {
    parameters: Parameters,
    alerts_max: usize,
    alerts: BTreeMap<AlertKey, Arc<Alert>>,
    keys: HashMap<AlertId, AlertKey>,
    /// The alerts of each series, by [`series_hash`].
    by_series: BTreeSet<(u64, AlertKey)>,
    fold: Fold,
    /// The newest alert that the fold has seen.
    folded: Option<AlertKey>,
    /// The oldest alert that the fold has not seen, or has seen otherwise.
    unfolded: Option<AlertKey>,
    checkpoints: Checkpoints,
    /// Members by first member.
    groups: BTreeMap<AlertKey, Vec<AlertKey>>,
    /// First member of the group of each folded alert.
    group_of: BTreeMap<AlertKey, AlertKey>,
    /// Groups that are not as they are shown.
    touched: BTreeSet<AlertKey>,
    shown: BTreeMap<AlertKey, Arc<Incident>>,
    first_of: HashMap<IncidentId, AlertKey>,
}

/// How an incident has changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// As it was; `None` where it is new.
    pub before: Option<Arc<Incident>>,
    /// As it is; `None` where its alerts are now part of others, or no longer kept.
    pub after: Option<Arc<Incident>>,
}

impl Incidents {
    /// None yet, of at most `alerts_max` alerts, at least 1.
    pub fn new(alerts_max: usize, parameters: Parameters) -> Self {
        assert!(alerts_max > 0, "incidents have at least one alert");
        Self {
            parameters,
            alerts_max,
            alerts: BTreeMap::new(),
            keys: HashMap::new(),
            by_series: BTreeSet::new(),
            fold: Fold::default(),
            folded: None,
            unfolded: None,
            checkpoints: Checkpoints::default(),
            groups: BTreeMap::new(),
            group_of: BTreeMap::new(),
            touched: BTreeSet::new(),
            shown: BTreeMap::new(),
            first_of: HashMap::new(),
        }
    }

    /// Puts in an alert as it is now, in place of what is known of it.
    pub fn put(&mut self, alert: Arc<Alert>) {
        let key = AlertKey::of(&alert);
        if self.keys.get(&alert.id).is_some_and(|known| *known != key) {
            self.remove(alert.id);
        }
        self.keys.insert(alert.id, key);
        let (series, closed_ms) = (series_hash(&alert), alert.closed_ms);
        let Some(known) = self.alerts.insert(key, alert) else {
            self.by_series.insert((series, key));
            return self.refold_from(key);
        };
        if let Some(first) = self.group_of.get(&key) {
            self.touched.insert(*first);
        }
        if known.closed_ms != closed_ms
            && let Some(later) = self.later_of_series(key, &known)
        {
            self.refold_from(later);
        }
    }

    /// Takes an alert out, where it is known.
    pub fn remove(&mut self, id: AlertId) {
        if let Some(key) = self.keys.get(&id).copied() {
            self.take_out(key);
            self.refold_from(key);
        }
    }

    /// Brings the incidents up to date and says what has changed, oldest first.
    pub fn settle(&mut self) -> Vec<Revision> {
        if let Some(from) = self.unfolded.take() {
            if self.folded.is_some_and(|folded| folded >= from) {
                self.go_back(from);
            }
            self.go_on();
        }
        while self.alerts.len() > self.alerts_max {
            self.drop_oldest();
        }
        self.show()
    }

    /// An incident, as of the last settling.
    pub fn get(&self, id: IncidentId) -> Option<&Arc<Incident>> {
        self.first_of.get(&id).map(|first| &self.shown[first])
    }

    /// The incident of an alert, as of the last settling.
    pub fn of_alert(&self, id: AlertId) -> Option<&Arc<Incident>> {
        self.shown.get(self.group_of.get(self.keys.get(&id)?)?)
    }

    /// All incidents behind `after`, as of the last settling, newest first, each with its place in that order.
    pub fn newest_first(&self, after: Option<AlertKey>) -> impl Iterator<Item = (&AlertKey, &Arc<Incident>)> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.shown.range((Bound::Unbounded, after)).rev()
    }

    fn refold_from(&mut self, key: AlertKey) {
        self.unfolded = Some(self.unfolded.map_or(key, |unfolded| unfolded.min(key)));
    }

    /// The next alert of the same series that could see when this one closed.
    fn later_of_series(&self, key: AlertKey, alert: &Alert) -> Option<AlertKey> {
        let series = series_hash(alert);
        let last_ms = alert.last_ms.max(key.opened_ms).saturating_add(HORIZON_MS);
        let mut later = self.by_series.range((Bound::Excluded((series, key)), Bound::Unbounded));
        let (of, later) = later.next()?;
        (*of == series && later.opened_ms <= last_ms).then_some(*later)
    }

    /// Forgets an alert; the fold and the groups go on as they are.
    fn take_out(&mut self, key: AlertKey) {
        self.keys.remove(&key.id);
        if let Some(alert) = self.alerts.remove(&key) {
            self.by_series.remove(&(series_hash(&alert), key));
        }
    }

    /// Back to the newest state that has not seen what changed at `from`.
    fn go_back(&mut self, from: AlertKey) {
        let (behind, fold) = self.checkpoints.back_to(from);
        self.fold = fold;
        self.folded = behind;
        let undone = match behind {
            Some(behind) => self.group_of.split_off(&behind),
            None => std::mem::take(&mut self.group_of),
        };
        for (key, first) in undone {
            if Some(key) == behind {
                self.group_of.insert(key, first);
            } else if self.groups.remove(&first).is_some() {
                self.touched.insert(first);
            }
        }
        for group in self.fold.groups() {
            let first = group.first();
            self.touched.insert(first);
            let members: Vec<AlertKey> = group.members().iter().map(|member| member.key).collect();
            self.group_of.extend(members.iter().map(|member| (*member, first)));
            self.groups.insert(first, members);
        }
    }

    /// Folds in all alerts behind the last one folded.
    fn go_on(&mut self) {
        let Self { alerts, fold, group_of, groups, touched, checkpoints, parameters, .. } = self;
        let after = self.folded.map_or(Bound::Unbounded, Bound::Excluded);
        let closed_ms = |key: &AlertKey| alerts.get(key).and_then(|alert| alert.closed_ms);
        for (key, alert) in alerts.range((after, Bound::Unbounded)) {
            let tokens = tokens(&alert.series).into_iter().map(|token| token.hash()).collect();
            let placed = fold.place(*key, series_hash(alert), tokens, parameters, &closed_ms);
            for first in placed.gone {
                groups.remove(&first);
                touched.insert(first);
            }
            for group in fold.groups().iter().filter(|group| placed.changed.contains(&group.first())) {
                let first = group.first();
                let members: Vec<AlertKey> = group.members().iter().map(|member| member.key).collect();
                group_of.extend(members.iter().map(|member| (*member, first)));
                groups.insert(first, members);
                touched.insert(first);
            }
            checkpoints.passed(*key, fold);
            self.folded = Some(*key);
        }
    }

    fn drop_oldest(&mut self) {
        let (first, members) = self.groups.pop_first().expect("a settled alert is in a group");
        for member in members {
            self.take_out(member);
            self.group_of.remove(&member);
        }
        self.fold.forget(first);
        self.checkpoints.forget(first);
        self.touched.insert(first);
    }

    /// Makes the touched groups' incidents anew.
    fn show(&mut self) -> Vec<Revision> {
        let mut revisions = Vec::new();
        for first in std::mem::take(&mut self.touched) {
            let after = self.groups.get(&first).map(|members| {
                Arc::new(Incident::of(members.iter().map(|member| self.alerts[member].clone()).collect()))
            });
            let before = match &after {
                Some(incident) => {
                    self.first_of.insert(incident.id, first);
                    self.shown.insert(first, incident.clone())
                }
                None => {
                    self.first_of.remove(&IncidentId::new(first.id));
                    self.shown.remove(&first)
                }
            };
            if before != after {
                revisions.push(Revision { before, after });
            }
        }
        revisions
    }
}

fn series_hash(alert: &Alert) -> u64 {
    fnv1a(alert.source.stream.bytes().chain([0]).chain(alert.series.bytes()))
}
