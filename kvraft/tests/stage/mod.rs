//! Where the scripts are played: a clerk alone, and a server alone over a puppet.

pub mod clerk;
pub mod server;
