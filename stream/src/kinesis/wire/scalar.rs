//! The types of members of requests. A value of another type is refused in the API's words.

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::{borrow::Cow, fmt, ops::Deref};

/// What the API says of a list where it expects something else.
pub(in crate::kinesis) const LIST_NOT_EXPECTED: &str = "Start of list found where not expected";
/// What the API says of a structure where it expects something else.
const STRUCTURE_NOT_EXPECTED: &str = "Start of structure or map found where not expected.";
const NUMBER: &str = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber";
const BOOLEAN: &str = "class java.lang.Boolean";
const STRING: &str = "class java.lang.String";

/// Methods of a visitor that refuse strings, numbers, booleans and bytes with one message.
macro_rules! refuse_scalars {
    ($message:expr) => {
        fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
            Err(E::custom($message))
        }
        fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
            Err(E::custom($message))
        }
        fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
            Err(E::custom($message))
        }
        fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Err(E::custom($message))
        }
        fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
            Err(E::custom($message))
        }
        fn visit_bytes<E: serde::de::Error>(self, _: &[u8]) -> Result<Self::Value, E> {
            Err(E::custom($message))
        }
    };
}
pub(in crate::kinesis) use refuse_scalars;

/// Methods of a visitor that refuse lists and structures.
macro_rules! refuse_aggregates {
    ($life:lifetime) => {
        fn visit_seq<A: SeqAccess<$life>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(A::Error::custom(LIST_NOT_EXPECTED))
        }
        fn visit_map<A: MapAccess<$life>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(A::Error::custom(STRUCTURE_NOT_EXPECTED))
        }
    };
}

/// Methods of a visitor that refuse numbers and booleans for the named type.
macro_rules! refuse_numbers {
    ($target:literal) => {
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Err(E::custom(format_args!("{BOOLEAN} can not be converted to {}", $target)))
        }
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            Err(E::custom(format_args!("{NUMBER} can not be converted to {}", $target)))
        }
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            Err(E::custom(format_args!("{NUMBER} can not be converted to {}", $target)))
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            Err(E::custom(format_args!("{NUMBER} can not be converted to {}", $target)))
        }
    };
}

/// A string, borrowed from the body where it stands there as it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::kinesis) struct Text<'a>(pub(in crate::kinesis) Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
            fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text)))
            }
            refuse_numbers!("an String");
            refuse_aggregates!('de);
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

/// A blob: base64 in JSON, a byte string in CBOR.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::kinesis) enum Blob<'a> {
    /// Not decoded yet.
    Base64(Cow<'a, str>),
    /// The bytes.
    Bytes(Cow<'a, [u8]>),
}

impl Blob<'_> {
    /// Length of the bytes; for base64 that is malformed, an upper bound.
    pub(in crate::kinesis) fn len(&self) -> usize {
        match self {
            Self::Base64(text) => {
                let padding = text.bytes().rev().take(2).take_while(|byte| *byte == b'=').count();
                text.len().div_ceil(4) * 3 - padding
            }
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// Writes the bytes to the front of `out`, which has room for [`Blob::len`] of them, and gives their
    /// number. The error is the API's message.
    pub(in crate::kinesis) fn decode_into(&self, out: &mut [u8]) -> Result<usize, String> {
        use base64::{DecodeError, DecodeSliceError, Engine, engine::general_purpose::STANDARD};
        let text = match self {
            Self::Base64(text) => text,
            Self::Bytes(bytes) => {
                out[..bytes.len()].copy_from_slice(bytes);
                return Ok(bytes.len());
            }
        };
        let refused = |why: String| {
            let shown: String = text.chars().take(64).collect();
            let cut = if shown.len() < text.len() { "..." } else { "" };
            format!("'{shown}{cut}' can not be converted to a Blob: {why}")
        };
        if !text.len().is_multiple_of(4) {
            return Err(refused(format!(
                "Base64 encoded length is expected a multiple of 4 bytes but found: {}",
                text.len()
            )));
        }
        STANDARD.decode_slice(text.as_bytes(), out).map_err(|error| match error {
            DecodeSliceError::DecodeError(DecodeError::InvalidByte(_, byte)) => {
                refused(format!("Invalid Base64 character: '{}'", char::from(byte)))
            }
            _ => refused("Invalid last non-pad Base64 character dectected".to_owned()),
        })
    }
}

impl<'de> Deserialize<'de> for Blob<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BlobVisitor;

        impl<'de> Visitor<'de> for BlobVisitor {
            type Value = Blob<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a blob")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Blob::Base64(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Blob::Base64(Cow::Owned(text.to_owned())))
            }
            fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
                Ok(Blob::Base64(Cow::Owned(text)))
            }
            fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Blob::Bytes(Cow::Borrowed(bytes)))
            }
            fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Self::Value, E> {
                Ok(Blob::Bytes(Cow::Owned(bytes)))
            }
            refuse_numbers!("a Blob");
            refuse_aggregates!('de);
        }

        deserializer.deserialize_any(BlobVisitor)
    }
}

/// An integer; a fraction is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::kinesis) struct Integer(pub(in crate::kinesis) i64);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IntegerVisitor;

        impl<'de> Visitor<'de> for IntegerVisitor {
            type Value = Integer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer")
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Integer(value.clamp(i32::MIN.into(), i32::MAX.into())))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Integer(value.min(i32::MAX as u64) as i64))
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
                self.visit_i64(value.floor() as i64)
            }
            fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
                Err(E::custom(format_args!("{BOOLEAN} can not be converted to an Integer")))
            }
            fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
                Err(E::custom(format_args!("{STRING} can not be converted to an Integer")))
            }
            refuse_aggregates!('de);
        }

        deserializer.deserialize_any(IntegerVisitor)
    }
}

/// A time, Unix milliseconds. On the wire epoch seconds or, at 1e11 and beyond, milliseconds: JSON clients send
/// seconds with a fraction, CBOR clients milliseconds, with CBOR's tag 1 or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::kinesis) struct Timestamp(pub(in crate::kinesis) i64);

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimestampVisitor;

        impl<'de> Visitor<'de> for TimestampVisitor {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a timestamp")
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
                self.visit_f64(value as f64)
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
                self.visit_f64(value as f64)
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
                if !value.is_finite() {
                    return Err(E::custom(
                        "NaN or infinity can not be converted to milliseconds since epoch",
                    ));
                }
                let ms = if value.abs() < 1e11 { value * 1000.0 } else { value };
                Ok(Timestamp(ms.round() as i64))
            }
            fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
                Err(E::custom(format_args!("{BOOLEAN} can not be converted to milliseconds since epoch")))
            }
            fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
                Err(E::custom(format_args!("{STRING} can not be converted to milliseconds since epoch")))
            }
            refuse_aggregates!('de);
        }

        deserializer.deserialize_any(TimestampVisitor)
    }
}

/// A list, of which only the first `KEPT` elements are kept: more of them are counted and refused later, so that
/// no request can ask for more memory than a valid one.
#[derive(Debug)]
pub(in crate::kinesis) struct List<T, const KEPT: usize> {
    /// The first elements; a null is `None`.
    pub(in crate::kinesis) elements: Vec<Option<T>>,
    /// How many there were.
    pub(in crate::kinesis) count: usize,
}

impl<'de, T: Deserialize<'de>, const KEPT: usize> Deserialize<'de> for List<T, KEPT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T, const KEPT: usize>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const KEPT: usize> Visitor<'de> for ListVisitor<T, KEPT> {
            type Value = List<T, KEPT>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while elements.len() < KEPT {
                    match list.next_element()? {
                        Some(element) => elements.push(element),
                        None => return Ok(List { count: elements.len(), elements }),
                    }
                }
                let mut count = elements.len();
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(List { elements, count })
            }
            fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
                Err(A::Error::custom(STRUCTURE_NOT_EXPECTED))
            }
            refuse_scalars!("Expected list or null");
        }

        deserializer.deserialize_any(ListVisitor(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blob(json: &str) -> Result<Vec<u8>, String> {
        let blob: Blob<'_> = serde_json::from_str(json).unwrap();
        let mut out = vec![0; blob.len()];
        let length = blob.decode_into(&mut out)?;
        out.truncate(length);
        Ok(out)
    }

    #[test]
    fn what_stands_in_the_body_as_it_is_is_borrowed() {
        assert!(matches!(serde_json::from_str("\"a\""), Ok(Text(Cow::Borrowed("a")))));
        assert!(matches!(serde_json::from_str("\"\\u0061\""), Ok(Text(Cow::Owned(_)))));
        assert_eq!(
            blob(r#""Zm9v\u003D""#),
            Err("'Zm9v=' can not be converted to a Blob: Base64 encoded length is \
            expected a multiple of 4 bytes but found: 5"
                .to_owned())
        );
        assert_eq!(blob(r#""Zm8\u003D""#), Ok(b"fo".to_vec()));
        assert!(blob("\"Zm9=\"").unwrap_err().contains("Invalid last non-pad Base64 character"));
    }

    #[test]
    fn times_are_seconds_or_milliseconds_by_their_size() {
        let ms = |json: &str| serde_json::from_str(json).map(|Timestamp(ms)| ms).ok();
        assert_eq!(ms("1459799926.48"), Some(1_459_799_926_480));
        assert_eq!(ms("1459799926480"), Some(1_459_799_926_480));
        assert_eq!(ms("-1"), Some(-1000));
        assert_eq!(ms("\"2026\""), None);
    }

    #[test]
    fn integers_lose_their_fraction_and_stay_in_range() {
        let integer = |json: &str| serde_json::from_str(json).map(|Integer(value)| value).ok();
        assert_eq!(integer("2.9"), Some(2));
        assert_eq!(integer("99999999999"), Some(i64::from(i32::MAX)));
        assert_eq!(integer("-1e300"), Some(i64::from(i32::MIN)));
        assert_eq!(integer("true"), None);
    }

    #[test]
    fn of_a_long_list_no_more_is_kept_than_may_be_valid() {
        let list: List<Integer, 2> = serde_json::from_str("[1, null, 3, {}]").unwrap();
        assert_eq!((list.elements, list.count), (vec![Some(Integer(1)), None], 4));
    }

    proptest! {
        #[test]
        fn base64_comes_back_as_its_bytes(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            use base64::{Engine, engine::general_purpose::STANDARD};
            let text = STANDARD.encode(&bytes);
            prop_assert_eq!(Blob::Base64(Cow::Borrowed(&text)).len(), bytes.len());
            prop_assert_eq!(blob(&format!("\"{text}\"")), Ok(bytes));
        }

        #[test]
        fn no_base64_is_longer_than_it_says(text in "[A-Za-z0-9+/=]{0,20}") {
            let blob = Blob::Base64(Cow::Borrowed(&text));
            let _ = blob.decode_into(&mut vec![0; blob.len()]);
        }
    }
}
