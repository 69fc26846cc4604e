//! Lab 3: a fault-tolerant key/value service. The chapter is in `docs/labs/lab3.md`.
//!
//! Keep the name [`Lab`]: the tests and `main.rs` look for `lab3::Lab`. What has to do with the
//! simulator is written; what is yours says so.

mod clerk;
mod message;
mod server;

pub use clerk::Clerk;
pub use message::{Message, Reply, Request};
pub use server::Server;

use kvraft::rsm::Config;
use labrpc::{Context, NodeId};
use tests::kv::Lab3;

/// The Raft under your servers. Put your own in its place, when you trust it.
pub type Raft = raft::Raft;

/// Your solution of lab 3.
pub struct Lab;

impl Lab3 for Lab {
    type Message = Message;
    type Server = Server;
    type Clerk = Clerk;

    fn server(cx: &mut Context<'_, Message>, servers: &[NodeId], config: &Config) -> Server {
        Server::boot(cx, servers, config)
    }

    fn clerk(cx: &mut Context<'_, Message>, servers: &[NodeId]) -> Clerk {
        Clerk::new(cx, servers)
    }
}
