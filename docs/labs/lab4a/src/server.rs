//! A server: a Raft, and the configurations that come of what it commits.

use crate::{Message, Raft, Request};
use kvraft::rsm::Config;
use labrpc::{Context, Instant, NodeId, Process};
use raft::{Applied, Consensus, Status, View};
use tests::arena::{Deliveries, Recorder, Replica};
use tests::not_written;
use tests::shard::LabServer;

/// One server.
pub struct Server {
    /// Your Raft, with a record of what it commits, for the monitors.
    pub raft: Recorder<Raft>,
    /// How many shards there are.
    pub shards: u16,
}

impl Server {
    /// Starts a server from what is on its disk.
    pub fn boot(
        cx: &mut Context<'_, Message>,
        servers: &[NodeId],
        shards: u16,
        config: &Config,
    ) -> Self {
        let raft = with_raft(cx, |cx| Recorder::boot(cx, servers, config.raft.clone()));
        let mut server = Self { raft, shards };
        server.apply(cx);
        server
    }

    /// A clerk asks for something.
    fn on_request(&mut self, _cx: &mut Context<'_, Message>, _clerk: NodeId, _request: Request) {
        not_written!("lab 4A: propose the operation, or say that another server leads")
    }

    /// Applies what has been committed.
    fn apply(&mut self, cx: &mut Context<'_, Message>) {
        while let Some(applied) = self.raft.next_applied(&*cx.disk) {
            match applied {
                Applied::Command { .. } => {
                    not_written!("lab 4A: make the next configuration, once, and answer who waits")
                }
                Applied::Snapshot { .. } => {
                    unreachable!("nobody has asked the master for a snapshot")
                }
            }
        }
    }
}

// ---- what has to do with the simulator: nothing to be written below ------------------------------

/// A step of the Raft inside a step of the server: what it sends is wrapped and sent on.
fn with_raft<T>(
    cx: &mut Context<'_, Message>,
    step: impl FnOnce(&mut Context<'_, <Raft as Consensus>::Message>) -> T,
) -> T {
    let mut outbox = Vec::new();
    let out = step(&mut cx.nested(&mut outbox));
    for (to, message) in outbox {
        cx.send(to, Message::Raft(message));
    }
    out
}

impl Process for Server {
    type Message = Message;

    fn on_message(&mut self, cx: &mut Context<'_, Message>, from: NodeId, message: Message) {
        match message {
            Message::Raft(message) => {
                with_raft(cx, |cx| self.raft.on_message(cx, from, message));
                self.apply(cx);
            }
            Message::Request(request) => self.on_request(cx, from, request),
            Message::Answer(_) => {}
        }
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, Message>) {
        with_raft(cx, |cx| self.raft.on_wakeup(cx));
        self.apply(cx);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.raft.next_wakeup()
    }
}

impl LabServer for Server {
    fn is_leader(&self) -> bool {
        self.raft.status().is_leader
    }

    fn replica(&self) -> Option<&dyn Replica> {
        Some(self)
    }
}

impl Replica for Server {
    fn status(&self) -> Status {
        self.raft.status()
    }

    fn view(&self) -> Option<&dyn View> {
        self.raft.view()
    }

    fn deliveries(&self) -> &Deliveries {
        self.raft.deliveries()
    }
}
