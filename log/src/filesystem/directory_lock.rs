//! One owner a directory.

use std::path::Path;

use super::{FileLock, FileSystem};
use crate::LogError;

/// The exclusive right to a directory, held by a lock on its file `LOCK`, released on drop.
#[derive(Debug)]
pub struct DirectoryLock {
    _lock: Box<dyn FileLock>,
}

impl DirectoryLock {
    /// Takes the directory, which exists; [`LogError::Locked`] tells which process holds it otherwise.
    pub fn acquire(fs: &dyn FileSystem, dir: &Path) -> Result<DirectoryLock, LogError> {
        let path = dir.join("LOCK");
        match fs.try_lock(&path).map_err(|error| LogError::io("lock", &path, error))? {
            Some(lock) => Ok(DirectoryLock { _lock: lock }),
            None => Err(LogError::Locked { dir: dir.into(), pid: holder(fs, &path) }),
        }
    }
}

/// The process id in a lock file; `None` if it can't be read or its holder has not written it yet.
fn holder(fs: &dyn FileSystem, path: &Path) -> Option<u32> {
    let mut text = [0; 16];
    let read = fs.open(path).ok()?.read_at(&mut text, 0).ok()?;
    std::str::from_utf8(&text[..read]).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SimFileSystem, StdFileSystem};

    fn second_opener_is_told_who_holds_it(fs: &dyn FileSystem, dir: &Path) {
        let lock = DirectoryLock::acquire(fs, dir).unwrap();
        match DirectoryLock::acquire(fs, dir) {
            Err(LogError::Locked { dir: locked, pid }) => {
                assert_eq!(locked, dir);
                assert_eq!(pid, Some(std::process::id()));
            }
            other => panic!("{other:?}"),
        }
        drop(lock);
        DirectoryLock::acquire(fs, dir).unwrap();
    }

    #[test]
    fn a_directory_has_one_owner() {
        let dir = tempfile::tempdir().unwrap();
        second_opener_is_told_who_holds_it(&StdFileSystem, dir.path());
        let fs = SimFileSystem::new();
        fs.create_dir_all(Path::new("/data")).unwrap();
        second_opener_is_told_who_holds_it(&fs, Path::new("/data"));
    }
}
