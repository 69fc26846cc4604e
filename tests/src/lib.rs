//! Scenarios, monitors and the `lab` command.

pub mod catalogue;
pub mod cli;
pub mod cluster;
mod failure;
pub mod load;
pub mod monitor;
pub mod run;
pub mod script;
pub mod suites;

pub use failure::{Failure, Outcome};
