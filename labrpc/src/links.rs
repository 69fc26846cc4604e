//! The network between nodes: how long messages take, which of them get lost, which links are cut.

use crate::{Kind, NodeId, Rng};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::time::Duration;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A probability, as so many cases of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chance {
    /// In so many cases …
    pub num: u32,
    /// … of so many, at least 1.
    pub den: u32,
}

impl Chance {
    /// It never happens.
    pub const NEVER: Self = Self { num: 0, den: 1 };

    /// It happens in `num` cases of `den`.
    pub const fn of(num: u32, den: u32) -> Self {
        Self { num, den }
    }

    fn strikes(self, dice: &mut Rng) -> bool {
        self.num > 0 && dice.chance(self.num, self.den)
    }
}

/// What the network does to messages; a value, so that it can be printed, compared and changed.
///
/// The presets are the labs' (6.824's labrpc), as far as a network of messages can have them: there
/// a call over a dead link fails after a while, here a lost message is silence and the sender owns
/// the timer.
///
/// ```
/// use labrpc::{Chance, Network};
/// let rough = Network { duplicate: Chance::of(1, 20), ..Network::unreliable() };
/// assert_eq!(rough.request_loss, Chance::of(1, 10));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// How long every message takes, uniformly.
    pub delay: Range<Duration>,
    /// What is added for a request, uniformly.
    pub request_delay: Range<Duration>,
    /// How often a request gets lost.
    pub request_loss: Chance,
    /// How often a reply gets lost.
    pub reply_loss: Chance,
    /// How often a reply is held back for `reorder_delay`; while this is not [`Chance::NEVER`]
    /// replies are tested for cut links when they are sent only, as in the labs.
    pub reorder: Chance,
    /// The least delay of a reply held back, and the most that comes on top of it. The labs draw
    /// twice, the second time below the first, so that short delays are likelier than long ones.
    pub reorder_delay: (Duration, Duration),
    /// How often a message arrives twice, the copy after a further `duplicate_delay`.
    pub duplicate: Chance,
    /// How much later the copy comes.
    pub duplicate_delay: Range<Duration>,
    /// How often a request is held back for `late_delay`.
    pub late: Chance,
    /// How long a late request is held back.
    pub late_delay: Range<Duration>,
    /// Whether what was sent to a node before it crashed may arrive after its restart, and what it
    /// sent before may still arrive elsewhere.
    pub across_lives: bool,
}

impl Network {
    /// Each message takes 3 to 7 ms, and none is lost.
    pub const fn reliable() -> Self {
        Self {
            delay: ms(3)..ms(7),
            request_delay: ms(0)..ms(0),
            request_loss: Chance::NEVER,
            reply_loss: Chance::NEVER,
            reorder: Chance::NEVER,
            reorder_delay: (ms(200), ms(2000)),
            duplicate: Chance::NEVER,
            duplicate_delay: ms(0)..ms(50),
            late: Chance::NEVER,
            late_delay: ms(500)..ms(5000),
            across_lives: false,
        }
    }

    /// Requests take up to 26 ms longer, and one request and one reply in ten are lost.
    pub const fn unreliable() -> Self {
        Self {
            request_delay: ms(0)..ms(27),
            request_loss: Chance::of(1, 10),
            reply_loss: Chance::of(1, 10),
            ..Self::reliable()
        }
    }

    /// The same network, in which two replies of three are held back for 0.2 to 2.2 seconds.
    #[must_use]
    pub const fn with_long_reordering(self) -> Self {
        Self { reorder: Chance::of(2, 3), ..self }
    }

    /// The same network with the faults that the labs never had: copies, requests that are seconds
    /// late, and messages that outlive a crash.
    #[must_use]
    pub const fn with_late_messages(self) -> Self {
        Self { duplicate: Chance::of(1, 10), late: Chance::of(1, 20), across_lives: true, ..self }
    }

    /// The network's decision on one message, from dice that belong to this message alone.
    pub(crate) fn judge(&self, kind: Kind, dice: &mut Rng) -> Fate {
        let mut delay = dice.duration(&self.delay);
        let loss = match kind {
            Kind::Request => {
                delay += dice.duration(&self.request_delay);
                self.request_loss
            }
            Kind::Reply => self.reply_loss,
        };
        if loss.strikes(dice) {
            return Fate::Lost;
        }
        match kind {
            Kind::Request if self.late.strikes(dice) => delay += dice.duration(&self.late_delay),
            Kind::Reply if self.reorder.strikes(dice) => {
                let (least, most) = self.reorder_delay;
                let below = dice.duration(&(Duration::ZERO..most));
                delay += least + dice.duration(&(Duration::ZERO..below));
            }
            _ => {}
        }
        let copy =
            self.duplicate.strikes(dice).then(|| delay + dice.duration(&self.duplicate_delay));
        Fate::Arrives { delay, copy }
    }
}

/// What becomes of a message.
pub(crate) enum Fate {
    Lost,
    Arrives { delay: Duration, copy: Option<Duration> },
}

/// One direction between two nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
    pub cut: bool,
    pub clogged: bool,
    /// Messages that wait for the link to be unclogged, as places in the world's table.
    pub held: Vec<u32>,
    /// How many messages were sent over it: the number of the next one.
    pub sent: u64,
    /// Requests that came over it and have not been answered.
    pub unanswered: u64,
    pub network: Option<Box<Network>>,
}

/// All links, one for each ordered pair of nodes.
#[derive(Clone, Debug, Default)]
pub struct Links {
    nodes: usize,
    table: Vec<Link>,
}

impl Links {
    pub(crate) fn add_node(&mut self) {
        let (old, new) = (self.nodes, self.nodes + 1);
        let mut before = std::mem::take(&mut self.table).into_iter();
        for from in 0..new {
            for to in 0..new {
                let link = if from < old && to < old { before.next() } else { None };
                self.table.push(link.unwrap_or_default());
            }
        }
        self.nodes = new;
    }

    pub(crate) fn at(&self, from: NodeId, to: NodeId) -> &Link {
        &self.table[from.index() * self.nodes + to.index()]
    }

    pub(crate) fn at_mut(&mut self, from: NodeId, to: NodeId) -> &mut Link {
        &mut self.table[from.index() * self.nodes + to.index()]
    }

    /// Whether the link is cut in this direction.
    pub fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.at(from, to).cut
    }

    /// Whether messages on the link are held back in this direction.
    pub fn is_clogged(&self, from: NodeId, to: NodeId) -> bool {
        self.at(from, to).clogged
    }

    /// How many messages were handed to the link in this direction.
    pub fn sent(&self, from: NodeId, to: NodeId) -> u64 {
        self.at(from, to).sent
    }
}
