//! Storms: clients share ten keys without a pause, groups come and go, shards are moved about, and
//! faults of one family come at random. Then there is calm, and everybody is served.

use super::changes::{settle, watch_for};
use super::scenes::wait_for;
use crate::linear::KvOp;
use crate::script::Task;
use crate::shard::{Client, Held, Keeper, Lab4B, ShardLab};
use crate::suites::generic::token;
use crate::{Outcome, demand};
use labrpc::{CrashPoint, Network, NodeId};
use shardkv::Phase;
use shardmaster::{Gid, Shard};
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

/// Who changes the configuration again and again: groups leave and join, at least one stays, and
/// shards move.
struct Changes<L: Lab4B> {
    lab: ShardLab<L>,
    keeper: Keeper,
    here: [bool; GIDS.len()],
    /// How many configurations it has made.
    made: u64,
}

impl<L: Lab4B> Changes<L> {
    /// All groups join.
    async fn begin(lab: &ShardLab<L>) -> Outcome<Self> {
        lab.add_groups(GIDS);
        let keeper = lab.keeper();
        lab.join(keeper, &GIDS).await?;
        Ok(Self { lab: lab.clone(), keeper, here: [true; GIDS.len()], made: 1 })
    }

    /// One more change, or none: a shard may be moved to where it is.
    async fn change(&mut self) -> Outcome {
        let (lab, group) = (&self.lab, self.lab.below(GIDS.len() as u64) as usize);
        let others = (0..GIDS.len()).any(|other| self.here[other] && other != group);
        let is_made = if lab.chance(1, 2) {
            let shard = Shard::new(lab.below(KEYS) as u16);
            self.here[group] && lab.give(self.keeper, shard, GIDS[group]).await?
        } else if !self.here[group] {
            lab.join(self.keeper, &[GIDS[group]]).await?;
            self.here[group] = true;
            true
        } else if others {
            lab.leave(self.keeper, &[GIDS[group]]).await?;
            self.here[group] = false;
            true
        } else {
            false
        };
        self.made += u64::from(is_made);
        Ok(())
    }

    /// Goes on until it is told to stop.
    async fn go_on(mut self, stop: Rc<Cell<bool>>, pause_ms: u64) -> Outcome<Self> {
        while !stop.get() {
            self.change().await?;
            let pause = self.lab.below(pause_ms);
            self.lab.sleep_ms(pause).await;
        }
        Ok(self)
    }
}

/// Clients under load.
struct Load {
    stop: Rc<Cell<bool>>,
    tasks: Vec<Task<()>>,
}

impl Load {
    fn of<L: Lab4B>(lab: &ShardLab<L>, clients: u64) -> Self {
        let stop = Rc::new(Cell::new(false));
        let client = |_| lab.spawn(load(lab.clone(), lab.client(), Rc::clone(&stop)));
        let tasks = (0..clients).map(client).collect();
        Self { stop, tasks }
    }

    /// Every client gets its answer.
    async fn end(self) {
        self.stop.set(true);
        for task in self.tasks {
            task.await;
        }
    }
}

/// Every key can be written and read.
async fn use_all<L: Lab4B>(lab: &ShardLab<L>) {
    let client = lab.client();
    for key in 0..KEYS {
        lab.append(client, &key.to_string(), &token(client.number, key)).await;
        lab.get(client, &key.to_string()).await;
    }
}

/// Runs a storm over `clients` clients, with changes about every half `pause_ms`, in two halves. In
/// between, and when it is over, all servers are up and connected. In between nothing changes for a
/// while, and clients have to come on; in the end every client gets its answer, and every key can
/// be read. How much is done in the storm itself is a matter of luck, and nothing is demanded.
async fn weather<L, F>(
    lab: &ShardLab<L>,
    clients: u64,
    pause_ms: u64,
    storm: impl Fn(ShardLab<L>, u64) -> F,
) -> Outcome
where
    L: Lab4B,
    F: Future<Output = Outcome>,
{
    let mut changes = Changes::begin(lab).await?;
    let load = Load::of(lab, clients);
    for half in 0..2 {
        let stop = Rc::new(Cell::new(false));
        let change = lab.spawn(changes.go_on(Rc::clone(&stop), pause_ms));
        storm(lab.clone(), half).await?;
        let network = lab.cluster().world().network().clone();
        calm(lab);
        stop.set(true);
        changes = change.await?;
        if half == 0 {
            lull(lab).await?;
            lab.set_network(network);
        }
    }
    load.end().await;
    let made = changes.made;
    demand!(made >= 3, "progress", "only {made} configurations were made in the storm");
    use_all(lab).await;
    Ok(())
}

/// How long a lull is, in milliseconds, and how many operations five clients get done in it at the
/// least. The reference does several hundred, and so does one whose groups and clients look for
/// what is new every 100 ms; and this much does one that takes 100 ms for each operation, and a
/// second and a half to come round.
const LULL: (u64, usize) = (3_000, 75);

/// Nothing goes wrong, and nothing changes.
async fn lull<L: Lab4B>(lab: &ShardLab<L>) -> Outcome {
    let (millis, least) = LULL;
    let before = lab.cluster().calls().completed();
    lab.sleep_ms(millis).await;
    let done = lab.cluster().calls().completed() - before;
    demand!(
        done >= least,
        "progress",
        "only {done} operations completed in {millis} ms in which nothing was wrong"
    );
    Ok(())
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
            world.rejoin(one);
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

/// Two of the groups.
fn two_groups<L: Lab4B>(lab: &ShardLab<L>) -> [u64; 2] {
    let (one, further) = (lab.below(3), 1 + lab.below(2));
    [one, one + further].map(|group| GIDS[group as usize % GIDS.len()])
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
    const CONFIGS: u64 = 250;
    let mut changes = Changes::begin(&lab).await?;
    let load = Load::of(&lab, 3);
    while changes.made < CONFIGS {
        changes.change().await?;
        let pause = lab.below(60);
        lab.sleep_ms(pause).await;
    }
    let latest = lab.query(changes.keeper, None).await?.num;
    demand!(
        latest.get() == changes.made,
        "configuration made",
        "{} answers said that one was made, and {latest} is the latest",
        changes.made
    );
    // Groups that take their time are a hundred configurations behind by now.
    let behind = || {
        let held = GIDS.map(|gid| lab.held(gid).map(|held| held.num));
        held.into_iter().flatten().find(|num| *num != latest)
    };
    let before = lab.cluster().calls().completed();
    wait_for(&lab, 80_000, || behind().is_none()).await;
    let late = behind();
    demand!(late.is_none(), "progress", "a group is at {late:?} long after {latest} was made");
    // Nothing changes any more, and so everybody is served.
    load.end().await;
    use_all(&lab).await;
    let done = lab.cluster().calls().completed() - before;
    demand!(done as u64 >= 2 * KEYS, "progress", "only {done} operations completed in the end");
    Ok(())
}

pub(super) async fn server_crashes_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    weather(&lab, 5, 1_500, |lab, _| async move {
        for _ in 0..8 {
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
            let pause = lab.below(700);
            lab.sleep_ms(900 + pause).await;
        }
        Ok(())
    })
    .await
}

pub(super) async fn master_crashes_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    weather(&lab, 5, 800, |lab, _| async move {
        let masters = lab.masters();
        for round in 0..10 {
            for id in masters.iter().copied().filter(|&id| !lab.is_up(id)) {
                lab.restart(id);
            }
            let pause = lab.below(700);
            lab.sleep_ms(400 + pause).await;
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
}

pub(super) async fn partitions_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    weather(&lab, 5, 1_000, |lab, _| async move {
        for round in 0..5 {
            match round % 3 {
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
                    let sides = two_groups(&lab).map(|gid| lab.group(gid));
                    lab.world(|world| world.partition(&sides));
                }
            }
            let pause = lab.below(1_000);
            lab.sleep_ms(200 + pause).await;
            lab.world(labrpc::World::heal);
            let pause = lab.below(400);
            lab.sleep_ms(900 + pause).await;
        }
        Ok(())
    })
    .await
}

/// A moment of a shard's way from one group to another.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// Its owner does not serve it any more.
    Leaves,
    /// Its new owner waits for it.
    IsAwaited,
    /// Its new owner serves it, and the other keeps it.
    HasArrived,
}

const MOMENTS: [Moment; 3] = [Moment::Leaves, Moment::IsAwaited, Moment::HasArrived];

/// Who gives a shard and who takes it that is at this moment of its way, as far as groups show it.
fn under_way<L: Lab4B>(lab: &ShardLab<L>, moment: Moment) -> Option<[u64; 2]> {
    let held: Vec<(u64, Held)> =
        GIDS.iter().filter_map(|&gid| Some((gid, lab.held(gid)?))).collect();
    let leaving = |(gid, held): &(u64, Held)| -> Vec<(u64, Shard)> {
        held.all(Phase::Leaving).map(|shard| (*gid, shard)).collect()
    };
    let phase = |gid: u64, shard: Shard| {
        held.iter().find(|(it, _)| *it == gid).and_then(|(_, held)| held.phase(shard))
    };
    let other = |gid: u64, shard: Shard, phases: &[Phase]| {
        let mut others = GIDS.into_iter().filter(|other| *other != gid);
        others.find(|other| phase(*other, shard).is_some_and(|phase| phases.contains(&phase)))
    };
    match moment {
        Moment::Leaves => held.iter().find_map(|shown| {
            let (giver, shard) = leaving(shown).pop()?;
            Some([giver, shown.1.owners[shard.index()]?.get()])
        }),
        Moment::IsAwaited => held.iter().find_map(|(taker, shown)| {
            let shard = shown.all(Phase::Awaited).next()?;
            Some([other(*taker, shard, &[Phase::Leaving, Phase::Serving])?, *taker])
        }),
        Moment::HasArrived => held
            .iter()
            .flat_map(leaving)
            .find_map(|(giver, shard)| Some([giver, other(giver, shard, &[Phase::Serving])?])),
    }
}

/// How often what was to happen did.
#[derive(Default)]
struct Hits {
    moments: [u32; MOMENTS.len()],
    /// Crashes in the middle of a step that was still to come, and how many of them did.
    armed: u32,
    struck: u32,
}

/// How many things can happen to whoever gives or takes a shard.
const FAULTS: usize = 6;

/// Does something bad to a group, or to what it says to the other; then waits. The answer is
/// whether a crash was put off, and whether it came.
async fn fault<L: Lab4B>(lab: &ShardLab<L>, what: usize, one: u64, other: u64) -> (bool, bool) {
    let (one, other) = (lab.group(one), lab.group(other));
    let (victim, writes) = (a_victim(lab, &one), 1 + lab.below(3) as u32);
    match what {
        0 => lab.crash(victim),
        1 => lab.world(|world| world.crash(victim, CrashPoint::Unsent)),
        2 => lab.world(|world| world.crash(victim, CrashPoint::AfterWrites(writes))),
        3 => one.iter().for_each(|&id| lab.crash(id)),
        4 => lab.world(|world| world.pause(victim)),
        _ => lab.world(|world| {
            for (a, b) in one.iter().flat_map(|a| other.iter().map(move |b| (*a, *b))) {
                world.cut(a, b);
            }
        }),
    }
    let pause = lab.below(400);
    lab.sleep_ms(20 + pause).await;
    (matches!(what, 1 | 2), !lab.is_up(victim))
}

pub(super) async fn migration_faults_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    lab.add_groups(GIDS);
    let (keeper, client) = (lab.keeper(), lab.client());
    lab.join(keeper, &GIDS).await?;
    let load = Load::of(&lab, 3);
    let shows = || GIDS.iter().any(|&gid| lab.held(gid).is_some());
    let mut hits = Hits::default();
    // Every fault at every moment, once to whoever gives and once to whoever takes.
    for round in 0..2 * MOMENTS.len() * FAULTS {
        let (moment, what) = (round % MOMENTS.len(), round / MOMENTS.len() % FAULTS);
        let takers = (round + round / FAULTS) % 2;
        settle(&lab, keeper, 1_000).await?;
        let leaves = any(&lab, &GIDS);
        let is_leave = lab.chance(1, 2);
        if is_leave {
            lab.leave(keeper, &[leaves]).await?;
        } else {
            let shard = Shard::new(lab.below(KEYS) as u16);
            let owner = lab.query(keeper, None).await?.owner(shard);
            let others: Vec<u64> =
                GIDS.into_iter().filter(|gid| owner != Some(Gid::new(*gid))).collect();
            lab.give(keeper, shard, any(&lab, &others)).await?;
        }
        let is_seen = || under_way(&lab, MOMENTS[moment]).is_some();
        if shows() && watch_for(&lab, 1_000, is_seen).await {
            hits.moments[moment] += 1;
        } else if !shows() {
            // A migration takes about a tenth of a second: every moment of it has its turn.
            lab.sleep_ms(5 * round as u64 % 110).await;
        }
        let pair = under_way(&lab, MOMENTS[moment]).unwrap_or_else(|| two_groups(&lab));
        let (is_armed, is_down) = fault(&lab, what, pair[takers], pair[1 - takers]).await;
        hits.armed += u32::from(is_armed);
        hits.struck += u32::from(is_armed && is_down);
        calm(&lab);
        if is_leave {
            lab.join(keeper, &[leaves]).await?;
        }
        let key = lab.below(KEYS);
        lab.append(client, &key.to_string(), &token(client.number, round as u64)).await;
    }
    load.end().await;
    use_all(&lab).await;
    let Hits { moments, armed, struck } = hits;
    for (moment, times) in MOMENTS.iter().zip(moments) {
        demand!(!shows() || times > 0, "script", "no fault came when a shard {moment:?}");
    }
    demand!(2 * struck > armed, "script", "of {armed} crashes in a step only {struck} came");
    Ok(())
}

pub(super) async fn late_messages_4x<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    let late = Rc::new(Cell::new(0));
    weather(&lab, 5, 800, |lab, half| {
        let seen = Rc::clone(&late);
        async move {
            lab.set_network(Network::unreliable().with_late_messages());
            for round in 0..40 {
                if round >= 5 && (half == 0 || seen.get() > 0) {
                    break;
                }
                lab.sleep_ms(800).await;
                let servers = lab.group(any(&lab, &GIDS));
                let victim = a_victim(&lab, &servers);
                // Whatever comes to it in its next life, while nobody can reach it, was sent before.
                lab.world(|world| world.isolate(victim));
                lab.crash(victim);
                lab.sleep_ms(100).await;
                lab.restart(victim);
                lab.sleep_ms(900).await;
                let rpcs = lab.cluster().world().traffic(victim).rpcs_in_this_life;
                seen.set(seen.get() + rpcs);
                lab.world(|world| world.rejoin(victim));
            }
            Ok(())
        }
    })
    .await?;
    let (copies, late) = (lab.cluster().world().totals().copies, late.get());
    demand!(copies > 100, "script", "only {copies} messages were to arrive twice");
    demand!(late > 0, "script", "nothing came to a server that was sent in an earlier life of its");
    Ok(())
}
