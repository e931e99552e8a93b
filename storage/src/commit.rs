//! What a shard's worker commits: one entry of the commit log a batch.

use kizashi_models::{alert::AlertEvent, position::Position};

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
    /// Wrapping sum of [`observation_digest`] over the observations of the batch.
    pub digest: u64,
    /// How many observations the batch held.
    pub records: u64,
}

/// A record, or a line of one, that could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Where it stands on its shard; the index is that of the line.
    pub position: Position,
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
    },
    /// Stream time moved to `time_ms` though no record came.
    Tick {
        /// Unix milliseconds.
        time_ms: i64,
    },
    /// These dead letters are about to be put through the mapping once more.
    ReplayDeadLetters {
        /// Positions of the letters, ascending.
        letters: Vec<Position>,
    },
    /// These dead letters are dealt with and are no longer listed.
    SettleDeadLetters {
        /// Positions of the letters, ascending.
        letters: Vec<Position>,
    },
}

/// The part of one observation in [`Commit::digest`]: a hash of its position, its series and the bits of
/// its surprise. Described in docs/FORMATS.md, "Commit log".
pub fn observation_digest(position: &Position, series: &str, surprise: f64) -> u64 {
    let mut hash = mix(0x6b69_7a61_7368_6931, u64::from(position.index));
    for chunk in position.sequence.chunks_exact(8) {
        hash = mix(hash, u64::from_le_bytes(chunk.try_into().expect("chunks of eight")));
    }
    let mut chunks = series.as_bytes().chunks_exact(8);
    for chunk in &mut chunks {
        hash = mix(hash, u64::from_le_bytes(chunk.try_into().expect("chunks of eight")));
    }
    let mut last = [0; 8];
    last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    hash = mix(hash, u64::from_le_bytes(last));
    hash = mix(hash, series.len() as u64);
    mix(hash, surprise.to_bits())
}

/// One round of SplitMix64's output function over the state and a word.
fn mix(state: u64, word: u64) -> u64 {
    let mut z = (state ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_tells_apart_what_it_covers() {
        let here = Position { sequence: [7; 24], index: 1 };
        let there = Position { sequence: [7; 24], index: 2 };
        let reference = observation_digest(&here, "cpu.load", 1.5);
        assert_eq!(reference, observation_digest(&here, "cpu.load", 1.5));
        assert_ne!(reference, observation_digest(&there, "cpu.load", 1.5));
        assert_ne!(reference, observation_digest(&here, "cpu.load\0", 1.5));
        assert_ne!(reference, observation_digest(&here, "cpu.loae", 1.5));
        assert_ne!(reference, observation_digest(&here, "cpu.load", f64::from_bits(1.5f64.to_bits() + 1)));
    }

    #[test]
    fn the_digest_is_the_documented_one() {
        let position = Position { sequence: [1; 24], index: 3 };
        assert_eq!(observation_digest(&position, "disk.free/sda", 2.25), 15_848_082_999_109_908_758);
    }
}
