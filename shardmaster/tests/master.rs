//! What the master answers and what it changes, request by request.

use kvraft::rsm::{Outcome, Service};
use labrpc::NodeId;
use proptest::collection::vec;
use proptest::prelude::*;
use shardmaster::{Config, ConfigNum, Gid, Master, Op, Problem, Reply, SHARDS, Shard};
use std::collections::BTreeMap;

fn servers(numbers: &[u16]) -> Vec<NodeId> {
    numbers.iter().copied().map(NodeId::new).collect()
}

/// Groups with these gids and three servers each.
fn join(gids: &[u64]) -> Op {
    let group = |&gid: &u64| (Gid::new(gid), servers(&[gid as u16, 1, 2]));
    Op::Join { groups: gids.iter().map(group).collect() }
}

fn leave(gids: &[u64]) -> Op {
    Op::Leave { gids: gids.iter().copied().map(Gid::new).collect() }
}

fn moved(shard: u16, gid: u64) -> Op {
    Op::Move { shard: Shard::new(shard), gid: Gid::new(gid) }
}

fn tell(master: &mut Master, op: &Op) -> Reply {
    match master.apply(op) {
        Outcome::Done(reply) => reply,
        Outcome::Refused(reply) => panic!("{op:?} is refused: {reply:?}"),
    }
}

fn query(master: &mut Master, num: Option<u64>) -> Config {
    match tell(master, &Op::Query { num: num.map(ConfigNum::new) }) {
        Reply::Config(config) => config,
        reply => panic!("{reply:?}"),
    }
}

fn made(num: u64) -> Reply {
    Reply::Made(ConfigNum::new(num))
}

fn unchanged(num: u64) -> Reply {
    Reply::Unchanged(ConfigNum::new(num))
}

/// Who serves each shard, and who holds it: 0 for nobody.
fn rows(config: &Config) -> (Vec<u64>, Vec<u64>) {
    let row = |row: &[Option<Gid>]| row.iter().map(|gid| gid.map_or(0, Gid::get)).collect();
    (row(&config.shards), row(&config.holders))
}

fn with_groups(gids: &[u64]) -> Master {
    let mut master = Master::new(4);
    assert_eq!(tell(&mut master, &join(gids)), made(1));
    master
}

// ---- what changes something --------------------------------------------------------------------

#[test]
fn in_the_beginning_nobody_serves_anything() {
    let mut master = Master::default();
    let config = query(&mut master, None);
    assert_eq!((config.num, config.groups.len()), (ConfigNum::FIRST, 0));
    assert_eq!(config.shards, vec![None; usize::from(SHARDS)]);
    assert_eq!(config.shards, config.holders);
}

#[test]
fn groups_join_with_the_servers_that_are_named() {
    let mut master = Master::new(4);
    let groups = BTreeMap::from([(Gid::new(7), servers(&[3, 1, 2])), (Gid::new(5), servers(&[4]))]);
    assert_eq!(tell(&mut master, &Op::Join { groups: groups.clone() }), made(1));
    assert_eq!(master.latest().groups, groups, "in the order in which they were named");
    assert_eq!(rows(master.latest()).0, [5, 5, 7, 7]);
    assert_eq!(tell(&mut master, &join(&[6])), made(2));
    assert_eq!(rows(master.latest()).0, [5, 5, 7, 6]);
}

#[test]
fn several_leave_at_once_and_whoever_is_named_twice_leaves_once() {
    let mut master = with_groups(&[1, 2, 3, 4]);
    assert_eq!(tell(&mut master, &leave(&[1, 3, 1])), made(2));
    assert_eq!(rows(master.latest()).0, [2, 2, 4, 4]);
    assert_eq!(master.latest().groups.keys().map(|gid| gid.get()).collect::<Vec<_>>(), [2, 4]);
}

#[test]
fn a_group_that_has_left_may_join_again() {
    let mut master = with_groups(&[1]);
    assert_eq!(tell(&mut master, &leave(&[1])), made(2));
    assert_eq!(tell(&mut master, &join(&[1])), made(3));
    assert_eq!(rows(master.latest()).0, [1; 4]);
}

#[test]
fn a_move_does_what_it_is_told_and_the_next_join_moves_as_little_as_it_can() {
    let mut master = with_groups(&[1, 2]);
    assert_eq!(rows(master.latest()).0, [1, 1, 2, 2]);
    assert_eq!(tell(&mut master, &moved(3, 1)), made(2));
    assert_eq!(tell(&mut master, &moved(2, 1)), made(3));
    assert_eq!(rows(master.latest()).0, [1; 4], "however uneven");
    // Of four shards two have to move, and do.
    assert_eq!(tell(&mut master, &join(&[3])), made(4));
    assert_eq!(rows(master.latest()).0, [1, 1, 2, 3]);

    // One that makes it no more uneven than it has to be is left as it is.
    let mut master = with_groups(&[1, 2, 3]);
    assert_eq!(rows(master.latest()).0, [1, 1, 2, 3]);
    assert_eq!(tell(&mut master, &moved(0, 3)), made(2));
    assert_eq!(tell(&mut master, &join(&[4])), made(3));
    assert_eq!(rows(master.latest()).0, [3, 1, 2, 4]);
}

// ---- what changes nothing ----------------------------------------------------------------------

#[test]
fn what_changes_nothing_makes_no_configuration() {
    let mut master = with_groups(&[1, 2]);
    assert_eq!(tell(&mut master, &moved(3, 2)), unchanged(1));
    assert_eq!(tell(&mut master, &join(&[])), unchanged(1));
    assert_eq!(tell(&mut master, &leave(&[])), unchanged(1));
    assert_eq!(master.configs().len(), 2);
}

/// A move stands until groups next join or leave. Where nobody joins, nobody does.
#[test]
fn a_join_of_nobody_does_not_undo_a_move() {
    let mut master = with_groups(&[1, 2]);
    assert_eq!(tell(&mut master, &moved(3, 1)), made(2));
    for op in [join(&[]), leave(&[])] {
        assert_eq!(tell(&mut master, &op), unchanged(2));
    }
    assert_eq!(rows(master.latest()).0, [1, 1, 2, 1]);
}

#[test]
fn what_makes_no_sense_changes_nothing_and_says_what_was_wrong() {
    let lonely = || Op::Join { groups: [(Gid::new(9), Vec::new())].into() };
    let mixed = || {
        let groups = [(Gid::new(8), servers(&[1])), (Gid::new(9), Vec::new())];
        Op::Join { groups: groups.into() }
    };
    let cases = [
        (join(&[0]), Problem::GroupZero),
        (join(&[0, 9]), Problem::GroupZero),
        (leave(&[0]), Problem::GroupZero),
        (leave(&[1, 0]), Problem::GroupZero),
        (moved(0, 0), Problem::GroupZero),
        (join(&[1]), Problem::AlreadyJoined),
        (join(&[2, 3]), Problem::AlreadyJoined),
        (lonely(), Problem::NoServers),
        (mixed(), Problem::NoServers),
        (leave(&[3]), Problem::NoSuchGroup),
        (leave(&[1, 3]), Problem::NoSuchGroup),
        (leave(&[3, 1]), Problem::NoSuchGroup),
        (moved(0, 3), Problem::NoSuchGroup),
        (moved(4, 1), Problem::NoSuchShard),
        (moved(u16::MAX, 3), Problem::NoSuchShard),
    ];
    for (op, problem) in cases {
        let mut master = with_groups(&[1, 2]);
        let before = master.clone();
        assert_eq!(tell(&mut master, &op), Reply::Invalid(problem), "{op:?}");
        assert_eq!(master, before, "{op:?}");
    }
}

#[test]
fn who_comes_back_must_have_the_servers_that_it_had() {
    let mut master = Master::new(4);
    let join = |of: &[u16]| Op::Join { groups: [(Gid::new(1), servers(of))].into() };
    assert_eq!(tell(&mut master, &join(&[7])), Reply::Made(ConfigNum::new(1)));
    let leave = Op::Leave { gids: vec![Gid::new(1)] };
    assert_eq!(tell(&mut master, &leave), Reply::Made(ConfigNum::new(2)));
    assert_eq!(tell(&mut master, &join(&[8])), Reply::Invalid(Problem::OtherServers));
    assert_eq!(tell(&mut master, &join(&[7])), Reply::Made(ConfigNum::new(3)));
}

#[test]
fn who_joins_again_keeps_the_servers_that_there_are() {
    let mut master = with_groups(&[1]);
    let groups = [(Gid::new(1), servers(&[77]))].into();
    assert_eq!(tell(&mut master, &Op::Join { groups }), Reply::Invalid(Problem::AlreadyJoined));
    assert_eq!(master.latest().groups[&Gid::new(1)], servers(&[1, 1, 2]));
}

// ---- queries -----------------------------------------------------------------------------------

#[test]
fn a_query_is_answered_with_that_configuration_or_the_latest() {
    let mut master = with_groups(&[1]);
    tell(&mut master, &join(&[2]));
    let all = master.configs().to_vec();
    for (num, config) in (0..).zip(&all) {
        assert_eq!(query(&mut master, Some(num)), *config);
        assert_eq!(config.num, ConfigNum::new(num));
    }
    for num in [None, Some(3), Some(999), Some(u64::MAX)] {
        assert_eq!(query(&mut master, num), all[2], "{num:?}");
    }
}

#[test]
fn queries_are_reads_and_nothing_else_is() {
    assert!(Master::is_read(&Op::Query { num: None }));
    for op in [join(&[1]), leave(&[1]), moved(0, 1)] {
        assert!(!Master::is_read(&op));
        assert!(Master::new(4).sessions(&op).is_some());
    }
}

// ---- who holds what ----------------------------------------------------------------------------

#[test]
fn a_shard_is_held_by_who_serves_it_or_did_so_last() {
    let mut master = with_groups(&[1, 2]);
    assert_eq!(rows(master.latest()), (vec![1, 1, 2, 2], vec![1, 1, 2, 2]));
    tell(&mut master, &leave(&[1, 2]));
    assert_eq!(rows(master.latest()), (vec![0; 4], vec![1, 1, 2, 2]));
    tell(&mut master, &join(&[3]));
    assert_eq!(rows(master.latest()), (vec![3; 4], vec![3; 4]));
    tell(&mut master, &leave(&[3]));
    assert_eq!(rows(master.latest()), (vec![0; 4], vec![3; 4]));
}

// ---- laws --------------------------------------------------------------------------------------

fn op() -> impl Strategy<Value = Op> {
    let gids = || vec(0..6_u64, 0..4);
    let groups = vec((0..6_u64, vec(0..9_u16, 0..3)), 0..4);
    prop_oneof![
        3 => gids().prop_map(|gids| join(&gids)),
        1 => groups.prop_map(|groups| Op::Join {
            groups: groups.into_iter().map(|(gid, ids)| (Gid::new(gid), servers(&ids))).collect(),
        }),
        3 => gids().prop_map(|gids| leave(&gids)),
        3 => (0..6_u16, 0..6_u64).prop_map(|(shard, gid)| moved(shard, gid)),
        1 => prop::option::of(0..20_u64)
            .prop_map(|num| Op::Query { num: num.map(ConfigNum::new) }),
    ]
}

fn is_even(config: &Config) -> bool {
    let loads = || config.groups.keys().map(|&gid| config.shards_of(gid).count());
    loads().max() <= loads().min().map(|least| least + 1)
        && config.shards.iter().all(|owner| owner.is_none() == config.groups.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn whatever_is_asked(shards in 1..6_u16, ops in vec(op(), 1..30)) {
        let mut master = Master::new(shards);
        for op in &ops {
            let before = master.clone();
            let reply = tell(&mut master, op);
            // What was said stands: a new one is at the end, and nothing else is new.
            let known = before.configs().len();
            prop_assert_eq!(&master.configs()[..known], before.configs());
            let is_new = matches!(reply, Reply::Made(_));
            prop_assert_eq!(master.configs().len(), known + usize::from(is_new));
            let latest = master.latest();
            match (&reply, op) {
                (Reply::Made(num), _) => {
                    prop_assert_eq!((*num, latest.num), (before.latest().num.next(), *num));
                    prop_assert!(latest.follows(before.latest()), "{:?}", latest);
                    prop_assert!(matches!(op, Op::Move { .. }) || is_even(latest), "{:?}", latest);
                    let kept = (&latest.shards, &latest.groups);
                    prop_assert!(kept != (&before.latest().shards, &before.latest().groups));
                }
                (Reply::Unchanged(num), _) => prop_assert_eq!(*num, latest.num),
                (Reply::Config(_), Op::Query { .. }) | (Reply::Invalid(_), _) => {}
                _ => prop_assert!(false, "{:?}: {:?}", op, reply),
            }
            if !is_new {
                prop_assert_eq!(&master, &before);
            }
            for config in master.configs() {
                prop_assert!(config.is_sound());
                let loads = config.groups.keys().map(|&gid| config.shards_of(gid).count());
                let all: usize = loads.sum();
                let served = config.all_shards().filter(|&it| config.owner(it).is_some()).count();
                prop_assert_eq!(all, served);
            }
            // Another server that is told the same, after a restart, says the same.
            let mut other = Master::new(shards);
            prop_assert_eq!(other.load(&before.save()), Ok(()));
            prop_assert_eq!(tell(&mut other, op), reply);
            prop_assert_eq!(other.save(), master.save());
        }
    }
}

// ---- what can be shown -------------------------------------------------------------------------

#[test]
fn they_are_shown_as_people_say_them() {
    let mut master = with_groups(&[1, 2]);
    tell(&mut master, &leave(&[1]));
    let groups = "{g2: [n2, n1, n2]}";
    assert_eq!(format!("{:?}", master.latest()), format!("#2 [2 2 2 2] {groups}"));
    assert_eq!(format!("{:?}", Config::first(3)), "#0 [- - -] {}");
    let problems = [
        (Problem::GroupZero, "gid 0 stands for no group"),
        (Problem::AlreadyJoined, "the group has joined already"),
        (Problem::OtherServers, "the group had other servers before"),
        (Problem::NoServers, "a group needs servers"),
        (Problem::NoSuchGroup, "there is no such group"),
        (Problem::NoSuchShard, "there is no such shard"),
    ];
    for (problem, text) in problems {
        assert_eq!(problem.to_string(), text);
    }
}

#[test]
#[should_panic(expected = "a master needs shards")]
fn a_master_without_shards_is_none() {
    let _ = Master::new(0);
}
