//! The swarm as a stage: trial after trial of all systems that have the changed code in them, until
//! one fails as expected or the CPU time is over.
//!
//! Which trials are run, and in which order, depends on nothing but the files that are changed: slices
//! of seeds from 0 on, in turn, of which the system that is most about it gets [`OWN`] times as many.
//! Only where it ends depends on time.

use super::answer::{Answer, ask};
use super::finding::{Finding, Verdict};
use super::format::{Catcher, Mutant};
use super::hunt::{Built, Doing, Hunt, Tell};
use super::scratch::Scratch;
use crate::child::Limits;
use crate::swarm::System;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

/// How many seeds a slice has: in the first turn, each turn twice as many, and at most.
const SLICE: Range<u64> = 8..256;

/// How many times as many seeds the first of the systems gets.
const OWN: u64 = 8;

/// What a process gets beyond the CPU time that is left: more than any trial of the original takes.
const GRACE: Duration = Duration::from_secs(10);

/// After so many failures by other properties than expected, more of them tell nothing.
const OTHERS: usize = 200;

/// The systems that have the code of some files in them, the one that is most about it first. Clients
/// of the lowest ask for no reads.
fn systems_of<'a>(files: impl Iterator<Item = &'a str>) -> &'static [System] {
    let of = |file: &str| match file.split('/').next() {
        Some("kvraft") => 1,
        Some("shardmaster") => 2,
        Some("shardkv") => 3,
        _ if file == "raft/src/read.rs" => 1,
        _ => 0,
    };
    &System::ALL[files.map(of).min().unwrap_or(0)..]
}

/// Seeds of some systems in turn, without an end.
#[derive(Clone, Debug)]
struct Slices {
    systems: &'static [System],
    next: Vec<u64>,
    turn: usize,
    size: u64,
}

impl Slices {
    fn of(systems: &'static [System]) -> Self {
        Self { systems, next: vec![0; systems.len()], turn: 0, size: SLICE.start }
    }
}

impl Iterator for Slices {
    type Item = (System, Range<u64>);

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.turn % self.systems.len();
        if at == 0 && self.turn > 0 {
            self.size = (2 * self.size).min(SLICE.end);
        }
        self.turn += 1;
        let first = self.next[at];
        self.next[at] = first.checked_add(if at == 0 { OWN * self.size } else { self.size })?;
        Some((self.systems[at], first..self.next[at]))
    }
}

/// What `lab fuzz --json` writes, as far as it matters here.
#[derive(Deserialize)]
struct Report {
    systems: BTreeMap<System, Figures>,
    failures: Vec<Failed>,
}

#[derive(Deserialize)]
struct Figures {
    trials: usize,
    cpu_seconds: f64,
}

#[derive(Deserialize)]
struct Failed {
    seed: u64,
    reason: String,
}

impl Hunt {
    /// Runs the swarm on a mutant.
    pub(super) fn swarm(
        &self,
        mutant: &Mutant,
        built: &Built,
        scratch: &Scratch,
        tell: Tell<'_>,
        finding: &mut Finding,
    ) -> Result<(), String> {
        let name = |error: io::Error| format!("{}: {error}", mutant.id);
        let mut others = 0;
        let files = mutant.hunks.iter().map(|hunk| hunk.file.as_str());
        for (system, seeds) in Slices::of(systems_of(files)) {
            tell(Doing::Running(Catcher::Swarm(system)))?;
            let is_over =
                self.slice(mutant, &built.lab, scratch, (system, seeds), finding, &mut others);
            if is_over.map_err(name)? {
                break;
            }
        }
        built.check().map_err(name)
    }

    /// Runs some trials; whether that was the end.
    fn slice(
        &self,
        mutant: &Mutant,
        lab: &Path,
        scratch: &Scratch,
        (system, seeds): (System, Range<u64>),
        finding: &mut Finding,
        others: &mut usize,
    ) -> io::Result<bool> {
        let catcher = Catcher::Swarm(system);
        let mut todo = vec![seeds];
        while let Some(seeds) = todo.pop() {
            let used = Duration::try_from_secs_f64(finding.cpu_seconds).unwrap_or_default();
            let Some(left) = self.plan.swarm.checked_sub(used).filter(|it| !it.is_zero()) else {
                return Ok(true);
            };
            match run(lab, scratch, system, seeds.clone(), left + GRACE)? {
                Answer::Wrote(report) => {
                    let figures = report.systems.get(&system);
                    let Figures { trials, cpu_seconds } = figures
                        .ok_or_else(|| io::Error::other(format!("{catcher}: no figures")))?;
                    finding.tried += trials;
                    finding.cpu_seconds += cpu_seconds;
                    // The first failure is the last trial.
                    let Some(Failed { seed, reason }) = report.failures.into_iter().next() else {
                        continue;
                    };
                    if finding.cpu_seconds > self.plan.swarm.as_secs_f64() {
                        return Ok(true); // Too late to count.
                    }
                    let (property, facts) = reason.split_once(": ").unwrap_or((&reason, ""));
                    let what = (Some(seed), property, facts);
                    self.failed(mutant, scratch, &catcher, what, finding)?;
                    *others += usize::from(!mutant.is_expected(property));
                    todo.extend((seed + 1 < seeds.end).then_some(seed + 1..seeds.end));
                }
                Answer::TimedOut => {
                    let Range { start, end } = seeds;
                    finding.timed_out.push(format!("{catcher}, seeds {start}..{end}"));
                    return Ok(true);
                }
                // Which of them it was shows when they are run in smaller parts.
                Answer::Died(..) if seeds.end - seeds.start > 1 => {
                    let middle = seeds.start.midpoint(seeds.end);
                    todo.extend([middle..seeds.end, seeds.start..middle]);
                }
                Answer::Died(property, facts) => {
                    let what = (Some(seeds.start), property, &*facts);
                    self.failed(mutant, scratch, &catcher, what, finding)?;
                    *others += 1;
                }
            }
            if *others >= OTHERS {
                finding.notes.push(format!("the swarm gave up after {others} other failures"));
                return Ok(true);
            }
            if finding.verdict == Verdict::Killed && !self.plan.all {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether a program passes some trials.
pub(super) fn passes(
    lab: &Path,
    scratch: &Scratch,
    system: System,
    seeds: Range<u64>,
) -> io::Result<bool> {
    let ran = run(lab, scratch, system, seeds, 6 * GRACE)?;
    Ok(matches!(ran, Answer::Wrote(report) if report.failures.is_empty()))
}

/// Runs trials in a process of its own, up to the first failure, which stays as it is.
fn run(
    lab: &Path,
    scratch: &Scratch,
    system: System,
    seeds: Range<u64>,
    cpu: Duration,
) -> io::Result<Answer<Report>> {
    let out = scratch.file("trials");
    fs::create_dir_all(&out)?;
    let range = format!("{}..{}", seeds.start, seeds.end);
    let words = ["fuzz", system.name(), "--seed-range", &range, "--no-shrink"];
    let words = words.into_iter().chain(["--jobs", "1", "--shard", "0/1", "--out"]);
    let mut arguments: Vec<_> = words.map(Into::into).collect();
    arguments.push(out.clone().into_os_string());
    let limits = Limits { cpu, real: 5 * cpu, memory: 4 << 30 };
    // 3: some situation never came about, which is not asked here.
    let answer = ask(lab, scratch, &Catcher::Swarm(system), arguments, &[0, 1, 3], limits);
    fs::remove_dir_all(&out)?;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use System::{Kv, Raft, ShardKv, ShardMaster};

    #[test]
    fn a_change_concerns_what_has_it_inside() {
        let systems = |files: &[&str]| systems_of(files.iter().copied());
        assert_eq!(systems(&["shardkv/src/store.rs"]), [ShardKv]);
        assert_eq!(systems(&["shardmaster/src/master.rs"]), [ShardMaster, ShardKv]);
        assert_eq!(systems(&["shardkv/a.rs", "kvraft/a.rs"]), [Kv, ShardMaster, ShardKv]);
        assert_eq!(systems(&["raft/src/read.rs"]), [Kv, ShardMaster, ShardKv]);
        assert_eq!(systems(&["raft/src/read.rs", "raft/src/raft.rs"]), System::ALL);
        assert_eq!(systems(&["labgob/src/lib.rs", "shardkv/a.rs"]), System::ALL);
    }

    #[test]
    fn slices_grow_and_follow_each_other() {
        let slices: Vec<_> = Slices::of(&System::ALL).take(8).collect();
        let first = [(Raft, 0..64), (Kv, 0..8), (ShardMaster, 0..8), (ShardKv, 0..8)];
        let second = [(Raft, 64..192), (Kv, 8..24), (ShardMaster, 8..24), (ShardKv, 8..24)];
        assert_eq!(slices, [first, second].concat());
        let mut end = 0;
        for (system, range) in Slices::of(&[ShardKv]).take(40) {
            assert_eq!((system, range.start), (ShardKv, end));
            assert!(range.end - end <= OWN * SLICE.end, "{range:?}");
            end = range.end;
        }
    }
}
