//! The search for an order, for any model: exact, and exponential in what overlaps.
//!
//! After Wing and Gong: of the operations that no other must precede, let one take effect, and go
//! on from there; turn back where there is none that may. After Lowe: never go on twice from the
//! same operations done and the same state. What a history of one key and a few clients needs is
//! then little more than its length.
//!
//! - **What is done** is written down as the place behind the last operation done, in the order of
//!   the calls, and the operations before it that are not done. The latter overlap each other, so
//!   they are as few as the clients. Where nothing overlaps, at a *quiescent point*, there are
//!   none: all that is left of the past are the states that it can have led to, and of these the
//!   search takes one after the other.
//! - **An operation that never returned** may be done at any time after its call, or never. Which
//!   of them were, is written down besides; who has used fewer can do whatever the other can, so
//!   that a position is passed by if one with the same state has been seen that had used a part of
//!   them. Where one would change nothing it is not tried.
//! - **A read** that may come next, and shows the present state, is done at once, and nothing else
//!   is tried at this place: if there is an order that does it later, there is one that does it
//!   now. (That holds for what *never* changes the state. To write what is there already may be of
//!   use later.)
//!
//! There is no recursion: the stack is as long as the history, and lies on the heap.

use super::model::OperationOf;
use super::{Model, Undecided};
use std::hash::{BuildHasherDefault, DefaultHasher};

#[expect(clippy::disallowed_types, reason = "entries are looked up, never iterated; hashes fixed")]
type Memo<S> =
    std::collections::HashMap<Position<S>, Vec<Box<[u32]>>, BuildHasherDefault<DefaultHasher>>;

/// What came of a search.
pub enum Found {
    /// There is an order of all operations that returned.
    Order,
    /// There is none.
    Nothing(Deepest),
    /// There may be one.
    Limit(Undecided),
}

/// As far as one can get.
pub struct Deepest {
    /// Places in the history, in an order in which they can take effect: all operations that
    /// returned before `blocked`, and perhaps others.
    pub order: Vec<usize>,
    /// The operation that returned next, for which there is no place.
    pub blocked: usize,
}

/// A part's operations, as the search needs them.
struct Part<'a, M: Model> {
    model: &'a M,
    history: &'a [OperationOf<M>],
    /// Places in the history of the operations that returned, in the order of their calls.
    done: Vec<u32>,
    /// Their calls and returns, the latter in the order of time.
    times: Vec<(u64, u64)>,
    /// Places of those that never returned, in the order of their calls.
    open: Vec<u32>,
}

/// Where the search is: which operations are done, but for those that never returned, and the
/// state.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Position<S> {
    /// The operations from here on are not done,
    high: u32,
    /// nor are these before it; ascending.
    missed: Box<[u32]>,
    state: S,
}

/// A position, and where to go from there.
struct Frame<S> {
    position: Position<S>,
    /// The operations without a return that are done.
    used: Box<[u32]>,
    /// The last entry of the trail.
    trail: u32,
    candidates: Vec<Candidate>,
}

/// An operation that may be done next, by its place among its like.
#[derive(Clone, Copy)]
enum Candidate {
    Done(u32),
    Open(u32),
}

/// The root of the trail.
const ROOT: u32 = u32::MAX;

/// Looks for an order of the operations at the places `members`. The number is that of the
/// positions seen, which is at most `limit`.
pub fn search<M: Model>(
    model: &M,
    history: &[OperationOf<M>],
    members: &[u32],
    limit: u64,
) -> (Found, u64) {
    let part = Part::new(model, history, members);
    let mut search = Search {
        part: &part,
        memo: Memo::default(),
        trail: Vec::new(),
        stack: Vec::new(),
        deepest: (None, ROOT),
        seen: 0,
    };
    let found = search.run(limit);
    (found, search.seen)
}

impl<'a, M: Model> Part<'a, M> {
    fn new(model: &'a M, history: &'a [OperationOf<M>], members: &[u32]) -> Self {
        let at = |place: &u32| &history[*place as usize];
        let (mut done, mut open): (Vec<u32>, Vec<u32>) =
            members.iter().partition(|place| at(place).end.is_some());
        done.sort_by_key(|place| at(place).call);
        open.sort_by_key(|place| at(place).call);
        let times = done.iter().map(|it| (at(it).call, at(it).returned_or_never())).collect();
        Self { model, history, done, times, open }
    }

    fn place(&self, candidate: Candidate) -> u32 {
        match candidate {
            Candidate::Done(number) => self.done[number as usize],
            Candidate::Open(number) => self.open[number as usize],
        }
    }

    fn step(&self, state: &M::State, candidate: Candidate) -> Option<M::State> {
        let operation = &self.history[self.place(candidate) as usize];
        self.model.step(state, &operation.op, operation.ret())
    }

    fn is_read(&self, candidate: Candidate) -> bool {
        let operation = &self.history[self.place(candidate) as usize];
        self.model.is_read(&operation.op, operation.ret())
    }

    /// The operation that returns first of those not done, and those that it does not precede.
    fn next(&self, position: &Position<M::State>) -> Option<(u32, Vec<u32>)> {
        let mut first: Option<(u64, u32)> = None;
        let mut next = Vec::new();
        let rest = position.high..self.done.len() as u32;
        for number in position.missed.iter().copied().chain(rest) {
            let (call, returned) = self.times[number as usize];
            // Later ones are called later still, and return later than that.
            if first.is_some_and(|(first, _)| first < call) {
                break;
            }
            let event = (returned, self.done[number as usize]);
            if first.is_none_or(|(at, number)| event < (at, self.done[number as usize])) {
                first = Some((returned, number));
            }
            next.push(number);
        }
        let (at, first) = first?;
        next.retain(|number| self.times[*number as usize].0 <= at);
        Some((first, next))
    }
}

impl<S: Clone> Position<S> {
    fn after(&self, number: u32, state: S) -> Self {
        if number < self.high {
            let missed = self.missed.iter().copied().filter(|it| *it != number).collect();
            return Self { high: self.high, missed, state };
        }
        let missed = self.missed.iter().copied().chain(self.high..number).collect();
        Self { high: number + 1, missed, state }
    }
}

struct Search<'a, M: Model> {
    part: &'a Part<'a, M>,
    /// The positions seen, each with what was used on the way there.
    memo: Memo<M::State>,
    /// How every position seen was reached: the entry before, and the place in the history.
    trail: Vec<(u32, u32)>,
    stack: Vec<Frame<M::State>>,
    /// The latest return that some position waits for, as time and place, and how it was reached.
    deepest: (Option<(u64, u32)>, u32),
    seen: u64,
}

/// What entering a position came to.
enum Entered {
    Known,
    New,
    /// Everything is done.
    End,
}

impl<M: Model> Search<'_, M> {
    fn run(&mut self, limit: u64) -> Found {
        let state = self.part.model.initial();
        let root = Position { high: 0, missed: Box::default(), state };
        if limit == 0 {
            return self.undecided(limit);
        }
        let mut entered = self.enter(root, Box::default(), ROOT);
        loop {
            if matches!(entered, Entered::End) {
                return Found::Order;
            }
            let Some(frame) = self.stack.last_mut() else {
                return Found::Nothing(self.deepest());
            };
            let Some(candidate) = frame.candidates.pop() else {
                self.stack.pop();
                entered = Entered::Known;
                continue;
            };
            let Some(state) = self.part.step(&frame.position.state, candidate) else { continue };
            let (position, used) = match candidate {
                Candidate::Done(number) => {
                    (frame.position.after(number, state), frame.used.clone())
                }
                // What changes nothing is better kept for later.
                Candidate::Open(_) if state == frame.position.state => continue,
                Candidate::Open(number) => {
                    let at = frame.used.partition_point(|used| *used < number);
                    let (low, high) = frame.used.split_at(at);
                    (
                        Position { state, ..frame.position.clone() },
                        [low, &[number], high].concat().into(),
                    )
                }
            };
            let before = frame.trail;
            if self.seen == limit {
                return self.undecided(limit);
            }
            self.trail.push((before, self.part.place(candidate)));
            entered = self.enter(position, used, self.trail.len() as u32 - 1);
            if matches!(entered, Entered::Known) {
                self.trail.pop();
            }
        }
    }

    /// Goes to a position, unless as good a one has been seen.
    fn enter(&mut self, position: Position<M::State>, used: Box<[u32]>, trail: u32) -> Entered {
        let others = self.memo.entry(position.clone()).or_default();
        if others.iter().any(|other| is_part(other, &used)) {
            return Entered::Known;
        }
        others.retain(|other| !is_part(&used, other));
        others.push(used.clone());
        self.seen += 1;
        let part = self.part;
        let Some((first, mut next)) = part.next(&position) else { return Entered::End };
        let (at, place) = (part.times[first as usize].1, part.done[first as usize]);
        if self.deepest.0 < Some((at, place)) {
            self.deepest = (Some((at, place)), trail);
        }
        let read = next.iter().copied().map(Candidate::Done).find(|candidate| {
            part.is_read(*candidate) && part.step(&position.state, *candidate).is_some()
        });
        let candidates = if let Some(read) = read {
            vec![read]
        } else {
            // The last is tried first: who must return soonest, and who never did when all else
            // fails.
            next.sort_by_key(|number| std::cmp::Reverse(part.times[*number as usize].1));
            let open = (0..part.open.len() as u32)
                .take_while(|number| part.history[part.open[*number as usize] as usize].call <= at)
                .filter(|number| used.binary_search(number).is_err());
            open.map(Candidate::Open).chain(next.into_iter().map(Candidate::Done)).collect()
        };
        self.stack.push(Frame { position, used, trail, candidates });
        Entered::New
    }

    /// The places in the history that were done on the way to an entry of the trail.
    fn order(&self, mut trail: u32) -> Vec<usize> {
        let mut order = Vec::new();
        while trail != ROOT {
            let (before, place) = self.trail[trail as usize];
            order.push(place as usize);
            trail = before;
        }
        order.reverse();
        order
    }

    fn deepest(&self) -> Deepest {
        let (event, trail) = self.deepest;
        let (_, blocked) = event.expect("a part without operations that returned has an order");
        Deepest { order: self.order(trail), blocked: blocked as usize }
    }

    fn undecided(&self, limit: u64) -> Found {
        let ordered = self.order(self.deepest.1);
        let returned = |place: &&usize| self.part.history[**place].end.is_some();
        Found::Limit(Undecided {
            part: String::new(),
            limit,
            ordered: ordered.iter().filter(returned).count(),
            operations: self.part.done.len(),
        })
    }
}

/// Whether every number of `part` is one of `whole`; both ascend.
fn is_part(part: &[u32], whole: &[u32]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|number| whole.any(|it| it == number))
}
