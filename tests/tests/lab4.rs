//! The reference master, groups and clerks, over the reference Raft, under every scenario of lab 4
//! and under those beyond it.
//!
//! `cargo test 4b` runs a part; `LAB_SEEDS` and `LAB_SEED` say which seeds, as for lab 2.

use tests::shard::Over;

tests::master_tests!(Over<raft::Raft>);
tests::shard_tests!(Over<raft::Raft>);
tests::shard_tests_4x!(Over<raft::Raft>);
