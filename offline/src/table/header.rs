//! What the first line of a CSV file looks like.

use super::decimal::Decimal;
use super::time_format::{self, TimeFormat, Unknown, is_usual_epoch};

/// Of names that are a row of data, one that shows it: a time, or, where all are numbers, one that is not whole, which
/// names of columns may be.
pub(super) fn data(names: &[String]) -> Option<&String> {
    let number = if are_numbers(names) { names.iter().find(|name| is_fraction(name)) } else { None };
    number.or_else(|| names.iter().find(|name| is_time(name.as_bytes())))
}

fn is_time(name: &[u8]) -> bool {
    is_usual_epoch(name)
        || !is_number(name) && !matches!(TimeFormat::find([name].into_iter(), None), Err(Unknown::NoTime))
}

/// Whether a name is a number, also one with a decimal comma.
fn is_number(name: &[u8]) -> bool {
    time_format::is_number(name) || Decimal::Comma.parse(name).is_some_and(|number| !number.is_nan())
}

fn are_numbers(names: &[String]) -> bool {
    names.iter().all(|name| is_number(name.as_bytes()))
}

/// Whether a name is a number, and neither a whole one, as years and places are, nor a word for one, as `inf`.
fn is_fraction(name: &str) -> bool {
    is_in_digits(name) && !name.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_in_digits(name: &str) -> bool {
    is_number(name.as_bytes()) && name.bytes().any(|byte| byte.is_ascii_digit())
}

/// Whether a name may well be the cell of a row.
pub(super) fn may_be_a_cell(name: &str) -> bool {
    is_fraction(name) || is_time(name.as_bytes())
}

/// What may be wrong with the first line where the columns hold something unexpected.
pub(super) fn hint(names: &[String], cell: &str) -> String {
    // So are those of a file that is said to have none.
    let are_places = names.iter().zip(1..).all(|(name, place)| *name == place.to_string());
    let fraction = names.iter().find(|name| is_fraction(name));
    match (names, fraction) {
        _ if are_places => String::new(),
        _ if are_numbers(names) => no_header_hint("all names are numbers"),
        (_, Some(fraction)) => number_hint(fraction),
        ([_], None) if cell.trim().contains(char::is_whitespace) => {
            "; cells are told apart by `,`, `;` or a tab".to_owned()
        }
        _ => String::new(),
    }
}

/// What may be wrong with the first line where a name is not as it should be: it may be a cell.
pub(super) fn name_hint(name: &str) -> String {
    if is_in_digits(name) { number_hint(name) } else { String::new() }
}

fn number_hint(name: &str) -> String {
    no_header_hint(&format!("`{name}` is a number"))
}

fn no_header_hint(why: &str) -> String {
    format!("; {why}: if the first line is a row of data, say so (--no-header)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn a_row_of_data_is_known_by_a_time_or_by_its_numbers() {
        for (text, cell) in [
            ("2014-04-01,1", "2014-04-01"),
            ("1396310400,load", "1396310400"),
            ("2,1.25", "1.25"),
            ("1.2e-3", "1.2e-3"),
            ("-1,7", "-1"),
        ] {
            assert_eq!(data(&names(text)).unwrap(), cell, "{text}");
        }
        assert_eq!(data(&["1".to_owned(), "0,5".to_owned()]).unwrap(), "0,5");
        for text in ["t,x", "0,1,2", ",0,1", "t,0.5", "2014,2015"] {
            assert_eq!(data(&names(text)), None, "{text}");
        }
        assert!(hint(&names("0,1"), "7").contains("; all names are numbers: if the first"));
        let told = "; `0.5` is a number: if the first line is a row of data, say so (--no-header)";
        assert_eq!(hint(&names("web-1,3,0.5"), "web-2"), told);
        assert_eq!((name_hint("0.5").as_str(), name_hint("load").as_str()), (told, ""));
        assert!(hint(&names("a b"), "1 2").contains("told apart"));
        assert_eq!(hint(&names("a,b"), "1 2"), "");
        assert_eq!(hint(&names("t,2014,2015"), "noon"), "", "years may be names");
        assert_eq!(hint(&names("1,2"), "1 2"), "");
    }
}
