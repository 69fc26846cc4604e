//! One history for every reason, and what is said of it.

use crate::brute::is_linearizable;
use crate::{LIMIT, append, get, put, violation};
use tests::linear::{Kv, KvOp, KvOperation, Operation, Reason, Report, Verdict, check, check_kv};

fn good(history: &[KvOperation]) -> Report {
    let report = check_kv(history, LIMIT);
    assert_eq!(report.verdict, Verdict::Linearizable);
    assert_eq!(check(&Kv, history, LIMIT).verdict, Verdict::Linearizable);
    assert!(is_linearizable(history));
    report
}

/// The history is decoded, and not linearizable: for this reason, because this operation cannot be
/// placed beside these, which is said so.
fn bad(history: &[KvOperation], reason: Reason, at: usize, witnesses: &[usize], said: &str) {
    assert!(!is_linearizable(history));
    let report = check_kv(history, LIMIT);
    assert_eq!((report.decoded, report.searched), (1, 0));
    let it = violation(&report);
    assert_eq!((it.reason, it.operation, it.part.as_str()), (reason, at, "k"), "{it}");
    assert_eq!(it.witnesses, witnesses, "{it}");
    assert_eq!(it.explanation, said);
    let search = check(&Kv, history, LIMIT);
    assert_eq!((violation(&search).reason, violation(&search).operation), (Reason::Blocked, at));
}

#[test]
fn what_overlaps_may_be_seen_or_not() {
    for shown in ["", "a"] {
        let report = good(&[append(1, 1, 4, "a"), get(2, 2, 3, shown)]);
        assert_eq!((report.decoded, report.searched, report.positions), (1, 0, 0));
    }
    good(&[append(1, 1, 9, "a"), put(2, 1, 9, "b"), get(3, 2, 3, "a"), get(3, 4, 5, "b")]);
    good(&[append(1, 1, 9, "a"), put(2, 1, 9, "b"), get(3, 2, 3, "b"), get(3, 4, 5, "ba")]);
}

#[test]
fn a_tie_is_an_overlap() {
    good(&[append(1, 1, 3, "a"), get(2, 3, 4, "")]);
    good(&[get(2, 1, 3, "a"), append(1, 3, 4, "a")]);
    good(&[get(2, 3, 3, "a"), append(1, 3, 3, "a"), get(3, 3, 3, "")]);
}

#[test]
fn what_never_returned_may_be_seen_or_not_at_any_time() {
    let open = |op| Operation::open(1, op, 1);
    good(&[open(KvOp::append("k", "a")), get(2, 5, 6, ""), get(2, 7, 8, "a")]);
    good(&[open(KvOp::put("k", "a")), append(2, 3, 4, "b"), get(2, 5, 6, "b")]);
    good(&[open(KvOp::put("k", "a")), append(2, 3, 4, "b"), get(2, 5, 6, "ab")]);
    good(&[open(KvOp::put("k", "a")), append(2, 3, 4, "b"), get(2, 5, 6, "a")]);
    good(&[open(KvOp::get("k")), append(2, 3, 4, "b")]);
    good(&[open(KvOp::get("k"))]);
}

#[test]
fn nothing_is_linearizable() {
    let report = good(&[]);
    assert_eq!((report.decoded, report.searched, report.positions), (0, 0, 0));
}

#[test]
fn the_last_tick_of_all_is_a_tick_like_others() {
    const END: u64 = u64::MAX;
    good(&[append(1, 0, END, "a"), get(2, END, END, "")]);
    good(&[append(1, END, END, "a"), get(2, END, END, "a")]);
    bad(
        &[append(1, 0, END - 1, "a"), get(2, END, END, "")],
        Reason::Stale,
        1,
        &[0],
        "client 2's get -> \"\" misses client 1's append \"a\", which had returned, at \
         18446744073709551614, before it was called, at 18446744073709551615; only a put could \
         have replaced that, and what it shows begins with none",
    );
}

#[test]
fn a_phantom() {
    bad(
        &[append(1, 1, 2, "a"), get(2, 3, 4, "ax"), get(2, 5, 6, "a")],
        Reason::Phantom,
        1,
        &[],
        "client 2's get -> \"ax\" shows, behind the first byte, \"x\", which nobody has written",
    );
    bad(
        &[put(1, 1, 2, "abc"), get(2, 3, 4, "ab")],
        Reason::Phantom,
        1,
        &[0],
        "client 2's get -> \"ab\" shows \"ab\", which is only a part of client 1's put \"abc\"",
    );
}

#[test]
fn half_a_token_behind_others() {
    let history = [
        put(1, 1, 2, "abc"),
        append(1, 3, 8, "def"),
        get(2, 4, 7, "abcdef"),
        get(3, 5, 7, "abcde"),
    ];
    let report = check_kv(&history, LIMIT);
    let it = violation(&report);
    assert_eq!((it.reason, it.operation, it.witnesses.as_slice()), (Reason::Phantom, 3, &[1][..]));
}

#[test]
fn the_future() {
    bad(
        &[get(2, 1, 2, "a"), append(1, 3, 4, "a"), get(2, 5, 6, "a")],
        Reason::Future,
        0,
        &[1],
        "client 2's get -> \"a\" returned at 2, but shows what client 1's append \"a\" wrote, \
         which was called only at 3",
    );
}

#[test]
fn an_append_shown_twice() {
    bad(
        &[append(1, 1, 2, "a"), append(1, 3, 4, "b"), get(2, 5, 6, "aba")],
        Reason::Twice,
        2,
        &[0],
        "client 2's get -> \"aba\" shows client 1's append \"a\" twice: what was asked for once \
         was done twice",
    );
}

#[test]
fn an_append_shown_behind_two_puts() {
    let puts = [append(1, 1, 20, "a"), put(2, 2, 3, "p"), put(2, 6, 7, "q")];
    let history = [&puts[..], &[get(3, 4, 5, "pa"), get(3, 8, 9, "qa")]].concat();
    bad(
        &history,
        Reason::Twice,
        4,
        &[0, 3],
        "client 3's get -> \"qa\" shows client 1's append \"a\", and so does client 3's get -> \
         \"pa\", behind another put or none: what was asked for once was done twice",
    );
}

#[test]
fn a_put_that_replaced_nothing() {
    bad(
        &[append(1, 1, 2, "a"), put(1, 3, 4, "p"), get(2, 5, 6, "ap")],
        Reason::PutInside,
        2,
        &[1],
        "client 2's get -> \"ap\" shows what client 1's put \"p\" wrote, and before that \"a\", \
         which the put should have replaced",
    );
}

#[test]
fn two_gets_of_which_neither_grew_from_the_other() {
    let appends = [put(1, 1, 2, "p."), append(1, 3, 9, "aa"), append(2, 3, 9, "ab")];
    let history = [&appends[..], &[get(3, 4, 5, "p.aa"), get(4, 6, 7, "p.abaa")]].concat();
    bad(
        &history,
        Reason::Fork,
        4,
        &[3],
        "client 4's get -> \"p.abaa\" and client 3's get -> \"p.aa\" are alike in the first 2 \
         bytes only: then the one shows \"abaa\" and the other \"aa\", so that neither can have \
         grown from the other",
    );
}

#[test]
fn a_get_that_misses_an_append() {
    bad(
        &[put(1, 1, 2, "a"), append(1, 3, 4, "b"), get(2, 5, 6, "a"), get(3, 2, 9, "ab")],
        Reason::Stale,
        2,
        &[1, 0],
        "client 2's get -> \"a\" misses client 1's append \"b\", which had returned, at 4, before \
         it was called, at 5; nor can what it shows have come since: client 1's put \"a\" had \
         returned, at 2, before client 1's append \"b\" was called, at 3",
    );
    bad(
        &[append(1, 1, 2, "a"), append(1, 3, 5, "b"), get(3, 2, 4, "ab"), get(2, 6, 7, "a")],
        Reason::Stale,
        3,
        &[2],
        "client 2's get -> \"a\" shows less than client 3's get -> \"ab\", which had returned, at \
         4, before it was called, at 6",
    );
    bad(
        &[append(1, 1, 2, "a"), append(1, 2, 3, "b"), get(3, 2, 6, "ab"), get(2, 4, 7, "a")],
        Reason::Stale,
        3,
        &[1, 2],
        "client 2's get -> \"a\" misses client 1's append \"b\", which had returned, at 3, before \
         it was called, at 4; that it belongs to the same value is known from client 3's get -> \
         \"ab\"",
    );
}

#[test]
fn a_get_that_misses_a_put() {
    bad(
        &[put(1, 1, 2, "p"), put(1, 3, 4, "q"), get(2, 5, 6, "p")],
        Reason::Stale,
        2,
        &[1, 0],
        "client 2's get -> \"p\" misses client 1's put \"q\", which had returned, at 4, before it \
         was called, at 5; nor can what it shows have come since: client 1's put \"p\" had \
         returned, at 2, before client 1's put \"q\" was called, at 3",
    );
}

#[test]
fn appends_in_the_wrong_order() {
    bad(
        &[append(1, 1, 2, "a"), append(2, 3, 4, "b"), get(3, 1, 9, "ba")],
        Reason::Order,
        2,
        &[0, 1],
        "as client 3's get -> \"ba\" shows, client 2's append \"b\" took effect before client 1's \
         append \"a\"; but client 1's append \"a\" had returned, at 2, before client 2's append \
         \"b\" was called, at 3",
    );
    bad(
        &[append(1, 1, 2, "a"), put(2, 3, 4, "p"), get(3, 1, 9, "pa")],
        Reason::Order,
        2,
        &[0, 1],
        "as client 3's get -> \"pa\" shows, client 2's put \"p\" took effect before client 1's \
         append \"a\"; but client 1's append \"a\" had returned, at 2, before client 2's put \
         \"p\" was called, at 3",
    );
}

#[test]
fn two_values_that_must_each_come_before_the_other() {
    let puts = [put(1, 1, 9, "p"), put(2, 1, 9, "q")];
    let gets = [get(3, 2, 3, "p"), get(4, 2, 3, "q"), get(3, 4, 5, "q"), get(4, 6, 7, "p")];
    let history = [&puts[..], &gets[..]].concat();
    bad(
        &history,
        Reason::Cycle,
        5,
        &[3, 4, 2],
        "as client 4's get -> \"p\" shows, the value that began with client 1's put \"p\" must \
         have come before the value that began with client 2's put \"q\", for client 3's get -> \
         \"p\" had returned, at 3, before client 3's get -> \"q\" was called, at 4; and after it, \
         for client 4's get -> \"q\" had returned, at 3, before client 4's get -> \"p\" was \
         called, at 6",
    );
}

#[test]
fn the_value_before_any_put_comes_first() {
    bad(
        &[put(1, 1, 2, "p"), append(2, 3, 9, "a"), get(3, 1, 5, "a")],
        Reason::Cycle,
        2,
        &[0, 1],
        "as client 3's get -> \"a\" shows, the value before any put must have come before client \
         1's put \"p\", for that was there before any put; and after it, for client 1's put \"p\" \
         had returned, at 2, before client 2's append \"a\" was called, at 3",
    );
}

#[test]
fn a_violation_as_text() {
    let value = |n: u64| format!("{}{n}.", "x".repeat(30));
    let mut history: Vec<KvOperation> =
        (0..7).map(|n| append(1, 2 * n, 2 * n + 1, &value(n))).collect();
    let shown: String = (0..6).map(value).collect();
    history.push(get(2, 20, 21, &shown));
    let text = "not linearizable (stale) in \"k\"
  client 2's get -> \"…xxxxxx4.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx5.\" misses client 1's \
append \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx6.\", which had returned, at 13, before it was called, \
at 20; only a put could have replaced that, and what it shows begins with none
cannot be placed:
  #8 client 2 [20..21] get -> \"…xxxxxx4.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx5.\"
because of:
  #7 client 1 [12..13] append \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx6.\"
what returned before has an order of 7 operations; the last 5 of it:
  #3 client 1 [4..5] append \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx2.\"
  #4 client 1 [6..7] append \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx3.\"
  #5 client 1 [8..9] append \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx4.\"
  #6 client 1 [10..11] append \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx5.\"
  #7 client 1 [12..13] append \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx6.\"
";
    assert_eq!(violation(&check_kv(&history, LIMIT)).to_string(), text);
}
