//! How far apart rows are, in a file that has no times.

use std::str::FromStr;

const UNITS: [(&str, i64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// A time that passes from row to row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Every {
    /// Milliseconds, at least 1.
    pub ms: i64,
}

impl FromStr for Every {
    type Err = String;

    /// A whole number with its unit: `500ms`, `10s`, `5m`, `1h` or `1d`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` does not say how far apart rows are; a whole number and its unit do, as 5m (ms, s, m, h, d)"
            )
        };
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let (_, unit_ms) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let number: i64 = number.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
        Ok(Self { ms: number.checked_mul(*unit_ms).ok_or_else(wrong)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_and_its_unit() {
        for (text, ms) in
            [("1ms", 1), ("10s", 10_000), ("5m", 300_000), ("1h", 3_600_000), ("7d", 604_800_000)]
        {
            assert_eq!(text.parse(), Ok(Every { ms }), "{text}");
        }
        for text in ["", "5", "m", "0s", "-5m", "1.5h", "5 m", "5w", "99999999999999999d"] {
            let error = text.parse::<Every>().unwrap_err();
            assert!(error.starts_with(&format!("`{text}` does not say")), "{error}");
        }
    }
}
