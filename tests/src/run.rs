//! One scenario, one seed: a run, and what came of it.

use crate::arena::film::{ClientCall, Film};
use crate::arena::pulse::Pulse;
use crate::arena::{Marks, Stage};
use crate::linear::KvOperation;
use crate::monitor::Durability;
use crate::panics::{caught, traced};
use crate::script::Script;
use crate::suites::{Entry, Running, Scenario};
use crate::{Failure, Outcome};
use cpu_time::ThreadTime;
use kvraft::rsm::Reads;
use labrpc::{Record, Totals, Trace, World};
use std::cell::RefCell;
use std::time::Duration;

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// What monitors look at.
    pub monitors: Monitors,
    /// What trace to keep.
    pub trace: Trace,
    /// How the servers of labs 3 and 4 serve reads.
    pub reads: Reads,
    /// Whether situations are counted that come about: see [`marks`](crate::swarm::marks).
    pub marks: bool,
    /// Whether the servers are filmed, for the [viewer](crate::viewer).
    pub film: bool,
    /// Whether every promise is looked at, and not a sample: see [`crate::monitor::Durability`].
    pub every_promise: bool,
    /// Who wants to know where the run is, on another thread: one for each run.
    pub pulse: Option<Pulse>,
}

/// What monitors look at after every step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Monitors {
    /// Nothing.
    Off,
    /// Whatever servers show.
    On,
    /// The same of everybody, for a grade: a server has to show its log
    /// ([`Consensus::view`](raft::Consensus::view)), what else it may show is left alone
    /// ([`GroupServer::holdings`](crate::shard::GroupServer::holdings)), and what is on a disk counts
    /// where servers crash, which is from part 2C on.
    Graded,
}

impl Monitors {
    /// Whether they look at anything.
    pub fn are_on(self) -> bool {
        self != Self::Off
    }
}

impl Default for Options {
    fn default() -> Self {
        let (trace, reads) = (Trace::off(), Reads::Log);
        Self {
            monitors: Monitors::On,
            trace,
            reads,
            marks: false,
            film: false,
            every_promise: false,
            pulse: None,
        }
    }
}

/// A stage that scenarios are run on.
pub trait Play: Stage + Sized {
    /// The stage that a scenario asks for, ready for its script.
    fn set(scenario: &Scenario, seed: u64, options: &Options) -> Self;

    /// What it is made of, for reports.
    fn config(scenario: &Scenario, options: &Options) -> serde_json::Value;

    /// What clients did.
    fn history(&self) -> &[KvOperation] {
        &[]
    }

    /// The same in simulated time, for the film.
    fn client_calls(&self) -> Vec<ClientCall> {
        Vec::new()
    }

    /// How many operations clients began.
    fn operations(&self) -> u64 {
        self.history().len() as u64
    }

    /// Which clients wait for an answer, in words, if any do.
    fn waiting(&self) -> Option<String> {
        None
    }

    /// Which situations came about, and how often.
    fn marks(&self) -> Marks {
        self.arena().marks()
    }

    /// Looks at the whole, when the script has ended well.
    fn judge(&self) -> Outcome {
        Ok(())
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
    /// How many commands were applied: the highest index, added up over clusters.
    pub commands: u64,
    /// What clients did, kept only of a run that failed or was traced.
    pub history: Vec<KvOperation>,
    /// How many operations clients began.
    pub operations: u64,
    /// The digest of everything that happened.
    pub fingerprint: u64,
    /// CPU time of the thread that ran it.
    pub cpu: Duration,
    /// How much of that went into checking the history.
    pub checking: Duration,
    /// The trace, if one was kept.
    pub trace: Vec<Record>,
    /// Which situations came about, and how often, if they were counted.
    pub marks: Marks,
    /// What the servers were at every moment, if they were filmed.
    pub film: Option<Film>,
    /// The calls that led to a panic, innermost first: those in the implementation under test, as
    /// `lab2/src/raft.rs:12: on_message`. Kept only of a run that was traced.
    pub backtrace: Vec<String>,
}

impl Report {
    /// Of a run of which nothing is known yet.
    pub(crate) fn blank(scenario: Scenario, seed: u64) -> Self {
        Self {
            scenario,
            seed,
            outcome: Ok(()),
            simulated: Duration::ZERO,
            totals: Totals::default(),
            commands: 0,
            history: Vec::new(),
            operations: 0,
            fingerprint: 0,
            cpu: Duration::ZERO,
            checking: Duration::ZERO,
            trace: Vec::new(),
            marks: Marks::default(),
            film: None,
            backtrace: Vec::new(),
        }
    }
}

/// A failure that says more: of a script that was not done in time, who was waiting; and what the
/// checker says of a history, where a client has seen something wrong.
fn explained<C: Play>(stage: &C, failure: Failure) -> Failure {
    let more = match failure.property.as_str() {
        "time limit" | "step limit" | "progress" => stage.waiting(),
        "get" | "exactly once" | "order of appends" => {
            stage.judge().err().map(|violation| format!("the checker says {}", violation.facts))
        }
        _ => None,
    };
    match more {
        Some(more) => Failure { facts: format!("{}; {more}", failure.facts), ..failure },
        None => failure,
    }
}

/// Runs one scenario with one seed. A panic of the implementation under test is a failure like any
/// other.
pub fn run<C: Play>(entry: &Entry<C>, seed: u64, options: &Options) -> Report {
    let scenario = entry.scenario;
    from_its_beginning(options, |options| {
        perform(scenario, seed, options, || C::set(&scenario, seed, options), entry.script)
    })
}

/// A run, and if a sample of promises has found one that was not kept, the run up to the first of
/// them instead: that is where one wants to look.
pub(crate) fn from_its_beginning(options: &Options, run: impl Fn(&Options) -> Report) -> Report {
    let report = run(options);
    let is_broken = |failure: &Failure| failure.property == Durability::PROPERTY;
    if options.every_promise || !report.outcome.as_ref().is_err_and(is_broken) {
        return report;
    }
    // Who looks for what stands still has seen this one come to its end.
    let closely = run(&Options { every_promise: true, pulse: None, ..options.clone() });
    // A run that is another each time may not find it again; then the first has to do.
    if closely.outcome.as_ref().is_err_and(is_broken) { closely } else { report }
}

/// Runs a script on a stage, and reports it as a run of `scenario`.
pub(crate) fn perform<C: Play>(
    scenario: Scenario,
    seed: u64,
    options: &Options,
    set_stage: impl FnOnce() -> C,
    script: impl FnOnce(Script<C>) -> Running,
) -> Report {
    let began = ThreadTime::now();
    let set: RefCell<Option<Script<C>>> = RefCell::new(None);
    let play = || {
        let lab = Script::on(set_stage());
        if let Some(pulse) = &options.pulse {
            lab.set_pulse(pulse.clone());
        }
        if options.marks {
            lab.world(World::count_notes);
        }
        if options.film {
            lab.start_film();
        }
        if options.every_promise {
            lab.look_at_every_promise();
        }
        if options.monitors == Monitors::Graded {
            lab.demand_views();
            if ["2a", "2b"].contains(&scenario.part) {
                lab.look_at_no_promise();
            }
        }
        *set.borrow_mut() = Some(lab.clone());
        lab.run(script)
    };
    let (mut outcome, backtrace) =
        if options.trace.is_on() { traced(play) } else { (caught(play), Vec::new()) };
    if let Some(pulse) = &options.pulse {
        pulse.end();
    }
    let mut report = Report { backtrace, ..Report::blank(scenario, seed) };
    if let Some(script) = set.into_inner() {
        let stage = script.cluster();
        let (arena, world) = (stage.arena(), stage.arena().world());
        let checked = ThreadTime::now();
        outcome = match outcome {
            Ok(()) => stage.judge().and_then(|()| arena.hidden()),
            Err(failure) => Err(explained(&*stage, failure)),
        };
        report.checking = checked.elapsed();
        report.simulated = Duration::from_nanos(world.now().as_nanos());
        report.totals = world.totals();
        report.commands = arena.commands();
        report.operations = stage.operations();
        report.fingerprint = world.fingerprint();
        if options.marks {
            report.marks = stage.marks();
        }
        report.film = arena.film().map(|film| Film { calls: stage.client_calls(), ..film });
        report.trace = world.trace().records().cloned().collect();
        if outcome.is_err() || options.trace.is_on() {
            report.history = stage.history().to_vec();
        }
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
