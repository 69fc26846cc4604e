//! The reference master, groups and clerks, over any Raft; and a master alone, as a whole store that
//! has no groups.

use super::{GroupServer, Holdings, Lab4A, Lab4B, LabServer, MasterClerk, Place};
use crate::arena::{Deliveries, Recorder, Replica};
use crate::kv::KvClerk;
use kvraft::kv;
use kvraft::rsm::{self, ClientId, ClientMessage, Outcome};
use labrpc::{Context, Instant, NodeId, Process, Wire};
use raft::{Consensus, Status, View};
use shardkv::{Clerk, Group, MasterServer, Message, State};
use shardmaster::{Master, Op, Reply};
use std::marker::PhantomData;

/// The reference solution of lab 4 over a Raft: the reference's, or one's own.
#[derive(Clone, Copy, Debug)]
pub struct Over<R>(PhantomData<R>);

type Cx<'a, R> = Context<'a, Message<<R as Consensus>::Message>>;

/// A clerk of the master that is a node.
pub struct MasterClerkNode<R> {
    clerk: rsm::Clerk<Op, Reply>,
    raft: PhantomData<R>,
}

/// A clerk of the store that is a node.
pub struct ClerkNode<R> {
    clerk: Clerk,
    raft: PhantomData<R>,
}

impl<R: Consensus + 'static> Lab4A for Over<R> {
    type Message = Message<R::Message>;
    type Server = MasterServer<Recorder<R>>;
    type Clerk = MasterClerkNode<R>;

    fn server(
        cx: &mut Cx<'_, R>,
        servers: &[NodeId],
        shards: u16,
        config: &rsm::Config,
    ) -> Self::Server {
        MasterServer::boot(cx, servers, Master::new(shards), config.clone())
    }

    fn clerk(cx: &mut Cx<'_, R>, servers: &[NodeId]) -> MasterClerkNode<R> {
        let clerk = rsm::Clerk::new(ClientId::random(cx.rng), servers.to_vec());
        MasterClerkNode { clerk, raft: PhantomData }
    }
}

impl<R: Consensus + 'static> Lab4B for Over<R> {
    type Message = Message<R::Message>;
    type Master = MasterServer<Recorder<R>>;
    type MasterClerk = MasterClerkNode<R>;
    type Group = Group<Recorder<R>>;
    type Clerk = ClerkNode<R>;

    fn master(
        cx: &mut Cx<'_, R>,
        servers: &[NodeId],
        shards: u16,
        config: &rsm::Config,
    ) -> Self::Master {
        <Self as Lab4A>::server(cx, servers, shards, config)
    }

    fn master_clerk(cx: &mut Cx<'_, R>, servers: &[NodeId]) -> Self::MasterClerk {
        <Self as Lab4A>::clerk(cx, servers)
    }

    fn group(cx: &mut Cx<'_, R>, place: &Place<'_>, config: &rsm::Config) -> Self::Group {
        let Place { gid, servers, masters, shards } = *place;
        Group::boot(cx, gid, servers, masters, shards, config.clone())
    }

    fn clerk(cx: &mut Cx<'_, R>, masters: &[NodeId]) -> ClerkNode<R> {
        ClerkNode { clerk: Clerk::new(cx, masters.to_vec()), raft: PhantomData }
    }
}

/// A server of either kind shows the replica inside, and what it has refused at its own door.
macro_rules! shows_its_replica {
    ($($server:ident of $op:ty),*) => {$(
        impl<R: Consensus> LabServer for $server<Recorder<R>> {
            fn is_leader(&self) -> bool {
                Consensus::status(self.server().raft()).is_leader
            }

            fn replica(&self) -> Option<&dyn Replica> {
                Some(self)
            }

            fn describe(&self, command: &[u8]) -> Option<String> {
                rsm::describe::<$op>(command)
            }
        }

        impl<R: Consensus> Replica for $server<Recorder<R>> {
            fn status(&self) -> Status {
                self.server().status()
            }

            fn view(&self) -> Option<&dyn View> {
                self.server().view()
            }

            fn deliveries(&self) -> &Deliveries {
                self.server().deliveries()
            }

            fn refused(&self) -> u64 {
                self.refused()
            }
        }
    )*};
}
shows_its_replica! { MasterServer of Op, Group of shardkv::Op }

impl<R: Consensus> GroupServer for Group<Recorder<R>> {
    fn holdings(&self) -> Option<Holdings<'_>> {
        let store = self.server().service();
        Some(Holdings {
            gid: store.gid(),
            applied: self.server().applied().get(),
            config: store.config(),
            phases: store.shards().iter().map(|(shard, state)| (*shard, state.phase())).collect(),
            keys: store.shards().iter().filter(|(_, it)| has_keys(it)).map(|(it, _)| *it).collect(),
        })
    }
}

fn has_keys(state: &State) -> bool {
    match state {
        State::Serving(contents) | State::Parked(contents) => !contents.values.is_empty(),
        State::Leaving { contents, .. } => !contents.is_empty(),
        State::Awaited { .. } => false,
    }
}

impl<R: Consensus> Process for MasterClerkNode<R> {
    type Message = Message<R::Message>;

    fn on_message(&mut self, cx: &mut Cx<'_, R>, from: NodeId, message: Self::Message) {
        if let Message::Master(ClientMessage::Reply(reply)) = message {
            self.clerk.on_reply(cx, from, reply);
        }
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_, R>) {
        self.clerk.on_wakeup(cx);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.clerk.next_wakeup()
    }
}

impl<R: Consensus> MasterClerk for MasterClerkNode<R> {
    fn start(&mut self, cx: &mut Cx<'_, R>, op: Op) {
        self.clerk.start(cx, op);
    }

    fn reply(&self) -> Option<&Reply> {
        self.clerk.reply().map(Outcome::reply)
    }
}

impl<R: Consensus> Process for ClerkNode<R> {
    type Message = Message<R::Message>;

    fn on_message(&mut self, cx: &mut Cx<'_, R>, from: NodeId, message: Self::Message) {
        self.clerk.on_message(cx, from, message);
        assert_eq!(
            self.clerk.refused(),
            0,
            "{} was sent something by {from} that no node sends",
            cx.me
        );
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_, R>) {
        self.clerk.on_wakeup(cx);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.clerk.next_wakeup()
    }
}

impl<R: Consensus> KvClerk for ClerkNode<R> {
    fn start(&mut self, cx: &mut Cx<'_, R>, op: kv::Op) {
        self.clerk.start(cx, op);
    }

    fn reply(&self) -> Option<&str> {
        Some(match self.clerk.reply()? {
            kv::Reply::Stored | kv::Reply::Value(None) => "",
            kv::Reply::Value(Some(value)) => value,
        })
    }
}

/// A solution of lab 4A as a sharded store that has no groups.
#[derive(Clone, Copy, Debug)]
pub struct Alone<L>(PhantomData<L>);

/// The node that there is none of.
pub enum Nobody<M> {
    /// Which cannot be.
    Never(std::convert::Infallible, PhantomData<M>),
}

impl<M: Wire> Process for Nobody<M> {
    type Message = M;

    fn on_message(&mut self, _: &mut Context<'_, M>, _: NodeId, _: M) {
        match *self {
            Self::Never(never, _) => match never {},
        }
    }

    fn on_wakeup(&mut self, _: &mut Context<'_, M>) {}

    fn next_wakeup(&self) -> Option<Instant> {
        None
    }
}

impl<M: Wire> LabServer for Nobody<M> {
    fn is_leader(&self) -> bool {
        false
    }
}

impl<M: Wire> GroupServer for Nobody<M> {}

impl<M: Wire> KvClerk for Nobody<M> {
    fn start(&mut self, _: &mut Context<'_, M>, _: kv::Op) {}

    fn reply(&self) -> Option<&str> {
        None
    }
}

impl<L: Lab4A> Lab4B for Alone<L> {
    type Message = L::Message;
    type Master = L::Server;
    type MasterClerk = L::Clerk;
    type Group = Nobody<L::Message>;
    type Clerk = Nobody<L::Message>;

    fn master(
        cx: &mut Context<'_, Self::Message>,
        servers: &[NodeId],
        shards: u16,
        config: &rsm::Config,
    ) -> L::Server {
        L::server(cx, servers, shards, config)
    }

    fn master_clerk(cx: &mut Context<'_, Self::Message>, servers: &[NodeId]) -> L::Clerk {
        L::clerk(cx, servers)
    }

    fn group(
        _: &mut Context<'_, Self::Message>,
        place: &Place<'_>,
        _: &rsm::Config,
    ) -> Self::Group {
        unreachable!("a master alone has no group {}", place.gid)
    }

    fn clerk(_: &mut Context<'_, Self::Message>, _: &[NodeId]) -> Self::Clerk {
        unreachable!("a master alone has no store")
    }
}
