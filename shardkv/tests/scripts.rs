//! What must happen, step by step: golden scripts of a leader's duties and of the clerk, each
//! alone.
//!
//! A script in `scripts/` is a list of commands and, after `---`, what they did. The commands are
//! those of `stage::group::Command` and `stage::clerk::Command`. `UPDATE_GOLDENFILES=1 cargo test
//! -p shardkv` writes what they do now into the files; read it before you believe it.

#[allow(dead_code, reason = "other tests use more of it")]
mod handmade;
#[allow(dead_code, reason = "other tests use more of it")]
mod puppet;
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

scripts! { group:
    a_new_leader_asks_for_the_next_configuration
    without_news_the_master_is_asked_every_80_ms
    who_has_missed_many_takes_them_one_by_one_without_a_pause
    nothing_is_asked_of_the_master_while_a_shard_is_on_its_way
    a_silent_master_is_asked_again_and_again
    answers_to_earlier_questions_are_ignored
    a_shard_is_brought_until_it_is_there_and_then_dropped
    each_shard_is_brought_by_itself
    who_is_behind_is_asked_again_after_a_pause
    a_silent_group_is_asked_server_by_server
    the_next_leader_takes_up_the_duties
    after_a_restart_what_is_leaving_is_still_leaving
    two_leaders_that_bring_the_same_shard_bring_it_once
    an_exchange_waits_for_nobody
    who_hears_of_a_configuration_asks_the_master_at_once
    what_is_behind_a_configuration_in_the_log_is_refused
    a_configuration_that_is_in_the_log_twice_counts_once
    nobody_proposes_a_configuration_twice_in_a_term
    a_deposed_leader_has_no_duties
    what_was_parked_is_brought_by_who_has_left
    what_only_the_group_may_ask_for_is_refused
    answers_that_are_none_are_refused
}

scripts! { clerk:
    it_asks_the_master_and_then_the_group
    a_wrong_group_sends_it_to_the_master_and_on_under_the_same_number
    what_the_master_does_not_know_better_is_asked_again_after_a_pause
    a_group_that_waits_for_the_shard_is_asked_again_soon
    a_silent_group_makes_it_ask_the_master
    as_long_as_nobody_serves_the_key_it_asks_the_master_now_and_then
    a_silent_master_is_asked_again
    answers_of_a_group_that_it_has_left_are_ignored
    an_answer_that_comes_twice_is_taken_once
    an_older_configuration_is_not_believed
    answers_that_are_none_are_refused
}
