//! Why a history is not linearizable.

use super::Model;
use super::model::OperationOf;
use super::search::Deepest;
use std::fmt;

/// What kind of fault it is.
///
/// ```
/// use tests::linear::Reason;
/// assert_eq!(Reason::Phantom.to_string(), "phantom");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A get shows what nobody has written.
    Phantom,
    /// A get shows what was written by an operation called only after the get had returned.
    Future,
    /// One append is shown twice: it took effect twice.
    Twice,
    /// A get shows a put's value behind other text, which the put should have replaced.
    PutInside,
    /// Two gets of one value, neither of which begins with the other.
    Fork,
    /// A get misses what had been written, or read by another, before it was called.
    Stale,
    /// A get shows two operations in one order, though they happened in the other.
    Order,
    /// Two values, begun by two puts, each of which must have come before the other.
    Cycle,
    /// The search found no place for an operation.
    Blocked,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Phantom => "phantom",
            Self::Future => "future",
            Self::Twice => "twice",
            Self::PutInside => "put inside",
            Self::Fork => "fork",
            Self::Stale => "stale",
            Self::Order => "order",
            Self::Cycle => "cycle",
            Self::Blocked => "blocked",
        })
    }
}

/// Why a history is not linearizable: the operation that cannot be placed, and what rules it out.
/// As text ([`fmt::Display`]), it is for people.
///
/// Let operations return one by one, in the order of their returns: `operation` is the first whose
/// return leaves no order. Operations are named by their places in the history that was checked.
///
/// ```
/// use tests::linear::{KvOp, Operation, Reason, Verdict, check_kv};
/// let history = [
///     Operation::completed(1, KvOp::append("k", "a"), 1, 2, String::new()),
///     Operation::completed(2, KvOp::get("k"), 3, 4, String::new()),
/// ];
/// let Verdict::NotLinearizable(violation) = check_kv(&history, 1_000).verdict else { panic!() };
/// assert_eq!((violation.reason, violation.operation), (Reason::Stale, 1));
/// assert_eq!((violation.witnesses.as_slice(), violation.order.as_slice()), (&[0][..], &[0][..]));
/// assert!(violation.to_string().contains("had returned, at 2, before"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The part: for the key/value store, the key.
    pub part: String,
    /// The kind of fault.
    pub reason: Reason,
    /// The operation that cannot be placed.
    pub operation: usize,
    /// The operations that rule it out, few, the most telling first.
    pub witnesses: Vec<usize>,
    /// Operations of this part in an order in which they can take effect: all that returned before
    /// `operation` did, and perhaps some that were open then.
    pub order: Vec<usize>,
    /// What is wrong, in a sentence or two.
    pub explanation: String,
    /// `operation`, the witnesses, and the last operations of `order`, one line each.
    lines: Lines,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Lines {
    operation: String,
    witnesses: Vec<String>,
    order: Vec<String>,
}

/// How many operations of the order are shown.
const SHOWN: usize = 5;

/// How many witnesses a search names.
const WITNESSES: usize = 3;

impl Violation {
    pub(super) fn new<M: Model>(
        model: &M,
        history: &[OperationOf<M>],
        (reason, explanation): (Reason, String),
        (operation, mut witnesses): (usize, Vec<usize>),
        order: Vec<usize>,
    ) -> Self {
        let mut named = vec![operation];
        witnesses.retain(|witness| {
            let is_new = !named.contains(witness);
            named.push(*witness);
            is_new
        });
        let line = |place: &usize| line(model, history, *place);
        let lines = Lines {
            operation: line(&operation),
            witnesses: witnesses.iter().map(line).collect(),
            order: order[order.len().saturating_sub(SHOWN)..].iter().map(line).collect(),
        };
        let part = model.part(&history[operation].op).into_owned();
        Self { part, reason, operation, witnesses, order, explanation, lines }
    }

    /// What a search says that found no order.
    pub(super) fn blocked<M: Model>(
        model: &M,
        history: &[OperationOf<M>],
        members: &[u32],
        Deepest { order, blocked }: Deepest,
    ) -> Self {
        let mut state = model.initial();
        let mut writer = None;
        for place in &order {
            let operation = &history[*place];
            let next = model.step(&state, &operation.op, operation.ret());
            let next = next.expect("the search has been here");
            if next != state {
                (state, writer) = (next, Some(*place));
            }
        }
        let mut is_done = vec![false; history.len()];
        for place in &order {
            is_done[*place] = true;
        }
        let it = &history[blocked];
        let at = it.returned_or_never();
        let rivals = members
            .iter()
            .map(|place| *place as usize)
            .filter(|place| *place != blocked && !is_done[*place] && history[*place].call <= at);
        let explanation = format!(
            "{} returned at {at}, but in no order of what returned before, and of what was still \
             open, could it have done so; in the order that comes furthest, the state is {}{}",
            sentence(model, history, blocked),
            model.describe_state(&state),
            writer
                .map(|place| format!(", since {}", sentence(model, history, place)))
                .unwrap_or_default(),
        );
        let witnesses = writer.into_iter().chain(rivals).take(WITNESSES).collect();
        let said = (Reason::Blocked, explanation);
        Self::new(model, history, said, (blocked, witnesses), order)
    }
}

/// `client 3's get("k") -> "a"`, for a sentence.
pub(super) fn sentence<M: Model>(model: &M, history: &[OperationOf<M>], place: usize) -> String {
    let it = &history[place];
    format!("client {}'s {}", it.client, model.describe(&it.op, it.ret()))
}

/// A line that says all about an operation.
pub(super) fn line<M: Model>(model: &M, history: &[OperationOf<M>], place: usize) -> String {
    let it = &history[place];
    let end = it.returned().map_or_else(|| "never".to_string(), |at| at.to_string());
    let what = model.describe(&it.op, it.ret());
    format!("#{} client {} [{}..{end}] {what}", place + 1, it.client, it.call)
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.part.is_empty() {
            writeln!(f, "not linearizable ({})", self.reason)?;
        } else {
            let name = super::kv::short(&self.part);
            writeln!(f, "not linearizable ({}) in {name}", self.reason)?;
        }
        writeln!(f, "  {}", self.explanation)?;
        writeln!(f, "cannot be placed:\n  {}", self.lines.operation)?;
        if !self.witnesses.is_empty() {
            writeln!(f, "because of:")?;
        }
        for line in &self.lines.witnesses {
            writeln!(f, "  {line}")?;
        }
        match (self.order.len(), self.lines.order.len()) {
            (0, _) => writeln!(f, "nothing returned before"),
            (all, shown) if all == shown => writeln!(f, "what returned before has an order:"),
            (all, shown) => writeln!(
                f,
                "what returned before has an order of {all} operations; the last {shown} of it:"
            ),
        }?;
        self.lines.order.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}
