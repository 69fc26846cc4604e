//! What must hold of all groups together, looked at after every step of any of their servers.
//!
//! A group is what its log says, so each group is taken for what its furthest server has: who is
//! behind cannot commit anything that contradicts it.

use super::Holdings;
use crate::arena::Marks;
use crate::{Outcome, demand};
use labrpc::{Fingerprint, NodeId};
use shardkv::Phase;
use shardmaster::{Config, Gid, Shard};
use std::collections::{BTreeMap, BTreeSet};

/// Watches all groups.
#[derive(Default)]
pub(super) struct ShardWatch {
    groups: BTreeMap<Gid, Watched>,
    /// All configurations that any group has come to.
    configs: BTreeMap<u64, Config>,
    /// Who serves each shard.
    serving: BTreeMap<Shard, Gid>,
    /// Who has what is in each shard that anybody ever had: the group that serves it, one that has
    /// not been told to delete it, or both.
    holders: BTreeMap<Shard, BTreeSet<Gid>>,
    /// How many lives the servers of the group had that a shard came to, when it came.
    arrived: BTreeMap<Shard, (Gid, u32)>,
    marks: Marks,
}

/// How far a group is with each shard.
type Phases = BTreeMap<Shard, Phase>;

/// A group, as far as its furthest server has come.
#[derive(Default)]
struct Watched {
    applied: u64,
    config: u64,
    phases: Phases,
    /// What whoever has applied so much must have.
    digests: BTreeMap<u64, u64>,
    /// How far each server has been looked at, and in which life.
    seen: BTreeMap<NodeId, (u32, u64)>,
}

impl ShardWatch {
    /// Which situations it has seen, and how often.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Looks at a server of a group.
    pub fn after(&mut self, gid: Gid, id: NodeId, life: u32, now: &Holdings<'_>) -> Outcome {
        let group = self.groups.entry(gid).or_default();
        if group.seen.insert(id, (life, now.applied)) == Some((life, now.applied)) {
            return Ok(());
        }
        let num = now.config.num.get();
        let known = self.configs.entry(num).or_insert_with(|| now.config.clone());
        demand!(
            known == now.config,
            "configurations agree",
            "{id} of {gid} has {:?}, and elsewhere it is {known:?}",
            now.config
        );
        let digest = digest(now);
        let there = *group.digests.entry(now.applied).or_insert(digest);
        demand!(
            there == digest,
            "replicas agree",
            "{id} of {gid} has applied {} entries and has {:?} in configuration {num}, unlike another \
             that has applied as many",
            now.applied,
            now.phases
        );
        if now.applied <= group.applied {
            return Ok(());
        }
        let entries = now.applied - group.applied;
        demand!(
            num >= group.config && num - group.config <= entries,
            "configurations one by one",
            "{gid} went from configuration {} to {num} in {entries} entries",
            group.config
        );
        let before = std::mem::take(&mut group.phases);
        let moved_on = std::mem::replace(&mut group.config, num) < num;
        group.applied = now.applied;
        group.phases = now.phases.iter().copied().collect();
        self.note_changes(gid, &before, moved_on);
        self.check_holders(gid, &before, now)?;
        self.check_serving(gid, &before, now)
    }

    /// Nobody keeps keys of a shard that was given away and deleted, and nobody deletes the last.
    fn check_holders(&mut self, gid: Gid, before: &Phases, now: &Holdings<'_>) -> Outcome {
        let phases = &self.groups[&gid].phases;
        let has = |shard: &Shard| phases.get(shard).is_some_and(|phase| holds(*phase));
        for shard in &now.keys {
            demand!(
                has(shard),
                "deletes",
                "{gid} has keys of {shard}, which has not come, or which it was told to delete"
            );
        }
        for shard in phases.keys().filter(|shard| has(shard)) {
            self.holders.entry(*shard).or_default().insert(gid);
        }
        for shard in before.keys().filter(|shard| !has(shard)) {
            let Some(holders) = self.holders.get_mut(shard) else { continue };
            holders.remove(&gid);
            demand!(
                !holders.is_empty(),
                "no shard is lost",
                "{gid} has deleted {shard}, which no other group has"
            );
            if let Some((new_owner, then)) = self.arrived.get(shard)
                && self.groups.get(new_owner).is_some_and(|it| it.lives() > *then)
            {
                *self.marks.entry("deletes after the new owner crashed").or_default() += 1;
            }
        }
        Ok(())
    }

    /// A shard is served by one group, and that is its owner.
    fn check_serving(&mut self, gid: Gid, before: &Phases, now: &Holdings<'_>) -> Outcome {
        let phases = &self.groups[&gid].phases;
        for shard in before.keys().filter(|shard| phases.get(shard) != Some(&Phase::Serving)) {
            if self.serving.get(shard) == Some(&gid) {
                self.serving.remove(shard);
            }
        }
        for (shard, _) in phases.iter().filter(|(_, phase)| **phase == Phase::Serving) {
            let (other, num) = (*self.serving.entry(*shard).or_insert(gid), now.config.num);
            demand!(
                other == gid,
                "one group per shard",
                "{shard} is served by {gid}, which has come to configuration {num}, and by {other}"
            );
            demand!(
                now.config.owner(*shard) == Some(gid),
                "serves only its own",
                "{gid} serves {shard}, which is not its own in {:?}",
                now.config
            );
        }
        Ok(())
    }

    /// Situations: see [`swarm::marks`](crate::swarm::marks).
    fn note_changes(&mut self, gid: Gid, before: &Phases, moved_on: bool) {
        let group = &self.groups[&gid];
        let has = |phase: Phase| group.phases.values().any(|it| *it == phase);
        for (shard, phase) in &group.phases {
            let what = match (before.get(shard), phase) {
                (Some(Phase::Awaited), Phase::Serving) => {
                    self.arrived.insert(*shard, (gid, group.lives()));
                    if !has(Phase::Awaited) {
                        continue;
                    }
                    "serves one, awaits others"
                }
                (Some(Phase::Serving), Phase::Parked) => "nobody's shard",
                (Some(Phase::Parked), Phase::Serving) => "nobody's shard comes back",
                (Some(Phase::Parked), Phase::Leaving) => "nobody's shard is given away",
                (None, Phase::Serving) => "a shard is served for the first time",
                _ => continue,
            };
            *self.marks.entry(what).or_default() += 1;
        }
        if moved_on && has(Phase::Awaited) && has(Phase::Leaving) {
            *self.marks.entry("gives and takes at once").or_default() += 1;
        }
    }
}

impl Watched {
    /// How many lives its servers have had.
    fn lives(&self) -> u32 {
        self.seen.values().map(|(life, _)| life).sum()
    }
}

/// Whether a group that has come so far with a shard has what is in it.
fn holds(phase: Phase) -> bool {
    match phase {
        Phase::Serving | Phase::Leaving | Phase::Parked => true,
        Phase::Awaited => false,
    }
}

fn digest(now: &Holdings<'_>) -> u64 {
    let mut print = Fingerprint::default();
    print.word(now.config.num.get());
    for (shard, phase) in &now.phases {
        print.word(u64::from(shard.get()));
        print.word(*phase as u64);
    }
    print.value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kvraft::rsm::Service;
    use shardmaster::{Master, Op};

    const ONE: Gid = Gid::new(100);
    const OTHER: Gid = Gid::new(101);
    const SHARD: Shard = Shard::new(0);

    /// One shard: first nobody's, then that of the one, then that of the other.
    fn configs() -> Vec<Config> {
        let mut master = Master::new(1);
        let servers = |gid: Gid| vec![NodeId::new(gid.get() as u16)];
        master.apply(&Op::Join { groups: [(ONE, servers(ONE))].into() });
        master.apply(&Op::Join { groups: [(OTHER, servers(OTHER))].into() });
        master.apply(&Op::Move { shard: SHARD, gid: OTHER });
        master.configs().to_vec()
    }

    /// Says what a server of a group has, and what comes of it.
    struct Teller {
        watch: ShardWatch,
        configs: Vec<Config>,
    }

    impl Teller {
        fn new() -> Self {
            Self { watch: ShardWatch::default(), configs: configs() }
        }

        fn tell(&mut self, gid: Gid, applied: u64, num: usize, phase: Option<Phase>) -> Outcome {
            let holds = phase.is_some_and(holds);
            self.tell_of(gid, NodeId::new(0), applied, num, phase, holds)
        }

        fn tell_of(
            &mut self,
            gid: Gid,
            id: NodeId,
            applied: u64,
            num: usize,
            phase: Option<Phase>,
            has_keys: bool,
        ) -> Outcome {
            let now = Holdings {
                gid,
                applied,
                config: &self.configs[num],
                phases: phase.into_iter().map(|phase| (SHARD, phase)).collect(),
                keys: has_keys.then_some(SHARD).into_iter().collect(),
            };
            self.watch.after(gid, id, 0, &now)
        }

        /// Up to where the one has to give the shard to the other.
        fn up_to_the_move(&mut self) {
            for (gid, applied, num, phase) in [
                (ONE, 1, 1, Some(Phase::Serving)),
                (ONE, 2, 2, Some(Phase::Serving)),
                (OTHER, 2, 2, None),
                (ONE, 3, 3, Some(Phase::Leaving)),
                (OTHER, 3, 3, Some(Phase::Awaited)),
            ] {
                self.tell(gid, applied, num, phase).unwrap();
            }
        }
    }

    fn property(outcome: Outcome) -> String {
        outcome.unwrap_err().property
    }

    #[test]
    fn a_shard_moves() {
        let mut teller = Teller::new();
        teller.up_to_the_move();
        teller.tell(OTHER, 4, 3, Some(Phase::Serving)).unwrap();
        teller.tell(ONE, 4, 3, None).unwrap();
    }

    #[test]
    fn a_server_that_is_behind_says_nothing_new() {
        let mut teller = Teller::new();
        teller.up_to_the_move();
        let behind = NodeId::new(1);
        teller.tell_of(ONE, behind, 2, 2, Some(Phase::Serving), true).unwrap();
        teller.tell(OTHER, 4, 3, Some(Phase::Serving)).unwrap();
    }

    #[test]
    fn two_groups_that_serve_a_shard_are_noticed() {
        let mut teller = Teller::new();
        for (applied, num) in [(1, 1), (2, 2)] {
            teller.tell(ONE, applied, num, Some(Phase::Serving)).unwrap();
        }
        let outcome = teller.tell(OTHER, 3, 3, Some(Phase::Serving));
        assert_eq!(property(outcome), "one group per shard");
    }

    #[test]
    fn a_group_that_serves_what_is_not_its_own_is_noticed() {
        let mut teller = Teller::new();
        let outcome = teller.tell(OTHER, 1, 1, Some(Phase::Serving));
        assert_eq!(property(outcome), "serves only its own");
    }

    #[test]
    fn a_deletion_before_the_arrival_is_noticed() {
        let mut teller = Teller::new();
        teller.up_to_the_move();
        assert_eq!(property(teller.tell(ONE, 4, 3, None)), "no shard is lost");
    }

    #[test]
    fn keys_that_stay_are_noticed() {
        let mut teller = Teller::new();
        teller.up_to_the_move();
        teller.tell(OTHER, 4, 3, Some(Phase::Serving)).unwrap();
        let outcome = teller.tell_of(ONE, NodeId::new(0), 4, 3, None, true);
        assert_eq!(property(outcome), "deletes");
    }

    #[test]
    fn a_configuration_that_is_left_out_is_noticed() {
        let mut teller = Teller::new();
        teller.tell(OTHER, 1, 1, None).unwrap();
        assert_eq!(property(teller.tell(OTHER, 2, 3, None)), "configurations one by one");
    }

    #[test]
    fn a_configuration_that_goes_back_is_noticed() {
        let mut teller = Teller::new();
        teller.tell(OTHER, 2, 2, None).unwrap();
        assert_eq!(property(teller.tell(OTHER, 3, 1, None)), "configurations one by one");
    }

    #[test]
    fn configurations_that_differ_are_noticed() {
        let mut teller = Teller::new();
        teller.tell(ONE, 1, 1, Some(Phase::Serving)).unwrap();
        teller.configs[1].groups.clear();
        assert_eq!(property(teller.tell(OTHER, 1, 1, None)), "configurations agree");
    }

    #[test]
    fn replicas_that_differ_are_noticed() {
        let mut teller = Teller::new();
        teller.tell(ONE, 1, 1, Some(Phase::Serving)).unwrap();
        let outcome = teller.tell_of(ONE, NodeId::new(1), 1, 1, None, false);
        assert_eq!(property(outcome), "replicas agree");
    }
}
