//! The key/value store of lab 3: strings under strings.
//!
//! It knows nothing of servers, terms or clients that ask twice: that is [`rsm`](crate::rsm)'s. It
//! only keeps the [`Sessions`], since they are to be in the same snapshot.

use crate::rsm::{Outcome, Service, Sessions};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What can be asked of the store.
///
/// ```
/// use kvraft::kv::Op;
/// let op = Op::Append { key: "x".into(), value: "1".into() };
/// assert_eq!(op.key(), "x");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Op {
    /// The value of a key.
    Get {
        /// The key.
        key: String,
    },
    /// Sets the value of a key.
    Put {
        /// The key.
        key: String,
        /// Its new value.
        value: String,
    },
    /// Adds to the end of a key's value, which is empty if there is none.
    Append {
        /// The key.
        key: String,
        /// What to add.
        value: String,
    },
}

impl Op {
    /// The key that it is about.
    pub fn key(&self) -> &str {
        match self {
            Self::Get { key } | Self::Put { key, .. } | Self::Append { key, .. } => key,
        }
    }
}

/// What the store says.
///
/// ```
/// use kvraft::kv::Reply;
/// assert_ne!(Reply::Value(None), Reply::Value(Some(String::new())), "missing is not empty");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reply {
    /// To a put or an append: it is done.
    Stored,
    /// To a get: the value, if there is one.
    Value(Option<String>),
}

/// The store: the state of one replica.
///
/// ```
/// use kvraft::kv::{Kv, Op, Reply};
/// use kvraft::rsm::{Outcome, Service};
///
/// let mut kv = Kv::default();
/// let get = Op::Get { key: "x".into() };
/// assert_eq!(kv.apply(&get), Outcome::Done(Reply::Value(None)));
/// kv.apply(&Op::Append { key: "x".into(), value: "1".into() });
/// kv.apply(&Op::Append { key: "x".into(), value: "2".into() });
/// assert_eq!(kv.apply(&get), Outcome::Done(Reply::Value(Some("12".into()))));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kv {
    values: BTreeMap<String, String>,
    sessions: Sessions<Reply>,
}

impl Kv {
    /// The value of a key, if it has one. This looks at one replica, which may be behind: it is for
    /// tests and monitors, and no linearizable read.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }
}

/// Does what is asked to a set of keys and their values, of which a store may have several.
pub fn apply(values: &mut BTreeMap<String, String>, op: &Op) -> Reply {
    match op {
        Op::Get { key } => Reply::Value(values.get(key).cloned()),
        Op::Put { key, value } => {
            values.insert(key.clone(), value.clone());
            Reply::Stored
        }
        Op::Append { key, value } => {
            match values.get_mut(key) {
                Some(before) => before.push_str(value),
                None => drop(values.insert(key.clone(), value.clone())),
            }
            Reply::Stored
        }
    }
}

impl Service for Kv {
    type Op = Op;
    type Reply = Reply;

    fn apply(&mut self, op: &Op) -> Outcome<Reply> {
        Outcome::Done(apply(&mut self.values, op))
    }

    fn sessions(&mut self, _: &Op) -> Option<&mut Sessions<Reply>> {
        Some(&mut self.sessions)
    }

    fn is_read(op: &Op) -> bool {
        matches!(op, Op::Get { .. })
    }

    fn save(&self) -> Vec<u8> {
        labgob::encode(self)
    }

    fn load(&mut self, state: &[u8]) -> Result<(), labgob::Error> {
        labgob::decode(state).map(|loaded| *self = loaded)
    }
}
