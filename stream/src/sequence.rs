//! Sequence numbers.

use std::{fmt, str::FromStr};

/// A Kinesis sequence number: a decimal of 56 digits that only grows within a shard. Held as 192 bits,
/// most significant byte first, so that the order of bytes is the order of numbers.
///
/// The embedded stream composes it of a constant leading bit (so that it has 56 digits and begins with 49,
/// as Kinesis's do), when the shard was created, the number of the shard, and the record's index in the
/// shard's log: see [`SequenceParts`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SequenceNumber(pub [u8; 24]);

/// What a sequence number of the embedded stream is made of. The time of creation stands above the rest so
/// that a stream that was deleted and created again goes on above its old numbers, as does the child of a
/// split shard above its parent's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SequenceParts {
    /// When the shard was created, Unix milliseconds, 0 to 2^48 − 1.
    pub created_ms: u64,
    /// The number in the shard's id.
    pub shard: u32,
    /// The record's index in the shard's log, from 0.
    pub index: u64,
}

/// The leading byte: 2^185, which is 4.9 × 10^55.
const LEADING: u8 = 2;

/// A text that is not a sequence number.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a sequence number: a decimal of at most 57 digits is")]
pub struct ParseSequenceNumberError(pub String);

impl From<SequenceParts> for SequenceNumber {
    fn from(parts: SequenceParts) -> Self {
        assert!(parts.created_ms < 1 << 48, "a time of creation has 48 bits");
        let mut bytes = [0; 24];
        bytes[0] = LEADING;
        bytes[1..7].copy_from_slice(&parts.created_ms.to_be_bytes()[2..]);
        bytes[12..16].copy_from_slice(&parts.shard.to_be_bytes());
        bytes[16..].copy_from_slice(&parts.index.to_be_bytes());
        Self(bytes)
    }
}

impl SequenceNumber {
    /// Takes a number of the embedded stream apart; `None` where the embedded stream can't have given it.
    pub fn parts(&self) -> Option<SequenceParts> {
        let bytes = &self.0;
        if bytes[0] != LEADING || bytes[7..12] != [0; 5] {
            return None;
        }
        let mut created = [0; 8];
        created[2..].copy_from_slice(&bytes[1..7]);
        Some(SequenceParts {
            created_ms: u64::from_be_bytes(created),
            shard: u32::from_be_bytes(bytes[12..16].try_into().expect("four bytes")),
            index: u64::from_be_bytes(bytes[16..].try_into().expect("eight bytes")),
        })
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut limbs = [0u64; 6];
        for (limb, bytes) in limbs.iter_mut().zip(self.0.chunks_exact(4)) {
            *limb = u64::from(u32::from_be_bytes(bytes.try_into().expect("chunks of four")));
        }
        let mut groups = Vec::with_capacity(7);
        while limbs.iter().any(|limb| *limb != 0) {
            let mut remainder = 0;
            for limb in &mut limbs {
                let dividend = (remainder << 32) | *limb;
                *limb = dividend / 1_000_000_000;
                remainder = dividend % 1_000_000_000;
            }
            groups.push(remainder);
        }
        write!(f, "{}", groups.pop().unwrap_or(0))?;
        groups.iter().rev().try_for_each(|group| write!(f, "{group:09}"))
    }
}

impl FromStr for SequenceNumber {
    type Err = ParseSequenceNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || ParseSequenceNumberError(text.chars().take(80).collect());
        if text.is_empty() || text.len() > 57 {
            return Err(invalid());
        }
        let mut limbs = [0u64; 6];
        for byte in text.bytes() {
            if !byte.is_ascii_digit() {
                return Err(invalid());
            }
            let mut carry = u64::from(byte - b'0');
            for limb in limbs.iter_mut().rev() {
                let value = *limb * 10 + carry;
                *limb = value & 0xffff_ffff;
                carry = value >> 32;
            }
            if carry != 0 {
                return Err(invalid());
            }
        }
        let mut bytes = [0; 24];
        for (chunk, limb) in bytes.chunks_exact_mut(4).zip(limbs) {
            chunk.copy_from_slice(&(limb as u32).to_be_bytes());
        }
        Ok(Self(bytes))
    }
}

impl fmt::Debug for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SequenceNumber({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn looks_as_kinesis_numbers_do() {
        let parts = SequenceParts { created_ms: 1_780_000_000_000, shard: 3, index: 12_345 };
        let text = SequenceNumber::from(parts).to_string();
        assert_eq!(text.len(), 56);
        assert!(text.starts_with("49"), "{text}");
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in ["", "4a", "-1", "+1", " 1", &"9".repeat(58)] {
            assert!(text.parse::<SequenceNumber>().is_err(), "{text}");
        }
        assert_eq!("0".parse(), Ok(SequenceNumber::default()));
        assert_eq!(SequenceNumber([0xff; 24]).parts(), None);
    }

    proptest! {
        #[test]
        fn every_number_survives_its_text(bytes in any::<[u8; 23]>()) {
            let mut number = SequenceNumber::default();
            number.0[1..].copy_from_slice(&bytes);
            prop_assert_eq!(number.to_string().parse(), Ok(number));
        }

        #[test]
        fn parts_survive_and_order_as_the_numbers_do(
            a in (0u64..1 << 48, any::<u32>(), any::<u64>()),
            b in (0u64..1 << 48, any::<u32>(), any::<u64>()),
        ) {
            let parts = |(created_ms, shard, index)| SequenceParts { created_ms, shard, index };
            let (a, b) = (parts(a), parts(b));
            let (x, y) = (SequenceNumber::from(a), SequenceNumber::from(b));
            prop_assert_eq!(x.parts(), Some(a));
            prop_assert_eq!(a.cmp(&b), x.cmp(&y));
            prop_assert_eq!(x.to_string().cmp(&y.to_string()), x.cmp(&y));
        }
    }
}
