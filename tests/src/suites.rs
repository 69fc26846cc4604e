//! Every scenario: a name, what it is about, and a script that is generic over what is under test.
//!
//! One file per part of the labs. [`Scenario`] is what can be said of one without running it;
//! [`lab2`] and its like put scenarios and scripts together for one implementation.

mod generic;
pub mod part_2a;
pub mod part_2b;
pub mod part_2c;
pub mod part_2d;
pub mod part_2x;
pub mod part_3a;
pub mod part_3b;
pub mod part_3x;
pub mod part_4a;
pub mod part_4b;
pub mod part_4x;

use crate::Outcome;
use crate::cluster::Cluster;
use crate::kv::{Lab3, Service};
use crate::script::Script;
use crate::shard::{Alone, Lab4A, Lab4B, Sharded};
use labrpc::Network;
use raft::Consensus;
use std::future::Future;
use std::pin::Pin;

/// What can be said of a scenario without running it.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name, which ends in its part.
    pub name: &'static str,
    /// Which part of the labs it belongs to, or which directed part beyond them (`2x`).
    pub part: &'static str,
    /// What it is about, in one sentence.
    pub about: &'static str,
    /// The names that the Go suites of all years have for it.
    pub go: &'static [&'static str],
    /// How many servers it has.
    pub servers: usize,
    /// Whether it begins on an unreliable network.
    pub unreliable: bool,
    /// Whether the service takes snapshots.
    pub snapshots: bool,
    /// How many bytes of Raft state are too many, from lab 3B on.
    pub max_raft_state: Option<usize>,
    /// Whether many small appends may be in flight, and a few entries stay behind a snapshot.
    pub pipelined: bool,
}

impl Scenario {
    /// The network that it begins on.
    pub fn network(&self) -> Network {
        if self.unreliable { Network::unreliable() } else { Network::reliable() }
    }
}

/// A running script.
pub type Running = Pin<Box<dyn Future<Output = Outcome>>>;

/// A scenario and its script for one kind of stage.
pub struct Entry<C> {
    /// What it is.
    pub scenario: Scenario,
    /// What it does.
    pub script: fn(Script<C>) -> Running,
}

/// Puts scenarios and scripts together: what they need of an implementation and the stage they run
/// on, then for each `name: servers network snapshots [Go names] sentence`. The snapshots of labs 3
/// and 4 are a number of bytes.
macro_rules! scenarios {
    ($part:literal, $needs:path => $stage:ident; $($name:ident: $servers:literal $net:ident $snap:tt [$($go:literal)*] $about:literal;)*) => {
        /// The scenarios of this part, for one implementation.
        pub fn scenarios<I: $needs + 'static>() -> Vec<$crate::suites::Entry<$stage<I>>> {
            vec![$($crate::suites::Entry {
                scenario: $crate::suites::Scenario {
                    name: stringify!($name),
                    part: $part,
                    about: $about,
                    go: &[$($go),*],
                    servers: $servers,
                    unreliable: $crate::suites::scenarios!(@net $net),
                    snapshots: $crate::suites::scenarios!(@snap $snap),
                    max_raft_state: $crate::suites::scenarios!(@limit $snap),
                    pipelined: $crate::suites::scenarios!(@pipe $snap),
                },
                script: |lab| Box::pin($name(lab)),
            }),*]
        }
    };
    (@net reliable) => { false };
    (@net unreliable) => { true };
    (@snap plain) => { false };
    (@snap $snapshots:tt) => { true };
    (@limit $limit:literal) => { Some($limit) };
    (@limit $none:ident) => { None };
    (@pipe pipelined) => { true };
    (@pipe $other:tt) => { false };
}
pub(crate) use scenarios;

/// All scenarios of lab 2, for one Raft.
pub fn lab2<R: Consensus + 'static>() -> Vec<Entry<Cluster<R>>> {
    let mut all = part_2a::scenarios();
    all.extend(part_2b::scenarios());
    all.extend(part_2c::scenarios());
    all.extend(part_2d::scenarios());
    all
}

/// The directed scenarios beyond lab 2, for one Raft.
pub fn lab2x<R: Consensus + 'static>() -> Vec<Entry<Cluster<R>>> {
    part_2x::scenarios()
}

/// All scenarios of lab 3, for one solution.
pub fn lab3<L: Lab3>() -> Vec<Entry<Service<L>>> {
    let mut all = part_3a::scenarios();
    all.extend(part_3b::scenarios());
    all
}

/// The directed scenarios beyond lab 3, for one solution.
pub fn lab3x<L: Lab3>() -> Vec<Entry<Service<L>>> {
    part_3x::scenarios()
}

/// All scenarios of lab 4A, for one solution.
pub fn lab4a<L: Lab4A>() -> Vec<Entry<Sharded<Alone<L>>>> {
    part_4a::scenarios()
}

/// All scenarios of lab 4B, for one solution.
pub fn lab4b<L: Lab4B>() -> Vec<Entry<Sharded<L>>> {
    part_4b::scenarios()
}

/// The directed scenarios beyond lab 4, for one solution.
pub fn lab4x<L: Lab4B>() -> Vec<Entry<Sharded<L>>> {
    part_4x::scenarios()
}
