//! Configurations made by hand, and stores that are asked as a server asks them.

use kvraft::kv;
use kvraft::rsm::{ClientId, Outcome, Past, Seq, Service};
use labgob::Bytes;
use labrpc::NodeId;
use shardkv::{Contents, Op, Phase, Reply, Store};
use shardmaster::{Config, ConfigNum, Gid, Shard};

/// The keys "0" to "3" are one in each shard.
pub const SHARDS: u16 = 4;

/// The servers of group 1 are n10 to n12, those of group 2 n20 to n22, …
pub fn servers(gid: u64) -> Vec<NodeId> {
    (0..3).map(|server| NodeId::new(10 * gid as u16 + server)).collect()
}

/// Configurations from 0 on; each row says who serves each shard from the next on, as in `1 2 - 1`.
pub fn history(rows: &[&str]) -> Vec<Config> {
    let mut all = vec![Config::first(SHARDS)];
    for row in rows {
        let before = all.last().expect("there is a first");
        all.push(next(before, row, servers));
    }
    all
}

/// The configuration after one: what the master makes of these owners.
pub fn next(before: &Config, row: &str, servers: impl Fn(u64) -> Vec<NodeId>) -> Config {
    let owner = |word: &str| (word != "-").then(|| Gid::new(word.parse().expect("a gid")));
    let shards: Vec<Option<Gid>> = row.split(' ').map(owner).collect();
    let holders = shards.iter().zip(&before.holders).map(|(now, was)| now.or(*was)).collect();
    let groups = shards.iter().flatten().map(|gid| (*gid, servers(gid.get()))).collect();
    let config = Config { num: before.num.next(), shards, holders, groups };
    assert!(config.follows(before), "{config:?} after {before:?}");
    config
}

pub fn get(key: &str) -> kv::Op {
    kv::Op::Get { key: key.into() }
}

pub fn append(key: &str, value: &str) -> kv::Op {
    kv::Op::Append { key: key.into(), value: value.into() }
}

pub fn stored() -> Outcome<Reply> {
    Outcome::Done(Reply::Client(kv::Reply::Stored))
}

pub fn value(value: &str) -> Outcome<Reply> {
    let value = (!value.is_empty()).then(|| value.to_string());
    Outcome::Done(Reply::Client(kv::Reply::Value(value)))
}

pub fn wrong_group(num: u64) -> Outcome<Reply> {
    Outcome::Refused(Reply::WrongGroup(ConfigNum::new(num)))
}

/// Contents with these values, encoded, as they travel.
pub fn contents(values: &[(&str, &str)]) -> Bytes {
    let values = values.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    labgob::encode(&Contents { values, ..Contents::default() }).into()
}

/// A store that is looked at after whatever is done to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject(pub Store);

impl Subject {
    pub fn new(gid: u64) -> Self {
        Self(Store::new(Gid::new(gid), SHARDS))
    }

    /// Applies an operation. Whatever would be refused at the door is refused here, in the same
    /// words; a refusal changes nothing; and the state can be saved and loaded.
    pub fn apply(&mut self, op: &Op) -> Outcome<Reply> {
        let before = self.0.clone();
        let at_the_door = before.refuses(op);
        let outcome = self.0.apply(op);
        match (&at_the_door, &outcome) {
            (Some(told), Outcome::Refused(reply)) => assert_eq!(told, reply, "{op:?}"),
            (Some(told), outcome) => panic!("{op:?}: {told:?}, and then {outcome:?}"),
            (None, Outcome::Refused(reply)) => assert_eq!(*reply, Reply::Invalid, "{op:?}"),
            (None, Outcome::Done(_)) => {}
        }
        if matches!(outcome, Outcome::Refused(_)) || Store::is_read(op) {
            assert_eq!(self.0, before, "{op:?}");
        }
        let mut loaded = Store::new(self.0.gid(), SHARDS);
        assert_eq!(loaded.load(&self.0.save()), Ok(()), "after {op:?}: {:?}", self.0);
        assert_eq!(loaded, self.0);
        outcome
    }

    /// A client's operation, as a server does it: once.
    pub fn ask(&mut self, client: u64, seq: u64, op: kv::Op) -> Outcome<Reply> {
        let (client, seq, op) = (ClientId::new(client), Seq::new(seq), Op::Client(op));
        let remembers = !Store::is_read(&op);
        if remembers && let Some(sessions) = self.0.sessions(&op) {
            match sessions.recall(client, seq) {
                Past::New => {}
                Past::Done(reply) => return Outcome::Done(reply.clone()),
                Past::Forgotten => panic!("{client:?} has gone on from {seq:?}"),
            }
        }
        let outcome = self.apply(&op);
        if let Outcome::Done(reply) = &outcome
            && remembers
        {
            let sessions = self.0.sessions(&op).expect("it has been done, so there are sessions");
            sessions.remember(client, seq, reply.clone());
        }
        outcome
    }

    /// What it says of a key.
    pub fn get(&mut self, key: &str) -> Outcome<Reply> {
        self.ask(0, 0, get(key))
    }

    pub fn configure(&mut self, config: &Config) {
        assert_eq!(self.apply(&Op::Configure(config.clone())), Outcome::Done(Reply::Noted));
    }

    pub fn install(&mut self, since: u64, shard: u16, contents: &Bytes) -> Outcome<Reply> {
        let (since, shard) = (ConfigNum::new(since), Shard::new(shard));
        self.apply(&Op::Install { since, shard, contents: contents.clone() })
    }

    pub fn drop_shard(&mut self, since: u64, shard: u16) {
        let (since, shard) = (ConfigNum::new(since), Shard::new(shard));
        assert_eq!(self.apply(&Op::Drop { since, shard }), Outcome::Done(Reply::Noted));
    }

    /// What it would give away of a shard.
    pub fn leaving(&self, shard: u16) -> Bytes {
        let found = self.0.leaving().find(|(it, ..)| *it == Shard::new(shard));
        found.expect("it is leaving").3.clone()
    }

    /// How far it is: a letter for each shard, as in `S.AL`.
    pub fn phases(&self) -> String {
        let letter = |shard| match self.0.phase(Shard::new(shard)) {
            None => '.',
            Some(Phase::Serving) => 'S',
            Some(Phase::Awaited) => 'A',
            Some(Phase::Leaving) => 'L',
            Some(Phase::Parked) => 'P',
        };
        (0..SHARDS).map(letter).collect()
    }

    /// The number of its configuration.
    pub fn num(&self) -> u64 {
        self.0.config().num.get()
    }
}

/// Groups 1 and 2 in the first configuration of a history, with something written to each shard of
/// theirs: `a` to "0", `b` to "1", and so on.
pub fn pair(rows: &[&str]) -> (Subject, Subject, Vec<Config>) {
    let all = history(rows);
    let (mut one, mut two) = (Subject::new(1), Subject::new(2));
    for (gid, store) in [(1, &mut one), (2, &mut two)] {
        store.configure(&all[1]);
        for (shard, text) in (0..).zip(["a", "b", "c", "d"]) {
            if all[1].owner(Shard::new(shard)) == Some(Gid::new(gid)) {
                let seq = 1 + u64::from(shard);
                assert_eq!(store.ask(7, seq, append(&shard.to_string(), text)), stored());
            }
        }
    }
    (one, two, all)
}
