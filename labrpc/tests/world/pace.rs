//! Paused nodes and slow ones.

use crate::puppet::{
    Msg, Puppet, ask, at_ms, exactly, heard, ms, puppets, run_to, set_alarm, times, wakings,
};
use Msg::{Answer, Ask};
use labrpc::{CrashPoint, NodeId, World};
use std::time::Duration;

fn numbers(world: &World<Puppet>, id: NodeId) -> Vec<Msg> {
    heard(world, id).into_iter().map(|(_, message)| message).collect()
}

#[test]
fn a_paused_node_does_nothing_and_its_clock_goes_on() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    set_alarm(&mut world, b, at_ms(50));
    world.pause(b);
    assert!(world.is_paused(b) && !world.is_paused(a));
    ask(&mut world, a, b, 1);
    run_to(&mut world, 100);
    assert_eq!((heard(&world, b), wakings(&world, b)), (vec![], vec![]));
    assert_eq!(world.poke(b, |_, _| ()), None);
    assert_eq!(world.clock(b), at_ms(100));
    assert!(world.node(b).is_some() && world.totals().dropped == 0);
}

#[test]
fn a_resumed_node_first_wakes_up_if_that_is_overdue_and_then_hears_what_has_come() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    set_alarm(&mut world, b, at_ms(50));
    world.pause(b);
    for number in 0..3 {
        ask(&mut world, a, b, number);
        run_to(&mut world, 10 * u64::from(number) + 10);
    }
    run_to(&mut world, 95);
    ask(&mut world, a, b, 3); // arrives at the instant at which the node goes on
    run_to(&mut world, 100);
    ask(&mut world, a, b, 4);
    world.resume(b);
    run_to(&mut world, 200);
    assert_eq!(world.node(b).unwrap().woken, [(at_ms(100), 0)], "before any message");
    assert_eq!(numbers(&world, b), [Ask(0), Ask(1), Ask(2), Ask(3), Ask(4)]);
    assert_eq!(times(&world, b)[..4], [at_ms(100); 4]);
    assert_eq!(times(&world, b)[4], at_ms(105));
    assert_eq!(heard(&world, a).len(), 5, "replies leave as ever");
}

#[test]
fn a_pause_that_ends_before_an_alarm_does_not_move_it() {
    let (mut world, [a]) = puppets(1, exactly(ms(5)));
    set_alarm(&mut world, a, at_ms(50));
    world.pause(a);
    run_to(&mut world, 40);
    world.resume(a);
    run_to(&mut world, 100);
    assert_eq!(wakings(&world, a), [at_ms(50)]);
}

#[test]
fn what_makes_no_sense_changes_nothing() {
    let (mut world, [a, b]) = puppets::<2>(1, exactly(ms(5)));
    world.crash(b, CrashPoint::Now);
    let before = world.fingerprint();
    world.resume(a);
    world.resume(b);
    world.pause(b);
    world.crash(b, CrashPoint::Now);
    world.mend(a, b);
    world.unclog(a, b);
    world.rejoin(a);
    assert_eq!(world.fingerprint(), before);
    assert!(!world.is_paused(b), "a node that is down cannot be paused");
    world.pause(a);
    world.clog(a, b);
    world.cut(a, b);
    world.isolate(a);
    let before = world.fingerprint();
    world.pause(a);
    world.clog(a, b);
    world.cut(a, b);
    world.isolate(a);
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn a_crash_now_hits_a_paused_node() {
    let (mut world, [a]) = puppets::<1>(1, exactly(ms(5)));
    world.pause(a);
    world.crash(a, CrashPoint::Now);
    assert!(world.node(a).is_none() && !world.is_paused(a));
}

// ---- slow nodes ------------------------------------------------------------------------------

#[test]
fn a_slow_node_handles_the_nth_message_n_service_times_after_they_came() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.set_service_time(b, ms(10));
    (1..=5).for_each(|number| ask(&mut world, a, b, number));
    run_to(&mut world, 1000);
    assert_eq!(numbers(&world, b), [Ask(1), Ask(2), Ask(3), Ask(4), Ask(5)]);
    assert_eq!(times(&world, b), [15, 25, 35, 45, 55].map(at_ms));
    assert_eq!(times(&world, a), [20, 30, 40, 50, 60].map(at_ms), "replies leave when it is done");
    ask(&mut world, a, b, 6);
    run_to(&mut world, 2000);
    assert_eq!(times(&world, b)[5], at_ms(1015), "an idle node takes as long");
}

#[test]
fn messages_that_come_while_a_slow_node_is_at_one_wait_their_turn() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.set_service_time(b, ms(10));
    for (number, millis) in [(1, 0), (2, 3), (3, 22)] {
        run_to(&mut world, millis);
        ask(&mut world, a, b, number);
    }
    run_to(&mut world, 1000);
    assert_eq!(times(&world, b), [15, 25, 37].map(at_ms));
}

#[test]
fn a_wake_up_waits_for_the_message_that_a_slow_node_is_at_and_goes_before_it() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.set_service_time(b, ms(10));
    set_alarm(&mut world, b, at_ms(8));
    (1..=2).for_each(|number| ask(&mut world, a, b, number));
    run_to(&mut world, 1000);
    assert_eq!(world.node(b).unwrap().woken, [(at_ms(15), 0)]);
    assert_eq!(times(&world, b), [15, 25].map(at_ms), "it costs no time");
}

#[test]
fn a_wake_up_that_waits_can_be_put_off_meanwhile() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.set_service_time(b, ms(10));
    set_alarm(&mut world, b, at_ms(8));
    ask(&mut world, a, b, 1);
    run_to(&mut world, 10);
    set_alarm(&mut world, b, at_ms(40));
    run_to(&mut world, 1000);
    assert_eq!(wakings(&world, b), [at_ms(40)]);
    assert_eq!(times(&world, b), [at_ms(15)]);
}

#[test]
fn an_overdue_wake_up_of_a_slow_node_comes_as_soon_as_it_goes_on() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.set_service_time(b, ms(10));
    set_alarm(&mut world, b, at_ms(20));
    world.pause(b);
    (1..=2).for_each(|number| ask(&mut world, a, b, number));
    run_to(&mut world, 100);
    world.resume(b);
    run_to(&mut world, 1000);
    assert_eq!(world.node(b).unwrap().woken, [(at_ms(100), 0)]);
    assert_eq!(times(&world, b), [110, 120].map(at_ms));
}

#[test]
fn a_slow_node_begins_the_message_anew_that_a_pause_interrupted() {
    for (pause, resume) in [(8, 12), (8, 30)] {
        let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
        world.set_service_time(b, ms(10));
        (1..=2).for_each(|number| ask(&mut world, a, b, number));
        run_to(&mut world, pause);
        world.pause(b);
        run_to(&mut world, resume);
        world.resume(b);
        run_to(&mut world, 1000);
        assert_eq!(times(&world, b), [resume + 10, resume + 20].map(at_ms));
        assert_eq!(numbers(&world, b), [Ask(1), Ask(2)]);
    }
}

#[test]
fn a_node_that_is_fast_again_works_off_what_has_come_in_order() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.set_service_time(b, ms(10));
    (1..=3).for_each(|number| ask(&mut world, a, b, number));
    run_to(&mut world, 10);
    world.set_service_time(b, Duration::ZERO);
    ask(&mut world, a, b, 4); // arrives just when the first is finished
    run_to(&mut world, 1000);
    assert_eq!(numbers(&world, b), [Ask(1), Ask(2), Ask(3), Ask(4)]);
    assert_eq!(times(&world, b), [15, 15, 15, 15].map(at_ms));
    assert_eq!(numbers(&world, a).last(), Some(&Answer(4)));
}

#[test]
fn a_slow_node_that_crashes_over_one_message_loses_the_rest() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.poke(b, |puppet, _| puppet.writes = 1);
    world.set_service_time(b, ms(10));
    world.crash(b, CrashPoint::Unsent);
    (1..=3).for_each(|number| ask(&mut world, a, b, number));
    run_to(&mut world, 16);
    assert!(world.node(b).is_none());
    assert_eq!(world.totals().dropped, 2);
    world.restart(b).unwrap();
    ask(&mut world, a, b, 4);
    run_to(&mut world, 1000);
    assert_eq!((numbers(&world, b), times(&world, b)), (vec![Ask(4)], vec![at_ms(31)]));
}

#[test]
fn what_a_node_was_at_in_an_earlier_life_does_not_hurry_the_next() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.set_service_time(b, ms(10));
    ask(&mut world, a, b, 1);
    run_to(&mut world, 6);
    world.restart(b).unwrap();
    ask(&mut world, a, b, 2);
    run_to(&mut world, 1000);
    assert_eq!((numbers(&world, b), times(&world, b)), (vec![Ask(2)], vec![at_ms(21)]));
}
