//! Throughput in proportion to the number of groups: the point of sharding.
//!
//! Every server takes a while over each message, so that a group has a limit. Clients ask without a
//! pause, as many per group as it takes to reach it. All figures are in simulated time: they are the
//! same on every machine.

use crate::Outcome;
use crate::arena::Limits;
use crate::linear::KvOp;
use crate::run::Play;
use crate::shard::{Lab4B, Setup, ShardLab};
use labrpc::{SimTime, Trace};
use shardkv::shard_of;
use shardmaster::{Config, Shard};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// How many shards there are: one for each printable character that a key may begin with.
pub const SHARDS: u16 = 96;

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// How many groups.
    pub groups: usize,
    /// How many clients for each group.
    pub clients_per_group: usize,
    /// How long a server takes over each message.
    pub service_time: Duration,
    /// How long each window is.
    pub window: Duration,
}

impl Scale {
    /// So many groups under a load that saturates them.
    pub fn new(groups: usize) -> Self {
        Self {
            groups,
            clients_per_group: 32,
            service_time: Duration::from_micros(500),
            window: Duration::from_secs(2),
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Operations completed in a second of simulated time, while nothing changes.
    pub ops_per_second: f64,
    /// The largest latency in that window.
    pub quiet: Duration,
    /// The largest latency in an equal window in which another group joins, of operations on shards
    /// that stay where they are.
    pub unaffected: Duration,
    /// The same, of operations on shards that move.
    pub affected: Duration,
}

/// An operation that completed.
#[derive(Clone, Copy)]
struct Done {
    shard: Shard,
    began: SimTime,
    ended: SimTime,
}

/// Runs a store of so many groups, and measures.
pub fn measure<L: Lab4B>(scale: Scale, seed: u64) -> Outcome<Figures> {
    let limits = Limits { time: Duration::from_secs(600), steps: u64::MAX };
    let setup = Setup { shards: SHARDS, limits, ..Setup::new() };
    let lab = ShardLab::<L>::new(setup, seed, Trace::off());
    let figures = Rc::new(RefCell::new(None));
    let sink = Rc::clone(&figures);
    lab.run(|lab| async move {
        *sink.borrow_mut() = Some(script(lab, scale).await?);
        Ok(())
    })?;
    lab.cluster().judge()?;
    Ok(figures.take().expect("a script that ends well leaves figures"))
}

async fn script<L: Lab4B>(lab: ShardLab<L>, scale: Scale) -> Outcome<Figures> {
    let gids: Vec<u64> = (0..=scale.groups as u64).map(|group| 100 + group).collect();
    let (newcomer, first) = gids.split_last().expect("there is a newcomer");
    lab.add_groups(gids.iter().copied());
    let keeper = lab.keeper();
    lab.join(keeper, first).await?;
    // The groups have leaders and their shards before it begins to matter.
    lab.sleep_ms(2_000).await;
    lab.world(|world| {
        for id in world.ids() {
            world.set_service_time(id, scale.service_time);
        }
    });
    let (stop, log) = (Rc::new(Cell::new(false)), Rc::new(RefCell::new(Vec::new())));
    let clients: Vec<_> = (0..scale.groups * scale.clients_per_group)
        .map(|_| lab.spawn(client(lab.clone(), Rc::clone(&stop), Rc::clone(&log))))
        .collect();
    // They all ask the master at once, who takes a while over that.
    lab.sleep_ms(3_000).await;
    let (quiet_from, before) = (lab.now(), lab.query(keeper, None).await?);
    lab.sleep(scale.window).await;
    let change_from = lab.now();
    lab.join(keeper, &[*newcomer]).await?;
    let after = lab.query(keeper, None).await?;
    lab.sleep(scale.window.saturating_sub(lab.now().since(change_from))).await;
    let end = lab.now();
    stop.set(true);
    for client in clients {
        client.await;
    }
    let log = log.borrow();
    let moves = |shard: Shard| owner_changes(&before, &after, shard);
    let quiet = || log.iter().filter(|it| it.ended > quiet_from && it.ended <= change_from);
    let change = || log.iter().filter(|it| it.ended > change_from && it.began < end);
    let largest = |latencies: &mut dyn Iterator<Item = &Done>| {
        latencies.map(|it| it.ended.since(it.began)).max().unwrap_or_default()
    };
    Ok(Figures {
        ops_per_second: quiet().count() as f64 / change_from.since(quiet_from).as_secs_f64(),
        quiet: largest(&mut quiet()),
        unaffected: largest(&mut change().filter(|it| !moves(it.shard))),
        affected: largest(&mut change().filter(|it| moves(it.shard))),
    })
}

fn owner_changes(before: &Config, after: &Config, shard: Shard) -> bool {
    before.owner(shard) != after.owner(shard)
}

/// Puts and gets of any keys, without a pause.
async fn client<L: Lab4B>(lab: ShardLab<L>, stop: Rc<Cell<bool>>, log: Rc<RefCell<Vec<Done>>>) {
    let (client, mut number) = (lab.client(), 0_u64);
    while !stop.get() {
        let character = char::from(b' ' + lab.below(u64::from(SHARDS)) as u8);
        let key = format!("{character}{}", lab.below(4));
        let shard = shard_of(&key, usize::from(SHARDS));
        let op = if lab.chance(1, 2) {
            number += 1;
            KvOp::put(key, format!("{}.{number}|", client.number))
        } else {
            KvOp::get(key)
        };
        let began = lab.now();
        lab.call(client, op).await;
        log.borrow_mut().push(Done { shard, began, ended: lab.now() });
    }
}
