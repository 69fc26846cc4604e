//! A Raft with a flaw, to be found by a test. The chapter is in `docs/labs/lab0.md`.
//!
//! It is the reference, but for one thing that it says to others.

use labrpc::{Context, Instant, NodeId, Persister};
use raft::{Applied, Config, Consensus, Index, LogId, Message, NotLeader, Status, View};

/// One server.
#[derive(Clone)]
pub struct Raft(raft::Raft);

impl Consensus for Raft {
    type Message = Message;

    fn boot(cx: &mut Context<'_, Message>, peers: &[NodeId], config: Config) -> Self {
        Self(raft::Raft::boot(cx, peers, config))
    }

    fn on_message(&mut self, cx: &mut Context<'_, Message>, from: NodeId, message: Message) {
        let mut outbox = Vec::new();
        self.0.on_message(&mut cx.nested(&mut outbox), from, message);
        for (to, mut message) in outbox {
            if let Message::RequestVoteReply(reply) = &mut message {
                // Here it is.
                reply.granted = true;
            }
            cx.send(to, message);
        }
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, Message>) {
        self.0.on_wakeup(cx);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.0.next_wakeup()
    }

    fn propose(
        &mut self,
        cx: &mut Context<'_, Message>,
        command: &[u8],
    ) -> Result<LogId, NotLeader> {
        self.0.propose(cx, command)
    }

    fn next_applied<'a>(&'a mut self, disk: &'a dyn Persister) -> Option<Applied<'a>> {
        self.0.next_applied(disk)
    }

    fn snapshot(&mut self, cx: &mut Context<'_, Message>, upto: Index, state: &[u8]) {
        self.0.snapshot(cx, upto, state);
    }

    fn status(&self) -> Status {
        self.0.status()
    }

    fn view(&self) -> Option<&dyn View> {
        self.0.view()
    }
}
