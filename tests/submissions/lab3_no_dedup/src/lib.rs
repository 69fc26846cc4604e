//! A planted bug: a key/value service that does not remember whom it has served, so that what a client
//! asks for twice is done twice.
//!
//! Expected: some points. It loses the scenarios in which answers are lost or leaders change: what was
//! appended is there twice.

use kvraft::kv::{Kv, Op, Reply};
use kvraft::rsm::{self, Config, Outcome, Service, Sessions};
use labrpc::{Context, Instant, NodeId, Process};
use raft::{Consensus, Raft};
use tests::arena::{Recorder, Replica};
use tests::kv::{ClerkNode, KvServer, Lab3, Over};

type Message = <Over<Raft> as Lab3>::Message;

/// The reference's store without its sessions.
#[derive(Clone, Debug, Default)]
pub struct Store(Kv);

impl Service for Store {
    type Op = Op;
    type Reply = Reply;

    fn apply(&mut self, op: &Op) -> Outcome<Reply> {
        self.0.apply(op)
    }

    fn sessions(&mut self, _: &Op) -> Option<&mut Sessions<Reply>> {
        None
    }

    fn is_read(op: &Op) -> bool {
        Kv::is_read(op)
    }

    fn save(&self) -> Vec<u8> {
        self.0.save()
    }

    fn load(&mut self, state: &[u8]) -> Result<(), labgob::Error> {
        self.0.load(state)
    }
}

/// The reference's server with that store.
pub struct Server(rsm::Server<Store, Recorder<Raft>>);

impl Process for Server {
    type Message = Message;

    fn on_message(&mut self, cx: &mut Context<'_, Message>, from: NodeId, message: Message) {
        self.0.on_message(cx, from, message);
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, Message>) {
        self.0.on_wakeup(cx);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.0.next_wakeup()
    }
}

impl KvServer for Server {
    fn is_leader(&self) -> bool {
        Consensus::status(self.0.raft()).is_leader
    }

    fn replica(&self) -> Option<&dyn Replica> {
        Some(&self.0)
    }
}

/// The solution.
pub struct Lab;

impl Lab3 for Lab {
    type Message = Message;
    type Server = Server;
    type Clerk = ClerkNode<Raft>;

    fn server(cx: &mut Context<'_, Message>, servers: &[NodeId], config: &Config) -> Server {
        Server(rsm::Server::boot(cx, servers, Store::default(), config.clone()))
    }

    fn clerk(cx: &mut Context<'_, Message>, servers: &[NodeId]) -> Self::Clerk {
        Over::<Raft>::clerk(cx, servers)
    }
}
