//! `cargo test` runs ten seeds of each scenario of lab 2.

tests::raft_tests!(lab0::Raft);
