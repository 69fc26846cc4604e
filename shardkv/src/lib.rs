//! Lab 4B: a sharded key/value store. Replica groups serve a part of the keys each, and the parts
//! move between them while clients go on.
//!
//! One group can only do so much, however many servers it has: each of them does everything. So the
//! keys are partitioned into shards, several groups serve some of them each, and the shard master
//! (lab 4A, [`shardmaster`]) says which. Groups and master are replicated services over
//! [`kvraft::rsm`]; what is left for this crate is how a shard comes from one group to another, and
//! how a client finds it. There is nothing like it in the Raft paper; the labs' handout describes
//! it, and the dissertation of Ongaro ends where it begins.
//!
//! ```
//! use kvraft::kv;
//! use kvraft::rsm::{self, ClientId, Config};
//! use labrpc::{Context, Instant, Network, NodeId, Process, World};
//! use raft::Raft;
//! use shardkv::{Clerk, Group, MasterServer, Message};
//! use shardmaster::{Gid, Master, Op, Reply};
//! use std::time::Duration;
//!
//! /// Masters, groups and clerks are nodes of one world.
//! enum Node {
//!     Master(MasterServer<Raft>),
//!     Keeper(rsm::Clerk<Op, Reply>),
//!     Group(Group<Raft>),
//!     Clerk(Clerk),
//! }
//!
//! impl Process for Node {
//!     type Message = Message<raft::Message>;
//!     fn on_message(
//!         &mut self,
//!         cx: &mut Context<'_, Self::Message>,
//!         from: NodeId,
//!         message: Self::Message,
//!     ) {
//!         match (self, message) {
//!             (Self::Master(it), message) => it.on_message(cx, from, message),
//!             (Self::Keeper(it), Message::Master(rsm::ClientMessage::Reply(reply))) => {
//!                 it.on_reply(cx, from, reply);
//!             }
//!             (Self::Keeper(_), _) => {}
//!             (Self::Group(it), message) => it.on_message(cx, from, message),
//!             (Self::Clerk(it), message) => it.on_message(cx, from, message),
//!         }
//!     }
//!     fn on_wakeup(&mut self, cx: &mut Context<'_, Self::Message>) {
//!         match self {
//!             Self::Master(it) => it.on_wakeup(cx),
//!             Self::Keeper(it) => it.on_wakeup(cx),
//!             Self::Group(it) => it.on_wakeup(cx),
//!             Self::Clerk(it) => it.on_wakeup(cx),
//!         }
//!     }
//!     fn next_wakeup(&self) -> Option<Instant> {
//!         match self {
//!             Self::Master(it) => it.next_wakeup(),
//!             Self::Keeper(it) => it.next_wakeup(),
//!             Self::Group(it) => it.next_wakeup(),
//!             Self::Clerk(it) => it.next_wakeup(),
//!         }
//!     }
//! }
//!
//! let mut world = World::new(7, Network::unreliable());
//! let [masters, one, two] = [0, 3, 6].map(|first| [0, 1, 2].map(|n| NodeId::new(first + n)));
//! let config = Config { max_raft_state: Some(1_000), ..Config::default() };
//! for _ in masters {
//!     let config = config.clone();
//!     world.add(move |cx| {
//!         Node::Master(MasterServer::boot(cx, &masters, Master::new(10), config.clone()))
//!     });
//! }
//! for (gid, servers) in [(100, one), (101, two)] {
//!     for _ in servers {
//!         let config = config.clone();
//!         world.add(move |cx| {
//!             Node::Group(Group::boot(cx, Gid::new(gid), &servers, &masters, 10, config.clone()))
//!         });
//!     }
//! }
//! let keeper = world.add(move |cx| {
//!     Node::Keeper(rsm::Clerk::new(ClientId::random(cx.rng), masters.to_vec()))
//! });
//! let client = world.add(move |cx| Node::Clerk(Clerk::new(cx, masters.to_vec())));
//!
//! let mut tell = |world: &mut World<Node>, op: Op| {
//!     world.poke(keeper, |node, cx| {
//!         let Node::Keeper(clerk) = node else { unreachable!() };
//!         clerk.start(cx, op);
//!     });
//!     let told = |world: &World<Node>| {
//!         matches!(world.node(keeper), Some(Node::Keeper(clerk)) if clerk.reply().is_some())
//!     };
//!     world.run_until(Duration::from_secs(30), told).expect("a majority of the masters is up");
//! };
//! let mut ask = |world: &mut World<Node>, op: kv::Op| {
//!     world.poke(client, |node, cx| {
//!         let Node::Clerk(clerk) = node else { unreachable!() };
//!         clerk.start(cx, op);
//!     });
//!     let answer = |world: &World<Node>| match world.node(client) {
//!         Some(Node::Clerk(clerk)) => clerk.reply().cloned(),
//!         _ => None,
//!     };
//!     let answered = |world: &World<Node>| answer(world).is_some();
//!     world.run_until(Duration::from_secs(30), answered).expect("it is served");
//!     answer(world).unwrap()
//! };
//!
//! tell(&mut world, Op::Join { groups: [(Gid::new(100), one.to_vec())].into() });
//! let append = |value: &str| kv::Op::Append { key: "x".into(), value: value.into() };
//! assert_eq!(ask(&mut world, append("a")), kv::Reply::Stored);
//! tell(&mut world, Op::Join { groups: [(Gid::new(101), two.to_vec())].into() });
//! tell(&mut world, Op::Leave { gids: vec![Gid::new(100)] });
//! assert_eq!(ask(&mut world, append("b")), kv::Reply::Stored, "at the other group");
//! let value = ask(&mut world, kv::Op::Get { key: "x".into() });
//! assert_eq!(value, kv::Reply::Value(Some("ab".into())));
//! ```
//!
//! # What is promised
//!
//! *Linearizability*, over all keys and whatever moves: each operation that is answered takes
//! effect once, at one moment between question and answer. It rests on three things that are true
//! of every moment:
//!
//! - At most one group serves a shard.
//! - Nothing written is lost: somebody has it, and the next one gets it from there.
//! - Who has been served is known wherever the shard is.
//!
//! *Service goes on.* As long as the groups concerned have majorities that are up and connected, a
//! shard that a change does not touch is served without a pause, and one that moves as soon as it
//! has arrived, whatever else is on its way. A client that asks the wrong group is told so at once.
//! The master is needed for a change, and by a client that does not know whom to ask.
//!
//! # How a shard moves
//!
//! A group is what its log says. What it does is decided by entries, so that all servers do the
//! same and a crash loses nothing; what its leader does besides (`Duties`) is to find out which
//! entry is next. It can be begun anew at any time, by anybody, and whatever it causes to be in a
//! log twice counts once.
//!
//! A shard goes from A to B in configuration 7:
//!
//! 1. The leader of A asks the master for configuration 7, as soon as A is done with 6, and
//!    proposes it. From the moment when this entry is applied ([`Op::Configure`]) A does not serve
//!    the shard any more. It is [`Leaving`](State::Leaving): frozen, together with its sessions. An
//!    operation that is behind it in A's log is refused, whatever was said when it was proposed.
//! 2. The same happens at B, sooner or later; there the shard is [`Awaited`](State::Awaited).
//! 3. The leader of A asks B to install it, as a client ([`Op::Install`]). If B has not come to 7,
//!    it is told so, and asks again; and B asks the master at once.
//! 4. B's leader proposes it, and when the entry is applied B serves the shard
//!    ([`Serving`](State::Serving)). Only now is A told that it is there.
//! 5. A's leader proposes that it be dropped ([`Op::Drop`]). When that is applied, A has nothing of
//!    it any more, and is done with 7 if there was nothing else.
//!
//! # Why there is never a second one
//!
//! A group comes to configurations one by one, none left out, and has never more than one change
//! under way. So by induction: when A comes to 7 it has what it served in 6, and nobody else has.
//! B begins to serve with what A has frozen, which A cannot serve before B gives it back by the
//! same way. That the two come to 7 at different times does no harm: in between nobody serves it.
//!
//! # Why deletion is safe
//!
//! A deletes on B's word that the shard is there, and B says so when the entry has been applied: it
//! is committed, and survives whatever B can survive. If A's leader crashes before it has heard, or
//! before the drop is committed, the next one finds the shard still leaving and asks again. B says
//! once more that it is there, without an entry if it has been applied, and installs nothing. That
//! is true even when B has gone on to later configurations, or given the shard away: it could not
//! have gone on without. A drop says which configuration it is about, so that one that is late
//! cannot take away what is leaving for a second time.
//!
//! # Why nothing deadlocks
//!
//! A group waits for others in two states only, [`Awaited`](State::Awaited) and
//! [`Leaving`](State::Leaving), and in both it does what others wait for: it installs what it is
//! brought, whatever else it waits for. So A and B can exchange shards in one configuration. And it
//! never waits for somebody who is ahead of it, as who is behind never does anything that needs the
//! later configuration: of all groups, those that are furthest behind can always go on.
//!
//! A group that never comes back keeps what it has, and whoever is to get it waits for ever: it
//! serves what else it has, and comes to no later configuration. No promise covers a majority that
//! is lost.
//!
//! # When nobody serves a shard
//!
//! If all groups leave, the shards are nobody's. Whoever had one last keeps it
//! ([`Parked`](State::Parked)), goes on asking the master, and gives it away when some group is to
//! serve it. Each configuration says who that is
//! ([`Config::holders`](shardmaster::Config::holders)): the group that is to serve it has long
//! forgotten, if it ever knew. In the labs everything would be lost.
//!
//! # From rule to function
//!
//! | rule | here |
//! |---|---|
//! | **Configurations** | |
//! | one by one, none left out | `Duties::next` asks for the number after the group's own; [`Config::follows`](shardmaster::Config::follows) |
//! | not before the last one is done | `Duties::next`; again when it is applied: `Store::configure` |
//! | through the log, so that all servers change at the same place | [`Op::Configure`] |
//! | every 80 ms, and at once when there may be more or somebody is ahead | `Duties::next`, `Duties::poll_now` |
//! | **Clients** | |
//! | served only while the shard is here, and that is decided when the operation is applied | `Store::apply` |
//! | what cannot be served is refused at once | `Store::refuses`; [`Reply::WrongGroup`], [`Reply::NotYet`] |
//! | who has been served travels with the shard | [`Contents::sessions`] |
//! | one number, whoever is asked | [`Clerk`], by [`kvraft::rsm::Clerk::turn_to`] |
//! | the wrong group: ask the master. Not yet: ask again. Silence: ask the master | `Clerk::on_answer`, `Clerk::on_wakeup` |
//! | **Migration** | |
//! | who gives it away brings it | `Duties::begin_transfers` |
//! | again and again, whoever leads | the same, after each entry and in each term |
//! | it counts once | `Store::install` |
//! | served at once | the same: other shards play no part |
//! | deleted when it has arrived | `Duties::on_store_reply`, then `Store::drop_shard` |
//! | **Leadership** | |
//! | a leader whose group nobody asks anything commits what is left behind | the no-op of [`kvraft::rsm`] |
//! | nothing but the leader's term has duties | `Group::after_step` |
//!
//! | module | is about |
//! |---|---|
//! | `shard` | what a group has of a shard, as a diagram: [`State`], [`Contents`], [`shard_of`] |
//! | `store` | a group's part of the store, as a service: [`Store`], [`Op`], [`Reply`] |
//! | `migrate` | what a leader does besides: `Duties` |
//! | `group` | a server of a group: [`Group`] |
//! | `master` | a server of the master: [`MasterServer`] |
//! | `clerk` | [`Clerk`] |
//! | `message` | [`Message`]: what they say to each other |
//!
//! # The labs' words
//!
//! | the labs | here |
//! |---|---|
//! | `StartServer`, with `make_end` | [`Group::boot`]; whoever has a [`NodeId`](labrpc::NodeId) can send |
//! | `key2shard` | [`shard_of`] |
//! | `ErrWrongGroup` | [`Reply::WrongGroup`], [`Reply::NotYet`] |
//! | `config.Num`, gid 0 | [`shardmaster::ConfigNum`], `None` |
//! | challenge 1: delete what is another's | [`Op::Drop`] |
//! | challenge 2: serve what is not concerned, and what has arrived | each shard has a [`State`] of its own |
//!
//! # What is refused
//!
//! What no correct node can have said is counted ([`Group::refused`], [`MasterServer::refused`],
//! [`Clerk::refused`]), noted, and changes nothing: requests to a group that only the group itself
//! may put into its log, answers that fit no question, configurations that are
//! [unsound](shardmaster::Config::is_sound) or do not follow on the one before. A shard with
//! contents that are none, or another's, is not installed ([`Reply::Invalid`]). What comes late or
//! twice is no offence.
//!
//! # What is left out
//!
//! - *Who brings a shard*: a group that awaits one takes it from anybody, as clients are taken to
//!   be who they say they are. Nothing here is signed.
//! - *Large shards*: a shard travels in one message and one entry, so that a log stands above its
//!   limit once by the size of a shard, and while it is under way all of it is sent again and
//!   again. In parts, or as a snapshot beside the log, it would be another protocol.
//! - *Several changes at a time*: a shard moves only when the change before is over at its group,
//!   even if the two have nothing in common. And whoever is behind goes through all configurations
//!   in between, even if a shard comes back to where it was.
//! - *Splitting and merging*: the number of shards is that of the first configuration.
//! - *A group that changes its servers*: under one gid they are always the same, even if it leaves
//!   and joins again; other servers are another group.
//! - *The end of a session*, as in [`kvraft::rsm`]: there is one for each client and shard that it
//!   has ever changed.
//! - *Operations on several keys*: each is on one key, so that one group suffices.
//!
//! # How it is tested
//!
//! | what | where |
//! |---|---|
//! | a store alone: every arrow of the diagram, late, twice and out of turn | `tests/store.rs`, `tests/configurations.rs` |
//! | many stores and a master, and whatever passes between them late or twice | `tests/exchange.rs` |
//! | a leader's duties and a clerk, message by message | `tests/scripts` |
//! | groups that come to configurations made by hand, crashed in the midst of it | `tests/scenes.rs` |
//! | masters, groups and clerks under storms | `tests/storms.rs` |
//! | messages that are up to no good | `tests/hostile.rs` |
//! | the bytes on the wire, in the log and in snapshots | `tests/bytes.rs` |
//!
//! Whole histories are checked for linearizability by the suites of labs 4A and 4B, in the package
//! `tests`.

mod clerk;
mod group;
mod master;
mod message;
mod migrate;
mod shard;
mod store;

pub use clerk::Clerk;
pub use group::Group;
pub use master::MasterServer;
pub use message::{MasterMessage, Message, StoreMessage};
pub use shard::{Contents, Phase, State, shard_of};
pub use store::{Op, Reply, Store};
