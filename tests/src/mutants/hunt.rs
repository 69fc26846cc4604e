//! Looks for what fails on a mutant and not on the original.

use super::answer::{Answer, ask};
use super::finding::{Finding, Kill, TEST, Verdict};
use super::format::{Catcher, Mutant, Reads};
use super::original::Original;
use super::patch;
use super::scratch::{BuildError, Scratch};
use super::sources::Sources;
use crate::child::{End, Limits, Program};
use crate::suites::Scenario;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

#[allow(clippy::disallowed_types, reason = "when a file was changed")]
type SystemTime = std::time::SystemTime;

#[allow(clippy::disallowed_types, reason = "a build takes real time")]
type Stopwatch = std::time::Instant;

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seeds 0 to one less than this.
    pub seeds: u64,
    /// Whether everything is run, or all is over with the first kill as expected.
    pub all: bool,
    /// The scenarios there are, in order.
    pub scenarios: Vec<Scenario>,
    /// How much CPU time the swarm gets.
    pub swarm: Duration,
}

impl Plan {
    /// Who is asked, in order: those that the mutant names, then the scenarios that can reach what it
    /// changes, through the log and, where there are reads, by index; then the tests that it names.
    fn order(&self, mutant: &Mutant) -> Vec<Catcher> {
        let is_scenario = |it: &&Catcher| matches!(it, Catcher::Scenario(..));
        let mut order: Vec<Catcher> =
            mutant.caught_by.iter().filter(is_scenario).cloned().collect();
        let labs: &[char] = mutant.crates().map(labs_of).max_by_key(|it| it.len()).unwrap_or(&[]);
        for reads in [Reads::Log, Reads::Index] {
            for scenario in &self.scenarios {
                let is_relevant = scenario.part.starts_with(labs);
                let has_reads = !scenario.part.starts_with('2');
                let it = Catcher::Scenario(scenario.name.to_string(), reads);
                if is_relevant && (reads == Reads::Log || has_reads) && !order.contains(&it) {
                    order.push(it);
                }
            }
        }
        order.extend(mutant.caught_by.iter().filter(|it| !is_scenario(it)).cloned());
        order
    }

    fn limits(&self) -> Limits {
        let seconds = SECONDS.max(self.seeds.saturating_mul(SECONDS_PER_SEED));
        let cpu = Duration::from_secs(seconds);
        Limits { cpu, real: 5 * cpu, memory: 4 << 30 }
    }
}

/// The labs whose scenarios run the code of a crate.
fn labs_of(krate: &str) -> &'static [char] {
    match krate {
        "kvraft" => &['3', '4'],
        "shardmaster" | "shardkv" => &['4'],
        _ => &['2', '3', '4'],
    }
}

/// The CPU time that a scenario gets at least: many times what any takes.
const SECONDS: u64 = 40;
const SECONDS_PER_SEED: u64 = 2;

/// After so many scenarios that did not come to their end, there is no use in more of them.
const TIME_OUTS: usize = 3;

/// Who looks for a mutant. Neither knows what the other has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The scenarios, and the directed tests that it names.
    #[default]
    Scenarios,
    /// The swarm.
    Swarm,
}

/// What a session does to a mutant at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Cargo builds.
    Building,
    /// A scenario, a test or a part of the swarm is run.
    Running(Catcher),
}

/// Who wants to know what is done; an error is a reason to stop.
pub type Tell<'a> = &'a dyn Fn(Doing) -> Result<(), String>;

/// A session: the tree as it was when it began, and its original `lab`.
#[derive(Debug)]
pub struct Hunt {
    pub(super) plan: Plan,
    sources: Sources,
    original: Original,
    passes: Passes,
}

/// A mutant's `lab`, as it was when it was built.
#[derive(Debug)]
pub(super) struct Built {
    /// Its file.
    pub lab: PathBuf,
    stamp: (u64, SystemTime),
}

fn stamp(lab: &Path) -> io::Result<(u64, SystemTime)> {
    let it = fs::metadata(lab)?;
    Ok((it.len(), it.modified()?))
}

impl Built {
    fn is_there(&self) -> bool {
        stamp(&self.lab).is_ok_and(|it| it == self.stamp)
    }

    /// Whether what ran was this.
    pub fn check(&self) -> io::Result<()> {
        if self.is_there() {
            return Ok(());
        }
        let what = "its program was built anew while it ran: does another `lab mutants` work in \
                    the same folder?";
        Err(io::Error::other(what))
    }
}

/// Whether the original passes a scenario with a seed, or with all, or a test: asked once.
#[derive(Debug, Default)]
struct Passes(Mutex<BTreeMap<(Catcher, Option<u64>), bool>>);

impl Passes {
    fn ask(
        &self,
        key: (Catcher, Option<u64>),
        find_out: impl FnOnce() -> io::Result<bool>,
    ) -> io::Result<bool> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&passes) = known().get(&key) {
            return Ok(passes);
        }
        let passes = find_out()?;
        known().insert(key, passes);
        Ok(passes)
    }
}

/// One run of a scenario, as `lab run --json` writes it.
#[derive(Deserialize)]
struct Run {
    seed: u64,
    passed: bool,
    reason: Option<String>,
    cpu_seconds: f64,
}

impl Hunt {
    /// Prepares a session: builds the original, unless that has been done before.
    pub fn new(
        plan: Plan,
        sources: Sources,
        scratch: &Scratch,
        folder: &Path,
    ) -> Result<Self, BuildError> {
        let original = Original::new(&sources, scratch, folder)?;
        Ok(Self { plan, sources, original, passes: Passes::default() })
    }

    /// What comes of a mutant, one stage after another, each told when it is over. The error is not
    /// the mutant's, but that of the tool, or of whom it tells what it does.
    pub fn hunt(
        &self,
        mutant: &Mutant,
        stages: &[Stage],
        scratch: &Scratch,
        tell: Tell<'_>,
        found: &dyn Fn(Stage, Finding),
    ) -> Result<(), String> {
        let name = |error: io::Error| format!("{}: {error}", mutant.id);
        let (mut fresh, mut built) = (Finding::new(), None::<Built>);
        self.original.is_used();
        for (at, &stage) in stages.iter().enumerate() {
            // A directed test may have built the original in the meantime.
            let there = built.take().filter(Built::is_there);
            let lab = if let Some(there) = there {
                there
            } else {
                tell(Doing::Building)?;
                let began = Stopwatch::now();
                let tried = self.build(mutant, scratch);
                fresh.build_seconds = began.elapsed().as_secs_f64();
                match tried {
                    Ok(lab) => lab,
                    Err(BuildError::Tool(error)) => return Err(name(error)),
                    Err(BuildError::Failed(errors)) => {
                        fresh.notes.push(errors);
                        fresh.verdict = Verdict::BuildFailed;
                        stages[at..].iter().for_each(|stage| found(*stage, fresh.clone()));
                        return Ok(());
                    }
                }
            };
            let mut finding = fresh.clone();
            match stage {
                Stage::Scenarios => self.scenarios(mutant, &lab, scratch, tell, &mut finding)?,
                Stage::Swarm => self.swarm(mutant, &lab, scratch, tell, &mut finding)?,
            }
            found(stage, finding.conclude(mutant));
            built = Some(lab);
        }
        Ok(())
    }

    fn build(&self, mutant: &Mutant, scratch: &Scratch) -> Result<Built, BuildError> {
        let tool = |error: io::Error| BuildError::Tool(error);
        let patched = patch::apply(mutant, &self.sources)
            .map_err(|wrong| tool(io::Error::other(wrong.to_string())))?;
        let lab = scratch.lab(&self.sources, &patched)?;
        let stamp = stamp(&lab).map_err(tool)?;
        Ok(Built { lab, stamp })
    }

    /// Runs the scenarios, and the directed tests that the mutant names.
    fn scenarios(
        &self,
        mutant: &Mutant,
        built: &Built,
        scratch: &Scratch,
        tell: Tell<'_>,
        finding: &mut Finding,
    ) -> Result<(), String> {
        let name = |error: io::Error| format!("{}: {error}", mutant.id);
        let mut tests = Vec::new();
        for catcher in self.plan.order(mutant) {
            if finding.timed_out.len() >= TIME_OUTS {
                break;
            }
            tell(Doing::Running(catcher.clone()))?;
            finding.tried += 1;
            if matches!(catcher, Catcher::Scenario(..)) {
                self.scenario(mutant, &built.lab, scratch, &catcher, finding).map_err(name)?;
            } else if let Some(facts) = self.test(scratch, &catcher, finding).map_err(name)? {
                tests.push((catcher, facts));
            }
            if !self.plan.all && finding.verdict == Verdict::Killed {
                break;
            }
        }
        built.check().map_err(name)?;
        self.prove(scratch, tests, finding).map_err(name)
    }

    /// Runs a scenario on a mutant.
    fn scenario(
        &self,
        mutant: &Mutant,
        lab: &Path,
        scratch: &Scratch,
        catcher: &Catcher,
        finding: &mut Finding,
    ) -> io::Result<()> {
        // The scenarios that the mutant names are asked for all their seeds, until the property
        // fails that was expected; of the others one failure will do.
        let is_named = mutant.caught_by.contains(catcher);
        let (end, all) = (self.plan.seeds, self.plan.all);
        let mut from = 0;
        while from < end {
            let mut ran = self.run(lab, scratch, catcher, from..end, !all)?;
            if matches!(ran, Answer::TimedOut) && all {
                // Its failures may take long. The first may not.
                ran = self.run(lab, scratch, catcher, from..end, true)?;
            }
            let runs = match ran {
                Answer::Wrote(runs) => runs,
                Answer::TimedOut => {
                    finding.timed_out.push(catcher.to_string());
                    return Ok(());
                }
                Answer::Died(property, facts) => {
                    self.failed(mutant, scratch, catcher, (None, property, &facts), finding)?;
                    return Ok(());
                }
            };
            let cut = runs.last().map_or(end, |run| run.seed + 1);
            let mut is_killed = false;
            for run in runs {
                finding.cpu_seconds += run.cpu_seconds;
                if !run.passed {
                    let reason = run.reason.unwrap_or_default();
                    let (property, facts) = reason.split_once(": ").unwrap_or((&reason, ""));
                    let what = (Some(run.seed), property, facts);
                    self.failed(mutant, scratch, catcher, what, finding)?;
                    is_killed = finding.verdict == Verdict::Killed;
                    if !all && (is_killed || !is_named) {
                        return Ok(());
                    }
                }
            }
            if all || is_killed {
                return Ok(());
            }
            from = cut;
        }
        Ok(())
    }

    /// A failure of a mutant: it is a kill if the original does not fail.
    pub(super) fn failed(
        &self,
        mutant: &Mutant,
        scratch: &Scratch,
        catcher: &Catcher,
        (seed, property, facts): (Option<u64>, &str, &str),
        finding: &mut Finding,
    ) -> io::Result<()> {
        let passes = self.passes.ask((catcher.clone(), seed), || {
            let seeds = seed.map_or(0..self.plan.seeds, |seed| seed..seed + 1);
            if let Catcher::Swarm(system) = *catcher {
                return super::swarm::passes(self.original.file(), scratch, system, seeds);
            }
            let ran = self.run(self.original.file(), scratch, catcher, seeds, true)?;
            Ok(matches!(ran, Answer::Wrote(runs) if runs.iter().all(|run| run.passed)))
        })?;
        if !passes {
            let seed = seed.map_or("some seed".to_string(), |seed| format!("seed {seed}"));
            finding.notes.push(format!("the original fails {catcher} with {seed}, too: no kill"));
            return Ok(());
        }
        if self.plan.all {
            finding.add_killer(catcher, seed, property);
        }
        let kill = Kill {
            by: catcher.to_string(),
            seed,
            property: property.to_string(),
            facts: facts.to_string(),
            cpu_seconds: finding.cpu_seconds,
        };
        finding.consider(Verdict::of(mutant, property), kill);
        Ok(())
    }

    /// Runs a scenario in a process of its own.
    fn run(
        &self,
        lab: &Path,
        scratch: &Scratch,
        catcher: &Catcher,
        seeds: Range<u64>,
        fail_fast: bool,
    ) -> io::Result<Answer<Vec<Run>>> {
        let Catcher::Scenario(scenario, reads) = catcher else {
            return Err(io::Error::other(format!("{catcher} is no scenario")));
        };
        let seeds = format!("{}..{}", seeds.start, seeds.end);
        let reads = match reads {
            Reads::Log => "log",
            Reads::Index => "index",
        };
        let words = ["run", scenario, "--reads", reads, "--seed-range", &seeds, "--jobs", "1"];
        let words = words.into_iter().chain(fail_fast.then_some("--fail-fast"));
        let arguments = words.map(Into::into).collect();
        ask(lab, scratch, catcher, arguments, &[0, 1], self.plan.limits())
    }

    /// Runs a directed test on the tree as it is; what it says, if it fails.
    fn test(
        &self,
        scratch: &Scratch,
        catcher: &Catcher,
        finding: &mut Finding,
    ) -> io::Result<Option<String>> {
        let Catcher::Test { package, target, name } = catcher else {
            return Err(io::Error::other(format!("{catcher} is no test")));
        };
        let file = match scratch.test(package, target) {
            Ok(file) => file,
            Err(BuildError::Tool(error)) => return Err(error),
            Err(BuildError::Failed(errors)) => {
                finding.notes.push(format!("{catcher} does not compile: no kill\n{errors}"));
                return Ok(None);
            }
        };
        let (out, err) = (scratch.file("out"), scratch.file("err"));
        let arguments = [name.as_str(), "--exact", "--test-threads=1"].map(Into::into).to_vec();
        let (folder, out_file) = (scratch.tree().join(package), Some(out.clone()));
        let program = Program { file, arguments, folder, out: out_file, err };
        let end = program.run(self.plan.limits())?;
        let said = String::from_utf8_lossy(&fs::read(&out)?).trim().to_string();
        match end {
            End::OutOfCpuTime | End::OutOfTime | End::StoodStill | End::TooLong => {
                finding.timed_out.push(catcher.to_string());
                Ok(None)
            }
            End::Exited(0) if said.contains("running 1 test\n") => Ok(None),
            End::Exited(0) => {
                let what = format!("{catcher}: there is no test of exactly this name");
                Err(io::Error::other(what))
            }
            End::Exited(_) | End::Died(_) => Ok(Some(said)),
        }
    }

    /// Directed tests that failed are kills, if they pass on the original.
    fn prove(
        &self,
        scratch: &Scratch,
        tests: Vec<(Catcher, String)>,
        finding: &mut Finding,
    ) -> io::Result<()> {
        for (catcher, facts) in tests {
            let passes = self.passes.ask((catcher.clone(), None), || {
                scratch.set(&self.sources, &BTreeMap::new())?;
                let mut trial = Finding::new();
                let failure = self.test(scratch, &catcher, &mut trial)?;
                Ok(failure.is_none() && trial.timed_out.is_empty() && trial.notes.is_empty())
            })?;
            if passes {
                if self.plan.all {
                    finding.add_killer(&catcher, None, TEST);
                }
                let cpu_seconds = finding.cpu_seconds;
                let (by, property) = (catcher.to_string(), TEST.to_string());
                let kill = Kill { by, seed: None, property, facts, cpu_seconds };
                finding.consider(Verdict::KilledByTest, kill);
            } else {
                finding.notes.push(format!("the original fails {catcher}, too: no kill"));
            }
        }
        Ok(())
    }
}
