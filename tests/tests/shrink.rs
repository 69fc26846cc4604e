//! The shrinker, over failures of which it is known what they take.

use labrpc::{Fault, Fingerprint};
use tests::Failure;
use tests::swarm::shrink::{ATTEMPTS, Shrunk, shrink};
use tests::swarm::{System, Trial};

/// A trial with many faults.
fn large(system: System) -> Trial {
    let faults = |trial: &Trial| trial.plan.0.len();
    let trials = (0..100).map(|seed| Trial::draw(system, seed));
    let trial = trials.max_by_key(faults).unwrap();
    assert!(faults(&trial) > 150, "{}", trial.to_text());
    trial
}

/// Shrinks a trial that fails wherever a condition holds.
fn shrunk(trial: &Trial, holds: impl Fn(&Trial) -> bool) -> Shrunk {
    let failure = || Failure::new("condition", "it holds");
    assert!(holds(trial), "{}", trial.to_text());
    let fails = |trial: &Trial| holds(trial).then(failure);
    let shrunk = shrink(trial, &failure(), ATTEMPTS, fails);
    assert!(holds(&shrunk.trial) && shrunk.attempts <= ATTEMPTS);
    // What is left can be written down, and is what a second search comes to.
    assert_eq!(Trial::from_text(&shrunk.trial.to_text()), Ok(shrunk.trial.clone()));
    assert_eq!(shrink(trial, &failure(), ATTEMPTS, fails).trial, shrunk.trial);
    shrunk
}

/// Two faults of a trial, far from each other.
fn two(trial: &Trial) -> [Fault; 2] {
    [1, 2].map(|third| trial.plan.0[third * trial.plan.0.len() / 3].1.clone())
}

fn has(trial: &Trial, fault: &Fault) -> bool {
    trial.plan.0.iter().any(|(_, it)| it == fault)
}

/// One in `count` of all trials, by chance.
fn is_lucky(trial: &Trial, count: u64) -> bool {
    let mut print = Fingerprint::default();
    print.bytes(trial.to_text().as_bytes());
    print.value().is_multiple_of(count)
}

#[test]
fn of_a_failure_without_a_condition_nothing_is_left() {
    for system in System::ALL {
        let small = shrunk(&Trial::draw(system, 1), |_| true).trial;
        assert!(small.plan.0.is_empty() && small.lasting.is_empty(), "{}", small.to_text());
        assert_eq!((small.servers, small.clients, small.operations), (1, 1, 1));
        assert!(small.groups <= 1 && small.keys <= 1 && small.storm_ms == 1);
        assert_eq!(small.network.to_string(), "reliable");
    }
}

#[test]
fn two_faults_that_it_takes_are_left_and_no_other() {
    let trial = large(System::Kv);
    let [x, y] = two(&trial);
    let small = shrunk(&trial, |it| has(it, &x) && has(it, &y)).trial;
    let left: Vec<&Fault> = small.plan.0.iter().map(|(_, fault)| fault).collect();
    assert_eq!(left.len(), 2, "{}", small.to_text());
    assert!(left.contains(&&x) && left.contains(&&y));
}

/// Without a fault everything else is drawn anew; only one in eight of the trials that have what it
/// takes fails.
#[test]
fn a_failure_that_also_takes_luck_gets_small() {
    for seed in 0..3 {
        let trial = Trial { seed: 1_000 + seed, ..large(System::Raft) };
        let [x, y] = two(&trial);
        let has_both = |it: &Trial| has(it, &x) && has(it, &y);
        let small = shrunk(&trial, |it| has_both(it) && (*it == trial || is_lucky(it, 8))).trial;
        assert!(small.plan.0.len() <= 3, "{}", small.to_text());
        assert!(small.storm_ms < trial.storm_ms / 2, "{}", small.to_text());
    }
}

/// A fault that only matters together with its remedy goes with it.
#[test]
fn a_fault_goes_with_what_puts_it_right() {
    let trial = large(System::Raft);
    let is_even = |it: &Trial| {
        let count =
            |is_it: fn(&Fault) -> bool| it.plan.0.iter().filter(|(_, it)| is_it(it)).count();
        count(|it| matches!(it, Fault::Clog { .. }))
            == count(|it| matches!(it, Fault::Unclog { .. }))
    };
    let small = shrunk(&trial, |it| is_even(it)).trial;
    assert!(small.plan.0.is_empty(), "{}", small.to_text());
}

#[test]
fn numbers_get_as_small_as_they_can() {
    let trial = large(System::ShardKv);
    let least = |it: &Trial| {
        let servers = it.servers >= trial.servers.min(2) && it.groups >= trial.groups.min(2);
        servers && it.clients >= trial.clients.min(2) && it.operations >= 17 && it.storm_ms >= 1_234
    };
    let small = shrunk(&trial, least).trial;
    assert_eq!((small.servers, small.groups), (trial.servers.min(2), trial.groups.min(2)));
    assert_eq!((small.clients, small.operations), (trial.clients.min(2), 17));
    assert_eq!((small.keys, small.storm_ms), (1, 1_234));
}

/// Of three servers only the last is hit; it takes the place of the others.
#[test]
fn who_is_not_needed_is_left_out_wherever_it_stands() {
    let text = Trial::draw(System::Raft, 0).to_text();
    let trial = Trial::from_text(&text).unwrap();
    let mut trial = Trial { servers: 3, ..trial };
    trial.plan = "1000ms isolate n2\n2000ms rejoin n2".parse().unwrap();
    trial.lasting.clear();
    let isolates = |it: &Trial| it.plan.0.iter().any(|(_, it)| matches!(it, Fault::Isolate { .. }));
    let small = shrunk(&trial, |it| isolates(it) && it.servers >= 2).trial;
    assert_eq!((small.servers, small.plan.0.len()), (2, 1), "{}", small.to_text());
    assert_eq!(small.plan.0[0].1.to_string(), "isolate n1");
}

#[test]
fn times_get_round_and_early() {
    let mut trial = large(System::Kv);
    trial.plan = "1234.567ms crash n0\n2345.678ms restart n0\n3456.789ms crash n0".parse().unwrap();
    trial.storm_ms = 5_000;
    let count = |it: &Trial| it.plan.0.len();
    let apart =
        |it: &Trial| count(it) == 3 && it.plan.0[1].0.since(it.plan.0[0].0).as_millis() >= 150;
    let small = shrunk(&trial, apart).trial;
    let times: Vec<u128> = small.plan.0.iter().map(|(at, _)| at.as_nanos().into()).collect();
    assert!(times.iter().all(|nanos| nanos % 10_000_000 == 0), "{}", small.to_text());
    assert!(times[2] <= 500_000_000 && small.storm_ms <= 1_000, "{}", small.to_text());
}

#[test]
fn another_property_is_another_failure() {
    let trial = large(System::Raft);
    let (one, other) = (Failure::new("one", ""), Failure::new("other", ""));
    let fails = |it: &Trial| Some(if it.plan.0.len() >= 50 { &one } else { &other }.clone());
    let small = shrink(&trial, &one, ATTEMPTS, fails);
    assert_eq!((small.failure.property.as_str(), small.trial.plan.0.len()), ("one", 50));
    let untouched = shrink(&trial, &one, 0, |_| Some(one.clone()));
    assert_eq!((untouched.trial, untouched.attempts), (trial, 0));
}
