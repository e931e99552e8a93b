//! A file system that calls a hook before each operation that changes something.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{File, FileLock, FileSystem};

/// What is about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// A file is created.
    Create,
    /// Bytes are written.
    Write,
    /// A file is synced.
    Sync,
    /// A file is cut.
    Truncate,
    /// A file is renamed; the path is the old one.
    Rename,
    /// A file or directory is removed.
    Remove,
    /// A directory is created.
    CreateDir,
    /// A directory is synced.
    SyncDir,
}

/// An operation that is about to be done.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    /// Its kind.
    pub kind: OperationKind,
    /// The file or directory.
    pub path: &'a Path,
    /// Bytes to be written; 0 for other kinds.
    pub bytes: usize,
}

type Hook = Arc<dyn Fn(&Operation<'_>) -> io::Result<()> + Send + Sync>;

/// Calls a hook before each operation that changes something. The hook may end the process there (to test
/// what a kill at that moment leaves behind), block, or return an error, which then is the operation's.
#[derive(Clone)]
pub struct HookedFileSystem {
    inner: Arc<dyn FileSystem>,
    hook: Hook,
}

struct HookedFile {
    inner: Box<dyn File>,
    path: PathBuf,
    hook: Hook,
}

impl HookedFileSystem {
    /// Wraps a file system.
    pub fn new(
        inner: Arc<dyn FileSystem>,
        hook: impl Fn(&Operation<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> HookedFileSystem {
        HookedFileSystem { inner, hook: Arc::new(hook) }
    }

    fn before(&self, kind: OperationKind, path: &Path) -> io::Result<()> {
        (self.hook)(&Operation { kind, path, bytes: 0 })
    }

    fn wrap(&self, inner: Box<dyn File>, path: &Path) -> Box<dyn File> {
        Box::new(HookedFile { inner, path: path.into(), hook: self.hook.clone() })
    }
}

impl fmt::Debug for HookedFileSystem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HookedFileSystem").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl fmt::Debug for HookedFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HookedFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl FileSystem for HookedFileSystem {
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.before(OperationKind::Create, path)?;
        Ok(self.wrap(self.inner.create(path)?, path))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(self.wrap(self.inner.open(path)?, path))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.inner.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.before(OperationKind::Rename, from)?;
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.before(OperationKind::Remove, path)?;
        self.inner.remove(path)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.before(OperationKind::Remove, dir)?;
        self.inner.remove_dir(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.before(OperationKind::CreateDir, dir)?;
        self.inner.create_dir(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.before(OperationKind::SyncDir, dir)?;
        self.inner.sync_dir(dir)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        self.inner.try_lock(path)
    }
}

impl HookedFile {
    fn before(&self, kind: OperationKind, bytes: usize) -> io::Result<()> {
        (self.hook)(&Operation { kind, path: &self.path, bytes })
    }
}

impl File for HookedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.before(OperationKind::Write, bytes.len())?;
        self.inner.write_all_at(bytes, offset)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.before(OperationKind::Truncate, 0)?;
        self.inner.truncate(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.before(OperationKind::Sync, 0)?;
        self.inner.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        self.inner.length()
    }
}
