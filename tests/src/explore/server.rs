//! One server, and what it does with one event: the step is a function of the server and the event.
//!
//! Three things make it one. The dice of every step are the same; a clock shows whatever its server
//! has been waiting for; and an alarm rings so late that every time the server has set itself has
//! passed. So it does not matter that servers which differ only in their times count as equal.

use super::properties::Facts;
use crate::panics::caught;
use crate::{Outcome, demand, fail};
use labrpc::{Context, Disk, Instant, NodeId, Notes, Persister, Rng};
use raft::{Applied, Config, Consensus, Index};
use std::ops::Range;
use std::time::Duration;

/// Longer than anything that a server waits for.
const LONG: Duration = Duration::from_secs(3600);

/// A server that is up, with its disk and its service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server<C> {
    pub me: NodeId,
    pub raft: C,
    /// All of it durable, as a step is over before anybody looks.
    pub disk: Disk,
    /// What its service has applied in this life, a byte for each command: the service's state.
    pub applied: Vec<u8>,
}

/// What can happen to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event<M> {
    /// A message arrives.
    Message(M),
    /// Every alarm that it has set rings.
    Alarm,
    /// It is asked to commit this command.
    Propose(u8),
    /// Its service hands down a snapshot of all that it has applied.
    Snapshot,
    /// It crashes between two steps, and boots.
    Crash,
}

/// What a server did.
pub struct Step<C: Consensus> {
    /// What became of it.
    pub server: Server<C>,
    /// What is to be seen of it.
    pub facts: Facts,
    pub sent: Vec<(NodeId, C::Message)>,
    /// The disks as they were between two writes of the step, in order.
    pub torn: Vec<Disk>,
}

impl<C: Consensus> Server<C> {
    /// Boots a server from a disk.
    pub fn boot(me: NodeId, peers: &[NodeId], disk: Disk, notes: &mut Notes) -> Outcome<Step<C>> {
        caught(|| {
            let mut watched = Watched { disk, between: Vec::new() };
            let mut sent = Vec::new();
            let mut rng = Rng::new(0);
            let mut cx = Context::new(me, Instant::ZERO, &mut rng, &mut watched, &mut sent, notes);
            let raft = C::boot(&mut cx, peers, Config::default());
            Self { me, raft, disk: Disk::default(), applied: Vec::new() }.settle(watched, sent)
        })
    }

    /// What it does with an event. A panic is a failure like any other.
    pub fn step(
        &self,
        peers: &[NodeId],
        event: Event<(NodeId, C::Message)>,
        notes: &mut Notes,
    ) -> Outcome<Step<C>> {
        if matches!(event, Event::Crash) {
            return Self::boot(self.me, peers, self.disk.clone(), notes);
        }
        caught(|| {
            let mut server = self.clone();
            let mut watched = Watched { disk: self.disk.clone(), between: Vec::new() };
            let mut sent = Vec::new();
            let due = self.raft.next_wakeup().unwrap_or(Instant::ZERO);
            let now = if matches!(event, Event::Alarm) { due + LONG } else { due };
            let mut rng = Rng::new(0);
            let mut cx = Context::new(self.me, now, &mut rng, &mut watched, &mut sent, notes);
            let raft = &mut server.raft;
            match event {
                Event::Message((from, message)) => raft.on_message(&mut cx, from, message),
                Event::Alarm => raft.on_wakeup(&mut cx),
                Event::Propose(command) => {
                    // Whether it was a promise is seen by what becomes of the log.
                    let _ = raft.propose(&mut cx, &[command]);
                }
                Event::Snapshot => {
                    let upto = Index::new(self.applied.len() as u64);
                    raft.snapshot(&mut cx, upto, &self.applied);
                }
                Event::Crash => unreachable!("it has been dealt with"),
            }
            server.settle(watched, sent)
        })
    }

    /// The end of a step: the service applies what it can.
    fn settle(mut self, disk: Watched, sent: Vec<(NodeId, C::Message)>) -> Outcome<Step<C>> {
        let Watched { disk, mut between } = disk;
        // The last write is the end of the step.
        between.pop();
        self.disk = disk;
        let me = self.me;
        while let Some(applied) = self.raft.next_applied(&self.disk) {
            let (last, has) = match applied {
                Applied::Command { id, command } => {
                    let &[command] = command else {
                        fail!("state machine safety", "{me} applied what nobody has proposed")
                    };
                    self.applied.push(command);
                    (id.index, self.applied.len())
                }
                Applied::Snapshot { last, state } => {
                    demand!(
                        state.len() > self.applied.len(),
                        "in-order apply",
                        "{me} was handed a snapshot up to {last} after entry {}",
                        self.applied.len()
                    );
                    self.applied = state.to_vec();
                    (last.index, state.len())
                }
            };
            demand!(
                last.get() == has as u64,
                "in-order apply",
                "{me} was handed entry {last} as its number {has}"
            );
        }
        // To be asked is part of the step, for a server may panic over it.
        let facts = Facts::of(&self);
        Ok(Step { server: self, facts, sent, torn: between })
    }
}

/// A disk that keeps what it was like after each write.
struct Watched {
    disk: Disk,
    between: Vec<Disk>,
}

impl Watched {
    fn write(&mut self, write: impl FnOnce(&mut Disk)) {
        write(&mut self.disk);
        self.between.push(self.disk.clone());
    }
}

impl Persister for Watched {
    fn state(&self) -> &[u8] {
        self.disk.state()
    }
    fn save_state(&mut self, bytes: &[u8]) {
        self.write(|disk| disk.save_state(bytes));
    }
    fn snapshot(&self) -> &[u8] {
        self.disk.snapshot()
    }
    fn save_snapshot(&mut self, bytes: &[u8]) {
        self.write(|disk| disk.save_snapshot(bytes));
    }
    fn log(&self) -> Range<u64> {
        self.disk.log()
    }
    fn record(&self, index: u64) -> &[u8] {
        self.disk.record(index)
    }
    fn append(&mut self, index: u64, record: &[u8]) {
        self.write(|disk| disk.append(index, record));
    }
    fn truncate(&mut self, from: u64) {
        self.write(|disk| disk.truncate(from));
    }
    fn trim(&mut self, below: u64) {
        self.write(|disk| disk.trim(below));
    }
    fn raft_state_bytes(&self) -> usize {
        self.disk.raft_state_bytes()
    }
}
