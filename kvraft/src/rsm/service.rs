//! What a service must be to be replicated: deterministic, and able to put itself into bytes.

use super::Sessions;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// A deterministic service: the same operations in the same order give the same state and the same
/// replies on every replica.
///
/// It owns its [`Sessions`], so that who has been served already is saved, restored and moved
/// together with what was served. A service whose state is in parts that move apart keeps one
/// [`Sessions`] per part.
///
/// ```
/// use kvraft::rsm::{Outcome, Service, Sessions};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Debug, Default, Serialize, Deserialize)]
/// struct Counter { count: u64, sessions: Sessions<u64> }
///
/// #[derive(Clone, Debug, Serialize, Deserialize)]
/// enum Op { Add(u64), Read }
///
/// impl Service for Counter {
///     type Op = Op;
///     type Reply = u64;
///
///     fn apply(&mut self, op: &Op) -> Outcome<u64> {
///         if let Op::Add(n) = op {
///             self.count = self.count.wrapping_add(*n);
///         }
///         Outcome::Done(self.count)
///     }
///     fn sessions(&mut self, _: &Op) -> Option<&mut Sessions<u64>> { Some(&mut self.sessions) }
///     fn is_read(op: &Op) -> bool { matches!(op, Op::Read) }
///     fn save(&self) -> Vec<u8> { labgob::encode(self) }
///     fn load(&mut self, state: &[u8]) -> Result<(), labgob::Error> {
///         labgob::decode(state).map(|loaded| *self = loaded)
///     }
/// }
///
/// let mut counter = Counter::default();
/// assert_eq!(counter.apply(&Op::Add(3)), Outcome::Done(3));
/// let mut restored = Counter::default();
/// restored.load(&counter.save()).unwrap();
/// assert_eq!(restored.apply(&Op::Read), Outcome::Done(3));
/// ```
pub trait Service: Clone + Debug {
    /// What clients ask for, and what goes into the log.
    type Op: Clone + Debug + Serialize + DeserializeOwned;
    /// What they are told.
    type Reply: Clone + Debug + Serialize + DeserializeOwned;

    /// Does what is asked. It may fail only in ways that follow from the state and the operation,
    /// for it must fail alike on every replica.
    ///
    /// An operation for which [`is_read`](Service::is_read) says so must change nothing.
    fn apply(&mut self, op: &Self::Op) -> Outcome<Self::Reply>;

    /// Where it is remembered that an operation was done. `None` for the service's own entries,
    /// which guard themselves against being applied twice, and for operations that it is going to
    /// refuse.
    fn sessions(&mut self, op: &Self::Op) -> Option<&mut Sessions<Self::Reply>>;

    /// Whether an operation only looks. Reads may be done twice and their answers are not kept;
    /// with [`Reads::Index`](super::Reads::Index) they do not go into the log, and only the server
    /// that was asked does them.
    fn is_read(op: &Self::Op) -> bool;

    /// Whether an operation would be refused as things stand, and how: a leader then says so at
    /// once, and spares the log. It is asked besides [`apply`](Service::apply), never instead: by
    /// the time an operation is applied things may have changed.
    fn refuses(&self, _op: &Self::Op) -> Option<Self::Reply> {
        None
    }

    /// The whole state, sessions included, so that whoever asks again after a restart is not served
    /// twice. Equal states should give equal bytes, and [`load`](Service::load) has to take them
    /// back.
    fn save(&self) -> Vec<u8>;

    /// Replaces the whole state by one that was [saved](Service::save).
    ///
    /// # Errors
    /// If the bytes are no such state; then nothing has changed.
    fn load(&mut self, state: &[u8]) -> Result<(), labgob::Error>;
}

/// What came of an operation.
///
/// ```
/// use kvraft::rsm::Outcome;
/// let won: Outcome<&str> = Outcome::Refused("not my shard");
/// assert_eq!(*won.reply(), "not my shard");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It was done. Asked for again by the same client under the same number, it is not done again,
    /// and the answer is the same.
    Done(T),
    /// It was not done, and the client is told why. A refusal is never remembered: asked for again,
    /// perhaps elsewhere, it may be done.
    ///
    /// The network may do the asking:
    ///
    /// 1. the client's question is copied on its way;
    /// 2. it is refused, and the client is told;
    /// 3. somebody changes what was in the way;
    /// 4. the copy arrives and is done, unless the client has had something else done since.
    ///
    /// A copy may even be in the log when the answer is given, by a leader that has not applied it.
    /// So this is for operations that belong elsewhere, and whose clients ask on. A "no" that is
    /// final is a reply of `Done`.
    Refused(T),
}

impl<T> Outcome<T> {
    /// What the client is told.
    pub fn reply(&self) -> &T {
        match self {
            Self::Done(reply) | Self::Refused(reply) => reply,
        }
    }
}
