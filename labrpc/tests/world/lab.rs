//! The labs' own tests of labrpc, as far as a network of messages can have them: a call that fails
//! is one whose reply never comes.

use crate::puppet::ms;
use crate::service::{Lab, Pair, Reply, Request};
use Request::{H1, H2, H3, H4, H5, H6, H7};
use labrpc::{CrashPoint, Network};

#[test]
fn labrpc_basic() {
    let mut lab = Lab::new(1, Network::reliable());
    let client = lab.client();
    assert_eq!(lab.call(client, H2(111)), Some(Reply::named(111)));
    assert_eq!(lab.call(client, H1("9099".into())), Some(Reply::Number(9099)));
    assert_eq!(lab.log(), ["111", "9099"]);
}

/// The labs test that a pointer arrives as a pointer; here, that a value keeps its type.
#[test]
fn labrpc_types() {
    let mut lab = Lab::new(1, Network::reliable());
    let client = lab.client();
    let pair = Pair { x: 3, y: -4 };
    assert_eq!(lab.call(client, H4(Box::new(pair.clone()))), Some(Reply::text("pointer")));
    assert_eq!(lab.call(client, H5(pair)), Some(Reply::text("no pointer")));
}

#[test]
fn labrpc_disconnect() {
    let mut lab = Lab::new(1, Network::reliable());
    let client = lab.client();
    lab.world.isolate(client);
    assert_eq!(lab.call(client, H2(111)), None);
    lab.world.rejoin(client);
    assert_eq!(lab.call(client, H1("9099".into())), Some(Reply::Number(9099)));
    assert_eq!(lab.log(), ["9099"]);
}

#[test]
fn labrpc_counts() {
    let mut lab = Lab::new(1, Network::reliable());
    let client = lab.client();
    for number in 0..17 {
        assert_eq!(lab.call(client, H2(number)), Some(Reply::named(number)));
    }
    assert_eq!(lab.count(), 17);
    assert_eq!(lab.world.totals().rpcs, 17);
}

/// Go's limits are those of gob, which names its types in every message: about 298 and 116 bytes a
/// call. Here a call is the variant, its number, the handler, and a length of three bytes.
#[test]
fn labrpc_bytes() {
    let mut lab = Lab::new(1, Network::reliable());
    let client = lab.client();
    let text = "lett".repeat(71);
    for _ in 0..17 {
        assert_eq!(lab.call(client, H6(text.clone())), Some(Reply::Number(284)));
    }
    let call = 1 + 1 + 1 + 3 + 284;
    let answer = 1 + 1 + 1 + 3;
    let first = lab.world.totals().bytes;
    assert_eq!(first, 17 * (call + answer));
    for _ in 0..17 {
        assert_eq!(lab.call(client, H7(107)), Some(Reply::Text("y".repeat(107))));
    }
    let call = 1 + 1 + 1 + 1;
    let answer = 1 + 1 + 1 + 1 + 107;
    assert_eq!(lab.world.totals().bytes - first, 17 * (call + answer));
}

#[test]
fn labrpc_concurrent_many() {
    let mut lab = Lab::new(1, Network::reliable());
    let clients: Vec<_> = (0..20).map(|_| lab.client()).collect();
    for (&client, i) in clients.iter().zip(0..) {
        lab.start_all(client, (0..10).map(|j| H2(100 * i + j)));
    }
    lab.world.run_for(ms(1000));
    for (&client, i) in clients.iter().zip(0..) {
        let replies = lab.world.node(client).unwrap().replies.values().cloned();
        assert!(replies.eq((0..10).map(|j| Reply::named(100 * i + j))), "client {i}");
    }
    assert_eq!(lab.count(), 200);
}

#[test]
fn labrpc_unreliable() {
    let mut lab = Lab::new(1, Network::unreliable());
    let clients: Vec<_> = (0..300).map(|_| lab.client()).collect();
    let calls: Vec<u64> =
        clients.iter().zip(0..).map(|(&client, i)| lab.start(client, H2(100 * i))).collect();
    lab.world.run_for(ms(1000));
    let mut returned = 0;
    for ((&client, call), i) in clients.iter().zip(calls).zip(0..) {
        if let Some(reply) = lab.reply(client, call) {
            assert_eq!(*reply, Reply::named(100 * i));
            returned += 1;
        }
    }
    assert!((215..=270).contains(&returned), "{returned} of 300; 243 are to be expected");
    assert_eq!(lab.world.totals().rpcs, 300);
    assert!(lab.count() > returned && lab.count() < 300, "requests are lost, and replies");
}

#[test]
fn labrpc_concurrent_one() {
    let mut lab = Lab::new(1, Network::reliable());
    let client = lab.client();
    let calls: Vec<u64> = (0..20).map(|i| lab.start(client, H2(100 + i))).collect();
    lab.world.run_for(ms(100));
    for (call, i) in calls.into_iter().zip(0..) {
        assert_eq!(lab.reply(client, call), Some(&Reply::named(100 + i)));
    }
    assert_eq!((lab.log().len(), lab.count()), (20, 20));
}

/// The labs' regression test: calls over a dead link fail late, block nothing meanwhile, and are
/// not delivered when the link comes back. Here they never fail; the rest is the same.
#[test]
fn labrpc_delayed_call_does_not_block_later_calls() {
    let mut lab = Lab::new(1, Network::reliable());
    let client = lab.client();
    lab.world.isolate(client);
    let calls: Vec<u64> = (0..20).map(|i| lab.start(client, H2(100 + i))).collect();
    lab.world.run_for(ms(100));
    lab.world.rejoin(client);
    let start = lab.world.now();
    assert_eq!(lab.call(client, H2(99)), Some(Reply::named(99)));
    assert!(lab.world.now().since(start) <= ms(30));
    lab.world.run_for(ms(100_000));
    assert!(calls.iter().all(|&call| lab.reply(client, call).is_none()));
    assert_eq!((lab.log(), lab.count()), (&["99".to_string()][..], 1));
}

/// There, the caller of a server that is deleted gets an error; here, nothing, for ever.
#[test]
fn labrpc_killed_server_unblocks_callers() {
    let mut lab = Lab::new(1, Network::reliable());
    let client = lab.client();
    let call = lab.start(client, H3(99));
    lab.world.run_for(ms(1100));
    assert_eq!((lab.reply(client, call), lab.count()), (None, 1));
    let mut spared = lab.world.clone();
    spared.run_for(ms(20_000));
    assert_eq!(spared.node(client).unwrap().replies[&call], Reply::Number(-99));
    lab.world.crash(lab.server, CrashPoint::Now);
    lab.world.run_for(ms(100_000));
    assert_eq!(lab.reply(client, call), None);
    assert_eq!(lab.call(client, H2(1)), None, "the caller is not blocked, but the server is dead");
}

#[test]
fn labrpc_benchmark() {
    let mut lab = Lab::new(1, Network::reliable());
    let client = lab.client();
    lab.start_all(client, (0..100_000).map(|_| H2(111)));
    lab.world.run_for(ms(1_400_000));
    let replies = &lab.world.node(client).unwrap().replies;
    assert_eq!((replies.len(), lab.count()), (100_000, 100_000));
    assert!(replies.values().all(|reply| *reply == Reply::named(111)));
}
