//! A deterministic world for distributed state machines: network, disks, clocks, faults, trace.
//!
//! A [`World`] is a number of nodes, the links between them, one clock and one seed. On each node
//! runs a [`Process`]: a plain value that owns its own state and nothing else. Whatever happens,
//! happens as the *step* of one node, at one instant, in an order that the seed decides. So a run
//! can be repeated, cloned, traced, compared with another, and stopped between any two steps; and
//! time in which nothing happens costs nothing.
//!
//! ```
//! use labrpc::{Network, Plan, Trace, World};
//!
//! let mut world = World::new(42, Network::unreliable());
//! world.set_trace(Trace::all());
//! let (a, b) = (world.add(|_| ()), world.add(|_| ())); // the process that does nothing
//! world.poke(a, |(), cx| cx.send(b, ()));
//!
//! let plan: Plan = "2ms crash n1 \n 500ms restart n1".parse().unwrap();
//! plan.play(&mut world, |_| ());
//!
//! let lines: Vec<String> = world.trace().records().map(ToString::to_string).collect();
//! assert_eq!(lines[3], "     4       2.000000ms n1   crash   Now");
//! ```
//!
//! # A step is a value
//!
//! A process is asked three things: what it does with a message, what it does at a wake-up, and
//! when it wants to be woken next. For the length of the call it is lent a [`Context`]: a reading
//! of its clock, its dice, its disk, and an outbox. It blocks nowhere and calls nothing else, so a
//! step is a function of what it is given. The world drives every step alike:
//!
//! 1. *step*: the process runs, and sees its own writes;
//! 2. *sync*: all its writes become durable;
//! 3. *send*: its messages leave;
//! 4. *alarm*: it is asked for its next wake-up.
//!
//! Since sync comes before send, a process may promise in the line after the write what it has
//! written. Since a crash can cut a step short between any two of its writes, a process has to boot
//! from **every prefix of a step's writes**. And since the alarm is asked for after each step, none
//! is ever cancelled, and none is left over from before a restart.
//!
//! # Which rule is where
//!
//! | rule | item |
//! |---|---|
//! | A process sees the world only through its arguments. | [`Process`], [`Context`] |
//! | Sync before send; one alarm. | `run_step`, `finish_step`, `set_alarm` in `world.rs` |
//! | A crash leaves a prefix of the writes; a step that writes nothing passes. | [`CrashPoint`], `run_armed_step` in `world.rs`, `CutShort` in `persister.rs` |
//! | A save costs the record, not the log. | [`Persister`], [`Disk`] |
//! | How long a message takes, and whether it arrives. | [`Network`], `judge` in `network.rs` |
//! | Requests are tested once, replies twice. | [`Kind`], `send_bytes` and `lost_on_the_way` in `world/transit.rs` |
//! | What is an RPC; which bytes count. | [`Kind::Reply`], [`Totals`], [`Traffic`] |
//! | Why a link is cut. | [`Links`] |
//! | Every message survives its encoding; bytes that are no message harm nobody. | `send` and `deliver` in `world/transit.rs`, [`World::inject`] |
//! | Slow and paused nodes. | `serve` in `world/transit.rs` |
//! | Clocks drift. | [`Instant`], [`SimTime`], `Clock` in `time.rs` |
//! | Chance is the same everywhere and for ever. | [`Rng`] |
//! | A run has a digest, traced or not. | [`World::fingerprint`], [`Fingerprint`] |
//! | Nothing runs for ever at one instant. | [`World::halted`] |
//! | Faults are data. | [`Fault`], [`Plan`], [`Storm`] |
//!
//! # The network
//!
//! The model is labrpc of MIT's 6.824, made into a network of messages.
//!
//! - **There are no failure reports.** In the labs a call over a dead link returns an error after a
//!   while; here a lost message is silence, and the sender owns the timer. The labs' *long delays*,
//!   which only make that error later, therefore have no meaning here.
//! - A *request* over a link that is cut when it is sent is never delivered, not even when the link
//!   is mended. Cut later, it is delivered.
//! - A *reply* is lost if the link is cut when it is sent or when it arrives, or if its sender has
//!   crashed in between. Under long reordering it is tested when it is sent only.
//! - What was sent to a node before its restart is lost, except under
//!   [late messages](Network::with_late_messages).
//! - Messages overtake each other. Copies are made only where [`Network::duplicate`] says so.
//! - A reliable network takes 3 to 7 ms for a message, where the labs' takes no time at all.
//! - Links have a direction each, and are cut, mended and clogged one by one.
//!
//! | the labs | here |
//! |---|---|
//! | `reliable(true)` | [`Network::reliable`] |
//! | `reliable(false)` | [`Network::unreliable`]: requests up to 27 ms longer, one in ten lost, and one reply in ten |
//! | `longReordering(true)` | [`Network::with_long_reordering`] |
//! | `longDelays(true)` | nothing |
//! | `disconnect(i)`, `connect(i)` | [`World::isolate`], [`World::rejoin`] |
//! | a crash, a new instance | [`World::crash`], [`World::restart`] |
//! | RPC count, byte count | [`World::totals`], [`World::traffic`] |
//!
//! # Faults
//!
//! | fault | by | put right by |
//! |---|---|---|
//! | loss, delay, reordering, copies, late requests | [`World::set_network`], [`World::set_link`] | the same |
//! | a link is cut, one way | [`World::cut`] | [`World::mend`] |
//! | a node is cut off | [`World::isolate`] | [`World::rejoin`] |
//! | a partition | [`World::partition`] | [`World::heal`] |
//! | a link delivers nothing for a while, then all at once | [`World::clog`] | [`World::unclog`] |
//! | a crash, between two steps or within one | [`World::crash`] | [`World::restart`] |
//! | a disk is lost | [`World::lose_disk`] | nothing: an amnesiac that votes again breaks any correct Raft |
//! | a node stops, and goes on with its memory | [`World::pause`] | [`World::resume`] |
//! | a node takes time for each message | [`World::set_service_time`] | the same |
//! | a clock is fast or slow | [`World::set_drift`] | the same |
//! | bytes that nobody sane sent | [`World::inject`] | |
//! | all of these, by plan or at random | [`Plan`], [`Plan::random`] | [`World::calm`] |
//!
//! # Determinism
//!
//! The same seed and the same calls give the same run, bit for bit, on every machine and in every
//! profile; [`World::fingerprint`] says whether they did. It rests on a few rules:
//!
//! - All chance comes from [`Rng`], in integers. Each life of a node has a stream of its own, and
//!   each message of each link has another, from which every fault draws whether it is switched on
//!   or not: to take one fault away changes neither other messages nor what else befalls the same
//!   one.
//! - All time comes from [`Context::now`]. Events are ordered by time, then by when they were put
//!   into the queue.
//! - A process keeps to it: no clock, no thread, no randomness of the system, and no iteration over
//!   a `HashMap`, whose order is random. A trace and its notes never change what happens.
//! - A test's own choices come from a stream of the same seed, such as
//!   `Rng::stream(seed, [2, 0, 0])`; the first number is 0 for nodes and 1 for links.
//!
//! # How to embed it
//!
//! Write the messages as an enum that is [`Wire`], the node as a [`Process`], and the test as a
//! function that adds nodes to a [`World`], lets things happen and go wrong, and looks at
//! [`World::node`] and [`World::disk`] after each step. The example `letters` does so in eighty
//! lines (`cargo run --example letters`). Nodes of several kinds, such as servers and clients, are an
//! enum; a process inside
//! another gets its context from [`Context::within`]. To drive a process by hand, message by
//! message and without a world, make it a [`Context`].
//!
//! # What is left out
//!
//! - **A driver for real time.** The state machines are made to run unchanged over threads and
//!   sockets, but there is no such driver yet: for now the world is all that runs them.
//! - Bandwidth: a message of a megabyte takes as long as one of a byte.
//! - Corruption of bytes on their way or on the disk, but for what [`World::inject`] sends.
//! - Slow and failing disks, and writes that become durable out of order or in part: a write is
//!   atomic, and a crash leaves a prefix.
//! - Crashes while a node boots, and crashes in a step that writes nothing.
//! - A node that comes and goes for good: nodes are added, never removed.
//! - Clocks that jump: they drift, and never run backwards.

mod id;
mod links;
mod nemesis;
mod network;
mod persister;
mod process;
mod rng;
mod time;
mod trace;
mod world;

pub use id::NodeId;
pub use links::Links;
pub use nemesis::{BadFault, BadPlan, Fault, Plan, Storm, Trouble};
pub use network::{BadNetwork, Chance, Network};
pub use persister::{Disk, Persister, Writes};
pub use process::{Context, Kind, Note, Notes, Process, Wire};
pub use rng::Rng;
pub use time::{Instant, SimTime};
pub use trace::{Difference, Event, Fingerprint, Loss, Record, Trace, first_difference};
pub use world::{CrashPoint, DiskLost, TimedOut, Totals, Traffic, World};
