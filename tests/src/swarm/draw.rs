//! How a trial is drawn from a seed.

use super::{System, Trial};
use kvraft::rsm::Reads;
use labrpc::{Fault, Network, NodeId, Plan, Rng, SimTime, Storm, Trouble};
use std::ops::Range;
use std::time::Duration;

/// What happens to servers, and the links between them.
const OF_SERVERS: [Trouble; 10] = Trouble::ALL;

/// What happens to anybody's links, clients' and those between clusters among them.
const OF_LINKS: [Trouble; 4] = [Trouble::Cut, Trouble::Clog, Trouble::Isolate, Trouble::Partition];

impl Trial {
    /// The trial that a seed stands for.
    pub fn draw(system: System, seed: u64) -> Self {
        let dice = &mut Rng::stream(seed, [3, system as u64, 0]);
        let mut trial = Self::sized(system, seed, dice);
        let mut faults = Vec::new();
        let mut spared = Vec::new();
        for cluster in 0..trial.clusters() {
            let servers = trial.servers_of(cluster);
            let minority = (servers.len() - 1) / 2;
            let mut troubles = some_of(dice, &OF_SERVERS);
            let max_down = if dice.chance(1, 3) { servers.len() } else { minority };
            if max_down > minority {
                // A majority without disks would never come back.
                troubles.retain(|it| *it != Trouble::LoseDisk);
            }
            let storm = trial.weather(dice, servers.clone(), troubles, max_down);
            let plan = Plan::random(dice, &storm).0;
            let lost = plan.iter().filter(|(_, it)| matches!(it, Fault::LoseDisk { .. })).count();
            spared.push(minority.saturating_sub(lost));
            faults.extend(plan);
        }
        let everybody = (0..trial.nodes() as u16).map(NodeId::new).collect();
        let troubles = some_of(dice, &OF_LINKS);
        let storm = trial.weather(dice, everybody, troubles, trial.nodes());
        faults.extend(Plan::random(dice, &storm).0);
        trial.plan = Plan::new(faults);
        trial.lasting = (0..trial.clusters())
            .flat_map(|cluster| trial.faults_that_last(dice, cluster, spared[cluster]))
            .collect();
        trial
    }

    /// Everything but what goes wrong.
    fn sized(system: System, seed: u64, dice: &mut Rng) -> Self {
        let (servers, groups, clients): (&[usize], Range<u64>, _) = match system {
            System::Raft => (&[1, 2, 3, 3, 3, 4, 5, 5, 5, 7], 0..1, 1..4),
            System::Kv => (&[1, 2, 3, 3, 3, 4, 5], 0..1, 1..6),
            System::ShardMaster => (&[1, 3, 3, 3, 5], 0..1, 1..4),
            System::ShardKv => (&[1, 3, 3, 3], 1..5, 1..5),
        };
        let mut network = pick(dice, &[Network::reliable(), Network::unreliable()]);
        if dice.chance(1, 4) {
            network = network.with_long_reordering();
        }
        if dice.chance(1, 4) {
            network = network.with_late_messages();
        }
        let snapshots = match system {
            // The master takes no snapshots, as in the labs.
            System::ShardMaster => None,
            System::Raft => pick(dice, &[None, Some(3), Some(10), Some(50)]),
            System::Kv | System::ShardKv => pick(dice, &[None, Some(100), Some(500), Some(2_000)]),
        };
        let has_keys = matches!(system, System::Kv | System::ShardKv);
        Self {
            system,
            seed,
            servers: pick(dice, servers),
            groups: dice.between(groups) as usize,
            clients: dice.between(clients) as usize,
            keys: if has_keys { pick(dice, &[1, 2, 5, 10]) } else { 0 },
            // Configurations are dear to check: every one of them is a state of the model.
            operations: match system {
                System::ShardMaster => 25,
                // What piles up while nobody leads must be committed in the calm.
                System::Raft => 120,
                System::Kv | System::ShardKv => 400,
            },
            pause_ms: pick(dice, &[0, 5, 20, 100]),
            network,
            max_entries: pick(dice, &[1, 3, 64]),
            max_in_flight: pick(dice, &[1, 1, 4, 16]),
            // What stays behind a snapshot counts towards the limit.
            snapshot_tail: if snapshots > Some(500) { 5 } else { 0 },
            snapshots,
            reads: pick(dice, &[Reads::Log, Reads::Index]),
            storm_ms: about(dice, 2_000..12_000),
            // A group that is behind has configurations to catch up with, one by one.
            patience_ms: if system == System::ShardKv { 120_000 } else { 60_000 },
            plan: Plan::default(),
            lasting: Vec::new(),
        }
    }

    fn weather(
        &self,
        dice: &mut Rng,
        nodes: Vec<NodeId>,
        troubles: Vec<Trouble>,
        max_down: usize,
    ) -> Storm {
        let shortest = about(dice, 5..500);
        let longest = about(dice, 500..5_000);
        Storm {
            nodes,
            during: SimTime::ZERO..SimTime::ZERO + self.storm(),
            every: Duration::from_millis(about(dice, 100..3_000)),
            lasts: Duration::from_millis(shortest)..Duration::from_millis(longest),
            max_down,
            network: self.network.clone(),
            troubles,
        }
    }

    /// A few servers that will never be of use again; the others are a majority.
    fn faults_that_last(&self, dice: &mut Rng, cluster: usize, most: usize) -> Vec<Fault> {
        let lost = |node: &NodeId| {
            let lost = |fault: &Fault| matches!(fault, Fault::LoseDisk { node: it } if it == node);
            self.plan.0.iter().any(|(_, fault)| lost(fault))
        };
        let mut servers = self.servers_of(cluster);
        servers.retain(|node| !lost(node));
        dice.shuffle(&mut servers);
        let count = dice.below(most as u64 + 1) as usize;
        servers.truncate(count);
        servers
            .into_iter()
            .map(|node| match dice.below(3) {
                0 => Fault::Crash { node, point: labrpc::CrashPoint::Now },
                1 => Fault::Pause { node },
                _ => Fault::Isolate { node },
            })
            .collect()
    }
}

fn pick<T: Clone>(dice: &mut Rng, of: &[T]) -> T {
    dice.pick(of).expect("there is something to choose").clone()
}

/// Each of these with even chances: what is not there does not get in the way of what is.
fn some_of(dice: &mut Rng, troubles: &[Trouble]) -> Vec<Trouble> {
    troubles.iter().copied().filter(|_| dice.chance(1, 2)).collect()
}

/// A number of any size: it is as likely between 10 and 20 as between 100 and 200.
fn about(dice: &mut Rng, range: Range<u64>) -> u64 {
    let doublings = (range.end / range.start).ilog2();
    let scale = 1 << dice.below(u64::from(doublings) + 1);
    dice.between(
        range.start * scale..(range.start * scale * 2).min(range.end).max(range.start * scale + 1),
    )
}
