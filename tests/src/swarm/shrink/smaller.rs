//! The ways in which a trial can be smaller.

use super::Trial;
use labrpc::{CrashPoint, Fault, Network, NodeId, Plan, SimTime};
use std::ops::Range;
use std::time::Duration;

/// The faults of a plan, by their places, each with what puts it right again, if that is there.
pub fn troubles(plan: &Plan) -> Vec<Vec<usize>> {
    let mut is_taken = vec![false; plan.0.len()];
    let mut troubles = Vec::new();
    for (at, (_, fault)) in plan.0.iter().enumerate() {
        if std::mem::replace(&mut is_taken[at], true) {
            continue;
        }
        let later = plan.0.iter().enumerate().skip(at + 1);
        let remedy = later.filter(|(at, _)| !is_taken[*at]).find(|(_, (_, it))| rights(it, fault));
        let remedy = remedy.map(|(at, _)| at);
        if let Some(remedy) = remedy {
            is_taken[remedy] = true;
        }
        troubles.push([at].into_iter().chain(remedy).collect());
    }
    troubles
}

/// Whether one puts the other right.
fn rights(remedy: &Fault, fault: &Fault) -> bool {
    match (fault, remedy) {
        (Fault::Crash { node, .. }, Fault::Restart { node: it })
        | (Fault::Pause { node }, Fault::Resume { node: it })
        | (Fault::Isolate { node }, Fault::Rejoin { node: it })
        | (Fault::Drift { node, .. }, Fault::Drift { node: it, ppm: 0 })
        | (
            Fault::ServiceTime { node, .. },
            Fault::ServiceTime { node: it, each: Duration::ZERO },
        ) => node == it,
        (Fault::Cut { from, to }, Fault::Mend { from: a, to: b })
        | (Fault::Clog { from, to }, Fault::Unclog { from: a, to: b }) => (from, to) == (a, b),
        (Fault::Partition { .. }, Fault::Heal) | (Fault::Network(_), Fault::Network(_)) => true,
        _ => false,
    }
}

/// The plan with the faults in these places only.
pub fn only(plan: &Plan, places: &[usize]) -> Plan {
    filtered(plan, |at| places.contains(&at))
}

/// The plan without the faults in these places.
pub fn without(plan: &Plan, places: &[usize]) -> Plan {
    filtered(plan, |at| !places.contains(&at))
}

fn filtered(plan: &Plan, keep: impl Fn(usize) -> bool) -> Plan {
    let kept = plan.0.iter().enumerate().filter(|(at, _)| keep(*at));
    Plan(kept.map(|(_, fault)| fault.clone()).collect())
}

/// A fault that is easier to understand: a crash between two steps, and a partition in two.
pub fn plainer(fault: &Fault) -> Fault {
    match fault.clone() {
        Fault::Crash { node, .. } => Fault::Crash { node, point: CrashPoint::Now },
        Fault::Partition { mut groups } => {
            groups.retain(|group| !group.is_empty());
            if groups.len() > 2 {
                let rest = groups.split_off(2).concat();
                groups[1].extend(rest);
                groups[1].sort_unstable();
            }
            Fault::Partition { groups }
        }
        other => other,
    }
}

/// What can be taken away from a network: everything, or one peculiarity.
pub const CALMER: [fn(&mut Network); 4] = [
    |network| *network = Network::reliable(),
    |network| {
        let Network { request_delay, request_loss, reply_loss, .. } = Network::reliable();
        *network = Network { request_delay, request_loss, reply_loss, ..network.clone() };
    },
    |network| network.reorder = Network::reliable().reorder,
    |network| {
        let Network { duplicate, late, across_lives, .. } = Network::reliable();
        *network = Network { duplicate, late, across_lives, ..network.clone() };
    },
];

/// Ends the storm, and what was to happen later in it.
pub fn end_at(trial: &mut Trial, storm_ms: u64) {
    trial.storm_ms = storm_ms;
    let end = SimTime::ZERO + trial.storm();
    trial.plan.0.retain(|(at, _)| *at <= end);
}

/// Takes a part of the time away that is before a fault.
pub fn sooner(trial: &mut Trial, place: usize, parts: u32) {
    let Some(&(at, _)) = trial.plan.0.get(place) else { return };
    let before = place.checked_sub(1).map_or(SimTime::ZERO, |it| trial.plan.0[it].0);
    let gap = at.since(before) / parts;
    let earlier =
        |at: SimTime| SimTime::from_nanos(at.as_nanos().saturating_sub(gap.as_nanos() as u64));
    for (at, _) in &mut trial.plan.0[place..] {
        *at = earlier(*at);
    }
    trial.storm_ms = trial.storm_ms.saturating_sub(gap.as_millis() as u64).max(1);
}

/// Rounds the times of the faults in these places, down.
pub fn rounded(trial: &mut Trial, unit: Duration, places: Range<usize>) {
    let unit = unit.as_nanos() as u64;
    for (_, (at, _)) in trial.plan.0.iter_mut().enumerate().filter(|(at, _)| places.contains(at)) {
        *at = SimTime::from_nanos(at.as_nanos() / unit * unit);
    }
    trial.plan = Plan::new(std::mem::take(&mut trial.plan.0));
}

/// Leaves servers out of every cluster; who stays keeps its faults, under its new name.
pub fn with_servers(trial: &mut Trial, stays: &dyn Fn(usize) -> bool) {
    let (before, clusters) = (trial.servers, trial.clusters());
    let after = (0..before).filter(|place| stays(*place)).count();
    rename(trial, |node| {
        let (cluster, place) = (node / before, node % before);
        if cluster >= clusters {
            return Some(clusters * after + (node - clusters * before));
        }
        let new_place = (0..place).filter(|place| stays(*place)).count();
        stays(place).then_some(cluster * after + new_place)
    });
    trial.servers = after;
}

/// Leaves groups out.
pub fn with_groups(trial: &mut Trial, stays: &dyn Fn(usize) -> bool) {
    let (first, size, groups) = (trial.servers, trial.servers, trial.groups);
    keep_some(trial, first, size, groups, stays);
    trial.groups = (0..groups).filter(|group| stays(*group)).count();
}

/// Leaves clients out.
pub fn with_clients(trial: &mut Trial, stays: &dyn Fn(usize) -> bool) {
    let (first, clients) = (trial.clusters() * trial.servers, trial.clients);
    keep_some(trial, first, 1, clients, stays);
    trial.clients = (0..clients).filter(|client| stays(*client)).count();
}

/// Of `count` members of so many nodes each, from the node `first` on, some stay.
fn keep_some(
    trial: &mut Trial,
    first: usize,
    size: usize,
    count: usize,
    stays: &dyn Fn(usize) -> bool,
) {
    let staying_below = |member: usize| (0..member).filter(|it| stays(*it)).count();
    rename(trial, |node| {
        let Some(offset) = node.checked_sub(first) else { return Some(node) };
        let (member, place) = (offset / size, offset % size);
        if member >= count {
            return Some(node - (count - staying_below(count)) * size);
        }
        stays(member).then_some(first + staying_below(member) * size + place)
    });
}

/// Gives nodes new names; a fault that names one which is left out is left out, too.
fn rename(trial: &mut Trial, name: impl Fn(usize) -> Option<usize>) {
    let new_name = |node: NodeId| name(node.index()).map(|it| NodeId::new(it as u16));
    let named = |fault: &Fault| fault.renamed(new_name);
    let plan = trial.plan.0.iter().filter_map(|(at, fault)| Some((*at, named(fault)?)));
    trial.plan = Plan(plan.collect());
    trial.lasting = trial.lasting.iter().filter_map(named).collect();
}
