//! Storms: clients share a few keys without a pause, faults of one family come at random, then there
//! is calm, and everybody is served.

use crate::kv::{Clerk, ELECTION_MS, KvLab, Lab3};
use crate::linear::KvOp;
use crate::suites::generic::token;
use crate::{Outcome, demand};
use labrpc::{CrashPoint, Network, NodeId};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// How many keys the clients of a storm share.
const KEYS: u64 = 3;

/// Operations on shared keys, one after the other: 50 % appends, 5 % puts, 45 % gets.
pub(super) async fn load<L: Lab3>(lab: KvLab<L>, clerk: Clerk, stop: Rc<Cell<bool>>) {
    let mut done = 0;
    while !stop.get() {
        let key = lab.below(KEYS).to_string();
        let value = token(clerk.client, done);
        let op = match lab.below(20) {
            0..10 => KvOp::Append { key, value },
            10 => KvOp::Put { key, value },
            _ => KvOp::Get { key },
        };
        lab.call(clerk, op).await;
        done += 1;
    }
}

/// Runs a storm over `clients` clients; when it is over, all servers are up and connected, every
/// client gets its answer, and then as many again. `least` operations must complete in the storm:
/// few, since a clerk without hints and with little haste is as good as any.
async fn weather<L, F>(
    lab: &KvLab<L>,
    clients: usize,
    least: usize,
    storm: impl FnOnce(KvLab<L>) -> F,
) -> Outcome
where
    L: Lab3,
    F: Future<Output = Outcome>,
{
    lab.wait_for_leader().await?;
    let stop = Rc::new(Cell::new(false));
    let tasks: Vec<_> =
        (0..clients).map(|_| lab.spawn(load(lab.clone(), lab.clerk(), Rc::clone(&stop)))).collect();
    storm(lab.clone()).await?;
    let done = lab.cluster().calls().completed();
    demand!(done >= least, "progress", "only {done} operations completed in the storm");
    calm(lab);
    stop.set(true);
    for task in tasks {
        task.await;
    }
    let checker = lab.clerk();
    for key in 0..KEYS {
        lab.append(checker, key.to_string(), token(checker.client, key)).await;
        lab.get(checker, key.to_string()).await;
    }
    Ok(())
}

/// Ends every fault.
pub(super) fn calm<L: Lab3>(lab: &KvLab<L>) {
    lab.world(|world| {
        world.set_network(Network::reliable());
        world.heal();
        for one in world.ids() {
            world.disarm(one);
            world.resume(one);
            world.set_service_time(one, Duration::ZERO);
            for other in world.ids() {
                world.mend(one, other);
                world.unclog(one, other);
            }
        }
    });
    for server in lab.everyone() {
        if !lab.is_up(server) {
            lab.restart(server);
        }
    }
}

fn any_server<L: Lab3>(lab: &KvLab<L>) -> usize {
    lab.below(lab.servers() as u64) as usize
}

/// The leader more often than not; else any server.
fn a_victim<L: Lab3>(lab: &KvLab<L>) -> usize {
    match lab.leader() {
        Some(leader) if lab.chance(2, 3) => leader,
        _ => any_server(lab),
    }
}

/// Restarts who is down, so that at most `most` are; and often one more.
fn keep_up<L: Lab3>(lab: &KvLab<L>, most: usize) {
    let down: Vec<usize> = lab.everyone().into_iter().filter(|&it| !lab.is_up(it)).collect();
    let more = usize::from(lab.chance(1, 2));
    for &server in &down[..(down.len().saturating_sub(most) + more).min(down.len())] {
        lab.restart(server);
    }
}

pub(super) async fn server_crashes_3x<L: Lab3>(lab: KvLab<L>) -> Outcome {
    weather(&lab, 5, 5, |lab| async move {
        let mut leaders = 0;
        for _ in 0..25 {
            keep_up(&lab, 1);
            let victim = a_victim(&lab);
            leaders += u32::from(lab.leader() == Some(victim));
            lab.crash(victim);
            let pause = lab.below(1_200);
            lab.sleep_ms(300 + pause).await;
        }
        demand!(leaders > 0, "script", "no leader crashed");
        Ok(())
    })
    .await
}

pub(super) async fn crash_points_3x<L: Lab3>(lab: KvLab<L>) -> Outcome {
    weather(&lab, 5, 5, |lab| async move {
        let mut crashes = 0;
        for _ in 0..40 {
            let victim = a_victim(&lab);
            let (id, up) = (lab.id(victim), lab.is_up(victim));
            let point = match lab.below(8) {
                0 | 1 => CrashPoint::Undone,
                2..5 => CrashPoint::Unsent,
                _ => CrashPoint::AfterWrites(1 + lab.below(3) as u32),
            };
            lab.world(|world| world.crash(id, point));
            let pause = lab.below(500);
            lab.sleep_ms(150 + pause).await;
            crashes += u32::from(up && !lab.is_up(victim));
            keep_up(&lab, 1);
        }
        demand!(crashes > 5, "script", "only {crashes} servers crashed");
        Ok(())
    })
    .await
}

/// A client that goes on until it crashes in the middle of something; then another takes over.
async fn mortals<L: Lab3>(lab: KvLab<L>, stop: Rc<Cell<bool>>, crashes: Rc<Cell<u32>>) {
    while !stop.get() {
        let clerk = lab.clerk();
        lab.spawn(load(lab.clone(), clerk, Rc::clone(&stop)));
        let life = lab.below(1_000);
        lab.sleep_ms(50 + life).await;
        if lab.world(|world| world.node(clerk.id).is_some()) {
            lab.world(|world| world.crash(clerk.id, CrashPoint::Now));
            crashes.set(crashes.get() + 1);
        }
    }
}

pub(super) async fn client_crashes_3x<L: Lab3>(lab: KvLab<L>) -> Outcome {
    weather(&lab, 2, 2, |lab| async move {
        let (stop, crashes) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0)));
        let mortals: Vec<_> = (0..3)
            .map(|_| lab.spawn(mortals(lab.clone(), Rc::clone(&stop), Rc::clone(&crashes))))
            .collect();
        for _ in 0..6 {
            keep_up(&lab, 1);
            lab.sleep_ms(1_000).await;
            lab.crash(a_victim(&lab));
        }
        stop.set(true);
        for mortal in mortals {
            mortal.await;
        }
        let open = lab.cluster().calls().operations().iter().filter(|it| it.end.is_none()).count();
        demand!(crashes.get() > 10 && open > 5, "script", "{open} operations are outstanding");
        Ok(())
    })
    .await
}

pub(super) async fn late_messages_3x<L: Lab3>(lab: KvLab<L>) -> Outcome {
    weather(&lab, 5, 5, |lab| async move {
        lab.set_network(Network::unreliable().with_late_messages());
        for _ in 0..8 {
            lab.sleep_ms(ELECTION_MS).await;
            keep_up(&lab, 0);
            if lab.chance(1, 2) {
                lab.crash(a_victim(&lab));
            }
        }
        Ok(())
    })
    .await
}

/// Cuts, pauses, slows or crashes something, or clogs a link.
fn any_trouble<L: Lab3>(lab: &KvLab<L>) {
    let (server, other) = (lab.id(a_victim(lab)), lab.id(any_server(lab)));
    let slow = Duration::from_millis(lab.below(15));
    let trouble = lab.below(6);
    lab.world(|world| match trouble {
        0 => world.cut(server, other),
        1 => world.clog(other, server),
        2 => world.pause(server),
        3 => world.set_service_time(server, slow),
        4 => world.crash(server, CrashPoint::Unsent),
        _ => world.isolate(server),
    });
}

fn end_trouble<L: Lab3>(lab: &KvLab<L>) {
    let servers: Vec<NodeId> = lab.everyone().into_iter().map(|it| lab.id(it)).collect();
    lab.world(|world| {
        for &one in &servers {
            world.resume(one);
            world.rejoin(one);
            world.set_service_time(one, Duration::ZERO);
            for &other in &servers {
                world.mend(one, other);
                world.unclog(one, other);
            }
        }
    });
}

pub(super) async fn restless_3x<L: Lab3>(lab: KvLab<L>) -> Outcome {
    weather(&lab, 4, 4, |lab| async move {
        let (stop, crashes) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0)));
        let mortal = lab.spawn(mortals(lab.clone(), Rc::clone(&stop), crashes));
        for _ in 0..12 {
            for _ in 0..3 {
                any_trouble(&lab);
                let pause = lab.below(500);
                lab.sleep_ms(pause).await;
            }
            end_trouble(&lab);
            keep_up(&lab, 0);
            let pause = lab.below(900);
            lab.sleep_ms(pause).await;
        }
        stop.set(true);
        mortal.await;
        Ok(())
    })
    .await
}
