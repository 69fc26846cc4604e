//! The simulator: one clock, one seed, nodes, links, and events in the order of (time, sequence).
//!
//! Everything that happens is a *step* of one node, a few lines of [`World::run_step`]: lend the
//! process what it needs, let it run, make its disk durable, let its messages leave, ask when to
//! wake it. `transit` is the way of a message, `faults` is what a test does to nodes and links,
//! `look` is what can be seen from outside.

mod faults;
mod look;
mod node;
mod transit;

pub use faults::{CrashPoint, DiskLost};
pub use node::Traffic;

use crate::links::Links;
use crate::persister::CutShort;
use crate::trace::{Event, Fingerprint, Mark, Trace};
use crate::{Context, Network, NodeId, Notes, Process, SimTime};
use node::{Boot, Node};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;
use transit::InFlight;

/// What the queue holds; a `u32` is a place in the table of messages in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pending {
    Arrive(u32),
    Wake(NodeId),
    /// The message, or wake-up, that the node was busy with is finished; the number must be that of
    /// its [`node::Busy`], or the node has been paused or has crashed meanwhile.
    Serve(NodeId, u32),
}

/// The condition did not come about in time; see [`World::run_until`].
///
/// ```
/// use labrpc::{Network, TimedOut, World};
/// use std::time::Duration;
/// let mut world = World::<()>::new(1, Network::reliable());
/// let limit = Duration::from_millis(20);
/// assert_eq!(world.run_until(limit, |_| false), Err(TimedOut { after: limit }));
/// assert_eq!(world.now().to_string(), "20.000000ms");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut {
    /// How long was waited.
    pub after: Duration,
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it did not happen within {:?}", self.after)
    }
}

impl std::error::Error for TimedOut {}

/// Traffic of the whole world.
///
/// ```
/// use labrpc::{Network, World};
/// use std::time::Duration;
/// let mut world = World::new(1, Network::reliable());
/// let (a, b) = (world.add(|_| ()), world.add(|_| ()));
/// world.poke(a, |(), cx| cx.send(b, ()));
/// world.cut(a, b);
/// world.poke(a, |(), cx| cx.send(b, ()));
/// world.run_for(Duration::from_secs(1));
/// let totals = world.totals();
/// assert_eq!((totals.rpcs, totals.delivered, totals.dropped), (2, 1, 1));
/// assert_eq!(totals.steps, 2 + 2 + 1, "boots, pokes, and a message handled");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Steps taken by nodes: messages handled, wake-ups, pokes and boots.
    pub steps: u64,
    /// Requests sent, and replies sent to nobody's request.
    pub rpcs: u64,
    /// Bytes of all requests sent and of all replies delivered, as the labs count them.
    pub bytes: u64,
    /// Messages handled.
    pub delivered: u64,
    /// Messages lost, for whatever reason. A message and its copy count as two.
    pub dropped: u64,
    /// Copies made by the network.
    pub copies: u64,
    /// Messages that could not be decoded; they are among those lost.
    pub garbled: u64,
}

/// How many wake-ups a node may have at one instant of its clock before that counts as a hang.
const WAKE_UPS_AT_ONE_INSTANT: u32 = 1_000;

/// How many events may share one instant.
const EVENTS_AT_ONE_INSTANT: u32 = 1_000_000;

/// A simulated world of processes of one kind; several kinds make an enum, over
/// [`Context::within`]. The [crate's documentation](crate) tells the rules.
///
/// A clone goes on exactly as the original does: for looking ahead, or for trying two ends of one
/// beginning. It shares the closures that boot the nodes, so these had better own nothing that
/// changes.
///
/// Functions that take the name of a node panic if there is no such node.
///
/// ```
/// use labrpc::{Context, Instant, Kind, Network, NodeId, Process, Wire, World};
/// use serde::{Deserialize, Serialize};
/// use std::time::Duration;
///
/// #[derive(Clone, Debug, Serialize, Deserialize)]
/// struct Hello(String);
/// impl Wire for Hello {
///     fn kind(&self) -> Kind { Kind::Request }
/// }
///
/// #[derive(Clone, Default)]
/// struct Greeter { heard: Vec<String> }
/// impl Process for Greeter {
///     type Message = Hello;
///     fn on_message(&mut self, _: &mut Context<'_, Hello>, from: NodeId, Hello(text): Hello) {
///         self.heard.push(format!("{from}: {text}"));
///     }
///     fn on_wakeup(&mut self, _: &mut Context<'_, Hello>) {}
///     fn next_wakeup(&self) -> Option<Instant> { None }
/// }
///
/// let mut world = World::new(42, Network::reliable());
/// let (a, b) = (world.add(|_| Greeter::default()), world.add(|_| Greeter::default()));
/// world.poke(a, |_, cx| cx.send(b, Hello("good morning".into())));
/// world.run_for(Duration::from_millis(10));
/// assert_eq!(world.node(b).unwrap().heard, ["n0: good morning"]);
/// ```
pub struct World<P: Process> {
    seed: u64,
    now: SimTime,
    network: Network,
    links: Links,
    nodes: Vec<Node<P>>,
    queue: BinaryHeap<Reverse<(SimTime, u64, Pending)>>,
    queued: u64,
    in_flight: Vec<Option<InFlight>>,
    free: Vec<u32>,
    buffers: Vec<Vec<u8>>,
    outbox: Vec<(NodeId, P::Message)>,
    notes: Notes,
    stepped: Option<NodeId>,
    at_this_instant: u32,
    halted: Option<String>,
    halts_next: bool,
    totals: Totals,
    events: u64,
    fingerprint: Fingerprint,
    trace: Trace,
}

impl<P: Process + Clone> Clone for World<P> {
    fn clone(&self) -> Self {
        Self {
            network: self.network.clone(),
            links: self.links.clone(),
            nodes: self.nodes.clone(),
            queue: self.queue.clone(),
            in_flight: self.in_flight.clone(),
            free: self.free.clone(),
            buffers: Vec::new(),
            outbox: self.outbox.clone(),
            notes: self.notes.clone(),
            halted: self.halted.clone(),
            trace: self.trace.clone(),
            ..*self
        }
    }
}

impl<P: Process> World<P> {
    /// An empty world in which all chance comes from `seed`.
    pub fn new(seed: u64, network: Network) -> Self {
        let mut fingerprint = Fingerprint::default();
        fingerprint.word(seed);
        Self {
            seed,
            now: SimTime::ZERO,
            network,
            links: Links::default(),
            nodes: Vec::new(),
            queue: BinaryHeap::new(),
            queued: 0,
            in_flight: Vec::new(),
            free: Vec::new(),
            buffers: Vec::new(),
            outbox: Vec::new(),
            notes: Notes::off(),
            stepped: None,
            at_this_instant: 0,
            halted: None,
            halts_next: false,
            totals: Totals::default(),
            events: 0,
            fingerprint,
            trace: Trace::off(),
        }
    }

    /// Adds a node and boots it. `boot` makes the process from what is on the disk, now and at each
    /// restart. To boot is a step like any other, except that no crash cuts it short; it can send
    /// to nodes that are there already.
    ///
    /// # Panics
    /// At the 65,536th node. The links are a square table: thousands are too many.
    pub fn add(&mut self, boot: impl Fn(&mut Context<'_, P::Message>) -> P + 'static) -> NodeId {
        self.add_shared(Rc::new(boot))
    }

    fn add_shared(&mut self, boot: Boot<P>) -> NodeId {
        let number = u16::try_from(self.nodes.len()).ok().filter(|&number| number < u16::MAX);
        let id = NodeId::new(number.expect("at most 65,535 nodes"));
        self.nodes.push(Node::new(boot, self.seed, id));
        self.links.add_node();
        self.boot(id);
        id
    }

    // ---- driving -----------------------------------------------------------------------------

    /// Lets the next thing happen: a message arrives or is lost, or a node wakes up. False if there
    /// is nothing, or if the world has [halted](World::halted).
    pub fn step(&mut self) -> bool {
        self.step_until(SimTime::from_nanos(u64::MAX))
    }

    /// Lets the next thing happen if it is due at `limit` or before. Otherwise it sets the clock to
    /// `limit`, unless that is the end of time, and is false.
    pub fn step_until(&mut self, limit: SimTime) -> bool {
        self.stepped = None;
        while self.halted.is_none() {
            match self.queue.peek() {
                Some(&Reverse((at, _, pending))) if at <= limit => {
                    self.queue.pop();
                    self.advance(at);
                    self.count_event();
                    if self.happen(pending) {
                        return true;
                    }
                }
                _ => {
                    if limit.as_nanos() != u64::MAX {
                        self.advance(limit);
                    }
                    return false;
                }
            }
        }
        false
    }

    /// Lets everything happen that is due within `duration`.
    pub fn run_for(&mut self, duration: Duration) {
        let limit = self.now + duration;
        while self.step_until(limit) {}
    }

    /// Lets things happen until `done`, which is asked after each; the error is that `limit` has
    /// passed, or that the world has halted, before it was.
    pub fn run_until(
        &mut self,
        limit: Duration,
        mut done: impl FnMut(&Self) -> bool,
    ) -> Result<SimTime, TimedOut> {
        let end = self.now + limit;
        while !done(self) {
            if !self.step_until(end) {
                return if done(self) { Ok(self.now) } else { Err(TimedOut { after: limit }) };
            }
        }
        Ok(self.now)
    }

    fn advance(&mut self, to: SimTime) {
        if to > self.now {
            self.now = to;
            self.at_this_instant = 0;
        }
    }

    fn count_event(&mut self) {
        self.at_this_instant += 1;
        if self.at_this_instant > EVENTS_AT_ONE_INSTANT {
            self.halt(format!("more than {EVENTS_AT_ONE_INSTANT} events at {}", self.now));
        }
    }

    /// Whether anything came of it: alarms that were put off since are no events.
    fn happen(&mut self, pending: Pending) -> bool {
        match pending {
            Pending::Arrive(slot) => self.arrive(slot),
            Pending::Wake(id) => self.ring(id),
            Pending::Serve(id, life) => self.serve(id, life),
        }
    }

    fn push(&mut self, at: SimTime, pending: Pending) {
        self.queue.push(Reverse((at, self.queued, pending)));
        self.queued += 1;
    }

    // ---- steps -------------------------------------------------------------------------------

    /// Calls into a node from outside, as a step of its own: a proposal, a client's wish. `None` if
    /// the node is down or paused, if it crashed over it, or if the world has
    /// [halted](World::halted). It does not wait for a node that is busy.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn poke<T>(
        &mut self,
        id: NodeId,
        f: impl FnOnce(&mut P, &mut Context<'_, P::Message>) -> T,
    ) -> Option<T> {
        self.stepped = None;
        let node = &self.nodes[id.index()];
        if self.halted.is_some() || node.process.is_none() || node.paused {
            return None;
        }
        self.mark(Mark::Poke, Some(id), 0, 0, || Event::Poke);
        self.run_step(id, f)
    }

    /// One step of a node that is up: lend, run, sync, send, ask for the alarm.
    fn run_step<T>(
        &mut self,
        id: NodeId,
        f: impl FnOnce(&mut P, &mut Context<'_, P::Message>) -> T,
    ) -> Option<T> {
        if self.halts_before(id) {
            return None;
        }
        let node = &mut self.nodes[id.index()];
        if node.armed.is_some() {
            return self.run_armed_step(id, f);
        }
        node.disk.begin_step();
        self.outbox.clear();
        let process = node.process.as_mut().expect("only a node that is up takes steps");
        let now = node.clock.read(self.now);
        let mut cx =
            Context::new(id, now, &mut node.rng, &mut node.disk, &mut self.outbox, &mut self.notes);
        let out = f(process, &mut cx);
        self.finish_step(id);
        Some(out)
    }

    /// The same step, if it writes to the disk, ends in a crash.
    fn run_armed_step<T>(
        &mut self,
        id: NodeId,
        f: impl FnOnce(&mut P, &mut Context<'_, P::Message>) -> T,
    ) -> Option<T> {
        let node = &mut self.nodes[id.index()];
        let point = node.armed.expect("a crash is armed");
        node.disk.begin_step();
        self.outbox.clear();
        let survives = node.disk.clone();
        let mut disk = CutShort { seen: &mut node.disk, survives, left: point.writes_left() };
        let process = node.process.as_mut().expect("only a node that is up takes steps");
        let now = node.clock.read(self.now);
        let mut cx =
            Context::new(id, now, &mut node.rng, &mut disk, &mut self.outbox, &mut self.notes);
        let out = f(process, &mut cx);
        let survives = disk.survives;
        if node.disk.writes().count == 0 {
            self.finish_step(id);
            return Some(out);
        }
        node.disk = survives;
        self.totals.steps += 1;
        self.flush_notes(id);
        self.outbox.clear();
        self.go_down(id, point);
        None
    }

    fn finish_step(&mut self, id: NodeId) {
        self.totals.steps += 1;
        self.stepped = Some(id);
        self.flush_notes(id);
        // The outbox is kept until the next step, for who wants to see what was promised.
        let outbox = std::mem::take(&mut self.outbox);
        for (to, message) in &outbox {
            self.send(id, *to, message);
        }
        self.outbox = outbox;
        self.set_alarm(id);
    }

    fn boot(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        let life = node.life;
        node.disk.begin_step();
        self.outbox.clear();
        let now = node.clock.read(self.now);
        let boot = Rc::clone(&node.boot);
        self.mark(Mark::Boot, Some(id), u64::from(life), 0, || Event::Boot { life });
        if self.halts_before(id) {
            return;
        }
        let node = &mut self.nodes[id.index()];
        let mut cx =
            Context::new(id, now, &mut node.rng, &mut node.disk, &mut self.outbox, &mut self.notes);
        node.process = Some(boot(&mut cx));
        self.finish_step(id);
    }

    // ---- alarms ------------------------------------------------------------------------------

    /// Sees to it that the queue holds an event no later than the node's next wake-up. One that
    /// turns out to be too early is put off when it comes: an alarm that moves away at each message
    /// costs nothing.
    fn set_alarm(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        let Some(at) = node.wants_to_wake_at(self.now) else { return };
        if node.alarm.is_none_or(|alarm| at < alarm) {
            node.alarm = Some(at);
            self.push(at, Pending::Wake(id));
        }
    }

    fn ring(&mut self, id: NodeId) -> bool {
        let node = &mut self.nodes[id.index()];
        if node.alarm != Some(self.now) {
            return false;
        }
        node.alarm = None;
        if node.wants_to_wake_at(self.now) != Some(self.now) {
            self.set_alarm(id);
            return false;
        }
        if node.paused || node.busy.is_some() {
            node.woken = true;
            return false;
        }
        self.wake(id)
    }

    fn wake(&mut self, id: NodeId) -> bool {
        let node = &mut self.nodes[id.index()];
        node.woken = false;
        node.wake_ups = if node.last_wake_up == self.now { node.wake_ups + 1 } else { 1 };
        node.last_wake_up = self.now;
        if node.wake_ups > WAKE_UPS_AT_ONE_INSTANT {
            self.halt(format!(
                "{id} asked to be woken {WAKE_UPS_AT_ONE_INSTANT} times at {}, each time at once",
                self.now
            ));
            return false;
        }
        self.mark(Mark::Wake, Some(id), 0, 0, || Event::Wake);
        self.run_step(id, P::on_wakeup);
        true
    }
}

impl<P: Process> fmt::Debug for World<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("now", &self.now)
            .field("nodes", &self.nodes.len())
            .field("queued", &self.queue.len())
            .field("totals", &self.totals)
            .finish_non_exhaustive()
    }
}
