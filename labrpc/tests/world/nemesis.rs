//! Plans: as data, as text, and against a protocol.

#[path = "../../examples/letters.rs"]
mod letters;

use crate::puppet::{Puppet, ms, puppets};
use labrpc::{
    BadPlan, Chance, CrashPoint, Fault, Network, NodeId, Plan, Rng, SimTime, Storm, Trouble, World,
};
use letters::{Post, received};
use proptest::prelude::*;
use std::ops::Range;
use std::time::Duration;

// ---- plans as text ---------------------------------------------------------------------------

fn node() -> impl Strategy<Value = NodeId> {
    any::<u16>().prop_map(NodeId::new)
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![(0..10_000_u64).prop_map(ms), any::<u64>().prop_map(Duration::from_nanos)]
}

fn range() -> impl Strategy<Value = Range<Duration>> {
    (duration(), duration()).prop_map(|(start, end)| start..end)
}

fn chance() -> impl Strategy<Value = Chance> {
    (any::<u32>(), 1..=u32::MAX).prop_map(|(num, den)| Chance { num, den })
}

fn network() -> impl Strategy<Value = Network> {
    let presets =
        (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(loses, reorders, late)| {
            let network = if loses { Network::unreliable() } else { Network::reliable() };
            let network = if reorders { network.with_long_reordering() } else { network };
            if late { network.with_late_messages() } else { network }
        });
    let changes = prop_oneof![
        3 => Just(None),
        1 => (range(), range(), chance(), (duration(), duration()), any::<bool>()).prop_map(Some),
    ];
    (presets, changes).prop_map(|(network, changes)| match changes {
        None => network,
        Some((delay, late_delay, reply_loss, reorder_delay, across_lives)) => {
            Network { delay, late_delay, reply_loss, reorder_delay, across_lives, ..network }
        }
    })
}

fn fault() -> impl Strategy<Value = Fault> {
    let point = prop_oneof![
        Just(CrashPoint::Now),
        Just(CrashPoint::Undone),
        any::<u32>().prop_map(CrashPoint::AfterWrites),
        Just(CrashPoint::Unsent),
    ];
    let group = prop::collection::vec(node(), 0..4);
    prop_oneof![
        (node(), point).prop_map(|(node, point)| Fault::Crash { node, point }),
        node().prop_map(|node| Fault::Restart { node }),
        node().prop_map(|node| Fault::LoseDisk { node }),
        node().prop_map(|node| Fault::Pause { node }),
        node().prop_map(|node| Fault::Resume { node }),
        (node(), node()).prop_map(|(from, to)| Fault::Cut { from, to }),
        (node(), node()).prop_map(|(from, to)| Fault::Mend { from, to }),
        node().prop_map(|node| Fault::Isolate { node }),
        node().prop_map(|node| Fault::Rejoin { node }),
        prop::collection::vec(group, 0..4).prop_map(|groups| Fault::Partition { groups }),
        Just(Fault::Heal),
        (node(), node()).prop_map(|(from, to)| Fault::Clog { from, to }),
        (node(), node()).prop_map(|(from, to)| Fault::Unclog { from, to }),
        (node(), duration()).prop_map(|(node, each)| Fault::ServiceTime { node, each }),
        (node(), any::<i32>()).prop_map(|(node, ppm)| Fault::Drift { node, ppm }),
        network().prop_map(Fault::Network),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let at = any::<u64>().prop_map(SimTime::from_nanos);
    prop::collection::vec((at, fault()), 0..8).prop_map(Plan::new)
}

proptest! {
    #[test]
    fn a_network_survives_as_text(network in network()) {
        prop_assert_eq!(network.to_string().parse(), Ok(network));
    }

    #[test]
    fn a_fault_is_one_line_and_survives_as_text(fault in fault()) {
        let line = fault.to_string();
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(line.parse(), Ok(fault));
    }

    #[test]
    fn a_plan_survives_as_text_and_as_json(plan in plan()) {
        let text = plan.to_string();
        prop_assert_eq!(text.lines().count(), plan.0.len());
        prop_assert_eq!(text.parse(), Ok(plan.clone()));
        let json = serde_json::to_string(&plan).unwrap();
        prop_assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    }

    #[test]
    fn text_that_is_no_plan_is_refused_and_no_panic(text in "[ -~\n]{0,60}") {
        let _ = text.parse::<Plan>();
        let _ = text.parse::<Fault>();
        let _ = text.parse::<Network>();
    }
}

#[test]
fn a_plan_reads_like_this() {
    let text = "\
        5.000000ms crash n0
        5.000000ms crash n1 after 2 writes
        6.500000ms partition n0 n1 | - | n2
      100.000000ms cut n0 -> n1
      101.000000ms service n2 2.5ms
      102.000000ms drift n2 -200ppm
      103.000000ms network unreliable reordering late
      104.000000ms network reliable delay=0.000001ms..5ms
      105.000000ms heal";
    let plan: Plan = text.parse().unwrap();
    assert_eq!(plan.0.len(), 9);
    let lines = |text: &str| text.lines().map(|l| l.trim().to_string()).collect::<Vec<_>>();
    assert_eq!(lines(&plan.to_string()), lines(text));
}

#[test]
fn lines_that_are_no_faults_are_refused() {
    for bad in [
        "crash",
        "crash n0 later",
        "crash n0 after x writes",
        "crash 0",
        "crash n65536",
        "cut n0 n1",
        "cut n0 -> n1 -> n2",
        "burn n0 -> n1",
        "service n0 2.5",
        "service n0 1.0000001ms",
        "service n0 .5.5ms",
        "service n0 -1ms",
        "service n0 99999999999999999999ms",
        "drift n0 5",
        "partition n0 | | n1",
        "heal n0",
        "network fine",
        "network reliable late=1/0",
        "network reliable delay=1ms",
    ] {
        assert!(bad.parse::<Fault>().is_err(), "{bad}");
        let plan = format!("1ms heal\n\n5ms {bad}").parse::<Plan>();
        assert_eq!(plan, Err(BadPlan { line: 3, text: format!("5ms {bad}") }));
    }
    assert!("soon heal".parse::<Plan>().is_err());
}

#[test]
fn a_plan_is_sorted_by_time_and_keeps_the_order_of_one_time() {
    let plan: Plan = "5ms heal\n1ms pause n0\n5ms resume n0".parse().unwrap();
    let order: Vec<String> = plan.0.iter().map(|(_, fault)| fault.to_string()).collect();
    assert_eq!(order, ["pause n0", "heal", "resume n0"]);
}

#[test]
fn each_fault_does_what_its_name_says() {
    let (mut world, [a, b, c]) = puppets::<3>(1, Network::reliable());
    let mut apply = |line: &str, holds: &dyn Fn(&World<Puppet>) -> bool| {
        line.parse::<Fault>().unwrap().apply(&mut world);
        assert!(holds(&world), "{line}");
    };
    apply("crash n0", &|w| w.node(a).is_none());
    apply("restart n0", &|w| w.node(a).is_some() && w.life(a) == 1);
    apply("pause n1", &|w| w.is_paused(b));
    apply("resume n1", &|w| !w.is_paused(b));
    apply("cut n0 -> n1", &|w| w.links().is_cut(a, b) && !w.links().is_cut(b, a));
    apply("mend n0 -> n1", &|w| !w.links().is_cut(a, b));
    apply("isolate n2", &|w| w.links().is_isolated(c));
    apply("rejoin n2", &|w| !w.links().is_isolated(c));
    apply("partition n0 | n1 n2", &|w| w.links().is_cut(a, b) && !w.links().is_cut(b, c));
    apply("heal", &|w| !w.links().is_cut(a, b));
    apply("clog n0 -> n1", &|w| w.links().is_clogged(a, b) && !w.links().is_clogged(b, a));
    apply("unclog n0 -> n1", &|w| !w.links().is_clogged(a, b));
    apply("network unreliable", &|w| *w.network() == Network::unreliable());
    apply("lose-disk n2", &|w| w.is_disk_lost(c));
    apply("restart n2", &|w| w.node(c).is_none());
    apply("drift n0 100000ppm", &|_| true);
    apply("service n0 3ms", &|_| true);
    world.run_for(ms(10));
    assert_eq!(world.clock(a).to_string(), "11.000000ms");
}

// ---- random plans ----------------------------------------------------------------------------

fn storm(nodes: u16, max_down: usize, troubles: Vec<Trouble>) -> Storm {
    Storm {
        nodes: (0..nodes).map(NodeId::new).collect(),
        during: SimTime::ZERO + ms(100)..SimTime::ZERO + ms(3000),
        every: ms(50),
        lasts: ms(10)..ms(400),
        max_down,
        network: Network::unreliable(),
        troubles,
    }
}

fn is_down(world: &World<Puppet>, id: NodeId) -> bool {
    world.node(id).is_none() || world.is_paused(id)
}

#[test]
fn a_random_plan_keeps_within_its_storm_and_puts_all_right() {
    for seed in 0..100 {
        let storm = storm(5, 2, Trouble::ALL.to_vec());
        let plan = Plan::random(&mut Rng::new(seed), &storm);
        assert!(plan.0.len() > 40, "{plan}");
        assert!(plan.0.is_sorted_by_key(|(at, _)| *at));
        assert!(storm.during.start <= plan.0[0].0);
        assert!(plan.0.last().unwrap().0 <= storm.during.end);
        let (mut world, ids) = puppets::<5>(seed, Network::unreliable());
        for (at, fault) in &plan.0 {
            while world.step_until(*at) {}
            fault.apply(&mut world);
            assert!(ids.iter().filter(|&&id| is_down(&world, id)).count() <= 2, "{seed}\n{plan}");
        }
        let (links, lost) = (world.links(), |id: &NodeId| world.is_disk_lost(*id));
        for from in ids {
            assert!(!is_down(&world, from) || lost(&from), "{seed}\n{plan}");
            for to in ids {
                assert!(!links.is_cut(from, to) && !links.is_clogged(from, to), "{seed}\n{plan}");
            }
        }
        assert_eq!(*world.network(), Network::unreliable());
        assert!(ids.iter().filter(|id| lost(id)).count() <= 2);
    }
}

#[test]
fn a_storm_draws_every_kind_that_it_is_given_and_no_other() {
    for trouble in Trouble::ALL {
        let plan = Plan::random(&mut Rng::new(1), &storm(5, 2, vec![trouble]));
        let verb = |fault: &Fault| fault.to_string().split(' ').next().unwrap().to_string();
        let mut verbs: Vec<String> = plan.0.iter().map(|(_, fault)| verb(fault)).collect();
        verbs.sort();
        verbs.dedup();
        let expected: &[&str] = match trouble {
            Trouble::Crash => &["crash", "restart"],
            Trouble::LoseDisk => &["lose-disk"],
            Trouble::Pause => &["pause", "resume"],
            Trouble::Cut => &["cut", "mend"],
            Trouble::Isolate => &["isolate", "rejoin"],
            Trouble::Partition => &["heal", "partition"],
            Trouble::Clog => &["clog", "unclog"],
            Trouble::Slow => &["service"],
            Trouble::Drift => &["drift"],
            Trouble::Network => &["network"],
        };
        assert_eq!(verbs, expected);
    }
    assert_eq!(Plan::random(&mut Rng::new(1), &storm(5, 0, vec![Trouble::Crash])), Plan::default());
    assert_eq!(Plan::random(&mut Rng::new(1), &storm(5, 2, vec![])), Plan::default());
    for trouble in [Trouble::Cut, Trouble::Clog, Trouble::Partition] {
        let alone = storm(1, 0, vec![trouble]);
        assert_eq!(Plan::random(&mut Rng::new(1), &alone), Plan::default());
    }
}

#[test]
fn no_side_of_a_partition_is_empty_and_each_node_is_on_one() {
    for (nodes, most) in [(2, 2), (3, 3), (5, 3)] {
        let (plan, mut sides) = (storm(nodes, 0, vec![Trouble::Partition]), Vec::new());
        for (_, fault) in Plan::random(&mut Rng::new(1), &plan).0 {
            let Fault::Partition { groups } = fault else { continue };
            assert!(groups.iter().all(|group| !group.is_empty()), "{groups:?}");
            let mut all = groups.concat();
            all.sort_unstable();
            assert_eq!(all, plan.nodes);
            sides.push(groups.len());
        }
        sides.sort_unstable();
        sides.dedup();
        assert_eq!(sides, (2..=most).collect::<Vec<_>>(), "of {nodes} nodes");
    }
}

// ---- against a protocol ----------------------------------------------------------------------

/// The example's letters go on through a random storm, and arrive when it is over.
fn letters_through(seed: u64, plan: &Plan) -> World<Post> {
    let mut world = World::new(seed, Network::unreliable());
    let to = world.add(|_| Post::Receiver);
    world.add(move |cx| Post::Sender { to, next: 1, alarm: cx.now });
    plan.play(&mut world, |world| _ = received(world, to));
    world.calm(Network::reliable());
    let done = world.run_until(ms(5000), |world| received(world, to) == 10);
    assert!(done.is_ok(), "seed {seed}: {:?} after\n{plan}", world.halted());
    world
}

#[test]
fn the_letters_of_the_example_arrive_through_a_hundred_random_storms() {
    let troubles: Vec<_> =
        Trouble::ALL.into_iter().filter(|&kind| kind != Trouble::LoseDisk).collect();
    for seed in 0..100 {
        let plan = Plan::random(&mut Rng::stream(seed, [2, 0, 0]), &storm(2, 2, troubles.clone()));
        let world = letters_through(seed, &plan);
        assert!(world.totals().dropped > 0, "a storm that does nothing");
        assert_eq!(letters_through(seed, &plan).fingerprint(), world.fingerprint());
    }
}

#[test]
fn every_part_of_a_plan_is_a_plan() {
    let troubles: Vec<_> =
        Trouble::ALL.into_iter().filter(|&kind| kind != Trouble::LoseDisk).collect();
    for seed in 0..50 {
        let mut rng = Rng::new(seed);
        let mut plan = Plan::random(&mut rng, &storm(2, 2, troubles.clone()));
        plan.0.retain(|_| rng.chance(1, 2));
        letters_through(seed, &plan);
    }
}

#[test]
fn the_example_holds() {
    letters::main();
}
