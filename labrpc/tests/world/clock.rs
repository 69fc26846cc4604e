//! Alarms and drifting clocks, and what keeps a world from running for ever.

use crate::puppet::{Puppet, ask, at_ms, exactly, heard, ms, puppets, run_to, set_alarm, wakings};
use labrpc::{
    Context, Instant, Kind, Network, NodeId, Process, SimTime, TimedOut, Trace, Wire, World,
};
use std::time::Duration;

#[test]
fn a_node_wakes_up_when_it_asked_to_and_once() {
    let (mut world, [a]) = puppets(1, Network::reliable());
    set_alarm(&mut world, a, at_ms(100));
    run_to(&mut world, 99);
    assert_eq!(wakings(&world, a), []);
    run_to(&mut world, 1000);
    assert_eq!(wakings(&world, a), [at_ms(100)]);
    set_alarm(&mut world, a, at_ms(1));
    run_to(&mut world, 1001);
    assert_eq!(wakings(&world, a)[1], at_ms(1000), "a time that has passed means at once");
}

#[test]
fn an_alarm_can_be_moved_either_way_and_taken_back() {
    let (mut world, [a]) = puppets(1, Network::reliable());
    set_alarm(&mut world, a, at_ms(100));
    set_alarm(&mut world, a, at_ms(50));
    run_to(&mut world, 200);
    assert_eq!(wakings(&world, a), [at_ms(50)]);
    set_alarm(&mut world, a, at_ms(300));
    set_alarm(&mut world, a, at_ms(400));
    run_to(&mut world, 1000);
    assert_eq!(wakings(&world, a), [at_ms(50), at_ms(400)]);
    set_alarm(&mut world, a, at_ms(1100));
    world.poke(a, |puppet, _| puppet.alarm = None);
    run_to(&mut world, 2000);
    assert_eq!(wakings(&world, a).len(), 2);
    assert!(!world.step(), "and nothing is left");
}

/// Many protocols put their alarm off at each message; such alarms are no events and pile up
/// nowhere.
#[test]
fn an_alarm_that_is_put_off_at_each_step_costs_nothing() {
    let (mut world, [a]) = puppets(1, Network::reliable());
    let before = world.events();
    for millis in 0..10_000 {
        set_alarm(&mut world, a, at_ms(millis + 100));
        run_to(&mut world, millis);
    }
    assert_eq!(wakings(&world, a), []);
    assert_eq!(world.events() - before, 10_000, "the pokes");
    assert!(format!("{world:?}").contains("queued: 1,"), "{world:?}");
}

#[test]
fn the_end_of_time_never_comes() {
    let (mut world, [a]) = puppets(1, Network::reliable());
    set_alarm(&mut world, a, Instant::from_nanos(u64::MAX));
    assert!(!world.step());
    world.set_drift(a, 100);
    assert!(!world.step());
    assert_eq!((world.now(), wakings(&world, a)), (SimTime::ZERO, vec![]));
}

#[test]
fn a_fast_clock_wakes_its_node_early_and_a_slow_one_late() {
    for (ppm, wakes) in [(250_000, 800_000_000), (-200_000, 1_250_000_000), (0, 1_000_000_000)] {
        let (mut world, [a, b]) = puppets(1, Network::reliable());
        world.set_drift(a, ppm);
        set_alarm(&mut world, a, at_ms(1000));
        world.run_until(ms(10_000), |world| !wakings(world, a).is_empty()).unwrap();
        assert_eq!(world.now().as_nanos(), wakes);
        assert_eq!((world.clock(a), wakings(&world, a)[0]), (at_ms(1000), at_ms(1000)));
        assert_eq!(world.clock(b).as_nanos(), wakes, "only this clock drifts");
    }
}

#[test]
fn a_change_of_drift_moves_an_alarm_that_is_set_and_makes_no_clock_jump() {
    let (mut world, [a, b]) = puppets(1, Network::reliable());
    for id in [a, b] {
        set_alarm(&mut world, id, at_ms(1000));
    }
    run_to(&mut world, 500);
    world.set_drift(a, 1_000_000);
    world.set_drift(b, -500_000);
    assert_eq!((world.clock(a), world.clock(b)), (at_ms(500), at_ms(500)));
    run_to(&mut world, 5000);
    assert_eq!((wakings(&world, a), wakings(&world, b)), (vec![at_ms(1000)], vec![at_ms(1000)]));
    assert_eq!(world.clock(a), at_ms(500 + 2 * 4500));
    assert_eq!(world.clock(b), at_ms(500 + 4500 / 2));
}

#[test]
fn a_drifting_clock_outlives_a_crash() {
    let (mut world, [a]) = puppets::<1>(1, Network::reliable());
    world.set_drift(a, 100_000);
    run_to(&mut world, 1000);
    world.restart(a).unwrap();
    run_to(&mut world, 2000);
    assert_eq!(world.clock(a), at_ms(2200));
}

#[test]
#[should_panic(expected = "a clock cannot run backwards: -1000000 ppm")]
fn a_clock_cannot_stand_still() {
    let (mut world, [a]) = puppets::<1>(1, Network::reliable());
    world.set_drift(a, -1_000_000);
}

// ---- driving ---------------------------------------------------------------------------------

#[test]
fn run_until_asks_at_once_and_after_each_event_and_gives_up_at_the_limit() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    assert_eq!(world.run_until(ms(50), |_| true), Ok(SimTime::ZERO));
    ask(&mut world, a, b, 1);
    let heard_by_b = |world: &World<Puppet>| !heard(world, b).is_empty();
    assert_eq!(world.run_until(ms(4), heard_by_b), Err(TimedOut { after: ms(4) }));
    assert_eq!(world.now(), SimTime::ZERO + ms(4));
    assert_eq!(world.run_until(ms(1), heard_by_b), Ok(SimTime::ZERO + ms(5)), "at the very limit");
    assert_eq!(TimedOut { after: ms(4) }.to_string(), "it did not happen within 4ms");
    assert_eq!(world.run_until(Duration::MAX, |_| false), Err(TimedOut { after: Duration::MAX }));
}

#[test]
fn time_goes_on_when_nothing_happens_and_never_back() {
    let (mut world, [a]) = puppets::<1>(1, Network::reliable());
    world.run_for(ms(10));
    assert_eq!((world.now(), world.clock(a)), (SimTime::ZERO + ms(10), at_ms(10)));
    assert!(!world.step_until(SimTime::ZERO + ms(3)));
    assert_eq!(world.now(), SimTime::ZERO + ms(10));
    assert!(!world.step());
    assert_eq!(world.now(), SimTime::ZERO + ms(10), "the end of time is not waited for");
}

/// A scheduler that looks again and again whether something is due must not count as a hang.
#[test]
fn looking_a_million_times_at_one_instant_is_no_event() {
    let (mut world, [a]) = puppets(1, Network::reliable());
    set_alarm(&mut world, a, at_ms(10));
    for _ in 0..1_000_100 {
        world.run_for(Duration::ZERO);
    }
    assert_eq!(world.halted(), None);
    world.run_for(ms(10));
    assert_eq!(wakings(&world, a), [at_ms(10)]);
}

#[test]
fn a_node_that_wakes_up_for_ever_at_one_instant_halts_the_world() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    ask(&mut world, b, a, 1);
    world.poke(a, |puppet, _| (puppet.alarm, puppet.insists) = (Some(at_ms(3)), true));
    assert_eq!(world.run_until(ms(100), |_| false), Err(TimedOut { after: ms(100) }));
    assert_eq!(
        world.halted(),
        Some("n0 asked to be woken 1000 times at 3.000000ms, each time at once"),
    );
    assert_eq!((wakings(&world, a).len(), world.now()), (1000, SimTime::ZERO + ms(3)));
    assert!(!world.step() && world.poke(b, |_, _| ()).is_none(), "nothing happens any more");
    assert_eq!(heard(&world, a), []);
}

#[test]
fn a_busy_node_that_wakes_up_for_ever_halts_the_world_too() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.set_service_time(a, ms(5));
    ask(&mut world, b, a, 1);
    world.poke(a, |puppet, _| (puppet.alarm, puppet.insists) = (Some(at_ms(7)), true));
    run_to(&mut world, 100);
    assert!(world.halted().unwrap().starts_with("n0 asked to be woken 1000 times at 10.0"));
}

/// Throws a ball to the other and back.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Ball;

impl Wire for Ball {
    fn kind(&self) -> Kind {
        Kind::Request
    }
}

#[derive(Clone)]
struct Player;

impl Process for Player {
    type Message = Ball;
    fn on_message(&mut self, cx: &mut Context<'_, Ball>, from: NodeId, ball: Ball) {
        cx.send(from, ball);
    }
    fn on_wakeup(&mut self, _: &mut Context<'_, Ball>) {}
    fn next_wakeup(&self) -> Option<Instant> {
        None
    }
}

#[test]
fn a_million_events_at_one_instant_halt_the_world() {
    let mut world = World::new(1, exactly(Duration::ZERO));
    let (a, b) = (world.add(|_| Player), world.add(|_| Player));
    world.poke(a, |_, cx| cx.send(b, Ball));
    world.run_for(ms(1));
    assert_eq!(world.halted(), Some("more than 1000000 events at 0.000000ms"));
    assert_eq!(world.now(), SimTime::ZERO);
    assert!(world.totals().delivered >= 1_000_000);
}

#[test]
fn a_world_can_be_halted_before_a_message_is_handled_or_a_node_boots() {
    let mut world = World::new(1, exactly(ms(5)));
    world.set_trace(Trace::all());
    let (a, b) = (world.add(|_| Player), world.add(|_| Player));
    world.poke(a, |_, cx| cx.send(b, Ball));
    let last = |world: &World<Player>| world.trace().records().last().map(ToString::to_string);

    let mut message = world.clone();
    message.halt_at_next_step();
    assert!(message.step() && !message.step(), "it is taken from the queue, and nothing else is");
    assert_eq!(message.halted(), Some("it was to, before the next step of n1"));
    assert!(last(&message).is_some_and(|record| record.contains("n1   <- n0   Ball")));
    assert_eq!((message.stepped(), message.totals().steps), (None, 3));

    world.halt_at_next_step();
    assert!(world.restart(b).is_ok() && world.node(b).is_none());
    assert_eq!(world.halted(), Some("it was to, before the next step of n1"));
    assert!(last(&world).is_some_and(|record| record.ends_with("n1   boot    life 1")));
}
