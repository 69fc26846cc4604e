//! A planted bug: a Raft that takes what is on its disk when it boots, log and snapshot, for applied. It
//! hands up what is added later, and the service lacks the rest.
//!
//! Expected: the points of 2A and 2B. Of the other parts it loses what has servers that come back from a
//! crash ("in-order apply").

use labrpc::{Context, Instant, NodeId, Persister};
use raft::{Applied, Config, Consensus, Index, LogId, Message, NotLeader, Status, View};

type Cx<'a> = Context<'a, Message>;

/// The reference's, of which not everything is handed up.
#[derive(Clone)]
pub struct Raft {
    raft: raft::Raft,
    /// The last entry that was on the disk at the start.
    known: Index,
    /// How far it has been taken for applied.
    skipped: Index,
}

impl Raft {
    fn step<T>(&mut self, cx: &mut Cx<'_>, f: impl FnOnce(&mut raft::Raft, &mut Cx<'_>) -> T) -> T {
        let result = f(&mut self.raft, cx);
        self.skip(cx.disk);
        result
    }

    fn skip(&mut self, disk: &dyn Persister) {
        while self.skipped < self.known.min(self.raft.status().commit) {
            self.skipped = match self.raft.next_applied(disk) {
                Some(Applied::Command { id, .. }) => id.index,
                Some(Applied::Snapshot { last, .. }) => last.index,
                None => return,
            };
        }
    }
}

impl Consensus for Raft {
    type Message = Message;

    fn boot(cx: &mut Cx<'_>, peers: &[NodeId], config: Config) -> Self {
        let (known, skipped) = (Index::new(cx.disk.log().end - 1), Index::BEFORE_FIRST);
        let mut server = Self { raft: raft::Raft::boot(cx, peers, config), known, skipped };
        server.skip(cx.disk);
        server
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
