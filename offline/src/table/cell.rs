//! What the text of a cell means.

/// Characters of a cell that a message shows.
const SHOWN_MAX: usize = 40;

/// What programs write where they have no value, in any case; what Rust reads as NaN is missing as well.
const MISSING: [&str; 10] = ["", "na", "n/a", "#n/a", "<na>", "null", "none", "?", "-", "--"];

/// A number; 1 and 0 for true and false, and NaN for a cell that says that its value is missing.
pub(super) fn parse_value(cell: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(cell.trim_ascii()).ok()?;
    text.parse().ok().or_else(|| match text {
        _ if text.eq_ignore_ascii_case("true") => Some(1.0),
        _ if text.eq_ignore_ascii_case("false") => Some(0.0),
        _ => MISSING.iter().any(|missing| text.eq_ignore_ascii_case(missing)).then_some(f64::NAN),
    })
}

/// Whether a cell says that its value is missing.
pub(super) fn is_missing(cell: &[u8]) -> bool {
    parse_value(cell).is_some_and(f64::is_nan)
}

/// Whether a cell says that its time is missing.
pub(super) fn is_missing_time(cell: &[u8]) -> bool {
    is_missing(cell) || cell.trim_ascii().eq_ignore_ascii_case(b"nat")
}

/// Whether a cell would be a number but for its commas, which stand for thousands or for the point.
pub(super) fn has_commas(cell: &str) -> bool {
    cell.contains(',') && cell.replace(',', "").trim().parse::<f64>().is_ok()
}

/// A cell as a message shows it, shortened.
pub(super) fn shown(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).chars().take(SHOWN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_truths_and_what_is_missing() {
        for (cell, value) in [(" 1.5 ", 1.5), ("-1e3", -1000.0), ("inf", f64::INFINITY)] {
            assert_eq!(parse_value(cell.as_bytes()), Some(value), "{cell}");
        }
        for (cell, value) in [("true", 1.0), ("TRUE", 1.0), ("False", 0.0)] {
            assert_eq!(parse_value(cell.as_bytes()), Some(value), "{cell}");
        }
        for cell in ["", "  ", "nan", "-NaN", "NA", "n/A", "#N/A", "<na>", "Null", "NONE", "?", "-", "--"] {
            assert!(is_missing(cell.as_bytes()) && is_missing_time(cell.as_bytes()), "{cell}");
        }
        assert!(is_missing_time(b"NaT") && !is_missing(b"NaT") && !is_missing_time(b"noon"));
        for cell in ["OPEN", "1,5", "1,234.50", "$5", "5%", "yes", "t", "---", "."] {
            assert_eq!(parse_value(cell.as_bytes()), None, "{cell}");
        }
        assert_eq!(parse_value(b"\xff"), None);
    }

    #[test]
    fn a_comma_may_be_what_is_wrong_with_a_number() {
        assert!(["1,5", "-1,234.50", "1,234,567"].into_iter().all(has_commas));
        assert!(!["1.5", "a, b", ",", "x,1"].into_iter().any(has_commas));
    }
}
