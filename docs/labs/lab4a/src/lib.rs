//! Lab 4A: the shard master. The chapter is in `docs/labs/lab4a.md`.
//!
//! Keep the name [`Lab`]: the tests and `main.rs` look for `lab4a::Lab`. What has to do with the
//! simulator is written; what is yours says so.

mod clerk;
mod message;
mod server;

pub use clerk::Clerk;
pub use message::{Answer, Message, Request};
pub use server::Server;

use kvraft::rsm::Config;
use labrpc::{Context, NodeId};
use tests::shard::Lab4A;

/// The Raft under your servers. Put your own in its place, when you trust it.
pub type Raft = raft::Raft;

/// Your solution of lab 4A.
pub struct Lab;

impl Lab4A for Lab {
    type Message = Message;
    type Server = Server;
    type Clerk = Clerk;

    fn server(
        cx: &mut Context<'_, Message>,
        servers: &[NodeId],
        shards: u16,
        config: &Config,
    ) -> Server {
        Server::boot(cx, servers, shards, config)
    }

    fn clerk(cx: &mut Context<'_, Message>, servers: &[NodeId]) -> Clerk {
        Clerk::new(cx, servers)
    }
}
