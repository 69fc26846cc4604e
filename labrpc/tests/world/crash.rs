//! Crashes at every point of a step, restarts, lost disks.

use crate::puppet::{
    Msg, Puppet, ask, at_ms, exactly, heard, ms, puppets, run_to, set_alarm, wakings,
};
use Msg::{Answer, Ask};
use labrpc::{
    CrashPoint, Disk, DiskLost, Event, Network, NodeId, Persister, Rng, Trace, World, Writes,
};

/// `b`, which writes three records for each message and answers, gets a request with a crash armed;
/// returns the records that are left, and whether `a` got an answer.
fn crash_in_a_step(point: CrashPoint) -> (u64, bool) {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.poke(b, |puppet, cx| {
        puppet.writes = 3;
        cx.disk.append(1, b"from before");
        cx.disk.save_state(b"state");
    });
    world.crash(b, point);
    ask(&mut world, a, b, 1);
    run_to(&mut world, 100);
    assert_eq!(world.node(b).is_none(), point != CrashPoint::AfterWrites(9999));
    let disk = world.disk(b);
    assert_eq!((disk.state(), disk.record(1)), (&b"state"[..], &b"from before"[..]));
    let log = disk.log();
    assert!((2..log.end).all(|index| disk.record(index) == index.to_le_bytes()));
    (log.end - 2, !heard(&world, a).is_empty())
}

#[test]
fn a_crash_leaves_exactly_the_writes_before_its_point_and_no_message() {
    assert_eq!(crash_in_a_step(CrashPoint::Now), (0, false));
    assert_eq!(crash_in_a_step(CrashPoint::Undone), (0, false));
    for writes in 0..3 {
        assert_eq!(crash_in_a_step(CrashPoint::AfterWrites(writes)), (u64::from(writes), false));
    }
    assert_eq!(crash_in_a_step(CrashPoint::Unsent), (3, false));
    for more_than_there_are in [3, 4, u32::MAX] {
        assert_eq!(crash_in_a_step(CrashPoint::AfterWrites(more_than_there_are)), (3, false));
    }
}

#[test]
fn a_step_that_writes_nothing_passes_unharmed() {
    for point in [CrashPoint::Undone, CrashPoint::AfterWrites(0), CrashPoint::Unsent] {
        let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
        world.crash(b, point);
        ask(&mut world, a, b, 1);
        set_alarm(&mut world, b, at_ms(20));
        run_to(&mut world, 50);
        assert_eq!(heard(&world, a), [(b, Answer(1))], "it reads and answers");
        assert_eq!(wakings(&world, b), [at_ms(20)]);
        assert_eq!(world.poke(b, |_, cx| cx.disk.log().end), Some(1));
        let crashed = world.poke(b, |_, cx| cx.disk.save_state(b"x"));
        assert_eq!((crashed, world.node(b).is_none()), (None, true), "the first write is the last");
    }
}

#[test]
fn the_process_sees_all_of_its_own_writes_before_it_crashes() {
    let (mut world, [a]) = puppets(1, Network::reliable());
    world.set_trace(Trace::all());
    world.crash(a, CrashPoint::Undone);
    world.poke(a, |_, cx| {
        cx.disk.append(1, b"one");
        cx.disk.append(2, b"two");
        cx.disk.trim(2);
        cx.disk.save_state(b"state");
        cx.disk.save_snapshot(b"snapshot");
        assert_eq!((cx.disk.log(), cx.disk.record(2)), (2..3, &b"two"[..]));
        assert_eq!((cx.disk.state(), cx.disk.snapshot()), (&b"state"[..], &b"snapshot"[..]));
        assert_eq!(cx.disk.raft_state_bytes(), 5 + 3);
        cx.note("last words", format_args!("42"));
    });
    assert_eq!(*world.disk(a), Disk::default());
    let events: Vec<&Event> = world.trace().records().map(|record| &record.event).collect();
    assert!(matches!(events[events.len() - 2], Event::Note { what, .. } if what == "last words"));
    assert!(matches!(events[events.len() - 1], Event::Crash { point } if point == "Undone"));
}

#[test]
fn a_wake_up_can_be_the_step_that_crashes() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.poke(a, |puppet, _| {
        (puppet.writes, puppet.asks_on_wakeup) = (2, Some(b));
        puppet.alarm = Some(at_ms(10));
    });
    world.crash(a, CrashPoint::AfterWrites(1));
    run_to(&mut world, 100);
    assert!(world.node(a).is_none());
    assert_eq!((world.disk(a).log(), heard(&world, b)), (1..2, vec![]));
}

#[test]
fn a_step_that_ends_in_a_crash_is_nobodys_and_sends_nothing() {
    let (mut world, [a, b]) = puppets(1, Network::reliable());
    world.poke(a, |_, cx| cx.send(b, Ask(1)));
    assert_eq!((world.stepped(), world.sent().len()), (Some(a), 1));
    world.crash(a, CrashPoint::Unsent);
    let answer = world.poke(a, |_, cx| {
        cx.disk.save_state(b"promise");
        cx.send(b, Ask(2));
    });
    assert_eq!((answer, world.stepped(), world.sent().len()), (None, None, 0));
    assert_eq!(world.links().sent(a, b), 1);
    assert_eq!(world.disk(a).state(), b"promise");
    assert_eq!(world.poke(a, |_, _| ()), None, "it is down");
}

#[test]
fn a_second_call_changes_the_point_and_a_restart_calls_the_crash_off() {
    let (mut world, [a]) = puppets::<1>(1, Network::reliable());
    world.crash(a, CrashPoint::Undone);
    world.crash(a, CrashPoint::Unsent);
    world.poke(a, |_, cx| cx.disk.save_state(b"x"));
    assert_eq!(world.disk(a).state(), b"x");
    world.restart(a).unwrap();
    world.crash(a, CrashPoint::Undone);
    world.restart(a).unwrap();
    assert_eq!(world.poke(a, |_, cx| cx.disk.save_state(b"y")), Some(()));
    world.crash(a, CrashPoint::Now);
    world.crash(a, CrashPoint::Undone);
    world.restart(a).unwrap();
    assert_eq!(world.poke(a, |_, cx| cx.disk.save_state(b"z")), Some(()), "it was down already");
}

#[test]
fn a_restart_boots_from_the_disk_and_forgets_what_was_in_memory() {
    let mut world = World::new(1, Network::reliable());
    let a = world.add(|cx| {
        let lives = cx.disk.log().end;
        cx.disk.append(lives, b"another life");
        Puppet { answers: lives as u32, ..Puppet::default() }
    });
    assert_eq!((world.life(a), world.node(a).unwrap().answers), (0, 1));
    set_alarm(&mut world, a, at_ms(100));
    run_to(&mut world, 50);
    world.crash(a, CrashPoint::Now);
    assert_eq!((world.life(a), world.node(a).is_none()), (0, true));
    run_to(&mut world, 60);
    world.restart(a).unwrap();
    assert_eq!((world.life(a), world.node(a).unwrap().answers), (1, 2));
    assert_eq!(world.stepped(), Some(a));
    assert_eq!(world.disk(a).writes(), Writes { count: 1, snapshot: false, log_from: Some(2) });
    run_to(&mut world, 200);
    assert_eq!(wakings(&world, a), [], "the alarm was the earlier life's");
    assert_eq!(world.clock(a), at_ms(200), "the clock went on");
    world.restart(a).unwrap();
    assert_eq!((world.life(a), world.node(a).unwrap().answers), (2, 3), "one that is up, too");
}

#[test]
fn an_alarm_of_an_earlier_life_does_not_disturb_that_of_the_next() {
    let (mut world, [a]) = puppets(1, Network::reliable());
    set_alarm(&mut world, a, at_ms(100));
    world.restart(a).unwrap();
    set_alarm(&mut world, a, at_ms(150));
    world.restart(a).unwrap();
    set_alarm(&mut world, a, at_ms(150));
    run_to(&mut world, 1000);
    assert_eq!(wakings(&world, a), [at_ms(150)]);
}

#[test]
fn every_life_has_dice_of_its_own() {
    let draw = |world: &mut World<Puppet>, id: NodeId| {
        world.poke(id, |_, cx| cx.rng.next_u64()).expect("it is up")
    };
    let (mut world, [a, b]) = puppets(7, Network::reliable());
    let first = [draw(&mut world, a), draw(&mut world, b)];
    world.restart(a).unwrap();
    let second = draw(&mut world, a);
    assert_ne!(first[0], first[1]);
    assert_ne!(first[0], second);
    assert_eq!(second, Rng::stream(7, [0, 0, 1]).next_u64());
}

#[test]
fn a_node_whose_disk_is_lost_stays_down() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.poke(a, |_, cx| cx.disk.append(1, b"gone"));
    world.lose_disk(a);
    assert_eq!(world.restart(a), Err(DiskLost(a)));
    assert_eq!(DiskLost(a).to_string(), "n0 has lost its disk and cannot be restarted");
    assert_eq!((world.disk(a), world.is_disk_lost(a)), (&Disk::default(), true));
    let before = world.fingerprint();
    world.lose_disk(a);
    assert_eq!(world.fingerprint(), before, "it cannot be lost twice");
    ask(&mut world, b, a, 1);
    run_to(&mut world, 100);
    assert_eq!(world.totals().dropped, 1);
    assert!(world.node(a).is_none() && !world.is_disk_lost(b));
}

#[test]
fn a_crashed_node_loses_what_waited_for_it() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.pause(b);
    (0..3).for_each(|number| ask(&mut world, a, b, number));
    run_to(&mut world, 50);
    world.crash(b, CrashPoint::Now);
    world.restart(b).unwrap();
    assert!(!world.is_paused(b));
    run_to(&mut world, 100);
    assert_eq!((heard(&world, b), world.totals().dropped), (vec![], 3));
}
