//! What a shard's worker commits: one entry of the commit log a batch.

use kizashi_models::{
    alert::AlertEvent,
    position::{Position, Source},
};

/// One entry of a shard's commit log: all that came of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    /// Position that the shard has reached: everything up to it is dealt with. All zero before the first
    /// record.
    pub position: Position,
    /// Running maximum of arrival, Unix milliseconds, ticks included.
    pub stream_time_ms: i64,
    /// Changes of alerts, in the order they happened.
    pub events: Vec<AlertEvent>,
    /// Records that could not be decoded, in the order of the shard.
    pub dead_letters: Vec<DeadLetter>,
    /// What else took effect, in order.
    pub control: Vec<ControlEntry>,
    /// Counter of the lease under which the writer works: the fencing token.
    pub lease: u64,
    /// Version of the code that scored.
    pub engine_version: u32,
    /// Wrapping sum of a hash of each scored observation, as the engine's output has it.
    pub digest: u64,
    /// How many observations the batch held.
    pub records: u64,
}

/// A record, or a line of one, that could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The stream it was first put on, and where it stands there; the index is that of the line.
    pub source: Source,
    /// When the stream took the record, Unix milliseconds.
    pub arrival_ms: i64,
    /// What could not be decoded, and what would be.
    pub reason: Box<str>,
    /// The first 200 bytes, with what is not UTF-8 replaced.
    pub excerpt: Box<str>,
}

/// Something other than a record that took effect at a position of the shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlEntry {
    /// It took effect behind the record of this position.
    pub position: Position,
    /// What took effect.
    pub control: Control,
}

/// What a control entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// A worker took the shard over, with an engine of these parameters.
    Engine {
        /// SHA-256 of the parameters.
        snapshot: [u8; 32],
        /// The engine's configuration, as JSON; empty where the application has none.
        config: Box<str>,
    },
    /// Stream time moved to `time_ms` though no record came.
    Tick {
        /// Unix milliseconds.
        time_ms: i64,
    },
    /// These dead letters are dealt with and are no longer listed.
    SettleDeadLetters {
        /// Which.
        letters: Vec<Source>,
    },
}
