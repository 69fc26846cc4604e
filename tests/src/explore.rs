//! Every order of events, where it is small: the unchanged state machines under a bounded exhaustive
//! exploration.
//!
//! Simulated runs try a few thousand orders of what happens. Here all are tried, up to a bound: so few
//! servers, terms, commands, crashes. Messages arrive in any order, twice, or never; election timers run
//! out at any moment; servers crash between two steps, and between two writes of a step. What is looked at
//! after every step is figure 3 of the paper, whether anybody refuses a message or panics, and whether
//! services are handed commands in order.
//!
//! ```
//! use raft::Raft;
//! use tests::explore::{Bounds, Limits, Verdict, explore};
//!
//! let bounds = Bounds { terms: 1, commands: 1, ..Bounds::default() };
//! let report = explore::<Raft>(bounds, Limits::default(), &mut |_| {}).unwrap();
//! assert!(matches!(report.verdict, Verdict::Holds));
//! assert_eq!(report.progress.states, 2_326);
//! ```
//!
//! | | is | file |
//! |---|---|---|
//! | `Server`, `Event` | one server, and a step as a function of the server and the event | `server.rs` |
//! | `Network` | what is in flight | `network.rs` |
//! | `Facts`, `Chronicle` | what is to be seen of a server, what has been; figure 3 | `properties.rs` |
//! | `Machine`, `State`, `Action` | the whole system: what can happen, and what comes of it | `machine.rs` |
//! | `Pool`, `Memo` | things by numbers, each once | `pool.rs` |
//! | `search` | breadth first | `search.rs` |
//! | `told` | the way to what is wrong | `path.rs` |
//! | `second_opinion` | the same machine under `stateright` | `second.rs` |
//!
//! # States
//!
//! There are few states of one server, and very many of the system. So every different server, network and
//! record of the past is kept once and has a number, a state of the system is a handful of numbers, and
//! what a server does with an event is found out once, by its own code, and looked up from then on. States
//! are compared in full; no two are taken for one by their hashes.
//!
//! # What is left out, and why nothing is missed
//!
//! **Symmetry.** Servers that are as they were in the beginning, have sent nothing, and have led no term are
//! interchangeable; of these only the first is made to do something. Let `j` and `k` be two of them. What
//! has happened so far has happened to the others, or has left no trace. Exchange the names `j` and `k` in
//! it: it is the same course of events, so it leads to the same state, and a state is its own image under
//! the exchange. Whatever goes on from there with `k` is the image of something that goes on with `j`, and
//! properties do not ask for names. It takes a Raft that treats all names alike: for one that prefers low
//! numbers, say, turn it off ([`Bounds::symmetry`]).
//!
//! **Covering.** As long as nothing in flight is ever lost for good ([`Bounds::in_flight`] is `None`), a
//! state `b` whose servers are those of `a`, which has no more in flight, no more left to happen, and no
//! more on record that anything could be at odds with, need not be looked at: everything that can happen
//! in `b` can happen in `a`, and leads again to two such states. So if something goes wrong after `b`, it
//! goes wrong after `a`, in as many steps. Only states that no other covers are followed. (Of well-structured
//! transition systems this is the usual search.)
//!
//! **Saturation.** A step that leaves its server as it is and sends something leads to a state that covers
//! the one before. So all such steps are made at once, before a state is looked at. Of what is found those
//! that were needed are shown.
//!
//! Covering and saturation are turned off together ([`Bounds::covering`]), and do not apply with a bound on
//! what is in flight. Then states are counted one by one.
//!
//! # What is not seen
//!
//! - **Time.** Any timer may run out at any moment, but all that a server has set run out together: a leader's
//!   alarm for one follower alone is not tried, nor is a candidate that asks again (what it asked is still
//!   in flight). Whether anything ever happens is not asked: no property here is about progress.
//! - **Reads** by `ReadIndex`, other settings than [`Config::default`](raft::Config), and messages that no
//!   server has sent.
//! - With a bound on what is in flight, messages that are overtaken by so many others on their link; and a
//!   crash between a step's last write and its messages, which overtake nothing then. (Without a bound this is
//!   the whole step, with messages that are not delivered, and then the crash.)
//! - Terms beyond the bound, if a Raft leaves some out.
//! - Of a Raft without a [`View`](raft::View) only election safety and state machine safety. One whose equality
//!   tells times apart has states without end: like the reference, it has to leave them out of it.

mod machine;
mod network;
mod path;
mod pool;
mod properties;
mod search;
mod second;
mod server;

pub use second::{SecondOpinion, second_opinion};

use crate::{Failure, Outcome};
use machine::Machine;
use raft::Consensus;
use std::fmt;
use std::hash::Hash;

/// The most servers that can be explored.
pub const MOST_SERVERS: usize = 5;

/// The most commands, a letter for each.
pub const MOST_COMMANDS: u8 = 26;

/// A Raft that can be explored: its states and messages can be compared. It takes nothing to implement.
pub trait Explorable: Consensus<Message: Eq + Hash> + Eq + Hash {}

impl<C: Consensus<Message: Eq + Hash> + Eq + Hash> Explorable for C {}

/// What may happen, and how often; `None`: any number of times.
///
/// ```
/// use tests::explore::Bounds;
/// let bounds = Bounds { crashes: 1, heartbeats: Some(0), ..Bounds::default() };
/// assert_eq!(
///     bounds.to_string(),
///     "3 servers, terms up to 2, 1 command, 1 crash, no snapshots, no heartbeats",
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many servers there are, from 1 to [`MOST_SERVERS`].
    pub servers: u8,
    /// Nobody stands for election in a later term.
    pub terms: u8,
    /// How many commands are proposed, up to [`MOST_COMMANDS`].
    pub commands: u8,
    /// How many crashes there are. Each is followed by a boot, which may come late: until something
    /// happens to it, a server that is up is like one that is not.
    pub crashes: u8,
    /// How many snapshots services take.
    pub snapshots: u8,
    /// How many elections are begun.
    pub elections: Option<u8>,
    /// How often the alarms of leaders ring, upon which they send heartbeats, or send again.
    pub heartbeats: Option<u8>,
    /// How many messages of each link are in flight; earlier ones are lost. At least 1.
    pub in_flight: Option<u8>,
    /// Whether servers that nothing has happened to are interchangeable.
    pub symmetry: bool,
    /// Whether states that are covered by others are left out.
    pub covering: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            servers: 3,
            terms: 2,
            commands: 1,
            crashes: 0,
            snapshots: 0,
            elections: None,
            heartbeats: None,
            in_flight: None,
            symmetry: true,
            covering: true,
        }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |number: u8, one: &str, many: &str| match number {
            0 => format!("no {many}"),
            1 => format!("1 {one}"),
            _ => format!("{number} {many}"),
        };
        write!(
            f,
            "{}, terms up to {}, {}, {}, {}",
            count(self.servers, "server", "servers"),
            self.terms,
            count(self.commands, "command", "commands"),
            count(self.crashes, "crash", "crashes"),
            count(self.snapshots, "snapshot", "snapshots"),
        )?;
        if let Some(elections) = self.elections {
            write!(f, ", {}", count(elections, "election", "elections"))?;
        }
        if let Some(heartbeats) = self.heartbeats {
            write!(f, ", {}", count(heartbeats, "heartbeat", "heartbeats"))?;
        }
        if let Some(most) = self.in_flight {
            write!(f, ", {} in flight on each link", count(most, "message", "messages"))?;
        }
        f.write_str(if self.symmetry { "" } else { ", without symmetry" })?;
        f.write_str(if self.covering { "" } else { ", without covering" })
    }
}

/// When a search gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// More distinct states than this are not kept: about 50 bytes for each, and what is in flight in
    /// them besides.
    pub states: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { states: 20_000_000 }
    }
}

/// How far a search is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Distinct states.
    pub states: usize,
    /// How many of them have been looked at: all that nothing covers that was found before their turn.
    pub looked_at: usize,
    /// What has happened in these, each thing once for each state.
    pub transitions: u64,
    /// How many steps away from the first state, silent ones not counted.
    pub depth: usize,
}

/// What came of an exploration.
#[derive(Clone, Debug)]
pub struct Report {
    /// The answer.
    pub verdict: Verdict,
    /// How far it went.
    pub progress: Progress,
    /// How many different states of a single server came up.
    pub servers: usize,
    /// How many different steps they made.
    pub steps: usize,
}

/// Whether all properties hold.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// In every state there is within the bounds.
    Holds,
    /// There are more states than are kept; in those that were looked at they do.
    Undecided,
    /// No.
    Violated(Found),
}

/// Something that is wrong, and how it comes about.
#[derive(Clone, Debug)]
pub struct Found {
    /// What.
    pub failure: Failure,
    /// The steps that lead there: what happens, and below it what the server notes.
    pub steps: Vec<Vec<String>>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in (1..).zip(&self.steps) {
            for (line, text) in step.iter().enumerate() {
                let number = if line == 0 { format!("{number:>4}") } else { "    ".to_string() };
                writeln!(f, "{number} {text}")?;
            }
        }
        write!(f, "{}: {}", self.failure.property, self.failure.facts)
    }
}

/// Explores a Raft within these bounds. `tell` hears now and then how far it is.
///
/// The error is a server that does not even boot from an empty disk.
///
/// # Panics
/// If there are no servers or more than [`MOST_SERVERS`], more commands than [`MOST_COMMANDS`], or no
/// message may be in flight.
pub fn explore<C: Explorable>(
    bounds: Bounds,
    limits: Limits,
    tell: &mut dyn FnMut(Progress),
) -> Outcome<Report> {
    bounds.check();
    let mut machine = Machine::<C>::new(bounds)?;
    let covering = bounds.covering && bounds.in_flight.is_none();
    Ok(search::search(&mut machine, covering, limits, tell))
}

impl Bounds {
    fn check(&self) {
        assert!((1..=MOST_SERVERS).contains(&self.servers.into()), "{self:?}");
        assert!(self.commands <= MOST_COMMANDS, "{self:?}");
        assert!(self.in_flight != Some(0), "{self:?}");
    }
}
