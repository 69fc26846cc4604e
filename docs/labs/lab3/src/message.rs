//! What servers and clerks send each other.

use crate::Raft;
use kvraft::kv::Op;
use labrpc::{Kind, Wire};
use raft::Consensus;
use serde::{Deserialize, Serialize};

/// All there is: your servers' Rafts among themselves, and clerks with servers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// Between Rafts.
    Raft(<Raft as Consensus>::Message),
    /// From a clerk.
    Request(Request),
    /// To a clerk.
    Reply(Reply),
}

/// What a clerk asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The operation. 3A: what else does a server need, to know a request that it has seen before?
    pub op: Op,
}

/// What a server answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// It is done; this is the value, if it was asked for. 3A: and which request it answers.
    Done(String),
    /// Ask another server.
    NotLeader,
}

impl Wire for Message {
    fn kind(&self) -> Kind {
        match self {
            Self::Raft(message) => message.kind(),
            Self::Request(_) => Kind::Request,
            Self::Reply(_) => Kind::Reply,
        }
    }
}
