//! Random histories: the definition, the search and decoding agree, and what is said of a violation
//! is true.
//!
//! `LINEAR_CAMPAIGN=100 cargo test --release -p tests --test linear random` tries a hundred times
//! as many.

use crate::brute::{cut, is_linearizable, is_valid};
use crate::simulate::{Shape, history};
use crate::spoil::spoil;
use crate::{LIMIT, violation};
use labrpc::Rng;
use tests::linear::{Kv, KvOperation, Operation, Report, Verdict, check, check_kv};

/// How many histories were found to be what.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    good: u64,
    bad: u64,
    decoded: u64,
}

fn times() -> u64 {
    std::env::var("LINEAR_CAMPAIGN").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// Both methods must agree with the definition, and with each other on what is the first fault.
fn compare(history: &[KvOperation], what: &str, count: &mut Count) {
    let (quick, search) = (check_kv(history, LIMIT), check(&Kv, history, LIMIT));
    let is_good = is_linearizable(history);
    for report in [&quick, &search] {
        let said = report.verdict == Verdict::Linearizable;
        assert_eq!(said, is_good, "{what}: {report:#?}\n{history:#?}");
    }
    count.decoded += quick.decoded as u64;
    if is_good {
        count.good += 1;
        return;
    }
    count.bad += 1;
    for report in [&quick, &search] {
        is_true(history, report, what);
    }
    assert_eq!(violation(&quick).operation, violation(&search).operation, "{what}: {history:#?}");
}

/// The operation named is the first whose return leaves no order, and the order before it is one.
fn is_true(history: &[KvOperation], report: &Report, what: &str) {
    let it = violation(report);
    assert!(!is_linearizable(&cut(history, it.operation, true)), "{what}: {it}\n{history:#?}");
    let before = cut(history, it.operation, false);
    assert!(is_valid(&before, &it.order), "{what}: {it}\n{:?}\n{history:#?}", it.order);
    for (place, operation) in before.iter().enumerate() {
        assert!(operation.end.is_none() || it.order.contains(&place), "{what}: {it}\n{history:#?}");
    }
    let until = history[it.operation].returned().expect("it returned");
    for place in &it.order {
        assert!(history[*place].call <= until, "{what}: {it}\n{history:#?}");
        assert_eq!(it.order.iter().filter(|other| *other == place).count(), 1, "{what}: {it}");
    }
    assert!(!it.witnesses.contains(&it.operation) && it.witnesses.len() <= 4, "{what}: {it}");
}

/// Small histories of a store that works, most of them spoilt. The answer is how many of a hundred
/// were decoded.
fn small(seed: u64, number: u64, shape: &Shape) -> u64 {
    let (mut count, number) = (Count::default(), number * times());
    for number in 0..number {
        let mut dice = Rng::stream(seed, [number, 0, 0]);
        // More long ones than short ones.
        let operations = dice.between(2..8).max(dice.between(2..8)) as usize;
        let shape = Shape { operations, clients: dice.between(1..shape.clients + 1), ..*shape };
        let mut history = history(&shape, &mut dice);
        if dice.chance(3, 4) {
            for _ in 0..dice.between(1..6) {
                spoil(&mut history, &mut dice);
            }
        }
        compare(&history, &format!("seed {seed}, history {number}"), &mut count);
    }
    println!("seed {seed}: {count:?}");
    assert!(count.good > number / 3 && count.bad > number / 12, "{count:?}");
    100 * count.decoded / number
}

const TOKENS: Shape =
    Shape { operations: 0, clients: 4, puts: 20, appends: 30, open: 10, values: 0, pace: 2 };

#[test]
fn tokens() {
    assert!(small(1, 30_000, &TOKENS) > 95);
}

#[test]
fn tokens_and_ties() {
    assert!(small(2, 20_000, &Shape { pace: 1, open: 0, ..TOKENS }) > 95);
}

#[test]
fn tokens_of_clients_that_give_up() {
    assert!(small(3, 20_000, &Shape { open: 30, ..TOKENS }) > 95);
}

#[test]
fn many_puts() {
    assert!(small(4, 20_000, &Shape { puts: 40, appends: 10, clients: 3, ..TOKENS }) > 95);
}

#[test]
fn repeated_values() {
    assert!(small(5, 20_000, &Shape { values: 4, ..TOKENS }) < 30);
}

#[test]
fn repeated_values_and_clients_that_give_up() {
    small(6, 20_000, &Shape { values: 2, open: 20, ..TOKENS });
}

/// Histories of nobody's making: any intervals, any answers that can be made of a few tokens.
#[test]
fn anything() {
    let (mut count, number) = (Count::default(), 60_000 * times());
    for number in 0..number {
        let mut dice = Rng::stream(7, [number, 0, 0]);
        let length = dice.between(2..7);
        let history: Vec<KvOperation> = (0..length).map(|it| any(it, length, &mut dice)).collect();
        compare(&history, &format!("history {number}"), &mut count);
    }
    println!("anything: {count:?}");
    assert!(count.good > number / 10 && count.bad > number / 3, "{count:?}");
    assert_eq!(count.decoded, number);
}

fn any(number: u64, length: u64, dice: &mut Rng) -> KvOperation {
    let (call, writes) = (dice.below(8), length / 2);
    let token = |number: u64| format!("{number}.");
    let mut answer = String::new();
    let op = match number {
        number if number >= writes => {
            for _ in 0..dice.below(writes + 1) {
                answer += &token(dice.below(writes));
            }
            tests::linear::KvOp::get("k")
        }
        _ if dice.chance(1, 2) => tests::linear::KvOp::put("k", token(number)),
        _ => tests::linear::KvOp::append("k", token(number)),
    };
    if dice.chance(1, 8) {
        return Operation::open(number, op, call);
    }
    Operation::completed(number, op, call, call + dice.below(5), answer)
}

/// Histories too long for the definition: decoding against the search, which may give up where
/// operations never returned.
#[test]
fn medium() {
    let (mut count, number, mut undecided) = (Count::default(), 400 * times(), 0);
    for number in 0..number {
        let mut dice = Rng::stream(8, [number, 0, 0]);
        let operations = dice.between(50..300) as usize;
        let open = u32::from(dice.chance(1, 4));
        let shape = Shape { operations, clients: 5, puts: 10, appends: 35, open, ..TOKENS };
        let mut history = history(&shape, &mut dice);
        if dice.chance(1, 2) {
            spoil(&mut history, &mut dice);
        }
        let (quick, search) = (check_kv(&history, LIMIT), check(&Kv, &history, LIMIT));
        assert_eq!((quick.decoded, search.searched), (1, 1), "history {number}");
        match (&quick.verdict, &search.verdict) {
            (Verdict::Linearizable, Verdict::Linearizable) => count.good += 1,
            (Verdict::NotLinearizable(a), Verdict::NotLinearizable(b)) => {
                count.bad += 1;
                assert_eq!(a.operation, b.operation, "history {number}: {a}\n{b}");
                for it in [a, b] {
                    let before = cut(&history, it.operation, false);
                    assert!(is_valid(&before, &it.order), "history {number}: {it}");
                }
            }
            (_, Verdict::Undecided(_)) if open > 0 => undecided += 1,
            (quick, search) => panic!("history {number}: {quick:#?}\n{search:#?}\n{history:#?}"),
        }
    }
    println!("medium: {count:?}, {undecided} undecided");
    assert!(count.good > number / 3 && count.bad > number / 10, "{count:?}");
    assert!(undecided <= number / 100, "{undecided}");
}
