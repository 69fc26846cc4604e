//! A process that does what the test says and remembers what happened to it.

use labrpc::{Chance, Context, Instant, Kind, Network, NodeId, Process, SimTime, Wire, World};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::time::Duration;

/// A request, or the reply to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Msg {
    Ask(u32),
    Answer(u32),
}

impl Wire for Msg {
    fn kind(&self) -> Kind {
        match self {
            Self::Ask(_) => Kind::Request,
            Self::Answer(_) => Kind::Reply,
        }
    }
}

/// A message as it was heard: when, by the node's own clock, from whom, what.
pub type Heard = (Instant, NodeId, Msg);

/// The process. A test sets the fields through `poke`.
#[derive(Clone, Debug, Default)]
pub struct Puppet {
    /// How often it answers each request.
    pub answers: u32,
    /// How many records it appends for each message.
    pub writes: u64,
    /// When it wants to wake up next; once, unless it insists.
    pub alarm: Option<Instant>,
    /// Whether the alarm stays set when it has rung.
    pub insists: bool,
    /// Whom to ask at a wake-up.
    pub asks_on_wakeup: Option<NodeId>,
    pub heard: Vec<Heard>,
    /// When it woke up, and how many messages it had heard before.
    pub woken: Vec<(Instant, usize)>,
}

impl Process for Puppet {
    type Message = Msg;

    fn on_message(&mut self, cx: &mut Context<'_, Msg>, from: NodeId, message: Msg) {
        self.heard.push((cx.now, from, message));
        self.write(cx);
        if let Msg::Ask(number) = message {
            for _ in 0..self.answers {
                cx.send(from, Msg::Answer(number));
            }
        }
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, Msg>) {
        self.woken.push((cx.now, self.heard.len()));
        if !self.insists {
            self.alarm = None;
        }
        self.write(cx);
        if let Some(whom) = self.asks_on_wakeup {
            cx.send(whom, Msg::Ask(0));
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.alarm
    }
}

impl Puppet {
    fn write(&self, cx: &mut Context<'_, Msg>) {
        for _ in 0..self.writes {
            let index = cx.disk.log().end;
            cx.disk.append(index, &index.to_le_bytes());
        }
    }
}

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The point so many milliseconds after the start, by a clock that shows true time.
pub fn at_ms(millis: u64) -> Instant {
    Instant::ZERO + ms(millis)
}

/// A network on which every message takes exactly this long.
pub fn exactly(delay: Duration) -> Network {
    Network { delay: delay..delay, ..Network::reliable() }
}

/// A network on which nothing is left to chance but the delay.
pub fn within(delay: Range<Duration>) -> Network {
    Network { delay, ..Network::reliable() }
}

pub const ALWAYS: Chance = Chance::of(1, 1);

/// A world of puppets that answer each request once.
pub fn puppets<const N: usize>(seed: u64, network: Network) -> (World<Puppet>, [NodeId; N]) {
    let mut world = World::new(seed, network);
    let ids = [(); N].map(|()| world.add(|_| Puppet { answers: 1, ..Puppet::default() }));
    (world, ids)
}

/// Lets `from` send a request.
pub fn ask(world: &mut World<Puppet>, from: NodeId, to: NodeId, number: u32) {
    send(world, from, to, Msg::Ask(number));
}

/// Lets `from` send a message.
pub fn send(world: &mut World<Puppet>, from: NodeId, to: NodeId, message: Msg) {
    world.poke(from, |_, cx| cx.send(to, message)).expect("the sender is up");
}

/// What a node has heard in its present life, without times.
pub fn heard(world: &World<Puppet>, id: NodeId) -> Vec<(NodeId, Msg)> {
    let puppet = world.node(id).expect("the node is up");
    puppet.heard.iter().map(|&(_, from, message)| (from, message)).collect()
}

/// When each message was heard, by the clock of the node.
pub fn times(world: &World<Puppet>, id: NodeId) -> Vec<Instant> {
    world.node(id).expect("the node is up").heard.iter().map(|&(at, ..)| at).collect()
}

/// When a node woke up.
pub fn wakings(world: &World<Puppet>, id: NodeId) -> Vec<Instant> {
    world.node(id).expect("the node is up").woken.iter().map(|&(at, _)| at).collect()
}

/// Sets a node's alarm.
pub fn set_alarm(world: &mut World<Puppet>, id: NodeId, alarm: Instant) {
    world.poke(id, |puppet, _| puppet.alarm = Some(alarm)).expect("the node is up");
}

/// Runs to a point in true time.
pub fn run_to(world: &mut World<Puppet>, millis: u64) {
    let end = SimTime::ZERO + ms(millis);
    while world.step_until(end) {}
}
