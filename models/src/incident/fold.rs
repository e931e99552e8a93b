//! The fold over alerts in their order: each joins an incident of the hours before, or begins its own.

use super::AlertKey;
use super::base_rate::BaseRate;
use super::companions::Companions;
use super::group::{Context, Fit, Group, Member};
use super::parameters::Parameters;
use super::population::Population;
use super::refine;
use std::sync::Arc;

/// An incident takes no member that opens so long after its newest.
pub(super) const HORIZON_MS: i64 = 6 * 3_600_000;
/// Incidents that take members at once; beyond it the one whose newest alert is oldest takes no more.
const GROUPS_MAX: usize = 256;
/// Members of an incident; a storm goes on in a second one.
const MEMBERS_MAX: usize = 1_024;

/// All that the order of alerts so far has left behind.
#[derive(Clone, Debug, Default)]
pub(super) struct Fold {
    population: Population,
    companions: Companions,
    base_rate: BaseRate,
    groups: Vec<Group>,
}

/// What placing an alert has changed, by first members of groups.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Placed {
    /// Groups that are no more.
    pub(super) gone: Vec<AlertKey>,
    /// Groups that are new or have other members.
    pub(super) changed: Vec<AlertKey>,
}

impl Fold {
    /// The groups that may still take members.
    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Takes the group away whose first member is this one.
    pub(super) fn forget(&mut self, first: AlertKey) {
        self.groups.retain(|group| group.first() != first);
    }

    /// Places the next alert in order.
    pub(super) fn place(
        &mut self,
        key: AlertKey,
        series: u64,
        tokens: Arc<[u64]>,
        parameters: &Parameters,
        closed_ms: &dyn Fn(&AlertKey) -> Option<i64>,
    ) -> Placed {
        let now_ms = key.opened_ms;
        self.end_groups(now_ms);
        self.base_rate.advance(now_ms);
        let any = self.base_rate.per_ms(parameters.weekly) / self.population.series().max(1.0);
        let base_per_ms = self.population.per_ms(series, now_ms, any, self.base_rate.covered_ms());
        let member = Member { key, series, tokens: tokens.clone(), base_per_ms };
        let placed = self.join_or_begin(member, parameters, closed_ms);
        // Only now: what was expected of the series does not count what has come.
        self.population.observe(series, &tokens, now_ms);
        placed
    }

    fn join_or_begin(
        &mut self,
        member: Member,
        parameters: &Parameters,
        closed_ms: &dyn Fn(&AlertKey) -> Option<i64>,
    ) -> Placed {
        let Self { population, companions, base_rate, groups } = self;
        let context = Context { parameters, population, companions, closed_ms };
        let fits: Vec<Fit> = groups.iter().map(|group| group.fit(&member, context)).collect();
        // The first of equals: groups stand in a set order.
        let better = |best: usize, at: usize| if fits[at].ratio > fits[best].ratio { at } else { best };
        let fitting = (0..fits.len()).filter(|at| fits[*at].ratio > 1.0);
        let best = fitting.clone().filter(|at| groups[*at].members().len() < MEMBERS_MAX).reduce(better);
        let Some(mut best) = best else {
            base_rate.begin(1.0);
            let key = member.key;
            groups.push(Group::new(member));
            return Placed { gone: Vec::new(), changed: vec![key] };
        };
        base_rate.begin(1.0 / (1.0 + fits[best].ratio));
        let mut gone = vec![groups[best].first()];
        groups[best].join(member, fits[best]);
        let second = fitting.filter(|at| *at != best).reduce(better);
        if let Some(second) = second
            && let Some(merged) = refine::merge(&groups[best], &groups[second], context)
        {
            groups[best] = merged;
            gone.push(groups.remove(second).first());
            best -= usize::from(second < best);
        }
        let mut changed = Vec::new();
        if let Some([with, without]) = refine::split(&groups[best], context) {
            changed.push(with.first());
            groups[best] = without;
            groups.push(with);
        }
        changed.push(groups[best].first());
        gone.retain(|first| !changed.contains(first));
        Placed { gone, changed }
    }

    /// Lets groups go that take no more, and learns from them who broke together.
    fn end_groups(&mut self, now_ms: i64) {
        let Self { groups, companions, .. } = self;
        let mut end = |group: &Group| companions.learn(&group.series().collect::<Vec<_>>());
        groups.retain(|group| {
            let open = now_ms.saturating_sub(group.newest_ms()) <= HORIZON_MS;
            if !open {
                end(group);
            }
            open
        });
        if groups.len() >= GROUPS_MAX {
            let oldest = (0..groups.len()).min_by_key(|at| (groups[*at].newest_ms(), groups[*at].first()));
            end(&groups.remove(oldest.expect("as many as may be")));
        }
    }
}
