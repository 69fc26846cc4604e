//! The nodes of a world of lab 3.

use super::{KvClerk, KvServer, Lab3};
use crate::arena::{Replica, Subject};
use labrpc::{Context, Instant, NodeId, Process};

/// A server or a clerk.
pub enum Actor<L: Lab3> {
    /// A server.
    Server(L::Server),
    /// A clerk.
    Clerk(L::Clerk),
}

impl<L: Lab3> Process for Actor<L> {
    type Message = L::Message;

    fn on_message(
        &mut self,
        cx: &mut Context<'_, L::Message>,
        from: NodeId,
        message: Self::Message,
    ) {
        match self {
            Self::Server(server) => server.on_message(cx, from, message),
            Self::Clerk(clerk) => clerk.on_message(cx, from, message),
        }
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, L::Message>) {
        match self {
            Self::Server(server) => server.on_wakeup(cx),
            Self::Clerk(clerk) => clerk.on_wakeup(cx),
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        match self {
            Self::Server(server) => server.next_wakeup(),
            Self::Clerk(clerk) => clerk.next_wakeup(),
        }
    }
}

impl<L: Lab3> Subject for Actor<L> {
    fn replica(&self) -> Option<&dyn Replica> {
        match self {
            Self::Server(server) => server.replica(),
            Self::Clerk(_) => None,
        }
    }

    fn describe(&self, command: &[u8]) -> Option<String> {
        match self {
            Self::Server(server) => server.describe(command),
            Self::Clerk(_) => None,
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Server(_) => false,
            Self::Clerk(clerk) => clerk.reply().is_some(),
        }
    }
}
