//! An incident that still takes members, with what its likelihoods need.

use super::AlertKey;
use super::companions::Companions;
use super::parameters::Parameters;
use super::population::Population;
use std::collections::HashMap;
use std::sync::Arc;

/// An alert as the likelihoods see it.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) key: AlertKey,
    /// Hash of the stream and the series.
    pub(super) series: u64,
    /// Hashes of the tokens of the series' key.
    pub(super) tokens: Arc<[u64]>,
    /// Alerts a millisecond that its series had for reasons of its own when it opened.
    pub(super) base_per_ms: f64,
}

/// What is known beside the group.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) parameters: &'a Parameters,
    pub(super) population: &'a Population,
    pub(super) companions: &'a Companions,
    /// When an alert closed; `None` while it is open.
    pub(super) closed_ms: &'a dyn Fn(&AlertKey) -> Option<i64>,
}

/// How well an alert fits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit {
    /// How many times likelier it is as a member than for reasons of its own.
    pub(super) ratio: f64,
    /// How far it would be a member that has nothing in common with the others, 0 to 1.
    pub(super) stranger: f64,
}

#[derive(Clone, Debug)]
pub(super) struct Group {
    /// In order; the first gives the incident its name.
    members: Vec<Member>,
    newest_ms: i64,
    /// The series, each with its newest member, in the order they came.
    series: Vec<(u64, AlertKey)>,
    /// How many of the series have each token.
    with_token: HashMap<u64, u32>,
    strangers: f64,
    /// Logarithm of how many times likelier the members are together than each for reasons of its own.
    score: f64,
}

impl Group {
    pub(super) fn new(first: Member) -> Self {
        let mut group = Self {
            members: Vec::new(),
            newest_ms: first.key.opened_ms,
            series: Vec::new(),
            with_token: HashMap::new(),
            strangers: 0.0,
            score: 0.0,
        };
        group.join(first, Fit { ratio: 1.0, stranger: 0.0 });
        group
    }

    /// The group of members in order, each joining those before it.
    pub(super) fn of(members: impl IntoIterator<Item = Member>, context: Context<'_>) -> Option<Self> {
        let mut members = members.into_iter();
        let mut group = Self::new(members.next()?);
        for member in members {
            let fit = group.fit(&member, context);
            group.join(member, fit);
        }
        Some(group)
    }

    pub(super) fn first(&self) -> AlertKey {
        self.members[0].key
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(super) fn newest_ms(&self) -> i64 {
        self.newest_ms
    }

    /// The series, each once, in the order they came.
    pub(super) fn series(&self) -> impl Iterator<Item = u64> {
        self.series.iter().map(|(series, _)| *series)
    }

    pub(super) fn score(&self) -> f64 {
        self.score
    }

    pub(super) fn fit(&self, member: &Member, context: Context<'_>) -> Fit {
        let Context { parameters, population, companions, closed_ms } = context;
        let opened_ms = member.key.opened_ms;
        if let Some((_, last)) = self.series.iter().find(|(series, _)| *series == member.series) {
            // Quiet since its last alert closed, or not at all, where that is open.
            let quiet_ms = closed_ms(last).map_or(0, |closed_ms| opened_ms.saturating_sub(closed_ms)).max(0);
            let density = libm::exp(-(quiet_ms as f64) / parameters.again_ms) / parameters.again_ms;
            return Fit { ratio: parameters.again * density / member.base_per_ms, stranger: 0.0 };
        }
        // All come soon after the first; of what has something in common a part comes soon after the newest. A
        // chain of strangers, each soon after the last, is what a restless hour looks like.
        let density = |since_ms: i64| {
            let scale = parameters.delay_ms + opened_ms.saturating_sub(since_ms) as f64;
            parameters.delay_ms / (scale * scale)
        };
        let strangers = self.share_of_strangers(parameters);
        let theme = member.tokens.iter().filter_map(|token| {
            let have = f64::from(*self.with_token.get(token)?) / self.series.len() as f64;
            let share = population.share(*token);
            (share < parameters.common).then(|| libm::pow(have, parameters.focus) / share)
        });
        let theme = (1.0 - strangers) * parameters.theme * theme.fold(0.0, f64::max);
        let known = companions.of(member.series).filter(|(companion, _)| self.has(*companion));
        let known = known.map(|(_, share)| share).fold(0.0, f64::max);
        let companion = parameters.companion * known * population.series();

        // How many times likelier this series is than any other; a stranger is as likely as any.
        let (of_first, of_newest) = (density(self.first().opened_ms), density(self.newest_ms));
        let stranger = strangers * of_first;
        let related = of_first + parameters.handed_on * (of_newest - of_first);
        let alike = stranger + (theme + companion) * related;
        // One that has several members is known to be no chance.
        let further = parameters.offspring * (self.series.len() as f64).min(parameters.sure);
        let per_ms = further * alike / population.series();
        Fit { ratio: per_ms / member.base_per_ms, stranger: stranger / alike }
    }

    /// How often a further member has nothing in common with the others: as in all incidents at first, then as
    /// in this one.
    fn share_of_strangers(&self, parameters: &Parameters) -> f64 {
        let Parameters { stranger, stranger_weight, .. } = *parameters;
        let further = self.series.len() as f64 - 1.0;
        (stranger * stranger_weight + self.strangers) / (stranger_weight + further)
    }

    pub(super) fn has(&self, series: u64) -> bool {
        self.series.iter().any(|(known, _)| *known == series)
    }

    pub(super) fn join(&mut self, member: Member, fit: Fit) {
        self.newest_ms = self.newest_ms.max(member.key.opened_ms);
        self.score += libm::log(fit.ratio.max(f64::MIN_POSITIVE));
        match self.series.iter_mut().find(|(series, _)| *series == member.series) {
            Some((_, last)) => *last = member.key,
            None => {
                self.series.push((member.series, member.key));
                self.strangers += fit.stranger;
                member.tokens.iter().for_each(|token| *self.with_token.entry(*token).or_default() += 1);
            }
        }
        self.members.push(member);
    }
}
