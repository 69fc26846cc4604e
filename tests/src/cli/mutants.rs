//! `lab mutants`: what the suites would have caught.

mod matrix;

use super::text::{WIDTH, clip, count, wrap};
use super::{Console, FAILED, Jobs, Stop, WELL};
use crate::catalogue::Catalogue;
use crate::mutants::{
    BuildError, Corpus, Finding, Found, Hunt, Malformed, Mutant, Plan, Scratch, Sources, Stage,
    Store, check, namesakes,
};
use clap::value_parser;
use crossbeam_channel::{Sender, unbounded};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
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
/// original passes the same scenario with the same seed. Exit status 1 if a mutant survives without an
/// explanation, does not come to its end, or does not compile.
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

pub fn mutants(arguments: &Arguments, console: &mut Console<'_>) -> Result<u8, Stop> {
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
    let plan = Plan { seeds: arguments.seeds, all: arguments.all, scenarios };
    let keys = mutants.iter().map(|mutant| Store::key(mutant, sources.digest(), &plan)).collect();
    let mut session = Session { mutants: &mutants, keys, store, findings: BTreeMap::new() };
    session.recall(arguments.fresh);
    let (reused, jobs) = (session.findings.len(), arguments.jobs.count().min(mutants.len()));
    let progress = Progress::new(mutants.len(), jobs, console.progress);
    let mut matrix = Matrix::new(&mutants, arguments.all);
    let remembered = match reused {
        0 => String::new(),
        _ => format!("; {reused} known from sessions before"),
    };
    let (what, threads) = (count(mutants.len(), "mutant"), count(jobs, "job"));
    writeln!(
        console.out,
        "{what}, {} a scenario, {threads}{remembered}",
        count(plan.seeds as usize, "seed")
    )?;
    matrix.head(console)?;
    session.show(&mut matrix, &progress, console)?;

    if reused < mutants.len() {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let scratch = |number| Scratch::new(&folder, number, (cores / jobs).max(1));
        progress.say(0, "builds the original");
        let hunt = Hunt::new(plan, sources, &scratch(1), &folder).map_err(not_built)?;
        let trees: Vec<Scratch> = (1..=jobs).map(scratch).collect();
        session.run(&hunt, &trees, &mut matrix, &progress, console)?;
    }
    drop(progress);
    let findings = session.findings.values();
    let is_well = findings.clone().all(|finding| finding.verdict.is_well());
    matrix.end(&findings, reused, began.elapsed(), console)?;
    if let Some(path) = &arguments.json {
        matrix::write(path, &mutants, &session.findings, arguments.seeds)?;
    }
    Ok(if is_well { WELL } else { FAILED })
}

fn bad(what: String) -> Stop {
    Stop::BadUse(what)
}

fn not_built(error: BuildError) -> Stop {
    bad(match error {
        BuildError::Failed(errors) => format!("the original does not compile:\n{errors}"),
        BuildError::Tool(error) => error.to_string(),
    })
}

/// The root of the workspace.
fn root(given: Option<&Path>) -> Result<PathBuf, Stop> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let root = given.or(built_from).unwrap_or(Path::new("."));
    let is_root = ["Cargo.toml", "Cargo.lock", "tests/Cargo.toml"]
        .iter()
        .all(|file| root.join(file).is_file());
    if !is_root {
        let what = "there is no workspace with Cargo.toml, Cargo.lock and a crate `tests`";
        return Err(bad(format!("{}: {what}; --tree DIR says where it is", root.display())));
    }
    fs::canonicalize(root).map_err(|error| bad(format!("{}: {error}", root.display())))
}

/// Cargo's target folder.
fn target(root: &Path) -> Result<PathBuf, Stop> {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => std::path::absolute(&folder)
            .map_err(|error| bad(format!("CARGO_TARGET_DIR={}: {error}", folder.display()))),
        None => Ok(root.join("target")),
    }
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

/// All mutants, and what has been found of them so far.
struct Session<'a> {
    mutants: &'a [Mutant],
    keys: Vec<u64>,
    store: Store,
    findings: BTreeMap<usize, Finding>,
}

/// What a worker has to say.
type Said = (usize, Result<Finding, String>);

impl Session<'_> {
    /// Takes over what sessions before have found.
    fn recall(&mut self, fresh: bool) {
        for (at, key) in self.keys.iter().enumerate().filter(|_| !fresh) {
            if let Some(finding) = self.store.get(*key) {
                self.findings.insert(at, finding.clone());
            }
        }
    }

    /// Prints the rows whose turn it is.
    fn show(
        &self,
        matrix: &mut Matrix,
        progress: &Progress,
        console: &mut Console<'_>,
    ) -> Result<(), Stop> {
        progress.bar.set_position(self.findings.len() as u64);
        while let Some(finding) = self.findings.get(&matrix.rows()) {
            let mutant = &self.mutants[matrix.rows()];
            progress.bar.suspend(|| matrix.row(mutant, finding, console))?;
        }
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
        let todo: Vec<usize> =
            (0..self.mutants.len()).filter(|at| !self.findings.contains_key(at)).collect();
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
            for (at, found) in heard {
                let kept = found.map_err(bad).and_then(|finding| {
                    let kept = self.store.add(self.keys[at], &mutants[at], &finding);
                    kept.map_err(|error| bad(format!("cannot keep a finding: {error}")))?;
                    self.findings.insert(at, finding);
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
    todo: &'a [usize],
    next: &'a AtomicUsize,
    stopped: &'a AtomicBool,
    progress: &'a Progress,
}

impl Work<'_> {
    fn work(&self, slot: usize, scratch: &Scratch, said: &Sender<Said>) {
        while let Some(&at) = self.todo.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let mutant = &self.mutants[at];
            let tell = |stage| {
                if self.stopped.load(Ordering::Relaxed) {
                    return Err("stopped".to_string());
                }
                match stage {
                    Stage::Building => self.progress.say(slot, &format!("builds {}", mutant.id)),
                    Stage::Running(by) => self.progress.say(slot, &format!("{}: {by}", mutant.id)),
                }
                Ok(())
            };
            let found = self.hunt.hunt(mutant, scratch, &tell);
            self.progress.say(slot, "");
            let is_error = found.is_err();
            if said.send((at, found)).is_err() || is_error {
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
        let target =
            if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(mutants as u64), target);
        if let Ok(style) = ProgressStyle::with_template("{elapsed:>4} {pos} of {len}; {msg}") {
            bar.set_style(style);
        }
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
