//! `lab grade`: submissions, their grades, and what is told to whom.

use super::bar::bar;
use super::text::count;
use super::workspace::{root, target};
use super::{Console, FAILED, Jobs, Stop, WELL, bad};
use crate::child::Limits;
use crate::grade::ask::Judge;
use crate::grade::inspect::Allow;
use crate::grade::lab::Lab;
use crate::grade::mark::{Doing, Marking, Rules, unread};
use crate::grade::out;
use crate::grade::parts::Parts;
use crate::grade::protocol::Want;
use crate::grade::result::Grade;
use crate::grade::resume::Resume;
use crate::grade::seeds::Seeds;
use crate::grade::submission::{Submission, name_of};
use crate::grade::workshop::Workshop;
use crate::workers::in_order;
use clap::{Args, value_parser};
use indicatif::ProgressBar;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

#[allow(clippy::disallowed_types, reason = "the command says how long it took")]
type Stopwatch = std::time::Instant;

/// How many visible seeds each scenario is run with if nothing is said.
const VISIBLE: u64 = 10;

/// How much real time a run has for each second of CPU time: the machine may be busy.
const REAL: u32 = 20;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Submissions: folders or archives (.zip, .tar, .tar.gz, .tgz) with crates that are called lab2, lab3,
    /// lab4a or lab4b, as the skeletons are
    #[arg(value_name = "PATH", required = true)]
    submissions: Vec<PathBuf>,
    /// Hidden seeds, a number in each line; `-` reads them from standard input
    #[arg(long, value_name = "FILE")]
    seeds_file: Option<PathBuf>,
    /// Runs the seeds 0 to N-1 besides, which students know
    #[arg(long, value_name = "N", default_value_t = VISIBLE)]
    visible: u64,
    /// Writes everything into this folder
    #[arg(long, value_name = "DIR", default_value = "grades")]
    out: PathBuf,
    /// Grades these parts only, such as 2a,2b
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    parts: Option<Vec<String>>,
    #[command(flatten)]
    jobs: Jobs,
    /// Allows what is refused otherwise; may be repeated
    #[arg(long, value_name = "WHAT", value_enum)]
    allow: Vec<Allow>,
    /// How many seconds of CPU time a run may take
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = value_parser!(u32).range(1..=3600))]
    cpu: u32,
    /// How many megabytes of memory a run may take
    #[arg(long, value_name = "MB", default_value_t = 1024, value_parser = value_parser!(u32).range(64..))]
    memory: u32,
    /// Gives a submission so many minutes; what is left then is not run
    #[arg(long, value_name = "MIN", default_value_t = 60, value_parser = value_parser!(u32).range(1..))]
    budget: u32,
    /// Grades everything again, also what has been graded by the same rules
    #[arg(long)]
    fresh: bool,
    /// Where the workspace is that submissions are built with; this program's own if nothing is said
    #[arg(long, value_name = "DIR")]
    tree: Option<PathBuf>,
}

pub fn grade(arguments: &Arguments, console: &mut Console<'_>) -> Result<u8, Stop> {
    let names = names(&arguments.submissions)?;
    let hidden = arguments.seeds_file.as_deref().map_or(Ok(Vec::new()), hidden_seeds)?;
    let seeds = Seeds::new(arguments.visible, hidden).map_err(Stop::BadUse)?;
    let parts = parts(arguments)?;
    let cpu = Duration::from_secs(arguments.cpu.into());
    let limits = Limits { cpu, real: REAL * cpu, memory: u64::from(arguments.memory) << 20 };
    let allowed: BTreeSet<Allow> = arguments.allow.iter().copied().collect();
    let budget = Duration::from_secs(60 * u64::from(arguments.budget));
    let rules = Rules { seeds, parts, allowed, limits, budget };
    let root = root(arguments.tree.as_deref())?;
    let jobs = arguments.jobs.count();
    let folder = target(&root)?.join("grade");
    let not_built = |error: io::Error| bad(error.to_string());
    let is_safe = !rules.allowed.contains(&Allow::Unsafe);
    let workshop = Workshop::open(&root, &folder, jobs, is_safe).map_err(not_built)?;
    are_out_of_reach(arguments, &workshop)?;
    are_not_written_over(arguments, &names)?;
    console.say("building what all submissions share");
    workshop.prepare().map_err(not_built)?;
    let resume = Resume::open(&arguments.out, &workshop.base(), arguments.fresh);
    let resume = resume.map_err(cannot(&arguments.out))?;
    let missing = missing(&workshop, &rules).map_err(|error| bad(error.to_string()))?;
    for what in &missing {
        console.say(format_args!("NOT SHUT IN: {what}; see docs/GRADING.md"));
    }
    if !missing.is_empty()
        && rules.seeds.hidden() > 0
        && !rules.allowed.contains(&Allow::Unconfined)
    {
        return Err(bad(
            "hidden seeds are not hidden here; --allow unconfined runs them all the same".into(),
        ));
    }
    writeln!(
        console.out,
        "{}, {} and {} each, every run twice{}",
        count(names.len(), "submission"),
        count(rules.seeds.visible() as usize, "visible seed"),
        count(rules.seeds.hidden() as usize, "hidden seed"),
        rules.parts.titles().map(|it| format!("; only {it}")).unwrap_or_default(),
    )?;
    let batch =
        Batch { arguments, names: &names, rules: &rules, workshop: &workshop, resume: &resume };
    let status = batch.run(jobs, console)?;
    writeln!(console.out, "written into {}", arguments.out.display())?;
    Ok(status)
}

fn cannot(path: &Path) -> impl Fn(io::Error) -> Stop {
    move |error| bad(format!("cannot use {}: {error}", path.display()))
}

/// What the submissions are called, which their folders are, too: no two the same.
fn names(paths: &[PathBuf]) -> Result<Vec<String>, Stop> {
    let mut names: Vec<String> = Vec::new();
    for path in paths {
        if !path.exists() {
            return Err(bad(format!("there is no {}", path.display())));
        }
        let name = plain(&name_of(path));
        if let Some(place) = names.iter().position(|it| *it == name) {
            let (one, other) = (paths[place].display(), path.display());
            return Err(bad(format!("{one} and {other} are both called `{name}`")));
        }
        names.push(name);
    }
    Ok(names)
}

/// A name that can be a folder's and a line's in a table, and that of nothing else that is written there: it
/// begins with a letter or a digit, and has no more than these and `-`, `_` and dots.
fn plain(name: &str) -> String {
    /// Longer ones are cut.
    const LONGEST: usize = 80;
    let is_fine = |it: char| it.is_alphanumeric() || "-_.".contains(it);
    let plain = name.chars().map(|it| if is_fine(it) { it } else { '_' }).take(LONGEST);
    let plain: String = plain.collect();
    match plain.chars().next() {
        Some(first)
            if first.is_alphanumeric() && !["grades.csv", "summary.html"].contains(&&*plain) =>
        {
            plain
        }
        _ => format!("submission{plain}"),
    }
}

/// The parts that count. One of which no submission has a crate is a mistake, if any can be read.
fn parts(arguments: &Arguments) -> Result<Parts, Stop> {
    let Some(names) = &arguments.parts else { return Ok(Parts::all()) };
    let parts = Parts::named(names).map_err(bad)?;
    let read = arguments.submissions.iter().filter_map(|path| Submission::read(path).ok());
    let labs: Vec<Lab> = read.flat_map(|it| it.crates).map(|it| it.lab).collect();
    if !labs.is_empty() {
        parts.are_in(&labs).map_err(bad)?;
    }
    Ok(parts)
}

fn hidden_seeds(path: &Path) -> Result<Vec<u64>, Stop> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().read_to_string(&mut text)
    } else {
        fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(cannot(path))?;
    Seeds::parse(&text).map_err(|why| bad(format!("{}: {why}", path.display())))
}

/// What a submission must not see may not lie where builds can read: seeds, other submissions, also where they
/// are built, and grades.
fn are_out_of_reach(arguments: &Arguments, workshop: &Workshop) -> Result<(), Stop> {
    let Arguments { submissions, seeds_file, out, .. } = arguments;
    let seeds = seeds_file.iter().filter(|it| *it != Path::new("-"));
    let mut folders: Vec<PathBuf> = workshop.readable().iter().map(|it| real(it)).collect();
    is_out_of_reach(workshop.shared(), &folders)?;
    folders.push(workshop.shared().to_path_buf());
    let mut paths = submissions.iter().chain(seeds).chain([out]);
    paths.try_for_each(|path| is_out_of_reach(path, &folders))
}

fn is_out_of_reach(path: &Path, folders: &[PathBuf]) -> Result<(), Stop> {
    let place = real(path);
    match folders.iter().find(|it| place.starts_with(it)) {
        None => Ok(()),
        Some(folder) => Err(bad(format!(
            "submissions are built with {} in reach, and {} lies there: keep it elsewhere",
            folder.display(),
            path.display(),
        ))),
    }
}

/// What is written of a submission may not take the place of one.
fn are_not_written_over(arguments: &Arguments, names: &[String]) -> Result<(), Stop> {
    let folders: Vec<PathBuf> = names.iter().map(|it| real(&arguments.out.join(it))).collect();
    for path in &arguments.submissions {
        let place = real(path);
        if folders.iter().any(|it| place.starts_with(it)) {
            let (path, out) = (path.display(), arguments.out.display());
            return Err(bad(format!("{path} lies where its grade is to be: not --out {out}")));
        }
    }
    Ok(())
}

/// Where a path leads to, even if the end of it is not there yet.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let there = path.ancestors().find_map(|it| Some((it.canonicalize().ok()?, it)));
    let joined = there.and_then(|(real, it)| {
        let mut place = real;
        for part in path.strip_prefix(it).ok()?.components() {
            match part {
                Component::ParentDir => _ = place.pop(),
                part => place.push(part),
            }
        }
        Some(place)
    });
    joined.unwrap_or(path)
}

/// What runs can't be shut in with here.
fn missing(workshop: &Workshop, rules: &Rules) -> io::Result<Vec<String>> {
    let judge = Judge {
        program: workshop.base(),
        folder: workshop.empty_folder(),
        limits: rules.limits,
        threads: false,
    };
    let heard = judge.ask("", 0, Want::Nothing)?;
    let died = |reason| io::Error::other(format!("no run can be made here: {reason}"));
    heard.answer.map(|answer| answer.missing).map_err(died)
}

struct Batch<'a> {
    arguments: &'a Arguments,
    names: &'a [String],
    rules: &'a Rules,
    workshop: &'a Workshop,
    resume: &'a Resume,
}

/// What became of a submission: its grade, whether it was there already, and how long it took.
struct Done {
    grade: Grade,
    is_old: bool,
    took: Duration,
}

impl Batch<'_> {
    /// Grades all, some at a time, and tells of each in the order given.
    fn run(&self, jobs: usize, console: &mut Console<'_>) -> Result<u8, Stop> {
        let workers = jobs.min(self.names.len());
        let progress = Progress::new(self.names.len(), console.progress);
        let width = self.names.iter().map(String::len).max().unwrap_or_default().max(10);
        writeln!(
            console.out,
            "{:width$} {:>8} {:>5} {:>7}  status",
            "submission", "points", "of", "s"
        )?;
        let (mut grades, mut status) = (Vec::new(), WELL);
        let work = |place| self.one(place, jobs / workers, &progress);
        in_order(workers, self.names.len(), work, |place, result| {
            let name = &self.names[place];
            progress.aside(|| match &result {
                Ok(done) => row(console, name, width, done),
                Err(error) => writeln!(console.out, "{name:width$} COULD NOT BE GRADED: {error}"),
            })?;
            console.out.flush()?;
            match result {
                Ok(done) => grades.push(done.grade),
                Err(_) => status = FAILED,
            }
            io::Result::Ok(())
        })?;
        out::batch(&self.arguments.out, &grades).map_err(cannot(&self.arguments.out))?;
        Ok(status)
    }

    /// Grades one submission and writes what there is to write, or finds that this was done before.
    fn one(&self, place: usize, jobs: usize, progress: &Progress) -> io::Result<Done> {
        let (began, name) = (Stopwatch::now(), &self.names[place]);
        let folder = self.arguments.out.join(name);
        let submission = match Submission::read(&self.arguments.submissions[place]) {
            Ok(submission) => submission,
            Err(why) => {
                let grade = unread(self.rules, name, why);
                self.resume.forget(name)?;
                emptied(&folder)?;
                out::write(&folder, &grade)?;
                progress.done(name);
                return Ok(Done { grade, is_old: false, took: began.elapsed() });
            }
        };
        let key = self.rules.digest(&submission);
        if let Some(grade) = self.resume.recall(name, key) {
            progress.done(name);
            return Ok(Done { grade, is_old: true, took: began.elapsed() });
        }
        let doing = |what| progress.doing(name, what);
        let (workshop, rules, submission) = (self.workshop, self.rules, &submission);
        let marking = Marking { workshop, rules, submission, name, jobs, doing: &doing };
        self.resume.forget(name)?;
        emptied(&folder)?;
        let grade = marking.grade(&folder)?;
        out::write(&folder, &grade)?;
        self.resume.remember(name, key, &grade)?;
        progress.done(name);
        Ok(Done { grade, is_old: false, took: began.elapsed() })
    }
}

/// A folder for what is written of a submission; what was written of one before goes.
fn emptied(folder: &Path) -> io::Result<()> {
    let is_ours = folder.join("grade.json").is_file();
    if folder.exists() && !is_ours && fs::read_dir(folder)?.next().is_some() {
        let why = format!("{} has something else in it than a grade", folder.display());
        return Err(io::Error::other(why));
    }
    if is_ours {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)
}

fn row(console: &mut Console<'_>, name: &str, width: usize, done: &Done) -> io::Result<()> {
    let Done { grade, is_old, took } = done;
    let (points, seconds) = (out::points(grade.credit()), took.as_secs_f64());
    let old = if *is_old { ", as before" } else { "" };
    let (of, status) = (grade.points(), grade.status());
    writeln!(console.out, "{name:width$} {points:>8} {of:>5} {seconds:>7.1}  {status}{old}")
}

/// What is being done, if somebody is there to see it.
struct Progress {
    bar: ProgressBar,
}

impl Progress {
    fn new(submissions: usize, visible: bool) -> Self {
        let template = "{elapsed:>4} [{bar:30}] {human_pos} of {human_len} runs, {prefix}; {msg}";
        let bar = bar(Some(0), template, visible);
        bar.set_prefix(count(submissions, "submission"));
        if visible {
            bar.enable_steady_tick(Duration::from_millis(500));
        }
        Self { bar }
    }

    fn doing(&self, name: &str, what: Doing) {
        match what {
            Doing::Compiling(lab) => {
                self.bar.set_message(format!("{name}: compiling {}", lab.package()));
            }
            Doing::Running(more) => {
                self.bar.inc_length(more);
                self.bar.set_message(name.to_string());
            }
            Doing::Ran => self.bar.inc(1),
        }
    }

    fn done(&self, name: &str) {
        self.bar.set_message(format!("{name} is done"));
    }

    fn aside<T>(&self, f: impl FnOnce() -> T) -> T {
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
    fn a_name_is_that_of_a_folder_and_of_nothing_else() {
        assert_eq!(plain("ann-lee_2.tar"), "ann-lee_2.tar");
        for name in ["..", ".", "", ".kept", "-x", "grades.csv", "summary.html", "_"] {
            let name = plain(name);
            assert!(name.starts_with("submission") && !name.contains('/'), "{name}");
        }
        assert_eq!(plain("a/b\n\u{1b}c"), "a_b__c");
        assert_eq!(plain(&"é".repeat(300)).chars().count(), 80);
    }

    #[test]
    fn only_what_is_a_grade_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (own, other) = (folder.path().join("own"), folder.path().join("other"));
        emptied(&own).unwrap();
        fs::write(own.join("grade.json"), "{}").unwrap();
        emptied(&own).unwrap();
        assert_eq!(fs::read_dir(&own).unwrap().count(), 0);
        fs::create_dir(&other).unwrap();
        fs::write(other.join("thesis"), "precious").unwrap();
        assert!(emptied(&other).is_err());
        assert!(other.join("thesis").is_file());
    }
}
