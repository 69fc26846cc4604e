//! Labs 3A and 3B: a replicated service over Raft, and a linearizable key/value store as its first
//! user.
//!
//! Nothing is here yet. What will be:
//!
//! - `rsm`: any deterministic service, replicated: a server that proposes, applies and answers,
//!   sessions for exactly-once semantics, snapshots by log size, and a clerk that retries;
//! - `kv`: the store with Put, Append and Get, and its clerk.
//!
//! It will stand on the crate `raft` only through the trait `Consensus`, so that it
//! runs over the reference Raft or over a student's.
