//! The alert book: all alerts that are kept, in the orders they are listed in.

use super::filter::Filter;
use kizashi_models::alert::{Alert, AlertId};
use std::{
    collections::{BTreeSet, HashMap},
    ops::Bound,
    sync::Arc,
};

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertOrder {
    /// Newest first.
    OpenedDesc,
    /// Oldest first.
    OpenedAsc,
    /// Highest peak surprise first, newest first among equals.
    SurpriseDesc,
    /// Most severe first, newest first among equals.
    SeverityDesc,
}

impl AlertOrder {
    /// All, the default first.
    pub const ALL: [Self; 4] = [Self::OpenedDesc, Self::OpenedAsc, Self::SurpriseDesc, Self::SeverityDesc];

    /// As written in a request.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenedDesc => "opened desc",
            Self::OpenedAsc => "opened asc",
            Self::SurpriseDesc => "surprise desc",
            Self::SeverityDesc => "severity desc",
        }
    }

    /// The place of `alert` in this order's index.
    fn key(self, alert: &Alert) -> SortKey {
        let rank = match self {
            Self::OpenedDesc | Self::OpenedAsc => 0,
            // The bits of floats that are not negative are ordered as they are.
            Self::SurpriseDesc => alert.surprise.max(0.0).to_bits(),
            Self::SeverityDesc => alert.severity as u64,
        };
        SortKey { rank, opened_ms: alert.opened_ms, id: alert.id }
    }
}

/// Where an alert stands in an order. A page token holds the key of the last alert given, so paging goes on
/// at the same place whatever was added or removed in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SortKey {
    rank: u64,
    opened_ms: i64,
    id: AlertId,
}

impl SortKey {
    /// Bytes of [`SortKey::encode`].
    pub const BYTES: usize = 32;

    /// Packs the key for a token.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.rank.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.opened_ms.to_le_bytes());
        bytes[16..].copy_from_slice(&self.id.0);
        bytes
    }

    /// Unpacks what [`SortKey::encode`] gave.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        Some(Self {
            rank: u64::from_le_bytes(bytes[..8].try_into().ok()?),
            opened_ms: i64::from_le_bytes(bytes[8..16].try_into().ok()?),
            id: AlertId(bytes[16..].try_into().ok()?),
        })
    }
}

/// What one slice of a scan found.
#[derive(Debug, Default)]
pub struct Slice {
    /// Alerts that match, in order, each with its key.
    pub found: Vec<(SortKey, Arc<Alert>)>,
    /// Where the next slice begins; `None` where the scan is complete.
    pub next: Option<SortKey>,
}

/// All alerts that are kept: at most `alerts_max`. Where there are more, those that closed first go first,
/// then, if all are open, those that opened first.
#[derive(Debug)]
pub struct AlertBook {
    alerts_max: usize,
    /// With the number of the shard that committed it.
    alerts: HashMap<AlertId, (usize, Arc<Alert>)>,
    by_opened: BTreeSet<SortKey>,
    by_surprise: BTreeSet<SortKey>,
    by_severity: BTreeSet<SortKey>,
    /// Closed alerts by the time they closed.
    closed: BTreeSet<(i64, AlertId)>,
    /// Open alerts by stream, series and opening.
    open: BTreeSet<(Box<str>, Box<str>, i64, AlertId)>,
}

impl AlertBook {
    /// An empty book that keeps at most `alerts_max` alerts, at least 1.
    pub fn new(alerts_max: usize) -> Self {
        assert!(alerts_max > 0, "a book keeps at least one alert");
        Self {
            alerts_max,
            alerts: HashMap::new(),
            by_opened: BTreeSet::new(),
            by_surprise: BTreeSet::new(),
            by_severity: BTreeSet::new(),
            closed: BTreeSet::new(),
            open: BTreeSet::new(),
        }
    }

    /// Puts in an alert of a shard as it is now, in place of what is known of it.
    pub fn put(&mut self, shard: usize, alert: Arc<Alert>) {
        self.remove(alert.id);
        for order in [AlertOrder::OpenedDesc, AlertOrder::SurpriseDesc, AlertOrder::SeverityDesc] {
            self.index_mut(order).insert(order.key(&alert));
        }
        match alert.closed_ms {
            Some(closed_ms) => self.closed.insert((closed_ms, alert.id)),
            None => self.open.insert(open_key(&alert)),
        };
        self.alerts.insert(alert.id, (shard, alert));
        if self.alerts.len() > self.alerts_max {
            let oldest_closed = self.closed.first().map(|(_, id)| *id);
            let oldest = oldest_closed.or_else(|| self.by_opened.first().map(|key| key.id));
            self.remove(oldest.expect("a book over its bound is not empty"));
        }
        debug_assert_eq!(self.alerts.len(), self.by_opened.len());
        debug_assert_eq!(self.alerts.len(), self.closed.len() + self.open.len());
    }

    /// Takes out all alerts of a shard, and says which.
    pub fn clear(&mut self, shard: usize) -> Vec<AlertId> {
        let of_shard = self.alerts.iter().filter(|(_, (owner, _))| *owner == shard);
        let ids: Vec<AlertId> = of_shard.map(|(id, _)| *id).collect();
        ids.iter().for_each(|id| self.remove(*id));
        ids
    }

    fn remove(&mut self, id: AlertId) {
        let Some((_, alert)) = self.alerts.remove(&id) else { return };
        for order in [AlertOrder::OpenedDesc, AlertOrder::SurpriseDesc, AlertOrder::SeverityDesc] {
            self.index_mut(order).remove(&order.key(&alert));
        }
        match alert.closed_ms {
            Some(closed_ms) => self.closed.remove(&(closed_ms, id)),
            None => self.open.remove(&open_key(&alert)),
        };
    }

    /// The alert of this id, where it is kept.
    pub fn get(&self, id: AlertId) -> Option<Arc<Alert>> {
        self.alerts.get(&id).map(|(_, alert)| alert.clone())
    }

    /// Number of open alerts.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// The newest open alert of a series.
    pub fn open_of(&self, stream: &str, series: &str) -> Option<AlertId> {
        let first = (Box::from(stream), Box::from(series), i64::MIN, AlertId([0; 16]));
        let last = (Box::from(stream), Box::from(series), i64::MAX, AlertId([0xff; 16]));
        self.open.range(first..=last).next_back().map(|(.., id)| *id)
    }

    /// Looks at up to `scanned_max` alerts behind `after` in the given order, and gives up to `found_max` that
    /// match. The caller goes on until it has what it wants, so that no reader holds the book for long.
    pub fn scan(
        &self,
        order: AlertOrder,
        filter: &Filter,
        after: Option<SortKey>,
        found_max: usize,
        scanned_max: usize,
    ) -> Slice {
        let index = self.index(order);
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        match order {
            AlertOrder::OpenedAsc => {
                self.slice(index.range((after, Bound::Unbounded)), filter, found_max, scanned_max)
            }
            _ => self.slice(index.range((Bound::Unbounded, after)).rev(), filter, found_max, scanned_max),
        }
    }

    fn slice<'a>(
        &self,
        keys: impl Iterator<Item = &'a SortKey>,
        filter: &Filter,
        found_max: usize,
        scanned_max: usize,
    ) -> Slice {
        let mut slice = Slice::default();
        for (scanned, key) in keys.enumerate() {
            if slice.found.len() == found_max || scanned == scanned_max {
                return slice;
            }
            slice.next = Some(*key);
            let (_, alert) = &self.alerts[&key.id];
            if filter.matches(alert) {
                slice.found.push((*key, alert.clone()));
            }
        }
        slice.next = None;
        slice
    }

    fn index(&self, order: AlertOrder) -> &BTreeSet<SortKey> {
        match order {
            AlertOrder::OpenedDesc | AlertOrder::OpenedAsc => &self.by_opened,
            AlertOrder::SurpriseDesc => &self.by_surprise,
            AlertOrder::SeverityDesc => &self.by_severity,
        }
    }

    fn index_mut(&mut self, order: AlertOrder) -> &mut BTreeSet<SortKey> {
        match order {
            AlertOrder::OpenedDesc | AlertOrder::OpenedAsc => &mut self.by_opened,
            AlertOrder::SurpriseDesc => &mut self.by_surprise,
            AlertOrder::SeverityDesc => &mut self.by_severity,
        }
    }
}

fn open_key(alert: &Alert) -> (Box<str>, Box<str>, i64, AlertId) {
    (alert.source.stream.clone(), alert.series.clone(), alert.opened_ms, alert.id)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use kizashi_models::{
        alert::{AlertKind, FieldEvidence, Severity},
        position::{Position, Source},
    };
    use proptest::prelude::*;

    /// An open alert.
    pub(crate) fn alert(number: u32, series: &str, opened_ms: i64) -> Alert {
        let mut id = [0; 16];
        id[12..].copy_from_slice(&number.to_be_bytes());
        let evidence = FieldEvidence {
            name: "".into(),
            observed: 9.0,
            expected: 1.0,
            lower: 0.5,
            upper: 1.5,
            contribution: 1.0,
        };
        let mut sequence = [0; 24];
        sequence[20..].copy_from_slice(&number.to_be_bytes());
        Alert {
            id: AlertId(id),
            series: series.into(),
            kind: AlertKind::Anomaly,
            severity: Severity::Info,
            opened_ms,
            last_ms: opened_ms,
            closed_ms: None,
            surprise: 5.0,
            anomaly_score: 0.5,
            observations: 1,
            fields: vec![evidence],
            nearest: None,
            why: "9 was observed where 0.5 to 1.5 was expected".to_owned(),
            snapshot: [7; 32],
            source: Source {
                stream: "events".into(),
                shard: "shardId-000000000000".into(),
                position: Position { sequence, index: 0 },
            },
        }
    }

    fn all(book: &AlertBook, order: AlertOrder, slice: (usize, usize)) -> Vec<Arc<Alert>> {
        let mut alerts = Vec::new();
        let mut after = None;
        loop {
            let slice = book.scan(order, &Filter::default(), after, slice.0, slice.1);
            alerts.extend(slice.found.into_iter().map(|(_, alert)| alert));
            match slice.next {
                Some(next) => after = Some(next),
                None => return alerts,
            }
        }
    }

    #[test]
    fn oldest_closed_go_first() {
        let mut book = AlertBook::new(3);
        for number in 0..3 {
            book.put(0, Arc::new(alert(number, "cpu", i64::from(number))));
        }
        for (number, closed_ms) in [(1, 50), (2, 40)] {
            let mut closed = alert(number, "cpu", i64::from(number));
            closed.closed_ms = Some(closed_ms);
            book.put(0, Arc::new(closed));
        }
        assert_eq!((book.alerts.len(), book.open_count()), (3, 1));
        book.put(0, Arc::new(alert(3, "cpu", 3)));
        assert!(book.get(alert(2, "", 0).id).is_none(), "closed first, goes first");
        book.put(0, Arc::new(alert(4, "cpu", 4)));
        assert!(book.get(alert(1, "", 0).id).is_none());
        book.put(0, Arc::new(alert(5, "cpu", 5)));
        assert!(book.get(alert(0, "", 0).id).is_none(), "all open: the oldest goes");
        assert_eq!(book.open_of("events", "cpu"), Some(alert(5, "", 0).id));
        assert_eq!(book.open_of("events", "cp"), None);
        assert_eq!(book.open_of("other", "cpu"), None);
        book.put(1, Arc::new(alert(6, "cpu", 6)));
        book.clear(0);
        assert_eq!(all(&book, AlertOrder::OpenedDesc, (9, 9)).len(), 1, "the other shard's alert stays");
    }

    proptest! {
        #[test]
        fn orders_hold_and_slices_make_up_the_whole(
            puts in proptest::collection::vec((0u32..40, 0i64..20, 0u8..4, 0u8..3, any::<bool>()), 0..80),
            slice in (1usize..5, 1usize..5),
        ) {
            let mut book = AlertBook::new(30);
            for (number, opened_ms, surprise, severity, closed) in puts {
                let mut put = alert(number, "cpu", opened_ms);
                put.surprise = f64::from(surprise);
                put.severity = [Severity::Info, Severity::Warning, Severity::Critical][usize::from(severity)];
                put.closed_ms = closed.then_some(opened_ms + 1);
                book.put(0, Arc::new(put));
            }
            prop_assert!(book.alerts.len() <= 30);
            for order in AlertOrder::ALL {
                let listed = all(&book, order, slice);
                prop_assert_eq!(listed.len(), book.alerts.len());
                let sorted = listed.windows(2).all(|pair| {
                    let (a, b) = (&pair[0], &pair[1]);
                    match order {
                        AlertOrder::OpenedDesc => (a.opened_ms, a.id) > (b.opened_ms, b.id),
                        AlertOrder::OpenedAsc => (a.opened_ms, a.id) < (b.opened_ms, b.id),
                        AlertOrder::SurpriseDesc => (a.surprise, a.opened_ms, a.id) > (b.surprise, b.opened_ms, b.id),
                        AlertOrder::SeverityDesc => (a.severity, a.opened_ms, a.id) > (b.severity, b.opened_ms, b.id),
                    }
                });
                prop_assert!(sorted, "{order:?}");
            }
        }

        #[test]
        fn paging_gives_each_alert_once_whatever_is_put_in_between(
            before in proptest::collection::btree_set((0i64..50, 0u32..1000), 1..40),
            between in proptest::collection::vec(0i64..50, 0..40),
            page in 1usize..7,
        ) {
            let mut book = AlertBook::new(1000);
            for (opened_ms, number) in &before {
                book.put(0, Arc::new(alert(*number, "cpu", *opened_ms)));
            }
            let known: std::collections::HashSet<AlertId> = book.alerts.keys().copied().collect();
            let mut between = between.into_iter().zip(1000..);
            let (mut after, mut seen) = (None, Vec::new());
            loop {
                let slice = book.scan(AlertOrder::OpenedDesc, &Filter::default(), after, page, page);
                seen.extend(slice.found.iter().map(|(_, alert)| alert.id));
                let Some(next) = slice.next else { break };
                after = SortKey::decode(&next.encode());
                if let Some((opened_ms, number)) = between.next() {
                    book.put(1, Arc::new(alert(number, "cpu", opened_ms)));
                }
            }
            let unique: std::collections::HashSet<AlertId> = seen.iter().copied().collect();
            prop_assert_eq!(unique.len(), seen.len(), "an alert came twice");
            prop_assert!(known.is_subset(&unique), "an alert was left out");
        }
    }
}
