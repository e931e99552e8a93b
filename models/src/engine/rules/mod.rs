//! What an operator says of some series: the tables `[[series]]` of the configuration.
//!
//! All tables whose patterns match apply, and where two set the same key, the later one holds.

mod glob;

use super::config::ConfigError;
use crate::detector::Range;
use serde::{Deserialize, Serialize};

/// Most tables there can be: all are looked at for each new series.
pub const RULES_MAX: usize = 1000;
/// Most bytes of a pattern, as of a series' key.
const PATTERN_BYTES_MAX: usize = 1024;

/// One table `[[series]]`: what holds for the series whose keys match, and for their fields that match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesRule {
    /// Pattern of the series' key: `*` is any text, also none, `?` is one character.
    #[serde(rename = "match")]
    pub matches: Box<str>,
    /// Pattern of the field's name, for vectors; every field where it is not set. The value of a series
    /// that is no vector is a field whose name is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Box<str>>,
    /// Least and largest value that is possible, in the unit of the values; finite, the first below the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
}

impl SeriesRule {
    /// A table that says nothing yet of the series whose keys match.
    pub fn new(matches: &str) -> Self {
        Self { matches: matches.into(), field: None, range: None }
    }

    fn matches_field(&self, name: &str) -> bool {
        self.field.as_ref().is_none_or(|field| glob::matches(field, name))
    }

    /// Checks every key; `number` is the table's, from 1.
    pub(super) fn validate(&self, number: usize) -> Result<(), ConfigError> {
        let error = |key: &str, value: String, allowed: &'static str| {
            Err(ConfigError { key: format!("series.{number}.{key}").into(), value, allowed })
        };
        for (key, pattern) in [("match", Some(&self.matches)), ("field", self.field.as_ref())] {
            if pattern.is_some_and(|pattern| pattern.len() > PATTERN_BYTES_MAX) {
                return error(key, "a pattern of so many bytes".into(), "at most 1,024 bytes long");
            }
        }
        if self.matches.is_empty() {
            return error(
                "match",
                "an empty pattern".into(),
                "a pattern such as \"web-*\"; \"*\" matches all series",
            );
        }
        if let Some([min, max]) = self.range
            && !(min.is_finite() && max.is_finite() && min < max)
        {
            return error(
                "range",
                format!("[{min}, {max}]"),
                "[min, max], two finite numbers, the first below the second",
            );
        }
        Ok(())
    }
}

/// The tables that apply to a series, in their order.
pub(super) fn of<'a>(
    rules: &'a [SeriesRule],
    series: &'a str,
) -> impl DoubleEndedIterator<Item = &'a SeriesRule> + Clone {
    rules.iter().filter(move |rule| glob::matches(&rule.matches, series))
}

/// The declared range of each of the fields of a series.
pub(super) fn ranges<'a>(
    rules: &[SeriesRule],
    series: &str,
    fields: impl Iterator<Item = &'a str>,
) -> Vec<Option<Range>> {
    let rules: Vec<_> = of(rules, series).filter(|rule| rule.range.is_some()).collect();
    let range = |field: &str| {
        let newest = rules.iter().rev().find(|rule| rule.matches_field(field));
        newest.and_then(|rule| rule.range).map(|[min, max]| Range { min, max })
    };
    fields.map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranged(matches: &str, field: Option<&str>, range: [f64; 2]) -> SeriesRule {
        SeriesRule { field: field.map(Into::into), range: Some(range), ..SeriesRule::new(matches) }
    }

    #[test]
    fn of_the_tables_that_match_the_last_one_holds() {
        let rules = [
            ranged("web-*", None, [0.0, 1.0]),
            ranged("web-?", Some("cpu*"), [0.0, 100.0]),
            SeriesRule::new("*"),
        ];
        let ranges = |series: &str, fields: &[&str]| {
            let found = super::ranges(&rules, series, fields.iter().copied());
            found.into_iter().map(|range| range.map(|range| range.max)).collect::<Vec<_>>()
        };
        assert_eq!(ranges("web-1", &["cpu_user", "mem"]), [Some(100.0), Some(1.0)]);
        assert_eq!(ranges("web-12", &["cpu_user", ""]), [Some(1.0), Some(1.0)]);
        assert_eq!(ranges("web-1", &[""]), [Some(1.0)], "a single value is no field with that name");
        assert_eq!(ranges("db", &["cpu_user"]), [None]);
    }

    #[test]
    fn an_error_names_table_and_key() {
        let say = |rule: SeriesRule| rule.validate(3).unwrap_err().to_string();
        for range in [[5.0, 1.0], [1.0, 1.0], [f64::NAN, 1.0], [0.0, f64::INFINITY]] {
            let error = say(ranged("*", None, range));
            assert!(error.starts_with(&format!("series.3.range: [{}, {}] is not", range[0], range[1])));
            assert!(error.ends_with("it is [min, max], two finite numbers, the first below the second"));
        }
        assert!(say(SeriesRule::new("")).starts_with("series.3.match: an empty pattern is not allowed; "));
        assert!(say(ranged("*", Some(&"x".repeat(1025)), [0.0, 1.0])).starts_with("series.3.field: "));
        assert_eq!(ranged("*", Some(""), [-1.0, 1.0]).validate(1), Ok(()));
    }
}
