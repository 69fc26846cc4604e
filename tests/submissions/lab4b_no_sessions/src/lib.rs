//! A planted bug: a sharded store in which a shard moves without the sessions of its clients, so that what
//! the old owner has done and could not answer is done again by the new one.
//!
//! Expected: most points. It loses scenarios in which clients write while shards move, and with some of
//! the seeds only: what was appended is there twice.

use kvraft::rsm::{ClientMessage, Config, Sessions};
use labrpc::{Context, Instant, NodeId, Process};
use raft::{Consensus, Raft};
use shardkv::{Contents, MasterServer, Message, Op};
use tests::arena::{Recorder, Replica};
use tests::shard::{
    ClerkNode, GroupServer, Holdings, Lab4B, LabServer, MasterClerkNode, Over, Place,
};

type Said = Message<<Raft as Consensus>::Message>;

/// What is in a shard, less who has been served.
fn without_sessions(contents: &[u8]) -> Vec<u8> {
    let contents: Contents = labgob::decode(contents).expect("a group sends what it has encoded");
    labgob::encode(&Contents { sessions: Sessions::default(), ..contents })
}

/// The reference's server, which sends less of a shard.
pub struct Group(shardkv::Group<Recorder<Raft>>);

impl Group {
    fn step(
        &mut self,
        cx: &mut Context<'_, Said>,
        f: impl FnOnce(&mut shardkv::Group<Recorder<Raft>>, &mut Context<'_, Said>),
    ) {
        let mut outbox = Vec::new();
        f(&mut self.0, &mut cx.nested(&mut outbox));
        for (to, mut message) in outbox {
            if let Message::Store(ClientMessage::Request(request)) = &mut message
                && let Op::Install { contents, .. } = &mut request.op
            {
                *contents = without_sessions(contents).into();
            }
            cx.send(to, message);
        }
    }
}

impl Process for Group {
    type Message = Said;

    fn on_message(&mut self, cx: &mut Context<'_, Said>, from: NodeId, message: Said) {
        self.step(cx, |group, cx| group.on_message(cx, from, message));
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, Said>) {
        self.step(cx, |group, cx| group.on_wakeup(cx));
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.0.next_wakeup()
    }
}

impl LabServer for Group {
    fn is_leader(&self) -> bool {
        self.0.is_leader()
    }

    fn replica(&self) -> Option<&dyn Replica> {
        Some(&self.0)
    }
}

impl GroupServer for Group {
    fn holdings(&self) -> Option<Holdings<'_>> {
        self.0.holdings()
    }
}

/// The solution.
pub struct Lab;

impl Lab4B for Lab {
    type Message = Said;
    type Master = MasterServer<Recorder<Raft>>;
    type MasterClerk = MasterClerkNode<Raft>;
    type Group = Group;
    type Clerk = ClerkNode<Raft>;

    fn master(
        cx: &mut Context<'_, Said>,
        servers: &[NodeId],
        shards: u16,
        config: &Config,
    ) -> Self::Master {
        Over::<Raft>::master(cx, servers, shards, config)
    }

    fn master_clerk(cx: &mut Context<'_, Said>, servers: &[NodeId]) -> Self::MasterClerk {
        Over::<Raft>::master_clerk(cx, servers)
    }

    fn group(cx: &mut Context<'_, Said>, place: &Place<'_>, config: &Config) -> Group {
        Group(Over::<Raft>::group(cx, place, config))
    }

    fn clerk(cx: &mut Context<'_, Said>, masters: &[NodeId]) -> Self::Clerk {
        <Over<Raft> as Lab4B>::clerk(cx, masters)
    }
}
