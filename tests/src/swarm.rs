//! A swarm: runs that nobody has written. One seed decides everything, the system, its size, its
//! network, what clients do, and what goes wrong when.
//!
//! Each run turns a random part of all kinds of faults on, each as often and for as long as the seed
//! says, so that combinations come about of which nobody has thought (Groce et al., *Swarm
//! Testing*, 2012). It has two phases:
//!
//! 1. the storm: faults as the [`Trial`] plans them, clients without a pause, and every monitor;
//! 2. the calm: all faults end but a few that stay for good, which a majority can live with. From
//!    there on everybody must be served within a bounded time.
//!
//! What clients saw is checked at the end, as in every scenario. A [`Trial`] is data: it is drawn
//! from a seed ([`draw`](Trial::draw)), it has a text ([`text`](Trial::to_text)) that can be
//! written to a file, edited and read back, and one that fails is [shrunk](shrink::shrink).

mod draw;
mod kv;
pub mod marks;
mod master;
mod raft;
mod shards;
pub mod shrink;
mod text;
mod weather;

pub use text::BadTrial;

use crate::kv::Lab3;
use crate::run::{Options, Report, from_its_beginning};
use crate::shard::{Lab4A, Lab4B};
use crate::suites::Scenario;
use ::raft::Consensus;
use kvraft::rsm::{self, Reads};
use labrpc::{Fault, Network, NodeId, Plan};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What is under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    /// A Raft with the labs' applier: lab 2.
    Raft,
    /// A key/value service: lab 3.
    Kv,
    /// The shard master: lab 4A.
    ShardMaster,
    /// The sharded store: lab 4B.
    ShardKv,
}

impl System {
    /// Every system.
    pub const ALL: [Self; 4] = [Self::Raft, Self::Kv, Self::ShardMaster, Self::ShardKv];

    /// How it is called, in commands and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raft => "raft",
            Self::Kv => "kv",
            Self::ShardMaster => "shardmaster",
            Self::ShardKv => "shardkv",
        }
    }

    /// What its runs are in reports.
    pub(crate) fn scenario(self) -> Scenario {
        Scenario {
            name: self.name(),
            part: "swarm",
            about: "whatever the seed says",
            go: &[],
            servers: 0,
            unreliable: false,
            snapshots: false,
            max_raft_state: None,
            pipelined: false,
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Everything that a run depends on.
///
/// The nodes are named in this order: the servers of the cluster (of the shard master, in lab 4),
/// those of the groups, one group after the other, and then the clients.
///
/// ```
/// use tests::swarm::{System, Trial};
/// let trial = Trial::draw(System::Raft, 17);
/// assert_eq!(trial, Trial::draw(System::Raft, 17));
/// assert_eq!(Trial::from_text(&trial.to_text()).unwrap(), trial);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// What is under test.
    pub system: System,
    /// Where all chance comes from that is not decided below.
    pub seed: u64,
    /// How many servers each cluster has.
    pub servers: usize,
    /// How many groups a sharded store has; else none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub groups: usize,
    /// How many clients there are.
    pub clients: usize,
    /// How many keys they share; none, where there are no keys.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub keys: usize,
    /// How many operations each client does at most.
    pub operations: u64,
    /// How long a client waits between two operations, on average.
    pub pause_ms: u64,
    /// The network, but for what the plan does to it.
    #[serde(with = "text::shown")]
    pub network: Network,
    /// The most entries in one append.
    pub max_entries: usize,
    /// The most appends in flight.
    pub max_in_flight: usize,
    /// How many entries stay in the log behind a snapshot.
    pub snapshot_tail: u64,
    /// When a snapshot is taken: after so many entries in lab 2, above so many bytes of Raft state
    /// in the others; never, if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<usize>,
    /// How reads are served, `log` or `index`.
    #[serde(with = "text::reads")]
    pub reads: Reads,
    /// How long the storm lasts.
    pub storm_ms: u64,
    /// How long it may take after the storm until everybody is served.
    pub patience_ms: u64,
    /// What goes wrong in the storm, and when.
    #[serde(with = "text::plan")]
    pub plan: Plan,
    /// What is wrong for good after the storm.
    #[serde(with = "text::faults")]
    pub lasting: Vec<Fault>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "that is how serde asks")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Trial {
    /// How many clusters there are.
    fn clusters(&self) -> usize {
        1 + self.groups
    }

    /// The servers of each cluster.
    fn servers_of(&self, cluster: usize) -> Vec<NodeId> {
        let first = cluster * self.servers;
        (first..first + self.servers).map(|node| NodeId::new(node as u16)).collect()
    }

    /// All servers.
    fn all_servers(&self) -> Vec<NodeId> {
        (0..self.clusters()).flat_map(|cluster| self.servers_of(cluster)).collect()
    }

    /// How many nodes there are while the storm lasts. Clients of a Raft are not nodes.
    fn nodes(&self) -> usize {
        self.servers * self.clusters()
            + match self.system {
                System::Raft => 0,
                System::Kv | System::ShardMaster => self.clients,
                // One more makes groups join and leave.
                System::ShardKv => self.clients + 1,
            }
    }

    fn raft_config(&self) -> ::raft::Config {
        ::raft::Config {
            max_entries: self.max_entries,
            max_in_flight: self.max_in_flight,
            snapshot_tail: self.snapshot_tail,
            ..::raft::Config::default()
        }
    }

    fn rsm_config(&self) -> rsm::Config {
        rsm::Config { raft: self.raft_config(), max_raft_state: self.snapshots, reads: self.reads }
    }

    fn storm(&self) -> Duration {
        Duration::from_millis(self.storm_ms)
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(self.patience_ms)
    }

    /// How much a run may take before it counts as endless.
    fn limits(&self) -> crate::arena::Limits {
        let time = self.storm() + self.patience() * 2 + Duration::from_secs(10);
        crate::arena::Limits { time, steps: 5_000_000, rate: u64::MAX }
    }
}

/// How trials of one system are run, once what that is generic over is hidden.
#[derive(Clone)]
pub struct Trier {
    system: System,
    run: fn(&Trial, &Options) -> Report,
}

impl Trier {
    /// What it tries.
    pub fn system(&self) -> System {
        self.system
    }

    /// Runs a trial.
    ///
    /// # Panics
    /// If it is of another system.
    pub fn run(&self, trial: &Trial, options: &Options) -> Report {
        assert_eq!(trial.system, self.system, "a trial of another system");
        from_its_beginning(options, |options| (self.run)(trial, options))
    }
}

impl fmt::Debug for Trier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trials of {}", self.system)
    }
}

/// Trials of a Raft.
pub fn of_raft<R: Consensus + 'static>() -> Trier {
    Trier { system: System::Raft, run: raft::run::<R> }
}

/// Trials of a key/value service.
pub fn of_kv<L: Lab3>() -> Trier {
    Trier { system: System::Kv, run: kv::run::<L> }
}

/// Trials of a shard master.
pub fn of_master<L: Lab4A>() -> Trier {
    Trier { system: System::ShardMaster, run: master::run::<L> }
}

/// Trials of a sharded store.
pub fn of_shards<L: Lab4B>() -> Trier {
    Trier { system: System::ShardKv, run: shards::run::<L> }
}

/// The reference, as it is tried.
///
/// ```
/// use tests::run::Options;
/// use tests::swarm::{System, Trial, reference};
/// let trial = Trial::draw(System::Raft, 3);
/// assert!(reference(&trial, &Options::default()).outcome.is_ok());
/// ```
pub fn reference(trial: &Trial, options: &Options) -> Report {
    type Reference = ::raft::Raft;
    match trial.system {
        System::Raft => raft::run::<Reference>(trial, options),
        System::Kv => kv::run::<crate::kv::Over<Reference>>(trial, options),
        System::ShardMaster => master::run::<crate::shard::Over<Reference>>(trial, options),
        System::ShardKv => shards::run::<crate::shard::Over<Reference>>(trial, options),
    }
}
