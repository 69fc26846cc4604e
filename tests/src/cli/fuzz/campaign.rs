//! Many trials on many threads. What comes of them does not depend on how many: trials are numbered,
//! their results are counted in the order of their numbers, and where the first failure ends it all,
//! what other threads have run behind it does not count.

use super::Share;
use crate::Failure;
use crate::catalogue::Catalogue;
use crate::cli::Stop;
use crate::cli::bar::bar;
use crate::cli::text::{count, stretch, thousands};
use crate::run::Options;
use crate::swarm::marks::{self, Mark, Marks};
use crate::swarm::{System, Trial};
use crossbeam_channel::{Sender, unbounded};
use indicatif::ProgressBar;
use labrpc::Fingerprint;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

#[allow(clippy::disallowed_types, reason = "a campaign may be bounded in time")]
type Stopwatch = std::time::Instant;

/// Which seeds.
#[derive(Clone, Debug)]
pub enum Seeds {
    /// These.
    Range(Range<u64>),
    /// From 0 on, until the time is over.
    For(Duration),
}

/// What to run.
pub struct Campaign<'a> {
    pub catalogue: &'a Catalogue,
    pub systems: Vec<System>,
    pub seeds: Seeds,
    pub share: Share,
    pub jobs: usize,
    pub keep_going: bool,
    /// How much time is between two reports while it runs.
    pub report_every: Duration,
}

/// The figures of several trials of one system, added up.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub runs: u64,
    pub failed: u64,
    pub simulated: Duration,
    pub cpu: Duration,
    pub messages: u64,
    pub operations: u64,
    pub marks: Marks,
    /// The sum of all fingerprints, which does not depend on the order.
    pub fingerprints: u64,
}

impl Tally {
    pub fn messages_per_cpu_second(&self) -> u64 {
        #[allow(clippy::cast_sign_loss, reason = "neither is negative")]
        let rate = (self.messages as f64 / self.cpu.as_secs_f64().max(1e-9)) as u64;
        rate
    }

    fn add(&mut self, done: &Done) {
        self.runs += 1;
        self.failed += u64::from(done.failure.is_some());
        self.simulated += done.simulated;
        self.cpu += done.cpu;
        self.messages += done.messages;
        self.operations += done.operations;
        for Mark { what, .. } in marks::of(done.system) {
            if let Some(times) = done.marks.get(what) {
                *self.marks.entry(what.to_string()).or_default() += times;
            }
        }
        let mut print = Fingerprint::default();
        print.word(done.seed);
        print.word(done.fingerprint);
        self.fingerprints = self.fingerprints.wrapping_add(print.value());
    }
}

/// A trial that failed.
#[derive(Clone, Debug)]
pub struct Found {
    pub system: System,
    pub seed: u64,
    pub failure: Failure,
}

/// What came of it all, or of the first so many trials.
pub struct Outcome {
    pub tallies: Vec<(System, Tally)>,
    pub found: Vec<Found>,
    /// The seeds that were asked for; those that there was time for, if none were.
    pub seeds: Range<u64>,
    /// The number of the next trial, which is how many there are.
    trials: u64,
    /// Whether no more shall be counted.
    is_over: bool,
}

impl Outcome {
    /// Nothing yet.
    pub fn new(campaign: &Campaign<'_>) -> Self {
        let tallies = campaign.systems.iter().map(|system| (*system, Tally::default()));
        let seeds = match &campaign.seeds {
            Seeds::Range(range) => range.clone(),
            Seeds::For(_) => 0..0,
        };
        Self { tallies: tallies.collect(), found: Vec::new(), seeds, trials: 0, is_over: false }
    }

    /// Counts the next trial.
    fn add(&mut self, done: Done, campaign: &Campaign<'_>) {
        self.trials += 1;
        let slot = self.tallies.iter_mut().find(|(system, _)| *system == done.system);
        let (_, tally) = slot.expect("only these are run");
        tally.add(&done);
        if matches!(campaign.seeds, Seeds::For(_)) {
            self.seeds.end = done.seed + 1;
        }
        if let Some(failure) = done.failure {
            self.is_over = !campaign.keep_going;
            self.found.push(Found { system: done.system, seed: done.seed, failure });
        }
    }
}

struct Done {
    number: u64,
    system: System,
    seed: u64,
    failure: Option<Failure>,
    simulated: Duration,
    cpu: Duration,
    messages: u64,
    operations: u64,
    marks: BTreeMap<&'static str, u64>,
    fingerprint: u64,
}

impl fmt::Display for Campaign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let systems: Vec<&str> = self.systems.iter().map(|it| it.name()).collect();
        write!(f, "{}, ", systems.join(", "))?;
        match &self.seeds {
            Seeds::Range(range) => write!(f, "seeds {}..{}", range.start, range.end)?,
            Seeds::For(time) => write!(f, "seeds from 0 on for {}", stretch(*time))?,
        }
        if self.share != Share::ALL {
            write!(f, ", part {}", self.share)?;
        }
        write!(f, ", on {}", count(self.jobs, "thread"))
    }
}

impl Campaign<'_> {
    /// The trial with a number: seed by seed, all systems.
    fn trial(&self, number: u64) -> Option<(System, u64)> {
        let systems = self.systems.len() as u64;
        let (first, end) = match &self.seeds {
            Seeds::Range(range) => (range.start, range.end),
            Seeds::For(_) => (0, u64::MAX),
        };
        // The first seed of the range that is its share, and then every so many.
        let ahead = (self.share.number + self.share.of - first % self.share.of) % self.share.of;
        let turn = (number / systems).checked_mul(self.share.of)?;
        let seed = first.checked_add(ahead)?.checked_add(turn)?;
        (seed < end).then(|| (self.systems[(number % systems) as usize], seed))
    }

    fn count(&self) -> Option<u64> {
        let Seeds::Range(range) = &self.seeds else { return None };
        let mine = self.share.below(range.end) - self.share.below(range.start);
        Some(mine.saturating_mul(self.systems.len() as u64))
    }

    /// Runs it. Now and then, `meanwhile` gets what has come of it so far; its error ends the whole.
    pub fn run(
        &self,
        visible: bool,
        mut meanwhile: impl FnMut(&Outcome) -> Result<(), Stop>,
    ) -> Result<Outcome, Stop> {
        let (next, last) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
        let began = Stopwatch::now();
        let end = match self.seeds {
            Seeds::For(time) => Some(time),
            Seeds::Range(_) => None,
        };
        let (done_in, done_out) = unbounded();
        let bar = progress(self.count(), visible);
        thread::scope(|scope| {
            let mut workers = 0;
            for _ in 0..self.jobs {
                let (done, next, last) = (done_in.clone(), &next, &last);
                let worker = move || {
                    self.work(next, last, &done, || end.is_some_and(|end| began.elapsed() >= end));
                };
                match thread::Builder::new().name("worker".into()).spawn_scoped(scope, worker) {
                    Ok(_) => workers += 1,
                    Err(error) if workers == 0 => {
                        return Err(Stop::BadUse(format!("cannot start a thread: {error}")));
                    }
                    Err(_) => break, // Fewer will do.
                }
            }
            drop(done_in);
            let mut outcome = Outcome::new(self);
            let (mut early, mut reported) = (BTreeMap::new(), began.elapsed());
            for done in done_out {
                bar.inc(1);
                if done.failure.is_some() && !self.keep_going {
                    last.fetch_min(done.number, Ordering::Relaxed);
                }
                early.insert(done.number, done);
                while let Some(done) = early.remove(&outcome.trials)
                    && !outcome.is_over
                {
                    outcome.add(done, self);
                }
                bar.set_message(in_short(&outcome.tallies));
                if began.elapsed() >= reported + self.report_every {
                    reported = began.elapsed();
                    meanwhile(&outcome)?;
                }
            }
            bar.finish_and_clear();
            Ok(outcome)
        })
    }

    fn work(
        &self,
        next: &AtomicU64,
        last: &AtomicU64,
        done: &Sender<Done>,
        is_over: impl Fn() -> bool,
    ) {
        let options = Options { marks: true, ..Options::default() };
        // Whoever takes a number runs its trial, so that none is left out below another.
        while !is_over() {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((system, seed)) = self.trial(number) else { return };
            if number > last.load(Ordering::Relaxed) {
                return;
            }
            let trial = Trial::draw(system, seed);
            let Some(report) = self.catalogue.try_out(&trial, &options) else { return };
            let sent = done.send(Done {
                number,
                system,
                seed,
                failure: report.outcome.err(),
                simulated: report.simulated,
                cpu: report.cpu,
                messages: report.totals.delivered,
                operations: report.operations.max(report.commands),
                marks: report.marks,
                fingerprint: report.fingerprint,
            });
            if sent.is_err() {
                return; // Nobody wants to know any more.
            }
        }
    }
}

fn in_short(tallies: &[(System, Tally)]) -> String {
    let sum = |of: fn(&Tally) -> u64| tallies.iter().map(|(_, tally)| of(tally)).sum::<u64>();
    let simulated: Duration = tallies.iter().map(|(_, tally)| tally.simulated).sum();
    let cpu: Duration = tallies.iter().map(|(_, tally)| tally.cpu).sum();
    let rate = sum(|tally| tally.messages) as f64 / cpu.as_secs_f64().max(1e-9);
    #[allow(clippy::cast_sign_loss, reason = "rates are not negative")]
    let rate = thousands(rate as u64);
    let marks = tallies.iter().map(|(_, tally)| tally.marks.len()).sum::<usize>();
    format!("{} simulated, {rate} messages per CPU-s, {marks} situations", stretch(simulated))
}

/// A bar that counts trials, so many if that is known, if somebody is there to see it.
pub fn progress(runs: Option<u64>, visible: bool) -> ProgressBar {
    let template = match runs {
        Some(_) => "{elapsed:>4} [{bar:20}] {human_pos} of {human_len} trials, {eta} to go; {msg}",
        None => "{elapsed:>4} {human_pos} trials; {msg}",
    };
    bar(runs, template, visible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_come_of_it_is_told_on_the_way() {
        let catalogue = Catalogue::reference();
        let campaign = Campaign {
            catalogue: &catalogue,
            systems: vec![System::Raft],
            seeds: Seeds::Range(0..8),
            share: Share::ALL,
            jobs: 2,
            keep_going: true,
            report_every: Duration::ZERO,
        };
        let mut told = Vec::new();
        let meanwhile = |outcome: &Outcome| {
            told.push(outcome.tallies.iter().map(|(_, tally)| tally.runs).sum::<u64>());
            Ok(())
        };
        let outcome = campaign.run(false, meanwhile);
        assert_eq!(outcome.map(|it| it.trials).map_err(|_| "stopped"), Ok(8));
        assert!(told.is_sorted() && told.len() == 8 && told.last() == Some(&8), "{told:?}");
    }
}
