//! What a shard master and the servers and clerks of a sharded store must be to run under the
//! suites of lab 4.

use crate::arena::Replica;
use crate::kv::KvClerk;
use kvraft::rsm;
use labrpc::{Context, NodeId, Process, Wire};
use shardkv::Phase;
use shardmaster::{Config, Gid, Op, Reply, Shard};

/// A solution of lab 4A: how the master's servers and clerks start. They are nodes of one world, so
/// they have one type of message.
pub trait Lab4A: Sized + 'static {
    /// What servers and clerks send. Answers should be [`Kind::Reply`](labrpc::Kind::Reply).
    type Message: Wire;
    /// A server of the master.
    type Server: LabServer<Message = Self::Message>;
    /// A clerk of the master.
    type Clerk: MasterClerk<Message = Self::Message>;

    /// Starts a server from what is on its disk. `servers` are all of them, in the same order
    /// everywhere; `shards` is how many shards there are.
    fn server(
        cx: &mut Context<'_, Self::Message>,
        servers: &[NodeId],
        shards: u16,
        config: &rsm::Config,
    ) -> Self::Server;

    /// Starts a clerk. `servers` are all of them, in an order of the clerk's own.
    fn clerk(cx: &mut Context<'_, Self::Message>, servers: &[NodeId]) -> Self::Clerk;
}

/// A solution of lab 4B: masters, groups and clerks are nodes of one world.
pub trait Lab4B: Sized + 'static {
    /// What all of them send. Answers should be [`Kind::Reply`](labrpc::Kind::Reply).
    type Message: Wire;
    /// A server of the master.
    type Master: LabServer<Message = Self::Message>;
    /// A clerk of the master.
    type MasterClerk: MasterClerk<Message = Self::Message>;
    /// A server of a group.
    type Group: GroupServer<Message = Self::Message>;
    /// A clerk of the store.
    type Clerk: KvClerk<Message = Self::Message>;

    /// Starts a server of the master: see [`Lab4A::server`].
    fn master(
        cx: &mut Context<'_, Self::Message>,
        servers: &[NodeId],
        shards: u16,
        config: &rsm::Config,
    ) -> Self::Master;

    /// Starts a clerk of the master: see [`Lab4A::clerk`].
    fn master_clerk(cx: &mut Context<'_, Self::Message>, servers: &[NodeId]) -> Self::MasterClerk;

    /// Starts a server of a group from what is on its disk.
    fn group(
        cx: &mut Context<'_, Self::Message>,
        place: &Place<'_>,
        config: &rsm::Config,
    ) -> Self::Group;

    /// Starts a clerk of the store, which knows the master's servers.
    fn clerk(cx: &mut Context<'_, Self::Message>, masters: &[NodeId]) -> Self::Clerk;
}

/// Where a server of a group finds itself.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its group.
    pub gid: Gid,
    /// The group's servers, in the same order everywhere.
    pub servers: &'a [NodeId],
    /// The master's servers.
    pub masters: &'a [NodeId],
    /// How many shards there are.
    pub shards: u16,
}

/// A server of a replicated service.
pub trait LabServer: Process {
    /// The labs' `GetState`: whether its Raft believes itself to be the leader.
    fn is_leader(&self) -> bool;

    /// Its Raft, for monitors. Without it only what clients see is checked; a grade wants it.
    fn replica(&self) -> Option<&dyn Replica> {
        None
    }

    /// A command of its log in words, for the [viewer](crate::viewer): what it has proposed, decoded.
    /// Without it, bytes are shown. It must not panic: the command may be of another server.
    fn describe(&self, _command: &[u8]) -> Option<String> {
        None
    }
}

/// A server of a group.
pub trait GroupServer: LabServer {
    /// What it has of each shard, for monitors. Without it only what clients see is checked.
    fn holdings(&self) -> Option<Holdings<'_>> {
        None
    }
}

/// What a server of a group has, as far as it has applied its log.
#[derive(Clone, Debug)]
pub struct Holdings<'a> {
    /// Its group.
    pub gid: Gid,
    /// How far that is.
    pub applied: u64,
    /// The configuration that it has come to.
    pub config: &'a Config,
    /// How far it is with each shard of which it has anything.
    pub phases: Vec<(Shard, Phase)>,
    /// The shards of which it keeps keys, served or not.
    pub keys: Vec<Shard>,
}

/// A clerk of the shard master, which has one operation at a time and never gives up.
pub trait MasterClerk: Process {
    /// Sets out to do an operation. The one before has been answered.
    fn start(&mut self, cx: &mut Context<'_, Self::Message>, op: Op);

    /// The answer to the operation that was started last, once there is one.
    fn reply(&self) -> Option<&Reply>;
}
