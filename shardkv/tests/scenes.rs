//! Groups that come to configurations made by hand, and what may happen to them in the midst of it.

#[allow(dead_code, reason = "other tests use more of it")]
mod handmade;
#[allow(dead_code, reason = "other tests use more of it")]
mod world;

use handmade::next;
use kvraft::kv;
use kvraft::rsm::Config as RsmConfig;
use labrpc::{CrashPoint, Network, NodeId, SimTime, World};
use shardkv::{Phase, Store};
use shardmaster::{Config, Shard};
use std::time::Duration;
use world::monitor::Monitor;
use world::{Fake, Node, add_clerk, add_group, leader_of, ms};

const SHARDS: u16 = handmade::SHARDS;
const MASTER: NodeId = NodeId::new(0);

/// Three groups of three servers, a master that says what it is told to, and a clerk.
struct Scene {
    world: World<Node>,
    groups: Vec<Vec<NodeId>>,
    clerk: NodeId,
    history: Vec<Config>,
    monitor: Monitor,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let mut world = World::new(seed, Network::reliable());
        let first = Config::first(SHARDS);
        let configs = vec![first.clone()];
        world.add(move |_| Node::Fake(Fake { configs: configs.clone() }));
        let config = RsmConfig { max_raft_state: Some(300), ..RsmConfig::default() };
        let groups =
            (1..=3).map(|gid| add_group(&mut world, gid, 3, &[MASTER], SHARDS, &config)).collect();
        let clerk = add_clerk(&mut world, &[MASTER]);
        let monitor = Monitor::default();
        Self { world, groups, clerk, history: vec![first], monitor }
    }

    /// The first configuration, and `a` to `d` under the keys "0" to "3".
    fn begin(seed: u64, row: &str) -> Self {
        let mut scene = Self::new(seed);
        scene.release(row);
        for (key, value) in [("0", "a"), ("1", "b"), ("2", "c"), ("3", "d")] {
            scene.append(key, value);
        }
        scene.settled_within(ms(1_000));
        scene
    }

    /// The master has a new configuration.
    fn release(&mut self, row: &str) {
        let groups = self.groups.clone();
        let config = next(&self.history[self.history.len() - 1], row, |gid| {
            groups[gid as usize - 1].clone()
        });
        self.history.push(config);
        let configs = self.history.clone();
        self.world.poke(MASTER, |node, _| *node = Node::Fake(Fake { configs }));
    }

    fn step(&mut self, limit: SimTime) -> bool {
        let goes_on = self.world.step_until(limit);
        self.monitor.look(&self.world);
        goes_on
    }

    fn run_for(&mut self, duration: Duration) {
        let limit = self.world.now() + duration;
        while self.step(limit) {}
    }

    /// How long it takes until something is so.
    #[track_caller]
    fn until(&mut self, limit: Duration, what: &str, done: impl Fn(&Self) -> bool) -> Duration {
        let (begin, end) = (self.world.now(), self.world.now() + limit);
        while !done(self) {
            assert!(self.step(end) || done(self), "not within {limit:?}: {what}");
        }
        self.world.now() - begin
    }

    /// The store of a group as its furthest server has it.
    fn store(&self, gid: usize) -> &Store {
        let up = self.groups[gid - 1].iter().filter_map(|&id| self.world.node(id));
        let furthest = up.max_by_key(|node| node.group().server().applied());
        furthest.expect("somebody is up").group().server().service()
    }

    fn phases(&self, gid: usize) -> String {
        handmade::Subject(self.store(gid).clone()).phases()
    }

    fn is_at(&self, gid: usize, num: u64) -> bool {
        self.store(gid).config().num.get() == num && self.store(gid).is_settled()
    }

    #[track_caller]
    fn settled_within(&mut self, limit: Duration) -> Duration {
        let last = self.history.len() as u64 - 1;
        self.until(limit, "all settled", |scene| (1..=3).all(|gid| scene.is_at(gid, last)))
    }

    fn leader(&self, gid: usize) -> NodeId {
        leader_of(&self.world, &self.groups[gid - 1]).expect("somebody leads")
    }

    fn start(&mut self, op: kv::Op) {
        self.world.poke(self.clerk, |node, cx| node.clerk().start(cx, op));
        self.monitor.look(&self.world);
    }

    fn answer(&self) -> Option<kv::Reply> {
        match self.world.node(self.clerk) {
            Some(Node::Clerk(clerk)) => clerk.reply().cloned(),
            _ => None,
        }
    }

    /// The answer, and how long it took.
    #[track_caller]
    fn ask(&mut self, op: kv::Op) -> (kv::Reply, Duration) {
        self.start(op);
        let took = self.until(ms(5_000), "an answer", |scene| scene.answer().is_some());
        (self.answer().expect("there is one"), took)
    }

    #[track_caller]
    fn append(&mut self, key: &str, value: &str) -> Duration {
        let (reply, took) = self.ask(handmade::append(key, value));
        assert_eq!(reply, kv::Reply::Stored);
        took
    }

    #[track_caller]
    fn check(&mut self, key: &str, value: &str) -> Duration {
        let (reply, took) = self.ask(handmade::get(key));
        assert_eq!(reply, kv::Reply::Value(Some(value.into())), "{key}");
        took
    }

    fn crash_group(&mut self, gid: usize) {
        for id in self.groups[gid - 1].clone() {
            self.world.crash(id, CrashPoint::Now);
        }
    }

    fn restart_all(&mut self) {
        self.world.calm(Network::reliable());
        for id in self.world.ids().collect::<Vec<_>>() {
            self.world.poke(id, |_, _| ());
            self.monitor.look(&self.world);
        }
        let configs = self.history.clone();
        self.world.poke(MASTER, |node, _| *node = Node::Fake(Fake { configs }));
    }
}

// ---- without faults ----------------------------------------------------------------------------

/// A change is noticed within 80 ms. Then it is in the log after a round of 14 ms, a shard is there
/// after three more, and dropped after another two, in each group by itself.
#[test]
fn two_groups_that_exchange_shards_do_not_wait_for_each_other() {
    for seed in 0..30 {
        let mut scene = Scene::begin(seed, "1 1 2 2");
        scene.release("2 1 2 1");
        scene.settled_within(ms(250));
        assert_eq!((scene.phases(1), scene.phases(2)), (".S.S".into(), "S.S.".into()));
        for (key, value) in [("0", "a"), ("1", "b"), ("2", "c"), ("3", "d")] {
            scene.check(key, value);
        }
    }
}

/// All three at once, in a circle, again and again.
#[test]
fn three_groups_pass_shards_round_in_a_circle() {
    let mut scene = Scene::begin(7, "1 2 3 1");
    for row in ["2 3 1 1", "3 1 2 1", "1 2 3 1", "2 3 1 2", "3 1 2 3"] {
        scene.release(row);
        scene.settled_within(ms(300));
    }
    for (key, value) in [("0", "a"), ("1", "b"), ("2", "c"), ("3", "d")] {
        scene.check(key, value);
    }
    assert!(scene.monitor.tally.exchanges > 10, "{:?}", scene.monitor.tally);
}

#[test]
fn what_a_change_does_not_touch_is_served_without_a_pause() {
    let mut scene = Scene::begin(3, "1 1 2 2");
    let usual = (0..30).map(|_| scene.check("0", "a")).max();
    scene.release("1 2 2 1");
    let during = (0..30).map(|_| scene.check("0", "a")).max();
    assert!(scene.is_at(1, 2), "the change is over by now");
    assert!(during <= usual.map(|usual| usual * 2), "{during:?} instead of {usual:?}");
}

#[test]
fn what_has_arrived_is_served_although_something_else_never_comes() {
    let mut scene = Scene::begin(3, "1 2 3 3");
    scene.crash_group(2);
    scene.release("3 3 3 3");
    scene.until(ms(300), "the one arrives", |scene| scene.phases(3) == "SASS");
    for (key, value) in [("0", "a"), ("2", "c"), ("3", "d")] {
        assert!(scene.append(key, "!") < ms(150));
        scene.check(key, &format!("{value}!"));
    }
    scene.run_for(ms(3_000));
    assert_eq!((scene.phases(1), scene.phases(3)), ("....".into(), "SASS".into()));
    scene.restart_all();
    scene.settled_within(ms(2_000));
    scene.check("1", "b");
}

#[test]
fn who_has_missed_many_configurations_catches_up_one_by_one_and_quickly() {
    let mut scene = Scene::begin(5, "1 1 2 2");
    scene.crash_group(3);
    let first = scene.history.len();
    for round in 0..20 {
        scene.release(["1 1 2 2", "2 1 1 2", "2 2 1 1", "1 2 2 1"][round % 4]);
    }
    let last = scene.history.len() as u64 - 1;
    scene.until(ms(4_000), "two are there", |scene| scene.is_at(1, last) && scene.is_at(2, last));
    scene.run_for(ms(1_000));
    scene.restart_all();
    scene.until(ms(1_000), "they elect a leader", |scene| {
        leader_of(&scene.world, &scene.groups[2]).is_some()
    });
    assert_eq!(scene.history.len() - first, 20);
    // A query and an entry each: 30 ms.
    scene.settled_within(ms(800));
    scene.check("0", "a");
}

/// Nobody serves anything for a while, and everything is there when somebody does.
#[test]
fn what_was_written_survives_that_everybody_leaves() {
    let mut scene = Scene::begin(5, "1 1 2 2");
    scene.release("- - - -");
    scene.settled_within(ms(300));
    assert_eq!((scene.phases(1), scene.phases(2)), ("PP..".into(), "..PP".into()));
    scene.start(handmade::append("0", "x"));
    scene.run_for(ms(2_000));
    assert_eq!(scene.answer(), None);
    scene.crash_group(1);
    scene.restart_all();
    scene.release("- 3 3 -");
    scene.settled_within(ms(2_000));
    scene.release("2 3 3 2");
    scene.settled_within(ms(500));
    scene.until(ms(1_000), "an answer", |scene| scene.answer().is_some());
    for (key, value) in [("0", "ax"), ("1", "b"), ("2", "c"), ("3", "d")] {
        scene.check(key, value);
    }
}

// ---- with faults -------------------------------------------------------------------------------

#[test]
fn a_silent_master_stops_nothing_but_changes() {
    let mut scene = Scene::begin(5, "1 1 2 2");
    scene.release("2 1 2 2");
    scene.until(ms(200), "one has come to it", |scene| scene.phases(1) == "LS..");
    scene.until(ms(200), "both have", |scene| scene.is_at(2, 2) || scene.phases(2) == "A.SS");
    scene.world.isolate(MASTER);
    scene.until(ms(300), "what has begun is done", |scene| scene.is_at(1, 2) && scene.is_at(2, 2));
    scene.release("1 1 2 2");
    scene.run_for(ms(5_000));
    assert!(scene.is_at(1, 2) && scene.is_at(2, 2));
    assert!(scene.append("1", "!") < ms(100));
    scene.world.rejoin(MASTER);
    scene.settled_within(ms(500));
    scene.check("0", "a");
    scene.check("1", "b!");
}

/// Who gives a shard away is ahead of who is to get it, for long.
#[test]
fn a_destination_that_is_behind_gets_its_shard_when_it_hears_of_it() {
    let mut scene = Scene::begin(5, "1 1 2 2");
    for id in scene.groups[1].clone() {
        scene.world.cut(id, MASTER);
    }
    scene.release("2 1 2 2");
    scene.run_for(ms(2_000));
    assert_eq!((scene.phases(1), scene.phases(2)), ("LS..".into(), "..SS".into()));
    assert!(scene.monitor.tally.behind > 10, "{:?}", scene.monitor.tally);
    for id in scene.groups[1].clone() {
        scene.world.mend(id, MASTER);
    }
    // Its leader has learnt to be patient with the master.
    scene.settled_within(ms(1_000));
    scene.check("0", "a");
}

/// 1. The shard is there; the leader that gave it away does not hear of it, and crashes.
/// 2. A client writes to it.
/// 3. The next leader brings it again.
#[test]
fn the_source_loses_its_leader_when_the_shard_has_arrived() {
    let mut scene = Scene::begin(5, "1 1 2 2");
    scene.release("2 1 2 2");
    scene.until(ms(200), "it leaves", |scene| scene.phases(1) == "LS..");
    let (leader, others) = (scene.leader(1), scene.groups[1].clone());
    for &id in &others {
        scene.world.cut(id, leader);
    }
    scene.until(ms(300), "it arrives", |scene| scene.phases(2) == "S.SS");
    scene.append("0", "x");
    scene.run_for(ms(500));
    assert_eq!(scene.phases(1), "LS..", "without an answer it is kept");
    scene.world.crash(leader, CrashPoint::Now);
    scene.settled_within(ms(2_000));
    scene.check("0", "ax");
    assert!(scene.monitor.tally.here_already > 0, "{:?}", scene.monitor.tally);
}

/// A leader that is cut off from its own group, and from nobody else, goes on bringing the shard;
/// so does its successor.
#[test]
fn two_leaders_bring_the_same_shard() {
    let mut scene = Scene::begin(5, "1 1 2 2");
    for id in scene.groups[1].clone() {
        scene.world.cut(id, MASTER);
    }
    scene.release("2 1 2 2");
    scene.until(ms(200), "it leaves", |scene| scene.phases(1) == "LS..");
    let old = scene.leader(1);
    for id in scene.groups[0].clone().into_iter().filter(|id| *id != old) {
        scene.world.cut(id, old);
        scene.world.cut(old, id);
    }
    scene.run_for(ms(1_500));
    assert_ne!(scene.leader(1), old, "there is another");
    let brings = |scene: &Scene, id: NodeId| {
        let to_two = scene.groups[1].iter().map(|&to| scene.world.links().sent(id, to));
        to_two.sum::<u64>()
    };
    let (new, before) = (scene.leader(1), brings(&scene, old));
    assert!(brings(&scene, new) > 10, "which brings it");
    scene.run_for(ms(200));
    assert!(brings(&scene, old) > before, "and so does the old one");
    for id in scene.groups[1].clone() {
        scene.world.mend(id, MASTER);
    }
    scene.until(ms(500), "it arrives", |scene| scene.phases(2) == "S.SS");
    scene.append("0", "x");
    scene.run_for(ms(500));
    scene.restart_all();
    scene.settled_within(ms(1_000));
    scene.check("0", "ax");
}

/// The leader of this group crashes at this step after a change, at this point of the step.
fn crash_at(gid: usize, step: usize, point: CrashPoint) -> Monitor {
    let mut scene = Scene::begin(11, "1 1 2 2");
    scene.start(handmade::append("0", "x"));
    scene.release("2 1 2 1");
    let (victim, limit) = (scene.leader(gid), scene.world.now() + ms(1_000));
    let mut steps = 0;
    while steps < step && scene.step(limit) {
        steps += usize::from(scene.world.stepped() == Some(victim));
    }
    scene.world.crash(victim, point);
    scene.run_for(ms(700));
    if scene.world.node(victim).is_none() {
        scene.world.restart(victim).expect("its disk is there");
        scene.monitor.look(&scene.world);
    }
    scene.settled_within(ms(2_000));
    scene.until(ms(2_000), "an answer", |scene| scene.answer().is_some());
    for (key, value) in [("0", "ax"), ("1", "b"), ("2", "c"), ("3", "d")] {
        scene.check(key, value);
    }
    assert_eq!(scene.store(2).phase(Shard::new(0)), Some(Phase::Serving));
    scene.monitor
}

/// A change is over after so many steps of a leader.
const STEPS: usize = 60;

/// Every moment has its turn: when a configuration is proposed, when it is committed; when a shard
/// is sent, proposed, committed, and before the answer leaves; when it is dropped.
#[test]
fn a_leader_may_crash_at_any_step_of_an_exchange() {
    let (mut again, mut here) = (0, 0);
    for gid in [1, 2] {
        for step in 0..STEPS {
            let after = CrashPoint::AfterWrites(1);
            for point in [CrashPoint::Now, CrashPoint::Undone, after, CrashPoint::Unsent] {
                let tally = crash_at(gid, step, point).tally;
                again += tally.log.installs_again;
                here += tally.here_already;
            }
        }
    }
    assert!(again + here > 40, "nothing was brought twice: {again} and {here}");
}

// ---- when the master is asked ------------------------------------------------------------------

/// While a shard is on its way, no question about the next configuration begins.
#[test]
fn the_master_is_asked_only_by_who_is_done() {
    let mut scene = Scene::begin(5, "1 1 2 2");
    scene.crash_group(3);
    scene.release("3 1 1 2");
    scene.until(ms(400), "one waits", |scene| scene.phases(1) == "LSS.");
    scene.run_for(ms(200));
    let asked = |scene: &Scene, gid: usize| {
        let sent = scene.groups[gid - 1].iter().map(|&id| scene.world.links().sent(id, MASTER));
        sent.sum::<u64>()
    };
    let before = [1, 2].map(|gid| asked(&scene, gid));
    scene.run_for(ms(1_600));
    let after = [1, 2].map(|gid| asked(&scene, gid));
    assert_eq!(after[0], before[0], "who waits asks nothing");
    let others = after[1] - before[1];
    assert!((15..=20).contains(&others), "every 80 ms and a round trip: {others}");
}
