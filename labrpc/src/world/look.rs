//! What can be seen of a world from outside: nodes, disks, clocks, traffic, the record.

use super::{Totals, Traffic, World};
use crate::trace::{Event, Mark, Record, Trace};
use crate::{Context, Disk, Instant, Links, Network, NodeId, Notes, Process, Rng, SimTime};

impl<P: Process> World<P> {
    // ---- looking -----------------------------------------------------------------------------

    /// True time.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// All nodes, in order.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<P> {
        (0..self.nodes.len()).map(|number| NodeId::new(number as u16))
    }

    /// A node's process; `None` if it is down.
    ///
    /// # Panics
    /// If there is no such node, as for all functions that take a node's name.
    pub fn node(&self, id: NodeId) -> Option<&P> {
        self.nodes[id.index()].process.as_ref()
    }

    /// A node's disk. Between two steps all of it is durable.
    pub fn disk(&self, id: NodeId) -> &Disk {
        &self.nodes[id.index()].disk
    }

    /// What a node's own clock shows.
    pub fn clock(&self, id: NodeId) -> Instant {
        self.nodes[id.index()].clock.read(self.now)
    }

    /// How many lives a node has had before its present or, if it is down, its latest one.
    pub fn life(&self, id: NodeId) -> u32 {
        self.nodes[id.index()].life
    }

    /// What a node would be if it crashed now and started again: a process booted from a copy of
    /// its disk, and that copy. Nothing in the world changes, and what the copy sends is dropped.
    ///
    /// ```
    /// use labrpc::{Network, Persister, World};
    /// let mut world = World::new(1, Network::reliable());
    /// let node = world.add(|_| ());
    /// let ((), disk) = world.would_boot(node);
    /// assert_eq!(disk.state(), world.disk(node).state());
    /// ```
    pub fn would_boot(&self, id: NodeId) -> (P, Disk) {
        let node = &self.nodes[id.index()];
        let mut disk = node.disk.clone();
        let (mut rng, mut outbox, mut notes) = (Rng::new(0), Vec::new(), Notes::off());
        let now = node.clock.read(self.now);
        let mut cx = Context::new(id, now, &mut rng, &mut disk, &mut outbox, &mut notes);
        let process = (node.boot)(&mut cx);
        (process, disk)
    }

    /// Whether a node's disk is lost, and the node with it.
    pub fn is_disk_lost(&self, id: NodeId) -> bool {
        self.nodes[id.index()].disk_lost
    }

    /// Whether a node is paused.
    pub fn is_paused(&self, id: NodeId) -> bool {
        self.nodes[id.index()].paused
    }

    /// The node whose step was the last thing to happen: in a call of [`step`](World::step),
    /// [`poke`](World::poke), [`add`](World::add) or [`restart`](World::restart). `None` if the
    /// last of these brought no step, or one that ended in a crash.
    pub fn stepped(&self) -> Option<NodeId> {
        self.stepped
    }

    /// What the latest step sent, be it lost or not; nothing, if the step ended in a crash.
    pub fn sent(&self) -> &[(NodeId, P::Message)] {
        &self.outbox
    }

    /// The links, to look at.
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// The network, to look at.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Traffic of the whole world since it began.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Traffic that reached one node.
    pub fn traffic(&self, id: NodeId) -> Traffic {
        self.nodes[id.index()].traffic
    }

    /// Why nothing happens any more: a process woke up 1,000 times at one instant, there were
    /// 1,000,000 events at one instant, or it [was to](World::halt_at_next_step). Whoever drives a world
    /// looks here when it stands still.
    pub fn halted(&self) -> Option<&str> {
        self.halted.as_deref()
    }

    /// Halts the world with its next step, which is recorded and not taken. That shows which step it was
    /// that did not come back when the same run was made before.
    ///
    /// ```
    /// use labrpc::{Event, Network, Trace, World};
    /// let mut world = World::new(1, Network::reliable());
    /// world.set_trace(Trace::all());
    /// let node = world.add(|_| ());
    /// world.halt_at_next_step();
    /// let called: Option<()> = world.poke(node, |_, _| loop {});
    /// assert_eq!(called, None);
    /// assert_eq!(world.halted(), Some("it was to, before the next step of n0"));
    /// assert_eq!(world.trace().records().last().unwrap().event, Event::Poke);
    /// ```
    pub fn halt_at_next_step(&mut self) {
        self.halts_next = true;
    }

    /// Whether a step is not taken, because the world was to halt.
    pub(super) fn halts_before(&mut self, id: NodeId) -> bool {
        if self.halts_next {
            self.halt(format!("it was to, before the next step of {id}"));
        }
        self.halts_next
    }

    pub(super) fn halt(&mut self, why: String) {
        self.halted.get_or_insert(why);
    }

    // ---- the record --------------------------------------------------------------------------

    /// Keeps a trace from now on, and drops the one kept so far.
    pub fn set_trace(&mut self, trace: Trace) {
        self.notes.keep(trace.is_on());
        self.trace = trace;
    }

    /// Counts what nodes note from now on: see [`Context::note`].
    pub fn count_notes(&mut self) {
        self.notes.count();
    }

    /// What nodes have noted since [`count_notes`](World::count_notes), and how often.
    ///
    /// ```
    /// use labrpc::{Network, World};
    /// let mut world = World::new(1, Network::reliable());
    /// world.count_notes();
    /// world.add(|cx| cx.note("begins", format_args!("as {}", 1)));
    /// assert_eq!(world.notes().collect::<Vec<_>>(), [("begins", 1)]);
    /// ```
    pub fn notes(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.notes.counts()
    }

    /// The trace, empty unless it was asked for.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// A digest of everything that happened, the same for the same seed and the same calls on every
    /// machine, traced or not.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint.value()
    }

    /// How many events there were: the number that the trace gives them.
    pub fn events(&self) -> u64 {
        self.events
    }

    pub(super) fn mark(
        &mut self,
        mark: Mark,
        node: Option<NodeId>,
        what: u64,
        digest: u64,
        event: impl FnOnce() -> Event,
    ) {
        self.events += 1;
        let whom = node.map_or(u64::from(u16::MAX), |id| id.index() as u64);
        self.fingerprint.word(self.now.as_nanos());
        self.fingerprint.word(mark as u64 | whom << 8 | what << 24);
        self.fingerprint.word(digest);
        if self.trace.is_on() {
            let record = Record { number: self.events, at: self.now, node, event: event() };
            self.trace.push(record);
        }
    }

    pub(super) fn flush_notes(&mut self, id: NodeId) {
        if !self.trace.is_on() {
            return;
        }
        for note in self.notes.drain() {
            let event = Event::Note { what: note.what.to_string(), detail: note.detail };
            let (number, at) = (self.events, self.now);
            self.trace.push(Record { number, at, node: Some(id), event });
        }
    }
}
