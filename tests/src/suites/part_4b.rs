//! Lab 4B: replica groups that give shards to each other.

use super::scenarios;
use crate::linear::KvOp;
use crate::shard::{Client, Keeper, Lab4B, ShardLab, Sharded};
use crate::{Outcome, demand};
use labrpc::Network;
use shardkv::shard_of;
use shardmaster::{Config, Gid};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

scenarios! { "4b", Lab4B => Sharded;
    static_shards_4b: 3 reliable plain ["TestStaticShards" "TestStaticShards5A"]
        "two groups serve half of the shards each, and not the other half";
    rejection_4b: 3 reliable plain ["TestRejection" "TestRejection5A"]
        "a group refuses keys that are not its own, whatever a client believes";
    join_leave_4b: 3 reliable plain ["TestJoinLeave" "TestJoinLeave5B"]
        "shards move to a group that joins, and away from one that leaves";
    snapshot_4b: 3 reliable 1000 ["TestSnapshot" "TestSnapshot5B"]
        "groups join and leave, and all servers come back from snapshots";
    miss_change_4b: 3 reliable 1000 ["TestMissChange" "TestMissChange5B"]
        "a server of each group misses several configurations";
    concurrent1_4b: 3 reliable 100 ["TestConcurrent1" "TestConcurrent1_5B"]
        "clients append while groups join, leave and restart";
    concurrent2_4b: 3 reliable plain ["TestConcurrent2" "TestConcurrent2_5B"]
        "clients append while shards go to and fro, and two groups restart";
    concurrent3_4b: 3 reliable 300
        ["TestConcurrent3" "TestConcurrent3_5B" "TestChallenge1Concurrent"]
        "clients append while all groups restart again and again in the middle of changes";
    unreliable1_4b: 3 unreliable 100 ["TestUnreliable1" "TestUnreliable1_5B"]
        "changes of configuration over a network that loses requests and answers";
    unreliable2_4b: 3 unreliable 100 ["TestUnreliable2" "TestUnreliable2_5B"]
        "the same while clients append";
    unreliable3_4b: 3 unreliable 100 ["TestUnreliable3" "TestUnreliable3_5B"]
        "the same while clients share all keys";
    challenge1_delete_4b: 3 reliable 1 ["TestChallenge1Delete"]
        "a group forgets the shards that it has given away";
    challenge2_unaffected_4b: 3 unreliable 100 ["TestChallenge2Unaffected"]
        "shards that a change does not touch are served while it cannot come to its end";
    challenge2_partial_4b: 3 unreliable 100 ["TestChallenge2Partial"]
        "a shard is served as soon as it has come, though others never will";
}

/// The labs' groups.
const GIDS: [u64; 3] = [100, 101, 102];

/// What should be in the store: a value for each key, which only one client writes.
#[derive(Clone)]
struct Book {
    keys: Rc<Vec<String>>,
    values: Rc<RefCell<Vec<String>>>,
    written: Rc<Cell<u64>>,
    /// How long what is written at once is, at least.
    length: usize,
}

impl Book {
    /// Keys `0` to `n - 1`. One in ten of them is in each shard, if they have one digit.
    fn new(n: usize, length: usize) -> Self {
        Self {
            keys: Rc::new((0..n).map(|key| key.to_string()).collect()),
            values: Rc::new(RefCell::new(vec![String::new(); n])),
            written: Rc::default(),
            length,
        }
    }

    fn all(&self) -> std::ops::Range<usize> {
        0..self.keys.len()
    }

    /// Something that has not been written before.
    fn fresh(&self) -> String {
        self.written.set(self.written.get() + 1);
        format!("{:.<length$}|", self.written.get(), length = self.length.saturating_sub(1))
    }

    fn value(&self, key: usize) -> String {
        self.values.borrow()[key].clone()
    }

    async fn put<L: Lab4B>(&self, lab: &ShardLab<L>, client: Client, key: usize) {
        let value = self.fresh();
        self.values.borrow_mut()[key].clone_from(&value);
        lab.call(client, KvOp::put(self.keys[key].clone(), value)).await;
    }

    async fn append<L: Lab4B>(&self, lab: &ShardLab<L>, client: Client, key: usize) {
        let value = self.fresh();
        self.values.borrow_mut()[key].push_str(&value);
        lab.call(client, KvOp::append(self.keys[key].clone(), value)).await;
    }

    async fn check<L: Lab4B>(&self, lab: &ShardLab<L>, client: Client, key: usize) -> Outcome {
        lab.check(client, &self.keys[key], &self.value(key)).await
    }

    async fn put_all<L: Lab4B>(&self, lab: &ShardLab<L>, client: Client) {
        for key in self.all() {
            self.put(lab, client, key).await;
        }
    }

    async fn check_all<L: Lab4B>(&self, lab: &ShardLab<L>, client: Client) -> Outcome {
        for key in self.all() {
            self.check(lab, client, key).await?;
        }
        Ok(())
    }

    async fn check_and_append_all<L: Lab4B>(&self, lab: &ShardLab<L>, client: Client) -> Outcome {
        for key in self.all() {
            self.check(lab, client, key).await?;
            self.append(lab, client, key).await;
        }
        Ok(())
    }
}

/// The labs' fixture: three groups that have not joined, a client of the master and one of the
/// store.
struct Scene<L: Lab4B> {
    lab: ShardLab<L>,
    keeper: Keeper,
    client: Client,
}

impl<L: Lab4B> Scene<L> {
    fn new(lab: ShardLab<L>) -> Self {
        lab.add_groups(GIDS);
        Self { keeper: lab.keeper(), client: lab.client(), lab }
    }

    async fn join(&self, groups: &[usize]) -> Outcome {
        let gids: Vec<u64> = groups.iter().map(|&group| GIDS[group]).collect();
        self.lab.join(self.keeper, &gids).await.map(drop)
    }

    async fn leave(&self, groups: &[usize]) -> Outcome {
        let gids: Vec<u64> = groups.iter().map(|&group| GIDS[group]).collect();
        self.lab.leave(self.keeper, &gids).await.map(drop)
    }

    /// Groups that join one after the other.
    async fn join_each(&self, groups: &[usize]) -> Outcome {
        for &group in groups {
            self.join(&[group]).await?;
        }
        Ok(())
    }

    async fn leave_each(&self, groups: &[usize]) -> Outcome {
        for &group in groups {
            self.leave(&[group]).await?;
        }
        Ok(())
    }

    fn crash(&self, groups: &[usize]) {
        for &group in groups {
            self.lab.crash_group(GIDS[group]);
        }
    }

    fn restart(&self, groups: &[usize]) {
        for &group in groups {
            self.lab.restart_group(GIDS[group]);
        }
    }

    async fn config(&self) -> Outcome<Config> {
        self.lab.query(self.keeper, None).await
    }

    /// Clients that append, each to its own key, until they are told to stop.
    fn writers(&self, book: &Book, pause_ms: u64) -> Writers {
        let done = Rc::new(Cell::new(false));
        let tasks = book.all().map(|key| {
            let (lab, book, done) = (self.lab.clone(), book.clone(), Rc::clone(&done));
            let client = lab.client();
            self.lab.spawn(async move {
                while !done.get() {
                    book.append(&lab, client, key).await;
                    lab.sleep_ms(pause_ms).await;
                }
            })
        });
        Writers { tasks: tasks.collect(), done }
    }

    /// Gets of all keys at once, by clients of their own, until nothing has come for two seconds;
    /// the answer is how many came.
    async fn count_served(&self, book: &Book, master: usize) -> Outcome<usize> {
        let (served, wrong) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Vec::new())));
        for key in book.all() {
            let (lab, book, client) = (self.lab.clone(), book.clone(), self.lab.client_of(master));
            let (served, wrong) = (Rc::clone(&served), Rc::clone(&wrong));
            self.lab.spawn(async move {
                if let Err(failure) = book.check(&lab, client, key).await {
                    wrong.borrow_mut().push(failure);
                }
                served.set(served.get() + 1);
            });
        }
        let mut before = usize::MAX;
        while before != served.get() {
            before = served.get();
            self.lab.sleep_ms(2_000).await;
        }
        match wrong.borrow_mut().pop() {
            Some(failure) => Err(failure),
            None => Ok(before),
        }
    }
}

struct Writers {
    tasks: Vec<crate::script::Task<()>>,
    done: Rc<Cell<bool>>,
}

impl Writers {
    async fn stop(self) {
        self.done.set(true);
        for task in self.tasks {
            task.await;
        }
    }
}

async fn static_shards_4b<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    let (scene, book) = (Scene::new(lab.clone()), Book::new(10, 20));
    scene.join_each(&[0, 1]).await?;
    book.put_all(&lab, scene.client).await;
    book.check_all(&lab, scene.client).await?;
    scene.crash(&[1]);
    lab.check_disks()?;
    let served = scene.count_served(&book, 0).await?;
    demand!(
        served == 5,
        "half of the shards",
        "{served} of ten keys are served by one of two groups"
    );
    scene.restart(&[1]);
    book.check_all(&lab, scene.client).await
}

async fn rejection_4b<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    let (scene, book) = (Scene::new(lab.clone()), Book::new(10, 20));
    scene.join_each(&[0, 1]).await?;
    book.put_all(&lab, scene.client).await;
    book.check_all(&lab, scene.client).await?;
    // A master of whom no group knows, and who knows of only one.
    let liar = lab.add_master();
    lab.join(lab.keeper_of(liar), &[GIDS[0]]).await?;
    let served = scene.count_served(&book, liar).await?;
    demand!(
        served == 5,
        "half of the shards",
        "{served} of ten keys are served by one of two groups"
    );
    Ok(())
}

async fn join_leave_4b<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    let (scene, book) = (Scene::new(lab.clone()), Book::new(10, 5));
    scene.join(&[0]).await?;
    book.put_all(&lab, scene.client).await;
    book.check_all(&lab, scene.client).await?;
    scene.join(&[1]).await?;
    book.check_and_append_all(&lab, scene.client).await?;
    scene.leave(&[0]).await?;
    book.check_and_append_all(&lab, scene.client).await?;
    lab.sleep_ms(1_000).await;
    lab.check_disks()?;
    scene.crash(&[0]);
    book.check_all(&lab, scene.client).await
}

async fn snapshot_4b<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    let (scene, book) = (Scene::new(lab.clone()), Book::new(30, 20));
    scene.join(&[0]).await?;
    book.put_all(&lab, scene.client).await;
    book.check_all(&lab, scene.client).await?;
    scene.join_each(&[1, 2]).await?;
    scene.leave(&[0]).await?;
    book.check_and_append_all(&lab, scene.client).await?;
    scene.leave(&[1]).await?;
    scene.join(&[0]).await?;
    book.check_and_append_all(&lab, scene.client).await?;
    lab.sleep_ms(1_000).await;
    book.check_all(&lab, scene.client).await?;
    lab.sleep_ms(1_000).await;
    lab.check_disks()?;
    scene.crash(&[0, 1, 2]);
    scene.restart(&[0, 1, 2]);
    book.check_all(&lab, scene.client).await
}

async fn miss_change_4b<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    let (scene, book) = (Scene::new(lab.clone()), Book::new(10, 20));
    let each = |server: usize| GIDS.map(|gid| lab.group(gid)[server]);
    scene.join(&[0]).await?;
    book.put_all(&lab, scene.client).await;
    book.check_all(&lab, scene.client).await?;
    scene.join(&[1]).await?;
    for server in each(0) {
        lab.crash(server);
    }
    scene.join(&[2]).await?;
    scene.leave_each(&[1, 0]).await?;
    book.check_and_append_all(&lab, scene.client).await?;
    scene.join(&[1]).await?;
    book.check_and_append_all(&lab, scene.client).await?;
    for server in each(0) {
        lab.restart(server);
    }
    book.check_and_append_all(&lab, scene.client).await?;
    lab.sleep_ms(2_000).await;
    for server in each(1) {
        lab.crash(server);
    }
    scene.join(&[0]).await?;
    scene.leave(&[2]).await?;
    book.check_and_append_all(&lab, scene.client).await?;
    for server in each(1) {
        lab.restart(server);
    }
    book.check_all(&lab, scene.client).await
}

async fn concurrent1_4b<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    let (scene, book) = (Scene::new(lab.clone()), Book::new(10, 5));
    scene.join(&[0]).await?;
    book.put_all(&lab, scene.client).await;
    let writers = scene.writers(&book, 10);
    lab.sleep_ms(150).await;
    scene.join(&[1]).await?;
    lab.sleep_ms(500).await;
    scene.join(&[2]).await?;
    lab.sleep_ms(500).await;
    scene.leave(&[0]).await?;
    scene.crash(&[0]);
    lab.sleep_ms(100).await;
    scene.crash(&[1]);
    lab.sleep_ms(100).await;
    scene.crash(&[2]);
    scene.leave(&[2]).await?;
    lab.sleep_ms(100).await;
    scene.restart(&[0, 1, 2]);
    lab.sleep_ms(100).await;
    scene.join(&[0]).await?;
    scene.leave(&[1]).await?;
    lab.sleep_ms(500).await;
    scene.join(&[1]).await?;
    lab.sleep_ms(1_000).await;
    writers.stop().await;
    book.check_all(&lab, scene.client).await
}

async fn concurrent2_4b<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    let (scene, book) = (Scene::new(lab.clone()), Book::new(10, 1));
    scene.join_each(&[1, 0, 2]).await?;
    book.put_all(&lab, scene.client).await;
    let writers = scene.writers(&book, 50);
    scene.leave_each(&[0, 2]).await?;
    lab.sleep_ms(3_000).await;
    scene.join_each(&[0, 2]).await?;
    scene.leave(&[1]).await?;
    lab.sleep_ms(3_000).await;
    scene.join(&[1]).await?;
    scene.leave_each(&[0, 2]).await?;
    lab.sleep_ms(3_000).await;
    scene.crash(&[1, 2]);
    lab.sleep_ms(1_000).await;
    scene.restart(&[1, 2]);
    lab.sleep_ms(2_000).await;
    writers.stop().await;
    book.check_all(&lab, scene.client).await
}

async fn concurrent3_4b<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    let (scene, book) = (Scene::new(lab.clone()), Book::new(10, 1));
    scene.join(&[0]).await?;
    book.put_all(&lab, scene.client).await;
    let writers = scene.writers(&book, 0);
    let pause = || {
        let millis = lab.below(900);
        lab.sleep_ms(millis)
    };
    let began = lab.now();
    while lab.now().since(began).as_secs() < 12 {
        scene.join_each(&[2, 1]).await?;
        pause().await;
        scene.crash(&[0, 1, 2]);
        scene.restart(&[0, 1, 2]);
        pause().await;
        scene.leave_each(&[1, 2]).await?;
        pause().await;
    }
    lab.sleep_ms(2_000).await;
    writers.stop().await;
    book.check_all(&lab, scene.client).await
}

async fn unreliable1_4b<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    let (scene, book) = (Scene::new(lab.clone()), Book::new(10, 5));
    scene.join(&[0]).await?;
    book.put_all(&lab, scene.client).await;
    scene.join_each(&[1, 2]).await?;
    scene.leave(&[0]).await?;
    for _ in 0..2 {
        book.check_and_append_all(&lab, scene.client).await?;
    }
    scene.join(&[0]).await?;
    scene.leave(&[1]).await?;
    for _ in 0..2 {
        book.check_all(&lab, scene.client).await?;
    }
    lab.check_disks()
}

/// What `unreliable2` and `unreliable3` do meanwhile.
async fn restless_groups<L: Lab4B>(scene: &Scene<L>) -> Outcome {
    let lab = &scene.lab;
    lab.sleep_ms(150).await;
    scene.join(&[1]).await?;
    lab.sleep_ms(500).await;
    scene.join(&[2]).await?;
    lab.sleep_ms(500).await;
    scene.leave(&[0]).await?;
    lab.sleep_ms(500).await;
    scene.leave(&[1]).await?;
    lab.sleep_ms(500).await;
    scene.join_each(&[1, 0]).await?;
    lab.sleep_ms(2_000).await;
    Ok(())
}

async fn unreliable2_4b<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    let (scene, book) = (Scene::new(lab.clone()), Book::new(10, 5));
    scene.join(&[0]).await?;
    book.put_all(&lab, scene.client).await;
    let writers = scene.writers(&book, 0);
    restless_groups(&scene).await?;
    lab.set_network(Network::reliable());
    writers.stop().await;
    book.check_all(&lab, scene.client).await
}

async fn unreliable3_4b<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    let (scene, book) = (Scene::new(lab.clone()), Book::new(10, 5));
    scene.join(&[0]).await?;
    book.put_all(&lab, scene.client).await;
    let done = Rc::new(Cell::new(false));
    let clients: Vec<_> = book
        .all()
        .map(|_| {
            let (lab, book, done) = (lab.clone(), book.clone(), Rc::clone(&done));
            let client = lab.client();
            lab.clone().spawn(async move {
                while !done.get() {
                    let key = lab.below(book.keys.len() as u64).to_string();
                    let op = if lab.chance(1, 2) {
                        KvOp::append(key, book.fresh())
                    } else if lab.chance(1, 10) {
                        KvOp::put(key, book.fresh())
                    } else {
                        KvOp::get(key)
                    };
                    lab.call(client, op).await;
                }
            })
        })
        .collect();
    restless_groups(&scene).await?;
    lab.set_network(Network::reliable());
    done.set(true);
    for client in clients {
        client.await;
    }
    lab.check_disks()
}

async fn challenge1_delete_4b<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    const KEYS: usize = 30;
    const LENGTH: usize = 1_000;
    let (scene, book) = (Scene::new(lab.clone()), Book::new(KEYS, LENGTH));
    scene.join(&[0]).await?;
    book.put_all(&lab, scene.client).await;
    let check_three = async || {
        for key in 0..3 {
            book.check(&lab, scene.client, key).await?;
        }
        Ok(())
    };
    check_three().await?;
    for _ in 0..2 {
        scene.join(&[1]).await?;
        scene.leave(&[0]).await?;
        scene.join(&[2]).await?;
        lab.sleep_ms(3_000).await;
        check_three().await?;
        scene.leave(&[1]).await?;
        scene.join(&[0]).await?;
        scene.leave(&[2]).await?;
        lab.sleep_ms(3_000).await;
        check_three().await?;
    }
    scene.join_each(&[1, 2]).await?;
    for _ in 0..3 {
        lab.sleep_ms(1_000).await;
        check_three().await?;
    }
    let (bytes, most) = (lab.bytes_kept(), most_bytes(KEYS, LENGTH));
    demand!(bytes <= most, "deletes", "{bytes} bytes are kept by nine servers, more than {most}");
    book.check_all(&lab, scene.client).await
}

/// What three servers for each key may keep: every value once, those of three keys twice, and what
/// else there is to keep. The labs allow 6,000 bytes for that, in a codec that takes three times as
/// many as ours.
fn most_bytes(keys: usize, length: usize) -> usize {
    3 * ((keys - 3) * length + 2 * 3 * length + 2_000)
}

/// The keys of this book whose shard a group serves.
fn keys_of(book: &Book, config: &Config, group: usize) -> Vec<usize> {
    let owner = |key: &usize| config.owner(shard_of(&book.keys[*key], config.shards.len()));
    book.all().filter(|key| owner(key) == Some(Gid::new(GIDS[group]))).collect()
}

async fn challenge2_unaffected_4b<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    let (scene, book) = (Scene::new(lab.clone()), Book::new(10, 3));
    scene.join(&[0]).await?;
    book.put_all(&lab, scene.client).await;
    scene.join(&[1]).await?;
    let owned = keys_of(&book, &scene.config().await?, 1);
    demand!(owned.len() == 5, "balance", "the second of two groups has {} shards", owned.len());
    lab.sleep_ms(1_000).await;
    // Who asks the master first is served by the new owner alone, and so knows that a shard has come.
    let newcomer = lab.client();
    for &key in &owned {
        book.put(&lab, newcomer, key).await;
    }
    // Its shards will never come to the other group, and that must not matter.
    scene.crash(&[0]);
    scene.leave(&[0]).await?;
    lab.sleep_ms(1_000).await;
    for &key in &owned {
        book.check(&lab, scene.client, key).await?;
        book.put(&lab, scene.client, key).await;
        book.check(&lab, scene.client, key).await?;
    }
    Ok(())
}

async fn challenge2_partial_4b<L: Lab4B>(lab: ShardLab<L>) -> Outcome {
    let (scene, book) = (Scene::new(lab.clone()), Book::new(10, 3));
    scene.join(&[0, 1, 2]).await?;
    lab.sleep_ms(1_000).await;
    book.put_all(&lab, scene.client).await;
    let owned = keys_of(&book, &scene.config().await?, 2);
    demand!(owned.len() >= 3, "balance", "the last of three groups has {} shards", owned.len());
    scene.crash(&[0]);
    scene.leave(&[0, 2]).await?;
    lab.sleep_ms(1_000).await;
    // They have come from group 2; those of group 0 never will.
    for &key in &owned {
        book.check(&lab, scene.client, key).await?;
        book.put(&lab, scene.client, key).await;
        book.check(&lab, scene.client, key).await?;
    }
    Ok(())
}
