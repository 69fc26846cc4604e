//! A key/value service in a world: servers, clerks, and a history of all that clients did.
//!
//! The words that scripts use are in `words`, on the handle [`KvLab`] that they hold.

mod actor;
mod lab;
mod over;
mod words;

pub use actor::Actor;
pub use lab::{KvClerk, KvServer, Lab3};
pub use over::{ClerkNode, Over};
pub(crate) use words::asked;
pub use words::{Clerk, ELECTION_MS, KvLab};

use crate::Outcome;
use crate::arena::film::ClientCall;
use crate::arena::{Arena, Limits, Stage, Watch};
use crate::calls::Calls;
use crate::cluster::show_raft_config;
use crate::linear::{DEFAULT_LIMIT, Kv, KvOperation, check_kv};
use crate::run::{Options, Play};
use crate::suites::Scenario;
use kvraft::rsm::{self, Reads};
use labrpc::{Network, NodeId, Trace, World};

/// What a service is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How many servers.
    pub servers: usize,
    /// The network at the start.
    pub network: Network,
    /// The servers' configuration.
    pub config: rsm::Config,
    /// Whether monitors look at every step. Histories are checked in any case.
    pub monitors: bool,
    /// How much a script may take.
    pub limits: Limits,
}

impl Setup {
    /// A service as most scenarios have it: a reliable network, no snapshots.
    pub fn new(servers: usize) -> Self {
        Self {
            servers,
            network: Network::reliable(),
            config: rsm::Config::default(),
            monitors: true,
            limits: Limits::default(),
        }
    }

    /// The service that a scenario asks for.
    pub fn of(scenario: &Scenario, options: &Options) -> Self {
        let plain = Self::new(scenario.servers);
        let max_raft_state = scenario.max_raft_state;
        Self {
            network: scenario.network(),
            config: rsm::Config { max_raft_state, reads: options.reads, ..plain.config },
            monitors: options.monitors.are_on(),
            ..plain
        }
    }
}

/// A service under test.
pub struct Service<L: Lab3> {
    arena: Arena<Actor<L>>,
    setup: Setup,
    servers: Vec<NodeId>,
    clerks: u64,
    calls: Calls<Kv>,
}

impl<L: Lab3> Service<L> {
    /// Boots all servers, fully connected. All chance comes from `seed`.
    pub fn new(setup: Setup, seed: u64, trace: Trace) -> Self {
        let mut world = World::new(seed, setup.network.clone());
        world.set_trace(trace);
        let servers: Vec<NodeId> = (0..setup.servers as u16).map(NodeId::new).collect();
        let mut arena = Arena::new(world, setup.limits);
        let most = setup.config.max_raft_state;
        arena.watch(Watch::new(servers.clone(), setup.monitors, seed).with_limit(most));
        for _ in 0..setup.servers {
            let (ids, config) = (servers.clone(), setup.config.clone());
            arena.act(|world| {
                world.add(move |cx| Actor::Server(L::server(cx, &ids, &config)));
            });
        }
        Self { arena, setup, servers, clerks: 0, calls: Calls::of(Kv) }
    }

    /// The world inside.
    pub fn world(&self) -> &World<Actor<L>> {
        self.arena.world()
    }

    /// What is known of what the servers have done.
    pub fn watched(&self) -> &Watch {
        self.arena.watched(0)
    }

    /// Whether the servers show their Rafts to monitors.
    pub fn shows_raft(&self) -> bool {
        (0..self.servers.len()).any(|it| self.server(it).is_some_and(|it| it.replica().is_some()))
    }

    /// What clients did.
    pub fn calls(&self) -> &Calls<Kv> {
        &self.calls
    }

    /// A server, if it is up.
    fn server(&self, server: usize) -> Option<&L::Server> {
        match self.world().node(self.servers[server]) {
            Some(Actor::Server(server)) => Some(server),
            _ => None,
        }
    }
}

impl<L: Lab3> Stage for Service<L> {
    type Node = Actor<L>;

    fn arena(&self) -> &Arena<Actor<L>> {
        &self.arena
    }

    fn arena_mut(&mut self) -> &mut Arena<Actor<L>> {
        &mut self.arena
    }
}

impl<L: Lab3> Play for Service<L> {
    fn set(scenario: &Scenario, seed: u64, options: &Options) -> Self {
        Self::new(Setup::of(scenario, options), seed, options.trace.clone())
    }

    fn config(scenario: &Scenario, options: &Options) -> serde_json::Value {
        let Setup { servers, network, config, monitors, .. } = Setup::of(scenario, options);
        let mut shown = serde_json::json!({
            "servers": servers,
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

    fn client_calls(&self) -> Vec<ClientCall> {
        self.calls.client_calls()
    }

    fn waiting(&self) -> Option<String> {
        self.calls.waiting()
    }

    fn judge(&self) -> Outcome {
        self.calls.judged(check_kv(self.calls.operations(), DEFAULT_LIMIT).verdict)
    }
}
