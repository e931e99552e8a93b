//! Small files that are replaced as a whole: after a crash either the old or the new one is there.
//!
//! The first line is `NAME VERSION CRC`, the CRC-32C of what follows in eight hexadecimal digits; the rest
//! is JSON.

use kizashi_log::FileSystem;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Bytes that such a file may have.
const BYTES_MAX: u64 = 64 << 20;

/// Why a file could not be read or replaced.
#[derive(Debug, thiserror::Error)]
pub enum CheckedFileError {
    /// Of the file system.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The bytes are not what was written.
    #[error("{} is damaged: {reason}; restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// Another version wrote it.
    #[error("{} has format version {found}, this program reads version {known}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// As it stands in the file.
        found: u32,
        /// The one that can be read.
        known: u32,
    },
}

/// A kind of file.
#[derive(Clone, Copy, Debug)]
pub struct CheckedFile {
    /// First word of the file.
    pub name: &'static str,
    /// Second word: the version that is written and read.
    pub version: u32,
}

impl CheckedFile {
    /// Reads the file; `None` where there is none.
    pub fn read<T: DeserializeOwned>(
        &self,
        fs: &dyn FileSystem,
        path: &Path,
    ) -> Result<Option<T>, CheckedFileError> {
        let damaged =
            |reason: &str| CheckedFileError::Damaged { path: path.into(), reason: reason.to_owned() };
        let Some(bytes) = read_whole(fs, path)? else { return Ok(None) };
        let line = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| damaged("no first line"))?;
        let (line, body) = (&bytes[..line], &bytes[line + 1..]);
        let mut words = std::str::from_utf8(line).unwrap_or("").split(' ');
        if words.next() != Some(self.name) {
            return Err(damaged(&format!("its first line does not begin with {}", self.name)));
        }
        let version = words.next().and_then(|word| word.parse().ok());
        let version: u32 = version.ok_or_else(|| damaged("its first line has no version"))?;
        if version != self.version {
            return Err(CheckedFileError::Version { path: path.into(), found: version, known: self.version });
        }
        let crc = words.next().and_then(|word| u32::from_str_radix(word, 16).ok());
        if crc != Some(crc32c::crc32c(body)) {
            return Err(damaged("its checksum does not fit its content"));
        }
        serde_json::from_slice(body).map(Some).map_err(|error| damaged(&error.to_string()))
    }

    /// Replaces the file; durable when this returns. The directory exists.
    pub fn replace<T: Serialize>(
        &self,
        fs: &dyn FileSystem,
        path: &Path,
        value: &T,
    ) -> Result<(), CheckedFileError> {
        let body = serde_json::to_vec_pretty(value).expect("plain data with text keys");
        let mut bytes =
            format!("{} {} {:08x}\n", self.name, self.version, crc32c::crc32c(&body)).into_bytes();
        bytes.extend_from_slice(&body);
        replace_whole(fs, path, &bytes)
    }
}

/// The bytes of a file; `None` where there is none.
pub fn read_whole(fs: &dyn FileSystem, path: &Path) -> Result<Option<Vec<u8>>, CheckedFileError> {
    let failed = |source| CheckedFileError::Io { operation: "read", path: path.into(), source };
    let file = match fs.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let length = file.length().map_err(failed)?;
    if length > BYTES_MAX {
        let reason = format!("it has {length} bytes, more than {BYTES_MAX}");
        return Err(CheckedFileError::Damaged { path: path.into(), reason });
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, 0).map_err(failed)?;
    Ok(Some(bytes))
}

/// Replaces a file: writes a new one beside it, syncs it, renames it, and syncs the directory.
pub fn replace_whole(fs: &dyn FileSystem, path: &Path, bytes: &[u8]) -> Result<(), CheckedFileError> {
    let failed =
        |operation| move |source| CheckedFileError::Io { operation, path: path.to_path_buf(), source };
    let mut name = path.file_name().expect("a file has a name").to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let file = fs.create(&beside).map_err(failed("write"))?;
    file.write_all_at(bytes, 0).map_err(failed("write"))?;
    file.sync_data().map_err(failed("sync"))?;
    drop(file);
    fs.rename(&beside, path).map_err(failed("replace"))?;
    fs.sync_dir(path.parent().expect("a file stands in a directory")).map_err(failed("sync the directory of"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kizashi_log::StdFileSystem;

    const KIND: CheckedFile = CheckedFile { name: "kizashi-test", version: 2 };

    #[test]
    fn what_was_written_is_read_and_what_was_changed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let fs = StdFileSystem;
        assert!(KIND.read::<Vec<u32>>(&fs, &path).unwrap().is_none());
        KIND.replace(&fs, &path, &[1, 2]).unwrap();
        KIND.replace(&fs, &path, &[3]).unwrap();
        assert_eq!(KIND.read::<Vec<u32>>(&fs, &path).unwrap(), Some(vec![3]));

        let newer = CheckedFile { version: 3, ..KIND };
        newer.replace(&fs, &path, &[4]).unwrap();
        let error = KIND.read::<Vec<u32>>(&fs, &path).unwrap_err().to_string();
        assert!(error.contains("version 3") && error.contains("version 2"), "{error}");

        KIND.replace(&fs, &path, &[3]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for damaged in [text.replace('3', "4"), text.replace("test", "best"), String::new()] {
            std::fs::write(&path, damaged).unwrap();
            assert!(matches!(KIND.read::<Vec<u32>>(&fs, &path), Err(CheckedFileError::Damaged { .. })));
        }
    }
}
