//! The configuration: one TOML file, every key with a default, `KIZASHI_…` variables on top.

mod source;

use kizashi_models::{
    decode::{Decoder, Mapping},
    engine::{EngineConfig, SeriesRule},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

pub use source::{load, load_named};

/// Name of the configuration file that is read where none is named.
pub const FILE: &str = "kizashi.toml";

/// Everything that can be configured.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder that holds everything durable.
    pub data: PathBuf,
    /// Address of gRPC, gRPC-Web, the dashboard and `/metrics`.
    pub listen: SocketAddr,
    /// Address of the Kinesis endpoint.
    pub kinesis: SocketAddr,
    /// The streams that exist after start and are watched, by name.
    pub streams: BTreeMap<String, StreamConfig>,
    /// The snapshot that scores; the built-in one where there is none.
    pub snapshot: Option<PathBuf>,
    /// How anomalies are detected.
    pub detect: EngineConfig,
    /// What holds for some series alone: see [`Config::engine`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<SeriesRule>,
    /// Bounds on what is kept.
    pub keep: Keep,
    /// Sizes of the log.
    pub log: Log,
}

/// One stream.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamConfig {
    /// Number of shards when the stream is created, 1 to 64.
    pub shards: u32,
    /// Hours that records are kept, 24 to 8,760.
    pub retention_hours: u32,
    /// Whether records are put on an internal stream keyed by series before they are scored. `false` where
    /// producers use the series as the partition key: it saves a sync.
    pub rekey: bool,
    /// Where the series, the time and the values stand in a record.
    pub mapping: Mapping,
}

/// Bounds on what is kept.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keep {
    /// Alerts; the oldest closed ones go first.
    pub alerts_max: usize,
    /// Dead letters.
    pub dead_letters_max: usize,
    /// Bytes of history, all shards together.
    pub history_bytes_max: u64,
    /// Series in memory, all shards together; the state of the others is read back when they report.
    pub series_live_max: usize,
}

/// Sizes of the log.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Bytes of a segment.
    pub segment_bytes: u64,
    /// Whether records may have 10 MiB, as Amazon Kinesis allows today, in place of 1 MiB.
    pub large_records: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "kizashi-data".into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8750)),
            kinesis: SocketAddr::from((Ipv4Addr::LOCALHOST, 4567)),
            streams: BTreeMap::from([("events".to_owned(), StreamConfig::default())]),
            snapshot: None,
            detect: EngineConfig::default(),
            series: Vec::new(),
            keep: Keep::default(),
            log: Log::default(),
        }
    }
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self { shards: 4, retention_hours: 24, rekey: true, mapping: Mapping::default() }
    }
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            alerts_max: 100_000,
            dead_letters_max: 10_000,
            history_bytes_max: 1 << 30,
            series_live_max: 200_000,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, large_records: false }
    }
}

impl Config {
    /// What the engine is to know: `detect` with the tables `[[series]]`.
    pub fn engine(&self) -> EngineConfig {
        EngineConfig { series: self.series.clone(), ..self.detect.clone() }
    }

    /// Checks what types alone don't say. An error is the key and what is wrong with it.
    pub fn check(&self) -> Result<(), (String, String)> {
        let within = |key: String, value: u64, low: u64, high: u64| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err((key, format!("{value} is not allowed: from {low} to {high} is")))
            }
        };
        for (key, address) in [("listen", self.listen), ("kinesis", self.kinesis)] {
            if !address.ip().is_loopback() {
                return Err((
                    key.into(),
                    format!(
                        "{address} is reachable from other machines, and there is no authentication to guard it: use an \
                         address of this machine alone, such as 127.0.0.1:{}, and a proxy that authenticates in front of it",
                        address.port()
                    ),
                ));
            }
        }
        if self.listen == self.kinesis && self.listen.port() != 0 {
            return Err((
                "kinesis".into(),
                format!("{} is the address of `listen` already: choose another port", self.kinesis),
            ));
        }
        if self.streams.is_empty() {
            return Err((
                "streams".into(),
                "is empty: name at least one stream, such as [streams.events]".into(),
            ));
        }
        within("streams".into(), self.streams.len() as u64, 1, 64)?;
        for (name, stream) in &self.streams {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
            if name.is_empty() || name.len() > 128 || name.starts_with('.') || !name.chars().all(allowed) {
                return Err((
                    format!("streams.{name}"),
                    "is not a stream's name: 1 to 128 letters, digits, `_`, `-` and `.`, not beginning with `.`, are".into(),
                ));
            }
            within(format!("streams.{name}.shards"), stream.shards.into(), 1, 64)?;
            within(format!("streams.{name}.retention_hours"), stream.retention_hours.into(), 24, 8760)?;
            Decoder::new(&stream.mapping)
                .map_err(|error| (format!("streams.{name}.mapping.{}", error.key), error.reason))?;
        }
        self.engine().validate().map_err(|error| {
            let table = if error.key.starts_with("series.") { "" } else { "detect." };
            let wrong = format!("{} is not allowed: {} is", error.value, error.allowed);
            (format!("{table}{}", error.key), wrong)
        })?;
        within("keep.alerts_max".into(), self.keep.alerts_max as u64, 100, 10_000_000)?;
        within("keep.dead_letters_max".into(), self.keep.dead_letters_max as u64, 100, 10_000_000)?;
        within("keep.history_bytes_max".into(), self.keep.history_bytes_max, 1 << 20, 1 << 44)?;
        within("keep.series_live_max".into(), self.keep.series_live_max as u64, 1, 1_000_000_000)?;
        within("log.segment_bytes".into(), self.log.segment_bytes, 64 << 10, 1 << 30)?;
        Ok(())
    }
}
