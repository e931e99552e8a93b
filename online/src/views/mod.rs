//! Views: what users see, derived from the commit logs. Nothing here is the truth; all of it is rebuilt at the
//! start from what storage keeps, and follows each commit once it is durable.

pub mod alert_book;
pub mod dead_letters;
pub mod filter;
pub mod incidents;
pub mod series_table;
pub mod token;
pub mod watch;

use crate::committed::{CommitSink, Committed, Restored, ShardRef};
use alert_book::{AlertBook, AlertOrder, SortKey};
use dead_letters::{DeadLetter, DeadLetterBook};
use filter::Filter;
use incidents::IncidentView;
use kizashi_models::alert::{Alert, AlertId};
use kizashi_storage::commit::{Commit, Control};
use parking_lot::{Mutex, RwLock};
use series_table::{SeriesEntry, SeriesKey, SeriesTable};
use std::{collections::HashMap, sync::Arc};
use watch::{CommitHistory, Hub, Watch, WatchError};

/// The application whose commits hold alerts and whose shards have series.
const SCORE: &str = "score";

/// Alerts looked at while the book is locked.
const SCANNED_MAX: usize = 1_000;

/// How much the views keep.
#[derive(Clone, Debug)]
pub struct ViewLimits {
    /// Alerts in the book.
    pub alerts_max: usize,
    /// Dead letters.
    pub dead_letters_max: usize,
    /// Commits with events that watchers may be behind before they read the commit logs.
    pub ring_commits: usize,
}

impl Default for ViewLimits {
    fn default() -> Self {
        Self { alerts_max: 100_000, dead_letters_max: 10_000, ring_commits: 1_024 }
    }
}

/// What users see: the alert book, Watch, the dead letters, the series.
///
/// The workers feed it as their [`CommitSink`]. At the start all shards are to be restored before the services
/// begin, so that a watch that resumes knows them.
pub struct Views {
    history: Arc<dyn CommitHistory>,
    /// The book and the hub change together, so that a list's watch token fits the list.
    alerts: Mutex<Alerts>,
    dead_letters: Mutex<DeadLetterBook>,
    incidents: IncidentView,
    shards: RwLock<Shards>,
}

/// The shards that are followed, numbered as they came.
#[derive(Default)]
struct Shards {
    numbers: HashMap<ShardRef, usize>,
    series: Vec<Arc<SeriesTable>>,
}

#[derive(Debug)]
struct Alerts {
    book: AlertBook,
    hub: Hub,
}

/// A page of alerts.
#[derive(Debug)]
pub struct AlertPage {
    /// In order.
    pub alerts: Vec<Arc<Alert>>,
    /// Key of the last, where more follow.
    pub next: Option<SortKey>,
    /// Watches from the state that the page was begun at.
    pub watch_token: String,
}

impl Views {
    /// Empty views; `history` reads back what the commit logs keep, for those who resume a watch.
    pub fn new(limits: ViewLimits, history: Arc<dyn CommitHistory>) -> Self {
        let book = AlertBook::new(limits.alerts_max);
        Self {
            history,
            alerts: Mutex::new(Alerts { book, hub: Hub::new(limits.ring_commits) }),
            dead_letters: Mutex::new(DeadLetterBook::new(limits.dead_letters_max)),
            incidents: IncidentView::new(limits.alerts_max),
            shards: RwLock::default(),
        }
    }

    /// Alerts of series that broke together.
    pub fn incidents(&self) -> &IncidentView {
        &self.incidents
    }

    /// Tables of the series of all shards that are scored.
    pub fn series(&self) -> Vec<Arc<SeriesTable>> {
        self.shards.read().series.clone()
    }

    /// Up to `count` series behind `after`, in the order of keys, whose key contains `needle`, which is in lower
    /// case; and whether more follow.
    pub fn list_series(
        &self,
        after: Option<&SeriesKey>,
        needle: &str,
        count: usize,
    ) -> (Vec<SeriesEntry>, bool) {
        let tables = self.series().into_iter();
        let mut page: Vec<SeriesEntry> =
            tables.flat_map(|table| table.page(after, needle, count + 1)).collect();
        page.sort_unstable_by(|a, b| a.key().cmp(&b.key()).then(b.last_ms.cmp(&a.last_ms)));
        // A series whose shard was split stands on both; the newer one counts.
        page.dedup_by(|later, kept| later.series == kept.series && later.stream == kept.stream);
        let more = page.len() > count;
        page.truncate(count);
        (page, more)
    }

    /// How many series are known.
    pub fn series_count(&self) -> usize {
        self.series().iter().map(|table| table.count()).sum()
    }

    /// Up to `count` alerts that the filter lets through, behind `after`.
    pub fn alerts(
        &self,
        filter: &Filter,
        order: AlertOrder,
        after: Option<SortKey>,
        count: usize,
    ) -> AlertPage {
        let watch_token = self.alerts.lock().hub.token();
        let (mut found, mut after) = (Vec::new(), after);
        loop {
            // One more than asked for tells whether more follow.
            let wanted = count + 1 - found.len();
            let slice = self.alerts.lock().book.scan(order, filter, after, wanted, SCANNED_MAX);
            found.extend(slice.found);
            if found.len() > count {
                found.truncate(count);
                let next = found.last().map(|(key, _)| *key);
                return AlertPage {
                    alerts: found.into_iter().map(|(_, alert)| alert).collect(),
                    next,
                    watch_token,
                };
            }
            match slice.next {
                Some(next) => after = Some(next),
                None => {
                    let alerts = found.into_iter().map(|(_, alert)| alert).collect();
                    return AlertPage { alerts, next: None, watch_token };
                }
            }
        }
    }

    /// The alert of this id, where it is kept.
    pub fn alert(&self, id: AlertId) -> Option<Arc<Alert>> {
        self.alerts.lock().book.get(id)
    }

    /// The open alert of a series.
    pub fn open_alert_of(&self, stream: &str, series: &str) -> Option<AlertId> {
        self.alerts.lock().book.open_of(stream, series)
    }

    /// How many alerts are open.
    pub fn open_alerts(&self) -> usize {
        self.alerts.lock().book.open_count()
    }

    /// The dead letters.
    pub fn dead_letters(&self) -> &Mutex<DeadLetterBook> {
        &self.dead_letters
    }

    fn follow_dead_letters(&self, shard: &ShardRef, commit: &Commit) {
        let settled = commit.control.iter().filter_map(|entry| match &entry.control {
            Control::SettleDeadLetters { letters } => Some(letters),
            _ => None,
        });
        let mut settled = settled.peekable();
        if commit.dead_letters.is_empty() && settled.peek().is_none() {
            return;
        }
        let mut book = self.dead_letters.lock();
        for letter in &commit.dead_letters {
            book.put(DeadLetter { shard: shard.clone(), letter: letter.clone() });
        }
        settled.for_each(|letters| book.settle(shard, letters));
    }

    /// Watches changes of alerts: from `resume` on, or, without, from now on.
    pub fn watch(self: &Arc<Self>, filter: Filter, resume: Option<&str>) -> Result<Watch, WatchError> {
        let cursor = self.alerts.lock().hub.subscribe(filter, resume)?;
        Ok(Watch::new(cursor, self.history.clone(), Arc::downgrade(self)))
    }
}

impl CommitSink for Views {
    fn restored(&self, shard: &ShardRef, restored: Restored) {
        {
            let mut letters = self.dead_letters.lock();
            letters.clear(shard);
            for letter in restored.dead_letters {
                letters.put(DeadLetter { shard: shard.clone(), letter });
            }
        }
        if *shard.application != *SCORE {
            return;
        }
        // Held to the end, so that the number of a new shard is the same everywhere.
        let mut shards = self.shards.write();
        let number = shards.numbers.get(shard).copied().unwrap_or(shards.series.len());
        if number == shards.series.len() {
            shards.series.push(Arc::new(SeriesTable::new(shard.clone())));
            shards.numbers.insert(shard.clone(), number);
        }
        shards.series[number].restore(restored.series);
        let mut alerts = self.alerts.lock();
        let known = alerts.book.clear(number);
        let kept: Vec<Arc<Alert>> = restored.alerts.into_iter().map(Arc::new).collect();
        self.incidents.restored(&known, &kept);
        for alert in kept {
            alerts.book.put(number, alert);
        }
        alerts.hub.follow(number, shard, restored.next_commit);
    }

    fn committed(&self, committed: Committed<'_>) {
        let Committed { shard, index, commit, output } = committed;
        self.follow_dead_letters(shard, commit);
        if *shard.application != *SCORE {
            return;
        }
        let (number, series) = {
            let shards = self.shards.read();
            let number = *shards.numbers.get(shard).expect("a shard is restored before it commits");
            (number, shards.series[number].clone())
        };
        let events = commit.events.iter().map(|event| (event.change, Arc::new(event.alert.clone())));
        let events: Vec<_> = events.collect();
        {
            let mut alerts = self.alerts.lock();
            for (_, alert) in &events {
                alerts.book.put(number, alert.clone());
            }
            self.incidents.committed(events.iter().map(|(_, alert)| alert));
            alerts.hub.committed(number, index, events);
        }
        // Not while the alerts are locked: it may take long, and the other workers need them.
        self.incidents.relieve();
        series.observe(output);
    }
    fn forgotten(&self, shard: &ShardRef, series: &[Box<str>]) {
        let table = {
            let shards = self.shards.read();
            shards.numbers.get(shard).map(|number| shards.series[*number].clone())
        };
        if let Some(table) = table {
            table.forget(series);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use series_table::tests::summary;
    use watch::tests::{Node, shard};

    #[test]
    fn a_shard_that_is_restored_anew_shows_what_it_has_now() {
        let mut node = Node::new(2, 8);
        node.commit(0, 2, true);
        let other = node.commit(1, 1, true);
        let restored = |keys: &[&str]| Restored {
            alerts: Vec::new(),
            dead_letters: Vec::new(),
            series: keys.iter().map(|key| summary(key)).collect(),
            next_commit: 1,
        };
        node.views.restored(&shard(0), restored(&["a", "b", "c"]));
        let page = node.views.alerts(&Filter::default(), AlertOrder::OpenedDesc, None, 10);
        let ids: Vec<AlertId> = page.alerts.iter().map(|alert| alert.id).collect();
        assert_eq!(ids, other, "those of the other shard stay");
        assert_eq!(node.views.series_count(), 3);
        node.views.forgotten(&shard(1), &["a".into()]);
        node.views.forgotten(&shard(0), &["b".into()]);
        let (series, more) = node.views.list_series(None, "", 10);
        let keys: Vec<&str> = series.iter().map(|entry| &*entry.series).collect();
        assert_eq!((keys, more), (vec!["a", "c"], false));
        node.views.restored(&shard(0), restored(&["c"]));
        assert_eq!(node.views.series_count(), 1);

        let routed = ShardRef { application: "route".into(), ..shard(0) };
        node.views.restored(&routed, restored(&[]));
        let token = node.views.watch(Filter::default(), None).unwrap().resume_token();
        assert!(token.len() < 2 * 28 + 18, "the token names the shards that are scored alone: {token}");
    }
}
