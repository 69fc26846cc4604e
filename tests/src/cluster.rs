//! A Raft cluster in a world, with the labs' words for what a script does to it.
//!
//! The words themselves are in `words`, on the handle [`Lab`] that scripts hold.

mod peer;
mod words;

pub use peer::{Applier, Peer};
pub use words::{Lab, Retry};

use crate::Failure;
use crate::arena::{Arena, Limits, Stage, Watch};
use crate::run::{Options, Play};
use crate::suites::Scenario;
use labrpc::{CrashPoint, Network, NodeId, Totals, Trace, World};
use raft::{Config, Consensus, LogId, Status};
use std::time::Duration;

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How many servers.
    pub servers: usize,
    /// The network at the start.
    pub network: Network,
    /// The Raft's configuration.
    pub config: Config,
    /// The service on top.
    pub applier: Applier,
    /// Whether monitors look at every step. Scripts' own checks are made in any case.
    pub monitors: bool,
    /// How much a script may take; the longest scenario takes a fiftieth of the steps.
    pub limits: Limits,
}

impl Setup {
    /// A cluster as most scenarios have it: a reliable network, no snapshots.
    pub fn new(servers: usize) -> Self {
        Self {
            servers,
            network: Network::reliable(),
            config: Config::default(),
            applier: Applier::Plain,
            monitors: true,
            limits: Limits::default(),
        }
    }

    /// The cluster that a scenario asks for.
    pub fn of(scenario: &Scenario) -> Self {
        let plain = Self::new(scenario.servers);
        let pipelined =
            Config { max_entries: 6, max_in_flight: 16, snapshot_tail: 5, ..Config::default() };
        Self {
            network: scenario.network(),
            applier: if scenario.snapshots {
                Applier::Snapshots { every: 10 }
            } else {
                Applier::Plain
            },
            config: if scenario.pipelined { pipelined } else { Config::default() },
            ..plain
        }
    }
}

/// A cluster under test.
pub struct Cluster<R: Consensus> {
    arena: Arena<Peer<R>>,
    setup: Setup,
    connected: Vec<bool>,
}

impl<R: Consensus + 'static> Cluster<R> {
    /// Boots all servers, fully connected. All chance comes from `seed`.
    pub fn new(setup: Setup, seed: u64, trace: Trace) -> Self {
        let mut world = World::new(seed, setup.network.clone());
        world.set_trace(trace);
        let ids: Vec<NodeId> = (0..setup.servers).map(Self::id).collect();
        let mut arena = Arena::new(world, setup.limits);
        arena.watch(Watch::new(ids.clone(), setup.monitors, seed));
        for _ in 0..setup.servers {
            let (ids, config, applier) = (ids.clone(), setup.config.clone(), setup.applier.clone());
            arena.act(|world| {
                world.add(move |cx| Peer::boot(cx, &ids, config.clone(), applier.clone()))
            });
        }
        Self { arena, connected: vec![true; setup.servers], setup }
    }

    /// The world inside.
    pub fn world(&self) -> &World<Peer<R>> {
        self.arena.world()
    }

    /// What is known of what the servers have done.
    fn watched(&self) -> &Watch {
        self.arena.watched(0)
    }

    /// How many snapshots were handed to services at the start of a life: their own, from the disk.
    pub fn snapshots_restored(&self) -> u64 {
        self.watched().snapshots_restored()
    }

    /// How many snapshots were handed to services in the middle of a life: those of a leader.
    pub fn snapshots_installed(&self) -> u64 {
        self.watched().snapshots_installed()
    }

    /// The highest index that any server has applied.
    pub fn highest_applied(&self) -> u64 {
        self.watched().highest_applied()
    }

    /// Traffic so far.
    pub fn totals(&self) -> Totals {
        self.arena.totals()
    }

    fn id(server: usize) -> NodeId {
        NodeId::new(server as u16)
    }
}

impl<R: Consensus + 'static> Stage for Cluster<R> {
    type Node = Peer<R>;

    fn arena(&self) -> &Arena<Peer<R>> {
        &self.arena
    }

    fn arena_mut(&mut self) -> &mut Arena<Peer<R>> {
        &mut self.arena
    }
}

impl<R: Consensus + 'static> Play for Cluster<R> {
    fn set(scenario: &Scenario, seed: u64, options: &Options) -> Self {
        let setup = Setup { monitors: options.monitors.are_on(), ..Setup::of(scenario) };
        Self::new(setup, seed, options.trace.clone())
    }

    fn config(scenario: &Scenario, options: &Options) -> serde_json::Value {
        let setup = Setup::of(scenario);
        let mut config = serde_json::json!({
            "servers": setup.servers,
            "network": setup.network.to_string(),
            "snapshot_every": match setup.applier {
                Applier::Plain => None,
                Applier::Snapshots { every } => Some(every),
            },
            "monitors": options.monitors.are_on(),
        });
        show_raft_config(&mut config, &setup.config);
        config
    }
}

/// Adds a Raft's configuration to what is shown of a cluster's.
pub(crate) fn show_raft_config(shown: &mut serde_json::Value, config: &Config) {
    let ms = |duration: Duration| duration.as_millis() as u64;
    shown["election_timeout_ms"] =
        [config.election_timeout.start, config.election_timeout.end].map(ms).to_vec().into();
    shown["heartbeat_ms"] = ms(config.heartbeat).into();
    shown["retry_ms"] = ms(config.retry).into();
    shown["max_entries"] = config.max_entries.into();
    shown["max_in_flight"] = config.max_in_flight.into();
    shown["snapshot_tail"] = config.snapshot_tail.into();
}

// What a script does to servers and links. The words on `Lab` are made of these.
impl<R: Consensus + 'static> Cluster<R> {
    fn set_link(&mut self, a: usize, b: usize, up: bool) {
        for (from, to) in [(Self::id(a), Self::id(b)), (Self::id(b), Self::id(a))] {
            self.arena.act(|world| if up { world.mend(from, to) } else { world.cut(from, to) });
        }
    }

    fn connect(&mut self, server: usize) {
        self.connected[server] = true;
        for other in 0..self.setup.servers {
            if self.connected[other] {
                self.set_link(server, other, true);
            }
        }
    }

    fn disconnect(&mut self, server: usize) {
        self.connected[server] = false;
        for other in 0..self.setup.servers {
            self.set_link(server, other, false);
        }
    }

    fn crash(&mut self, server: usize) {
        self.disconnect(server);
        self.arena.act(|world| world.crash(Self::id(server), CrashPoint::Now));
    }

    fn restart(&mut self, server: usize) {
        self.crash(server);
        if let Err(lost) = self.arena.act(|world| world.restart(Self::id(server))) {
            self.arena.fail(Failure::new("script", lost.to_string()));
        }
    }

    /// A server's status if it is up.
    fn status(&self, server: usize) -> Option<Status> {
        self.world().node(Self::id(server)).map(|peer| peer.raft.status())
    }

    fn propose(&mut self, server: usize, command: &[u8]) -> Option<LogId> {
        let server = Self::id(server);
        self.arena.act(|world| world.poke(server, |peer, cx| peer.propose(cx, command)))?.ok()
    }

    /// How many live servers have applied an index, and the command there.
    fn n_committed(&self, index: u64) -> (usize, Option<&[u8]>) {
        let watched = self.watched();
        let live = (0..self.setup.servers).filter(|&server| {
            self.world().node(Self::id(server)).is_some() && watched.applied(server).get() >= index
        });
        (live.count(), watched.ledger().command(index))
    }
}
