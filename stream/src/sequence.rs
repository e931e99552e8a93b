//! Sequence numbers.

use std::{fmt, str::FromStr};

/// A Kinesis sequence number: a decimal of 56 digits that only grows within a shard. Held as 192 bits,
/// most significant byte first, so that the order of bytes is the order of numbers.
///
/// The embedded stream composes it of a constant leading part (so that it has 56 digits), the number of
/// the shard, and the record's index in the shard's log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SequenceNumber(pub [u8; 24]);

/// A text that is not a sequence number.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a sequence number: a decimal of at most 57 digits is")]
pub struct ParseSequenceNumberError(pub String);

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
