//! Other people's solutions of lab 3: the suites must pass those that are sound, and find what is
//! wrong with the others, through the same door as the reference.
//!
//! [`Student`] shares nothing with the reference servers and clerks but the Raft below. It proposes
//! no entry of its own when it begins to lead, its answers name no leader, its clerks wait as long
//! as they see fit, and it shows nothing of its Raft: what the suites demand of it, they demand of
//! everybody. [`Flaw`] says what can be wrong with it.
//!
//! [`Plain`] is a Raft with nothing but what a Raft must have, under the reference servers.

mod flaw;
mod plain;
mod student;

use flaw::Flaw;
use kvraft::rsm::Reads;
use plain::Plain;
use std::sync::Arc;
use student::Student;
use tests::catalogue::{Case, Catalogue};
use tests::cli::testing::verdict;
use tests::kv::Over;

/// All scenarios for a student's solution with this flaw.
fn catalogue(flaw: Flaw) -> Catalogue {
    let sound = Catalogue::of_kv::<Student>();
    let broken = sound.cases().iter().cloned().map(|case| {
        let described = case.clone();
        Case::new(
            case.scenario,
            Arc::new(move |_| described.config()),
            Arc::new(move |seed, options| {
                flaw.commit();
                case.run(seed, options)
            }),
        )
    });
    Catalogue::new(broken.collect())
}

/// Demands that every scenario of some parts passes.
fn all_pass(catalogue: &Catalogue, parts: &[&str], seeds: u64) {
    let cases = catalogue.cases().iter().filter(|case| parts.contains(&case.scenario.part));
    let failures: Vec<String> =
        cases.filter_map(|case| verdict(catalogue, case.name(), 0..seeds).err()).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// Demands that a scenario finds this property broken within a few seeds, in which the sound
/// solution passes; the answer is what is said.
fn caught(flaw: Flaw, scenario: &str, property: &str) -> String {
    const SEEDS: u64 = 10;
    let broken = catalogue(flaw);
    let (seed, text) = (0..SEEDS)
        .filter_map(|seed| Some((seed, verdict(&broken, scenario, [seed]).err()?)))
        .find(|(_, text)| text.contains(&format!("reason:    {property}: ")))
        .unwrap_or_else(|| panic!("{flaw:?}: {scenario} does not find {property} broken"));
    assert!(text.starts_with(&format!("{scenario} failed 1 of 1 run\n")), "{text}");
    assert_eq!(verdict(&catalogue(Flaw::None), scenario, 0..=seed), Ok(()));
    text
}

// ---- what is sound -----------------------------------------------------------------------------

#[test]
fn a_students_solution_passes_3a() {
    all_pass(&catalogue(Flaw::None), &["3a"], 10);
}

#[test]
fn a_students_solution_passes_3b() {
    all_pass(&catalogue(Flaw::None), &["3b"], 10);
}

#[test]
fn a_students_solution_passes_3x() {
    all_pass(&catalogue(Flaw::None), &["3x"], 10);
}

#[test]
fn a_raft_without_extras_carries_the_reference_servers() {
    for reads in [Reads::Log, Reads::Index] {
        let catalogue = Catalogue::of_kv::<Over<Plain>>().with_reads(reads);
        all_pass(&catalogue, &["3a", "3b", "3x"], 3);
    }
}

// ---- answers -----------------------------------------------------------------------------------

#[test]
fn answers_to_whoever_waits_at_an_index() {
    caught(Flaw::AnswersByIndex, "promised_index_3x", "exactly once");
    caught(Flaw::AnswersByIndex, "paused_leader_3x", "linearizability");
    caught(Flaw::AnswersByIndex, "one_partition_3a", "get");
}

#[test]
fn answers_before_anything_is_committed() {
    caught(Flaw::AnswersBeforeCommit, "one_partition_3a", "no progress in a minority");
    caught(Flaw::AnswersBeforeCommit, "promised_index_3x", "no progress in a minority");
}

#[test]
fn reads_at_a_leader_that_may_be_none() {
    caught(Flaw::ReadsAtLeader, "one_partition_3a", "no progress in a minority");
    caught(Flaw::ReadsAtLeader, "crash_points_3x", "linearizability");
}

#[test]
fn reads_at_any_server() {
    caught(Flaw::ReadsAnywhere, "basic_3a", "exactly once");
    caught(Flaw::ReadsAnywhere, "paused_leader_3x", "linearizability");
}

#[test]
fn waits_for_an_entry_that_is_lost() {
    caught(Flaw::WaitsForever, "many_partitions_many_clients_3a", "time limit");
}

// ---- once --------------------------------------------------------------------------------------

#[test]
fn what_is_in_the_log_twice_is_done_twice() {
    caught(Flaw::LooksOnlyWhenAsked, "persist_one_client_3a", "exactly once");
    caught(Flaw::LooksOnlyWhenAsked, "late_messages_3x", "linearizability");
}

#[test]
fn what_comes_seconds_late_is_done_again() {
    caught(Flaw::KnowsOnlyTheLatest, "late_request_3x", "exactly once");
    caught(Flaw::KnowsOnlyTheLatest, "late_messages_3x", "linearizability");
}

#[test]
fn what_was_answered_once_is_answered_with_nothing() {
    caught(Flaw::ForgetsAnswers, "unreliable_3a", "get");
}

/// It undoes what others have written since.
#[test]
fn a_put_is_done_again() {
    caught(Flaw::RepeatsPuts, "server_crashes_3x", "linearizability");
}

#[test]
fn a_duplicate_is_taken_for_impossible() {
    let scenario = "many_partitions_one_client_3a";
    let text = caught(Flaw::PanicsOnDuplicate, scenario, "panic");
    assert!(text.contains("student.rs") && text.contains("was done before"), "{text}");
}

#[test]
fn an_append_replaces_the_value() {
    caught(Flaw::AppendsLikePut, "basic_3a", "get");
}

// ---- snapshots ---------------------------------------------------------------------------------

#[test]
fn no_snapshot_is_taken() {
    caught(Flaw::NeverSnapshots, "snapshot_size_3b", "state size");
    caught(Flaw::SnapshotsAsLeader, "snapshot_size_3b", "state size");
}

#[test]
fn a_snapshot_without_those_who_were_served() {
    caught(Flaw::SavesNoTable, "lost_answer_3x", "exactly once");
}

#[test]
fn a_snapshot_that_lacks_what_it_is_said_to_cover() {
    caught(Flaw::SavesTooEarly, "snapshot_unreliable_3b", "get");
    caught(Flaw::SavesTooEarly, "crash_points_3x", "linearizability");
}

#[test]
fn a_snapshot_of_which_the_end_is_done_again() {
    caught(Flaw::SavesTableTooEarly, "snapshot_unreliable_recover_3b", "exactly once");
    caught(Flaw::SavesTableTooEarly, "crash_points_3x", "linearizability");
}

#[test]
fn a_snapshot_of_what_is_not_applied() {
    let text = caught(Flaw::LabelsTooHigh, "snapshot_size_3b", "panic");
    assert!(text.contains("a snapshot of ") && text.contains(" is applied"), "{text}");
}

/// The entry that it covers unsaid is replayed, and known to be done.
#[test]
fn a_snapshot_that_covers_more_than_it_says_does_no_harm() {
    all_pass(&catalogue(Flaw::LabelsTooLow), &["3b"], 2);
}

#[test]
fn a_snapshot_that_is_not_loaded() {
    caught(Flaw::StartsEmpty, "snapshot_recover_3b", "exactly once");
    caught(Flaw::IgnoresInstalled, "server_crashes_3x", "linearizability");
}

// ---- clerks ------------------------------------------------------------------------------------

#[test]
fn asked_again_it_is_another_operation() {
    caught(Flaw::RenamesRetries, "unreliable_one_key_3a", "exactly once");
}

#[test]
fn silence_is_taken_for_success() {
    caught(Flaw::TakesSilenceForSuccess, "unreliable_one_key_3a", "exactly once");
    caught(Flaw::TakesSilenceForSuccess, "promised_index_3x", "no progress in a minority");
}

#[test]
fn all_clerks_have_one_name() {
    caught(Flaw::SharesIds, "basic_3a", "exactly once");
    caught(Flaw::SharesIds, "unreliable_one_key_3a", "exactly once");
}

#[test]
fn an_old_answer_is_taken_for_a_new_one() {
    caught(Flaw::BelievesOldAnswers, "late_messages_3x", "linearizability");
}

#[test]
fn one_server_is_never_asked() {
    caught(Flaw::SkipsOneServer, "promised_index_3x", "progress");
    caught(Flaw::SkipsOneServer, "concurrent_3a", "time limit");
}

#[test]
fn nothing_is_asked_twice() {
    caught(Flaw::AsksOnce, "cut_from_leader_3x", "progress");
    caught(Flaw::AsksOnce, "unreliable_one_key_3a", "time limit");
}

// ---- what is said ------------------------------------------------------------------------------

/// Answers that are sent as requests are slower, and never lost on the way to who was cut off. No
/// client can tell.
#[test]
fn answers_sent_as_requests_are_let_through() {
    all_pass(&catalogue(Flaw::RepliesAreRequests), &["3x"], 2);
}

/// What is not linearizable is told with the operation that does not fit, those that rule it out,
/// and what came before.
#[test]
fn a_history_that_has_no_order_is_explained() {
    let text = caught(Flaw::AnswersByIndex, "paused_leader_3x", "linearizability");
    for line in [
        "\n  reason:    linearizability: not linearizable (stale) in \"x\"\n",
        "\n             cannot be placed:\n               #",
        "\n             because of:\n               #",
        "\n             what returned before has an order",
    ] {
        assert!(text.contains(line), "`{line}` is missing in:\n{text}");
    }
}
