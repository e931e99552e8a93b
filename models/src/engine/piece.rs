//! The binary form of a series' state (docs/FORMATS.md, "Piece of state").

use super::PieceError;
use super::budget::Budget;
use super::digest::hash_key;
use super::episode::Episode;
use super::habit::Habit;
use super::pace::Pace;
use super::past::Past;
use super::run::Run;
use super::series::Series;
use super::shared::Shared;
use crate::alert::Alert;
use crate::codec::{CodecError, Reader, put_bytes, put_f64, put_i64, put_varint};
use crate::detector::Detector;
use crate::observation::{FIELDS_MAX, decode_position, encode_position};
use crate::position::Position;

/// Version of the form, its first byte.
const VERSION: u8 = 3;

/// Appends the key of a series' piece: the series' key, a byte that no UTF-8 holds, and where it was born.
pub(super) fn encode_key(series: &str, born: &Position, out: &mut Vec<u8>) {
    out.extend_from_slice(series.as_bytes());
    out.push(0xff);
    encode_position(born, out);
}

/// Appends the piece of a series that stands at `stands_at` on the shard.
pub(super) fn encode<D: Detector>(
    detector: &D,
    series: &Series<D::State>,
    stands_at: &Position,
    out: &mut Vec<u8>,
) {
    out.push(VERSION);
    encode_position(stands_at, out);
    encode_position(&series.born, out);
    put_bytes(out, series.key.as_bytes());
    put_varint(out, series.fields.len() as u64);
    for (name, value) in series.fields.iter().zip(&series.values) {
        put_bytes(out, name.as_bytes());
        put_f64(out, *value);
    }
    put_bytes(out, series.stream.as_bytes());
    put_bytes(out, series.shard.as_bytes());
    encode_position(&series.source_position, out);
    put_varint(out, series.observations);
    put_i64(out, series.last_ms);
    out.push(u8::from(series.own_time));
    put_f64(out, series.surprise);
    put_i64(out, series.seen_ms);
    put_i64(out, series.waiting_ms);
    series.pace.encode(out);
    series.habit.encode(out);
    series.budget.encode(out);
    series.run.encode(out);
    out.push(u8::from(series.episode.is_some()));
    if let Some(episode) = &series.episode {
        episode.encode(out);
    }
    out.push(u8::from(series.silence.is_some()));
    if let Some(alert) = &series.silence {
        let mut bytes = Vec::new();
        alert.encode(&mut bytes);
        put_bytes(out, &bytes);
    }
    series.past.encode(out);
    let mut state = Vec::new();
    detector.encode(&series.detector, &mut state);
    put_bytes(out, &state);
}

/// Reads back what [`encode`] wrote: the series, and where it stands.
pub(super) fn decode<D: Detector>(
    detector: &D,
    shared: &mut Shared,
    bytes: &[u8],
) -> Result<(Series<D::State>, Position), PieceError> {
    let mut reader = Reader::new(bytes);
    let reader = &mut reader;
    if reader.u8()? != VERSION {
        return Err(CodecError("a piece of another version").into());
    }
    let stands_at = decode_position(reader)?;
    let born = decode_position(reader)?;
    let key = reader.text()?;
    let count = reader.length(9)?;
    if !(1..=FIELDS_MAX).contains(&count) {
        return Err(CodecError("a series without fields, or with more than 256").into());
    }
    let mut names = Vec::with_capacity(count);
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        names.push(reader.text()?);
        values.push(reader.f64()?);
    }
    let fields = shared.fields(&names);
    let series = Series {
        key: key.into(),
        key_hash: hash_key(key),
        policy: shared.policy(key, &fields),
        fields,
        born,
        stream: shared.text(reader.text()?),
        shard: shared.text(reader.text()?),
        source_position: decode_position(reader)?,
        observations: reader.varint()?,
        last_ms: reader.i64()?,
        own_time: reader.bool()?,
        values,
        surprise: reader.f64()?,
        seen_ms: reader.i64()?,
        waiting_ms: reader.i64()?,
        pace: Pace::decode(reader)?,
        habit: Habit::decode(reader)?,
        budget: Budget::decode(reader)?,
        run: Run::decode(reader)?,
        episode: if reader.bool()? { Some(Box::new(Episode::decode(reader)?)) } else { None },
        silence: if reader.bool()? { Some(Box::new(Alert::decode(reader.bytes()?)?)) } else { None },
        past: Past::decode(reader)?,
        detector: detector.decode(reader.bytes()?)?,
        dirty: false,
        has_piece: true,
        scheduled_ms: i64::MAX,
    };
    reader.end()?;
    Ok((series, stands_at))
}
