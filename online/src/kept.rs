//! The alerts and dead letters of a shard that are kept as pieces, within bounds.

use kizashi_models::{
    alert::{Alert, AlertId},
    position::Source,
};
use kizashi_storage::{
    codec::{decode_alert, decode_dead_letter, encode_alert, encode_dead_letter, position_to_bytes},
    commit::{Commit, Control, DeadLetter},
    error::StoreError,
    pieces::PieceBatch,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// First byte of the key of a piece: what it is of.
pub mod key {
    /// The state of a series.
    pub const SERIES: u8 = b's';
    /// An alert.
    pub const ALERT: u8 = b'a';
    /// A dead letter.
    pub const LETTER: u8 = b'd';
}

/// How many are kept of a shard.
#[derive(Clone, Copy, Debug)]
pub struct KeepLimits {
    /// Alerts; beyond it the closed ones that closed first go.
    pub alerts_max: usize,
    /// Dead letters; beyond it the oldest go.
    pub dead_letters_max: usize,
}

/// What is kept, as it is read at the start.
#[derive(Debug, Default)]
pub struct Found {
    /// The alerts.
    pub alerts: HashMap<AlertId, Alert>,
    /// The dead letters, by arrival and source.
    pub letters: BTreeMap<LetterKey, DeadLetter>,
}

/// Orders letters as they are kept.
type LetterKey = (i64, Vec<u8>);

impl Found {
    /// Takes a piece in; `false` where it is neither an alert nor a letter.
    pub fn load(&mut self, piece_key: &[u8], value: &[u8]) -> Result<bool, StoreError> {
        match piece_key.first() {
            Some(&key::ALERT) => {
                let alert = decode_alert(value)?;
                self.alerts.insert(alert.id, alert);
            }
            Some(&key::LETTER) => {
                let letter = decode_dead_letter(value)?;
                self.letters.insert(letter_key(&letter), letter);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Follows a commit that may or may not be in the pieces already.
    pub fn follow(&mut self, commit: &Commit) {
        for event in &commit.events {
            self.alerts.insert(event.alert.id, event.alert.clone());
        }
        for letter in &commit.dead_letters {
            self.letters.insert(letter_key(letter), letter.clone());
        }
        for settled in settled(commit) {
            self.letters.retain(|_, letter| letter.source != *settled);
        }
    }
}

/// Knows which alerts and letters are kept, and says what to write where a commit changes that.
#[derive(Debug)]
pub struct Kept {
    limits: KeepLimits,
    open: BTreeSet<AlertId>,
    closed: BTreeSet<(i64, AlertId)>,
    letters: BTreeSet<LetterKey>,
    /// Of commits whose pieces may not have been written: goes before all else.
    owed: PieceBatch,
}

impl Kept {
    /// Begins with what was found, and the commits behind the newest mark: a crash may have come between
    /// them and their pieces, and the next mark will say that they are not needed.
    pub fn new(limits: KeepLimits, found: &Found, tail: &[Commit]) -> Self {
        let (open, closed, letters) = Default::default();
        let mut kept = Self { limits, open, closed, letters, owed: PieceBatch::default() };
        for alert in found.alerts.values() {
            kept.note(alert);
        }
        kept.letters.extend(found.letters.keys().cloned());
        let changed: BTreeSet<AlertId> =
            tail.iter().flat_map(|commit| &commit.events).map(|event| event.alert.id).collect();
        for alert in changed.iter().filter_map(|id| found.alerts.get(id)) {
            kept.owed.put(&alert_key(alert.id), &encode_alert(alert));
        }
        for commit in tail {
            for letter in &commit.dead_letters {
                kept.owed.put(&letter_piece_key(&letter_key(letter)), &encode_dead_letter(letter));
            }
            for settled in settled(commit) {
                kept.owed.delete(&letter_piece_key(&(0, source_bytes(settled))));
            }
        }
        kept
    }

    fn note(&mut self, alert: &Alert) {
        match alert.closed_ms {
            Some(closed_ms) => {
                self.open.remove(&alert.id);
                self.closed.insert((closed_ms, alert.id));
            }
            None => {
                self.open.insert(alert.id);
            }
        }
    }

    /// Adds to the batch what a durable commit changes; to the first batch, also what commits before have left.
    pub fn follow(&mut self, commit: &Commit, batch: &mut PieceBatch) {
        batch.append(&std::mem::take(&mut self.owed));
        for (at, event) in commit.events.iter().enumerate() {
            self.note(&event.alert);
            // Only the last state of an alert in a commit is written.
            let again = commit.events[at + 1..].iter().any(|later| later.alert.id == event.alert.id);
            if !again {
                batch.put(&alert_key(event.alert.id), &encode_alert(&event.alert));
            }
        }
        while self.open.len() + self.closed.len() > self.limits.alerts_max {
            let Some((_, id)) = self.closed.pop_first() else { break };
            batch.delete(&alert_key(id));
        }
        for letter in &commit.dead_letters {
            let key = letter_key(letter);
            batch.put(&letter_piece_key(&key), &encode_dead_letter(letter));
            self.letters.insert(key);
        }
        for settled in settled(commit) {
            let source = source_bytes(settled);
            let found = self.letters.iter().find(|(_, key)| *key == source).cloned();
            if let Some(key) = found {
                batch.delete(&letter_piece_key(&key));
                self.letters.remove(&key);
            }
        }
        while self.letters.len() > self.limits.dead_letters_max {
            let Some(key) = self.letters.pop_first() else { break };
            batch.delete(&letter_piece_key(&key));
        }
    }
}

fn settled(commit: &Commit) -> impl Iterator<Item = &Source> {
    let lists = commit.control.iter().filter_map(|entry| match &entry.control {
        Control::SettleDeadLetters { letters } => Some(letters),
        _ => None,
    });
    lists.flatten()
}

fn alert_key(id: AlertId) -> [u8; 17] {
    let mut bytes = [key::ALERT; 17];
    bytes[1..].copy_from_slice(&id.0);
    bytes
}

fn letter_key(letter: &DeadLetter) -> LetterKey {
    (letter.arrival_ms, source_bytes(&letter.source))
}

fn source_bytes(source: &Source) -> Vec<u8> {
    let position = position_to_bytes(&source.position);
    [source.stream.as_bytes(), &[0], source.shard.as_bytes(), &[0], &position].concat()
}

fn letter_piece_key(key: &LetterKey) -> Vec<u8> {
    [&[self::key::LETTER], &key.1[..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kizashi_log::{FileSystem, SimFileSystem};
    use kizashi_models::{
        alert::{AlertEvent, AlertKind, Change, Severity},
        position::Position,
    };
    use kizashi_storage::{commit::ControlEntry, shard::ShardStore};
    use std::{path::Path, sync::Arc};

    fn source(number: u8) -> Source {
        let position = Position { sequence: [number; 24], index: 0 };
        Source { stream: "events".into(), shard: "shardId-000000000000".into(), position }
    }

    fn event(number: u8, closed_ms: Option<i64>) -> AlertEvent {
        let alert = Alert {
            id: AlertId([number; 16]),
            series: "s".into(),
            kind: AlertKind::Anomaly,
            severity: Severity::Info,
            opened_ms: 0,
            last_ms: 0,
            closed_ms,
            surprise: 5.0,
            anomaly_score: 0.5,
            observations: 1,
            fields: vec![],
            nearest: None,
            why: String::new(),
            snapshot: [0; 32],
            source: source(number),
        };
        AlertEvent { change: closed_ms.map_or(Change::Opened, |_| Change::Closed), alert }
    }

    fn letter(number: u8) -> DeadLetter {
        DeadLetter {
            source: source(number),
            arrival_ms: number.into(),
            reason: "".into(),
            excerpt: "".into(),
        }
    }

    fn kept(kept: &Kept) -> (usize, usize, usize) {
        (kept.open.len(), kept.closed.len(), kept.letters.len())
    }

    #[test]
    fn the_oldest_closed_alerts_and_letters_go() {
        let limits = KeepLimits { alerts_max: 2, dead_letters_max: 2 };
        let mut keep = Kept::new(limits, &Found::default(), &[]);
        let commit = Commit {
            events: vec![event(1, None), event(2, Some(5)), event(3, Some(4)), event(4, None)],
            dead_letters: vec![letter(1), letter(2), letter(3)],
            ..Commit::default()
        };
        let mut batch = PieceBatch::default();
        keep.follow(&commit, &mut batch);
        assert_eq!(kept(&keep), (2, 0, 2));
        let settle = ControlEntry {
            position: Position::default(),
            control: Control::SettleDeadLetters { letters: vec![source(2), source(9)] },
        };
        let commit = Commit { control: vec![settle], ..Commit::default() };
        keep.follow(&commit, &mut batch);
        assert_eq!(kept(&keep), (2, 0, 1));
    }

    /// What pieces a batch writes come to.
    fn written(batch: &PieceBatch) -> Found {
        let mut found = Found::default();
        let fs: Arc<dyn FileSystem> = Arc::new(SimFileSystem::new());
        let store = ShardStore::open(&fs, Path::new("/shard")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (durable, _) = store.commits.take_over(1, 0, Commit::default()).await.unwrap();
            store.pieces.write(durable, 0, batch).await.unwrap();
            let loaded = store.pieces.load(|key, value| found.load(key, value).map(|_| ())).await;
            loaded.unwrap();
        });
        found
    }

    #[test]
    fn commits_that_a_crash_has_kept_from_the_pieces_are_written_first() {
        let settle = |number| ControlEntry {
            position: Position::default(),
            control: Control::SettleDeadLetters { letters: vec![source(number)] },
        };
        let tail = [
            Commit {
                events: vec![event(1, None), event(2, None)],
                dead_letters: vec![letter(1), letter(2)],
                ..Commit::default()
            },
            Commit { events: vec![event(1, Some(7))], control: vec![settle(1)], ..Commit::default() },
        ];
        let mut found = Found::default();
        tail.iter().for_each(|commit| found.follow(commit));
        let mut keep = Kept::new(KeepLimits { alerts_max: 9, dead_letters_max: 9 }, &found, &tail);
        let mut batch = PieceBatch::default();
        keep.follow(&Commit { events: vec![event(2, Some(8))], ..Commit::default() }, &mut batch);
        let pieces = written(&batch);
        assert_eq!(pieces.letters, BTreeMap::from([(letter_key(&letter(2)), letter(2))]));
        let closed = |number| pieces.alerts[&AlertId([number; 16])].closed_ms;
        assert_eq!((closed(1), closed(2), pieces.alerts.len()), (Some(7), Some(8), 2));
        let mut batch = PieceBatch::default();
        keep.follow(&Commit::default(), &mut batch);
        assert!(batch.is_empty(), "they are written once");
    }

    #[test]
    fn what_is_found_follows_commits_that_the_pieces_may_lack() {
        let mut found = Found::default();
        assert!(found.load(&alert_key(AlertId([1; 16])), &encode_alert(&event(1, None).alert)).unwrap());
        assert!(!found.load(b"series", b"").unwrap());
        found.follow(&Commit {
            events: vec![event(1, Some(7))],
            dead_letters: vec![letter(1)],
            ..Commit::default()
        });
        assert_eq!(found.alerts[&AlertId([1; 16])].closed_ms, Some(7));
        let again = encode_dead_letter(&letter(1));
        found.load(&letter_piece_key(&letter_key(&letter(1))), &again).unwrap();
        assert_eq!(found.letters.len(), 1);
    }
}
