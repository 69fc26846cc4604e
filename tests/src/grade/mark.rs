//! From a submission to its grade.

use super::ask::Judge;
use super::exam::{Exam, Time, nothing_yet};
use super::inspect::{Allow, culprits, inspect};
use super::lab::Lab;
use super::parts::Parts;
use super::protocol::Want;
use super::result::{Facts, Grade, LabGrade, Reason, ScenarioGrade, Stage, Stopped};
use super::seeds::Seeds;
use super::submission::{Crate, Submission};
use super::workshop::{COMPILING, Unbuilt, Workshop};
use crate::catalogue::{Case, Catalogue};
use crate::child::Limits;
use crate::suites::Scenario;
use crate::workers::in_order;
use labrpc::Fingerprint;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[allow(clippy::disallowed_types, reason = "a compiler takes real time")]
type Stopwatch = std::time::Instant;

/// How many scenarios are run before it is decided whether the others are worth the time.
const FIRST: usize = 4;

/// How many pictures a submission gets.
const PICTURES: usize = 8;

/// What every submission of a batch is graded by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Which seeds.
    pub seeds: Seeds,
    /// Which parts count.
    pub parts: Parts,
    /// What is allowed that usually is not.
    pub allowed: BTreeSet<Allow>,
    /// What a run may use.
    pub limits: Limits,
    /// How long a submission's runs may take, all together.
    pub budget: Duration,
}

impl Rules {
    /// A digest of them and of a submission: what has the same is graded the same by the same program.
    pub fn digest(&self, submission: &Submission) -> u64 {
        let mut digest = Fingerprint::default();
        digest.bytes(format!("{self:?}").as_bytes());
        digest.word(submission.digest());
        digest.value()
    }
}

/// One submission that is being graded.
pub struct Marking<'a> {
    /// Where it is built.
    pub workshop: &'a Workshop,
    /// By what.
    pub rules: &'a Rules,
    /// The submission.
    pub submission: &'a Submission,
    /// Its name, as a folder's.
    pub name: &'a str,
    /// On how many threads it is run.
    pub jobs: usize,
    /// Hears what is done, and of how many seeds the rest consists.
    pub doing: &'a (dyn Fn(Doing) + Sync),
}

/// What is being done with a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// A lab's crate is compiled.
    Compiling(Lab),
    /// So many runs are to come.
    Running(u64),
    /// One of them is done.
    Ran,
}

impl Marking<'_> {
    /// Grades it, and draws pictures into a folder.
    ///
    /// # Errors
    /// If something goes wrong that is not the submission's fault.
    pub fn grade(&self, folder: &Path) -> io::Result<Grade> {
        if counting(self.rules, self.submission).next().is_none() {
            let why = nothing_counts(self.rules, self.submission);
            return Ok(unread(self.rules, &self.submission.name, vec![why]));
        }
        let why = inspect(self.submission, &self.rules.allowed);
        if !why.is_empty() {
            return Ok(stopped(self.rules, self.submission, Stage::Inspection, why));
        }
        let mut grade = blank(self.rules, &self.submission.name);
        let mut uncompiled = Vec::new();
        let time = Time::of(self.rules.budget);
        let mut compiling = COMPILING;
        for it in counting(self.rules, self.submission) {
            (self.doing)(Doing::Compiling(it.lab));
            let name = format!("{}-{}", self.name, it.lab.package());
            let began = Stopwatch::now();
            let built = self.workshop.build(self.submission, it.lab, &name, compiling);
            compiling = compiling.saturating_sub(began.elapsed());
            match built {
                Ok(program) => {
                    let judge = self.judge(program);
                    let exam = Exam { judge: &judge, seeds: &self.rules.seeds, time };
                    let mut scenarios = self.scenarios(it.lab, &exam)?;
                    draw(&judge, &mut scenarios, folder)?;
                    fs::remove_file(&judge.program)?;
                    grade.labs.push(LabGrade { lab: it.lab, scenarios });
                }
                Err(Unbuilt::Refused(why)) => {
                    uncompiled.extend(why);
                    grade.labs.push(unrun_lab(it.lab, self.rules));
                }
                Err(Unbuilt::Broken(error)) => return Err(error),
            }
        }
        if !uncompiled.is_empty() {
            grade.stopped = Some(Stopped { at: Stage::Compilation, why: uncompiled });
        }
        for lab in &grade.labs {
            if lab.scenarios.iter().take(FIRST).all(ScenarioGrade::is_given_up) {
                grade.remarks.push(format!(
                    "Lab {}: nothing came of the first {FIRST} scenarios but runs that took too long. The \
                     others were not run.",
                    lab.lab.title()
                ));
            }
        }
        if time.is_over() {
            let minutes = self.rules.budget.as_secs() / 60;
            grade.remarks.push(format!(
                "All runs together took more than {minutes} minutes. What was left then was not run."
            ));
        }
        let reasons = grade.labs.iter().flat_map(|lab| &lab.scenarios).flat_map(|it| &it.failures);
        if reasons.clone().any(|failure| failure.reason == Reason::NotDeterministic) {
            let places = culprits(self.submission);
            grade.remarks.push(
                "Runs with the same seed differ. A run must depend on its seed alone: no order of hash maps, \
                 no clock, no addresses, nothing that outlives a run."
                    .to_string(),
            );
            grade.remarks.extend(places);
        }
        Ok(grade)
    }

    fn judge(&self, program: PathBuf) -> Judge {
        Judge {
            program,
            folder: self.workshop.empty_folder(),
            limits: self.rules.limits,
            threads: self.rules.allowed.contains(&Allow::Threads),
        }
    }

    /// All scenarios of a lab, in order. If nothing comes of the first but runs that take too long, the
    /// others would take all night, and are not run.
    fn scenarios(&self, lab: Lab, exam: &Exam<'_>) -> io::Result<Vec<ScenarioGrade>> {
        let all = scenarios(lab, &self.rules.parts);
        (self.doing)(Doing::Running(all.len() as u64 * self.rules.seeds.count()));
        let (first, others) = all.split_at(FIRST.min(all.len()));
        let mut grades = self.run(exam, first)?;
        if grades.iter().all(ScenarioGrade::is_given_up) {
            grades.extend(unrun(others, &self.rules.seeds));
        } else {
            grades.extend(self.run(exam, others)?);
        }
        Ok(grades)
    }

    /// Some scenarios, on all threads; the grades are in the scenarios' order.
    fn run(&self, exam: &Exam<'_>, scenarios: &[Scenario]) -> io::Result<Vec<ScenarioGrade>> {
        let mut grades = Vec::new();
        let tick = || (self.doing)(Doing::Ran);
        let work = |at: usize| exam.scenario(&scenarios[at], &tick);
        in_order(self.jobs, scenarios.len(), work, |_, grade| {
            grades.push(grade?);
            io::Result::Ok(())
        })?;
        Ok(grades)
    }
}

/// Draws the first visible run of each scenario that failed by itself, of a few, and tells the calls that led
/// to a panic.
fn draw(judge: &Judge, grades: &mut [ScenarioGrade], folder: &Path) -> io::Result<()> {
    let mut left = PICTURES;
    for grade in grades {
        let drawn = grade.failures.iter_mut().find_map(|failure| {
            let (Reason::Property(_) | Reason::Panic) = failure.reason else { return None };
            failure.facts.as_mut().zip(failure.seed.visible())
        });
        let Some((facts, seed)) = drawn else { continue };
        if left == 0 {
            return Ok(());
        }
        left -= 1;
        let picture = judge.ask(&grade.name, seed, Want::Picture(facts.replay.clone()))?;
        let Ok(answer) = picture.answer else { continue };
        // With a film more of the submission is called; what comes of that is another failure.
        if answer.failure.as_ref().is_none_or(|(_, text)| *text != facts.text) {
            continue;
        }
        if !answer.backtrace.is_empty() {
            facts.text += "\nThe calls that led to it, the last first:\n";
            facts.text += &answer.backtrace.join("\n");
        }
        let file = format!("pictures/{}-{seed}.html", grade.name);
        fs::create_dir_all(folder.join("pictures"))?;
        fs::write(folder.join(&file), answer.text)?;
        *facts = Facts { picture: Some(file), ..facts.clone() };
    }
    Ok(())
}

/// The crates of a submission that are graded, those of which a part counts.
fn counting<'a>(rules: &Rules, submission: &'a Submission) -> impl Iterator<Item = &'a Crate> {
    submission.crates.iter().filter(|it| rules.parts.are_of(it.lab))
}

/// Why there is no crate to be graded.
fn nothing_counts(rules: &Rules, submission: &Submission) -> String {
    let labs: Vec<String> =
        submission.crates.iter().map(|it| format!("`{}`", it.lab.package())).collect();
    let parts = rules.parts.titles().unwrap_or_default();
    format!("only these parts count: {parts}; there is {}", labs.join(", "))
}

/// The grade of a submission that was not run.
pub fn stopped(rules: &Rules, submission: &Submission, at: Stage, why: Vec<String>) -> Grade {
    let labs = counting(rules, submission).map(|it| unrun_lab(it.lab, rules)).collect();
    let stopped = Some(Stopped { at, why });
    Grade { stopped, labs, ..blank(rules, &submission.name) }
}

/// The grade of what could not even be read.
pub fn unread(rules: &Rules, name: &str, why: Vec<String>) -> Grade {
    Grade { stopped: Some(Stopped { at: Stage::Reading, why }), ..blank(rules, name) }
}

fn blank(rules: &Rules, name: &str) -> Grade {
    Grade {
        submission: name.to_string(),
        visible: rules.seeds.visible(),
        hidden: rules.seeds.hidden(),
        parts: rules.parts.clone(),
        stopped: None,
        remarks: Vec::new(),
        labs: Vec::new(),
    }
}

/// Scenarios of which no seed was run.
fn unrun(all: &[Scenario], seeds: &Seeds) -> Vec<ScenarioGrade> {
    let unrun = |it| ScenarioGrade { not_run: seeds.count(), ..nothing_yet(it) };
    all.iter().map(unrun).collect()
}

fn unrun_lab(lab: Lab, rules: &Rules) -> LabGrade {
    LabGrade { lab, scenarios: unrun(&scenarios(lab, &rules.parts), &rules.seeds) }
}

/// A lab's scenarios that count.
fn scenarios(lab: Lab, parts: &Parts) -> Vec<Scenario> {
    let all = Catalogue::reference();
    let counts = |case: &&Case| lab.has(case.scenario.part) && parts.has(case.scenario.part);
    all.cases().iter().filter(counts).map(|case| case.scenario).collect()
}
