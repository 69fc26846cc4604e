//! What the world knows of one node.

use super::CrashPoint;
use crate::time::Clock;
use crate::{Context, Disk, NodeId, Process, Rng, SimTime};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// Makes a process from what is on its disk.
pub(super) type Boot<P> = Rc<dyn Fn(&mut Context<'_, <P as Process>::Message>) -> P>;

/// Traffic that reached one node.
///
/// ```
/// use labrpc::{Network, Traffic, World};
/// use std::time::Duration;
/// let mut world = World::new(1, Network::reliable());
/// let (a, b) = (world.add(|_| ()), world.add(|_| ()));
/// world.poke(a, |(), cx| cx.send(b, ()));
/// world.run_for(Duration::from_secs(1));
/// assert_eq!(world.traffic(b), Traffic { rpcs_in_this_life: 1, rpcs: 1, bytes: 0 });
/// assert_eq!(world.traffic(a), Traffic::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests handled in its present life, and replies to nobody's request.
    pub rpcs_in_this_life: u64,
    /// The same over all its lives.
    pub rpcs: u64,
    /// Bytes of all messages handled over all its lives.
    pub bytes: u64,
}

/// A node that is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy {
    pub number: u32,
    /// Whether the first message of the inbox is what it works on; otherwise, it is about to do a
    /// wake-up that had to wait.
    pub on_message: bool,
}

pub(super) struct Node<P: Process> {
    pub boot: Boot<P>,
    /// `None` while the node is down.
    pub process: Option<P>,
    pub disk: Disk,
    pub disk_lost: bool,
    pub rng: Rng,
    pub life: u32,
    pub clock: Clock,
    pub armed: Option<CrashPoint>,
    pub paused: bool,
    /// How long it takes over each message.
    pub service_time: Duration,
    /// Messages that wait until the node is free, or goes on.
    pub inbox: VecDeque<u32>,
    /// What it is at, if anything: the queue then holds a `Serve` for it.
    pub busy: Option<Busy>,
    /// How often it has been busy: the number of the next `Serve`.
    pub served: u32,
    /// The earliest wake-up in the queue that counts.
    pub alarm: Option<SimTime>,
    /// Whether a wake-up waits until the node is free, or goes on.
    pub woken: bool,
    pub last_wake_up: SimTime,
    pub wake_ups: u32,
    pub traffic: Traffic,
}

impl<P: Process> Node<P> {
    pub fn new(boot: Boot<P>, seed: u64, id: NodeId) -> Self {
        Self {
            boot,
            process: None,
            disk: Disk::default(),
            disk_lost: false,
            rng: Self::dice(seed, id, 0),
            life: 0,
            clock: Clock::TRUE,
            armed: None,
            paused: false,
            service_time: Duration::ZERO,
            inbox: VecDeque::new(),
            busy: None,
            served: 0,
            alarm: None,
            woken: false,
            last_wake_up: SimTime::ZERO,
            wake_ups: 0,
            traffic: Traffic::default(),
        }
    }

    /// One stream of dice per node and life.
    pub fn dice(seed: u64, id: NodeId, life: u32) -> Rng {
        Rng::stream(seed, [0, id.index() as u64, u64::from(life)])
    }

    /// When to wake the process; the end of time never comes.
    pub fn wants_to_wake_at(&self, now: SimTime) -> Option<SimTime> {
        let wanted = self.process.as_ref()?.next_wakeup()?;
        let at = self.clock.when(wanted, now);
        (wanted.as_nanos() < u64::MAX && at.as_nanos() < u64::MAX).then_some(at)
    }

    /// Whether a message has to wait before it is handled.
    pub fn keeps_waiting(&self) -> bool {
        self.paused || self.woken || self.busy.is_some() || !self.service_time.is_zero()
    }
}

impl<P: Process + Clone> Clone for Node<P> {
    fn clone(&self) -> Self {
        Self {
            boot: Rc::clone(&self.boot),
            process: self.process.clone(),
            disk: self.disk.clone(),
            rng: self.rng.clone(),
            inbox: self.inbox.clone(),
            ..*self
        }
    }
}
