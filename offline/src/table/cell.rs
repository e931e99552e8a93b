//! What the text of a cell means.

/// Characters of a cell that a message shows.
const SHOWN_MAX: usize = 40;

/// A number; NaN for a cell that says that its value is missing.
pub(super) fn parse_value(cell: &[u8]) -> Option<f64> {
    match cell.trim_ascii() {
        b"" | b"NaN" | b"nan" | b"NA" | b"N/A" | b"null" | b"NULL" | b"None" | b"-" => Some(f64::NAN),
        text => std::str::from_utf8(text).ok()?.parse().ok(),
    }
}

/// A cell as a message shows it, shortened.
pub(super) fn shown(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).chars().take(SHOWN_MAX).collect()
}
