//! The labs' words: what a script of lab 4 says (catalogue of the Go harness, `shardkv/config.go` and
//! `shardctrler/config.go`).

use super::{Actor, GroupServer, Holdings, Lab4B, MasterClerk, Setup, Sharded};
use crate::arena::{Replica, SLACK, Subject};
use crate::kv::{KvClerk, asked};
use crate::linear::KvOp;
use crate::script::Script;
use crate::{Outcome, demand, fail};
use labrpc::{CrashPoint, NodeId, Persister, Trace};
use raft::Status;
use shardkv::Phase;
use shardmaster::{Config, ConfigNum, Gid, Op, Reply, Shard};
use std::cell::RefMut;
use std::collections::BTreeMap;

/// What a script of lab 4 holds.
pub type ShardLab<L> = Script<Sharded<L>>;

/// A client of the store.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Its node.
    pub id: NodeId,
    /// Its number in the history.
    pub number: u64,
}

/// A client of the master: it makes groups join and leave.
#[derive(Clone, Copy, Debug)]
pub struct Keeper {
    /// Its node.
    pub id: NodeId,
    /// Its number in the history.
    pub number: u64,
    /// Which master it is a client of.
    master: usize,
}

/// What a group shows of itself: see [`ShardLab::held`].
#[derive(Clone, Debug)]
pub struct Held {
    /// The number of the configuration that it has come to.
    pub num: ConfigNum,
    /// Who serves each shard in that configuration.
    pub owners: Vec<Option<Gid>>,
    /// How far it is with each shard of which it has anything.
    pub phases: Vec<(Shard, Phase)>,
}

impl Held {
    /// How far it is with a shard; `None` if it has nothing of it.
    pub fn phase(&self, shard: Shard) -> Option<Phase> {
        self.phases.iter().find(|(it, _)| *it == shard).map(|(_, phase)| *phase)
    }

    /// The shards with which it is as far as that.
    pub fn all(&self, phase: Phase) -> impl Iterator<Item = Shard> + '_ {
        self.phases.iter().filter(move |(_, it)| *it == phase).map(|(shard, _)| *shard)
    }

    /// Whether nothing is on its way, from here or to here.
    pub fn is_settled(&self) -> bool {
        self.phases.iter().all(|(_, phase)| matches!(phase, Phase::Serving | Phase::Parked))
    }
}

impl<L: Lab4B> ShardLab<L> {
    /// A master, ready for a script.
    pub fn new(setup: Setup, seed: u64, trace: Trace) -> Self {
        Self::on(Sharded::new(setup, seed, trace))
    }

    /// Boots the servers of groups, which have not joined yet.
    pub fn add_groups(&self, gids: impl IntoIterator<Item = u64>) {
        for gid in gids {
            self.cluster_mut().add_group(Gid::new(gid));
        }
    }

    /// How many shards there are.
    pub fn shards(&self) -> u16 {
        self.cluster().setup.shards
    }

    // ---- the master --------------------------------------------------------------------------

    /// Boots another master, of which groups know nothing; the answer is its number.
    pub fn add_master(&self) -> usize {
        self.cluster_mut().add_master()
    }

    /// A clerk of the master.
    pub fn keeper(&self) -> Keeper {
        self.keeper_of(0)
    }

    /// A clerk of the master with this number.
    pub fn keeper_of(&self, master: usize) -> Keeper {
        let mut masters = self.cluster().masters[master].servers.clone();
        self.dice(|dice| dice.shuffle(&mut masters));
        let number = self.next_number();
        let id = self
            .world(|world| world.add(move |cx| Actor::MasterClerk(L::master_clerk(cx, &masters))));
        Keeper { id, number, master }
    }

    fn next_number(&self) -> u64 {
        let clerks = &mut self.cluster_mut().clerks;
        *clerks += 1;
        *clerks - 1
    }

    /// Asks the master and records it.
    pub async fn ask(&self, keeper: Keeper, op: Op) -> Reply {
        let now = self.now();
        let calls = || RefMut::map(self.cluster_mut(), |it| &mut it.masters[keeper.master].calls);
        let call = calls().begin(keeper.number, keeper.id, now, op.clone());
        self.world(|world| {
            world.poke(keeper.id, |actor, cx| match actor {
                Actor::MasterClerk(it) => {
                    cx.note("asks for", format_args!("{op:?}"));
                    it.start(cx, op);
                }
                _ => unreachable!("{} is a clerk of the master", keeper.id),
            })
        });
        loop {
            let reply = match self.cluster().world().node(keeper.id) {
                Some(Actor::MasterClerk(it)) => it.reply().cloned(),
                _ => None,
            };
            if let Some(reply) = reply {
                let now = self.now();
                calls().end(call, now, reply.clone());
                return reply;
            }
            self.until_done(keeper.id).await;
        }
    }

    /// Asks for a change; the answer is the number of the configuration that it made.
    pub async fn change(&self, keeper: Keeper, op: Op) -> Outcome<ConfigNum> {
        match self.ask(keeper, op.clone()).await {
            Reply::Made(num) => Ok(num),
            other => fail!("configuration made", "the answer to {op:?} is {other:?}"),
        }
    }

    /// A configuration: the latest, if no number is given.
    pub async fn query(&self, keeper: Keeper, num: Option<ConfigNum>) -> Outcome<Config> {
        match self.ask(keeper, Op::Query { num }).await {
            Reply::Config(config) => Ok(config),
            other => fail!("query", "the answer is {other:?}"),
        }
    }

    /// Lets groups join that have been added.
    pub async fn join(&self, keeper: Keeper, gids: &[u64]) -> Outcome<ConfigNum> {
        let groups: BTreeMap<Gid, Vec<NodeId>> = {
            let sharded = self.cluster();
            gids.iter()
                .map(|&gid| (Gid::new(gid), sharded.groups[&Gid::new(gid)].clone()))
                .collect()
        };
        self.change(keeper, Op::Join { groups }).await
    }

    /// Makes groups leave.
    pub async fn leave(&self, keeper: Keeper, gids: &[u64]) -> Outcome<ConfigNum> {
        let gids = gids.iter().map(|&gid| Gid::new(gid)).collect();
        self.change(keeper, Op::Leave { gids }).await
    }

    /// Gives a shard to a group. The answer is whether that made a configuration: it may have it
    /// already.
    pub async fn give(&self, keeper: Keeper, shard: Shard, gid: u64) -> Outcome<bool> {
        match self.ask(keeper, Op::Move { shard, gid: Gid::new(gid) }).await {
            Reply::Made(_) => Ok(true),
            Reply::Unchanged(_) => Ok(false),
            other => fail!("configuration made", "moving {shard} to g{gid}: {other:?}"),
        }
    }

    // ---- the store ---------------------------------------------------------------------------

    /// A clerk of the store.
    pub fn client(&self) -> Client {
        self.client_of(0)
    }

    /// A clerk of the store that asks the master with this number.
    pub fn client_of(&self, master: usize) -> Client {
        let mut masters = self.cluster().masters[master].servers.clone();
        self.dice(|dice| dice.shuffle(&mut masters));
        let number = self.next_number();
        let id = self.world(|world| world.add(move |cx| Actor::Clerk(L::clerk(cx, &masters))));
        Client { id, number }
    }

    /// Does an operation and records it; the answer is that of a get, and empty otherwise. It waits
    /// for ever if the clerk crashes meanwhile.
    pub async fn call(&self, client: Client, op: KvOp) -> String {
        let now = self.now();
        let call = self.cluster_mut().calls.begin(client.number, client.id, now, op.clone());
        let life = self.cluster().world().life(client.id);
        self.world(|world| {
            world.poke(client.id, |actor, cx| match actor {
                Actor::Clerk(it) => {
                    cx.note("asks for", format_args!("{op:?}"));
                    it.start(cx, asked(op));
                }
                _ => unreachable!("{} is a clerk", client.id),
            })
        });
        loop {
            if let Some(reply) = self.reply(client, life) {
                let now = self.now();
                self.cluster_mut().calls.end(call, now, reply.clone());
                return reply;
            }
            self.until_done(client.id).await;
        }
    }

    fn reply(&self, client: Client, life: u32) -> Option<String> {
        let sharded = self.cluster();
        match sharded.world().node(client.id) {
            Some(Actor::Clerk(it)) if sharded.world().life(client.id) == life => {
                it.reply().map(str::to_string)
            }
            _ => None,
        }
    }

    /// The value of a key; empty if it has none.
    pub async fn get(&self, client: Client, key: &str) -> String {
        self.call(client, KvOp::get(key)).await
    }

    /// Sets the value of a key.
    pub async fn put(&self, client: Client, key: &str, value: &str) {
        self.call(client, KvOp::put(key, value)).await;
    }

    /// Adds to the end of the value of a key.
    pub async fn append(&self, client: Client, key: &str, value: &str) {
        self.call(client, KvOp::append(key, value)).await;
    }

    /// A get that must give this value.
    pub async fn check(&self, client: Client, key: &str, expected: &str) -> Outcome {
        let value = self.get(client, key).await;
        demand!(value == expected, "get", "{key} is {value:?} and should be {expected:?}");
        Ok(())
    }

    // ---- servers -----------------------------------------------------------------------------

    /// The master's servers.
    pub fn masters(&self) -> Vec<NodeId> {
        self.cluster().masters[0].servers.clone()
    }

    /// A group's servers.
    pub fn group(&self, gid: u64) -> Vec<NodeId> {
        self.cluster().groups[&Gid::new(gid)].clone()
    }

    /// All groups that have been added, with their servers.
    pub fn groups(&self) -> Vec<(u64, Vec<NodeId>)> {
        self.cluster().groups.iter().map(|(gid, servers)| (gid.get(), servers.clone())).collect()
    }

    /// Ends a server's life.
    pub fn crash(&self, id: NodeId) {
        self.world(|world| world.crash(id, CrashPoint::Now));
    }

    /// Begins a server's next life.
    pub fn restart(&self, id: NodeId) {
        self.world(|world| world.restart(id)).expect("scripts of lab 4 lose no disks");
    }

    /// Ends the lives of all servers of a group.
    pub fn crash_group(&self, gid: u64) {
        self.group(gid).into_iter().for_each(|id| self.crash(id));
    }

    /// Begins the next lives of all servers of a group.
    pub fn restart_group(&self, gid: u64) {
        self.group(gid).into_iter().for_each(|id| self.restart(id));
    }

    /// Whether a server is up.
    pub fn is_up(&self, id: NodeId) -> bool {
        self.cluster().world().node(id).is_some()
    }

    /// What a server's Raft says of itself, if it is up and shows it.
    pub fn status(&self, id: NodeId) -> Option<Status> {
        self.cluster().world().node(id)?.replica().map(Replica::status)
    }

    /// The first of these servers that believes itself to be the leader.
    pub fn leader_of(&self, servers: &[NodeId]) -> Option<NodeId> {
        let sharded = self.cluster();
        let leads = |id: &NodeId| sharded.world().node(*id).is_some_and(Actor::is_leader);
        servers.iter().copied().find(leads)
    }

    /// What a group has, as far as the furthest of its servers that are up has come; `None` if none
    /// of them shows it, or if [nobody looks](Setup::across_groups).
    pub fn held(&self, gid: u64) -> Option<Held> {
        let sharded = self.cluster();
        if !sharded.setup.across_groups {
            return None;
        }
        let servers = sharded.groups.get(&Gid::new(gid))?;
        let shown = servers.iter().filter_map(|id| sharded.world().node(*id)?.group()?.holdings());
        let furthest = shown.max_by_key(|holdings| holdings.applied)?;
        let Holdings { config, phases, .. } = furthest;
        Some(Held { num: config.num, owners: config.shards.clone(), phases })
    }

    // ---- figures -----------------------------------------------------------------------------

    /// The labs' `checklogs`: the Raft state of every server of a group is not too large, and there
    /// are no snapshots if there is no limit.
    pub fn check_disks(&self) -> Outcome {
        let sharded = self.cluster();
        let limit = sharded.setup.config.max_raft_state;
        for id in sharded.groups.values().flatten() {
            let disk = sharded.world().disk(*id);
            if let Some(limit) = limit {
                let (bytes, most) = (disk.raft_state_bytes(), SLACK * limit);
                demand!(bytes <= most, "state size", "{id} keeps {bytes} bytes of Raft state");
            } else {
                let bytes = disk.snapshot().len();
                demand!(bytes == 0, "no snapshots", "{id} has one, of {bytes} bytes");
            }
        }
        Ok(())
    }

    /// How many bytes all servers of all groups keep on their disks.
    pub fn bytes_kept(&self) -> usize {
        let sharded = self.cluster();
        let kept = |id: &NodeId| {
            let disk = sharded.world().disk(*id);
            disk.raft_state_bytes() + disk.snapshot().len()
        };
        sharded.groups.values().flatten().map(kept).sum()
    }
}
