//! Reads without entries (section 6.4 of the dissertation): linearizable in any storm, and what
//! they cost.

use crate::server::{Server, cluster, leader};
use crate::{Storm, ms};
use labrpc::{Network, NodeId, World};
use raft::{Config, Consensus, Index, ReadId};
use std::collections::VecDeque;

/// Every read that was asked for, and what it had to see.
#[derive(Default)]
pub struct Ledger {
    seen: Vec<Seen>,
    confirmed: u64,
    refused: u64,
}

/// The reads of a server in its present life.
#[derive(Default)]
struct Seen {
    life: u32,
    /// How many of its decided reads have been looked at.
    decided: usize,
    /// Those that are not decided, and how far anyone had applied when they were asked for.
    asked: VecDeque<(ReadId, Index)>,
}

impl Ledger {
    fn of(&mut self, world: &World<Server>, id: NodeId) -> &mut Seen {
        self.seen.resize_with(world.ids().count(), Seen::default);
        let seen = &mut self.seen[id.index()];
        if seen.life != world.life(id) {
            *seen = Seen { life: world.life(id), ..Seen::default() };
        }
        seen
    }

    /// Looks at who took the latest step. A read is linearizable if it sees everything that anyone
    /// could have been told of when it was asked for, which is what anyone had applied.
    pub fn look(&mut self, world: &World<Server>) {
        let Some(id) = world.stepped() else { return };
        let Some(server) = world.node(id) else { return };
        let (mut confirmed, mut refused) = (0, 0);
        let seen = self.of(world, id);
        for &(read, decided) in &server.reads[seen.decided..] {
            let (next, needed) = seen.asked.pop_front().expect("it was asked for");
            assert_eq!(read, next, "{id} decides reads out of order");
            match decided {
                Ok(index) => {
                    assert!(index >= needed, "{read} of {id} sees {index}, applied was {needed}");
                    let applied = server.last().index;
                    assert!(index <= applied, "{read} of {id} waits for {index}, not {applied}");
                    confirmed += 1;
                }
                Err(_) => refused += 1,
            }
        }
        seen.decided = server.reads.len();
        let leads = server.raft.status().is_leader;
        assert!(leads || seen.asked.is_empty(), "{id} leaves reads undecided: {:?}", seen.asked);
        self.confirmed += confirmed;
        self.refused += refused;
    }
}

impl Storm {
    /// Asks everyone who believes to lead for a few reads.
    fn read(&mut self) {
        for id in self.world.ids() {
            for _ in 0..self.dice.between(1..4) {
                let needed = self.monitor.applied();
                let read = self.world.poke(id, Server::read).flatten();
                if let Some(read) = read {
                    self.ledger.of(&self.world, id).asked.push_back((read, needed));
                }
                self.look();
            }
        }
    }

    /// A leader is cut off while the answers of a round are still on their way to it, and asked
    /// again when there is another leader, who has committed something.
    fn betray(&mut self) {
        let Some(old) = leader(&self.world) else { return };
        self.read();
        let pause = ms(self.dice.below(20));
        self.run_for(pause);
        self.world.isolate(old);
        for _ in 0..10 {
            self.run_for(ms(20));
            self.propose(1);
            self.read();
        }
        self.world.rejoin(old);
    }

    /// The storm is over: within five seconds a read is confirmed, if leaders commit something.
    fn calm_read(&mut self) {
        let before = self.ledger.confirmed;
        for _ in 0..50 {
            self.propose(1);
            self.read();
            self.run_for(ms(100));
            if self.ledger.confirmed > before {
                return;
            }
        }
        panic!("no read is confirmed");
    }
}

/// Runs a storm with reads for each seed.
fn storms(seeds: std::ops::Range<u64>, config: &Config, snapshots: bool) {
    let (mut confirmed, mut refused, mut applied) = (0, 0, 0);
    let only = crate::only_seed();
    for seed in only.map_or(seeds, |seed| seed..seed + 1) {
        let mut storm = Storm::new(seed, config, snapshots);
        for _ in 0..200 {
            storm.mischief();
            if storm.dice.chance(1, 8) {
                storm.betray();
            }
            for _ in 0..storm.dice.between(1..5) {
                let pause = ms(storm.dice.below(60));
                storm.run_for(pause);
                storm.read();
            }
        }
        storm.calm();
        storm.calm_read();
        confirmed += storm.ledger.confirmed;
        refused += storm.ledger.refused;
        applied += storm.monitor.applied().get();
    }
    println!("{confirmed} reads confirmed, {refused} refused, {applied} entries applied");
    let enough = confirmed > 20_000 && refused > 5_000 && applied > 10_000;
    assert!(enough || only.is_some(), "hardly a test");
}

#[test]
fn reads_in_a_storm_with_one_append_in_flight() {
    storms(4_000..4_100, &Config::default(), false);
}

#[test]
fn reads_in_a_storm_with_eight_appends_in_flight_and_snapshots() {
    let config = Config { max_in_flight: 8, ..Config::default() };
    storms(5_000..5_100, &config, true);
}

/// Reigns follow one another faster than messages: answers of an earlier one are still on their
/// way.
#[test]
fn reads_in_a_storm_of_hasty_elections() {
    let config = Config {
        election_timeout: ms(30)..ms(80),
        heartbeat: ms(15),
        retry: ms(20),
        ..Config::default()
    };
    storms(6_000..6_200, &config, false);
}

// ---- cost --------------------------------------------------------------------------------------

/// A quiet cluster whose leader has committed something.
struct Quiet {
    world: World<Server>,
    leader: NodeId,
}

impl Quiet {
    fn new(servers: u16) -> Self {
        let mut world = cluster(1, Network::reliable(), servers, &Config::default(), None);
        world.run_until(ms(10_000), |world| leader(world).is_some()).expect("a leader");
        let leader = leader(&world).expect("there is one");
        world.poke(leader, |server, cx| server.propose(cx, b"x = 1"));
        world.run_for(ms(1_000));
        Self { world, leader }
    }

    fn messages(&self) -> u64 {
        let totals = self.world.totals();
        totals.delivered + totals.dropped
    }

    fn confirmed(&self) -> usize {
        let reads = &self.world.node(self.leader).expect("it is up").reads;
        assert!(reads.iter().all(|(_, decided)| decided.is_ok()), "nobody else leads");
        reads.len()
    }

    fn read(&mut self) {
        let read = self.world.poke(self.leader, Server::read);
        assert!(read.flatten().is_some(), "it leads");
    }

    /// How many messages arrive in ten seconds in which nothing happens.
    fn idle(&mut self) -> u64 {
        let before = self.messages();
        self.world.run_for(ms(10_000));
        self.messages() - before
    }
}

/// Ten heartbeats and answers a second per follower; reads leave nothing behind that is sent.
#[test]
fn a_read_starts_no_chain_of_messages() {
    for servers in [3, 5] {
        let mut quiet = Quiet::new(servers);
        let heartbeats = 2 * u64::from(servers - 1) * 100;
        // Some answer may be under way at the one end or the other.
        let (least, most) = (heartbeats - u64::from(servers), heartbeats + u64::from(servers));
        for _ in 0..3 {
            let idle = quiet.idle();
            assert!((least..=most).contains(&idle), "{servers} servers: {idle}");
            for _ in 0..10 {
                quiet.read();
            }
            quiet.world.run_for(ms(1_000));
        }
        assert_eq!(quiet.confirmed(), 30);
    }
}

/// One read after the other is a round each: an append and an answer per follower. That replaces
/// the heartbeats.
#[test]
fn a_read_costs_one_round() {
    for servers in [1, 3, 5, 7] {
        let mut quiet = Quiet::new(servers);
        let (before, start) = (quiet.messages(), quiet.world.now());
        for reads in 1..=1_000 {
            quiet.read();
            let leader = quiet.leader;
            let decided = |world: &World<Server>| {
                world.node(leader).is_some_and(|server| server.reads.len() >= reads)
            };
            quiet.world.run_until(ms(1_000), decided).expect("it is confirmed");
        }
        let messages = quiet.messages() - before;
        let took = quiet.world.now() - start;
        println!("{servers} servers: 1000 reads, {messages} messages, {took:?}");
        assert!(messages <= 1_000 * 2 * u64::from(servers - 1), "{servers}: {messages}");
    }
}

/// A thousand reads a second share their rounds, of which there is one under way at a time.
#[test]
fn reads_share_rounds() {
    for servers in [3, 5, 7] {
        let mut quiet = Quiet::new(servers);
        let before = quiet.messages();
        for _ in 0..10_000 {
            quiet.read();
            quiet.world.run_for(ms(1));
        }
        quiet.world.run_for(ms(100));
        assert_eq!(quiet.confirmed(), 10_000);
        let messages = quiet.messages() - before;
        println!("{servers} servers: 10000 reads, {messages} messages");
        // A round takes 6 ms at the very least.
        let rounds = 10_000 / 6;
        assert!(messages <= rounds * 2 * u64::from(servers - 1), "{servers}: {messages}");
    }
}
