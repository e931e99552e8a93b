//! Decodes CBOR (RFC 8949) from a slice, borrowing strings and byte strings from it.
//!
//! Definite and indefinite lengths alike, as the Java clients send the latter. Tags are skipped. Nothing is
//! allocated for a length that is only announced.

use serde::{
    Deserializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor},
    forward_to_deserialize_any,
};
use std::fmt;

/// Aggregates and tags within each other; the API's requests nest three deep.
const DEPTH_MAX: usize = 32;
const BREAK: u8 = 0xff;

/// Why a slice was not decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CborError {
    /// It is not one item of CBOR.
    Malformed,
    /// It is, but of another type than is expected.
    Unexpected(String),
}

impl fmt::Display for CborError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("malformed CBOR"),
            Self::Unexpected(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for CborError {}

impl de::Error for CborError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Unexpected(message.to_string())
    }
}

/// Decodes the one item that `bytes` hold.
pub(super) fn from_slice<'de, T: de::Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, CborError> {
    let mut decoder = Decoder { rest: bytes, depth: 0 };
    let value = T::deserialize(&mut decoder)?;
    if decoder.rest.is_empty() { Ok(value) } else { Err(CborError::Malformed) }
}

struct Decoder<'de> {
    rest: &'de [u8],
    depth: usize,
}

/// The first bytes of an item.
struct Head {
    major: u8,
    /// The low five bits of the first byte.
    info: u8,
    /// The argument; `None` for an indefinite length.
    argument: Option<u64>,
}

impl<'de> Decoder<'de> {
    fn peek(&self) -> Result<u8, CborError> {
        self.rest.first().copied().ok_or(CborError::Malformed)
    }

    fn take(&mut self, length: u64) -> Result<&'de [u8], CborError> {
        let length = usize::try_from(length).map_err(|_| CborError::Malformed)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(CborError::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn head(&mut self) -> Result<Head, CborError> {
        let first = self.take(1)?[0];
        let (major, info) = (first >> 5, first & 0x1f);
        let argument = match info {
            0..=23 => Some(info.into()),
            24..=27 => {
                let bytes = self.take(1 << (info - 24))?;
                Some(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
            }
            31 if matches!(major, 2..=5) => None,
            _ => return Err(CborError::Malformed),
        };
        Ok(Head { major, info, argument })
    }

    /// The chunks of a byte or text string of indefinite length, joined.
    fn chunks(&mut self, major: u8) -> Result<Vec<u8>, CborError> {
        let mut joined = Vec::new();
        while self.peek()? != BREAK {
            match self.head()? {
                Head { major: chunk, argument: Some(length), .. } if chunk == major => {
                    joined.extend_from_slice(self.take(length)?);
                }
                _ => return Err(CborError::Malformed),
            }
        }
        self.take(1)?;
        Ok(joined)
    }

    fn nested<T>(&mut self, decode: impl FnOnce(&mut Self) -> Result<T, CborError>) -> Result<T, CborError> {
        if self.depth == DEPTH_MAX {
            return Err(CborError::Malformed);
        }
        self.depth += 1;
        let decoded = decode(self);
        self.depth -= 1;
        decoded
    }

    /// Decodes a list or a map.
    fn aggregate<T>(
        &mut self,
        left: Option<u64>,
        decode: impl FnOnce(&mut Elements<'_, 'de>) -> Result<T, CborError>,
    ) -> Result<T, CborError> {
        self.nested(|decoder| {
            let mut elements = Elements { decoder, left };
            let decoded = decode(&mut elements)?;
            if elements.at_end()? { Ok(decoded) } else { Err(CborError::Malformed) }
        })
    }

    fn simple<V: Visitor<'de>>(&mut self, head: &Head, visitor: V) -> Result<V::Value, CborError> {
        let bits = head.argument.ok_or(CborError::Malformed)?;
        match head.info {
            20 | 21 => visitor.visit_bool(head.info == 21),
            22 | 23 => visitor.visit_none(),
            25 => visitor.visit_f64(half_to_f64(bits as u16)),
            26 => visitor.visit_f64(f32::from_bits(bits as u32).into()),
            27 => visitor.visit_f64(f64::from_bits(bits)),
            _ => Err(CborError::Malformed),
        }
    }
}

/// IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction.
fn half_to_f64(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

impl<'de> Deserializer<'de> for &mut Decoder<'de> {
    type Error = CborError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        let head = self.head()?;
        match (head.major, head.argument) {
            (0, Some(value)) => visitor.visit_u64(value),
            // −1 − value
            (1, Some(value)) => match i64::try_from(value) {
                Ok(value) => visitor.visit_i64(!value),
                Err(_) => visitor.visit_f64(-1.0 - value as f64),
            },
            (2, Some(length)) => visitor.visit_borrowed_bytes(self.take(length)?),
            (2, None) => visitor.visit_byte_buf(self.chunks(2)?),
            (3, Some(length)) => {
                let text = std::str::from_utf8(self.take(length)?).map_err(|_| CborError::Malformed)?;
                visitor.visit_borrowed_str(text)
            }
            (3, None) => {
                visitor.visit_string(String::from_utf8(self.chunks(3)?).map_err(|_| CborError::Malformed)?)
            }
            (4, left) => self.aggregate(left, |elements| visitor.visit_seq(elements)),
            (5, left) => {
                let left = match left {
                    Some(pairs) => Some(pairs.checked_mul(2).ok_or(CborError::Malformed)?),
                    None => None,
                };
                self.aggregate(left, |elements| visitor.visit_map(elements))
            }
            (6, Some(_tag)) => self.nested(|decoder| decoder.deserialize_any(visitor)),
            _ => self.simple(&head, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        match self.peek()? {
            0xf6 | 0xf7 => {
                self.take(1)?;
                visitor.visit_none()
            }
            _ => visitor.visit_some(self),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The elements of a list, or the keys and values of a map, that are left; `None` until a break.
struct Elements<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    left: Option<u64>,
}

impl<'de> Elements<'_, 'de> {
    /// Whether there is no more; if so, the break is taken.
    fn at_end(&mut self) -> Result<bool, CborError> {
        match self.left {
            Some(left) => Ok(left == 0),
            None if self.decoder.peek()? == BREAK => {
                self.decoder.take(1)?;
                self.left = Some(0);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn next<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, CborError> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1).ok_or(CborError::Malformed)?;
        }
        seed.deserialize(&mut *self.decoder)
    }
}

impl<'de> SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = CborError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, CborError> {
        if self.at_end()? { Ok(None) } else { self.next(seed).map(Some) }
    }
}

impl<'de> MapAccess<'de> for &mut Elements<'_, 'de> {
    type Error = CborError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, CborError> {
        if self.at_end()? { Ok(None) } else { self.next(seed).map(Some) }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, CborError> {
        self.next(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciborium::Value;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    #[test]
    fn strings_are_borrowed_whole_and_joined_in_chunks() {
        assert_eq!(from_slice::<&str>(b"\x63foo"), Ok("foo"));
        assert_eq!(from_slice::<String>(b"\x7f\x61f\x62oo\xff"), Ok("foo".to_owned()));
        assert_eq!(from_slice::<String>(b"\x7f\x41f\xff"), Err(CborError::Malformed));
        assert_eq!(from_slice::<Vec<u16>>(b"\x9f\x01\x19\x01\x00\xff"), Ok(vec![1, 256]));
        assert_eq!(from_slice::<Vec<Option<u16>>>(b"\x82\xf6\xc1\x01"), Ok(vec![None, Some(1)]));
    }

    #[test]
    fn halves_are_decoded() {
        for (bits, value) in
            [(0x3c00, 1.0), (0xc000, -2.0), (0x0001, 2f64.powi(-24)), (0x7c00, f64::INFINITY)]
        {
            assert_eq!(half_to_f64(bits), value);
        }
        assert!(half_to_f64(0x7e00).is_nan());
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| [vec![0x81; depth], vec![0x00]].concat();
        assert!(from_slice::<IgnoredAny>(&nested(DEPTH_MAX)).is_ok());
        assert!(from_slice::<IgnoredAny>(&nested(DEPTH_MAX + 1)).is_err());
        assert!(from_slice::<IgnoredAny>(&vec![0xc1; 100_000]).is_err());
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("comparable", |value| !value.is_nan()).prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            ".{0,40}".prop_map(Value::from),
            prop::collection::vec(any::<u8>(), 0..300).prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::vec((inner.clone(), inner), 0..6).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_another_encoder_writes_is_read(value in values()) {
            let mut bytes = Vec::new();
            ciborium::into_writer(&value, &mut bytes).unwrap();
            prop_assert_eq!(from_slice::<Value>(&bytes), Ok(value));
            bytes.pop();
            prop_assert!(from_slice::<IgnoredAny>(&bytes).is_err());
        }

        #[test]
        fn no_bytes_are_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = from_slice::<IgnoredAny>(&bytes);
        }
    }
}
