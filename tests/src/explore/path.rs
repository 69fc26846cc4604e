//! The way to what is wrong, for people: every step that it takes, and no other.
//!
//! Where the search has put messages in flight by the way, the steps that send them are put in; then
//! every step is left out without which the same property fails all the same.

use super::machine::{Action, Machine, State};
use super::{Explorable, Found};
use crate::Failure;

/// The steps in words. `saturated`: silent steps were made before each action.
pub fn told<C: Explorable>(
    machine: &mut Machine<C>,
    mut actions: Vec<Action>,
    mut failure: Failure,
    saturated: bool,
) -> Found {
    if saturated {
        actions = complete(machine, actions);
    }
    let mut at = actions.len();
    while at > 0 {
        at -= 1;
        let mut shorter = actions.clone();
        shorter.remove(at);
        let again = replay(machine, &shorter).filter(|again| again.property == failure.property);
        if let Some(again) = again {
            (actions, failure) = (shorter, again);
            at = actions.len();
        }
    }
    let (mut state, mut steps) = (machine.first(), Vec::new());
    for action in actions {
        steps.push(machine.describe(&state, action));
        state = machine.next(&state, action).unwrap_or(state);
    }
    Found { failure, steps }
}

/// The actions, and before each all silent steps: as the search has made them, as long as they can be
/// made. Who sent something may have gone on, or crashed, by the time it is needed.
fn complete<C: Explorable>(machine: &mut Machine<C>, actions: Vec<Action>) -> Vec<Action> {
    let (mut state, mut complete) = (machine.first(), Vec::new());
    for action in actions {
        loop {
            let silent = machine.silent_steps(&state);
            if silent.is_empty() {
                break;
            }
            for step in silent {
                complete.push(step);
                state = after(machine, &state, step);
            }
        }
        complete.push(action);
        state = after(machine, &state, action);
    }
    complete
}

fn after<C: Explorable>(machine: &mut Machine<C>, state: &State, action: Action) -> State {
    // The last step of all has no state after it.
    machine.next(state, action).unwrap_or(*state)
}

/// What goes wrong if these things happen one after the other, at the last of them.
fn replay<C: Explorable>(machine: &mut Machine<C>, actions: &[Action]) -> Option<Failure> {
    let mut state = machine.first();
    for (at, &action) in actions.iter().enumerate() {
        if !machine.is_possible(&state, action) {
            return None;
        }
        match machine.next(&state, action) {
            Ok(next) => state = next,
            Err(failure) => return (at + 1 == actions.len()).then_some(failure),
        }
    }
    None
}
