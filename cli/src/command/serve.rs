//! `kizashi serve`: all roles in one process.

mod status;

use crate::{
    arguments::Serve,
    config::{self, Config},
    failpoint,
    report::{self, Failure},
    snapshot_file,
};
use bytes::Bytes;
use kizashi_log::{FileSystem, LogOptions};
use kizashi_models::{
    decode::Decoder,
    detector::{DefaultDetector, Detector},
};
use kizashi_online::{
    counted::CountedStream,
    kept::KeepLimits,
    metrics::Registry,
    replay::Replay,
    serve::{Bound, Parts, PortLimits, server},
    settlement::Settlements,
    stores::{StoreLimits, Stores},
    views::{ViewLimits, Views},
    work::{Pace, Shared, WatchedStream},
    workers::Workers,
};
use kizashi_storage::history::HistoryOptions;
use kizashi_stream::{
    api::{Stream, StreamError},
    clock::{Clock, SystemClock},
    embedded::{DataDirectory, EmbeddedStreams, Options},
    kinesis,
};
use parking_lot::Mutex;
use std::{io::IsTerminal, sync::Arc};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tracing_subscriber::EnvFilter;

/// Of the log on standard error.
const LOG_VARIABLE: &str = "KIZASHI_LOG";

pub fn run(arguments: &Serve) -> Result<(), Failure> {
    let mut config = config::load(arguments.config.as_deref(), std::env::vars())?;
    if let Some(data) = &arguments.data {
        config.data.clone_from(data);
    }
    config.listen = arguments.listen.unwrap_or(config.listen);
    config.kinesis = arguments.kinesis.unwrap_or(config.kinesis);
    let snapshot = arguments.snapshot.as_deref().or(config.snapshot.as_deref());
    let detector = snapshot_file::detector(snapshot)?;
    config.check().map_err(|(key, wrong)| Failure::usage(format_args!("{key} {wrong}")))?;
    let filter =
        EnvFilter::builder().with_default_directive(tracing::Level::INFO.into()).with_env_var(LOG_VARIABLE);
    let filter =
        filter.from_env().map_err(|error| Failure::usage(format_args!("{LOG_VARIABLE}: {error}")))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::run(format_args!("can't start: {error}")))?;
    runtime.block_on(serve(&config, detector))
}

async fn serve(config: &Config, detector: DefaultDetector) -> Result<(), Failure> {
    // Asked for first, so that a signal during the start is not lost.
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::run)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::run)?;
    let grpc = Bound::bind(config.listen).map_err(Failure::run)?;
    let kinesis = Bound::bind(config.kinesis).map_err(Failure::run)?;
    let fs = failpoint::file_system()?;
    let _directory = DataDirectory::open(&fs, &config.data).map_err(Failure::run)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let started_ms = clock.now_ms();
    let options = stream_options(config, clock.clone());
    let record_bytes_max = options.record_bytes_max();
    let streams = open_streams(&fs, config, options).await?;

    let registry = Arc::new(Registry::default());
    let stores = Arc::new(Stores::new(fs, &config.data, store_limits(config)));
    let limits = ViewLimits {
        alerts_max: config.keep.alerts_max,
        dead_letters_max: config.keep.dead_letters_max,
        ..ViewLimits::default()
    };
    let views = Arc::new(Views::new(limits, stores.clone()));
    let settlements = Arc::new(Settlements::default());
    let watched = watched(config)?;
    let shared = Shared {
        streams: streams.clone(),
        stores: stores.clone(),
        sink: views.clone(),
        clock: clock.clone(),
        registry: registry.clone(),
        keep: KeepLimits {
            alerts_max: per_shard(config, config.keep.alerts_max as u64) as usize,
            dead_letters_max: per_shard(config, config.keep.dead_letters_max as u64) as usize,
        },
        pace: Pace {
            series_live_max: per_shard(config, config.keep.series_live_max as u64) as usize,
            ..Pace::default()
        },
        settlements: settlements.clone(),
    };
    let snapshot = detector.snapshot_id();
    let workers =
        Workers::start(shared, watched.clone(), detector, config.engine()).await.map_err(Failure::run)?;

    // What comes in through the ports is counted; the workers read the streams themselves.
    let names = config.streams.keys().map(String::as_str);
    let counted = Arc::new(CountedStream::new(streams.clone(), registry.clone(), names));
    let refused = counted.clone();
    let meter = status::Meter::start(&registry, stores.clone(), &streams, snapshot, config).await;
    let metrics = metrics(registry.clone(), views.clone());
    let parts = Parts {
        stream: counted.clone(),
        views,
        history: stores,
        dead_letters: Arc::new(Replay::new(streams.clone(), &watched, settlements)),
        workers: Arc::new(move || meter.status()),
        metrics,
        assets: Arc::new(|path, accept_encoding| {
            Some(kizashi_dashboard::respond(path, accept_encoding).map(Bytes::from_static))
        }),
        started_ms,
        limits: PortLimits::default(),
    };
    let answers = kinesis::Options {
        clock,
        record_bytes_max,
        refused: Arc::new(move |stream, code, records| refused.refused(stream, code, records)),
        ..kinesis::Options::default()
    };
    let (stop, stopped) = watch::channel(false);
    let ready = format!("ready listen={} kinesis={}", grpc.address(), kinesis.address());
    let (grpc, kinesis) = (grpc.listen().map_err(Failure::run)?, kinesis.listen().map_err(Failure::run)?);
    let serving = tokio::spawn(server(parts).serve(grpc, until(stopped.clone())));
    let answering = tokio::spawn(kinesis::serve(kinesis, counted, answers, until(stopped)));
    report::line(ready)?;

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    // First no more comes in, then all that came is scored and committed.
    stop.send_replace(true);
    let ended = async {
        serving.await.map_err(Failure::run)?;
        answering.await.map_err(Failure::run)?.map_err(Failure::run)
    };
    let ended = ended.await;
    workers.stop().await;
    ended
}

/// The metrics as a text, those of the views brought up to date.
fn metrics(registry: Arc<Registry>, views: Arc<Views>) -> Arc<dyn Fn() -> String + Send + Sync> {
    let open =
        registry.gauge("kizashi_open_incidents", "Incidents of several alerts of which one is open.", &[]);
    let opened = registry.counter(
        "kizashi_incidents_total",
        "Incidents of several alerts that came up, those kept from before the start among them.",
        &[],
    );
    let scraped = Mutex::new(());
    Arc::new(move || {
        // One at a time, so that what came up is counted once.
        let _one = scraped.lock();
        let counts = views.incidents().counts();
        open.set(i64::try_from(counts.open).unwrap_or(i64::MAX));
        opened.add(counts.opened.saturating_sub(opened.get()));
        registry.render()
    })
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn open_streams(
    fs: &Arc<dyn FileSystem>,
    config: &Config,
    options: Options,
) -> Result<Arc<EmbeddedStreams>, Failure> {
    let streams = EmbeddedStreams::open(fs.clone(), &config.data, options).map_err(Failure::run)?;
    for (name, wanted) in &config.streams {
        match streams.create_stream(name, wanted.shards).await {
            Ok(()) | Err(StreamError::ResourceInUse(_)) => {}
            Err(error) => return Err(Failure::run(format_args!("can't create stream {name}: {error}"))),
        }
        let is = streams.describe_stream(name).await.map_err(Failure::run)?;
        if is.retention_hours != wanted.retention_hours {
            streams.set_retention_hours(name, wanted.retention_hours).await.map_err(Failure::run)?;
        }
        if is.shards.len() != wanted.shards as usize {
            tracing::warn!(
                stream = name,
                shards = is.shards.len(),
                "the stream exists with another number of shards"
            );
        }
    }
    streams.trim_in_background();
    Ok(Arc::new(streams))
}

/// How the streams are kept.
pub fn stream_options(config: &Config, clock: Arc<dyn Clock>) -> Options {
    Options {
        clock,
        log: LogOptions { segment_bytes: config.log.segment_bytes, ..LogOptions::default() },
        large_records: config.log.large_records,
        ..Options::default()
    }
}

/// The streams of the configuration as the workers take them.
pub fn watched(config: &Config) -> Result<Vec<WatchedStream>, Failure> {
    let watched = |(name, stream): (&String, &config::StreamConfig)| {
        let decoder = Decoder::new(&stream.mapping).map_err(Failure::usage)?;
        Ok(WatchedStream { name: name.as_str().into(), rekey: stream.rekey, decoder: Arc::new(decoder) })
    };
    config.streams.iter().map(watched).collect()
}

/// Bounds of what the shards keep on the disk.
pub fn store_limits(config: &Config) -> StoreLimits {
    let bytes_max = per_shard(config, config.keep.history_bytes_max).max(1 << 20);
    let small = config.log.segment_bytes < LogOptions::default().segment_bytes;
    StoreLimits {
        history: HistoryOptions { bytes_max, ..HistoryOptions::default() },
        segment_bytes: small.then_some(config.log.segment_bytes),
    }
}

/// A shard's part of a bound for the node.
fn per_shard(config: &Config, bound: u64) -> u64 {
    let shards: u64 = config.streams.values().map(|stream| u64::from(stream.shards)).sum();
    (bound / shards.max(1)).max(1)
}
