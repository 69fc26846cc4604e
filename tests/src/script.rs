//! Scripts are async, cores are not: a scenario is an async function on a tiny executor over the
//! world's clock, so that background agreements, churning clients and a partitioner read as the
//! labs' goroutines do.
//!
//! A task waits for a time, for another task, or for something that happens in the world. Tasks
//! whose time has come run in the order in which they were spawned. There is no thread, no waker
//! and no other crate.

mod executor;

pub use executor::{Advance, Executor, Signal, Sleep, Task, Until};

use crate::arena::pulse::Pulse;
use crate::arena::{Arena, Ran, Stage};
use crate::{Failure, Outcome};
use labrpc::{Network, NodeId, Rng, SimTime, World};
use std::cell::{Ref, RefCell, RefMut};
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

/// What a script holds: the stage, the clock, and the means to do several things at once. The
/// words of a lab are methods on the script of its kind of stage.
pub struct Script<C> {
    stage: Rc<RefCell<C>>,
    executor: Executor,
}

impl<C> Clone for Script<C> {
    fn clone(&self) -> Self {
        Self { stage: Rc::clone(&self.stage), executor: self.executor.clone() }
    }
}

impl<C: Stage> Script<C> {
    /// A stage, ready for a script.
    pub fn on(stage: C) -> Self {
        Self { stage: Rc::new(RefCell::new(stage)), executor: Executor::default() }
    }

    /// Runs a script to its end, or to the first failure.
    pub fn run<F>(&self, script: impl FnOnce(Self) -> F) -> Outcome
    where
        F: Future<Output = Outcome> + 'static,
    {
        let stage = Rc::clone(&self.stage);
        let end = stage.borrow().arena().end();
        let outcome = self.executor.run(script(self.clone()), end, |until| {
            match stage.borrow_mut().arena_mut().run_to(until) {
                Ran::Through => Advance::Reached,
                Ran::ToDone(id) => Advance::Signalled(id.index()),
                Ran::ToFailure => Advance::Stopped,
            }
        });
        self.executor.clear();
        let mut stage = self.stage.borrow_mut();
        let arena = stage.arena_mut();
        match outcome {
            Some(Err(failure)) => arena.fail(failure),
            Some(Ok(())) => {}
            None => arena.fail(Failure::new("script", "nothing is left that it could wait for")),
        }
        arena.outcome()
    }

    /// The stage, to look at.
    pub fn cluster(&self) -> Ref<'_, C> {
        self.stage.borrow()
    }

    pub(crate) fn cluster_mut(&self) -> RefMut<'_, C> {
        self.stage.borrow_mut()
    }

    /// The arena, to look at.
    pub fn arena(&self) -> Ref<'_, Arena<C::Node>> {
        Ref::map(self.stage.borrow(), Stage::arena)
    }

    /// The time.
    pub fn now(&self) -> SimTime {
        self.arena().world().now()
    }

    /// Waits.
    pub fn sleep(&self, d: Duration) -> Sleep {
        self.executor.sleep_until(self.now() + d)
    }

    /// Waits for so many milliseconds.
    pub fn sleep_ms(&self, millis: u64) -> Sleep {
        self.sleep(Duration::from_millis(millis))
    }

    /// Waits until a node is done with something: see [`Subject::is_done`].
    ///
    /// [`Subject::is_done`]: crate::arena::Subject::is_done
    pub fn until_done(&self, id: NodeId) -> Until {
        self.executor.until(id.index())
    }

    /// Does something else at the same time.
    pub fn spawn<T: 'static>(&self, task: impl Future<Output = T> + 'static) -> Task<T> {
        self.executor.spawn(task)
    }

    /// Throws the script's dice, one stream per run.
    pub fn dice<T>(&self, f: impl FnOnce(&mut Rng) -> T) -> T {
        f(self.stage.borrow_mut().arena_mut().dice())
    }

    /// A number in `[0, n)`.
    pub fn below(&self, n: u64) -> u64 {
        self.dice(|dice| dice.below(n))
    }

    /// Whether something happens, in `num` cases of `den`.
    pub fn chance(&self, num: u32, den: u32) -> bool {
        self.dice(|dice| dice.chance(num, den))
    }

    /// Does something to the world, beyond the labs' words. It takes at most one step there.
    pub fn world<T>(&self, f: impl FnOnce(&mut World<C::Node>) -> T) -> T {
        self.stage.borrow_mut().arena_mut().act(f)
    }

    /// Has every promise looked at from now on, instead of a sample: see [`Durability`].
    ///
    /// [`Durability`]: crate::monitor::Durability
    pub fn look_at_every_promise(&self) {
        self.stage.borrow_mut().arena_mut().look_at_every_promise();
    }

    /// Demands that servers show the inside of their Rafts.
    pub(crate) fn demand_views(&self) {
        self.stage.borrow_mut().arena_mut().demand_views();
    }

    /// Has no promise of those looked at who are there.
    pub(crate) fn look_at_no_promise(&self) {
        self.stage.borrow_mut().arena_mut().look_at_no_promise();
    }

    /// Has every server filmed from now on: see [`film`](crate::arena::film).
    pub fn start_film(&self) {
        self.stage.borrow_mut().arena_mut().start_film();
    }

    /// Has somebody on another thread know where the run is from now on: see [`pulse`](crate::arena::pulse).
    pub(crate) fn set_pulse(&self, pulse: Pulse) {
        self.stage.borrow_mut().arena_mut().set_pulse(pulse);
    }

    /// Changes the network.
    pub fn set_network(&self, network: Network) {
        self.world(|world| world.set_network(network));
    }
}
