//! A sharded store in a world: a master, groups, clerks of both, and histories of all that clients
//! did.
//!
//! The words that scripts use are in `words`, on the handle [`ShardLab`] that they hold.

mod actor;
mod lab;
mod model;
mod over;
mod watch;
mod words;

pub use actor::Actor;
pub use lab::{GroupServer, Holdings, Lab4A, Lab4B, LabServer, MasterClerk, Place};
pub(crate) use model::fewest_moves;
pub use model::{Configs, MasterModel};
pub use over::{Alone, ClerkNode, MasterClerkNode, Nobody, Over};
pub use words::{Client, Held, Keeper, ShardLab};

use crate::Outcome;
use crate::arena::film::ClientCall;
use crate::arena::{Arena, Inspector, Limits, Marks, Stage, Watch};
use crate::calls::Calls;
use crate::cluster::show_raft_config;
use crate::linear::{DEFAULT_LIMIT, Kv, KvOperation, check, check_kv};
use crate::run::{Monitors, Options, Play};
use crate::suites::Scenario;
use kvraft::rsm::{self, Reads};
use labrpc::{Network, NodeId, Trace, World};
use shardmaster::{Gid, Op, Reply};
use std::collections::BTreeMap;
use watch::ShardWatch;

/// What a sharded store is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How many servers the master has, and each group.
    pub servers: usize,
    /// How many shards there are.
    pub shards: u16,
    /// The network at the start.
    pub network: Network,
    /// The configuration of all servers; the master's take no snapshots.
    pub config: rsm::Config,
    /// Whether monitors look at every step. Histories are checked in any case.
    pub monitors: bool,
    /// Whether they look across groups, too, if servers show what they have of shards.
    pub across_groups: bool,
    /// How much a script may take.
    pub limits: Limits,
}

impl Setup {
    /// A store as most scenarios have it: three servers, ten shards, a reliable network, no
    /// snapshots.
    pub fn new() -> Self {
        Self {
            servers: 3,
            shards: shardmaster::SHARDS,
            network: Network::reliable(),
            config: rsm::Config::default(),
            monitors: true,
            across_groups: true,
            limits: Limits::default(),
        }
    }

    /// The store that a scenario asks for.
    pub fn of(scenario: &Scenario, options: &Options) -> Self {
        let plain = Self::new();
        let (max_raft_state, reads) = (scenario.max_raft_state, options.reads);
        Self {
            servers: scenario.servers,
            network: scenario.network(),
            config: rsm::Config { max_raft_state, reads, ..plain.config },
            monitors: options.monitors.are_on(),
            across_groups: options.monitors != Monitors::Graded,
            ..plain
        }
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

/// A sharded store under test. There are no groups before the script adds some.
pub struct Sharded<L: Lab4B> {
    arena: Arena<Actor<L>>,
    setup: Setup,
    masters: Vec<Master>,
    groups: BTreeMap<Gid, Vec<NodeId>>,
    clerks: u64,
    calls: Calls<Kv>,
}

/// A master: its servers, and what its clients did.
struct Master {
    servers: Vec<NodeId>,
    calls: Calls<MasterModel>,
}

impl<L: Lab4B> Sharded<L> {
    /// Boots the master. All chance comes from `seed`.
    pub fn new(setup: Setup, seed: u64, trace: Trace) -> Self {
        let mut world = World::new(seed, setup.network.clone());
        world.set_trace(trace);
        let mut arena = Arena::new(world, setup.limits);
        if setup.monitors && setup.across_groups {
            arena.inspect(Box::new(AllGroups::default()));
        }
        let (masters, groups) = (Vec::new(), BTreeMap::new());
        let calls = Calls::of(Kv);
        let mut sharded = Self { arena, setup, masters, groups, clerks: 0, calls };
        sharded.add_master();
        sharded
    }

    /// The names of the next nodes, as many as a service has servers.
    fn next_ids(&self) -> Vec<NodeId> {
        let first = self.world().ids().count() as u16;
        (0..self.setup.servers as u16).map(|server| NodeId::new(first + server)).collect()
    }

    /// Boots a master; the answer is its number.
    fn add_master(&mut self) -> usize {
        let ids = self.next_ids();
        let watch = Watch::new(ids.clone(), self.setup.monitors, self.world().seed());
        let name = match self.masters.len() {
            0 => "master".to_string(),
            others => format!("master {}", others + 1),
        };
        self.arena.watch(watch.named(name));
        let config = rsm::Config { max_raft_state: None, ..self.setup.config.clone() };
        for _ in &ids {
            let (ids, config, shards) = (ids.clone(), config.clone(), self.setup.shards);
            self.arena.act(|world| {
                world.add(move |cx| Actor::Master(L::master(cx, &ids, shards, &config)));
            });
        }
        let calls = Calls::of(MasterModel { shards: self.setup.shards });
        self.masters.push(Master { servers: ids, calls });
        self.masters.len() - 1
    }

    /// The world inside.
    pub fn world(&self) -> &World<Actor<L>> {
        self.arena.world()
    }

    /// What clients of the store did.
    pub fn calls(&self) -> &Calls<Kv> {
        &self.calls
    }

    /// Boots the servers of a group, which has not joined yet.
    fn add_group(&mut self, gid: Gid) {
        let ids = self.next_ids();
        let watch = Watch::new(ids.clone(), self.setup.monitors, self.world().seed());
        // With a limit of one byte it is what all of them keep that counts.
        let limit = self.setup.config.max_raft_state.filter(|limit| *limit > 1);
        self.arena.watch(watch.with_limit(limit).named(format!("group {}", gid.get())));
        for _ in &ids {
            let (servers, masters) = (ids.clone(), self.masters[0].servers.clone());
            let (config, shards) = (self.setup.config.clone(), self.setup.shards);
            self.arena.act(|world| {
                world.add(move |cx| {
                    let place = Place { gid, servers: &servers, masters: &masters, shards };
                    Actor::Group(L::group(cx, &place, &config))
                });
            });
        }
        self.groups.insert(gid, ids);
    }
}

/// What is remarkable about an answer of the master.
fn master_mark(op: &Op, reply: &Reply) -> Option<&'static str> {
    Some(match (op, reply) {
        (_, Reply::Invalid(_)) => "makes no sense",
        (_, Reply::Unchanged(_)) => "changes nothing",
        (Op::Query { num: Some(num) }, Reply::Config(config)) if config.num < *num => {
            "asks for what is to come"
        }
        (Op::Query { num: Some(_) }, Reply::Config(_)) => "asks for what was",
        (_, Reply::Config(config)) if config.groups.is_empty() && config.num.get() > 0 => {
            "all groups have left"
        }
        (_, Reply::Config(config)) if config.groups.len() > config.shards.len() => {
            "more groups than shards"
        }
        (Op::Join { groups }, Reply::Made(_)) if groups.len() > 1 => "several groups join at once",
        (Op::Leave { gids }, Reply::Made(_)) if gids.len() > 1 => "several groups leave at once",
        (Op::Move { .. }, Reply::Made(_)) => "a shard is moved by hand",
        _ => return None,
    })
}

/// [`ShardWatch`] in an arena.
#[derive(Default)]
struct AllGroups {
    watch: ShardWatch,
}

impl<L: Lab4B> Inspector<Actor<L>> for AllGroups {
    fn after(&mut self, world: &World<Actor<L>>, id: NodeId) -> Outcome {
        let Some(group) = world.node(id).and_then(Actor::group) else { return Ok(()) };
        match group.holdings() {
            Some(holdings) => self.watch.after(holdings.gid, id, world.life(id), &holdings),
            None => Ok(()),
        }
    }

    fn marks(&self) -> Marks {
        self.watch.marks().clone()
    }
}

impl<L: Lab4B> Stage for Sharded<L> {
    type Node = Actor<L>;

    fn arena(&self) -> &Arena<Actor<L>> {
        &self.arena
    }

    fn arena_mut(&mut self) -> &mut Arena<Actor<L>> {
        &mut self.arena
    }
}

impl<L: Lab4B> Play for Sharded<L> {
    fn set(scenario: &Scenario, seed: u64, options: &Options) -> Self {
        Self::new(Setup::of(scenario, options), seed, options.trace.clone())
    }

    fn config(scenario: &Scenario, options: &Options) -> serde_json::Value {
        let Setup { servers, shards, network, config, monitors, .. } = Setup::of(scenario, options);
        let mut shown = serde_json::json!({
            "servers": servers,
            "shards": shards,
            "network": network.to_string(),
            "reads": match config.reads {
                Reads::Log => "log",
                Reads::Index => "index",
            },
            "max_raft_state": config.max_raft_state,
            "monitors": monitors,
        });
        show_raft_config(&mut shown, &config.raft);
        shown
    }

    fn history(&self) -> &[KvOperation] {
        self.calls.operations()
    }

    fn operations(&self) -> u64 {
        let asked = self.masters.iter().map(|master| master.calls.operations().len());
        (self.calls.operations().len() + asked.sum::<usize>()) as u64
    }

    fn client_calls(&self) -> Vec<ClientCall> {
        let of_masters = self.masters.iter().flat_map(|master| master.calls.client_calls());
        self.calls.client_calls().into_iter().chain(of_masters).collect()
    }

    fn waiting(&self) -> Option<String> {
        let of_masters = self.masters.iter().filter_map(|master| master.calls.waiting());
        let all: Vec<String> = self.calls.waiting().into_iter().chain(of_masters).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    fn marks(&self) -> Marks {
        let mut marks = self.arena.marks();
        for record in self.masters.iter().flat_map(|master| master.calls.operations()) {
            let Some((_, reply)) = &record.end else { continue };
            if let Some(what) = master_mark(&record.op, reply) {
                *marks.entry(what).or_default() += 1;
            }
        }
        marks
    }

    fn judge(&self) -> Outcome {
        self.calls.judged(check_kv(self.calls.operations(), DEFAULT_LIMIT).verdict)?;
        for Master { calls, .. } in &self.masters {
            calls.judged(check(calls.model(), calls.operations(), DEFAULT_LIMIT).verdict)?;
        }
        Ok(())
    }
}
