//! Kills and power losses at any moment: what is left is as if nothing had happened.

use super::tests::{House, leap, wobble};
use kizashi_log::SimFileSystem;
use kizashi_models::alert::AlertEvent;
use kizashi_stream::sequence::SequenceNumber;
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
    time::Duration,
};

/// Lives of one history; each but the last ends with a crash.
const LIVES: u64 = 5;

/// A small generator (SplitMix64), so that a seed tells where the crashes are.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// What has been seen from outside over all lives.
#[derive(Default)]
struct Seen {
    acknowledged: HashMap<(Arc<str>, SequenceNumber), String>,
    /// Events handed on, by shard and commit.
    events: BTreeMap<(String, u64), Vec<AlertEvent>>,
}

fn history(seed: u64, rekey: bool) {
    let mut random = Random(seed);
    let disk = SimFileSystem::new();
    let house = House { fs: Arc::new(disk.clone()), rekey, ..House::new(Path::new("/data")) };
    let mut seen = Seen::default();
    for life in 0..LIVES {
        // A runtime a life: when it is dropped, nothing of that process runs on.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let last = life + 1 == LIVES;
        if !last {
            disk.crash_at(disk.operations() + 1 + random.below(if life == 0 { 1_500 } else { 700 }));
        }
        runtime.block_on(live(&house, &disk, life, last, &mut seen));
        runtime.shutdown_timeout(Duration::from_secs(5));
        if !last {
            // Where the moment has not come, the machine stops now.
            if random.below(2) == 0 { disk.restart() } else { disk.power_loss(random.below(u64::MAX)) }
        }
    }
    assert!(!seen.acknowledged.is_empty(), "seed {seed}: nothing was acknowledged");
}

async fn live(house: &House, disk: &SimFileSystem, life: u64, last: bool, seen: &mut Seen) {
    let opened = tokio::select! {
        opened = house.open() => opened,
        () = crash(disk) => return,
    };
    let running = match opened {
        Ok(running) => running,
        Err(error) => {
            assert!(disk.crashed(), "{error}");
            return;
        }
    };
    let load = async {
        for step in 0..40 {
            let from = (life * 40 + step) as i64 * 5;
            for series in ["a", "b", "c"] {
                let mut lines = wobble(series, from, 5);
                if step % 20 == 19 {
                    lines.push(leap(series, from + 5));
                }
                let taken = running.put(lines).await;
                let placed = taken.into_iter().map(|(at, text)| ((at.shard, at.sequence), text));
                seen.acknowledged.extend(placed);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        () = load => {}
        () = crash(disk) => {}
    }
    if last {
        running.settle(seen.acknowledged.len() as u64).await;
    }
    for (shard, commits) in running.recorder.commits.lock().iter() {
        for (index, commit, _) in commits {
            let key = (format!("{shard:?}"), *index);
            let before = seen.events.insert(key, commit.events.clone());
            assert!(before.is_none(), "commit {index} of {shard:?} was handed on twice");
        }
    }
    if !last {
        return;
    }
    for (shard, index) in seen.events.keys() {
        let found = running.commit_of(shard, *index);
        assert_eq!(found.as_ref(), seen.events.get(&(shard.clone(), *index)), "what was seen stays");
    }
    running.assert_stored(&seen.acknowledged).await;
    let report = running.stop_and_audit(house).await;
    assert!(report.is_clean() && report.unchecked.is_empty(), "{report}");
    assert!(report.records >= seen.acknowledged.len() as u64, "{report}");
}

/// Returns when the machine has stopped.
async fn crash(disk: &SimFileSystem) {
    while !disk.crashed() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn histories(rekey: bool) {
    let count = std::env::var("KIZASHI_HISTORIES").map_or(6, |count| count.parse().expect("a count"));
    for seed in 0..count {
        println!("seed {seed}");
        history(seed, rekey);
    }
}

#[test]
fn crashes_lose_nothing_where_records_are_rekeyed() {
    histories(true);
}

#[test]
fn crashes_lose_nothing_where_records_are_scored_directly() {
    histories(false);
}
