//! Configurations: which group serves which shard.

use labrpc::NodeId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A replica group. The labs' gid 0, which means no group, is `None` here.
///
/// ```
/// use shardmaster::Gid;
/// assert_eq!(Gid::new(100).to_string(), "g100");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Gid(u64);

/// A shard: a part of the keys.
///
/// ```
/// use shardmaster::Shard;
/// assert_eq!(Shard::new(3).to_string(), "s3");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Shard(u16);

/// The number of a configuration. The first is 0, in which no group serves anything.
///
/// ```
/// use shardmaster::ConfigNum;
/// assert_eq!(ConfigNum::FIRST.next(), ConfigNum::new(1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConfigNum(u64);

impl Gid {
    /// The group with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Shard {
    /// The shard with this number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Its place in a list with one item per shard.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl ConfigNum {
    /// The number of the first configuration.
    pub const FIRST: Self = Self(0);

    /// The configuration with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number of the configuration after this one.
    ///
    /// # Panics
    /// If there are no more numbers, which no [sound](Config::is_sound) configuration brings about.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

macro_rules! shown {
    ($($type:ty, $sign:literal;)*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($sign, "{}"), self.0)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}
shown! { Gid, "g"; Shard, "s"; ConfigNum, "#"; }

/// A configuration. It never changes; what changes is which is the latest.
///
/// ```
/// use shardmaster::{Config, ConfigNum, Shard};
/// let first = Config::first(10);
/// assert_eq!(first.num, ConfigNum::FIRST);
/// assert_eq!(first.owner(Shard::new(3)), None);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Config {
    /// Its number.
    pub num: ConfigNum,
    /// Which group serves each shard; `None`: none does.
    pub shards: Vec<Option<Gid>>,
    /// Which group has what was written to each shard, as soon as everything that this
    /// configuration asks for is done: the one that serves it or, while none does, the one that did
    /// so last. `None`: nothing was ever written.
    pub holders: Vec<Option<Gid>>,
    /// The servers of each group.
    pub groups: BTreeMap<Gid, Vec<NodeId>>,
}

impl Config {
    /// The configuration before the first group has joined.
    pub fn first(shards: u16) -> Self {
        let nobody = vec![None; usize::from(shards)];
        Self {
            num: ConfigNum::FIRST,
            shards: nobody.clone(),
            holders: nobody,
            groups: BTreeMap::new(),
        }
    }

    /// Which group serves a shard; `None`: none does.
    ///
    /// # Panics
    /// If there is no such shard.
    pub fn owner(&self, shard: Shard) -> Option<Gid> {
        self.shards[shard.index()]
    }

    /// All shards, in order.
    ///
    /// ```
    /// use shardmaster::{Config, Shard};
    /// let shards: Vec<Shard> = Config::first(3).all_shards().collect();
    /// assert_eq!(shards, [0, 1, 2].map(Shard::new));
    /// ```
    pub fn all_shards(&self) -> impl Iterator<Item = Shard> + use<> {
        (0..self.shards.len() as u16).map(Shard)
    }

    /// The shards that a group serves, in order.
    pub fn shards_of(&self, gid: Gid) -> impl Iterator<Item = Shard> + '_ {
        self.all_shards().filter(move |&shard| self.owner(shard) == Some(gid))
    }

    /// Whether a master can have made it: whoever gets a configuration from elsewhere asks this
    /// before anything else, for most of what can be asked of an unsound one is a panic.
    ///
    /// - There are shards, at most 65535 of them, and as many holders.
    /// - Every group has servers, and none is group 0.
    /// - Who serves a shard is among the groups, and holds it.
    /// - It has a number after which there is another.
    ///
    /// ```
    /// use shardmaster::{Config, Gid};
    /// let mut config = Config::first(10);
    /// assert!(config.is_sound());
    /// config.shards[3] = Some(Gid::new(100));
    /// assert!(!config.is_sound(), "nobody knows where group 100 is");
    /// ```
    pub fn is_sound(&self) -> bool {
        let is_known = |gid| self.groups.contains_key(&gid);
        (1..=usize::from(u16::MAX)).contains(&self.shards.len())
            && self.holders.len() == self.shards.len()
            && self.num.0 < u64::MAX
            && self.groups.iter().all(|(gid, servers)| gid.0 != 0 && !servers.is_empty())
            && self.shards.iter().zip(&self.holders).all(|(owner, holder)| {
                owner.is_none_or(|gid| is_known(gid) && *holder == Some(gid))
            })
    }

    /// Whether a master can have made it right after `before`: it is [sound](Config::is_sound), it
    /// has the next number and as many shards, and nothing that was written is forgotten. A shard
    /// that nobody serves is held by whoever held it before.
    ///
    /// ```
    /// use shardmaster::{Config, ConfigNum};
    /// let first = Config::first(10);
    /// assert!(Config { num: ConfigNum::new(1), ..first.clone() }.follows(&first));
    /// assert!(!Config { num: ConfigNum::new(2), ..first.clone() }.follows(&first));
    /// ```
    pub fn follows(&self, before: &Self) -> bool {
        self.is_sound()
            && before.num.0.checked_add(1) == Some(self.num.0)
            && self.shards.len() == before.shards.len()
            && self.holders == held_after(&self.shards, &before.holders)
    }

    /// The configuration after this one, with these groups and owners.
    #[must_use]
    pub(crate) fn followed_by(
        &self,
        groups: BTreeMap<Gid, Vec<NodeId>>,
        shards: Vec<Option<Gid>>,
    ) -> Self {
        let holders = held_after(&shards, &self.holders);
        Self { num: self.num.next(), holders, shards, groups }
    }
}

/// Who holds each shard, if these serve them and those held them before.
fn held_after(shards: &[Option<Gid>], before: &[Option<Gid>]) -> Vec<Option<Gid>> {
    shards.iter().zip(before).map(|(owner, holder)| owner.or(*holder)).collect()
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [", self.num)?;
        for (place, owner) in self.shards.iter().enumerate() {
            let blank = if place == 0 { "" } else { " " };
            match owner {
                Some(gid) => write!(f, "{blank}{}", gid.get())?,
                None => write!(f, "{blank}-")?,
            }
        }
        write!(f, "] {:?}", self.groups)
    }
}
