//! What a test can do to nodes and links: crashes, pauses, slow nodes, drifting clocks, cuts.

use super::node::Node;
use super::{Pending, World};
use crate::trace::{Event, Loss, Mark};
use crate::{Network, NodeId, Process};
use std::fmt;
use std::time::Duration;

/// At which point of a step a node crashes.
///
/// All but [`Now`](CrashPoint::Now) wait for the node's next step that writes to its disk; steps
/// that write nothing pass unharmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// Between two steps: nothing is lost but what was in memory.
    Now,
    /// Before the step's writes are durable: the step is undone, and nobody hears of it.
    Undone,
    /// After so many of the step's writes; if it has fewer, like [`Unsent`](CrashPoint::Unsent).
    AfterWrites(u32),
    /// After the writes are durable and before the messages leave.
    Unsent,
}

impl CrashPoint {
    pub(super) fn writes_left(self) -> u32 {
        match self {
            Self::Now | Self::Undone => 0,
            Self::AfterWrites(n) => n,
            Self::Unsent => u32::MAX,
        }
    }

    fn code(self) -> u64 {
        match self {
            Self::Now => 0,
            Self::Undone => 1,
            Self::Unsent => 2,
            Self::AfterWrites(n) => 3 + u64::from(n),
        }
    }
}

/// A node whose disk is lost stays down for ever: with an empty disk it could vote a second time in
/// a term, and no correct Raft survives that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskLost(pub NodeId);

impl fmt::Display for DiskLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has lost its disk and cannot be restarted", self.0)
    }
}

impl std::error::Error for DiskLost {}

impl<P: Process> World<P> {
    // ---- nodes -------------------------------------------------------------------------------

    /// Crashes a node, now or in the middle of a later step. A node that is down stays down.
    pub fn crash(&mut self, id: NodeId, when: CrashPoint) {
        let node = &mut self.nodes[id.index()];
        if node.process.is_none() {
            return;
        }
        if when == CrashPoint::Now {
            self.go_down(id, when);
        } else {
            node.armed = Some(when);
        }
    }

    pub(super) fn go_down(&mut self, id: NodeId, point: CrashPoint) {
        self.mark(Mark::Crash, Some(id), point.code(), 0, || Event::Crash {
            point: format!("{point:?}"),
        });
        let node = &mut self.nodes[id.index()];
        node.process = None;
        (node.armed, node.alarm, node.woken, node.serving) = (None, None, false, false);
        node.paused = false;
        for slot in std::mem::take(&mut node.inbox) {
            self.lose_slot(slot, Loss::Down);
        }
    }

    /// Starts a node again from its disk; one that is up is crashed first. The error is that the
    /// disk is lost.
    pub fn restart(&mut self, id: NodeId) -> Result<(), DiskLost> {
        if self.nodes[id.index()].disk_lost {
            return Err(DiskLost(id));
        }
        self.crash(id, CrashPoint::Now);
        let (seed, others) = (self.seed, self.ids());
        let node = &mut self.nodes[id.index()];
        node.life += 1;
        node.rng = Node::<P>::dice(seed, id, node.life);
        node.traffic.rpcs_in_this_life = 0;
        for other in others {
            self.links.at_mut(other, id).unanswered = 0;
        }
        self.boot(id);
        Ok(())
    }

    /// Destroys a node's disk, and the node with it, for ever.
    pub fn lose_disk(&mut self, id: NodeId) {
        self.crash(id, CrashPoint::Now);
        self.nodes[id.index()].disk_lost = true;
        self.mark(Mark::DiskLost, Some(id), 0, 0, || Event::DiskLost);
    }

    /// Stops a node in its tracks: messages and wake-ups wait, its clock goes on. No effect on one
    /// that is down.
    pub fn pause(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        if node.process.is_some() && !node.paused {
            node.paused = true;
            self.mark(Mark::Pause, Some(id), 0, 0, || Event::Pause);
        }
    }

    /// Lets a paused node go on: first with a wake-up that is overdue, then with what has come.
    pub fn resume(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        if node.paused {
            node.paused = false;
            self.mark(Mark::Resume, Some(id), 0, 0, || Event::Resume);
            self.serve_next(id);
        }
    }

    /// Sets how long a node takes over each message, one after the other; zero is the default.
    pub fn set_service_time(&mut self, id: NodeId, each: Duration) {
        self.nodes[id.index()].service_time = each;
        self.tune(id, format_args!("{each:?} per message"), crate::time::nanos(each));
    }

    /// Lets a node's clock gain `ppm` millionths, or lose them, from now on.
    ///
    /// # Panics
    /// If the clock would run backwards.
    pub fn set_drift(&mut self, id: NodeId, ppm: i32) {
        let now = self.now;
        let node = &mut self.nodes[id.index()];
        node.clock = node.clock.drifting(now, ppm);
        node.alarm = None;
        self.tune(id, format_args!("clock drifts by {ppm} ppm"), u64::from(ppm.cast_unsigned()));
        self.set_alarm(id);
    }

    fn tune(&mut self, id: NodeId, now: fmt::Arguments<'_>, digest: u64) {
        self.mark(Mark::Tune, Some(id), 0, digest, || Event::Tune { now: now.to_string() });
    }

    // ---- links -------------------------------------------------------------------------------

    /// Changes the network for all links that have none of their own. What is on its way stays so.
    pub fn set_network(&mut self, network: Network) {
        self.network = network;
        let now = format!("{:?}", self.network);
        self.note_network(None, 0, &now);
    }

    /// Gives one direction of a link a network of its own, or takes it back.
    pub fn set_link(&mut self, from: NodeId, to: NodeId, network: Option<Network>) {
        let now = format!("{network:?}");
        self.links.at_mut(from, to).network = network.map(Box::new);
        self.note_network(Some(from), to.index() as u64, &now);
    }

    fn note_network(&mut self, node: Option<NodeId>, what: u64, now: &str) {
        let mut digest = crate::Fingerprint::default();
        digest.bytes(now.as_bytes());
        self.mark(Mark::Network, node, what, digest.value(), || Event::Network {
            now: now.to_string(),
        });
    }

    /// Cuts one direction of a link. A request sent from now on never arrives; one that is on its
    /// way does, and its reply is lost.
    pub fn cut(&mut self, from: NodeId, to: NodeId) {
        self.set_cut(from, to, true);
    }

    /// Mends one direction of a link.
    pub fn mend(&mut self, from: NodeId, to: NodeId) {
        self.set_cut(from, to, false);
    }

    fn set_cut(&mut self, from: NodeId, to: NodeId, cut: bool) {
        let link = self.links.at_mut(from, to);
        if link.cut != cut {
            link.cut = cut;
            let what = to.index() as u64 | u64::from(cut) << 16;
            self.mark(Mark::Link, Some(from), what, 0, || Event::Link {
                to,
                now: if cut { "cut" } else { "mended" }.to_string(),
            });
        }
    }

    /// Holds back whatever arrives over one direction of a link until it is
    /// [unclogged](World::unclog).
    pub fn clog(&mut self, from: NodeId, to: NodeId) {
        self.links.at_mut(from, to).clogged = true;
        self.mark(Mark::Link, Some(from), to.index() as u64 | 2 << 16, 0, || Event::Link {
            to,
            now: "clogged".to_string(),
        });
    }

    /// Lets everything through that was held back, at once and in order.
    pub fn unclog(&mut self, from: NodeId, to: NodeId) {
        let link = self.links.at_mut(from, to);
        link.clogged = false;
        let held = std::mem::take(&mut link.held);
        let what = to.index() as u64 | 3 << 16;
        self.mark(Mark::Link, Some(from), what, held.len() as u64, || Event::Link {
            to,
            now: format!("unclogged, {} messages held", held.len()),
        });
        for slot in held {
            self.push(self.now, Pending::Arrive(slot));
        }
    }
}
