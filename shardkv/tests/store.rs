//! A store alone: every arrow of the diagram in `shard`, and what comes late, twice or out of turn.
//!
//! Phases are written as letters, one for each shard: Serving, Awaited, Leaving, Parked, and a dot
//! for nothing.

#[allow(dead_code, reason = "other tests use more of it")]
mod handmade;

use handmade::{Subject, append, contents, get, history, pair, stored, value, wrong_group};
use kvraft::rsm::{Outcome, Service};
use shardkv::{Op, Reply, Store};
use shardmaster::{ConfigNum, Shard};

fn installed() -> Outcome<Reply> {
    Outcome::Done(Reply::Installed)
}

fn is_here() -> Outcome<Reply> {
    Outcome::Refused(Reply::Installed)
}

fn not_yet() -> Outcome<Reply> {
    Outcome::Refused(Reply::NotYet)
}

// ---- the arrows --------------------------------------------------------------------------------

#[test]
fn before_the_first_configuration_nothing_is_served() {
    let mut store = Subject::new(1);
    assert_eq!((store.phases().as_str(), store.num()), ("....", 0));
    assert_eq!(store.get("0"), wrong_group(0));
    assert!(store.0.is_settled());
}

#[test]
fn what_nobody_ever_had_is_served_at_once() {
    let (mut one, mut two, _) = pair(&["1 1 2 -"]);
    assert_eq!((one.phases().as_str(), two.phases().as_str()), ("SS..", "..S."));
    assert_eq!(one.get("1"), value("b"));
    assert_eq!(one.get("2"), wrong_group(1), "another's");
    assert_eq!(two.get("3"), wrong_group(1), "nobody's");
    assert!(one.0.is_settled() && two.0.is_settled());
    // The key decides, and nothing but its first byte.
    assert_eq!(one.get("1 and so on"), value(""));
    assert_eq!(one.get(""), value(""));
}

#[test]
fn what_goes_on_being_served_is_not_touched() {
    let (mut one, _, all) = pair(&["1 1 2 2", "1 2 1 2"]);
    one.configure(&all[2]);
    assert_eq!(one.phases(), "SLA.");
    assert_eq!(one.get("0"), value("a"));
    assert_eq!(one.ask(7, 1, append("0", "a")), stored(), "it remembers whom it has served");
    assert_eq!(one.ask(7, 9, append("0", "!")), stored());
    assert_eq!(one.get("0"), value("a!"));
}

#[test]
fn what_leaves_is_frozen_with_its_sessions() {
    let (mut one, _, all) = pair(&["1 1 1 1", "2 1 1 1"]);
    one.configure(&all[2]);
    assert_eq!(one.phases(), "LSSS");
    let frozen = one.leaving(0);
    // What is behind the configuration in the log comes too late, whoever asks.
    assert_eq!(one.get("0"), wrong_group(2));
    assert_eq!(one.ask(7, 5, append("0", "x")), wrong_group(2));
    assert_eq!(one.ask(7, 1, append("0", "a")), wrong_group(2), "not even what has been done");
    assert_eq!(one.leaving(0), frozen);
    let expected = {
        let mut before = Subject::new(1);
        before.configure(&all[1]);
        before.ask(7, 1, append("0", "a"));
        before.configure(&all[2]);
        before.leaving(0)
    };
    assert_eq!(frozen, expected);
    assert!(!one.0.is_settled());
}

#[test]
fn what_is_awaited_is_refused_and_the_rest_is_served() {
    let (_, mut two, all) = pair(&["1 1 2 2", "2 2 2 2"]);
    two.configure(&all[2]);
    assert_eq!(two.phases(), "AASS");
    assert_eq!(two.get("0"), not_yet());
    assert_eq!(two.ask(7, 5, append("1", "x")), not_yet());
    assert_eq!(two.get("2"), value("c"));
}

#[test]
fn what_arrives_is_served_at_once_whatever_else_is_awaited() {
    let (mut one, mut two, all) = pair(&["1 1 2 2", "2 2 2 2"]);
    one.configure(&all[2]);
    two.configure(&all[2]);
    assert_eq!(two.install(2, 1, &one.leaving(1)), installed());
    assert_eq!(two.phases(), "ASSS");
    assert_eq!((two.get("0"), two.get("1")), (not_yet(), value("b")));
    assert!(!two.0.is_settled());
    assert_eq!(two.install(2, 0, &one.leaving(0)), installed());
    assert!(two.0.is_settled());
}

#[test]
fn what_has_arrived_is_dropped_alone() {
    let (mut one, _, all) = pair(&["1 1 1 1", "2 2 1 1"]);
    one.configure(&all[2]);
    one.drop_shard(2, 1);
    assert_eq!((one.phases().as_str(), one.0.is_settled()), ("L.SS", false));
    one.drop_shard(2, 0);
    assert_eq!((one.phases().as_str(), one.0.is_settled()), ("..SS", true));
    let state = one.0.save();
    let has = |text: &[u8]| state.windows(text.len()).any(|part| part == text);
    assert!(!has(b"a") && !has(b"b") && has(b"c"), "nothing of it is left");
}

#[test]
fn two_groups_exchange_shards_in_one_configuration() {
    let (mut one, mut two, all) = pair(&["1 1 2 2", "2 1 2 1"]);
    one.configure(&all[2]);
    two.configure(&all[2]);
    assert_eq!((one.phases().as_str(), two.phases().as_str()), ("LS.A", "A.SL"));
    assert_eq!(one.install(2, 3, &two.leaving(3)), installed());
    assert_eq!(two.install(2, 0, &one.leaving(0)), installed());
    one.drop_shard(2, 0);
    two.drop_shard(2, 3);
    assert_eq!((one.phases().as_str(), two.phases().as_str()), (".S.S", "S.S."));
    assert_eq!((one.get("3"), two.get("0")), (value("d"), value("a")));
}

#[test]
fn what_was_never_written_travels_like_everything_else() {
    let all = history(&["1 1 1 1", "2 1 1 1"]);
    let (mut one, mut two) = (Subject::new(1), Subject::new(2));
    one.configure(&all[1]);
    two.configure(&all[1]);
    one.configure(&all[2]);
    two.configure(&all[2]);
    // That nothing is in it only the one who has it can say.
    assert_eq!(two.get("0"), not_yet());
    assert_eq!(two.install(2, 0, &one.leaving(0)), installed());
    assert_eq!(two.get("0"), value(""));
}

// ---- sessions ----------------------------------------------------------------------------------

/// 1. An append is done at the old owner, and the answer gets lost.
/// 2. The shard moves.
/// 3. The client asks the new owner.
#[test]
fn who_was_served_by_the_old_owner_is_known_to_the_new_one() {
    let (mut one, mut two, all) = pair(&["1 1 1 1", "2 1 1 1", "1 1 1 1"]);
    two.configure(&all[1]);
    assert_eq!(two.ask(7, 1, append("0", "a")), wrong_group(1));
    one.configure(&all[2]);
    two.configure(&all[2]);
    assert_eq!(two.ask(7, 1, append("0", "a")), not_yet());
    two.install(2, 0, &one.leaving(0));
    assert_eq!(two.ask(7, 1, append("0", "a")), stored());
    assert_eq!(two.get("0"), value("a"), "once");
    assert_eq!(two.ask(7, 5, append("0", "b")), stored());
    // And back.
    one.drop_shard(2, 0);
    one.configure(&all[3]);
    two.configure(&all[3]);
    one.install(3, 0, &two.leaving(0));
    assert_eq!(one.ask(7, 5, append("0", "b")), stored());
    assert_eq!(one.get("0"), value("ab"));
}

/// What is refused is not remembered: elsewhere it is done.
#[test]
fn who_was_refused_is_served_elsewhere_under_the_same_number() {
    let (mut one, mut two, all) = pair(&["1 1 1 1", "2 1 1 1"]);
    one.configure(&all[2]);
    two.configure(&all[1]);
    two.configure(&all[2]);
    assert_eq!(one.ask(7, 5, append("0", "x")), wrong_group(2));
    two.install(2, 0, &one.leaving(0));
    assert_eq!(two.ask(7, 5, append("0", "x")), stored());
    assert_eq!(two.get("0"), value("ax"));
}

#[test]
fn sessions_are_per_shard_and_own_entries_have_none() {
    let (mut one, _, all) = pair(&["1 1 1 -"]);
    let of = |key: &str| Op::Client(append(key, "x"));
    assert_eq!(one.0.sessions(&of("0")).map(|it| it.len()), Some(1));
    assert!(one.0.sessions(&of("3")).is_none(), "it is going to be refused");
    let (since, shard) = (ConfigNum::new(1), Shard::new(0));
    let own = [
        Op::Configure(all[1].clone()),
        Op::Install { since, shard, contents: contents(&[]) },
        Op::Drop { since, shard },
    ];
    for op in own {
        assert!(one.0.sessions(&op).is_none() && !Store::is_read(&op), "{op:?}");
    }
    assert!(Store::is_read(&Op::Client(get("0"))) && !Store::is_read(&of("0")));
}

// ---- installs that come late, twice, or from nowhere -------------------------------------------

/// What was written stays:
///
/// 1. a shard is installed, and the answer gets lost;
/// 2. a client writes to it;
/// 3. the old owner brings it again.
#[test]
fn a_second_install_does_not_undo_what_was_written_since() {
    let (mut one, mut two, all) = pair(&["1 1 1 1", "2 1 1 1"]);
    one.configure(&all[2]);
    two.configure(&all[1]);
    two.configure(&all[2]);
    let copy = one.leaving(0);
    assert_eq!(two.install(2, 0, &copy), installed());
    assert_eq!(two.ask(8, 1, append("0", "x")), stored());
    assert_eq!(two.install(2, 0, &copy), is_here());
    assert_eq!(two.get("0"), value("ax"));
}

/// The shard goes to 2, back to 1, and to 2 again. What was sent the first time arrives in the
/// midst of the second.
#[test]
fn an_install_of_an_earlier_move_is_not_taken_for_this_one() {
    let (mut one, mut two, all) = pair(&["1 1 1 1", "2 1 1 1", "1 1 1 1", "2 1 1 1"]);
    two.configure(&all[1]);
    one.configure(&all[2]);
    two.configure(&all[2]);
    let first = one.leaving(0);
    two.install(2, 0, &first);
    two.ask(8, 1, append("0", "x"));
    one.drop_shard(2, 0);
    two.configure(&all[3]);
    one.configure(&all[3]);
    one.install(3, 0, &two.leaving(0));
    two.drop_shard(3, 0);
    one.configure(&all[4]);
    two.configure(&all[4]);
    assert_eq!(two.phases(), "A...");
    assert_eq!(two.install(2, 0, &first), is_here(), "that one is");
    assert_eq!(two.phases(), "A...", "but not this one");
    assert_eq!(two.install(4, 0, &one.leaving(0)), installed());
    assert_eq!(two.get("0"), value("ax"));
}

/// Somebody who asks about a configuration long past is told that it has arrived, even by one who
/// has given it away since.
#[test]
fn who_asks_about_a_configuration_long_past_is_told_that_it_is_here() {
    let (mut one, mut two, all) = pair(&["1 1 1 1", "2 1 1 1", "3 1 1 1", "3 3 1 1"]);
    two.configure(&all[1]);
    one.configure(&all[2]);
    two.configure(&all[2]);
    let copy = one.leaving(0);
    two.install(2, 0, &copy);
    for (num, phases) in [(2, "S..."), (3, "L..."), (4, "....")] {
        if num == 4 {
            two.drop_shard(3, 0);
        }
        if num > 2 {
            two.configure(&all[num]);
        }
        assert_eq!(two.phases(), phases);
        assert_eq!(two.install(2, 0, &copy), is_here(), "in configuration {num}");
    }
}

#[test]
fn who_is_behind_says_so() {
    let (one, mut two, all) = pair(&["1 1 2 2", "2 1 2 2"]);
    let mut one = one;
    one.configure(&all[2]);
    let copy = one.leaving(0);
    assert_eq!(two.install(2, 0, &copy), Outcome::Refused(Reply::Behind));
    assert_eq!(two.phases(), "..SS");
    two.configure(&all[2]);
    assert_eq!(two.install(2, 0, &copy), installed());
    assert_eq!(two.install(3, 0, &copy), Outcome::Refused(Reply::Behind));
    assert_eq!(two.install(u64::MAX, 0, &copy), Outcome::Refused(Reply::Behind));
}

/// Whoever believes otherwise must not be told that he need not keep it.
#[test]
fn what_is_not_to_come_here_is_not_taken() {
    let (mut one, _, all) = pair(&["1 1 1 2", "1 2 - 2"]);
    one.configure(&all[2]);
    assert_eq!(one.phases(), "SLP.");
    for shard in [1, 2, 3, 4, u16::MAX] {
        assert_eq!(one.install(2, shard, &contents(&[])), Outcome::Refused(Reply::Invalid));
    }
    assert_eq!(one.phases(), "SLP.");
}

#[test]
fn contents_that_are_none_or_of_another_shard_are_not_installed() {
    let (_, mut two, all) = pair(&["1 1 2 2", "2 1 2 2"]);
    two.configure(&all[2]);
    let good = contents(&[("0", "a"), ("4", "e")]);
    let strange = [
        b"".into(),
        b"\x01".into(),
        [&good[..], b"\x00"].concat().into(),
        contents(&[("1", "b")]),
        contents(&[("0", "a"), ("3", "d")]),
    ];
    for bytes in strange {
        assert_eq!(two.install(2, 0, &bytes), Outcome::Refused(Reply::Invalid), "{bytes:?}");
        assert_eq!(two.phases(), "A.SS");
    }
    assert_eq!(two.install(2, 0, &good), installed());
    assert_eq!(two.get("4"), value("e"));
}

// ---- drops that come late, twice, or from nowhere ----------------------------------------------

#[test]
fn a_drop_means_one_shard_and_one_configuration() {
    let (mut one, _, all) = pair(&["1 1 1 1", "2 2 - 1"]);
    one.drop_shard(2, 0);
    one.drop_shard(1, 0);
    assert_eq!(one.phases(), "SSSS", "nothing is leaving yet");
    one.configure(&all[2]);
    for (since, shard) in [(1, 0), (3, 0), (2, 2), (2, 3), (2, 4), (0, 1)] {
        one.drop_shard(since, shard);
        assert_eq!(one.phases(), "LLPS", "{since} {shard}");
    }
    one.drop_shard(2, 0);
    one.drop_shard(2, 0);
    assert_eq!(one.phases(), ".LPS");
}

/// 1. A leader has a shard dropped, the next one too.
/// 2. Between the two entries it comes back and leaves again.
#[test]
fn a_drop_of_an_earlier_move_does_not_delete_what_leaves_again() {
    let (mut one, mut two, all) = pair(&["1 1 1 1", "2 1 1 1", "1 1 1 1", "2 1 1 1"]);
    two.configure(&all[1]);
    one.configure(&all[2]);
    two.configure(&all[2]);
    two.install(2, 0, &one.leaving(0));
    one.drop_shard(2, 0);
    one.configure(&all[3]);
    two.configure(&all[3]);
    one.install(3, 0, &two.leaving(0));
    one.drop_shard(2, 0);
    assert_eq!(one.phases(), "SSSS");
    one.configure(&all[4]);
    one.drop_shard(2, 0);
    assert_eq!(one.phases(), "LSSS");
    one.drop_shard(4, 0);
    assert_eq!(one.phases(), ".SSS");
}
