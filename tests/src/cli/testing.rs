//! The scenarios as `#[test]`s, for any Raft: one line in a crate of one's own.
//!
//! ```
//! # use raft::Raft as MyRaft;
//! tests::raft_tests!(MyRaft); // the labs' scenarios: `cargo test 2a`
//! tests::raft_tests_2x!(MyRaft); // those beyond the labs
//! # fn main() {}
//! ```
//!
//! What the suites take for granted: an answer is a [`Kind::Reply`](labrpc::Kind), a log has at most 80
//! entries once a snapshot can be taken (2D), and, in the scenes beyond the labs, a server that hears no
//! leader raises its term, which a Raft with a pre-vote does not.
//!
//! Each runs over a few seeds, and once more with the first of them, which has to come to the same.
//! `LAB_SEEDS=N` makes it the seeds 0 to N-1, `LAB_SEED=N` the one. A call that does not come back for 20 s
//! fails the test, which says of which step it is.

use super::explain;
use super::pool::Run;
use super::watchdog::{PATIENCE, Watched, is_endless};
use crate::catalogue::Catalogue;
use crate::run::Options;
use std::env::{self, VarError};
use std::ops::Range;
use std::time::Duration;

/// How many seeds each test runs if nothing is said.
pub const DEFAULT_TEST_SEEDS: u64 = 10;

/// Runs one scenario over the seeds that the environment asks for, as a test.
///
/// # Panics
/// If a run fails, with everything that is to be said of it; and if the environment asks for
/// something that makes no sense.
#[track_caller]
pub fn check(catalogue: &Catalogue, name: &str) {
    let seeds = match seeds_from(variable("LAB_SEED"), variable("LAB_SEEDS")) {
        Ok(seeds) => seeds,
        Err(why) => panic!("{why}"),
    };
    if let Err(text) = verdict(catalogue, name, seeds) {
        panic!("\n{text}");
    }
}

/// Runs one scenario over some seeds; the error is what is to be said of those that failed.
pub fn verdict(
    catalogue: &Catalogue,
    name: &str,
    seeds: impl IntoIterator<Item = u64>,
) -> Result<(), String> {
    verdict_within(catalogue, name, seeds, PATIENCE)
}

/// The same, where a step may take so long before it counts as one without an end. That ends the test: the
/// seeds after it are not run.
///
/// # Errors
/// What is to be said of the runs that failed.
pub fn verdict_within(
    catalogue: &Catalogue,
    name: &str,
    seeds: impl IntoIterator<Item = u64>,
    patience: Duration,
) -> Result<(), String> {
    let case = catalogue.find(name).ok_or_else(|| format!("there is no scenario `{name}`"))?;
    let mut runs: Vec<Run> = Vec::new();
    for seed in seeds {
        let report = Watched::of(case, seed).run(&Options::default(), patience);
        let report = report.map_err(|error| format!("cannot start a thread: {error}"))?;
        let is_last = is_endless(&report);
        runs.push(report.into());
        if is_last {
            break;
        }
    }
    if let Some(text) = explain::failures(catalogue, case, &runs) {
        return Err(text);
    }
    let Some(first) = runs.first() else { return Ok(()) };
    let again = case.run(first.seed, &Options::default()).fingerprint;
    if again == first.fingerprint {
        return Ok(());
    }
    Err(format!(
        "{name} is not deterministic: seed {} came to {:016x}, and when it was run again to {again:016x}\n  \
         `{} determinism {name}` shows where they part\n",
        first.seed,
        first.fingerprint,
        catalogue.program(),
    ))
}

/// A variable of the environment, with something that is no number in place of what is no text.
fn variable(name: &str) -> Option<String> {
    match env::var(name) {
        Ok(value) => Some(value),
        Err(VarError::NotPresent) => None,
        Err(VarError::NotUnicode(value)) => Some(value.to_string_lossy().into_owned()),
    }
}

fn seeds_from(seed: Option<String>, seeds: Option<String>) -> Result<Range<u64>, String> {
    match (seed, seeds) {
        (Some(_), Some(_)) => Err("set LAB_SEED or LAB_SEEDS, not both".to_string()),
        (Some(value), None) => match value.trim().parse::<u64>() {
            Ok(seed) if seed < u64::MAX => Ok(seed..seed + 1),
            _ => Err(format!("LAB_SEED={value}: a seed is wanted, as in LAB_SEED=17")),
        },
        (None, Some(value)) => match value.trim().parse::<u64>() {
            Ok(count) if count > 0 => Ok(0..count),
            _ => {
                Err(format!("LAB_SEEDS={value}: a number of seeds is wanted, as in LAB_SEEDS=100"))
            }
        },
        (None, None) => Ok(0..DEFAULT_TEST_SEEDS),
    }
}

/// Makes a `#[test]` of each scenario of lab 2, for a type that implements [`raft::Consensus`].
///
/// They are called as the scenarios: `cargo test 2a`, `cargo test figure_8`. A second argument says
/// how the crate's own `lab` is called, for the replay commands in failures:
///
/// ```
/// # use raft::Raft as MyRaft;
/// tests::raft_tests!(MyRaft, "cargo run -p my-raft --release --");
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! raft_tests {
    ($raft:ty $(,)?) => {
        $crate::raft_tests!($raft, $crate::catalogue::PROGRAM);
    };
    ($raft:ty, $program:expr $(,)?) => {
        $crate::lab2_names! { [$crate::scenario_tests]
            $crate::catalogue::Catalogue::of_raft::<$raft>().with_program($program)
        }
    };
}

/// Makes a `#[test]` of each directed scenario beyond lab 2; otherwise like [`raft_tests!`].
#[macro_export]
macro_rules! raft_tests_2x {
    ($raft:ty $(,)?) => {
        $crate::raft_tests_2x!($raft, $crate::catalogue::PROGRAM);
    };
    ($raft:ty, $program:expr $(,)?) => {
        $crate::lab2x_names! { [$crate::scenario_tests]
            $crate::catalogue::Catalogue::of_raft::<$raft>().with_program($program)
        }
    };
}

/// Makes a `#[test]` of each scenario of lab 3, for a type that implements
/// [`Lab3`](crate::kv::Lab3); otherwise like [`raft_tests!`]. The reference servers and clerks over a
/// Raft of one's own are such a type:
///
/// ```
/// # use raft::Raft as MyRaft;
/// tests::kv_tests!(tests::kv::Over<MyRaft>, "cargo run -p my-raft --release --");
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! kv_tests {
    ($lab:ty $(,)?) => {
        $crate::kv_tests!($lab, $crate::catalogue::PROGRAM);
    };
    ($lab:ty, $program:expr $(,)?) => {
        $crate::lab3_names! { [$crate::scenario_tests]
            $crate::catalogue::Catalogue::of_kv::<$lab>().with_program($program)
        }
    };
}

/// Makes a `#[test]` of each directed scenario beyond lab 3; otherwise like [`kv_tests!`].
#[macro_export]
macro_rules! kv_tests_3x {
    ($lab:ty $(,)?) => {
        $crate::kv_tests_3x!($lab, $crate::catalogue::PROGRAM);
    };
    ($lab:ty, $program:expr $(,)?) => {
        $crate::lab3x_names! { [$crate::scenario_tests]
            $crate::catalogue::Catalogue::of_kv::<$lab>().with_program($program)
        }
    };
}

/// Makes a `#[test]` of each scenario of lab 4A, for a type that implements
/// [`Lab4A`](crate::shard::Lab4A); otherwise like [`raft_tests!`].
#[macro_export]
macro_rules! master_tests {
    ($lab:ty $(,)?) => {
        $crate::master_tests!($lab, $crate::catalogue::PROGRAM);
    };
    ($lab:ty, $program:expr $(,)?) => {
        $crate::lab4a_names! { [$crate::scenario_tests]
            $crate::catalogue::Catalogue::of_master::<$lab>().with_program($program)
        }
    };
}

/// Makes a `#[test]` of each scenario of lab 4B, for a type that implements
/// [`Lab4B`](crate::shard::Lab4B); otherwise like [`raft_tests!`].
#[macro_export]
macro_rules! shard_tests {
    ($lab:ty $(,)?) => {
        $crate::shard_tests!($lab, $crate::catalogue::PROGRAM);
    };
    ($lab:ty, $program:expr $(,)?) => {
        $crate::lab4b_names! { [$crate::scenario_tests]
            $crate::catalogue::Catalogue::of_shards::<$lab>().with_program($program)
        }
    };
}

/// Makes a `#[test]` of each directed scenario beyond lab 4; otherwise like [`shard_tests!`].
#[macro_export]
macro_rules! shard_tests_4x {
    ($lab:ty $(,)?) => {
        $crate::shard_tests_4x!($lab, $crate::catalogue::PROGRAM);
    };
    ($lab:ty, $program:expr $(,)?) => {
        $crate::lab4x_names! { [$crate::scenario_tests]
            $crate::catalogue::Catalogue::of_shards::<$lab>().with_program($program)
        }
    };
}

/// Hands the names of lab 2's scenarios to a macro: a `#[test]` needs a name that is written down.
#[doc(hidden)]
#[macro_export]
macro_rules! lab2_names {
    ([$($then:tt)+] $($with:tt)*) => {
        $($then)+! { ($($with)*)
            initial_election_2a re_election_2a many_elections_2a
            basic_agree_2b rpc_bytes_2b follower_failure_2b leader_failure_2b fail_agree_2b
            fail_no_agree_2b concurrent_starts_2b rejoin_2b backup_2b count_2b
            persist1_2c persist2_2c persist3_2c figure_8_2c unreliable_agree_2c
            figure_8_unreliable_2c reliable_churn_2c unreliable_churn_2c
            snapshot_basic_2d snapshot_install_2d snapshot_install_unreliable_2d
            snapshot_install_crash_2d snapshot_install_un_crash_2d snapshot_all_crash_2d
            snapshot_init_2d
        }
    };
}

/// Hands the names of the directed scenarios beyond lab 2 to a macro.
#[doc(hidden)]
#[macro_export]
macro_rules! lab2x_names {
    ([$($then:tt)+] $($with:tt)*) => {
        $($then)+! { ($($with)*)
            figure_8_2x figure_8_committed_2x double_vote_2x kept_match_index_2x stale_votes_2x
            stale_replies_2x stale_snapshot_2x replay_2x even_split_2x one_way_2x paused_leader_2x
            back_up_2x slow_network_2x vote_resets_timer_2x outdated_candidate_2x
            open_load_2x crash_points_2x late_messages_2x pipelined_2x
            restless_links_2x
        }
    };
}

/// Hands the names of lab 3's scenarios to a macro.
#[doc(hidden)]
#[macro_export]
macro_rules! lab3_names {
    ([$($then:tt)+] $($with:tt)*) => {
        $($then)+! { ($($with)*)
            basic_3a speed_3a concurrent_3a unreliable_3a unreliable_one_key_3a one_partition_3a
            many_partitions_one_client_3a many_partitions_many_clients_3a persist_one_client_3a
            persist_concurrent_3a persist_concurrent_unreliable_3a persist_partition_3a
            persist_partition_unreliable_3a persist_partition_unreliable_linearizable_3a
            snapshot_rpc_3b snapshot_size_3b speed_3b snapshot_recover_3b
            snapshot_recover_many_clients_3b snapshot_unreliable_3b snapshot_unreliable_recover_3b
            snapshot_unreliable_recover_concurrent_partition_3b
            snapshot_unreliable_recover_concurrent_partition_linearizable_3b
        }
    };
}

/// Hands the names of the directed scenarios beyond lab 3 to a macro.
#[doc(hidden)]
#[macro_export]
macro_rules! lab3x_names {
    ([$($then:tt)+] $($with:tt)*) => {
        $($then)+! { ($($with)*)
            cut_from_leader_3x late_request_3x lost_answer_3x promised_index_3x quiet_leader_3x
            new_leader_read_3x paused_leader_3x server_crashes_3x crash_points_3x client_crashes_3x
            late_messages_3x restless_3x
        }
    };
}

/// Hands the names of lab 4A's scenarios to a macro.
#[doc(hidden)]
#[macro_export]
macro_rules! lab4a_names {
    ([$($then:tt)+] $($with:tt)*) => {
        $($then)+! { ($($with)*) basic_4a multi_4a minimal_again_4a }
    };
}

/// Hands the names of lab 4B's scenarios to a macro.
#[doc(hidden)]
#[macro_export]
macro_rules! lab4b_names {
    ([$($then:tt)+] $($with:tt)*) => {
        $($then)+! { ($($with)*)
            static_shards_4b rejection_4b join_leave_4b snapshot_4b miss_change_4b concurrent1_4b
            concurrent2_4b concurrent3_4b unreliable1_4b unreliable2_4b unreliable3_4b
            challenge1_delete_4b challenge2_unaffected_4b challenge2_partial_4b
        }
    };
}

/// Hands the names of the directed scenarios beyond lab 4 to a macro.
#[doc(hidden)]
#[macro_export]
macro_rules! lab4x_names {
    ([$($then:tt)+] $($with:tt)*) => {
        $($then)+! { ($($with)*)
            lost_answer_4x stale_client_4x quiet_groups_4x fresh_query_4x busy_giver_4x exchange_4x
            lopsided_4x limp_4x many_groups_4x concurrent_moves_4x concurrent_moves_unreliable_4x
            many_changes_4x server_crashes_4x master_crashes_4x partitions_4x migration_faults_4x
            late_messages_4x
        }
    };
}

/// A `#[test]` for each name, of scenarios in a catalogue.
#[doc(hidden)]
#[macro_export]
macro_rules! scenario_tests {
    (($catalogue:expr) $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                $crate::cli::testing::check(&$catalogue, stringify!($name));
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Case;

    macro_rules! scenario_names {
        (() $($name:ident)*) => { [$(stringify!($name)),*] };
    }

    #[test]
    fn every_scenario_has_a_test() {
        let catalogue = Catalogue::reference();
        let names = |parts: &[&str]| -> Vec<&str> {
            let mine = catalogue.cases().iter().filter(|it| parts.contains(&it.scenario.part));
            mine.map(Case::name).collect()
        };
        assert_eq!(names(&["2a", "2b", "2c", "2d"]), crate::lab2_names!([scenario_names]));
        assert_eq!(names(&["2x"]), crate::lab2x_names!([scenario_names]));
        assert_eq!(names(&["3a", "3b"]), crate::lab3_names!([scenario_names]));
        assert_eq!(names(&["3x"]), crate::lab3x_names!([scenario_names]));
        assert_eq!(names(&["4a"]), crate::lab4a_names!([scenario_names]));
        assert_eq!(names(&["4b"]), crate::lab4b_names!([scenario_names]));
        assert_eq!(names(&["4x"]), crate::lab4x_names!([scenario_names]));
    }

    #[test]
    fn the_environment_says_which_seeds() {
        let seeds = |seed: Option<&str>, seeds: Option<&str>| {
            seeds_from(seed.map(str::to_string), seeds.map(str::to_string))
        };
        assert_eq!(seeds(None, None), Ok(0..DEFAULT_TEST_SEEDS));
        assert_eq!(seeds(Some("17"), None), Ok(17..18));
        assert_eq!(seeds(None, Some("100")), Ok(0..100));
        for bad in ["", "x", "-1", "1.5", "18446744073709551615"] {
            assert!(seeds(Some(bad), None).unwrap_err().starts_with("LAB_SEED="), "{bad}");
        }
        for bad in ["", "x", "-1", "0"] {
            assert!(seeds(None, Some(bad)).unwrap_err().starts_with("LAB_SEEDS="), "{bad}");
        }
        assert!(seeds(Some("1"), Some("2")).unwrap_err().contains("not both"));
    }
}
