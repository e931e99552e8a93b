//! What goes into a log and what comes out.

use bytes::Bytes;

/// An entry as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number, counted from 0 without a gap.
    pub index: u64,
    /// The time of its append in milliseconds since the Unix epoch, never below that of the entry before.
    pub time_ms: i64,
    /// Its bytes: a slice of the block it stands in, shared and not copied. It keeps the block in memory.
    pub data: Bytes,
}

/// The bytes of an entry to append, whole or in parts that follow each other, so that a header and a
/// payload need not be put together first.
pub trait EntryParts {
    /// How many bytes all parts have.
    fn entry_bytes(&self) -> usize;

    /// Appends all parts to `out`: exactly [`EntryParts::entry_bytes`] bytes.
    fn write_to(&self, out: &mut Vec<u8>);
}

impl EntryParts for [u8] {
    fn entry_bytes(&self) -> usize {
        self.len()
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl EntryParts for [&[u8]] {
    fn entry_bytes(&self) -> usize {
        self.iter().map(|part| part.len()).sum()
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        for part in self {
            out.extend_from_slice(part);
        }
    }
}

impl<const N: usize> EntryParts for [u8; N] {
    fn entry_bytes(&self) -> usize {
        N
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl<const N: usize> EntryParts for [&[u8]; N] {
    fn entry_bytes(&self) -> usize {
        self.as_slice().entry_bytes()
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        self.as_slice().write_to(out);
    }
}

impl EntryParts for Vec<u8> {
    fn entry_bytes(&self) -> usize {
        self.len()
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl EntryParts for Bytes {
    fn entry_bytes(&self) -> usize {
        self.len()
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl<T: EntryParts + ?Sized> EntryParts for &T {
    fn entry_bytes(&self) -> usize {
        (**self).entry_bytes()
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        (**self).write_to(out);
    }
}
