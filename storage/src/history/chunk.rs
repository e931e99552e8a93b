//! A chunk: consecutive points of one series, each encoded against the one before.

use kizashi_models::position::Position;
use std::sync::Arc;

/// Version of the encoding, the first byte of a chunk.
const VERSION: u8 = 1;

/// A chunk may claim no more points than this; more is damage.
const POINTS_MAX: u64 = 1 << 20;

/// A chunk may claim no more fields than this; more is damage.
const FIELDS_MAX: u64 = 1 << 16;

/// One field of a point.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FieldPoint {
    /// What was observed; NaN where the field was missing.
    pub value: f64,
    /// What was expected; NaN while nothing was known.
    pub expected: f64,
    /// Lower end of the band of usual observations.
    pub lower: f64,
    /// Upper end of that band.
    pub upper: f64,
}

/// One observation of a series as it was scored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointRef<'a> {
    /// Where it stands on its shard.
    pub position: Position,
    /// Its time, Unix milliseconds.
    pub time_ms: i64,
    /// Its surprise.
    pub surprise: f32,
    /// Its anomaly score.
    pub anomaly_score: f32,
    /// One a field of the series, in order.
    pub fields: &'a [FieldPoint],
}

/// A point on its own, as queries give it.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Where it stands on its shard.
    pub position: Position,
    /// Its time, Unix milliseconds.
    pub time_ms: i64,
    /// Its surprise.
    pub surprise: f32,
    /// Its anomaly score.
    pub anomaly_score: f32,
    /// One a field of the series, in order.
    pub fields: Box<[FieldPoint]>,
}

impl Point {
    /// The point, borrowed.
    pub fn as_ref(&self) -> PointRef<'_> {
        PointRef {
            position: self.position,
            time_ms: self.time_ms,
            surprise: self.surprise,
            anomaly_score: self.anomaly_score,
            fields: &self.fields,
        }
    }
}

/// Names of a series' fields, in the order of its points' fields.
pub type FieldNames = Arc<[Box<str>]>;

/// A decoded chunk.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// Key of the series.
    pub series: Box<str>,
    /// Names of its fields.
    pub names: FieldNames,
    /// In the order they were appended.
    pub points: Vec<Point>,
}

/// Bytes that are not a chunk.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a chunk of history: {0}")]
pub struct ChunkError(pub(crate) &'static str);

/// A chunk that is being written: points are encoded as they come.
#[derive(Clone, Debug)]
pub struct ChunkBuilder {
    names: FieldNames,
    points: u32,
    time_min_ms: i64,
    time_max_ms: i64,
    rows: Vec<u8>,
    previous: Previous,
}

/// What a point is encoded against: the point before it.
#[derive(Clone, Debug, Default)]
struct Previous {
    position: Position,
    time_ms: i64,
    step_ms: i64,
    fields: Vec<[u64; 4]>,
}

impl ChunkBuilder {
    /// An empty chunk of a series with these fields.
    pub fn new(names: FieldNames) -> Self {
        let previous = Previous { fields: vec![[0; 4]; names.len()], ..Previous::default() };
        Self { names, points: 0, time_min_ms: i64::MAX, time_max_ms: i64::MIN, rows: Vec::new(), previous }
    }

    /// Names of the fields.
    pub fn names(&self) -> &FieldNames {
        &self.names
    }

    /// How many points it holds.
    pub fn points(&self) -> u32 {
        self.points
    }

    /// Times of the earliest and the latest of its points; the first is above the second where there is
    /// none.
    pub fn time_range_ms(&self) -> (i64, i64) {
        (self.time_min_ms, self.time_max_ms)
    }

    /// Bytes that it occupies in memory, about.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.rows.capacity() + self.previous.fields.capacity() * 32
    }

    /// Appends a point, which has as many fields as the chunk.
    pub fn push(&mut self, point: &PointRef<'_>) {
        assert_eq!(point.fields.len(), self.names.len(), "a point has the fields of its chunk");
        let out = &mut self.rows;
        let previous = &mut self.previous;
        put_position(out, &previous.position, &point.position);
        let step_ms = point.time_ms.wrapping_sub(previous.time_ms);
        put_varint(out, zigzag(step_ms.wrapping_sub(previous.step_ms)));
        out.extend_from_slice(&point.surprise.to_le_bytes());
        out.extend_from_slice(&point.anomaly_score.to_le_bytes());
        for (field, before) in point.fields.iter().zip(&mut previous.fields) {
            let words = [field.value, field.expected, field.lower, field.upper].map(f64::to_bits);
            for (word, before) in words.iter().zip(before.iter()) {
                put_xor(out, word ^ before);
            }
            *before = words;
        }
        previous.position = point.position;
        previous.time_ms = point.time_ms;
        previous.step_ms = step_ms;
        self.points += 1;
        self.time_min_ms = self.time_min_ms.min(point.time_ms);
        self.time_max_ms = self.time_max_ms.max(point.time_ms);
    }

    /// Forgets the points and keeps the room.
    pub fn clear(&mut self) {
        self.points = 0;
        self.time_min_ms = i64::MAX;
        self.time_max_ms = i64::MIN;
        self.rows.clear();
        self.previous.position = Position::default();
        self.previous.time_ms = 0;
        self.previous.step_ms = 0;
        self.previous.fields.fill([0; 4]);
    }

    /// The whole chunk as [`decode`] reads it.
    pub fn encode(&self, series: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + series.len() + self.rows.len());
        out.push(VERSION);
        put_bytes(&mut out, series.as_bytes());
        put_varint(&mut out, self.names.len() as u64);
        for name in self.names.iter() {
            put_bytes(&mut out, name.as_bytes());
        }
        put_varint(&mut out, u64::from(self.points));
        out.extend_from_slice(&self.rows);
        out
    }

    /// Calls `each` with the points in order, without encoding the head.
    pub fn read(&self, mut each: impl FnMut(PointRef<'_>)) {
        let mut reader = Reader { rest: &self.rows };
        read_rows(&mut reader, self.names.len(), self.points.into(), &mut each)
            .expect("what push wrote is readable");
    }
}

/// Decodes a chunk.
pub fn decode(bytes: &[u8]) -> Result<Chunk, ChunkError> {
    let mut reader = Reader { rest: bytes };
    let (series, names, count) = read_head(&mut reader)?;
    let mut points = Vec::with_capacity(count.min(4096) as usize);
    read_rows(&mut reader, names.len(), count, &mut |point| {
        points.push(Point {
            position: point.position,
            time_ms: point.time_ms,
            surprise: point.surprise,
            anomaly_score: point.anomaly_score,
            fields: point.fields.into(),
        });
    })?;
    if !reader.rest.is_empty() {
        return Err(ChunkError("bytes are left over at the end"));
    }
    Ok(Chunk { series: series.into(), names: names.into(), points })
}

fn read_head<'a>(reader: &mut Reader<'a>) -> Result<(&'a str, Vec<Box<str>>, u64), ChunkError> {
    if reader.byte()? != VERSION {
        return Err(ChunkError("the version is another"));
    }
    let series = reader.text()?;
    let fields = reader.varint()?;
    if fields > FIELDS_MAX {
        return Err(ChunkError("the number of fields is beyond reason"));
    }
    let names = (0..fields).map(|_| reader.text().map(Box::from)).collect::<Result<Vec<_>, _>>()?;
    let points = reader.varint()?;
    if points > POINTS_MAX {
        return Err(ChunkError("the number of points is beyond reason"));
    }
    Ok((series, names, points))
}

fn read_rows(
    reader: &mut Reader<'_>,
    fields: usize,
    points: u64,
    each: &mut dyn FnMut(PointRef<'_>),
) -> Result<(), ChunkError> {
    let mut words = vec![[0u64; 4]; fields];
    let mut values = vec![FieldPoint::default(); fields];
    let mut position = Position::default();
    let (mut time_ms, mut step_ms) = (0i64, 0i64);
    for _ in 0..points {
        position = reader.position(&position)?;
        step_ms = step_ms.wrapping_add(unzigzag(reader.varint()?));
        time_ms = time_ms.wrapping_add(step_ms);
        let surprise = f32::from_le_bytes(reader.array()?);
        let anomaly_score = f32::from_le_bytes(reader.array()?);
        for (value, words) in values.iter_mut().zip(&mut words) {
            for word in words.iter_mut() {
                *word ^= reader.xor()?;
            }
            let [value_bits, expected, lower, upper] = *words;
            *value = FieldPoint {
                value: f64::from_bits(value_bits),
                expected: f64::from_bits(expected),
                lower: f64::from_bits(lower),
                upper: f64::from_bits(upper),
            };
        }
        each(PointRef { position, time_ms, surprise, anomaly_score, fields: &values });
    }
    Ok(())
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A byte that counts the leading zero bytes and the bytes that follow, then those.
fn put_xor(out: &mut Vec<u8>, xor: u64) {
    if xor == 0 {
        out.push(0);
        return;
    }
    let leading = xor.leading_zeros() / 8;
    let length = 8 - leading - xor.trailing_zeros() / 8;
    out.push((leading as u8) << 4 | length as u8);
    out.extend_from_slice(&xor.to_be_bytes()[leading as usize..(leading + length) as usize]);
}

/// A position as its distance from the one before where only the last 8 bytes of the sequence number
/// differ and it grows; else whole.
fn put_position(out: &mut Vec<u8>, before: &Position, position: &Position) {
    let low = |p: &Position| u64::from_be_bytes(p.sequence[16..].try_into().expect("8 bytes"));
    let distance = low(position).checked_sub(low(before)).filter(|d| *d < 1 << 62);
    match distance {
        Some(distance) if before.sequence[..16] == position.sequence[..16] => {
            put_varint(out, distance << 1);
        }
        _ => {
            put_varint(out, 1);
            out.extend_from_slice(&position.sequence);
        }
    }
    put_varint(out, position.index.into());
}

pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

const CUT_SHORT: ChunkError = ChunkError("the bytes end too early");

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, ChunkError> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ChunkError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(CUT_SHORT)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(super) fn varint(&mut self) -> Result<u64, ChunkError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(ChunkError("a number has more than 64 bits"))
    }

    pub(super) fn text(&mut self) -> Result<&'a str, ChunkError> {
        let length = usize::try_from(self.varint()?).map_err(|_| CUT_SHORT)?;
        let (head, rest) = self.rest.split_at_checked(length).ok_or(CUT_SHORT)?;
        self.rest = rest;
        std::str::from_utf8(head).map_err(|_| ChunkError("a text is not UTF-8"))
    }

    fn xor(&mut self) -> Result<u64, ChunkError> {
        let head = self.byte()?;
        let (leading, length) = ((head >> 4) as usize, (head & 0xf) as usize);
        if leading + length > 8 {
            return Err(ChunkError("a value has more than 8 bytes"));
        }
        let (middle, rest) = self.rest.split_at_checked(length).ok_or(CUT_SHORT)?;
        self.rest = rest;
        let mut bytes = [0; 8];
        bytes[leading..leading + length].copy_from_slice(middle);
        Ok(u64::from_be_bytes(bytes))
    }

    fn position(&mut self, before: &Position) -> Result<Position, ChunkError> {
        let distance = self.varint()?;
        let mut sequence = before.sequence;
        if distance == 1 {
            sequence = self.array()?;
        } else {
            let low = u64::from_be_bytes(sequence[16..].try_into().expect("8 bytes"));
            sequence[16..].copy_from_slice(&low.wrapping_add(distance >> 1).to_be_bytes());
        }
        let index =
            u32::try_from(self.varint()?).map_err(|_| ChunkError("an index has more than 32 bits"))?;
        Ok(Position { sequence, index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(count: usize) -> FieldNames {
        (0..count).map(|i| format!("f{i}").into_boxed_str()).collect()
    }

    fn bits(point: &Point) -> impl PartialEq + std::fmt::Debug + use<> {
        let fields: Vec<_> =
            point.fields.iter().map(|f| [f.value, f.expected, f.lower, f.upper].map(f64::to_bits)).collect();
        (point.position, point.time_ms, point.surprise.to_bits(), point.anomaly_score.to_bits(), fields)
    }

    fn any_point(fields: usize) -> impl Strategy<Value = Point> {
        let any_f64 = any::<u64>().prop_map(f64::from_bits);
        let field = [any_f64.clone(), any_f64.clone(), any_f64.clone(), any_f64]
            .prop_map(|[value, expected, lower, upper]| FieldPoint { value, expected, lower, upper });
        let sequence = prop_oneof![
            any::<[u8; 24]>(),
            any::<u64>().prop_map(|low| {
                let mut sequence = [3; 24];
                sequence[16..].copy_from_slice(&low.to_be_bytes());
                sequence
            }),
        ];
        (sequence, any::<u32>(), any::<i64>(), any::<[u32; 2]>(), prop::collection::vec(field, fields))
            .prop_map(|(sequence, index, time_ms, [surprise, score], fields)| Point {
                position: Position { sequence, index },
                time_ms,
                surprise: f32::from_bits(surprise),
                anomaly_score: f32::from_bits(score),
                fields: fields.into(),
            })
    }

    proptest! {
        #[test]
        fn points_come_back_bit_for_bit(points in (0usize..4).prop_flat_map(|n| prop::collection::vec(any_point(n), 0..20))) {
            let fields = points.first().map_or(1, |p| p.fields.len());
            let mut builder = ChunkBuilder::new(names(fields));
            for point in &points {
                builder.push(&point.as_ref());
            }
            let chunk = decode(&builder.encode("a series")).unwrap();
            prop_assert_eq!(&*chunk.series, "a series");
            prop_assert_eq!(&chunk.names, builder.names());
            prop_assert_eq!(chunk.points.iter().map(bits).collect::<Vec<_>>(), points.iter().map(bits).collect::<Vec<_>>());
        }

        #[test]
        fn damage_is_an_error_or_another_chunk_but_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut versioned = vec![VERSION];
            versioned.extend(bytes);
            let _ = decode(&versioned);
        }
    }

    #[test]
    fn a_steady_series_takes_few_bytes_a_point() {
        let mut builder = ChunkBuilder::new(names(1));
        for i in 0..1_000u64 {
            let mut sequence = [5; 24];
            sequence[16..].copy_from_slice(&(i * 40).to_be_bytes());
            let value = 50.0 + (i % 7) as f64;
            builder.push(&PointRef {
                position: Position { sequence, index: 0 },
                time_ms: 1_700_000_000_000 + i as i64 * 1_000,
                surprise: 0.5,
                anomaly_score: 0.1,
                fields: &[FieldPoint { value, expected: 53.0, lower: 50.0, upper: 56.0 }],
            });
        }
        let bytes = builder.encode("s").len();
        assert!(bytes < 20_000, "{bytes}");
    }

    #[test]
    fn a_cleared_chunk_writes_as_a_new_one() {
        let point = Point {
            position: Position { sequence: [1; 24], index: 4 },
            time_ms: 9,
            surprise: 1.0,
            anomaly_score: 0.5,
            fields: [FieldPoint { value: 1.5, expected: 1.0, lower: 0.0, upper: 2.0 }].into(),
        };
        let mut builder = ChunkBuilder::new(names(1));
        builder.push(&point.as_ref());
        let first = builder.encode("s");
        builder.clear();
        assert!(builder.points() == 0 && builder.time_range_ms().0 > builder.time_range_ms().1);
        builder.push(&point.as_ref());
        assert_eq!(builder.encode("s"), first);
        let mut read = Vec::new();
        builder.read(|p| read.push(p.time_ms));
        assert_eq!(read, [9]);
    }
}
