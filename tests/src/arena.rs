//! A world under watch: every step passes through `Arena::observe`, which shows it to the monitors
//! of the cluster whose server took it.
//!
//! What the nodes are is the arena's own parameter. [`crate::cluster`] puts Rafts into one, with
//! the labs' applier on top of each; [`crate::kv`] key/value servers and clerks.

pub mod film;
pub mod pulse;
mod recorder;
mod replica;
mod truth;
mod watch;

pub use recorder::Recorder;
pub use replica::{Deliveries, Delivery, Replica};
pub use watch::{SLACK, Watch};

use crate::panics::throw;
use crate::{Failure, Outcome};
use film::{Camera, Cluster, Film};
use labrpc::{NodeId, Process, Rng, SimTime, Totals, World};
use pulse::Pulse;
use std::collections::BTreeMap;
use std::time::Duration;

/// A node that can be watched.
pub trait Subject: Process {
    /// What a server shows of its Raft; clients have none.
    fn replica(&self) -> Option<&dyn Replica> {
        None
    }

    /// A command of a server's log in words; `None`: it is shown as bytes.
    fn describe(&self, _command: &[u8]) -> Option<String> {
        None
    }

    /// Whether something has happened that a script may wait for: a clerk has its answer.
    fn is_done(&self) -> bool {
        false
    }
}

/// How much a script may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How much simulated time: 120 s, as in the labs.
    pub time: Duration,
    /// How many steps.
    pub steps: u64,
    /// How many steps per simulated second, from the beginning on, and a second's worth before that: forty
    /// times what the busiest scenario of the reference takes. Servers that answer each other without end
    /// get this far, and no further.
    pub rate: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(120), steps: 2_000_000, rate: 100_000 }
    }
}

/// Looks at every step, besides the monitors of the cluster whose server took it.
pub trait Inspector<P: Subject> {
    /// Looks at the step that a node has just made.
    fn after(&mut self, world: &World<P>, id: NodeId) -> Outcome;

    /// Which situations it has seen, and how often.
    fn marks(&self) -> Marks {
        Marks::default()
    }
}

/// Situations that came about, and how often.
pub type Marks = BTreeMap<&'static str, u64>;

/// How far the world has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// To the end.
    Through,
    /// To the step in which this node was done with something.
    ToDone(NodeId),
    /// To a failure.
    ToFailure,
}

/// A world, and all that watches it.
pub struct Arena<P: Subject> {
    world: World<P>,
    watches: Vec<Watch>,
    inspectors: Vec<Box<dyn Inspector<P>>>,
    limits: Limits,
    failure: Option<Failure>,
    camera: Option<Camera>,
    every_promise: bool,
    demands_views: bool,
    pulse: Option<Pulse>,
    dice: Rng,
}

/// What holds an arena: a cluster of the kind that a lab is about.
pub trait Stage: 'static {
    /// What its nodes are.
    type Node: Subject;

    /// The arena.
    fn arena(&self) -> &Arena<Self::Node>;

    /// The arena, to do something in.
    fn arena_mut(&mut self) -> &mut Arena<Self::Node>;
}

impl<P: Subject> Arena<P> {
    /// A world in which nothing is watched yet. The script's dice come from its seed.
    pub fn new(world: World<P>, limits: Limits) -> Self {
        let dice = Rng::stream(world.seed(), [2, 0, 0]);
        let (watches, inspectors) = (Vec::new(), Vec::new());
        Self {
            world,
            watches,
            inspectors,
            limits,
            failure: None,
            camera: None,
            every_promise: false,
            demands_views: false,
            pulse: None,
            dice,
        }
    }

    /// Has a cluster watched; the answer is its number.
    pub fn watch(&mut self, mut watch: Watch) -> usize {
        if self.every_promise {
            watch.look_at_every_promise();
        }
        if self.demands_views {
            watch.demand_views();
        }
        self.watches.push(watch);
        self.watches.len() - 1
    }

    /// Has every step looked at.
    pub fn inspect(&mut self, inspector: Box<dyn Inspector<P>>) {
        self.inspectors.push(inspector);
    }

    /// Has every server filmed from now on. What the film says of leaders it has from the trace.
    pub fn start_film(&mut self) {
        let mut camera = Camera::default();
        for id in self.world.ids() {
            camera.look(&self.world, &self.watches, id);
        }
        self.camera = Some(camera);
    }

    /// Has somebody on another thread know where the run is from now on.
    pub fn set_pulse(&mut self, pulse: Pulse) {
        self.pulse = Some(pulse);
    }

    // ---- driving -----------------------------------------------------------------------------

    /// Lets the world run to a point in time, or until something happens that a script may wait
    /// for.
    pub fn run_to(&mut self, until: SimTime) -> Ran {
        let limits = self.limits;
        while self.failure.is_none() && self.make_move(|world| world.step_until(until)) {
            self.observe();
            let steps = self.world.totals().steps;
            if steps > limits.steps {
                let facts = format!("the script takes more than {} steps", limits.steps);
                self.fail(Failure::new("step limit", facts));
            }
            // The division is for those few who have come near it.
            if steps > limits.rate {
                let seconds = self.world.now().as_nanos() / 1_000_000_000 + 1;
                if steps / seconds > limits.rate {
                    let rate = limits.rate;
                    let facts =
                        format!("more than {rate} steps per simulated second: {steps} so far");
                    self.fail(Failure::new("step limit", facts));
                }
            }
            if let Some(id) = self.world.stepped()
                && self.failure.is_none()
                && self.world.node(id).is_some_and(Subject::is_done)
            {
                return Ran::ToDone(id);
            }
        }
        if let Some(why) = self.world.halted() {
            let failure = Failure::new("progress", why);
            self.fail(failure);
        }
        if self.world.now() > SimTime::ZERO + limits.time {
            let facts = format!("the script takes more than {:?} of simulated time", limits.time);
            self.fail(Failure::new("time limit", facts));
        }
        if self.failure.is_none() { Ran::Through } else { Ran::ToFailure }
    }

    /// Lets the world do something. Where the run is to stop, the failure is thrown, since to go on would be
    /// to call what does not come back.
    fn make_move<T>(&mut self, f: impl FnOnce(&mut World<P>) -> T) -> T {
        let Some(pulse) = &self.pulse else { return f(&mut self.world) };
        let stops_before = pulse.beat();
        if stops_before {
            self.world.halt_at_next_step();
        }
        let out = f(&mut self.world);
        if pulse.beat() || stops_before {
            throw(pulse::stopped(&self.world));
        }
        out
    }

    /// The last moment that a script may reach.
    pub fn end(&self) -> SimTime {
        SimTime::ZERO + self.limits.time + Duration::from_nanos(1)
    }

    /// Notes a failure, if it is the first.
    pub fn fail(&mut self, failure: Failure) {
        if self.failure.is_none() {
            let (event, nanos) = (self.world.events(), self.world.now().as_nanos());
            self.failure = Some(Failure { event, nanos, ..failure });
        }
    }

    /// Looks at the step that the world has just made, if it made one.
    pub fn observe(&mut self) {
        let Some(id) = self.world.stepped() else { return };
        if let Some(camera) = &mut self.camera {
            camera.look(&self.world, &self.watches, id);
        }
        if let Err(failure) = self.look(id) {
            self.fail(failure);
        }
    }

    fn look(&mut self, id: NodeId) -> Outcome {
        let mut slots = self.watches.iter_mut().map(|watch| (watch.slot(id), watch));
        if let Some((slot, watch)) = slots.find_map(|(slot, it)| Some((slot?, it))) {
            watch.look(&self.world, id, slot)?;
        }
        self.inspectors.iter_mut().try_for_each(|it| it.after(&self.world, id))
    }

    /// Does something to the world. It takes at most one step there.
    ///
    /// # Panics
    /// If it takes more: the monitors would see only the last.
    pub fn act<T>(&mut self, f: impl FnOnce(&mut World<P>) -> T) -> T {
        let steps = self.world.totals().steps;
        let out = self.make_move(f);
        match self.world.totals().steps - steps {
            0 => {}
            1 => self.observe(),
            more => panic!("{more} steps at once: the monitors would see only the last"),
        }
        out
    }

    /// Has every promise looked at from now on, instead of a sample.
    pub fn look_at_every_promise(&mut self) {
        self.every_promise = true;
        self.watches.iter_mut().for_each(Watch::look_at_every_promise);
    }

    /// Has no promise of those looked at who are watched by now.
    pub fn look_at_no_promise(&mut self) {
        self.watches.iter_mut().for_each(Watch::look_at_no_promise);
    }

    /// Demands from now on that all servers show the inside of their Rafts, and that it is true as far as
    /// that is quickly seen.
    pub fn demand_views(&mut self) {
        self.demands_views = true;
        self.watches.iter_mut().for_each(Watch::demand_views);
    }

    /// What has not been shown, although it was demanded.
    pub fn hidden(&self) -> Outcome {
        self.watches.iter().try_for_each(Watch::hidden)
    }

    /// The script's dice.
    pub fn dice(&mut self) -> &mut Rng {
        &mut self.dice
    }

    // ---- looking -----------------------------------------------------------------------------

    /// The world inside.
    pub fn world(&self) -> &World<P> {
        &self.world
    }

    /// What is known of a cluster.
    ///
    /// # Panics
    /// If none with this number is watched.
    pub fn watched(&self, number: usize) -> &Watch {
        &self.watches[number]
    }

    /// The film, if there is one; without what clients did, of which an arena knows nothing.
    pub fn film(&self) -> Option<Film> {
        let film = self.camera.as_ref()?.film().clone();
        let clusters = self.watches.iter().map(|watch| Cluster {
            name: watch.name().to_string(),
            servers: (0..watch.servers()).map(|server| watch.id(server)).collect(),
        });
        Some(Film { clusters: clusters.collect(), ..film })
    }

    /// The first thing that went wrong.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// What came of it all.
    pub fn outcome(&self) -> Outcome {
        self.failure.clone().map_or(Ok(()), Err)
    }

    /// The highest index that any server of any cluster has applied, added up over clusters.
    pub fn commands(&self) -> u64 {
        self.watches.iter().map(Watch::highest_applied).sum()
    }

    /// Which situations came about, and how often: what nodes noted, if notes are counted, and what
    /// inspectors have seen.
    pub fn marks(&self) -> Marks {
        let mut marks: Marks = self.world.notes().collect();
        for (what, times) in self.inspectors.iter().flat_map(|it| it.marks()) {
            *marks.entry(what).or_default() += times;
        }
        marks
    }

    /// Traffic so far.
    pub fn totals(&self) -> Totals {
        self.world.totals()
    }
}
