//! The shard master as a service: what can be asked of it, and what comes of it.

use crate::{Config, ConfigNum, Gid, Shard, balance};
use kvraft::rsm::{Outcome, Service, Sessions};
use labrpc::NodeId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What can be asked of the master.
///
/// ```
/// use shardmaster::{Gid, Op, Shard};
/// let op = Op::Move { shard: Shard::new(3), gid: Gid::new(100) };
/// assert_eq!(format!("{op:?}"), "Move { shard: s3, gid: g100 }");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Op {
    /// New groups, each with its servers.
    Join {
        /// The groups.
        groups: BTreeMap<Gid, Vec<NodeId>>,
    },
    /// These groups serve nothing any more.
    Leave {
        /// The groups.
        gids: Vec<Gid>,
    },
    /// One shard is served by this group from now on, whatever the balance, until groups next join
    /// or leave.
    Move {
        /// The shard.
        shard: Shard,
        /// The group.
        gid: Gid,
    },
    /// A configuration: the latest, if no number is given or one that has not been made yet.
    Query {
        /// Its number.
        num: Option<ConfigNum>,
    },
}

/// What the master says.
///
/// ```
/// use shardmaster::{ConfigNum, Problem, Reply};
/// assert_ne!(Reply::Made(ConfigNum::new(1)), Reply::Unchanged(ConfigNum::new(1)));
/// assert_eq!(Problem::NoSuchGroup.to_string(), "there is no such group");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reply {
    /// A new configuration, with this number.
    Made(ConfigNum),
    /// Everything is as it was asked to be already; this is the latest configuration.
    Unchanged(ConfigNum),
    /// To a query.
    Config(Config),
    /// It makes no sense, and nothing has changed.
    Invalid(Problem),
}

/// Why a request makes no sense. If there are several reasons, it is the first in the order of the
/// request.
///
/// ```
/// use shardmaster::Problem;
/// assert_eq!(Problem::NoServers.to_string(), "a group needs servers");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Problem {
    /// A group with the number 0, which the labs have for no group.
    GroupZero,
    /// A group that has joined already.
    AlreadyJoined,
    /// A group without servers.
    NoServers,
    /// A group that has not joined, or has left.
    NoSuchGroup,
    /// A shard that there is not.
    NoSuchShard,
    /// A group that had other servers when it joined before. What was written to its shards is with
    /// those, and nobody could tell the two apart.
    OtherServers,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GroupZero => "gid 0 stands for no group",
            Self::AlreadyJoined => "the group has joined already",
            Self::NoServers => "a group needs servers",
            Self::NoSuchGroup => "there is no such group",
            Self::NoSuchShard => "there is no such shard",
            Self::OtherServers => "the group had other servers before",
        })
    }
}

/// The shard master: all configurations that there have been, and who has been served.
///
/// It is a value like any other service; [`kvraft::rsm::Server`] replicates it. Whatever it is told
/// to do it does in the same way everywhere, so that no two servers ever disagree on a
/// configuration.
///
/// ```
/// use kvraft::rsm::{Outcome, Service};
/// use labrpc::NodeId;
/// use shardmaster::{ConfigNum, Gid, Master, Op, Problem, Reply};
///
/// let mut master = Master::new(10);
/// let groups = [(Gid::new(1), vec![NodeId::new(7)])].into();
/// let join = Op::Join { groups };
/// assert_eq!(master.apply(&join), Outcome::Done(Reply::Made(ConfigNum::new(1))));
/// assert_eq!(master.apply(&join), Outcome::Done(Reply::Invalid(Problem::AlreadyJoined)));
/// assert_eq!(master.latest().shards, [Some(Gid::new(1)); 10]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Master {
    /// All configurations, by number.
    configs: Vec<Config>,
    sessions: Sessions<Reply>,
}

/// As many shards as the labs have.
///
/// ```
/// use shardmaster::{Master, SHARDS};
/// assert_eq!(Master::default().latest().shards.len(), usize::from(SHARDS));
/// ```
pub const SHARDS: u16 = 10;

impl Default for Master {
    fn default() -> Self {
        Self::new(SHARDS)
    }
}

impl Master {
    /// A master of so many shards, which no group has joined.
    ///
    /// # Panics
    /// If there are no shards.
    pub fn new(shards: u16) -> Self {
        assert!(shards > 0, "a master needs shards");
        Self { configs: vec![Config::first(shards)], sessions: Sessions::default() }
    }

    /// The latest configuration.
    pub fn latest(&self) -> &Config {
        self.configs.last().expect("there is a first")
    }

    /// All configurations so far, by number: each is at the place that its number says.
    pub fn configs(&self) -> &[Config] {
        &self.configs
    }

    // Each of these looks at everything before it makes anything, so that a request of which only
    // a part makes sense changes nothing.

    fn join(&self, joining: &BTreeMap<Gid, Vec<NodeId>>) -> Result<Config, Problem> {
        let latest = self.latest();
        for (gid, servers) in joining {
            if gid.get() == 0 {
                return Err(Problem::GroupZero);
            }
            if latest.groups.contains_key(gid) {
                return Err(Problem::AlreadyJoined);
            }
            if servers.is_empty() {
                return Err(Problem::NoServers);
            }
            if self.servers_before(*gid).is_some_and(|before| before != servers) {
                return Err(Problem::OtherServers);
            }
        }
        let mut groups = latest.groups.clone();
        groups.extend(joining.iter().map(|(gid, servers)| (*gid, servers.clone())));
        Ok(self.rebalanced(groups))
    }

    /// The servers of a group when it was last part of a configuration.
    fn servers_before(&self, gid: Gid) -> Option<&Vec<NodeId>> {
        self.configs.iter().rev().find_map(|config| config.groups.get(&gid))
    }

    fn leave(&self, gids: &[Gid]) -> Result<Config, Problem> {
        let mut groups = self.latest().groups.clone();
        for gid in gids {
            if gid.get() == 0 {
                return Err(Problem::GroupZero);
            }
            // Whoever names a group twice means it once.
            if !self.latest().groups.contains_key(gid) {
                return Err(Problem::NoSuchGroup);
            }
            groups.remove(gid);
        }
        Ok(self.rebalanced(groups))
    }

    fn moved(&self, shard: Shard, gid: Gid) -> Result<Config, Problem> {
        let latest = self.latest();
        if shard.index() >= latest.shards.len() {
            return Err(Problem::NoSuchShard);
        }
        if gid.get() == 0 {
            return Err(Problem::GroupZero);
        }
        if !latest.groups.contains_key(&gid) {
            return Err(Problem::NoSuchGroup);
        }
        let mut shards = latest.shards.clone();
        shards[shard.index()] = Some(gid);
        Ok(latest.followed_by(latest.groups.clone(), shards))
    }

    fn rebalanced(&self, groups: BTreeMap<Gid, Vec<NodeId>>) -> Config {
        let latest = self.latest();
        if groups == latest.groups {
            // Nobody joins or leaves: what was moved by hand stays where it is.
            return latest.clone();
        }
        let shards = balance(&latest.shards, groups.keys().copied());
        latest.followed_by(groups, shards)
    }

    /// Takes over a configuration, if it differs from the latest in more than its number.
    fn make(&mut self, config: Result<Config, Problem>) -> Reply {
        let latest = self.latest();
        match config {
            Err(problem) => Reply::Invalid(problem),
            Ok(config) if (&config.shards, &config.groups) == (&latest.shards, &latest.groups) => {
                Reply::Unchanged(latest.num)
            }
            Ok(config) => {
                let num = config.num;
                self.configs.push(config);
                Reply::Made(num)
            }
        }
    }

    fn query(&self, num: Option<ConfigNum>) -> &Config {
        num.and_then(|num| self.configs.get(usize::try_from(num.get()).ok()?))
            .unwrap_or_else(|| self.latest())
    }
}

impl Service for Master {
    type Op = Op;
    type Reply = Reply;

    fn apply(&mut self, op: &Op) -> Outcome<Reply> {
        // A request that makes no sense is answered once and for all, like any other: asked for
        // again it must not find another answer.
        Outcome::Done(match op {
            Op::Join { groups } => self.make(self.join(groups)),
            Op::Leave { gids } => self.make(self.leave(gids)),
            Op::Move { shard, gid } => self.make(self.moved(*shard, *gid)),
            Op::Query { num } => Reply::Config(self.query(*num).clone()),
        })
    }

    fn sessions(&mut self, _: &Op) -> Option<&mut Sessions<Reply>> {
        Some(&mut self.sessions)
    }

    fn is_read(op: &Op) -> bool {
        matches!(op, Op::Query { .. })
    }

    fn save(&self) -> Vec<u8> {
        labgob::encode(self)
    }

    fn load(&mut self, state: &[u8]) -> Result<(), labgob::Error> {
        let loaded: Self = labgob::decode(state)?;
        let begins = loaded.configs.first() == self.configs.first();
        if !begins || !loaded.configs.windows(2).all(|pair| pair[1].follows(&pair[0])) {
            return Err(labgob::Error::Invalid("configurations that no master made".into()));
        }
        *self = loaded;
        Ok(())
    }
}
