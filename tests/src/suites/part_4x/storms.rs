//! Storms: clients share ten keys without a pause, groups come and go, shards are moved about, and
//! faults of one family come at random. Then there is calm, and everybody is served.

use crate::linear::KvOp;
use crate::shard::{Client, Keeper, Lab4B, ShardLab};
use crate::suites::generic::token;
use crate::{Outcome, demand};
use labrpc::{CrashPoint, Network, NodeId};
use shardmaster::Shard;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// One key for each shard.
pub(super) const KEYS: u64 = 10;

/// The groups of a storm.
pub(super) const GIDS: [u64; 3] = [100, 101, 102];

/// Operations on shared keys, one after the other: 50 % appends, 5 % puts, 45 % gets.
async fn load<L: Lab4B>(lab: ShardLab<L>, client: Client, stop: Rc<Cell<bool>>) {
    let mut done = 0;
    while !stop.get() {
        let (key, value) = (lab.below(KEYS).to_string(), token(client.number, done));
        let op = match lab.below(20) {
            0..10 => KvOp::Append { key, value },
            10 => KvOp::Put { key, value },
            _ => KvOp::Get { key },
        };
        lab.call(client, op).await;
        done += 1;
    }
}

/// Changes the configuration again and again: groups leave and join, at least one stays, and shards
/// move. The answer is how many changes there were.
async fn changes<L: Lab4B>(
    lab: ShardLab<L>,
    keeper: Keeper,
    stop: Rc<Cell<bool>>,
    pause_ms: u64,
) -> Outcome<u64> {
    let (mut here, mut made) = (vec![true; GIDS.len()], 0);
    while !stop.get() {
        let group = lab.below(GIDS.len() as u64) as usize;
        let others = here.iter().enumerate().any(|(other, here)| *here && other != group);
        if lab.chance(1, 2) {
            let shard = Shard::new(lab.below(KEYS) as u16);
            if here[group] {
                lab.give(keeper, shard, GIDS[group]).await?;
            }
        } else if !here[group] {
            lab.join(keeper, &[GIDS[group]]).await?;
            here[group] = true;
        } else if others {
            lab.leave(keeper, &[GIDS[group]]).await?;
            here[group] = false;
        }
        made += 1;
        let pause = lab.below(pause_ms);
        lab.sleep_ms(pause).await;
    }
    Ok(made)
}

/// Runs a storm over `clients` clients, with changes about every half `pause_ms`. When it is over,
/// all servers are up and connected, every client gets its answer, and every key can be read.
/// `least` operations must complete in the storm.
async fn weather<L, F>(
    lab: &ShardLab<L>,
    clients: u64,
    pause_ms: u64,
    least: usize,
    storm: impl FnOnce(ShardLab<L>) -> F,
) -> Outcome<u64>
where
    L: Lab4B,
    F: Future<Output = Outcome>,
{
    lab.add_groups(GIDS);
    let keeper = lab.keeper();
    lab.join(keeper, &GIDS).await?;
    let stop = Rc::new(Cell::new(false));
    let tasks: Vec<_> = (0..clients)
        .map(|_| lab.spawn(load(lab.clone(), lab.client(), Rc::clone(&stop))))
        .collect();
    let change = lab.spawn(changes(lab.clone(), keeper, Rc::clone(&stop), pause_ms));
    storm(lab.clone()).await?;
    let done = lab.cluster().calls().completed();
    demand!(done >= least, "progress", "only {done} operations completed in the storm");
    calm(lab);
    stop.set(true);
    for task in tasks {
        task.await;
    }
    let made = change.await?;
    let client = lab.client();
    for key in 0..KEYS {
        lab.append(client, &key.to_string(), &token(client.number, key)).await;
        lab.get(client, &key.to_string()).await;
    }
    Ok(made)
}

/// All servers: the master's and those of all groups.
fn everybody<L: Lab4B>(lab: &ShardLab<L>) -> Vec<NodeId> {
    let groups = lab.groups().into_iter().flat_map(|(_, servers)| servers);
    lab.masters().into_iter().chain(groups).collect()
}

/// Ends every fault.
pub(super) fn calm<L: Lab4B>(lab: &ShardLab<L>) {
    lab.world(|world| {
        world.set_network(Network::reliable());
        world.heal();
        for one in world.ids() {
            world.disarm(one);
            world.resume(one);
            world.set_service_time(one, Duration::ZERO);
            for other in world.ids() {
                if world.links().is_cut(one, other) {
                    world.mend(one, other);
                }
            }
        }
    });
    for server in everybody(lab) {
        if !lab.is_up(server) {
            lab.restart(server);
        }
    }
}

fn any<L: Lab4B, T: Copy>(lab: &ShardLab<L>, of: &[T]) -> T {
    of[lab.below(of.len() as u64) as usize]
}

/// The leader of these more often than not; else any of them.
fn a_victim<L: Lab4B>(lab: &ShardLab<L>, of: &[NodeId]) -> NodeId {
    match lab.leader_of(of) {
        Some(leader) if lab.chance(2, 3) => leader,
        _ => any(lab, of),
    }
}

pub(super) async fn concurrent_moves_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    const CLIENTS: u64 = 11;
    lab.add_groups(GIDS);
    lab.join(lab.keeper(), &GIDS).await?;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let lab = lab.clone();
            lab.clone().spawn(async move {
                let (keeper, client) = (lab.keeper(), lab.client());
                let (key, mut value) = (number.to_string(), String::new());
                for turn in 0..6 {
                    value.push_str(&token(number, turn));
                    lab.append(client, &key, &token(number, turn)).await;
                    lab.check(client, &key, &value).await?;
                    let shard = Shard::new(lab.below(KEYS) as u16);
                    lab.give(keeper, shard, any(&lab, &GIDS)).await?;
                    let pause = lab.below(30);
                    lab.sleep_ms(pause).await;
                }
                lab.check(client, &key, &value).await
            })
        })
        .collect();
    for client in clients {
        client.await?;
    }
    Ok(())
}

pub(super) async fn concurrent_moves_unreliable_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    concurrent_moves_4x(lab).await
}

pub(super) async fn many_changes_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    let made = weather(&lab, 3, 60, 200, |lab| async move {
        lab.sleep_ms(15_000).await;
        Ok(())
    })
    .await?;
    demand!(made > 200, "progress", "only {made} changes were made in 15 seconds");
    Ok(())
}

pub(super) async fn server_crashes_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    weather(&lab, 5, 1_500, 5, |lab| async move {
        for _ in 0..25 {
            for (_, servers) in lab.groups() {
                for id in servers.iter().copied().filter(|&id| !lab.is_up(id)) {
                    lab.restart(id);
                }
                if lab.chance(1, 2) {
                    let point =
                        any(&lab, &[CrashPoint::Now, CrashPoint::Undone, CrashPoint::Unsent]);
                    let victim = a_victim(&lab, &servers);
                    lab.world(|world| world.crash(victim, point));
                }
            }
            let pause = lab.below(1_000);
            lab.sleep_ms(200 + pause).await;
        }
        Ok(())
    })
    .await
    .map(drop)
}

pub(super) async fn master_crashes_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    weather(&lab, 5, 800, 5, |lab| async move {
        let masters = lab.masters();
        for round in 0..20 {
            for id in masters.iter().copied().filter(|&id| !lab.is_up(id)) {
                lab.restart(id);
            }
            let pause = lab.below(700);
            lab.sleep_ms(100 + pause).await;
            if round % 5 == 4 {
                for &id in &masters {
                    lab.crash(id);
                }
            } else {
                lab.crash(a_victim(&lab, &masters));
            }
            let pause = lab.below(500);
            lab.sleep_ms(pause).await;
        }
        Ok(())
    })
    .await
    .map(drop)
}

pub(super) async fn partitions_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    weather(&lab, 5, 1_000, 5, |lab| async move {
        for _ in 0..12 {
            match lab.below(3) {
                // Anybody may be on either side; clients reach both.
                0 => {
                    let (one, other) = everybody(&lab).into_iter().partition(|_| lab.chance(1, 2));
                    lab.world(|world| world.partition(&[one, other]));
                }
                // A group without the master.
                1 => {
                    let sides = [lab.group(any(&lab, &GIDS)), lab.masters()];
                    lab.world(|world| world.partition(&sides));
                }
                // Two groups without each other.
                _ => {
                    let (one, other) = (any(&lab, &GIDS), any(&lab, &GIDS));
                    if one != other {
                        let sides = [lab.group(one), lab.group(other)];
                        lab.world(|world| world.partition(&sides));
                    }
                }
            }
            let pause = lab.below(1_000);
            lab.sleep_ms(200 + pause).await;
            lab.world(labrpc::World::heal);
            let pause = lab.below(500);
            lab.sleep_ms(pause).await;
        }
        Ok(())
    })
    .await
    .map(drop)
}

/// Does something bad to whoever gives or takes shards.
fn fault<L: Lab4B>(lab: &ShardLab<L>) {
    let (one, other) = (lab.group(any(lab, &GIDS)), lab.group(any(lab, &GIDS)));
    let (leader, point) = (a_victim(lab, &one), 1 + lab.below(3) as u32);
    match lab.below(6) {
        0 => lab.crash(leader),
        1 => lab.world(|world| world.crash(leader, CrashPoint::Unsent)),
        2 => lab.world(|world| world.crash(leader, CrashPoint::AfterWrites(point))),
        3 => one.iter().for_each(|&id| lab.crash(id)),
        4 => lab.world(|world| world.pause(leader)),
        _ => lab.world(|world| {
            for (a, b) in one.iter().flat_map(|a| other.iter().map(move |b| (*a, *b))) {
                if a != b {
                    world.cut(a, b);
                }
            }
        }),
    }
}

pub(super) async fn migration_faults_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    lab.add_groups(GIDS);
    let (keeper, client) = (lab.keeper(), lab.client());
    lab.join(keeper, &GIDS).await?;
    let stop = Rc::new(Cell::new(false));
    let tasks: Vec<_> =
        (0..3).map(|_| lab.spawn(load(lab.clone(), lab.client(), Rc::clone(&stop)))).collect();
    // A migration takes about a tenth of a second: every moment of it has its turn.
    for round in 0..30 {
        let leaves = GIDS[round % GIDS.len()];
        if round % 2 == 0 {
            lab.leave(keeper, &[leaves]).await?;
        } else {
            lab.give(keeper, Shard::new(lab.below(KEYS) as u16), leaves).await?;
        }
        lab.sleep_ms(5 * round as u64 % 110).await;
        fault(&lab);
        let pause = lab.below(400);
        lab.sleep_ms(pause).await;
        calm(&lab);
        if round % 2 == 0 {
            lab.join(keeper, &[leaves]).await?;
        }
        let key = lab.below(KEYS);
        lab.append(client, &key.to_string(), &token(client.number, round as u64)).await;
    }
    stop.set(true);
    for task in tasks {
        task.await;
    }
    for key in 0..KEYS {
        lab.get(client, &key.to_string()).await;
    }
    Ok(())
}

pub(super) async fn late_messages_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    weather(&lab, 5, 800, 5, |lab| async move {
        lab.set_network(Network::unreliable().with_late_messages());
        for _ in 0..10 {
            lab.sleep_ms(1_000).await;
            let servers = lab.group(any(&lab, &GIDS));
            let victim = a_victim(&lab, &servers);
            lab.crash(victim);
            lab.sleep_ms(50).await;
            lab.restart(victim);
        }
        Ok(())
    })
    .await
    .map(drop)
}
