//! Lab 2B: replication (sections 5.3 and 5.4.2).
//!
//! A leader first finds out where a follower's log agrees with its own, by probes without entries
//! that go back a term at a time; from there on it streams entries. What it knows of a follower is
//! a [`Progress`]: the paper's matchIndex, and its nextIndex in the form of what is under way.

use crate::message::{AppendEntries, AppendEntriesReply, Appended, Entries, Message};
use crate::raft::{Cx, Node};
use crate::read::Reads;
use crate::refusal::Refusal;
use crate::storage;
use crate::{Config, Index, LogId, Term};
use labrpc::NodeId;
use std::collections::VecDeque;

/// A server that leads the present term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Leader {
    /// One per peer.
    followers: Vec<Progress>,
    /// The reads that are not decided yet.
    pub reads: Reads,
}

/// What a leader knows of a follower.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Progress {
    /// Figure 2, matchIndex: the logs are known to agree up to here.
    matched: Index,
    flow: Flow,
}

/// What is under way to a follower.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Flow {
    /// Looking for the place where the logs agree; `prev` is the guess (nextIndex − 1).
    Probing { prev: Index },
    /// They agree; appends up to these entries, oldest first, are not acknowledged yet.
    Streaming { in_flight: VecDeque<Index>, retried: bool },
    /// The follower lags behind the start of the log, and a snapshot is on its way.
    Installing,
}

impl Progress {
    /// Whether nothing that carries entries is under way.
    fn is_idle(&self) -> bool {
        matches!(&self.flow, Flow::Streaming { in_flight, .. } if in_flight.is_empty())
    }

    fn stream(&mut self, matched: Index) {
        self.matched = self.matched.max(matched);
        self.flow = Flow::Streaming { in_flight: VecDeque::new(), retried: false };
    }
}

impl Leader {
    /// "Upon election: send initial empty `AppendEntries` RPCs (heartbeat) to each server" (figure
    /// 2). Nothing that was known of a follower in an earlier reign is worth anything now.
    pub fn take_office(node: &mut Node, cx: &mut Cx<'_>) -> Self {
        let prev = node.log.last().index;
        let newcomer = Progress { matched: Index::BEFORE_FIRST, flow: Flow::Probing { prev } };
        let followers = vec![newcomer; node.peers.len()];
        let mut leader = Self { followers, reads: Reads::new(node.peers.len()) };
        for slot in 0..node.peers.len() {
            leader.probe(node, cx, slot, prev);
        }
        leader
    }

    /// "If command received from client: append entry to local log" (figure 2).
    pub fn on_proposal(&mut self, node: &mut Node, cx: &mut Cx<'_>, command: &[u8]) -> LogId {
        let id = node.log.push(node.term());
        let mut record = Vec::with_capacity(command.len() + 9);
        storage::encode_entry(id.term, command, &mut record);
        cx.disk.append(id.index.get(), &record);
        cx.note("proposed", format_args!("{id}, {} bytes", command.len()));
        self.maybe_commit(node, cx);
        for slot in 0..self.followers.len() {
            self.maybe_append(node, cx, slot);
        }
        id
    }

    // ---- sending -----------------------------------------------------------------------------

    /// Sends what the follower lacks, unless as much as allowed is under way.
    fn maybe_append(&mut self, node: &mut Node, cx: &mut Cx<'_>, slot: usize) {
        let Progress { matched, flow } = &mut self.followers[slot];
        let Flow::Streaming { in_flight, .. } = flow else { return };
        while in_flight.len() < node.config.max_in_flight {
            let prev = in_flight.back().copied().unwrap_or(*matched);
            if prev >= node.log.last().index {
                return;
            }
            let Some(id) = node.log.id_at(prev) else {
                // The entries that come next are gone, into a snapshot.
                self.install(node, cx, slot);
                return;
            };
            let (most, round) = (node.config.max_entries, self.reads.round());
            in_flight.push_back(send_append(node, cx, slot, id, most, round));
        }
    }

    /// Asks whether the logs agree up to `prev`, or up to the earliest entry that can be named.
    fn probe(&mut self, node: &mut Node, cx: &mut Cx<'_>, slot: usize, prev: Index) {
        let id = node.log.id_at(prev).unwrap_or_else(|| node.log.earliest());
        send_append(node, cx, slot, id, 0, self.reads.round());
        self.followers[slot].flow = Flow::Probing { prev: id.index };
    }

    /// Sends an append of the present round of reads, whatever else is under way: without entries,
    /// and without any other effect. Where a heartbeat would be sent, or a probe, it is one; where
    /// entries or a snapshot are under way, it does not put off what is due if they have no answer.
    pub fn send_round(&mut self, node: &mut Node, cx: &mut Cx<'_>, slot: usize) {
        let follower = &self.followers[slot];
        if let Flow::Probing { prev } = follower.flow {
            return self.probe(node, cx, slot, prev);
        }
        let (due, is_idle) = (node.timers.due[slot], follower.is_idle());
        let id = node.log.id_at(follower.matched).unwrap_or_else(|| node.log.earliest());
        send_append(node, cx, slot, id, 0, self.reads.round());
        if !is_idle {
            node.timers.due[slot] = due;
        }
    }

    fn install(&mut self, node: &mut Node, cx: &mut Cx<'_>, slot: usize) {
        node.send_snapshot(cx, slot);
        self.followers[slot].flow = Flow::Installing;
    }

    /// The time has come to send to some followers again. A leader that has nothing to say sends a
    /// heartbeat; one that has no answer repeats itself once, then falls back to probes, which
    /// carry nothing: a follower that is cut off costs no more than a heartbeat.
    pub fn on_due(&mut self, node: &mut Node, cx: &mut Cx<'_>) {
        self.maybe_repeat_round(node, cx);
        for slot in 0..self.followers.len() {
            if node.timers.due[slot] > cx.now {
                continue;
            }
            let Progress { matched, flow } = &mut self.followers[slot];
            let matched = *matched;
            match flow {
                Flow::Probing { prev } => {
                    let prev = *prev;
                    self.probe(node, cx, slot, prev);
                }
                Flow::Installing => self.probe(node, cx, slot, matched),
                Flow::Streaming { in_flight, retried } => {
                    if !in_flight.is_empty() && !*retried {
                        cx.note("repeats entries", format_args!("to {}", node.peers[slot]));
                        in_flight.clear();
                        *retried = true;
                        self.maybe_append(node, cx, slot);
                    } else if let Some(&last) = in_flight.back() {
                        // Perhaps only the answers were lost: ask whether it has all of it.
                        cx.note("asks where", format_args!("{} is", node.peers[slot]));
                        self.probe(node, cx, slot, last);
                    } else {
                        let id = node.log.id_at(matched).expect("who has all has the last entry");
                        send_append(node, cx, slot, id, 0, self.reads.round());
                    }
                }
            }
        }
    }

    // ---- answers -----------------------------------------------------------------------------

    /// An answer to an append, in this term.
    pub fn on_append_reply(
        &mut self,
        node: &mut Node,
        cx: &mut Cx<'_>,
        slot: usize,
        reply: &AppendEntriesReply,
    ) -> Result<(), Refusal> {
        // A stale one answers what this server sent in an earlier reign, late, to a voter of this
        // one. Its round is of that reign too.
        let is_news = reply.outcome != Appended::Stale && self.reads.is_news(reply.round)?;
        match reply.outcome {
            Appended::Matched(index) => self.on_matched(node, cx, slot, index)?,
            Appended::Conflict { term, first } => {
                self.on_conflict(node, cx, slot, reply.prev, term, first);
            }
            Appended::Stale => {
                cx.note("reply to an earlier reign", format_args!("of {}", node.peers[slot]));
            }
        }
        if is_news {
            self.on_round_answered(node, cx, slot);
        }
        Ok(())
    }

    pub fn on_snapshot_reply(
        &mut self,
        node: &mut Node,
        cx: &mut Cx<'_>,
        slot: usize,
        matched: Index,
    ) -> Result<(), Refusal> {
        self.on_matched(node, cx, slot, matched)
    }

    /// "If successful: update nextIndex and matchIndex for follower" (figure 2). An answer that was
    /// overtaken by a later one changes nothing: matchIndex never falls.
    fn on_matched(
        &mut self,
        node: &mut Node,
        cx: &mut Cx<'_>,
        slot: usize,
        index: Index,
    ) -> Result<(), Refusal> {
        if index > node.log.last().index {
            return Err(Refusal::ImpossibleReply);
        }
        let follower = &mut self.followers[slot];
        match &mut follower.flow {
            Flow::Probing { .. } | Flow::Installing => follower.stream(index),
            Flow::Streaming { in_flight, retried } => {
                while in_flight.front().is_some_and(|&last| last <= index) {
                    in_flight.pop_front();
                    *retried = false;
                }
                if index <= follower.matched {
                    if index < follower.matched {
                        cx.note("overtaken append reply", format_args!("{}", node.peers[slot]));
                    }
                    return Ok(());
                }
                follower.matched = index;
            }
        }
        if index > node.commit {
            self.maybe_commit(node, cx);
        }
        if self.followers[slot].is_idle() {
            node.timers.due[slot] = cx.now + node.config.heartbeat;
        }
        self.maybe_append(node, cx, slot);
        Ok(())
    }

    /// "If `AppendEntries` fails because of log inconsistency: decrement nextIndex and retry"
    /// (figure 2), a term at a time (end of section 5.3).
    fn on_conflict(
        &mut self,
        node: &mut Node,
        cx: &mut Cx<'_>,
        slot: usize,
        prev: Index,
        term: Option<Term>,
        first: Index,
    ) {
        let follower = &mut self.followers[slot];
        let matched = follower.matched;
        // Only the answer to the latest probe counts; it starts the next one. Where the logs are
        // known to agree it is an old answer, to a probe of the same place before they did.
        if follower.flow != (Flow::Probing { prev }) || prev <= matched {
            return;
        }
        // If this log has entries of the follower's term there, the logs may agree up to the last
        // of them; if not, they cannot agree anywhere in that term.
        let ours = term.and_then(|term| node.log.last_of_term(term)).filter(|&last| last < prev);
        let next = ours.unwrap_or_else(|| first.prev()).max(matched);
        assert!(next < prev, "a back-up from {prev} to {next} is none");
        let why = match (term, ours) {
            (None, _) => "backs up to a shorter log",
            (Some(_), None) => "backs up past a term",
            (Some(_), Some(_)) => "backs up into a term",
        };
        cx.note(why, format_args!("from {prev} to {next}, for {}", node.peers[slot]));
        if node.log.id_at(next).is_none() {
            self.install(node, cx, slot);
        } else if next == matched {
            // That much is known already, if only because all logs begin alike.
            follower.stream(matched);
            self.maybe_append(node, cx, slot);
        } else {
            self.probe(node, cx, slot, next);
        }
    }

    /// "If there exists an N such that N > `commitIndex`, a majority of `matchIndex[i]` ≥ N, and
    /// `log[N].term` == `currentTerm`: set `commitIndex` = N" (figure 2). Without the last
    /// condition an entry of an earlier term could be committed and then be overwritten (section
    /// 5.4.2, figure 8).
    fn maybe_commit(&mut self, node: &mut Node, cx: &mut Cx<'_>) {
        let mut held: Vec<Index> = self.followers.iter().map(|follower| follower.matched).collect();
        held.push(node.log.last().index);
        held.sort_unstable();
        let by_majority = held[held.len() - node.quorum()];
        if by_majority <= node.commit {
            return;
        }
        if node.log.term_at(by_majority) == Some(node.term()) {
            node.commit_up_to(cx, by_majority);
            self.on_committed(node);
        } else {
            cx.note("does not commit yet", format_args!("{by_majority}, of an earlier term"));
        }
    }

    pub fn check(&self, node: &Node) {
        let last = node.log.last().index;
        for (peer, follower) in node.peers.iter().zip(&self.followers) {
            assert!(follower.matched <= last, "{peer} has {}, of {last}", follower.matched);
            if let Flow::Streaming { in_flight, .. } = &follower.flow {
                assert!(in_flight.len() <= node.config.max_in_flight, "{peer}: {in_flight:?}");
            }
        }
        self.reads.check(node);
    }
}

/// Sends up to `most` entries after `prev`; the answer is the last of them, or `prev`.
fn send_append(
    node: &mut Node,
    cx: &mut Cx<'_>,
    slot: usize,
    prev: LogId,
    most: usize,
    round: u64,
) -> Index {
    let mut entries = Entries::default();
    let first = prev.index.next();
    let last = Index::new(node.log.last().index.get().min(prev.index.get() + most as u64));
    for index in Index::span(first, last) {
        let record = cx.disk.record(index.get());
        if index == first {
            entries.reserve((record.len() + 2) * (last.get() - prev.index.get()) as usize);
        }
        entries.push_record(record);
    }
    // An append is answered soon or was lost; a heartbeat need not be.
    let patience = if entries.is_empty() { node.config.heartbeat } else { node.config.retry };
    node.timers.due[slot] = cx.now + patience;
    let request = AppendEntries { term: node.term(), prev, entries, commit: node.commit, round };
    cx.send(node.peers[slot], Message::AppendEntries(request));
    last
}

impl Node {
    /// Figure 2, `AppendEntries` RPC, receiver implementation.
    pub fn on_append_entries(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        request: &AppendEntries,
    ) -> Result<(), Refusal> {
        let outcome = if request.term < self.term() {
            Appended::Stale
        } else if self.is_early(request) {
            // What comes before it is still on the way, or lost. The answer to that answers this.
            cx.note("early append", format_args!("after {}", request.prev));
            self.early.insert(request.prev.index, request.clone());
            return Ok(());
        } else if let Some(conflict) = self.conflict_with(request.prev)? {
            conflict
        } else {
            let mut last = self.append(cx, request)?;
            while let Some(next) = self.early.first_entry().filter(|next| *next.key() <= last) {
                let next = next.remove();
                // One that does not fit, or that no correct leader has sent, is as good as lost: it is
                // not the request at hand.
                if let Ok(None) = self.conflict_with(next.prev)
                    && let Ok(more) = self.append(cx, &next)
                {
                    cx.note("its time has come", format_args!("what comes after {}", next.prev));
                    last = last.max(more);
                }
            }
            Appended::Matched(last)
        };
        // The round of the request at hand, and no other's.
        let (term, prev, round) = (self.term(), request.prev.index, request.round);
        let reply = AppendEntriesReply { term, prev, outcome, round };
        cx.send(from, Message::AppendEntriesReply(reply));
        Ok(())
    }

    /// Whether an append has overtaken the one before it. As many are kept as a leader may have in
    /// flight, in memory only: without that a leader with several appends in flight would have to
    /// send most of them twice.
    fn is_early(&self, request: &AppendEntries) -> bool {
        let (last, prev) = (self.log.last().index, request.prev.index);
        let Config { max_in_flight, max_entries, .. } = self.config;
        let within = last.get() + (max_in_flight * max_entries) as u64;
        prev > last
            && prev.get() <= within
            && !request.entries.is_empty()
            && (self.early.len() < max_in_flight || self.early.contains_key(&prev))
    }

    /// "Reply false if log doesn't contain an entry at prevLogIndex whose term matches
    /// prevLogTerm."
    fn conflict_with(&self, prev: LogId) -> Result<Option<Appended>, Refusal> {
        let last = self.log.last().index;
        if prev.index > last {
            return Ok(Some(Appended::Conflict { term: None, first: last.next() }));
        }
        match self.log.term_at(prev.index) {
            Some(term) if term == prev.term => Ok(None),
            // What is committed every leader has.
            Some(_) if prev.index <= self.commit => Err(Refusal::ContradictsCommitted),
            Some(term) => {
                let first = self.log.first_of_its_term(prev.index);
                let first = first.max(self.log.snapshot().index.next());
                Ok(Some(Appended::Conflict { term: Some(term), first }))
            }
            // It is gone, into a snapshot.
            None => Ok(None),
        }
    }

    /// "If an existing entry conflicts with a new one, delete the existing entry and all that
    /// follow it. Append any new entries not already in the log." Entries that are already there
    /// stay: the request may be an old one, overtaken by others. The answer is the last entry that
    /// agrees; up to there the follower may take over the leader's commit index, what may follow is
    /// not vouched for.
    fn append(&mut self, cx: &mut Cx<'_>, request: &AppendEntries) -> Result<Index, Refusal> {
        let (mut index, before) = (request.prev.index, self.log.last());
        for entry in request.entries.iter() {
            let entry = entry?;
            index = index.next();
            match self.log.term_at(index) {
                Some(term) if term == entry.term => continue,
                // It is gone, into a snapshot.
                None if index <= self.log.snapshot().index => continue,
                Some(_) if index <= self.commit => return Err(Refusal::ContradictsCommitted),
                Some(term) => {
                    let last = self.log.last();
                    cx.note("dropped", format_args!("{index}@{term} to {last}: they conflict"));
                    if term != last.term {
                        cx.note("dropped several terms", format_args!("{term} to {}", last.term));
                    }
                    self.log.truncate(index);
                }
                None => {}
            }
            self.log.push(entry.term);
            // Writing a record drops what was at its place and after it.
            cx.disk.append(index.get(), entry.record);
        }
        if !request.entries.is_empty() && self.log.last() == before {
            cx.note("has them already", format_args!("up to {index}"));
        }
        self.commit_up_to(cx, request.commit.min(index));
        Ok(index)
    }
}
