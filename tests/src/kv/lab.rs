//! What a key/value server and clerk must be to run under the suites of lab 3.

use crate::arena::Replica;
use kvraft::{kv, rsm};
use labrpc::{Context, NodeId, Process, Wire};

/// A solution of lab 3: how its servers and clerks start. They are nodes of one world, so they have
/// one type of message.
pub trait Lab3: Sized + 'static {
    /// What servers and clerks send. Answers should be [`Kind::Reply`](labrpc::Kind::Reply): the
    /// network treats them as the answers of RPCs then, and does not count them.
    type Message: Wire;
    /// A server.
    type Server: KvServer<Message = Self::Message>;
    /// A clerk.
    type Clerk: KvClerk<Message = Self::Message>;

    /// The labs' `StartKVServer`: starts a server from what is on its disk. `servers` are all of
    /// them, in the same order everywhere.
    fn server(
        cx: &mut Context<'_, Self::Message>,
        servers: &[NodeId],
        config: &rsm::Config,
    ) -> Self::Server;

    /// The labs' `MakeClerk`: starts a clerk. `servers` are all of them, in an order of the clerk's
    /// own.
    fn clerk(cx: &mut Context<'_, Self::Message>, servers: &[NodeId]) -> Self::Clerk;
}

/// A key/value server.
pub trait KvServer: Process {
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

/// A key/value client's side, which has one operation at a time and never gives up.
pub trait KvClerk: Process {
    /// Sets out to do an operation. The one before has been answered.
    fn start(&mut self, cx: &mut Context<'_, Self::Message>, op: kv::Op);

    /// The answer to the operation that was started last, once there is one: to a get the value, and
    /// nothing else to the others. A key without a value reads as the empty string, as in the labs.
    fn reply(&self) -> Option<&str>;
}
