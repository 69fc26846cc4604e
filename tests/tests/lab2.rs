//! The reference implementation under every scenario of lab 2, and under those beyond it.
//!
//! `cargo test 2a` runs a part, `cargo test figure_8` what is called so; `LAB_SEEDS=100 cargo test`
//! runs the seeds 0 to 99 of each, `LAB_SEED=17 cargo test` the one.

use std::process::{Command, Output};

tests::raft_tests!(raft::Raft);
tests::raft_tests_2x!(raft::Raft);

/// Runs one of the tests above in a process of its own, with a variable set.
fn with(name: &str, value: &str) -> Output {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args(["--exact", "initial_election_2a"]);
    command.env_remove("LAB_SEED").env_remove("LAB_SEEDS").env(name, value);
    command.output().expect("this program runs")
}

#[test]
fn the_environment_says_which_seeds() {
    assert!(with("LAB_SEED", "17").status.success());
    assert!(with("LAB_SEEDS", "1").status.success());
    for (name, value) in [("LAB_SEED", "seventeen"), ("LAB_SEEDS", "0")] {
        let output = with(name, value);
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{name}={value} is taken");
        assert!(said.contains(&format!("{name}={value}: a ")), "{said}");
    }
}
