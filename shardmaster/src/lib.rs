//! Lab 4A: the shard master. It says which replica group serves which shard, and remembers what it
//! has ever said.
//!
//! Keys are partitioned into shards, and shards are served by replica groups (lab 4B). A
//! configuration says which group serves which shard; groups join and leave, and the master makes a
//! new one, in which the shards are spread evenly again and as few as possible have moved. Groups
//! and clients ask for configurations by number: groups go through all of them, one by one, and
//! clients want the latest.
//!
//! It is lab 3 with another service: a [`Master`] over [`kvraft::rsm`], which has the replication,
//! the sessions and the snapshots. So what is here are values and functions.
//!
//! ```
//! use kvraft::rsm::{Outcome, Service};
//! use labrpc::NodeId;
//! use shardmaster::{ConfigNum, Gid, Master, Op, Reply, Shard};
//!
//! let (one, two) = (Gid::new(100), Gid::new(101));
//! let mut master = Master::new(4);
//! let servers = |first: u16| [first, first + 1, first + 2].map(NodeId::new).to_vec();
//! let groups = [(one, servers(0)), (two, servers(3))].into();
//! assert_eq!(master.apply(&Op::Join { groups }), Outcome::Done(Reply::Made(ConfigNum::new(1))));
//! assert_eq!(master.latest().shards, [Some(one), Some(one), Some(two), Some(two)]);
//!
//! master.apply(&Op::Move { shard: Shard::new(0), gid: two });
//! master.apply(&Op::Leave { gids: vec![one] });
//! assert_eq!(master.latest().shards, [Some(two); 4]);
//! let Outcome::Done(Reply::Config(first)) =
//!     master.apply(&Op::Query { num: Some(ConfigNum::new(1)) })
//! else {
//!     unreachable!("a query is answered with a configuration");
//! };
//! assert_eq!(first.owner(Shard::new(0)), Some(one), "what it has said it has said");
//! ```
//!
//! # From rule to function
//!
//! | rule | here |
//! |---|---|
//! | configurations are numbered from 0, in which nobody serves anything | [`Config::first`], [`ConfigNum::FIRST`] |
//! | they never change | [`Master::configs`] only grows |
//! | Join and Leave spread the shards evenly, and move as few as possible | [`balance()`] |
//! | Move does what it is told, and the balance is nobody's concern until groups next join or leave | [`Op::Move`] |
//! | who changes something is told the number; who changes nothing makes no configuration | [`Reply::Made`], [`Reply::Unchanged`] |
//! | what makes no sense changes nothing at all, even beside something that does | [`Reply::Invalid`], [`Problem`] |
//! | a query for a number yet to come is answered with the latest | [`Op::Query`] |
//! | all servers make the same configurations | [`balance()`] is a function of its arguments, and no map is iterated in random order |
//! | who leaves with a shard that nobody serves then is not forgotten | [`Config::holders`] |
//! | a configuration from elsewhere is looked at before it is believed | [`Config::is_sound`], [`Config::follows`] |
//! | once for each request; not from a server that only believes to lead | [`kvraft::rsm`] |
//!
//! # The labs' words
//!
//! | the labs | here |
//! |---|---|
//! | `NShards` | an argument of [`Master::new`]; [`SHARDS`] |
//! | gid 0 | `None`; who says 0 is told [`Problem::GroupZero`] |
//! | `Query(-1)` | [`Op::Query`] of `None` |
//! | `StartServer`, `MakeClerk` | [`kvraft::rsm::Server::boot`] with a [`Master`], [`kvraft::rsm::Clerk`] |
//!
//! # What is left out
//!
//! - *The end of history*: all configurations are kept for ever, and are in each snapshot. To
//!   forget one the master would have to know that all groups are past it.
//! - *Weights*: each shard counts as much as any other, and so does each group.
//! - *Other servers for a group*: a group that has joined keeps the servers that it joined with.
//!
//! # How it is tested
//!
//! | what | where |
//! |---|---|
//! | the laws of [`balance()`], against an assignment found by trying all of them | `tests/balance.rs` |
//! | what the master answers and what it changes, request by request | `tests/master.rs` |
//! | the bytes in logs and snapshots, and bytes that are none | `tests/bytes.rs` |
//!
//! Clusters of masters are tested by the suite of lab 4A, in the package `tests`, and under the
//! storms of `shardkv`.

mod balance;
mod config;
mod master;

pub use balance::balance;
pub use config::{Config, ConfigNum, Gid, Shard};
pub use master::{Master, Op, Problem, Reply, SHARDS};
