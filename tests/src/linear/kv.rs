//! The labs' key/value store: get, put and append of strings.

use super::text::Text;
use super::{Model, Operation};
use std::borrow::Cow;
use std::fmt;

/// What a client of the key/value store asks for.
///
/// ```
/// use tests::linear::KvOp;
/// assert_eq!(KvOp::append("k", "x"), KvOp::Append { key: "k".into(), value: "x".into() });
/// assert_eq!(KvOp::get("k").key(), "k");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvOp {
    /// The value of `key`, which is empty before anything is written.
    Get {
        /// The key.
        key: String,
    },
    /// `value` replaces what `key` had.
    Put {
        /// The key.
        key: String,
        /// Its new value.
        value: String,
    },
    /// `value` is added at the end of what `key` has.
    Append {
        /// The key.
        key: String,
        /// What is added to its value.
        value: String,
    },
}

impl KvOp {
    /// A get.
    pub fn get(key: impl Into<String>) -> Self {
        Self::Get { key: key.into() }
    }

    /// A put.
    pub fn put(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Put { key: key.into(), value: value.into() }
    }

    /// An append.
    pub fn append(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Append { key: key.into(), value: value.into() }
    }

    /// The key it is about.
    pub fn key(&self) -> &str {
        match self {
            Self::Get { key } | Self::Put { key, .. } | Self::Append { key, .. } => key,
        }
    }
}

/// A get, put or append. What a get returned is the value; what a put or an append returned is not
/// looked at, and is best left empty.
pub type KvOperation = Operation<KvOp, String>;

/// The key/value store as a [`Model`]: every key is a part of its own, and begins empty.
///
/// ```
/// use tests::linear::{Kv, KvOp, Model};
/// let empty = Kv.initial();
/// let state = Kv.step(&empty, &KvOp::append("k", "a"), None).unwrap();
/// assert!(Kv.step(&state, &KvOp::get("k"), Some(&"a".to_string())).is_some());
/// assert!(Kv.step(&state, &KvOp::get("k"), Some(&"b".to_string())).is_none());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Kv;

/// The value of one key. Values that grew from one another share what they have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct KvState(Text);

impl fmt::Display for KvState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Model for Kv {
    type Op = KvOp;
    type Ret = String;
    type State = KvState;

    fn initial(&self) -> KvState {
        KvState::default()
    }

    fn step(&self, KvState(value): &KvState, op: &KvOp, ret: Option<&String>) -> Option<KvState> {
        match op {
            KvOp::Get { .. } => ret.is_none_or(|ret| value.is(ret)).then(|| KvState(value.clone())),
            KvOp::Put { value, .. } => Some(KvState(Text::default().with(value))),
            KvOp::Append { value: more, .. } => Some(KvState(value.with(more))),
        }
    }

    fn part<'a>(&self, op: &'a KvOp) -> Cow<'a, str> {
        Cow::Borrowed(op.key())
    }

    fn is_read(&self, op: &KvOp, _: Option<&String>) -> bool {
        matches!(op, KvOp::Get { .. })
    }

    fn describe(&self, op: &KvOp, ret: Option<&String>) -> String {
        match (op, ret) {
            (KvOp::Get { .. }, Some(ret)) => format!("get -> {}", short(ret)),
            (KvOp::Get { .. }, None) => "get".to_string(),
            (KvOp::Put { value, .. }, _) => format!("put {}", short(value)),
            (KvOp::Append { value, .. }, _) => format!("append {}", short(value)),
        }
    }

    fn describe_state(&self, state: &KvState) -> String {
        short(&state.to_string())
    }
}

/// The longest value that is shown whole, in characters.
const WHOLE: usize = 40;

/// A value in quotes; of a long one the end, where values differ.
pub(super) fn short(value: &str) -> String {
    match value.char_indices().rev().nth(WHOLE - 1) {
        Some((from, _)) if from > 0 => format!("\"…{}\"", value[from..].escape_debug()),
        _ => format!("\"{}\"", value.escape_debug()),
    }
}

/// A value in quotes; of a long one the beginning.
pub(super) fn short_head(value: &str) -> String {
    match value.char_indices().nth(WHOLE) {
        Some((to, _)) => format!("\"{}…\"", value[..to].escape_debug()),
        None => format!("\"{}\"", value.escape_debug()),
    }
}
