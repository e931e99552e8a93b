//! The log as its owners see it: against a model, through power loss, full disks, failed syncs, corrupt
//! bytes and many threads.

mod concurrency;
mod corruption;
mod faults;
mod model;
mod power_loss;
mod reading;

use std::path::Path;
use std::sync::Arc;

use kizashi_log::{FileSystem, Log, LogError, LogOptions, Recovery, SimFileSystem};

/// Where the tests keep their log.
const DIR: &str = "/data/log";

/// Segments, blocks and caches so small that a few entries pass every boundary.
fn small() -> LogOptions {
    LogOptions {
        segment_bytes: 400,
        block_bytes: 150,
        pending_bytes_max: 4000,
        entry_bytes_max: 2000,
        cache_bytes: 600,
    }
}

fn open(fs: &SimFileSystem, options: LogOptions) -> Result<(Log, Recovery), LogError> {
    Log::open(Arc::new(fs.clone()), DIR, options)
}

/// Appends one entry and waits until it is durable.
fn append(log: &Log, time_ms: i64, entry: &[u8]) -> Result<u64, LogError> {
    let (index, ticket) = log.append(time_ms, [entry], Vec::new)?;
    ticket.wait()?;
    Ok(index)
}

/// All entries that can be read, checked to be numbered without a gap and in the order of time.
fn read_all(log: &Log) -> Result<Vec<Vec<u8>>, LogError> {
    let mut all = Vec::new();
    let mut time_ms = i64::MIN;
    let mut index = log.first_index();
    loop {
        let entries = log.read(index, 7, 300)?;
        if entries.is_empty() {
            assert_eq!(index, log.durable_index());
            return Ok(all);
        }
        for entry in entries {
            assert_eq!(entry.index, index);
            assert!(entry.time_ms >= time_ms, "time falls at {index}");
            time_ms = entry.time_ms;
            index += 1;
            all.push(entry.data.to_vec());
        }
    }
}

/// The segments' names, oldest first.
fn segments(fs: &SimFileSystem) -> Vec<String> {
    let mut names = fs.list(Path::new(DIR)).unwrap();
    names.sort();
    names
}
