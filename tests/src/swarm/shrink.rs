//! A trial that fails, made smaller while it still fails in the same way: what is left is what it
//! takes.

use super::Trial;
use crate::Failure;
use kvraft::rsm::Reads;
use labrpc::{Fault, Network, NodeId, Plan, SimTime};
use std::time::Duration;

/// How many trials it may take if nothing is said.
pub const ATTEMPTS: usize = 1_500;

/// What is left of a trial.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest trial that was found.
    pub trial: Trial,
    /// How it fails.
    pub failure: Failure,
    /// How many trials that took.
    pub attempts: usize,
}

/// Makes a trial smaller that fails: fewer faults, servers, groups, clients and operations, a
/// simpler network and configuration, and less time. `fails` runs one, and only the same property
/// counts.
///
/// Nothing is random here, so the same trial always shrinks to the same.
pub fn shrink(
    trial: &Trial,
    failure: &Failure,
    attempts: usize,
    fails: impl FnMut(&Trial) -> Option<Failure>,
) -> Shrunk {
    let best = Shrunk { trial: trial.clone(), failure: failure.clone(), attempts: 0 };
    let mut shrinker = Shrinker { best, most: attempts, fails };
    // The end of the storm is all that matters for faults that come later.
    shrinker.shorten();
    loop {
        let before = shrinker.best.trial.clone();
        shrinker.take_faults_out();
        shrinker.take_lasting_faults_out();
        shrinker.simplify();
        shrinker.shorten();
        if shrinker.best.trial == before || shrinker.best.attempts >= attempts {
            return shrinker.best;
        }
    }
}

struct Shrinker<F> {
    best: Shrunk,
    most: usize,
    fails: F,
}

impl<F: FnMut(&Trial) -> Option<Failure>> Shrinker<F> {
    /// Takes a smaller trial over, if it fails in the same way.
    fn try_out(&mut self, trial: Trial) -> bool {
        if trial == self.best.trial || self.best.attempts >= self.most {
            return false;
        }
        self.best.attempts += 1;
        match (self.fails)(&trial) {
            Some(failure) if failure.property == self.best.failure.property => {
                (self.best.trial, self.best.failure) = (trial, failure);
                true
            }
            _ => false,
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Trial)) -> bool {
        let mut trial = self.best.trial.clone();
        change(&mut trial);
        self.try_out(trial)
    }

    /// Delta debugging (Zeller and Hildebrandt, 2002) over the plan: leaves out halves, then
    /// quarters, down to single faults.
    fn take_faults_out(&mut self) {
        let mut size = self.best.trial.plan.0.len();
        while size > 0 {
            let mut at = 0;
            while at < self.best.trial.plan.0.len() {
                let end = (at + size).min(self.best.trial.plan.0.len());
                let without = |trial: &mut Trial| drop(trial.plan.0.drain(at..end));
                if !self.change(without) {
                    at = end;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }

    fn take_lasting_faults_out(&mut self) {
        let mut at = 0;
        while at < self.best.trial.lasting.len() {
            if !self.change(|trial| drop(trial.lasting.remove(at))) {
                at += 1;
            }
        }
    }

    fn simplify(&mut self) {
        self.change(|trial| trial.network = Network::reliable());
        self.change(|trial| trial.reads = Reads::Log);
        self.change(|trial| trial.max_entries = 64);
        self.change(|trial| trial.max_in_flight = 1);
        self.change(|trial| trial.snapshot_tail = 0);
        self.change(|trial| trial.snapshots = None);
        let trial = &self.best.trial;
        let (servers, groups, keys) = (trial.servers, trial.groups, trial.keys);
        for fewer in 1..servers {
            if self.change(|trial| with_servers(trial, fewer)) {
                break;
            }
        }
        for fewer in 1..groups {
            if self.change(|trial| with_groups(trial, fewer)) {
                break;
            }
        }
        for fewer in 1..self.best.trial.clients {
            if self.change(|trial| with_clients(trial, fewer)) {
                break;
            }
        }
        if keys > 1 {
            self.change(|trial| trial.keys = 1);
        }
        while self.best.trial.operations > 1
            && self.change(|trial| trial.operations = trial.operations.div_ceil(2))
        {}
        while self.best.trial.operations > 1 && self.change(|trial| trial.operations -= 1) {}
        self.change(|trial| trial.pause_ms = 0);
    }

    /// Ends the storm earlier: first right after the failure.
    fn shorten(&mut self) {
        let at = Duration::from_nanos(self.best.failure.nanos).as_millis() as u64 + 1;
        if at < self.best.trial.storm_ms {
            self.change(|trial| end_at(trial, at));
        }
        while self.best.trial.storm_ms > 1 && self.change(|trial| end_at(trial, trial.storm_ms / 2))
        {
        }
    }
}

fn end_at(trial: &mut Trial, storm_ms: u64) {
    trial.storm_ms = storm_ms;
    let end = SimTime::ZERO + trial.storm();
    trial.plan.0.retain(|(at, _)| *at <= end);
}

/// Leaves out the last servers of each cluster; who is left keeps its faults, under its new name.
fn with_servers(trial: &mut Trial, servers: usize) {
    let (before, clusters) = (trial.servers, trial.clusters());
    rename(trial, |node| {
        let (cluster, place) = (node / before, node % before);
        if cluster >= clusters {
            return Some(clusters * servers + (node - clusters * before));
        }
        (place < servers).then_some(cluster * servers + place)
    });
    trial.servers = servers;
}

/// Leaves out the last groups.
fn with_groups(trial: &mut Trial, groups: usize) {
    let (left, right) = ((1 + groups) * trial.servers, trial.clusters() * trial.servers);
    rename(trial, |node| match node {
        node if node < left => Some(node),
        node if node < right => None,
        node => Some(node - (right - left)),
    });
    trial.groups = groups;
}

/// Leaves out the last clients.
fn with_clients(trial: &mut Trial, clients: usize) {
    let first = trial.clusters() * trial.servers;
    let (left, right) = (first + clients, first + trial.clients);
    rename(trial, |node| match node {
        node if node < left => Some(node),
        node if node < right => None,
        node => Some(node - (right - left)),
    });
    trial.clients = clients;
}

/// Gives nodes new names; a fault that names one which is left out is left out, too.
fn rename(trial: &mut Trial, name: impl Fn(usize) -> Option<usize>) {
    let new_name = |node: NodeId| name(node.index()).map(|it| NodeId::new(it as u16));
    let named = |fault: &Fault| fault.renamed(new_name);
    let plan = trial.plan.0.iter().filter_map(|(at, fault)| Some((*at, named(fault)?)));
    trial.plan = Plan(plan.collect());
    trial.lasting = trial.lasting.iter().filter_map(named).collect();
}
