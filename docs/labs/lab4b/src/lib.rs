//! Lab 4B: a sharded key/value store. The chapter is in `docs/labs/lab4b.md`.
//!
//! Keep the name [`Lab`]: the tests and `main.rs` look for `lab4b::Lab`. What has to do with the
//! simulator is written, and the master is the reference's; what is yours says so.

mod clerk;
mod group;
mod master;
mod message;

pub use clerk::Clerk;
pub use group::Group;
pub use master::{Master, MasterClerk};
pub use message::{Message, Reply, Request};

use kvraft::rsm::Config;
use labrpc::{Context, NodeId};
use tests::shard::{Lab4B, Place};

/// The Raft under your servers. Put your own in its place, when you trust it.
pub type Raft = raft::Raft;

/// Your solution of lab 4B.
pub struct Lab;

impl Lab4B for Lab {
    type Message = Message;
    type Master = Master;
    type MasterClerk = MasterClerk;
    type Group = Group;
    type Clerk = Clerk;

    fn master(
        cx: &mut Context<'_, Message>,
        servers: &[NodeId],
        shards: u16,
        config: &Config,
    ) -> Master {
        Master::boot(cx, servers, shards, config)
    }

    fn master_clerk(cx: &mut Context<'_, Message>, servers: &[NodeId]) -> MasterClerk {
        MasterClerk::new(cx, servers)
    }

    fn group(cx: &mut Context<'_, Message>, place: &Place<'_>, config: &Config) -> Group {
        Group::boot(cx, place, config)
    }

    fn clerk(cx: &mut Context<'_, Message>, masters: &[NodeId]) -> Clerk {
        Clerk::new(cx, masters)
    }
}
