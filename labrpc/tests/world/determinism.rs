//! The same seed and the same calls give the same run: on every machine, in every profile, traced
//! or not.

use crate::puppet::{Puppet, ask, exactly, ms, puppets};
use labrpc::{
    Context, CrashPoint, Fault, Instant, Network, NodeId, Plan, Process, Record, Rng, SimTime,
    Storm, Trace, Trouble, World, first_difference,
};
use std::time::Duration;

/// Chats: at random times it asks somebody at random, and writes down what it hears.
#[derive(Clone)]
struct Chatter {
    nodes: u16,
    next: Instant,
}

impl Process for Chatter {
    type Message = crate::puppet::Msg;

    fn on_message(
        &mut self,
        cx: &mut Context<'_, Self::Message>,
        from: NodeId,
        msg: Self::Message,
    ) {
        use crate::puppet::Msg::{Answer, Ask};
        let (Ask(number) | Answer(number)) = msg;
        let index = cx.disk.log().end;
        cx.disk.append(index, &number.to_le_bytes());
        cx.disk.trim(index.saturating_sub(8));
        cx.note("heard", format_args!("{number} from {from}"));
        if msg == Ask(number) {
            cx.send(from, Answer(number + 1));
        }
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, Self::Message>) {
        let to = NodeId::new(cx.rng.below(u64::from(self.nodes)) as u16);
        let number = cx.rng.below(1000) as u32;
        cx.send(to, crate::puppet::Msg::Ask(number));
        self.next = cx.now + cx.rng.duration(&(ms(1)..ms(20)));
    }

    fn next_wakeup(&self) -> Option<Instant> {
        Some(self.next)
    }
}

const NODES: u16 = 4;

fn chat(seed: u64) -> World<Chatter> {
    let network = Network::unreliable().with_late_messages().with_long_reordering();
    let mut world = World::new(seed, network);
    for _ in 0..NODES {
        world.add(|cx| Chatter { nodes: NODES, next: cx.now + cx.rng.duration(&(ms(1)..ms(20))) });
    }
    world
}

fn plan(seed: u64) -> Plan {
    let storm = Storm {
        nodes: (0..NODES).map(NodeId::new).collect(),
        during: SimTime::ZERO..SimTime::ZERO + ms(2000),
        every: ms(20),
        lasts: ms(10)..ms(200),
        max_down: 2,
        network: Network::unreliable(),
        troubles: Trouble::ALL.to_vec(),
    };
    Plan::random(&mut Rng::stream(seed, [2, 0, 0]), &storm)
}

/// A run with everything that can happen in a world.
fn run(seed: u64, trace: Trace) -> World<Chatter> {
    let mut world = chat(seed);
    world.set_trace(trace);
    plan(seed).play(&mut world, |_| ());
    world.run_for(ms(1000));
    world
}

fn lines(world: &World<Chatter>) -> Vec<String> {
    world.trace().records().map(ToString::to_string).collect()
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let prints: Vec<u64> = (0..20).map(|seed| run(seed, Trace::off()).fingerprint()).collect();
    let again: Vec<u64> = (0..20).map(|seed| run(seed, Trace::off()).fingerprint()).collect();
    assert_eq!(prints, again);
    let mut different = prints;
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), 20);
}

#[test]
fn a_trace_changes_nothing() {
    for seed in 0..5 {
        let (off, all) = (run(seed, Trace::off()), run(seed, Trace::all()));
        let last = run(seed, Trace::last(10));
        assert_eq!(off.fingerprint(), all.fingerprint());
        assert_eq!(off.fingerprint(), last.fingerprint());
        assert_eq!(off.totals(), all.totals());
        assert_eq!((off.trace().records().len(), last.trace().records().len()), (0, 10));
        assert!(last.trace().records().eq(all.trace().records().rev().take(10).rev()));
        assert!(lines(&all).len() as u64 > off.events());
    }
}

#[test]
fn a_cloned_world_goes_on_as_the_original_does() {
    let mut world = chat(1);
    world.set_trace(Trace::all());
    let plan = plan(1);
    for (at, fault) in &plan.0 {
        while world.step_until(*at) {}
        fault.apply(&mut world);
        if *at > SimTime::ZERO + ms(1000) {
            break;
        }
    }
    let mut other = world.clone();
    assert_eq!(world.fingerprint(), other.fingerprint());
    // One in big steps and one in small steps: how a world is driven changes nothing either.
    world.run_for(ms(3000));
    for _ in 0..30_000 {
        other.run_for(Duration::from_micros(100));
    }
    assert_eq!(first_difference(lines(&world), lines(&other)), None);
    assert_eq!(world.fingerprint(), other.fingerprint());
    for id in world.ids() {
        assert_eq!(world.disk(id), other.disk(id));
        assert_eq!(world.traffic(id), other.traffic(id));
    }
}

#[test]
fn the_fingerprint_takes_notice_of_every_fault() {
    let base = puppets::<3>(1, exactly(ms(5))).0;
    let faults = [
        "crash n0",
        "crash n1",
        "pause n0",
        "cut n0 -> n1",
        "cut n1 -> n0",
        "clog n0 -> n1",
        "isolate n0",
        "partition n0 | n1",
        "partition n0 n1",
        "heal",
        "service n0 0.000005ms",
        "drift n0 5ppm",
        "network reliable",
        "network unreliable",
        "lose-disk n0",
        "restart n0",
    ];
    let mut prints = vec![base.fingerprint()];
    for fault in faults {
        let mut world = base.clone();
        fault.parse::<Fault>().unwrap().apply(&mut world);
        prints.push(world.fingerprint());
    }
    let mut other = base.clone();
    other.set_link(NodeId::new(0), NodeId::new(1), Some(Network::reliable()));
    prints.push(other.fingerprint());
    let all = prints.len();
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), all);
}

/// A small run whose digest and text are fixed: if either changes, so does the meaning of every
/// seed that anybody has written down.
fn golden() -> World<Puppet> {
    let (mut world, [a, b, c]) = puppets(2024, Network::unreliable().with_late_messages());
    world.set_trace(Trace::all());
    world.poke(b, |puppet, cx| {
        puppet.writes = 2;
        cx.note("ready", format_args!("to write"));
    });
    for number in 0..6 {
        ask(&mut world, a, b, number);
    }
    world.run_for(ms(12));
    world.crash(b, CrashPoint::AfterWrites(1));
    ask(&mut world, c, b, 6);
    world.cut(c, a);
    world.pause(a);
    world.run_for(ms(40));
    world.restart(b).unwrap();
    world.resume(a);
    world.set_drift(a, 500);
    world.set_service_time(b, ms(2));
    world.clog(a, c);
    ask(&mut world, a, c, 7);
    ask(&mut world, c, a, 8);
    world.partition(&[vec![a], vec![b, c]]);
    ask(&mut world, a, b, 9);
    world.isolate(b);
    world.rejoin(b);
    world.heal();
    world.set_network(Network::reliable());
    world.poke(c, |puppet, cx| puppet.alarm = Some(cx.now + ms(10)));
    world.inject(a, b, &[0, 9, 9]);
    world.run_for(ms(10));
    world.unclog(a, c);
    world.run_for(ms(5000));
    world.lose_disk(b);
    world
}

#[test]
fn the_fingerprint_of_a_run_is_golden() {
    assert_eq!(golden().fingerprint(), 4_462_110_920_100_037_793);
    assert_eq!(run(1, Trace::off()).fingerprint(), 6_281_316_790_122_478_499);
}

#[test]
fn the_text_of_a_trace_is_golden() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/trace.txt");
    let text: String = golden().trace().records().map(|record| record.to_string() + "\n").collect();
    if std::env::var_os("UPDATE_GOLDENFILES").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap();
    let difference = first_difference(expected.lines(), text.lines());
    assert_eq!(difference, None, "UPDATE_GOLDENFILES=1 writes {path} anew");
}

#[test]
fn a_trace_survives_as_lines_of_json() {
    let (long, small) = (run(3, Trace::all()), golden());
    for record in long.trace().records().chain(small.trace().records()) {
        let json = serde_json::to_string(record).unwrap();
        assert_eq!(json.lines().count(), 1);
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), *record);
        assert_eq!(record.to_string().lines().count(), 1);
    }
}

#[test]
fn the_first_difference_is_where_two_runs_part() {
    let (mut left, [a, b]) = puppets(1, exactly(ms(5)));
    left.set_trace(Trace::all());
    ask(&mut left, a, b, 1);
    let mut right = left.clone();
    right.run_for(ms(6));
    right.cut(b, a);
    left.run_for(ms(20));
    right.run_for(ms(20));
    let difference = first_difference(left.trace().records(), right.trace().records()).unwrap();
    assert_eq!(difference.common, 2, "the poke and the request");
    assert!(difference.left.unwrap().to_string().contains("<- n1   Answer(1)"));
    assert!(difference.right.unwrap().to_string().contains("link    to n0: cut"));
    let shorter = left.trace().records().take(1);
    let difference = first_difference(left.trace().records(), shorter).unwrap();
    assert_eq!((difference.common, difference.right), (1, None));
}
