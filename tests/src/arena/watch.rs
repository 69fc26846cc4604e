//! One replicated log under watch: the ledger of what its servers have applied, and all monitors.

use super::{Delivery, Replica, Subject, truth};
use crate::monitor::{self, Durability, Ledger, Monitor, Promise, Remembered, Step, digest};
use crate::{Outcome, demand, fail};
use labrpc::{Disk, Fingerprint, NodeId, Persister, Rng, World};
use raft::{Index, LogId, Status};

/// One promise in so many is looked at, where not all are.
const PROMISES_SAMPLED: u32 = 64;

/// Watches the servers of one replicated log.
pub struct Watch {
    name: String,
    servers: Vec<NodeId>,
    /// What each said of itself after its latest step, and in which life.
    last: Vec<Option<(u32, Status)>>,
    /// How much of what each has handed up was looked at.
    seen: Vec<u64>,
    applied: Vec<Index>,
    /// Snapshots handed to services at a boot, and later: those of a leader.
    snapshots: (u64, u64),
    ledger: Ledger,
    /// `None`: nothing but what scripts ask for is looked at.
    monitors: Option<Vec<Box<dyn Monitor>>>,
    durability: Durability,
    /// How many bytes of Raft state a server should keep at most, if the service has a limit.
    limit: Option<usize>,
    /// What was not shown although it was demanded; `None`: nothing is demanded.
    hidden: Option<Outcome>,
}

/// How many times its limit the Raft state may be, as in the labs.
pub const SLACK: usize = 8;

/// What an entry of the store takes in the labs' codec, in bytes: their limits in bytes are limits
/// on the number of entries for whoever has a leaner one.
const LAB_ENTRY: usize = 80;

impl Watch {
    /// Watches these servers; `monitors` says whether monitors look at every step. `seed` is for
    /// the choice of samples.
    pub fn new(servers: Vec<NodeId>, monitors: bool, seed: u64) -> Self {
        let n = servers.len();
        let promise = if monitors {
            let stream = servers.first().map_or(0, |first| first.index() as u64);
            Promise::Sampled(Rng::stream(seed, [3, stream, 0]), PROMISES_SAMPLED)
        } else {
            Promise::Never
        };
        Self {
            name: "servers".to_string(),
            servers,
            last: vec![None; n],
            seen: vec![0; n],
            applied: vec![Index::BEFORE_FIRST; n],
            snapshots: (0, 0),
            ledger: Ledger::default(),
            monitors: monitors.then(|| monitor::all(n)),
            durability: Durability::new(promise),
            limit: None,
            hidden: None,
        }
    }

    /// Calls it something else than `servers`.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// Demands that the Raft state of every server stays within [`SLACK`] times this after every
    /// step.
    #[must_use]
    pub fn with_limit(self, limit: Option<usize>) -> Self {
        Self { limit, ..self }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which of its servers a node is, if it is one.
    pub fn slot(&self, id: NodeId) -> Option<usize> {
        self.servers.iter().position(|&server| server == id)
    }

    /// The node of a server.
    pub fn id(&self, server: usize) -> NodeId {
        self.servers[server]
    }

    /// How many servers there are.
    pub fn servers(&self) -> usize {
        self.servers.len()
    }

    /// Has every promise looked at from now on, instead of a sample.
    pub fn look_at_every_promise(&mut self) {
        if self.monitors.is_some() {
            self.durability = Durability::new(Promise::Always);
        }
    }

    /// Has no promise looked at from now on.
    pub fn look_at_no_promise(&mut self) {
        self.durability = Durability::new(Promise::Never);
    }

    /// Demands the inside of every server from now on: see [`Watch::hidden`].
    pub fn demand_views(&mut self) {
        self.hidden = Some(Ok(()));
    }

    /// Whether a server has not shown its inside when it was demanded: in a step that was looked at.
    pub fn hidden(&self) -> Outcome {
        self.hidden.clone().unwrap_or(Ok(()))
    }

    // ---- what is known -----------------------------------------------------------------------

    /// How far a server has applied, in its present life.
    pub fn applied(&self, server: usize) -> Index {
        self.applied[server]
    }

    /// What all servers have applied.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The highest index that any server has applied.
    pub fn highest_applied(&self) -> u64 {
        self.ledger.highest()
    }

    /// How many snapshots were handed to services at the start of a life: their own, from the disk.
    pub fn snapshots_restored(&self) -> u64 {
        self.snapshots.0
    }

    /// How many snapshots were handed to services in the middle of a life: those of a leader.
    pub fn snapshots_installed(&self) -> u64 {
        self.snapshots.1
    }

    // ---- looking -----------------------------------------------------------------------------

    /// Looks at the step that a server has just made.
    pub fn look<P: Subject>(&mut self, world: &World<P>, id: NodeId, slot: usize) -> Outcome {
        let Some(node) = world.node(id) else { return Ok(()) };
        if let Some(hidden @ Ok(())) = &mut self.hidden {
            *hidden = truth::look(id, node.replica(), world.disk(id));
        }
        let Some(replica) = node.replica() else { return Ok(()) };
        let (life, status) = (world.life(id), replica.status());
        if let Some(complaint) = replica.complaint() {
            return Err(complaint.clone());
        }
        let before = self.last[slot].filter(|(earlier, _)| *earlier == life);
        if before.is_none() {
            self.applied[slot] = Index::BEFORE_FIRST;
            self.seen[slot] = 0;
        }
        let delivered = replica.deliveries().since(self.seen[slot]);
        self.seen[slot] = replica.deliveries().end();
        for delivery in delivered {
            self.enter(id, replica, delivery, before.is_none())?;
        }
        if let Some(delivery) = delivered.last() {
            self.applied[slot] = delivery.id.index;
        }
        self.last[slot] = Some((life, status));
        self.check_state_size(world.disk(id), id, slot)?;
        let Some(monitors) = &mut self.monitors else { return Ok(()) };
        let disk = world.disk(id);
        let promises = !world.sent().is_empty();
        let servers = &self.servers;
        let holders = |entry: LogId| servers.iter().filter(|&&id| holds(world, id, entry)).count();
        let step = Step {
            node: id,
            slot,
            life,
            before: before.map(|(_, status)| status),
            status,
            view: replica.view(),
            disk,
            delivered,
            ledger: &self.ledger,
            servers: servers.len(),
            holders: &holders,
            promises,
        };
        for monitor in monitors {
            monitor.after(&step)?;
        }
        let refused = replica.refused();
        if refused > 0 {
            fail!("no message refused", "{id} has refused {refused} messages");
        }
        let held = disk.log();
        if promises && self.durability.is_due(held.end - held.start) {
            let (rebooted, copy) = world.would_boot(id);
            let rebooted = rebooted.replica().expect("a server boots as a server");
            Durability::compare(id, &remember(replica, disk), &remember(rebooted, &copy))?;
        }
        Ok(())
    }

    /// What is not applied yet no snapshot can cover, and the latest entry may be one too many.
    fn check_state_size(&self, disk: &Disk, id: NodeId, slot: usize) -> Outcome {
        let (total, log) = (disk.raft_state_bytes(), disk.log());
        let Some(limit) = self.limit.filter(|limit| total > *limit && !log.is_empty()) else {
            return Ok(());
        };
        let covered = log.start..self.applied[slot].get().max(log.start);
        let others: usize = (covered.end..log.end).map(|index| disk.record(index).len()).sum();
        let (bytes, entries) = (total - others, covered.end - covered.start);
        if bytes <= limit {
            return Ok(());
        }
        let most = SLACK * limit;
        demand!(
            bytes <= most,
            "state size",
            "{id} keeps {bytes} bytes of Raft state that it has applied, more than {most}"
        );
        demand!(
            entries as usize <= most / LAB_ENTRY,
            "state size",
            "{id} keeps {entries} entries that it has applied; {most} bytes are {} of the labs'",
            most / LAB_ENTRY
        );
        Ok(())
    }

    /// Enters something that was handed up into the ledger.
    fn enter(
        &mut self,
        id: NodeId,
        replica: &dyn Replica,
        delivery: &Delivery,
        at_boot: bool,
    ) -> Outcome {
        let bytes = replica.deliveries().bytes(delivery);
        if delivery.is_snapshot {
            if at_boot {
                self.snapshots.0 += 1;
            } else {
                self.snapshots.1 += 1;
            }
            let commands = replica.commands_in(bytes).unwrap_or_default();
            for (index, command) in (1..).zip(&commands) {
                let digest = digest(command);
                self.ledger.note(index, None, digest, command);
                if self.ledger.get(index).is_none_or(|entry| entry.digest != digest) {
                    fail!(
                        "state machine safety",
                        "{id} was handed a snapshot with another command at index {index} than was \
                         applied before"
                    );
                }
            }
            return Ok(());
        }
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
        Ok(())
    }
}

/// Whether a server holds an entry or covers it; yes if it cannot be asked.
fn holds<P: Subject>(world: &World<P>, id: NodeId, entry: LogId) -> bool {
    let replica = world.node(id).and_then(Subject::replica);
    let Some(view) = replica.and_then(Replica::view) else { return true };
    match view.entry(world.disk(id), entry.index) {
        Some((term, _)) => term == entry.term,
        None => entry.index <= view.covered().index,
    }
}

/// What a server would have to know after a crash.
fn remember(replica: &dyn Replica, disk: &Disk) -> Remembered {
    let (status, view) = (replica.status(), replica.view());
    let mut entries = Fingerprint::default();
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
