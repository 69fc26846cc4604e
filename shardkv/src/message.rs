//! What the nodes of a sharded store say to each other.

use crate::store::{Op, Reply};
use kvraft::rsm::{self, Answer, ClientMessage};
use labrpc::{Context, Kind, NodeId, Wire};
use serde::{Deserialize, Serialize};

/// What passes between clerks and the master's servers. The leader of a group is a clerk, too.
///
/// ```
/// use kvraft::rsm::{ClientId, Request, Seq};
/// use shardkv::MasterMessage;
/// let (client, seq) = (ClientId::new(1), Seq::new(1));
/// let op = shardmaster::Op::Query { num: None };
/// let message = MasterMessage::Request(Request { client, seq, op });
/// assert!(matches!(message, MasterMessage::Request(_)));
/// ```
pub type MasterMessage = ClientMessage<shardmaster::Op, shardmaster::Reply>;

/// What passes between clerks and a group's servers; the leader of another group is a clerk, too.
///
/// ```
/// use kvraft::rsm::{self, Answer, ClientId, Seq};
/// use shardkv::{Reply, StoreMessage};
/// let (client, seq) = (ClientId::new(1), Seq::new(1));
/// let answer = Answer::Refused(Reply::NotYet);
/// let reply = StoreMessage::Reply(rsm::Reply { client, seq, answer });
/// assert!(matches!(reply, StoreMessage::Reply(_)));
/// ```
pub type StoreMessage = ClientMessage<Op, Reply>;

/// A message between any two of the master's servers, groups' servers and clerks.
///
/// ```
/// use kvraft::rsm::{ClientId, ClientMessage, Request, Seq};
/// use labrpc::{Kind, Wire};
/// use shardkv::Message;
///
/// let op = shardmaster::Op::Query { num: None };
/// let request = Request { client: ClientId::new(1), seq: Seq::new(1), op };
/// let message: Message<raft::Message> = ClientMessage::Request(request).into();
/// assert_eq!(message.kind(), Kind::Request);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message<M> {
    /// Between two servers of the master, or of one group.
    Raft(M),
    /// To or from a server of the master.
    Master(MasterMessage),
    /// To or from a server of a group.
    Store(StoreMessage),
}

impl<M> From<MasterMessage> for Message<M> {
    fn from(message: MasterMessage) -> Self {
        Self::Master(message)
    }
}

impl<M> From<StoreMessage> for Message<M> {
    fn from(message: StoreMessage) -> Self {
        Self::Store(message)
    }
}

impl<M: Wire> Wire for Message<M> {
    fn kind(&self) -> Kind {
        match self {
            Self::Raft(message) => message.kind(),
            Self::Master(ClientMessage::Request(_)) | Self::Store(ClientMessage::Request(_)) => {
                Kind::Request
            }
            Self::Master(ClientMessage::Reply(_)) | Self::Store(ClientMessage::Reply(_)) => {
                Kind::Reply
            }
        }
    }
}

/// Whether a master can have said this to somebody who asked for a configuration.
pub(crate) fn answers_query(answer: &Answer<shardmaster::Reply>) -> bool {
    match answer {
        Answer::Done(shardmaster::Reply::Config(config)) => config.is_sound(),
        Answer::NotLeader { .. } => true,
        Answer::Done(_) | Answer::Refused(_) => false,
    }
}

/// Whether a group can have said this to a client.
pub(crate) fn answers_client(answer: &Answer<Reply>) -> bool {
    matches!(
        answer,
        Answer::Done(Reply::Client(_))
            | Answer::Refused(Reply::WrongGroup(_) | Reply::NotYet)
            | Answer::NotLeader { .. }
    )
}

/// Whether a group can have said this to another one that brings it a shard.
pub(crate) fn answers_install(answer: &Answer<Reply>) -> bool {
    matches!(
        answer,
        Answer::Done(Reply::Installed)
            | Answer::Refused(Reply::Installed | Reply::Behind | Reply::Invalid)
            | Answer::NotLeader { .. }
    )
}

/// Sends on what a replicated service inside a node wants to send.
pub(crate) fn forward<M, O, T>(
    cx: &mut Context<'_, Message<M>>,
    outbox: &mut Vec<(NodeId, rsm::Message<M, O, T>)>,
) where
    Message<M>: From<ClientMessage<O, T>>,
{
    for (to, message) in outbox.drain(..) {
        cx.send(
            to,
            match message {
                rsm::Message::Raft(message) => Message::Raft(message),
                rsm::Message::Client(message) => message.into(),
            },
        );
    }
}
