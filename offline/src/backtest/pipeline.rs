//! One file on several threads: one reads, some score, and the caller's takes what comes, in order.

use super::Error;
use super::batch::{Batch, Counts, Filler};
use super::scorer::{Scorer, Scores};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// Batches that may wait before each thread.
const WAITING_MAX: usize = 4;

/// Where a scorer has its batches from, where what it says goes, and where its buffers come back.
struct Seat {
    batches: Receiver<Arc<Batch>>,
    scored: SyncSender<Scores>,
    used: Receiver<Scores>,
}

/// The other ends of a seat.
struct Desk {
    batches: SyncSender<Arc<Batch>>,
    scored: Receiver<Scores>,
    used: Sender<Scores>,
}

/// Runs all batches through the scorers and gives them to `take`, each with what every scorer says of it.
///
/// # Errors
/// The first of the reader or of `take`; the batches before it were taken.
pub(super) fn run(
    filler: Filler,
    scorers: Vec<Scorer>,
    mut take: impl FnMut(&Batch, &[Scores]) -> Result<(), Error>,
) -> Result<Counts, Error> {
    let (to_taker, batches) = sync_channel(WAITING_MAX);
    let (to_reader, used) = channel();
    let (seats, desks): (Vec<_>, Vec<_>) = scorers.iter().map(|_| seat()).unzip();
    let (inputs, outputs): (Vec<_>, Vec<_>) =
        desks.into_iter().map(|desk| (desk.batches, (desk.scored, desk.used))).unzip();
    // The closure owns the channels' ends, so that an error ends the threads, for which the scope waits.
    thread::scope(move |scope| {
        let reader = scope.spawn(move || read(filler, &used, &inputs, &to_taker));
        for (scorer, seat) in scorers.into_iter().zip(seats) {
            scope.spawn(move || score(scorer, &seat));
        }
        let mut scores: Vec<Scores> = Vec::new();
        for batch in batches {
            let all = outputs.iter().map(|(scored, _)| scored.recv());
            scores.extend(all.collect::<Result<Vec<_>, _>>().expect("a scorer takes every batch"));
            take(&batch, &scores)?;
            for ((_, used), scores) in outputs.iter().zip(scores.drain(..)) {
                let _ = used.send(scores);
            }
            // The scorers are done with it, so this is the last one to hold it.
            if let Some(batch) = Arc::into_inner(batch) {
                let _ = to_reader.send(batch);
            }
        }
        reader.join().expect("the reader does not panic")
    })
}

fn seat() -> (Seat, Desk) {
    let (batches_in, batches) = sync_channel(WAITING_MAX);
    let (scored, scored_out) = sync_channel(WAITING_MAX);
    let (used_in, used) = channel();
    (Seat { batches, scored, used }, Desk { batches: batches_in, scored: scored_out, used: used_in })
}

/// Reads until the end, an error, or until nobody takes any more.
fn read(
    mut filler: Filler,
    used: &Receiver<Batch>,
    scorers: &[SyncSender<Arc<Batch>>],
    taker: &SyncSender<Arc<Batch>>,
) -> Result<Counts, Error> {
    loop {
        let mut batch = used.try_recv().map_or_else(|_| Batch::default(), Batch::recycle);
        filler.fill(&mut batch)?;
        if batch.rows().is_empty() {
            return Ok(filler.counts());
        }
        let batch = Arc::new(batch);
        let sent = scorers.iter().try_for_each(|scorer| scorer.send(Arc::clone(&batch)));
        if sent.and_then(|()| taker.send(batch)).is_err() {
            return Ok(filler.counts());
        }
    }
}

fn score(mut scorer: Scorer, seat: &Seat) {
    for batch in &seat.batches {
        let mut scores = seat.used.try_recv().unwrap_or_default();
        scorer.score(&batch, &mut scores);
        drop(batch);
        if seat.scored.send(scores).is_err() {
            return;
        }
    }
}
