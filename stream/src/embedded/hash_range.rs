//! Hash keys: 128 bits, cut into one range a shard.

use md5::{Digest, Md5};

/// The MD5 of a partition key, as the number that Kinesis makes of it.
pub fn hash_key(partition_key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(partition_key.as_bytes()).into())
}

/// First and last hash key of each of `shards` equal ranges, as Kinesis cuts them: each ⌊2^128 / shards⌋
/// wide, and the last one up to the end.
pub fn even_ranges(shards: u32) -> Vec<(u128, u128)> {
    assert!(shards > 0, "a stream has a shard");
    let shards = u128::from(shards);
    if shards == 1 {
        return vec![(0, u128::MAX)];
    }
    // 2^128 itself doesn't fit: the division is of 2^128 − 1, put right where `shards` divides 2^128.
    let width = u128::MAX / shards + u128::from(u128::MAX % shards == shards - 1);
    (0..shards).map(|i| (i * width, if i == shards - 1 { u128::MAX } else { (i + 1) * width - 1 })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_kinesis() {
        let four = even_ranges(4);
        assert_eq!(four[0], (0, 85_070_591_730_234_615_865_843_651_857_942_052_863));
        assert_eq!(four[3], (255_211_775_190_703_847_597_530_955_573_826_158_592, u128::MAX));
        let three = even_ranges(3);
        assert_eq!(three[0].1, 113_427_455_640_312_821_154_458_202_477_256_070_484);
    }

    #[test]
    fn ranges_cover_all_without_a_gap() {
        for shards in [1, 2, 3, 5, 7, 64, 1000, 1024] {
            let ranges = even_ranges(shards);
            assert_eq!((ranges[0].0, ranges[ranges.len() - 1].1), (0, u128::MAX));
            assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0));
        }
    }

    #[test]
    fn the_hash_is_the_md5_most_significant_byte_first() {
        assert_eq!(hash_key("a"), 0x0cc1_75b9_c0f1_b6a8_31c3_99e2_6977_2661);
    }
}
