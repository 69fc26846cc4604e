//! Faults as data: a plan of what goes wrong when, to be drawn, printed, read back and cut down.

mod text;

pub use text::{BadFault, BadPlan};

use crate::{CrashPoint, Network, NodeId, Process, Rng, SimTime, World};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::time::Duration;

/// One thing that goes wrong, or is put right again, as a value; each is a function of [`World`].
///
/// Each can be applied to any world that has its nodes: what makes no sense, such as to resume a
/// node that is not paused, changes nothing. Its text is one line:
///
/// ```
/// use labrpc::{CrashPoint, Fault, Network, NodeId, World};
///
/// let fault = Fault::Crash { node: NodeId::new(0), point: CrashPoint::AfterWrites(2) };
/// assert_eq!(fault.to_string(), "crash n0 after 2 writes");
/// assert_eq!("crash n0 after 2 writes".parse(), Ok(fault));
///
/// let mut world = World::new(1, Network::reliable());
/// let node = world.add(|_| ());
/// "crash n0".parse::<Fault>().unwrap().apply(&mut world);
/// assert!(world.node(node).is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are the arguments of the function that is named")]
pub enum Fault {
    /// [`World::crash`]: `crash n0`, `crash n0 undone`, `… after 2 writes`, `… unsent`.
    Crash { node: NodeId, point: CrashPoint },
    /// [`World::restart`]; nothing, if the disk is lost: `restart n0`.
    Restart { node: NodeId },
    /// [`World::lose_disk`]: `lose-disk n0`.
    LoseDisk { node: NodeId },
    /// [`World::pause`]: `pause n0`.
    Pause { node: NodeId },
    /// [`World::resume`]: `resume n0`.
    Resume { node: NodeId },
    /// [`World::cut`], one way: `cut n0 -> n1`.
    Cut { from: NodeId, to: NodeId },
    /// [`World::mend`], one way: `mend n0 -> n1`.
    Mend { from: NodeId, to: NodeId },
    /// [`World::isolate`]: `isolate n0`.
    Isolate { node: NodeId },
    /// [`World::rejoin`]: `rejoin n0`.
    Rejoin { node: NodeId },
    /// [`World::partition`]: `partition n0 n1 | n2`; an empty group is a `-`.
    Partition { groups: Vec<Vec<NodeId>> },
    /// [`World::heal`]: `heal`.
    Heal,
    /// [`World::clog`], one way: `clog n0 -> n1`.
    Clog { from: NodeId, to: NodeId },
    /// [`World::unclog`], one way: `unclog n0 -> n1`.
    Unclog { from: NodeId, to: NodeId },
    /// [`World::set_service_time`]: `service n0 2.5ms`.
    ServiceTime { node: NodeId, each: Duration },
    /// [`World::set_drift`]: `drift n0 -200ppm`.
    Drift { node: NodeId, ppm: i32 },
    /// [`World::set_network`]: `network unreliable late`.
    Network(Network),
}

impl Fault {
    /// Does it to `world`, now.
    ///
    /// # Panics
    /// As the function of the world: above all, if there is no such node.
    pub fn apply<P: Process>(&self, world: &mut World<P>) {
        match *self {
            Self::Crash { node, point } => world.crash(node, point),
            Self::Restart { node } => {
                // A lost disk stays lost: the plan may have been drawn, or cut down, so.
                let _ = world.restart(node);
            }
            Self::LoseDisk { node } => world.lose_disk(node),
            Self::Pause { node } => world.pause(node),
            Self::Resume { node } => world.resume(node),
            Self::Cut { from, to } => world.cut(from, to),
            Self::Mend { from, to } => world.mend(from, to),
            Self::Isolate { node } => world.isolate(node),
            Self::Rejoin { node } => world.rejoin(node),
            Self::Partition { ref groups } => world.partition(groups),
            Self::Heal => world.heal(),
            Self::Clog { from, to } => world.clog(from, to),
            Self::Unclog { from, to } => world.unclog(from, to),
            Self::ServiceTime { node, each } => world.set_service_time(node, each),
            Self::Drift { node, ppm } => world.set_drift(node, ppm),
            Self::Network(ref network) => world.set_network(network.clone()),
        }
    }
}

impl Fault {
    /// The nodes that it names.
    pub fn nodes(&self) -> Vec<NodeId> {
        let mut nodes = Vec::new();
        self.renamed(|node| {
            nodes.push(node);
            Some(node)
        });
        nodes
    }

    /// The same fault, with other names for its nodes; none, if it names one that has none. Who
    /// stands on a side of a partition and has none is left out.
    ///
    /// ```
    /// use labrpc::{Fault, NodeId};
    /// let fault: Fault = "cut n0 -> n2".parse().unwrap();
    /// let fewer = |node: NodeId| (node != NodeId::new(2)).then_some(node);
    /// assert_eq!(fault.renamed(fewer), None);
    /// let fault: Fault = "partition n0 n1 | n2".parse().unwrap();
    /// assert_eq!(fault.renamed(fewer).unwrap().to_string(), "partition n0 n1 | -");
    /// ```
    pub fn renamed(&self, mut name: impl FnMut(NodeId) -> Option<NodeId>) -> Option<Self> {
        Some(match *self {
            Self::Crash { node, point } => Self::Crash { node: name(node)?, point },
            Self::Restart { node } => Self::Restart { node: name(node)? },
            Self::LoseDisk { node } => Self::LoseDisk { node: name(node)? },
            Self::Pause { node } => Self::Pause { node: name(node)? },
            Self::Resume { node } => Self::Resume { node: name(node)? },
            Self::Cut { from, to } => Self::Cut { from: name(from)?, to: name(to)? },
            Self::Mend { from, to } => Self::Mend { from: name(from)?, to: name(to)? },
            Self::Isolate { node } => Self::Isolate { node: name(node)? },
            Self::Rejoin { node } => Self::Rejoin { node: name(node)? },
            Self::Partition { ref groups } => {
                let mut side =
                    |group: &Vec<NodeId>| group.iter().filter_map(|node| name(*node)).collect();
                Self::Partition { groups: groups.iter().map(&mut side).collect() }
            }
            Self::Heal => Self::Heal,
            Self::Clog { from, to } => Self::Clog { from: name(from)?, to: name(to)? },
            Self::Unclog { from, to } => Self::Unclog { from: name(from)?, to: name(to)? },
            Self::ServiceTime { node, each } => Self::ServiceTime { node: name(node)?, each },
            Self::Drift { node, ppm } => Self::Drift { node: name(node)?, ppm },
            Self::Network(ref network) => Self::Network(network.clone()),
        })
    }
}

/// Faults and when they come, in the order of time. A part of a plan is a plan, so to cut one down
/// is to take faults out. Its text has a line for each fault; blank lines, and lines that begin
/// with `#`, are comments.
///
/// ```
/// use labrpc::{Network, Plan, World};
///
/// let plan: Plan = "
///     ## n0 is alone for a second
///     500ms   isolate n0
///     1500ms  rejoin n0
/// ".parse().unwrap();
/// assert_eq!(plan.to_string().parse(), Ok(plan.clone()));
///
/// let mut world = World::new(1, Network::reliable());
/// let (a, b) = (world.add(|_| ()), world.add(|_| ()));
/// plan.play(&mut world, |_| ());
/// assert_eq!(world.now(), plan.0[1].0);
/// assert!(!world.links().is_cut(a, b));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan(pub Vec<(SimTime, Fault)>);

impl Plan {
    /// The plan of these faults, which it sorts by time; those of one time stay in their order.
    pub fn new(mut faults: Vec<(SimTime, Fault)>) -> Self {
        faults.sort_by_key(|&(at, _)| at);
        Self(faults)
    }

    /// Draws a plan: troubles of random kinds, about as often as the storm says, each of which ends
    /// after a while and at the latest with the storm; only a lost disk is never put right.
    ///
    /// Two troubles of one kind may overlap: then the end of the first may be the end of both.
    ///
    /// # Panics
    /// If `storm.every` is zero.
    pub fn random(rng: &mut Rng, storm: &Storm) -> Self {
        assert!(!storm.every.is_zero(), "a trouble every 0 ns has no end");
        let mut faults = Vec::new();
        let mut down_until = vec![SimTime::ZERO; storm.nodes.len()];
        let mut at = storm.during.start;
        loop {
            at = at + rng.duration(&(Duration::ZERO..storm.every * 2));
            if at >= storm.during.end {
                return Self::new(faults);
            }
            let end = (at + rng.duration(&storm.lasts)).min(storm.during.end);
            let Some(&trouble) = rng.pick(&storm.troubles) else { return Self::default() };
            if let Some((fault, remedy)) = trouble.draw(rng, storm, at, end, &mut down_until) {
                faults.push((at, fault));
                faults.extend(remedy.map(|remedy| (end, remedy)));
            }
        }
    }

    /// Lets `world` run to the last fault of the plan, and calls `each` after everything that
    /// happens. Faults whose time has passed come at once.
    pub fn play<P: Process>(&self, world: &mut World<P>, mut each: impl FnMut(&mut World<P>)) {
        for (at, fault) in &self.0 {
            while world.step_until(*at) {
                each(world);
            }
            fault.apply(world);
        }
    }
}

/// What a random plan is drawn from.
///
/// ```
/// use labrpc::{Network, NodeId, Plan, Rng, SimTime, Storm, Trouble};
/// use std::time::Duration;
///
/// let storm = Storm {
///     nodes: (0..5).map(NodeId::new).collect(),
///     during: SimTime::ZERO..SimTime::ZERO + Duration::from_secs(10),
///     every: Duration::from_millis(250),
///     lasts: Duration::from_millis(50)..Duration::from_secs(2),
///     max_down: 2,
///     network: Network::unreliable(),
///     troubles: vec![Trouble::Crash, Trouble::Crash, Trouble::Partition],
/// };
/// let plan = Plan::random(&mut Rng::new(1), &storm);
/// assert_eq!(plan, Plan::random(&mut Rng::new(1), &storm));
/// assert!(plan.0.iter().all(|(at, _)| *at <= storm.during.end));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storm {
    /// Whom it may hit.
    pub nodes: Vec<NodeId>,
    /// When it begins, and by when all is put right.
    pub during: Range<SimTime>,
    /// How much time is between two troubles, on average; more than zero.
    pub every: Duration,
    /// How long a trouble lasts, uniformly.
    pub lasts: Range<Duration>,
    /// How many nodes may be down at once at most, be they crashed, paused or without a disk: with
    /// a minority, the majority can always go on.
    pub max_down: usize,
    /// The network to which it returns after a trouble with the network.
    pub network: Network,
    /// The kinds, all equally likely; one that stands there twice is twice as likely.
    pub troubles: Vec<Trouble>,
}

/// A kind of trouble: a fault, and what puts it right.
///
/// ```
/// use labrpc::Trouble;
/// assert!(Trouble::ALL.contains(&Trouble::LoseDisk));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Trouble {
    /// A crash, between two steps or in one, until a restart.
    Crash,
    /// The loss of a disk, for ever: one less may be down from then on.
    LoseDisk,
    /// A pause.
    Pause,
    /// One direction of a link is cut.
    Cut,
    /// One node is cut off from all.
    Isolate,
    /// Two or three groups that do not reach each other.
    Partition,
    /// One direction of a link is clogged.
    Clog,
    /// One node takes 1 to 20 ms for each message.
    Slow,
    /// One clock gains or loses up to a tenth.
    Drift,
    /// A random preset of the network for all.
    Network,
}

impl Trouble {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Crash,
        Self::LoseDisk,
        Self::Pause,
        Self::Cut,
        Self::Isolate,
        Self::Partition,
        Self::Clog,
        Self::Slow,
        Self::Drift,
        Self::Network,
    ];

    /// The fault and its remedy; none if nobody is there whom it may hit.
    fn draw(
        self,
        rng: &mut Rng,
        storm: &Storm,
        at: SimTime,
        end: SimTime,
        down_until: &mut [SimTime],
    ) -> Option<(Fault, Option<Fault>)> {
        let nodes = &storm.nodes;
        if matches!(self, Self::Crash | Self::LoseDisk | Self::Pause) {
            let up: Vec<usize> = (0..nodes.len()).filter(|&i| down_until[i] <= at).collect();
            if nodes.len() - up.len() >= storm.max_down {
                return None;
            }
            let &hit = rng.pick(&up)?;
            let node = nodes[hit];
            down_until[hit] = end;
            return Some(match self {
                Self::Pause => (Fault::Pause { node }, Some(Fault::Resume { node })),
                Self::Crash => {
                    let point = crash_point(rng);
                    (Fault::Crash { node, point }, Some(Fault::Restart { node }))
                }
                _ => {
                    down_until[hit] = SimTime::from_nanos(u64::MAX);
                    (Fault::LoseDisk { node }, None)
                }
            });
        }
        let &node = rng.pick(nodes)?;
        let others: Vec<NodeId> = nodes.iter().copied().filter(|&other| other != node).collect();
        let to = rng.pick(&others).copied();
        let (fault, remedy) = match self {
            Self::Cut => (Fault::Cut { from: node, to: to? }, Fault::Mend { from: node, to: to? }),
            Self::Clog => {
                (Fault::Clog { from: node, to: to? }, Fault::Unclog { from: node, to: to? })
            }
            Self::Isolate => (Fault::Isolate { node }, Fault::Rejoin { node }),
            Self::Partition => {
                to?; // A node that is the only one cannot be parted from anybody.
                (Fault::Partition { groups: split(rng, nodes) }, Fault::Heal)
            }
            Self::Slow => {
                let each = Duration::from_millis(rng.between(1..21));
                (
                    Fault::ServiceTime { node, each },
                    Fault::ServiceTime { node, each: Duration::ZERO },
                )
            }
            Self::Drift => {
                let ppm = rng.below(200_001) as i32 - 100_000;
                (Fault::Drift { node, ppm }, Fault::Drift { node, ppm: 0 })
            }
            _ => (Fault::Network(preset(rng)), Fault::Network(storm.network.clone())),
        };
        Some((fault, Some(remedy)))
    }
}

fn crash_point(rng: &mut Rng) -> CrashPoint {
    match rng.below(4) {
        0 => CrashPoint::Now,
        1 => CrashPoint::Undone,
        2 => CrashPoint::AfterWrites(rng.between(1..4) as u32),
        _ => CrashPoint::Unsent,
    }
}

/// Two or three sides, none of them empty; there are at least two nodes.
fn split(rng: &mut Rng, nodes: &[NodeId]) -> Vec<Vec<NodeId>> {
    let mut nodes = nodes.to_vec();
    rng.shuffle(&mut nodes);
    let sides = (rng.between(2..4) as usize).min(nodes.len());
    let mut groups = vec![Vec::new(); sides];
    for (at, node) in nodes.into_iter().enumerate() {
        let side = if at < sides { at } else { rng.below(sides as u64) as usize };
        groups[side].push(node);
    }
    for group in &mut groups {
        group.sort_unstable();
    }
    groups
}

fn preset(rng: &mut Rng) -> Network {
    let mut network = if rng.chance(1, 2) { Network::reliable() } else { Network::unreliable() };
    if rng.chance(1, 3) {
        network = network.with_long_reordering();
    }
    if rng.chance(1, 2) { network.with_late_messages() } else { network }
}
