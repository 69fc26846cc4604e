//! A Raft that counts what it hands to the service.

use crate::ledger::Op;
use kvraft::rsm::{ClientId, Request, Seq};
use labrpc::{Context, Instant, NodeId, Persister};
use raft::{Applied, Config, Consensus, Index, LogId, NotLeader, Raft, ReadId, Status};
use serde::Deserialize;
use std::collections::BTreeSet;

/// What is in the log.
#[derive(Deserialize)]
enum Command {
    NoOp,
    Client(Request<Op>),
    #[allow(dead_code, reason = "to say what it is")]
    Own(Op),
}

/// How often something happened in one life of a server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Commands that it has handed on before in this life.
    pub duplicates: u64,
    pub reads_in_log: u64,
    pub no_ops: u64,
    pub snapshots: u64,
}

#[derive(Clone, Debug)]
pub struct Watch {
    raft: Raft,
    seen: BTreeSet<(ClientId, Seq)>,
    pub counts: Counts,
}

type Cx<'a> = Context<'a, raft::Message>;

impl Consensus for Watch {
    type Message = raft::Message;

    fn boot(cx: &mut Cx<'_>, peers: &[NodeId], config: Config) -> Self {
        let raft = Raft::boot(cx, peers, config);
        Self { raft, seen: BTreeSet::new(), counts: Counts::default() }
    }

    fn on_message(&mut self, cx: &mut Cx<'_>, from: NodeId, message: raft::Message) {
        self.raft.on_message(cx, from, message);
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_>) {
        self.raft.on_wakeup(cx);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.raft.next_wakeup()
    }

    fn propose(&mut self, cx: &mut Cx<'_>, command: &[u8]) -> Result<LogId, NotLeader> {
        self.raft.propose(cx, command)
    }

    fn next_applied<'a>(&'a mut self, disk: &'a dyn Persister) -> Option<Applied<'a>> {
        let applied = self.raft.next_applied(disk)?;
        match applied {
            Applied::Snapshot { .. } => self.counts.snapshots += 1,
            Applied::Command { command, .. } => match labgob::decode(command).expect("a command") {
                Command::NoOp => self.counts.no_ops += 1,
                Command::Own(op) => panic!("the ledger asks for nothing itself: {op:?}"),
                Command::Client(Request { op: Op::Total, .. }) => self.counts.reads_in_log += 1,
                Command::Client(Request { client, seq, .. }) => {
                    let is_new = self.seen.insert((client, seq));
                    self.counts.duplicates += u64::from(!is_new);
                }
            },
        }
        Some(applied)
    }

    fn snapshot(&mut self, cx: &mut Cx<'_>, upto: Index, state: &[u8]) {
        Consensus::snapshot(&mut self.raft, cx, upto, state);
    }

    fn read(&mut self, cx: &mut Cx<'_>) -> Option<Result<ReadId, NotLeader>> {
        self.raft.read(cx)
    }

    fn next_read(&mut self) -> Option<(ReadId, Result<Index, NotLeader>)> {
        self.raft.next_read()
    }

    fn status(&self) -> Status {
        self.raft.status()
    }
}
