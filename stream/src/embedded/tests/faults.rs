//! Full disks, slow disks, power that fails.

use super::*;
use crate::api::PutOutcome;
use kizashi_log::{HookedFileSystem, OperationKind};
use parking_lot::{Condvar, Mutex};
use std::{future::Future, io, task::Poll};

/// A disk whose writes can be made to wait, and to fail when they go on.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Default)]
struct GateState {
    closed: bool,
    waiting: usize,
    fail: bool,
}

impl Gate {
    fn on(&self, disk: &SimFileSystem) -> Arc<dyn FileSystem> {
        let gate = self.clone();
        Arc::new(HookedFileSystem::new(Arc::new(disk.clone()), move |operation| {
            if operation.kind != OperationKind::Write {
                return Ok(());
            }
            let (state, changed) = &*gate.0;
            let mut state = state.lock();
            state.waiting += 1;
            changed.notify_all();
            changed.wait_while(&mut state, |state| state.closed);
            state.waiting -= 1;
            if std::mem::take(&mut state.fail) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }))
    }

    fn close(&self) {
        self.0.0.lock().closed = true;
    }

    fn wait_for_writer(&self) {
        let (state, changed) = &*self.0;
        changed.wait_while(&mut state.lock(), |state| state.waiting == 0);
    }

    fn open(&self, fail: bool) {
        let (state, changed) = &*self.0;
        let mut state = state.lock();
        (state.closed, state.fail) = (false, fail);
        changed.notify_all();
    }
}

async fn is_pending(future: &mut (impl Future + Unpin)) -> bool {
    std::future::poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending()))
        .await
}

async fn gated() -> (Setup, Gate, EmbeddedStreams) {
    let (setup, gate) = (setup(1 << 20), Gate::default());
    let streams = setup.open_on(gate.on(&setup.disk));
    streams.create_stream(".keyed", 1).await.unwrap();
    put(&streams, ".keyed", "k", "first").await;
    gate.close();
    (setup, gate, streams)
}

#[tokio::test]
async fn a_repeated_put_waits_until_the_first_is_durable() {
    let (_setup, gate, streams) = gated().await;
    let put = || streams.put_sequenced(".keyed", "events", "0", sequenced(1, 0..5));
    let (mut first, mut second) = (put(), put());
    assert!(is_pending(&mut first).await);
    gate.wait_for_writer();
    assert!(is_pending(&mut second).await, "nothing is durable yet");
    assert_eq!(all(&streams, ".keyed", SHARD).await.len(), 1);
    gate.open(false);
    second.await.unwrap();
    assert_eq!(text(&all(&streams, ".keyed", SHARD).await), ["first", "0", "1", "2", "3", "4"]);
    first.await.unwrap();
}

#[tokio::test]
async fn a_repeated_put_takes_over_where_the_first_fails() {
    let (_setup, gate, streams) = gated().await;
    let put = |range| streams.put_sequenced(".keyed", "events", "0", sequenced(1, range));
    let (mut first, mut second) = (put(0..5), put(0..7));
    assert!(is_pending(&mut first).await);
    gate.wait_for_writer();
    assert!(is_pending(&mut second).await);
    gate.open(true);
    let error = first.await.unwrap_err();
    assert!(error.to_string().contains("no space left"), "{error}");
    second.await.unwrap();
    put(0..7).await.unwrap();
    assert_eq!(text(&all(&streams, ".keyed", SHARD).await), ["first", "0", "1", "2", "3", "4", "5", "6"]);
}

#[tokio::test]
async fn a_put_that_was_cancelled_in_flight_is_not_taken_twice() {
    for fails in [false, true] {
        let (setup, gate, streams) = gated().await;
        let mut cancelled = streams.put_sequenced(".keyed", "events", "0", sequenced(1, 0..5));
        assert!(is_pending(&mut cancelled).await);
        gate.wait_for_writer();
        drop(cancelled);
        gate.open(fails);
        streams.put_sequenced(".keyed", "events", "0", sequenced(1, 0..5)).await.unwrap();
        drop(streams);
        let records = all(&setup.open(), ".keyed", SHARD).await;
        assert_eq!(text(&records), ["first", "0", "1", "2", "3", "4"], "{fails}");
    }
}

#[tokio::test]
async fn a_segment_that_begins_while_a_put_is_in_flight_knows_of_it_later() {
    let (mut setup, gate) = (setup(1), Gate::default());
    setup.options.log.block_bytes = 1;
    let streams = setup.open_on(gate.on(&setup.disk));
    streams.create_stream(".keyed", 1).await.unwrap();
    put(&streams, ".keyed", "k", "first").await;
    gate.close();
    // Each put begins a segment, whose header is written from what is durable: of these, nothing yet.
    let mut puts: Vec<_> = (0..6)
        .map(|source: usize| {
            let source = source.to_string();
            let streams = streams.clone();
            Box::pin(
                async move { streams.put_sequenced(".keyed", "events", &source, sequenced(1, 0..2)).await },
            )
        })
        .collect();
    for put in &mut puts {
        assert!(is_pending(put).await);
    }
    gate.open(false);
    for put in puts {
        put.await.unwrap();
    }
    drop(streams);
    let streams = setup.open();
    for source in 0..6 {
        streams.put_sequenced(".keyed", "events", &source.to_string(), sequenced(1, 0..2)).await.unwrap();
    }
    assert_eq!(all(&streams, ".keyed", SHARD).await.len(), 13);
}

#[tokio::test]
async fn a_busy_shard_refuses_its_records_and_the_others_are_taken() {
    let (mut setup, gate) = (setup(1 << 20), Gate::default());
    setup.options.log.pending_bytes_max = 4_000;
    let streams = setup.open_on(gate.on(&setup.disk));
    streams.create_stream("events", 2).await.unwrap();
    let at = |shard: u128, bytes: usize| PutRecord {
        explicit_hash_key: Some(shard << 127),
        ..record("k", &"x".repeat(bytes))
    };
    gate.close();
    let mut filling = streams.put_records("events", vec![at(0, 3_000)]);
    assert!(is_pending(&mut filling).await);
    let mut mixed = streams.put_records("events", vec![at(0, 2_000), at(1, 2_000), at(0, 2_000)]);
    assert!(is_pending(&mut mixed).await);
    gate.open(false);
    let codes = |outcomes: Vec<PutOutcome>| -> Vec<_> {
        outcomes.iter().map(|outcome| outcome.as_ref().err().map(StreamError::code)).collect()
    };
    let busy = Some("ProvisionedThroughputExceededException");
    assert_eq!(codes(mixed.await.unwrap()), [busy, None, busy]);
    assert_eq!(codes(filling.await.unwrap()), [None]);
}

#[tokio::test]
async fn a_full_disk_refuses_and_what_is_there_stays() {
    let setup = setup(1 << 20);
    let streams = setup.open();
    streams.create_stream("events", 1).await.unwrap();
    put(&streams, "events", "k", "kept").await;
    setup.disk.set_capacity(Some(500));
    let outcomes = streams.put_records("events", vec![record("k", &"x".repeat(9_000)); 2]).await.unwrap();
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert_eq!(error.code(), "InternalFailure");
        assert!(error.to_string().contains("no space left"), "{error}");
    }
    let refused = streams.create_stream("more", 1).await.unwrap_err();
    assert_eq!(refused.code(), "InternalFailure");
    assert_eq!(text(&all(&streams, "events", SHARD).await), ["kept"]);
    setup.disk.set_capacity(None);
    put(&streams, "events", "k", "again").await;
    streams.create_stream("more", 1).await.unwrap();
    drop(streams);
    let streams = setup.open();
    assert_eq!(text(&all(&streams, "events", SHARD).await), ["kept", "again"]);
    assert_eq!(streams.list_streams().await.unwrap().len(), 2);
}

/// The power fails at each operation of a history of creations and deletions, one after the other.
#[tokio::test]
async fn a_stream_is_there_whole_or_not_at_all_wherever_the_power_fails() {
    for point in 0.. {
        let setup = setup(1 << 20);
        let streams = setup.open();
        setup.disk.crash_at(setup.disk.operations() + point);
        let mut steps = Vec::new();
        for step in 0..3 {
            steps.push(match step {
                0 => streams.create_stream("a", 2).await,
                1 => streams.create_stream("b", 1).await,
                _ => streams.delete_stream("a").await,
            });
        }
        let finished = !setup.disk.crashed();
        drop(streams);
        setup.disk.power_loss(point);
        let streams = setup.open();
        let names = streams.list_streams().await.unwrap();
        let has = |name: &str| names.iter().any(|found| &**found == name);
        if steps[2].is_ok() {
            assert!(!has("a"), "point {point}");
        } else if steps[1].is_ok() {
            assert!(has("b"), "point {point}");
        } else if steps[0].is_ok() {
            assert!(has("a"), "point {point}");
        }
        for name in &names {
            assert_eq!(
                streams.describe_stream(name).await.unwrap().shards.len(),
                1 + usize::from(&**name == "a")
            );
            put(&streams, name, "k", "x").await;
        }
        if finished {
            break;
        }
    }
}
