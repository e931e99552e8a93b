//! Bounds and seams of the endpoint.

use crate::clock::{Clock, SystemClock};
use std::{fmt, sync::Arc, time::Duration};

/// Told of a put that was refused: the stream, as the client named it, the API's name of the error, and how many
/// records.
pub type OnRefused = dyn Fn(&str, &str, u64) + Send + Sync;

/// Bounds of the endpoint, and the seams that tests replace.
#[derive(Clone)]
pub struct Options {
    /// Connections served at once; further ones wait to be accepted. Default 1,024.
    pub connections_max: usize,
    /// Bytes of one record's data, as the API's constraint on it says; the streams may bound it further. Default
    /// 1 MiB; 10 MiB where the streams take large records.
    pub record_bytes_max: usize,
    /// Bytes of one request's body. Default 16 MiB: the largest PutRecords, 10 MiB, in base64, and enough room for
    /// a record that is somewhat too large to be told so. A larger one is refused with status 413.
    pub body_bytes_max: usize,
    /// Bytes of bodies and responses in memory at once, over all connections; beyond it requests wait, and after
    /// [`Options::body_timeout`] they are refused as exceeding the throughput. Default 256 MiB.
    pub in_flight_bytes_max: usize,
    /// Time to send a request's head, which is also how long an idle connection stays open. Default 75 s.
    pub header_timeout: Duration,
    /// Time to send a request's body. Default 30 s.
    pub body_timeout: Duration,
    /// Time that requests under way have to end once the endpoint is told to stop. Default 10 s.
    pub drain_timeout: Duration,
    /// Told of records that are refused before they come to the streams. By default nobody is.
    pub refused: Arc<OnRefused>,
    /// Key of the checksum in iterators. Iterators survive a restart with the same key.
    pub token_key: [u8; 32],
    /// Tells when a token was issued and whether it is too old.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            record_bytes_max: 1 << 20,
            body_bytes_max: 16 << 20,
            in_flight_bytes_max: 256 << 20,
            header_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            refused: Arc::new(|_, _, _| {}),
            token_key: *b"kizashi kinesis iterator token 1",
            clock: Arc::new(SystemClock::default()),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("connections_max", &self.connections_max)
            .field("record_bytes_max", &self.record_bytes_max)
            .field("body_bytes_max", &self.body_bytes_max)
            .field("in_flight_bytes_max", &self.in_flight_bytes_max)
            .field("header_timeout", &self.header_timeout)
            .field("body_timeout", &self.body_timeout)
            .field("drain_timeout", &self.drain_timeout)
            .finish_non_exhaustive()
    }
}
