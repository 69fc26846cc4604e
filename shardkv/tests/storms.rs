//! Whole stores under attack: groups come and go and shards move about while servers crash, links
//! break and messages come late. What must never happen is asked after every step; when it is over,
//! everything that was acknowledged must be there once, and nothing where it does not belong.
//!
//! A failed storm prints its seed; `SHARDKV_SEED=<seed> cargo test -p shardkv --test storms <name>`
//! runs that one alone, and prints the end of its trace.

#[allow(dead_code, reason = "other tests use more of it")]
mod world;

use kvraft::kv;
use kvraft::rsm::{self, ClientId, Config, Outcome, Reads};
use labrpc::{CrashPoint, Network, NodeId, Persister, Rng, Trace, World};
use raft::Consensus;
use shardkv::{MasterServer, Phase, shard_of};
use shardmaster::{Gid, Master, Op, Reply, Shard};
use std::collections::BTreeMap;
use std::time::Duration;
use world::monitor::{Monitor, Tally};
use world::{Node, add_clerk, add_group, leader_of, ms};

const SHARDS: u16 = 7;
const GIDS: [u64; 3] = [100, 101, 102];
const CLERKS: usize = 4;
/// Some are in the same shard.
const KEYS: u64 = 10;

/// What was appended: the key, and whether it was acknowledged.
#[derive(Clone, Debug)]
struct Token {
    key: String,
    is_done: bool,
}

/// What a clerk has under way.
#[derive(Clone, Debug)]
struct Call {
    op: kv::Op,
    /// The token, or what must be there if it is a read: all that was acknowledged before.
    token: Option<usize>,
    least: Vec<usize>,
}

struct Storm {
    world: World<Node>,
    masters: Vec<NodeId>,
    groups: BTreeMap<u64, Vec<NodeId>>,
    keeper: NodeId,
    clerks: Vec<NodeId>,
    monitor: Monitor,
    tokens: Vec<Token>,
    calls: BTreeMap<NodeId, Call>,
    dice: Rng,
    what: String,
}

impl Drop for Storm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}: {}", self.world.seed(), self.what);
            self.world.trace().records().for_each(|record| eprintln!("{record}"));
        }
    }
}

/// How a token is written: no two are parts of each other.
fn text(token: usize) -> String {
    format!("<{token}>")
}

impl Storm {
    fn new(seed: u64, reads: Reads, limits: &[Option<usize>]) -> Self {
        let mut dice = Rng::stream(seed, [4, 0, 0]);
        let network = match dice.below(3) {
            0 => Network::reliable(),
            1 => Network::unreliable(),
            _ => Network::unreliable().with_long_reordering(),
        };
        let network = network.with_late_messages();
        let max_raft_state = *dice.pick(limits).expect("there are limits");
        let config = Config { max_raft_state, reads, ..Config::default() };
        let each = *dice.pick(&[1, 3, 3, 3]).expect("there are some");
        let what = format!("{each} servers each, {network}, {config:?}");
        let mut world = World::new(seed, network);
        let masters: Vec<NodeId> = (0..3).map(NodeId::new).collect();
        for _ in &masters {
            let (masters, config) = (masters.clone(), config.clone());
            world.add(move |cx| {
                Node::Master(MasterServer::boot(cx, &masters, Master::new(SHARDS), config.clone()))
            });
        }
        let groups = GIDS
            .map(|gid| (gid, add_group(&mut world, gid, each, &masters, SHARDS, &config)))
            .into();
        let known = masters.clone();
        let keeper = world
            .add(move |cx| Node::Keeper(rsm::Clerk::new(ClientId::random(cx.rng), known.clone())));
        let clerks = (0..CLERKS).map(|_| add_clerk(&mut world, &masters)).collect();
        Self {
            world,
            masters,
            groups,
            keeper,
            clerks,
            monitor: Monitor::default(),
            tokens: Vec::new(),
            calls: BTreeMap::new(),
            dice,
            what,
        }
    }

    // ---- clients -----------------------------------------------------------------------------

    fn look(&mut self) {
        self.monitor.look(&self.world);
        let Some(id) = self.world.stepped() else { return };
        let Some(Node::Clerk(clerk)) = self.world.node(id) else { return };
        let (false, Some(reply)) = (clerk.is_busy(), clerk.reply()) else { return };
        let Some(Call { op, token, least }) = self.calls.remove(&id) else { return };
        match (reply, token) {
            (kv::Reply::Stored, Some(token)) => {
                self.tokens[token].is_done = true;
                self.monitor.tally.appends += 1;
            }
            (kv::Reply::Value(value), None) => {
                let value = value.as_deref().unwrap_or_default();
                for token in least {
                    let times = value.matches(&text(token)).count();
                    assert_eq!(times, 1, "token {token}, which was there before: {op:?}, {value}");
                }
                self.monitor.tally.gets += 1;
            }
            other => panic!("{op:?}: {other:?}"),
        }
    }

    fn run_for(&mut self, duration: Duration) {
        let limit = self.world.now() + duration;
        while self.world.step_until(limit) {
            self.look();
        }
    }

    fn poke<T>(&mut self, id: NodeId, f: impl FnOnce(&mut Node, &mut world::Cx<'_>) -> T) {
        self.world.poke(id, f);
        self.look();
    }

    /// Every client that has nothing to do begins with something.
    fn start(&mut self, every: u32) {
        for id in self.clerks.clone() {
            if self.calls.contains_key(&id) || !self.dice.chance(1, every) {
                continue;
            }
            let key = self.dice.below(KEYS).to_string();
            let call = if self.dice.chance(1, 3) {
                let is_known = |it: &usize| self.tokens[*it].is_done && self.tokens[*it].key == key;
                let least = (0..self.tokens.len()).filter(is_known).collect();
                Call { op: kv::Op::Get { key }, token: None, least }
            } else {
                let token = self.tokens.len();
                self.tokens.push(Token { key: key.clone(), is_done: false });
                let op = kv::Op::Append { key, value: text(token) };
                Call { op, token: Some(token), least: Vec::new() }
            };
            let op = call.op.clone();
            self.calls.insert(id, call);
            self.poke(id, |node, cx| node.clerk().start(cx, op));
        }
    }

    /// Groups join or leave, or a shard moves.
    fn change(&mut self) {
        let busy = matches!(self.world.node(self.keeper), Some(Node::Keeper(it)) if it.is_busy());
        if busy {
            return;
        }
        let some: Vec<u64> = GIDS.into_iter().filter(|_| self.dice.chance(1, 2)).collect();
        let op = match self.dice.below(6) {
            0 | 1 => Op::Join {
                groups: some.iter().map(|gid| (Gid::new(*gid), self.groups[gid].clone())).collect(),
            },
            2 => Op::Leave { gids: some.into_iter().map(Gid::new).collect() },
            _ => Op::Move {
                shard: Shard::new(self.dice.below(u64::from(SHARDS)) as u16),
                gid: Gid::new(*self.dice.pick(&GIDS).expect("there are groups")),
            },
        };
        self.tell(op);
    }

    fn tell(&mut self, op: Op) {
        self.monitor.tally.changes += 1;
        self.poke(self.keeper, |node, cx| node.keeper().start(cx, op));
    }

    // ---- the storm ---------------------------------------------------------------------------

    /// All servers: the master's and the groups'.
    fn servers(&self) -> Vec<NodeId> {
        self.masters.iter().chain(self.groups.values().flatten()).copied().collect()
    }

    fn mischief(&mut self) {
        let anyone = *self.dice.pick(&self.servers()).expect("there are servers");
        let group = self.groups.values().chain([&self.masters]).find(|it| it.contains(&anyone));
        let group = group.expect("everybody is in one").clone();
        let leader = leader_of(&self.world, &group).unwrap_or(anyone);
        let victim = if self.dice.chance(2, 3) { leader } else { anyone };
        match self.dice.below(40) {
            0..15 => self.start(2),
            15..22 => self.change(),
            22..25 => {
                let point = match self.dice.below(8) {
                    0 => CrashPoint::Now,
                    1 => CrashPoint::Undone,
                    2..5 => CrashPoint::Unsent,
                    _ => CrashPoint::AfterWrites(self.dice.between(1..4) as u32),
                };
                self.world.crash(victim, point);
            }
            25 => group.iter().for_each(|&id| self.world.crash(id, CrashPoint::Now)),
            26..31 => {
                for id in self.servers() {
                    if self.world.node(id).is_none() {
                        self.world.restart(id).expect("no disk is lost");
                        self.look();
                    }
                }
            }
            31 => self.world.isolate(victim),
            32 => {
                let dice = &mut self.dice;
                let (some, others) = self.world.ids().partition(|_| dice.chance(1, 2));
                self.world.partition(&[some, others]);
            }
            33 => {
                // A group without all others, or one whose answers do not reach one of them.
                let others = self.servers().into_iter().filter(|id| !group.contains(id));
                if self.dice.chance(1, 3) {
                    let others = others.collect();
                    self.world.partition(&[group, others]);
                } else {
                    let some: Vec<NodeId> = others.filter(|_| self.dice.chance(1, 2)).collect();
                    for (&from, &to) in group.iter().flat_map(|a| some.iter().map(move |b| (a, b)))
                    {
                        self.world.cut(from, to);
                    }
                }
            }
            34 => self.world.pause(victim),
            35 => {
                let clerk = *self.dice.pick(&self.clerks).expect("there are clerks");
                self.world.crash(clerk, CrashPoint::Now);
                let is_append = |call: Call| u64::from(call.token.is_some());
                self.monitor.tally.orphans += self.calls.remove(&clerk).map_or(0, is_append);
                self.world.restart(clerk).expect("no disk is lost");
            }
            _ => {
                self.world.heal();
                for id in self.servers() {
                    for to in self.servers() {
                        self.world.mend(id, to);
                    }
                    self.world.rejoin(id);
                    self.world.resume(id);
                    self.look();
                }
            }
        }
    }

    // ---- the end -----------------------------------------------------------------------------

    fn node(&self, id: NodeId) -> &Node {
        self.world.node(id).expect("it is up")
    }

    fn is_idle(&self, id: NodeId) -> bool {
        match self.node(id) {
            Node::Clerk(it) => !it.is_busy(),
            Node::Keeper(it) => !it.is_busy(),
            _ => false,
        }
    }

    /// Waits until something is so, twenty seconds at most.
    fn wait(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        for _ in 0..400 {
            if done(self) {
                return;
            }
            self.run_for(ms(50));
        }
        panic!("no end: {what}");
    }

    /// The storm is over: some group serves everything, everybody is answered, all that moves
    /// arrives.
    fn calm(&mut self) {
        self.world.calm(Network::reliable());
        for id in self.world.ids().collect::<Vec<_>>() {
            // Some have been restarted; the monitor has seen none of it.
            self.poke(id, |_, _| ());
        }
        self.wait("the keeper has its answer", |storm| storm.is_idle(storm.keeper));
        let gid = *self.dice.pick(&GIDS).expect("there are groups");
        let groups = [(Gid::new(gid), self.groups[&gid].clone())].into();
        self.tell(Op::Join { groups });
        self.wait("it joins", |storm| storm.is_idle(storm.keeper));
        self.start(1);
        self.wait("all clients have their answers", |storm| {
            storm.clerks.iter().all(|&id| storm.is_idle(id))
        });
        self.tell(Op::Query { num: None });
        self.wait("the latest configuration", |storm| storm.is_idle(storm.keeper));
        let latest = self.latest();
        self.wait("all servers have come to it", |storm| {
            let server = |&id: &NodeId| storm.node(id).group().server();
            storm.groups.values().all(|ids| {
                let last = ids.iter().map(|id| server(id).raft().status().last.index).max();
                ids.iter().all(|id| {
                    let store = server(id).service();
                    let is_there = store.config().num == latest.num && store.is_settled();
                    is_there && Some(server(id).applied()) == last
                })
            })
        });
        self.check_places(&latest);
        self.check_values();
    }

    fn latest(&self) -> shardmaster::Config {
        match self.node(self.keeper) {
            Node::Keeper(it) => match it.reply() {
                Some(Outcome::Done(Reply::Config(config))) => config.clone(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    /// Each shard is where the latest configuration says, and nothing of it is anywhere else: not
    /// even on a disk, if each step ends in a snapshot.
    fn check_places(&self, latest: &shardmaster::Config) {
        for (gid, servers) in &self.groups {
            for &id in servers {
                let server = self.node(id).group().server();
                let store = server.service();
                assert_eq!(store.config(), latest);
                for shard in latest.all_shards() {
                    let is_mine = latest.owner(shard) == Some(Gid::new(*gid));
                    assert_eq!(
                        store.phase(shard),
                        is_mine.then_some(Phase::Serving),
                        "{id} {shard}"
                    );
                }
                let (node, _) = self.world.would_boot(id);
                let (booted, disk) = (node.group().server(), self.world.disk(id));
                assert!(booted.applied() <= server.applied());
                let log = disk.log();
                let records = log.map(|index| disk.record(index).to_vec()).collect::<Vec<_>>();
                for (number, token) in self.tokens.iter().enumerate() {
                    let shard = shard_of(&token.key, usize::from(SHARDS));
                    let found = |bytes: &[u8]| {
                        bytes.windows(text(number).len()).any(|it| it == text(number).as_bytes())
                    };
                    if store.phase(shard).is_none() {
                        assert!(!found(&labgob::encode(store)), "{id} keeps {token:?}");
                    }
                    if store.phase(shard).is_none() && self.what.contains("Some(1)") {
                        assert!(!found(disk.snapshot()), "the disk of {id} keeps {token:?}");
                        assert!(!records.iter().any(|it| found(it)), "the log of {id} keeps it");
                    }
                }
            }
        }
    }

    /// What was acknowledged is there once, and everything else at most once.
    fn check_values(&mut self) {
        let all: BTreeMap<String, String> = self
            .groups
            .values()
            .flat_map(|servers| {
                let store = self.node(servers[0]).group().server().service();
                store.shards().values().flat_map(|state| match state {
                    shardkv::State::Serving(contents) => contents.values.clone(),
                    other => panic!("{other:?}"),
                })
            })
            .collect();
        let mut orphans_done = 0;
        for (number, token) in self.tokens.iter().enumerate() {
            let value = all.get(&token.key).map_or("", String::as_str);
            let times = value.matches(&text(number)).count();
            let is_fine = if token.is_done { times == 1 } else { times <= 1 };
            assert!(is_fine, "token {number}, {token:?}, is there {times} times: {value}");
            orphans_done += u64::from(!token.is_done && times == 1);
        }
        let tokens = all.values().map(|value| value.matches('<').count()).sum::<usize>();
        let known = self.tokens.iter().filter(|token| token.is_done).count();
        assert_eq!(tokens, known + orphans_done as usize, "somebody has made something up");
        self.monitor.tally.orphans_done += orphans_done;
    }
}

/// Runs a storm for each seed; the answer is what happened in all of them.
fn storms(seeds: std::ops::Range<u64>, reads: Reads, limits: &[Option<usize>]) -> Tally {
    let only = std::env::var("SHARDKV_SEED").ok().map(|seed| seed.parse().expect("a number"));
    let mut tally = Tally::default();
    for seed in only.map_or(seeds, |seed| seed..seed + 1) {
        let mut storm = Storm::new(seed, reads, limits);
        storm.monitor.tally = tally;
        if only.is_some() {
            storm.world.set_trace(Trace::last(200));
        }
        for _ in 0..200 {
            storm.mischief();
            let pause = ms(storm.dice.below(150));
            storm.run_for(pause);
        }
        storm.calm();
        tally = storm.monitor.tally;
    }
    println!("{tally:?}");
    tally
}

/// Who asks for a single seed wants to see that one.
fn is_a_storm(tally: &Tally) {
    if std::env::var("SHARDKV_SEED").is_ok() {
        return;
    }
    let Tally { log, .. } = tally;
    assert!(tally.appends > 3_000 && tally.gets > 1_500, "hardly a load: {tally:?}");
    assert!(log.installs > 3_000 && log.drops > 3_000 && tally.changes > 2_000, "{tally:?}");
    assert!(tally.here_already > 150, "brought but once: {tally:?}");
    assert!(log.installs_again + log.drops_again > 5 && log.configures_again > 50, "{tally:?}");
    assert!(tally.wrong_group > 1_000 && tally.not_yet > 1_000 && tally.behind > 500, "{tally:?}");
    assert!(log.echoes > 8 && tally.exchanges > 10 && tally.parked > 50, "{tally:?}");
    assert!(tally.orphans > 100 && tally.orphans_done > 20, "hardly a crash: {tally:?}");
}

#[test]
fn storm() {
    let tally = storms(0..150, Reads::Log, &[None]);
    is_a_storm(&tally);
    assert_eq!(tally.log.snapshots, 0);
}

#[test]
fn storm_with_snapshots() {
    is_a_storm(&storms(1_000..1_150, Reads::Log, &[Some(1), Some(300), Some(2_000)]));
}

#[test]
fn storm_with_reads_without_an_entry() {
    is_a_storm(&storms(2_000..2_150, Reads::Index, &[None, Some(1), Some(500)]));
}
