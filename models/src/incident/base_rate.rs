//! How often incidents begin, over all series.

/// The past fades by a factor e in so long.
pub(super) const FADE_MS: f64 = 3.0 * 86_400_000.0;
/// What is expected before any were seen counts as much as so long a time.
const PRIOR_MS: f64 = 43_200_000.0;
const WEEK_MS: f64 = 7.0 * 86_400_000.0;

/// A decayed count of the incidents that began, and the decayed time that it covers.
#[derive(Clone, Debug, Default)]
pub(super) struct BaseRate {
    count: f64,
    covered_ms: f64,
    at_ms: Option<i64>,
}

impl BaseRate {
    /// Goes forward to a time not before the last.
    pub(super) fn advance(&mut self, time_ms: i64) {
        let passed_ms = self.at_ms.map_or(0, |at_ms| time_ms.saturating_sub(at_ms)) as f64;
        let keep = libm::exp(-passed_ms / FADE_MS);
        self.count *= keep;
        self.covered_ms = self.covered_ms * keep + FADE_MS * (1.0 - keep);
        self.at_ms = Some(time_ms);
    }

    /// An incident has begun, by so great a probability.
    pub(super) fn begin(&mut self, probability: f64) {
        self.count += probability;
    }

    /// The faded time since the first alert.
    pub(super) fn covered_ms(&self) -> f64 {
        self.covered_ms
    }

    /// Incidents a millisecond, where `weekly` were expected before any were seen.
    pub(super) fn per_ms(&self, weekly: f64) -> f64 {
        (self.count + weekly * PRIOR_MS / WEEK_MS) / (self.covered_ms + PRIOR_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_at_what_is_expected_and_comes_to_what_is() {
        let mut rate = BaseRate::default();
        assert!((rate.per_ms(20.0) * WEEK_MS - 20.0).abs() < 1e-9);
        for hour in 0..24 * 7 * 20 {
            rate.advance(hour * 3_600_000);
            rate.begin(1.0);
        }
        let weekly = rate.per_ms(20.0) * WEEK_MS;
        assert!((weekly / 168.0 - 1.0).abs() < 0.2, "{weekly} a week where 168 are");
    }

    #[test]
    fn far_times_do_no_harm() {
        let mut rate = BaseRate::default();
        rate.advance(i64::MIN);
        rate.advance(i64::MAX);
        assert!(rate.per_ms(20.0).is_finite() && rate.per_ms(20.0) > 0.0);
    }
}
