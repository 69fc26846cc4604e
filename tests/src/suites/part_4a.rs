//! Lab 4A: the shard master.

use super::scenarios;
use crate::kv::ELECTION_MS;
use crate::shard::{Alone, Keeper, Lab4A, Lab4B, ShardLab, Sharded, fewest_moves};
use crate::{Outcome, demand, fail};
use labrpc::NodeId;
use shardmaster::{Config, ConfigNum, Gid, Op, Reply, Shard};
use std::collections::{BTreeMap, BTreeSet};

scenarios! { "4a", Lab4A => Masters;
    basic_4a: 3 reliable plain ["TestBasic" "TestBasic4A"]
        "groups join and leave, one after the other and at once; past configurations; moves";
    multi_4a: 3 reliable plain ["TestMulti" "TestMulti4A"]
        "several groups join or leave in one request; all servers have the same configurations";
    minimal_again_4a: 3 reliable plain ["TestMinimalAgain"]
        "a join and a leave move no more shards than they must";
}

type Masters<L> = Sharded<Alone<L>>;

/// Servers with these numbers, which need not exist: to a master they are names.
fn servers(numbers: &[u16]) -> Vec<NodeId> {
    numbers.iter().map(|&number| NodeId::new(number)).collect()
}

fn groups(of: &[(u64, &[u16])]) -> BTreeMap<Gid, Vec<NodeId>> {
    of.iter().map(|(gid, numbers)| (Gid::new(*gid), servers(numbers))).collect()
}

async fn join<L: Lab4B>(
    lab: &ShardLab<L>,
    keeper: Keeper,
    of: &[(u64, &[u16])],
) -> Outcome<ConfigNum> {
    lab.change(keeper, Op::Join { groups: groups(of) }).await
}

/// The labs' `check`: these groups are there, every shard has one of them, and none has two more
/// than another.
async fn check<L: Lab4B>(lab: &ShardLab<L>, keeper: Keeper, gids: &[u64]) -> Outcome<Config> {
    let config = lab.query(keeper, None).await?;
    let expected: BTreeSet<Gid> = gids.iter().map(|&gid| Gid::new(gid)).collect();
    let there: BTreeSet<Gid> = config.groups.keys().copied().collect();
    demand!(there == expected, "groups", "{there:?} are there, and should be {expected:?}");
    for shard in config.all_shards() {
        let owner = config.owner(shard);
        demand!(
            owner.map_or(gids.is_empty(), |gid| expected.contains(&gid)),
            "shards assigned",
            "{shard} is {owner:?}'s in {config:?}"
        );
    }
    let loads = || expected.iter().map(|&gid| config.shards_of(gid).count());
    let (least, most) = (loads().min().unwrap_or_default(), loads().max().unwrap_or_default());
    demand!(most <= least + 1, "balance", "from {least} to {most} shards in {config:?}");
    Ok(config)
}

fn has_servers(config: &Config, gid: u64, numbers: &[u16]) -> Outcome {
    let there = config.groups.get(&Gid::new(gid));
    demand!(there == Some(&servers(numbers)), "servers", "those of {gid} are {there:?}");
    Ok(())
}

/// No shard has moved between two groups that are in both configurations, and no more have moved
/// than must.
fn minimal(before: &Config, after: &Config) -> Outcome {
    let mut moved = 0;
    for shard in before.all_shards() {
        let (from, to) = (before.owner(shard), after.owner(shard));
        let stays = |gid: Option<Gid>| {
            gid.is_some_and(|gid| {
                before.groups.contains_key(&gid) && after.groups.contains_key(&gid)
            })
        };
        demand!(
            from == to || !(stays(from) && stays(to)),
            "minimal transfers",
            "{shard} moved from {from:?} to {to:?}, which were and are both there: {before:?} to \
             {after:?}"
        );
        moved += usize::from(from != to);
    }
    let least = fewest_moves(&before.shards, after.groups.keys().copied());
    demand!(
        moved == least,
        "minimal transfers",
        "{moved} shards moved where {least} are enough: {before:?} to {after:?}"
    );
    Ok(())
}

/// Whether two answers show the same configuration. Who holds what nobody serves is no affair of the
/// labs.
fn is_same(one: &Config, other: &Config) -> bool {
    (one.num, &one.shards, &one.groups) == (other.num, &other.shards, &other.groups)
}

async fn basic_4a<L: Lab4A>(lab: ShardLab<Alone<L>>) -> Outcome {
    let keeper = lab.keeper();
    let mut past = vec![check(&lab, keeper, &[]).await?];
    // Join and leave.
    join(&lab, keeper, &[(1, &[11, 12, 13])]).await?;
    past.push(check(&lab, keeper, &[1]).await?);
    join(&lab, keeper, &[(2, &[21, 22, 23])]).await?;
    let both = check(&lab, keeper, &[1, 2]).await?;
    has_servers(&both, 1, &[11, 12, 13])?;
    has_servers(&both, 2, &[21, 22, 23])?;
    past.push(both);
    invalid_requests(&lab, keeper).await?;
    past.push(check(&lab, keeper, &[1, 2]).await?);
    lab.leave(keeper, &[1]).await?;
    past.push(check(&lab, keeper, &[2]).await?);
    lab.leave(keeper, &[2]).await?;
    past.push(check(&lab, keeper, &[]).await?);
    // Past configurations, with one server after the other down.
    for server in lab.masters() {
        lab.crash(server);
        for config in &past {
            let again = lab.query(keeper, Some(config.num)).await?;
            demand!(is_same(&again, config), "past configurations", "{config:?} is {again:?} now");
        }
        lab.restart(server);
    }
    moves(&lab, keeper).await?;
    concurrent(&lab, keeper).await?;
    // The groups that are really there; the labs look at others since 2018.
    let mut before = lab.query(keeper, None).await?;
    for gid in 11..=15 {
        join(&lab, keeper, &[(gid, &[1, 2, 3])]).await?;
        let after = lab.query(keeper, None).await?;
        minimal(&before, &after)?;
        before = after;
    }
    for gid in 11..=15 {
        lab.leave(keeper, &[gid]).await?;
        let after = lab.query(keeper, None).await?;
        minimal(&before, &after)?;
        before = after;
    }
    Ok(())
}

/// What makes no sense changes nothing.
async fn invalid_requests<L: Lab4B>(lab: &ShardLab<L>, keeper: Keeper) -> Outcome {
    let before = lab.query(keeper, None).await?;
    let out_of_range = Shard::new(lab.shards());
    for op in [
        Op::Join { groups: groups(&[(3, &[31]), (1, &[99])]) },
        Op::Join { groups: groups(&[(3, &[31]), (0, &[99])]) },
        Op::Join { groups: groups(&[(3, &[31]), (4, &[])]) },
        Op::Leave { gids: vec![Gid::new(1), Gid::new(9)] },
        Op::Move { shard: Shard::new(0), gid: Gid::new(9) },
        Op::Move { shard: out_of_range, gid: Gid::new(1) },
    ] {
        let reply = lab.ask(keeper, op.clone()).await;
        demand!(matches!(reply, Reply::Invalid(_)), "invalid request", "{op:?}: {reply:?}");
    }
    let after = lab.query(keeper, None).await?;
    demand!(is_same(&before, &after), "invalid request", "{before:?} became {after:?}");
    let far = Some(ConfigNum::new(before.num.get() + 999));
    let future = lab.query(keeper, far).await?;
    demand!(is_same(&future, &before), "future configurations", "{far:?} is {future:?}");
    Ok(())
}

async fn moves<L: Lab4B>(lab: &ShardLab<L>, keeper: Keeper) -> Outcome {
    join(lab, keeper, &[(503, &[31, 32, 33])]).await?;
    join(lab, keeper, &[(504, &[41, 42, 43])]).await?;
    let target = |shard: Shard| if shard.get() < lab.shards() / 2 { 503 } else { 504 };
    for shard in (0..lab.shards()).map(Shard::new) {
        let before = lab.query(keeper, None).await?;
        lab.give(keeper, shard, target(shard)).await?;
        let after = lab.query(keeper, None).await?;
        let moved = before.owner(shard) != Some(Gid::new(target(shard)));
        demand!(
            after.num == if moved { before.num.next() } else { before.num },
            "configuration made",
            "moving {shard} to {} made {after:?} of {before:?}",
            target(shard)
        );
    }
    let config = lab.query(keeper, None).await?;
    for shard in config.all_shards() {
        let owner = config.owner(shard);
        demand!(owner == Some(Gid::new(target(shard))), "move", "{shard} is {owner:?}'s");
    }
    lab.leave(keeper, &[503]).await?;
    lab.leave(keeper, &[504]).await?;
    Ok(())
}

async fn concurrent<L: Lab4B>(lab: &ShardLab<L>, keeper: Keeper) -> Outcome {
    let gids: Vec<u64> = (0..10).map(|client| 100 + 10 * client).collect();
    let clients: Vec<_> = gids
        .iter()
        .map(|&gid| {
            let lab = lab.clone();
            lab.clone().spawn(async move {
                let keeper = lab.keeper();
                join(&lab, keeper, &[(gid + 1_000, &[1])]).await?;
                join(&lab, keeper, &[(gid, &[2])]).await?;
                lab.leave(keeper, &[gid + 1_000]).await
            })
        })
        .collect();
    for client in clients {
        client.await?;
    }
    check(lab, keeper, &gids).await.map(drop)
}

async fn multi_4a<L: Lab4A>(lab: ShardLab<Alone<L>>) -> Outcome {
    let keeper = lab.keeper();
    check(&lab, keeper, &[]).await?;
    join(&lab, keeper, &[(1, &[11, 12, 13]), (2, &[21, 22, 23])]).await?;
    check(&lab, keeper, &[1, 2]).await?;
    join(&lab, keeper, &[(3, &[31, 32, 33])]).await?;
    let config = check(&lab, keeper, &[1, 2, 3]).await?;
    has_servers(&config, 1, &[11, 12, 13])?;
    has_servers(&config, 2, &[21, 22, 23])?;
    has_servers(&config, 3, &[31, 32, 33])?;
    lab.leave(keeper, &[1, 3]).await?;
    let config = check(&lab, keeper, &[2]).await?;
    has_servers(&config, 2, &[21, 22, 23])?;
    lab.leave(keeper, &[2]).await?;
    // Several at once, from several clients at once.
    let clients: Vec<_> = (1_000..1_010)
        .map(|gid| {
            let lab = lab.clone();
            lab.clone().spawn(async move {
                let keeper = lab.keeper();
                let all: [(u64, &[u16]); 3] =
                    [(gid, &[1, 2, 3]), (gid + 1_000, &[4]), (gid + 2_000, &[5])];
                join(&lab, keeper, &all).await?;
                lab.leave(keeper, &[gid + 1_000, gid + 2_000]).await
            })
        })
        .collect();
    for client in clients {
        client.await?;
    }
    let gids: Vec<u64> = (1_000..1_010).collect();
    let before = check(&lab, keeper, &gids).await?;
    let newcomers: Vec<(u64, &[u16])> = (11..=15).map(|gid| (gid, &[6, 7][..])).collect();
    join(&lab, keeper, &newcomers).await?;
    let between = lab.query(keeper, None).await?;
    minimal(&before, &between)?;
    lab.leave(keeper, &[11, 12, 13, 14, 15]).await?;
    minimal(&between, &lab.query(keeper, None).await?)?;
    same_on_all_servers(&lab, keeper).await
}

/// Whoever leads, the configuration is the same.
async fn same_on_all_servers<L: Lab4B>(lab: &ShardLab<L>, keeper: Keeper) -> Outcome {
    for _ in 0..2 {
        let masters = lab.masters();
        let Some(leader) = lab.leader_of(&masters) else {
            fail!("one leader", "no server of the master leads");
        };
        let before = lab.query(keeper, None).await?;
        lab.crash(leader);
        for _ in 0..50 {
            if lab.leader_of(&masters).is_some() {
                break;
            }
            lab.sleep_ms(ELECTION_MS / 10).await;
        }
        let after = lab.query(keeper, None).await?;
        demand!(
            is_same(&before, &after),
            "same on all servers",
            "{before:?} is {after:?} elsewhere"
        );
        lab.restart(leader);
    }
    Ok(())
}

async fn minimal_again_4a<L: Lab4A>(lab: ShardLab<Alone<L>>) -> Outcome {
    let keeper = lab.keeper();
    join(&lab, keeper, &[(1, &[11, 12, 13])]).await?;
    join(&lab, keeper, &[(2, &[21, 22, 23])]).await?;
    let two = lab.query(keeper, None).await?;
    join(&lab, keeper, &[(3, &[31, 32, 33])]).await?;
    let three = check(&lab, keeper, &[1, 2, 3]).await?;
    minimal(&two, &three)?;
    lab.leave(keeper, &[1]).await?;
    let after = check(&lab, keeper, &[2, 3]).await?;
    minimal(&three, &after)
}
