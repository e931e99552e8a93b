//! Re-keyed records: each is taken once, however often it is put.
//!
//! A source shard has at most one append in flight on a target shard. So a put that repeats what is
//! appended but not yet durable waits for that append and then knows what became of it, and an append that
//! fails leaves no trace: positions enter the table only when they are durable. An append in flight
//! outlives the put that made it, which may have been cancelled.

use super::sources::{SOURCES_MAX, Source, SourceTable};
use crate::api::SourcePosition;
use kizashi_log::Ticket;
use std::{
    collections::BTreeMap,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// What a target shard knows of its sources, with what is in flight.
#[derive(Debug, Default)]
pub struct Sequencing {
    table: SourceTable,
    in_flight: BTreeMap<Source, InFlight>,
    /// Entries that the last segment's header left for a scan: they must not be trimmed.
    scan_from: Option<u64>,
}

#[derive(Debug)]
struct InFlight {
    first_index: u64,
    highest: SourcePosition,
    ticket: Ticket,
}

impl Sequencing {
    /// Begins with what was rebuilt. `scan_from` is the index that the last segment's header names.
    pub fn new(table: SourceTable, scan_from: Option<u64>) -> Self {
        Self { table, in_flight: BTreeMap::new(), scan_from }
    }

    /// The highest durable position of a source, or the append to wait for before that is known.
    pub fn highest(&mut self, source: &Source) -> Result<Option<SourcePosition>, Ticket> {
        self.settle(source);
        match self.in_flight.get(source) {
            Some(in_flight) => Err(in_flight.ticket.clone()),
            None => Ok(self.table.highest(source)),
        }
    }

    /// Whether there is room for a source.
    pub fn has_room_for(&self, source: &Source) -> bool {
        self.table.has_room_for(source) && self.in_flight.len() < SOURCES_MAX
    }

    /// Takes up an append, while there is none of this source.
    pub fn begin(&mut self, source: Source, first_index: u64, highest: SourcePosition, ticket: Ticket) {
        let before = self.in_flight.insert(source, InFlight { first_index, highest, ticket });
        assert!(before.is_none(), "a source has one append in flight");
    }

    /// Takes up what became of a source's append, if that is known.
    pub fn settle(&mut self, source: &Source) {
        let Some(in_flight) = self.in_flight.get_mut(source) else { return };
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(outcome) = Pin::new(&mut in_flight.ticket).poll(&mut context) {
            if outcome.is_ok() {
                self.table.raise(source, in_flight.highest);
            }
            self.in_flight.remove(source);
        }
    }

    /// The bytes for the header of a segment that begins now.
    pub fn carry(&mut self) -> Vec<u8> {
        self.scan_from = self.in_flight.values().map(|in_flight| in_flight.first_index).min();
        self.table.encode(self.scan_from.unwrap_or(u64::MAX))
    }

    /// Entries from here on must not be trimmed, since the table is not complete without them.
    pub fn scan_from(&self) -> Option<u64> {
        self.scan_from
    }
}
