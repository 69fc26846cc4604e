//! A Raft that keeps a record of what it hands up, for services that do not.

use super::{Deliveries, Replica};
use labrpc::{Context, Instant, NodeId, Persister};
use raft::{Applied, Config, Consensus, Index, LogId, NotLeader, ReadId, Status, View};

/// Any Raft, and a record of what it handed up in its latest step.
#[derive(Clone, Debug)]
pub struct Recorder<R> {
    raft: R,
    deliveries: Deliveries,
}

impl<R> Recorder<R> {
    /// What it has handed up.
    pub fn deliveries(&self) -> &Deliveries {
        &self.deliveries
    }

    /// The Raft inside.
    pub fn raft(&self) -> &R {
        &self.raft
    }
}

impl<R: Consensus> Replica for Recorder<R> {
    fn status(&self) -> Status {
        self.raft.status()
    }

    fn view(&self) -> Option<&dyn View> {
        self.raft.view()
    }

    fn deliveries(&self) -> &Deliveries {
        &self.deliveries
    }
}

impl<R: Consensus> Consensus for Recorder<R> {
    type Message = R::Message;

    fn boot(cx: &mut Context<'_, R::Message>, peers: &[NodeId], config: Config) -> Self {
        Self { raft: R::boot(cx, peers, config), deliveries: Deliveries::default() }
    }

    fn on_message(&mut self, cx: &mut Context<'_, R::Message>, from: NodeId, message: R::Message) {
        self.deliveries.clear();
        self.raft.on_message(cx, from, message);
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, R::Message>) {
        self.deliveries.clear();
        self.raft.on_wakeup(cx);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.raft.next_wakeup()
    }

    fn propose(
        &mut self,
        cx: &mut Context<'_, R::Message>,
        command: &[u8],
    ) -> Result<LogId, NotLeader> {
        self.raft.propose(cx, command)
    }

    fn next_applied<'a>(&'a mut self, disk: &'a dyn Persister) -> Option<Applied<'a>> {
        let applied = self.raft.next_applied(disk)?;
        match applied {
            Applied::Command { id, command } => self.deliveries.push(id, false, command),
            Applied::Snapshot { last, state } => self.deliveries.push(last, true, state),
        }
        Some(applied)
    }

    fn snapshot(&mut self, cx: &mut Context<'_, R::Message>, upto: Index, state: &[u8]) {
        self.raft.snapshot(cx, upto, state);
    }

    fn status(&self) -> Status {
        self.raft.status()
    }

    fn view(&self) -> Option<&dyn View> {
        self.raft.view()
    }

    fn read(&mut self, cx: &mut Context<'_, R::Message>) -> Option<Result<ReadId, NotLeader>> {
        self.raft.read(cx)
    }

    fn next_read(&mut self) -> Option<(ReadId, Result<Index, NotLeader>)> {
        self.raft.next_read()
    }
}
