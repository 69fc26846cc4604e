//! The reference's Raft, handed in as it is.
//!
//! Expected: all points of lab 2 where the reference is allowed, as every scenario passes with every seed;
//! otherwise it is refused before it is compiled.

pub use raft::Raft;
