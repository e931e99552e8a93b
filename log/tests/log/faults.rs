//! Full disks, failed writes, failed syncs, and the bounds.

use std::io::ErrorKind;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use kizashi_log::{HookedFileSystem, Log, LogError, LogOptions, OperationKind, SimFileSystem};

use crate::{DIR, append, open, read_all, segments, small};

#[test]
fn a_full_disk_refuses_and_goes_on_once_there_is_room() {
    let fs = SimFileSystem::new();
    let (log, _) = open(&fs, small()).unwrap();
    fs.set_capacity(Some(1000));
    let mut appended = 0;
    let refused = loop {
        match append(&log, 0, &[appended as u8; 100]) {
            Ok(index) => assert_eq!(index, appended),
            Err(error) => break error,
        }
        appended += 1;
    };
    assert!(matches!(refused, LogError::Full { .. }), "{refused}");
    assert!(refused.to_string().contains("no space left"), "{refused}");
    assert!(appended > 3);
    assert_eq!(read_all(&log).unwrap().len() as u64, appended, "what is there stays readable");
    assert_eq!(log.next_index(), appended, "the index is given again");
    assert!(append(&log, 0, &[0; 100]).is_err(), "still full");

    log.trim(appended).unwrap();
    assert_eq!(append(&log, 0, b"after the trim").unwrap(), appended);
    fs.set_capacity(None);
    assert_eq!(append(&log, 0, &[1; 100]).unwrap(), appended + 1);
    let before = read_all(&log).unwrap();
    log.close().unwrap();
    fs.power_loss(3);
    let (log, recovery) = open(&fs, small()).unwrap();
    assert_eq!(recovery.bytes_cut, 0, "what did not fit was cut off at once");
    assert_eq!(read_all(&log).unwrap(), before);
}

#[test]
fn a_full_disk_where_a_segment_begins_leaves_no_broken_one() {
    for room in 0..120 {
        let fs = SimFileSystem::new();
        let (log, _) = open(&fs, small()).unwrap();
        let mut appended = Vec::new();
        while segments(&fs).len() < 2 {
            let entry = vec![appended.len() as u8; 50];
            append(&log, 0, &entry).unwrap();
            appended.push(entry);
        }
        // The last segment is not full yet; fill it to its bound.
        while log.bytes() < 800 {
            let entry = vec![appended.len() as u8; 50];
            append(&log, 0, &entry).unwrap();
            appended.push(entry);
        }
        fs.set_capacity(Some(log.bytes() + room));
        while append(&log, 0, b"x").is_ok() {
            appended.push(b"x".to_vec());
        }
        assert_eq!(read_all(&log).unwrap(), appended);
        drop(log);
        fs.power_loss(room);
        let (log, _) = open(&fs, small()).unwrap();
        assert_eq!(read_all(&log).unwrap(), appended, "with room for {room}");
        fs.set_capacity(None);
        append(&log, 0, b"y").unwrap();
        appended.push(b"y".to_vec());
        drop(log);
        assert_eq!(read_all(&open(&fs, small()).unwrap().0).unwrap(), appended);
    }
}

#[test]
fn a_failed_write_anywhere_fails_its_batch_and_no_other() {
    let mut failures = 0;
    for at in 0..60 {
        let fs = SimFileSystem::new();
        let (log, _) = open(&fs, small()).unwrap();
        fs.fail_at(fs.operations() + at, ErrorKind::PermissionDenied);
        let mut appended = Vec::new();
        let mut failed = Vec::new();
        for number in 0..30 {
            let entry = format!("{number:050}").into_bytes();
            match append(&log, 0, &entry) {
                Ok(index) => {
                    assert_eq!(index, appended.len() as u64);
                    appended.push(entry);
                }
                Err(error) => failed.push((entry, error)),
            }
            assert_eq!(read_all(&log).unwrap(), appended, "operation {at}");
        }
        let poisoned = failed.len() > 1;
        assert_eq!(
            log.close().is_err(),
            poisoned,
            "operation {at}: one failed append, or poison: {failed:?}"
        );
        failures += failed.len().min(1);
        fs.power_loss(at);
        let (log, _) = open(&fs, small()).unwrap();
        let found = read_all(&log).unwrap();
        assert!(found.starts_with(&appended), "operation {at}: {found:?}");
        // After a failed sync it is unknown whether the batch is there. After a failed write it is not.
        let invented = &found[appended.len()..];
        assert!(
            invented.is_empty() || (poisoned && invented == [failed[0].0.clone()]),
            "operation {at}: {invented:?}"
        );
        append(&log, 0, b"goes on").unwrap();
    }
    // All but those that give back at a segment's end what the file was extended by.
    assert!(failures > 50, "{failures} operations failed an append");
}

/// A log whose writer stops before each write until it is let go, so that batches queue up behind it.
fn gated(fs: &SimFileSystem, options: LogOptions) -> (Log, mpsc::Sender<()>) {
    let (open_gate, gate) = mpsc::channel();
    let gate = Mutex::new(gate);
    let hooked = HookedFileSystem::new(Arc::new(fs.clone()), move |operation| {
        if operation.kind == OperationKind::Write {
            // An error means that the test has let go of all.
            let _ = gate.lock().unwrap().recv();
        }
        Ok(())
    });
    (Log::open(Arc::new(hooked), DIR, options).unwrap().0, open_gate)
}

#[test]
fn a_failed_block_fails_those_queued_behind_it() {
    let fs = SimFileSystem::new();
    let (log, gate) = gated(&fs, small());
    gate.send(()).unwrap(); // the segment's header
    gate.send(()).unwrap(); // the first block
    append(&log, 0, b"durable").unwrap();

    fs.set_capacity(Some(log.bytes()));
    let mut tickets = Vec::new();
    for number in 0..9_u8 {
        // Large enough that they fall into several blocks and begin a new segment.
        let (index, ticket) = log.append(0, [[number; 100]], || b"carry".to_vec()).unwrap();
        assert_eq!(index, 1 + u64::from(number));
        tickets.push(ticket);
    }
    assert_eq!((log.durable_index(), log.next_index()), (1, 10));
    gate.send(()).unwrap();
    for ticket in tickets {
        assert!(matches!(ticket.wait(), Err(LogError::Full { .. })));
    }
    assert_eq!((log.durable_index(), log.next_index()), (1, 1));

    // An owner that had built on the failed batches is told so.
    match log.append_at(10, 0, [b"on top"], Vec::new) {
        Err(LogError::Moved { expected: 10, next_index: 1 }) => {}
        other => panic!("{other:?}"),
    }
    fs.set_capacity(None);
    drop(gate);
    log.append_at(1, 0, [b"again"], Vec::new).unwrap().wait().unwrap();
    assert_eq!(read_all(&log).unwrap(), [&b"durable"[..], b"again"]);
    // What failed does not count as pending any more.
    log.append(0, [[0; 1900]; 2], Vec::new).unwrap().1.wait().unwrap();
}

/// A batch that was said to have failed does not come back with the next power.
#[test]
fn a_failed_write_does_not_come_back() {
    for seed in 0..60 {
        let fs = SimFileSystem::new();
        let (log, _) = open(&fs, small()).unwrap();
        append(&log, 0, b"durable").unwrap();
        fs.fail_at(fs.operations(), ErrorKind::PermissionDenied);
        assert!(matches!(append(&log, 0, b"failed"), Err(LogError::Io { operation: "write", .. })));
        fs.power_loss(seed);
        let (log, recovery) = open(&fs, small()).unwrap();
        assert_eq!(recovery.bytes_cut, 0, "seed {seed}");
        assert_eq!(read_all(&log).unwrap(), [b"durable"], "seed {seed}");
    }
}

#[test]
fn a_failed_write_that_cannot_be_cut_off_poisons_the_log() {
    for step in 1..3 {
        let fs = SimFileSystem::new();
        let (log, _) = open(&fs, small()).unwrap();
        append(&log, 0, b"durable").unwrap();
        fs.fail_at(fs.operations(), ErrorKind::PermissionDenied);
        fs.fail_at(fs.operations() + step, ErrorKind::PermissionDenied);
        assert!(append(&log, 0, b"failed").is_err());
        assert!(matches!(append(&log, 0, b"refused"), Err(LogError::Poisoned { .. })));
        assert_eq!(read_all(&log).unwrap(), [b"durable"]);
    }
}

#[test]
fn beyond_the_bound_the_log_is_busy() {
    let fs = SimFileSystem::new();
    let (log, gate) = gated(&fs, small());
    let mut tickets = Vec::new();
    let refused = loop {
        match log.append(0, [[1; 500]], Vec::new) {
            Ok((_, ticket)) => tickets.push(ticket),
            Err(error) => break error,
        }
    };
    match refused {
        LogError::Busy { pending_bytes, pending_bytes_max } => {
            assert!(pending_bytes <= pending_bytes_max && pending_bytes + 500 > pending_bytes_max);
        }
        other => panic!("{other}"),
    }
    assert_eq!(tickets.len(), 7);
    assert_eq!(log.next_index(), 7, "nothing of a refused batch is queued");
    drop(gate);
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    assert_eq!(append(&log, 0, &[1; 500]).unwrap(), 7);
}

#[test]
fn what_is_too_large_or_empty_is_refused() {
    let fs = SimFileSystem::new();
    let (log, _) = open(&fs, small()).unwrap();
    let entry = log.append(0, [vec![0; 2001]], Vec::new).unwrap_err();
    assert_eq!(entry.to_string(), "an entry of 2001 bytes is over the bound of 2000 bytes; split it");
    let batch = log.append(0, vec![vec![0; 1500]; 3], Vec::new).unwrap_err();
    assert!(matches!(batch, LogError::TooLarge { what: "a batch", .. }), "{batch}");
    let empty = log.append(0, [[0; 1]; 0], Vec::new).unwrap_err();
    assert!(matches!(empty, LogError::EmptyBatch), "{empty}");
    assert_eq!(log.next_index(), 0);
    assert_eq!(append(&log, 0, b"").unwrap(), 0, "an empty entry is an entry");
    assert_eq!(read_all(&log).unwrap(), [b""]);
}

#[test]
fn a_failed_sync_poisons_the_log() {
    let fs = SimFileSystem::new();
    let (log, _) = open(&fs, small()).unwrap();
    append(&log, 0, b"durable").unwrap();
    fs.fail_at(fs.operations() + 1, ErrorKind::Other);
    assert!(matches!(append(&log, 0, b"lost"), Err(LogError::Io { operation: "sync", .. })));
    let refused = append(&log, 0, b"refused").unwrap_err();
    assert!(matches!(refused, LogError::Poisoned { .. }), "{refused}");
    assert_eq!(read_all(&log).unwrap(), [b"durable"], "reads go on");
    assert!(matches!(log.close(), Err(LogError::Poisoned { .. })));
    drop(log);
    let (log, _) = open(&fs, small()).unwrap();
    assert_eq!(read_all(&log).unwrap()[0], b"durable");
    append(&log, 0, b"after").unwrap();
}

#[test]
fn a_closed_log_refuses_appends_and_still_reads() {
    let fs = SimFileSystem::new();
    let (log, _) = open(&fs, small()).unwrap();
    let (_, ticket) = log.append(0, [b"queued"], Vec::new).unwrap();
    log.close().unwrap();
    ticket.wait().unwrap();
    assert!(matches!(log.append(0, [b"x"], Vec::new), Err(LogError::Closed)));
    assert_eq!(read_all(&log).unwrap(), [b"queued"]);
    log.close().unwrap();
}

#[test]
fn a_trim_that_fails_leaves_no_gap() {
    for at in 0..4 {
        let fs = SimFileSystem::new();
        let (log, _) = open(&fs, small()).unwrap();
        let entries: Vec<Vec<u8>> = (0..30).map(|number| vec![number; 60]).collect();
        for entry in &entries {
            append(&log, 0, entry).unwrap();
        }
        fs.fail_at(fs.operations() + at, ErrorKind::Other);
        assert!(log.trim(20).is_err());
        assert_eq!(read_all(&log).unwrap(), entries[log.first_index() as usize..]);
        let first_index = log.trim(20).unwrap();
        assert!(first_index > 10 && first_index <= 20);
        fs.power_loss(at);
        let (log, _) = open(&fs, small()).unwrap();
        assert_eq!(log.first_index(), first_index);
        assert_eq!(read_all(&log).unwrap(), entries[first_index as usize..]);
    }
}

#[test]
fn an_owner_that_panics_in_an_append_leaves_the_log_as_it_was() {
    let fs = SimFileSystem::new();
    let (log, gate) = gated(&fs, small());
    let panics = |entries_before: usize| {
        let entries = (0..5).map(|number| {
            assert!(number < entries_before, "an owner's mistake");
            [number as u8; 10]
        });
        let append = || log.append(0, entries, || panic!("an owner's mistake")).map(|_| ());
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(append)).is_err());
    };
    panics(5);
    panics(3);
    let (_, first) = log.append(0, [b"first"], Vec::new).unwrap();
    let (_, second) = log.append(0, [b"second"], Vec::new).unwrap();
    panics(3);
    let (index, third) = log.append(0, [b"third"], Vec::new).unwrap();
    assert_eq!(index, 2);
    drop(gate);
    for ticket in [first, second, third] {
        ticket.wait().unwrap();
    }
    assert_eq!(read_all(&log).unwrap(), [&b"first"[..], b"second", b"third"]);
}

/// A carry may be larger than a segment is meant to be. A segment that begins, but whose first block fails,
/// takes the next append: another one would have its name and follow itself.
#[test]
fn a_segment_without_an_entry_takes_the_next_append() {
    for point in 0.. {
        let fs = SimFileSystem::new();
        let options = LogOptions { segment_bytes: 1, ..small() };
        let (log, _) = open(&fs, options.clone()).unwrap();
        append(&log, 0, b"first").unwrap();
        let failing = fs.operations() + point;
        fs.fail_at(failing, ErrorKind::StorageFull);
        let second = append(&log, 0, b"second");
        drop(log);
        if fs.operations() <= failing {
            return;
        }
        // A sync that failed has lost what the page cache still shows.
        fs.power_loss(point);
        let (log, _) = open(&fs, options.clone()).unwrap();
        let third = append(&log, 0, b"third").unwrap();
        append(&log, 0, b"fourth").unwrap();
        drop(log);
        let (log, _) = open(&fs, options).unwrap();
        let all = read_all(&log).unwrap();
        assert!(second.is_err() || all[1] == b"second", "point {point}");
        assert_eq!(all[third as usize..], [b"third".to_vec(), b"fourth".to_vec()], "point {point}");
    }
}
