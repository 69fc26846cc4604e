//! What masters, groups and clerks send each other.

use crate::Raft;
use kvraft::kv::Op;
use kvraft::rsm::ClientMessage;
use labrpc::{Kind, Wire};
use raft::Consensus;
use serde::{Deserialize, Serialize};

/// All there is. 4B: and what groups send each other, when shards move.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// Between the Rafts of one group, or of the master.
    Raft(<Raft as Consensus>::Message),
    /// To or from the master, which is the reference's.
    Master(ClientMessage<shardmaster::Op, shardmaster::Reply>),
    /// From a clerk.
    Request(Request),
    /// To a clerk.
    Reply(Reply),
}

/// What a clerk asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The operation. 4B: what tells it from others, as in lab 3?
    pub op: Op,
}

/// What a server answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// It is done; this is the value, if it was asked for. And which request it answers.
    Done(String),
    /// Ask another server.
    NotLeader,
    /// Ask the master which group it is.
    WrongGroup,
}

impl Wire for Message {
    fn kind(&self) -> Kind {
        match self {
            Self::Raft(message) => message.kind(),
            Self::Master(ClientMessage::Request(_)) | Self::Request(_) => Kind::Request,
            Self::Master(ClientMessage::Reply(_)) | Self::Reply(_) => Kind::Reply,
        }
    }
}
