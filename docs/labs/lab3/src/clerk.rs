//! A clerk: a client's side, which asks until it is answered.

use crate::Message;
use kvraft::kv::Op;
use labrpc::{Context, Instant, NodeId, Process};
use tests::kv::KvClerk;
use tests::not_written;

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

impl KvClerk for Clerk {
    fn start(&mut self, _cx: &mut Context<'_, Message>, _op: Op) {
        not_written!("lab 3A: send the operation to a server, and see that an answer comes")
    }

    fn reply(&self) -> Option<&str> {
        not_written!("lab 3A: the answer to the operation that was started last, once there is one")
    }
}

impl Process for Clerk {
    type Message = Message;

    fn on_message(&mut self, _cx: &mut Context<'_, Message>, _from: NodeId, _message: Message) {
        // 3A: an answer. To which question?
    }

    fn on_wakeup(&mut self, _cx: &mut Context<'_, Message>) {
        // 3A: no answer has come in time.
    }

    fn next_wakeup(&self) -> Option<Instant> {
        // 3A: when to ask again.
        None
    }
}
