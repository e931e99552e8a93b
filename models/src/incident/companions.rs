//! Which series broke together before.

use std::collections::HashMap;

/// Series whose companions are kept; further ones have none.
const SERIES_MAX: usize = 16_384;
/// Companions kept of a series: those it met most often.
const COMPANIONS_MAX: usize = 8;
/// Series of an incident that are remembered together.
const MET_MAX: usize = 32;
/// What counts shrink by with each further incident of the series, so that the past fades.
const KEEP: f64 = 0.9;

/// In how many of its incidents a series met which others, faded.
#[derive(Clone, Debug, Default)]
pub(super) struct Companions {
    of: HashMap<u64, Met>,
}

#[derive(Clone, Debug, Default)]
struct Met {
    incidents: f64,
    companions: Vec<(u64, f64)>,
}

impl Companions {
    /// An incident of these series, each once, has ended.
    pub(super) fn learn(&mut self, series: &[u64]) {
        let series = &series[..series.len().min(MET_MAX)];
        for one in series {
            self.begin(*one);
        }
        for (at, one) in series.iter().enumerate() {
            series[..at].iter().for_each(|other| self.meet(*one, *other));
        }
    }

    fn begin(&mut self, series: u64) {
        if self.of.len() >= SERIES_MAX && !self.of.contains_key(&series) {
            return;
        }
        let met = self.of.entry(series).or_default();
        met.incidents = met.incidents * KEEP + 1.0;
        met.companions.iter_mut().for_each(|(_, count)| *count *= KEEP);
    }

    fn meet(&mut self, one: u64, other: u64) {
        for (series, companion) in [(one, other), (other, one)] {
            let Some(met) = self.of.get_mut(&series) else { continue };
            match met.companions.iter_mut().find(|(known, _)| *known == companion) {
                Some((_, count)) => *count += 1.0,
                None => met.companions.push((companion, 1.0)),
            }
            if met.companions.len() > COMPANIONS_MAX {
                // The one before last at the latest: who has just come is given a chance to come again.
                let candidates = met.companions[..COMPANIONS_MAX].iter().enumerate();
                let least = candidates.min_by(|(_, a), (_, b)| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
                let at = least.expect("more than the most").0;
                met.companions.remove(at);
            }
        }
    }

    /// The companions of a series, each with the share of the series' incidents in which they met, below 1.
    pub(super) fn of(&self, series: u64) -> impl Iterator<Item = (u64, f64)> {
        let met = self.of.get(&series);
        met.into_iter().flat_map(|met| {
            met.companions.iter().map(|(companion, count)| (*companion, count / (met.incidents + 1.0)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_rise_with_each_meeting_and_fade_without() {
        let mut companions = Companions::default();
        let share = |companions: &Companions| companions.of(1).find(|(other, _)| *other == 2).unwrap().1;
        let mut before = 0.0;
        for _ in 0..5 {
            companions.learn(&[1, 2]);
            assert!(share(&companions) > before && share(&companions) < 1.0);
            before = share(&companions);
        }
        companions.learn(&[1]);
        assert!(share(&companions) < before);
    }

    #[test]
    fn only_the_most_frequent_are_kept() {
        let mut companions = Companions::default();
        for other in 3..100 {
            companions.learn(&[1, 2, other]);
        }
        let kept: Vec<u64> = companions.of(1).map(|(other, _)| other).collect();
        assert_eq!(kept.len(), COMPANIONS_MAX);
        assert!(kept.contains(&2));
    }
}
