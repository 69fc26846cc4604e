//! What must be true of every step of a storm, and how much of a storm it was.

use crate::Node;
use crate::ledger::{Ledger, Op};
use crate::watch::Counts;
use kvraft::rsm::{Actor, Answer, ClientId, ClientMessage, Message, Outcome, Seq};
use labrpc::{Fingerprint, NodeId, World};
use raft::{Consensus, Index};
use std::collections::{BTreeMap, BTreeSet};

/// How often something happened in all storms of a test: without that they prove nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub adds: u64,
    pub totals: u64,
    pub retries: u64,
    /// Commands that were in the log once more, as every server came across them.
    pub duplicates: u64,
    pub reads_in_log: u64,
    pub no_ops: u64,
    /// Snapshots that were loaded: after a boot, or in the place of the log.
    pub snapshots: u64,
    /// Operations that were answered without being applied: from their session.
    pub recalled: u64,
    /// Clients that were told that the server they waited for leads no more.
    pub denials: u64,
    /// Operations whose client has crashed, and of these those that were done nevertheless.
    pub orphans: u64,
    pub orphans_done: u64,
}

#[derive(Clone, Debug, Default)]
pub struct Monitor {
    pub tally: Tally,
    /// A digest of the state after each entry.
    states: BTreeMap<Index, u64>,
    servers: BTreeMap<NodeId, Seen>,
    /// What each clerk asked for last.
    asked: BTreeMap<NodeId, (ClientId, Seq)>,
    /// Of each addition: whose it is, and the answer.
    adds: BTreeMap<u64, (Option<ClientId>, Option<u64>)>,
    /// The answers to additions, no two of which may be the same.
    places: BTreeSet<u64>,
    acknowledged: u64,
    /// The highest answer so far.
    highest: u64,
    calls: BTreeMap<NodeId, Call>,
}

/// What was seen of a server, after its latest step.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    life: u32,
    applied: Index,
    waiting: usize,
    counts: Counts,
}

/// An operation that is under way.
#[derive(Clone, Copy, Debug)]
struct Call {
    op: Op,
    /// What was acknowledged, or answered, before it began: it cannot be told less.
    least: u64,
}

impl Monitor {
    // ---- clients -----------------------------------------------------------------------------

    pub fn next_number(&self) -> u64 {
        self.adds.len() as u64
    }

    /// A clerk begins with an operation.
    pub fn on_start(&mut self, clerk: NodeId, op: Op) {
        if let Op::Add(number) = op {
            self.adds.insert(number, (None, None));
        }
        let least = self.highest.max(self.acknowledged);
        self.calls.insert(clerk, Call { op, least });
    }

    /// A clerk has crashed, and its operation will never be answered.
    pub fn on_crash(&mut self, clerk: NodeId) {
        self.tally.orphans += u64::from(self.calls.remove(&clerk).is_some());
    }

    /// A clerk has an answer.
    pub fn on_answer(&mut self, clerk: NodeId, answer: Outcome<u64>) {
        let Call { op, least } = self.calls.remove(&clerk).expect("it was asked for something");
        let Outcome::Done(total) = answer else { panic!("{op:?} of {clerk}: {answer:?}") };
        let begun = self.adds.len() as u64;
        assert!((least..=begun).contains(&total), "{op:?}: {total} is not in {least}..={begun}");
        self.highest = self.highest.max(total);
        if let Op::Add(number) = op {
            assert!(total > least, "{op:?} is not in {total}");
            assert!(self.places.insert(total), "{op:?} is not the only one to make it {total}");
            self.adds.get_mut(&number).expect("it was begun").1 = Some(total);
            self.acknowledged += 1;
            self.tally.adds += 1;
        } else {
            self.tally.totals += 1;
        }
    }

    // ---- steps -------------------------------------------------------------------------------

    /// Looks at who took the latest step.
    pub fn look(&mut self, world: &World<Node>) {
        assert_eq!(world.halted(), None);
        let Some(id) = world.stepped() else { return };
        match world.node(id) {
            Some(Actor::Server(_)) => self.look_at_server(world, id),
            Some(Actor::Clerk(_)) => self.look_at_clerk(world, id),
            None => {}
        }
    }

    fn look_at_clerk(&mut self, world: &World<Node>, id: NodeId) {
        for (_, message) in world.sent() {
            let Message::Client(ClientMessage::Request(request)) = message else {
                panic!("a clerk says {message:?}");
            };
            let asked = (request.client, request.seq);
            if self.asked.insert(id, asked) == Some(asked) {
                self.tally.retries += 1;
            }
            if let Op::Add(number) = request.op {
                self.adds.get_mut(&number).expect("it was begun").0 = Some(request.client);
            }
        }
    }

    fn look_at_server(&mut self, world: &World<Node>, id: NodeId) {
        let server = world.node(id).expect("it is up").server();
        assert_eq!((server.refused(), server.has_stopped()), (0, false), "{id}");
        let mut seen = self.servers.get(&id).copied().unwrap_or_default();
        if seen.life != world.life(id) {
            seen = Seen { life: world.life(id), ..Seen::default() };
        }
        let now = Seen {
            life: seen.life,
            applied: server.applied(),
            waiting: server.waiting(),
            counts: server.raft().counts,
        };
        assert!(now.applied >= seen.applied, "{id} goes back to {}", now.applied);
        self.tally.duplicates += now.counts.duplicates - seen.counts.duplicates;
        self.tally.snapshots += now.counts.snapshots - seen.counts.snapshots;
        self.tally.reads_in_log += now.counts.reads_in_log - seen.counts.reads_in_log;
        self.tally.no_ops += now.counts.no_ops - seen.counts.no_ops;
        if now.applied > seen.applied {
            self.compare(id, now.applied, server.service());
        }
        for (_, message) in world.sent() {
            let Message::Client(ClientMessage::Reply(reply)) = message else { continue };
            match reply.answer {
                Answer::Done(_) if now.applied == seen.applied && now.waiting == seen.waiting => {
                    self.tally.recalled += 1;
                }
                Answer::NotLeader { .. } if now.waiting < seen.waiting => {
                    assert!(!server.raft().status().is_leader, "{id} gives up in office");
                    self.tally.denials += 1;
                }
                _ => {}
            }
        }
        self.servers.insert(id, now);
    }

    /// Whoever has applied the same has the same state.
    fn compare(&mut self, id: NodeId, applied: Index, state: &Ledger) {
        let mut digest = Fingerprint::default();
        digest.bytes(&labgob::encode(state));
        let known = *self.states.entry(applied).or_insert(digest.value());
        assert_eq!(known, digest.value(), "{id} has another state at {applied}: {state:?}");
    }

    // ---- the end -----------------------------------------------------------------------------

    /// What was acknowledged was done once, what was not at most once, and nothing else; and who
    /// has had something done has a session.
    pub fn settle(&mut self, state: &Ledger) {
        let mut clients = BTreeSet::new();
        for (number, (client, answer)) in &self.adds {
            let times = state.times.get(number).copied().unwrap_or_default();
            if answer.is_some() {
                assert_eq!(times, 1, "addition {number} of {client:?}");
            } else {
                assert!(times <= 1, "addition {number} of {client:?}, which nobody waits for");
                self.tally.orphans_done += times;
            }
            clients.extend(client.filter(|_| times > 0));
        }
        let known = |number| self.adds.contains_key(number);
        assert!(state.times.keys().all(known), "{state:?}");
        assert_eq!(state.total, state.times.values().sum::<u64>());
        assert_eq!(state.sessions.len(), clients.len(), "one session per client");
    }
}
