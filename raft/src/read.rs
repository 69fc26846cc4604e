//! Linearizable reads without entries in the log: `ReadIndex`, section 6.4 of Ongaro's dissertation
//! (*Consensus: Bridging Theory and Practice*).
//!
//! A read must see every write whose client was answered before the read was asked for. Each such
//! write is committed, and some server has applied it. So it is enough for the leader to find an
//! index that no commit index of any server had passed when the read was asked for: the *read
//! index*. Once the service has applied everything up to there, its state may be read. What is
//! saved is the entry: nothing is written, and one round of empty appends serves all reads that
//! wait for it.
//!
//! The leader's own commit index is that index on two conditions. Neither can be left out.
//!
//! **It has committed an entry of its own term.** A leader has all committed entries from its first
//! step (section 5.4), but does not know which they are. "If the leader has not yet marked an entry
//! from its current term committed, it waits until it has done so." Without that:
//!
//! 1. n1 leads term 1, has "x = 1" on n1 and n2, commits and applies it and answers the client.
//! 2. n1 crashes before it tells anyone. n2 leads term 2; its commit index is still 0.
//! 3. A read at n2 would have the read index 0, and see no x. The client has been told of it.
//!
//! Raft appends no entry of its own, so that such a read waits until the service proposes something
//! (`on_committed`).
//!
//! **A majority has heard from it since the read was asked for.** "The leader needs to make sure it
//! hasn't been superseded by a newer leader of which it is unaware." Without that:
//!
//! 1. n1 leads term 1 with "x = 1" committed, and is cut off from n2 and n3.
//! 2. n2 leads term 2, commits "x = 2" with n3 and answers the client.
//! 3. A read at n1, which still believes to lead, would see x = 1.
//!
//! If a majority was still in the term after the read was asked for, no leader of a later term had
//! been elected when it was, and none had committed anything. *After* matters, not only *majority*:
//!
//! 1. n1 leads term 1 and sends a heartbeat. n2 and n3 answer; the answers are slow.
//! 2. n2 leads term 2 with the vote of n3, commits "x = 2" and answers the client.
//! 3. A read is asked of n1, then the answers arrive. They say that n1 led before x = 2 was
//!    written.
//!
//! So appends bear the number of a *round*, and answers echo it; a round belongs to a term and
//! begins after the reads that it is for. Any answer of the present term to an append of it shows
//! that the follower was in the term after it began: also one that the logs do not agree. What does
//! not count:
//!
//! - an answer of an earlier term, nor a late one to what was sent in an earlier reign
//!   ([`Appended::Stale`](crate::Appended::Stale)): rounds are counted anew in each reign, and
//!   round 1 of an earlier one says nothing of this one;
//! - the answer to an append of an earlier round, were it sent ever so late. A follower echoes the
//!   round of the append that it answers, and not of one that it keeps until that comes
//!   (`Node::is_early`): it saw that earlier. To echo the latest of both would be right as well; it
//!   would take one more argument to see it.
//!
//! One round is under way at a time. What is asked meanwhile waits for the next, which begins as
//! soon as this one is confirmed, so that a round costs what it costs however many reads wait for
//! it: an append and an answer per follower. Who has not answered is sent the append again after
//! [`Config::retry`](crate::Config::retry), until a majority has. While there are no reads there
//! are no rounds, no messages and no timer.

use crate::raft::{Cx, Node};
use crate::refusal::Refusal;
use crate::replication::Leader;
use crate::{Index, ReadId};
use std::collections::VecDeque;

/// A leader's reads that are not decided yet, and how far they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reads {
    /// In the order in which they were asked for.
    waiting: VecDeque<Read>,
    /// The latest round that has begun; 0 before the first of the reign.
    round: u64,
    /// The latest round that is confirmed: that one, or the one before it.
    confirmed: u64,
    /// The latest round that each peer is known to have answered.
    answered: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Read {
    id: ReadId,
    /// The round that has to be confirmed.
    round: u64,
    /// The read index; `None` until something of the leader's own term is committed.
    index: Option<Index>,
}

/// The reads of a life: how many there were, and which are decided and not pulled yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Decided {
    asked: u64,
    /// With its read index; `None` if leadership was lost.
    reads: VecDeque<(ReadId, Option<Index>)>,
}

impl Decided {
    pub fn next(&mut self) -> Option<(ReadId, Option<Index>)> {
        self.reads.pop_front()
    }

    fn new_id(&mut self) -> ReadId {
        self.asked += 1;
        ReadId::new(self.asked)
    }
}

impl Reads {
    pub fn new(peers: usize) -> Self {
        Self { waiting: VecDeque::new(), round: 0, confirmed: 0, answered: vec![0; peers] }
    }

    /// The round that an append bears if it is sent now.
    pub fn round(&self) -> u64 {
        self.round
    }

    /// Whether a round has begun that is not confirmed.
    pub fn is_open(&self) -> bool {
        self.round > self.confirmed
    }

    /// Whether an answer of the present term to an append of this round can matter.
    pub fn is_news(&self, round: u64) -> Result<bool, Refusal> {
        if round <= self.confirmed {
            return Ok(false);
        }
        if round <= self.round { Ok(true) } else { Err(Refusal::ImpossibleReply) }
    }

    /// The leader's own answer counts.
    fn has_majority(&self, node: &Node) -> bool {
        let answered = self.answered.iter().filter(|&&answered| answered >= self.round);
        1 + answered.count() >= node.quorum()
    }

    /// Decides what can be decided, in the order in which it was asked for.
    fn decide(&mut self, node: &mut Node) {
        while let Some(&Read { id, round, index: Some(index) }) = self.waiting.front()
            && round <= self.confirmed
        {
            self.waiting.pop_front();
            node.decided.reads.push_back((id, Some(index)));
        }
    }

    pub fn check(&self, node: &Node) {
        let Self { waiting, round, confirmed, answered } = self;
        assert!(answered.len() == node.peers.len(), "answers {answered:?}");
        if self.is_open() {
            assert!(*round == confirmed + 1, "round {round} begins when only {confirmed} is over");
            assert!(answered.iter().all(|answered| answered <= round), "{answered:?} of {round}");
            assert!(!self.has_majority(node), "round {round} is confirmed: {answered:?}");
        }
        let (Some(first), Some(last)) = (waiting.front(), waiting.back()) else {
            assert!(!self.is_open(), "round {round} is for nobody");
            return;
        };
        // Those between were looked at when they were the last.
        let open = if self.is_open() { *round } else { *confirmed };
        assert!(first.id <= last.id && first.round <= last.round, "{first:?} before {last:?}");
        assert!(last.round <= open + u64::from(self.is_open()), "{last:?} in round {round}");
        assert!(first.round > *confirmed || first.index.is_none(), "{first:?} is decided");
        for read in [first, last] {
            assert!(read.index.is_some() == has_committed(node), "{read:?}, {}", node.commit);
            assert!(read.index <= Some(node.commit), "{read:?} past commit {}", node.commit);
        }
    }
}

/// Whether something of the present term is committed, as far as this server knows.
fn has_committed(node: &Node) -> bool {
    node.log.term_at(node.commit) == Some(node.term())
}

impl Leader {
    /// Dissertation, 6.4: "The leader saves its current commit index in a local variable
    /// readIndex", and begins a round of heartbeats.
    pub fn on_read(&mut self, node: &mut Node, cx: &mut Cx<'_>) -> ReadId {
        let id = node.decided.new_id();
        let index = has_committed(node).then_some(node.commit);
        if index.is_none() {
            cx.note("read waits for the term", format_args!("{}", node.term()));
        }
        if self.reads.is_open() {
            cx.note("read waits for a round", format_args!("{}", self.reads.round + 1));
        }
        // The round that is under way began before the read.
        let round = self.reads.round + 1;
        self.reads.waiting.push_back(Read { id, round, index });
        if !self.reads.is_open() {
            self.begin_round(node, cx);
        }
        id
    }

    fn begin_round(&mut self, node: &mut Node, cx: &mut Cx<'_>) {
        self.reads.round += 1;
        node.timers.round = cx.now + node.config.retry;
        for slot in 0..node.peers.len() {
            self.send_round(node, cx, slot);
        }
        // In a cluster of one it is over at once.
        self.maybe_confirm(node, cx);
    }

    /// A follower has answered an append of the round that is under way.
    pub fn on_round_answered(&mut self, node: &mut Node, cx: &mut Cx<'_>, slot: usize) {
        self.reads.answered[slot] = self.reads.round;
        self.maybe_confirm(node, cx);
    }

    fn maybe_confirm(&mut self, node: &mut Node, cx: &mut Cx<'_>) {
        if !self.reads.has_majority(node) {
            return;
        }
        self.reads.confirmed = self.reads.round;
        self.reads.decide(node);
        if self.reads.waiting.back().is_some_and(|read| read.round > self.reads.confirmed) {
            self.begin_round(node, cx);
        }
    }

    /// Section 5.1: servers retry. To whom something is due anyway, it bears the round.
    pub fn maybe_repeat_round(&mut self, node: &mut Node, cx: &mut Cx<'_>) {
        if !self.reads.is_open() || node.timers.round > cx.now {
            return;
        }
        node.timers.round = cx.now + node.config.retry;
        cx.note("repeats a round", format_args!("{}", self.reads.round));
        for slot in 0..node.peers.len() {
            if self.reads.answered[slot] < self.reads.round && node.timers.due[slot] > cx.now {
                self.send_round(node, cx, slot);
            }
        }
    }

    /// The commit index has risen, to an entry of the present term. The first time, the reads that
    /// wait for that have their read index.
    pub fn on_committed(&mut self, node: &mut Node) {
        if self.reads.waiting.front().is_some_and(|read| read.index.is_none()) {
            for read in &mut self.reads.waiting {
                read.index = Some(node.commit);
            }
            self.reads.decide(node);
        }
    }

    /// The reign is over, and nothing can be confirmed any more.
    pub fn give_up_reads(&mut self, node: &mut Node) {
        let lost = self.reads.waiting.drain(..).map(|read| (read.id, None));
        node.decided.reads.extend(lost);
    }
}
