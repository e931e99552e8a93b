//! Reading and writing of the compact binary forms: little-endian integers, and texts behind their
//! length as a varint (LEB128).

/// Bytes that do not hold what they should.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct CodecError(pub &'static str);

const CUT_SHORT: CodecError = CodecError("the bytes end too early");

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(crate) fn put_f64(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

pub(crate) fn put_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// A number that is often near 0, either side: zigzag, then a varint.
pub(crate) fn put_near(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// A number that is often round: how many of its bits' bytes follow, most significant first; those behind are 0.
pub(crate) fn put_round_f64(out: &mut Vec<u8>, value: f64) {
    let bytes = value.to_bits().to_be_bytes();
    let count = 8 - value.to_bits().trailing_zeros() as usize / 8;
    out.push(count as u8);
    out.extend_from_slice(&bytes[..count]);
}

/// Takes values off the front of a slice.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or(CUT_SHORT)?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(CUT_SHORT)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, CodecError> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn bool(&mut self) -> Result<bool, CodecError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(CodecError("a flag is neither 0 nor 1")),
        }
    }

    pub(crate) fn i64(&mut self) -> Result<i64, CodecError> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    pub(crate) fn f64(&mut self) -> Result<f64, CodecError> {
        Ok(f64::from_bits(u64::from_le_bytes(self.array()?)))
    }

    pub(crate) fn varint(&mut self) -> Result<u64, CodecError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(CodecError("a length has more than 64 bits"))
    }

    pub(crate) fn near(&mut self) -> Result<i64, CodecError> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub(crate) fn round_f64(&mut self) -> Result<f64, CodecError> {
        let count = usize::from(self.u8()?);
        if count > 8 {
            return Err(CodecError("a number has more than 8 bytes"));
        }
        let mut bytes = [0; 8];
        bytes[..count].copy_from_slice(self.take(count)?);
        Ok(f64::from_bits(u64::from_be_bytes(bytes)))
    }

    /// A length that what follows can hold, at `unit` bytes an element at least.
    pub(crate) fn length(&mut self, unit: usize) -> Result<usize, CodecError> {
        let length = self.varint()?;
        match usize::try_from(length) {
            Ok(length) if length.saturating_mul(unit) <= self.rest.len() => Ok(length),
            _ => Err(CUT_SHORT),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let length = self.length(1)?;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, CodecError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| CodecError("a text is not UTF-8"))
    }

    pub(crate) fn end(&self) -> Result<(), CodecError> {
        if self.rest.is_empty() { Ok(()) } else { Err(CodecError("bytes are left over at the end")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_come_back() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.varint(), Ok(value));
            assert_eq!(reader.end(), Ok(()));
        }
    }

    #[test]
    fn near_and_round_numbers_come_back_and_are_short() {
        let mut out = Vec::new();
        let near = [0, 1, -1, 63, -64, i64::MAX, i64::MIN];
        near.iter().for_each(|value| put_near(&mut out, *value));
        assert_eq!(out.len(), 5 + 2 * 10);
        let round = [0.0, 1.0, -2.5, 60_000.0, 0.1, f64::INFINITY, -0.0, f64::from_bits(1), f64::NAN];
        let before = out.len();
        round.iter().for_each(|value| put_round_f64(&mut out, *value));
        assert_eq!(out.len() - before, 1 + 3 + 3 + 4 + 9 + 3 + 2 + 9 + 3);
        let mut reader = Reader::new(&out);
        near.iter().for_each(|value| assert_eq!(reader.near(), Ok(*value)));
        round.iter().for_each(|value| assert_eq!(reader.round_f64().unwrap().to_bits(), value.to_bits()));
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn a_varint_of_too_many_bits_is_refused() {
        let bytes = [0xff; 11];
        assert!(Reader::new(&bytes).varint().is_err());
    }

    #[test]
    fn a_length_beyond_the_bytes_is_refused_before_anything_is_reserved() {
        let mut out = Vec::new();
        put_varint(&mut out, u64::MAX);
        assert_eq!(Reader::new(&out).bytes(), Err(CUT_SHORT));
    }
}
