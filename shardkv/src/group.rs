//! A server of a group: a replica of the group's part of the store and, while it leads, the one who
//! asks the master for the next configuration and gives away what is no longer the group's.
//!
//! Everything that has to survive is in the log; what a leader does besides can be begun anew by
//! the next one.

use crate::message::{Message, StoreMessage, answers_install, answers_query, forward};
use crate::migrate::Duties;
use crate::store::{Op, Store};
use kvraft::rsm::{self, ClientMessage, MessageOf, Server};
use labrpc::{Context, Instant, NodeId, Process};
use raft::Consensus;
use shardmaster::Gid;

/// A server of a group.
///
/// It is driven as a [`Process`], and over any Raft. Here it has just been started; for a whole
/// store see the [crate].
///
/// ```
/// use kvraft::rsm::Config;
/// use labrpc::{Network, NodeId, World};
/// use raft::Raft;
/// use shardkv::Group;
/// use shardmaster::{ConfigNum, Gid};
///
/// let mut world = World::new(1, Network::reliable());
/// let (me, master) = (NodeId::new(0), NodeId::new(1));
/// world.add(move |cx| {
///     Group::<Raft>::boot(cx, Gid::new(100), &[me], &[master], 10, Config::default())
/// });
/// let store = world.node(me).unwrap().server().service();
/// assert_eq!(store.config().num, ConfigNum::FIRST);
/// ```
#[derive(Clone, Debug)]
pub struct Group<R: Consensus> {
    server: Server<Store, R>,
    masters: Vec<NodeId>,
    /// What it does besides, while it leads.
    duties: Option<Duties>,
    refused: u64,
    outbox: Vec<(NodeId, MessageOf<Store, R>)>,
}

pub(crate) type Cx<'a, R> = Context<'a, Message<<R as Consensus>::Message>>;

impl<R: Consensus> Group<R> {
    /// Starts a server of group `gid` from what is on its disk. `servers` are all of the group's,
    /// `masters` all of the master's, and `shards` is how many shards there are.
    ///
    /// # Panics
    /// If there are no shards, or the master has no servers.
    pub fn boot(
        cx: &mut Cx<'_, R>,
        gid: Gid,
        servers: &[NodeId],
        masters: &[NodeId],
        shards: u16,
        config: rsm::Config,
    ) -> Self {
        assert!(!masters.is_empty(), "a group needs a master");
        let mut outbox = Vec::new();
        let store = Store::new(gid, shards);
        let server = Server::boot(&mut cx.nested(&mut outbox), servers, store, config);
        let masters = masters.to_vec();
        let mut group = Self { server, masters, duties: None, refused: 0, outbox };
        group.after_step(cx);
        group
    }

    /// The replica inside.
    pub fn server(&self) -> &Server<Store, R> {
        &self.server
    }

    /// How many messages, commands and snapshots were refused because no correct node can have made
    /// them, here and in the [replica](Group::server).
    pub fn refused(&self) -> u64 {
        self.refused + self.server.refused()
    }

    fn refuse(&mut self, cx: &mut Cx<'_, R>, from: NodeId, what: &str) {
        self.refused += 1;
        cx.note("refused", format_args!("{what}, from {from}"));
    }

    fn serve(&mut self, cx: &mut Cx<'_, R>, from: NodeId, message: MessageOf<Store, R>) {
        self.server.on_message(&mut cx.nested(&mut self.outbox), from, message);
    }

    /// Does what a leader does besides, and lets the messages go.
    fn after_step(&mut self, cx: &mut Cx<'_, R>) {
        match self.server.leads() {
            None => self.duties = None,
            Some(term) => {
                if self.duties.as_ref().is_none_or(|duties| duties.term() != term) {
                    self.duties = Some(Duties::take_up(cx, term, &self.masters));
                }
            }
        }
        while let Some(duties) = &mut self.duties
            && let Some(op) = duties.next(cx, self.server.service(), self.server.applied())
        {
            let proposed = self.server.propose_own(&mut cx.nested(&mut self.outbox), &op);
            if proposed.is_err() {
                self.duties = None;
            }
        }
        forward(cx, &mut self.outbox);
    }

    fn on_store_message(&mut self, cx: &mut Cx<'_, R>, from: NodeId, message: StoreMessage) {
        match message {
            ClientMessage::Request(request) => {
                let config = self.server.service().config();
                match &request.op {
                    Op::Client(_) => {}
                    Op::Install { since, shard, .. } if shard.index() < config.shards.len() => {
                        if *since > config.num
                            && let Some(duties) = &mut self.duties
                        {
                            // There is a configuration that this group has not heard of.
                            duties.poll_now(cx);
                        }
                    }
                    Op::Install { .. } => {
                        return self.refuse(cx, from, "a shard that there is not");
                    }
                    // A client that could ask for these could have a shard served by two groups, or
                    // deleted by all.
                    Op::Configure(_) | Op::Drop { .. } => {
                        return self.refuse(cx, from, "what only the group itself may ask for");
                    }
                }
                let request = ClientMessage::Request(request);
                self.serve(cx, from, rsm::Message::Client(request));
            }
            ClientMessage::Reply(reply) if answers_install(&reply.answer) => {
                if let Some(duties) = &mut self.duties {
                    duties.on_store_reply(cx, from, reply);
                }
            }
            ClientMessage::Reply(_) => self.refuse(cx, from, "no answer to an install"),
        }
    }
}

impl<R: Consensus> Process for Group<R> {
    type Message = Message<R::Message>;

    fn on_message(&mut self, cx: &mut Cx<'_, R>, from: NodeId, message: Self::Message) {
        match message {
            Message::Raft(message) => self.serve(cx, from, rsm::Message::Raft(message)),
            Message::Store(message) => self.on_store_message(cx, from, message),
            Message::Master(ClientMessage::Reply(reply)) if answers_query(&reply.answer) => {
                if let Some(duties) = &mut self.duties {
                    duties.on_master_reply(cx, self.server.service(), from, reply);
                }
            }
            Message::Master(ClientMessage::Reply(_)) => self.refuse(cx, from, "no configuration"),
            Message::Master(ClientMessage::Request(_)) => {
                self.refuse(cx, from, "a request to the master");
            }
        }
        self.after_step(cx);
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_, R>) {
        if self.server.next_wakeup().is_some_and(|due| due <= cx.now) {
            self.server.on_wakeup(&mut cx.nested(&mut self.outbox));
        }
        if let Some(duties) = &mut self.duties {
            duties.on_wakeup(cx);
        }
        self.after_step(cx);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        let duties = self.duties.as_ref().and_then(Duties::next_wakeup);
        self.server.next_wakeup().into_iter().chain(duties).min()
    }
}
