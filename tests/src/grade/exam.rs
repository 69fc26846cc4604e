//! One submission under the suites: every scenario, every seed, each twice.

use super::ask::Judge;
use super::protocol::{Answer, Want};
use super::result::{Facts, LONG_RUNS, Reason, RunFailure, ScenarioGrade, SeedName};
use super::seeds::Seeds;
use crate::catalogue::PROGRAM;
use crate::cli::diff::between_runs;
use crate::points;
use crate::suites::Scenario;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

#[allow(clippy::disallowed_types, reason = "real programs take real time")]
type Stopwatch = std::time::Instant;

/// How often a run is made again with a trace, in search of a difference.
const ATTEMPTS: usize = 3;

/// An examination: a judge, and the seeds.
#[derive(Clone, Copy, Debug)]
pub struct Exam<'a> {
    /// Who makes the runs.
    pub judge: &'a Judge,
    /// Which seeds.
    pub seeds: &'a Seeds,
    /// When it began, and how long it may take.
    pub time: Time,
    /// Where the differences of runs are written that should have been the same: being what they are, they
    /// are no part of the grade.
    pub folder: &'a Path,
}

/// A time that is limited.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    began: Stopwatch,
    most: Duration,
}

impl Time {
    /// From now on.
    pub fn of(most: Duration) -> Self {
        Self { began: Stopwatch::now(), most }
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.began.elapsed() > self.most
    }
}

impl Exam<'_> {
    /// A scenario with all its seeds, up to where nothing can be gained any more; `tick` is called after
    /// each seed.
    ///
    /// # Errors
    /// If the judge can't be run at all.
    pub fn scenario(&self, scenario: &Scenario, tick: &dyn Fn()) -> io::Result<ScenarioGrade> {
        let mut grade = nothing_yet(scenario);
        let worth = points::of(scenario.name);
        for (name, seed) in self.seeds.iter() {
            let failed = grade.failures.len() as u64;
            let best = self.seeds.count() - failed;
            let hopeless = worth.is_some_and(|it| it.credit(best, self.seeds.count()) == 0);
            if hopeless || grade.long_runs() >= LONG_RUNS || self.time.is_over() {
                grade.not_run += 1;
            } else {
                match self.seed(scenario.name, name, seed)? {
                    None => grade.passed += 1,
                    Some(failure) => grade.failures.push(failure),
                }
            }
            tick();
        }
        Ok(grade)
    }

    /// One seed, twice.
    fn seed(&self, scenario: &str, name: SeedName, seed: u64) -> io::Result<Option<RunFailure>> {
        let once = self.judge.ask(scenario, seed, Want::Verdict)?;
        let (reason, text) = match &once.answer {
            Err(reason) => (reason.clone(), String::new()),
            Ok(answer) => {
                let again = self.judge.ask(scenario, seed, Want::Verdict)?.answer;
                if again.as_ref() != Ok(answer) {
                    let text = match name {
                        SeedName::Visible(_) => self.difference(scenario, seed, answer, &again)?,
                        SeedName::Hidden(_) => String::new(),
                    };
                    (Reason::NotDeterministic, text)
                } else if let Some((property, text)) = &answer.failure {
                    (Reason::of_property(property), text.clone())
                } else {
                    return Ok(None);
                }
            }
        };
        Ok(Some(match name {
            SeedName::Hidden(_) => {
                RunFailure { seed: name, reason: reason.of_hidden(), facts: None }
            }
            SeedName::Visible(_) => {
                let replay = format!("{PROGRAM} replay {scenario} --seed {seed}");
                let facts = Facts { text, output: once.printed, replay, picture: None };
                RunFailure { seed: name, reason, facts: Some(facts) }
            }
        }))
    }

    /// Writes down where two runs with one seed part, and says where that is written.
    fn difference(
        &self,
        scenario: &str,
        seed: u64,
        once: &Answer,
        again: &Result<Answer, Reason>,
    ) -> io::Result<String> {
        let text = match again {
            Err(reason) => {
                format!("the second run with this seed did not end as the first: {reason}")
            }
            Ok(again) => {
                let lines = |text: String| text.lines().map(str::to_string).collect();
                let found = between_runs(ATTEMPTS, || {
                    let heard = self.judge.ask(scenario, seed, Want::Trace)?;
                    io::Result::Ok(heard.answer.map(|it| lines(it.text)).unwrap_or_default())
                })?;
                found.unwrap_or_else(|| {
                    let (one, other) = (once.digest.0, again.digest.0);
                    format!(
                        "fingerprint {one:016x} once, {other:016x} again; no record of the trace differs"
                    )
                })
            }
        };
        let file = format!("differences/{scenario}-{seed}.txt");
        fs::create_dir_all(self.folder.join("differences"))?;
        fs::write(self.folder.join(&file), text)?;
        Ok(format!("the first difference of two runs is in {file}"))
    }
}

/// A scenario before its first seed.
pub fn nothing_yet(scenario: &Scenario) -> ScenarioGrade {
    let worth = points::of(scenario.name);
    ScenarioGrade {
        name: scenario.name.to_string(),
        part: scenario.part.to_string(),
        about: scenario.about.to_string(),
        points: worth.map(|it| it.points).unwrap_or_default(),
        cost: worth.map(|it| it.cost).unwrap_or_default(),
        passed: 0,
        not_run: 0,
        failures: Vec::new(),
    }
}
