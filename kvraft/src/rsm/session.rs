//! Exactly once: who has been served, and what the answer was (the paper, section 8; the
//! dissertation, section 6.3).
//!
//! 1. A leader commits and applies an append, and crashes before its answer leaves.
//! 2. The client asks the next leader, which proposes the append again.
//! 3. Without a memory of the first, it is done twice.
//!
//! To look when the request comes in is not enough: the first may be in the log and not yet
//! applied. So what counts is the look when an entry is applied, which is the same everywhere.
//!
//! A clerk numbers its operations and has one outstanding at a time, so one entry per client is
//! enough, whatever the number of its operations: the number of the latest that was done, and the
//! answer to it. What is older was answered, or the clerk would not have gone on.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Who a client is. No two clerks may ever have the same, not even one after another.
///
/// ```
/// use kvraft::rsm::ClientId;
/// let mut rng = labrpc::Rng::new(7);
/// assert_ne!(ClientId::random(&mut rng), ClientId::random(&mut rng));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(u64);

impl ClientId {
    /// The client with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// A number that nobody else has drawn: the labs' `nrand`. Among a million clients the chance
    /// that two are alike is less than one in 30 million.
    pub fn random(rng: &mut labrpc::Rng) -> Self {
        Self(rng.next_u64())
    }
}

/// A client's number for an operation: they grow.
///
/// ```
/// use kvraft::rsm::Seq;
/// assert!(Seq::default() < Seq::default().next());
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seq(u64);

impl Seq {
    /// The operation with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number of the operation after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{:x}", self.0)
    }
}

impl fmt::Debug for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Which operations have been done, as far as clients may ask for them again.
///
/// ```
/// use kvraft::rsm::{ClientId, Past, Seq, Sessions};
///
/// let (client, mut sessions) = (ClientId::new(1), Sessions::default());
/// assert_eq!(sessions.recall(client, Seq::new(5)), Past::New);
/// sessions.remember(client, Seq::new(5), "done");
/// assert_eq!(sessions.recall(client, Seq::new(5)), Past::Done(&"done"));
/// // A duplicate from before is not answered: nobody waits for it any more.
/// assert_eq!(sessions.recall(client, Seq::new(4)), Past::Forgotten);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions<T> {
    latest: BTreeMap<ClientId, (Seq, T)>,
}

impl<T> Default for Sessions<T> {
    fn default() -> Self {
        Self { latest: BTreeMap::new() }
    }
}

/// What is remembered of an operation.
///
/// ```
/// use kvraft::rsm::Past;
/// assert_ne!(Past::Done(&1), Past::New);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past<'a, T> {
    /// It has not been done.
    New,
    /// It has been done, and this was the answer.
    Done(&'a T),
    /// The client has gone on to later ones since.
    Forgotten,
}

impl<T> Sessions<T> {
    /// What is remembered of an operation.
    pub fn recall(&self, client: ClientId, seq: Seq) -> Past<'_, T> {
        match self.latest.get(&client) {
            Some((latest, reply)) if *latest == seq => Past::Done(reply),
            Some((latest, _)) if *latest > seq => Past::Forgotten,
            _ => Past::New,
        }
    }

    /// An operation has been done, and this is the answer.
    ///
    /// # Panics
    /// If it has been done before, or a later one of the same client: it should have been
    /// [recalled] first.
    ///
    /// [recalled]: Sessions::recall
    pub fn remember(&mut self, client: ClientId, seq: Seq, reply: T) {
        let before = self.latest.insert(client, (seq, reply));
        if let Some((before, _)) = before {
            assert!(before < seq, "{client:?} did {seq:?} after {before:?}");
        }
    }

    /// How many clients are remembered.
    pub fn len(&self) -> usize {
        self.latest.len()
    }

    /// Whether nobody has been served yet.
    pub fn is_empty(&self) -> bool {
        self.latest.is_empty()
    }
}
