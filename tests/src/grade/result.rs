//! What a grade consists of.

use super::lab::Lab;
use super::parts::Parts;
use crate::NOT_WRITTEN;
use crate::panics::PANIC;
use crate::points::Points;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What came of a submission. Neither times nor paths are in it, nor hidden seeds: the same submission,
/// seeds and program give the same grade to the bit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grade {
    /// The submission's name.
    pub submission: String,
    /// How many seeds each scenario has that students know: from 0 on.
    pub visible: u64,
    /// How many seeds each scenario has that they don't.
    pub hidden: u64,
    /// Which parts count; its labs have no others.
    pub parts: Parts,
    /// Why it was not run, if it was not.
    pub stopped: Option<Stopped>,
    /// What its author should know, in sentences: what can differ from run to run, for instance.
    pub remarks: Vec<String>,
    /// What it has handed in; nothing, if it was not even read.
    pub labs: Vec<LabGrade>,
}

/// Why a submission was not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// Where it stopped.
    pub at: Stage,
    /// Why, in lines for its author.
    pub why: Vec<String>,
}

/// What is done before anything is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The folder or archive is read.
    Reading,
    /// The sources are looked through for what is not allowed.
    Inspection,
    /// The crates are compiled.
    Compilation,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reading => "cannot be read",
            Self::Inspection => "not allowed",
            Self::Compilation => "does not compile",
        })
    }
}

/// What came of one lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabGrade {
    /// Which.
    pub lab: Lab,
    /// Its scenarios, in order. Those of a submission that was not run have no points.
    pub scenarios: Vec<ScenarioGrade>,
}

/// How many runs of a scenario may come to a limit of time before its other seeds are given up: they
/// would take all night.
pub const LONG_RUNS: usize = 2;

/// What came of one scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioGrade {
    /// Its name.
    pub name: String,
    /// Its part: `2a`, `3x`.
    pub part: String,
    /// What it asks, in a sentence.
    pub about: String,
    /// What it is worth if every seed passes.
    pub points: u32,
    /// How many seeds' shares a seed that fails takes away.
    pub cost: u32,
    /// How many seeds passed.
    pub passed: u64,
    /// How many seeds were not run, as nothing could be gained any more; they count as failed.
    pub not_run: u64,
    /// The others.
    pub failures: Vec<RunFailure>,
}

/// A seed that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFailure {
    /// Which.
    pub seed: SeedName,
    /// Why.
    pub reason: Reason,
    /// The facts, and what it printed: only of visible seeds, as a run's facts can tell its seed.
    pub facts: Option<Facts>,
}

/// What only the facts of visible seeds may tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What was found, in words.
    pub text: String,
    /// What the submission's code printed, cut where it is long.
    pub output: String,
    /// The command that shows it again.
    pub replay: String,
    /// The picture of the run: a file beside the page.
    pub picture: Option<String>,
}

/// What a seed is called in a grade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedName {
    /// The seed itself.
    Visible(u64),
    /// Which of the hidden ones, from 1 on.
    Hidden(u64),
}

impl SeedName {
    /// The seed itself, if students know it.
    pub fn visible(self) -> Option<u64> {
        match self {
            Self::Visible(seed) => Some(seed),
            Self::Hidden(_) => None,
        }
    }
}

impl fmt::Display for SeedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Visible(seed) => write!(f, "seed {seed}"),
            Self::Hidden(number) => write!(f, "hidden seed no. {number}"),
        }
    }
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A property or a check of the scenario does not hold.
    Property(String),
    /// It came to a place where nothing has been written yet.
    NotWritten,
    /// The code panicked.
    Panic,
    /// It took more time than there is.
    Time,
    /// It waited for what never came.
    StoodStill,
    /// It took more memory than there is.
    Memory,
    /// Its calls went too deep.
    StackOverflow,
    /// It printed more than anybody reads.
    Output,
    /// It did what it may not: a file, a process, a socket, a thread.
    Forbidden,
    /// It ended the process, or the process died.
    Ended,
    /// The same seed gave two different runs.
    NotDeterministic,
}

impl Reason {
    /// The same as it may be told of a hidden seed: a property is one of the suites' own, which are plain words.
    #[must_use]
    pub fn of_hidden(self) -> Self {
        let is_plain = |text: &str| {
            text.len() <= 40 && text.chars().all(|it| it.is_ascii_lowercase() || " -".contains(it))
        };
        match self {
            Self::Property(property) if !is_plain(&property) => Self::Property("a property".into()),
            other => other,
        }
    }

    /// The reason behind a property that a run failed by.
    pub fn of_property(property: &str) -> Self {
        match property {
            NOT_WRITTEN => Self::NotWritten,
            PANIC => Self::Panic,
            other => Self::Property(other.to_string()),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Property(property) => return write!(f, "failed: {property}"),
            Self::NotWritten => "not written yet",
            Self::Panic => "the code panicked",
            Self::Time => "took longer than a run may: an endless loop?",
            Self::StoodStill => "stood still: a deadlock?",
            Self::Memory => "took more memory than a run has",
            Self::StackOverflow => "the stack overflowed: a recursion without an end?",
            Self::Output => "printed more than a run may",
            Self::Forbidden => "tried to reach a file, a process, a thread or the network",
            Self::Ended => "the process ended before the run did",
            Self::NotDeterministic => "not deterministic: the same seed gave two different runs",
        })
    }
}

impl ScenarioGrade {
    /// How many seeds there are.
    pub fn seeds(&self) -> u64 {
        self.passed + self.not_run + self.failures.len() as u64
    }

    /// How many runs came to a limit of time.
    pub fn long_runs(&self) -> usize {
        let is_long = |it: &&RunFailure| matches!(it.reason, Reason::Time | Reason::StoodStill);
        self.failures.iter().filter(is_long).count()
    }

    /// Whether nothing came of it but runs that took too long.
    pub fn is_given_up(&self) -> bool {
        self.passed == 0 && self.long_runs() > 0 && self.long_runs() == self.failures.len()
    }

    /// Whether every run came to a place where nothing has been written yet.
    pub fn is_unwritten(&self) -> bool {
        let is_unwritten = |it: &RunFailure| it.reason == Reason::NotWritten;
        self.passed == 0 && !self.failures.is_empty() && self.failures.iter().all(is_unwritten)
    }

    /// What it brings, in hundredths of a point.
    pub fn credit(&self) -> u64 {
        Points { points: self.points, cost: self.cost }.credit(self.passed, self.seeds())
    }
}

impl LabGrade {
    /// What it brings, in hundredths of a point.
    pub fn credit(&self) -> u64 {
        self.scenarios.iter().map(ScenarioGrade::credit).sum()
    }

    /// What it could bring, in points.
    pub fn points(&self) -> u32 {
        self.scenarios.iter().map(|scenario| scenario.points).sum()
    }
}

impl Grade {
    /// What it brings, in hundredths of a point.
    pub fn credit(&self) -> u64 {
        self.labs.iter().map(LabGrade::credit).sum()
    }

    /// What it could bring, in points.
    pub fn points(&self) -> u32 {
        self.labs.iter().map(LabGrade::points).sum()
    }

    /// What became of it, in a word or two: `graded`, or where it stopped.
    pub fn status(&self) -> String {
        self.stopped.as_ref().map_or_else(|| "graded".to_string(), |it| it.at.to_string())
    }
}
