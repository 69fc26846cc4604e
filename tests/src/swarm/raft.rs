//! Trials of a Raft: clients submit to whoever takes a command, and afterwards one more is agreed
//! upon.

use super::Trial;
use super::weather::{calm, pause, perform, storm, until};
use crate::Outcome;
use crate::cluster::{Applier, Cluster, Lab, Setup};
use crate::run::{Options, Report};
use raft::Consensus;
use std::cell::Cell;
use std::rc::Rc;

pub(super) fn run<R: Consensus + 'static>(trial: &Trial, options: &Options) -> Report {
    let setup = Setup {
        servers: trial.servers,
        network: trial.network.clone(),
        config: trial.raft_config(),
        applier: match trial.snapshots {
            None => Applier::Plain,
            Some(every) => Applier::Snapshots { every: every as u64 },
        },
        monitors: options.monitors.are_on(),
        limits: trial.limits(),
    };
    let set = || Cluster::<R>::new(setup, trial.seed, options.trace.clone());
    let trial_of_script = trial.clone();
    perform(trial, options, set, move |lab| Box::pin(script(lab, trial_of_script)))
}

async fn client<R: Consensus + 'static>(
    lab: Lab<R>,
    trial: Trial,
    me: usize,
    stop: Rc<Cell<bool>>,
) {
    for number in 0..trial.operations {
        if stop.get() {
            return;
        }
        let size = lab.below(40) as usize;
        let command = format!("{me}:{number}:{:.<size$}", "").into_bytes();
        for server in 0..trial.servers {
            lab.start(server, &command);
        }
        lab.sleep(pause(&lab, trial.pause_ms.max(1))).await;
    }
}

async fn script<R: Consensus + 'static>(lab: Lab<R>, trial: Trial) -> Outcome {
    let stop = Rc::new(Cell::new(false));
    for me in 0..trial.clients {
        lab.spawn(client(lab.clone(), trial.clone(), me, Rc::clone(&stop)));
    }
    storm(&lab, &trial).await;
    stop.set(true);
    let [servers] = &calm(&lab, &trial)[..] else { unreachable!("a Raft is one cluster") };
    // What nobody has applied before was committed in the calm. A majority is all that can be asked
    // for: with an entry per append, who lags behind needs long.
    let (next, mut round) = (lab.cluster().highest_applied() + 1, 0_u64);
    until(&lab, &trial, "an entry that a majority has applied", || {
        if servers.is_empty() {
            return true;
        }
        if 2 * lab.n_committed(next) > trial.servers {
            return true;
        }
        if round % 10 == 0 {
            let command = format!("calm {round}").into_bytes();
            for server in servers {
                lab.start(server.index(), &command);
            }
        }
        round += 1;
        false
    })
    .await
}
