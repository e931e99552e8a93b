//! Views: what users see, derived from the commit logs. Nothing here is the truth; all of it is rebuilt at the
//! start from what storage keeps, and follows each commit once it is durable.

pub mod alert_book;
pub mod dead_letters;
pub mod filter;
pub mod series_table;
pub mod token;
pub mod watch;

use alert_book::{AlertBook, AlertOrder, SortKey};
use dead_letters::{DeadLetter, DeadLetterBook};
use filter::Filter;
use kizashi_models::{
    alert::{Alert, AlertEvent, AlertId},
    engine::Output,
};
use parking_lot::{Mutex, RwLock};
use series_table::SeriesTable;
use std::sync::Arc;
use watch::{CommitHistory, Hub, ShardKey, ShardNumber, Watch, WatchError};

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
/// At the start, [`Views::follow`] each shard and restore what storage keeps, then serve; from then on hand in
/// each commit, once it is durable, in the order of the shard's commit log.
pub struct Views {
    history: Arc<dyn CommitHistory>,
    /// The book and the hub change together, so that a list's watch token fits the list.
    alerts: Mutex<Alerts>,
    dead_letters: Mutex<DeadLetterBook>,
    series: RwLock<Vec<Arc<SeriesTable>>>,
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
            series: RwLock::default(),
        }
    }

    /// Follows the commits of a shard from number `next` on; what is before is restored. Observations of the
    /// shard's series come from `source_stream`. All shards are to be followed before watches begin.
    pub fn follow(&self, shard: ShardKey, source_stream: Arc<str>, next: u64) -> ShardNumber {
        let number = self.alerts.lock().hub.follow(shard, next);
        let mut series = self.series.write();
        if number.0 == series.len() {
            series.push(Arc::new(SeriesTable::new(source_stream)));
        }
        number
    }

    /// Puts in an alert that storage keeps, as it was after its newest committed change.
    pub fn restore_alert(&self, alert: Alert) {
        self.alerts.lock().book.put(Arc::new(alert));
    }

    /// Puts in a dead letter that storage keeps.
    pub fn restore_dead_letter(&self, letter: DeadLetter) {
        self.dead_letters.lock().put(letter);
    }

    /// Table of the series of a shard: restore them there.
    pub fn series_of(&self, shard: ShardNumber) -> Arc<SeriesTable> {
        self.series.read()[shard.0].clone()
    }

    /// Tables of the series of all shards.
    pub fn series(&self) -> Vec<Arc<SeriesTable>> {
        self.series.read().clone()
    }

    /// Takes in commit number `commit` of a shard, which is durable. Cheap, never waits for a watcher.
    pub fn committed(
        &self,
        shard: ShardNumber,
        commit: u64,
        events: &[AlertEvent],
        dead_letters: Vec<DeadLetter>,
    ) {
        let events: Vec<_> =
            events.iter().map(|event| (event.change, Arc::new(event.alert.clone()))).collect();
        {
            let mut alerts = self.alerts.lock();
            for (_, alert) in &events {
                alerts.book.put(alert.clone());
            }
            alerts.hub.committed(shard, commit, events);
        }
        if !dead_letters.is_empty() {
            let mut book = self.dead_letters.lock();
            dead_letters.into_iter().for_each(|letter| book.put(letter));
        }
    }

    /// Takes in the scored observations of a commit that is durable.
    pub fn observed(&self, shard: ShardNumber, output: &Output) {
        if !output.points.is_empty() {
            self.series_of(shard).observe(output);
        }
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

    /// Watches changes of alerts: from `resume` on, or, without, from now on.
    pub fn watch(self: &Arc<Self>, filter: Filter, resume: Option<&str>) -> Result<Watch, WatchError> {
        let cursor = self.alerts.lock().hub.subscribe(filter, resume)?;
        Ok(Watch::new(cursor, self.history.clone(), Arc::downgrade(self)))
    }
}
