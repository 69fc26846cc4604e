//! Whole clusters in a simulated world, with clients that never stop asking: what must never
//! happen, whatever the network and the crashes do, and that everything is answered when they stop.
//!
//! A failed storm prints its seed; `KVRAFT_SEED=<seed> cargo test -p kvraft --test storms <name>`
//! runs that one alone, and prints the end of its trace.

mod ledger;
mod monitor;
mod watch;

use kvraft::rsm::{Actor, Clerk, ClientId, Config, Reads, Server};
use labrpc::{CrashPoint, Network, NodeId, Persister, Rng, Trace, World};
use ledger::{Ledger, Op};
use monitor::{Monitor, Tally};
use raft::Consensus;
use std::time::Duration;
use watch::Watch;

type Node = Actor<Ledger, Watch>;

const CLERKS: u16 = 5;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A cluster and its clients, under attack.
struct Storm {
    world: World<Node>,
    servers: Vec<NodeId>,
    clerks: Vec<NodeId>,
    config: Config,
    monitor: Monitor,
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

impl Storm {
    fn new(seed: u64, reads: Reads, limits: &[Option<usize>]) -> Self {
        let mut dice = Rng::stream(seed, [2, 0, 0]);
        let raft = raft::Config {
            max_in_flight: [1, 4][dice.below(2) as usize],
            snapshot_tail: [0, 5][dice.below(2) as usize],
            ..raft::Config::default()
        };
        let max_raft_state = *dice.pick(limits).expect("there are limits");
        let config = Config { raft, max_raft_state, reads };
        let network = Network::unreliable().with_late_messages();
        let network = if dice.chance(1, 3) { network.with_long_reordering() } else { network };
        // One server alone now and then; mostly three or five.
        let servers = *dice.pick(&[1, 2, 3, 3, 3, 4, 5, 5]).expect("there are some");
        let what = format!("{servers} servers, {network}, {config:?}");
        let mut world = World::new(seed, network);
        let servers: Vec<NodeId> = (0..servers).map(NodeId::new).collect();
        for _ in &servers {
            let (config, servers) = (config.clone(), servers.clone());
            world.add(move |cx| {
                Server::boot(cx, &servers, Ledger::default(), config.clone()).into()
            });
        }
        let clerk = |_| {
            let mut servers = servers.clone();
            dice.shuffle(&mut servers);
            world.add(move |cx| Clerk::new(ClientId::random(cx.rng), servers.clone()).into())
        };
        let clerks = (0..CLERKS).map(clerk).collect();
        let monitor = Monitor::default();
        Self { world, servers, clerks, config, monitor, dice, what }
    }

    /// Looks at what has just happened, and takes the answer if there is one.
    fn look(&mut self) {
        self.monitor.look(&self.world);
        let Some(id) = self.world.stepped().filter(|id| self.clerks.contains(id)) else { return };
        let answer = self.world.poke(id, |node, _| node.clerk().take_reply());
        if let Some(answer) = answer.flatten() {
            self.monitor.on_answer(id, answer);
        }
    }

    fn run_for(&mut self, duration: Duration) {
        let limit = self.world.now() + duration;
        while self.world.step_until(limit) {
            self.look();
        }
    }

    /// Every client that has nothing to do begins with something: mostly, an addition.
    fn start(&mut self, every: u32) {
        for id in self.clerks.clone() {
            let idle = matches!(self.world.node(id), Some(Actor::Clerk(it)) if !it.is_busy());
            if !idle || !self.dice.chance(1, every) {
                continue;
            }
            let number = self.monitor.next_number();
            let op = if self.dice.chance(1, 3) { Op::Total } else { Op::Add(number) };
            self.monitor.on_start(id, op);
            self.world.poke(id, |node, cx| node.clerk().start(cx, op));
            self.look();
        }
    }

    fn restart(&mut self, id: NodeId) {
        self.world.restart(id).expect("no disk is lost");
        self.look();
    }

    fn leader(&self) -> Option<NodeId> {
        let leads = |id: &NodeId| {
            self.world.node(*id).is_some_and(|node| node.server().raft().status().is_leader)
        };
        self.servers.iter().copied().find(leads)
    }

    fn mischief(&mut self) {
        let &anyone = self.dice.pick(&self.servers).expect("there are servers");
        let leader = self.leader().unwrap_or(anyone);
        match self.dice.below(36) {
            0..16 => self.start(2),
            16..19 => {
                let point = match self.dice.below(8) {
                    0 => CrashPoint::Now,
                    1 => CrashPoint::Undone,
                    2 => CrashPoint::Unsent,
                    _ => CrashPoint::AfterWrites(self.dice.between(1..4) as u32),
                };
                self.world.crash(if self.dice.chance(1, 2) { leader } else { anyone }, point);
            }
            19..26 => {
                let down = |id: &NodeId| self.world.node(*id).is_none();
                if let Some(id) = self.servers.iter().copied().find(down) {
                    self.restart(id);
                }
            }
            26 => self.world.isolate(leader),
            27 => {
                // A leader that its clients reach, and its followers do not.
                let others = self.servers.iter().copied().filter(|&id| id != leader).collect();
                self.world.partition(&[vec![leader], others]);
            }
            28..33 => {
                self.world.heal();
                for id in self.servers.clone() {
                    self.world.rejoin(id);
                    self.world.resume(id);
                    self.look();
                }
            }
            33 | 34 => self.world.pause(leader),
            _ => {
                let &clerk = self.dice.pick(&self.clerks).expect("there are clerks");
                self.world.crash(clerk, CrashPoint::Now);
                self.monitor.on_crash(clerk);
                self.restart(clerk);
            }
        }
    }

    /// The storm is over: everything is answered within ten seconds, and all servers agree.
    fn calm(&mut self) {
        self.world.calm(Network::reliable());
        for id in self.world.ids().collect::<Vec<_>>() {
            // Some have been restarted; the monitor has seen none of it.
            self.world.poke(id, |_, _| ());
            self.look();
        }
        self.start(1);
        for _ in 0..100 {
            self.run_for(ms(100));
            let idle = |&id: &NodeId| matches!(self.world.node(id), Some(Actor::Clerk(clerk)) if !clerk.is_busy());
            let server = |id: NodeId| self.world.node(id).expect("it is up").server();
            let last = server(self.servers[0]).raft().status().last.index;
            let done = |&id: &NodeId| server(id).applied() == last && server(id).waiting() == 0;
            if self.clerks.iter().all(idle) && self.servers.iter().all(done) {
                return self.settle();
            }
        }
        panic!("no end: {:?}", self.world);
    }

    fn settle(&mut self) {
        let service = |id: NodeId| self.world.node(id).expect("it is up").server().service();
        let state = service(self.servers[0]).clone();
        assert!(self.servers.iter().all(|&id| *service(id) == state), "replicas differ");
        self.monitor.settle(&state);
        for &id in &self.servers {
            let (disk, most) = (self.world.disk(id), self.config.max_raft_state);
            // A tail may be larger than the limit; a command of one byte takes two on the disk.
            let most = most.filter(|_| self.config.raft.snapshot_tail == 0);
            let bytes = disk.raft_state_bytes();
            assert!(most.is_none_or(|most| bytes <= 2 * most + 16), "{id} keeps {bytes} bytes");
            let has_one = !disk.snapshot().is_empty();
            assert!(!has_one || self.config.max_raft_state.is_some(), "nobody wants snapshots");
        }
    }
}

/// Runs a storm for each seed; the answer is what happened in all of them.
fn storms(seeds: std::ops::Range<u64>, reads: Reads, limits: &[Option<usize>]) -> Tally {
    let only = std::env::var("KVRAFT_SEED").ok().map(|seed| seed.parse().expect("a number"));
    let mut tally = Tally::default();
    for seed in only.map_or(seeds, |seed| seed..seed + 1) {
        let mut storm = Storm::new(seed, reads, limits);
        storm.monitor.tally = tally;
        if only.is_some() {
            storm.world.set_trace(Trace::last(100));
        }
        for _ in 0..200 {
            storm.mischief();
            let pause = ms(storm.dice.below(200));
            storm.run_for(pause);
        }
        storm.calm();
        tally = storm.monitor.tally;
    }
    println!("{tally:?}");
    // Who asks for a single seed wants to see that one.
    if only.is_none() {
        assert!(tally.adds > 5_000 && tally.totals > 2_000, "hardly a load: {tally:?}");
        assert!(tally.retries > 2_000 && tally.recalled > 200, "hardly a loss: {tally:?}");
        assert!(tally.duplicates > 100 && tally.denials > 100, "hardly a change: {tally:?}");
        assert!(tally.orphans > 50 && tally.orphans_done > 20, "hardly a crash: {tally:?}");
    }
    tally
}

fn is_one(tally: &Tally, ok: bool) {
    assert!(ok || std::env::var("KVRAFT_SEED").is_ok(), "{tally:?}");
}

const LIMITS: [Option<usize>; 4] = [Some(1), Some(60), Some(300), Some(1_000)];

#[test]
fn storm_with_reads_in_the_log() {
    let tally = storms(0..200, Reads::Log, &[None]);
    is_one(&tally, tally.snapshots == 0 && tally.reads_in_log > 1_000);
}

#[test]
fn storm_with_reads_in_the_log_and_snapshots() {
    let tally = storms(1_000..1_200, Reads::Log, &LIMITS);
    is_one(&tally, tally.snapshots > 500 && tally.reads_in_log > 1_000);
}

#[test]
fn storm_with_reads_without_an_entry() {
    let tally = storms(2_000..2_200, Reads::Index, &[None]);
    is_one(&tally, tally.snapshots == 0 && tally.reads_in_log == 0 && tally.no_ops > 500);
}

#[test]
fn storm_with_reads_without_an_entry_and_snapshots() {
    let tally = storms(3_000..3_200, Reads::Index, &LIMITS);
    is_one(&tally, tally.snapshots > 500 && tally.reads_in_log == 0);
}
