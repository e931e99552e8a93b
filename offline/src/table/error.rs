//! What can be wrong with a table.

use std::path::PathBuf;

/// A file that can't be read, or a place in it.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file can't be opened or read.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file as a whole is not what it should be.
    #[error("{}: {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong, and what is needed.
        reason: String,
    },
    /// A row is not what it should be.
    #[error("{}, line {line}: {reason}", file.display())]
    Row {
        /// The file.
        file: PathBuf,
        /// Line of a CSV file, the header being line 1; of Parquet the row, the first being 1.
        line: u64,
        /// What is wrong, and what is needed.
        reason: String,
    },
    /// A cell is not what its column should hold.
    #[error(
        "{}, line {line}, column `{column}`: `{text}` is not {needed}; mend it, or leave the column out",
        file.display()
    )]
    Cell {
        /// The file.
        file: PathBuf,
        /// As above.
        line: u64,
        /// Name of the column.
        column: String,
        /// What the cell holds, shortened.
        text: String,
        /// What it should be.
        needed: &'static str,
    },
}
