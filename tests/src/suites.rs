//! Every scenario: a name, what it is about, and a script that is generic over the Raft under test.
//!
//! One file per part of the labs. [`Scenario`] is what can be said of one without running it;
//! [`lab2`] and its like put scenarios and scripts together for one implementation.

pub mod part_2a;
pub mod part_2b;
pub mod part_2c;
pub mod part_2d;
pub mod part_2x;

use crate::Outcome;
use crate::cluster::{Applier, Lab, Setup};
use labrpc::Network;
use raft::{Config, Consensus};
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
    /// Whether many small appends may be in flight, and a few entries stay behind a snapshot.
    pub pipelined: bool,
}

impl Scenario {
    /// The cluster it runs on.
    pub fn setup(&self) -> Setup {
        let plain = Setup::new(self.servers);
        let pipelined =
            Config { max_entries: 6, max_in_flight: 16, snapshot_tail: 5, ..Config::default() };
        Setup {
            network: if self.unreliable { Network::unreliable() } else { Network::reliable() },
            applier: if self.snapshots { Applier::Snapshots { every: 10 } } else { Applier::Plain },
            config: if self.pipelined { pipelined } else { Config::default() },
            ..plain
        }
    }
}

/// A running script.
pub type Running = Pin<Box<dyn Future<Output = Outcome>>>;

/// A scenario and its script for one Raft.
pub struct Entry<R: Consensus> {
    /// What it is.
    pub scenario: Scenario,
    /// What it does.
    pub script: fn(Lab<R>) -> Running,
}

/// Puts scenarios and scripts together: `name, servers, network, snapshots, Go names, sentence`.
macro_rules! scenarios {
    ($part:literal; $($name:ident: $servers:literal $net:ident $snap:ident [$($go:literal)*] $about:literal;)*) => {
        /// The scenarios of this part, for one Raft.
        pub fn scenarios<R: raft::Consensus + 'static>() -> Vec<$crate::suites::Entry<R>> {
            vec![$($crate::suites::Entry {
                scenario: $crate::suites::Scenario {
                    name: stringify!($name),
                    part: $part,
                    about: $about,
                    go: &[$($go),*],
                    servers: $servers,
                    unreliable: $crate::suites::scenarios!(@net $net),
                    snapshots: $crate::suites::scenarios!(@snap $snap),
                    pipelined: $crate::suites::scenarios!(@pipe $snap),
                },
                script: |lab| Box::pin($name(lab)),
            }),*]
        }
    };
    (@net reliable) => { false };
    (@net unreliable) => { true };
    (@snap plain) => { false };
    (@snap $snapshots:ident) => { true };
    (@pipe pipelined) => { true };
    (@pipe $other:ident) => { false };
}
pub(crate) use scenarios;

/// All scenarios of lab 2, for one Raft.
pub fn lab2<R: Consensus + 'static>() -> Vec<Entry<R>> {
    let mut all = part_2a::scenarios();
    all.extend(part_2b::scenarios());
    all.extend(part_2c::scenarios());
    all.extend(part_2d::scenarios());
    all
}

/// The directed scenarios beyond lab 2, for one Raft.
pub fn lab2x<R: Consensus + 'static>() -> Vec<Entry<R>> {
    part_2x::scenarios()
}
