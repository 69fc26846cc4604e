//! What the network does to messages by chance, and how it counts them.

use crate::puppet::{
    ALWAYS, Msg, Puppet, ask, at_ms, exactly, heard, ms, puppets, run_to, send, times, within,
};
use Msg::{Answer, Ask};
use labrpc::{Chance, CrashPoint, Instant, Network, NodeId, World};
use std::collections::BTreeMap;
use std::time::Duration;

const MANY: u32 = 20_000;

/// Lets `a` send many messages to `b` in one step, and returns when each that arrived did so.
fn arrivals(seed: u64, network: Network, message: fn(u32) -> Msg) -> BTreeMap<u32, Vec<Instant>> {
    let (mut world, [a, b]) = puppets(seed, network);
    world.poke(b, |puppet, _| puppet.answers = 0);
    world.poke(a, |_, cx| (0..MANY).for_each(|number| cx.send(b, message(number))));
    run_to(&mut world, 20_000);
    let mut arrivals = BTreeMap::<u32, Vec<Instant>>::new();
    for &(at, _, Ask(number) | Answer(number)) in &world.node(b).unwrap().heard {
        arrivals.entry(number).or_default().push(at);
    }
    arrivals
}

/// Asserts that all delays are in `[from, to)` milliseconds, that they come close to both ends, and
/// that their mean is near `mean`.
fn assert_delays(arrivals: &BTreeMap<u32, Vec<Instant>>, from: u64, to: u64, mean: u64) {
    let delays: Vec<Duration> =
        arrivals.values().flatten().map(|at| at.since(Instant::ZERO)).collect();
    let (least, most) = (*delays.iter().min().unwrap(), *delays.iter().max().unwrap());
    assert!(least >= ms(from) && most < ms(to), "{least:?} to {most:?}");
    assert!(least < ms(from) + ms(to - from) / 20 && most + ms(to - from) / 10 > ms(to));
    let average = delays.iter().sum::<Duration>() / delays.len() as u32;
    let error = average.abs_diff(ms(mean));
    assert!(error < ms(mean) / 20, "{average:?} on average, not {mean} ms");
}

fn assert_share(count: usize, of: usize, num: usize, den: usize) {
    let (share, wanted) = (count * 1000 / of, num * 1000 / den);
    assert!(share.abs_diff(wanted) <= 10, "{share} of 1000, not {wanted}");
}

#[test]
fn a_reliable_network_takes_3_to_7_ms_and_loses_nothing() {
    for message in [Ask, Answer] {
        let arrivals = arrivals(1, Network::reliable(), message);
        assert_eq!(arrivals.len(), MANY as usize);
        assert_delays(&arrivals, 3, 7, 5);
    }
}

#[test]
fn an_unreliable_network_delays_requests_and_loses_one_message_in_ten() {
    let requests = arrivals(1, Network::unreliable(), Ask);
    assert_share(requests.len(), MANY as usize, 9, 10);
    let delays = requests.values().flatten().map(|at| at.since(Instant::ZERO));
    let (least, most) = (delays.clone().min().unwrap(), delays.clone().max().unwrap());
    assert!(least >= ms(3) && least < ms(5) && most > ms(31) && most < ms(34));
    let replies = arrivals(1, Network::unreliable(), Answer);
    assert_share(replies.len(), MANY as usize, 9, 10);
    assert_delays(&replies, 3, 7, 5);
}

#[test]
fn long_reordering_holds_back_two_replies_of_three_for_700_ms_on_average() {
    let network = exactly(Duration::ZERO).with_long_reordering();
    let replies = arrivals(1, network.clone(), Answer);
    let held: Vec<Duration> = replies
        .values()
        .flatten()
        .map(|at| at.since(Instant::ZERO))
        .filter(|delay| !delay.is_zero())
        .collect();
    assert_share(held.len(), MANY as usize, 2, 3);
    assert!(*held.iter().min().unwrap() >= ms(200) && *held.iter().max().unwrap() < ms(2200));
    let average = held.iter().sum::<Duration>() / held.len() as u32;
    assert!(average.abs_diff(ms(700)) < ms(20), "{average:?}");
    let requests = arrivals(1, network, Ask);
    assert!(requests.values().flatten().all(|&at| at == Instant::ZERO), "requests are not held");
}

#[test]
fn late_requests_are_seconds_late() {
    let network = Network { late: Chance::of(1, 20), ..exactly(Duration::ZERO) };
    let mut requests = arrivals(1, network.clone(), Ask);
    requests.retain(|_, at| at[0] > Instant::ZERO);
    assert_share(requests.len(), MANY as usize, 1, 20);
    assert_delays(&requests, 500, 5000, 2750);
    let replies = arrivals(1, network, Answer);
    assert!(replies.values().flatten().all(|&at| at == Instant::ZERO), "replies are not late");
}

#[test]
fn copies_arrive_a_little_later() {
    for message in [Ask, Answer] {
        let network = Network { duplicate: Chance::of(1, 10), ..exactly(Duration::ZERO) };
        let mut arrivals = arrivals(1, network, message);
        assert_eq!(arrivals.len(), MANY as usize);
        arrivals.retain(|_, at| at.len() > 1);
        assert_share(arrivals.len(), MANY as usize, 1, 10);
        for at in arrivals.values_mut() {
            at.retain(|at| *at > Instant::ZERO);
        }
        assert!(arrivals.values().all(|at| at.len() == 1), "one copy of a message at most");
        assert_delays(&arrivals, 0, 50, 25);
    }
}

#[test]
fn each_copy_is_handled_and_may_be_answered() {
    let (mut world, [a, b]) = puppets(1, Network { duplicate: ALWAYS, ..exactly(ms(5)) });
    ask(&mut world, a, b, 1);
    run_to(&mut world, 1000);
    assert_eq!(heard(&world, b), [(a, Ask(1)); 2]);
    assert_eq!(heard(&world, a), [(b, Answer(1)); 4]);
    let totals = world.totals();
    assert_eq!((totals.copies, totals.delivered, totals.dropped), (3, 6, 0));
    assert_eq!(totals.rpcs, 1, "the network's copies are none of the caller's RPCs");
}

#[test]
fn messages_overtake_each_other() {
    let (mut world, [a, b]) = puppets(1, Network::reliable());
    (0..10).for_each(|number| ask(&mut world, a, b, number));
    run_to(&mut world, 100);
    let order: Vec<Msg> = heard(&world, b).into_iter().map(|(_, message)| message).collect();
    assert!(!order.is_sorted(), "{order:?}");
}

/// Taking one fault away changes nothing else: neither for other messages nor for the same.
#[test]
fn each_message_has_dice_of_its_own_and_each_fault_a_throw_of_its_own() {
    let all = Network {
        reply_loss: Chance::of(1, 5),
        request_loss: Chance::of(1, 5),
        ..Network::unreliable().with_late_messages().with_long_reordering()
    };
    for message in [Ask, Answer] {
        let with_all = arrivals(7, all.clone(), message);

        let lossless =
            Network { request_loss: Chance::NEVER, reply_loss: Chance::NEVER, ..all.clone() };
        let without = arrivals(7, lossless, message);
        assert_eq!(without.len(), MANY as usize);
        assert!(with_all.iter().all(|(number, at)| without[number] == *at));

        let without = arrivals(7, Network { duplicate: Chance::NEVER, ..all.clone() }, message);
        assert_eq!(without.len(), with_all.len(), "the same messages are lost");
        assert!(
            without.iter().all(|(number, at)| at.len() == 1 && with_all[number].contains(&at[0]))
        );

        let in_time = Network { late: Chance::NEVER, reorder: Chance::NEVER, ..all.clone() };
        let without = arrivals(7, in_time, message);
        assert_eq!(without.len(), with_all.len());
        let unchanged = without.iter().filter(|(number, at)| with_all[number] == **at).count();
        let held = without.len() - unchanged;
        let share = if message(0) == Ask(0) { (1, 20) } else { (2, 3) };
        assert_share(held, without.len(), share.0, share.1);
    }
}

#[test]
fn traffic_on_one_link_does_not_shift_the_dice_of_another() {
    let run = |noise: bool| {
        let (mut world, [a, b, c]) = puppets(3, Network::unreliable());
        for number in 0..200 {
            if noise {
                ask(&mut world, a, c, number);
                ask(&mut world, c, b, number);
            }
            world.poke(a, |_, cx| cx.send(b, Ask(number)));
        }
        run_to(&mut world, 1000);
        let from_a = |&(_, from, _): &(Instant, NodeId, Msg)| from == a;
        world.node(b).unwrap().heard.iter().copied().filter(from_a).collect::<Vec<_>>()
    };
    assert_eq!(run(false), run(true));
}

// ---- lives -----------------------------------------------------------------------------------

/// `b` crashes and starts again while a request to it is on its way.
fn request_across_a_restart(network: Network) -> (World<Puppet>, [NodeId; 2]) {
    let (mut world, [a, b]) = puppets(1, network);
    ask(&mut world, a, b, 1);
    run_to(&mut world, 2);
    world.crash(b, CrashPoint::Now);
    run_to(&mut world, 3);
    world.restart(b).unwrap();
    run_to(&mut world, 100);
    (world, [a, b])
}

#[test]
fn what_was_sent_to_an_earlier_life_is_lost() {
    let (world, [_, b]) = request_across_a_restart(exactly(ms(5)));
    assert_eq!((heard(&world, b), world.totals().dropped), (vec![], 1));
}

#[test]
fn what_was_sent_to_an_earlier_life_is_delivered_under_the_late_message_fault() {
    let (world, [a, b]) =
        request_across_a_restart(Network { across_lives: true, ..exactly(ms(5)) });
    assert_eq!(heard(&world, b), [(a, Ask(1))]);
    assert_eq!(heard(&world, a), [(b, Answer(1))]);
}

#[test]
fn a_request_outlives_its_sender() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    ask(&mut world, a, b, 1);
    world.crash(a, CrashPoint::Now);
    run_to(&mut world, 100);
    assert_eq!(heard(&world, b), [(a, Ask(1))]);
}

/// `b` crashes while its reply is on its way, and starts again before it arrives or after.
fn reply_of_a_node_that_crashed(network: Network, restarts: bool) -> Vec<(NodeId, Msg)> {
    let (mut world, [a, b]) = puppets(1, network);
    ask(&mut world, a, b, 1);
    run_to(&mut world, 6);
    world.crash(b, CrashPoint::Now);
    if restarts {
        world.restart(b).unwrap();
    }
    run_to(&mut world, 3000);
    heard(&world, a)
}

#[test]
fn a_reply_of_a_node_that_has_crashed_is_lost_as_in_the_labs() {
    for restarts in [false, true] {
        assert_eq!(reply_of_a_node_that_crashed(exactly(ms(5)), restarts), []);
        let reordering = exactly(ms(5)).with_long_reordering();
        assert_eq!(reply_of_a_node_that_crashed(reordering, restarts).len(), 1);
        let late = Network { across_lives: true, ..exactly(ms(5)) };
        assert_eq!(reply_of_a_node_that_crashed(late, restarts).len(), 1);
    }
}

#[test]
fn a_reply_to_an_earlier_life_is_lost_even_under_long_reordering() {
    let answers = |network: Network| {
        let (mut world, [a, b]) = puppets(1, network);
        ask(&mut world, a, b, 1);
        run_to(&mut world, 6);
        world.restart(a).unwrap();
        run_to(&mut world, 3000);
        heard(&world, a).len()
    };
    assert_eq!(answers(exactly(ms(5))), 0);
    assert_eq!(answers(exactly(ms(5)).with_long_reordering()), 0);
    assert_eq!(answers(Network { across_lives: true, ..exactly(ms(5)) }), 1);
}

#[test]
fn messages_that_outlive_a_crash_do_not_pass_a_cut_link() {
    let (mut world, [a, b]) = puppets(1, Network { across_lives: true, ..exactly(ms(5)) });
    ask(&mut world, a, b, 1);
    run_to(&mut world, 6);
    world.cut(b, a);
    run_to(&mut world, 100);
    assert_eq!((heard(&world, a), world.totals().dropped), (vec![], 1));
}

// ---- counting --------------------------------------------------------------------------------

#[test]
fn a_request_is_one_rpc_and_so_is_a_reply_to_nothing() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    ask(&mut world, a, b, 1);
    run_to(&mut world, 100);
    assert_eq!(world.totals().rpcs, 1, "the reply is free");
    assert_eq!((world.traffic(b).rpcs, world.traffic(a).rpcs), (1, 0));

    world.poke(b, |puppet, _| puppet.answers = 3);
    ask(&mut world, a, b, 2);
    run_to(&mut world, 200);
    assert_eq!(world.totals().rpcs, 1 + 3, "a request, and two replies more than it asked for");
    assert_eq!((world.traffic(b).rpcs, world.traffic(a).rpcs), (2, 2));

    send(&mut world, a, b, Answer(9));
    run_to(&mut world, 300);
    assert_eq!((world.totals().rpcs, world.traffic(b).rpcs), (5, 3));
}

#[test]
fn a_restarted_node_owes_no_answers() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.poke(b, |puppet, _| puppet.answers = 0);
    ask(&mut world, a, b, 1);
    run_to(&mut world, 100);
    world.restart(b).unwrap();
    send(&mut world, b, a, Answer(1));
    assert_eq!(world.totals().rpcs, 2);
}

#[test]
fn requests_count_when_they_are_sent_and_replies_when_they_arrive() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    let size = labgob::encoded_len(&Ask(1)) as u64;
    ask(&mut world, a, b, 1);
    assert_eq!((world.totals().bytes, world.traffic(b).bytes), (size, 0));
    run_to(&mut world, 5);
    assert_eq!((world.totals().bytes, world.traffic(b).bytes), (size, size));
    run_to(&mut world, 10);
    assert_eq!((world.totals().bytes, world.traffic(a).bytes), (2 * size, size));
    world.cut(a, b);
    ask(&mut world, a, b, 2);
    assert_eq!((world.totals().bytes, world.totals().rpcs), (3 * size, 2), "lost ones, too");
    send(&mut world, b, a, Answer(2));
    world.cut(b, a);
    run_to(&mut world, 100);
    assert_eq!(world.totals().bytes, 3 * size, "the reply was lost");
}

#[test]
fn the_counter_of_a_life_starts_anew_at_a_restart() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    for number in 0..3 {
        ask(&mut world, a, b, number);
    }
    run_to(&mut world, 100);
    world.restart(b).unwrap();
    ask(&mut world, a, b, 3);
    run_to(&mut world, 200);
    assert_eq!((world.traffic(b).rpcs, world.traffic(b).rpcs_in_this_life), (4, 1));
}

#[test]
fn what_is_on_its_way_is_not_changed_by_a_change_of_the_network() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    ask(&mut world, a, b, 1);
    world.set_network(Network { request_loss: ALWAYS, ..within(ms(100)..ms(200)) });
    ask(&mut world, a, b, 2);
    run_to(&mut world, 1000);
    assert_eq!((heard(&world, b), times(&world, b)), (vec![(a, Ask(1))], vec![at_ms(5)]));
    assert!(times(&world, a)[0] >= at_ms(105), "the reply was sent over the new network");
}
