//! Where a record stands.

use std::fmt;

/// The place of one observation within a shard: the record's sequence number and the observation's
/// index in the record. Ordered as the shard is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// The record's sequence number, 192 bits, most significant byte first.
    pub sequence: [u8; 24],
    /// Which observation of the record, from 0.
    pub index: u32,
}

/// The place of an observation on the stream it was first put on. It stays the same when the
/// observation is re-keyed onto an internal stream, so it identifies the observation for good.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// Name of the stream.
    pub stream: Box<str>,
    /// Id of the shard, such as `shardId-000000000000`.
    pub shard: Box<str>,
    /// Where in the shard.
    pub position: Position,
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.sequence.iter().skip_while(|b| **b == 0) {
            write!(f, "{byte:02x}")?;
        }
        write!(f, "/{}", self.index)
    }
}
