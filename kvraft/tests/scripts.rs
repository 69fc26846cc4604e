//! What must happen, step by step: golden scripts of the clerk and of the server, each alone.
//!
//! A script in `scripts/` is a list of commands and, after `---`, what they did. The commands are
//! those of `stage::clerk::Command` and `stage::server::Command`. `UPDATE_GOLDENFILES=1 cargo test
//! -p kvraft` writes what they do now into the files; read it before you believe it.

mod puppet;
mod purse;
mod stage;

/// Makes a test of each script in a folder.
macro_rules! scripts {
    ($folder:ident: $($name:ident)*) => {
        mod $folder {
            use crate::stage::$folder::Stage;

            $(
                #[test]
                fn $name() -> std::io::Result<()> {
                    let (folder, name) = (stringify!($folder), stringify!($name));
                    let path = format!("tests/scripts/{folder}/{name}.txt");
                    goldenscript::run(&mut Stage::default(), path)
                }
            )*

            #[test]
            fn every_script_is_run() -> std::io::Result<()> {
                let listed = [$(stringify!($name)),*];
                for file in std::fs::read_dir(concat!("tests/scripts/", stringify!($folder)))? {
                    let name = file?.file_name().into_string().expect("a name in Unicode");
                    assert!(listed.iter().any(|listed| name == format!("{listed}.txt")), "{name}");
                }
                Ok(())
            }
        }
    };
}

scripts! { clerk:
    a_hint_is_obeyed_at_once
    silence_makes_it_ask_the_next
    an_alarm_of_an_earlier_question_does_not_move_it_on
    it_pauses_when_there_were_as_many_refusals_as_servers
    it_takes_an_answer_during_a_pause
    a_lone_server_is_asked_again_after_a_pause
    a_refusal_of_a_server_that_was_not_asked_last_is_ignored
    an_answer_counts_whoever_gives_it
    answers_to_something_else_are_ignored
    an_answer_that_comes_twice_is_taken_once
    a_hint_that_leads_nowhere_is_as_good_as_none
    two_servers_that_point_at_each_other_do_not_make_it_spin
    everybody_has_a_turn_though_a_hint_leads_back_to_who_is_silent
    asked_again_it_is_the_same_operation
    it_never_gives_up
    a_refusal_of_the_service_is_an_answer
    what_was_refused_is_asked_for_again_under_the_same_number
    one_that_refuses_again_and_again_is_believed_only_so_often
    it_turns_to_other_servers_under_the_same_number
}

scripts! { server:
    a_client_is_answered_when_its_command_is_applied
    another_command_at_its_index_is_no_answer
    a_snapshot_that_ends_at_its_entry_is_no_answer_either
    who_waits_for_what_a_snapshot_covers_is_told_to_ask_again
    a_deposed_leader_says_so_at_once
    a_leader_of_a_later_term_keeps_no_promises_of_the_earlier
    an_entry_committed_in_the_step_that_deposes_its_leader_is_answered
    a_server_that_does_not_lead_says_who_does
    an_operation_under_way_is_not_proposed_again
    an_operation_that_is_done_is_answered_again_and_not_done_again
    an_operation_that_is_in_the_log_twice_is_done_once
    an_echo_of_an_earlier_operation_is_dropped
    an_echo_that_could_not_be_told_is_not_answered
    a_later_operation_takes_the_place_of_an_earlier_one
    the_answer_goes_to_where_the_client_asked_last
    a_new_leader_proposes_a_no_op_and_only_then
    a_refusal_is_not_remembered
    what_is_refused_at_the_door_costs_no_entry
    what_was_refused_can_be_done_by_a_late_copy
    entries_of_the_service_have_no_session
    an_operation_without_a_session_is_done_each_time
    a_command_that_is_none_is_skipped
    a_snapshot_that_is_none_stops_the_server
    a_snapshot_is_taken_when_the_log_is_too_large
    without_a_limit_there_are_no_snapshots
    with_a_limit_of_one_byte_every_step_that_applies_takes_one
    a_long_tail_that_is_not_committed_brings_no_snapshot_at_each_step
    after_a_restart_the_snapshot_brings_back_state_and_sessions
    without_a_snapshot_a_restart_applies_everything_anew
    a_snapshot_of_the_leader_replaces_the_state
    a_read_goes_through_the_log_and_leaves_no_session
    a_confirmed_read_waits_for_what_it_has_to_see
    a_read_is_not_answered_before_it_is_confirmed
    confirmed_reads_are_answered_in_the_order_in_which_they_were_confirmed
    a_read_is_given_up_with_the_leadership
    a_read_once_confirmed_is_answered_by_a_deposed_leader_too
    a_read_under_way_is_not_asked_for_again
    over_a_raft_without_reads_they_go_through_the_log
    a_server_alone_answers_in_one_step
    servers_ask_nothing
}
