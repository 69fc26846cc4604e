//! The reference servers and clerks, over any Raft.

use super::{KvClerk, KvServer, Lab3};
use crate::arena::{Deliveries, Recorder, Replica};
use kvraft::Clerk;
use kvraft::kv::{Kv, Op, Reply};
use kvraft::rsm::{self, ClientId, ClientMessage, Message, Server};
use labrpc::{Context, Instant, NodeId, Process};
use raft::{Consensus, Status, View};
use std::marker::PhantomData;

/// The reference solution of lab 3 over a Raft: the reference's, or one's own.
#[derive(Clone, Copy, Debug)]
pub struct Over<R>(PhantomData<R>);

type KvMessage<R> = Message<<R as Consensus>::Message, Op, Reply>;

/// A clerk that is a node.
pub struct ClerkNode<R> {
    clerk: Clerk,
    raft: PhantomData<R>,
}

impl<R: Consensus + 'static> Lab3 for Over<R> {
    type Message = KvMessage<R>;
    type Server = Server<Kv, Recorder<R>>;
    type Clerk = ClerkNode<R>;

    fn server(
        cx: &mut Context<'_, Self::Message>,
        servers: &[NodeId],
        config: &rsm::Config,
    ) -> Self::Server {
        Server::boot(cx, servers, Kv::default(), config.clone())
    }

    fn clerk(cx: &mut Context<'_, Self::Message>, servers: &[NodeId]) -> ClerkNode<R> {
        let clerk = Clerk::new(ClientId::random(cx.rng), servers.to_vec());
        ClerkNode { clerk, raft: PhantomData }
    }
}

impl<R: Consensus> KvServer for Server<Kv, Recorder<R>> {
    fn is_leader(&self) -> bool {
        Consensus::status(self.raft()).is_leader
    }

    fn replica(&self) -> Option<&dyn Replica> {
        Some(self)
    }

    fn describe(&self, command: &[u8]) -> Option<String> {
        rsm::describe::<Op>(command)
    }
}

impl<S: rsm::Service, R: Consensus> Replica for Server<S, Recorder<R>> {
    fn status(&self) -> Status {
        Consensus::status(self.raft())
    }

    fn view(&self) -> Option<&dyn View> {
        Consensus::view(self.raft())
    }

    fn deliveries(&self) -> &Deliveries {
        self.raft().deliveries()
    }

    fn refused(&self) -> u64 {
        self.refused()
    }
}

impl<R: Consensus> Process for ClerkNode<R> {
    type Message = KvMessage<R>;

    fn on_message(
        &mut self,
        cx: &mut Context<'_, Self::Message>,
        from: NodeId,
        message: Self::Message,
    ) {
        if let Message::Client(ClientMessage::Reply(reply)) = message {
            self.clerk.on_reply(cx, from, reply);
        }
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, Self::Message>) {
        self.clerk.on_wakeup(cx);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.clerk.next_wakeup()
    }
}

impl<R: Consensus> KvClerk for ClerkNode<R> {
    fn start(&mut self, cx: &mut Context<'_, Self::Message>, op: Op) {
        self.clerk.start(cx, op);
    }

    fn reply(&self) -> Option<&str> {
        self.clerk.value()
    }
}
