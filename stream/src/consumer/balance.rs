//! Which leases a worker takes: the rules of the Kinesis Client Library's lease taker.

use super::lease::{Checkpoint, Lease};
use std::collections::BTreeMap;

/// What a worker knows of leases over time. A lease whose counter hasn't moved for the failover time, on
/// this worker's own steady clock, is expired: the clocks of workers are never compared.
#[derive(Debug, Default)]
pub struct Observed {
    leases: BTreeMap<String, Seen>,
}

#[derive(Debug)]
struct Seen {
    lease: Lease,
    changed_at_ms: u64,
}

impl Observed {
    /// Takes up the table's content as of `elapsed_ms`.
    pub fn update(&mut self, leases: Vec<Lease>, elapsed_ms: u64) {
        let mut before = std::mem::take(&mut self.leases);
        for lease in leases {
            let changed_at_ms = match before.remove(&lease.lease_key) {
                Some(seen)
                    if seen.lease.lease_counter == lease.lease_counter
                        && seen.lease.lease_owner == lease.lease_owner =>
                {
                    seen.changed_at_ms
                }
                _ => elapsed_ms,
            };
            self.leases.insert(lease.lease_key.clone(), Seen { lease, changed_at_ms });
        }
    }

    /// The leases that worker `me`, which `holds` what it holds, should take now, best first. `random`
    /// decides between equals, so that workers that start together don't all take the same.
    ///
    /// Expired leases are taken up to an even share; where there are none, one lease is stolen from the
    /// worker with the most, if it has more than its share. A shard is left alone until its parents are
    /// done, and when it is done itself.
    pub fn to_take(
        &self,
        me: &str,
        holds: impl Fn(&str) -> bool,
        elapsed_ms: u64,
        failover_ms: u64,
        random: &mut Random,
    ) -> Vec<Lease> {
        let mut held = BTreeMap::from([(me, Vec::new())]);
        let mut expired = Vec::new();
        let mut count = 0;
        for seen in self.leases.values().filter(|seen| self.is_ready(&seen.lease)) {
            count += 1;
            let lease = &seen.lease;
            match lease.lease_owner.as_deref() {
                Some(owner) if owner == me && holds(&lease.lease_key) => {
                    held.entry(me).or_default().push(lease)
                }
                // A lease in this worker's name that it doesn't hold is of an earlier life of its.
                Some(owner) if owner != me && elapsed_ms < seen.changed_at_ms + failover_ms => {
                    held.entry(owner).or_default().push(lease);
                }
                _ => expired.push(lease),
            }
        }
        let share = usize::div_ceil(count, held.len());
        let wanted = share.saturating_sub(held[me].len());
        if wanted == 0 {
            return Vec::new();
        }
        if !expired.is_empty() {
            random.shuffle(&mut expired);
            return expired.into_iter().take(wanted).cloned().collect();
        }
        let mut from = held.into_iter().filter(|(owner, _)| *owner != me).map(|(_, leases)| leases);
        let Some(mut most) = from.by_ref().max_by_key(Vec::len) else { return Vec::new() };
        // Who has just its share is robbed only by one who lacks two, or two workers would rob each other
        // in turns where the leases don't divide.
        if most.len() < share + usize::from(wanted == 1) {
            return Vec::new();
        }
        random.shuffle(&mut most);
        most.into_iter().take(1).cloned().collect()
    }

    /// Whether a shard can be read: it isn't done and its parents are. A parent without a lease was
    /// trimmed, so it is done.
    fn is_ready(&self, lease: &Lease) -> bool {
        let done = |lease: &Lease| lease.checkpoint == Checkpoint::ShardEnd;
        !done(lease)
            && lease
                .parent_shard_id
                .iter()
                .all(|parent| self.leases.get(parent).is_none_or(|seen| done(&seen.lease)))
    }
}

/// A small generator (SplitMix64) for choices that need to be spread, not secret.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that gives the same choices for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, (self.next() % (i as u64 + 1)) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FAILOVER_MS: u64 = 10_000;

    fn lease(n: usize, owner: Option<&str>) -> Lease {
        let lease = Lease::unowned(n.to_string(), Checkpoint::TrimHorizon, Vec::new());
        owner.map_or(lease.clone(), |owner| lease.taken_by(owner))
    }

    fn keys(leases: &[Lease]) -> Vec<&str> {
        leases.iter().map(|lease| &*lease.lease_key).collect()
    }

    #[test]
    fn a_dead_workers_leases_are_taken_and_a_living_ones_are_not() {
        let mut observed = Observed::default();
        let mut random = Random::seeded(1);
        observed.update(vec![lease(0, Some("dead")), lease(1, Some("alive"))], 0);
        assert!(observed.to_take("me", |_| false, 9_999, FAILOVER_MS, &mut random).is_empty());
        observed.update(vec![lease(0, Some("dead")), lease(1, Some("alive")).renewed()], 9_000);
        let taken = observed.to_take("me", |_| false, 10_000, FAILOVER_MS, &mut random);
        assert_eq!(keys(&taken), ["0"]);
    }

    #[test]
    fn a_child_waits_for_its_parents() {
        let mut child = lease(2, None);
        child.parent_shard_id = vec!["0".into(), "1".into(), "trimmed".into()];
        let mut parents = [lease(0, None), lease(1, None)];
        for (done, expected) in [(0, vec!["0", "1"]), (1, vec!["1"]), (2, vec!["2"])] {
            for parent in &mut parents[..done] {
                parent.checkpoint = Checkpoint::ShardEnd;
            }
            let mut observed = Observed::default();
            observed.update(vec![parents[0].clone(), parents[1].clone(), child.clone()], 0);
            let taken = observed.to_take("me", |_| false, 0, FAILOVER_MS, &mut Random::seeded(7));
            let mut taken = keys(&taken);
            taken.sort_unstable();
            assert_eq!(taken, expected);
        }
    }

    #[test]
    fn a_lease_of_an_earlier_life_is_taken_at_once() {
        let mut observed = Observed::default();
        observed.update(vec![lease(0, Some("me"))], 0);
        let random = &mut Random::seeded(1);
        assert_eq!(keys(&observed.to_take("me", |_| false, 0, FAILOVER_MS, random)), ["0"]);
        assert!(observed.to_take("me", |_| true, 0, FAILOVER_MS, random).is_empty());
    }

    proptest! {
        /// Whoever has what at first, workers that take turns come to an even split and then rest.
        #[test]
        fn workers_settle_on_an_even_split(
            owners in prop::collection::vec(prop::option::of(0usize..4), 0..24),
            workers in 1usize..5,
            seed in any::<u64>(),
        ) {
            let names: Vec<String> = (0..workers).map(|i| format!("w{i}")).collect();
            let mut leases: Vec<Lease> = owners
                .iter()
                .enumerate()
                .map(|(i, owner)| lease(i, owner.filter(|o| *o < workers).map(|o| &*names[o])))
                .collect();
            let mut random = Random::seeded(seed);
            let mut quiet = 0;
            for turn in 0.. {
                prop_assert!(turn < 24 * 24 * workers, "it never settles");
                let me = &names[turn % workers];
                let mut observed = Observed::default();
                observed.update(leases.clone(), 0);
                let taken = observed.to_take(me, |_| true, 0, FAILOVER_MS, &mut random);
                quiet = if taken.is_empty() { quiet + 1 } else { 0 };
                for lease in taken {
                    let at: usize = lease.lease_key.parse().unwrap();
                    leases[at] = leases[at].taken_by(me);
                }
                if quiet == workers {
                    break;
                }
            }
            let share = |name: &String| leases.iter().filter(|l| l.lease_owner.as_deref() == Some(name)).count();
            let shares: Vec<usize> = names.iter().map(share).collect();
            prop_assert_eq!(shares.iter().sum::<usize>(), leases.len());
            prop_assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1 ||
                *shares.iter().max().unwrap() <= leases.len().div_ceil(workers), "{:?}", shares);
        }
    }
}
