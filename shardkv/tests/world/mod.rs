//! A whole store in a simulated world: a master, groups and clerks, and somebody who watches.

pub mod monitor;
pub mod watch;

use kvraft::rsm::{self, ClientMessage, Config as RsmConfig, Reply as RsmReply, Request};
use labrpc::{Context, Instant, NodeId, Process, World};
use raft::{Consensus, Raft};
use shardkv::{Clerk, Group, MasterServer, Message};
use shardmaster::{Config, Gid, Op, Reply};
use std::time::Duration;
use watch::Watch;

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub type Msg = Message<raft::Message>;
pub type Cx<'a> = Context<'a, Msg>;

/// A node of the world.
#[allow(clippy::large_enum_variant, reason = "there are few nodes, and they stay where they are")]
#[derive(Clone, Debug)]
pub enum Node {
    Master(MasterServer<Raft>),
    Fake(Fake),
    Keeper(rsm::Clerk<Op, Reply>),
    Group(Group<Watch>),
    Clerk(Clerk),
}

/// A master that hands out configurations that were made by hand, as far as it is allowed to.
#[derive(Clone, Debug, Default)]
pub struct Fake {
    pub configs: Vec<Config>,
}

impl Fake {
    fn on_message(&mut self, cx: &mut Cx<'_>, from: NodeId, message: Msg) {
        let Message::Master(ClientMessage::Request(Request { client, seq, op })) = message else {
            panic!("{message:?} to a master");
        };
        let Op::Query { num } = op else { panic!("{op:?}") };
        let Some(latest) = self.configs.last() else { return };
        let config = num.and_then(|num| self.configs.get(num.get() as usize)).unwrap_or(latest);
        let answer = rsm::Answer::Done(Reply::Config(config.clone()));
        cx.send(from, Message::Master(ClientMessage::Reply(RsmReply { client, seq, answer })));
    }
}

impl Process for Node {
    type Message = Msg;

    fn on_message(&mut self, cx: &mut Cx<'_>, from: NodeId, message: Msg) {
        match (self, message) {
            (Self::Master(it), message) => it.on_message(cx, from, message),
            (Self::Fake(it), message) => it.on_message(cx, from, message),
            (Self::Keeper(it), Message::Master(ClientMessage::Reply(reply))) => {
                it.on_reply(cx, from, reply);
            }
            (Self::Keeper(_), message) => panic!("{message:?} to a keeper"),
            (Self::Group(it), message) => it.on_message(cx, from, message),
            (Self::Clerk(it), message) => it.on_message(cx, from, message),
        }
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_>) {
        match self {
            Self::Master(it) => it.on_wakeup(cx),
            Self::Fake(_) => {}
            Self::Keeper(it) => it.on_wakeup(cx),
            Self::Group(it) => it.on_wakeup(cx),
            Self::Clerk(it) => it.on_wakeup(cx),
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        match self {
            Self::Master(it) => it.next_wakeup(),
            Self::Fake(_) => None,
            Self::Keeper(it) => it.next_wakeup(),
            Self::Group(it) => it.next_wakeup(),
            Self::Clerk(it) => it.next_wakeup(),
        }
    }
}

impl Node {
    pub fn group(&self) -> &Group<Watch> {
        match self {
            Self::Group(it) => it,
            other => panic!("{other:?} is no group's server"),
        }
    }

    pub fn clerk(&mut self) -> &mut Clerk {
        match self {
            Self::Clerk(it) => it,
            other => panic!("{other:?} is no clerk"),
        }
    }

    pub fn keeper(&mut self) -> &mut rsm::Clerk<Op, Reply> {
        match self {
            Self::Keeper(it) => it,
            other => panic!("{other:?} is no keeper"),
        }
    }
}

/// Adds the servers of a group, which are the next nodes.
pub fn add_group(
    world: &mut World<Node>,
    gid: u64,
    count: u16,
    masters: &[NodeId],
    shards: u16,
    config: &RsmConfig,
) -> Vec<NodeId> {
    let first = world.ids().count() as u16;
    let servers: Vec<NodeId> = (first..first + count).map(NodeId::new).collect();
    for _ in &servers {
        let (servers, masters, config) = (servers.clone(), masters.to_vec(), config.clone());
        world.add(move |cx| {
            let gid = Gid::new(gid);
            Node::Group(Group::boot(cx, gid, &servers, &masters, shards, config.clone()))
        });
    }
    servers
}

pub fn add_clerk(world: &mut World<Node>, masters: &[NodeId]) -> NodeId {
    let masters = masters.to_vec();
    world.add(move |cx| Node::Clerk(Clerk::new(cx, masters.clone())))
}

/// Who leads these servers, as far as somebody believes to.
pub fn leader_of(world: &World<Node>, servers: &[NodeId]) -> Option<NodeId> {
    let term = |id: NodeId| {
        let status = match world.node(id)? {
            Node::Master(it) => it.server().raft().status(),
            Node::Group(it) => it.server().raft().status(),
            _ => return None,
        };
        Some(status).filter(|it| it.is_leader).map(|it| it.term)
    };
    servers.iter().copied().filter(|&id| term(id).is_some()).max_by_key(|&id| term(id))
}
