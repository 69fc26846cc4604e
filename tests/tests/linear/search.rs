//! The search: its limit, long histories, other models.

use crate::simulate::{Shape, history};
use crate::{LIMIT, append, get, put, violation};
use labrpc::Rng;
use tests::linear::RegisterOp::{CompareAndSet, Read, Write};
use tests::linear::RegisterRet::{Set, Value, Written};
use tests::linear::{
    CasRegister, Kv, KvOp, KvOperation, Model, Operation, Reason, RegisterOp, RegisterOperation,
    Undecided, Verdict, check, check_kv,
};

/// Appends of equal values that all overlap, and a get that shows what they cannot have come to.
fn hard(appends: u64, key: &str) -> Vec<KvOperation> {
    let values = ["a", "b", "ab"];
    let op = |n: u64| KvOp::append(key, values[n as usize % 3]);
    let mut history: Vec<KvOperation> =
        (0..appends).map(|n| Operation::completed(n, op(n), 1, 10, String::new())).collect();
    history.push(Operation::completed(99, KvOp::get(key), 2, 11, "c".to_string()));
    history
}

#[test]
fn a_search_ends_at_its_limit_and_says_where() {
    let report = check_kv(&hard(12, "k"), 1_000);
    let Verdict::Undecided(undecided) = &report.verdict else { panic!("{report:?}") };
    let where_it_was =
        Undecided { part: "k".to_string(), limit: 1_000, ordered: 12, operations: 13 };
    assert_eq!(undecided, &where_it_was);
    assert_eq!((report.searched, report.positions), (1, 1_000));
    assert_eq!(
        undecided.to_string(),
        "undecided: the search looked at 1000 positions of \"k\", and came as far as an order of \
         12 of its 13 operations"
    );
    let report = check_kv(&hard(5, "k"), LIMIT);
    assert_eq!((violation(&report).reason, violation(&report).operation), (Reason::Blocked, 5));
    for limit in 0..3 {
        let report = check(&Kv, &[put(1, 1, 2, "a"), get(1, 3, 4, "a")], limit);
        let (is_decided, positions) = (report.verdict == Verdict::Linearizable, report.positions);
        assert_eq!((is_decided, positions), (false, limit));
    }
    assert_eq!(check(&Kv, &[put(1, 1, 2, "a")], 2).verdict, Verdict::Linearizable);
}

#[test]
fn a_violation_counts_for_more_than_what_is_undecided() {
    let undecided = |report: &Verdict| match report {
        Verdict::Undecided(undecided) => undecided.part.clone(),
        other => panic!("{other:?}"),
    };
    let history = [hard(12, "b"), hard(12, "a"), vec![get(1, 1, 2, "")]].concat();
    let report = check_kv(&history, 1_000);
    assert_eq!(undecided(&report.verdict), "a", "the first in order");
    assert_eq!((report.decoded, report.searched, report.positions), (1, 2, 2_000));
    let history = [history, vec![get(1, 3, 4, "x")]].concat();
    assert_eq!(violation(&check_kv(&history, 1_000)).reason, Reason::Phantom);
}

#[test]
fn keys_are_checked_in_order_each_by_its_method() {
    let on = |key: &str, mut it: KvOperation| {
        it.op = match it.op {
            KvOp::Get { .. } => KvOp::get(key),
            KvOp::Put { value, .. } => KvOp::put(key, value),
            KvOp::Append { value, .. } => KvOp::append(key, value),
        };
        it
    };
    let mut history = vec![
        on("y", put(1, 1, 2, "")),
        on("z", get(2, 2, 3, "lost")),
        on("x", put(1, 3, 4, "a")),
        on("y", get(1, 5, 6, "")),
        on("x", get(1, 7, 8, "a")),
    ];
    let report = check_kv(&history, LIMIT);
    assert_eq!((violation(&report).part.as_str(), violation(&report).operation), ("z", 1));
    assert_eq!((report.decoded, report.searched), (2, 1));
    history.push(on("y", get(2, 7, 8, "b")));
    let report = check_kv(&history, LIMIT);
    assert_eq!((violation(&report).part.as_str(), violation(&report).operation), ("y", 5));
    assert_eq!((report.decoded, report.searched), (1, 1));
}

#[test]
fn values_that_are_no_tokens_are_left_to_the_search() {
    let is_searched = |first: &str, second: &str| {
        let history = [put(1, 1, 2, first), append(1, 3, 4, second)];
        check_kv(&history, LIMIT).searched == 1
    };
    for (first, second) in [("", "a"), ("a", ""), ("a", "a"), ("a", "ab"), ("ab", "a"), ("é", "é!")]
    {
        assert!(is_searched(first, second), "{first} {second}");
    }
    let long = "sixteen bytes in";
    for (first, second) in [(long, "sixteen bytes in and more"), ("\0", "\0\0"), (long, long)] {
        assert!(is_searched(first, second), "{first} {second}");
    }
    for (first, second) in
        [("a", "b"), ("ab", "ac"), ("é", "è"), ("\0b", "\0\0"), ("a\0b", "a\0\0"), ("ba", "a")]
    {
        assert!(!is_searched(first, second), "{first} {second}");
    }
    let [first, second] = ["1", "2"].map(|end| format!("{long} the same{end}"));
    assert!(!is_searched(&first, &second));
}

#[test]
fn tokens_that_differ_late_are_told_apart() {
    let token = |n: usize| format!("{}{n}.", "the same for all, and more than that ".repeat(n % 3));
    let mut shown = String::new();
    let mut history = Vec::new();
    for n in 0..50 {
        let at = 4 * n as u64;
        shown += &token(n);
        history.push(append(1, at, at + 1, &token(n)));
        history.push(get(1, at + 2, at + 3, &shown));
    }
    let report = check_kv(&history, LIMIT);
    assert_eq!((report.verdict, report.decoded), (Verdict::Linearizable, 1));
}

#[test]
fn a_long_history_of_one_client() {
    let shape = Shape {
        operations: 100_000,
        clients: 1,
        puts: 40,
        appends: 20,
        open: 0,
        values: 4,
        pace: 1,
    };
    let mut history = history(&shape, &mut Rng::new(1));
    for (at, operation) in (0..).zip(&mut history) {
        operation.call = 2 * at;
        operation.end.as_mut().unwrap().0 = 2 * at + 1;
    }
    let report = check_kv(&history, LIMIT);
    assert_eq!((report.verdict, report.searched), (Verdict::Linearizable, 1));
    assert_eq!(report.positions, 100_001, "nothing is tried twice");
    let last = history.iter().rposition(|it| matches!(it.op, KvOp::Get { .. })).unwrap();
    history[last].end.as_mut().unwrap().1 += "no";
    assert_eq!(violation(&check_kv(&history, LIMIT)).operation, last);
}

/// One operation that lasts from the beginning to the end, beside a hundred thousand others.
#[test]
fn a_long_history_beside_one_long_operation() {
    let mut history = vec![append(1, 0, 1_000_000, "x")];
    for n in 1..50_000 {
        history.push(put(2, 10 * n, 10 * n + 1, "0"));
        history.push(get(2, 10 * n + 2, 10 * n + 3, "0"));
    }
    assert_eq!(check_kv(&history, LIMIT).verdict, Verdict::Linearizable);
}

#[test]
fn a_value_of_a_hundred_thousand_appends() {
    let appends = (0..100_000).map(|n| append(1, 2 * n, 2 * n + 1, "0"));
    let mut history: Vec<KvOperation> = appends.collect();
    history.push(get(1, 300_000, 300_001, &"0".repeat(100_000)));
    assert_eq!(check_kv(&history, LIMIT).verdict, Verdict::Linearizable);
    history.push(get(1, 300_002, 300_003, &"0".repeat(99_999)));
    assert_eq!(violation(&check_kv(&history, LIMIT)).operation, 100_001);
}

#[test]
fn what_is_open_is_carried_on() {
    let open = |n: u64, value: &str| Operation::open(9, KvOp::put("k", value), n);
    let mut history = vec![open(0, "late"), open(0, "later"), open(0, "never")];
    for n in 1..1_000 {
        history.push(put(1, 10 * n, 10 * n + 1, "0"));
        history.push(get(1, 10 * n + 2, 10 * n + 3, "0"));
    }
    history.push(get(1, 20_000, 20_001, "late"));
    history.push(get(1, 20_002, 20_003, "later"));
    assert_eq!(check_kv(&history, LIMIT).verdict, Verdict::Linearizable);
    history.push(get(1, 20_004, 20_005, "late"));
    let report = check_kv(&history, LIMIT);
    assert_eq!(violation(&report).operation, history.len() - 1, "once is all it may take effect");
}

fn cas(from: i64, to: i64) -> RegisterOp {
    CompareAndSet { from, to }
}

fn register(history: &[RegisterOperation]) -> Verdict {
    check(&CasRegister::default(), history, LIMIT).verdict
}

#[test]
fn of_two_that_compare_one_sets() {
    let both = |first, second| {
        let first = Operation::completed(1, cas(0, 1), 1, 4, Set(first));
        register(&[first, Operation::completed(2, cas(0, 2), 2, 3, Set(second))])
    };
    assert_eq!(both(true, false), Verdict::Linearizable);
    assert_eq!(both(false, true), Verdict::Linearizable);
    assert!(matches!(both(true, true), Verdict::NotLinearizable(_)));
    assert!(matches!(both(false, false), Verdict::NotLinearizable(_)));
}

#[test]
fn a_write_of_what_is_there_may_be_needed_later() {
    let history = [
        Operation::completed(1, Write(1), 1, 2, Written),
        Operation::completed(2, Write(2), 3, 8, Written),
        Operation::completed(3, Write(1), 3, 8, Written),
        Operation::completed(4, Read, 4, 5, Value(2)),
        Operation::completed(4, Read, 6, 7, Value(1)),
    ];
    assert_eq!(register(&history), Verdict::Linearizable);
}

#[test]
fn a_compare_and_set_of_unknown_outcome() {
    let open = Operation::open(1, cas(0, 1), 1);
    let read = |at, value| Operation::completed(2, Read, at, at + 1, Value(value));
    let set = Operation::completed(3, cas(0, 5), 4, 5, Set(true));
    for value in [0, 1] {
        assert_eq!(register(&[open.clone(), read(2, 0), read(6, value)]), Verdict::Linearizable);
    }
    assert_eq!(register(&[open.clone(), set.clone(), read(6, 5)]), Verdict::Linearizable);
    let history = [open, set, read(6, 1)];
    let report = check(&CasRegister::default(), &history, LIMIT);
    let it = violation(&report);
    assert_eq!((it.operation, it.witnesses.as_slice()), (2, &[1, 0][..]));
    assert_eq!((it.part.as_str(), it.order.as_slice()), ("", &[1][..]));
    assert_eq!(
        it.explanation,
        "client 2's read -> 1 returned at 7, but in no order of what returned before, and of what \
         was still open, could it have done so; in the order that comes furthest, the state is 5, \
         since client 3's compare-and-set(0, 5) -> true"
    );
    assert!(it.to_string().starts_with("not linearizable (blocked)\n"), "{it}");
    assert!(register(&[read(2, 0)]) == Verdict::Linearizable);
    let initial = CasRegister { initial: 7 };
    assert_eq!(check(&initial, &[read(2, 7)], LIMIT).verdict, Verdict::Linearizable);
}

/// A log of which everything is read from a place on, in parts by its name: the model has states
/// that are no values, parts of its own, and no reads.
struct Log;

impl Model for Log {
    type Op = (u32, Option<u8>);
    type Ret = Vec<u8>;
    type State = Vec<u8>;

    fn initial(&self) -> Vec<u8> {
        Vec::new()
    }

    fn step(&self, state: &Vec<u8>, op: &Self::Op, ret: Option<&Vec<u8>>) -> Option<Vec<u8>> {
        let next = [state.as_slice(), op.1.as_slice()].concat();
        ret.is_none_or(|ret| *ret == next).then_some(next)
    }

    fn part<'a>(&self, op: &'a Self::Op) -> std::borrow::Cow<'a, str> {
        format!("log {}", op.0).into()
    }

    fn describe(&self, op: &Self::Op, ret: Option<&Vec<u8>>) -> String {
        format!("{op:?} -> {ret:?}")
    }

    fn describe_state(&self, state: &Vec<u8>) -> String {
        format!("{state:?}")
    }
}

#[test]
fn a_model_of_another_kind() {
    let write = |log, at, byte, ret: &[u8]| {
        Operation::completed(u64::from(byte), (log, Some(byte)), at, at + 5, ret.to_vec())
    };
    let mut history = vec![write(1, 1, 1, &[2, 1]), write(1, 3, 2, &[2]), write(2, 1, 3, &[3])];
    let report = check(&Log, &history, LIMIT);
    assert_eq!((report.verdict, report.searched), (Verdict::Linearizable, 2));
    history.push(Operation::completed(9, (2, None), 9, 9, vec![]));
    assert_eq!(violation(&check(&Log, &history, LIMIT)).part, "log 2");
}

#[test]
#[should_panic(expected = "#2 is called at 4 and returns at 3")]
fn time_goes_forward() {
    let broken =
        Operation { client: 1, op: KvOp::get("k"), call: 4, end: Some((3, String::new())) };
    check_kv(&[put(1, 1, 2, "a"), broken], LIMIT);
}
