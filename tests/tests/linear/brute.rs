//! The definition, as plainly as it can be written: some order of all operations that returned, and
//! of some that did not, that respects time and that one copy of the store explains.

use tests::linear::{KvOp, KvOperation};

/// Whether a history of one key is linearizable. Takes a time exponential in its length.
pub fn is_linearizable(history: &[KvOperation]) -> bool {
    extend(history, &mut Vec::new())
}

/// Whether an order that begins with `order` will do.
fn extend(history: &[KvOperation], order: &mut Vec<usize>) -> bool {
    let is_whole = (0..history.len()).all(|it| order.contains(&it) || history[it].end.is_none());
    if is_whole {
        return true;
    }
    for next in 0..history.len() {
        if order.contains(&next) {
            continue;
        }
        order.push(next);
        if is_valid(history, order) && extend(history, order) {
            return true;
        }
        order.pop();
    }
    false
}

/// Whether operations can take effect in an order, as far as it goes: what had returned before
/// another of them was called stands before it, and the gets show what was written.
pub fn is_valid(history: &[KvOperation], order: &[usize]) -> bool {
    let mut value = String::new();
    for (at, &place) in order.iter().enumerate() {
        let it = &history[place];
        let is_late = |earlier: &usize| it.returned().is_some_and(|at| at < history[*earlier].call);
        if order[..at].iter().any(is_late) {
            return false;
        }
        match &it.op {
            KvOp::Get { .. } if it.ret().is_some_and(|ret| *ret != value) => return false,
            KvOp::Get { .. } => {}
            KvOp::Put { value: new, .. } => value.clone_from(new),
            KvOp::Append { value: more, .. } => value.push_str(more),
        }
    }
    true
}

/// What there was of a history when it had not gone further than the return of `last`, or than just
/// before it. Returns of one instant follow the order of the history.
pub fn cut(history: &[KvOperation], last: usize, with: bool) -> Vec<KvOperation> {
    let until = (history[last].returned().expect("it returned"), last);
    let mut cut = history.to_vec();
    for (place, operation) in cut.iter_mut().enumerate() {
        let event = operation.returned().map(|at| (at, place));
        if event.is_none_or(|event| event > until || (event == until && !with)) {
            operation.end = None;
        }
    }
    // What had not been called can do no harm if it is kept: it would have to be used. So that
    // places stay, it is turned into a get that never returns.
    for operation in cut.iter_mut().filter(|it| it.call > until.0) {
        operation.op = KvOp::get(operation.op.key());
    }
    cut
}
