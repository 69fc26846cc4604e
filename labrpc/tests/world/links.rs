//! Who reaches whom: cuts, isolation, partitions, clogs.

use crate::puppet::{Msg, ask, at_ms, exactly, heard, ms, puppets, run_to, send, times};
use Msg::{Answer, Ask};
use labrpc::{CrashPoint, Event, Loss, Network, Trace, World};

fn losses(world: &World<crate::puppet::Puppet>) -> Vec<Loss> {
    let losses = world.trace().records().filter_map(|record| match record.event {
        Event::Drop { why, .. } => Some(why),
        _ => None,
    });
    losses.collect()
}

#[test]
fn a_request_over_a_cut_link_is_never_delivered_not_even_after_healing() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.set_trace(Trace::all());
    world.cut(a, b);
    ask(&mut world, a, b, 1);
    world.mend(a, b);
    world.run_for(ms(100_000));
    assert_eq!(heard(&world, b), []);
    assert_eq!(losses(&world), [Loss::CutAtSending]);
    ask(&mut world, a, b, 2);
    world.run_for(ms(100));
    assert_eq!(heard(&world, b), [(a, Ask(2))]);
    assert_eq!(heard(&world, a), [(b, Answer(2))]);
}

#[test]
fn a_request_that_is_on_its_way_when_both_directions_are_cut_arrives_and_its_reply_is_lost() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.set_trace(Trace::all());
    ask(&mut world, a, b, 1);
    run_to(&mut world, 4);
    world.cut(a, b);
    world.cut(b, a);
    run_to(&mut world, 100);
    assert_eq!(heard(&world, b), [(a, Ask(1))]);
    assert_eq!(heard(&world, a), []);
    assert_eq!(losses(&world), [Loss::CutAtSending], "the reply");
}

#[test]
fn a_reply_whose_link_is_cut_when_it_arrives_is_lost() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.set_trace(Trace::all());
    ask(&mut world, a, b, 1);
    run_to(&mut world, 7);
    world.cut(b, a);
    run_to(&mut world, 100);
    assert_eq!(heard(&world, a), []);
    assert_eq!(losses(&world), [Loss::CutOnTheWay]);
}

#[test]
fn a_reply_whose_link_was_cut_only_on_its_way_arrives() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    ask(&mut world, a, b, 1);
    run_to(&mut world, 6);
    world.cut(b, a);
    run_to(&mut world, 9);
    world.mend(b, a);
    run_to(&mut world, 100);
    assert_eq!(heard(&world, a), [(b, Answer(1))]);
}

#[test]
fn under_long_reordering_a_reply_is_tested_when_it_is_sent_only() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)).with_long_reordering());
    world.set_trace(Trace::all());
    ask(&mut world, a, b, 1);
    run_to(&mut world, 5);
    world.cut(b, a);
    ask(&mut world, a, b, 2);
    world.run_for(ms(3000));
    assert_eq!(heard(&world, b), [(a, Ask(1)), (a, Ask(2))]);
    assert_eq!(heard(&world, a), [(b, Answer(1))], "the second was sent over a cut link");
    assert_eq!(losses(&world), [Loss::CutAtSending]);
}

#[test]
fn a_cut_is_one_way() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.cut(a, b);
    ask(&mut world, a, b, 1);
    ask(&mut world, b, a, 2);
    run_to(&mut world, 100);
    assert_eq!(heard(&world, b), []);
    assert_eq!(heard(&world, a), [(b, Ask(2))], "and its reply is lost");
    world.mend(a, b);
    world.cut(b, a);
    ask(&mut world, a, b, 3);
    run_to(&mut world, 200);
    assert_eq!(heard(&world, b), [(a, Ask(3))]);
    assert_eq!(heard(&world, a), [(b, Ask(2))]);
}

#[test]
fn connectivity_need_not_be_transitive() {
    let (mut world, [a, b, c]) = puppets(1, exactly(ms(5)));
    world.cut(a, c);
    world.cut(c, a);
    for (from, to) in [(a, b), (b, c), (c, a), (a, c)] {
        ask(&mut world, from, to, 1);
    }
    run_to(&mut world, 100);
    assert_eq!(heard(&world, a), [(b, Answer(1))]);
    assert_eq!(heard(&world, b), [(a, Ask(1)), (c, Answer(1))]);
    assert_eq!(heard(&world, c), [(b, Ask(1))]);
}

#[test]
fn a_node_that_rejoins_reaches_those_that_are_not_isolated_themselves() {
    let (mut world, [a, b, c]) = puppets(1, Network::reliable());
    world.isolate(a);
    world.isolate(b);
    world.rejoin(a);
    let links = world.links();
    assert!(!links.is_cut(a, c) && !links.is_cut(c, a));
    assert!(links.is_cut(a, b) && links.is_cut(b, a) && links.is_cut(b, c) && links.is_cut(c, b));
    assert!(links.is_isolated(b) && !links.is_isolated(a));
    assert!(!links.is_cut(b, b), "an isolated node still reaches itself");
}

#[test]
fn the_reasons_for_which_a_link_is_cut_do_not_know_of_each_other() {
    let (mut world, [a, b]) = puppets(1, Network::reliable());
    world.cut(a, b);
    world.isolate(a);
    world.partition(&[vec![a], vec![b]]);
    world.rejoin(a);
    world.heal();
    assert!(world.links().is_cut(a, b) && !world.links().is_cut(b, a));
    world.partition(&[vec![a], vec![b]]);
    world.mend(a, b);
    assert!(world.links().is_cut(a, b) && world.links().is_cut(b, a));
    world.heal();
    assert!(!world.links().is_cut(a, b) && !world.links().is_cut(b, a));
}

#[test]
fn a_partition_leaves_who_is_in_no_group_connected_to_all() {
    let (mut world, [a, b, c, client]) = puppets(1, Network::reliable());
    world.partition(&[vec![a, b], vec![c]]);
    let links = world.links();
    assert!(!links.is_cut(a, b) && links.is_cut(a, c) && links.is_cut(c, b));
    for node in [a, b, c] {
        assert!(!links.is_cut(client, node) && !links.is_cut(node, client));
    }
    world.partition(&[vec![a], vec![b, c]]);
    assert!(world.links().is_cut(a, b) && !world.links().is_cut(b, c), "it replaces the first");
}

#[test]
#[should_panic(expected = "n0 is in two groups")]
fn a_node_cannot_be_on_two_sides() {
    let (mut world, [a, b]) = puppets(1, Network::reliable());
    world.partition(&[vec![a, b], vec![a]]);
}

#[test]
#[should_panic(expected = "no link from n0 to n2")]
fn a_link_to_a_node_that_does_not_exist_is_not_mistaken_for_another() {
    let (mut world, [a, _]) = puppets(1, Network::reliable());
    world.cut(a, labrpc::NodeId::new(2));
}

#[test]
fn a_node_that_is_added_later_leaves_the_state_of_the_links_as_it_was() {
    let (mut world, [a, b]) = puppets(1, Network::reliable());
    world.cut(b, a);
    world.clog(a, b);
    ask(&mut world, a, b, 1);
    let c = world.add(|_| crate::puppet::Puppet::default());
    let links = world.links();
    assert!(links.is_cut(b, a) && !links.is_cut(a, b));
    assert!(links.is_clogged(a, b) && !links.is_clogged(b, a));
    assert_eq!((links.sent(a, b), links.sent(b, a), links.sent(a, c)), (1, 0, 0));
}

#[test]
fn a_clogged_link_holds_everything_back_and_keeps_the_order_in_which_it_came() {
    let (mut world, [a, b, c]) = puppets(1, Network::reliable());
    world.clog(a, b);
    for number in 0..50 {
        ask(&mut world, a, b, number);
    }
    ask(&mut world, c, b, 99);
    let mut open = world.clone();
    open.unclog(a, b);
    for world in [&mut world, &mut open] {
        run_to(world, 1000);
    }
    assert_eq!(heard(&world, b), [(c, Ask(99))], "other links are free");
    let order: Vec<_> = heard(&open, b).into_iter().filter(|&(from, _)| from == a).collect();
    world.unclog(a, b);
    run_to(&mut world, 1000);
    assert_eq!(heard(&world, b)[1..], order, "as they would have come");
    assert_eq!(times(&world, b)[1..], [at_ms(1000); 50], "all at once");
    assert_eq!(heard(&world, a), [], "replies take their time");
    run_to(&mut world, 2000);
    assert_eq!(heard(&world, a).len(), 50);
}

#[test]
fn what_a_clogged_link_holds_is_lost_if_the_receiver_crashes() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.clog(a, b);
    ask(&mut world, a, b, 1);
    run_to(&mut world, 10);
    world.restart(b).unwrap();
    ask(&mut world, a, b, 2);
    run_to(&mut world, 20);
    world.unclog(a, b);
    run_to(&mut world, 30);
    assert_eq!(heard(&world, b), [(a, Ask(2))]);
}

#[test]
fn a_reply_that_a_clogged_link_holds_is_tested_when_it_gets_through() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.clog(b, a);
    ask(&mut world, a, b, 1);
    run_to(&mut world, 20);
    world.cut(b, a);
    world.unclog(b, a);
    run_to(&mut world, 40);
    assert_eq!(heard(&world, a), []);
    assert_eq!(world.totals().dropped, 1);
}

#[test]
fn a_node_can_send_to_itself() {
    let (mut world, [a]) = puppets(1, exactly(ms(5)));
    ask(&mut world, a, a, 1);
    run_to(&mut world, 100);
    assert_eq!(heard(&world, a), [(a, Ask(1)), (a, Answer(1))]);
}

#[test]
fn a_link_can_have_a_network_of_its_own() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.set_link(a, b, Some(exactly(ms(50))));
    ask(&mut world, a, b, 1);
    world.set_link(a, b, None);
    ask(&mut world, a, b, 2);
    run_to(&mut world, 100);
    assert_eq!(heard(&world, b), [(a, Ask(2)), (a, Ask(1))]);
    assert_eq!(times(&world, b), [at_ms(5), at_ms(50)], "what is on its way stays so");
}

#[test]
fn a_message_to_a_node_that_is_down_is_lost() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.set_trace(Trace::all());
    world.crash(b, CrashPoint::Now);
    ask(&mut world, a, b, 1);
    run_to(&mut world, 100);
    send(&mut world, a, b, Answer(7));
    run_to(&mut world, 200);
    assert_eq!(losses(&world), [Loss::Down, Loss::Down]);
}

#[test]
fn the_calm_ends_everything_but_the_loss_of_a_disk() {
    let (mut world, [a, b, c, d]) = puppets(1, Network::unreliable());
    let noisy = Network::unreliable().with_late_messages();
    world.poke(c, |puppet, _| puppet.writes = 1);
    world.cut(a, b);
    world.clog(b, a);
    world.isolate(c);
    world.partition(&[vec![a], vec![b]]);
    world.set_link(a, c, Some(noisy));
    world.crash(a, CrashPoint::Now);
    world.crash(c, CrashPoint::Undone);
    world.pause(b);
    world.set_drift(b, 1000);
    world.set_service_time(b, ms(500));
    world.lose_disk(d);
    world.calm(exactly(ms(5)));
    let start = world.now();
    for (from, to) in [(a, b), (b, c), (c, a)] {
        ask(&mut world, from, to, 1);
    }
    world.run_for(ms(10));
    for node in [a, b, c] {
        assert_eq!(heard(&world, node).len(), 2, "{node}");
    }
    assert_eq!(world.clock(b).as_nanos(), world.now().as_nanos(), "set right before it drifted");
    assert_eq!(world.now().since(start), ms(10));
    assert!(world.node(d).is_none() && world.is_disk_lost(d));
}
