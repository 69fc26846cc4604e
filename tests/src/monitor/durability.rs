//! Durable before promised: "persistent state is updated on stable storage before responding to
//! RPCs" (figure 2).
//!
//! When a reply leaves, a second instance is booted from a copy of the disk; it must agree with the
//! live one on term, vote and log. That costs more than the step itself, so it is done at every
//! promise in directed scenarios, and at a seeded sample elsewhere.

use crate::{Outcome, demand};
use labrpc::{NodeId, Rng};
use raft::{Index, LogId, Term};
use std::ops::Range;

/// How often a promise is looked at.
#[derive(Clone, Debug)]
pub enum Promise {
    /// Every time.
    Always,
    /// Once in so many times, by these dice; the longer the log the seldomer, since that is what it
    /// costs.
    Sampled(Rng, u32),
    /// Never.
    Never,
}

/// What a server remembers, live or after a boot from its disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Its term.
    pub term: Term,
    /// Its vote in that term, if it shows it.
    pub voted_for: Option<NodeId>,
    /// The last entry of its log.
    pub last: LogId,
    /// The indexes that it holds.
    pub held: Range<Index>,
    /// The last entry that its snapshot covers.
    pub snapshot: LogId,
    /// A digest of all entries that it holds.
    pub entries: u64,
}

/// The monitor; the cluster boots the second instance for it.
pub struct Durability {
    promise: Promise,
}

impl Durability {
    /// Looks at promises as often as `promise` says.
    pub fn new(promise: Promise) -> Self {
        Self { promise }
    }

    /// Whether to look at the promise that is being made, by a server with so many entries.
    pub fn is_due(&mut self, entries: u64) -> bool {
        match &mut self.promise {
            Promise::Always => true,
            Promise::Never => false,
            Promise::Sampled(dice, one_in) => dice.below(u64::from(*one_in) + 8 * entries) == 0,
        }
    }

    /// Compares what a server remembers with what it would remember after a crash.
    pub fn compare(node: NodeId, live: &Remembered, rebooted: &Remembered) -> Outcome {
        demand!(
            live == rebooted,
            "durable before promised",
            "{node} answers with {live:?}; after a crash it would have {rebooted:?}"
        );
        Ok(())
    }
}
