//! Where a series is disturbed, and how.

use super::random::Random;
use std::ops::Range;

/// Kinds of disturbances and the rows of each, in their order.
pub(super) type Plan = Vec<(&'static str, Range<usize>)>;

/// How far from the beginning of a series and from each other disturbances are, in rows.
pub(super) struct Spacing {
    /// Before the first, at least, and up to so many more.
    pub(super) learning: usize,
    pub(super) learning_more: usize,
    /// From the beginning of one to that of the next, at least, and up to so many more.
    pub(super) apart: usize,
    pub(super) apart_more: usize,
}

/// Disturbances of some kinds in so many rows; `length` gives the rows of each.
pub(super) fn plan(
    random: &mut Random,
    rows: usize,
    kinds: &[&'static str],
    spacing: &Spacing,
    length: impl Fn(&mut Random, &str) -> f64,
) -> Plan {
    let mut at = spacing.learning + random.below(spacing.learning_more);
    let mut plan = Vec::new();
    while at + spacing.apart < rows {
        let kind = kinds[random.below(kinds.len())];
        let length = length(random, kind) as usize;
        plan.push((kind, at..at + length));
        at += spacing.apart + random.below(spacing.apart_more);
    }
    plan
}

/// What disturbs a row, and what share of the disturbance has passed.
pub(super) fn at_row(plan: &Plan, row: usize) -> (&'static str, f64) {
    let found = plan.iter().find(|(_, rows)| rows.contains(&row));
    found.map_or(("", 0.0), |(kind, rows)| (kind, (row - rows.start) as f64 / rows.len() as f64))
}
