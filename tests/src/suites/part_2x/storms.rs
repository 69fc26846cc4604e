//! Storms: load without a pause, faults of one family at random, then calm and agreement.

use super::stage::id;
use crate::cluster::{Lab, Retry};
use crate::{Outcome, demand};
use labrpc::{CrashPoint, Network};
use raft::Consensus;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Submits to every server that is up, again and again, and remembers what it saw committed.
async fn load<R: Consensus + 'static>(lab: Lab<R>, me: u64, stop: Rc<Cell<bool>>) -> Vec<Vec<u8>> {
    let (mut seen, mut pending, mut number) = (Vec::new(), Vec::new(), 0);
    while !stop.get() {
        number += 1;
        let command = format!("{me}:{number}").into_bytes();
        for server in 0..lab.servers() {
            pending.extend(lab.start(server, &command).map(|id| (id.index.get(), command.clone())));
        }
        lab.sleep_ms(20 + 7 * me).await;
        pending.retain(|(index, command)| match lab.command_at(*index) {
            None => true,
            Some(there) => {
                seen.extend((there == *command).then_some(there));
                false
            }
        });
    }
    seen
}

/// Runs a storm under load; when it is over all servers are up, connected and true to time, and
/// agree on a log that has everything that anyone saw committed, `least` commands or more.
async fn weather<R, F>(lab: &Lab<R>, least: usize, storm: impl FnOnce(Lab<R>) -> F) -> Outcome
where
    R: Consensus + 'static,
    F: Future<Output = Outcome>,
{
    let n = lab.servers();
    lab.one("calm", n, Retry::Yes).await?;
    let stop = Rc::new(Cell::new(false));
    let clients: Vec<_> =
        (0..2).map(|me| lab.spawn(load(lab.clone(), me, Rc::clone(&stop)))).collect();
    storm(lab.clone()).await?;
    lab.world(|world| {
        world.set_network(Network::reliable());
        for server in world.ids() {
            world.disarm(server);
            world.resume(server);
            world.set_service_time(server, Duration::ZERO);
            world.set_drift(server, 0);
            for other in world.ids() {
                world.unclog(server, other);
            }
        }
    });
    for server in 0..n {
        if !lab.is_up(server) {
            lab.restart(server);
        }
        lab.connect(server);
    }
    // Who had to elect a leader first still gets something done in this time.
    lab.sleep_ms(3_000).await;
    stop.set(true);
    let mut seen = Vec::new();
    for client in clients {
        seen.extend(client.await);
    }
    let last = lab.one("calm again", n, Retry::Yes).await?;
    let log: Vec<_> = (1..=last).filter_map(|index| lab.command_at(index)).collect();
    demand!(log.len() as u64 == last, "agreement", "{} of {last} entries are there", log.len());
    for command in &seen {
        demand!(
            log.contains(command),
            "committed for good",
            "{} was seen committed, and is not in the final log of {last}",
            command.escape_ascii()
        );
    }
    demand!(seen.len() >= least, "progress", "only {} commands were seen committed", seen.len());
    Ok(())
}

/// A point of a step at which to crash.
fn any_point<R: Consensus + 'static>(lab: &Lab<R>) -> CrashPoint {
    match lab.below(8) {
        0 => CrashPoint::Now,
        1 | 2 => CrashPoint::Undone,
        3 | 4 => CrashPoint::Unsent,
        _ => CrashPoint::AfterWrites(1 + lab.below(3) as u32),
    }
}

fn any_server<R: Consensus + 'static>(lab: &Lab<R>) -> usize {
    lab.below(lab.servers() as u64) as usize
}

/// Restarts who is down, so that at most `most` are.
fn keep_up<R: Consensus + 'static>(lab: &Lab<R>, most: usize) {
    let down: Vec<usize> = (0..lab.servers()).filter(|&server| !lab.is_up(server)).collect();
    for &server in down.iter().skip(most) {
        lab.restart(server);
        lab.connect(server);
    }
    if let Some(&server) = down.first().filter(|_| lab.chance(1, 2)) {
        lab.restart(server);
        lab.connect(server);
    }
}

pub(super) async fn crash_points_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let storm = |lab: Lab<R>| async move {
        for _ in 0..40 {
            let server = any_server(&lab);
            lab.crash_at(server, any_point(&lab));
            let wait = lab.dice(|dice| dice.between(50..350));
            lab.sleep_ms(wait).await;
            keep_up(&lab, 2);
        }
        Ok(())
    };
    weather(&lab, 50, storm).await
}

pub(super) async fn late_messages_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let storm = |lab: Lab<R>| async move {
        lab.set_network(Network::unreliable().with_long_reordering().with_late_messages());
        for _ in 0..40 {
            let server = any_server(&lab);
            match lab.below(4) {
                0 => lab.crash_at(server, any_point(&lab)),
                1 => lab.disconnect(server),
                2 => lab.connect(server),
                _ => lab.world(|world| {
                    if world.is_paused(id(server)) {
                        world.resume(id(server));
                    } else {
                        world.pause(id(server));
                    }
                }),
            }
            let wait = lab.dice(|dice| dice.between(50..500));
            lab.sleep_ms(wait).await;
            keep_up(&lab, 1);
            if (0..lab.servers()).filter(|&server| lab.is_connected(server)).count() < 3 {
                (0..lab.servers()).for_each(|server| lab.connect(server));
            }
        }
        Ok(())
    };
    weather(&lab, 50, storm).await
}

pub(super) async fn restless_links_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let storm = |lab: Lab<R>| async move {
        for server in 0..lab.servers() {
            let ppm = lab.below(200_000) as i32 - 100_000;
            lab.world(|world| world.set_drift(id(server), ppm));
        }
        let slow = any_server(&lab);
        lab.world(|world| world.set_service_time(id(slow), Duration::from_millis(8)));
        for _ in 0..120 {
            let (from, to) = (id(any_server(&lab)), id(any_server(&lab)));
            let what = lab.below(8);
            lab.world(|world| match what {
                0 => world.cut(from, to),
                1..=3 => world.mend(from, to),
                4 => world.clog(from, to),
                _ => world.unclog(from, to),
            });
            let wait = lab.dice(|dice| dice.between(20..150));
            lab.sleep_ms(wait).await;
        }
        Ok(())
    };
    weather(&lab, 50, storm).await
}

pub(super) async fn pipelined_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    late_messages_2x(lab).await
}
