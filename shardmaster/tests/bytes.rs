//! The format: what is written out here is in logs, in snapshots and on the wire, and must still
//! decode. And bytes that are no state are not taken for one.

use kvraft::rsm::{ClientId, Outcome, Past, Seq, Service, Sessions};
use labgob::{decode, encode};
use labrpc::NodeId;
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use shardmaster::{Config, ConfigNum, Gid, Master, Op, Problem, Reply, Shard};
use std::collections::BTreeMap;
use std::fmt::Debug;

#[track_caller]
fn golden<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, bytes: &[u8]) {
    assert_eq!(encode(value), bytes, "encoding {value:?}");
    assert_eq!(decode::<T>(bytes).as_ref(), Ok(value));
}

fn groups() -> BTreeMap<Gid, Vec<NodeId>> {
    [(Gid::new(9), vec![NodeId::new(3), NodeId::new(1)]), (Gid::new(300), vec![NodeId::new(4)])]
        .into()
}

#[test]
fn requests() {
    golden(&Op::Join { groups: groups() }, &[0, 2, 9, 2, 3, 1, 251, 44, 1, 1, 4]);
    golden(&Op::Leave { gids: vec![Gid::new(9), Gid::new(3)] }, &[1, 2, 9, 3]);
    golden(&Op::Move { shard: Shard::new(5), gid: Gid::new(9) }, &[2, 5, 9]);
    golden(&Op::Query { num: None }, &[3, 0]);
    golden(&Op::Query { num: Some(ConfigNum::new(7)) }, &[3, 1, 7]);
}

#[test]
fn answers() {
    golden(&Reply::Made(ConfigNum::new(7)), &[0, 7]);
    golden(&Reply::Unchanged(ConfigNum::new(7)), &[1, 7]);
    golden(&Reply::Config(Config::first(2)), &[2, 0, 2, 0, 0, 2, 0, 0, 0]);
    let problems = [
        Problem::GroupZero,
        Problem::AlreadyJoined,
        Problem::NoServers,
        Problem::NoSuchGroup,
        Problem::NoSuchShard,
        Problem::OtherServers,
    ];
    for (number, problem) in (0..).zip(problems) {
        golden(&Reply::Invalid(problem), &[3, number]);
    }
}

#[test]
fn a_configuration_is_its_number_its_owners_its_holders_and_its_groups() {
    let gid = Gid::new(9);
    let config = Config {
        num: ConfigNum::new(2),
        shards: vec![Some(gid), None],
        holders: vec![Some(gid), Some(Gid::new(1))],
        groups: [(gid, vec![NodeId::new(3)])].into(),
    };
    golden(&config, &[2, 2, 1, 9, 0, 2, 1, 9, 1, 1, 1, 9, 1, 3]);
}

/// A master that has been asked for a few things, and remembers by whom.
fn used() -> Master {
    let mut master = Master::new(2);
    let ops = [
        Op::Join { groups: groups() },
        Op::Move { shard: Shard::new(1), gid: Gid::new(9) },
        Op::Leave { gids: vec![Gid::new(9), Gid::new(300)] },
    ];
    for (seq, op) in (1..).zip(ops) {
        let Outcome::Done(reply) = master.apply(&op) else { unreachable!() };
        let sessions = master.sessions(&op).expect("it has sessions");
        sessions.remember(ClientId::new(5), Seq::new(seq), reply);
    }
    assert_eq!(master.configs().len(), 4);
    master
}

#[test]
fn a_snapshot_has_all_configurations_and_all_sessions() {
    assert_eq!(Master::new(2).save(), [1, 0, 2, 0, 0, 2, 0, 0, 0, 0]);
    let (master, mut other) = (used(), Master::new(2));
    assert_eq!(other.load(&master.save()), Ok(()));
    assert_eq!(other, master);
    let sessions = other.sessions(&Op::Query { num: None }).expect("it has sessions");
    let past = sessions.recall(ClientId::new(5), Seq::new(3));
    assert_eq!(past, Past::Done(&Reply::Made(ConfigNum::new(3))));
}

/// A state as it is encoded, put together by hand.
fn state(configs: &[Config]) -> Vec<u8> {
    encode(&(configs, Sessions::<Reply>::default()))
}

/// Each of these would be a panic sooner or later.
#[test]
fn a_state_that_no_master_can_be_in_is_not_loaded() {
    let good = used().configs().to_vec();
    let mut fresh = Master::new(2);
    assert_eq!(fresh.load(&state(&good)), Ok(()), "so much for the encoding");
    let spoilt = |which: usize, spoil: &dyn Fn(&mut Config)| {
        let mut configs = good.clone();
        spoil(&mut configs[which]);
        configs
    };
    let nine = Some(Gid::new(9));
    let cases: [(&str, Vec<Config>); 13] = [
        ("no configuration", Vec::new()),
        ("no first one", good[1..].to_vec()),
        ("one is left out", [&good[..1], &good[2..]].concat()),
        ("one is there twice", [&good[..2], &good[1..]].concat()),
        ("another number of shards", vec![Config::first(3)]),
        ("too few owners", spoilt(1, &|it| it.shards.truncate(1))),
        ("too few holders", spoilt(3, &|it| it.holders.truncate(1))),
        ("shards at last", spoilt(3, &|it| (it.shards, it.holders) = (vec![None], vec![None]))),
        ("an owner that is not there", spoilt(3, &|it| it.shards[0] = nine)),
        ("an owner that does not hold", spoilt(2, &|it| it.holders[0] = Some(Gid::new(300)))),
        ("a holder is forgotten", spoilt(3, &|it| it.holders[1] = None)),
        ("a group without servers", spoilt(1, &|it| drop(it.groups.insert(Gid::new(4), vec![])))),
        ("group 0", spoilt(1, &|it| drop(it.groups.insert(Gid::new(0), vec![NodeId::new(1)])))),
    ];
    for (what, configs) in cases {
        let mut master = used();
        master.load(&state(&configs)).expect_err(what);
        assert_eq!(master, used(), "{what}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// And whatever is loaded can be used.
    #[test]
    fn bytes_that_are_none_never_make_it_panic(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
        query in any::<u64>(),
    ) {
        let mut bytes = used().save();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
        let mut master = Master::new(2);
        let before = master.clone();
        if master.load(&bytes).is_err() {
            prop_assert_eq!(&master, &before);
        }
        prop_assert!(master.latest().is_sound());
        let gid = Gid::new(7);
        master.apply(&Op::Join { groups: [(gid, vec![NodeId::new(1)])].into() });
        master.apply(&Op::Move { shard: Shard::new(1), gid });
        master.apply(&Op::Leave { gids: vec![gid] });
        master.apply(&Op::Query { num: Some(ConfigNum::new(query)) });
    }
}
