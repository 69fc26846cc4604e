//! A store alone: configurations that come late, twice or out of turn, shards that nobody serves,
//! and states that are loaded.
//!
//! Phases are written as letters: see `Subject::phases`.

#[allow(dead_code, reason = "other tests use more of it")]
mod handmade;

use handmade::{
    Subject, append, contents, history, next, pair, servers, stored, value, wrong_group,
};
use kvraft::rsm::{Outcome, Service};
use shardkv::{Contents, Reply, State, Store};
use shardmaster::{Config, ConfigNum, Gid, Shard};
use std::collections::BTreeMap;

// ---- configurations that come late, twice, or out of turn --------------------------------------

#[test]
fn configurations_count_once_and_in_order() {
    let (mut one, _, all) = pair(&["1 1 1 2", "1 1 - 2", "1 - - 2"]);
    let before = one.clone();
    for num in [0, 1, 3] {
        one.configure(&all[num]);
        assert_eq!(one, before, "configuration {num} after 1");
    }
    one.configure(&all[2]);
    one.configure(&all[2]);
    assert_eq!((one.num(), one.phases().as_str()), (2, "SSP."));
    one.configure(&all[1]);
    assert_eq!(one.num(), 2);
}

#[test]
fn a_group_with_a_shard_on_its_way_does_not_go_on() {
    let (mut one, mut two, all) = pair(&["1 1 2 2", "2 1 2 2", "2 1 1 2"]);
    one.configure(&all[2]);
    two.configure(&all[2]);
    for store in [&mut one, &mut two] {
        let before = store.clone();
        store.configure(&all[3]);
        assert_eq!(*store, before);
    }
    two.install(2, 0, &one.leaving(0));
    two.configure(&all[3]);
    one.configure(&all[3]);
    assert_eq!((one.num(), two.num()), (2, 3), "each by itself");
    one.drop_shard(2, 0);
    one.configure(&all[3]);
    assert_eq!((one.num(), one.phases().as_str()), (3, ".SA."));
}

/// No such configuration comes from a master; if one is in the log, all servers skip it alike.
#[test]
fn a_configuration_that_no_master_can_have_made_changes_nothing() {
    let (mut one, _, all) = pair(&["1 1 1 2", "1 1 - 2", "1 1 1 2"]);
    one.configure(&all[2]);
    let good = all[3].clone();
    let spoil: [&dyn Fn(&mut Config); 7] = [
        &|it| it.shards.truncate(3),
        &|it| it.holders.truncate(3),
        &|it| (it.shards, it.holders) = (vec![], vec![]),
        &|it| it.shards.push(None),
        &|it| it.groups.clear(),
        &|it| (it.shards[2], it.holders[2]) = (None, Some(Gid::new(2))),
        &|it| it.num = ConfigNum::new(u64::MAX),
    ];
    let before = one.clone();
    for spoil in spoil {
        let mut config = good.clone();
        spoil(&mut config);
        one.configure(&config);
        assert_eq!(one, before, "{config:?}");
    }
    one.configure(&good);
    assert_eq!(one.num(), 3);
}

// ---- nobody's ----------------------------------------------------------------------------------

#[test]
fn what_nobody_serves_is_kept_for_the_next_one() {
    let (mut one, mut two, all) = pair(&["1 1 1 2", "- - - -", "- - - -", "2 2 2 2"]);
    for config in &all[2..4] {
        one.configure(config);
        two.configure(config);
        assert_eq!((one.phases().as_str(), two.phases().as_str()), ("PPP.", "...P"));
        assert!(one.0.is_settled() && two.0.is_settled());
        assert_eq!(one.get("0"), wrong_group(config.num.get()), "it is kept, but not served");
    }
    one.configure(&all[4]);
    two.configure(&all[4]);
    assert_eq!((one.phases().as_str(), two.phases().as_str()), ("LLL.", "AAAS"));
    for (shard, text) in [(0, "a"), (1, "b"), (2, "c")] {
        assert_eq!(two.install(4, shard, &one.leaving(shard)), Outcome::Done(Reply::Installed));
        assert_eq!(two.get(&shard.to_string()), value(text));
    }
    assert_eq!(two.ask(7, 1, append("0", "a")), stored());
    assert_eq!(two.get("0"), value("a"), "who was served is known");
    assert_eq!(two.get("3"), value("d"));
}

#[test]
fn who_kept_it_may_be_the_next_one_himself() {
    let (mut one, _, all) = pair(&["1 1 1 1", "- - - -", "1 - - -"]);
    one.configure(&all[2]);
    one.configure(&all[3]);
    assert_eq!(one.phases(), "SPPP");
    assert_eq!(one.get("0"), value("a"));
}

/// A group that joins when nobody has served a shard for long cannot know who kept it: the
/// configuration says so.
#[test]
fn who_kept_it_is_found_whoever_left_since() {
    let all = history(&["1 1 1 1", "2 2 2 2", "- - - -", "3 3 3 3"]);
    let mut three = Subject::new(3);
    all[1..].iter().for_each(|config| three.configure(config));
    assert_eq!(three.phases(), "AAAA");
    let awaited = three.0.shards().values().next().expect("it awaits them");
    assert_eq!(*awaited, State::Awaited { from: Gid::new(2) });
}

// ---- snapshots ---------------------------------------------------------------------------------

#[test]
fn a_state_of_another_group_or_another_store_is_not_loaded() {
    let (one, _, _) = pair(&["1 1 1 2"]);
    let state = one.0.save();
    let mut fresh = Store::new(Gid::new(1), 4);
    assert_eq!(fresh.load(&state), Ok(()));
    for (gid, shards) in [(2, 4), (1, 5), (1, 3)] {
        let mut other = Store::new(Gid::new(gid), shards);
        let before = other.clone();
        other.load(&state).expect_err("it is another's");
        assert_eq!(other, before);
    }
    for cut in 0..state.len() {
        fresh.load(&state[..cut]).expect_err("it is too short");
    }
    fresh.load(&[&state[..], &[0]].concat()).expect_err("it is too long");
    assert_eq!(fresh, one.0);
}

/// A state that no log can have brought about would be a panic later, or a shard that is lost.
#[test]
fn a_state_that_contradicts_its_configuration_is_not_loaded() {
    let all = history(&["1 1 2 1", "1 2 1 -"]);
    let (one, two) = (Gid::new(1), Gid::new(2));
    let full = || Contents { values: [("1".into(), "b".into())].into(), ..Contents::default() };
    let leaving =
        |to, num: u64, contents| State::Leaving { to, since: ConfigNum::new(num), contents };
    let good: BTreeMap<Shard, State> = [
        (Shard::new(0), State::Serving(Contents::default())),
        (Shard::new(1), leaving(two, 2, contents(&[("1", "b")]))),
        (Shard::new(2), State::Awaited { from: two }),
        (Shard::new(3), State::Parked(Contents::default())),
    ]
    .into();
    let load = |config: &Config, shards: &BTreeMap<Shard, State>| {
        Store::new(one, 4).load(&labgob::encode(&(one, config, shards)))
    };
    assert_eq!(load(&all[2], &good), Ok(()), "so much for the encoding");
    let parked = || State::Parked(Contents::default());
    let strange = [
        (0, State::Serving(full())),
        (0, State::Awaited { from: one }),
        (0, parked()),
        (1, State::Serving(full())),
        (1, leaving(two, 1, contents(&[("1", "b")]))),
        (1, leaving(one, 2, contents(&[("1", "b")]))),
        (1, leaving(Gid::new(3), 2, contents(&[("1", "b")]))),
        (1, leaving(two, 2, contents(&[("0", "a")]))),
        (1, leaving(two, 2, b"\x01".into())),
        (1, parked()),
        (3, State::Serving(Contents::default())),
        (3, State::Parked(full())),
        (4, parked()),
    ];
    for (shard, state) in strange {
        let mut shards = good.clone();
        shards.insert(Shard::new(shard), state.clone());
        load(&all[2], &shards).expect_err(&format!("s{shard} {state:?}"));
    }
    for shard in [0, 2, 3] {
        let mut shards = good.clone();
        shards.remove(&Shard::new(shard));
        load(&all[2], &shards).expect_err(&format!("no s{shard}"));
    }
    let mut config = all[2].clone();
    config.holders.pop();
    load(&config, &good).expect_err("no sound configuration");
}

#[test]
fn a_group_that_is_not_in_a_configuration_goes_along() {
    let all = history(&["1 1 1 1", "1 1 - -", "1 1 1 1"]);
    let mut three = Subject::new(3);
    for config in &all[1..] {
        three.configure(config);
        assert_eq!((three.phases().as_str(), three.num()), ("....", config.num.get()));
    }
    let last = next(&all[3], "3 1 1 1", servers);
    three.configure(&last);
    assert_eq!(three.phases(), "A...");
}

#[test]
#[should_panic(expected = "a store needs shards")]
fn a_store_without_shards_is_none() {
    let _ = Store::new(Gid::new(1), 0);
}
