//! Worker threads: every run is independent of every other, and the results come back in order.

use super::bar::bar;
use super::explain::LAST_RECORDS;
use super::{Stop, watchdog};
use crate::Failure;
use crate::catalogue::Case;
use crate::run::{Options, Report};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use indicatif::ProgressBar;
use labrpc::Totals;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

#[allow(clippy::disallowed_types, reason = "how long a run takes is said, and decides nothing")]
type Stopwatch = std::time::Instant;

/// A run that takes longer is named: it may be in a loop that has no end. Runs take milliseconds.
const LONG: Duration = watchdog::PATIENCE;

/// What is kept of a run: a [`Report`] without its trace.
#[derive(Clone, Debug)]
pub struct Run {
    pub seed: u64,
    pub failure: Option<Failure>,
    pub simulated: Duration,
    pub totals: Totals,
    pub commands: u64,
    pub operations: u64,
    pub fingerprint: u64,
    pub cpu: Duration,
    pub checking: Duration,
    /// The end of the trace of a run that was stopped, since it would not have come back: it is not made again
    /// for it.
    pub stopped: Option<Vec<String>>,
}

impl From<Report> for Run {
    fn from(report: Report) -> Self {
        let stopped = watchdog::is_endless(&report).then(|| {
            let last = report.trace.len().saturating_sub(LAST_RECORDS);
            report.trace[last..].iter().map(ToString::to_string).collect()
        });
        Self {
            stopped,
            seed: report.seed,
            failure: report.outcome.err(),
            simulated: report.simulated,
            totals: report.totals,
            commands: report.commands,
            operations: report.operations,
            fingerprint: report.fingerprint,
            cpu: report.cpu,
            checking: report.checking,
        }
    }
}

/// In which order seeds are run; the results come in ascending order in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Ascending,
    Descending,
}

/// What to run, and on how many threads.
pub struct Plan<'a> {
    pub cases: &'a [&'a Case],
    pub seeds: Range<u64>,
    pub jobs: usize,
    pub order: Order,
}

/// Some seeds of one case: what a worker does in one go.
struct Job {
    case: usize,
    seeds: Range<u64>,
}

/// What became of a job.
struct Done {
    case: usize,
    /// How many seeds it had; not all of them need have been run.
    seeds: u64,
    runs: Vec<Run>,
}

/// What of the whole is of use: in the order of cases and seeds, everything up to this run.
///
/// Whoever sees a failure moves it there, if that is all that is wanted. So what comes before the
/// first failure is run in any case, and the answer is the same on any number of threads.
struct Horizon {
    fail_fast: bool,
    last: AtomicU64,
}

impl Horizon {
    fn reaches(&self, run: u64) -> bool {
        run <= self.last.load(Ordering::Relaxed)
    }

    fn saw(&self, run: u64, outcome: &Run) {
        if self.fail_fast && outcome.failure.is_some() {
            self.last.fetch_min(run, Ordering::Relaxed);
        }
    }

    /// Leaves out of a case what is of no use; whether it was the last of use.
    fn cut(&self, runs: &mut Vec<Run>) -> bool {
        let first = runs.iter().position(|run| run.failure.is_some());
        match first.filter(|_| self.fail_fast) {
            Some(first) => {
                runs.truncate(first + 1);
                true
            }
            None => false,
        }
    }
}

/// What each thread is at, and since when.
struct Present(Mutex<Vec<Option<(usize, u64, Stopwatch)>>>);

impl Present {
    fn change<T>(&self, change: impl FnOnce(&mut Vec<Option<(usize, u64, Stopwatch)>>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs a case with a seed on a thread.
    fn during<T>(&self, thread: usize, case: usize, seed: u64, run: impl FnOnce() -> T) -> T {
        let put = |what| self.change(|threads| threads[thread] = what);
        put(Some((case, seed, Stopwatch::now())));
        let out = run();
        put(None);
        out
    }

    /// The cases and seeds that take so long; each is told once.
    fn take_long(&self, long: Duration) -> Vec<(usize, u64)> {
        self.change(|threads| {
            let is_long = |it: &(usize, u64, Stopwatch)| it.2.elapsed() >= long;
            let slots = threads.iter_mut();
            let taken = slots.filter_map(|slot| slot.take_if(|it| is_long(it)));
            taken.map(|(case, seed, _)| (case, seed)).collect()
        })
    }
}

impl Plan<'_> {
    fn seeds_per_case(&self) -> u64 {
        self.seeds.end - self.seeds.start
    }

    /// How many runs that makes.
    pub fn runs(&self) -> u64 {
        self.seeds_per_case().saturating_mul(self.cases.len() as u64)
    }

    /// Small enough that all threads end at about the same time.
    fn chunk(&self) -> u64 {
        (self.seeds_per_case() / (4 * self.jobs as u64)).clamp(1, 16)
    }

    fn hand_out(&self, jobs: &Sender<Job>) {
        let chunk = self.chunk();
        for case in 0..self.cases.len() {
            let mut left = self.seeds.clone();
            while !left.is_empty() {
                let size = chunk.min(left.end - left.start);
                let seeds = match self.order {
                    Order::Ascending => left.start..left.start + size,
                    Order::Descending => left.end - size..left.end,
                };
                match self.order {
                    Order::Ascending => left.start = seeds.end,
                    Order::Descending => left.end = seeds.start,
                }
                if jobs.send(Job { case, seeds }).is_err() {
                    return; // Nobody wants to know any more.
                }
            }
        }
    }

    fn work(
        &self,
        horizon: &Horizon,
        (thread, present): (usize, &Present),
        jobs: &Receiver<Job>,
        done: &Sender<Done>,
    ) {
        for Job { case, seeds } in jobs {
            let run = |seed: u64| {
                let before = (case as u64).saturating_mul(self.seeds_per_case());
                let number = before.saturating_add(seed - self.seeds.start);
                horizon.reaches(number).then(|| {
                    let run = || self.cases[case].run(seed, &Options::default());
                    let run = Run::from(present.during(thread, case, seed, run));
                    horizon.saw(number, &run);
                    run
                })
            };
            let count = seeds.end - seeds.start;
            let runs = match self.order {
                Order::Ascending => seeds.filter_map(run).collect(),
                Order::Descending => seeds.rev().filter_map(run).collect(),
            };
            if done.send(Done { case, seeds: count, runs }).is_err() {
                return;
            }
        }
    }

    /// Runs everything. `finished` gets all runs of a case as soon as they and all of the cases
    /// before are there, in order; its error ends the whole.
    pub fn run(
        &self,
        progress: &Progress,
        finished: impl FnMut(&Case, Vec<Run>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.run_to(false, progress, finished)
    }

    /// The same, but with the first failure all is over: it is the last run of the last case that
    /// `finished` gets.
    pub fn run_to_first_failure(
        &self,
        progress: &Progress,
        finished: impl FnMut(&Case, Vec<Run>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.run_to(true, progress, finished)
    }

    fn run_to(
        &self,
        fail_fast: bool,
        progress: &Progress,
        finished: impl FnMut(&Case, Vec<Run>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let horizon = &Horizon { fail_fast, last: AtomicU64::new(u64::MAX) };
        let (jobs_in, jobs_out) = bounded(2 * self.jobs);
        let (done_in, done_out) = unbounded();
        let wanted = self.runs().div_ceil(self.chunk()).min(self.jobs as u64) as usize;
        let present = &Present(Mutex::new(vec![None; wanted]));
        thread::scope(|scope| {
            let mut workers = 0;
            for thread in 0..wanted {
                let (jobs, done) = (jobs_out.clone(), done_in.clone());
                let worker = move || self.work(horizon, (thread, present), &jobs, &done);
                match thread::Builder::new().name("worker".into()).spawn_scoped(scope, worker) {
                    Ok(_) => workers += 1,
                    Err(error) if workers == 0 => {
                        return Err(Stop::BadUse(format!("cannot start a thread: {error}")));
                    }
                    Err(_) => break, // Fewer will do.
                }
            }
            drop((jobs_out, done_in));
            let feeder = thread::Builder::new().name("feeder".into());
            feeder
                .spawn_scoped(scope, move || self.hand_out(&jobs_in))
                .map_err(|error| Stop::BadUse(format!("cannot start a thread: {error}")))?;
            self.collect(horizon, present, &done_out, progress, finished)
        })
    }

    fn collect(
        &self,
        horizon: &Horizon,
        present: &Present,
        done: &Receiver<Done>,
        progress: &Progress,
        mut finished: impl FnMut(&Case, Vec<Run>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let mut open: Vec<(u64, Vec<Run>)> = self.cases.iter().map(|_| (0, Vec::new())).collect();
        let mut next = 0;
        progress.wait_for(self.cases.first());
        loop {
            for (case, seed) in present.take_long(LONG) {
                progress.complain(self.cases[case], seed);
            }
            let Done { case, seeds, runs } = match done.recv_timeout(LONG / 2) {
                Ok(done) => done,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            progress.add(runs.len(), runs.iter().filter(|run| run.failure.is_some()).count());
            open[case].0 += seeds;
            open[case].1.extend(runs);
            while next < open.len() && open[next].0 == self.seeds_per_case() {
                let mut runs = std::mem::take(&mut open[next].1);
                runs.sort_unstable_by_key(|run| run.seed);
                let is_last = horizon.cut(&mut runs);
                progress.aside(|| finished(self.cases[next], runs))?;
                if is_last {
                    return Ok(());
                }
                next += 1;
                progress.wait_for(self.cases.get(next));
            }
        }
    }
}

/// A progress bar, if somebody is there to see it.
pub struct Progress {
    bar: ProgressBar,
    failed: std::cell::Cell<usize>,
}

impl Progress {
    /// For so many runs.
    pub fn new(runs: u64, visible: bool) -> Self {
        let template =
            "{elapsed:>4} [{bar:30}] {human_pos} of {human_len} runs{prefix}, {eta} to go; {msg}";
        let bar = bar(Some(runs), template, visible);
        Self { bar, failed: std::cell::Cell::new(0) }
    }

    fn add(&self, runs: usize, failed: usize) {
        self.bar.inc(runs as u64);
        if failed > 0 {
            self.failed.set(self.failed.get() + failed);
            self.bar.set_prefix(format!(", {} failed", self.failed.get()));
        }
    }

    /// Shows which case everybody waits for; a hang has a name then.
    fn wait_for(&self, case: Option<&&Case>) {
        self.bar.set_message(case.map(|case| case.name()).unwrap_or_default());
    }

    /// Names a run that takes long.
    fn complain(&self, case: &Case, seed: u64) {
        let (name, long) = (case.name(), LONG.as_secs());
        self.aside(|| {
            eprintln!(
                "{name} with seed {seed} has been at it for {long} s: is there an endless loop? `replay {name} \
                 --seed {seed}` shows where"
            );
        });
    }

    /// Does something, such as printing a line, while the bar is out of the way.
    pub fn aside<T>(&self, f: impl FnOnce() -> T) -> T {
        self.bar.suspend(f)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_told_once() {
        let present = Present(Mutex::new(vec![None; 2]));
        let seen = present.during(1, 7, 17, || {
            let long = Duration::from_secs(3600);
            [long, Duration::ZERO, Duration::ZERO].map(|long| present.take_long(long))
        });
        assert_eq!(seen, [vec![], vec![(7, 17)], vec![]]);
        assert_eq!(present.take_long(Duration::ZERO), []);
    }
}
