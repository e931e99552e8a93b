//! The series that have had alerts: how rare a token is among them, and how often each has one.

use super::base_rate::FADE_MS;
use std::collections::HashMap;

/// Series and tokens that are counted; what comes beyond counts as rare.
const SERIES_MAX: usize = 16_384;
const TOKENS_MAX: usize = 65_536;

/// What is expected of a series counts as much as so many of its alerts.
const PRIOR_ALERTS: f64 = 0.5;

/// The series seen so far, each with its faded count of alerts, and how many of them have each token.
#[derive(Clone, Debug, Default)]
pub(super) struct Population {
    series: HashMap<u64, Seen>,
    with_token: HashMap<u64, u32>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    alerts: f64,
    at_ms: i64,
}

impl Population {
    /// Counts an alert of a series that opened at a time, and the series in, once.
    pub(super) fn observe(&mut self, series: u64, tokens: &[u64], time_ms: i64) {
        let alerts = self.alerts(series, time_ms) + 1.0;
        let known = self.series.contains_key(&series);
        if !known && self.series.len() >= SERIES_MAX {
            return;
        }
        self.series.insert(series, Seen { alerts, at_ms: time_ms });
        if known {
            return;
        }
        for token in tokens {
            if self.with_token.len() < TOKENS_MAX || self.with_token.contains_key(token) {
                *self.with_token.entry(*token).or_default() += 1;
            }
        }
    }

    /// How many series were counted.
    pub(super) fn series(&self) -> f64 {
        self.series.len() as f64
    }

    fn alerts(&self, series: u64, time_ms: i64) -> f64 {
        let Some(seen) = self.series.get(&series) else { return 0.0 };
        seen.alerts * libm::exp(-(time_ms.saturating_sub(seen.at_ms) as f64) / FADE_MS)
    }

    /// Alerts of a series a millisecond, at a time, where `expected` is what is known before its own past of
    /// `covered_ms` is looked at.
    pub(super) fn per_ms(&self, series: u64, time_ms: i64, expected: f64, covered_ms: f64) -> f64 {
        (self.alerts(series, time_ms) + PRIOR_ALERTS) / (covered_ms + PRIOR_ALERTS / expected)
    }

    /// The share of the series that have a token, above 0 and at most 1.
    pub(super) fn share(&self, token: u64) -> f64 {
        let with = self.with_token.get(&token).copied().unwrap_or(1);
        (f64::from(with) + 0.5) / (self.series() + 1.0).max(f64::from(with) + 0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_as_rare_as_the_series_that_have_it() {
        let mut population = Population::default();
        for series in 0..100 {
            population.observe(series, if series < 10 { &[1, 2] } else { &[2] }, 0);
            population.observe(series, &[1], 0);
        }
        assert!((population.share(1) - 0.1).abs() < 0.01, "{}", population.share(1));
        assert!(population.share(2) > 0.99 && population.share(2) <= 1.0);
        assert!(population.share(3) < 0.02, "what nobody has is rare");
    }

    #[test]
    fn a_series_is_expected_to_go_on_as_it_did() {
        let mut population = Population::default();
        let hour_ms = 3_600_000;
        let rate = |population: &Population| population.per_ms(1, 100 * hour_ms, 1e-9, 100.0 * 3.6e6);
        let quiet = rate(&population);
        (0..100).for_each(|hour| population.observe(1, &[], hour * hour_ms));
        let busy = rate(&population) * 3.6e6;
        assert!(quiet < 1e-9 && busy > 0.1 && busy < 1.0, "{quiet} a millisecond, {busy} an hour");
    }

    #[test]
    fn it_is_bounded() {
        let mut population = Population::default();
        for series in 0..2 * SERIES_MAX as u64 {
            let tokens: Vec<u64> = (0..8).map(|token| series * 8 + token).collect();
            population.observe(series, &tokens, 0);
        }
        assert_eq!((population.series.len(), population.with_token.len()), (SERIES_MAX, TOKENS_MAX));
        assert!(population.share(u64::MAX) > 0.0);
    }
}
