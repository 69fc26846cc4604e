//! What a test can do to nodes and links: crashes, pauses, slow nodes, drifting clocks, cuts.

use super::node::Node;
use super::{Pending, World};
use crate::time::{duration_text, nanos};
use crate::trace::{Event, Loss, Mark};
use crate::{Disk, Fingerprint, Network, NodeId, Process};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// At which point of a step a node crashes.
///
/// All but [`Now`](CrashPoint::Now) wait for the node's next step that writes to its disk; steps
/// that write nothing pass unharmed.
///
/// ```
/// use labrpc::{CrashPoint, Network, Persister, World};
/// let mut world = World::new(1, Network::reliable());
/// let node = world.add(|_| ());
/// world.crash(node, CrashPoint::AfterWrites(1));
/// let answer = world.poke(node, |(), cx| {
///     cx.disk.append(1, b"survives");
///     cx.disk.append(2, b"does not");
///     "promised"
/// });
/// assert_eq!(answer, None);
/// assert!(world.node(node).is_none());
/// assert_eq!(world.disk(node).log(), 1..2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
///
/// ```
/// use labrpc::{DiskLost, Network, World};
/// let mut world = World::new(1, Network::reliable());
/// let node = world.add(|_| ());
/// world.lose_disk(node);
/// assert_eq!(world.restart(node), Err(DiskLost(node)));
/// ```
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

    /// Crashes a node, now or in the middle of a later step. A node that is down stays down. What a
    /// crash that was put off waits for can be changed by a second call; it is called off by a
    /// restart, or by the [calm](World::calm).
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

    /// Takes back a crash that has not come yet.
    pub fn disarm(&mut self, id: NodeId) {
        self.nodes[id.index()].armed = None;
    }

    pub(super) fn go_down(&mut self, id: NodeId, point: CrashPoint) {
        self.mark(Mark::Crash, Some(id), point.code(), 0, || Event::Crash {
            point: format!("{point:?}"),
        });
        let node = &mut self.nodes[id.index()];
        node.process = None;
        (node.armed, node.alarm, node.busy) = (None, None, None);
        (node.woken, node.paused) = (false, false);
        for slot in std::mem::take(&mut node.inbox) {
            self.lose_slot(slot, Loss::Down);
        }
    }

    /// Starts a node again from its disk; one that is up is crashed first. Its clock, drift and
    /// service time are as before, and its dice are new. The error is that the disk is lost.
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
        let node = &mut self.nodes[id.index()];
        if std::mem::replace(&mut node.disk_lost, true) {
            return;
        }
        node.disk = Disk::default();
        self.mark(Mark::DiskLost, Some(id), 0, 0, || Event::DiskLost);
    }

    /// Stops a node in its tracks: messages and wake-ups wait, its clock goes on. No effect on one
    /// that is down. A message that a slow node was at is begun anew when it goes on.
    pub fn pause(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        if node.process.is_some() && !node.paused {
            (node.paused, node.busy) = (true, None);
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

    /// Sets how long a node takes over each message, one after the other; zero is the default. A
    /// message is handled, and what it brings leaves, when that time has passed. A wake-up takes no
    /// time but waits for the message that the node is at, which is not affected by the change.
    pub fn set_service_time(&mut self, id: NodeId, each: Duration) {
        self.nodes[id.index()].service_time = each;
        self.tune(id, 0, nanos(each), format_args!("{} per message", duration_text(each)));
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
        let digest = u64::from(ppm.cast_unsigned());
        self.tune(id, 1, digest, format_args!("clock drifts by {ppm} ppm"));
        self.set_alarm(id);
    }

    fn tune(&mut self, id: NodeId, what: u64, digest: u64, now: fmt::Arguments<'_>) {
        self.mark(Mark::Tune, Some(id), what, digest, || Event::Tune { now: now.to_string() });
    }

    /// Ends all faults but the loss of a disk: nodes that are down start again, those that are
    /// paused go on, and crashes that have not come are called off; clocks show no more drift,
    /// nodes take no time; links are mended, unclogged, and as all others; and the network is
    /// `network`.
    ///
    /// What may never happen is asked during a storm; what has to happen, after it.
    ///
    /// ```
    /// use labrpc::{CrashPoint, Network, World};
    /// let mut world = World::new(1, Network::unreliable());
    /// let (a, b) = (world.add(|_| ()), world.add(|_| ()));
    /// world.crash(a, CrashPoint::Now);
    /// world.isolate(b);
    /// world.calm(Network::reliable());
    /// assert!(world.node(a).is_some() && !world.links().is_cut(a, b));
    /// ```
    pub fn calm(&mut self, network: Network) {
        self.set_network(network);
        self.heal();
        for id in self.ids() {
            self.rejoin(id);
            for to in self.ids() {
                self.mend(id, to);
                self.unclog(id, to);
                if self.links.at(id, to).network.is_some() {
                    self.set_link(id, to, None);
                }
            }
        }
        for id in self.ids() {
            let node = &mut self.nodes[id.index()];
            node.armed = None;
            if !node.service_time.is_zero() {
                self.set_service_time(id, Duration::ZERO);
            }
            if self.nodes[id.index()].clock.drift_ppm() != 0 {
                self.set_drift(id, 0);
            }
            self.resume(id);
            if self.node(id).is_none() && !self.is_disk_lost(id) {
                self.restart(id).expect("its disk is there");
            }
        }
    }

    // ---- links -------------------------------------------------------------------------------

    /// Changes the network for all links that have none of their own. What is on its way stays so.
    pub fn set_network(&mut self, network: Network) {
        self.mark_network(None, 0, Some(&network));
        self.network = network;
    }

    /// Gives one direction of a link a network of its own, or takes it back.
    pub fn set_link(&mut self, from: NodeId, to: NodeId, network: Option<Network>) {
        self.mark_network(Some(from), to.index() as u64, network.as_ref());
        self.links.at_mut(from, to).network = network.map(Box::new);
    }

    fn mark_network(&mut self, from: Option<NodeId>, to: u64, network: Option<&Network>) {
        let mut digest = Fingerprint::default();
        digest.bytes(&labgob::encode(&network));
        self.mark(Mark::Network, from, to, digest.value(), || {
            let now = network.map_or_else(|| "as all others".to_string(), ToString::to_string);
            let now = if from.is_some() { format!("to n{to}: {now}") } else { now };
            Event::Network { now }
        });
    }

    /// Cuts one direction of a link. A request sent over it from now on never arrives, not even
    /// when the link is mended; one that is on its way does. A reply that is on its way over it is
    /// lost.
    ///
    /// So the answer to a request that was on its way is lost if both directions are cut.
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
            let what = u64::from(cut);
            self.mark_link(from, to, what, 0, || if cut { "cut" } else { "mended" }.to_string());
        }
    }

    fn mark_link(
        &mut self,
        from: NodeId,
        to: NodeId,
        what: u64,
        digest: u64,
        now: impl FnOnce() -> String,
    ) {
        let what = to.index() as u64 | what << 16;
        self.mark(Mark::Link, Some(from), what, digest, || Event::Link { to, now: now() });
    }

    /// Cuts a node off from all others, in both directions: the labs' `disconnect`.
    pub fn isolate(&mut self, id: NodeId) {
        if self.links.set_isolated(id, true) {
            self.mark(Mark::Isolate, Some(id), 0, 0, || Event::Isolate);
        }
    }

    /// Takes an isolation back: the node reaches all who are not isolated themselves, as after the
    /// labs' `connect`.
    pub fn rejoin(&mut self, id: NodeId) {
        if self.links.set_isolated(id, false) {
            self.mark(Mark::Rejoin, Some(id), 0, 0, || Event::Rejoin);
        }
    }

    /// Cuts the links between nodes of different groups, and mends what an earlier partition cut. A
    /// node in no group, such as a client, goes on to reach all.
    ///
    /// # Panics
    /// If a node is in two groups.
    pub fn partition(&mut self, groups: &[Vec<NodeId>]) {
        self.links.set_sides(groups);
        let mut digest = Fingerprint::default();
        digest.bytes(&labgob::encode(groups));
        self.mark(Mark::Partition, None, 0, digest.value(), || {
            let groups = groups.iter().map(|group| format!("{group:?}"));
            Event::Partition { groups: groups.collect::<Vec<_>>().join(" | ") }
        });
    }

    /// Ends a partition.
    pub fn heal(&mut self) {
        self.links.set_sides(&[]);
        self.mark(Mark::Heal, None, 0, 0, || Event::Heal);
    }

    /// Holds back whatever arrives over one direction of a link until it is
    /// [unclogged](World::unclog).
    pub fn clog(&mut self, from: NodeId, to: NodeId) {
        if !std::mem::replace(&mut self.links.at_mut(from, to).clogged, true) {
            self.mark_link(from, to, 2, 0, || "clogged".to_string());
        }
    }

    /// Lets everything through that was held back, at once and in the order in which it came.
    pub fn unclog(&mut self, from: NodeId, to: NodeId) {
        let link = self.links.at_mut(from, to);
        if !std::mem::replace(&mut link.clogged, false) {
            return;
        }
        let held = std::mem::take(&mut link.held);
        let count = held.len();
        self.mark_link(from, to, 3, count as u64, || format!("unclogged, {count} messages held"));
        for slot in held {
            self.push(self.now, Pending::Arrive(slot));
        }
    }
}
