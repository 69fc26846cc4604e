//! Figure 3: what must be true at all times, looked at after each step.

use super::Server;
use labrpc::NodeId;
use raft::{Applied, Consensus, Index, Raft, ReadId, Term, View};
use std::collections::BTreeMap;

type Entry = (Term, Vec<u8>);

/// What has been seen so far.
#[derive(Default)]
pub struct Safety {
    leaders: BTreeMap<Term, NodeId>,
    /// Every entry that some server knew to be committed.
    committed: BTreeMap<Index, Entry>,
    /// The last that each server has applied in its present life.
    applied: BTreeMap<NodeId, Index>,
    /// The latest term and vote of each server, over all its lives.
    votes: BTreeMap<NodeId, (Term, Option<NodeId>)>,
    /// Of each read that is not decided, in its server's present life: how far the cluster had
    /// committed when it was asked for.
    reads: BTreeMap<(NodeId, ReadId), Index>,
    /// The last read that was decided at each server in its present life.
    decided: BTreeMap<NodeId, ReadId>,
    /// How far the cluster had committed before the step under way.
    before: Index,
}

fn entry(server: &Server, raft: &Raft, index: Index) -> Option<Entry> {
    let (term, command) = raft.entry(&server.disk, index)?;
    Some((term, command.to_vec()))
}

impl Safety {
    pub fn new_life(&mut self, id: NodeId) {
        self.applied.remove(&id);
        self.reads.retain(|(server, _), _| *server != id);
        self.decided.remove(&id);
    }

    /// The server has another past from now on.
    pub fn forget(&mut self, id: NodeId) {
        self.votes.remove(&id);
    }

    /// State-machine safety: nobody ever applies another entry at the same index; and in order,
    /// each once.
    pub fn applied(&mut self, id: NodeId, applied: &Applied<'_>) {
        let before = self.applied.get(&id).copied().unwrap_or(Index::BEFORE_FIRST);
        let now = match *applied {
            Applied::Command { id: entry, command } => {
                assert_eq!(entry.index, before.next(), "{id} applies out of order");
                self.commit(id, entry.index, &(entry.term, command.to_vec()));
                entry.index
            }
            Applied::Snapshot { last, .. } => {
                assert!(last.index > before, "{id} goes back from {before} to snapshot {last}");
                if let Some((term, _)) = self.committed.get(&last.index) {
                    assert_eq!(*term, last.term, "snapshot {last} of {id}");
                }
                last.index
            }
        };
        self.applied.insert(id, now);
    }

    /// A server took a read in the step that has just been taken.
    pub fn asked(&mut self, id: NodeId, read: ReadId) {
        if self.decided.get(&id) < Some(&read) {
            self.reads.insert((id, read), self.before);
        }
    }

    /// Linearizability: a read sees everything that was committed anywhere when it was asked for.
    pub fn read(&mut self, id: NodeId, read: ReadId, index: Option<Index>) {
        // One that is not known is decided in the step that takes it.
        let needed = self.reads.remove(&(id, read)).unwrap_or(self.before);
        assert!(index.is_none_or(|index| index >= needed), "{id} reads {index:?} of {needed}");
        let last = self.decided.insert(id, read);
        assert!(last < Some(read), "{id} decides {read} after {last:?}");
        let first = self.reads.keys().find(|(server, _)| *server == id);
        assert!(first.is_none_or(|(_, first)| *first > read), "{id} decides {read} too early");
    }

    fn commit(&mut self, id: NodeId, index: Index, entry: &Entry) {
        let known = self.committed.entry(index).or_insert_with(|| entry.clone());
        assert_eq!(known, entry, "{id} has committed another entry at {index}");
    }

    pub fn check(&mut self, servers: &[Server]) {
        let up: Vec<(&Server, &Raft)> =
            servers.iter().filter_map(|server| Some((server, server.raft.as_ref()?))).collect();
        for &(server, raft) in &up {
            let (id, status) = (server.id, raft.status());
            let (term, vote) = self.votes.get(&id).copied().unwrap_or_default();
            assert!(status.term >= term, "the term of {id} falls from {term} to {}", status.term);
            let votes_again = vote.is_some() && raft.voted_for() != vote;
            assert!(status.term > term || !votes_again, "{id} votes twice in {term}");
            self.votes.insert(id, (status.term, raft.voted_for()));
            for index in Index::span(raft.log().start, status.commit) {
                self.commit(id, index, &entry(server, raft, index).expect("it is held"));
            }
        }
        self.before = self.committed.keys().next_back().copied().unwrap_or_default();
        for &(server, raft) in &up {
            self.check_leader(server, raft);
        }
        for (at, &(a, one)) in up.iter().enumerate() {
            for &(b, other) in &up[at + 1..] {
                check_log_matching((a, one), (b, other));
            }
        }
    }

    /// Election safety and leader completeness.
    fn check_leader(&mut self, server: &Server, raft: &Raft) {
        let (id, status) = (server.id, raft.status());
        if !status.is_leader {
            return;
        }
        let leader = *self.leaders.entry(status.term).or_insert(id);
        assert_eq!(leader, id, "two leaders in {}", status.term);
        // A leader who has been deposed without knowing it need not have what came after.
        if self.leaders.range(status.term..).nth(1).is_some() {
            return;
        }
        for (&index, committed) in self.committed.range(raft.log().start..) {
            let own = entry(server, raft, index);
            assert_eq!(own.as_ref(), Some(committed), "leader {id} of {} at {index}", status.term);
        }
    }
}

/// Log matching: logs that agree on one entry's term agree on everything up to there.
fn check_log_matching((a, one): (&Server, &Raft), (b, other): (&Server, &Raft)) {
    let start = one.log().start.max(other.log().start);
    let end = one.log().end.min(other.log().end);
    let mut agree = false;
    for index in Index::span(start, end.prev()).rev() {
        let (ours, theirs) = (entry(a, one, index), entry(b, other, index));
        agree |= ours.as_ref().map(|e| e.0) == theirs.as_ref().map(|e| e.0);
        assert!(!agree || ours == theirs, "{} and {} differ at {index}", a.id, b.id);
    }
}
