//! What an operator can set of the engine.

use super::rules::{RULES_MAX, SeriesRule};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// What an operator can set of the engine; every key has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfig {
    /// Budget of false alerts a series and week, 0.001 to 1,000.
    pub false_alerts_per_week: f64,
    /// Most series a shard holds; a new one beyond it is refused, 1 to 10,000,000.
    pub series_max: u32,
    /// Whether a series that used to report and stopped is an alert.
    pub silence: bool,
    /// How many times its longest usual pause a series may pause before it counts as silent, 2 to 1,000.
    pub silence_factor: f64,
    /// How far an observation's own time may lie ahead of its arrival, in seconds, 0 to 31,536,000.
    pub ahead_max_s: u32,
    /// After how many days without an observation a series is forgotten, 1 to 3,650.
    pub forget_after_days: u32,
    /// What holds for some series alone, at most [`RULES_MAX`] tables: all that match a series apply, and where two
    /// set the same key, the later one holds. A configuration file has them beside the table of the other keys.
    #[serde(skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<SeriesRule>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            false_alerts_per_week: 0.1,
            series_max: 1_000_000,
            silence: true,
            silence_factor: 5.0,
            ahead_max_s: 600,
            forget_after_days: 30,
            series: Vec::new(),
        }
    }
}

/// Budgets that are allowed.
pub(super) const BUDGET: RangeInclusive<f64> = 0.001..=1000.0;
pub(super) const BUDGET_ALLOWED: &str = "0.001 to 1,000";

/// A key of the configuration with a value that can't be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{key}: {value} is not allowed; it is {allowed}")]
pub struct ConfigError {
    /// The key; that of the Nth table `[[series]]` is `series.N.KEY`, counted from 1.
    pub key: Cow<'static, str>,
    /// What it held.
    pub value: String,
    /// What may stand there.
    pub allowed: &'static str,
}

impl EngineConfig {
    /// Checks every key against its range.
    ///
    /// # Errors
    /// Names the first key out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let keys = [
            ("false_alerts_per_week", self.false_alerts_per_week, BUDGET, BUDGET_ALLOWED),
            ("series_max", f64::from(self.series_max), 1.0..=1e7, "1 to 10,000,000"),
            ("silence_factor", self.silence_factor, 2.0..=1000.0, "2 to 1,000"),
            ("ahead_max_s", f64::from(self.ahead_max_s), 0.0..=31_536_000.0, "0 to 31,536,000"),
            ("forget_after_days", f64::from(self.forget_after_days), 1.0..=3650.0, "1 to 3,650"),
        ];
        for (key, value, range, allowed) in keys {
            if !range.contains(&value) {
                return Err(ConfigError { key: key.into(), value: value.to_string(), allowed });
            }
        }
        if self.series.len() > RULES_MAX {
            let value = format!("{} tables", self.series.len());
            return Err(ConfigError { key: "series".into(), value, allowed: "at most 1,000 tables" });
        }
        self.series.iter().zip(1..).try_for_each(|(rule, number)| rule.validate(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_allowed() {
        assert_eq!(EngineConfig::default().validate(), Ok(()));
    }

    #[test]
    fn an_error_names_the_key_and_what_is_allowed() {
        let config = EngineConfig { false_alerts_per_week: f64::NAN, ..EngineConfig::default() };
        let error = config.validate().unwrap_err();
        assert_eq!(error.to_string(), "false_alerts_per_week: NaN is not allowed; it is 0.001 to 1,000");
        let series = vec![SeriesRule::new("*"), SeriesRule::new("")];
        let error = EngineConfig { series, ..EngineConfig::default() }.validate().unwrap_err();
        assert_eq!(error.key, "series.2.match");
        let series = vec![SeriesRule::new("*"); RULES_MAX + 1];
        let error = EngineConfig { series, ..EngineConfig::default() }.validate().unwrap_err();
        assert_eq!(error.to_string(), "series: 1001 tables is not allowed; it is at most 1,000 tables");
    }
}
