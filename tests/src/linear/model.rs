//! What a service does when its operations come one after the other.

use super::Operation;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::Hash;

/// A sequential specification: what an operation may return, and what it changes.
///
/// A model of a counter, which can only be read and raised:
///
/// ```
/// use tests::linear::{Model, Operation, Verdict, check};
/// struct Counter;
/// enum Op { Read, Raise }
/// impl Model for Counter {
///     type Op = Op;
///     type Ret = u32;
///     type State = u32;
///     fn initial(&self) -> u32 { 0 }
///     fn step(&self, state: &u32, op: &Op, ret: Option<&u32>) -> Option<u32> {
///         let next = match op { Op::Read => *state, Op::Raise => state + 1 };
///         // Both return the new value; one that never returned may have found any.
///         ret.is_none_or(|ret| *ret == next).then_some(next)
///     }
///     fn describe(&self, op: &Op, ret: Option<&u32>) -> String {
///         format!("{} -> {ret:?}", match op { Op::Read => "read", Op::Raise => "raise" })
///     }
///     fn describe_state(&self, state: &u32) -> String { state.to_string() }
/// }
/// let mut history = vec![
///     Operation::completed(1, Op::Raise, 1, 4, 1),
///     Operation::completed(2, Op::Read, 2, 3, 1),
/// ];
/// assert_eq!(check(&Counter, &history, 1_000).verdict, Verdict::Linearizable);
/// history.push(Operation::completed(2, Op::Read, 5, 6, 0));
/// assert!(matches!(check(&Counter, &history, 1_000).verdict, Verdict::NotLinearizable(_)));
/// ```
pub trait Model {
    /// What clients ask for.
    type Op;
    /// What they are told.
    type Ret;
    /// What the service remembers. Equal states behave alike for ever.
    type State: Clone + Eq + Hash;

    /// Where every part begins.
    fn initial(&self) -> Self::State;

    /// The state after `op`, if in `state` it may return `ret`; `None` if it may not. Without
    /// `ret`, the operation never returned: whatever it would have returned, it takes effect.
    fn step(
        &self,
        state: &Self::State,
        op: &Self::Op,
        ret: Option<&Self::Ret>,
    ) -> Option<Self::State>;

    /// The name of the part of the service that `op` is about: a key, a shard. Parts know nothing
    /// of each other, and are checked each on its own; [`Model::step`] sees the operations of one
    /// part only. If nothing else is said, there is one part, without a name.
    fn part<'a>(&self, op: &'a Self::Op) -> Cow<'a, str> {
        let _ = op;
        Cow::Borrowed("")
    }

    /// Whether `op`, where it may return `ret`, never changes the state: a read, or a
    /// compare-and-set that failed. The search is quicker for knowing it; without `ret`, and where
    /// in doubt, `false` is right.
    fn is_read(&self, op: &Self::Op, ret: Option<&Self::Ret>) -> bool {
        let _ = (op, ret);
        false
    }

    /// The operation for people, and what it returned, if it did: `get -> "a"`. The part is named
    /// besides.
    fn describe(&self, op: &Self::Op, ret: Option<&Self::Ret>) -> String;

    /// The state for people.
    fn describe_state(&self, state: &Self::State) -> String;
}

/// The history of a model's service.
pub(super) type OperationOf<M> = Operation<<M as Model>::Op, <M as Model>::Ret>;

/// The parts of a history in the order of their names, each as places in the history.
pub(super) fn parts<'a, M: Model>(
    model: &M,
    history: &'a [OperationOf<M>],
) -> Vec<(Cow<'a, str>, Vec<u32>)> {
    let mut numbers: BTreeMap<Cow<'a, str>, usize> = BTreeMap::new();
    let mut members: Vec<Vec<u32>> = Vec::new();
    let mut recent: Option<(Cow<'a, str>, usize)> = None;
    for (place, operation) in (0..).zip(history) {
        let name = model.part(&operation.op);
        let number = match &recent {
            Some((last, number)) if *last == name => *number,
            _ => {
                let number = *numbers.entry(name.clone()).or_insert(members.len());
                recent = Some((name, number));
                number
            }
        };
        if number == members.len() {
            members.push(Vec::new());
        }
        members[number].push(place);
    }
    numbers.into_iter().map(|(name, number)| (name, std::mem::take(&mut members[number]))).collect()
}
