//! A clerk: a client's side, which asks until it is answered.

use crate::Message;
use labrpc::{Context, Instant, NodeId, Process};
use shardmaster::{Op, Reply};
use tests::not_written;
use tests::shard::MasterClerk;

/// One client's clerk. It has one operation at a time.
pub struct Clerk {
    /// All servers, in an order of this clerk's own.
    pub servers: Vec<NodeId>,
}

impl Clerk {
    /// A clerk that has asked for nothing yet. `cx.rng` has dice, for a number that no other clerk has.
    pub fn new(_cx: &mut Context<'_, Message>, servers: &[NodeId]) -> Self {
        Self { servers: servers.to_vec() }
    }
}

impl MasterClerk for Clerk {
    fn start(&mut self, _cx: &mut Context<'_, Message>, _op: Op) {
        not_written!("lab 4A: send the operation to a server, and see that an answer comes")
    }

    fn reply(&self) -> Option<&Reply> {
        not_written!("lab 4A: the answer to the operation that was started last, once there is one")
    }
}

impl Process for Clerk {
    type Message = Message;

    fn on_message(&mut self, _cx: &mut Context<'_, Message>, _from: NodeId, _message: Message) {
        // An answer. To which question?
    }

    fn on_wakeup(&mut self, _cx: &mut Context<'_, Message>) {
        // No answer has come in time.
    }

    fn next_wakeup(&self) -> Option<Instant> {
        // When to ask again.
        None
    }
}
