//! A trial that fails, made smaller while it still fails in the same way: what is left is what it
//! takes.
//!
//! Runs are chaotic: without a fault that has nothing to do with the failure, messages are drawn in
//! another order, somebody else is elected, and the failure is gone. To take faults out one by one
//! therefore ends early. Two things help:
//!
//! - A smaller trial is tried with a few other seeds, too: what the failure takes
//!   is there with some of them. The fewer candidates a step has, the more seeds each gets.
//! - A fault goes together with what puts it right, and many at once before single ones.

mod smaller;

use super::Trial;
use crate::Failure;
use kvraft::rsm::Reads;
use smaller::{
    CALMER, only, rounded, sooner, troubles, with_clients, with_groups, with_servers, without,
};
use std::ops::Range;
use std::time::Duration;

/// How many trials it may take if nothing is said.
pub const ATTEMPTS: usize = 10_000;

/// About how many trials one step of the search may take, all candidates and seeds together.
const EFFORT: usize = 48;

/// As long as more faults than these are left, the search goes on with more seeds.
const FEW: usize = 5;

/// The most troubles of which any two are tried.
const MANY: usize = 12;

/// The most seeds that a smaller value of anything but the plan is tried with.
const SEEDS: usize = 4;

/// What is left of a trial.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest trial that was found.
    pub trial: Trial,
    /// How it fails.
    pub failure: Failure,
    /// How many trials that took.
    pub attempts: usize,
}

/// Makes a trial smaller that fails: fewer faults, servers, groups, clients and operations, a
/// simpler network and configuration, and less time. `fails` runs one, and only the same property
/// counts. What is left may have another seed.
///
/// It ends when nothing helps any more, or after so many `attempts`. Nothing is random here, so the
/// same trial always shrinks to the same.
pub fn shrink(
    trial: &Trial,
    failure: &Failure,
    attempts: usize,
    fails: impl FnMut(&Trial) -> Option<Failure>,
) -> Shrunk {
    let best = Shrunk { trial: trial.clone(), failure: failure.clone(), attempts: 0 };
    let mut shrinker = Shrinker { best, most: attempts, effort: EFFORT, fails };
    // The end of the storm is all that matters for faults that come later.
    shrinker.end_behind_the_failure();
    loop {
        let before = shrinker.best.trial.clone();
        shrinker.take_troubles_out();
        shrinker.take_pairs_out();
        shrinker.take_single_faults_out();
        shrinker.simplify();
        shrinker.shorten();
        shrinker.tidy();
        if shrinker.best.attempts >= attempts {
            return shrinker.best;
        }
        if shrinker.best.trial == before {
            if before.plan.0.len() <= FEW {
                return shrinker.best;
            }
            shrinker.effort *= 4;
        }
    }
}

struct Shrinker<F> {
    best: Shrunk,
    most: usize,
    effort: usize,
    fails: F,
}

impl<F: FnMut(&Trial) -> Option<Failure>> Shrinker<F> {
    /// Takes a smaller trial over if it fails in the same way, with its own seed or with one of the
    /// first few.
    fn try_out(&mut self, trial: &Trial, seeds: usize) -> bool {
        if *trial == self.best.trial {
            return false;
        }
        let others = (0..).filter(|seed| *seed != trial.seed);
        std::iter::once(trial.seed).chain(others).take(seeds.max(1)).any(|seed| {
            if self.best.attempts >= self.most {
                return false;
            }
            self.best.attempts += 1;
            let trial = Trial { seed, ..trial.clone() };
            match (self.fails)(&trial) {
                Some(failure) if failure.property == self.best.failure.property => {
                    (self.best.trial, self.best.failure) = (trial, failure);
                    true
                }
                _ => false,
            }
        })
    }

    fn change(&mut self, seeds: usize, change: impl FnOnce(&mut Trial)) -> bool {
        let mut trial = self.best.trial.clone();
        change(&mut trial);
        self.try_out(&trial, seeds)
    }

    /// Delta debugging (Zeller and Hildebrandt, 2002) over the plan: keeps only, or leaves out, halves,
    /// then quarters, down to single troubles.
    fn take_troubles_out(&mut self) {
        let mut size = troubles(&self.best.trial.plan).len();
        while size > 0 {
            for keep in [true, false] {
                let mut at = 0;
                loop {
                    let all = troubles(&self.best.trial.plan);
                    if at >= all.len() {
                        break;
                    }
                    let chunk = all[at..(at + size).min(all.len())].concat();
                    let seeds = self.effort * size / all.len();
                    let is_smaller = self.change(seeds, |trial| {
                        trial.plan = if keep {
                            only(&trial.plan, &chunk)
                        } else {
                            without(&trial.plan, &chunk)
                        };
                    });
                    if is_smaller && keep {
                        break;
                    }
                    if !is_smaller {
                        at += size;
                    }
                }
            }
            size = (size / 2).min(troubles(&self.best.trial.plan).len());
        }
    }

    /// Leaves out any two troubles, once there are few.
    fn take_pairs_out(&mut self) {
        let (mut a, mut b) = (0, 1);
        loop {
            let all = troubles(&self.best.trial.plan);
            if all.len() > MANY || a + 1 >= all.len() {
                return;
            }
            let seeds = self.effort / all.len();
            let two = [&all[a][..], &all[b]].concat();
            if self.change(seeds, |trial| trial.plan = without(&trial.plan, &two)) {
                (a, b) = (0, 1);
            } else if b + 1 < all.len() {
                b += 1;
            } else {
                (a, b) = (a + 1, a + 2);
            }
        }
    }

    /// What is left is tried line by line: what puts a fault right may not be needed, as the end of
    /// the storm does so, too.
    fn take_single_faults_out(&mut self) {
        let mut at = 0;
        while at < self.best.trial.plan.0.len() {
            let seeds = self.effort / self.best.trial.plan.0.len();
            if !self.change(seeds, |trial| drop(trial.plan.0.remove(at))) {
                at += 1;
            }
        }
        let mut at = 0;
        while at < self.best.trial.lasting.len() {
            if !self.change(SEEDS, |trial| drop(trial.lasting.remove(at))) {
                at += 1;
            }
        }
        for at in 0..self.best.trial.plan.0.len() {
            self.change(1, |trial| trial.plan.0[at].1 = smaller::plainer(&trial.plan.0[at].1));
        }
    }

    fn simplify(&mut self) {
        for calm in CALMER {
            self.change(SEEDS, |trial| calm(&mut trial.network));
        }
        self.change(SEEDS, |trial| trial.reads = Reads::Log);
        self.change(SEEDS, |trial| trial.max_entries = 64);
        self.change(SEEDS, |trial| trial.max_in_flight = 1);
        self.change(SEEDS, |trial| trial.snapshot_tail = 0);
        self.change(SEEDS, |trial| trial.snapshots = None);
        self.fewer(|trial| trial.servers, with_servers);
        self.fewer(|trial| trial.groups, with_groups);
        self.fewer(|trial| trial.clients, with_clients);
        self.less(1, |trial| trial.keys as u64, |trial, keys| trial.keys = keys as usize);
        self.less(1, |trial| trial.operations, |trial, operations| trial.operations = operations);
        self.change(SEEDS, |trial| trial.pause_ms = 0);
    }

    /// Leaves members out: all but the first few, as few as possible; then each of the others.
    fn fewer(&mut self, number: fn(&Trial) -> usize, keep: fn(&mut Trial, &dyn Fn(usize) -> bool)) {
        for few in 1..number(&self.best.trial) {
            if self.change(SEEDS, |trial| keep(trial, &|it| it < few)) {
                break;
            }
        }
        for one in (0..number(&self.best.trial)).rev() {
            if number(&self.best.trial) > 1 {
                self.change(SEEDS, |trial| keep(trial, &|it| it != one));
            }
        }
    }

    /// Makes a number smaller, in smaller and smaller steps.
    fn less(&mut self, least: u64, number: fn(&Trial) -> u64, set: fn(&mut Trial, u64)) {
        let mut step = number(&self.best.trial).saturating_sub(least);
        while step > 0 {
            let now = number(&self.best.trial);
            if now < least + step || !self.change(SEEDS, |trial| set(trial, now - step)) {
                step /= 2;
            }
        }
    }

    fn end_behind_the_failure(&mut self) {
        let at = Duration::from_nanos(self.best.failure.nanos).as_millis() as u64 + 1;
        if at < self.best.trial.storm_ms {
            self.change(1, |trial| smaller::end_at(trial, at));
        }
    }

    /// Lets the storm end sooner, and what happens in it follow sooner upon what happened before.
    fn shorten(&mut self) {
        self.end_behind_the_failure();
        self.less(1, |trial| trial.storm_ms, smaller::end_at);
        for at in 0..self.best.trial.plan.0.len() {
            for parts in [1, 2, 4] {
                if self.change(SEEDS, |trial| sooner(trial, at, parts)) {
                    break;
                }
            }
        }
    }

    /// Rounds times, all or some.
    fn tidy(&mut self) {
        for unit in [1_000, 100, 10, 1] {
            let unit = Duration::from_millis(unit);
            if self.change(SEEDS, |trial| rounded(trial, unit, 0..usize::MAX)) {
                break;
            }
        }
        for at in 0..self.best.trial.plan.0.len() {
            for unit in [1_000, 100, 10, 1] {
                let unit = Duration::from_millis(unit);
                let one: Range<usize> = at..at + 1;
                if self.change(1, |trial| rounded(trial, unit, one)) {
                    break;
                }
            }
        }
    }
}
