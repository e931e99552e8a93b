//! The digest of a batch: a sum of hashes, so that it doesn't depend on how a range of a shard is cut into
//! batches. It tells a replay that went another way; it does not guard against an adversary.

use crate::fnv::fnv1a;
use crate::position::Position;

/// The hash of a series' key.
pub(super) fn hash_key(key: &str) -> u64 {
    fnv1a(key.bytes())
}

/// The hash of one scored observation (docs/FORMATS.md, "Digest").
pub(super) fn hash_observation(key_hash: u64, at: &Position, surprise: f64) -> u64 {
    let mut hash = key_hash;
    for word in at.sequence.chunks_exact(8) {
        hash = mix(hash ^ u64::from_be_bytes(word.try_into().expect("chunks of 8 bytes")));
    }
    mix(mix(hash ^ u64::from(at.index)) ^ surprise.to_bits())
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let at = |first: u8, last: u8, index: u32| {
            let mut sequence = [0; 24];
            (sequence[0], sequence[23]) = (first, last);
            Position { sequence, index }
        };
        let hashes = [
            hash_observation(hash_key("a"), &at(0, 0, 0), 1.0),
            hash_observation(hash_key("b"), &at(0, 0, 0), 1.0),
            hash_observation(hash_key("a"), &at(1, 0, 0), 1.0),
            hash_observation(hash_key("a"), &at(0, 1, 0), 1.0),
            hash_observation(hash_key("a"), &at(0, 0, 1), 1.0),
            hash_observation(hash_key("a"), &at(0, 0, 0), 2.0),
        ];
        let distinct: std::collections::HashSet<_> = hashes.iter().collect();
        assert_eq!(distinct.len(), hashes.len());
    }

    #[test]
    fn the_hash_is_the_one_that_commits_on_disk_hold() {
        assert_eq!(hash_key("cpu"), 0xf5a8_fa19_0cb3_14c9);
    }
}
