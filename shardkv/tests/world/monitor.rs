//! What must be true of every step of a world, and how much of a storm it was.

use super::Node;
use super::watch::Counts;
use kvraft::rsm::{Answer, ClientMessage};
use labrpc::{Fingerprint, NodeId, World};
use shardkv::{Message, Phase, Reply, Store};
use shardmaster::{ConfigNum, Gid, Shard};
use std::collections::BTreeMap;

/// How often something happened: without that a storm proves nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// What was in the logs, as every server came across it.
    pub log: Counts,
    /// Groups that were told that a shard had come already, and that the other one is behind.
    pub here_already: u64,
    pub behind: u64,
    /// Clients that were told to go elsewhere, and to wait.
    pub wrong_group: u64,
    pub not_yet: u64,
    /// Steps after which a group had both something to give away and something to wait for.
    pub exchanges: u64,
    pub parked: u64,
    pub changes: u64,
    pub appends: u64,
    pub gets: u64,
    /// Appends whose client has crashed, and of these those that were done nevertheless.
    pub orphans: u64,
    pub orphans_done: u64,
}

/// A group is what its log says: what it has is what its furthest server has.
#[derive(Clone, Debug, Default)]
struct Furthest {
    applied: u64,
    num: u64,
    phases: BTreeMap<Shard, Phase>,
}

#[derive(Clone, Debug, Default)]
pub struct Monitor {
    pub tally: Tally,
    groups: BTreeMap<Gid, Furthest>,
    /// A digest of the state after each entry.
    states: BTreeMap<(Gid, u64), u64>,
    configs: BTreeMap<ConfigNum, u64>,
    seen: BTreeMap<NodeId, (u32, u64, Counts)>,
}

impl Monitor {
    /// Looks at who took the latest step.
    pub fn look(&mut self, world: &World<Node>) {
        assert_eq!(world.halted(), None);
        let Some(id) = world.stepped() else { return };
        match world.node(id) {
            Some(Node::Group(_)) => self.look_at_group(world, id),
            Some(Node::Master(it)) => assert_eq!(it.refused(), 0, "{id} refuses something"),
            Some(Node::Clerk(it)) => assert_eq!(it.refused(), 0, "{id} refuses something"),
            Some(Node::Fake(_) | Node::Keeper(_)) | None => {}
        }
    }

    fn look_at_group(&mut self, world: &World<Node>, id: NodeId) {
        let group = world.node(id).expect("it is up").group();
        assert_eq!((group.refused(), group.server().has_stopped()), (0, false), "{id}");
        for (_, message) in world.sent() {
            if let Message::Store(ClientMessage::Reply(reply)) = message {
                self.count_answer(&reply.answer);
            }
        }
        let (life, applied) = (world.life(id), group.server().applied().get());
        let (life_before, applied_before, mut counts) =
            self.seen.get(&id).copied().unwrap_or_default();
        let mut is_new = applied != applied_before;
        if life != life_before {
            (is_new, counts) = (true, Counts::default());
        }
        if !is_new {
            return;
        }
        let now = group.server().raft().counts();
        self.count_log(counts, now);
        self.seen.insert(id, (life, applied, now));
        self.compare(id, applied, group.server().service());
    }

    fn count_answer(&mut self, answer: &Answer<Reply>) {
        let Answer::Refused(reply) = answer else { return };
        match reply {
            Reply::Installed => self.tally.here_already += 1,
            Reply::Behind => self.tally.behind += 1,
            Reply::WrongGroup(_) => self.tally.wrong_group += 1,
            Reply::NotYet => self.tally.not_yet += 1,
            other => panic!("nobody is up to no good, and {other:?}"),
        }
    }

    fn count_log(&mut self, before: Counts, now: Counts) {
        let log = &mut self.tally.log;
        log.configures += now.configures - before.configures;
        log.configures_again += now.configures_again - before.configures_again;
        log.installs += now.installs - before.installs;
        log.installs_again += now.installs_again - before.installs_again;
        log.drops += now.drops - before.drops;
        log.drops_again += now.drops_again - before.drops_again;
        log.echoes += now.echoes - before.echoes;
        log.snapshots += now.snapshots - before.snapshots;
    }

    /// Servers of a group that have applied the same have the same; all groups have the same
    /// configurations; and no shard is served twice.
    fn compare(&mut self, id: NodeId, applied: u64, store: &Store) {
        let gid = store.gid();
        let digest = digest(&labgob::encode(store));
        let known = *self.states.entry((gid, applied)).or_insert(digest);
        assert_eq!(known, digest, "{id} of {gid} has another state at {applied}: {store:?}");
        let num = store.config().num;
        let digest = self::digest(&labgob::encode(store.config()));
        assert_eq!(*self.configs.entry(num).or_insert(digest), digest, "{:?}", store.config());

        let group = self.groups.entry(gid).or_default();
        if applied <= group.applied {
            return;
        }
        let steps = num.get() - group.num;
        assert!(steps <= applied - group.applied, "{gid} leaves configurations out");
        let phases = store.shards().iter().map(|(shard, state)| (*shard, state.phase())).collect();
        *group = Furthest { applied, num: num.get(), phases };
        let has = |phase| group.phases.values().any(|it| *it == phase);
        self.tally.exchanges += u64::from(has(Phase::Awaited) && has(Phase::Leaving));
        self.tally.parked += u64::from(has(Phase::Parked));
        for shard in store.config().all_shards() {
            let serves = |it: &&Gid| self.groups[it].phases.get(&shard) == Some(&Phase::Serving);
            let servers: Vec<&Gid> = self.groups.keys().filter(serves).collect();
            assert!(servers.len() <= 1, "{shard} is served by {servers:?}");
        }
    }
}

fn digest(bytes: &[u8]) -> u64 {
    let mut digest = Fingerprint::default();
    digest.bytes(bytes);
    digest.value()
}
