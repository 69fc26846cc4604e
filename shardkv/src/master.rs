//! The shard master as a node among groups and clerks.

use crate::message::{Message, forward};
use kvraft::rsm::{self, MessageOf, Server};
use labrpc::{Context, Instant, NodeId, Process};
use raft::Consensus;
use shardmaster::Master;

/// A server of the shard master.
///
/// ```
/// use kvraft::rsm::Config;
/// use labrpc::{Network, NodeId, World};
/// use raft::Raft;
/// use shardkv::MasterServer;
/// use shardmaster::Master;
/// use std::time::Duration;
///
/// let mut world = World::new(1, Network::reliable());
/// let me = NodeId::new(0);
/// world.add(move |cx| {
///     MasterServer::<Raft>::boot(cx, &[me], Master::default(), Config::default())
/// });
/// world.run_for(Duration::from_secs(1));
/// let master = world.node(me).unwrap().server().service();
/// assert_eq!(master.configs().len(), 1, "no group has joined yet");
/// ```
#[derive(Clone, Debug)]
pub struct MasterServer<R: Consensus> {
    server: Server<Master, R>,
    refused: u64,
    outbox: Vec<(NodeId, MessageOf<Master, R>)>,
}

type Cx<'a, R> = Context<'a, Message<<R as Consensus>::Message>>;

impl<R: Consensus> MasterServer<R> {
    /// Starts a server from what is on its disk. `servers` are all of the master's, and `master`
    /// the state before the first operation.
    pub fn boot(
        cx: &mut Cx<'_, R>,
        servers: &[NodeId],
        master: Master,
        config: rsm::Config,
    ) -> Self {
        let mut outbox = Vec::new();
        let server = Server::boot(&mut cx.nested(&mut outbox), servers, master, config);
        forward(cx, &mut outbox);
        Self { server, refused: 0, outbox }
    }

    /// The replica inside.
    pub fn server(&self) -> &Server<Master, R> {
        &self.server
    }

    /// How many messages, commands and snapshots were refused because no correct node can have made
    /// them, here and in the [replica](MasterServer::server).
    pub fn refused(&self) -> u64 {
        self.refused + self.server.refused()
    }
}

impl<R: Consensus> Process for MasterServer<R> {
    type Message = Message<R::Message>;

    fn on_message(&mut self, cx: &mut Cx<'_, R>, from: NodeId, message: Self::Message) {
        let message = match message {
            Message::Raft(message) => rsm::Message::Raft(message),
            Message::Master(message) => rsm::Message::Client(message),
            Message::Store(_) => {
                self.refused += 1;
                cx.note("refused", format_args!("a message for a group, from {from}"));
                return;
            }
        };
        self.server.on_message(&mut cx.nested(&mut self.outbox), from, message);
        forward(cx, &mut self.outbox);
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_, R>) {
        self.server.on_wakeup(&mut cx.nested(&mut self.outbox));
        forward(cx, &mut self.outbox);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.server.next_wakeup()
    }
}
