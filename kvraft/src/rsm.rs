//! A replicated state machine: any deterministic [`Service`], served by a cluster as if by one
//! machine that does not fail.
//!
//! Raft gives the servers of a cluster the same log. Between that and a service that somebody can
//! use is what this module does: to find the server that can do something, to do it once although
//! it has been asked for three times, to answer who waits and nobody else, and to keep the log
//! short. It is section 8 of the Raft paper (*In Search of an Understandable Consensus Algorithm
//! (Extended Version)*, "the paper") and chapter 6 of Ongaro's dissertation (*Consensus: Bridging
//! Theory and Practice*, "the dissertation").
//!
//! Three services of this workspace stand on it: the key/value store, the shard master, and the
//! groups that hold the shards. It stands on any [`Consensus`](raft::Consensus). All of it is
//! synchronous state machines, like the Raft below: they are stepped by a driver and have no clock,
//! thread or socket.
//!
//! ```
//! use kvraft::kv::{Kv, Op, Reply};
//! use kvraft::rsm::{Actor, Clerk, ClientId, Config, Outcome, Reads, Server};
//! use labrpc::{CrashPoint, Network, NodeId, World};
//! use raft::{Consensus, Raft};
//! use std::time::Duration;
//!
//! type Node = Actor<Kv, Raft>;
//!
//! fn ask(world: &mut World<Node>, clerk: NodeId, op: Op) -> Outcome<Reply> {
//!     world.poke(clerk, |node, cx| node.clerk().start(cx, op));
//!     let done = |world: &World<Node>| world.node(clerk).unwrap().reply().is_some();
//!     world.run_until(Duration::from_secs(30), done).expect("a majority is up");
//!     world.node(clerk).unwrap().reply().unwrap().clone()
//! }
//!
//! let mut world: World<Node> = World::new(7, Network::unreliable());
//! let servers = [0, 1, 2].map(NodeId::new);
//! let config = Config { max_raft_state: Some(1_000), reads: Reads::Index, ..Config::default() };
//! for config in [&config; 3].map(Config::clone) {
//!     world.add(move |cx| Server::boot(cx, &servers, Kv::default(), config.clone()).into());
//! }
//! let clerk = world.add(move |cx| Clerk::new(ClientId::random(cx.rng), servers.to_vec()).into());
//!
//! let append = |value: &str| Op::Append { key: "x".into(), value: value.into() };
//! assert_eq!(ask(&mut world, clerk, append("a")), Outcome::Done(Reply::Stored));
//! let leads = |id: &NodeId| world.node(*id).unwrap().server().raft().status().is_leader;
//! let leader = servers.into_iter().find(leads).unwrap();
//! world.crash(leader, CrashPoint::Undone); // in the midst of what comes next
//! assert_eq!(ask(&mut world, clerk, append("b")), Outcome::Done(Reply::Stored));
//! let value = ask(&mut world, clerk, Op::Get { key: "x".into() });
//! assert_eq!(value, Outcome::Done(Reply::Value(Some("ab".into()))));
//! ```
//!
//! # What is promised
//!
//! *Linearizability*: each operation that is answered with [`Answer::Done`] takes effect once, at
//! one moment between question and answer, and all see the same order. An operation that is never
//! answered, because its client has crashed, takes effect once or not at all. It takes that
//!
//! - the Raft below keeps the promises of [`Consensus`](raft::Consensus);
//! - the service is deterministic, and its [reads](Service::is_read) change nothing;
//! - no two clerks ever have the same [`ClientId`], and a clerk does one thing at a time.
//!
//! As long as a majority of the servers is up and connected, among themselves and to the client,
//! for long enough to elect a leader and to commit, each operation is answered.
//!
//! What was [refused](Outcome::Refused) is outside of the first promise: "no" means "not so far".
//!
//! # The way of an operation
//!
//! 1. The clerk gives it a number and sends it to the server that it believes to lead
//!    ([`Clerk::start`]).
//! 2. The server looks whether it has been done, or is under way, and else proposes it to its Raft.
//!    From then on somebody waits for the entry: for this one, by index *and* term
//!    (`Server::on_request`, `Server::begin`).
//! 3. Raft commits the entry, and every server applies it: unless its session tells that it has
//!    been done, for the same operation may be in the log twice (`Server::apply`).
//! 4. The server where somebody waits answers (`Server::answer_waiters`). If another entry is
//!    applied in its place, or the leadership is lost, the answer is [`Answer::NotLeader`]: nobody
//!    knows.
//! 5. The clerk asks again, under the same number, until it has an answer ([`Clerk::on_reply`],
//!    [`Clerk::on_wakeup`]).
//!
//! A read takes the same way, or the shorter one of [`Reads::Index`], without an entry.
//!
//! # From rule to function
//!
//! | rule | here |
//! |---|---|
//! | **Clients, finding the leader** (paper, 8; dissertation, 6.2) | |
//! | begin with any server; one that does not lead names the leader | [`Clerk::on_reply`]; [`Answer::NotLeader`] |
//! | no answer in time: another server | [`Clerk::on_wakeup`] |
//! | an alarm for an earlier question moves nobody on | `Clerk::ask`, which waits anew |
//! | all refuse: wait for the election | `Clerk::on_reply`, a pause |
//! | a leader that is deposed tells who waits | `Server::follow_leadership` |
//! | **Exactly once** (paper, 8; dissertation, 6.3) | |
//! | "clients to assign unique serial numbers to every command" | [`Clerk::start`], [`Seq`], [`ClientId`] |
//! | asked again, the number is the same | `Clerk::ask` |
//! | "the state machine tracks the latest serial number processed for each client, along with the associated response" | [`Sessions`] |
//! | a number that was served is answered and not done again | `Server::apply`; for speed already in `Server::on_request` |
//! | sessions are part of the state: snapshots, restarts | [`Service::save`], [`Service::sessions`] |
//! | **Answers** | |
//! | not before the entry is committed and applied | `Server::answer_waiters` |
//! | the entry that was promised, and no other at its index | `Ticket::Entry`, `Server::answer_waiters` |
//! | whoever waits is known before anything is applied | `Server::begin`, then `Server::after_raft` |
//! | the same question twice: one entry | `Waiting::is_under_way` |
//! | **Refusals** | |
//! | the service decides when the operation is applied | [`Outcome::Refused`] |
//! | what would be refused as things stand costs no entry | [`Service::refuses`], asked in `Server::on_request` |
//! | never remembered; asked again, perhaps elsewhere, it is the same operation | `Server::apply`; [`Clerk::ask_again`], [`Clerk::turn_to`] |
//! | **Leadership** | |
//! | a new leader commits an entry of its own term (paper, 5.4.2 and 8) | `Server::follow_leadership` proposes a no-op |
//! | **Reads** (dissertation, 6.4) | |
//! | never from the state of a server that only believes to lead | they go through the log, or: |
//! | read index, confirmed by a round of heartbeats | [`Consensus::read`](raft::Consensus::read), called in `Server::begin` |
//! | answered when that much has been applied | `Server::answer_reads` |
//! | **Snapshots** (paper, 7) | |
//! | when the log is too large | `Server::maybe_snapshot`, [`Config::max_raft_state`] |
//! | of everything that is applied, and nothing else | the same: `Server::applied` |
//! | loaded first after a boot; and when the leader sends one | `Server::apply_committed` |
//!
//! | module | is about |
//! |---|---|
//! | `service` | what a service has to do: [`Service`], [`Outcome`] |
//! | `message` | what is said, and what is in the log |
//! | `session` | who has been served: [`Sessions`] |
//! | `waiting` | who waits for what |
//! | `server` | [`Server`], [`Config`], [`Reads`] |
//! | `clerk` | [`Clerk`] |
//! | `actor` | [`Actor`]: servers and clerks in one world |
//!
//! # What is refused
//!
//! What no correct server or clerk can have sent or logged is counted ([`Server::refused`]), noted
//! and never a panic: an answer to a server; a command in the log that cannot be decoded, which all
//! servers skip alike. A snapshot that cannot be decoded stops the server for good, as a crash does
//! ([`Server::has_stopped`]). What merely comes late or twice is no offence, and is dropped in
//! silence or answered again. Clients are trusted: one that takes the number of another can do
//! things in its name.
//!
//! # What is left out
//!
//! - *The end of a session.* There is an entry for each client that has ever changed something, for
//!   ever, and it is in each snapshot. To drop one, all servers have to drop it at the same place
//!   in the log, and a client that comes back must be told from a new one, or what it asks again
//!   would be done again. So clients would have to be registered, by a command of its own; a
//!   request of a client without a session would be an error; and the servers would have to agree
//!   when one ends: those used least recently beyond a certain number, or by a clock of which the
//!   leader puts the reading into its entries, with signs of life from idle clients (dissertation,
//!   6.3).
//! - *Clients with several operations at a time.* A session would hold the answers to several
//!   numbers, and each request would tell below which all have been answered (the same section).
//!   Here whoever wants more takes several clerks.
//! - *Reads by leases*, without any message, which rest on clocks (6.4.1), and *reads at
//!   followers*, which would ask the leader for the read index (6.4).
//! - *Changes of the membership* (chapter 4): the servers are those of the boot, and clerks know
//!   them (6.1).
//! - *Batches*: each request is an entry of its own; Raft sends them together.
//! - *Back-pressure*: a server takes whatever comes.
//! - *Snapshots beside the work, in parts, or as differences*: each is the whole state, encoded in
//!   the step that takes it. A service whose state cannot be decoded again, as with a string longer
//!   than [`labgob::LIMIT`], has lost it at the next restart: it must not let it come to that.

mod actor;
mod clerk;
mod message;
mod server;
mod service;
mod session;
mod waiting;

pub use actor::Actor;
pub use clerk::Clerk;
pub use message::{Answer, ClientMessage, Message, Reply, Request, describe};
pub use server::{Config, MessageOf, Reads, Server};
pub use service::{Outcome, Service};
pub use session::{ClientId, Past, Seq, Sessions};
