//! A Raft that relies on the order of hash maps, which differs from process to process: a server waits a
//! little longer than others, by what comes first out of a set, and sends the messages of a step as a map
//! has them.
//!
//! Expected: no points. Every scenario passes, and no run can be made again: the same seed gives another
//! one each time. `HashMap` and `HashSet` are named as culprits.

use labrpc::{Context, Instant, NodeId, Persister};
use raft::{Applied, Config, Consensus, Index, LogId, Message, NotLeader, Status, View};
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::time::Duration;

type Cx<'a> = Context<'a, Message>;

/// One of so many numbers: that which comes first.
fn any(of: u64) -> u64 {
    let all: HashSet<u64> = (0..of).collect();
    all.into_iter().next().unwrap_or_default()
}

/// Less than a millisecond, and hardly ever the same.
fn a_little() -> Duration {
    Duration::from_nanos(1000 * any(1000) + any(1000))
}

/// Sends what there is for one server after the other.
fn send(cx: &mut Cx<'_>, outbox: Vec<(NodeId, Message)>) {
    let mut by_peer: HashMap<NodeId, Vec<Message>> = HashMap::new();
    for (to, message) in outbox {
        by_peer.entry(to).or_default().push(message);
    }
    for (to, messages) in by_peer {
        for message in messages {
            cx.send(to, message);
        }
    }
}

/// The reference's, with other timeouts, and messages that leave in another order.
#[derive(Clone)]
pub struct Raft {
    raft: raft::Raft,
}

impl Raft {
    fn step<T>(&mut self, cx: &mut Cx<'_>, f: impl FnOnce(&mut raft::Raft, &mut Cx<'_>) -> T) -> T {
        let mut outbox = Vec::new();
        let result = f(&mut self.raft, &mut cx.nested(&mut outbox));
        send(cx, outbox);
        result
    }
}

impl Consensus for Raft {
    type Message = Message;

    fn boot(cx: &mut Cx<'_>, peers: &[NodeId], config: Config) -> Self {
        let (longer, Range { start, end }) = (a_little(), config.election_timeout);
        let election_timeout = start + longer..end + longer;
        let heartbeat = config.heartbeat + a_little();
        let config = Config { election_timeout, heartbeat, ..config };
        Self { raft: raft::Raft::boot(cx, peers, config) }
    }

    fn on_message(&mut self, cx: &mut Cx<'_>, from: NodeId, message: Message) {
        self.step(cx, |raft, cx| raft.on_message(cx, from, message));
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_>) {
        self.step(cx, |raft, cx| raft.on_wakeup(cx));
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.raft.next_wakeup()
    }

    fn propose(&mut self, cx: &mut Cx<'_>, command: &[u8]) -> Result<LogId, NotLeader> {
        self.step(cx, |raft, cx| raft.propose(cx, command))
    }

    fn next_applied<'a>(&'a mut self, disk: &'a dyn Persister) -> Option<Applied<'a>> {
        self.raft.next_applied(disk)
    }

    fn snapshot(&mut self, cx: &mut Cx<'_>, upto: Index, state: &[u8]) {
        self.step(cx, |raft, cx| raft.snapshot(cx, upto, state));
    }

    fn status(&self) -> Status {
        self.raft.status()
    }

    fn view(&self) -> Option<&dyn View> {
        self.raft.view()
    }
}
