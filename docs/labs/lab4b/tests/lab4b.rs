//! `cargo test 4b` runs a part, `cargo test concurrent` what is called so, and `LAB_SEED=17` in front of it
//! the one seed.

tests::shard_tests!(lab4b::Lab);
tests::shard_tests_4x!(lab4b::Lab);
