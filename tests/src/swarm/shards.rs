//! Trials of a sharded store: clients share keys while groups join and leave and shards move; and
//! afterwards every key is written and read.

use super::Trial;
use super::kv::any_op;
use super::master::setup;
use super::weather::{pause, perform, serve};
use crate::Outcome;
use crate::run::{Options, Report};
use crate::shard::{Client, Keeper, Lab4B, ShardLab, Sharded};
use shardmaster::{Gid, Op, Shard};
use std::cell::Cell;
use std::rc::Rc;

/// The first group; the others follow.
const FIRST: u64 = 100;

pub(super) fn run<L: Lab4B>(trial: &Trial, options: &Options) -> Report {
    let setup = setup(trial, options);
    let set = || Sharded::<L>::new(setup, trial.seed, options.trace.clone());
    let trial_of_script = trial.clone();
    perform(trial, options, set, move |lab| Box::pin(script(lab, trial_of_script)))
}

async fn client<L: Lab4B>(
    lab: ShardLab<L>,
    trial: Trial,
    client: Client,
    stop: Rc<Cell<bool>>,
) -> Outcome {
    for number in 0..trial.operations {
        if stop.get() {
            break;
        }
        let op = any_op(&lab, &trial, client.number as usize, number);
        lab.call(client, op).await;
        lab.sleep(pause(&lab, trial.pause_ms)).await;
    }
    Ok(())
}

/// Changes the configuration again and again; all groups may leave, but not for long.
async fn changes<L: Lab4B>(
    lab: ShardLab<L>,
    trial: Trial,
    keeper: Keeper,
    stop: Rc<Cell<bool>>,
) -> Outcome {
    let gids: Vec<u64> = (0..trial.groups as u64).map(|group| FIRST + group).collect();
    let mean = 50 + lab.below(1_000);
    while !stop.get() {
        let gid = gids[lab.below(gids.len() as u64) as usize];
        match lab.below(6) {
            0 | 1 => drop(lab.ask(keeper, Op::Leave { gids: vec![Gid::new(gid)] }).await),
            2 | 3 => join(&lab, keeper, &[gid]).await,
            // Only so do two groups give to each other in one configuration.
            4 => {
                // All that are there.
                let there = lab.query(keeper, None).await?.groups.into_keys().collect();
                lab.ask(keeper, Op::Leave { gids: there }).await;
                let joining: Vec<u64> = gids.iter().copied().filter(|_| lab.chance(2, 3)).collect();
                join(&lab, keeper, &joining).await;
            }
            _ => {
                let shard = Shard::new(lab.below(u64::from(lab.shards())) as u16);
                lab.ask(keeper, Op::Move { shard, gid: Gid::new(gid) }).await;
            }
        }
        lab.sleep(pause(&lab, mean)).await;
    }
    // Somebody must be there to serve.
    join(&lab, keeper, &[gids[lab.below(gids.len() as u64) as usize]]).await;
    Ok(())
}

/// Lets groups join at once, if none of them has.
async fn join<L: Lab4B>(lab: &ShardLab<L>, keeper: Keeper, gids: &[u64]) {
    let groups = gids.iter().map(|&gid| (Gid::new(gid), lab.group(gid))).collect();
    lab.ask(keeper, Op::Join { groups }).await;
}

/// A key, once more.
async fn look<L: Lab4B>(lab: ShardLab<L>, key: String) -> Outcome {
    let client = lab.client();
    lab.append(client, &key, "calm|").await;
    lab.get(client, &key).await;
    Ok(())
}

async fn script<L: Lab4B>(lab: ShardLab<L>, trial: Trial) -> Outcome {
    lab.add_groups((0..trial.groups as u64).map(|group| FIRST + group));
    let stop = Rc::new(Cell::new(false));
    let clients: Vec<Client> = (0..trial.clients).map(|_| lab.client()).collect();
    let keeper = lab.keeper();
    let mut tasks: Vec<_> = clients
        .into_iter()
        .map(|it| lab.spawn(client(lab.clone(), trial.clone(), it, Rc::clone(&stop))))
        .collect();
    tasks.push(lab.spawn(changes(lab.clone(), trial.clone(), keeper, Rc::clone(&stop))));
    let look =
        || (0..trial.keys).map(|key| lab.spawn(look(lab.clone(), key.to_string()))).collect();
    serve(&lab, &trial, &stop, tasks, look).await
}
