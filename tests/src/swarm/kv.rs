//! Trials of a key/value service: clients share keys, and afterwards every key is written and read.

use super::Trial;
use super::weather::{pause, perform, serve};
use crate::Outcome;
use crate::kv::{Clerk, KvLab, Lab3, Service, Setup};
use crate::linear::KvOp;
use crate::run::{Options, Report};
use crate::script::Script;
use std::cell::Cell;
use std::rc::Rc;

pub(super) fn run<L: Lab3>(trial: &Trial, options: &Options) -> Report {
    let setup = Setup {
        servers: trial.servers,
        network: trial.network.clone(),
        config: trial.rsm_config(),
        monitors: options.monitors.are_on(),
        limits: trial.limits(),
    };
    let set = || Service::<L>::new(setup, trial.seed, options.trace.clone());
    let trial_of_script = trial.clone();
    perform(trial, options, set, move |lab| Box::pin(script(lab, trial_of_script)))
}

/// An operation on a shared key: half of them write, and no two write the same.
pub(super) fn any_op<C: crate::arena::Stage>(
    lab: &Script<C>,
    trial: &Trial,
    me: usize,
    number: u64,
) -> KvOp {
    let key = lab.below(trial.keys as u64).to_string();
    let value = format!("{me}.{number}|");
    match lab.below(20) {
        0..8 => KvOp::append(key, value),
        8..10 => KvOp::put(key, value),
        _ => KvOp::get(key),
    }
}

async fn client<L: Lab3>(
    lab: KvLab<L>,
    trial: Trial,
    clerk: Clerk,
    stop: Rc<Cell<bool>>,
) -> Outcome {
    for number in 0..trial.operations {
        if stop.get() {
            break;
        }
        let op = any_op(&lab, &trial, clerk.client as usize, number);
        lab.call(clerk, op).await;
        lab.sleep(pause(&lab, trial.pause_ms)).await;
    }
    Ok(())
}

/// A key, once more.
async fn look<L: Lab3>(lab: KvLab<L>, key: String) -> Outcome {
    let clerk = lab.clerk();
    lab.append(clerk, key.clone(), "calm|").await;
    lab.get(clerk, key).await;
    Ok(())
}

async fn script<L: Lab3>(lab: KvLab<L>, trial: Trial) -> Outcome {
    let stop = Rc::new(Cell::new(false));
    let clerks: Vec<Clerk> = (0..trial.clients).map(|_| lab.clerk()).collect();
    let tasks = clerks
        .into_iter()
        .map(|clerk| lab.spawn(client(lab.clone(), trial.clone(), clerk, Rc::clone(&stop))))
        .collect();
    let look =
        || (0..trial.keys).map(|key| lab.spawn(look(lab.clone(), key.to_string()))).collect();
    serve(&lab, &trial, &stop, tasks, look).await
}
