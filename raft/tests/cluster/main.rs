//! Whole clusters in a simulated world: what must never happen, whatever the network and the
//! crashes do; that there is progress when they stop; and what it all costs.
//!
//! A failed storm prints its seed; `RAFT_SEED=<seed> cargo test -p raft --test cluster <name>` runs
//! that one alone, and prints the end of its trace.

mod monitor;
mod reads;
mod server;

use labrpc::{CrashPoint, Network, NodeId, Rng, Trace, World};
use monitor::Monitor;
use raft::{Config, Consensus, Index};
use reads::Ledger;
use server::{Server, cluster, committed, leader};
use std::time::Duration;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

// ---- storms ------------------------------------------------------------------------------------

/// A cluster under attack.
struct Storm {
    world: World<Server>,
    monitor: Monitor,
    ledger: Ledger,
    dice: Rng,
    proposals: u64,
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
    fn new(seed: u64, config: &Config, snapshots: bool) -> Self {
        let mut dice = Rng::stream(seed, [2, 0, 0]);
        let servers = dice.between(3..8) as u16;
        let config = Config {
            max_entries: [1, 6, 64][dice.below(3) as usize],
            snapshot_tail: [0, 5][dice.below(2) as usize],
            ..config.clone()
        };
        let every = if snapshots { Some(dice.between(3..30)) } else { None };
        let network = Network::unreliable().with_late_messages();
        let network = if dice.chance(1, 3) { network.with_long_reordering() } else { network };
        let what = format!("{servers} servers, {network}, snapshots {every:?}, {config:?}");
        let world = cluster(seed, network, servers, &config, every);
        let (monitor, ledger) = (Monitor::default(), Ledger::default());
        Self { world, monitor, ledger, dice, proposals: 0, what }
    }

    fn look(&mut self) {
        self.monitor.look(&self.world);
        self.ledger.look(&self.world);
    }

    fn run_for(&mut self, duration: Duration) {
        let limit = self.world.now() + duration;
        while self.world.step_until(limit) {
            self.look();
        }
    }

    fn anyone(&mut self) -> NodeId {
        let ids: Vec<NodeId> = self.world.ids().collect();
        *self.dice.pick(&ids).expect("there are servers")
    }

    /// Asks everyone who believes to lead.
    fn propose(&mut self, how_many: u64) {
        for id in self.world.ids() {
            for _ in 0..how_many {
                if !self.world.node(id).is_some_and(|server| server.raft.status().is_leader) {
                    break;
                }
                let command = self.proposals.to_le_bytes();
                self.proposals += 1;
                self.world.poke(id, |server, cx| server.propose(cx, &command));
                self.look();
            }
        }
    }

    fn mischief(&mut self) {
        let id = self.anyone();
        match self.dice.below(32) {
            0..12 => {
                let how_many = self.dice.between(1..15);
                self.propose(how_many);
            }
            12..16 => {
                let point = match self.dice.below(8) {
                    0 => CrashPoint::Now,
                    1 => CrashPoint::Undone,
                    2 => CrashPoint::Unsent,
                    _ => CrashPoint::AfterWrites(self.dice.between(1..5) as u32),
                };
                self.world.crash(id, point);
            }
            16..24 => {
                let down = self.world.ids().find(|&id| self.world.node(id).is_none());
                if let Some(id) = down {
                    self.world.restart(id).expect("no disk is lost");
                    self.look();
                }
            }
            24 => self.world.isolate(leader(&self.world).unwrap_or(id)),
            25 | 26 => self.world.ids().for_each(|id| self.world.rejoin(id)),
            27 => {
                let mut ids: Vec<NodeId> = self.world.ids().collect();
                self.dice.shuffle(&mut ids);
                let cut = self.dice.below(ids.len() as u64) as usize;
                self.world.partition(&[ids[..cut].to_vec(), ids[cut..].to_vec()]);
            }
            28 | 29 => self.world.heal(),
            30 => self.world.pause(id),
            _ => {
                for id in self.world.ids() {
                    self.world.resume(id);
                }
                self.look();
            }
        }
    }

    /// The storm is over: within five seconds everyone applies something new.
    fn calm(&mut self) {
        self.world.calm(Network::reliable());
        for id in self.world.ids().collect::<Vec<_>>() {
            // Some have been restarted; the monitor has seen none of it.
            self.world.poke(id, |_, _| ());
            self.look();
        }
        let before = self.monitor.applied();
        for _ in 0..50 {
            self.propose(1);
            self.run_for(ms(100));
            let all = |id| self.world.node(id).is_some_and(|s| s.last().index > before);
            if self.world.ids().all(all) {
                return Monitor::compare_logs(&self.world);
            }
        }
        panic!("no progress past {before}");
    }
}

/// The only seed to run, if one is named.
fn only_seed() -> Option<u64> {
    std::env::var("RAFT_SEED").ok().map(|seed| seed.parse().expect("a number"))
}

/// Runs a storm for each seed. What happened in all is printed, and asserted to be enough for the
/// storms to deserve the name.
fn storms(seeds: std::ops::Range<u64>, max_in_flight: usize, snapshots: bool) {
    let only = only_seed();
    let config = Config { max_in_flight, ..Config::default() };
    let (mut applied, mut reigns, mut lives, mut steps) = (0, 0, 0, 0);
    for seed in only.map_or(seeds, |seed| seed..seed + 1) {
        let mut storm = Storm::new(seed, &config, snapshots);
        if only.is_some() {
            storm.world.set_trace(Trace::last(100));
        }
        for _ in 0..200 {
            storm.mischief();
            let pause = ms(storm.dice.below(200));
            storm.run_for(pause);
        }
        storm.calm();
        applied += storm.monitor.applied().get();
        reigns += storm.monitor.reigns();
        lives += storm.world.ids().map(|id| storm.world.life(id)).sum::<u32>();
        steps += storm.world.totals().steps;
    }
    println!("{applied} entries applied, {reigns} reigns, {lives} restarts, {steps} steps");
    let enough = applied > 20_000 && reigns > 1_000 && lives > 2_000;
    assert!(enough || only.is_some(), "hardly a storm");
}

#[test]
fn storm_with_one_append_in_flight() {
    storms(0..200, 1, false);
}

#[test]
fn storm_with_one_append_in_flight_and_snapshots() {
    storms(1_000..1_200, 1, true);
}

#[test]
fn storm_with_eight_appends_in_flight() {
    storms(2_000..2_200, 8, false);
}

#[test]
fn storm_with_eight_appends_in_flight_and_snapshots() {
    storms(3_000..3_200, 8, true);
}

// ---- cost --------------------------------------------------------------------------------------

/// An open load of a thousand proposals a second.
struct Load {
    world: World<Server>,
    proposals: u64,
}

/// Messages and bytes since the world began.
#[derive(Clone, Copy, Debug)]
struct Cost {
    messages: u64,
    bytes: u64,
    committed: u64,
}

impl Cost {
    fn since(self, earlier: Self) -> Self {
        Self {
            messages: self.messages - earlier.messages,
            bytes: self.bytes - earlier.bytes,
            committed: self.committed - earlier.committed,
        }
    }
}

impl Load {
    fn new(seed: u64, network: Network, servers: u16, config: &Config) -> Self {
        let mut world = cluster(seed, network, servers, config, None);
        world.run_until(ms(10_000), |world| leader(world).is_some()).expect("a leader");
        Self { world, proposals: 0 }
    }

    /// Runs until so many are committed.
    fn until(&mut self, index: u64) -> Cost {
        while committed(&self.world) < Index::new(index) {
            if let Some(leader) = leader(&self.world) {
                let command = format!("command {:>8}", self.proposals);
                self.world.poke(leader, |server, cx| server.propose(cx, command.as_bytes()));
                self.proposals += 1;
            }
            self.world.run_for(ms(1));
            assert!(self.world.now().as_nanos() < 120_000_000_000, "{:?}", self.world);
        }
        let totals = self.world.totals();
        let messages = totals.delivered + totals.dropped - totals.copies;
        Cost { messages, bytes: totals.bytes, committed: committed(&self.world).get() }
    }
}

#[test]
fn a_command_costs_at_most_four_messages_per_server() {
    for max_in_flight in [1, 8] {
        for servers in [3, 5, 7] {
            for network in [Network::reliable(), Network::unreliable()] {
                let config = Config { max_in_flight, ..Config::default() };
                let what = format!("{servers} servers, {network}, {max_in_flight} in flight");
                let mut load = Load::new(1, network, servers, &config);
                let start = load.until(100);
                let cost = load.until(3_100).since(start);
                println!("{what}: {cost:?}");
                // Four would do. It is less than a half where commands ride together, and a request
                // and an answer where each is sent at once.
                let halves = if max_in_flight == 1 { 1 } else { 4 };
                let bound = u64::from(servers) * cost.committed * halves / 2;
                assert!(cost.messages <= bound, "{what}: {cost:?}");
            }
        }
    }
}

/// The twentieth thousand of commands costs what the second costs, also with one follower cut off:
/// nothing is sent again and again that grows with the log.
#[test]
fn a_command_costs_no_more_as_the_log_grows() {
    for network in [Network::reliable(), Network::unreliable()] {
        for cut_off in [false, true] {
            let what = format!("{network}, a follower is cut off: {cut_off}");
            let mut load = Load::new(1, network.clone(), 3, &Config::default());
            if cut_off {
                let leader = leader(&load.world);
                let follower = load.world.ids().find(|&id| Some(id) != leader);
                load.world.isolate(follower.expect("there are three"));
            }
            let costs = [1_000, 2_000, 20_000, 21_000].map(|index| load.until(index));
            let (early, late) = (costs[1].since(costs[0]), costs[3].since(costs[2]));
            println!("{what}: {early:?} {late:?}");
            for (early_cost, late_cost) in
                [(early.messages, late.messages), (early.bytes, late.bytes)]
            {
                // late / late.committed <= 1.1 * early / early.committed
                let (late_cost, early_cost) =
                    (10 * late_cost * early.committed, 11 * early_cost * late.committed);
                assert!(late_cost <= early_cost, "{what}: {early:?}, {late:?}");
            }
        }
    }
}
