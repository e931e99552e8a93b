//! A file system in memory whose power can fail.

mod inode;
mod random;

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use self::inode::{DirectoryNode, FileNode, NodeId};
use self::random::Random;
use super::{File, FileLock, FileSystem};

/// A file system in memory that keeps what was synced apart from what was not.
///
/// - [`SimFileSystem::power_loss`] drops, keeps or tears what was not synced, bytes and names.
/// - [`SimFileSystem::restart`] is what the kill of a process leaves: everything that was done.
/// - [`SimFileSystem::crash_at`] stops the machine at a counted operation: it and all after it fail, until
///   one of the two above. Operations that change something are counted; reads are not.
/// - [`SimFileSystem::fail_at`] lets one operation fail.
/// - [`SimFileSystem::set_capacity`] makes the disk run full.
///
/// Clones are handles of the same disk. Files and locks that were taken before a restart or a power loss
/// belong to a process that is gone: they answer with errors.
#[derive(Debug, Clone)]
pub struct SimFileSystem {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug)]
struct Disk {
    files: Vec<FileNode>,
    /// The first one is the root.
    directories: Vec<DirectoryNode>,
    locks: BTreeMap<PathBuf, u64>,
    capacity_bytes: Option<u64>,
    operations: u64,
    crash_at: Option<u64>,
    fail_at: BTreeMap<u64, io::ErrorKind>,
    crashed: bool,
    /// Counts restarts, to tell the handles of the living process from those of the dead.
    process: u64,
}

#[derive(Debug)]
struct SimFile {
    disk: Arc<Mutex<Disk>>,
    process: u64,
    node: usize,
}

#[derive(Debug)]
struct SimFileLock {
    disk: Arc<Mutex<Disk>>,
    process: u64,
    path: PathBuf,
}

/// How an operation goes.
enum Fate {
    Done,
    /// It fails.
    Failed(io::Error),
    /// The machine stops while it is done: it may still reach the disk.
    Crashed(io::Error),
}

impl Default for SimFileSystem {
    fn default() -> SimFileSystem {
        SimFileSystem::new()
    }
}

impl SimFileSystem {
    /// An empty disk: only the directory `/` exists.
    pub fn new() -> SimFileSystem {
        let disk = Disk {
            files: Vec::new(),
            directories: vec![DirectoryNode::default()],
            locks: BTreeMap::new(),
            capacity_bytes: None,
            operations: 0,
            crash_at: None,
            fail_at: BTreeMap::new(),
            crashed: false,
            process: 0,
        };
        SimFileSystem { disk: Arc::new(Mutex::new(disk)) }
    }

    /// How many operations that change something have been tried.
    pub fn operations(&self) -> u64 {
        self.disk.lock().operations
    }

    /// Stops the machine at the operation of this number, counted from 0 since the disk was made.
    pub fn crash_at(&self, operation: u64) {
        self.disk.lock().crash_at = Some(operation);
    }

    /// Whether the machine has stopped.
    pub fn crashed(&self) -> bool {
        self.disk.lock().crashed
    }

    /// Lets the operation of this number fail, counted from 0 since the disk was made. A write that fails
    /// has been done all the same. After a sync that fails, what it should have synced is never made durable by a
    /// later one, as on Linux.
    pub fn fail_at(&self, operation: u64, error: io::ErrorKind) {
        self.disk.lock().fail_at.insert(operation, error);
    }

    /// Bounds the bytes of all files. A write beyond writes what fits and fails.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.disk.lock().capacity_bytes = bytes;
    }

    /// The process is killed and another one starts: all that was done is there.
    pub fn restart(&self) {
        let mut disk = self.disk.lock();
        disk.crashed = false;
        disk.crash_at = None;
        disk.process += 1;
        disk.locks.clear();
    }

    /// The power fails and comes back: what was synced is there, and of the rest what chance, drawn from
    /// the seed, has kept.
    pub fn power_loss(&self, seed: u64) {
        self.restart();
        let mut disk = self.disk.lock();
        let mut random = Random::new(seed);
        for file in &mut disk.files {
            file.lose_power(&mut random);
        }
        for directory in &mut disk.directories {
            directory.lose_power(&mut random);
        }
    }

    fn file(&self, disk: &Disk, node: usize) -> Box<dyn File> {
        Box::new(SimFile { disk: self.disk.clone(), process: disk.process, node })
    }
}

fn down() -> io::Error {
    io::Error::other("the simulated machine is down")
}

impl Disk {
    fn alive(&self) -> io::Result<()> {
        if self.crashed { Err(down()) } else { Ok(()) }
    }

    /// Counts an operation that changes something and decides how it goes.
    fn operate(&mut self) -> io::Result<Fate> {
        self.alive()?;
        let operation = self.operations;
        self.operations += 1;
        if self.crash_at.is_some_and(|at| operation >= at) {
            self.crashed = true;
            return Ok(Fate::Crashed(down()));
        }
        Ok(match self.fail_at.remove(&operation) {
            Some(kind) => Fate::Failed(kind.into()),
            None => Fate::Done,
        })
    }

    /// Does an operation on names according to its fate.
    fn operate_on_names(&mut self, action: impl FnOnce(&mut Disk) -> io::Result<()>) -> io::Result<()> {
        match self.operate()? {
            Fate::Done => action(self),
            Fate::Failed(error) => Err(error),
            Fate::Crashed(error) => action(self).and(Err(error)),
        }
    }

    fn directory(&self, dir: &Path) -> io::Result<usize> {
        let mut at = 0;
        for component in dir.components() {
            match component {
                Component::RootDir | Component::CurDir => {}
                Component::Normal(name) => {
                    let name = name.to_str().ok_or(io::ErrorKind::InvalidInput)?;
                    match self.directories[at].names.get(name) {
                        Some(NodeId::Directory(id)) => at = *id,
                        Some(NodeId::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                        None => return Err(io::ErrorKind::NotFound.into()),
                    }
                }
                Component::ParentDir | Component::Prefix(_) => {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
            }
        }
        Ok(at)
    }

    /// The directory that a path's last component stands in, and that component.
    fn place<'a>(&self, path: &'a Path) -> io::Result<(usize, &'a str)> {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidInput)?;
        Ok((self.directory(path.parent().unwrap_or(Path::new("/")))?, name))
    }

    fn file_node(&self, path: &Path) -> io::Result<usize> {
        let (dir, name) = self.place(path)?;
        match self.directories[dir].names.get(name) {
            Some(NodeId::File(id)) => Ok(*id),
            Some(NodeId::Directory(_)) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// The file of a name, made if absent.
    fn create_file(&mut self, path: &Path) -> io::Result<usize> {
        match self.file_node(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (dir, name) = self.place(path)?;
                self.files.push(FileNode::default());
                let node = self.files.len() - 1;
                self.directories[dir].set(name, Some(NodeId::File(node)));
                Ok(node)
            }
            found => found,
        }
    }

    fn used_bytes(&self) -> u64 {
        fn below(disk: &Disk, dir: usize) -> u64 {
            let bytes = |node: &NodeId| match node {
                NodeId::File(id) => disk.files[*id].allocated as u64,
                NodeId::Directory(id) => below(disk, *id),
            };
            disk.directories[dir].names.values().map(bytes).sum()
        }
        below(self, 0)
    }
}

impl FileSystem for SimFileSystem {
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut disk = self.disk.lock();
        disk.operate_on_names(|disk| {
            let node = disk.create_file(path)?;
            if !disk.files[node].content.is_empty() {
                disk.files[node].truncate(0);
            }
            Ok(())
        })?;
        Ok(self.file(&disk, disk.file_node(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let disk = self.disk.lock();
        disk.alive()?;
        Ok(self.file(&disk, disk.file_node(path)?))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let disk = self.disk.lock();
        disk.alive()?;
        Ok(disk.directories[disk.directory(dir)?].names.keys().cloned().collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.lock().operate_on_names(|disk| {
            let node = disk.file_node(from)?;
            let (to_dir, to_name) = disk.place(to)?;
            let (from_dir, from_name) = disk.place(from)?;
            disk.directories[to_dir].set(to_name, Some(NodeId::File(node)));
            disk.directories[from_dir].set(from_name, None);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.lock().operate_on_names(|disk| {
            disk.file_node(path)?;
            let (dir, name) = disk.place(path)?;
            disk.directories[dir].set(name, None);
            Ok(())
        })
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.lock().operate_on_names(|disk| {
            let node = disk.directory(dir)?;
            if !disk.directories[node].names.is_empty() {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            let (parent, name) = disk.place(dir)?;
            disk.directories[parent].set(name, None);
            Ok(())
        })
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.lock().operate_on_names(|disk| {
            if dir == Path::new("/") {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let (parent, name) = disk.place(dir)?;
            if disk.directories[parent].names.contains_key(name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            disk.directories.push(DirectoryNode::default());
            let node = disk.directories.len() - 1;
            disk.directories[parent].set(name, Some(NodeId::Directory(node)));
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        match disk.operate()? {
            Fate::Done => {
                let node = disk.directory(dir)?;
                disk.directories[node].sync();
                Ok(())
            }
            Fate::Failed(error) | Fate::Crashed(error) => Err(error),
        }
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        let mut disk = self.disk.lock();
        disk.alive()?;
        if disk.locks.contains_key(path) {
            return Ok(None);
        }
        let node = disk.create_file(path)?;
        disk.files[node].truncate(0);
        disk.files[node].write(0, std::process::id().to_string().as_bytes());
        let process = disk.process;
        disk.locks.insert(path.into(), process);
        Ok(Some(Box::new(SimFileLock { disk: self.disk.clone(), process, path: path.into() })))
    }
}

impl SimFile {
    fn alive(&self, disk: &Disk) -> io::Result<()> {
        if disk.process == self.process { disk.alive() } else { Err(down()) }
    }
}

impl File for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let disk = self.disk.lock();
        self.alive(&disk)?;
        let content = &disk.files[self.node].content;
        let from = content.len().min(offset as usize);
        let read = buffer.len().min(content.len() - from);
        buffer[..read].copy_from_slice(&content[from..from + read]);
        Ok(read)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut disk = self.disk.lock();
        self.alive(&disk)?;
        let fate = disk.operate()?;
        let offset = offset as usize;
        let growth = (offset + bytes.len()).saturating_sub(disk.files[self.node].allocated);
        let room = disk.capacity_bytes.map_or(u64::MAX, |max| max.saturating_sub(disk.used_bytes()));
        let missing = (growth as u64).saturating_sub(room).min(bytes.len() as u64) as usize;
        let file = &mut disk.files[self.node];
        match fate {
            Fate::Done if missing == 0 => {
                file.write(offset, bytes);
                Ok(())
            }
            Fate::Done => {
                file.write(offset, &bytes[..bytes.len() - missing]);
                Err(io::ErrorKind::StorageFull.into())
            }
            Fate::Failed(error) => {
                file.write(offset, bytes);
                Err(error)
            }
            Fate::Crashed(error) => {
                file.write(offset, bytes);
                Err(error)
            }
        }
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut disk = self.disk.lock();
        self.alive(&disk)?;
        match disk.operate()? {
            Fate::Done => {
                disk.files[self.node].truncate(length as usize);
                Ok(())
            }
            Fate::Failed(error) => Err(error),
            Fate::Crashed(error) => {
                disk.files[self.node].truncate(length as usize);
                Err(error)
            }
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        self.alive(&disk)?;
        match disk.operate()? {
            Fate::Done => {
                disk.files[self.node].sync();
                Ok(())
            }
            Fate::Failed(error) => {
                disk.files[self.node].fail_sync();
                Err(error)
            }
            Fate::Crashed(error) => Err(error),
        }
    }

    fn length(&self) -> io::Result<u64> {
        let disk = self.disk.lock();
        self.alive(&disk)?;
        Ok(disk.files[self.node].content.len() as u64)
    }
}

impl FileLock for SimFileLock {}

impl Drop for SimFileLock {
    fn drop(&mut self) {
        let mut disk = self.disk.lock();
        if disk.locks.get(&self.path) == Some(&self.process) {
            disk.locks.remove(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(fs: &SimFileSystem, path: &str) -> io::Result<Vec<u8>> {
        let file = fs.open(Path::new(path))?;
        let mut bytes = vec![0; file.length()? as usize];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// A disk with a directory that is durable.
    fn disk() -> SimFileSystem {
        let fs = SimFileSystem::new();
        fs.create_dir_all(Path::new("/d")).unwrap();
        fs
    }

    #[test]
    fn power_loss_keeps_what_was_synced() {
        for seed in 0..50 {
            let fs = disk();
            let file = fs.create(Path::new("/d/a")).unwrap();
            file.write_all_at(b"synced", 0).unwrap();
            file.sync_data().unwrap();
            fs.sync_dir(Path::new("/d")).unwrap();
            file.write_all_at(b" not", 6).unwrap();
            fs.power_loss(seed);
            assert!(content(&fs, "/d/a").unwrap().starts_with(b"synced"), "seed {seed}");
            assert!(file.sync_data().is_err(), "the handle belongs to the process before");
        }
    }

    #[test]
    fn power_loss_has_every_effect_on_what_was_not_synced() {
        let (mut lost, mut whole, mut torn, mut unnamed) = (0, 0, 0, 0);
        for seed in 0..200 {
            let fs = disk();
            fs.create(Path::new("/d/a")).unwrap();
            fs.sync_dir(Path::new("/d")).unwrap();
            fs.open(Path::new("/d/a")).unwrap().write_all_at(b"0123456789", 0).unwrap();
            let unsynced = fs.create(Path::new("/d/b")).unwrap();
            unsynced.write_all_at(b"x", 0).unwrap();
            unsynced.sync_data().unwrap();
            fs.power_loss(seed);
            match content(&fs, "/d/a").unwrap().as_slice() {
                b"" => lost += 1,
                b"0123456789" => whole += 1,
                _ => torn += 1,
            }
            match content(&fs, "/d/b") {
                Ok(bytes) => assert_eq!(bytes, b"x"),
                Err(_) => unnamed += 1,
            }
        }
        assert!(lost > 20 && whole > 20 && torn > 20, "{lost} {whole} {torn}");
        assert!((50..150).contains(&unnamed), "{unnamed}");
    }

    #[test]
    fn power_loss_is_the_same_for_a_seed() {
        let after = |seed| {
            let fs = disk();
            let file = fs.create(Path::new("/d/a")).unwrap();
            fs.sync_dir(Path::new("/d")).unwrap();
            for at in 0..20 {
                file.write_all_at(&[at as u8 + 1; 10], at * 10).unwrap();
            }
            fs.power_loss(seed);
            content(&fs, "/d/a").unwrap()
        };
        assert_eq!(after(7), after(7));
        assert_ne!(after(7), after(9));
    }

    #[test]
    fn a_sync_that_failed_loses_its_bytes_for_good() {
        let survived = (0..100)
            .filter(|seed| {
                let fs = disk();
                let file = fs.create(Path::new("/d/a")).unwrap();
                fs.sync_dir(Path::new("/d")).unwrap();
                file.write_all_at(b"a", 0).unwrap();
                fs.fail_at(fs.operations(), io::ErrorKind::Other);
                assert!(file.sync_data().is_err());
                file.sync_data().unwrap();
                fs.power_loss(*seed);
                !content(&fs, "/d/a").unwrap().is_empty()
            })
            .count();
        assert_eq!(survived, 0, "the second sync has nothing left to write");
    }

    #[test]
    fn a_crash_stops_everything_until_restart() {
        let fs = disk();
        let file = fs.create(Path::new("/d/a")).unwrap();
        fs.crash_at(fs.operations());
        assert!(!fs.crashed());
        assert!(file.write_all_at(b"abc", 0).is_err());
        assert!(fs.crashed());
        assert!(file.read_at(&mut [0], 0).is_err());
        assert!(fs.list(Path::new("/d")).is_err());
        fs.restart();
        assert_eq!(content(&fs, "/d/a").unwrap(), b"abc");
    }

    #[test]
    fn a_full_disk_takes_what_fits() {
        let fs = disk();
        fs.set_capacity(Some(8));
        let file = fs.create(Path::new("/d/a")).unwrap();
        file.write_all_at(b"12345", 0).unwrap();
        let error = file.write_all_at(b"67890", 5).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(content(&fs, "/d/a").unwrap(), b"12345678");
        file.write_all_at(b"abc", 0).unwrap();
        file.truncate(3).unwrap();
        file.write_all_at(b"def", 3).unwrap();
        assert_eq!(content(&fs, "/d/a").unwrap(), b"abcdef");
    }

    #[test]
    fn names_are_renamed_and_removed() {
        let fs = disk();
        fs.create(Path::new("/d/a")).unwrap().write_all_at(b"a", 0).unwrap();
        fs.rename(Path::new("/d/a"), Path::new("/d/b")).unwrap();
        assert_eq!(fs.list(Path::new("/d")).unwrap(), ["b"]);
        assert_eq!(fs.remove_dir(Path::new("/d")).unwrap_err().kind(), io::ErrorKind::DirectoryNotEmpty);
        fs.remove(Path::new("/d/b")).unwrap();
        fs.remove_dir(Path::new("/d")).unwrap();
        assert_eq!(fs.list(Path::new("/d")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(fs.open(Path::new("/d/b")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
