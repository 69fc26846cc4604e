//! A planted bug: a Raft that keeps term, vote, log and snapshot in memory, and knows nothing after a
//! crash.
//!
//! Expected: the points of 2A and 2B, where nothing crashes. From 2C on a monitor has a server boot from
//! what is on its disk now and then, and says that what was promised is not there ("durable before
//! promised").

use labrpc::{Context, Disk, Instant, NodeId, Persister};
use raft::{Applied, Config, Consensus, Index, LogId, Message, NotLeader, Status, Term, View};
use std::ops::Range;

type Cx<'a> = Context<'a, Message>;

/// Makes a step on another disk than the server's.
fn on<T>(disk: &mut Disk, cx: &mut Cx<'_>, step: impl FnOnce(&mut Cx<'_>) -> T) -> T {
    let mut outbox = Vec::new();
    let mut inner = cx.nested(&mut outbox);
    inner.disk = disk;
    let result = step(&mut inner);
    for (to, message) in outbox {
        cx.send(to, message);
    }
    result
}

/// The reference's, on a disk that is none.
#[derive(Clone)]
pub struct Raft {
    raft: raft::Raft,
    memory: Disk,
}

impl Raft {
    fn step<T>(&mut self, cx: &mut Cx<'_>, f: impl FnOnce(&mut raft::Raft, &mut Cx<'_>) -> T) -> T {
        let Self { raft, memory } = self;
        on(memory, cx, |cx| f(raft, cx))
    }
}

impl Consensus for Raft {
    type Message = Message;

    fn boot(cx: &mut Cx<'_>, peers: &[NodeId], config: Config) -> Self {
        let mut memory = Disk::default();
        let raft = on(&mut memory, cx, |cx| raft::Raft::boot(cx, peers, config));
        Self { raft, memory }
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

    fn next_applied<'a>(&'a mut self, _: &'a dyn Persister) -> Option<Applied<'a>> {
        self.raft.next_applied(&self.memory)
    }

    fn snapshot(&mut self, cx: &mut Cx<'_>, upto: Index, state: &[u8]) {
        self.step(cx, |raft, cx| raft.snapshot(cx, upto, state));
    }

    fn status(&self) -> Status {
        self.raft.status()
    }

    fn view(&self) -> Option<&dyn View> {
        Some(self)
    }
}

impl Raft {
    fn inside(&self) -> &dyn View {
        self.raft.view().expect("the reference shows its inside")
    }
}

impl View for Raft {
    fn voted_for(&self) -> Option<NodeId> {
        self.inside().voted_for()
    }

    fn log(&self) -> Range<Index> {
        self.inside().log()
    }

    fn covered(&self) -> LogId {
        self.inside().covered()
    }

    fn entry<'a>(&'a self, _: &'a dyn Persister, index: Index) -> Option<(Term, &'a [u8])> {
        self.inside().entry(&self.memory, index)
    }
}
