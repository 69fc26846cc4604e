//! `cargo test 2a` runs a part, `cargo test figure_8` what is called so, and `LAB_SEED=17` in front of it
//! the one seed.

tests::raft_tests!(lab2::Raft);
tests::raft_tests_2x!(lab2::Raft);
