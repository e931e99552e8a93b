//! A file that has its name only once it is whole.

use super::Error;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

const BUFFER_BYTES: usize = 1 << 16;

/// Until it is finished its name ends in `.partial`; if it never is, it is removed.
#[derive(Debug)]
pub(super) struct PartialFile {
    file: PathBuf,
    partial: PathBuf,
    writer: Option<BufWriter<File>>,
}

impl PartialFile {
    /// Creates the file, and the folders that it lies in.
    pub(super) fn create(file: &Path) -> Result<Self, Error> {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let partial = file.with_file_name(name);
        let io = |file: &Path| {
            let file = file.to_owned();
            move |source| Error::Io { file, source }
        };
        if let Some(dir) = file.parent() {
            fs::create_dir_all(dir).map_err(io(dir))?;
        }
        let created = File::create(&partial).map_err(io(&partial))?;
        let writer = Some(BufWriter::with_capacity(BUFFER_BYTES, created));
        Ok(Self { file: file.to_owned(), partial, writer })
    }

    /// What went wrong, with the name of the file.
    pub(super) fn error(&self, source: io::Error) -> Error {
        Error::Io { file: self.partial.clone(), source }
    }

    /// Gives it its name.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        let mut writer = self.writer.take().expect("it is finished once");
        let finished = writer.flush().and_then(|()| fs::rename(&self.partial, &self.file));
        if finished.is_err() {
            self.writer = Some(writer);
        }
        finished.map_err(|source| self.error(source))
    }
}

impl Write for PartialFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.as_mut().expect("it is not finished").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        // What is in its buffer is written when that is full, or when it is finished.
        Ok(())
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            // What is left in the buffer is of no use.
            drop(writer.into_parts());
            let _ = fs::remove_file(&self.partial);
        }
    }
}
