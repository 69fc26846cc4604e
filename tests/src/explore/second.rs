//! A second opinion: the same machine under stateright, which knows nothing of this module's search.
//!
//! It compares states by hashes of 64 bits, and it has no notion of a state that covers another. Its
//! queue keeps the way to each state besides, so it takes several times the memory.

use super::machine::{Action, Machine, State};
use super::{Bounds, Explorable};
use crate::Outcome;
use stateright::{Checker, HasDiscoveries, Model, Property};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

/// What stateright says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecondOpinion {
    /// Distinct states, by their hashes.
    pub states: usize,
    /// How many steps the furthest is from the first.
    pub depth: usize,
    /// Whether all properties hold, as far as it has looked.
    pub holds: bool,
    /// Whether it has looked everywhere.
    pub is_exhausted: bool,
}

struct Shared<C: Explorable>(Mutex<Machine<C>>);

impl<C: Explorable + Send> Shared<C>
where
    C::Message: Send,
{
    fn with<T>(&self, ask: impl FnOnce(&mut Machine<C>) -> T) -> T {
        ask(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<C: Explorable + Send> Model for Shared<C>
where
    C::Message: Send,
{
    /// `None`: something is wrong.
    type State = Option<State>;
    type Action = Action;

    fn init_states(&self) -> Vec<Self::State> {
        vec![Some(self.with(|machine| machine.first()))]
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<Action>) {
        actions.extend(state.iter().flat_map(|state| self.with(|it| it.actions(state))));
    }

    fn next_state(&self, state: &Self::State, action: Action) -> Option<Self::State> {
        state.as_ref().map(|state| self.with(|machine| machine.next(state, action).ok()))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("all is well", |_, state: &Option<State>| state.is_some())]
    }
}

/// Explores a Raft within these bounds with stateright: breadth first, on one thread, without covering.
/// It stops soon after it has found something wrong, or has come to `most` states, those counted that come
/// up again.
pub fn second_opinion<C>(bounds: Bounds, most: Option<NonZeroUsize>) -> Outcome<SecondOpinion>
where
    C: Explorable + Send + 'static,
    C::Message: Send,
{
    let model = Shared(Mutex::new(Machine::<C>::new(bounds)?));
    let mut checker = model.checker().finish_when(HasDiscoveries::AnyFailures);
    if let Some(most) = most {
        checker = checker.target_state_count(most.get());
    }
    let checker = checker.spawn_bfs().join();
    Ok(SecondOpinion {
        states: checker.unique_state_count(),
        depth: checker.max_depth() - 1,
        holds: checker.discoveries().is_empty(),
        is_exhausted: most.is_none_or(|most| checker.state_count() < most.get()),
    })
}
