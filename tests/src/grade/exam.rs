//! One submission under the suites: every scenario, every seed, each twice.

use super::ask::Judge;
use super::protocol::{Answer, Want};
use super::result::{Facts, LONG_RUNS, Reason, RunFailure, ScenarioGrade, SeedName};
use super::seeds::Seeds;
use crate::catalogue::PROGRAM;
use crate::cli::DEFAULT_DETERMINISM_SEEDS;
use crate::cli::diff::between_runs;
use crate::points;
use crate::suites::Scenario;
use std::io;
use std::time::Duration;

#[allow(clippy::disallowed_types, reason = "real programs take real time")]
type Stopwatch = std::time::Instant;

/// How often a run is made again with a trace, in search of a difference.
const ATTEMPTS: usize = 10;

/// An examination: a judge, and the seeds.
#[derive(Clone, Copy, Debug)]
pub struct Exam<'a> {
    /// Who makes the runs.
    pub judge: &'a Judge,
    /// Which seeds.
    pub seeds: &'a Seeds,
    /// When it began, and how long it may take.
    pub time: Time,
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
                let is_first =
                    !grade.failures.iter().any(|it| it.reason == Reason::NotDeterministic);
                match self.seed(scenario.name, name, seed, is_first)? {
                    None => grade.passed += 1,
                    Some(failure) => grade.failures.push(failure),
                }
            }
            tick();
        }
        Ok(grade)
    }

    /// One seed, twice; `is_told` asks where the two part, if they are not the same.
    fn seed(
        &self,
        scenario: &str,
        name: SeedName,
        seed: u64,
        is_told: bool,
    ) -> io::Result<Option<RunFailure>> {
        let once = self.judge.ask(scenario, seed, Want::Verdict)?;
        let (reason, text) = match &once.answer {
            Err(reason) => (reason.clone(), remark(reason).to_string()),
            Ok(answer) => {
                let again = self.judge.ask(scenario, seed, Want::Verdict)?.answer;
                if again.as_ref() != Ok(answer) {
                    let is_told = is_told && name.visible().is_some();
                    let tell = || self.difference(scenario, seed, answer, &again);
                    (Reason::NotDeterministic, if is_told { tell()? } else { String::new() })
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
                let replay = command(scenario, seed, &reason);
                let facts = Facts { text, output: once.printed, replay, picture: None };
                RunFailure { seed: name, reason, facts: Some(facts) }
            }
        }))
    }

    /// Where two runs with one seed part, in words. The two that parted have no trace, so others are made,
    /// which may happen to be alike.
    fn difference(
        &self,
        scenario: &str,
        seed: u64,
        once: &Answer,
        again: &Result<Answer, Reason>,
    ) -> io::Result<String> {
        let again = match again {
            Ok(again) => again,
            Err(reason) => {
                return Ok(format!("the second run did not end as the first: {reason}"));
            }
        };
        let found = between_runs(ATTEMPTS - 1, || {
            let answer = self.judge.ask(scenario, seed, Want::Trace)?.answer;
            io::Result::Ok(match answer {
                Ok(answer) => answer.text.lines().map(str::to_string).collect(),
                Err(reason) => vec![format!("(no trace: {reason})")],
            })
        })?;
        Ok(match found {
            Some(text) => format!("two runs with traces: {}", text.trim_end()),
            None => format!("{}; {ATTEMPTS} more runs with traces were alike", unlike(once, again)),
        })
    }
}

/// What its author should know of a run that has no end of its own.
fn remark(reason: &Reason) -> &'static str {
    match reason {
        Reason::Time | Reason::StoodStill => {
            "if a step does not come back, `replay` names it after 20 s, and ends there"
        }
        _ => "",
    }
}

/// What differs between two answers.
fn unlike(once: &Answer, again: &Answer) -> String {
    let end = |it: &Answer| it.failure.as_ref().map_or("passed".to_string(), |it| it.1.clone());
    let (one, other) = (once.digest.0, again.digest.0);
    if one == other {
        return format!("the first run ended so: {}; the second so: {}", end(once), end(again));
    }
    format!("fingerprint {one:016x} once, {other:016x} again")
}

/// The command that shows a failure again: a run by itself, or that runs differ.
fn command(scenario: &str, seed: u64, reason: &Reason) -> String {
    match reason {
        Reason::NotDeterministic if seed < DEFAULT_DETERMINISM_SEEDS => {
            format!("{PROGRAM} determinism {scenario}")
        }
        Reason::NotDeterministic => {
            format!("{PROGRAM} determinism {scenario} --seeds {}", seed + 1)
        }
        _ => format!("{PROGRAM} replay {scenario} --seed {seed} --graded"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_runs_differ_is_shown_by_another_command() {
        let command = |seed, reason| command("re_election_2a", seed, &reason);
        assert_eq!(
            command(3, Reason::Panic),
            "cargo run --release -- replay re_election_2a --seed 3 --graded"
        );
        let differs = || Reason::NotDeterministic;
        assert_eq!(command(3, differs()), "cargo run --release -- determinism re_election_2a");
        let more = "cargo run --release -- determinism re_election_2a --seeds 21";
        assert_eq!(command(20, differs()), more);
    }

    #[test]
    fn two_answers_are_unlike_in_what_happened_or_in_what_was_said_of_it() {
        let answer = |digest, text: &str| {
            let failure = Some(("get".to_string(), text.to_string()));
            Answer { digest: (digest, 0, 0), failure, ..Answer::default() }
        };
        assert_eq!(
            unlike(&answer(1, "a"), &answer(2, "a")),
            "fingerprint 0000000000000001 once, 0000000000000002 again"
        );
        let passed = Answer { failure: None, ..answer(1, "") };
        assert_eq!(
            unlike(&answer(1, "a at 0x7f"), &passed),
            "the first run ended so: a at 0x7f; the second so: passed"
        );
    }
}
