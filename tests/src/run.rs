//! One scenario, one seed: a run, and what came of it.

use crate::cluster::Lab;
use crate::suites::{Entry, Scenario};
use crate::{Failure, Outcome};
use cpu_time::ThreadTime;
use labrpc::{Record, Totals, Trace};
use raft::Consensus;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::time::Duration;

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether monitors look at every step.
    pub monitors: bool,
    /// What trace to keep.
    pub trace: Trace,
}

impl Default for Options {
    fn default() -> Self {
        Self { monitors: true, trace: Trace::off() }
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The scenario.
    pub scenario: Scenario,
    /// The seed.
    pub seed: u64,
    /// Whether it passed, and if not, why.
    pub outcome: Outcome,
    /// How much simulated time it took.
    pub simulated: Duration,
    /// Traffic and steps.
    pub totals: Totals,
    /// How many commands were applied: the highest index.
    pub commands: u64,
    /// The digest of everything that happened.
    pub fingerprint: u64,
    /// CPU time of the thread that ran it.
    pub cpu: Duration,
    /// The trace, if one was kept.
    pub trace: Vec<Record>,
}

thread_local! {
    static RUNNING: Cell<bool> = const { Cell::new(false) };
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Panics inside a run are part of its outcome, and not for the terminal.
fn catch_panics_quietly() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if RUNNING.get() {
                PANIC.set(Some(info.to_string()));
            } else {
                usual(info);
            }
        }));
    });
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    PANIC.take().unwrap_or_else(|| {
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
    })
}

/// Runs one scenario with one seed. A panic of the implementation under test is a failure like any
/// other.
pub fn run<R: Consensus + 'static>(entry: &Entry<R>, seed: u64, options: &Options) -> Report {
    catch_panics_quietly();
    let began = ThreadTime::now();
    let mut setup = entry.scenario.setup();
    setup.monitors = options.monitors;
    let lab: RefCell<Option<Lab<R>>> = RefCell::new(None);
    RUNNING.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        let started = Lab::new(setup, seed, options.trace.clone());
        *lab.borrow_mut() = Some(started.clone());
        started.run(entry.script)
    }));
    RUNNING.set(false);
    let lab = lab.into_inner();
    let mut outcome = match result {
        Ok(outcome) => outcome,
        Err(payload) => Err(Failure::new("no panic", text_of(&*payload))),
    };
    let mut report = Report {
        scenario: entry.scenario,
        seed,
        outcome: Ok(()),
        simulated: Duration::ZERO,
        totals: Totals::default(),
        commands: 0,
        fingerprint: 0,
        cpu: Duration::ZERO,
        trace: Vec::new(),
    };
    if let Some(lab) = lab {
        let cluster = lab.cluster();
        let world = cluster.world();
        report.simulated = Duration::from_nanos(world.now().as_nanos());
        report.totals = world.totals();
        report.commands = cluster.highest_applied();
        report.fingerprint = world.fingerprint();
        report.trace = world.trace().records().cloned().collect();
        if let Err(failure) = &mut outcome
            && failure.event == 0
        {
            failure.event = world.events();
            failure.nanos = world.now().as_nanos();
        }
    }
    report.outcome = outcome;
    report.cpu = began.elapsed();
    report
}
