//! A planted bug: a shard master that gives each group its share in the order of the groups, whoever had
//! what before, and the last one all that is left over. With four groups and ten shards, that is 2, 2, 2, 4.
//!
//! Expected: no points, as each of the three scenarios of 4A counts how many shards move ("minimal
//! transfers").

use kvraft::rsm::{Answer, ClientMessage, Config};
use labrpc::{Context, Instant, NodeId, Process};
use raft::{Consensus, Raft};
use shardkv::{MasterServer, Message};
use shardmaster::Reply;
use tests::arena::{Recorder, Replica};
use tests::shard::{Lab4A, LabServer, MasterClerkNode, Over};

type Said = Message<<Raft as Consensus>::Message>;

/// Assigns all shards anew.
fn assign(config: &mut shardmaster::Config) {
    let groups: Vec<_> = config.groups.keys().copied().collect();
    let share = config.shards.len().checked_div(groups.len()).unwrap_or_default().max(1);
    for (shard, owner) in config.shards.iter_mut().enumerate() {
        *owner = groups.get(shard / share).or(groups.last()).copied();
    }
}

/// The reference's server, and what it says of configurations is another thing.
pub struct Server(MasterServer<Recorder<Raft>>);

impl Server {
    fn step(
        &mut self,
        cx: &mut Context<'_, Said>,
        f: impl FnOnce(&mut MasterServer<Recorder<Raft>>, &mut Context<'_, Said>),
    ) {
        let mut outbox = Vec::new();
        f(&mut self.0, &mut cx.nested(&mut outbox));
        for (to, mut message) in outbox {
            if let Message::Master(ClientMessage::Reply(reply)) = &mut message
                && let Answer::Done(Reply::Config(config)) = &mut reply.answer
            {
                assign(config);
            }
            cx.send(to, message);
        }
    }
}

impl Process for Server {
    type Message = Said;

    fn on_message(&mut self, cx: &mut Context<'_, Said>, from: NodeId, message: Said) {
        self.step(cx, |server, cx| server.on_message(cx, from, message));
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, Said>) {
        self.step(cx, |server, cx| server.on_wakeup(cx));
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.0.next_wakeup()
    }
}

impl LabServer for Server {
    fn is_leader(&self) -> bool {
        self.0.is_leader()
    }

    fn replica(&self) -> Option<&dyn Replica> {
        Some(&self.0)
    }
}

/// The solution.
pub struct Lab;

impl Lab4A for Lab {
    type Message = Said;
    type Server = Server;
    type Clerk = MasterClerkNode<Raft>;

    fn server(
        cx: &mut Context<'_, Said>,
        servers: &[NodeId],
        shards: u16,
        config: &Config,
    ) -> Server {
        Server(<Over<Raft> as Lab4A>::server(cx, servers, shards, config))
    }

    fn clerk(cx: &mut Context<'_, Said>, servers: &[NodeId]) -> Self::Clerk {
        <Over<Raft> as Lab4A>::clerk(cx, servers)
    }
}
