//! A Raft that panics with a leader in term 2 or later: it counts a leader's steps by term, and has
//! room for two terms, of which the first is nobody's.
//!
//! Expected: some points. Where the first election is the last the scenario passes; all others fail by the
//! panic, and its place is told.

use labrpc::{Context, Instant, NodeId, Persister};
use raft::{Applied, Config, Consensus, Index, LogId, Message, NotLeader, Status, View};

type Cx<'a> = Context<'a, Message>;

/// The reference's, and how many steps it made as a leader, by term.
#[derive(Clone)]
pub struct Raft {
    raft: raft::Raft,
    steps: [u64; 2],
}

impl Raft {
    fn step<T>(&mut self, cx: &mut Cx<'_>, f: impl FnOnce(&mut raft::Raft, &mut Cx<'_>) -> T) -> T {
        let result = f(&mut self.raft, cx);
        let Status { term, is_leader, .. } = self.raft.status();
        if is_leader {
            self.steps[term.get() as usize] += 1;
        }
        result
    }
}

impl Consensus for Raft {
    type Message = Message;

    fn boot(cx: &mut Cx<'_>, peers: &[NodeId], config: Config) -> Self {
        Self { raft: raft::Raft::boot(cx, peers, config), steps: [0; 2] }
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
