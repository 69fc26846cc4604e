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
    /// What it is called.
    pub const PROPERTY: &str = "durable before promised";

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
            Self::PROPERTY,
            "{node} sends messages, and what they rely on is not on its disk: {}",
            live.differences(rebooted)
        );
        Ok(())
    }
}

impl Remembered {
    /// What would be another after a crash.
    fn differences(&self, rebooted: &Self) -> String {
        let vote = |it: Option<NodeId>| it.map_or("nobody".to_string(), |node| node.to_string());
        let held = |it: &Range<Index>| format!("{}..{}", it.start, it.end);
        let parts = [
            ("term", self.term.to_string(), rebooted.term.to_string()),
            ("vote", vote(self.voted_for), vote(rebooted.voted_for)),
            ("last entry", self.last.to_string(), rebooted.last.to_string()),
            ("entries", held(&self.held), held(&rebooted.held)),
            ("snapshot up to", self.snapshot.to_string(), rebooted.snapshot.to_string()),
        ];
        let differ = parts.into_iter().filter(|(_, live, boot)| live != boot);
        let told: Vec<String> = differ
            .map(|(what, live, boot)| format!("{what} {live}, but {boot} after a crash"))
            .collect();
        match told.as_slice() {
            [] => "entries with other commands or terms after a crash".to_string(),
            told => told.join("; "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_lost_is_told() {
        let live = Remembered {
            term: Term::new(2),
            voted_for: Some(NodeId::new(1)),
            last: LogId::new(2, 3),
            held: Index::new(1)..Index::new(4),
            snapshot: LogId::BEFORE_FIRST,
            entries: 7,
        };
        let said = |rebooted: &Remembered| {
            Durability::compare(NodeId::new(0), &live, rebooted).map_err(|it| it.facts)
        };
        assert_eq!(said(&live), Ok(()));
        let forgot = Remembered { term: Term::new(1), voted_for: None, ..live.clone() };
        assert_eq!(
            said(&forgot).unwrap_err(),
            "n0 sends messages, and what they rely on is not on its disk: term t2, but t1 after a crash; \
             vote n1, but nobody after a crash"
        );
        let other = Remembered { entries: 8, ..live.clone() };
        assert!(
            said(&other)
                .unwrap_err()
                .ends_with("entries with other commands or terms after a crash")
        );
    }
}
