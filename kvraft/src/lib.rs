//! Labs 3A and 3B: replicated services over Raft, and a linearizable key/value store as the first
//! of them.
//!
//! | module | is about | lab |
//! |---|---|---|
//! | [`rsm`] | any deterministic service, replicated: servers, sessions, a clerk | 3A, 3B |
//! | [`kv`] | the key/value store: a service of three operations | 3A |
//! | [`Clerk`] | its clients' side: `Get`, `Put`, `Append` | 3A |
//!
//! What is hard about the labs is all in [`rsm`], which knows nothing of keys and values; its essay
//! says which rule is where, and what is left out. The store is what is left to write.
//!
//! ```
//! use kvraft::kv::{Kv, Op, Reply};
//! use kvraft::rsm::{Outcome, Service};
//!
//! // A service is a plain value, and can be tried without any cluster.
//! let mut kv = Kv::default();
//! kv.apply(&Op::Put { key: "x".into(), value: "1".into() });
//! kv.apply(&Op::Append { key: "x".into(), value: "2".into() });
//! let get = Op::Get { key: "x".into() };
//! assert_eq!(kv.apply(&get), Outcome::Done(Reply::Value(Some("12".into()))));
//! ```
//!
//! # The labs' words
//!
//! | the labs | here |
//! |---|---|
//! | `StartKVServer` | [`rsm::Server::boot`] with a [`kv::Kv`] |
//! | `maxraftstate`; -1 | [`rsm::Config::max_raft_state`]; `None` |
//! | `MakeClerk`, `nrand` | [`Clerk::new`], [`rsm::ClientId::random`] |
//! | `Get`, `Put`, `Append` | [`Clerk::get`], [`Clerk::put`], [`Clerk::append`]; the answer is [`Clerk::value`] |
//! | `ErrNoKey` | [`kv::Reply::Value`] of `None` |
//! | `ErrWrongLeader` | [`rsm::Answer::NotLeader`] |
//! | `Op`, in the log | private to [`rsm`]: a no-op, a client's [`rsm::Request`], or an entry of the service's own |
//! | a goroutine that reads `applyCh` | part of every step: [`rsm::Server`] |
//!
//! A service of one's own takes a [`rsm::Service`] and nothing else: the example `lock` is one in a
//! hundred lines (`cargo run -p kvraft --example lock`).
//!
//! # How it is tested
//!
//! | what | where |
//! |---|---|
//! | the store, and what its clerk says | `tests/kv.rs` |
//! | the clerk alone and the server alone, message by message, over a Raft that a script plays | `tests/scripts` |
//! | clusters under storms: each operation once, equal replicas, reads that are not stale | `tests/storms` |
//! | messages, commands and Rafts that are up to no good | `tests/hostile.rs` |
//! | the bytes on the wire, in the log and in snapshots | `tests/bytes.rs` |
//!
//! Whole histories are checked for linearizability by the suites of labs 3A and 3B, in the package
//! `tests`.

mod clerk;
pub mod kv;
pub mod rsm;

pub use clerk::Clerk;
