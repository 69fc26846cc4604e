//! Is there an order of all operations that explains what clients saw?
//!
//! A history is *linearizable* if every operation can be given one instant between its call and its
//! return, at which it took effect, such that what the clients were told is what a single copy of
//! the service, doing one operation after the other, would have told them. An operation that never
//! returned may have taken effect at any time after its call, or not at all.
//!
//! ```
//! use tests::linear::{History, KvOp, Verdict, check_kv};
//! let mut history = History::default();
//! let append = history.call(1, KvOp::append("k", "a"));
//! let get = history.call(2, KvOp::get("k"));
//! history.finish(get, "a".to_string()); // seen before it is confirmed: that may be
//! history.finish(append, String::new());
//! assert_eq!(check_kv(history.operations(), 1_000).verdict, Verdict::Linearizable);
//!
//! let late = history.call(2, KvOp::get("k"));
//! history.finish(late, String::new()); // seen, and gone again: that may not
//! let Verdict::NotLinearizable(violation) = check_kv(history.operations(), 1_000).verdict else {
//!     panic!("a stale read");
//! };
//! assert_eq!(violation.operation, 2);
//! ```
//!
//! # Two methods
//!
//! In general the question is NP-complete. Two methods answer it, both exactly; a [`Report`] says
//! how many parts of the history each of them decided.
//!
//! - *The search* (`linear/search.rs`) tries orders, for any [`Model`]. It is quick where few
//!   operations overlap, or where answers leave little choice; where they leave much, it may reach
//!   the limit on the positions that it looks at, which the caller sets, and then says
//!   [`Verdict::Undecided`].
//! - *Decoding* (`linear/decode.rs`) needs no search, no limit, and hardly more time than to read
//!   the history, whatever overlaps. It works for gets, puts and appends on a key if the values
//!   that are written there are not empty and none of them begins with another (so that no two are
//!   equal): then a get's answer can be read only in one way, as a list of the writes that made it,
//!   in their order.
//!
//! [`check_kv`] decodes the keys that it can and searches the others; [`check`] searches.
//!
//! # When the answer is no
//!
//! A [`Violation`] names the operation that cannot be placed, the few that rule it out, and an
//! order of all that returned before it; [`html()`] draws them.
//!
//! Histories are written and read as lines of JSON: [`to_json_lines`], [`from_json_lines`], and
//! `lab check-history`.

mod decode;
mod history;
mod html;
mod json;
mod kv;
mod model;
mod register;
mod search;
mod text;
mod violation;

pub use history::{History, Operation, OperationId};
pub(crate) use html::escape;
pub use html::html;
pub use json::{BadLine, from_json_lines, to_json_lines};
pub use kv::{Kv, KvOp, KvOperation, KvState};
pub use model::Model;
pub use register::{CasRegister, RegisterOp, RegisterOperation, RegisterRet};
pub use violation::{Reason, Violation};

use model::OperationOf;
use search::Found;
use std::fmt;

/// A limit on the search that takes some seconds to reach, and a gigabyte or a few: the more
/// operations overlap, the more.
pub const DEFAULT_LIMIT: u64 = 2_000_000;

/// Whether a history is linearizable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order that explains it.
    Linearizable,
    /// There is none.
    NotLinearizable(Violation),
    /// There may be one: the search reached its limit.
    Undecided(Undecided),
}

/// Where the search gave up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// The part that was searched: for the key/value store, the key.
    pub part: String,
    /// How many positions the search was allowed to look at.
    pub limit: u64,
    /// How many of the operations that returned were in order in the attempt that came furthest.
    pub ordered: usize,
    /// How many operations of this part returned.
    pub operations: usize,
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, limit, ordered, operations } = self;
        write!(f, "undecided: the search looked at {limit} positions")?;
        if !part.is_empty() {
            write!(f, " of {}", kv::short(part))?;
        }
        write!(f, ", and came as far as an order of {ordered} of its {operations} operations")
    }
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The answer. Parts are checked in the order of their names: the first violation found is the
    /// answer, and a part that could not be decided is one only if there is none.
    pub verdict: Verdict,
    /// How many parts were decided by decoding.
    pub decoded: usize,
    /// How many parts were searched.
    pub searched: usize,
    /// How many positions the searches looked at.
    pub positions: u64,
}

/// Searches for an order that explains a history. In each part at most `limit` positions are looked
/// at ([`DEFAULT_LIMIT`]).
///
/// # Panics
/// If an operation returns before it is called, or there are more than four billion operations.
pub fn check<M: Model>(model: &M, history: &[OperationOf<M>], limit: u64) -> Report {
    check_parts(model, history, limit, |_| None)
}

/// Whether a history of gets, puts and appends can be explained, by decoding where that can be
/// done, and else by a search, which looks at `limit` positions of each key at most
/// ([`DEFAULT_LIMIT`]).
///
/// # Panics
/// As [`check`].
pub fn check_kv(history: &[KvOperation], limit: u64) -> Report {
    check_parts(&Kv, history, limit, |members| decode::decode(history, members))
}

/// Checks part by part: `decode` those that it does not step aside for.
fn check_parts<M: Model>(
    model: &M,
    history: &[OperationOf<M>],
    limit: u64,
    decode: impl Fn(&[u32]) -> Option<Result<(), Violation>>,
) -> Report {
    assert!(u32::try_from(history.len()).is_ok(), "{} operations are too many", history.len());
    for (place, operation) in history.iter().enumerate() {
        let (call, returned) = (operation.call, operation.returned_or_never());
        assert!(call <= returned, "#{} is called at {call} and returns at {returned}", place + 1);
    }
    let mut report =
        Report { verdict: Verdict::Linearizable, decoded: 0, searched: 0, positions: 0 };
    for (name, members) in model::parts(model, history) {
        if let Some(decoded) = decode(&members) {
            report.decoded += 1;
            if let Err(violation) = decoded {
                report.verdict = Verdict::NotLinearizable(violation);
                break;
            }
            continue;
        }
        report.searched += 1;
        let (found, seen) = search::search(model, history, &members, limit);
        report.positions += seen;
        match found {
            Found::Nothing(deepest) => {
                let violation = Violation::blocked(model, history, &members, deepest);
                report.verdict = Verdict::NotLinearizable(violation);
                break;
            }
            Found::Limit(undecided) if report.verdict == Verdict::Linearizable => {
                let undecided = Undecided { part: name.into_owned(), ..undecided };
                report.verdict = Verdict::Undecided(undecided);
            }
            Found::Order | Found::Limit(_) => {}
        }
    }
    report
}
