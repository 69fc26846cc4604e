//! Throughput in proportion to the number of groups: the point of sharding.
//!
//! Every server takes a while over each message, so that a group has a limit, and clients ask
//! without a pause. A row of the table is of two runs:
//!
//! - *Throughput* with as many clients for each group as [saturate](Measure::saturate) one: twice
//!   as many would get hardly more out of it.
//! - *Latency* with a [quarter](CALM) of them. Where servers are saturated, what an operation takes
//!   is the length of the queue, which is the number of clients.
//!
//! A client asks for keys of one shard. If clients asked for any keys, all of them would come to wait
//! at whichever group is slowest, one after another, and what is measured would be that group.
//!
//! Clients begin one after another, and nothing counts before each of them has been served and
//! the throughput is steady. All figures are in simulated time: they are the same on every machine.

use crate::arena::Limits;
use crate::linear::KvOp;
use crate::run::Play;
use crate::script::Task;
use crate::shard::{Keeper, Lab4B, Setup, ShardLab};
use crate::{Outcome, demand, fail};
use kvraft::rsm::Reads;
use labrpc::{SimTime, Trace};
use shardkv::shard_of;
use shardmaster::{Config, Shard};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// How many shards there are: one for each of the characters 0x20 to 0x7F, with which keys begin.
/// The last is no printable one.
pub const SHARDS: u16 = 96;

/// Latency is measured with this part of the clients that saturate the groups.
pub const CALM: usize = 4;

/// Twice as many clients have to get that much more out of a group that is not saturated.
pub const WORTH_DOUBLING: f64 = 1.05;

/// With how many clients the search for the number that saturates a group begins and ends.
const SEARCHED: [usize; 2] = [8, 512];

/// How many windows it may take until the throughput is steady.
const WARM_UP: usize = 30;

/// Each client is of the shard that is so many after that of the one before, so that those of any
/// number of clients are spread over all groups alike, whoever has which. It has no divisor in
/// common with their number.
const STRIDE: u64 = 37;

/// Each client begins so many service times after the one before, by and by: the master has to
/// tell each of them who serves what.
const BETWEEN_BEGINNINGS: u32 = 4;

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
    /// How reads are served.
    pub reads: Reads,
}

impl Scale {
    /// So many groups, under a load that saturates those of the reference.
    pub fn new(groups: usize) -> Self {
        Self {
            groups,
            clients_per_group: 64,
            service_time: Duration::from_micros(850),
            window: Duration::from_secs(2),
            reads: Reads::Log,
        }
    }

    /// The same groups with a quarter of the clients.
    #[must_use]
    pub fn calm(self) -> Self {
        Self { clients_per_group: self.clients_per_group.div_ceil(CALM), ..self }
    }

    /// How many clients there are.
    pub fn clients(&self) -> usize {
        self.groups * self.clients_per_group
    }
}

/// The largest latencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latencies {
    /// In a window in which nothing changes.
    pub quiet: Duration,
    /// In the next window, in which another group joins, of operations on shards that stay where
    /// they are.
    pub unaffected: Duration,
    /// The same, of operations on shards that move.
    pub affected: Duration,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Operations completed in a second of simulated time, with all clients.
    pub ops_per_second: f64,
    /// Latencies with a [quarter](CALM) of them.
    pub latencies: Latencies,
}

/// The measurements of one solution, once it is hidden which.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Operations in a second of simulated time.
    pub throughput: fn(Scale, u64) -> Outcome<f64>,
    /// Latencies when nothing changes, and when a group joins.
    pub latencies: fn(Scale, u64) -> Outcome<Latencies>,
}

impl Measure {
    /// Those of this solution.
    pub fn of<L: Lab4B>() -> Self {
        Self { throughput: throughput::<L>, latencies: latencies::<L> }
    }

    /// A row of the table.
    pub fn row(&self, scale: Scale, seed: u64) -> Outcome<Figures> {
        let ops_per_second = (self.throughput)(scale, seed)?;
        Ok(Figures { ops_per_second, latencies: (self.latencies)(scale.calm(), seed)? })
    }

    /// Doubles the number of clients of one group until that is not worth it any more; the answer is
    /// what each number got out of it. The last but one saturates the group: twice as many got
    /// hardly more.
    pub fn saturate(&self, scale: Scale, seed: u64) -> Outcome<Saturation> {
        let (mut tried, [mut clients, most]) = (Vec::<(usize, f64)>::new(), SEARCHED);
        loop {
            let one = Scale { groups: 1, clients_per_group: clients, ..scale };
            let now = (self.throughput)(one, seed)?;
            let before = tried.last().copied();
            tried.push((clients, now));
            if let Some((clients, before)) = before
                && now < WORTH_DOUBLING * before
            {
                return Ok(Saturation { clients, tried });
            }
            demand!(clients < most, "saturation", "{clients} clients do not saturate a group");
            clients *= 2;
        }
    }
}

/// How many clients saturate a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Saturation {
    /// So many.
    pub clients: usize,
    /// What each number that was tried got out of one group, in operations per second.
    pub tried: Vec<(usize, f64)>,
}

/// A row of the table, for one solution.
pub fn measure<L: Lab4B>(scale: Scale, seed: u64) -> Outcome<Figures> {
    Measure::of::<L>().row(scale, seed)
}

/// What so many clients get out of so many groups: operations in a second of simulated time.
pub fn throughput<L: Lab4B>(scale: Scale, seed: u64) -> Outcome<f64> {
    on_stage::<L, _, _>(scale, seed, async move |stage: Stage<L>| {
        let from = stage.warm_up().await?;
        stage.lab.sleep(scale.window).await;
        let window = stage.ended_in(from, stage.lab.now());
        stage.began_recently(&window, from)?;
        stage.end().await;
        Ok(window.len() as f64 / scale.window.as_secs_f64())
    })
}

/// The latencies that clients see in a window in which nothing changes, and in an equal one in which
/// another group joins.
pub fn latencies<L: Lab4B>(scale: Scale, seed: u64) -> Outcome<Latencies> {
    on_stage::<L, _, _>(scale, seed, async move |stage: Stage<L>| {
        let quiet_from = stage.warm_up().await?;
        stage.lab.sleep(scale.window).await;
        let (change_from, before) = (stage.lab.now(), stage.config.clone());
        stage.lab.join(stage.keeper, &[stage.newcomer]).await?;
        let after = stage.lab.query(stage.keeper, None).await?;
        stage.lab.sleep(scale.window.saturating_sub(stage.lab.now().since(change_from))).await;
        let end = stage.lab.now();
        stage.newcomer_serves(&before, &after).await?;
        stage.end().await;

        let quiet = stage.ended_in(quiet_from, change_from);
        stage.began_recently(&quiet, quiet_from)?;
        let mut change = stage.ended_in(change_from, stage.lab.now());
        change.retain(|it| it.began < end);
        stage.began_recently(&change, change_from)?;
        let (affected, unaffected): (Vec<Done>, Vec<Done>) =
            change.into_iter().partition(|it| before.owner(it.shard) != after.owner(it.shard));
        Ok(Latencies {
            quiet: largest(&quiet)?,
            unaffected: largest(&unaffected)?,
            affected: largest(&affected)?,
        })
    })
}

fn largest(done: &[Done]) -> Outcome<Duration> {
    match done.iter().map(|it| it.ended.since(it.began)).max() {
        Some(latency) => Ok(latency),
        None => fail!("a load", "a column of the table is of no operation at all"),
    }
}

/// An operation that completed.
#[derive(Clone, Copy)]
struct Done {
    shard: Shard,
    began: SimTime,
    ended: SimTime,
}

/// Groups that serve, one that may join, and clients.
struct Stage<L: Lab4B> {
    lab: ShardLab<L>,
    scale: Scale,
    keeper: Keeper,
    newcomer: u64,
    config: Config,
    crowd: Rc<Crowd>,
    clients: RefCell<Vec<Task<()>>>,
}

/// What clients share.
#[derive(Default)]
struct Crowd {
    stop: Cell<bool>,
    /// How many have been served.
    served: Cell<usize>,
    log: RefCell<Vec<Done>>,
}

fn on_stage<L: Lab4B, T: 'static, F: Future<Output = Outcome<T>> + 'static>(
    scale: Scale,
    seed: u64,
    script: impl FnOnce(Stage<L>) -> F + 'static,
) -> Outcome<T> {
    let limits = Limits { time: Duration::from_secs(600), steps: u64::MAX, rate: u64::MAX };
    let plain = Setup::new();
    let config = kvraft::rsm::Config { reads: scale.reads, ..plain.config.clone() };
    let setup = Setup { shards: SHARDS, limits, config, ..plain };
    let lab = ShardLab::<L>::new(setup, seed, Trace::off());
    let result = Rc::new(RefCell::new(None));
    let sink = Rc::clone(&result);
    lab.run(|lab| async move {
        let stage = Stage::set(lab, scale).await?;
        let outcome = script(stage).await?;
        *sink.borrow_mut() = Some(outcome);
        Ok(())
    })?;
    lab.cluster().judge()?;
    Ok(result.take().expect("a script that ends well leaves something"))
}

impl<L: Lab4B> Stage<L> {
    async fn set(lab: ShardLab<L>, scale: Scale) -> Outcome<Self> {
        let gids: Vec<u64> = (0..=scale.groups as u64).map(|group| 100 + group).collect();
        let (&newcomer, first) = gids.split_last().expect("there is a newcomer");
        lab.add_groups(gids.iter().copied());
        let keeper = lab.keeper();
        lab.join(keeper, first).await?;
        // The groups have leaders and their shards before it begins to matter.
        lab.sleep_ms(2_000).await;
        let config = lab.query(keeper, None).await?;
        lab.world(|world| {
            for id in world.ids() {
                world.set_service_time(id, scale.service_time);
            }
        });
        let crowd = Rc::new(Crowd::default());
        let clients = (0..scale.clients() as u32).map(|number| {
            let begins = scale.service_time * BETWEEN_BEGINNINGS * number;
            let shard = Shard::new((u64::from(number) * STRIDE % u64::from(SHARDS)) as u16);
            lab.spawn(client(lab.clone(), shard, begins, Rc::clone(&crowd)))
        });
        let clients = RefCell::new(clients.collect());
        Ok(Self { lab, scale, keeper, newcomer, config, crowd, clients })
    }

    /// Waits until every client has been served and a window is like the one before; the answer is
    /// when that was.
    async fn warm_up(&self) -> Outcome<SimTime> {
        let all = self.scale.clients();
        self.lab.sleep(self.scale.service_time * BETWEEN_BEGINNINGS * all as u32).await;
        let (mut before, mut seen) = (0, self.crowd.log.borrow().len());
        for _ in 0..WARM_UP {
            self.lab.sleep(self.scale.window).await;
            let ended = self.crowd.log.borrow().len();
            let now = ended - seen;
            let is_steady = 20 * now.abs_diff(before) <= now;
            if self.crowd.served.get() == all && is_steady && now > 0 {
                return Ok(self.lab.now());
            }
            (before, seen) = (now, ended);
        }
        let (served, window) = (self.crowd.served.get(), self.scale.window);
        fail!(
            "a steady load",
            "after {WARM_UP} windows of {window:?} {served} of {all} clients have been served, and \
             {before} operations were completed in the last"
        )
    }

    /// Those that ended in a window.
    fn ended_in(&self, from: SimTime, to: SimTime) -> Vec<Done> {
        let log = self.crowd.log.borrow();
        log.iter().filter(|it| it.ended > from && it.ended <= to).copied().collect()
    }

    /// An operation that takes longer than a window says nothing of the window it ended in.
    fn began_recently(&self, counted: &[Done], from: SimTime) -> Outcome {
        let window = self.scale.window;
        let eldest = counted.iter().min_by_key(|it| it.began);
        if let Some(Done { began, ended, shard }) = eldest
            && from.since(*began) > window
        {
            let took = ended.since(*began);
            fail!("a window that is long enough", "{took:?} for {shard}, in one of {window:?}");
        }
        Ok(())
    }

    /// Whether the newcomer has got by now what is to be its own: it is asked for something of each
    /// of the shards while it is cut off from all who had them.
    async fn newcomer_serves(&self, before: &Config, after: &Config) -> Outcome {
        let (lab, newcomer) = (&self.lab, self.newcomer);
        self.cut_off_newcomer(true);
        let moved: Vec<Shard> =
            after.all_shards().filter(|&it| before.owner(it) != after.owner(it)).collect();
        let asked = moved.len();
        let served = Rc::new(Cell::new(0));
        for shard in moved {
            let (lab, served) = (lab.clone(), Rc::clone(&served));
            let task = async move {
                let client = lab.client();
                lab.call(client, KvOp::get(key_of(shard, 0))).await;
                served.set(served.get() + 1);
            };
            self.lab.spawn(task);
        }
        // They have a window for it, as everything has; most of the time it takes far less.
        let until = lab.now() + self.scale.window;
        while served.get() < asked && lab.now() < until {
            lab.sleep_ms(10).await;
        }
        self.cut_off_newcomer(false);
        let (served, window) = (served.get(), self.scale.window);
        demand!(
            served == asked,
            "the newcomer serves",
            "g{newcomer} has {served} of the {asked} shards that are its own {window:?} after it \
             asked to join"
        );
        Ok(())
    }

    fn cut_off_newcomer(&self, cut: bool) {
        let newcomer = self.lab.group(self.newcomer);
        let others = self.lab.groups().into_iter().filter(|(gid, _)| *gid != self.newcomer);
        for other in others.flat_map(|(_, servers)| servers) {
            for &one in &newcomer {
                for (from, to) in [(one, other), (other, one)] {
                    self.lab.world(
                        |world| {
                            if cut { world.cut(from, to) } else { world.mend(from, to) }
                        },
                    );
                }
            }
        }
    }

    /// Has every client end what it is doing.
    async fn end(&self) {
        self.crowd.stop.set(true);
        let clients = self.clients.take();
        for client in clients {
            client.await;
        }
    }
}

/// A key of a shard.
fn key_of(shard: Shard, number: u64) -> String {
    let mut first = (0..SHARDS).map(|it| char::from(b' ' + it as u8));
    let of_shard = |it: &char| shard_of(it.encode_utf8(&mut [0; 1]), usize::from(SHARDS)) == shard;
    let first = first.find(of_shard).expect("each shard has a character");
    format!("{first}{number}")
}

/// Puts and gets of any keys of a shard, without a pause.
async fn client<L: Lab4B>(lab: ShardLab<L>, shard: Shard, begins: Duration, crowd: Rc<Crowd>) {
    lab.sleep(begins).await;
    let (client, mut number, mut is_served) = (lab.client(), 0_u64, false);
    while !crowd.stop.get() {
        let key = key_of(shard, lab.below(4));
        let op = if lab.chance(1, 2) {
            number += 1;
            KvOp::put(key, format!("{}.{number}|", client.number))
        } else {
            KvOp::get(key)
        };
        let began = lab.now();
        lab.call(client, op).await;
        crowd.log.borrow_mut().push(Done { shard, began, ended: lab.now() });
        if !is_served {
            is_served = true;
            crowd.served.set(crowd.served.get() + 1);
        }
    }
}
