//! The log of this repository.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kizashi_log::{HookedFileSystem, Log, LogError, LogOptions, OperationKind, StdFileSystem, Ticket};

use super::{APPENDERS, Appended, IN_FLIGHT, Large, batch};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Appends with several threads for some time.
pub fn append(dir: &Path, duration: Duration) -> Result<Appended> {
    let commits = Arc::new(AtomicU64::new(0));
    let bytes = Arc::new(AtomicU64::new(0));
    let counted = {
        let (commits, bytes) = (commits.clone(), bytes.clone());
        HookedFileSystem::new(Arc::new(StdFileSystem), move |operation| {
            match operation.kind {
                OperationKind::Write => {
                    bytes.fetch_add(operation.bytes as u64, Ordering::Relaxed);
                }
                OperationKind::Sync => {
                    commits.fetch_add(1, Ordering::Relaxed);
                }
                _ => {}
            }
            Ok(())
        })
    };
    let (log, _) = Log::open(Arc::new(counted), dir, LogOptions::default())?;
    let start = Instant::now();
    std::thread::scope(|scope| -> Result<()> {
        let appenders: Vec<_> =
            (0..APPENDERS).map(|_| scope.spawn(|| append_until(&log, start + duration))).collect();
        for appender in appenders {
            appender.join().expect("an appender does not panic")?;
        }
        Ok(())
    })?;
    let elapsed = start.elapsed();
    let entries = log.durable_index();
    log.close()?;
    std::fs::remove_dir_all(dir)?;
    let (commits, bytes) = (commits.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed));
    Ok(Appended { entries, commits, bytes, elapsed })
}

/// Appends batches with several in flight, and waits for all.
fn append_until(log: &Log, end: Instant) -> std::result::Result<(), LogError> {
    let batch = batch();
    let mut tickets: VecDeque<Ticket> = VecDeque::new();
    while Instant::now() < end {
        let (_, ticket) = log.append(0, &batch, Vec::new)?;
        tickets.push_back(ticket);
        if tickets.len() >= IN_FLIGHT {
            tickets.pop_front().expect("several are in flight").wait()?;
        }
    }
    tickets.into_iter().try_for_each(Ticket::wait)
}

/// How long single appends take, one after the other.
pub fn latencies(dir: &Path, count: usize) -> Result<Vec<Duration>> {
    let (log, _) = Log::open(Arc::new(StdFileSystem), dir, LogOptions::default())?;
    let batch = batch();
    let mut latencies = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        log.append(0, &batch[..1], Vec::new)?.1.wait()?;
        latencies.push(start.elapsed());
    }
    Ok(latencies)
}

/// Writes a large log, opens it again, and reads it from the front.
pub fn large(dir: &Path, bytes: u64) -> Result<Large> {
    let fs = Arc::new(StdFileSystem);
    let (log, _) = Log::open(fs.clone(), dir, LogOptions::default())?;
    let batch = batch();
    let mut tickets: VecDeque<Ticket> = VecDeque::new();
    while log.bytes() < bytes {
        tickets.push_back(log.append(0, &batch, Vec::new)?.1);
        if tickets.len() >= IN_FLIGHT {
            tickets.pop_front().expect("several are in flight").wait()?;
        }
    }
    tickets.into_iter().try_for_each(Ticket::wait)?;
    log.close()?;
    drop(log);

    let start = Instant::now();
    let (log, _) = Log::open(fs, dir, LogOptions::default())?;
    let open = start.elapsed();
    let start = Instant::now();
    let mut index = 0;
    loop {
        let entries = log.read(index, 1000, 1 << 20)?;
        if entries.is_empty() {
            break;
        }
        index += entries.len() as u64;
    }
    let large = Large { bytes: log.bytes(), open, entries_read: index, read: start.elapsed() };
    drop(log);
    std::fs::remove_dir_all(dir)?;
    Ok(large)
}
