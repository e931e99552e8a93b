//! Reads: bounds, time, the cache, trimming, and waiting.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use kizashi_log::{LogError, LogOptions, SimFileSystem};

use crate::{append, open, read_all, segments, small};

#[test]
fn only_what_is_durable_is_read() {
    let fs = SimFileSystem::new();
    let (log, _) = open(&fs, small()).unwrap();
    append(&log, 0, b"durable").unwrap();
    fs.crash_at(fs.operations() + 1);
    let (_, ticket) = log.append(0, [b"written, not synced"], Vec::new).unwrap();
    assert!(ticket.wait().is_err());
    assert_eq!(log.read(0, 10, 1000).map(|entries| entries.len()).ok(), Some(1));
}

#[test]
fn an_entry_in_parts_is_one_entry() {
    let fs = SimFileSystem::new();
    let (log, _) = open(&fs, small()).unwrap();
    let parts: [[&[u8]; 2]; 2] = [[b"head", b"er"], [b"", b"body"]];
    log.append(0, parts, Vec::new).unwrap().1.wait().unwrap();
    let parts: &[&[u8]] = &[b"a", b"b", b"c"];
    log.append(0, [parts], Vec::new).unwrap().1.wait().unwrap();
    assert_eq!(read_all(&log).unwrap(), [&b"header"[..], b"body", b"abc"]);
}

#[test]
fn entries_found_by_time_across_segments_and_reopening() {
    let fs = SimFileSystem::new();
    let (log, _) = open(&fs, small()).unwrap();
    assert_eq!(log.find_time(5).unwrap(), 0, "an empty log");
    // Pairs share a time, with gaps between; one clock step back is raised.
    for number in 0..40 {
        let time_ms = if number == 21 { 0 } else { 1000 + number / 2 * 10 };
        append(&log, time_ms, &[0; 30]).unwrap();
    }
    assert!(segments(&fs).len() > 3);
    let check = |log: &kizashi_log::Log| {
        for pair in 0..20 {
            let time_ms = 1000 + pair * 10;
            assert_eq!(log.find_time(time_ms).unwrap(), pair as u64 * 2, "at {time_ms}");
            assert_eq!(log.find_time(time_ms - 3).unwrap(), pair as u64 * 2, "before {time_ms}");
        }
        assert_eq!(log.find_time(1191).unwrap(), 40, "later than all");
    };
    check(&log);
    log.close().unwrap();
    let (log, _) = open(&fs, small()).unwrap();
    check(&log);
    assert_eq!(log.append(0, [b"old"], Vec::new).unwrap().0, 40);
    log.close().unwrap();
    assert_eq!(log.read(40, 1, 0).unwrap()[0].time_ms, 1190, "time does not fall after reopening");
}

#[test]
fn trimming_removes_whole_segments_and_keeps_the_last() {
    let fs = SimFileSystem::new();
    let (log, _) = open(&fs, small()).unwrap();
    for number in 0..30_u8 {
        append(&log, i64::from(number), &[number; 60]).unwrap();
    }
    let firsts: Vec<u64> = segments(&fs).iter().map(|name| name[..20].parse().unwrap()).collect();
    assert!(firsts.len() > 4, "{firsts:?}");
    let bytes = log.bytes();

    assert_eq!(log.trim(firsts[1] - 1).unwrap(), 0, "the first segment holds an entry that stays");
    assert_eq!(log.trim(firsts[1]).unwrap(), firsts[1]);
    assert!(log.bytes() < bytes);
    assert!(
        matches!(log.read(0, 1, 0), Err(LogError::Trimmed { index: 0, first_index }) if first_index == firsts[1])
    );
    assert_eq!(
        log.trim_time(firsts[2] as i64).unwrap(),
        firsts[1],
        "an entry of that very time may stand before"
    );
    assert_eq!(log.trim_time(firsts[2] as i64 + 1).unwrap(), firsts[2]);
    assert_eq!(log.find_time(0).unwrap(), firsts[2]);
    let last = *firsts.last().unwrap();
    assert_eq!(log.trim(u64::MAX).unwrap(), last);
    assert_eq!(log.next_index(), 30);
    drop(log);
    let (log, recovery) = open(&fs, small()).unwrap();
    assert_eq!((log.first_index(), recovery.segment_first_index), (last, last));
    assert_eq!(read_all(&log).unwrap().len() as u64, 30 - last);
}

#[test]
fn a_log_without_a_cache_reads_from_the_disk() {
    let fs = SimFileSystem::new();
    let options = LogOptions { cache_bytes: 0, segment_bytes: 1 << 20, ..small() };
    let (log, _) = open(&fs, options).unwrap();
    // Enough that the sparse index has several marks.
    let entries: Vec<Vec<u8>> = (0..600_u32).map(|number| vec![number as u8; 1000]).collect();
    for batch in entries.chunks(3) {
        log.append(0, batch, Vec::new).unwrap().1.wait().unwrap();
    }
    for at in [0, 1, 127, 128, 300, 599] {
        assert_eq!(log.read(at, 1, 0).unwrap()[0].data, entries[at as usize], "entry {at}");
    }
    assert_eq!(read_all(&log).unwrap(), entries);
}

struct CountingWaker(AtomicUsize);

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_waiter_is_woken_by_the_entry_it_waits_for() {
    let fs = SimFileSystem::new();
    let (log, _) = open(&fs, small()).unwrap();
    let woken = Arc::new(CountingWaker(AtomicUsize::new(0)));
    let waker = Waker::from(woken.clone());
    let mut context = Context::from_waker(&waker);
    let mut second = pin!(log.wait_beyond(1));
    assert!(second.as_mut().poll(&mut context).is_pending());
    {
        let mut dropped = pin!(log.wait_beyond(0));
        assert!(dropped.as_mut().poll(&mut context).is_pending());
    }
    append(&log, 0, b"0").unwrap();
    assert_eq!(woken.0.load(Ordering::SeqCst), 0, "not yet");
    assert!(second.as_mut().poll(&mut context).is_pending());
    append(&log, 0, b"1").unwrap();
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert!(matches!(second.as_mut().poll(&mut context), Poll::Ready(Ok(2))));

    let mut beyond_the_end = pin!(log.wait_beyond(2));
    assert!(beyond_the_end.as_mut().poll(&mut context).is_pending());
    log.close().unwrap();
    assert_eq!(woken.0.load(Ordering::SeqCst), 2);
    assert!(matches!(beyond_the_end.as_mut().poll(&mut context), Poll::Ready(Err(LogError::Closed))));
}

#[test]
fn a_ticket_is_a_future() {
    let fs = SimFileSystem::new();
    let (log, _) = open(&fs, small()).unwrap();
    let (_, ticket) = log.append(0, [b"x"], Vec::new).unwrap();
    let mut ticket = pin!(ticket);
    log.close().unwrap();
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(ticket.as_mut().poll(&mut context), Poll::Ready(Ok(()))));
}
