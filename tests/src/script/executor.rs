//! The executor: tasks, and whose turn it is.

use labrpc::SimTime;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

type TaskId = usize;
type Body = Pin<Box<dyn Future<Output = ()>>>;

/// What a task that gives up its turn waits for.
#[derive(Clone, Copy)]
enum Wait {
    Until(SimTime),
    For(TaskId),
    Signal(Signal),
}

/// The name of something that may happen in the world, again and again.
pub type Signal = usize;

/// What the world says when it was asked to run until some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// The time has come.
    Reached,
    /// Before that, something happened.
    Signalled(Signal),
    /// It goes no further.
    Stopped,
}

#[derive(Default)]
struct Tasks {
    bodies: Vec<Option<Body>>,
    spawned: Vec<TaskId>,
    joiners: Vec<Vec<TaskId>>,
    sleeping: BinaryHeap<Reverse<(SimTime, TaskId)>>,
    waiting: BTreeMap<Signal, Vec<TaskId>>,
}

/// The tasks of one run, and whose turn it is.
#[derive(Clone, Default)]
pub struct Executor {
    tasks: Rc<RefCell<Tasks>>,
    wait: Rc<Cell<Option<Wait>>>,
}

/// A task in the background; awaiting it gives its result.
pub struct Task<T> {
    id: TaskId,
    result: Rc<RefCell<Option<T>>>,
    wait: Rc<Cell<Option<Wait>>>,
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        if let Some(result) = self.result.borrow_mut().take() {
            return Poll::Ready(result);
        }
        self.wait.set(Some(Wait::For(self.id)));
        Poll::Pending
    }
}

/// A pause in a script, until some point in simulated time.
pub struct Sleep {
    until: SimTime,
    slept: bool,
    wait: Rc<Cell<Option<Wait>>>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.slept {
            return Poll::Ready(());
        }
        self.slept = true;
        self.wait.set(Some(Wait::Until(self.until)));
        Poll::Pending
    }
}

/// A pause in a script, until something happens.
pub struct Until {
    signal: Signal,
    waited: bool,
    wait: Rc<Cell<Option<Wait>>>,
}

impl Future for Until {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.waited {
            return Poll::Ready(());
        }
        self.waited = true;
        self.wait.set(Some(Wait::Signal(self.signal)));
        Poll::Pending
    }
}

impl Executor {
    /// Starts a task; it runs for the first time when the running one gives up its turn.
    pub fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Task<T> {
        let result = Rc::new(RefCell::new(None));
        let slot = Rc::clone(&result);
        let mut tasks = self.tasks.borrow_mut();
        let id = tasks.bodies.len();
        tasks.bodies.push(Some(Box::pin(async move {
            let value = future.await;
            *slot.borrow_mut() = Some(value);
        })));
        tasks.joiners.push(Vec::new());
        tasks.spawned.push(id);
        Task { id, result, wait: Rc::clone(&self.wait) }
    }

    /// Gives up the turn until some point in time.
    pub fn sleep_until(&self, until: SimTime) -> Sleep {
        Sleep { until, slept: false, wait: Rc::clone(&self.wait) }
    }

    /// Gives up the turn until something happens.
    pub fn until(&self, signal: Signal) -> Until {
        Until { signal, waited: false, wait: Rc::clone(&self.wait) }
    }

    /// Runs `main` and what it spawns. `advance` lets the world run until a time, at most `end`, or
    /// until something happens. The result is that of `main`; none if the world went no further, or
    /// if nobody waits for anything that can happen.
    pub fn run<T: 'static>(
        &self,
        main: impl Future<Output = T> + 'static,
        end: SimTime,
        mut advance: impl FnMut(SimTime) -> Advance,
    ) -> Option<T> {
        let main = self.spawn(main);
        let mut ready: VecDeque<TaskId> = VecDeque::new();
        loop {
            ready.extend(std::mem::take(&mut self.tasks.borrow_mut().spawned));
            while let Some(id) = ready.pop_front() {
                self.turn(id, &mut ready);
                ready.extend(std::mem::take(&mut self.tasks.borrow_mut().spawned));
            }
            if let Some(result) = main.result.borrow_mut().take() {
                return Some(result);
            }
            let first = self.tasks.borrow().sleeping.peek().map(|Reverse((at, _))| *at);
            let until = match first {
                Some(at) => at,
                None if self.tasks.borrow().waiting.is_empty() => return None,
                None => end,
            };
            match advance(until) {
                Advance::Stopped => return None,
                Advance::Signalled(signal) => {
                    ready.extend(
                        self.tasks.borrow_mut().waiting.remove(&signal).unwrap_or_default(),
                    );
                }
                Advance::Reached => {
                    let mut tasks = self.tasks.borrow_mut();
                    while tasks.sleeping.peek().is_some_and(|Reverse((at, _))| *at == until) {
                        ready.extend(tasks.sleeping.pop().map(|Reverse((_, id))| id));
                    }
                    first?;
                }
            }
        }
    }

    /// Lets one task run until it waits or ends.
    fn turn(&self, id: TaskId, ready: &mut VecDeque<TaskId>) {
        let Some(mut body) = self.tasks.borrow_mut().bodies[id].take() else { return };
        let done = body.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        let mut tasks = self.tasks.borrow_mut();
        if done {
            ready.extend(std::mem::take(&mut tasks.joiners[id]));
            return;
        }
        tasks.bodies[id] = Some(body);
        match self.wait.take().expect("a task waits for a time or for a task") {
            Wait::Until(at) => tasks.sleeping.push(Reverse((at, id))),
            Wait::For(other) => tasks.joiners[other].push(id),
            Wait::Signal(signal) => tasks.waiting.entry(signal).or_default().push(id),
        }
    }

    /// Drops all tasks; those in the background may hold on to what they run in.
    pub fn clear(&self) {
        let tasks = std::mem::take(&mut *self.tasks.borrow_mut());
        drop(tasks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn tasks_of_one_instant_run_in_the_order_of_their_spawning() {
        let (exec, log) = (Executor::default(), Rc::new(RefCell::new(Vec::new())));
        let now = Rc::new(Cell::new(SimTime::ZERO));
        let (inner, seen, clock) = (exec.clone(), Rc::clone(&log), Rc::clone(&now));
        let result = exec.run(
            async move {
                let tasks: Vec<_> = [30, 10, 30, 20]
                    .into_iter()
                    .enumerate()
                    .map(|(n, ms)| {
                        let (exec, seen) = (inner.clone(), Rc::clone(&seen));
                        let until = clock.get() + Duration::from_millis(ms);
                        inner.spawn(async move {
                            exec.sleep_until(until).await;
                            seen.borrow_mut().push(n);
                            n
                        })
                    })
                    .collect();
                let mut sum = 0;
                for task in tasks {
                    sum += task.await;
                }
                sum
            },
            SimTime::ZERO + Duration::from_secs(1),
            |until| {
                now.set(until);
                Advance::Reached
            },
        );
        assert_eq!((result, &*log.borrow()), (Some(6), &vec![1, 3, 0, 2]));
        assert_eq!(now.get(), SimTime::ZERO + Duration::from_millis(30));
    }

    #[test]
    fn a_run_ends_when_the_world_says_no() {
        let exec = Executor::default();
        let sleep = exec.sleep_until(SimTime::ZERO + Duration::from_secs(1));
        let end = SimTime::ZERO + Duration::from_secs(2);
        assert_eq!(exec.run(sleep, end, |_| Advance::Stopped), None);
    }

    #[test]
    fn who_waits_for_something_goes_on_when_it_happens() {
        let exec = Executor::default();
        let end = SimTime::ZERO + Duration::from_secs(2);
        let (inner, mut signals) = (exec.clone(), [7, 5, 7].into_iter());
        let main = async move {
            inner.until(5).await;
            inner.until(7).await;
            "both"
        };
        let happen = |_| signals.next().map_or(Advance::Stopped, Advance::Signalled);
        assert_eq!(exec.run(main, end, happen), Some("both"));

        let exec = Executor::default();
        let never = exec.until(5);
        assert_eq!(
            exec.run(never, end, |until| {
                assert_eq!(until, end, "nothing else is waited for");
                Advance::Reached
            }),
            None
        );
    }
}
