//! What the tables come to for one series.

use super::policies::Table;
use super::quiet::QuietHours;
use super::table::{Direction, SeriesRule};
use super::zone::Zone;
use crate::alert::Severity;
use crate::detector::{FieldScore, Range};
use std::sync::Arc;

/// A field contributes to a surprise if its share is at least this part of the largest share.
const CONTRIBUTES_MIN: f64 = 0.25;

/// What holds for a series and its fields.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::engine) struct Policy {
    /// Budget of false alerts a week.
    pub(in crate::engine) false_alerts_per_week: f64,
    /// Whether no alert opens.
    pub(in crate::engine) mute: bool,
    quiet: Option<Arc<QuietHours>>,
    /// The least severity that does not wait for the end of quiet hours.
    quiet_severity: Option<Severity>,
    zone: Option<Arc<Zone>>,
    /// Whether any field ignores anything.
    selective: bool,
    fields: Box<[FieldPolicy]>,
}

/// What holds for a field.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct FieldPolicy {
    range: Option<Range>,
    direction: Direction,
    rise: Limit,
    drop: Limit,
}

/// A deviation below either of the two is ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Limit {
    units: f64,
    /// Of what was expected.
    percent: f64,
}

impl Policy {
    /// What these tables, which match a series, say of it and its fields.
    pub(super) fn new<'a>(
        tables: &[&Table],
        false_alerts_per_week: f64,
        fields: impl Iterator<Item = &'a str>,
    ) -> Self {
        let rules: Vec<_> = tables.iter().map(|table| &table.rule).collect();
        let fields: Box<[_]> = fields.map(|name| FieldPolicy::new(&rules, name)).collect();
        Self {
            false_alerts_per_week: last(&rules, |rule| rule.false_alerts_per_week)
                .unwrap_or(false_alerts_per_week),
            mute: last(&rules, |rule| rule.mute).unwrap_or(false),
            quiet: tables.iter().rev().find_map(|table| table.quiet.clone()),
            quiet_severity: last(&rules, |rule| rule.quiet_severity),
            zone: tables.iter().rev().find_map(|table| table.zone.clone()),
            selective: fields.iter().any(FieldPolicy::is_selective),
            fields,
        }
    }

    /// The declared range of each field.
    pub(in crate::engine) fn ranges(&self) -> impl Iterator<Item = Option<Range>> {
        self.fields.iter().map(|field| field.range)
    }

    /// The declared range of a field.
    pub(in crate::engine) fn range(&self, field: usize) -> Option<Range> {
        self.fields[field].range
    }

    /// A time by the wall clock where the series is.
    pub(in crate::engine) fn local_ms(&self, time_ms: i64) -> i64 {
        let offset_ms = self.zone.as_ref().map_or(0, |zone| zone.offset_ms(time_ms));
        time_ms.saturating_add(offset_ms)
    }

    /// The first time from `time_ms` on at which an alert of this severity may open: that of the end of quiet
    /// hours where it lies in them, `i64::MAX` if they have none.
    pub(in crate::engine) fn opens_ms(&self, severity: Severity, time_ms: i64) -> i64 {
        match &self.quiet {
            Some(quiet) if self.quiet_severity.is_none_or(|least| severity < least) => {
                quiet.end_ms(time_ms, self.zone.as_deref())
            }
            _ => time_ms,
        }
    }

    /// Whether an observation, unusual as it may be, neither opens an alert nor keeps one open: each field that
    /// contributes to its surprise deviates from what was expected in a way that is to be ignored.
    pub(in crate::engine) fn ignores(&self, values: &[f64], scores: &[FieldScore]) -> bool {
        if self.mute || !self.selective {
            return self.mute;
        }
        let largest = scores.iter().map(|score| score.contribution).fold(0.0, f64::max);
        let fields = self.fields.iter().zip(values).zip(scores);
        fields
            .filter(|(_, score)| score.contribution >= CONTRIBUTES_MIN * largest)
            .all(|((field, value), score)| field.ignores(*value, score.expected))
    }
}

impl FieldPolicy {
    fn new(rules: &[&SeriesRule], name: &str) -> Self {
        let rules: Vec<_> = rules.iter().copied().filter(|rule| rule.matches_field(name)).collect();
        let limit = |units, percent| Limit { units, percent };
        Self {
            range: last(&rules, |rule| rule.range).map(|[min, max]| Range { min, max }),
            direction: last(&rules, |rule| rule.direction).unwrap_or_default(),
            rise: limit(
                last(&rules, |rule| rule.ignore_rise).unwrap_or(0.0),
                last(&rules, |rule| rule.ignore_rise_percent).unwrap_or(0.0),
            ),
            drop: limit(
                last(&rules, |rule| rule.ignore_drop).unwrap_or(0.0),
                last(&rules, |rule| rule.ignore_drop_percent).unwrap_or(0.0),
            ),
        }
    }

    fn is_selective(&self) -> bool {
        self.direction != Direction::Both || self.rise != Limit::default() || self.drop != Limit::default()
    }

    /// A value as it was expected is a rise by 0. What deviates by NaN, because nothing was observed or
    /// expected, is not ignored.
    fn ignores(&self, observed: f64, expected: f64) -> bool {
        let deviation = observed - expected;
        let (limit, other) =
            if deviation < 0.0 { (self.drop, Direction::Up) } else { (self.rise, Direction::Down) };
        let size = deviation.abs();
        !size.is_nan()
            && (self.direction == other
                || size < limit.units
                || size < limit.percent / 100.0 * expected.abs())
    }
}

/// What the last of the tables says that says anything.
fn last<T>(rules: &[&SeriesRule], key: impl Fn(&SeriesRule) -> Option<T>) -> Option<T> {
    rules.iter().rev().find_map(|rule| key(rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(series: &str, fields: &[&str], rules: &[SeriesRule]) -> Policy {
        let tables: Vec<_> = rules.iter().cloned().map(Table::new).collect();
        let matching: Vec<_> = tables.iter().filter(|table| table.rule.matches_series(series)).collect();
        Policy::new(&matching, 0.1, fields.iter().copied())
    }

    fn any() -> SeriesRule {
        SeriesRule::new("*")
    }

    /// Whether a value is ignored that was expected to be 100.
    fn ignores(rule: SeriesRule, value: f64) -> bool {
        let score = FieldScore { expected: 100.0, contribution: 1.0, ..FieldScore::default() };
        policy("x", &[""], &[rule]).ignores(&[value], &[score])
    }

    #[test]
    fn of_the_tables_that_match_the_last_one_holds_key_by_key() {
        let rules = [
            SeriesRule { range: Some([0.0, 1.0]), mute: Some(true), ..SeriesRule::new("web-*") },
            SeriesRule { field: Some("cpu*".into()), range: Some([0.0, 100.0]), ..SeriesRule::new("web-?") },
            SeriesRule { mute: Some(false), false_alerts_per_week: Some(2.0), ..SeriesRule::new("web-1") },
            any(),
        ];
        let ranges = |series: &str, fields: &[&str]| {
            let policy = policy(series, fields, &rules);
            policy.ranges().map(|range| range.map(|range| range.max)).collect::<Vec<_>>()
        };
        assert_eq!(ranges("web-1", &["cpu_user", "mem"]), [Some(100.0), Some(1.0)]);
        assert_eq!(ranges("web-12", &["cpu_user", ""]), [Some(1.0), Some(1.0)]);
        assert_eq!(ranges("web-1", &[""]), [Some(1.0)], "a single value is no field with that name");
        assert_eq!(ranges("db", &["cpu_user"]), [None]);
        let budget = |series| {
            let policy = policy(series, &[""], &rules);
            (policy.mute, policy.false_alerts_per_week)
        };
        assert_eq!(
            (budget("web-1"), budget("web-2"), budget("db")),
            ((false, 2.0), (true, 0.1), (false, 0.1))
        );
    }

    #[test]
    fn a_deviation_below_either_limit_is_ignored() {
        let rule = SeriesRule { ignore_rise: Some(3.0), ignore_rise_percent: Some(5.0), ..any() };
        assert_eq!(
            [102.0, 104.9, 105.0, 99.0].map(|value| ignores(rule.clone(), value)),
            [true, true, false, false]
        );
        let rule = SeriesRule { ignore_drop: Some(3.0), ..any() };
        assert_eq!([97.1, 97.0, 100.1].map(|value| ignores(rule.clone(), value)), [true, false, false]);
        let rule = SeriesRule { ignore_drop_percent: Some(50.0), ..any() };
        assert_eq!([50.1, 50.0, -1e9].map(|value| ignores(rule.clone(), value)), [true, false, false]);
        for value in [f64::NAN, f64::INFINITY] {
            assert!(!ignores(SeriesRule { ignore_rise: Some(1e308), ..any() }, value));
        }
        assert!(!ignores(any(), 100.0));
        assert!(ignores(SeriesRule { mute: Some(true), ..any() }, 1e9));
    }

    #[test]
    fn a_direction_leaves_the_other_out() {
        let toward = |direction| SeriesRule { direction: Some(direction), ..any() };
        assert_eq!([99.0, 101.0].map(|value| ignores(toward(Direction::Up), value)), [true, false]);
        assert_eq!([99.0, 101.0].map(|value| ignores(toward(Direction::Down), value)), [false, true]);
        assert_eq!([99.0, 101.0].map(|value| ignores(toward(Direction::Both), value)), [false, false]);
    }

    #[test]
    fn a_vector_is_ignored_if_each_field_that_contributes_is() {
        let rules = [SeriesRule { field: Some("mem".into()), ignore_rise: Some(1000.0), ..any() }];
        let policy = policy("x", &["cpu", "mem"], &rules);
        let ignores = |cpu: f64, mem: f64| {
            let score = |contribution| FieldScore { expected: 1.0, contribution, ..FieldScore::default() };
            policy.ignores(&[50.0, 50.0], &[score(cpu), score(mem)])
        };
        assert!(ignores(0.1, 0.9));
        assert!(!ignores(0.3, 0.7) && !ignores(0.9, 0.1) && !ignores(0.0, 0.0));
    }

    #[test]
    fn alerts_wait_for_the_end_of_quiet_hours() {
        const HOUR_MS: i64 = 3_600_000;
        // 1970-01-01 00:00 UTC is a Thursday, and 01:00 in Berlin.
        let night = SeriesRule {
            quiet_hours: Some(vec!["22:00-06:00".into()]),
            time_zone: Some("Europe/Berlin".into()),
            ..any()
        };
        let severe = SeriesRule { quiet_severity: Some(Severity::Critical), ..SeriesRule::new("severe") };
        let loud = SeriesRule { quiet_hours: Some(vec![]), ..SeriesRule::new("loud") };
        let rules = [night, severe, loud];
        let opens_ms = |series, severity| policy(series, &[""], &rules).opens_ms(severity, 0);
        assert_eq!(opens_ms("x", Severity::Critical), 5 * HOUR_MS);
        assert_eq!(opens_ms("severe", Severity::Critical), 0);
        assert_eq!(opens_ms("severe", Severity::Warning), 5 * HOUR_MS);
        assert_eq!(opens_ms("loud", Severity::Info), 0, "a later table takes them away");
        assert_eq!(policy("x", &[""], &rules).local_ms(0), HOUR_MS);
        assert_eq!(policy("x", &[""], &[]).local_ms(5), 5);
    }
}
