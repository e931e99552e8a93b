//! Power loss and kills at every operation: what was acknowledged is there, in order, and nothing else
//! but what was appended.

use kizashi_log::{Log, LogOptions, SimFileSystem};

use crate::{open, read_all, segments, small};

/// What happened before the power failed.
#[derive(Default)]
struct History {
    /// All entries in the order of their indexes that any run of the log may have made durable.
    appended: Vec<Vec<u8>>,
    /// So many of them were acknowledged.
    acknowledged: usize,
    /// The least first index that trimming has left.
    trimmed_to: u64,
}

/// A batch's entries: each tells its index, so that a reader can tell an invented one.
fn batch(first_index: usize, incarnation: u64, seed: u64) -> Vec<Vec<u8>> {
    let count = 1 + (seed as usize * 7 + first_index * 3) % 4;
    (0..count)
        .map(|at| {
            let index = first_index + at;
            let mut entry = format!("{index}:{incarnation}:").into_bytes();
            entry.resize(entry.len() + (index * 37 + seed as usize * 11) % 120, b'.');
            entry
        })
        .collect()
}

/// Appends until the machine stops, or `batches` are done. Up to three batches are in flight.
fn load(log: &Log, history: &mut History, incarnation: u64, seed: u64, batches: usize) {
    let mut tickets = std::collections::VecDeque::new();
    let settle = |history: &mut History, (end, ticket): (usize, kizashi_log::Ticket)| {
        let acknowledged = ticket.wait().is_ok();
        if acknowledged {
            assert!(history.acknowledged <= end, "acknowledged in order");
            history.acknowledged = end;
        }
        acknowledged
    };
    for at in 0..batches {
        let entries = batch(history.appended.len(), incarnation, seed);
        let first_index = history.appended.len() as u64;
        let carry = || first_index.to_le_bytes().to_vec();
        let Ok(ticket) = log.append_at(first_index, at as i64, &entries, carry) else { break };
        history.appended.extend(entries);
        tickets.push_back((history.appended.len(), ticket));
        if tickets.len() > 2 && !settle(history, tickets.pop_front().unwrap()) {
            break;
        }
        if at % 16 == 15 {
            history.trimmed_to = (history.acknowledged / 2) as u64;
            if log.trim(history.trimmed_to).is_err() {
                break;
            }
        }
    }
    for ticket in tickets {
        settle(history, ticket);
    }
}

/// Opens the log again, checks it against the history, and lets the history begin from what is there.
fn reopen(fs: &SimFileSystem, history: &mut History, note: &str) -> Log {
    let (log, recovery) = open(fs, small()).unwrap_or_else(|error| panic!("{note}: {error}"));
    let next = log.durable_index() as usize;
    assert!(next >= history.acknowledged, "{note}: {next} of {} acknowledged", history.acknowledged);
    assert!(next <= history.appended.len(), "{note}: invented");
    assert!(log.first_index() <= history.trimmed_to, "{note}: trimmed too much");
    let entries = read_all(&log).unwrap_or_else(|error| panic!("{note}: {error}"));
    assert!(
        entries == history.appended[log.first_index() as usize..next],
        "{note}: {entries:?} is not {:?}",
        &history.appended
    );
    match recovery.carry {
        Some(carry) => assert_eq!(carry, recovery.segment_first_index.to_le_bytes(), "{note}"),
        None => assert_eq!(next, 0, "{note}"),
    }
    history.appended.truncate(next);
    history.acknowledged = next;
    log
}

/// One life: load, a stop at an operation, what `fail` does to the disk, and again, several times.
fn live_through(seed: u64, stops: &[u64], fail: impl Fn(&SimFileSystem, u64)) -> SimFileSystem {
    let fs = SimFileSystem::new();
    let mut history = History::default();
    for (incarnation, stop) in stops.iter().enumerate() {
        fs.crash_at(fs.operations() + stop);
        // The stop may come while the log is opened.
        if let Ok((log, _)) = open(&fs, small()) {
            load(&log, &mut history, incarnation as u64, seed, 40);
        }
        fail(&fs, seed * 31 + incarnation as u64);
        let log = reopen(&fs, &mut history, &format!("seed {seed}, stop {stop} of {stops:?}"));
        // The log goes on after recovery.
        load(&log, &mut history, 100 + incarnation as u64, seed, 1 + *stop as usize % 3);
        assert_eq!(history.acknowledged, history.appended.len());
        drop(log);
        fs.power_loss(seed);
        reopen(&fs, &mut history, &format!("seed {seed}, stop {stop} of {stops:?}, and again"));
    }
    reopen(&fs, &mut history, &format!("seed {seed}, at the end"));
    fs
}

#[test]
fn power_loss_at_every_operation() {
    for stop in 0..130 {
        for seed in 0..3 {
            live_through(seed * 1000 + stop, &[stop], |fs, seed| fs.power_loss(seed));
        }
    }
}

#[test]
fn power_loss_again_and_again() {
    for seed in 0..150 {
        let stops: Vec<u64> = (0..6).map(|at| (seed * 13 + at * 29) % 90).collect();
        live_through(seed, &stops, |fs, seed| fs.power_loss(seed));
    }
}

#[test]
fn kill_at_every_operation() {
    for stop in 0..130 {
        live_through(stop, &[stop, stop / 2], |fs, _| fs.restart());
    }
}

/// A killed process leaves in the page cache what it wrote; the next one serves it, so it must outlive a
/// power loss from then on.
#[test]
fn what_is_served_after_a_kill_survives_power_loss() {
    for stop in 0..60 {
        let fs = SimFileSystem::new();
        let mut history = History::default();
        fs.crash_at(stop);
        if let Ok((log, _)) = open(&fs, small()) {
            load(&log, &mut history, 0, stop, 40);
        }
        fs.restart();
        reopen(&fs, &mut history, &format!("stop {stop}, killed"));
        fs.power_loss(stop);
        reopen(&fs, &mut history, &format!("stop {stop}, power lost"));
    }
}

#[test]
fn the_load_passes_many_segments_and_trims() {
    let fs = live_through(1, &[10_000], |fs, _| fs.restart());
    let names = segments(&fs);
    assert!(names.len() > 3, "{names:?}");
    assert!(!names[0].starts_with("00000000000000000000"), "{names:?}");
}

#[test]
fn large_blocks_are_torn_too() {
    let options = LogOptions { block_bytes: 4000, segment_bytes: 100_000, ..small() };
    let mut cut = 0;
    for seed in 0..100 {
        let fs = SimFileSystem::new();
        let (log, _) = open(&fs, options.clone()).unwrap();
        crate::append(&log, 0, b"first").unwrap();
        // The write is done, the sync is not.
        fs.crash_at(fs.operations() + 1);
        let entries = vec![vec![7; 500]; 7];
        let (_, ticket) = log.append(0, &entries, Vec::new).unwrap();
        assert!(ticket.wait().is_err());
        drop(log);
        fs.power_loss(seed);
        let (log, recovery) = open(&fs, options.clone()).unwrap();
        assert!([1, 8].contains(&log.durable_index()), "a batch is there as a whole or not at all");
        assert_eq!(read_all(&log).unwrap()[0], b"first");
        cut += u64::from(recovery.bytes_cut > 0);
    }
    assert!(cut > 20, "{cut} torn tails were cut");
}
