//! Pieces: a keyed store on a log, where the newest entry of a key is the piece.
//!
//! In memory stands only where each live piece is. When old entries pile up, each write carries some of the
//! oldest live pieces along to the end, and the front is trimmed once they are durable there.

use crate::{codec, commit_log::Durable, error::StoreError};
use kizashi_log::{FileSystem, Log, LogOptions, Ticket};
use kizashi_models::position::Position;
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

const PUT: u8 = 1;
const DELETE: u8 = 2;
const MARK: u8 = 3;
const MARK_BYTES: usize = 1 + codec::POSITION_BYTES + 16;

/// Bytes of entries that one step of loading or carrying reads at once.
const READ_BYTES: usize = 1 << 20;

/// Bytes of entries that are synced at once, and that reading a piece back reads, about.
const PART_BYTES: usize = 256 << 10;

/// Dead entries may take as many bytes as the live ones, and these besides.
const SLACK_BYTES: u64 = 8 << 20;

fn options() -> LogOptions {
    LogOptions {
        segment_bytes: 4 << 20,
        block_bytes: PART_BYTES,
        cache_bytes: 1 << 20,
        ..LogOptions::default()
    }
}

/// The end of a round: all pieces before it, and a replay from here, are the whole state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Replay begins behind this position.
    pub replay_from: Position,
    /// Stream time there.
    pub stream_time_ms: i64,
    /// Index of the first commit that reaches beyond it.
    pub commits_from: u64,
}

/// Pieces to write together.
#[derive(Debug, Default)]
pub struct PieceBatch {
    bytes: Vec<u8>,
    entries: Vec<Range<usize>>,
}

impl PieceBatch {
    /// Puts a piece.
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        self.keyed(PUT, key, value);
    }

    /// Deletes a piece.
    pub fn delete(&mut self, key: &[u8]) {
        self.keyed(DELETE, key, &[]);
    }

    /// Marks the end of a round.
    pub fn mark(&mut self, mark: &Mark) {
        let start = self.bytes.len();
        self.bytes.push(MARK);
        self.bytes.extend_from_slice(&codec::position_to_bytes(&mark.replay_from));
        self.bytes.extend_from_slice(&mark.stream_time_ms.to_le_bytes());
        self.bytes.extend_from_slice(&mark.commits_from.to_le_bytes());
        self.entries.push(start..self.bytes.len());
    }

    /// Adds all of another batch behind what is there.
    pub fn append(&mut self, other: &Self) {
        let shift = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.entries.extend(other.entries.iter().map(|entry| entry.start + shift..entry.end + shift));
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes to write.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    fn keyed(&mut self, kind: u8, key: &[u8], value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.push(kind);
        let length = u16::try_from(key.len()).expect("a key of a piece has less than 64 KiB");
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.entries.push(start..self.bytes.len());
    }
}

/// An entry of the log as it is read.
enum Parsed<'a> {
    Put(&'a [u8], &'a [u8]),
    Delete(&'a [u8]),
    Mark(Mark),
}

fn parse(data: &[u8]) -> Option<Parsed<'_>> {
    let (&kind, rest) = data.split_first()?;
    if kind == MARK {
        let rest: &[u8; MARK_BYTES - 1] = rest.try_into().ok()?;
        let (position, numbers) = rest.split_at(codec::POSITION_BYTES);
        let (time, commits) = numbers.split_first_chunk::<8>()?;
        return Some(Parsed::Mark(Mark {
            replay_from: codec::position_from_bytes(position)?,
            stream_time_ms: i64::from_le_bytes(*time),
            commits_from: u64::from_le_bytes(commits.try_into().ok()?),
        }));
    }
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (key, value) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
    match kind {
        PUT => Some(Parsed::Put(key, value)),
        DELETE if value.is_empty() => Some(Parsed::Delete(key)),
        _ => None,
    }
}

/// The pieces of one shard. They have one writer.
#[derive(Debug)]
pub struct Pieces {
    log: Log,
    dir: PathBuf,
    slack_bytes: u64,
    index: Mutex<Index>,
}

/// Where the live entries stand.
#[derive(Debug, Default)]
struct Index {
    live: HashMap<Box<[u8]>, Live>,
    live_bytes: u64,
    mark: Option<(u64, Mark)>,
    /// Entries before this one are dead, or were carried to the end.
    carried: u64,
    /// Of the newest append.
    newest: Option<Ticket>,
}

#[derive(Clone, Copy, Debug)]
struct Live {
    entry: u64,
    bytes: u32,
}

impl Index {
    fn apply(&mut self, entry: u64, data: &[u8]) -> Option<()> {
        match parse(data)? {
            Parsed::Put(key, _) => {
                let live = Live { entry, bytes: data.len() as u32 };
                self.live_bytes += data.len() as u64;
                let before = match self.live.get_mut(key) {
                    Some(slot) => Some(std::mem::replace(slot, live)),
                    None => self.live.insert(key.into(), live),
                };
                self.live_bytes -= before.map_or(0, |before| u64::from(before.bytes));
            }
            Parsed::Delete(key) => {
                let before = self.live.remove(key);
                self.live_bytes -= before.map_or(0, |before| u64::from(before.bytes));
            }
            Parsed::Mark(mark) => self.mark = Some((entry, mark)),
        }
        Some(())
    }

    fn is_live(&self, entry: u64, data: &[u8]) -> bool {
        match parse(data) {
            Some(Parsed::Put(key, _)) => self.live.get(key).is_some_and(|live| live.entry == entry),
            Some(Parsed::Mark(_)) => self.mark.as_ref().is_some_and(|(at, _)| *at == entry),
            // A put that a deletion cancels stands before it, so it is dead when the deletion is.
            Some(Parsed::Delete(_)) | None => false,
        }
    }
}

impl Pieces {
    /// Opens the store in a directory, which is created where absent. Nothing is read before
    /// [`Pieces::load`].
    pub fn open(fs: Arc<dyn FileSystem>, dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(fs, dir, options(), SLACK_BYTES)
    }

    /// As [`Pieces::open`], with other bounds: dead entries may take as many bytes as the live ones and
    /// `slack_bytes` besides.
    pub fn open_with(
        fs: Arc<dyn FileSystem>,
        dir: &Path,
        options: LogOptions,
        slack_bytes: u64,
    ) -> Result<Self, StoreError> {
        let (log, _) = Log::open(fs, dir, options)?;
        Ok(Self { log, dir: dir.into(), slack_bytes, index: Mutex::default() })
    }

    /// Reads everything: calls `each` with every live piece, in the order they were written, and gives the
    /// newest mark.
    pub async fn load(
        &self,
        each: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<Option<Mark>, StoreError> {
        let mark = self.look().await?;
        self.read_all(each)?;
        Ok(mark)
    }

    /// Finds out what is there, and gives the newest mark. What an earlier writer has left on its way is
    /// waited for; what failed is forgotten.
    pub async fn look(&self) -> Result<Option<Mark>, StoreError> {
        let on_its_way = self.index.lock().newest.clone();
        if let Some(ticket) = on_its_way {
            // Whether it is there is seen below.
            let _ = ticket.await;
        }
        let mut index = Index { carried: self.log.first_index(), ..Index::default() };
        self.scan(index.carried, |entry, data| index.apply(entry, data).ok_or_else(|| self.damaged(entry)))?;
        let mark = index.mark.map(|(_, mark)| mark);
        *self.index.lock() = index;
        Ok(mark)
    }

    /// Calls `each` with every live piece, in the order they were written, before any is written behind
    /// [`Pieces::look`].
    ///
    /// So the log is read twice. Which entry of a key is the newest is known only at its end, and to take each entry in
    /// as it comes would cost more: up to half of them are dead, and making state of a piece takes about as long as
    /// both reads.
    pub fn read_all<E: From<StoreError>>(
        &self,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let index = self.index.lock();
        self.scan(index.carried, |entry, data| match parse(data) {
            Some(Parsed::Put(key, value)) if index.is_live(entry, data) => each(key, value),
            _ => Ok(()),
        })
    }

    /// Reads pieces: calls `each` with the place of a key among `keys` and its piece, in the order of the log.
    /// What is on its way is waited for.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where there is no piece of a key; where the log fails; and what `each` says.
    pub async fn read<E: From<StoreError>>(
        &self,
        keys: &[impl AsRef<[u8]>],
        mut each: impl FnMut(usize, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let on_its_way = {
                let index = self.index.lock();
                let mut places = Vec::with_capacity(keys.len());
                for (at, key) in keys.iter().enumerate() {
                    let live = index.live.get(key.as_ref()).ok_or_else(|| self.missing(key.as_ref()))?;
                    places.push((live.entry, at));
                }
                places.sort_unstable();
                let Some(newest) = places.last().map(|(entry, _)| *entry) else { return Ok(()) };
                if newest < self.log.durable_index() {
                    let mut at = places.iter().map(|(_, at)| *at);
                    let read = self.log.read_each(places.iter().map(|(entry, _)| *entry), |entry| {
                        let at = at.next().expect("an entry a place");
                        match parse(&entry.data) {
                            Some(Parsed::Put(key, value)) if key == keys[at].as_ref() => each(at, value),
                            _ => Err(self.damaged(entry.index).into()),
                        }
                    });
                    return read.map_err(StoreError::from)?;
                }
                index.newest.clone().expect("what is not durable was appended since the look")
            };
            // Carried along, or written again, a moment ago. That append is waited for, not its entries: where it
            // fails, they never come.
            on_its_way.await.map_err(StoreError::from)?;
        }
    }

    fn missing(&self, key: &[u8]) -> StoreError {
        StoreError::Missing { dir: self.dir.clone(), key: String::from_utf8_lossy(key).into() }
    }

    /// Calls `each` with every entry from an index on.
    fn scan<E: From<StoreError>>(
        &self,
        from_index: u64,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut next = from_index;
        loop {
            let entries = self.log.read(next, usize::MAX, READ_BYTES).map_err(StoreError::from)?;
            let Some(last) = entries.last() else { return Ok(()) };
            next = last.index + 1;
            for entry in &entries {
                each(entry.index, &entry.data)?;
            }
        }
    }

    fn damaged(&self, index: u64) -> StoreError {
        StoreError::Entry { dir: self.dir.clone(), index, reason: "not a piece, a deletion or a mark".into() }
    }

    /// Writes pieces whose state stands at or before a durable commit; returns when they are durable.
    ///
    /// # Errors
    /// Where the log fails; the pieces are then loaded again before more are written.
    pub async fn write(
        &self,
        _covered_by: Durable,
        time_ms: i64,
        batch: &PieceBatch,
    ) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let (ticket, carried) = self.queue(time_ms, batch)?;
        ticket.await?;
        self.log.trim(carried)?;
        Ok(())
    }

    fn queue(&self, time_ms: i64, batch: &PieceBatch) -> Result<(Ticket, u64), StoreError> {
        let mut index = self.index.lock();
        let carried = self.carry(&index, batch.bytes())?;
        // What is carried goes first, so that the batch takes the place of what it writes anew.
        let own = batch.entries.iter().map(|range| &batch.bytes[range.clone()]);
        let all: Vec<&[u8]> = carried.entries.iter().map(|data| &data[..]).chain(own).collect();
        let mut next = None;
        let mut ticket = None;
        for part in parts(&all) {
            // Each part behind the one before, or not at all: the mark stands behind its pieces.
            let (first, queued) = match next {
                None => self.log.append(time_ms, part.iter().copied(), Vec::new)?,
                Some(next) => (next, self.log.append_at(next, time_ms, part.iter().copied(), Vec::new)?),
            };
            for (entry, data) in (first..).zip(part) {
                index.apply(entry, data).expect("what was built above has its form");
            }
            next = Some(first + part.len() as u64);
            index.newest = Some(queued.clone());
            ticket = Some(queued);
        }
        index.carried = carried.through;
        Ok((ticket.expect("an empty batch is not queued"), carried.through))
    }

    /// The oldest live entries, where there is more dead weight than allowed: about as many bytes as are
    /// written besides, so that the log shrinks while it grows.
    fn carry(&self, index: &Index, batch_bytes: usize) -> Result<Carried, StoreError> {
        let mut carried = Carried { entries: Vec::new(), through: index.carried };
        if self.log.bytes() <= 2 * index.live_bytes + self.slack_bytes {
            return Ok(carried);
        }
        let budget_bytes = batch_bytes.max(READ_BYTES);
        let mut bytes = 0;
        while bytes < budget_bytes {
            let entries = self.log.read(carried.through, usize::MAX, READ_BYTES)?;
            let Some(last) = entries.last() else { break };
            carried.through = last.index + 1;
            for entry in entries {
                // What is only read costs less than what is written.
                bytes += entry.data.len() / 8;
                if index.is_live(entry.index, &entry.data) {
                    bytes += entry.data.len();
                    carried.entries.push(entry.data);
                }
            }
        }
        Ok(carried)
    }

    /// How many pieces are live.
    pub fn live(&self) -> usize {
        self.index.lock().live.len()
    }

    /// Bytes on the disk.
    pub fn bytes(&self) -> u64 {
        self.log.bytes()
    }
}

/// Entries cut into parts of about [`PART_BYTES`], which become blocks of the log.
fn parts<'a, 'b>(mut entries: &'b [&'a [u8]]) -> impl Iterator<Item = &'b [&'a [u8]]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = entries.iter().take_while(|entry| {
            bytes += entry.len();
            bytes <= PART_BYTES
        });
        let (part, rest) = entries.split_at(fits.count().max(1).min(entries.len()));
        entries = rest;
        (!part.is_empty()).then_some(part)
    })
}

/// Live entries from the front of the log, and how far they were looked for.
struct Carried {
    entries: Vec<bytes::Bytes>,
    through: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{commit::Commit, commit_log::CommitLog};
    use kizashi_log::{HookedFileSystem, OperationKind, SimFileSystem, StdFileSystem};
    use std::{
        collections::BTreeMap,
        io,
        pin::pin,
        sync::mpsc,
        task::{Context, Poll, Waker},
    };

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return value;
            }
            std::thread::yield_now();
        }
    }

    fn durable(dir: &Path) -> Durable {
        let commits = CommitLog::open(Arc::new(StdFileSystem), dir).unwrap();
        commits.append(0, &Commit::default()).unwrap().wait().unwrap()
    }

    fn loaded(pieces: &Pieces) -> (BTreeMap<Vec<u8>, Vec<u8>>, Option<Mark>) {
        let mut found = BTreeMap::new();
        let mark = block_on(pieces.load(|key, value| {
            assert!(found.insert(key.to_vec(), value.to_vec()).is_none(), "each piece once");
            Ok(())
        }));
        (found, mark.unwrap())
    }

    #[test]
    fn the_newest_entry_of_a_key_is_the_piece() {
        let dir = tempfile::tempdir().unwrap();
        let durable = durable(&dir.path().join("commits"));
        let mark = Mark {
            replay_from: Position { sequence: [3; 24], index: 9 },
            stream_time_ms: -4,
            commits_from: 12,
        };
        let path = dir.path().join("pieces");
        let pieces = Pieces::open(Arc::new(StdFileSystem), &path).unwrap();
        assert_eq!(loaded(&pieces), (BTreeMap::new(), None));
        let mut batch = PieceBatch::default();
        batch.put(b"a", b"1");
        batch.put(b"b", b"2");
        batch.mark(&mark);
        block_on(pieces.write(durable, 0, &batch)).unwrap();
        let mut batch = PieceBatch::default();
        batch.put(b"a", b"3");
        batch.delete(b"b");
        batch.put(b"", b"");
        block_on(pieces.write(durable, 0, &batch)).unwrap();
        let expected = BTreeMap::from([(b"a".to_vec(), b"3".to_vec()), (vec![], vec![])]);
        assert_eq!(pieces.live(), 2);
        drop(pieces);
        let pieces = Pieces::open(Arc::new(StdFileSystem), &path).unwrap();
        assert_eq!(loaded(&pieces), (expected, Some(mark)));
    }

    #[test]
    fn dead_entries_are_trimmed_and_live_ones_are_carried_along() {
        let dir = tempfile::tempdir().unwrap();
        let durable = durable(&dir.path().join("commits"));
        let path = dir.path().join("pieces");
        let options = LogOptions { segment_bytes: 16 << 10, ..options() };
        let open = || Pieces::open_with(Arc::new(StdFileSystem), &path, options.clone(), 32 << 10).unwrap();
        let pieces = open();
        loaded(&pieces);
        let mut expected = BTreeMap::new();
        for round in 0..200u32 {
            let mut batch = PieceBatch::default();
            if round == 0 {
                batch.put(b"written once", &[7; 100]);
                expected.insert(b"written once".to_vec(), vec![7; 100]);
                batch.mark(&Mark { replay_from: Position::default(), stream_time_ms: 1, commits_from: 2 });
            }
            for key in 0..10u32 {
                let value = vec![round as u8; 100 + key as usize];
                batch.put(&key.to_le_bytes(), &value);
                expected.insert(key.to_le_bytes().to_vec(), value);
            }
            block_on(pieces.write(durable, 0, &batch)).unwrap();
        }
        assert!(pieces.bytes() < 100 << 10, "{} bytes", pieces.bytes());
        drop(pieces);
        let (found, mark) = loaded(&open());
        assert_eq!(found, expected);
        assert_eq!(mark.map(|mark| mark.commits_from), Some(2));
    }

    #[test]
    fn single_pieces_are_read_back_from_wherever_they_were_carried() {
        let dir = tempfile::tempdir().unwrap();
        let durable = durable(&dir.path().join("commits"));
        let options = LogOptions { segment_bytes: 16 << 10, ..options() };
        let pieces =
            Pieces::open_with(Arc::new(StdFileSystem), &dir.path().join("pieces"), options, 32 << 10)
                .unwrap();
        loaded(&pieces);
        let keys: Vec<[u8; 4]> = (0..3_000u32).map(u32::to_le_bytes).collect();
        for round in 0..20u8 {
            let mut batch = PieceBatch::default();
            for key in keys.iter().filter(|key| round == 0 || key[0] % 4 == round % 4) {
                batch.put(key, &[&key[..], &[round; 300]].concat());
            }
            block_on(pieces.write(durable, 0, &batch)).unwrap();
        }
        let asked: Vec<_> = keys.iter().rev().step_by(7).collect();
        let mut found = 0;
        let read = pieces.read(&asked, |at, value| {
            assert_eq!((&value[..4], value[4] % 4), (&asked[at][..], asked[at][0] % 4));
            found += 1;
            Ok::<_, StoreError>(())
        });
        block_on(read).unwrap();
        assert_eq!(found, asked.len());
        let read = block_on(pieces.read(&[b"none"], |_, _| Ok::<_, StoreError>(())));
        assert!(matches!(read, Err(StoreError::Missing { .. })));
    }

    /// A store, looked at, on a disk that waits to be told whether it has room when a file is created, as for each segment.
    fn on_a_disk_that_asks() -> (Pieces, mpsc::Sender<bool>) {
        let (room, told) = mpsc::channel::<bool>();
        let told = Mutex::new(told);
        let fs = HookedFileSystem::new(Arc::new(SimFileSystem::new()), move |operation| {
            let full = operation.kind == OperationKind::Create && !told.lock().recv().unwrap();
            if full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        });
        let options = LogOptions { segment_bytes: 1, ..options() };
        let pieces = Pieces::open_with(Arc::new(fs), Path::new("/pieces"), options, 1 << 20).unwrap();
        loaded(&pieces);
        (pieces, room)
    }

    fn batch(value: &[u8]) -> PieceBatch {
        let mut batch = PieceBatch::default();
        batch.put(b"a", value);
        batch
    }

    #[test]
    fn a_look_that_is_given_up_leaves_what_is_on_its_way_to_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let (pieces, room) = on_a_disk_that_asks();
        let first = batch(b"1");
        let mut write = pin!(pieces.write(durable(dir.path()), 0, &first));
        let mut context = Context::from_waker(Waker::noop());
        assert!(write.as_mut().poll(&mut context).is_pending());
        for _ in 0..2 {
            assert!(pin!(pieces.look()).poll(&mut context).is_pending());
        }
        room.send(true).unwrap();
        block_on(pieces.look()).unwrap();
        let read = block_on(pieces.read(&[b"a"], |_, value| {
            assert_eq!(value, b"1");
            Ok::<_, StoreError>(())
        }));
        read.unwrap();
    }

    #[test]
    fn a_piece_whose_write_fails_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let durable = durable(dir.path());
        let (pieces, room) = on_a_disk_that_asks();
        room.send(true).unwrap();
        block_on(pieces.write(durable, 0, &batch(b"1"))).unwrap();
        let again = batch(b"2");
        let mut write = pin!(pieces.write(durable, 0, &again));
        let mut read = pin!(pieces.read(&[b"a"], |_, _| Ok::<_, StoreError>(())));
        let mut context = Context::from_waker(Waker::noop());
        assert!(write.as_mut().poll(&mut context).is_pending());
        assert!(read.as_mut().poll(&mut context).is_pending());
        room.send(false).unwrap();
        assert!(block_on(write).is_err());
        assert!(matches!(read.poll(&mut context), Poll::Ready(Err(StoreError::Log(_)))));
        assert_eq!(loaded(&pieces).0, BTreeMap::from([(b"a".to_vec(), b"1".to_vec())]));
    }

    #[test]
    fn an_entry_of_another_form_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (log, _) = Log::open(Arc::new(StdFileSystem), dir.path(), options()).unwrap();
        log.append(0, [b"\x09what"], Vec::new).unwrap().1.wait().unwrap();
        drop(log);
        let pieces = Pieces::open(Arc::new(StdFileSystem), dir.path()).unwrap();
        let error = block_on(pieces.load(|_, _| Ok(()))).unwrap_err().to_string();
        assert!(error.starts_with("entry 0 of ") && error.contains("not a piece"), "{error}");
    }
}
