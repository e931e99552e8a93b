//! What the first line of a CSV file looks like.

use super::time_format::{TimeFormat, Unknown, is_number, is_usual_epoch};

/// Whether names are a row of data: one of them is a time, or they are numbers and not all whole, which names of
/// columns may be.
pub(super) fn is_data(names: &[String]) -> bool {
    let is_whole = |name: &String| name.bytes().all(|byte| byte.is_ascii_digit());
    are_numbers(names) && !names.iter().all(is_whole) || names.iter().any(|name| is_time(name.as_bytes()))
}

fn is_time(name: &[u8]) -> bool {
    is_usual_epoch(name)
        || !is_number(name) && !matches!(TimeFormat::find([name].into_iter(), None), Err(Unknown::NoTime))
}

fn are_numbers(names: &[String]) -> bool {
    names.iter().all(|name| is_number(name.as_bytes()))
}

/// What may be wrong with the first line where the columns hold something unexpected.
pub(super) fn hint(names: &[String], cell: &str) -> &'static str {
    // So are those of a file that is said to have none.
    let are_places = names.iter().zip(1..).all(|(name, place)| *name == place.to_string());
    match names {
        _ if are_places => "",
        _ if are_numbers(names) => {
            "; all names are numbers: if the first line is a row of data, say so (--no-header)"
        }
        [_] if cell.trim().contains(char::is_whitespace) => "; cells are told apart by `,`, `;` or a tab",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn a_row_of_data_is_known_by_a_time_or_by_its_numbers() {
        for text in ["2014-04-01,1", "1396310400,load", "0.5,1.25", "1.2e-3", "-1,7"] {
            assert!(is_data(&names(text)), "{text}");
        }
        for text in ["t,x", "0,1,2", ",0,1", "t,0.5", "2014,2015"] {
            assert!(!is_data(&names(text)), "{text}");
        }
        assert!(hint(&names("0,1"), "7").contains("--no-header"));
        assert!(hint(&names("a b"), "1 2").contains("told apart"));
        assert_eq!(hint(&names("a,b"), "1 2"), "");
        assert_eq!(hint(&names("1,2"), "1 2"), "");
    }
}
