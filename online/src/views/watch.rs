//! Watch: every change of an alert, after it is durable, resumable.
//!
//! A shard's commits are numbered, so the numbers of the commits seen, one a shard, say exactly what a watcher
//! has seen, and say so after a restart too. Live events come from a bounded ring that all watchers share. One
//! that is behind it, because it resumes or is slow, reads the commit logs until it has caught up.

use super::{
    Views,
    filter::Filter,
    token::{self, TokenError},
};
use crate::committed::ShardRef;
use kizashi_models::{
    alert::{Alert, AlertEvent, Change},
    fnv::fnv1a,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};
use tokio::sync::broadcast::{self, error::RecvError};

const SCOPE: &str = "watch";

/// A hash of the shard's names that tokens name it by: the same on every machine and after every restart.
fn shard_hash(shard: &ShardRef) -> u64 {
    fnv1a(format!("{}\n{}\n{}", shard.application, shard.stream, shard.shard).bytes())
}

/// Reads back the alert events of commits.
pub trait CommitHistory: Send + Sync + 'static {
    /// The alert events of the commits of `shard` from number `from` on and below `until`, oldest first: a part
    /// of them, bounded by what the implementation reads at once. Commits without events may be left out. May
    /// block.
    fn read(&self, shard: &ShardRef, from: u64, until: u64) -> Result<CommitSlice, CommitHistoryError>;
}

/// A part of a shard's commits.
#[derive(Debug)]
pub struct CommitSlice {
    /// Number and events of commits, in order.
    pub commits: Vec<(u64, Vec<AlertEvent>)>,
    /// Number of the first commit that was not looked at; above `from`.
    pub next: u64,
}

/// Why commits can't be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitHistoryError {
    /// They are older than what is kept.
    #[error("the commits up to {0} are no longer kept")]
    Trimmed(u64),
    /// The commit log can't be read.
    #[error("{0}")]
    Unreadable(String),
}

/// Why a watch can't begin or go on.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WatchError {
    /// The resume token is not one.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The events behind the token are no longer kept, or the shard was created anew.
    #[error("{0}")]
    OutOfRange(String),
    /// The commit log can't be read.
    #[error("{0}")]
    Unreadable(String),
    /// The views are gone: the service is stopping.
    #[error("the service is stopping")]
    Stopping,
}

/// How far a watcher has seen one shard: all commits below `commit`, and the first `events` events of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    commit: u64,
    events: u32,
}

/// Commits up to which the views have followed, by shard number.
type Heads = Vec<u64>;

/// The events of one commit.
#[derive(Debug)]
struct Batch {
    shard: usize,
    commit: u64,
    events: Vec<(Change, Arc<Alert>)>,
    /// The heads behind this commit: all that is below them was sent before or is in this batch.
    heads: Heads,
}

/// What the ring holds.
#[derive(Debug)]
enum Message {
    Commit(Batch),
    /// A shard is followed from a place that need not be where its last commit ended.
    Restored,
}

/// Sends events to watchers, and knows how far the shards are.
#[derive(Debug)]
pub(super) struct Hub {
    shards: Vec<ShardRef>,
    heads: Heads,
    ring: broadcast::Sender<Arc<Message>>,
}

impl Hub {
    pub(super) fn new(ring_commits: usize) -> Self {
        Self { shards: Vec::new(), heads: Vec::new(), ring: broadcast::Sender::new(ring_commits) }
    }

    /// Follows a shard from commit `next` on. Watchers read what was committed in between, where a worker began
    /// anew and its last commits were not handed in.
    pub(super) fn follow(&mut self, shard: usize, key: &ShardRef, next: u64) {
        if shard == self.shards.len() {
            self.shards.push(key.clone());
            self.heads.push(0);
        }
        self.heads[shard] = next;
        self.send(Message::Restored);
    }

    /// Takes in a commit: tells the watchers where it holds events.
    pub(super) fn committed(&mut self, shard: usize, commit: u64, events: Vec<(Change, Arc<Alert>)>) {
        let head = &mut self.heads[shard];
        assert_eq!(commit, *head, "commits of a shard come in order, each once");
        *head = commit + 1;
        if !events.is_empty() {
            let heads = self.heads.clone();
            self.send(Message::Commit(Batch { shard, commit, events, heads }));
        }
    }

    fn send(&self, message: Message) {
        // It fails only where nobody watches.
        let _ = self.ring.send(Arc::new(message));
    }

    /// A token to watch from what is known now.
    pub(super) fn token(&self) -> String {
        let places: Vec<Place> =
            self.heads.iter().map(|commit| Place { commit: *commit, events: 0 }).collect();
        encode(&self.shards, &places)
    }

    pub(super) fn heads(&self) -> (Vec<ShardRef>, Heads) {
        (self.shards.clone(), self.heads.clone())
    }

    pub(super) fn subscribe(&self, filter: Filter, resume: Option<&str>) -> Result<Cursor, WatchError> {
        let seen = match resume {
            Some(token) => decode(token, &self.shards, &self.heads)?,
            None => self.heads.iter().map(|commit| Place { commit: *commit, events: 0 }).collect(),
        };
        Ok(Cursor {
            filter,
            shards: self.shards.clone(),
            seen,
            target: Some(self.heads.clone()),
            behind: None,
            pending: VecDeque::new(),
            ring: self.ring.subscribe(),
        })
    }
}

/// An event as a watcher gets it.
#[derive(Clone, Debug)]
pub struct WatchedEvent {
    /// What happened.
    pub change: Change,
    /// The alert after it.
    pub alert: Arc<Alert>,
    /// Goes on behind this event.
    pub resume_token: String,
}

#[derive(Debug)]
struct Pending {
    shard: usize,
    /// What has been seen once this event is given.
    seen: Place,
    change: Change,
    alert: Arc<Alert>,
}

/// A watcher's place, without the means to read commit logs.
#[derive(Debug)]
pub(super) struct Cursor {
    filter: Filter,
    shards: Vec<ShardRef>,
    seen: Vec<Place>,
    /// While catching up: the heads to reach from the commit logs.
    target: Option<Heads>,
    /// What has been seen once `pending` is given away.
    behind: Option<Heads>,
    pending: VecDeque<Pending>,
    ring: broadcast::Receiver<Arc<Message>>,
}

/// What a cursor needs before it can give the next event.
enum Step {
    Event(WatchedEvent),
    Read { shard: usize, from: u64, until: u64 },
    Receive,
}

impl Cursor {
    fn step(&mut self) -> Step {
        if let Some(Pending { shard, seen, change, alert }) = self.pending.pop_front() {
            self.seen[shard] = seen;
            return Step::Event(WatchedEvent {
                change,
                alert,
                resume_token: encode(&self.shards, &self.seen),
            });
        }
        if let Some(heads) = self.behind.take() {
            self.advance(&heads, None);
        }
        if let Some(target) = &self.target {
            let unread = (0..target.len()).find(|shard| self.seen[*shard].commit < target[*shard]);
            if let Some(shard) = unread {
                return Step::Read { shard, from: self.seen[shard].commit, until: target[shard] };
            }
            self.target = None;
        }
        Step::Receive
    }

    fn advance(&mut self, heads: &[u64], except: Option<usize>) {
        self.seen.resize(heads.len(), Place::default());
        for (number, (seen, head)) in self.seen.iter_mut().zip(heads).enumerate() {
            if except != Some(number) {
                *seen = (*seen).max(Place { commit: *head, events: 0 });
            }
        }
    }

    fn queue(&mut self, shard: usize, commit: u64, events: impl IntoIterator<Item = (Change, Arc<Alert>)>) {
        for (number, (change, alert)) in events.into_iter().enumerate() {
            let seen = Place { commit, events: number as u32 + 1 };
            if seen > self.seen[shard] && self.filter.matches(&alert) {
                self.pending.push_back(Pending { shard, seen, change, alert });
            }
        }
    }

    fn took_slice(&mut self, shard: usize, slice: CommitSlice) {
        for (commit, events) in slice.commits {
            self.queue(shard, commit, events.into_iter().map(|event| (event.change, Arc::new(event.alert))));
        }
        let mut heads: Heads = self.seen.iter().map(|place| place.commit).collect();
        heads[shard] = slice.next;
        self.behind = Some(heads);
    }

    fn took_batch(&mut self, batch: &Batch) {
        // All that the ring held before was seen; of the batch's own shard too, up to this commit.
        self.advance(&batch.heads, Some(batch.shard));
        self.queue(batch.shard, batch.commit, batch.events.iter().cloned());
        self.behind = Some(batch.heads.clone());
    }
}

/// A watch under way.
pub struct Watch {
    cursor: Cursor,
    history: Arc<dyn CommitHistory>,
    /// Weak, so that the end of the views ends the watch.
    views: Weak<Views>,
}

impl Watch {
    pub(super) fn new(cursor: Cursor, history: Arc<dyn CommitHistory>, views: Weak<Views>) -> Self {
        Self { cursor, history, views }
    }

    fn refresh(&mut self) -> Result<Heads, WatchError> {
        let views = self.views.upgrade().ok_or(WatchError::Stopping)?;
        let (shards, heads) = views.alerts.lock().hub.heads();
        self.cursor.seen.resize(heads.len(), Place::default());
        self.cursor.shards = shards;
        Ok(heads)
    }

    /// A token to go on from here, before any event came.
    pub fn resume_token(&self) -> String {
        encode(&self.cursor.shards, &self.cursor.seen)
    }

    /// Waits for the next event that the filter lets through.
    pub async fn next(&mut self) -> Result<WatchedEvent, WatchError> {
        loop {
            match self.cursor.step() {
                Step::Event(event) => return Ok(event),
                Step::Read { shard, from, until } => {
                    let (history, key) = (self.history.clone(), self.cursor.shards[shard].clone());
                    let read = tokio::task::spawn_blocking(move || history.read(&key, from, until));
                    let slice = read.await.map_err(|error| WatchError::Unreadable(error.to_string()))?;
                    let slice = slice.map_err(|error| match error {
                        CommitHistoryError::Trimmed(_) => WatchError::OutOfRange(error.to_string()),
                        CommitHistoryError::Unreadable(problem) => WatchError::Unreadable(problem),
                    })?;
                    assert!(slice.next > from, "a read of commits makes progress");
                    self.cursor.took_slice(shard, slice);
                }
                Step::Receive => match self.cursor.ring.recv().await {
                    Ok(message) => {
                        let Message::Commit(batch) = &*message else {
                            self.cursor.target = Some(self.refresh()?);
                            continue;
                        };
                        if batch.heads.len() > self.cursor.shards.len() {
                            self.refresh()?;
                        }
                        self.cursor.took_batch(batch);
                    }
                    Err(RecvError::Lagged(_)) => {
                        self.cursor.target = Some(self.refresh()?);
                    }
                    Err(RecvError::Closed) => return Err(WatchError::Stopping),
                },
            }
        }
    }
}

fn encode(shards: &[ShardRef], places: &[Place]) -> String {
    let mut payload = Vec::with_capacity(places.len() * 20);
    for (shard, place) in shards.iter().zip(places) {
        payload.extend_from_slice(&shard_hash(shard).to_le_bytes());
        payload.extend_from_slice(&place.commit.to_le_bytes());
        payload.extend_from_slice(&place.events.to_le_bytes());
    }
    token::seal(SCOPE, &payload)
}

/// The place of each shard. One that the token doesn't name did not exist then, so all of it is behind the token.
fn decode(token: &str, shards: &[ShardRef], heads: &[u64]) -> Result<Vec<Place>, WatchError> {
    let payload = token::open(SCOPE, token)?;
    let mut places = vec![Place::default(); shards.len()];
    let (entries, []) = payload.as_chunks::<20>() else { return Err(TokenError::Malformed.into()) };
    for entry in entries {
        let hash = u64::from_le_bytes(entry[..8].try_into().expect("eight bytes"));
        let commit = u64::from_le_bytes(entry[8..16].try_into().expect("eight bytes"));
        let events = u32::from_le_bytes(entry[16..].try_into().expect("four bytes"));
        let Some(number) = shards.iter().position(|shard| shard_hash(shard) == hash) else { continue };
        if commit > heads[number] {
            let problem = format!(
                "the token is ahead of shard {} of stream {}, which was created anew since",
                shards[number].shard, shards[number].stream
            );
            return Err(WatchError::OutOfRange(problem));
        }
        places[number] = Place { commit, events };
    }
    Ok(places)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        committed::{CommitSink, Committed, Restored},
        views::{ViewLimits, alert_book::tests::alert},
    };
    use kizashi_models::{alert::AlertId, engine::Output};
    use kizashi_storage::commit::Commit;
    use parking_lot::Mutex;
    use proptest::prelude::*;
    use std::{collections::HashMap, time::Duration};

    /// Commit logs in memory. Reads give at most two commits at once.
    #[derive(Default)]
    pub(crate) struct MemoryHistory {
        commits: Mutex<HashMap<ShardRef, Vec<Vec<AlertEvent>>>>,
        trimmed: Mutex<HashMap<ShardRef, u64>>,
    }

    impl MemoryHistory {
        pub(crate) fn trim(&self, shard: &ShardRef, first_kept: u64) {
            self.trimmed.lock().insert(shard.clone(), first_kept);
        }
    }

    impl CommitHistory for MemoryHistory {
        fn read(&self, shard: &ShardRef, from: u64, until: u64) -> Result<CommitSlice, CommitHistoryError> {
            assert!(from < until, "a watch reads only what is missing");
            let first_kept = self.trimmed.lock().get(shard).copied().unwrap_or(0);
            if from < first_kept {
                return Err(CommitHistoryError::Trimmed(first_kept));
            }
            let next = until.min(from + 2);
            let commits = self.commits.lock();
            let commits = (from..next).map(|commit| (commit, commits[shard][commit as usize].clone()));
            let commits = commits.filter(|(_, events)| !events.is_empty()).collect();
            Ok(CommitSlice { commits, next })
        }
    }

    pub(crate) fn shard(number: usize) -> ShardRef {
        ShardRef {
            application: "score".into(),
            stream: "events".into(),
            shard: format!("shardId-{number:012}").into(),
        }
    }

    /// Views of commit logs in memory, that can be started again.
    pub(crate) struct Node {
        pub(crate) history: Arc<MemoryHistory>,
        pub(crate) views: Arc<Views>,
        ring_commits: usize,
        shards: usize,
        events: u32,
    }

    impl Node {
        pub(crate) fn new(shards: usize, ring_commits: usize) -> Self {
            let history = Arc::new(MemoryHistory::default());
            let limits = ViewLimits { ring_commits, ..ViewLimits::default() };
            let views = Arc::new(Views::new(limits, history.clone()));
            let mut node = Self { history, views, ring_commits, shards, events: 0 };
            node.restart();
            node
        }

        pub(crate) fn restart(&mut self) {
            let limits = ViewLimits { ring_commits: self.ring_commits, ..ViewLimits::default() };
            self.views = Arc::new(Views::new(limits, self.history.clone()));
            // In another order than before: numbers of shards are the views' own.
            for number in (0..self.shards).rev() {
                self.restore(number);
            }
        }

        fn restore(&self, number: usize) {
            let mut commits = self.history.commits.lock();
            let commits = commits.entry(shard(number)).or_default();
            let restored = Restored {
                alerts: commits.iter().flatten().map(|event| event.alert.clone()).collect(),
                dead_letters: Vec::new(),
                series: Vec::new(),
                next_commit: commits.len() as u64,
            };
            self.views.restored(&shard(number), restored);
        }

        /// Commits so many new alerts on a shard; `told` says whether the views hear of it.
        pub(crate) fn commit(&mut self, number: usize, events: usize, told: bool) -> Vec<AlertId> {
            self.commit_series(number, &vec!["cpu"; events], told)
        }

        /// Commits a new alert on each of these series.
        pub(crate) fn commit_series(&mut self, number: usize, series: &[&str], told: bool) -> Vec<AlertId> {
            let events = series.iter().map(|series| {
                self.events += 1;
                let alert = alert(self.events, series, i64::from(self.events));
                AlertEvent { change: Change::Opened, alert }
            });
            let commit = Commit { events: events.collect(), ..Commit::default() };
            let index = {
                let mut commits = self.history.commits.lock();
                let commits = commits.get_mut(&shard(number)).unwrap();
                commits.push(commit.events.clone());
                commits.len() as u64 - 1
            };
            if told {
                let output = Output::default();
                self.views.committed(Committed {
                    shard: &shard(number),
                    index,
                    commit: &commit,
                    output: &output,
                });
            }
            commit.events.iter().map(|event| event.alert.id).collect()
        }
    }

    fn all() -> Filter {
        Filter::default()
    }

    /// The next event, which is there: the timeout only keeps a lost one from hanging the test.
    async fn next(watch: &mut Watch) -> WatchedEvent {
        tokio::time::timeout(Duration::from_secs(10), watch.next()).await.expect("an event is lost").unwrap()
    }

    async fn next_ids(watch: &mut Watch, count: usize) -> Vec<AlertId> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(next(watch).await.alert.id);
        }
        ids
    }

    /// Whether the next event is one that is committed only now.
    async fn is_quiet(node: &mut Node, watch: &mut Watch) -> bool {
        let now = node.commit(0, 1, true);
        next_ids(watch, 1).await == now
    }

    #[tokio::test]
    async fn a_list_followed_by_a_watch_misses_nothing() {
        let mut node = Node::new(2, 8);
        node.commit(0, 1, true);
        let page = node.views.alerts(&all(), crate::views::alert_book::AlertOrder::OpenedDesc, None, 10);
        let between = node.commit(1, 2, true);
        let mut watch = node.views.watch(all(), Some(&page.watch_token)).unwrap();
        assert_eq!(next_ids(&mut watch, 2).await, between);
        assert!(is_quiet(&mut node, &mut watch).await);
    }

    #[tokio::test]
    async fn commits_without_events_move_the_token_on() {
        let mut node = Node::new(2, 8);
        let mut watch = node.views.watch(all(), None).unwrap();
        for _ in 0..5 {
            node.commit(0, 0, true);
        }
        node.commit(1, 1, true);
        let token = watch.next().await.unwrap().resume_token;
        node.history.trim(&shard(0), 5);
        node.restart();
        let mut resumed = node.views.watch(all(), Some(&token)).unwrap();
        assert!(is_quiet(&mut node, &mut resumed).await, "nothing behind the token was trimmed");
    }

    #[tokio::test]
    async fn a_token_whose_events_are_gone_is_out_of_range() {
        let mut node = Node::new(1, 8);
        let token = node.views.watch(all(), None).unwrap().resume_token();
        node.commit(0, 1, true);
        node.commit(0, 1, true);
        node.history.trim(&shard(0), 1);
        let mut watch = node.views.watch(all(), Some(&token)).unwrap();
        assert!(matches!(watch.next().await, Err(WatchError::OutOfRange(_))));

        let ahead =
            Node::new(1, 8).views.watch(all(), Some(&node.views.watch(all(), None).unwrap().resume_token()));
        assert!(matches!(ahead, Err(WatchError::OutOfRange(_))), "the shard was created anew");
        assert!(matches!(node.views.watch(all(), Some("x")), Err(WatchError::Token(_))));
    }

    #[tokio::test]
    async fn the_end_of_the_views_ends_the_watch() {
        let node = Node::new(1, 8);
        let mut watch = node.views.watch(all(), None).unwrap();
        drop(node);
        assert!(matches!(watch.next().await, Err(WatchError::Stopping)));
    }

    #[derive(Clone, Debug)]
    enum Act {
        Commit {
            shard: usize,
            events: usize,
        },
        /// A worker dies between a durable commit and handing it in, and begins anew.
        LoseAndRestore {
            shard: usize,
            events: usize,
        },
        Restart,
        /// The watcher takes so many events.
        Take(usize),
        /// The watcher leaves and comes back with its last token.
        Resume,
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            6 => (0usize..3, 0usize..4).prop_map(|(shard, events)| Act::Commit { shard, events }),
            1 => (0usize..3, 0usize..3).prop_map(|(shard, events)| Act::LoseAndRestore { shard, events }),
            1 => Just(Act::Restart),
            4 => (1usize..6).prop_map(Act::Take),
            2 => Just(Act::Resume),
        ];
        prop::collection::vec(act, 1..60)
    }

    proptest! {
        /// A ring of two commits makes the watcher fall behind often.
        #[test]
        fn nothing_is_lost_and_nothing_comes_twice(acts in acts()) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            runtime.unwrap().block_on(async move {
                let mut node = Node::new(3, 2);
                let mut watch = node.views.watch(all(), None).unwrap();
                let mut token = watch.resume_token();
                let mut committed: [Vec<AlertId>; 3] = Default::default();
                let mut seen = Vec::new();
                let (mut due, mut taken) = (0, 0);
                for act in acts {
                    match act {
                        Act::Commit { shard, events } => {
                            committed[shard].extend(node.commit(shard, events, true));
                            due += events;
                        }
                        Act::LoseAndRestore { shard, events } => {
                            committed[shard].extend(node.commit(shard, events, false));
                            due += events;
                            node.restore(shard);
                        }
                        Act::Restart => {
                            node.restart();
                            watch = node.views.watch(all(), Some(&token)).unwrap();
                        }
                        Act::Take(count) => {
                            for _ in 0..count.min(due - taken) {
                                let event = next(&mut watch).await;
                                token = event.resume_token;
                                seen.push(event.alert.id);
                                taken += 1;
                            }
                        }
                        Act::Resume => watch = node.views.watch(all(), Some(&token)).unwrap(),
                    }
                }
                seen.extend(next_ids(&mut watch, due - taken).await);
                assert!(is_quiet(&mut node, &mut watch).await, "an event came twice");
                for of_shard in committed {
                    let in_order: Vec<AlertId> = seen.iter().copied().filter(|id| of_shard.contains(id)).collect();
                    assert_eq!(in_order, of_shard);
                }
            });
        }
    }
}
