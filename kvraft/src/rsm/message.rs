//! What clerks and servers say to each other, and what is put into the log.
//!
//! A clerk's messages do not name Raft's: a service can be used by clerks that know nothing of the
//! Raft below it.

use super::{ClientId, Seq};
use labrpc::{Kind, NodeId, Wire};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// A message between any two of servers and clerks. What servers say among themselves is their
/// Raft's affair; clerks know nothing of it.
///
/// ```
/// use kvraft::kv;
/// use kvraft::rsm::{Answer, ClientId, ClientMessage, Message, Reply, Seq};
/// use labrpc::{Kind, Wire};
///
/// type KvMessage = Message<raft::Message, kv::Op, kv::Reply>;
/// let (client, seq) = (ClientId::new(1), Seq::new(1));
/// let answer = Answer::NotLeader { leader: None };
/// let reply: KvMessage = ClientMessage::Reply(Reply { client, seq, answer }).into();
/// assert_eq!(reply.kind(), Kind::Reply);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message<M, O, T> {
    /// Between two servers' Rafts.
    Raft(M),
    /// Between a clerk and a server.
    Client(ClientMessage<O, T>),
}

/// What passes between clerks and servers.
///
/// ```
/// use kvraft::rsm::{ClientId, ClientMessage, Request, Seq};
/// let request = Request { client: ClientId::new(1), seq: Seq::new(1), op: "x = 1" };
/// let message: ClientMessage<&str, ()> = ClientMessage::Request(request);
/// assert!(matches!(message, ClientMessage::Request(_)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientMessage<O, T> {
    /// A clerk asks.
    Request(Request<O>),
    /// A server answers.
    Reply(Reply<T>),
}

/// A clerk asks for an operation. It may ask several times, several servers, for the same.
///
/// ```
/// use kvraft::rsm::{ClientId, Request, Seq};
/// let first = Request { client: ClientId::new(1), seq: Seq::new(1), op: "x = 1" };
/// assert_eq!(first.clone(), first, "asked again it is the same operation");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request<O> {
    /// Who asks.
    pub client: ClientId,
    /// Which of its operations this is.
    pub seq: Seq,
    /// What to do.
    pub op: O,
}

/// A server answers a request.
///
/// ```
/// use kvraft::rsm::{Answer, ClientId, Reply, Seq};
/// let reply = Reply { client: ClientId::new(1), seq: Seq::new(1), answer: Answer::Done(42) };
/// assert_eq!(reply.answer, Answer::Done(42));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply<T> {
    /// Who asked.
    pub client: ClientId,
    /// Which of its operations this is about.
    pub seq: Seq,
    /// The answer.
    pub answer: Answer<T>,
}

/// What a server says to a request.
///
/// ```
/// use kvraft::rsm::Answer;
/// use labrpc::NodeId;
/// let elsewhere: Answer<()> = Answer::NotLeader { leader: Some(NodeId::new(2)) };
/// assert_ne!(elsewhere, Answer::Done(()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer<T> {
    /// It is done, once and for all.
    Done(T),
    /// The service has refused it, and says why.
    Refused(T),
    /// This server cannot say: it does not lead, or no longer leads. What was asked for may have
    /// been done or not; asked for again, it is done once.
    NotLeader {
        /// Who leads, as far as it knows.
        leader: Option<NodeId>,
    },
}

impl<M, O, T> From<ClientMessage<O, T>> for Message<M, O, T> {
    fn from(message: ClientMessage<O, T>) -> Self {
        Self::Client(message)
    }
}

impl<M, O, T> Wire for Message<M, O, T>
where
    M: Wire,
    O: Clone + Debug + Serialize + DeserializeOwned,
    T: Clone + Debug + Serialize + DeserializeOwned,
{
    fn kind(&self) -> Kind {
        match self {
            Self::Raft(message) => message.kind(),
            Self::Client(ClientMessage::Request(_)) => Kind::Request,
            Self::Client(ClientMessage::Reply(_)) => Kind::Reply,
        }
    }
}

/// An entry of the log, as it is decoded.
#[derive(Clone, Debug, Deserialize)]
pub(super) enum Command<O> {
    /// Nothing: it commits what earlier terms have left behind.
    NoOp,
    /// What a client asked for.
    Client(Request<O>),
    /// What the service asked for itself.
    Own(O),
}

/// An entry of the log, as it is encoded: the same, borrowed.
#[derive(Debug, Serialize)]
pub(super) enum CommandRef<'a, O> {
    NoOp,
    Client(&'a Request<O>),
    Own(&'a O),
}

/// An entry of a service's log in words, for those who look at logs: who asked for what. `None` if
/// no server of a service with such operations has written it.
///
/// ```
/// use kvraft::kv::Op;
/// use kvraft::rsm::describe;
/// assert_eq!(describe::<Op>(b"not one of ours"), None);
/// ```
pub fn describe<O: Debug + DeserializeOwned>(command: &[u8]) -> Option<String> {
    Some(match labgob::decode(command).ok()? {
        Command::<O>::NoOp => "no-op".to_string(),
        Command::Client(Request { client, seq, op }) => format!("{client:?} {seq:?} {op:?}"),
        Command::Own(op) => format!("{op:?}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::Op;

    #[test]
    fn entries_in_words() {
        let op = Op::Get { key: "x".to_string() };
        let request = Request { client: ClientId::new(10), seq: Seq::new(7), op: op.clone() };
        for (command, text) in [
            (CommandRef::NoOp, "no-op"),
            (CommandRef::Client(&request), "ca #7 Get { key: \"x\" }"),
            (CommandRef::Own(&op), "Get { key: \"x\" }"),
        ] {
            assert_eq!(describe::<Op>(&labgob::encode(&command)).as_deref(), Some(text));
        }
    }
}
