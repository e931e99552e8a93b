//! The policies of all series, worked out when a series begins, and shared.

use super::policy::Policy;
use super::quiet::QuietHours;
use super::table::SeriesRule;
use super::zone::Zone;
use crate::engine::EngineConfig;
use std::sync::Arc;

/// Policies kept for sharing; what falls out is only no longer shared.
const KEPT_MAX: usize = 32;

/// A table with what its texts stand for.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) rule: SeriesRule,
    pub(super) quiet: Option<Arc<QuietHours>>,
    pub(super) zone: Option<Arc<Zone>>,
}

impl Table {
    /// Of a table that was validated.
    pub(super) fn new(rule: SeriesRule) -> Self {
        let quiet = rule.quiet_hours.as_ref().map(|windows| {
            let quiet = QuietHours::parse(windows.iter().map(|window| &**window));
            Arc::new(quiet.expect("the windows were validated"))
        });
        let zone = rule
            .time_zone
            .as_deref()
            .map(|name| Arc::new(Zone::find(name).expect("the time zone was validated")));
        Self { rule, quiet, zone }
    }
}

/// The policies of the series, those that are alike kept once.
#[derive(Debug)]
pub(in crate::engine) struct Policies {
    tables: Vec<Table>,
    false_alerts_per_week: f64,
    kept: Vec<Arc<Policy>>,
}

impl Policies {
    /// Of a configuration that was validated.
    pub(in crate::engine) fn new(config: &EngineConfig) -> Self {
        Self {
            tables: config.series.iter().cloned().map(Table::new).collect(),
            false_alerts_per_week: config.false_alerts_per_week,
            kept: Vec::new(),
        }
    }

    /// What holds for a series with these fields; `None` where no table matches it.
    pub(in crate::engine) fn of(&mut self, series: &str, fields: &[Box<str>]) -> Option<Arc<Policy>> {
        let tables: Vec<_> = self.tables.iter().filter(|table| table.rule.matches_series(series)).collect();
        if tables.is_empty() {
            return None;
        }
        let policy = Policy::new(&tables, self.false_alerts_per_week, fields.iter().map(|name| &**name));
        if let Some(kept) = self.kept.iter().find(|kept| ***kept == policy) {
            return Some(Arc::clone(kept));
        }
        if self.kept.len() == KEPT_MAX {
            self.kept.remove(0);
        }
        let policy = Arc::new(policy);
        self.kept.push(Arc::clone(&policy));
        Some(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_share_what_is_alike() {
        let series = vec![SeriesRule::new("a*"), SeriesRule { mute: Some(true), ..SeriesRule::new("ab") }];
        let mut policies = Policies::new(&EngineConfig { series, ..EngineConfig::default() });
        let mut of = |series| policies.of(series, &["".into()]);
        let (first, second) = (of("a1").unwrap(), of("a2").unwrap());
        assert!(Arc::ptr_eq(&first, &second) && !Arc::ptr_eq(&first, &of("ab").unwrap()));
        assert_eq!(of("b"), None);
    }
}
