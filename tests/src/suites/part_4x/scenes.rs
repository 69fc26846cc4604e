//! Scenes: what happens is decided by hand.

use super::storms::{GIDS, KEYS, calm};
use crate::shard::{Lab4B, ShardLab};
use crate::suites::generic::{check_appends, token};
use crate::{Outcome, demand};
use shardkv::shard_of;
use shardmaster::Shard;
use std::cell::Cell;
use std::rc::Rc;

/// The first ten keys, each with a token of its own.
async fn fill<L: Lab4B>(lab: &ShardLab<L>) -> crate::shard::Client {
    let client = lab.client();
    for key in 0..KEYS {
        lab.put(client, &key.to_string(), &token(client.number, key)).await;
    }
    client
}

async fn check_all<L: Lab4B>(lab: &ShardLab<L>, client: crate::shard::Client) -> Outcome {
    for key in 0..KEYS {
        lab.check(client, &key.to_string(), &token(client.number, key)).await?;
    }
    Ok(())
}

pub(super) async fn lost_answer_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    lab.add_groups([100, 101]);
    let (keeper, checker) = (lab.keeper(), lab.client());
    lab.join(keeper, &[100, 101]).await?;
    for round in 0..4_u64 {
        let key = round.to_string();
        let shard = shard_of(&key, usize::from(lab.shards()));
        lab.give(keeper, shard, 100).await?;
        let client = lab.client();
        lab.put(client, &key, &token(client.number, 0)).await;
        // The group does it, and cannot say so.
        for server in lab.group(100) {
            lab.world(|world| world.cut(server, client.id));
        }
        let done = Rc::new(Cell::new(false));
        let append = {
            let (lab, key, done) = (lab.clone(), key.clone(), Rc::clone(&done));
            lab.clone().spawn(async move {
                lab.append(client, &key, &token(client.number, 1)).await;
                done.set(true);
            })
        };
        // Somebody else can see that it has.
        let mut value = lab.get(checker, &key).await;
        for _ in 0..100 {
            if !value.contains(&token(client.number, 1)) {
                lab.sleep_ms(50).await;
                value = lab.get(checker, &key).await;
            }
        }
        check_appends(&value, client.number, 0..2)?;
        demand!(!done.get(), "script", "an answer arrived that was cut off");
        // It goes on asking, and finds out that another group serves the key.
        lab.give(keeper, shard, 101).await?;
        append.await;
        let value = lab.get(checker, &key).await;
        check_appends(&value, client.number, 0..2)?;
        calm(&lab);
        lab.give(keeper, shard, 100).await?;
        let value = lab.get(checker, &key).await;
        check_appends(&value, client.number, 0..2)?;
    }
    Ok(())
}

pub(super) async fn stale_client_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    const ROUNDS: u64 = 8;
    lab.add_groups([100, 101]);
    let (keeper, writer, reader) = (lab.keeper(), lab.client(), lab.client());
    lab.join(keeper, &[100, 101]).await?;
    for round in 0..ROUNDS {
        let key = round.to_string();
        let shard = shard_of(&key, usize::from(lab.shards()));
        lab.give(keeper, shard, 100).await?;
        lab.put(writer, &key, &token(writer.number, 2 * round)).await;
        // The reader learns whose the key is, and hears nothing of what comes.
        lab.check(reader, &key, &token(writer.number, 2 * round)).await?;
        lab.give(keeper, shard, 101).await?;
        // The new owner has the shard, and the old one does not hear of it. Whoever brings shards
        // misses the answer; whoever fetches them cannot say that they have come.
        if round % 2 == 1 {
            let pause = lab.below(200);
            lab.sleep_ms(pause).await;
            cut_group(&lab, 100, 101);
        }
        cut_group(&lab, 101, 100);
        let (value, wrote) = (token(writer.number, 2 * round + 1), Rc::new(Cell::new(false)));
        let write = {
            let (lab, key, value, wrote) = (lab.clone(), key.clone(), value.clone(), wrote.clone());
            lab.clone().spawn(async move {
                lab.put(writer, &key, &value).await;
                wrote.set(true);
            })
        };
        // Whoever brings it finds out by silence alone who leads the new owner.
        wait_for(&lab, 4_000, || wrote.get()).await;
        if !wrote.get() {
            // The shard never got there.
            calm(&lab);
        }
        write.await;
        let read = Rc::new(Cell::new(false));
        let check = {
            let (lab, read) = (lab.clone(), Rc::clone(&read));
            lab.clone().spawn(async move {
                let outcome = lab.check(reader, &key, &value).await;
                read.set(true);
                outcome
            })
        };
        wait_for(&lab, 1_000, || read.get()).await;
        // Or the old owner had not heard of the change when it was written to.
        calm(&lab);
        check.await?;
    }
    Ok(())
}

/// Waits until something is so, but no longer than that.
pub(super) async fn wait_for<L: Lab4B>(lab: &ShardLab<L>, most_ms: u64, is_so: impl Fn() -> bool) {
    for _ in 0..most_ms / 50 {
        if is_so() {
            return;
        }
        lab.sleep_ms(50).await;
    }
}

/// Nothing comes from one group to another any more.
fn cut_group<L: Lab4B>(lab: &ShardLab<L>, from: u64, to: u64) {
    for one in lab.group(from) {
        for other in lab.group(to) {
            lab.world(|world| world.cut(one, other));
        }
    }
}

pub(super) async fn quiet_groups_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    lab.add_groups(GIDS);
    let keeper = lab.keeper();
    lab.join(keeper, &[100]).await?;
    let client = fill(&lab).await;
    for round in 0..6 {
        let (from, to) = (GIDS[round % 3], GIDS[(round + 1) % 3]);
        lab.join(keeper, &[to]).await?;
        lab.leave(keeper, &[from]).await?;
        let pause = lab.below(150);
        lab.sleep_ms(pause).await;
        for gid in GIDS {
            lab.crash_group(gid);
        }
        lab.sleep_ms(100).await;
        for gid in GIDS {
            lab.restart_group(gid);
        }
        // Nobody asks for anything; still everything must move.
        lab.sleep_ms(4_000).await;
        lab.crash_group(from);
        check_all(&lab, client).await?;
        lab.restart_group(from);
    }
    Ok(())
}

pub(super) async fn limp_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    const GROUPS: [u64; 4] = [100, 101, 102, 103];
    lab.add_groups(GROUPS);
    let (keeper, client) = (lab.keeper(), lab.client());
    lab.join(keeper, &GROUPS[..1]).await?;
    for gid in GROUPS {
        let dead = lab.group(gid)[lab.below(3) as usize];
        lab.crash(dead);
    }
    let mut values: Vec<String> = Vec::new();
    for key in 0..KEYS {
        values.push(token(client.number, key));
        lab.put(client, &key.to_string(), &values[key as usize]).await;
    }
    let mut written = KEYS;
    for (joins, gid) in (1..GROUPS.len()).map(|at| (true, GROUPS[at])).chain([
        (false, GROUPS[0]),
        (false, GROUPS[1]),
        (false, GROUPS[2]),
    ]) {
        if joins {
            lab.join(keeper, &[gid]).await?;
            lab.sleep_ms(1_000).await;
        } else {
            lab.leave(keeper, &[gid]).await?;
            lab.sleep_ms(2_000).await;
            lab.crash_group(gid);
        }
        for key in 0..KEYS {
            let value = &mut values[key as usize];
            lab.check(client, &key.to_string(), value).await?;
            *value = token(client.number, written);
            written += 1;
            lab.put(client, &key.to_string(), value).await;
            lab.check(client, &key.to_string(), value).await?;
        }
    }
    lab.check_disks()
}

pub(super) async fn many_groups_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    let gids: Vec<u64> = (100..120).collect();
    lab.add_groups(gids.iter().copied());
    let keeper = lab.keeper();
    lab.join(keeper, &gids[..1]).await?;
    let client = fill(&lab).await;
    let shards = lab.shards();
    let balanced = async |groups: usize| {
        let config = lab.query(keeper, None).await?;
        let loads = || config.groups.keys().map(|&gid| config.shards_of(gid).count());
        let (least, most) = (loads().min(), loads().max());
        demand!(
            most <= least.map(|least| least + 1) && config.groups.len() == groups,
            "balance",
            "{shards} shards over {groups} groups: {config:?}"
        );
        Ok(())
    };
    for (groups, batch) in [(2, 1..2), (5, 2..5), (10, 5..10), (13, 10..13), (20, 13..20)] {
        lab.join(keeper, &gids[batch]).await?;
        balanced(groups).await?;
        check_all(&lab, client).await?;
        // One shard to somebody who has none, or to anybody.
        let shard = Shard::new(lab.below(u64::from(shards)) as u16);
        lab.give(keeper, shard, gids[groups - 1]).await?;
        check_all(&lab, client).await?;
    }
    for batch in [0..7, 7..11, 11..18, 18..19] {
        lab.leave(keeper, &gids[batch.clone()]).await?;
        balanced(gids.len() - batch.end).await?;
        check_all(&lab, client).await?;
    }
    Ok(())
}
