//! One history: lives that each end with a power loss, one that comes to rest, and the check of what is left.

use crate::{
    check::{Found, Left},
    follower::Follower,
    load::{Load, WARM_STEPS},
    machine::{Machine, Place, Struck},
    node::{Node, STREAM, Setting, Shown},
    quick_clock::QuickClock,
};
use kizashi_log::OperationKind;
use kizashi_online::metrics::Registry;
use kizashi_stream::{
    api::{Placed, PutRecord, Stream},
    embedded::EmbeddedStreams,
    sequence::SequenceNumber,
};
use kizashi_tests::waveform::Random;
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};

/// About the operations that a start takes.
const START_OPERATIONS: u64 = 60;

/// Pairs of puts after which the power fails, wherever it was to.
const PUTS_MAX: u64 = 80;

/// Most records of a put.
const PUT_RECORDS_MAX: u64 = 24;

/// Steps of the last life, in which alerts close.
const LAST_STEPS: usize = 30;

/// Guards against a hang; nothing is measured.
const LIFE_MAX: Duration = Duration::from_secs(120);

/// A record that was acknowledged: its partition key and its text, by shard and sequence number.
pub type Acknowledged = BTreeMap<(Arc<str>, SequenceNumber), (Arc<str>, String)>;

/// What was counted.
#[derive(Default)]
pub struct Tally {
    pub losses: u64,
    with_open_alert: u64,
    while_starting: u64,
    /// Clean stops that the power did not disturb.
    clean_stops: u64,
    while_stopping: u64,
    places: BTreeMap<Place, u64>,
    kinds: HashMap<OperationKind, u64>,
    acknowledged: u64,
    put_again: u64,
    found: Found,
}

struct History {
    machine: Machine,
    setting: Setting,
    random: Random,
    load: Load,
    acknowledged: Acknowledged,
    /// The last acknowledged of each shard.
    last: HashMap<Arc<str>, SequenceNumber>,
    concurrent: bool,
    tally: Tally,
}

/// Names the history that a panic ends.
struct Named {
    seed: u64,
    history: u64,
}

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was history {} of KIZASHI_SEED={}", self.history, self.seed);
        }
    }
}

/// Lives through a history of so many power losses, and checks what is left.
pub fn live(seed: u64, history: u64, losses: u64) -> Tally {
    let _named = Named { seed, history };
    let follower = Arc::new(Follower::default());
    let shards = if history.is_multiple_of(4) { 4 } else { 2 };
    let random = Random::new(seed << 32 | history);
    let mut history = History {
        machine: Machine::new(),
        setting: Setting { clock: Arc::new(QuickClock::new()), follower, shards },
        random,
        load: Load::new(),
        acknowledged: Acknowledged::new(),
        last: HashMap::new(),
        concurrent: history % 3 == 2,
        tally: Tally::default(),
    };
    for life in 0..losses {
        history.live_until_the_power_fails(life);
    }
    history.come_to_rest_and_check();
    history.tally
}

impl History {
    /// Some histories run their tasks on two threads.
    fn runtime(&self) -> Runtime {
        let mut builder = match self.concurrent {
            true => Builder::new_multi_thread(),
            false => Builder::new_current_thread(),
        };
        builder.worker_threads(2).enable_time().build().expect("a runtime")
    }

    fn live_until_the_power_fails(&mut self, life: u64) {
        let runtime = self.runtime();
        let started = runtime.block_on(async { tokio::time::timeout(LIFE_MAX, self.live_on(life)).await });
        // The process is gone, its tasks and its writers too.
        drop(runtime);
        let started = started.expect("the power fails in time");
        self.tally.losses += 1;
        self.tally.while_starting += u64::from(!started);
        self.tally.with_open_alert += u64::from(self.setting.follower.has_open_alert());
        let Struck { place, kind } =
            self.machine.power_comes_back(&mut self.random).expect("the power has failed");
        *self.tally.places.entry(place).or_default() += 1;
        *self.tally.kinds.entry(kind).or_default() += 1;
    }

    /// A life until the power fails; says whether the service had started.
    async fn live_on(&mut self, life: u64) -> bool {
        // The first power loss strikes while all is created, the others while the service starts or works.
        let early = life == 0 || life > 1 && self.random.below(4) == 0;
        if early {
            self.machine.fail_after(self.random.below(START_OPERATIONS));
        }
        let Some(mut node) = self.start().await else { return false };
        if life == 1 {
            self.put_until(&node, WARM_STEPS).await;
        }
        if !early {
            self.machine.fail_somewhere(&mut self.random);
        }
        let stop_at = if self.random.below(3) == 0 { self.random.below(PUTS_MAX / 4) } else { PUTS_MAX };
        for put in 0.. {
            if put == PUTS_MAX {
                self.machine.fail_after(0);
            } else if put == stop_at {
                assert_no_mismatch(&node.registry);
                node.stop().await;
                self.tally.while_stopping += u64::from(self.machine.is_down());
                self.tally.clean_stops += u64::from(!self.machine.is_down());
                node = match self.start().await {
                    Some(node) => node,
                    None => break,
                };
            }
            self.put_two(&node).await;
            if self.machine.is_down() {
                assert_no_mismatch(&node.registry);
                break;
            }
            if self.random.below(4) == 0 {
                tokio::time::sleep(Duration::from_millis(self.random.below(4))).await;
            }
        }
        true
    }

    /// Starts the service; `None` where the power fails meanwhile.
    async fn start(&self) -> Option<Node> {
        let node = self.setting.start(self.machine.files()).await;
        if self.machine.is_down() {
            return None;
        }
        Some(node.expect("it starts, whatever was lost"))
    }

    /// Two producers put at once.
    async fn put_two(&mut self, node: &Node) {
        let mut next = || {
            let count = 1 + self.random.below(PUT_RECORDS_MAX) as usize;
            self.load.take(count, &mut self.random)
        };
        let texts = [next(), next()];
        self.put_both(node, texts).await;
    }

    async fn put_until(&mut self, node: &Node, step: usize) {
        while self.load.step() < step {
            self.put_two(node).await;
        }
    }

    async fn put_both(&mut self, node: &Node, texts: [Vec<String>; 2]) {
        let [first, second] = texts.map(|texts| records(texts, &mut self.random));
        let streams = &node.opened.streams;
        let (first, second) = tokio::join!(put(streams, first), put(streams, second));
        let before_both = self.last.clone();
        for (taken, left) in [second, first] {
            let mut last = before_both.clone();
            for (placed, key, text) in taken {
                let before = last.insert(placed.shard.clone(), placed.sequence);
                assert!(before.is_none_or(|before| before < placed.sequence), "{placed:?} is out of order");
                let last_of_shard = self.last.entry(placed.shard.clone()).or_insert(placed.sequence);
                *last_of_shard = placed.sequence.max(*last_of_shard);
                let known = self.acknowledged.insert((placed.shard, placed.sequence), (key, text));
                assert_eq!(known, None, "a sequence number is given once");
            }
            self.tally.put_again += left.len() as u64;
            self.load.give_back(left);
        }
    }

    /// The last life: what was not acknowledged is put again, and all comes to rest.
    fn come_to_rest_and_check(&mut self) {
        let runtime = self.runtime();
        let rest = runtime.block_on(async { tokio::time::timeout(LIFE_MAX, self.come_to_rest()).await });
        drop(runtime);
        let shown = rest.expect("it comes to rest in time");
        // What is checked is what a last power loss leaves of a service that has stopped.
        self.machine.power_comes_back(&mut self.random);
        let runtime = self.runtime();
        let opened = self.setting.open(self.machine.files()).expect("it opens");
        let acknowledged = std::mem::take(&mut self.acknowledged);
        self.tally.acknowledged = acknowledged.len() as u64;
        let (followed, faults) = self.setting.follower.take();
        assert!(faults.is_empty(), "{faults:?}");
        let left = Left { opened: &opened, load: &self.load, followed: &followed, shown: &shown };
        self.tally.found = runtime.block_on(left.check(acknowledged));
    }

    async fn come_to_rest(&mut self) -> Shown {
        let node = self.start().await.expect("the power stays");
        self.put_until(&node, self.load.step() + LAST_STEPS).await;
        loop {
            let texts = [(); 2].map(|()| self.load.take_rest(PUT_RECORDS_MAX as usize));
            if texts[0].is_empty() {
                break;
            }
            self.put_both(&node, texts).await;
        }
        node.come_to_rest().await.expect("nothing fails any more");
        // Nothing comes any more: series are silent.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_no_mismatch(&node.registry);
        assert_zero(&node.registry, "kizashi_restarts_total");
        node.stop().await
    }
}

fn records(texts: Vec<String>, random: &mut Random) -> Vec<(PutRecord, String)> {
    let record = |text: String| {
        let partition_key = random.bits().to_string().into();
        (PutRecord { partition_key, explicit_hash_key: None, data: text.clone().into() }, text)
    };
    texts.into_iter().map(record).collect()
}

type Taken = (Placed, Arc<str>, String);

/// Puts records; gives those that were acknowledged, and the texts of the others.
async fn put(streams: &EmbeddedStreams, records: Vec<(PutRecord, String)>) -> (Vec<Taken>, Vec<String>) {
    if records.is_empty() {
        return Default::default();
    }
    let to_put = records.iter().map(|(record, _)| record.clone()).collect();
    let Ok(outcomes) = streams.put_records(STREAM, to_put).await else {
        return (Vec::new(), records.into_iter().map(|(_, text)| text).collect());
    };
    assert_eq!(outcomes.len(), records.len());
    let (mut taken, mut left) = (Vec::new(), Vec::new());
    for (outcome, (record, text)) in outcomes.into_iter().zip(records) {
        match outcome {
            Ok(placed) => taken.push((placed, record.partition_key, text)),
            Err(_) => left.push(text),
        }
    }
    (taken, left)
}

/// A replay after a power loss must raise what the commits hold.
fn assert_no_mismatch(registry: &Registry) {
    assert_zero(registry, "kizashi_replay_mismatches_total");
}

fn assert_zero(registry: &Registry, counter: &str) {
    let text = registry.render();
    let of_counter = text.lines().filter(|line| line.starts_with(counter));
    let counted: Vec<&str> = of_counter.filter(|line| !line.ends_with(" 0")).collect();
    assert!(counted.is_empty(), "{counted:?}");
}

impl Tally {
    /// Adds what was counted in another history.
    pub fn add(&mut self, other: &Self) {
        self.losses += other.losses;
        self.with_open_alert += other.with_open_alert;
        self.while_starting += other.while_starting;
        self.clean_stops += other.clean_stops;
        self.while_stopping += other.while_stopping;
        self.acknowledged += other.acknowledged;
        self.put_again += other.put_again;
        for (place, count) in &other.places {
            *self.places.entry(*place).or_default() += count;
        }
        for (kind, count) in &other.kinds {
            *self.kinds.entry(*kind).or_default() += count;
        }
        self.found.add(&other.found);
    }

    /// Asserts that power losses were of all sorts.
    pub fn assert_varied(&self) {
        let share = |count: u64, percent: u64, what: &str| {
            assert!(count * 100 >= self.losses * percent, "{what}: {count} of {} losses", self.losses);
        };
        share(self.with_open_alert, 50, "with an open alert");
        share(self.while_starting, 8, "while starting");
        for place in [Place::Source, Place::Keyed, Place::Route, Place::Commits, Place::Pieces] {
            share(self.places.get(&place).copied().unwrap_or(0), 4, &format!("at {place:?}"));
        }
        for kind in [OperationKind::Write, OperationKind::Sync] {
            share(self.kinds.get(&kind).copied().unwrap_or(0), 20, &format!("at a {kind:?}"));
        }
        share(self.found.alerts, 50, "alerts that opened");
        share(self.found.closed, 20, "alerts that closed");
        share(self.found.ticks, 20, "ticks");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} power losses, {} with an alert of unusual observations open, {} while starting and {} while stopping \
             ({} clean stops); at {:?}; at {:?}",
            self.losses,
            self.with_open_alert,
            self.while_starting,
            self.while_stopping,
            self.clean_stops,
            self.places,
            self.kinds
        )?;
        write!(f, "{} records acknowledged, {} put again; {}", self.acknowledged, self.put_again, self.found)
    }
}
