//! fjall 3, with a thread that commits all batches that wait as one: the group commit that the log has.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::{APPENDERS, Appended, BATCH_ENTRIES, ENTRY_BYTES, IN_FLIGHT, Large, batch};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Batches that one commit takes: about 1 MiB, as in the log.
const COMMIT_BATCHES: usize = (1 << 20) / (BATCH_ENTRIES * ENTRY_BYTES);

struct Request {
    entries: Vec<[u8; ENTRY_BYTES]>,
    durable: SyncSender<()>,
}

fn open(dir: &Path) -> Result<(Database, Keyspace)> {
    let database = Database::builder(dir).open()?;
    let keyspace = database.keyspace("log", KeyspaceCreateOptions::default)?;
    Ok((database, keyspace))
}

/// Writes entries under their indexes and syncs the journal.
fn commit<'a>(
    database: &Database,
    keyspace: &Keyspace,
    index: &mut u64,
    entries: impl Iterator<Item = &'a [u8; ENTRY_BYTES]>,
) -> fjall::Result<()> {
    let mut writes = database.batch().durability(Some(PersistMode::SyncData));
    for entry in entries {
        writes.insert(keyspace, index.to_be_bytes(), &entry[..]);
        *index += 1;
    }
    writes.commit()
}

fn commit_all(
    database: &Database,
    keyspace: &Keyspace,
    requests: &Receiver<Request>,
) -> fjall::Result<(u64, u64)> {
    let (mut index, mut commits) = (0, 0);
    while let Ok(first) = requests.recv() {
        let mut group = vec![first];
        group.extend(requests.try_iter().take(COMMIT_BATCHES - 1));
        commit(database, keyspace, &mut index, group.iter().flat_map(|request| &request.entries))?;
        commits += 1;
        for request in group {
            // An appender that does not wait any more is none of the committer's business.
            let _ = request.durable.send(());
        }
    }
    Ok((index, commits))
}

/// Appends with several threads for some time.
pub fn append(dir: &Path, duration: Duration) -> Result<Appended> {
    let (database, keyspace) = open(dir)?;
    let start = Instant::now();
    let (entries, commits) = std::thread::scope(|scope| {
        let (sender, requests) = sync_channel(APPENDERS * IN_FLIGHT);
        for _ in 0..APPENDERS {
            let sender = sender.clone();
            scope.spawn(move || append_until(&sender, start + duration));
        }
        drop(sender);
        commit_all(&database, &keyspace, &requests)
    })?;
    let elapsed = start.elapsed();
    let bytes = entries * ENTRY_BYTES as u64;
    drop((keyspace, database));
    std::fs::remove_dir_all(dir)?;
    Ok(Appended { entries, commits, bytes, elapsed })
}

fn append_until(sender: &SyncSender<Request>, end: Instant) {
    let batch = batch();
    let (durable, answers) = sync_channel(IN_FLIGHT);
    let mut in_flight = 0;
    while Instant::now() < end {
        let request = Request { entries: batch.clone(), durable: durable.clone() };
        if sender.send(request).is_err() {
            return;
        }
        in_flight += 1;
        if in_flight == IN_FLIGHT {
            if answers.recv().is_err() {
                return;
            }
            in_flight -= 1;
        }
    }
    drop(durable);
    for () in answers {}
}

/// How long single appends take, one after the other.
pub fn latencies(dir: &Path, count: usize) -> Result<Vec<Duration>> {
    let (database, keyspace) = open(dir)?;
    let batch = batch();
    let mut index = 0;
    let mut latencies = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        commit(&database, &keyspace, &mut index, batch[..1].iter())?;
        latencies.push(start.elapsed());
    }
    Ok(latencies)
}

/// Writes a large database, opens it again, and reads it from the front.
pub fn large(dir: &Path, bytes: u64) -> Result<Large> {
    let (database, keyspace) = open(dir)?;
    let batch = batch();
    let mut index = 0;
    while index * (ENTRY_BYTES as u64) < bytes {
        let group = std::iter::repeat_n(&batch, COMMIT_BATCHES).flatten();
        commit(&database, &keyspace, &mut index, group)?;
    }
    drop((keyspace, database));

    let start = Instant::now();
    let (database, keyspace) = open(dir)?;
    let open = start.elapsed();
    let start = Instant::now();
    let mut entries_read = 0;
    for item in keyspace.iter() {
        std::hint::black_box(item.value()?);
        entries_read += 1;
    }
    let large = Large { bytes: entries_read * ENTRY_BYTES as u64, open, entries_read, read: start.elapsed() };
    drop((keyspace, database));
    std::fs::remove_dir_all(dir)?;
    Ok(large)
}
