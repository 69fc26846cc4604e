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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests handled in its present life, and replies to nobody's request.
    pub rpcs_in_this_life: u64,
    /// The same over all its lives.
    pub rpcs: u64,
    /// Bytes of all messages handled over all its lives.
    pub bytes: u64,
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
    /// Whether the queue holds a `Serve` for it.
    pub serving: bool,
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
            serving: false,
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

    pub fn wants_to_wake_at(&self, now: SimTime) -> Option<SimTime> {
        let wanted = self.process.as_ref()?.next_wakeup()?;
        Some(self.clock.when(wanted, now))
    }

    /// Whether a message has to wait before it is handled.
    pub fn is_busy(&self) -> bool {
        self.paused || self.serving || !self.service_time.is_zero()
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
