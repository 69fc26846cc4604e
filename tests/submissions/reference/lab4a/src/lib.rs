//! The reference's shard master over the reference's Raft, handed in as they are.
//!
//! Expected: all points of lab 4A where the reference is allowed; otherwise it is refused before it is
//! compiled.

/// The solution.
pub type Lab = tests::shard::Over<raft::Raft>;
