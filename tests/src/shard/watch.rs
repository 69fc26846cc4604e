//! What must hold of all groups together, looked at after every step of any of their servers.
//!
//! A group is what its log says, so each group is taken for what its furthest server has: who is
//! behind cannot commit anything that contradicts it.

use super::Holdings;
use crate::{Outcome, demand};
use labrpc::{Fingerprint, NodeId};
use shardkv::Phase;
use shardmaster::{Config, Gid, Shard};
use std::collections::BTreeMap;

/// Watches all groups.
#[derive(Default)]
pub(super) struct ShardWatch {
    groups: BTreeMap<Gid, Watched>,
    /// All configurations that any group has come to.
    configs: BTreeMap<u64, Config>,
    /// Who serves each shard.
    serving: BTreeMap<Shard, Gid>,
}

/// A group, as far as its furthest server has come.
#[derive(Default)]
struct Watched {
    applied: u64,
    config: u64,
    phases: BTreeMap<Shard, Phase>,
    /// What whoever has applied so much must have.
    digests: BTreeMap<u64, u64>,
    /// How far each server has been looked at, and in which life.
    seen: BTreeMap<NodeId, (u32, u64)>,
}

impl ShardWatch {
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
        (group.applied, group.config) = (now.applied, num);
        group.phases = now.phases.iter().copied().collect();
        let phases = group.phases.clone();
        for shard in before.keys().filter(|shard| phases.get(shard) != Some(&Phase::Serving)) {
            if self.serving.get(shard) == Some(&gid) {
                self.serving.remove(shard);
            }
        }
        for (shard, _) in phases.iter().filter(|(_, phase)| **phase == Phase::Serving) {
            let other = *self.serving.entry(*shard).or_insert(gid);
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
