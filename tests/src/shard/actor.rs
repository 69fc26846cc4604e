//! The nodes of a world of lab 4.

use super::{Lab4B, LabServer, MasterClerk};
use crate::arena::{Replica, Subject};
use crate::kv::KvClerk;
use labrpc::{Context, Instant, NodeId, Process};

/// A server of the master or of a group, or a clerk of either.
pub enum Actor<L: Lab4B> {
    /// A server of the master.
    Master(L::Master),
    /// A clerk of the master.
    MasterClerk(L::MasterClerk),
    /// A server of a group.
    Group(L::Group),
    /// A clerk of the store.
    Clerk(L::Clerk),
}

impl<L: Lab4B> Process for Actor<L> {
    type Message = L::Message;

    fn on_message(
        &mut self,
        cx: &mut Context<'_, L::Message>,
        from: NodeId,
        message: Self::Message,
    ) {
        match self {
            Self::Master(it) => it.on_message(cx, from, message),
            Self::MasterClerk(it) => it.on_message(cx, from, message),
            Self::Group(it) => it.on_message(cx, from, message),
            Self::Clerk(it) => it.on_message(cx, from, message),
        }
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, L::Message>) {
        match self {
            Self::Master(it) => it.on_wakeup(cx),
            Self::MasterClerk(it) => it.on_wakeup(cx),
            Self::Group(it) => it.on_wakeup(cx),
            Self::Clerk(it) => it.on_wakeup(cx),
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        match self {
            Self::Master(it) => it.next_wakeup(),
            Self::MasterClerk(it) => it.next_wakeup(),
            Self::Group(it) => it.next_wakeup(),
            Self::Clerk(it) => it.next_wakeup(),
        }
    }
}

impl<L: Lab4B> Subject for Actor<L> {
    fn replica(&self) -> Option<&dyn Replica> {
        match self {
            Self::Master(it) => it.replica(),
            Self::Group(it) => it.replica(),
            Self::MasterClerk(_) | Self::Clerk(_) => None,
        }
    }

    fn describe(&self, command: &[u8]) -> Option<String> {
        match self {
            Self::Master(it) => it.describe(command),
            Self::Group(it) => it.describe(command),
            Self::MasterClerk(_) | Self::Clerk(_) => None,
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::MasterClerk(it) => it.reply().is_some(),
            Self::Clerk(it) => it.reply().is_some(),
            Self::Master(_) | Self::Group(_) => false,
        }
    }
}

impl<L: Lab4B> Actor<L> {
    /// What a server of a group has of shards.
    pub(super) fn group(&self) -> Option<&L::Group> {
        match self {
            Self::Group(it) => Some(it),
            _ => None,
        }
    }

    /// Whether it is a server that believes itself to be the leader.
    pub(super) fn is_leader(&self) -> bool {
        match self {
            Self::Master(it) => it.is_leader(),
            Self::Group(it) => LabServer::is_leader(it),
            Self::MasterClerk(_) | Self::Clerk(_) => false,
        }
    }
}
