//! What a group has of a shard, and how that changes.
//!
//! ```text
//!                       ours, and nobody ever had it
//!  .---------. ---------------------------------------> .---------. nobody's   .--------.
//!  |         |  ours, and     .---------.   install     |         | ---------> |        |
//!  | nothing | -------------> | Awaited | ------------> | Serving |            | Parked |
//!  |         |  another's so  '---------'               |         | <--------- |        |
//!  '---------'  far                                     '---------' ours again '--------'
//!       ^                     .---------.                 |                         |
//!       |        drop         |         |  another's now  |                         |
//!       '-------------------- | Leaving | <---------------'                         |
//!                             |         | <-----------------------------------------'
//!                             '---------'               another's now
//! ```
//!
//! | arrow | is taken when | by |
//! |---|---|---|
//! | *ours, and nobody ever had it*; *ours, and another's so far*; *nobody's*; *ours again*; *another's now* | the group comes to the next configuration | `Store::transition` |
//! | *install* | the group that has it brings it, and this one has come as far | `Store::install` |
//! | *drop* | the group that it was brought to has said that it has it | `Store::drop_shard` |
//!
//! Who has it is not always who serves it: see [`Config::holders`](shardmaster::Config::holders).
//!
//! A group comes to the next configuration only when it has no shard that is awaited or leaving, so
//! that there is one change at a time. What it serves and goes on serving takes no arrow, and no
//! pause. *Install* and *drop* say which configuration they are about; about any other they change
//! nothing, however often and however late they come.

use crate::Reply;
use kvraft::rsm::Sessions;
use labgob::Bytes;
use serde::{Deserialize, Serialize};
use shardmaster::{ConfigNum, Gid, Shard};
use std::collections::BTreeMap;

/// The shard that a key is in: its first byte, modulo the number of shards, as in the labs. The
/// empty key is in shard 0. Of more than 256 shards the others have no keys.
///
/// ```
/// use shardkv::shard_of;
/// use shardmaster::Shard;
/// assert_eq!(shard_of("0", 10), Shard::new(8));
/// assert_eq!(shard_of("", 10), Shard::new(0));
/// ```
///
/// # Panics
/// If there are no shards.
pub fn shard_of(key: &str, shards: usize) -> Shard {
    let first = key.bytes().next().map_or(0, usize::from);
    Shard::new((first % shards) as u16)
}

/// What is in a shard: keys with their values, and who has been served already. The two travel
/// together, or a request that was done at the old owner could be done again at the new one.
///
/// ```
/// use shardkv::Contents;
/// assert!(Contents::default().values.is_empty());
/// assert_eq!(labgob::encode(&Contents::default()), [0, 0], "that is what travels");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The values by key.
    pub values: BTreeMap<String, String>,
    /// Who has been served.
    pub sessions: Sessions<Reply>,
}

/// What a group has of a shard. What it has nothing of has no state.
///
/// ```
/// use shardkv::{Phase, State};
/// use shardmaster::Gid;
/// let state = State::Awaited { from: Gid::new(100) };
/// assert_eq!(state.phase(), Phase::Awaited);
/// assert!(!state.is_settled());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It is the group's, and here. This is the only state in which anything is read or written,
    /// and no two groups ever have a shard in it.
    Serving(Contents),
    /// It is the group's, and has not come yet. Clients are told so.
    Awaited {
        /// Who has it.
        from: Gid,
    },
    /// It is another group's, which may not have it yet. It is not served any more, so that what is
    /// sent, however often, is always the same.
    Leaving {
        /// Whose it is.
        to: Gid,
        /// Since which configuration.
        since: ConfigNum,
        /// Its [`Contents`], encoded.
        contents: Bytes,
    },
    /// It is nobody's, and this group had it last: it is kept for whoever is to serve it next, even
    /// if this group has left. Clients are told that it is not here, for nobody knows when and
    /// where it will be.
    Parked(Contents),
}

/// A [`State`] without what is in the shard, for whoever watches.
///
/// ```
/// use shardkv::{Contents, Phase, State};
/// assert_eq!(State::Serving(Contents::default()).phase(), Phase::Serving);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// See [`State::Serving`].
    Serving,
    /// See [`State::Awaited`].
    Awaited,
    /// See [`State::Leaving`].
    Leaving,
    /// See [`State::Parked`].
    Parked,
}

impl State {
    /// The state without what is in the shard.
    pub fn phase(&self) -> Phase {
        match self {
            Self::Serving(_) => Phase::Serving,
            Self::Awaited { .. } => Phase::Awaited,
            Self::Leaving { .. } => Phase::Leaving,
            Self::Parked(_) => Phase::Parked,
        }
    }

    /// Whether the latest change of configuration is done, as far as this shard is concerned.
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Serving(_) | Self::Parked(_))
    }
}
