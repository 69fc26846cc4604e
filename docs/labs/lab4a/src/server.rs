//! A server: a Raft, and the configurations that come of what it commits.

use crate::{Message, Raft, Request};
use kvraft::rsm::Config;
use labrpc::{Context, Instant, NodeId, Process};
use raft::{Applied, Consensus};
use tests::arena::{self, Recorder};
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
        let raft = cx.within(Message::Raft, |cx| Recorder::boot(cx, servers, config.raft.clone()));
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

impl Process for Server {
    type Message = Message;

    fn on_message(&mut self, cx: &mut Context<'_, Message>, from: NodeId, message: Message) {
        match message {
            Message::Raft(message) => {
                cx.within(Message::Raft, |cx| self.raft.on_message(cx, from, message));
                self.apply(cx);
            }
            Message::Request(request) => self.on_request(cx, from, request),
            Message::Answer(_) => {}
        }
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, Message>) {
        cx.within(Message::Raft, |cx| self.raft.on_wakeup(cx));
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

    fn replica(&self) -> Option<&dyn arena::Replica> {
        Some(&self.raft)
    }
}
