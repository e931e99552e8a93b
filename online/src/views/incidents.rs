//! Incidents: alerts of series that broke together, of all shards.
//!
//! The shards' workers only hand their alerts in. Whoever reads brings the incidents up to date first, and while
//! the service runs somebody does so often, so that watchers hear of changes and little is left to do.

use kizashi_models::{
    alert::{Alert, AlertId},
    incident::{AlertKey, Incident, IncidentId, Incidents, Parameters, Revision},
};
use parking_lot::Mutex;
use std::{collections::HashSet, sync::Arc};
use tokio::sync::broadcast;

/// Events that a watcher may be behind.
const RING_EVENTS: usize = 1_024;
/// Alerts that were handed in and wait; with more the worker that hands in does the work.
const PENDING_MAX: usize = 10_000;
/// Incidents looked at while they are locked.
const SCANNED_MAX: usize = 1_000;
/// Alerts of which an incident is shown in lists by itself and told of to watchers.
pub const MEMBERS_MIN: usize = 2;
/// Alerts of all incidents of a page.
const PAGE_MEMBERS_MAX: usize = 10_000;

/// What happened to an incident of several alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentChange {
    /// It has come to have two alerts.
    Opened,
    /// Its alerts, or what is known of them, have changed.
    Changed,
    /// The last of its alerts has closed.
    Closed,
    /// It is no more.
    Removed,
}

/// A change of an incident of several alerts.
#[derive(Clone, Debug)]
pub struct IncidentEvent {
    /// What happened.
    pub change: IncidentChange,
    /// As it is after that; as it was, where it was removed.
    pub incident: Arc<Incident>,
}

/// Which incidents to list.
#[derive(Clone, Copy, Debug)]
pub struct IncidentFilter {
    /// Only those that are open, or only those that are closed.
    pub open: Option<bool>,
    /// Only those of so many alerts and more.
    pub members_min: usize,
}

/// A page of incidents.
#[derive(Debug)]
pub struct IncidentPage {
    /// Newest first.
    pub incidents: Vec<Arc<Incident>>,
    /// Key of the last, where more may follow.
    pub next: Option<AlertKey>,
}

/// How many incidents of several alerts there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IncidentCounts {
    /// That are open.
    pub open: u64,
    /// That have come up since the start, those of before among them.
    pub opened: u64,
}

/// The incidents of all alerts that are kept.
#[derive(Debug)]
pub struct IncidentView {
    /// Handed in and not looked at. Never held while incidents are worked out.
    pending: Mutex<Vec<Handed>>,
    state: Mutex<State>,
    events: broadcast::Sender<IncidentEvent>,
}

#[derive(Debug)]
enum Handed {
    Put(Arc<Alert>),
    Remove(AlertId),
}

#[derive(Debug)]
struct State {
    incidents: Incidents,
    counts: IncidentCounts,
}

impl IncidentView {
    /// Those of at most `alerts_max` alerts.
    pub fn new(alerts_max: usize) -> Self {
        let incidents = Incidents::new(alerts_max, Parameters::default());
        Self {
            pending: Mutex::default(),
            state: Mutex::new(State { incidents, counts: IncidentCounts::default() }),
            events: broadcast::Sender::new(RING_EVENTS),
        }
    }

    /// A shard is known anew: with the alerts `kept` in place of those of the ids `known`.
    pub(super) fn restored(&self, known: &[AlertId], kept: &[Arc<Alert>]) {
        let still: HashSet<AlertId> = kept.iter().map(|alert| alert.id).collect();
        let mut pending = self.pending.lock();
        let gone = known.iter().filter(|id| !still.contains(*id));
        pending.extend(gone.map(|id| Handed::Remove(*id)));
        pending.extend(kept.iter().cloned().map(Handed::Put));
    }

    /// Alerts have changed, each as it is after that.
    pub(super) fn committed<'a>(&self, alerts: impl Iterator<Item = &'a Arc<Alert>>) {
        self.pending.lock().extend(alerts.cloned().map(Handed::Put));
    }

    /// Does the work for those who hand in, where more waits than may.
    pub(super) fn relieve(&self) {
        let many = self.pending.lock().len() > PENDING_MAX;
        if many {
            self.settle();
        }
    }

    /// Takes in what was handed in, and tells the watchers what came of it.
    pub fn settle(&self) {
        drop(self.settled());
    }

    fn settled(&self) -> parking_lot::MutexGuard<'_, State> {
        let mut state = self.state.lock();
        let pending = std::mem::take(&mut *self.pending.lock());
        if pending.is_empty() {
            return state;
        }
        for handed in pending {
            match handed {
                Handed::Put(alert) => state.incidents.put(alert),
                Handed::Remove(id) => state.incidents.remove(id),
            }
        }
        for revision in state.incidents.settle() {
            if let Some(event) = event(&revision, &mut state.counts) {
                // It fails only where nobody watches.
                let _ = self.events.send(event);
            }
        }
        state
    }

    /// An incident.
    pub fn get(&self, id: IncidentId) -> Option<Arc<Incident>> {
        self.settled().incidents.get(id).cloned()
    }

    /// The incident of an alert, which may be its only one.
    pub fn of_alert(&self, id: AlertId) -> Option<Arc<Incident>> {
        self.settled().incidents.of_alert(id).cloned()
    }

    /// The incident of each of some alerts, all of one moment.
    pub fn of_alerts(&self, ids: impl Iterator<Item = AlertId>) -> Vec<Option<Arc<Incident>>> {
        let state = self.settled();
        ids.map(|id| state.incidents.of_alert(id).cloned()).collect()
    }

    /// How many there are.
    pub fn counts(&self) -> IncidentCounts {
        self.settled().counts
    }

    /// Up to `count` incidents behind `after`, newest first.
    pub fn page(&self, filter: IncidentFilter, after: Option<AlertKey>, count: usize) -> IncidentPage {
        let (mut found, mut members, mut after) = (Vec::new(), 0, after);
        loop {
            let state = self.settled();
            let mut scanned = 0;
            for (key, incident) in state.incidents.newest_first(after).take(SCANNED_MAX) {
                scanned += 1;
                let state_fits = filter.open.is_none_or(|open| open == incident.closed_ms.is_none());
                if state_fits && incident.members.len() >= filter.members_min {
                    if found.len() == count
                        || (members > 0 && members + incident.members.len() > PAGE_MEMBERS_MAX)
                    {
                        return IncidentPage { incidents: found, next: after };
                    }
                    members += incident.members.len();
                    found.push(incident.clone());
                }
                after = Some(*key);
            }
            if scanned < SCANNED_MAX {
                return IncidentPage { incidents: found, next: None };
            }
        }
    }

    /// Every change from now on. One who is behind by too many gets an error.
    pub fn watch(&self) -> broadcast::Receiver<IncidentEvent> {
        self.settle();
        self.events.subscribe()
    }
}

/// What a revision is to those who see only incidents of several alerts.
fn event(revision: &Revision, counts: &mut IncidentCounts) -> Option<IncidentEvent> {
    let several = |incident: &Option<Arc<Incident>>| {
        incident.clone().filter(|incident| incident.members.len() >= MEMBERS_MIN)
    };
    let (before, after) = (several(&revision.before), several(&revision.after));
    let is_open = |incident: &Option<Arc<Incident>>| {
        incident.as_ref().is_some_and(|incident| incident.closed_ms.is_none())
    };
    counts.open += u64::from(is_open(&after));
    counts.open -= u64::from(is_open(&before));
    counts.opened += u64::from(before.is_none() && after.is_some());
    let change = match (&before, &after) {
        (_, None) => IncidentChange::Removed,
        (None, Some(_)) => IncidentChange::Opened,
        (Some(_), Some(_)) if is_open(&before) && !is_open(&after) => IncidentChange::Closed,
        (Some(_), Some(_)) => IncidentChange::Changed,
    };
    Some(IncidentEvent { change, incident: after.or(before)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::alert_book::tests::alert;

    const ALL: IncidentFilter = IncidentFilter { open: None, members_min: MEMBERS_MIN };

    /// An alert on a series of a host, opened so many seconds behind the start.
    fn alert_at(number: u32, second: i64, closed: bool) -> Arc<Alert> {
        let mut alert = alert(number, &format!("host/{number}"), second * 1_000);
        alert.closed_ms = closed.then_some(second * 1_000 + 500);
        Arc::new(alert)
    }

    #[test]
    fn watchers_hear_of_incidents_of_several_alerts() {
        let view = IncidentView::new(100);
        let mut events = view.watch();
        let mut next = || events.try_recv().ok().map(|event| (event.change, event.incident.members.len()));
        view.committed([&alert_at(1, 0, false)].into_iter());
        view.settle();
        assert_eq!(next(), None, "one alert is no incident to tell of");
        view.committed([&alert_at(2, 1, false)].into_iter());
        view.settle();
        assert_eq!((next(), next()), (Some((IncidentChange::Opened, 2)), None));
        view.committed([&alert_at(1, 0, true)].into_iter());
        view.settle();
        view.committed([&alert_at(2, 1, true)].into_iter());
        view.settle();
        assert_eq!(next(), Some((IncidentChange::Changed, 2)));
        assert_eq!(next(), Some((IncidentChange::Closed, 2)));
        assert_eq!(view.counts(), IncidentCounts { open: 0, opened: 1 });
        view.restored(&[alert_at(2, 1, true).id], &[]);
        view.settle();
        assert_eq!(next(), Some((IncidentChange::Removed, 2)));
        assert_eq!(view.of_alert(alert_at(1, 0, true).id).unwrap().members.len(), 1);
        assert_eq!(view.of_alert(alert_at(2, 0, true).id), None);
    }

    #[test]
    fn no_more_waits_than_may() {
        let view = IncidentView::new(100);
        let alerts: Vec<_> = (0..PENDING_MAX as u32 + 1).map(|number| alert_at(number, 0, true)).collect();
        view.committed(alerts[1..].iter());
        view.relieve();
        assert_eq!(view.pending.lock().len(), PENDING_MAX);
        view.committed(alerts[..1].iter());
        view.relieve();
        assert!(view.pending.lock().is_empty());
    }

    #[test]
    fn pages_give_each_incident_once_newest_first() {
        let view = IncidentView::new(10_000);
        // Pairs a day apart, every second of them closed.
        for pair in 0..20 {
            let second = i64::from(pair) * 86_400;
            let alerts = [0, 1]
                .map(|other| alert_at(pair * 2 + other, second + i64::from(other), pair.is_multiple_of(2)));
            view.committed(alerts.iter());
        }
        let all = |filter| {
            let (mut opened, mut after) = (Vec::new(), None);
            loop {
                let page = view.page(filter, after, 3);
                assert!(page.incidents.len() <= 3);
                opened.extend(page.incidents.iter().map(|incident| incident.opened_ms / 86_400_000));
                match page.next {
                    Some(next) => after = Some(next),
                    None => return opened,
                }
            }
        };
        assert_eq!(all(ALL), (0..20).rev().collect::<Vec<_>>());
        assert_eq!(
            all(IncidentFilter { open: Some(true), ..ALL }),
            (0..10).map(|at| 19 - 2 * at).collect::<Vec<_>>()
        );
        assert_eq!(all(IncidentFilter { members_min: 3, ..ALL }), Vec::<i64>::new());
        assert_eq!(view.counts(), IncidentCounts { open: 10, opened: 20 });
    }

    #[test]
    fn a_restart_shows_the_same_incidents() {
        let (live, restarted) = (IncidentView::new(10_000), IncidentView::new(10_000));
        let alerts: Vec<_> =
            (0..300).map(|number| alert_at(number, i64::from(number * number % 9_000), true)).collect();
        for alert in &alerts {
            live.committed([alert].into_iter());
            live.settle();
        }
        restarted.restored(&[], &alerts);
        let ids = |view: &IncidentView| -> Vec<(IncidentId, usize)> {
            let page = view.page(ALL, None, 1_000);
            page.incidents.iter().map(|incident| (incident.id, incident.members.len())).collect()
        };
        assert!(!ids(&live).is_empty());
        assert_eq!(ids(&live), ids(&restarted));
    }
}
