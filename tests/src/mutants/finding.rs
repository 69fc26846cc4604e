//! What came of a mutant.

use super::format::{Catcher, Mutant};
use super::hunt::Stage;
use crate::panics::PANIC;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What is to be said of a mutant. The kills come first, the best of them before the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A scenario failed, by a property that was expected to fail.
    Killed,
    /// A directed test failed.
    KilledByTest,
    /// A scenario failed, by another property.
    KilledOtherwise,
    /// The code under test panicked, or its process died, and that was all.
    PanicOnly,
    /// A scenario came to a limit on simulated time, steps or memory, and that was all.
    LimitOnly,
    /// Nothing failed, but some scenario did not come to its end.
    TimedOut,
    /// Nothing failed, and the mutant says why nothing can.
    Equivalent,
    /// Something failed, and the mutant says why nothing can.
    NotEquivalent,
    /// Nothing failed.
    Survived,
    /// It does not compile.
    BuildFailed,
}

impl Verdict {
    /// All of them, in order.
    pub const ALL: [Self; 10] = [
        Self::Killed,
        Self::KilledByTest,
        Self::KilledOtherwise,
        Self::PanicOnly,
        Self::LimitOnly,
        Self::TimedOut,
        Self::Equivalent,
        Self::NotEquivalent,
        Self::Survived,
        Self::BuildFailed,
    ];

    /// Whether this is as it should be: a kill of whatever kind, or an explanation.
    pub fn is_well(self) -> bool {
        self <= Self::LimitOnly || self == Self::Equivalent
    }

    /// What the failure of a property in a scenario is worth.
    pub fn of(mutant: &Mutant, property: &str) -> Self {
        match property {
            _ if mutant.is_expected(property) => Self::Killed,
            PANIC | CRASH => Self::PanicOnly,
            "time limit" | "step limit" | MEMORY => Self::LimitOnly,
            _ => Self::KilledOtherwise,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Killed => "killed",
            Self::KilledByTest => "killed by test",
            Self::KilledOtherwise => "killed otherwise",
            Self::PanicOnly => "panic only",
            Self::LimitOnly => "limit only",
            Self::TimedOut => "TIMED OUT",
            Self::Equivalent => "equivalent",
            Self::NotEquivalent => "NOT EQUIVALENT",
            Self::Survived => "SURVIVED",
            Self::BuildFailed => "BUILD FAILED",
        })
    }
}

/// What is said to have failed when the whole process died.
pub const CRASH: &str = "crash";

/// What is said to have failed when the process had no more memory.
pub const MEMORY: &str = "memory limit";

/// What is said to have failed when a directed test did.
pub const TEST: &str = "test";

/// A failure of a mutant where the original passes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kill {
    /// The scenario, or the test, as the header of a mutant names it; or the system of the swarm.
    pub by: String,
    /// The seed, of a trial, or of a scenario whose process did not die.
    pub seed: Option<u64>,
    /// The property that failed.
    pub property: String,
    /// The facts, in words.
    pub facts: String,
    /// CPU time of all runs of this mutant up to here, this one included.
    pub cpu_seconds: f64,
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.by)?;
        if let Some(seed) = self.seed {
            write!(f, "@{seed}")?;
        }
        if self.property != TEST {
            write!(f, " [{}]", self.property)?;
        }
        Ok(())
    }
}

/// A scenario or a test that fails, if all are run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Killer {
    /// The scenario, or the test.
    pub by: String,
    /// How many seeds fail.
    pub failed: u64,
    /// The first of them.
    pub first_seed: Option<u64>,
    /// How many fail by which property.
    pub properties: BTreeMap<String, u64>,
}

/// What came of a mutant in a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What is to be said of it.
    pub verdict: Verdict,
    /// The first kill of the best kind.
    pub kill: Option<Kill>,
    /// Who kills it, if all were run.
    pub killers: Vec<Killer>,
    /// How many scenarios and tests were run, each way to serve reads on its own; or how many trials.
    pub tried: usize,
    /// The scenarios, tests and trials that did not come to their end.
    pub timed_out: Vec<String>,
    /// What else is to be said; the compiler's errors, if it does not compile.
    pub notes: Vec<String>,
    /// Real time that its build took.
    pub build_seconds: f64,
    /// CPU time of all runs that came to their end.
    pub cpu_seconds: f64,
}

impl Finding {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            verdict: Verdict::Survived,
            kill: None,
            killers: Vec::new(),
            tried: 0,
            timed_out: Vec::new(),
            notes: Vec::new(),
            build_seconds: 0.0,
            cpu_seconds: 0.0,
        }
    }

    /// Takes a kill for the mutant's, if it is better than what there is.
    pub(super) fn consider(&mut self, verdict: Verdict, kill: Kill) {
        if self.kill.is_none() || verdict < self.verdict {
            (self.verdict, self.kill) = (verdict, Some(kill));
        }
    }

    /// Adds to the list of who kills it.
    pub(super) fn add_killer(&mut self, by: &Catcher, seed: Option<u64>, property: &str) {
        let by = by.to_string();
        if self.killers.last().is_none_or(|last| last.by != by) {
            let properties = BTreeMap::new();
            self.killers.push(Killer { by, failed: 0, first_seed: seed, properties });
        }
        if let Some(killer) = self.killers.last_mut() {
            killer.failed += 1;
            *killer.properties.entry(property.to_string()).or_default() += 1;
        }
    }

    /// Whether it is as it should be. That the swarm finds nothing is to be read, and no error.
    pub fn is_well(&self, stage: Stage) -> bool {
        match stage {
            Stage::Scenarios => self.verdict.is_well(),
            Stage::Swarm => !matches!(self.verdict, Verdict::NotEquivalent | Verdict::BuildFailed),
        }
    }

    /// The verdict when everything has been tried.
    pub(super) fn conclude(mut self, mutant: &Mutant) -> Self {
        self.verdict = match (&self.kill, &mutant.equivalent) {
            (Some(_), Some(_)) => Verdict::NotEquivalent,
            (Some(_), None) => self.verdict,
            (None, _) if !self.timed_out.is_empty() => Verdict::TimedOut,
            (None, Some(_)) => Verdict::Equivalent,
            (None, None) => Verdict::Survived,
        };
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Killed, KilledOtherwise, LimitOnly, PanicOnly};
    use super::*;
    use std::path::Path;

    fn mutant(header: &str) -> Mutant {
        let text = format!("title: t\nbreaks: b\nsource: s\n{header}\n--- a/b.rs\n@@\n-x\n");
        Mutant::parse(Path::new("raft/m.mutant"), &text).unwrap()
    }

    fn kill(property: &str) -> Kill {
        Kill {
            by: "speed_3a".into(),
            seed: Some(7),
            property: property.into(),
            facts: String::new(),
            cpu_seconds: 0.5,
        }
    }

    #[test]
    fn the_best_kill_stands_and_of_equals_the_first() {
        let mutant = mutant("expects: get");
        let mut finding = Finding::new();
        let worth: Vec<Verdict> = ["step limit", "panic", "speed", "get", "crash"]
            .iter()
            .map(|property| Verdict::of(&mutant, property))
            .collect();
        assert_eq!(worth, [LimitOnly, PanicOnly, KilledOtherwise, Killed, PanicOnly]);
        assert_eq!(finding.clone().conclude(&mutant).verdict, Verdict::Survived);
        for property in ["panic", "speed", "agreement", "step limit"] {
            finding.consider(Verdict::of(&mutant, property), kill(property));
        }
        let finding = finding.conclude(&mutant);
        assert_eq!(finding.verdict, KilledOtherwise);
        assert_eq!(finding.kill.unwrap().to_string(), "speed_3a@7 [speed]");
    }

    #[test]
    fn an_explanation_counts_if_nothing_fails() {
        let mutant = mutant("equivalent: it is the same");
        let mut finding = Finding::new();
        assert_eq!(finding.clone().conclude(&mutant).verdict, Verdict::Equivalent);
        finding.timed_out.push("speed_3a".into());
        assert_eq!(finding.clone().conclude(&mutant).verdict, Verdict::TimedOut);
        finding.consider(Verdict::KilledByTest, kill(TEST));
        assert_eq!(finding.conclude(&mutant).verdict, Verdict::NotEquivalent);
    }

    #[test]
    fn killers_are_counted() {
        let mut finding = Finding::new();
        let by = Catcher::Scenario("speed_3a".into(), crate::mutants::Reads::Index);
        for (seed, property) in [(3, "get"), (5, "speed"), (9, "get")] {
            finding.add_killer(&by, Some(seed), property);
        }
        let [killer] = &finding.killers[..] else { panic!("{:?}", finding.killers) };
        assert_eq!((&*killer.by, killer.failed), ("speed_3a (reads index)", 3));
        assert_eq!((killer.first_seed, killer.properties["get"]), (Some(3), 2));
    }
}
