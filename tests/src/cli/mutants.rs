//! `lab mutants`: what the suites would have caught.

mod matrix;

use super::bar::bar;
use super::text::{WIDTH, clip, count, parse_seconds, stretch, wrap};
use super::workspace::{root, target};
use super::{Console, FAILED, Jobs, Stop, WELL, bad};
use crate::catalogue::Catalogue;
use crate::mutants::{
    BuildError, Corpus, Doing, Finding, Found, Hunt, Malformed, Mutant, Plan, Scratch, Sources,
    Stage, Store, check, namesakes,
};
use clap::{ValueEnum, value_parser};
use crossbeam_channel::{Sender, unbounded};
use indicatif::ProgressBar;
use matrix::Matrix;
use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

#[allow(clippy::disallowed_types, reason = "the command says how long it took")]
type Stopwatch = std::time::Instant;

/// Plants bugs in a copy of the sources, one after another, and says which the suites catch
///
/// Each mutant in tests/mutants is applied to a scratch copy of the workspace and built there; its
/// `lab` then runs the scenarios, those first that the mutant names. A failure is a kill if the
/// original passes the same scenario with the same seed. Then, whatever came of that, the swarm gets its
/// time to find the bug by itself. Exit status 1 if a mutant survives the scenarios without an explanation, is
/// killed against its explanation, does not come to its end, or does not compile; what the swarm does not find
/// is shown.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A mutant, a crate, or a piece of mutants' names; all, if none is given
    #[arg(value_name = "PATTERN")]
    patterns: Vec<String>,
    /// Runs the seeds 0 to N-1 of each scenario
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = value_parser!(u64).range(1..=100_000))]
    seeds: u64,
    #[command(flatten)]
    jobs: Jobs,
    /// Runs every scenario, and counts who kills it, instead of stopping at the first kill
    #[arg(long)]
    all: bool,
    /// How much CPU time the swarm gets for each mutant (60s); 0: no swarm
    #[arg(long, value_name = "T", default_value = "60s", value_parser = parse_seconds)]
    swarm: u64,
    /// Asks the scenarios and directed tests alone, or the swarm alone
    #[arg(long, value_name = "WHO", value_enum)]
    only: Option<Only>,
    /// Runs again what sessions before have found
    #[arg(long)]
    fresh: bool,
    /// Lists the mutants, and runs nothing
    #[arg(long, conflicts_with_all = ["all", "fresh", "json"])]
    list: bool,
    /// Writes an array with one object for each mutant
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The root of the workspace; without it, the one that this program was built from
    #[arg(long, value_name = "DIR")]
    tree: Option<PathBuf>,
    /// Takes the mutants from this folder, which has a folder for each crate, and not from tests/mutants
    #[arg(long, value_name = "DIR")]
    mutants: Option<PathBuf>,
}

/// A [`Stage`], as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Only {
    Scenarios,
    Swarm,
}

impl Arguments {
    /// Who is asked, in order.
    fn stages(&self) -> Result<&'static [Stage], Stop> {
        match (self.only, self.swarm) {
            (Some(Only::Swarm), 0) => {
                Err(bad("--only swarm, and --swarm 0: nobody is asked".into()))
            }
            (Some(Only::Swarm), _) => Ok(&[Stage::Swarm]),
            (Some(Only::Scenarios), _) | (None, 0) => Ok(&[Stage::Scenarios]),
            (None, _) => Ok(&[Stage::Scenarios, Stage::Swarm]),
        }
    }
}

pub fn mutants(arguments: &Arguments, console: &mut Console<'_>) -> Result<u8, Stop> {
    let stages = arguments.stages()?;
    let root = root(arguments.tree.as_deref())?;
    let target = target(&root)?;
    let sources = Sources::read(&root, &target)
        .map_err(|error| bad(format!("cannot read the sources in {}: {error}", root.display())))?;
    let mutants = chosen(arguments, &root)?;
    if arguments.list {
        return matrix::list(&mutants, console);
    }
    let catalogue = Catalogue::reference();
    let scenarios: Vec<_> = catalogue.cases().iter().map(|case| case.scenario).collect();
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    let checks = mutants.iter().map(|mutant| check(mutant, &sources, &names));
    all_well(checks)?;
    if let Some(path) = &arguments.json {
        matrix::can_be_written(path)?;
    }

    let began = Stopwatch::now();
    let folder = target.join("mutants");
    let results = folder.join("results.jsonl");
    let cannot = |error| bad(format!("cannot use {}: {error}", results.display()));
    fs::create_dir_all(&folder).map_err(cannot)?;
    let store = Store::open(&results).map_err(cannot)?;
    let swarm = Duration::from_nanos(arguments.swarm);
    let plan = Plan { seeds: arguments.seeds, all: arguments.all, scenarios, swarm };
    let mut session =
        Session { mutants: &mutants, stages, keys: Vec::new(), store, findings: BTreeMap::new() };
    session.recall(sources.digest(), &plan, arguments.fresh);
    let (reused, jobs) = (session.findings.len(), arguments.jobs.count().min(mutants.len()));
    let progress = Progress::new(mutants.len(), jobs, console.progress);
    let mut matrix = Matrix::new(&mutants, stages, &plan);
    writeln!(console.out, "{}", in_short(mutants.len(), stages, &plan, jobs, reused))?;
    matrix.head(console)?;
    session.show(&mut matrix, &progress, console)?;

    if reused < mutants.len() * stages.len() {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let scratch = |number| Scratch::new(&folder, number, (cores / jobs).max(1));
        progress.say(0, "builds the original");
        let hunt = Hunt::new(plan, sources, &scratch(1), &folder).map_err(not_built)?;
        let trees: Vec<Scratch> = (1..=jobs).map(scratch).collect();
        session.run(&hunt, &trees, &mut matrix, &progress, console)?;
    }
    drop(progress);
    let is_well = session.findings.iter().all(|((_, stage), finding)| finding.is_well(*stage));
    matrix.end(&mutants, &session.findings, reused, began.elapsed(), console)?;
    if let Some(path) = &arguments.json {
        matrix.write(path, &mutants, &session.findings)?;
    }
    Ok(if is_well { WELL } else { FAILED })
}

/// What is going to be done.
fn in_short(mutants: usize, stages: &[Stage], plan: &Plan, jobs: usize, reused: usize) -> String {
    let mut words = vec![count(mutants, "mutant")];
    for stage in stages {
        words.push(match stage {
            Stage::Scenarios => format!("{} a scenario", count(plan.seeds as usize, "seed")),
            Stage::Swarm => format!("{} of CPU time for the swarm", stretch(plan.swarm)),
        });
    }
    words.push(count(jobs, "job"));
    let remembered = match reused {
        0 => String::new(),
        _ => format!("; {} known from sessions before", count(reused, "finding")),
    };
    words.join(", ") + &remembered
}

fn not_built(error: BuildError) -> Stop {
    bad(match error {
        BuildError::Failed(errors) => format!("the original does not compile:\n{errors}"),
        BuildError::Tool(error) => error.to_string(),
    })
}

/// The mutants that were asked for.
fn chosen(arguments: &Arguments, root: &Path) -> Result<Vec<Mutant>, Stop> {
    let usual = || root.join("tests").join("mutants");
    let folder = arguments.mutants.clone().unwrap_or_else(usual);
    let corpus = Corpus::find(&folder).map_err(|error| {
        bad(format!("cannot read the mutants in {}: {error}", folder.display()))
    })?;
    if corpus.files().is_empty() {
        return Err(bad(format!("there is no mutant in {}: no */*.mutant", folder.display())));
    }
    let found = corpus.select(&arguments.patterns).map_err(|unknown| bad(unknown.to_string()))?;
    if let Some((a, b)) = namesakes(&found) {
        let [a, b] = [a, b].map(|found| found.path.display());
        return Err(bad(format!("two mutants have the same name: {a} and {b}")));
    }
    all_well(found.into_iter().map(Found::read))
}

/// Everything, or all that is wrong: who has to mend it wants to know it at once.
fn all_well<T>(checked: impl Iterator<Item = Result<T, Malformed>>) -> Result<Vec<T>, Stop> {
    let (mut well, mut wrong) = (Vec::new(), Vec::new());
    for it in checked {
        match it {
            Ok(it) => well.push(it),
            Err(it) => wrong.push(it.to_string()),
        }
    }
    if wrong.is_empty() { Ok(well) } else { Err(bad(wrong.join("\n"))) }
}

/// What has been found: of which mutant, by whom.
type Findings = BTreeMap<(usize, Stage), Finding>;

/// All mutants, and what has been found of them so far.
struct Session<'a> {
    mutants: &'a [Mutant],
    stages: &'static [Stage],
    keys: Vec<BTreeMap<Stage, u64>>,
    store: Store,
    findings: Findings,
}

/// What a worker has to say.
type Said = Result<(usize, Stage, Finding), String>;

impl Session<'_> {
    /// Takes over what sessions before have found.
    fn recall(&mut self, sources: u64, plan: &Plan, fresh: bool) {
        for (at, mutant) in self.mutants.iter().enumerate() {
            let key = |stage: &Stage| (*stage, Store::key(mutant, sources, plan, *stage));
            self.keys.push(self.stages.iter().map(key).collect());
            for (stage, key) in self.keys[at].iter().filter(|_| !fresh) {
                if let Some(finding) = self.store.get(*key) {
                    self.findings.insert((at, *stage), finding.clone());
                }
            }
        }
    }

    /// The stages of a mutant of which nothing is known yet.
    fn todo(&self, at: usize) -> Vec<Stage> {
        let is_new = |stage: &Stage| !self.findings.contains_key(&(at, *stage));
        self.stages.iter().copied().filter(is_new).collect()
    }

    /// Prints the rows whose turn it is.
    fn show(
        &self,
        matrix: &mut Matrix,
        progress: &Progress,
        console: &mut Console<'_>,
    ) -> Result<(), Stop> {
        while matrix.rows() < self.mutants.len() && self.todo(matrix.rows()).is_empty() {
            let mutant = &self.mutants[matrix.rows()];
            progress.bar.suspend(|| matrix.row(mutant, &self.findings, console))?;
        }
        let done = (0..self.mutants.len()).filter(|at| self.todo(*at).is_empty());
        progress.bar.set_position(done.count() as u64);
        Ok(())
    }

    /// Runs what is not known yet, a worker for each tree.
    fn run(
        &mut self,
        hunt: &Hunt,
        trees: &[Scratch],
        matrix: &mut Matrix,
        progress: &Progress,
        console: &mut Console<'_>,
    ) -> Result<(), Stop> {
        let todo = (0..self.mutants.len()).map(|at| (at, self.todo(at)));
        let todo: Vec<_> = todo.filter(|(_, stages)| !stages.is_empty()).collect();
        let (mutants, next, stopped) = (self.mutants, AtomicUsize::new(0), AtomicBool::new(false));
        let (said, heard) = unbounded();
        let work = Work { hunt, mutants, todo: &todo, next: &next, stopped: &stopped, progress };
        thread::scope(|scope| {
            for (slot, scratch) in trees.iter().enumerate() {
                let (work, said) = (&work, said.clone());
                let worker = thread::Builder::new().name("worker".into());
                worker
                    .spawn_scoped(scope, move || work.work(slot, scratch, &said))
                    .map_err(|error| bad(format!("cannot start a thread: {error}")))?;
            }
            drop(said);
            let mut outcome = Ok(());
            for said in heard {
                let kept = said.map_err(bad).and_then(|(at, stage, finding)| {
                    let kept = self.store.add(self.keys[at][&stage], &mutants[at], stage, &finding);
                    kept.map_err(|error| bad(format!("cannot keep a finding: {error}")))?;
                    self.findings.insert((at, stage), finding);
                    self.show(matrix, progress, console)
                });
                if outcome.is_ok() && kept.is_err() {
                    stopped.store(true, Ordering::Relaxed);
                    outcome = kept;
                }
            }
            outcome
        })
    }
}

/// What the workers share.
struct Work<'a> {
    hunt: &'a Hunt,
    mutants: &'a [Mutant],
    todo: &'a [(usize, Vec<Stage>)],
    next: &'a AtomicUsize,
    stopped: &'a AtomicBool,
    progress: &'a Progress,
}

impl Work<'_> {
    fn work(&self, slot: usize, scratch: &Scratch, said: &Sender<Said>) {
        while let Some((at, stages)) = self.todo.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let mutant = &self.mutants[*at];
            let tell = |doing| {
                if self.stopped.load(Ordering::Relaxed) {
                    return Err("stopped".to_string());
                }
                match doing {
                    Doing::Building => self.progress.say(slot, &format!("builds {}", mutant.id)),
                    Doing::Running(by) => self.progress.say(slot, &format!("{}: {by}", mutant.id)),
                }
                Ok(())
            };
            // If nobody hears it, nobody wants to know any more.
            let found = |stage, finding| drop(said.send(Ok((*at, stage, finding))));
            let hunted = self.hunt.hunt(mutant, stages, scratch, &tell, &found);
            self.progress.say(slot, "");
            if let Err(error) = hunted {
                let _ = said.send(Err(error));
                return;
            }
        }
    }
}

/// What everybody does, if somebody is there to see it.
struct Progress {
    bar: ProgressBar,
    slots: Mutex<Vec<String>>,
}

impl Progress {
    fn new(mutants: usize, jobs: usize, visible: bool) -> Self {
        let bar = bar(Some(mutants as u64), "{elapsed:>4} {pos} of {len}; {msg}", visible);
        if visible {
            bar.enable_steady_tick(Duration::from_millis(500));
        }
        Self { bar, slots: Mutex::new(vec![String::new(); jobs]) }
    }

    fn say(&self, slot: usize, what: &str) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots[slot] = what.to_string();
        let busy: Vec<&str> =
            slots.iter().map(String::as_str).filter(|it| !it.is_empty()).collect();
        self.bar.set_message(busy.join(" | "));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
