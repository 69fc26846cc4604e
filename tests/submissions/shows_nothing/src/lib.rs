//! A Raft that is right, and shows nothing of its inside to monitors.
//!
//! Expected: no points, as nobody can see whether what it promises is on its disk ("view").

use labrpc::{Context, Instant, NodeId, Persister};
use raft::{Applied, Config, Consensus, Index, LogId, Message, NotLeader, Status};

type Cx<'a> = Context<'a, Message>;

/// The reference's, without its view.
#[derive(Clone)]
pub struct Raft(raft::Raft);

impl Consensus for Raft {
    type Message = Message;

    fn boot(cx: &mut Cx<'_>, peers: &[NodeId], config: Config) -> Self {
        Self(raft::Raft::boot(cx, peers, config))
    }

    fn on_message(&mut self, cx: &mut Cx<'_>, from: NodeId, message: Message) {
        self.0.on_message(cx, from, message);
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_>) {
        self.0.on_wakeup(cx);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.0.next_wakeup()
    }

    fn propose(&mut self, cx: &mut Cx<'_>, command: &[u8]) -> Result<LogId, NotLeader> {
        self.0.propose(cx, command)
    }

    fn next_applied<'a>(&'a mut self, disk: &'a dyn Persister) -> Option<Applied<'a>> {
        self.0.next_applied(disk)
    }

    fn snapshot(&mut self, cx: &mut Cx<'_>, upto: Index, state: &[u8]) {
        self.0.snapshot(cx, upto, state);
    }

    fn status(&self) -> Status {
        self.0.status()
    }
}
