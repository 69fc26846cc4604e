//! Trials of a shard master: clients make groups join and leave and move shards, sensibly or not,
//! and ask for configurations.

use super::Trial;
use super::weather::{pause, perform, serve};
use crate::Outcome;
use crate::run::{Options, Report};
use crate::shard::{Alone, Keeper, Lab4A, Lab4B, Setup, ShardLab, Sharded};
use labrpc::NodeId;
use shardmaster::{ConfigNum, Gid, Op, Shard};
use std::cell::Cell;
use std::rc::Rc;

/// How many groups there may be.
const GROUPS: u64 = 6;

/// How many shards there are: fewer than there may be groups.
const SHARDS: u16 = 4;

pub(super) fn run<L: Lab4A>(trial: &Trial, options: &Options) -> Report {
    let setup = Setup { shards: SHARDS, ..setup(trial, options) };
    let set = || Sharded::<Alone<L>>::new(setup, trial.seed, options.trace.clone());
    let trial_of_script = trial.clone();
    perform(trial, options, set, move |lab| Box::pin(script(lab, trial_of_script)))
}

pub(super) fn setup(trial: &Trial, options: &Options) -> Setup {
    Setup {
        servers: trial.servers,
        network: trial.network.clone(),
        config: trial.rsm_config(),
        monitors: options.monitors.are_on(),
        limits: trial.limits(),
        ..Setup::new()
    }
}

/// A request: most make sense most of the time.
fn any_op<L: Lab4B>(lab: &ShardLab<L>) -> Op {
    let gid = || Gid::new(lab.below(GROUPS + 1));
    // A group has the same servers whenever it joins; sometimes it is without any.
    let group = || {
        let gid = gid();
        let servers = if lab.chance(1, 10) { vec![] } else { vec![NodeId::new(gid.get() as u16)] };
        (gid, servers)
    };
    match lab.below(10) {
        0..3 => Op::Join { groups: (0..=lab.below(2)).map(|_| group()).collect() },
        3..5 => Op::Leave { gids: (0..=lab.below(2)).map(|_| gid()).collect() },
        5..7 => {
            let shard = Shard::new(lab.below(u64::from(SHARDS) + 1) as u16);
            Op::Move { shard, gid: gid() }
        }
        7 => Op::Query { num: Some(ConfigNum::new(lab.below(20))) },
        _ => Op::Query { num: None },
    }
}

async fn client<L: Lab4B>(
    lab: ShardLab<L>,
    trial: Trial,
    keeper: Keeper,
    stop: Rc<Cell<bool>>,
) -> Outcome {
    for _ in 0..trial.operations {
        if stop.get() {
            break;
        }
        let op = any_op(&lab);
        lab.ask(keeper, op).await;
        // There are few of them, for all of the storm.
        let mean = trial.pause_ms.max(trial.storm_ms / (trial.operations + 1));
        lab.sleep(pause(&lab, mean)).await;
    }
    Ok(())
}

async fn look<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    let keeper = lab.keeper();
    let op = any_op(&lab);
    lab.ask(keeper, op).await;
    lab.query(keeper, None).await.map(drop)
}

async fn script<L: Lab4B>(lab: ShardLab<L>, trial: Trial) -> Outcome {
    let stop = Rc::new(Cell::new(false));
    let keepers: Vec<Keeper> = (0..trial.clients).map(|_| lab.keeper()).collect();
    let tasks = keepers
        .into_iter()
        .map(|keeper| lab.spawn(client(lab.clone(), trial.clone(), keeper, Rc::clone(&stop))))
        .collect();
    serve(&lab, &trial, &stop, tasks, || vec![lab.spawn(look(lab.clone()))]).await
}
