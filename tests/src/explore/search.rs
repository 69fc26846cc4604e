//! The search: breadth first, so that what it finds is short.

use super::machine::{Action, Machine, State};
use super::path;
use super::pool::{Memo, Pool};
use super::{Explorable, Found, Limits, MOST_SERVERS, Progress, Report, Verdict};
use crate::Failure;

/// The states found so far, in the order in which they were found: what has been looked at, and from
/// some place on what has not. A state takes 28 bytes, where it came from 4, its place in the table of
/// hashes 5 to 11.
struct Seen {
    states: Pool<State>,
    /// From which state each was found.
    origins: Vec<u32>,
    /// The states of the same servers that no other covers; `None`: states count one by one.
    peaks: Option<Memo<[u32; MOST_SERVERS], Vec<u32>>>,
    /// Whether a state has been found since that covers this one.
    is_covered: Vec<bool>,
}

impl Seen {
    fn new(first: State, covering: bool) -> Self {
        let mut seen = Self {
            states: Pool::default(),
            origins: vec![0],
            peaks: covering.then(Memo::default),
            is_covered: vec![false],
        };
        seen.states.add(first);
        if let Some(peaks) = &mut seen.peaks {
            peaks.entry(first.servers).push(0);
        }
        seen
    }

    /// Adds a state, unless it is there, or there is one that covers it.
    fn add<C: Explorable>(&mut self, machine: &Machine<C>, state: State, origin: u32) {
        let Self { states, origins, peaks, is_covered } = self;
        let Some(peaks) = peaks else {
            if states.add(state).1 {
                origins.push(origin);
                is_covered.push(false);
            }
            return;
        };
        let peaks = peaks.entry(state.servers);
        if peaks.iter().any(|&peak| machine.covers(states.get(peak), &state)) {
            return;
        }
        peaks.retain(|&peak| {
            let covered = machine.covers(&state, states.get(peak));
            is_covered[peak as usize] |= covered;
            !covered
        });
        let (number, is_new) = states.add(state);
        assert!(is_new, "a state covers itself");
        peaks.push(number);
        origins.push(origin);
        is_covered.push(false);
    }
}

/// Goes through all states of a machine, as far as the limits allow.
pub fn search<C: Explorable>(
    machine: &mut Machine<C>,
    covering: bool,
    limits: Limits,
    tell: &mut dyn FnMut(Progress),
) -> Report {
    let mut seen = Seen::new(machine.first(), covering);
    let mut progress = Progress { states: 1, looked_at: 0, transitions: 0, depth: 0 };
    let (mut at, mut level_ends) = (0_usize, 1);
    let verdict = loop {
        progress.states = seen.states.len();
        if at == progress.states {
            break Verdict::Holds;
        }
        if progress.states > limits.states {
            break Verdict::Undecided;
        }
        if at == level_ends {
            progress.depth += 1;
            level_ends = progress.states;
        }
        if !seen.is_covered[at] {
            if progress.looked_at.is_multiple_of(1 << 14) {
                tell(progress);
            }
            progress.looked_at += 1;
            if let Err(wrong) = look_at(machine, &mut seen, at as u32, &mut progress.transitions) {
                break Verdict::Violated(told(machine, &seen, at as u32, wrong));
            }
        }
        at += 1;
    };
    let (servers, steps) = machine.sizes();
    Report { verdict, progress, servers, steps }
}

/// Adds all states that come next.
fn look_at<C: Explorable>(
    machine: &mut Machine<C>,
    seen: &mut Seen,
    number: u32,
    transitions: &mut u64,
) -> Result<(), (Action, Failure)> {
    let state = *seen.states.get(number);
    for action in machine.actions(&state) {
        *transitions += 1;
        let mut next = machine.next(&state, action).map_err(|failure| (action, failure))?;
        if next == state {
            continue;
        }
        if seen.peaks.is_some() {
            next = machine.saturate(&next);
        }
        seen.add(machine, next, number);
    }
    Ok(())
}

/// The steps from the first state to what is wrong.
fn told<C: Explorable>(
    machine: &mut Machine<C>,
    seen: &Seen,
    mut number: u32,
    (last, failure): (Action, Failure),
) -> Found {
    let mut actions = vec![last];
    while number != 0 {
        let origin = seen.origins[number as usize];
        let (from, to) = (*seen.states.get(origin), *seen.states.get(number));
        let all = machine.actions(&from);
        let leads_there = |action: &Action| {
            let next = machine.next(&from, *action).ok();
            let full = seen.peaks.is_some();
            next.map(|it| if full { machine.saturate(&it) } else { it }) == Some(to)
        };
        actions.push(all.into_iter().find(leads_there).expect("the step that was taken"));
        number = origin;
    }
    actions.reverse();
    path::told(machine, actions, failure, seen.peaks.is_some())
}
