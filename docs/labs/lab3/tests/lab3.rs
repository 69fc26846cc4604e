//! `cargo test 3a` runs a part, `cargo test partition` what is called so, and `LAB_SEED=17` in front of it
//! the one seed.

tests::kv_tests!(lab3::Lab);
tests::kv_tests_3x!(lab3::Lab);
