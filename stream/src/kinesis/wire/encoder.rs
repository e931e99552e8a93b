//! Writes responses.

use super::Format;
use base64::{Engine, engine::general_purpose::STANDARD};

/// Appends values to one buffer, in JSON or in CBOR. Aggregates in CBOR are of indefinite length, as the
/// service writes them, so that nothing need be counted ahead.
pub(in crate::kinesis) struct Encoder {
    format: Format,
    out: Vec<u8>,
    /// JSON: the next key or element is not the first of its aggregate.
    comma: bool,
}

impl Encoder {
    /// An empty buffer with room for `capacity` bytes.
    pub(in crate::kinesis) fn new(format: Format, capacity: usize) -> Self {
        Self { format, out: Vec::with_capacity(capacity), comma: false }
    }

    /// The bytes written.
    pub(in crate::kinesis) fn finish(self) -> Vec<u8> {
        self.out
    }

    /// A structure; `members` writes its keys and values.
    pub(in crate::kinesis) fn structure(&mut self, members: impl FnOnce(&mut Self)) {
        self.aggregate((b'{', b'}'), 0xbf, members);
    }

    /// A list; `elements` writes its elements.
    pub(in crate::kinesis) fn list(&mut self, elements: impl FnOnce(&mut Self)) {
        self.aggregate((b'[', b']'), 0x9f, elements);
    }

    fn aggregate(&mut self, json: (u8, u8), cbor: u8, content: impl FnOnce(&mut Self)) {
        match self.format {
            Format::Json => {
                self.separate();
                self.out.push(json.0);
                self.comma = false;
                content(self);
                self.out.push(json.1);
                self.comma = true;
            }
            Format::Cbor => {
                self.out.push(cbor);
                content(self);
                self.out.push(0xff);
            }
        }
    }

    /// The key of a member; its value follows. Names of the API need no escape.
    pub(in crate::kinesis) fn key(&mut self, key: &'static str) -> &mut Self {
        self.plain(key);
        if self.format == Format::Json {
            self.out.push(b':');
            self.comma = false;
        }
        self
    }

    /// A string of which it is known that it needs no escape: an id, a number, base64.
    pub(in crate::kinesis) fn plain(&mut self, text: &str) {
        match self.format {
            Format::Json => {
                self.separate();
                self.out.push(b'"');
                self.out.extend_from_slice(text.as_bytes());
                self.out.push(b'"');
            }
            Format::Cbor => {
                self.head(0x60, text.len() as u64);
                self.out.extend_from_slice(text.as_bytes());
            }
        }
    }

    /// Any string.
    pub(in crate::kinesis) fn text(&mut self, text: &str) {
        match self.format {
            Format::Json => {
                self.separate();
                serde_json::to_writer(&mut self.out, text).expect("a buffer in memory takes any string");
            }
            Format::Cbor => self.plain(text),
        }
    }

    /// A blob.
    pub(in crate::kinesis) fn blob(&mut self, bytes: &[u8]) {
        match self.format {
            Format::Json => {
                self.separate();
                self.out.push(b'"');
                let start = self.out.len();
                self.out.resize(start + bytes.len().div_ceil(3) * 4, 0);
                let written = STANDARD
                    .encode_slice(bytes, &mut self.out[start..])
                    .expect("the slice has the encoded length");
                debug_assert_eq!(start + written, self.out.len());
                self.out.push(b'"');
            }
            Format::Cbor => {
                self.head(0x40, bytes.len() as u64);
                self.out.extend_from_slice(bytes);
            }
        }
    }

    /// An integer.
    pub(in crate::kinesis) fn integer(&mut self, value: i64) {
        match self.format {
            Format::Json => {
                self.separate();
                serde_json::to_writer(&mut self.out, &value).expect("a buffer in memory takes any number");
            }
            Format::Cbor if value < 0 => self.head(0x20, !value as u64),
            Format::Cbor => self.head(0x00, value as u64),
        }
    }

    /// A boolean.
    pub(in crate::kinesis) fn boolean(&mut self, value: bool) {
        match self.format {
            Format::Json => {
                self.separate();
                self.out.extend_from_slice(if value { b"true" } else { b"false" });
            }
            Format::Cbor => self.out.push(if value { 0xf5 } else { 0xf4 }),
        }
    }

    /// A time, from Unix milliseconds, not negative: epoch seconds with three decimals in JSON, milliseconds in
    /// CBOR.
    pub(in crate::kinesis) fn timestamp(&mut self, ms: i64) {
        let ms = ms.max(0);
        match self.format {
            Format::Json => {
                self.integer(ms / 1000);
                let thousandths = (ms % 1000) as u16;
                let digit = |value: u16| b'0' + (value % 10) as u8;
                self.out.extend_from_slice(&[
                    b'.',
                    digit(thousandths / 100),
                    digit(thousandths / 10),
                    digit(thousandths),
                ]);
            }
            Format::Cbor => self.integer(ms),
        }
    }

    /// JSON: the comma before what is not the first.
    fn separate(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }

    /// CBOR: a major type and its argument, as short as it can be.
    fn head(&mut self, major: u8, argument: u64) {
        match argument {
            0..=23 => self.out.push(major | argument as u8),
            24..=0xff => self.out.extend_from_slice(&[major | 24, argument as u8]),
            0x100..=0xffff => {
                self.out.push(major | 25);
                self.out.extend_from_slice(&(argument as u16).to_be_bytes());
            }
            0x1_0000..=0xffff_ffff => {
                self.out.push(major | 26);
                self.out.extend_from_slice(&(argument as u32).to_be_bytes());
            }
            _ => {
                self.out.push(major | 27);
                self.out.extend_from_slice(&argument.to_be_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(format: Format, number: i64, ms: i64, text: &str, bytes: &[u8]) -> Vec<u8> {
        let mut encoder = Encoder::new(format, 0);
        encoder.structure(|answer| {
            answer.key("Number").integer(number);
            answer.key("Time").timestamp(ms);
            answer.key("List").list(|list| {
                list.text(text);
                list.blob(bytes);
                list.structure(|_| {});
                list.boolean(true);
            });
            answer.key("Last").list(|_| {});
        });
        encoder.finish()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_by_others(
            number in any::<i64>(),
            ms in 0i64..10_000_000_000_000,
            text in ".{0,40}",
            bytes in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let json: serde_json::Value =
                serde_json::from_slice(&encode(Format::Json, number, ms, &text, &bytes)).unwrap();
            let list = serde_json::json!([text, STANDARD.encode(&bytes), {}, true]);
            let expected =
                serde_json::json!({ "Number": number, "Time": ms as f64 / 1000.0, "List": list, "Last": [] });
            prop_assert_eq!(json, expected);

            let encoded = encode(Format::Cbor, number, ms, &text, &bytes);
            let cbor: ciborium::Value = ciborium::from_reader(&*encoded).unwrap();
            let list = vec![text.into(), bytes.into(), ciborium::Value::Map(vec![]), true.into()];
            let expected = vec![
                ("Number".into(), number.into()),
                ("Time".into(), ms.into()),
                ("List".into(), ciborium::Value::Array(list)),
                ("Last".into(), ciborium::Value::Array(vec![])),
            ];
            prop_assert_eq!(cbor, ciborium::Value::Map(expected));
        }
    }
}
