//! One safety property per file, looked at after every step of every scenario.
//!
//! A monitor is shown the step: who took it, what it says of itself before and after, what it
//! handed up and what it wrote. Each looks only at what the step changed, so that all of them
//! together cost about as much as the run itself.
//!
//! | property | where the paper says so | file |
//! |---|---|---|
//! | election safety | figure 3, 5.2 | `election_safety` |
//! | leader append-only | figure 3, 5.3 | `leader_append_only` |
//! | log matching | figure 3, 5.3 | `log_matching` |
//! | leader completeness | figure 3, 5.4.3 | `leader_completeness` |
//! | committed on a majority | 5.3 | `on_majority` |
//! | state machine safety | figure 3, 5.4.3 | `state_machine_safety` |
//! | term, vote and commit index never go back | figure 2 | `monotone` |
//! | each entry applied once, in order | 5.3, and the labs | `in_order` |
//! | durable before promised | figure 2, "updated on stable storage before responding" | `durability` |

mod durability;
mod election_safety;
mod in_order;
mod leader_append_only;
mod leader_completeness;
mod ledger;
mod log_matching;
mod monotone;
mod on_majority;
mod state_machine_safety;

pub use durability::{Durability, Promise, Remembered};
pub use ledger::{Digest, Ledger, digest};

use crate::Outcome;
use crate::arena::Delivery;
use labrpc::{Disk, NodeId, Persister};
use raft::{LogId, Status, View};

/// One step of one server, as monitors see it.
pub struct Step<'a> {
    /// Who took it.
    pub node: NodeId,
    /// Which of the servers that is, counted from 0.
    pub slot: usize,
    /// Which of its lives this is.
    pub life: u32,
    /// What it said of itself after its step before, in the same life.
    pub before: Option<Status>,
    /// What it says of itself now.
    pub status: Status,
    /// Its inside, if it shows it.
    pub view: Option<&'a dyn View>,
    /// Its disk, all of it durable.
    pub disk: &'a Disk,
    /// What it handed up.
    pub delivered: &'a [Delivery],
    /// What all servers have applied so far, this step included.
    pub ledger: &'a Ledger,
    /// How many servers there are.
    pub servers: usize,
    /// How many servers hold an entry or cover it by a snapshot, as far as they can be asked.
    pub holders: &'a dyn Fn(LogId) -> usize,
    /// Whether the step sent anything: a promise that others may rely on.
    pub promises: bool,
}

impl Step<'_> {
    /// The lowest index whose entry may have changed, if the log was written.
    ///
    /// A Raft that keeps its log elsewhere than in the disk's records cannot be asked; then every
    /// entry may have.
    fn log_changed_from(&self) -> Option<u64> {
        let view = self.view?;
        let held = view.log();
        if self.before.is_none() {
            // What a step wrote that a crash cut short was never shown.
            return Some(held.start.get());
        }
        if held.is_empty() || self.disk.log().contains(&held.end.prev().get()) {
            self.disk.writes().log_from
        } else {
            Some(held.start.get())
        }
    }
}

/// A safety property.
pub trait Monitor {
    /// Looks at a step. The error says which facts conflict.
    fn after(&mut self, step: &Step<'_>) -> Outcome;
}

/// All monitors, for a cluster of `servers`.
pub fn all(servers: usize) -> Vec<Box<dyn Monitor>> {
    vec![
        Box::new(election_safety::ElectionSafety::default()),
        Box::new(monotone::Monotone::new(servers)),
        Box::new(in_order::InOrder::new(servers)),
        Box::new(state_machine_safety::StateMachineSafety),
        Box::new(log_matching::LogMatching::default()),
        Box::new(leader_append_only::LeaderAppendOnly),
        Box::new(leader_completeness::LeaderCompleteness::default()),
        Box::new(on_majority::OnMajority::default()),
    ]
}
