//! The seam at which files are reached, so that a test can lose what was not synced, tear writes, run a
//! disk full, and stop a process at a counted moment.

mod directory_lock;
mod hooked;
mod simulated;
mod standard;

use std::fmt::Debug;
use std::io;
use std::path::Path;

pub use directory_lock::DirectoryLock;
pub use hooked::{HookedFileSystem, Operation, OperationKind};
pub use simulated::SimFileSystem;
pub use standard::StdFileSystem;

/// A file system: the few operations that a durable store needs.
///
/// A created, renamed or removed name is durable once its directory is synced ([`FileSystem::sync_dir`]);
/// bytes and length of a file once the file is ([`File::sync_data`]).
pub trait FileSystem: Debug + Send + Sync {
    /// Creates a file for reading and writing; empties it if it exists.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// The names in a directory, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Renames a file, replacing the target if it exists.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;

    /// Creates one directory, whose parent exists.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes an exclusive lock on a file, which is created if absent and then holds this process's id in
    /// decimal. `None` if somebody else holds it. The lock ends with the returned value, or the process.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>>;

    /// Creates a directory and those above it that are missing, and makes their names durable.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let parent = match dir.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => return Ok(()),
        };
        match self.list(dir) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.create_dir_all(parent)?;
                // Somebody else may create it at the same moment: shards of one stream do.
                match self.create_dir(dir) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                    _ => {}
                }
            }
            Err(error) => return Err(error),
        }
        // A directory is created only when the name of its parent is durable, and one that is there
        // already is synced too, since whoever made it may have been killed before it could.
        self.sync_dir(parent)
    }
}

/// An open file. All methods take a shared reference: reads may run beside one writer.
pub trait File: Debug + Send + Sync {
    /// Reads from `offset`, as much as is there and fits; 0 at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all the bytes at `offset`. After an error any part of them may have been written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts, or extends with zeros, to `length` bytes.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Makes bytes and length durable (`fdatasync`).
    fn sync_data(&self) -> io::Result<()>;

    /// The length in bytes.
    fn length(&self) -> io::Result<u64>;

    /// Fills the buffer from `offset`; an error of kind `UnexpectedEof` if the file ends before.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(&mut buffer[filled..], offset + filled as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => filled += read,
            }
        }
        Ok(())
    }
}

/// A lock on a file; dropping it releases the lock.
pub trait FileLock: Debug + Send + Sync {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::Barrier, thread};

    #[test]
    fn directories_are_created_by_many_at_once() {
        for _ in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let together = Barrier::new(4);
            thread::scope(|scope| {
                for name in ["a", "b", "c", "d"] {
                    let (dir, together) = (dir.path().join("new").join(name), &together);
                    scope.spawn(move || {
                        together.wait();
                        StdFileSystem.create_dir_all(&dir).unwrap();
                        assert!(dir.is_dir());
                    });
                }
            });
        }
    }
}
