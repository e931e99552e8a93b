//! What stands before the decimals of numbers: a point, or a comma as most of Europe writes it.

use super::cell::{has_commas, parse_value};

/// What is said of a number with a point that may be one of thousands.
pub(super) const POINT_OF_THOUSANDS: &str = "its point may be one of thousands, as another column has decimal commas: write it \
     without points, or with a decimal comma";

/// What stands before the decimals of a column's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decimal {
    /// `12.5`.
    Point,
    /// `12,5`, where commas don't tell cells apart. A point is then one of thousands (`1.234,5`), or no such number is read.
    Comma,
    /// A point, but each has three digits behind it: beside columns with decimal commas it may be one of thousands.
    PointOrThousands,
    /// Either, in a column that hasn't shown one where commas don't tell cells apart: but not `1,234`.
    Open,
    /// The same beside columns with decimal commas: nor `1.234`.
    OpenBesideCommas,
}

impl Decimal {
    /// What all cells of a column say; nothing where they could have either, as whole numbers and `1,234`, in which the
    /// comma may be one of thousands. Texts say nothing.
    pub(super) fn find<'a>(cells: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let (mut has_comma, mut has_point) = (false, false);
        for text in cells.filter_map(|cell| std::str::from_utf8(cell.trim_ascii()).ok()) {
            let Some((before, after)) = text.split_once(',') else {
                let Some((before, after)) = text.split_once('.') else { continue };
                if parse_value(text.as_bytes()).is_some() {
                    if !may_be_of_thousands(before, after) {
                        return Some(Self::Point);
                    }
                    has_point = true;
                }
                continue;
            };
            if Self::Comma.parse(text.as_bytes()).is_none() {
                if has_commas(text) {
                    return Some(Self::Point);
                }
                continue;
            }
            has_comma |= !may_be_of_thousands(before, after);
        }
        match (has_comma, has_point) {
            (true, _) => Some(Self::Comma),
            (false, true) => Some(Self::PointOrThousands),
            (false, false) => None,
        }
    }

    /// As [`parse_value`].
    pub(super) fn parse(self, cell: &[u8]) -> Option<f64> {
        match self {
            Self::Point | Self::PointOrThousands => parse_value(cell),
            Self::Comma if cell.contains(&b'.') || cell.contains(&b',') => {
                let text = std::str::from_utf8(cell).ok()?.trim();
                let (whole, decimals) = text.split_once(',').unwrap_or((text, ""));
                let whole = if whole.contains('.') { without_thousands(whole)? } else { whole.to_owned() };
                format!("{whole}.{decimals}").parse().ok()
            }
            Self::Comma => parse_value(cell),
            Self::OpenBesideCommas if has_point_of_thousands(cell) => None,
            Self::Open | Self::OpenBesideCommas => {
                match std::str::from_utf8(cell).ok()?.trim().split_once(',') {
                    None => parse_value(cell),
                    Some((before, after)) if may_be_of_thousands(before, after) => None,
                    Some(_) => Self::Comma.parse(cell),
                }
            }
        }
    }

    /// What a cell should be.
    pub(super) fn needed(self) -> &'static str {
        match self {
            Self::Point | Self::PointOrThousands | Self::Open => "a number",
            Self::Comma => "a number with a decimal comma, as others of its column are",
            Self::OpenBesideCommas => {
                "a number whose point is none of thousands, as other columns have decimal commas"
            }
        }
    }
}

fn has_point_of_thousands(cell: &[u8]) -> bool {
    let parts = std::str::from_utf8(cell).ok().and_then(|text| text.trim().split_once('.'));
    parts.is_some_and(|(before, after)| may_be_of_thousands(before, after))
}

/// A whole number without the points that tell its thousands apart; nothing where they don't.
fn without_thousands(whole: &str) -> Option<String> {
    let mut groups = whole.split('.');
    let first = groups.next()?.trim_start_matches(['+', '-']);
    let are_digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let is_grouped = (1..=3).contains(&first.len())
        && are_digits(first)
        && groups.all(|group| group.len() == 3 && are_digits(group));
    is_grouped.then(|| whole.replace('.', ""))
}

/// Whether a comma or a point between these may tell thousands apart.
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
            "1.234,5",
            "1.234;1,5",
            "1.234.567,8;12",
        ] {
            assert_eq!(find(cells), Some(Decimal::Comma), "{cells}");
        }
        for cells in
            ["1,5;1.5", "1.5;1,5", "1,234.5", "1,234,567;1,5", "1.5", "1.234;1.5", "0.234", "1234.567"]
        {
            assert_eq!(find(cells), Some(Decimal::Point), "{cells}");
        }
        for cells in ["1.234", "-12.500;7;1,234"] {
            assert_eq!(find(cells), Some(Decimal::PointOrThousands), "{cells}");
        }
        for cells in ["", "1;2", "1,234", "-12,500;7", "NaN", "a, b", ".", "192.168.100.200"] {
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
        assert_eq!(Decimal::Open.parse(b"1.234"), Some(1.234));
        for (text, number) in
            [("1.234", None), ("1,234", None), ("1.5", Some(1.5)), ("1.234,5", Some(1234.5))]
        {
            assert_eq!(Decimal::OpenBesideCommas.parse(text.as_bytes()), number, "{text}");
        }
        for (text, number) in [("1.234,5", 1234.5), ("-12.345.678,25", -12_345_678.25), ("1.234", 1234.0)] {
            assert_eq!(Decimal::Comma.parse(text.as_bytes()), Some(number), "{text}");
        }
        for text in
            ["1.5", "12.34,5", "1234.567,8", ".234,5", "1.-34,5", "1,2.345", "1,2,3", ",", "1,x", "high"]
        {
            assert_eq!(Decimal::Comma.parse(text.as_bytes()), None, "{text}");
        }
    }
}
