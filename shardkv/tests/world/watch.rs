//! A Raft that counts what it hands to the store.

use kvraft::rsm::{ClientId, Request, Seq};
use labrpc::{Context, Instant, NodeId, Persister};
use raft::{Applied, Config, Consensus, Index, LogId, NotLeader, Raft, ReadId, Status};
use serde::Deserialize;
use shardkv::Op;
use shardmaster::{ConfigNum, Shard};
use std::collections::BTreeSet;

/// What is in a group's log; the master's is not looked at.
#[derive(Deserialize)]
enum Command {
    NoOp,
    Client(Request<Op>),
    Own(Op),
}

/// How often something was in the log, in one life of a server; `again`, if it had been before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub configures: u64,
    pub configures_again: u64,
    pub installs: u64,
    pub installs_again: u64,
    pub drops: u64,
    pub drops_again: u64,
    /// Clients' commands that were there before.
    pub echoes: u64,
    pub snapshots: u64,
}

/// What has been counted, and what was there.
#[derive(Clone, Debug, Default)]
struct Seen {
    counts: Counts,
    configures: BTreeSet<ConfigNum>,
    installs: BTreeSet<(Shard, ConfigNum)>,
    drops: BTreeSet<(Shard, ConfigNum)>,
    clients: BTreeSet<(ClientId, Seq)>,
}

#[derive(Clone, Debug)]
pub struct Watch {
    raft: Raft,
    seen: Seen,
}

type Cx<'a> = Context<'a, raft::Message>;

impl Watch {
    pub fn counts(&self) -> Counts {
        self.seen.counts
    }
}

impl Seen {
    fn count(&mut self, command: &Command) {
        let counts = &mut self.counts;
        let (all, again, is_new) = match command {
            Command::NoOp => return,
            Command::Own(Op::Configure(config)) => (
                &mut counts.configures,
                &mut counts.configures_again,
                self.configures.insert(config.num),
            ),
            Command::Own(Op::Drop { since, shard }) => {
                (&mut counts.drops, &mut counts.drops_again, self.drops.insert((*shard, *since)))
            }
            Command::Client(Request { op: Op::Install { since, shard, .. }, .. }) => (
                &mut counts.installs,
                &mut counts.installs_again,
                self.installs.insert((*shard, *since)),
            ),
            Command::Client(Request { client, seq, op: Op::Client(op) }) => {
                let is_new = self.clients.insert((*client, *seq))
                    || matches!(op, kvraft::kv::Op::Get { .. });
                counts.echoes += u64::from(!is_new);
                return;
            }
            Command::Own(op) | Command::Client(Request { op, .. }) => panic!("{op:?} in a log"),
        };
        *all += 1;
        *again += u64::from(!is_new);
    }
}

impl Consensus for Watch {
    type Message = raft::Message;

    fn boot(cx: &mut Cx<'_>, peers: &[NodeId], config: Config) -> Self {
        Self { raft: Raft::boot(cx, peers, config), seen: Seen::default() }
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
            Applied::Snapshot { .. } => self.seen.counts.snapshots += 1,
            Applied::Command { command, .. } => {
                self.seen.count(&labgob::decode(command).expect("a command"));
            }
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
