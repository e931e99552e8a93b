//! Second thoughts: what a new member shows of its group may tell that it is two, or one with another.

use super::companions::Companions;
use super::group::{Context, Group, Member};

/// Members of a group up to which it is thought over.
const MEMBERS_MAX: usize = 64;
/// A companion that a series met in so great a share of its incidents is reason to look at them apart.
const COMPANION_SHARE: f64 = 0.3;

/// Puts two groups in place of one, where all members are likelier so: those that have something in common with
/// the newest member, and the others.
pub(super) fn split(group: &Group, context: Context<'_>) -> Option<[Group; 2]> {
    let members = group.members();
    let newest = members.last().expect("a group has a member");
    if members.len() > MEMBERS_MAX {
        return None;
    }
    let mut best: Option<[Group; 2]> = None;
    let mut least = group.score();
    let mut consider = |belongs: &dyn Fn(&Member) -> bool| {
        let (with, without): (Vec<Member>, Vec<Member>) = members.iter().cloned().partition(belongs);
        let (Some(with), Some(without)) = (Group::of(with, context), Group::of(without, context)) else {
            return;
        };
        if with.score() + without.score() > least {
            least = with.score() + without.score();
            best = Some([with, without]);
        }
    };
    for token in &*newest.tokens {
        consider(&|member| member.tokens.contains(token));
    }
    consider(&|member| {
        member.series == newest.series || often(context.companions, newest.series, member.series)
    });
    best
}

/// One group in place of two, where all members are likelier so.
pub(super) fn merge(one: &Group, other: &Group, context: Context<'_>) -> Option<Group> {
    if one.members().len() + other.members().len() > MEMBERS_MAX {
        return None;
    }
    let mut members = [one.members(), other.members()].concat();
    members.sort_unstable_by_key(|member| member.key);
    let merged = Group::of(members, context)?;
    (merged.score() > one.score() + other.score()).then_some(merged)
}

fn often(companions: &Companions, series: u64, other: u64) -> bool {
    companions.of(series).any(|(companion, share)| companion == other && share >= COMPANION_SHARE)
}
