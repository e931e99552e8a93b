//! Durable puts in one process, beside what the disk itself does in the same run:
//! `cargo run --release -p kizashi-bench --bin stream_speed`.
//!
//! Each caller puts 500 records of 256 bytes, partition key included, under keys of its own, waits for the
//! answer, and puts again. Rounds of the disk and of the puts take turns, since a disk's rate changes from
//! minute to minute; the medians are printed. The disk writes blocks one after the other, each followed by
//! one `fdatasync`; the goal is set by the block size at which it is fastest.

use bytes::Bytes;
use clap::Parser;
use kizashi_log::StdFileSystem;
use kizashi_stream::{
    api::{PutRecord, Stream},
    embedded::{EmbeddedStreams, Options},
};
use std::{
    error::Error,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

const RECORDS: usize = 500;
const RECORD_BYTES: usize = 256;

#[derive(Parser)]
struct Arguments {
    /// Directory on the disk to measure; a temporary one is made in it.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Rounds of each kind.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of putting a round.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Shards of the stream.
    #[arg(long, default_value_t = 4)]
    shards: u32,
    /// Tasks that put.
    #[arg(long, default_value_t = 16)]
    callers: usize,
}

/// Blocks that the disk writes, KiB.
const DISK_BLOCKS_KIB: [usize; 3] = [128, 1024, 8192];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let dir = tempfile::tempdir_in(&arguments.dir)?;
    let time = Duration::from_secs_f64(arguments.seconds);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut disk = DISK_BLOCKS_KIB.map(|_| Vec::new());
    let mut puts = Vec::new();
    for _ in 0..arguments.rounds.max(1) {
        for (rates, kib) in disk.iter_mut().zip(DISK_BLOCKS_KIB) {
            rates.push(disk_rate(dir.path(), kib << 10, time / 3)?);
        }
        let data = tempfile::tempdir_in(&dir)?;
        puts.push(runtime.block_on(put_rate(data.path(), &arguments, time))?);
    }
    println!("disk, writes in sequence, each with an fdatasync:");
    let mut disk_rate_max = 0.0f64;
    for (rates, kib) in disk.into_iter().zip(DISK_BLOCKS_KIB) {
        let rate = median(rates);
        println!("  {kib:>5} KiB a write {:>8.1} MB/s", rate / 1e6);
        disk_rate_max = disk_rate_max.max(rate);
    }
    let rate = median(puts);
    let goal = (0.7 * disk_rate_max / RECORD_BYTES as f64).min(1e6);
    let Arguments { callers, shards, .. } = arguments;
    println!("puts of {RECORDS} records of {RECORD_BYTES} bytes, {callers} callers, {shards} shards:");
    println!("  {rate:>9.0} records/s {:>8.1} MB/s", rate * RECORD_BYTES as f64 / 1e6);
    println!(
        "  {goal:>9.0} records/s is the goal: 70 % of the disk's best rate, or a million if that is less"
    );
    Ok(())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Bytes a second that the disk takes in synced writes of `block_bytes`.
fn disk_rate(dir: &Path, block_bytes: usize, time: Duration) -> Result<f64, Box<dyn Error>> {
    let path = dir.join("sequential");
    let mut file = File::create(&path)?;
    let block = vec![0xa5; block_bytes];
    let start = Instant::now();
    let mut bytes = 0;
    while start.elapsed() < time {
        file.write_all(&block)?;
        file.sync_data()?;
        bytes += block_bytes;
    }
    let rate = bytes as f64 / start.elapsed().as_secs_f64();
    drop(file);
    std::fs::remove_file(path)?;
    Ok(rate)
}

/// Records a second that are put and answered.
async fn put_rate(dir: &Path, arguments: &Arguments, time: Duration) -> Result<f64, Box<dyn Error>> {
    let streams = EmbeddedStreams::open(Arc::new(StdFileSystem), dir, Options::default())?;
    streams.create_stream("speed", arguments.shards).await?;
    let start = Instant::now();
    let callers: Vec<_> = (0..arguments.callers)
        .map(|caller| {
            let streams = streams.clone();
            let records: Vec<_> = (0..RECORDS).map(|i| record(caller, i)).collect();
            tokio::spawn(async move {
                let (mut taken, mut refused) = (0u64, 0u64);
                while start.elapsed() < time {
                    let outcomes = streams.put_records("speed", records.clone()).await?;
                    let good = outcomes.iter().filter(|outcome| outcome.is_ok()).count() as u64;
                    taken += good;
                    refused += RECORDS as u64 - good;
                }
                Ok::<_, kizashi_stream::api::StreamError>((taken, refused))
            })
        })
        .collect();
    let (mut taken, mut refused) = (0, 0);
    for caller in callers {
        let (good, bad) = caller.await??;
        taken += good;
        refused += bad;
    }
    if refused > 0 {
        println!("  {refused} records were refused");
    }
    Ok(taken as f64 / start.elapsed().as_secs_f64())
}

fn record(caller: usize, i: usize) -> PutRecord {
    let partition_key = format!("series-{caller:04}-{i:04}");
    let data = Bytes::from(vec![b'x'; RECORD_BYTES - partition_key.len()]);
    PutRecord { partition_key: partition_key.into(), explicit_hash_key: None, data }
}
