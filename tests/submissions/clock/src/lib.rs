//! A Raft whose timers run out a little late: by how much, the machine's clock decides.
//!
//! Expected: no points. Every scenario passes, and no run can be made again; `Instant::now` is named as a
//! culprit.

use labrpc::{Context, Instant, NodeId, Persister};
use raft::{Applied, Config, Consensus, Index, LogId, Message, NotLeader, Status, View};
use std::time::Duration;

type Cx<'a> = Context<'a, Message>;

/// The reference's, with other timers.
#[derive(Clone)]
pub struct Raft {
    raft: raft::Raft,
    /// When it was booted, on the machine's clock.
    booted: std::time::Instant,
    /// When the reference's timer runs out, and when this one does.
    due: Option<Instant>,
    late: Option<Instant>,
}

impl Raft {
    fn step<T>(&mut self, cx: &mut Cx<'_>, f: impl FnOnce(&mut raft::Raft, &mut Cx<'_>) -> T) -> T {
        let result = f(&mut self.raft, cx);
        if self.due != self.raft.next_wakeup() {
            let delay =
                Duration::from_nanos(u64::from(self.booted.elapsed().subsec_nanos()) % 1_000_000);
            self.due = self.raft.next_wakeup();
            self.late = self.due.map(|due| due + delay);
        }
        result
    }
}

impl Consensus for Raft {
    type Message = Message;

    fn boot(cx: &mut Cx<'_>, peers: &[NodeId], config: Config) -> Self {
        let raft = raft::Raft::boot(cx, peers, config);
        let due = raft.next_wakeup();
        Self { raft, booted: std::time::Instant::now(), due, late: due }
    }

    fn on_message(&mut self, cx: &mut Cx<'_>, from: NodeId, message: Message) {
        self.step(cx, |raft, cx| raft.on_message(cx, from, message));
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_>) {
        self.step(cx, |raft, cx| raft.on_wakeup(cx));
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.late
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
