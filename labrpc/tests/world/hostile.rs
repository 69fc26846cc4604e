//! Bytes that nobody sane sent.

use crate::puppet::{Msg, ask, exactly, heard, ms, puppets, run_to};
use labrpc::{Event, Loss, Network, Trace};
use proptest::prelude::*;

proptest! {
    #[test]
    fn whatever_comes_off_the_wire_is_a_message_or_is_counted_as_garbled(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..12), 1..20),
        traced in any::<bool>(),
    ) {
        let (mut world, [a, b]) = puppets(1, Network::reliable());
        world.set_trace(if traced { Trace::all() } else { Trace::off() });
        for packet in &packets {
            world.inject(a, b, packet);
        }
        run_to(&mut world, 1000);
        let sane: Vec<Msg> =
            packets.iter().filter_map(|packet| labgob::decode(packet).ok()).collect();
        let totals = world.totals();
        prop_assert_eq!(heard(&world, b).len(), sane.len());
        prop_assert_eq!(totals.garbled, (packets.len() - sane.len()) as u64);
        prop_assert_eq!(totals.dropped, totals.garbled);
        prop_assert_eq!(totals.rpcs as usize, packets.len());
    }
}

#[test]
fn a_message_that_is_garbled_is_traced_with_the_reason_and_harms_nobody() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    world.set_trace(Trace::all());
    world.inject(a, b, &[200, 1, 2]);
    ask(&mut world, a, b, 1);
    run_to(&mut world, 100);
    let records: Vec<_> = world.trace().records().collect();
    let Event::Drop { from, why, message, .. } = &records[1].event else { panic!("{records:?}") };
    assert_eq!((*from, *why), (a, Loss::Garbled));
    assert!(message.starts_with("3 bytes that are no message: "), "{message}");
    assert_eq!((heard(&world, b).len(), world.traffic(b).rpcs), (1, 1));
}

#[test]
fn bytes_after_a_message_are_garbage() {
    let (mut world, [a, b]) = puppets(1, exactly(ms(5)));
    let mut packet = labgob::encode(&Msg::Ask(1));
    world.inject(a, b, &packet);
    packet.push(0);
    world.inject(a, b, &packet);
    run_to(&mut world, 100);
    assert_eq!((heard(&world, b).len(), world.totals().garbled), (1, 1));
}
