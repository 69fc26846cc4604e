//! Scenes: who reaches whom is decided by hand.

use super::storms::calm;
use crate::kv::{Clerk, ELECTION_MS, KvLab, Lab3};
use crate::script::Task;
use crate::suites::generic::{check_appends, token};
use crate::{Outcome, demand, fail};
use labrpc::Network;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// How long anything may take once the faults are over: an election, and some tries.
const SOON_MS: u64 = 5_000;

/// Appends in the background.
fn begin_append<L: Lab3>(lab: &KvLab<L>, clerk: Clerk, key: &str, value: String) -> Task<()> {
    let (inner, key) = (lab.clone(), key.to_string());
    lab.spawn(async move { inner.append(clerk, key, value).await })
}

/// Waits for so many operations in the background to complete.
async fn soon<L: Lab3>(lab: &KvLab<L>, what: &str, done: &Cell<usize>, wanted: usize) -> Outcome {
    for _ in 0..SOON_MS / 50 {
        if done.get() >= wanted {
            return Ok(());
        }
        lab.sleep_ms(50).await;
    }
    fail!("progress", "{} of {wanted} {what} completed within {SOON_MS} ms", done.get())
}

/// Waits for a leader other than this one.
async fn successor<L: Lab3>(lab: &KvLab<L>, old: usize) -> Outcome<usize> {
    for _ in 0..500 {
        if let Some(leader) = lab.leaders().into_iter().find(|&it| it != old) {
            return Ok(leader);
        }
        lab.sleep_ms(10).await;
    }
    fail!("election", "n{old} has no successor after five seconds")
}

/// Everybody but one.
fn others<L: Lab3>(lab: &KvLab<L>, one: usize) -> Vec<usize> {
    lab.everyone().into_iter().filter(|&it| it != one).collect()
}

pub(super) async fn cut_from_leader_3x<L: Lab3>(lab: KvLab<L>) -> Outcome {
    let checker = lab.clerk();
    for round in 0..4 {
        let leader = lab.wait_for_leader().await?;
        let deaf = lab.clerk_of(&others(&lab, leader));
        // The leader hears this one and does what it asks for, but cannot answer; nor can anybody
        // else, before another one leads.
        let mute = lab.clerk();
        for server in lab.everyone() {
            let id = lab.id(server);
            lab.world(|world| world.cut(id, mute.id));
        }
        let done = Rc::new(Cell::new(0));
        let tasks: Vec<_> = [deaf, mute]
            .into_iter()
            .map(|clerk| {
                let (lab, done) = (lab.clone(), Rc::clone(&done));
                let key = round.to_string();
                lab.clone().spawn(async move {
                    lab.append(clerk, key, token(clerk.client, 0)).await;
                    done.set(done.get() + 1);
                })
            })
            .collect();
        for append in 0..5 {
            lab.append(checker, round.to_string(), token(checker.client, append)).await;
        }
        lab.sleep_ms(ELECTION_MS).await;
        demand!(
            done.get() == 0,
            "answered by nobody",
            "a clerk says that its append is done, and no server could tell it"
        );
        if lab.chance(1, 2) {
            // Its answer has to come from who was not there when the question was asked.
            lab.crash(leader);
            successor(&lab, leader).await?;
        }
        calm(&lab);
        soon(&lab, "appends", &done, 2).await?;
        for task in tasks {
            task.await;
        }
        let value = lab.get(checker, round.to_string()).await;
        check_appends(&value, deaf.client, 0..1)?;
        check_appends(&value, mute.client, 0..1)?;
        check_appends(&value, checker.client, 0..5)?;
    }
    Ok(())
}

pub(super) async fn late_request_3x<L: Lab3>(lab: KvLab<L>) -> Outcome {
    let slow = Network {
        request_delay: Duration::from_millis(1_500)..Duration::from_secs(3),
        ..Network::reliable()
    };
    for round in 0..5_u64 {
        let leader = lab.id(lab.wait_for_leader().await?);
        let (clerk, key) = (lab.clerk(), round.to_string());
        // It knows the leader.
        lab.put(clerk, key.clone(), token(clerk.client, 0)).await;
        // One request to it is on its way for seconds; all others are as fast as ever.
        lab.world(|world| world.set_link(clerk.id, leader, Some(slow.clone())));
        let late = begin_append(&lab, clerk, &key, token(clerk.client, 1));
        lab.sleep_ms(1).await;
        lab.world(|world| world.set_link(clerk.id, leader, None));
        late.await;
        for append in 2..2 + round {
            lab.append(clerk, key.clone(), token(clerk.client, append)).await;
        }
        // Now it arrives.
        lab.sleep_ms(4_000).await;
        let value = lab.get(clerk, key).await;
        check_appends(&value, clerk.client, 0..2 + round)?;
    }
    Ok(())
}

pub(super) async fn lost_answer_3x<L: Lab3>(lab: KvLab<L>) -> Outcome {
    let checker = lab.clerk();
    for round in 0..3 {
        lab.wait_for_leader().await?;
        let (clerk, key) = (lab.clerk(), round.to_string());
        for server in lab.everyone() {
            let id = lab.id(server);
            lab.world(|world| world.cut(id, clerk.id));
        }
        let append = begin_append(&lab, clerk, &key, token(clerk.client, 0));
        until_appended(&lab, checker, &key, &token(clerk.client, 0)).await?;
        // It asks no more, until everything that it has asked for is covered by snapshots.
        lab.allow(clerk, &[]);
        for number in 0..150 {
            lab.put(checker, "filler", number.to_string()).await;
        }
        for server in lab.everyone() {
            let disk = lab.snapshot_size(server);
            demand!(disk > 0, "snapshot taken", "n{server} has none after 150 operations");
        }
        for server in lab.everyone() {
            lab.crash(server);
        }
        lab.sleep_ms(100).await;
        for server in lab.everyone() {
            lab.restart(server);
        }
        lab.allow(clerk, &lab.everyone());
        append.await;
        let value = lab.get(checker, key).await;
        check_appends(&value, clerk.client, 0..1)?;
    }
    Ok(())
}

/// Reads a key until something is there: a clerk without hints may need a while to find the leader.
async fn until_appended<L: Lab3>(lab: &KvLab<L>, clerk: Clerk, key: &str, token: &str) -> Outcome {
    for _ in 0..100 {
        if lab.get(clerk, key).await.contains(token) {
            return Ok(());
        }
        lab.sleep_ms(100).await;
    }
    fail!("progress", "{token:?} is not in key {key} after ten seconds of asking")
}

pub(super) async fn promised_index_3x<L: Lab3>(lab: KvLab<L>) -> Outcome {
    const CLIENTS: usize = 4;
    let checker = lab.clerk();
    for round in 0..3_u64 {
        let key = round.to_string();
        let leader = lab.wait_for_leader().await?;
        lab.put(checker, key.clone(), token(checker.client, round)).await;
        let leader = lab.leader().unwrap_or(leader);
        // Alone, it promises answers at the next indexes …
        lab.partition(&[vec![leader], others(&lab, leader)]);
        let done = Rc::new(Cell::new(0));
        let promised: Vec<Clerk> = (0..CLIENTS).map(|_| lab.clerk_of(&[leader])).collect();
        for &clerk in &promised {
            let (inner, done, key) = (lab.clone(), Rc::clone(&done), key.clone());
            lab.spawn(async move {
                inner.append(clerk, key, token(clerk.client, 0)).await;
                done.set(done.get() + 1);
            });
            lab.sleep_ms(1).await;
        }
        lab.sleep_ms(20).await;
        // … which the others' commands take.
        let majority = lab.clerk_of(&others(&lab, leader));
        for append in 0..2 * CLIENTS as u64 {
            lab.append(majority, key.clone(), token(majority.client, append)).await;
        }
        demand!(done.get() == 0, "no progress in a minority", "{} appends completed", done.get());
        calm(&lab);
        soon(&lab, "appends", &done, CLIENTS).await?;
        let value = lab.get(checker, key).await;
        check_appends(&value, majority.client, 0..2 * CLIENTS as u64)?;
        for clerk in promised {
            check_appends(&value, clerk.client, 0..1)?;
        }
    }
    Ok(())
}

pub(super) async fn quiet_leader_3x<L: Lab3>(lab: KvLab<L>) -> Outcome {
    let checker = lab.clerk();
    for round in 0..3 {
        let leader = lab.wait_for_leader().await?;
        lab.put(checker, "x", token(checker.client, round)).await;
        let leader = lab.leader().unwrap_or(leader);
        // Its followers hear it and cannot answer: the entry is on all disks, and not committed.
        let clerk = lab.clerk_of(&[leader]);
        for server in others(&lab, leader) {
            let (from, to) = (lab.id(server), lab.id(leader));
            lab.world(|world| world.cut(from, to));
        }
        let before = lab.status(leader).map(|status| status.last);
        let append = begin_append(&lab, clerk, "x", token(clerk.client, 0));
        // The clerk may try others first; then the entry goes to the followers.
        for _ in 0..200 {
            if lab.status(leader).map(|status| status.last) != before {
                break;
            }
            lab.sleep_ms(5).await;
        }
        lab.sleep_ms(if before.is_some() { 15 } else { 1_000 }).await;
        let pending = lab.status(leader).is_none_or(|status| status.last.index > status.commit);
        demand!(
            pending,
            "script",
            "leader n{leader} has committed an append that nobody confirmed"
        );
        lab.crash(leader);
        // From now on no client says anything.
        lab.allow(clerk, &[]);
        successor(&lab, leader).await?;
        lab.sleep_ms(ELECTION_MS).await;
        if lab.cluster().shows_raft() {
            for server in others(&lab, leader) {
                let status = lab.status(server).expect("it is up");
                demand!(
                    status.commit == status.last.index,
                    "quiet leader commits",
                    "n{server} knows {} to be committed, a second after the election, of {}: a leader commits \
                     what earlier terms have left only with an entry of its own (section 5.4.2)",
                    status.commit,
                    status.last
                );
            }
        }
        calm(&lab);
        append.await;
    }
    Ok(())
}

pub(super) async fn new_leader_read_3x<L: Lab3>(lab: KvLab<L>) -> Outcome {
    const READERS: u64 = 8;
    let writer = lab.clerk();
    let mut number = 0;
    for _ in 0..6 {
        lab.wait_for_leader().await?;
        for _ in 0..3 {
            number += 1;
            lab.append(writer, "x", token(writer.client, number)).await;
        }
        // It is acknowledged, and as yet only this leader knows that it is committed. The readers
        // are there before the successor has committed anything.
        let leader = lab.wait_for_leader().await?;
        lab.crash(leader);
        let stop = Rc::new(Cell::new(false));
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                let (lab, stop, clerk) = (lab.clone(), Rc::clone(&stop), lab.clerk());
                lab.clone().spawn(async move {
                    while !stop.get() {
                        lab.get(clerk, "x").await;
                        let pause = lab.below(10);
                        lab.sleep_ms(pause).await;
                    }
                })
            })
            .collect();
        successor(&lab, leader).await?;
        lab.sleep_ms(200).await;
        stop.set(true);
        for reader in readers {
            reader.await;
        }
        let value = lab.get(writer, "x").await;
        check_appends(&value, writer.client, 1..number + 1)?;
        lab.restart(leader);
    }
    Ok(())
}

pub(super) async fn paused_leader_3x<L: Lab3>(lab: KvLab<L>) -> Outcome {
    let writer = lab.clerk();
    let mut unaware = 0;
    for round in 0..6 {
        let leader = lab.wait_for_leader().await?;
        let id = lab.id(leader);
        lab.put(writer, "x", token(writer.client, 3 * round)).await;
        // A read is on its way to it, or under way, when it pauses.
        let (early, late) = (lab.clerk_of(&[leader]), lab.clerk_of(&[leader]));
        let reads: Vec<_> = [early, late]
            .map(|clerk| {
                let lab = lab.clone();
                let wait = if clerk.id == late.id { 2_200 } else { 0 };
                lab.clone().spawn(async move {
                    lab.sleep_ms(wait).await;
                    lab.get(clerk, "x").await
                })
            })
            .into();
        let pause = lab.below(25);
        lab.sleep_ms(pause).await;
        // From now on it hears of no election, nor what comes after.
        lab.partition(&[vec![leader], others(&lab, leader)]);
        lab.world(|world| world.pause(id));
        successor(&lab, leader).await?;
        lab.put(writer, "x", token(writer.client, 3 * round + 1)).await;
        lab.sleep_ms(2_500).await;
        // It wakes up to the second read, and still believes to lead.
        lab.world(|world| world.resume(id));
        lab.sleep_ms(1).await;
        unaware += u32::from(lab.leaders().contains(&leader));
        lab.sleep_ms(300).await;
        lab.put(writer, "x", token(writer.client, 3 * round + 2)).await;
        calm(&lab);
        for clerk in [early, late] {
            lab.allow(clerk, &lab.everyone());
        }
        for read in reads {
            read.await;
        }
    }
    // A request for a vote may have been on its way to it before the split.
    demand!(unaware >= 3, "script", "{unaware} of six leaders woke up and did not know");
    Ok(())
}
