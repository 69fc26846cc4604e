//! The master: the reference's, so that lab 4B can be done before, or without, lab 4A. Nothing to be
//! written here.

use crate::{Message, Raft};
use kvraft::rsm::{self, ClientId, ClientMessage, Config, Outcome};
use labrpc::{Context, Instant, NodeId, Process};
use raft::Consensus;
use shardmaster::{Op, Reply};
use tests::arena::{self, Recorder};
use tests::shard::LabServer;

type Inner = rsm::Server<shardmaster::Master, Recorder<Raft>>;

/// A server of the master.
pub struct Master {
    inner: Inner,
}

impl Master {
    /// Starts a server from what is on its disk.
    pub fn boot(
        cx: &mut Context<'_, Message>,
        servers: &[NodeId],
        shards: u16,
        config: &Config,
    ) -> Self {
        let master = shardmaster::Master::new(shards);
        Self { inner: cx.within(wrapped, |cx| Inner::boot(cx, servers, master, config.clone())) }
    }
}

type InnerMessage = rsm::Message<<Raft as Consensus>::Message, Op, Reply>;

/// What it says, among all that is said.
fn wrapped(message: InnerMessage) -> Message {
    match message {
        rsm::Message::Raft(message) => Message::Raft(message),
        rsm::Message::Client(message) => Message::Master(message),
    }
}

impl Process for Master {
    type Message = Message;

    fn on_message(&mut self, cx: &mut Context<'_, Message>, from: NodeId, message: Message) {
        let message = match message {
            Message::Raft(message) => rsm::Message::Raft(message),
            Message::Master(message) => rsm::Message::Client(message),
            _ => return,
        };
        cx.within(wrapped, |cx| self.inner.on_message(cx, from, message));
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, Message>) {
        cx.within(wrapped, |cx| self.inner.on_wakeup(cx));
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.inner.next_wakeup()
    }
}

impl LabServer for Master {
    fn is_leader(&self) -> bool {
        self.inner.raft().status().is_leader
    }

    fn replica(&self) -> Option<&dyn arena::Replica> {
        Some(&self.inner)
    }

    fn describe(&self, command: &[u8]) -> Option<String> {
        rsm::describe::<Op>(command)
    }
}

/// A clerk of the master. A group's leader and a clerk of the store want one inside, too.
pub struct MasterClerk {
    clerk: rsm::Clerk<Op, Reply>,
}

impl MasterClerk {
    /// A clerk of these masters.
    pub fn new(cx: &mut Context<'_, Message>, masters: &[NodeId]) -> Self {
        Self { clerk: rsm::Clerk::new(ClientId::random(cx.rng), masters.to_vec()) }
    }
}

impl Process for MasterClerk {
    type Message = Message;

    fn on_message(&mut self, cx: &mut Context<'_, Message>, from: NodeId, message: Message) {
        if let Message::Master(ClientMessage::Reply(reply)) = message {
            cx.within(Message::Master, |cx| self.clerk.on_reply(cx, from, reply));
        }
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, Message>) {
        cx.within(Message::Master, |cx| self.clerk.on_wakeup(cx));
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.clerk.next_wakeup()
    }
}

impl tests::shard::MasterClerk for MasterClerk {
    fn start(&mut self, cx: &mut Context<'_, Message>, op: Op) {
        cx.within(Message::Master, |cx| self.clerk.start(cx, op));
    }

    fn reply(&self) -> Option<&Reply> {
        self.clerk.reply().map(Outcome::reply)
    }
}
