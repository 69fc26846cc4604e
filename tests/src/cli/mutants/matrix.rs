//! What `lab mutants` prints and writes.

use super::{Console, Findings, Stop, WELL, WIDTH, bad, clip, count, stretch, wrap};
use crate::cli::text::thousands;
use crate::mutants::{Finding, Mutant, Plan, Stage, Verdict};
use serde::Serialize;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many lines of a compiler's errors are shown.
const LINES: usize = 12;

/// The rows, as they come, and what is to be said below them.
pub struct Matrix {
    stages: &'static [Stage],
    seeds: u64,
    swarm: Duration,
    name: usize,
    all: bool,
    rows: usize,
    remarks: Vec<String>,
}

impl Matrix {
    pub fn new(mutants: &[Mutant], stages: &'static [Stage], plan: &Plan) -> Self {
        let longest = mutants.iter().map(|mutant| mutant.id.len()).max().unwrap_or_default();
        let name = longest.max("mutant".len());
        let Plan { seeds, all, swarm, .. } = *plan;
        Self { stages, seeds, swarm, name, all, rows: 0, remarks: Vec::new() }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn head(&self, console: &mut Console<'_>) -> Result<(), Stop> {
        let (name, killers) = (self.name, if self.all { " killers" } else { "" });
        write!(console.out, "{:name$}", "mutant")?;
        for stage in self.stages {
            let title = match stage {
                Stage::Scenarios => "verdict",
                Stage::Swarm => "swarm",
            };
            write!(console.out, " {title:16} {:>7}{killers}", "CPU s")?;
        }
        writeln!(console.out, " by")?;
        Ok(console.out.flush()?)
    }

    pub fn row(
        &mut self,
        mutant: &Mutant,
        findings: &Findings,
        console: &mut Console<'_>,
    ) -> Result<(), Stop> {
        let (id, name) = (&mutant.id, self.name);
        write!(console.out, "{id:name$}")?;
        let mut by = Vec::new();
        for stage in self.stages {
            let finding = &findings[&(self.rows, *stage)];
            let verdict = finding.verdict;
            let cpu = finding.kill.as_ref().filter(|_| !self.all).map(|kill| kill.cpu_seconds);
            let cpu = cpu.unwrap_or(finding.cpu_seconds);
            let killers =
                if self.all { format!(" {:>7}", finding.killers.len()) } else { String::new() };
            write!(console.out, " {verdict:16} {cpu:>7.3}{killers}")?;
            by.extend(finding.kill.as_ref().map(ToString::to_string));
            // That it does not compile is said once.
            if verdict != Verdict::BuildFailed || self.stages.first() == Some(stage) {
                self.remarks.extend(remark(mutant, *stage, finding));
            }
        }
        self.rows += 1;
        writeln!(console.out, " {}", by.join("; "))?;
        Ok(console.out.flush()?)
    }

    /// What is to be said of some mutants, and the numbers.
    pub fn end(
        &self,
        mutants: &[Mutant],
        findings: &Findings,
        reused: usize,
        real: Duration,
        console: &mut Console<'_>,
    ) -> Result<(), Stop> {
        for remark in &self.remarks {
            write!(console.out, "\n{remark}")?;
        }
        writeln!(console.out, "\n{}", count(self.rows, "mutant"))?;
        for stage in self.stages {
            match stage {
                Stage::Scenarios => verdicts(findings, console)?,
                Stage::Swarm => self.swarm(mutants, findings, console)?,
            }
        }
        let cpu: f64 = findings.values().map(|finding| finding.cpu_seconds).sum();
        let reused = match reused {
            0 => String::new(),
            _ => format!("; {} from sessions before", count(reused, "finding")),
        };
        let cpu = stretch(Duration::try_from_secs_f64(cpu).unwrap_or_default());
        writeln!(console.out, "{cpu} of CPU time in runs, {} in all{reused}", stretch(real))?;
        Ok(())
    }

    /// How many bugs the swarm has found by itself, and which safety bugs it has not.
    fn swarm(
        &self,
        mutants: &[Mutant],
        findings: &Findings,
        console: &mut Console<'_>,
    ) -> Result<(), Stop> {
        let of = |at: usize| &findings[&(at, Stage::Swarm)];
        let is_killed = |at: &usize| of(*at).verdict == Verdict::Killed;
        let bugs = (0..mutants.len()).filter(|at| mutants[*at].equivalent.is_none());
        let (safety, others): (Vec<_>, Vec<_>) = bugs.partition(|at| mutants[*at].is_safety());
        let killed = |of: &[usize]| of.iter().filter(|at| is_killed(at)).count();
        writeln!(
            console.out,
            "swarm: {} of {} killed as expected within {} CPU-s, and {} of {}",
            killed(&safety),
            count(safety.len(), "safety bug"),
            self.swarm.as_secs_f64(),
            killed(&others),
            count(others.len(), "other"),
        )?;
        let left = safety.iter().filter(|at| !is_killed(at)).map(|&at| match of(at).verdict {
            Verdict::Survived => mutants[at].id.clone(),
            verdict => format!("{} ({verdict})", mutants[at].id),
        });
        let left: Vec<String> = left.collect();
        if !left.is_empty() {
            let left = format!("  safety bugs left: {}", left.join(", "));
            writeln!(console.out, "{}", wrap(&left, WIDTH, 4))?;
        }
        Ok(())
    }

    /// Writes all findings; the file is there when it is complete.
    pub fn write(&self, path: &Path, mutants: &[Mutant], findings: &Findings) -> Result<(), Stop> {
        let objects = mutants.iter().enumerate().map(|(at, it)| Object {
            mutant: &it.id,
            folder: &it.folder,
            title: &it.title,
            breaks: &it.breaks,
            source: &it.source,
            expects: &it.expects,
            caught_by: it.caught_by.iter().map(ToString::to_string).collect(),
            equivalent: it.equivalent.as_deref(),
            go: it.go.as_deref(),
            safety: it.is_safety(),
            seeds: self.seeds,
            finding: findings.get(&(at, Stage::Scenarios)),
            swarm_seconds: self.swarm.as_secs_f64(),
            swarm: findings.get(&(at, Stage::Swarm)),
        });
        let objects: Vec<Object<'_>> = objects.collect();
        let write = || {
            let mut text = serde_json::to_vec_pretty(&objects)?;
            text.push(b'\n');
            if !is_file_or_nothing(path) {
                return fs::write(path, text);
            }
            let beside = beside(path);
            fs::write(&beside, text)?;
            fs::rename(beside, path)
        };
        write().map_err(|error: io::Error| bad(format!("cannot write {}: {error}", path.display())))
    }
}

/// How many mutants have which verdict of the scenarios.
fn verdicts(findings: &Findings, console: &mut Console<'_>) -> Result<(), Stop> {
    for verdict in Verdict::ALL {
        let is_it = |((_, stage), it): &(&(usize, Stage), &Finding)| {
            *stage == Stage::Scenarios && it.verdict == verdict
        };
        let number = findings.iter().filter(is_it).count();
        if number > 0 || is_always_counted(verdict) {
            writeln!(console.out, "{:>6} {}", thousands(number as u64), counted(verdict))?;
        }
    }
    Ok(())
}

fn is_always_counted(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Killed | Verdict::Survived | Verdict::BuildFailed)
}

/// A verdict after a number.
fn counted(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Killed => "killed as expected",
        Verdict::KilledByTest => "killed by a directed test",
        Verdict::KilledOtherwise => "killed otherwise",
        Verdict::PanicOnly => "killed by a panic only",
        Verdict::LimitOnly => "killed by a limit only",
        Verdict::TimedOut => "TIMED OUT",
        Verdict::Equivalent => "equivalent, and not killed",
        Verdict::NotEquivalent => "NOT EQUIVALENT: said to be, and killed",
        Verdict::Survived => "SURVIVED",
        Verdict::BuildFailed => "BUILD FAILED",
    }
}

/// What a row has no place for.
fn remark(mutant: &Mutant, stage: Stage, finding: &Finding) -> Option<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = |what: &str| lines.push(format!("  {}", wrap(what, WIDTH - 2, 6)));
    let expected = mutant.expects.join(", ");
    match finding.verdict {
        Verdict::Killed | Verdict::KilledByTest | Verdict::Equivalent | Verdict::BuildFailed => {}
        Verdict::NotEquivalent => {
            line(&format!("said: {}", mutant.equivalent.as_deref().unwrap_or_default()));
        }
        // The summary has the names, and that is what is to be expected of a bug that is no safety bug.
        Verdict::Survived | Verdict::TimedOut if stage == Stage::Swarm => {}
        Verdict::Survived | Verdict::TimedOut => {
            line(&mutant.title);
            line(&format!("breaks: {}", mutant.breaks));
            line(&format!("expected: {expected}"));
            line(&format!("scenarios and tests tried: {}", finding.tried));
        }
        Verdict::KilledOtherwise | Verdict::PanicOnly | Verdict::LimitOnly => {
            line(&format!("expected: {expected}"));
            let facts = finding.kill.as_ref().map(|kill| kill.facts.as_str()).unwrap_or_default();
            let facts = facts.lines().filter(|line| !line.trim().is_empty()).take(2);
            line(&format!("found: {}", clip(&facts.collect::<Vec<_>>().join(" "), 3 * WIDTH)));
        }
    }
    if !finding.timed_out.is_empty() {
        line(&format!("came to no end: {}", finding.timed_out.join(", ")));
    }
    for note in &finding.notes {
        lines.extend(note.lines().take(LINES).map(|line| format!("  {line}")));
    }
    let by = if stage == Stage::Swarm { ", of the swarm" } else { "" };
    let head = format!("{} {}{by}", mutant.id, finding.verdict);
    (!lines.is_empty()).then(|| format!("{head}\n{}\n", lines.join("\n")))
}

/// All mutants, by crate.
pub fn list(mutants: &[Mutant], console: &mut Console<'_>) -> Result<u8, Stop> {
    let mut folder = "";
    for mutant in mutants {
        if mutant.folder != folder {
            let number = mutants.iter().filter(|it| it.folder == mutant.folder).count();
            let gap = if folder.is_empty() { "" } else { "\n" };
            writeln!(console.out, "{gap}{}: {}", mutant.folder, count(number, "mutant"))?;
            folder = &mutant.folder;
        }
        writeln!(console.out, "  {}", mutant.id)?;
        let expects = match &mutant.equivalent {
            Some(why) => format!("equivalent: {why}"),
            None => mutant.expects.join(", "),
        };
        for text in [&mutant.title, &mutant.breaks, &expects] {
            writeln!(console.out, "    {}", wrap(text, WIDTH - 4, 6))?;
        }
    }
    Ok(WELL)
}

/// One mutant, as it is written. Whoever reads these files relies on the names.
#[derive(Serialize)]
struct Object<'a> {
    mutant: &'a str,
    #[serde(rename = "crate")]
    folder: &'a str,
    title: &'a str,
    breaks: &'a str,
    source: &'a str,
    expects: &'a [String],
    caught_by: Vec<String>,
    equivalent: Option<&'a str>,
    go: Option<&'a str>,
    safety: bool,
    seeds: u64,
    /// Of the scenarios and directed tests, if they were asked.
    #[serde(flatten)]
    finding: Option<&'a Finding>,
    swarm_seconds: f64,
    /// Of the swarm, if it was asked.
    swarm: Option<&'a Finding>,
}

fn is_file_or_nothing(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |there| there.is_file())
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".tmp");
    name.into()
}

/// Makes sure, before anything takes time, that a file can be written.
pub fn can_be_written(path: &Path) -> Result<(), Stop> {
    let trial = || {
        if path.exists() {
            return OpenOptions::new().append(true).open(path).map(drop);
        }
        let beside = beside(path);
        fs::write(&beside, "")?;
        fs::remove_file(beside)
    };
    trial().map_err(|error| bad(format!("cannot write {}: {error}", path.display())))
}
