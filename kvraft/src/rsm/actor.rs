//! Servers and clerks in one world, whose nodes are of one type.

use super::server::MessageOf;
use super::{Clerk, ClientMessage, Message, Outcome, Server, Service};
use labrpc::{Context, Instant, NodeId, Process};
use raft::Consensus;

/// A node of a world in which a service is used: one of its servers, or a client's clerk. A message
/// that is not for it, it notes and drops.
///
/// ```
/// use kvraft::kv::{Kv, Op, Reply};
/// use kvraft::rsm::{Actor, Clerk, ClientId, Config, Outcome, Server};
/// use labrpc::{Network, NodeId, World};
/// use raft::Raft;
/// use std::time::Duration;
///
/// let mut world: World<Actor<Kv, Raft>> = World::new(1, Network::reliable());
/// let server = NodeId::new(0);
/// world.add(move |cx| Server::boot(cx, &[server], Kv::default(), Config::default()).into());
/// let clerk = world.add(move |cx| Clerk::new(ClientId::random(cx.rng), vec![server]).into());
/// world.poke(clerk, |node, cx| node.clerk().start(cx, Op::Get { key: "x".into() }));
/// world.run_until(Duration::from_secs(9), |world| world.node(clerk).unwrap().reply().is_some());
/// let answer = world.node(clerk).unwrap().reply();
/// assert_eq!(answer, Some(&Outcome::Done(Reply::Value(None))));
/// ```
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "there are few nodes, and they stay where they are")]
pub enum Actor<S: Service, R: Consensus> {
    /// A server.
    Server(Server<S, R>),
    /// A clerk.
    Clerk(Clerk<S::Op, S::Reply>),
}

impl<S: Service, R: Consensus> Actor<S, R> {
    /// The server that it is.
    ///
    /// # Panics
    /// If it is a clerk.
    pub fn server(&self) -> &Server<S, R> {
        match self {
            Self::Server(server) => server,
            Self::Clerk(clerk) => panic!("no server, but {clerk:?}"),
        }
    }

    /// The clerk that it is.
    ///
    /// # Panics
    /// If it is a server.
    pub fn clerk(&mut self) -> &mut Clerk<S::Op, S::Reply> {
        match self {
            Self::Clerk(clerk) => clerk,
            Self::Server(server) => {
                panic!("a server that has applied {}, and no clerk", server.applied())
            }
        }
    }

    /// The answer to what the clerk was last asked for, once there is one; of a server, none.
    pub fn reply(&self) -> Option<&Outcome<S::Reply>> {
        match self {
            Self::Server(_) => None,
            Self::Clerk(clerk) => clerk.reply(),
        }
    }
}

impl<S: Service, R: Consensus> From<Server<S, R>> for Actor<S, R> {
    fn from(server: Server<S, R>) -> Self {
        Self::Server(server)
    }
}

impl<S: Service, R: Consensus> From<Clerk<S::Op, S::Reply>> for Actor<S, R> {
    fn from(clerk: Clerk<S::Op, S::Reply>) -> Self {
        Self::Clerk(clerk)
    }
}

impl<S: Service, R: Consensus> Process for Actor<S, R> {
    type Message = MessageOf<S, R>;

    fn on_message(
        &mut self,
        cx: &mut Context<'_, Self::Message>,
        from: NodeId,
        message: Self::Message,
    ) {
        match (self, message) {
            (Self::Server(server), message) => server.on_message(cx, from, message),
            (Self::Clerk(clerk), Message::Client(ClientMessage::Reply(reply))) => {
                clerk.on_reply(cx, from, reply);
            }
            (Self::Clerk(_), message) => cx.note("refused", format_args!("{message:?}")),
        }
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, Self::Message>) {
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
