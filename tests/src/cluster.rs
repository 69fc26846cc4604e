//! A Raft cluster in a world, with the labs' words for what a script does to it.
//!
//! Every step of the world passes through `Cluster::observe`, which writes the ledger of what has
//! been applied and shows the step to all monitors. The words themselves are in `words`, on the
//! handle [`Lab`] that scripts hold.

mod peer;
mod words;

pub use peer::{Applier, Delivery, Peer};
pub use words::{Lab, Retry};

use crate::monitor::{self, Durability, Ledger, Monitor, Promise, Remembered, Step, digest};
use crate::{Failure, Outcome, fail};
use labrpc::{
    Context, CrashPoint, Disk, Fingerprint, Instant, Network, NodeId, Notes, Persister, Rng,
    SimTime, Totals, World,
};
use raft::{Config, Consensus, Index, LogId, Status};
use std::time::Duration;

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How many servers.
    pub servers: usize,
    /// The network at the start.
    pub network: Network,
    /// The Raft's configuration.
    pub config: Config,
    /// The service on top.
    pub applier: Applier,
    /// Whether monitors look at every step. Scripts' own checks are made in any case.
    pub monitors: bool,
    /// How much simulated time a script may take: 120 s, as in the labs.
    pub time_limit: Duration,
    /// How many steps it may take; the longest scenario takes a fiftieth of the default.
    pub step_limit: u64,
}

impl Setup {
    /// A cluster as most scenarios have it: a reliable network, no snapshots.
    pub fn new(servers: usize) -> Self {
        Self {
            servers,
            network: Network::reliable(),
            config: Config::default(),
            applier: Applier::Plain,
            monitors: true,
            time_limit: Duration::from_secs(120),
            step_limit: 2_000_000,
        }
    }
}

/// One promise in so many is looked at, where not all are.
const PROMISES_SAMPLED: u32 = 64;

/// A cluster under test.
pub struct Cluster<R: Consensus> {
    world: World<Peer<R>>,
    setup: Setup,
    connected: Vec<bool>,
    last: Vec<Option<(u32, Status)>>,
    applied: Vec<Index>,
    /// Snapshots handed to services at a boot, and later: those of a leader.
    snapshots: (u64, u64),
    ledger: Ledger,
    monitors: Vec<Box<dyn Monitor>>,
    durability: Durability,
    failure: Option<Failure>,
    dice: Rng,
}

impl<R: Consensus + 'static> Cluster<R> {
    /// Boots all servers, fully connected. All chance comes from `seed`.
    pub fn new(setup: Setup, seed: u64, trace: labrpc::Trace) -> Self {
        let mut world = World::new(seed, setup.network.clone());
        world.set_trace(trace);
        let servers = setup.servers;
        let promise = if setup.monitors {
            Promise::Sampled(Rng::stream(seed, [3, 0, 0]), PROMISES_SAMPLED)
        } else {
            Promise::Never
        };
        let mut cluster = Self {
            connected: vec![true; servers],
            last: vec![None; servers],
            applied: vec![Index::BEFORE_FIRST; servers],
            snapshots: (0, 0),
            ledger: Ledger::default(),
            monitors: if setup.monitors { monitor::all(servers) } else { Vec::new() },
            durability: Durability::new(promise),
            failure: None,
            dice: Rng::stream(seed, [2, 0, 0]),
            world,
            setup,
        };
        let ids: Vec<NodeId> = (0..servers).map(|number| NodeId::new(number as u16)).collect();
        for _ in 0..servers {
            let (ids, setup) = (ids.clone(), cluster.setup.clone());
            cluster
                .world
                .add(move |cx| Peer::boot(cx, &ids, setup.config.clone(), setup.applier.clone()));
            cluster.observe();
        }
        cluster
    }

    // ---- driving -----------------------------------------------------------------------------

    /// Lets the world run to a point in time; false if something failed before.
    pub fn run_to(&mut self, until: SimTime) -> bool {
        let Setup { time_limit, step_limit, .. } = self.setup;
        while self.failure.is_none() && self.world.step_until(until) {
            self.observe();
            if self.world.totals().steps > step_limit {
                let facts = format!("the script takes more than {step_limit} steps");
                self.fail(Failure::new("step limit", facts));
            }
        }
        if let Some(why) = self.world.halted() {
            let failure = Failure::new("progress", why);
            self.fail(failure);
        }
        if self.world.now() > SimTime::ZERO + time_limit {
            let facts = format!("the script takes more than {time_limit:?} of simulated time");
            self.fail(Failure::new("time limit", facts));
        }
        self.failure.is_none()
    }

    /// Notes a failure, if it is the first.
    pub fn fail(&mut self, failure: Failure) {
        if self.failure.is_none() {
            let (event, nanos) = (self.world.events(), self.world.now().as_nanos());
            self.failure = Some(Failure { event, nanos, ..failure });
        }
    }

    /// Looks at the step that the world has just made, if it made one.
    fn observe(&mut self) {
        if let Some(id) = self.world.stepped()
            && let Err(failure) = self.look(id)
        {
            self.fail(failure);
        }
    }

    fn look(&mut self, id: NodeId) -> Outcome {
        let Some(peer) = self.world.node(id) else { return Ok(()) };
        let (life, status) = (self.world.life(id), peer.raft.status());
        if let Some(complaint) = peer.complaint() {
            return Err(complaint.clone());
        }
        let slot = id.index();
        let before = self.last[slot].filter(|(earlier, _)| *earlier == life);
        for delivery in peer.delivered() {
            let bytes = peer.bytes(delivery);
            if delivery.is_snapshot {
                if before.is_some() {
                    self.snapshots.1 += 1;
                } else {
                    self.snapshots.0 += 1;
                }
                if self.setup.applier != Applier::Plain {
                    compare_snapshot::<R>(&mut self.ledger, id, bytes)?;
                }
            } else {
                let (index, digest) = (delivery.id.index.get(), digest(bytes));
                self.ledger.note(index, Some(delivery.id), digest, bytes);
                if self.ledger.get(index).is_none_or(|entry| entry.digest != digest) {
                    fail!(
                        "state machine safety",
                        "{id} applied {} at index {index}, where {} was applied before",
                        bytes.escape_ascii(),
                        self.ledger.command(index).unwrap_or_default().escape_ascii()
                    );
                }
            }
        }
        if before.is_none() {
            self.applied[slot] = Index::BEFORE_FIRST;
        }
        if let Some(delivery) = peer.delivered().last() {
            self.applied[slot] = delivery.id.index;
        }
        self.last[slot] = Some((life, status));
        if !self.setup.monitors {
            return Ok(());
        }
        let disk = self.world.disk(id);
        let promises = !self.world.sent().is_empty();
        let world = &self.world;
        let holders = |entry: LogId| world.ids().filter(|&id| holds(world, id, entry)).count();
        let step = Step {
            node: id,
            life,
            before: before.map(|(_, status)| status),
            status,
            view: peer.raft.view(),
            disk,
            delivered: peer.delivered(),
            ledger: &self.ledger,
            servers: self.setup.servers,
            holders: &holders,
            promises,
        };
        for monitor in &mut self.monitors {
            monitor.after(&step)?;
        }
        if status.refused > 0 {
            fail!("no message refused", "{id} has refused {} messages", status.refused);
        }
        let held = disk.log();
        if promises && self.durability.is_due(held.end - held.start) {
            let rebooted = self.reboot(id);
            Durability::compare(id, &remember(&peer.raft, disk), &rebooted)?;
        }
        Ok(())
    }

    /// What a server would remember if it crashed now.
    fn reboot(&self, id: NodeId) -> Remembered {
        let mut disk = self.world.disk(id).clone();
        let (mut rng, mut outbox, mut notes) = (Rng::new(0), Vec::new(), Notes::off());
        let ids: Vec<NodeId> = self.world.ids().collect();
        let mut cx = Context::new(id, Instant::ZERO, &mut rng, &mut disk, &mut outbox, &mut notes);
        let raft = R::boot(&mut cx, &ids, self.setup.config.clone());
        remember(&raft, &disk)
    }

    fn look_at_every_promise(&mut self) {
        if self.setup.monitors {
            self.durability = Durability::new(Promise::Always);
        }
    }

    // ---- looking -----------------------------------------------------------------------------

    /// The world inside.
    pub fn world(&self) -> &World<Peer<R>> {
        &self.world
    }

    /// The first thing that went wrong.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// How many snapshots were handed to services at the start of a life: their own, from the disk.
    pub fn snapshots_restored(&self) -> u64 {
        self.snapshots.0
    }

    /// How many snapshots were handed to services in the middle of a life: those of a leader.
    pub fn snapshots_installed(&self) -> u64 {
        self.snapshots.1
    }

    /// The highest index that any server has applied.
    pub fn highest_applied(&self) -> u64 {
        self.ledger.highest()
    }

    /// Traffic so far.
    pub fn totals(&self) -> Totals {
        self.world.totals()
    }

    fn id(server: usize) -> NodeId {
        NodeId::new(server as u16)
    }
}

/// A snapshot of the labs' service says of each index which command it held.
fn compare_snapshot<R: Consensus>(ledger: &mut Ledger, id: NodeId, state: &[u8]) -> Outcome {
    let Ok((_, commands)) = Peer::<R>::commands_of(state) else { return Ok(()) };
    for (index, command) in (1..).zip(&commands) {
        let digest = digest(command);
        ledger.note(index, None, digest, command);
        if ledger.get(index).is_none_or(|entry| entry.digest != digest) {
            fail!(
                "state machine safety",
                "{id} was handed a snapshot with another command at index {index} than was applied \
                 before"
            );
        }
    }
    Ok(())
}

/// Whether a server holds an entry or covers it; yes if it cannot be asked.
fn holds<R: Consensus>(world: &World<Peer<R>>, id: NodeId, entry: LogId) -> bool {
    let Some(view) = world.node(id).and_then(|peer| peer.raft.view()) else { return true };
    match view.entry(world.disk(id), entry.index) {
        Some((term, _)) => term == entry.term,
        None => entry.index <= view.covered().index,
    }
}

fn remember<R: Consensus>(raft: &R, disk: &Disk) -> Remembered {
    let status = raft.status();
    let mut entries = Fingerprint::default();
    let view = raft.view();
    let held = view.map_or(Index::BEFORE_FIRST..Index::BEFORE_FIRST, raft::View::log);
    if let Some(view) = view {
        for index in Index::span(held.start, held.end.prev()) {
            if let Some((term, command)) = view.entry(disk as &dyn Persister, index) {
                entries.word(term.get());
                entries.bytes(command);
            }
        }
    }
    Remembered {
        term: status.term,
        voted_for: view.and_then(raft::View::voted_for),
        last: status.last,
        held,
        snapshot: view.map_or(LogId::BEFORE_FIRST, raft::View::covered),
        entries: entries.value(),
    }
}

// What a script does to servers and links. The words on `Lab` are made of these.
impl<R: Consensus + 'static> Cluster<R> {
    fn set_link(&mut self, a: usize, b: usize, up: bool) {
        for (from, to) in [(Self::id(a), Self::id(b)), (Self::id(b), Self::id(a))] {
            if up { self.world.mend(from, to) } else { self.world.cut(from, to) }
        }
    }

    fn connect(&mut self, server: usize) {
        self.connected[server] = true;
        for other in 0..self.setup.servers {
            if self.connected[other] {
                self.set_link(server, other, true);
            }
        }
    }

    fn disconnect(&mut self, server: usize) {
        self.connected[server] = false;
        for other in 0..self.setup.servers {
            self.set_link(server, other, false);
        }
    }

    fn crash(&mut self, server: usize) {
        self.disconnect(server);
        self.world.crash(Self::id(server), CrashPoint::Now);
    }

    fn restart(&mut self, server: usize) {
        self.crash(server);
        if let Err(lost) = self.world.restart(Self::id(server)) {
            self.fail(Failure::new("script", lost.to_string()));
        }
        self.observe();
    }

    /// A server's status if it is up.
    fn status(&self, server: usize) -> Option<Status> {
        self.world.node(Self::id(server)).map(|peer| peer.raft.status())
    }

    fn propose(&mut self, server: usize, command: &[u8]) -> Option<LogId> {
        let id = self.world.poke(Self::id(server), |peer, cx| peer.propose(cx, command))?.ok();
        self.observe();
        id
    }

    /// How many live servers have applied an index, and the command there.
    fn n_committed(&self, index: u64) -> (usize, Option<&[u8]>) {
        let live = (0..self.setup.servers).filter(|&server| {
            self.world.node(Self::id(server)).is_some() && self.applied[server].get() >= index
        });
        (live.count(), self.ledger.command(index))
    }
}
