//! Lab 2A: elections (sections 5.2 and 5.4.1).

use crate::message::{Message, RequestVote, RequestVoteReply};
use crate::raft::{Cx, Node};
use labrpc::NodeId;

/// A server that campaigns in the present term, and who has voted for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Candidate {
    /// What each peer has answered in this term, if it has; its own vote is on the disk.
    answers: Vec<Option<Vote>>,
}

/// An answer, which is final for the term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Vote {
    Granted,
    Refused,
}

/// How an election stands. There is no third outcome: who does not win hears of the winner, or runs
/// out of patience again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tally {
    Won,
    Open,
}

impl Candidate {
    /// "Send `RequestVote` RPCs to all other servers" (figure 2).
    pub fn campaign(node: &mut Node, cx: &mut Cx<'_>) -> Self {
        let candidate = Self { answers: vec![None; node.peers.len()] };
        for slot in 0..node.peers.len() {
            ask(node, cx, slot);
        }
        candidate
    }

    /// An answer of the present term.
    pub fn on_answer(&mut self, slot: usize, granted: bool) {
        self.answers[slot] = Some(if granted { Vote::Granted } else { Vote::Refused });
    }

    /// Its own vote counts.
    pub fn tally(&self, node: &Node) -> Tally {
        let granted = self.answers.iter().filter(|answer| **answer == Some(Vote::Granted));
        let votes = 1 + granted.count();
        if votes >= node.quorum() { Tally::Won } else { Tally::Open }
    }

    /// "Servers retry RPCs if they do not receive a response in a timely manner" (section 5.1).
    pub fn on_due(&self, node: &mut Node, cx: &mut Cx<'_>) {
        for slot in 0..node.peers.len() {
            if node.timers.due[slot] <= cx.now {
                if self.answers[slot].is_some() {
                    node.timers.due[slot] = node.timers.election;
                } else {
                    ask(node, cx, slot);
                }
            }
        }
    }
}

fn ask(node: &mut Node, cx: &mut Cx<'_>, slot: usize) {
    let request = RequestVote { term: node.term(), last: node.log.last() };
    cx.send(node.peers[slot], Message::RequestVote(request));
    node.timers.due[slot] = cx.now + node.config.heartbeat;
}

impl Node {
    /// Figure 2, `RequestVote` RPC, receiver implementation.
    pub fn on_request_vote(&mut self, cx: &mut Cx<'_>, from: NodeId, request: &RequestVote) {
        let free = self.hard.voted_for.is_none_or(|voted_for| voted_for == from);
        // Section 5.4.1: who lacks a committed entry finds no majority that lets it pass.
        let up_to_date = request.last >= self.log.last();
        let granted = request.term == self.term() && free && up_to_date;
        if granted && self.hard.voted_for.is_none() {
            self.save(cx, request.term, Some(from));
            cx.note("voted", format_args!("for {from} in {}", request.term));
            // Only who gives its vote waits anew: an outdated candidate must not hold up others,
            // nor one that asks for a vote which it has.
            self.reset_election_timer(cx);
        }
        if request.term == self.term() && !granted {
            let why = if up_to_date { "denied: given away" } else { "denied: log behind" };
            cx.note(why, format_args!("{from}, whose last entry is {}", request.last));
        }
        let reply = RequestVoteReply { term: self.term(), granted };
        cx.send(from, Message::RequestVoteReply(reply));
    }
}
