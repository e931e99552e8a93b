//! What stands before the decimals of numbers: a point, or a comma as most of Europe writes it.

use super::cell::{has_commas, parse_value};

/// What stands before the decimals of a column's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decimal {
    /// `12.5`.
    Point,
    /// `12,5`, where commas don't tell cells apart. A point is then none of decimals, and no such number is read.
    Comma,
    /// Either, in a column that hasn't shown one where commas don't tell cells apart: but not `1,234`.
    Open,
}

impl Decimal {
    /// What all cells of a column say; nothing where they could have either, as whole numbers and `1,234`, in which the
    /// comma may be one of thousands. Texts say nothing.
    pub(super) fn find<'a>(cells: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut found = None;
        for text in cells.filter_map(|cell| std::str::from_utf8(cell.trim_ascii()).ok()) {
            if text.contains('.') && parse_value(text.as_bytes()).is_some() {
                return Some(Self::Point);
            }
            let Some((before, after)) = text.split_once(',') else { continue };
            if Self::Comma.parse(text.as_bytes()).is_none() {
                if has_commas(text) {
                    return Some(Self::Point);
                }
                continue;
            }
            if !may_be_of_thousands(before, after) {
                found = Some(Self::Comma);
            }
        }
        found
    }

    /// As [`parse_value`].
    pub(super) fn parse(self, cell: &[u8]) -> Option<f64> {
        match self {
            Self::Point => parse_value(cell),
            Self::Comma if cell.contains(&b'.') => None,
            Self::Comma if cell.contains(&b',') => {
                std::str::from_utf8(cell).ok()?.trim().replacen(',', ".", 1).parse().ok()
            }
            Self::Comma => parse_value(cell),
            Self::Open => match std::str::from_utf8(cell).ok()?.trim().split_once(',') {
                None => parse_value(cell),
                Some((before, after)) if may_be_of_thousands(before, after) => None,
                Some(_) => Self::Comma.parse(cell),
            },
        }
    }

    /// What a cell should be.
    pub(super) fn needed(self) -> &'static str {
        match self {
            Self::Point | Self::Open => "a number",
            Self::Comma => "a number with a decimal comma, as others of its column are",
        }
    }
}

/// Whether a comma between these may tell thousands apart.
fn may_be_of_thousands(before: &str, after: &str) -> bool {
    let before = before.trim_start_matches(['+', '-']);
    after.len() == 3 && (1..=3).contains(&before.len()) && !before.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(cells: &str) -> Option<Decimal> {
        Decimal::find(cells.split(';').map(str::as_bytes))
    }

    #[test]
    fn a_comma_is_one_of_decimals_where_no_cell_says_otherwise() {
        for cells in [
            "12,5",
            "1;2;-0,25",
            " 1,5 ;NA;",
            "1,234;12,34",
            "0,125",
            ",125",
            "1234,567",
            "1,5e-3",
            "1,5;high",
        ] {
            assert_eq!(find(cells), Some(Decimal::Comma), "{cells}");
        }
        for cells in ["1,5;1.5", "1.5;1,5", "1,234.5", "1,234,567;1,5", "1.234,5", "1.5"] {
            assert_eq!(find(cells), Some(Decimal::Point), "{cells}");
        }
        for cells in ["", "1;2", "1,234", "-12,500;7", "NaN", "a, b", "."] {
            assert_eq!(find(cells), None, "{cells}");
        }
    }

    #[test]
    fn numbers_with_a_comma_are_those_with_a_point() {
        for number in [0.5, -12.25, 1e-7, 1e300, 123_456.789, 0.1 + 0.2] {
            let text = format!(" {number:?} ").replace('.', ",");
            assert_eq!(Decimal::Comma.parse(text.as_bytes()), Some(number), "{text}");
        }
        assert_eq!(Decimal::Comma.parse(b"12"), Some(12.0));
        assert!(Decimal::Comma.parse(b"NA").unwrap().is_nan());
        for (text, number) in [
            ("1.5", Some(1.5)),
            (" 1,5 ", Some(1.5)),
            ("7", Some(7.0)),
            ("1,234", None),
            ("0,234", Some(0.234)),
        ] {
            assert_eq!(Decimal::Open.parse(text.as_bytes()), number, "{text}");
        }
        for text in ["1.5", "1.234,5", "1,2,3", ",", "1,x", "high"] {
            assert_eq!(Decimal::Comma.parse(text.as_bytes()), None, "{text}");
        }
    }
}
