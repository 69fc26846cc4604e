//! A group's part of the store, as a replicated service.

use crate::shard::{Contents, Phase, State, shard_of};
use kvraft::kv;
use kvraft::rsm::{Outcome, Service, Sessions};
use labgob::Bytes;
use serde::{Deserialize, Serialize};
use shardmaster::{Config, ConfigNum, Gid, Shard};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// What goes into a group's log.
///
/// [`Configure`](Op::Configure) and [`Drop`](Op::Drop) are the group's own: no client can ask for
/// them. An [`Install`](Op::Install) comes from another group, as a client's request.
///
/// ```
/// use kvraft::kv;
/// use kvraft::rsm::Service;
/// use shardkv::{Op, Store};
/// assert!(Store::is_read(&Op::Client(kv::Op::Get { key: "x".into() })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// What a client asks for.
    Client(kv::Op),
    /// The next configuration.
    Configure(Config),
    /// A shard that another group has given away: what that group's leader asks for.
    Install {
        /// Since which configuration it is this group's.
        since: ConfigNum,
        /// The shard.
        shard: Shard,
        /// Its [`Contents`], encoded.
        contents: Bytes,
    },
    /// A shard has arrived at its new owner, and need not be kept.
    Drop {
        /// Since which configuration it is the other's.
        since: ConfigNum,
        /// The shard.
        shard: Shard,
    },
}

/// What a group says.
///
/// ```
/// use kvraft::rsm::{Outcome, Service};
/// use shardkv::{Op, Reply, Store};
/// use shardmaster::{ConfigNum, Gid, Shard};
/// let mut store = Store::new(Gid::new(100), 10);
/// let (since, shard, contents) = (ConfigNum::new(1), Shard::new(0), b"".into());
/// let install = Op::Install { since, shard, contents };
/// assert_eq!(store.apply(&install), Outcome::Refused(Reply::Behind));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// To a client.
    Client(kv::Reply),
    /// To a client: the key is in a shard of another group, or of none, in this configuration,
    /// which is the latest that the group has come to. It should ask the master.
    WrongGroup(ConfigNum),
    /// To a client: the key is in a shard of this group that has not come yet. It should ask again.
    NotYet,
    /// To a group: the shard is here for good, or was; the group need not keep it.
    Installed,
    /// To a group: this one has not come to that configuration yet.
    Behind,
    /// To the group itself.
    Noted,
    /// To a group: this is no shard that it can have for this one.
    Invalid,
}

/// A group's part of the store: the state of one replica.
///
/// ```
/// use kvraft::kv;
/// use kvraft::rsm::{Outcome, Service};
/// use labrpc::NodeId;
/// use shardkv::{Op, Reply, Store};
/// use shardmaster::{ConfigNum, Gid, Master};
///
/// let (mut master, mut store) = (Master::new(10), Store::new(Gid::new(100), 10));
/// let get = Op::Client(kv::Op::Get { key: "x".into() });
/// assert_eq!(store.apply(&get), Outcome::Refused(Reply::WrongGroup(ConfigNum::FIRST)));
///
/// let groups = [(Gid::new(100), vec![NodeId::new(7)])].into();
/// master.apply(&shardmaster::Op::Join { groups });
/// store.apply(&Op::Configure(master.latest().clone()));
/// assert_eq!(store.apply(&get), Outcome::Done(Reply::Client(kv::Reply::Value(None))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    gid: Gid,
    config: Config,
    shards: BTreeMap<Shard, State>,
}

impl Store {
    /// The part of a group that has none yet, of a store with so many shards.
    ///
    /// # Panics
    /// If there are no shards.
    pub fn new(gid: Gid, shards: u16) -> Self {
        assert!(shards > 0, "a store needs shards");
        Self { gid, config: Config::first(shards), shards: BTreeMap::new() }
    }

    /// Whose part it is.
    pub fn gid(&self) -> Gid {
        self.gid
    }

    /// The configuration that it has come to.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What it has of each shard, if it has anything.
    pub fn shards(&self) -> &BTreeMap<Shard, State> {
        &self.shards
    }

    /// How far it is with a shard, if it has anything of it.
    pub fn phase(&self, shard: Shard) -> Option<Phase> {
        self.shards.get(&shard).map(State::phase)
    }

    /// Whether it can go on to the next configuration: no shard is on its way.
    pub fn is_settled(&self) -> bool {
        self.shards.values().all(State::is_settled)
    }

    /// The shards that it has to give away: to whom, since which configuration, and what.
    pub fn leaving(&self) -> impl Iterator<Item = (Shard, Gid, ConfigNum, &Bytes)> {
        self.shards.iter().filter_map(|(shard, state)| match state {
            State::Leaving { to, since, contents } => Some((*shard, *to, *since, contents)),
            _ => None,
        })
    }

    fn shard_of(&self, key: &str) -> Shard {
        shard_of(key, self.config.shards.len())
    }

    /// What it says to a client whose key it does not serve.
    fn refusal(&self, shard: Shard) -> Reply {
        match self.shards.get(&shard) {
            Some(State::Awaited { .. }) => Reply::NotYet,
            _ => Reply::WrongGroup(self.config.num),
        }
    }

    // ---- what the log says -------------------------------------------------------------------

    fn configure(&mut self, next: &Config) {
        // 1. A leader proposes a configuration, and is deposed. 2. The next one does not know, and
        // proposes it again. 3. Both entries are committed. The second changes nothing.
        if !next.follows(&self.config) || !self.is_settled() {
            return;
        }
        for shard in self.config.all_shards() {
            let state = self.shards.remove(&shard);
            let state = self.transition(next, shard, state);
            self.shards.extend(state.map(|state| (shard, state)));
        }
        self.config = next.clone();
    }

    /// What becomes of a shard in the next configuration: the diagram in `shard`.
    fn transition(&self, next: &Config, shard: Shard, state: Option<State>) -> Option<State> {
        let (owner, holder) = (next.owner(shard), self.config.holders[shard.index()]);
        assert!(state.is_some() || holder != Some(self.gid), "{} has lost {shard}", self.gid);
        match state {
            None if owner != Some(self.gid) => None,
            None => Some(match holder {
                Some(from) => State::Awaited { from },
                // Nobody has ever had it, so there is nobody to ask.
                None => State::Serving(Contents::default()),
            }),
            Some(State::Serving(contents) | State::Parked(contents)) => Some(match owner {
                None => State::Parked(contents),
                Some(owner) if owner == self.gid => State::Serving(contents),
                Some(to) => {
                    let contents = Bytes::from(labgob::encode(&contents));
                    State::Leaving { to, since: next.num, contents }
                }
            }),
            Some(State::Awaited { .. } | State::Leaving { .. }) => {
                unreachable!("{shard} of {} is on its way in {}", self.gid, self.config.num)
            }
        }
    }

    /// A shard arrives. It counts once:
    ///
    /// 1. A's leader asks B to install a shard, B does, and the answer gets lost;
    /// 2. a client writes to the shard at B;
    /// 3. A's leader, or its next one, asks again. If B took that for the shard, it would undo what
    ///    the client has written.
    ///
    /// The number of the configuration does not tell the two apart, and so the state has to.
    fn install(&mut self, since: ConfigNum, shard: Shard, contents: &Bytes) -> Outcome<Reply> {
        if let Some(reply) = self.refusal_to_install(since, shard) {
            return Outcome::Refused(reply);
        }
        match self.unpacked(shard, contents) {
            Some(contents) => {
                self.shards.insert(shard, State::Serving(contents));
                Outcome::Done(Reply::Installed)
            }
            None => Outcome::Refused(Reply::Invalid),
        }
    }

    /// What it says to a group that brings a shard which this one does not wait for. It is true for
    /// good but for [`Reply::Behind`], which is why the leader can say it without an entry in the
    /// log: what it has applied is committed.
    fn refusal_to_install(&self, since: ConfigNum, shard: Shard) -> Option<Reply> {
        match since.cmp(&self.config.num) {
            Ordering::Greater => Some(Reply::Behind),
            // It could not have come past that configuration without.
            Ordering::Less => Some(Reply::Installed),
            Ordering::Equal => match self.phase(shard) {
                Some(Phase::Awaited) => None,
                Some(Phase::Serving) => Some(Reply::Installed),
                // Nobody who knows this configuration would bring it here, and whoever does had
                // better keep it.
                Some(Phase::Leaving | Phase::Parked) | None => Some(Reply::Invalid),
            },
        }
    }

    /// What is in a shard, if these are the bytes of one.
    fn unpacked(&self, shard: Shard, contents: &[u8]) -> Option<Contents> {
        labgob::decode(contents).ok().filter(|contents| self.fits(shard, contents))
    }

    fn fits(&self, shard: Shard, contents: &Contents) -> bool {
        contents.values.keys().all(|key| self.shard_of(key) == shard)
    }

    fn drop_shard(&mut self, dropped: ConfigNum, shard: Shard) {
        // 1. A leader has a shard dropped, and so does the next one. 2. Between the two entries the
        // shard comes back, and leaves a second time. What the second entry means has gone already.
        if let Some(State::Leaving { since, .. }) = self.shards.get(&shard)
            && *since == dropped
        {
            self.shards.remove(&shard);
        }
    }

    /// Whether a state is one that its log can have brought about.
    fn is_sound(&self) -> bool {
        let shards = self.config.shards.len();
        self.config.is_sound()
            && self.shards.keys().all(|shard| shard.index() < shards)
            && self.config.all_shards().all(|shard| self.is_in_place(shard))
    }

    /// Whether what it has of a shard is what its configuration asks for.
    fn is_in_place(&self, shard: Shard) -> bool {
        let (me, holder) = (Some(self.gid), self.config.holders[shard.index()]);
        let owner = self.config.owner(shard);
        match self.shards.get(&shard) {
            None => holder != me,
            Some(State::Serving(contents)) => owner == me && self.fits(shard, contents),
            Some(State::Awaited { from }) => owner == me && *from != self.gid,
            Some(State::Leaving { to, since, contents }) => {
                owner == Some(*to)
                    && owner != me
                    && *since == self.config.num
                    && self.unpacked(shard, contents).is_some()
            }
            Some(State::Parked(contents)) => {
                owner.is_none() && holder == me && self.fits(shard, contents)
            }
        }
    }
}

impl Service for Store {
    type Op = Op;
    type Reply = Reply;

    fn apply(&mut self, op: &Op) -> Outcome<Reply> {
        match op {
            Op::Client(op) => {
                let shard = self.shard_of(op.key());
                match self.shards.get_mut(&shard) {
                    Some(State::Serving(contents)) => {
                        Outcome::Done(Reply::Client(kv::apply(&mut contents.values, op)))
                    }
                    _ => Outcome::Refused(self.refusal(shard)),
                }
            }
            Op::Configure(config) => {
                self.configure(config);
                Outcome::Done(Reply::Noted)
            }
            Op::Install { since, shard, contents } => self.install(*since, *shard, contents),
            Op::Drop { since, shard } => {
                self.drop_shard(*since, *shard);
                Outcome::Done(Reply::Noted)
            }
        }
    }

    fn sessions(&mut self, op: &Op) -> Option<&mut Sessions<Reply>> {
        let Op::Client(op) = op else { return None };
        let shard = self.shard_of(op.key());
        match self.shards.get_mut(&shard) {
            Some(State::Serving(contents)) => Some(&mut contents.sessions),
            _ => None,
        }
    }

    fn is_read(op: &Op) -> bool {
        matches!(op, Op::Client(kv::Op::Get { .. }))
    }

    fn refuses(&self, op: &Op) -> Option<Reply> {
        match op {
            Op::Client(op) => {
                let shard = self.shard_of(op.key());
                let is_served = self.phase(shard) == Some(Phase::Serving);
                (!is_served).then(|| self.refusal(shard))
            }
            Op::Install { since, shard, .. } => self.refusal_to_install(*since, *shard),
            Op::Configure(_) | Op::Drop { .. } => None,
        }
    }

    fn save(&self) -> Vec<u8> {
        labgob::encode(self)
    }

    fn load(&mut self, state: &[u8]) -> Result<(), labgob::Error> {
        let loaded: Self = labgob::decode(state)?;
        let shards = loaded.config.shards.len();
        let is_mine = (loaded.gid, shards) == (self.gid, self.config.shards.len());
        if !is_mine || !loaded.is_sound() {
            return Err(labgob::Error::Invalid(format!("no state of {}", self.gid)));
        }
        *self = loaded;
        Ok(())
    }
}
