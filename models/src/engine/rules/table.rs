//! One table `[[series]]`, and what may stand in it.

use super::glob;
use super::quiet::{self, QuietHours};
use super::zone::Zone;
use crate::alert::Severity;
use crate::engine::config::{BUDGET, BUDGET_ALLOWED, ConfigError};
use serde::{Deserialize, Serialize};

/// Most tables there can be: all are looked at for each new series.
pub const RULES_MAX: usize = 1000;
/// Most bytes of a pattern, as of a series' key.
const PATTERN_BYTES_MAX: usize = 1024;
/// Most windows of quiet hours.
const WINDOWS_MAX: usize = 64;

/// One table `[[series]]`: what holds for the series whose keys match, and for their fields that match.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// Which deviations from what was expected can be alerts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// A rise above what was expected by less than this is ignored, in the unit of the values; finite, at least 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_rise: Option<f64>,
    /// As `ignore_rise`, in percent of what was expected. Where both are set, a rise below either is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_rise_percent: Option<f64>,
    /// As `ignore_rise`, of a drop below what was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_drop: Option<f64>,
    /// As `ignore_rise_percent`, of a drop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_drop_percent: Option<f64>,
    /// Budget of false alerts a week of each of the series, 0.001 to 1,000; not together with `field`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub false_alerts_per_week: Option<f64>,
    /// Whether the series open no alerts at all; they are scored and learnt all the same. Not together with `field`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mute: Option<bool>,
    /// Windows of the local week in which alerts wait, such as `22:00-06:00` or `Sat,Sun 00:00-24:00`, at most 64; not
    /// together with `field`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "quiet::deserialize_windows"
    )]
    pub quiet_hours: Option<Vec<Box<str>>>,
    /// The least severity of alerts that don't wait; without it all do. Not together with `field`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_severity: Option<Severity>,
    /// Name in the IANA database of the time zone of quiet hours, and of the hours of day and week that the
    /// detector learns; UTC without it. Not together with `field`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Box<str>>,
}

/// Which deviations from what was expected can be alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Rises alone; what is exactly as expected counts as one.
    Up,
    /// Drops alone.
    Down,
    /// Both.
    #[default]
    Both,
}

impl SeriesRule {
    /// A table that says nothing yet of the series whose keys match.
    pub fn new(matches: &str) -> Self {
        Self { matches: matches.into(), ..Self::default() }
    }

    pub(super) fn matches_series(&self, key: &str) -> bool {
        glob::matches(&self.matches, key)
    }

    pub(super) fn matches_field(&self, name: &str) -> bool {
        self.field.as_ref().is_none_or(|field| glob::matches(field, name))
    }

    /// Checks every key; `number` is the table's, from 1.
    pub(in crate::engine) fn validate(&self, number: usize) -> Result<(), ConfigError> {
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
        let limits = [
            ("ignore_rise", self.ignore_rise),
            ("ignore_rise_percent", self.ignore_rise_percent),
            ("ignore_drop", self.ignore_drop),
            ("ignore_drop_percent", self.ignore_drop_percent),
        ];
        for (key, limit) in limits {
            if let Some(limit) = limit.filter(|limit| !(0.0..f64::INFINITY).contains(limit)) {
                return error(key, limit.to_string(), "a finite number, at least 0");
            }
        }
        if let Some(budget) = self.false_alerts_per_week.filter(|budget| !BUDGET.contains(budget)) {
            return error("false_alerts_per_week", budget.to_string(), BUDGET_ALLOWED);
        }
        if let Some(windows) = &self.quiet_hours {
            if windows.len() > WINDOWS_MAX {
                return error("quiet_hours", format!("a list of {}", windows.len()), "at most 64 windows");
            }
            if let Err(text) = QuietHours::parse(windows.iter().map(|window| &**window)) {
                let allowed =
                    "a window such as \"22:00-06:00\", \"Mon-Fri 18:00-08:00\" or \"Sat,Sun 00:00-24:00\"";
                return error("quiet_hours", format!("{text:?}"), allowed);
            }
        }
        if let Some(name) = self.time_zone.as_deref().filter(|name| Zone::find(name).is_none()) {
            let allowed = "a name of the IANA time zone database, such as \"Europe/Berlin\"";
            return error("time_zone", format!("{name:?}"), allowed);
        }
        let of_series = [
            ("false_alerts_per_week", self.false_alerts_per_week.is_some()),
            ("mute", self.mute.is_some()),
            ("quiet_hours", self.quiet_hours.is_some()),
            ("quiet_severity", self.quiet_severity.is_some()),
            ("time_zone", self.time_zone.is_some()),
        ];
        match of_series.into_iter().find(|(_, is_set)| *is_set && self.field.is_some()) {
            Some((key, _)) => {
                error(key, "a table with `field`".into(), "set for whole series, in a table without `field`")
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranged(matches: &str, field: Option<&str>, range: [f64; 2]) -> SeriesRule {
        SeriesRule { field: field.map(Into::into), range: Some(range), ..SeriesRule::new(matches) }
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
        let any = SeriesRule::new("*");
        assert_eq!(
            say(SeriesRule { ignore_drop: Some(-1.0), ..any.clone() }),
            "series.3.ignore_drop: -1 is not allowed; it is a finite number, at least 0"
        );
        assert!(
            say(SeriesRule { ignore_rise_percent: Some(f64::INFINITY), ..any.clone() })
                .starts_with("series.3.ignore_rise_percent: inf is not allowed")
        );
        assert!(
            say(SeriesRule { false_alerts_per_week: Some(0.0), ..any.clone() })
                .ends_with("it is 0.001 to 1,000")
        );
        let windows = |text: &str| Some(vec!["22:00-06:00".into(), text.into()]);
        assert!(
            say(SeriesRule { quiet_hours: windows("at night"), ..any.clone() })
                .starts_with("series.3.quiet_hours: \"at night\" is not allowed; it is a window such as")
        );
        let zone = |name: &str| SeriesRule { time_zone: Some(name.into()), ..SeriesRule::new("*") };
        assert!(say(zone("Europe/Atlantis")).starts_with("series.3.time_zone: \"Europe/Atlantis\" is not"));
        assert_eq!(zone("America/New_York").validate(1), Ok(()));
        assert_eq!(
            say(SeriesRule { field: Some("cpu".into()), mute: Some(true), ..any }),
            "series.3.mute: a table with `field` is not allowed; it is set for whole series, in a table without `field`"
        );
    }
}
