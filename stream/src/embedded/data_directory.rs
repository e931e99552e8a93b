//! The whole data directory: one process at a time, one version of the format.

use super::checked_file::{CheckedFileError, read_whole, replace_whole};
use kizashi_log::{DirectoryLock, FileSystem, LogError};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The version of the directory's format that this program writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// A data directory held by this process, until it is dropped.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    _lock: DirectoryLock,
}

/// Why a data directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum DataDirectoryError {
    /// It is not of this version.
    #[error(
        "{} has format version {found}, this program knows version {FORMAT_VERSION}: \
         run the version of kizashi that wrote it, or name another directory", path.display()
    )]
    Version {
        /// The directory.
        path: PathBuf,
        /// As its `FORMAT` says.
        found: String,
    },
    /// Another process holds it.
    #[error(transparent)]
    Locked(LogError),
    /// It can't be read or written.
    #[error(transparent)]
    File(#[from] CheckedFileError),
}

impl DataDirectory {
    /// Creates the directory where it is absent, takes its `LOCK`, and checks its `FORMAT` or writes it.
    pub fn open(fs: &Arc<dyn FileSystem>, path: &Path) -> Result<Self, DataDirectoryError> {
        fs.create_dir_all(path).map_err(|source| CheckedFileError::Io {
            operation: "create the directory",
            path: path.into(),
            source,
        })?;
        let lock = DirectoryLock::acquire(&**fs, path).map_err(DataDirectoryError::Locked)?;
        let format = path.join("FORMAT");
        match read_whole(&**fs, &format)? {
            None => replace_whole(&**fs, &format, format!("{FORMAT_VERSION}\n").as_bytes())?,
            Some(bytes) => {
                let found: String = String::from_utf8_lossy(&bytes).trim().chars().take(40).collect();
                if found.parse() != Ok(FORMAT_VERSION) {
                    return Err(DataDirectoryError::Version { path: path.into(), found });
                }
            }
        }
        Ok(Self { path: path.into(), _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kizashi_log::StdFileSystem;

    fn std_fs() -> Arc<dyn FileSystem> {
        Arc::new(StdFileSystem)
    }

    #[test]
    fn one_holder_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let held = DataDirectory::open(&std_fs(), dir.path()).unwrap();
        let error = DataDirectory::open(&std_fs(), dir.path()).unwrap_err().to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        drop(held);
        DataDirectory::open(&std_fs(), dir.path()).unwrap();
    }

    #[test]
    fn another_version_is_refused_and_both_are_named() {
        let dir = tempfile::tempdir().unwrap();
        drop(DataDirectory::open(&std_fs(), dir.path()).unwrap());
        std::fs::write(dir.path().join("FORMAT"), "2\n").unwrap();
        let error = DataDirectory::open(&std_fs(), dir.path()).unwrap_err().to_string();
        assert!(error.contains("version 2") && error.contains("version 1"), "{error}");
    }
}
