//! Stores of several groups and a master, without any log below: what is asked of them comes in any
//! order, late, and any number of times, as far as leaders that crash and a network that copies
//! could bring it about. One group serves a shard, nothing is lost, and nothing is done twice.

#[allow(dead_code, reason = "other tests use more of it")]
mod handmade;

use handmade::{SHARDS, Subject, append, get, servers, stored, value};
use kvraft::rsm::{Outcome, Service};
use labgob::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use shardkv::{Op, Phase, Reply, State};
use shardmaster::{Gid, Master, Shard};
use std::cell::RefCell;
use std::collections::BTreeMap;

const GIDS: std::ops::RangeInclusive<u64> = 1..=3;
const CLIENTS: u64 = 3;

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    Join(Vec<u64>),
    Leave(Vec<u64>),
    Move(u16, u64),
    /// A leader of this group proposes the next configuration, or one that it has proposed before.
    Configure(u64, Option<Index>),
    /// A leader of this group asks others to install what is leaving.
    Bring(u64),
    /// Something that somebody has ever sent, or that was ever in a log, comes again or at last.
    Arrive(Index),
    /// A client asks a group for what it has under way, or begins with something new.
    Ask(u64, u64),
    /// A question of a client comes a second time, to any group.
    Echo(Index, u64),
    /// A client looks at a key.
    Look(u16, u64),
}

/// Something between groups.
#[derive(Clone, Debug)]
enum Message {
    Install { from: u64, to: u64, since: u64, shard: u16, contents: Bytes },
    Drop { gid: u64, since: u64, shard: u16 },
}

/// How often something happened: without that the test proves nothing.
#[derive(Clone, Debug, Default)]
struct Tally {
    installs: u64,
    repeated_installs: u64,
    behind: u64,
    drops: u64,
    repeated_drops: u64,
    not_yet: u64,
    wrong_group: u64,
    recalled: u64,
    recalled_elsewhere: u64,
    parked: u64,
    exchanged: u64,
}

thread_local! {
    static TALLY: RefCell<Tally> = RefCell::default();
}

fn count(f: impl FnOnce(&mut Tally)) {
    TALLY.with_borrow_mut(f);
}

struct Store {
    master: Master,
    groups: BTreeMap<u64, Subject>,
    messages: Vec<Message>,
    /// What each client has under way: a number, a key and what to append.
    calls: BTreeMap<u64, (u64, u16)>,
    seqs: BTreeMap<u64, u64>,
    /// Every question that was ever asked, and who has done it.
    asked: Vec<(u64, u64, u16)>,
    done_by: BTreeMap<(u64, u64), u64>,
    /// What each key must be.
    values: BTreeMap<u16, String>,
}

impl Store {
    fn new() -> Self {
        Self {
            master: Master::new(SHARDS),
            groups: GIDS.map(|gid| (gid, Subject::new(gid))).collect(),
            messages: Vec::new(),
            calls: BTreeMap::new(),
            seqs: BTreeMap::new(),
            asked: Vec::new(),
            done_by: BTreeMap::new(),
            values: BTreeMap::new(),
        }
    }

    fn happen(&mut self, event: &Event) {
        let gids = |gids: &[u64]| gids.iter().copied().map(Gid::new).collect();
        match event {
            Event::Join(new) => {
                let groups = new.iter().map(|&gid| (Gid::new(gid), servers(gid))).collect();
                self.master.apply(&shardmaster::Op::Join { groups });
            }
            Event::Leave(old) => {
                self.master.apply(&shardmaster::Op::Leave { gids: gids(old) });
            }
            Event::Move(shard, gid) => {
                let (shard, gid) = (Shard::new(*shard), Gid::new(*gid));
                self.master.apply(&shardmaster::Op::Move { shard, gid });
            }
            Event::Configure(gid, which) => self.configure(*gid, *which),
            Event::Bring(gid) => self.bring(*gid),
            Event::Arrive(which) if !self.messages.is_empty() => {
                self.arrive(which.index(self.messages.len()));
            }
            Event::Ask(client, gid) => self.ask(*client, *gid),
            Event::Echo(which, gid) if !self.asked.is_empty() => {
                let (client, seq, key) = self.asked[which.index(self.asked.len())];
                // A client that has gone on is not answered, so nobody asks.
                if self.seqs[&client] == seq {
                    self.put_in_log(*gid, client, seq, key);
                }
            }
            Event::Look(key, gid) => {
                let store = self.groups.get_mut(gid).expect("there is the group");
                let told = store.ask(0, 0, get(&key.to_string()));
                if matches!(told, Outcome::Done(_)) {
                    let expected = self.values.get(key).cloned().unwrap_or_default();
                    assert_eq!(told, value(&expected), "g{gid} of {key}");
                }
            }
            Event::Arrive(_) | Event::Echo(..) => {}
        }
        self.look();
    }

    fn configure(&mut self, gid: u64, which: Option<Index>) {
        let store = self.groups.get_mut(&gid).expect("there is the group");
        let configs = self.master.configs();
        let next = store.0.config().num.get() as usize + 1;
        let which = which.map_or(next, |which| which.index(configs.len()));
        if let Some(config) = configs.get(which) {
            let before = store.num();
            store.configure(config);
            assert!(store.num() == before || store.num() == before + 1, "one by one");
            let phases = store.phases();
            count(|tally| {
                tally.exchanged += u64::from(phases.contains('A') && phases.contains('L'));
                tally.parked += u64::from(phases.contains('P'));
            });
        }
    }

    fn bring(&mut self, gid: u64) {
        for (shard, to, since, contents) in self.groups[&gid].0.leaving() {
            let (to, since, shard) = (to.get(), since.get(), shard.get());
            let contents = contents.clone();
            self.messages.push(Message::Install { from: gid, to, since, shard, contents });
        }
    }

    fn arrive(&mut self, which: usize) {
        match self.messages[which].clone() {
            Message::Install { from, to, since, shard, contents } => {
                let store = self.groups.get_mut(&to).expect("there is the group");
                match store.install(since, shard, &contents) {
                    Outcome::Done(Reply::Installed) => count(|tally| tally.installs += 1),
                    Outcome::Refused(Reply::Installed) => {
                        count(|tally| tally.repeated_installs += 1);
                    }
                    Outcome::Refused(Reply::Behind) => return count(|tally| tally.behind += 1),
                    other => panic!("nobody is up to no good, and {other:?}"),
                }
                self.messages.push(Message::Drop { gid: from, since, shard });
            }
            Message::Drop { gid, since, shard } => {
                let store = self.groups.get_mut(&gid).expect("there is the group");
                let before = store.clone();
                store.drop_shard(since, shard);
                let is_new = *store != before;
                count(|tally| {
                    tally.drops += u64::from(is_new);
                    tally.repeated_drops += u64::from(!is_new);
                });
            }
        }
    }

    fn ask(&mut self, client: u64, gid: u64) {
        let seq = self.seqs.entry(client).or_default();
        let (seq, key) = *self.calls.entry(client).or_insert_with(|| {
            *seq += 1;
            // Some keys are in the same shard.
            (*seq, ((client + *seq * 5) % 6) as u16)
        });
        self.asked.push((client, seq, key));
        if self.put_in_log(gid, client, seq, key) {
            self.calls.remove(&client);
        }
    }

    /// The answer is whether the client is told that it is done.
    fn put_in_log(&mut self, gid: u64, client: u64, seq: u64, key: u16) -> bool {
        let store = self.groups.get_mut(&gid).expect("there is the group");
        let text = format!("{client}:{seq} ");
        match store.ask(client, seq, append(&key.to_string(), &text)) {
            done if done == stored() => {
                match self.done_by.get(&(client, seq)) {
                    None => {
                        self.done_by.insert((client, seq), gid);
                        self.values.entry(key).or_default().push_str(&text);
                    }
                    Some(by) => count(|tally| {
                        tally.recalled += 1;
                        tally.recalled_elsewhere += u64::from(*by != gid);
                    }),
                }
                true
            }
            Outcome::Refused(Reply::NotYet) => {
                count(|tally| tally.not_yet += 1);
                false
            }
            Outcome::Refused(Reply::WrongGroup(_)) => {
                count(|tally| tally.wrong_group += 1);
                false
            }
            other => panic!("{other:?}"),
        }
    }

    /// What must be true of every moment.
    fn look(&self) {
        for shard in (0..SHARDS).map(Shard::new) {
            let in_phase = |wanted| {
                let is = |store: &&Subject| store.0.phase(shard) == Some(wanted);
                self.groups.values().filter(is).count()
            };
            assert!(in_phase(Phase::Serving) <= 1, "{shard} is served twice");
            assert!(in_phase(Phase::Parked) + in_phase(Phase::Serving) <= 1);
            // Whoever has the shard in its latest form has all that was written.
            let all: Vec<u16> =
                self.values.keys().copied().filter(|key| key % SHARDS == shard.get()).collect();
            let has_all = |store: &Subject| {
                let contents = match store.0.shards().get(&shard) {
                    Some(State::Serving(contents) | State::Parked(contents)) => contents.clone(),
                    Some(State::Leaving { contents, .. }) => {
                        labgob::decode(contents).expect("contents")
                    }
                    _ => return false,
                };
                all.iter().all(|key| contents.values.get(&key.to_string()) == self.values.get(key))
            };
            assert!(all.is_empty() || self.groups.values().any(has_all), "{shard} is lost");
        }
    }

    /// All leaders do their duties, until there is nothing to be done.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            for gid in GIDS {
                self.configure(gid, None);
                self.bring(gid);
            }
            let before = self.messages.len();
            for which in 0..before {
                self.arrive(which);
            }
            self.messages.clear();
            self.look();
            let last = self.master.latest().num.get();
            if self.groups.values().all(|store| store.num() == last && store.0.is_settled()) {
                return self.check_end();
            }
            // The drops are among what was cleared: they come again with the next installs.
            for gid in GIDS {
                self.bring(gid);
            }
            for which in 0..self.messages.len() {
                self.arrive(which);
            }
            for which in 0..self.messages.len() {
                if matches!(self.messages[which], Message::Drop { .. }) {
                    self.arrive(which);
                }
            }
            self.messages.clear();
        }
        panic!("no end");
    }

    /// What each group has is what the last configuration says, and no more.
    fn check_end(&mut self) {
        let last = self.master.latest().clone();
        for shard in last.all_shards() {
            for (gid, store) in &self.groups {
                let holds = last.holders[shard.index()] == Some(Gid::new(*gid));
                let phase = match last.owner(shard) {
                    _ if !holds => None,
                    Some(_) => Some(Phase::Serving),
                    None => Some(Phase::Parked),
                };
                assert_eq!(store.0.phase(shard), phase, "{shard} at g{gid} in {last:?}");
            }
        }
        for key in 0..6_u16 {
            let owner = last.owner(Shard::new(key % SHARDS));
            if let Some(gid) = owner {
                let expected = self.values.get(&key).cloned().unwrap_or_default();
                let store = self.groups.get_mut(&gid.get()).expect("there is the group");
                assert_eq!(store.get(&key.to_string()), value(&expected));
            }
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    let gid = || GIDS;
    let gids = || vec(GIDS, 1..3);
    prop_oneof![
        2 => gids().prop_map(Event::Join),
        1 => gids().prop_map(Event::Leave),
        3 => (0..SHARDS, gid()).prop_map(|(shard, gid)| Event::Move(shard, gid)),
        8 => (gid(), prop::option::weighted(0.1, any::<Index>()))
            .prop_map(|(gid, which)| Event::Configure(gid, which)),
        4 => gid().prop_map(Event::Bring),
        12 => any::<Index>().prop_map(Event::Arrive),
        6 => (1..=CLIENTS, gid()).prop_map(|(client, gid)| Event::Ask(client, gid)),
        4 => (any::<Index>(), gid()).prop_map(|(which, gid)| Event::Echo(which, gid)),
        2 => (0..6_u16, gid()).prop_map(|(key, gid)| Event::Look(key, gid)),
    ]
}

#[test]
fn whatever_comes_late_or_twice() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(800) };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let result = runner.run(&vec(event(), 1..250), |events| {
        let mut store = Store::new();
        for event in &events {
            store.happen(event);
        }
        store.settle();
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    let tally = TALLY.take();
    println!("{tally:?}");
    let Tally { installs, repeated_installs, behind, drops, repeated_drops, .. } = tally;
    assert!(installs > 3_000 && drops > 3_000, "hardly a move: {tally:?}");
    assert!(repeated_installs > 3_000 && repeated_drops > 3_000, "nothing came twice: {tally:?}");
    assert!(behind > 500 && tally.exchanged > 10 && tally.parked > 100, "too tidy: {tally:?}");
    assert!(tally.not_yet > 500 && tally.wrong_group > 500, "hardly a refusal: {tally:?}");
    assert!(tally.recalled > 300 && tally.recalled_elsewhere > 30, "no echoes: {tally:?}");
}

#[test]
fn the_end_is_checked_against_the_last_configuration() {
    let mut store = Store::new();
    for event in [Event::Join(vec![1, 2]), Event::Leave(vec![1, 2]), Event::Join(vec![3])] {
        store.happen(&event);
    }
    for gid in GIDS {
        (0..3).for_each(|_| store.happen(&Event::Configure(gid, None)));
    }
    let phases: Vec<String> = store.groups.values().map(Subject::phases).collect();
    assert_eq!(phases, ["LL..", "..LL", "AAAA"]);
    store.settle();
    let install = Op::Client(get("0"));
    assert_eq!(store.groups[&3].0.refuses(&install), None);
}
