//! What servers and clerks send each other.

use crate::Raft;
use labrpc::{Kind, Wire};
use raft::Consensus;
use serde::{Deserialize, Serialize};
use shardmaster::{Op, Reply};

/// All there is: your servers' Rafts among themselves, and clerks with servers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// Between Rafts.
    Raft(<Raft as Consensus>::Message),
    /// From a clerk.
    Request(Request),
    /// To a clerk.
    Answer(Answer),
}

/// What a clerk asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The operation. What else does a server need, to know a request that it has seen before?
    pub op: Op,
}

/// What a server answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// It is done. And which request does this answer?
    Done(Reply),
    /// Ask another server.
    NotLeader,
}

impl Wire for Message {
    fn kind(&self) -> Kind {
        match self {
            Self::Raft(message) => message.kind(),
            Self::Request(_) => Kind::Request,
            Self::Answer(_) => Kind::Reply,
        }
    }
}
