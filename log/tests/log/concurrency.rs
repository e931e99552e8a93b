//! Many threads at once.

use std::sync::atomic::{AtomicBool, Ordering};

use kizashi_log::{LogError, LogOptions, SimFileSystem};

use crate::{open, read_all, small};

#[test]
fn many_threads_append_read_and_trim() {
    const THREADS: u64 = 6;
    const BATCHES: u64 = 200;
    let fs = SimFileSystem::new();
    let options =
        LogOptions { segment_bytes: 5000, block_bytes: 1000, pending_bytes_max: 1 << 20, ..small() };
    let (log, _) = open(&fs, options).unwrap();
    let done = AtomicBool::new(false);
    let mut acknowledged: Vec<(u64, Vec<u8>)> = std::thread::scope(|scope| {
        let appenders: Vec<_> = (0..THREADS)
            .map(|thread| {
                let log = log.clone();
                scope.spawn(move || {
                    let mut mine = Vec::new();
                    for number in 0..BATCHES {
                        let entries = [[thread as u8, number as u8, 0], [thread as u8, number as u8, 1]];
                        let (index, ticket) = log.append(number as i64, entries, Vec::new).unwrap();
                        ticket.wait().unwrap();
                        assert!(log.durable_index() >= index + 2);
                        mine.push((index, entries[0].to_vec()));
                        mine.push((index + 1, entries[1].to_vec()));
                    }
                    mine
                })
            })
            .collect();
        // A reader that follows the tail, one that reads the oldest, and one that trims.
        scope.spawn(|| {
            let mut index = 0;
            while !done.load(Ordering::Relaxed) {
                for entry in log.read(index, 50, 1000).unwrap_or_default() {
                    assert_eq!(entry.index, index);
                    index += 1;
                }
                index = index.max(log.first_index());
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                match log.read(log.first_index(), 10, 1000) {
                    Ok(_) | Err(LogError::Trimmed { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                log.trim(log.durable_index().saturating_sub(400)).unwrap();
                std::thread::yield_now();
            }
        });
        let acknowledged = appenders.into_iter().flat_map(|appender| appender.join().unwrap()).collect();
        done.store(true, Ordering::Relaxed);
        acknowledged
    });
    acknowledged.sort();
    assert_eq!(acknowledged.len() as u64, THREADS * BATCHES * 2);
    let expected: Vec<Vec<u8>> = acknowledged
        .into_iter()
        .enumerate()
        .map(|(at, (index, entry))| {
            assert_eq!(index, at as u64, "each index is given once");
            entry
        })
        .collect();
    let first = log.first_index() as usize;
    assert_eq!(read_all(&log).unwrap(), expected[first..]);
    drop(log);
    fs.power_loss(1);
    let (log, _) = open(&fs, small()).unwrap();
    assert_eq!(read_all(&log).unwrap(), expected[first..]);
}
