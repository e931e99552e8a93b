//! What a person may have meant otherwise, and how to say so.

use crate::table::Layout;
use std::collections::BTreeSet;

/// Of columns of labels that are scored: every score knows what it should find out.
pub(super) fn labels(names: &BTreeSet<&str>) -> Option<String> {
    let (are, them) = match names.len() {
        0 => return None,
        1 => ("is named like a label and is scored as a value", "it"),
        _ => ("are named like labels and are scored as values", "them"),
    };
    let ticked: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let typed: Vec<&str> = names.iter().copied().collect();
    Some(format!("{} {are}; --ignore {} leaves {them} out", ticked.join(", "), word(&typed.join(","))))
}

/// Late rows of a file's rows, one in so many, from which on series may be mixed in it.
const LATE_ROWS_MIN: u64 = 10;

/// Of rows of which many are late where one column may be the key of series: each series would have its order.
pub(super) fn series(late: u64, rows: u64, layout: &Layout) -> Option<String> {
    let key = layout.key_like().filter(|_| late * LATE_ROWS_MIN >= rows)?;
    Some(format!("if these are several series, --series {} keeps them apart", word(key)))
}

/// A word as a shell takes it.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./,:".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_are_scored_are_told_with_what_leaves_them_out() {
        let told = |names: &[&str]| labels(&names.iter().copied().collect());
        assert_eq!(told(&[]), None);
        assert_eq!(
            told(&["Class"]).unwrap(),
            "`Class` is named like a label and is scored as a value; --ignore Class leaves it out"
        );
        assert_eq!(
            told(&["change point", "anomaly"]).unwrap(),
            "`anomaly`, `change point` are named like labels and are scored as values; \
             --ignore 'anomaly,change point' leaves them out"
        );
    }
}
