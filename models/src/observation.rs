//! Observations: decoded records of a series, and the compact form in which the route worker puts
//! them on the internal stream (docs/FORMATS.md, "Routed observation").

use crate::codec::{CodecError, Reader, put_bytes, put_f64, put_i64, put_varint};
use crate::position::{Position, Source};

/// Longest key of a series, in bytes.
pub const SERIES_BYTES_MAX: usize = 1024;

/// Most fields of a vector.
pub const FIELDS_MAX: usize = 256;

/// The values of one observation.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// A series of one unnamed value.
    One(f64),
    /// A named vector, sorted by name, each name once. A field that is absent or NaN is missing.
    Named(Vec<(Box<str>, f64)>),
}

/// One decoded observation of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Key of the series.
    pub series: Box<str>,
    /// The observation's own time in Unix milliseconds, where the record gave one.
    pub time_ms: Option<i64>,
    /// What was observed.
    pub values: Values,
}

/// An observation on its way from the stream it was put on to the shard of its series.
#[derive(Clone, Debug, PartialEq)]
pub struct Routed {
    /// Where it was put first.
    pub source: Source,
    /// When it arrived there, Unix milliseconds.
    pub arrival_ms: i64,
    /// What the record said.
    pub observation: Observation,
}

/// Version of the routed form, its first byte.
const ROUTED_VERSION: u8 = 1;

const HAS_TIME: u8 = 1;
const NAMED: u8 = 2;

/// Appends the routed form of an observation to `out`.
pub fn encode_routed(source: &Source, arrival_ms: i64, observation: &Observation, out: &mut Vec<u8>) {
    let named = matches!(observation.values, Values::Named(_));
    out.push(ROUTED_VERSION);
    out.push(u8::from(observation.time_ms.is_some()) * HAS_TIME + u8::from(named) * NAMED);
    encode_source(source, out);
    put_i64(out, arrival_ms);
    if let Some(time_ms) = observation.time_ms {
        put_i64(out, time_ms);
    }
    put_bytes(out, observation.series.as_bytes());
    match &observation.values {
        Values::One(value) => put_f64(out, *value),
        Values::Named(fields) => {
            put_varint(out, fields.len() as u64);
            for (name, value) in fields {
                put_bytes(out, name.as_bytes());
                put_f64(out, *value);
            }
        }
    }
}

/// Reads back what [`encode_routed`] wrote.
///
/// # Errors
/// Where the bytes are of another version, cut short, or not of this form.
pub fn decode_routed(bytes: &[u8]) -> Result<Routed, CodecError> {
    let mut reader = Reader::new(bytes);
    if reader.u8()? != ROUTED_VERSION {
        return Err(CodecError("a routed observation of another version"));
    }
    let flags = reader.u8()?;
    if flags & !(HAS_TIME | NAMED) != 0 {
        return Err(CodecError("a routed observation with unknown flags"));
    }
    let source = decode_source(&mut reader)?;
    let arrival_ms = reader.i64()?;
    let time_ms = if flags & HAS_TIME != 0 { Some(reader.i64()?) } else { None };
    let series = reader.text()?;
    if series.len() > SERIES_BYTES_MAX {
        return Err(CodecError("a series key of more than 1,024 bytes"));
    }
    let series = series.into();
    let values = if flags & NAMED == 0 {
        Values::One(reader.f64()?)
    } else {
        let count = reader.length(9)?;
        if count > FIELDS_MAX {
            return Err(CodecError("more than 256 fields"));
        }
        let mut fields: Vec<(Box<str>, f64)> = Vec::with_capacity(count);
        for _ in 0..count {
            let name = reader.text()?;
            if fields.last().is_some_and(|(last, _)| **last >= *name) {
                return Err(CodecError("fields that are not sorted by name"));
            }
            fields.push((name.into(), reader.f64()?));
        }
        Values::Named(fields)
    };
    reader.end()?;
    Ok(Routed { source, arrival_ms, observation: Observation { series, time_ms, values } })
}

pub(crate) fn encode_source(source: &Source, out: &mut Vec<u8>) {
    put_bytes(out, source.stream.as_bytes());
    put_bytes(out, source.shard.as_bytes());
    encode_position(&source.position, out);
}

pub(crate) fn decode_source(reader: &mut Reader<'_>) -> Result<Source, CodecError> {
    Ok(Source {
        stream: reader.text()?.into(),
        shard: reader.text()?.into(),
        position: decode_position(reader)?,
    })
}

pub(crate) fn encode_position(position: &Position, out: &mut Vec<u8>) {
    out.extend_from_slice(&position.sequence);
    out.extend_from_slice(&position.index.to_be_bytes());
}

/// Appends a position of which most bytes are those of another: three bytes whose bits say which of the 24 differ
/// and follow, then its index.
pub(crate) fn encode_position_beside(position: &Position, other: &Position, out: &mut Vec<u8>) {
    let bytes = position.sequence.iter().zip(&other.sequence);
    let differing = bytes.clone().enumerate().filter(|(_, (own, other))| own != other);
    let mask = differing.fold(0u32, |mask, (at, _)| mask | 1 << at);
    out.extend_from_slice(&mask.to_le_bytes()[..3]);
    out.extend(bytes.filter(|(own, other)| own != other).map(|(own, _)| *own));
    put_varint(out, position.index.into());
}

/// Reads back what [`encode_position_beside`] wrote beside `other`.
pub(crate) fn decode_position_beside(
    reader: &mut Reader<'_>,
    other: &Position,
) -> Result<Position, CodecError> {
    let [low, middle, high] = reader.array()?;
    let mask = u32::from_le_bytes([low, middle, high, 0]);
    let mut sequence = other.sequence;
    for (at, byte) in sequence.iter_mut().enumerate() {
        if mask >> at & 1 == 1 {
            *byte = reader.u8()?;
        }
    }
    let index = u32::try_from(reader.varint()?).map_err(|_| CodecError("an index has more than 32 bits"))?;
    Ok(Position { sequence, index })
}

pub(crate) fn decode_position(reader: &mut Reader<'_>) -> Result<Position, CodecError> {
    Ok(Position { sequence: reader.array()?, index: u32::from_be_bytes(reader.array()?) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Values> {
        let named = proptest::collection::btree_map(".{0,8}", any::<f64>(), 0..6);
        prop_oneof![
            any::<f64>().prop_map(Values::One),
            named.prop_map(|fields| Values::Named(fields.into_iter().map(|(k, v)| (k.into(), v)).collect())),
        ]
    }

    proptest! {
        #[test]
        fn an_observation_comes_back_from_its_routed_form(
            series in ".{0,40}", time_ms: Option<i64>, arrival_ms: i64, values in values(),
            sequence: [u8; 24], index: u32,
        ) {
            let position = Position { sequence, index };
            let source = Source { stream: "events".into(), shard: "shardId-000000000000".into(), position };
            let observation = Observation { series: series.into(), time_ms, values };
            let mut bytes = Vec::new();
            encode_routed(&source, arrival_ms, &observation, &mut bytes);
            let routed = decode_routed(&bytes).unwrap();
            prop_assert_eq!(&routed.source, &source);
            let mut again = Vec::new();
            encode_routed(&routed.source, routed.arrival_ms, &routed.observation, &mut again);
            prop_assert_eq!(&again, &bytes);
            for length in 0..bytes.len() {
                prop_assert!(decode_routed(&bytes[..length]).is_err());
            }
        }

        #[test]
        fn a_position_comes_back_beside_any_other(
            own: [u8; 24], other: [u8; 24], alike in 0usize..24, index: u32,
        ) {
            let mut position = Position { sequence: own, index };
            position.sequence[..alike].copy_from_slice(&other[..alike]);
            let other = Position { sequence: other, index: 7 };
            let mut bytes = Vec::new();
            encode_position_beside(&position, &other, &mut bytes);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(decode_position_beside(&mut reader, &other), Ok(position));
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn arbitrary_bytes_are_refused_not_panicked_on(mut bytes: Vec<u8>, flags in 0u8..4) {
            let _ = decode_routed(&bytes);
            bytes.splice(0..0, [ROUTED_VERSION, flags]);
            let _ = decode_routed(&bytes);
        }
    }

    #[test]
    fn fields_out_of_order_are_refused() {
        let source = Source { stream: "s".into(), shard: "0".into(), position: Position::default() };
        let values = Values::Named(vec![("b".into(), 1.0), ("a".into(), 2.0)]);
        let mut bytes = Vec::new();
        encode_routed(&source, 0, &Observation { series: "x".into(), time_ms: None, values }, &mut bytes);
        assert_eq!(decode_routed(&bytes), Err(CodecError("fields that are not sorted by name")));
    }
}
