//! A clerk: a client's side, which finds the group and asks until it is answered.

use crate::{MasterClerk, Message};
use kvraft::kv::Op;
use labrpc::{Context, Instant, NodeId, Process};
use tests::kv::KvClerk;
use tests::not_written;

/// One client's clerk. It has one operation at a time.
pub struct Clerk {
    /// Asks the master for the latest configuration.
    pub master: MasterClerk,
}

impl Clerk {
    /// A clerk that has asked for nothing yet. `cx.rng` has dice, for a number that no other clerk has.
    pub fn new(cx: &mut Context<'_, Message>, masters: &[NodeId]) -> Self {
        Self { master: MasterClerk::new(cx, masters) }
    }
}

impl KvClerk for Clerk {
    fn start(&mut self, _cx: &mut Context<'_, Message>, _op: Op) {
        not_written!(
            "lab 4B: send the operation to the group that serves the key, and see that an answer comes"
        )
    }

    fn reply(&self) -> Option<&str> {
        not_written!("lab 4B: the answer to the operation that was started last, once there is one")
    }
}

impl Process for Clerk {
    type Message = Message;

    fn on_message(&mut self, _cx: &mut Context<'_, Message>, _from: NodeId, _message: Message) {
        // An answer of the master, or of a group. To which question?
    }

    fn on_wakeup(&mut self, _cx: &mut Context<'_, Message>) {
        // No answer has come in time.
    }

    fn next_wakeup(&self) -> Option<Instant> {
        // When to ask again.
        None
    }
}
