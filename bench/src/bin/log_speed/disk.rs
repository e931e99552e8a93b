//! The disk's own rate.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Writes blocks one after the other to a new file, each with one `fdatasync`.
pub fn write(path: &Path, block_bytes: u64, blocks: u64) -> io::Result<Duration> {
    let block = vec![0xa5; block_bytes as usize];
    let mut file = File::create(path)?;
    let start = Instant::now();
    for _ in 0..blocks {
        file.write_all(&block)?;
        file.sync_data()?;
    }
    let elapsed = start.elapsed();
    std::fs::remove_file(path)?;
    Ok(elapsed)
}

/// How long each of many such writes takes.
pub fn latencies(path: &Path, block_bytes: usize, blocks: usize) -> io::Result<Vec<Duration>> {
    let block = vec![0xa5; block_bytes];
    let mut file = File::create(path)?;
    let mut latencies = Vec::with_capacity(blocks);
    for _ in 0..blocks {
        let start = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        latencies.push(start.elapsed());
    }
    std::fs::remove_file(path)?;
    Ok(latencies)
}
