//! What all systems have in common: the storm, the calm after it, and the wait until everybody is
//! served.

use super::Trial;
use crate::arena::{Replica, Stage, Subject};
use crate::run::{self, Options, Play, Report};
use crate::script::{Script, Task};
use crate::{Outcome, fail};
use labrpc::{Fault, NodeId, SimTime};
use std::cell::Cell;
use std::fmt::Write;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

/// Runs a script of a trial on its stage.
pub(super) fn perform<C: Play>(
    trial: &Trial,
    options: &Options,
    set: impl FnOnce() -> C,
    script: impl FnOnce(Script<C>) -> Pin<Box<dyn Future<Output = Outcome>>>,
) -> Report {
    let scenario = crate::suites::Scenario { servers: trial.servers, ..trial.system.scenario() };
    run::perform(scenario, trial.seed, options, set, script)
}

/// Lets the storm pass.
pub(super) async fn storm<C: Stage>(script: &Script<C>, trial: &Trial) {
    for (at, fault) in &trial.plan.0 {
        script.sleep(at.since(script.now())).await;
        script.world(|world| fault.apply(world));
    }
    let end = SimTime::ZERO + trial.storm();
    script.sleep(end.since(script.now())).await;
}

/// Ends all faults, whatever the plan has left, and begins those that last. The answer is the
/// servers of each cluster that can be counted on: none, if they are no majority.
pub(super) fn calm<C: Stage>(script: &Script<C>, trial: &Trial) -> Vec<Vec<NodeId>> {
    for node in script.world(|world| world.ids()) {
        // One step at a time, for the monitors.
        script.world(|world| {
            world.disarm(node);
            if world.node(node).is_none() && !world.is_disk_lost(node) {
                world.restart(node).expect("its disk is there");
            }
        });
    }
    script.world(|world| world.calm(trial.network.clone()));
    for fault in &trial.lasting {
        script.world(|world| fault.apply(world));
    }
    (0..trial.clusters()).map(|cluster| counted_on(script, trial, cluster)).collect()
}

fn counted_on<C: Stage>(script: &Script<C>, trial: &Trial, cluster: usize) -> Vec<NodeId> {
    let mut servers = trial.servers_of(cluster);
    let all = servers.len();
    servers.retain(|server| {
        let is_spoiled = |fault: &Fault| fault.nodes().contains(server);
        script.arena().world().node(*server).is_some() && !trial.lasting.iter().any(is_spoiled)
    });
    if servers.len() * 2 > all { servers } else { Vec::new() }
}

/// Waits until something has come about, but no longer than the trial's patience.
pub(super) async fn until<C: Stage>(
    script: &Script<C>,
    trial: &Trial,
    what: &str,
    mut is_so: impl FnMut() -> bool,
) -> Outcome
where
    Script<C>: Clone,
{
    let began = script.now();
    while !is_so() {
        if script.now().since(began) >= trial.patience() {
            let whole = blocked(script, trial);
            fail!("progress", "{what} has not come about in {:?}; {whole}", trial.patience());
        }
        script.sleep_ms(20).await;
    }
    Ok(())
}

/// Lets the storm pass while clients are at work, tells them to stop, and demands that in the calm
/// after it all of them are answered, and who comes only now. Where a cluster has no majority left
/// nothing can be demanded.
pub(super) async fn serve<C: Stage>(
    script: &Script<C>,
    trial: &Trial,
    stop: &Cell<bool>,
    mut clients: Vec<Task<Outcome>>,
    newcomers: impl FnOnce() -> Vec<Task<Outcome>>,
) -> Outcome {
    storm(script, trial).await;
    stop.set(true);
    if calm(script, trial).iter().any(Vec::is_empty) {
        return Ok(());
    }
    clients.extend(newcomers());
    until_done(script, trial, "an answer for every client", clients).await
}

/// Waits for tasks in the same way.
async fn until_done<C: Stage>(
    script: &Script<C>,
    trial: &Trial,
    what: &str,
    tasks: Vec<Task<Outcome>>,
) -> Outcome {
    let (done, count) = (Rc::new(Cell::new(0)), tasks.len());
    let failure = Rc::new(Cell::new(None));
    for task in tasks {
        let (done, failure) = (Rc::clone(&done), Rc::clone(&failure));
        script.spawn(async move {
            if let Err(why) = task.await {
                failure.set(Some(why));
            }
            done.set(done.get() + 1);
        });
    }
    until(script, trial, what, || done.get() == count).await?;
    failure.take().map_or(Ok(()), Err)
}

/// What a cluster looks like from which nothing comes.
fn blocked<C: Stage>(script: &Script<C>, trial: &Trial) -> String {
    let arena = script.arena();
    let world = arena.world();
    let mut text = String::new();
    for node in trial.all_servers() {
        let status = world.node(node).and_then(Subject::replica).map(Replica::status);
        let state = match (world.node(node), status) {
            (None, _) => "is down".to_string(),
            (Some(_), _) if world.is_paused(node) => "is paused".to_string(),
            (Some(_), None) => "is up".to_string(),
            (Some(_), Some(status)) => {
                let role = if status.is_leader { "leads" } else { "follows in" };
                let (term, commit, last) = (status.term, status.commit, status.last);
                format!("{role} {term}, has committed {commit} of {last}")
            }
        };
        let _ = write!(text, "{node} {state}; ");
    }
    text.truncate(text.trim_end_matches("; ").len());
    text
}

/// A pause of a client, between none and twice the mean.
pub(super) fn pause<C: Stage>(script: &Script<C>, mean_ms: u64) -> Duration {
    Duration::from_micros(script.below(mean_ms * 2_000 + 1))
}
