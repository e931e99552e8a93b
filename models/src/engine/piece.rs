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
use crate::codec::{CodecError, Reader, put_bytes, put_i64, put_near, put_round_f64, put_varint};
use crate::detector::Detector;
use crate::observation::{
    FIELDS_MAX, decode_position, decode_position_beside, encode_position, encode_position_beside,
};
use crate::position::Position;

/// Version of the form, its first byte.
const VERSION: u8 = 5;

/// Bytes of a piece's key behind those of the series' key.
const BIRTH_BYTES: usize = 1 + 24 + 4;

/// Appends the key of a series' piece: the series' key, a byte that no UTF-8 holds, and where it was born.
pub(super) fn encode_key(series: &str, born: &Position, out: &mut Vec<u8>) {
    out.extend_from_slice(series.as_bytes());
    out.push(0xff);
    encode_position(born, out);
}

/// Takes apart what [`encode_key`] wrote.
fn decode_key(key: &[u8]) -> Result<(&str, Position), CodecError> {
    let (series, birth) = key.split_at(key.len().saturating_sub(BIRTH_BYTES));
    let mut reader = Reader::new(birth);
    let series = std::str::from_utf8(series).map_err(|_| CodecError("a text is not UTF-8"))?;
    if reader.u8()? != 0xff {
        return Err(CodecError("not the key of a piece"));
    }
    Ok((series, decode_position(&mut reader)?))
}

/// Appends the piece of a series that stands at `stands_at` on the shard. What its key says is not repeated.
pub(super) fn encode<D: Detector>(
    detector: &D,
    series: &Series<D::State>,
    stands_at: &Position,
    out: &mut Vec<u8>,
) {
    out.push(VERSION);
    out.extend_from_slice(&(series.key_hash as u32).to_le_bytes());
    encode_position_beside(stands_at, &series.born, out);
    put_varint(out, series.fields.len() as u64);
    for (name, value) in series.fields.iter().zip(&series.values) {
        put_bytes(out, name.as_bytes());
        put_round_f64(out, *value);
    }
    put_bytes(out, series.stream.as_bytes());
    put_bytes(out, series.shard.as_bytes());
    encode_position_beside(&series.source_position, &series.born, out);
    put_varint(out, series.observations);
    let last_ms = series.last_ms;
    put_i64(out, last_ms);
    out.push(u8::from(series.own_time));
    put_round_f64(out, series.surprise);
    put_near(out, series.seen_ms.wrapping_sub(last_ms));
    put_near(out, series.waiting_ms.wrapping_sub(series.seen_ms));
    series.pace.encode(last_ms, out);
    series.habit.encode(out);
    series.budget.encode(last_ms, out);
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

/// Reads back what [`encode`] wrote under a key: the series, and where it stands.
pub(super) fn decode<D: Detector>(
    detector: &D,
    shared: &mut Shared,
    key: &[u8],
    bytes: &[u8],
) -> Result<(Series<D::State>, Position), PieceError> {
    decode_with(shared, key, bytes, |state| Ok(detector.decode(state)?))
}

/// As [`decode`], but for the detector's state.
pub(super) fn decode_without_state(
    shared: &mut Shared,
    key: &[u8],
    bytes: &[u8],
) -> Result<(Series<()>, Position), PieceError> {
    decode_with(shared, key, bytes, |_| Ok(()))
}

fn decode_with<S>(
    shared: &mut Shared,
    key: &[u8],
    bytes: &[u8],
    state: impl FnOnce(&[u8]) -> Result<S, PieceError>,
) -> Result<(Series<S>, Position), PieceError> {
    let (key, born) = decode_key(key)?;
    let key_hash = hash_key(key);
    let mut reader = Reader::new(bytes);
    let reader = &mut reader;
    if reader.u8()? != VERSION {
        return Err(CodecError("a piece of another version").into());
    }
    if u32::from_le_bytes(reader.array()?) != key_hash as u32 {
        return Err(PieceError::Key { series: key.into() });
    }
    let stands_at = decode_position_beside(reader, &born)?;
    let count = reader.length(2)?;
    if !(1..=FIELDS_MAX).contains(&count) {
        return Err(CodecError("a series without fields, or with more than 256").into());
    }
    let mut names = Vec::with_capacity(count);
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        names.push(reader.text()?);
        values.push(reader.round_f64()?);
    }
    let fields = shared.fields(&names);
    let stream = shared.text(reader.text()?);
    let shard = shared.text(reader.text()?);
    let source_position = decode_position_beside(reader, &born)?;
    let observations = reader.varint()?;
    let last_ms = reader.i64()?;
    let own_time = reader.bool()?;
    let surprise = reader.round_f64()?;
    let seen_ms = last_ms.wrapping_add(reader.near()?);
    let series = Series {
        key: key.into(),
        key_hash,
        policy: shared.policy(key, &fields),
        fields,
        born,
        stream,
        shard,
        source_position,
        observations,
        last_ms,
        own_time,
        values,
        surprise,
        seen_ms,
        waiting_ms: seen_ms.wrapping_add(reader.near()?),
        pace: Pace::decode(last_ms, reader)?,
        habit: Habit::decode(reader)?,
        budget: Budget::decode(last_ms, reader)?,
        run: Run::decode(reader)?,
        episode: if reader.bool()? { Some(Box::new(Episode::decode(reader)?)) } else { None },
        silence: if reader.bool()? { Some(Box::new(Alert::decode(reader.bytes()?)?)) } else { None },
        past: Past::decode(reader)?,
        detector: state(reader.bytes()?)?,
        dirty: false,
        has_piece: true,
        slice: 0,
        scheduled_ms: i64::MAX,
    };
    reader.end()?;
    Ok((series, stands_at))
}
