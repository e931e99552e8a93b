//! Which columns of a table are used for what, and which are left out and why: for the person who ran it.

use super::cell::has_commas;
use super::decimal::POINT_OF_THOUSANDS;
use super::label_names;
use std::fmt;

/// Columns of one kind that are named.
const NAMED_MAX: usize = 5;

/// What the columns of a table are taken for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The column of times; none where rows are numbered.
    pub time: Option<String>,
    /// The column of the series' keys, where one was chosen.
    pub series: Option<String>,
    /// The columns of values.
    pub values: Vec<String>,
    /// Whether values are read with decimal commas.
    pub decimal_commas: bool,
    /// Whether the values were chosen by name, and not found out.
    pub chosen: bool,
    /// Columns that are nothing of these. Where the values were chosen, others are not told.
    pub left_out: Vec<LeftOut>,
}

/// A column that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its index.
    pub column: usize,
    /// Its name, or its place where it has none.
    pub name: String,
    /// Why.
    pub reason: Reason,
}

/// Why a column is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was asked for.
    Ignored,
    /// It holds numbers and has no name.
    Unnamed,
    /// It is of a type that is not read, as this says: a list, say.
    Unread(&'static str),
    /// Nothing is in it. What a column holds has to be known before the first row is scored, so one of a
    /// sensor that comes later is none of values: its cells may as well turn out to be texts.
    Empty,
    /// Nothing was in it in the rows that were looked at, and then there was something.
    EmptyAtFirst {
        /// The first cell that is not empty, shortened.
        cell: String,
        /// Its line.
        line: u64,
        /// Whether it is a number.
        is_number: bool,
    },
    /// Its points may be of thousands, beside columns with decimal commas.
    Thousands {
        /// The first such cell, shortened.
        cell: String,
        /// Its line.
        line: u64,
    },
    /// It holds something that is no number.
    Text {
        /// The first such cell, shortened.
        cell: String,
        /// Its line.
        line: u64,
        /// Whether its cells come again, as the keys of series do.
        repeats: bool,
    },
}

impl Layout {
    /// The one column that may tell series apart that stand in one file, where none was chosen.
    pub fn key_like(&self) -> Option<&str> {
        let may_be = |out: &&LeftOut| {
            matches!(out.reason, Reason::Text { repeats: true, .. })
                && !label_names::is_like_a_label(&out.name)
        };
        let mut keys = self.left_out.iter().filter(may_be);
        match (keys.next(), keys.next()) {
            (Some(key), None) if self.series.is_none() => Some(&key.name),
            _ => None,
        }
    }

    /// Whether the columns of another table are taken for the same. The cells that are shown may differ.
    pub fn is_like(&self, other: &Self) -> bool {
        let same = |(a, b): (&LeftOut, &LeftOut)| {
            a.name == b.name && std::mem::discriminant(&a.reason) == std::mem::discriminant(&b.reason)
        };
        (&self.time, &self.series, &self.values) == (&other.time, &other.series, &other.values)
            && self.decimal_commas == other.decimal_commas
            && self.left_out.len() == other.left_out.len()
            && self.left_out.iter().zip(&other.left_out).all(same)
    }

    /// Columns that are scored though they are named as labels are, and nobody chose them.
    pub fn label_like(&self) -> impl Iterator<Item = &str> {
        let values = self.values.iter().filter(|_| !self.chosen).map(String::as_str);
        values.filter(|name| label_names::is_like_a_label(name))
    }

    /// What is left out, one text a reason; of others than numbers each with what it holds.
    fn reasons(&self) -> Vec<String> {
        let plain =
            [(Reason::Ignored, "ignored"), (Reason::Unnamed, "without a name"), (Reason::Empty, "empty")];
        let mut reasons = Vec::new();
        for (reason, why) in plain {
            let names = self.left_out.iter().filter(|out| out.reason == reason).map(|out| ticked(&out.name));
            let names = listed(names.collect());
            reasons.extend(names.map(|names| format!("{names} ({why})")));
        }
        let texts = self.left_out.iter().filter_map(|out| match &out.reason {
            Reason::Text { cell, line, .. } => {
                let way_out = if has_commas(cell) { "; its comma may not be one of decimals" } else { "" };
                Some(format!("`{}` (text: `{cell}` in line {line}{way_out})", out.name))
            }
            Reason::Thousands { cell, line } => {
                Some(format!("`{}` (`{cell}` in line {line}; {POINT_OF_THOUSANDS})", out.name))
            }
            Reason::EmptyAtFirst { cell, line, is_number } => {
                let then = if *is_number { "; --values takes it" } else { ", a text" };
                Some(format!("`{}` (empty at first, `{cell}` in line {line}{then})", out.name))
            }
            Reason::Unread(kind) => Some(format!("`{}` ({kind}, which is not read)", out.name)),
            Reason::Ignored | Reason::Unnamed | Reason::Empty => None,
        });
        reasons.extend(listed(texts.collect()));
        reasons
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.time {
            Some(time) => write!(f, "time `{time}`")?,
            None => f.write_str("time by the number of the row")?,
        }
        if let Some(series) = &self.series {
            write!(f, "; series `{series}`")?;
        }
        let values = listed(self.values.iter().map(ticked).collect()).unwrap_or_default();
        match self.values.len() {
            1 => write!(f, "; value {values}")?,
            count => write!(f, "; {count} values {values}")?,
        }
        if self.decimal_commas {
            f.write_str(" (with decimal commas)")?;
        }
        match self.reasons().as_slice() {
            [] => Ok(()),
            reasons => write!(f, "; left out {}", reasons.join(", ")),
        }
    }
}

fn ticked(name: &String) -> String {
    format!("`{name}`")
}

/// The first few, and how many more there are; nothing where there is none.
fn listed(mut texts: Vec<String>) -> Option<String> {
    let more = texts.len().saturating_sub(NAMED_MAX);
    texts.truncate(NAMED_MAX);
    let text = texts.join(", ");
    match more {
        0 => Some(text).filter(|text| !text.is_empty()),
        more => Some(format!("{text} and {more} more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn left_out(name: &str, reason: Reason) -> LeftOut {
        LeftOut { column: 0, name: name.to_owned(), reason }
    }

    #[test]
    fn a_layout_is_one_line_however_many_columns_there_are() {
        let text = |cell: &str| Reason::Text { cell: cell.to_owned(), line: 2, repeats: true };
        let mut layout = Layout { time: Some("t".into()), values: names(&["x"]), ..Layout::default() };
        assert_eq!(layout.to_string(), "time `t`; value `x`");
        layout.left_out = vec![
            left_out("state", text("OPEN")),
            left_out("label", Reason::Ignored),
            left_out("spare", Reason::Empty),
        ];
        assert_eq!(
            layout.to_string(),
            "time `t`; value `x`; left out `label` (ignored), `spare` (empty), \
             `state` (text: `OPEN` in line 2)"
        );
        let late = Reason::EmptyAtFirst { cell: "0.5".to_owned(), line: 252, is_number: true };
        let layout =
            Layout { left_out: vec![left_out("price", text("1,50")), left_out("late", late)], ..layout };
        assert_eq!(
            layout.to_string(),
            "time `t`; value `x`; left out `price` (text: `1,50` in line 2; its comma may not be one of decimals), \
             `late` (empty at first, `0.5` in line 252; --values takes it)"
        );
        let many = (0..200).map(|at| format!("c{at}")).collect();
        let wide = Layout { time: None, series: Some("host".into()), values: many, ..layout.clone() };
        assert_eq!(
            wide.to_string().split("; left").next().unwrap(),
            "time by the number of the row; series `host`; 200 values `c0`, `c1`, `c2`, `c3`, `c4` and 195 more"
        );
        let commas = Layout { decimal_commas: true, left_out: Vec::new(), ..layout.clone() };
        assert_eq!(commas.to_string(), "time `t`; value `x` (with decimal commas)");
        let mut other = layout.clone();
        other.left_out[0].reason = text("SHUT");
        assert!(layout.is_like(&other), "the cell alone is another");
        other.left_out[0].reason = Reason::Empty;
        assert!(!layout.is_like(&other));
    }

    #[test]
    fn one_column_of_texts_that_come_again_may_be_the_key_of_series() {
        let text = |repeats| Reason::Text { cell: "a".to_owned(), line: 2, repeats };
        let of = |left_out| Layout { left_out, ..Layout::default() };
        let key = || left_out("KPI ID", text(true));
        let layout = of(vec![key(), left_out("note", text(false)), left_out("Normal/Attack", text(true))]);
        assert_eq!(layout.key_like(), Some("KPI ID"));
        assert_eq!(Layout { series: Some("host".into()), ..layout }.key_like(), None);
        assert_eq!(of(vec![key(), left_out("region", text(true))]).key_like(), None, "either may be");
    }

    #[test]
    fn values_that_were_chosen_are_no_labels() {
        let mut layout = Layout { values: names(&["x", "Is_Anomaly"]), ..Layout::default() };
        assert_eq!(layout.label_like().collect::<Vec<_>>(), ["Is_Anomaly"]);
        layout.chosen = true;
        assert_eq!(layout.label_like().count(), 0);
    }
}
