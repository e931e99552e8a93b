//! Observations a second and core, from the stream to the commit, in one process:
//! `cargo run --release -p kizashi-bench --bin pipeline_speed`.
//!
//! JSON records of many series are put on an embedded stream on the disk first. Then the workers start and take
//! them as in the service: decode, re-key by a put to the internal stream, score, commit, hand on to the views,
//! write history and state behind. Measured is from the start of the workers to the commit of the last record;
//! processor time is that of the whole process, so a rate a core does not depend on what else runs here.
//! The same again without re-keying.

use bytes::Bytes;
use clap::Parser;
use kizashi_bench::cpu_seconds;
use kizashi_log::StdFileSystem;
use kizashi_models::{
    decode::{Decoder, Mapping},
    detector::DefaultDetector,
    engine::EngineConfig,
};
use kizashi_online::{
    kept::KeepLimits,
    metrics::{Registry, ShardMetrics},
    settlement::Settlements,
    stores::{StoreLimits, Stores},
    views::{ViewLimits, Views},
    work::{Pace, SCORE, Shared, WatchedStream},
    workers::Workers,
};
use kizashi_storage::history::HistoryOptions;
use kizashi_stream::{
    api::{PutRecord, Stream},
    clock::{Clock, SystemClock},
    embedded::{EmbeddedStreams, Options, PUT_RECORDS_MAX},
};
use kizashi_tests::waveform::Random;
use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

const STREAM: &str = "events";
/// Between two observations of a series.
const STEP_MS: i64 = 10_000;
/// One observation in so many is far off.
const FAR_OFF_ONE_IN: u64 = 2_000;
/// Tasks that put the records, each those of its own series.
const PUTTERS: usize = 8;

/// Observations a second and core that are the goal, with and without re-keying.
const GOAL_REKEYED: f64 = 80_000.0;
const GOAL_DIRECT: f64 = 100_000.0;

#[derive(Parser)]
struct Arguments {
    /// Directory on the disk to use; a temporary one is made in it.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Series that the records are of.
    #[arg(long, default_value_t = 10_000)]
    series: usize,
    /// Observations of each series.
    #[arg(long, default_value_t = 200)]
    observations: usize,
    /// Shards of the stream.
    #[arg(long, default_value_t = 4)]
    shards: u32,
    /// Observations of a shard in which a round of pieces of state is written.
    #[arg(long, default_value_t = Pace::default().round_records)]
    round_records: u64,
    /// Only with re-keying (true) or only without (false).
    #[arg(long)]
    rekey: Option<bool>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for (rekey, goal) in [(true, GOAL_REKEYED), (false, GOAL_DIRECT)] {
        if arguments.rekey.is_none_or(|only| only == rekey) {
            let dir = tempfile::tempdir_in(&arguments.dir)?;
            runtime.block_on(measure(dir.path(), &arguments, rekey, goal))?;
        }
    }
    Ok(())
}

async fn measure(dir: &Path, arguments: &Arguments, rekey: bool, goal: f64) -> Result<(), Box<dyn Error>> {
    let fs = Arc::new(StdFileSystem);
    let streams = EmbeddedStreams::open(fs.clone(), dir, Options::default())?;
    streams.create_stream(STREAM, arguments.shards).await?;
    let bytes = put(&streams, arguments).await?;
    let limits = StoreLimits {
        history: HistoryOptions { bytes_max: 1 << 30, ..HistoryOptions::default() },
        segment_bytes: None,
    };
    let stores = Arc::new(Stores::new(fs, dir, limits));
    let registry = Arc::new(Registry::default());
    let shared = Shared {
        streams: Arc::new(streams.clone()),
        stores: stores.clone(),
        sink: Arc::new(Views::new(ViewLimits::default(), stores)),
        clock: Arc::new(SystemClock::default()),
        registry: registry.clone(),
        keep: KeepLimits { alerts_max: 10_000, dead_letters_max: 10_000 },
        pace: Pace { round_records: arguments.round_records, ..Pace::default() },
        settlements: Arc::new(Settlements::default()),
    };
    let decoder = Arc::new(Decoder::new(&Mapping::default())?);
    let watched = WatchedStream { name: STREAM.into(), rekey, decoder };
    // The internal stream has as many shards, with the same ids.
    let shards = streams.describe_stream(STREAM).await?.shards;
    let metrics: Vec<_> =
        shards.iter().map(|shard| ShardMetrics::new(&registry, SCORE, STREAM, &shard.id)).collect();
    let expected = (arguments.series * arguments.observations) as u64;

    let (start, cpu_before) = (Instant::now(), cpu_seconds(std::process::id())?);
    let workers =
        Workers::start(shared, vec![watched], DefaultDetector::default(), EngineConfig::default()).await?;
    let sum = |of: fn(&ShardMetrics) -> u64| metrics.iter().map(of).sum::<u64>();
    while sum(|shard| shard.records.get()) < expected {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds(std::process::id())? - cpu_before);
    let (commits, alerts) = (sum(|shard| shard.commits.get()), sum(|shard| shard.alerts.get()));
    let (state, refused) = (sum(|shard| shard.piece_bytes.get()), sum(|shard| shard.dead_letters.get()));
    workers.stop().await;
    if refused > 0 {
        return Err(format!("{refused} observations became dead letters and were not scored").into());
    }

    println!(
        "rekey = {rekey}: {expected} records of {} bytes of {} series",
        bytes / expected,
        arguments.series
    );
    println!("  {:>9.0} observations/s, {wall:.1} s", expected as f64 / wall);
    println!("  {:>9.0} observations/s and core, {cpu:.1} s of processor", expected as f64 / cpu);
    println!("  {goal:>9.0} observations/s and core is the goal");
    println!("  {commits} commits, {} MB of state written, {alerts} alerts opened", state / 1_000_000);
    Ok(())
}

/// Puts all records, each series in order, and says how many bytes they are.
async fn put(streams: &EmbeddedStreams, arguments: &Arguments) -> Result<u64, Box<dyn Error>> {
    let (series, observations) = (arguments.series, arguments.observations);
    let start_ms = SystemClock::default().now_ms() - observations as i64 * STEP_MS;
    let putters: Vec<_> = (0..PUTTERS)
        .map(|putter| {
            let streams = streams.clone();
            tokio::spawn(async move {
                let mut random = Random::new(putter as u64);
                let mut bytes = 0;
                let mut batch = Vec::with_capacity(PUT_RECORDS_MAX);
                for step in 0..observations {
                    for own in (putter..series).step_by(PUTTERS) {
                        let record = record(own, start_ms + step as i64 * STEP_MS, &mut random);
                        bytes += record.data.len() as u64;
                        batch.push(record);
                        if batch.len() == PUT_RECORDS_MAX {
                            put_until_taken(&streams, std::mem::take(&mut batch)).await?;
                        }
                    }
                }
                if !batch.is_empty() {
                    put_until_taken(&streams, batch).await?;
                }
                Ok::<_, kizashi_stream::api::StreamError>(bytes)
            })
        })
        .collect();
    let mut bytes = 0;
    for putter in putters {
        bytes += putter.await??;
    }
    Ok(bytes)
}

fn record(series: usize, time_ms: i64, random: &mut Random) -> PutRecord {
    let partition_key = format!("host-{series:05}.cpu.user");
    let far_off = random.below(FAR_OFF_ONE_IN) == 0;
    let value = 50.0 + random.normal() + if far_off { 40.0 } else { 0.0 };
    let data = format!(r#"{{"series":"{partition_key}","time":{time_ms},"value":{value}}}"#);
    PutRecord { partition_key: partition_key.into(), explicit_hash_key: None, data: Bytes::from(data) }
}

/// Puts a batch; what the stream could not take now is put again.
async fn put_until_taken(
    streams: &EmbeddedStreams,
    mut batch: Vec<PutRecord>,
) -> Result<(), kizashi_stream::api::StreamError> {
    while !batch.is_empty() {
        let outcomes = streams.put_records(STREAM, batch.clone()).await?;
        let refused = batch.into_iter().zip(outcomes).filter(|(_, outcome)| outcome.is_err());
        batch = refused.map(|(record, _)| record).collect();
        if !batch.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    Ok(())
}
