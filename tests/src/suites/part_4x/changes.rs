//! Scenes about changes: the one situation in which a classic error of the master, or of groups that
//! give shards to each other, does harm.

use super::scenes::wait_for;
use super::storms::{GIDS, KEYS, calm};
use crate::shard::{Client, Keeper, Lab4B, ShardLab, fewest_moves};
use crate::suites::generic::token;
use crate::{Outcome, demand, fail};
use labrpc::NodeId;
use shardkv::{Phase, shard_of};
use shardmaster::{Config, Gid, Shard};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The ten keys, one in each shard, and what is in them.
struct Book<L: Lab4B> {
    lab: ShardLab<L>,
    values: Rc<RefCell<Vec<String>>>,
    clients: Vec<Client>,
    written: Cell<u64>,
}

impl<L: Lab4B> Book<L> {
    /// Clients of all keys, in each of which is something.
    async fn filled(lab: &ShardLab<L>) -> Outcome<Self> {
        let book = Self {
            lab: lab.clone(),
            values: Rc::new(RefCell::new(vec![String::new(); KEYS as usize])),
            clients: (0..KEYS).map(|_| lab.client()).collect(),
            written: Cell::new(0),
        };
        book.use_all(|_| true, 20_000).await?;
        Ok(book)
    }

    /// The shard of a key.
    fn shard(&self, key: u64) -> Shard {
        shard_of(&key.to_string(), usize::from(self.lab.shards()))
    }

    /// The keys of some shards are right and can be written, all at the same time, and nobody waits
    /// longer than that.
    async fn use_all(&self, these: impl Fn(Shard) -> bool, most_ms: u64) -> Outcome {
        let keys: Vec<u64> = (0..KEYS).filter(|key| these(self.shard(*key))).collect();
        let tasks: Vec<_> = keys.iter().map(|&key| self.use_one(key)).collect();
        let done = || tasks.iter().all(|(served, _)| served.get());
        wait_for(&self.lab, most_ms, done).await;
        let waiting: Vec<Shard> = (keys.iter().zip(&tasks))
            .filter(|(_, (served, _))| !served.get())
            .map(|(key, _)| self.shard(*key))
            .collect();
        demand!(
            waiting.is_empty(),
            "progress",
            "{waiting:?} of {} shards have not been served in {most_ms} ms",
            keys.len()
        );
        for (_, task) in tasks {
            task.await?;
        }
        Ok(())
    }

    fn use_one(&self, key: u64) -> (Rc<Cell<bool>>, crate::script::Task<Outcome>) {
        let (lab, values, served) = (self.lab.clone(), Rc::clone(&self.values), Rc::default());
        let (client, number) = (self.clients[key as usize], self.written.get());
        self.written.set(number + 1);
        let done: Rc<Cell<bool>> = Rc::clone(&served);
        let task = self.lab.spawn(async move {
            let (name, token) = (key.to_string(), token(client.number, number));
            let expected = values.borrow()[key as usize].clone();
            let right = lab.check(client, &name, &expected).await;
            values.borrow_mut()[key as usize].push_str(&token);
            lab.append(client, &name, &token).await;
            done.set(true);
            right
        });
        (served, task)
    }
}

/// All groups that show it have come to the latest configuration, and nothing is on its way; or it
/// has been long enough.
pub(super) async fn settle<L: Lab4B>(lab: &ShardLab<L>, keeper: Keeper, most_ms: u64) -> Outcome {
    let num = lab.query(keeper, None).await?.num;
    let is_there = || {
        let mut held = lab.groups().into_iter().filter_map(|(gid, _)| lab.held(gid));
        held.all(|held| held.num == num && held.is_settled())
    };
    if GIDS.iter().all(|&gid| lab.held(gid).is_none()) {
        lab.sleep_ms(most_ms / 4).await;
    }
    wait_for(lab, most_ms, is_there).await;
    Ok(())
}

/// These servers without the others; clients reach both sides, but for those that are named.
fn split<L: Lab4B>(lab: &ShardLab<L>, one: Vec<NodeId>, other: Vec<NodeId>) {
    lab.world(|world| world.partition(&[one, other]));
}

pub(super) async fn fresh_query_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    lab.add_groups(GIDS);
    let (keeper, lonely) = (lab.keeper(), lab.keeper());
    lab.join(keeper, &GIDS).await?;
    for round in 0..4_u64 {
        // It leads for good, and the one who will be alone with it knows.
        let config = settled_master(&lab, keeper, lonely).await?;
        let masters = lab.masters();
        let Some(leader) = lab.leader_of(&masters) else {
            fail!("one leader", "no server of the master leads");
        };
        let mut others: Vec<NodeId> = masters.into_iter().filter(|id| *id != leader).collect();
        others.push(keeper.id);
        split(&lab, vec![leader, lonely.id], others);
        // It has been deposed before there is something that it does not know.
        let shard = Shard::new(lab.below(KEYS) as u16);
        match round % 2 {
            0 => {
                let owner = config.owner(shard);
                let to = GIDS.into_iter().find(|&gid| owner != Some(Gid::new(gid)));
                lab.give(keeper, shard, to.unwrap_or(GIDS[0])).await?;
            }
            _ => drop(lab.leave(keeper, &[GIDS[round as usize % 3]]).await?),
        }
        let answered = Rc::new(Cell::new(false));
        let query = {
            let (lab, answered) = (lab.clone(), Rc::clone(&answered));
            lab.clone().spawn(async move {
                let config = lab.query(lonely, None).await;
                answered.set(true);
                config
            })
        };
        let after = lab.query(keeper, None).await?;
        wait_for(&lab, 1_000, || answered.get()).await;
        lab.world(labrpc::World::heal);
        let seen = query.await?;
        demand!(
            seen.num == after.num,
            "linearizability",
            "who is alone with a master that was deposed is shown {seen:?}, and {after:?} was there \
             before"
        );
        if round % 2 == 1 {
            lab.join(keeper, &[GIDS[round as usize % 3]]).await?;
        }
    }
    Ok(())
}

/// Both clients have been answered, after any split has healed long enough ago that there is one
/// leader.
async fn settled_master<L: Lab4B>(
    lab: &ShardLab<L>,
    keeper: Keeper,
    lonely: Keeper,
) -> Outcome<Config> {
    lab.query(keeper, None).await?;
    lab.sleep_ms(1_000).await;
    lab.query(lonely, None).await?;
    lab.query(keeper, None).await
}

pub(super) async fn busy_giver_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    lab.add_groups(GIDS);
    let keeper = lab.keeper();
    lab.join(keeper, &GIDS).await?;
    let book = Book::filled(&lab).await?;
    for round in 0..6 {
        settle(&lab, keeper, 2_000).await?;
        let (giver, taker) = (GIDS[round % 3], GIDS[(round + 1) % 3]);
        let config = lab.query(keeper, None).await?;
        let Some(shard) = config.shards_of(Gid::new(giver)).next() else {
            fail!("script", "g{giver} has nothing to give in {config:?}");
        };
        let is_dead = round % 2 == 0;
        if is_dead {
            lab.crash_group(taker);
        } else {
            split(&lab, lab.group(giver), lab.group(taker));
        }
        lab.give(keeper, shard, taker).await?;
        // Until it is on its way, which it will be for a while.
        let leaves = || lab.held(giver).is_none_or(|it| it.phase(shard) == Some(Phase::Leaving));
        wait_for(&lab, 2_000, leaves).await;
        if lab.held(giver).is_none() {
            lab.sleep_ms(1_000).await;
        }
        // The giver serves what it has besides. So does the taker, if it is up.
        let is_up = |owner: Option<Gid>| !is_dead || owner != Some(Gid::new(taker));
        for _ in 0..2 {
            book.use_all(|it| it != shard && is_up(config.owner(it)), 10_000).await?;
        }
        calm(&lab);
        book.use_all(|_| true, 20_000).await?;
    }
    lab.check_disks()
}

/// As many shards for each of these two, at random, and not as they are.
fn shared_out<L: Lab4B>(lab: &ShardLab<L>, now: &Config, gids: [u64; 2]) -> Vec<u64> {
    loop {
        let mut owners: Vec<u64> = (0..now.shards.len()).map(|place| gids[place % 2]).collect();
        lab.dice(|dice| dice.shuffle(&mut owners));
        if !is_so(now, &owners) {
            return owners;
        }
    }
}

fn is_so(config: &Config, owners: &[u64]) -> bool {
    config.shards.iter().zip(owners).all(|(owner, gid)| *owner == Some(Gid::new(*gid)))
}

pub(super) async fn exchange_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    const PAIR: [u64; 2] = [100, 101];
    lab.add_groups(PAIR);
    let keeper = lab.keeper();
    lab.join(keeper, &PAIR).await?;
    let book = Book::filled(&lab).await?;
    let (mut crossed, mut seen) = (0, 0);
    for round in 0..6_u64 {
        // Half of the shards each, and other ones than the master gave them when they joined.
        let before = lab.query(keeper, None).await?;
        let parked = shared_out(&lab, &before, PAIR);
        for (shard, &gid) in before.all_shards().zip(&parked) {
            lab.give(keeper, shard, gid).await?;
        }
        book.use_all(|_| true, 20_000).await?;
        lab.leave(keeper, &PAIR).await?;
        // Somebody wants something meanwhile.
        let patient = book.use_one(lab.below(KEYS));
        let pause = lab.below(600);
        lab.sleep_ms(pause).await;
        if round % 3 == 1 {
            for gid in PAIR {
                lab.crash_group(gid);
            }
            lab.sleep_ms(100).await;
            for gid in PAIR {
                lab.restart_group(gid);
            }
            let pause = lab.below(600);
            lab.sleep_ms(pause).await;
        }
        lab.join(keeper, &PAIR).await?;
        let after = lab.query(keeper, None).await?;
        for gid in PAIR.map(Gid::new) {
            let (load, half) = (after.shards_of(gid).count(), after.shards.len() / 2);
            demand!(load == half, "balance", "{gid} has {load} shards in {after:?}");
        }
        // Both have half, before and after: if it is not the same half, each gets what the other
        // has. (A master that gives everything back to who has it is in its rights; so nothing is
        // demanded of the places.)
        if !is_so(&after, &parked) {
            crossed += 1;
            let both = [Cell::new(false), Cell::new(false)];
            let is_exchange = || {
                for (gid, seen) in PAIR.iter().zip(&both) {
                    let is_in_it = lab.held(*gid).is_some_and(|held| {
                        held.all(Phase::Leaving).next().is_some()
                            && held.all(Phase::Awaited).next().is_some()
                    });
                    seen.set(seen.get() || is_in_it);
                }
                both.iter().all(Cell::get)
            };
            let shows = PAIR.iter().any(|&gid| lab.held(gid).is_some());
            if shows {
                watch_for(&lab, 3_000, is_exchange).await;
            }
            seen += u32::from(is_exchange());
        }
        let (served, task) = patient;
        wait_for(&lab, 20_000, || served.get()).await;
        demand!(served.get(), "progress", "who asked when nobody served anything waits for ever");
        task.await?;
        book.use_all(|_| true, 20_000).await?;
        book.use_all(|_| true, 20_000).await?;
    }
    let shows = PAIR.iter().any(|&gid| lab.held(gid).is_some());
    demand!(
        !shows || crossed == 0 || seen > 0,
        "script",
        "two groups were to exchange shards {crossed} times, and never had something to give and \
         something to get at once"
    );
    lab.check_disks()
}

/// Waits until something is so, but no longer than that; looks so often that no state which takes a
/// message to end is overlooked.
pub(super) async fn watch_for<L: Lab4B>(
    lab: &ShardLab<L>,
    most_ms: u64,
    is_so: impl Fn() -> bool,
) -> bool {
    for _ in 0..most_ms / 2 {
        if is_so() {
            return true;
        }
        lab.sleep_ms(2).await;
    }
    false
}

pub(super) async fn lopsided_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    lab.add_groups([100, 101, 102, 103]);
    let keeper = lab.keeper();
    lab.join(keeper, &[100, 101]).await?;
    let book = Book::filled(&lab).await?;
    for round in 0..4_u64 {
        // Nearly everything is with one of the two, by hand. Who joins gets its share, and from
        // there; and what those have who leave goes where there is least.
        let (rich, poor) = if round % 2 == 0 { (100, 101) } else { (101, 100) };
        pile_up(&lab, keeper, rich, poor, 9).await?;
        rebalance(&lab, keeper, async |lab, keeper| lab.join(keeper, &[102]).await.map(drop))
            .await?;
        book.use_all(|_| true, 20_000).await?;
        pile_up(&lab, keeper, 102, rich, 6).await?;
        rebalance(&lab, keeper, async |lab, keeper| lab.join(keeper, &[103]).await.map(drop))
            .await?;
        pile_up(&lab, keeper, poor, 102, 6).await?;
        rebalance(&lab, keeper, async |lab, keeper| lab.leave(keeper, &[103]).await.map(drop))
            .await?;
        rebalance(&lab, keeper, async |lab, keeper| lab.leave(keeper, &[102]).await.map(drop))
            .await?;
        book.use_all(|_| true, 20_000).await?;
    }
    Ok(())
}

/// Moves shards by hand until one group has so many; if there is a choice, one shard at least stays
/// with the other that is named.
async fn pile_up<L: Lab4B>(
    lab: &ShardLab<L>,
    keeper: Keeper,
    rich: u64,
    poor: u64,
    load: usize,
) -> Outcome {
    let config = lab.query(keeper, None).await?;
    let mut others: Vec<Shard> =
        config.all_shards().filter(|it| config.owner(*it) != Some(Gid::new(rich))).collect();
    let last = others.iter().position(|it| config.owner(*it) == Some(Gid::new(poor)));
    if let Some(last) = last {
        let it = others.remove(last);
        others.push(it);
    }
    let more = load.saturating_sub(config.shards.len() - others.len());
    for shard in others.into_iter().take(more) {
        lab.give(keeper, shard, rich).await?;
    }
    Ok(())
}

/// Groups join or leave, whatever was moved by hand: then no group has two shards more than another,
/// and no more have moved than had to.
async fn rebalance<L: Lab4B>(
    lab: &ShardLab<L>,
    keeper: Keeper,
    change: impl AsyncFnOnce(&ShardLab<L>, Keeper) -> Outcome,
) -> Outcome {
    let before = lab.query(keeper, None).await?;
    change(lab, keeper).await?;
    let after = lab.query(keeper, None).await?;
    let loads = || after.groups.keys().map(|&gid| after.shards_of(gid).count());
    let (least, most) = (loads().min().unwrap_or_default(), loads().max().unwrap_or_default());
    demand!(most <= least + 1, "balance", "from {least} to {most} shards in {after:?}");
    let moved = before.shards.iter().zip(&after.shards).filter(|(from, to)| from != to).count();
    let least = fewest_moves(&before.shards, after.groups.keys().copied());
    demand!(
        moved == least,
        "minimal transfers",
        "{moved} shards moved where {least} are enough: {before:?} to {after:?}"
    );
    Ok(())
}
