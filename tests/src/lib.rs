//! Scenarios, monitors and the `lab` command.

pub mod arena;
pub mod calls;
pub mod catalogue;
pub mod child;
pub mod cli;
pub mod cluster;
#[cfg(feature = "exhaustive")]
pub mod explore;
mod failure;
#[cfg(feature = "judge")]
pub mod grade;
pub mod kv;
pub mod linear;
pub mod load;
pub mod monitor;
pub mod mutants;
mod panics;
pub mod points;
pub mod run;
pub mod scale;
pub mod script;
pub mod shard;
pub mod suites;
pub mod swarm;
pub mod viewer;
#[cfg(feature = "grade")]
mod workers;

pub use failure::{ENDLESS, Failure, NOT_WRITTEN, NotWritten, Outcome};
