//! Figure 3, looked at after every step of a world.

use crate::server::{Given, Server};
use labrpc::{NodeId, World};
use raft::{Consensus, Index, Raft, Term, View};
use std::collections::BTreeMap;

#[derive(Default)]
pub struct Monitor {
    leaders: BTreeMap<Term, NodeId>,
    /// The term of every entry that a server applied, and a digest of everything up to it.
    history: BTreeMap<Index, (Term, u64)>,
    seen: Vec<Seen>,
}

/// What was seen of a server.
#[derive(Clone, Copy, Default)]
struct Seen {
    term: Term,
    vote: Option<NodeId>,
    /// In this life: the commit index, and how much it has applied.
    life: u32,
    commit: Index,
    given: usize,
}

impl Monitor {
    /// How much was applied, by whoever applied most.
    pub fn applied(&self) -> Index {
        self.history.keys().next_back().copied().unwrap_or_default()
    }

    /// How many terms had a leader.
    pub fn reigns(&self) -> usize {
        self.leaders.len()
    }

    /// Looks at who took the latest step.
    pub fn look(&mut self, world: &World<Server>) {
        assert_eq!(world.halted(), None);
        let Some(id) = world.stepped() else { return };
        let Some(server) = world.node(id) else { return };
        let status = server.raft.status();
        assert_eq!(status.refused, 0, "{id} has refused a message of a correct server");

        self.seen.resize(world.ids().count(), Seen::default());
        let mut seen = self.seen[id.index()];
        if seen.life != world.life(id) {
            (seen.life, seen.commit, seen.given) = (world.life(id), Index::BEFORE_FIRST, 0);
        }
        assert!(status.term >= seen.term, "the term of {id} falls");
        assert!(status.commit >= seen.commit, "the commit index of {id} falls");
        let vote = server.raft.voted_for();
        let again = status.term == seen.term && seen.vote.is_some() && seen.vote != vote;
        assert!(!again, "{id} changes its vote in {}", status.term);
        for at in seen.given..server.given.len() {
            let before = at.checked_sub(1).map(|before| server.given[before]);
            self.on_applied(id, before, server.given[at]);
        }
        assert_eq!(server.last().index, status.commit, "{id} has not applied what is committed");
        let (term, commit, given) = (status.term, status.commit, server.given.len());
        self.seen[id.index()] = Seen { term, vote, commit, given, ..seen };

        if status.is_leader && !self.leaders.contains_key(&status.term) {
            self.on_leader(world, id, &server.raft);
        }
        if status.is_leader {
            assert_eq!(self.leaders[&status.term], id, "two leaders in {}", status.term);
        }
    }

    /// State-machine safety; and within a life in order, each once.
    fn on_applied(&mut self, id: NodeId, before: Option<Given>, now: Given) {
        let before = before.map(|before| before.last.index).unwrap_or_default();
        let index = now.last.index;
        if now.snapshot {
            assert!(index > before, "{id} goes back from {before} to {now:?}");
        } else {
            assert_eq!(index, before.next(), "{id} applies out of order");
        }
        let entry = (now.last.term, now.digest);
        let known = *self.history.entry(index).or_insert(entry);
        assert_eq!(known, entry, "{id} applies something else at {index}");
    }

    /// Leader completeness, and log matching while we are at it.
    fn on_leader(&mut self, world: &World<Server>, id: NodeId, raft: &Raft) {
        self.leaders.insert(raft.status().term, id);
        // A leader that nobody has heard of for long may be behind the times.
        if self.leaders.keys().next_back() == Some(&raft.status().term) {
            for (&index, &(term, _)) in self.history.range(raft.log().start..) {
                let own = raft.entry(world.disk(id), index).map(|entry| entry.0);
                assert_eq!(own, Some(term), "leader {id} lacks {index}@{term}");
            }
        }
        Self::compare_logs(world);
    }

    /// Log matching: logs that agree on the term of one entry agree on all before it.
    pub fn compare_logs(world: &World<Server>) {
        let up: Vec<(NodeId, &Raft)> =
            world.ids().filter_map(|id| Some((id, &world.node(id)?.raft))).collect();
        for (at, &(a, one)) in up.iter().enumerate() {
            for &(b, other) in &up[at + 1..] {
                let start = one.log().start.max(other.log().start);
                let end = one.log().end.min(other.log().end);
                let mut agree = false;
                for index in Index::span(start, end.prev()).rev() {
                    let ours = one.entry(world.disk(a), index);
                    let theirs = other.entry(world.disk(b), index);
                    agree |= ours.map(|entry| entry.0) == theirs.map(|entry| entry.0);
                    assert!(!agree || ours == theirs, "{a} and {b} differ at {index}");
                }
            }
        }
    }
}
