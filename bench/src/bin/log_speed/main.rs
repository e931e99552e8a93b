//! The log beside the disk's own rate: `cargo run --release -p kizashi-bench --bin log_speed`. With
//! `--features peers`, beside fjall 3 as well.
//!
//! Rounds of the log and of its peers take turns, since a disk's rate changes from minute to minute; the
//! medians are printed. The disk's rate is measured with blocks of the mean size that the log's commits
//! had, written one after the other, each with one `fdatasync`.

mod disk;
#[cfg(feature = "peers")]
mod fjall;
mod own;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Bytes of an entry.
const ENTRY_BYTES: usize = 256;
/// Entries of a batch: what one PutRecords may hold.
const BATCH_ENTRIES: usize = 500;
/// Threads that append.
const APPENDERS: usize = 2;
/// Batches that a thread has in flight.
const IN_FLIGHT: usize = 8;

#[derive(Parser)]
struct Arguments {
    /// Directory on the disk to measure; a temporary one is made in it.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Rounds of each kind.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of appending a round.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// GiB of the log whose opening is timed.
    #[arg(long, default_value_t = 1)]
    open_gib: u64,
}

/// What a round of appends did.
struct Appended {
    entries: u64,
    /// Commits, and bytes that they wrote.
    commits: u64,
    bytes: u64,
    elapsed: Duration,
}

impl Appended {
    fn entries_per_second(&self) -> f64 {
        self.entries as f64 / self.elapsed.as_secs_f64()
    }
}

/// What opening and reading a large log took.
struct Large {
    bytes: u64,
    open: Duration,
    entries_read: u64,
    read: Duration,
}

impl Large {
    fn print(&self, name: &str) {
        println!(
            "{name:<12} {:>6.2} GiB opened in {:>6.1} ms, {:>5.2} M entries/s read in order",
            self.bytes as f64 / f64::from(1 << 30),
            self.open.as_secs_f64() * 1e3,
            self.entries_read as f64 / self.read.as_secs_f64() / 1e6,
        );
    }
}

/// A batch of entries whose bytes do not compress.
fn batch() -> Vec<[u8; ENTRY_BYTES]> {
    let mut state = 1_u64;
    let mut entries = vec![[0; ENTRY_BYTES]; BATCH_ENTRIES];
    for byte in entries.as_flattened_mut() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *byte = (state >> 56) as u8;
    }
    entries
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn percentiles(mut latencies: Vec<Duration>) -> String {
    latencies.sort();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    format!("p50 {:.3} ms, p99 {:.3} ms", at(0.5), at(0.99))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let dir = tempfile::tempdir_in(&arguments.dir)?;
    let dir = dir.path();
    let seconds = Duration::from_secs_f64(arguments.seconds);

    println!(
        "durable appends of {ENTRY_BYTES}-byte entries, {APPENDERS} threads, batches of {BATCH_ENTRIES}"
    );
    let (mut own_rates, mut disk_rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    #[cfg(feature = "peers")]
    let mut fjall_rates = Vec::new();
    for _ in 0..arguments.rounds {
        let own = own::append(&dir.join("own"), seconds)?;
        let disk = disk::write(&dir.join("disk"), own.bytes / own.commits, own.commits)?;
        let own_mb = own.bytes as f64 / own.elapsed.as_secs_f64() / 1e6;
        let disk_mb = own.bytes as f64 / disk.as_secs_f64() / 1e6;
        println!(
            "  log {:>5.2} M entries/s, {own_mb:>5.0} MB/s in blocks of {:>4} KiB; disk {disk_mb:>5.0} MB/s; ratio {:.2}",
            own.entries_per_second() / 1e6,
            own.bytes / own.commits / 1024,
            own_mb / disk_mb,
        );
        own_rates.push(own.entries_per_second());
        disk_rates.push(disk_mb);
        ratios.push(own_mb / disk_mb);
        #[cfg(feature = "peers")]
        {
            let fjall = fjall::append(&dir.join("fjall"), seconds)?;
            println!("  fjall {:>5.2} M entries/s", fjall.entries_per_second() / 1e6);
            fjall_rates.push(fjall.entries_per_second());
        }
    }
    println!(
        "median: {:.2} M entries/s; disk {:.0} MB/s; ratio {:.2}",
        median(own_rates) / 1e6,
        median(disk_rates),
        median(ratios)
    );
    #[cfg(feature = "peers")]
    println!("median: fjall {:.2} M entries/s", median(fjall_rates) / 1e6);

    println!("one entry at a time, durable");
    println!("  log    {}", percentiles(own::latencies(&dir.join("one"), 2000)?));
    println!("  disk   {}", percentiles(disk::latencies(&dir.join("one-disk"), 300, 2000)?));
    #[cfg(feature = "peers")]
    println!("  fjall  {}", percentiles(fjall::latencies(&dir.join("one-fjall"), 2000)?));

    own::large(&dir.join("large"), arguments.open_gib << 30)?.print("log");
    #[cfg(feature = "peers")]
    fjall::large(&dir.join("large-fjall"), arguments.open_gib << 30)?.print("fjall");
    Ok(())
}
