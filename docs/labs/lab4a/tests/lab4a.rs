//! `cargo test 4a` runs everything, `cargo test basic` what is called so, and `LAB_SEED=17` in front of it
//! the one seed.

tests::master_tests!(lab4a::Lab);
