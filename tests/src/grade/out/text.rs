//! What several files say in the same words.

use crate::grade::result::{Grade, Reason, RunFailure, ScenarioGrade, Stage};
use std::fmt::Write;

/// So many failing seeds of a scenario are told one by one.
const TOLD: usize = 5;

/// Points from hundredths, with two digits: `12.50`.
pub fn points(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// What there is to be had: `1 point`, `5 points`.
pub fn of_points(points: u32) -> String {
    format!("{points} point{}", if points == 1 { "" } else { "s" })
}

/// Points from hundredths, as JSON has them: the number nearest to them, which is written with two digits
/// at most.
pub fn number(hundredths: u64) -> f64 {
    hundredths as f64 / 100.0
}

/// The text without the characters that XML 1.0 cannot hold, which are of no use elsewhere, either:
/// control characters but for tabulators and ends of lines.
pub fn clean(text: &str) -> String {
    let is_fine = |c: char| match c {
        '\t' | '\n' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        c => !c.is_control(),
    };
    text.chars().filter(|c| is_fine(*c)).collect()
}

/// What came of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every seed passed.
    Passed,
    /// Some did not.
    Failed,
    /// Not one was run.
    NotRun,
}

impl Verdict {
    /// Of a scenario.
    pub fn of(scenario: &ScenarioGrade) -> Self {
        if scenario.passed == 0 && scenario.failures.is_empty() {
            Self::NotRun
        } else if scenario.passed == scenario.seeds() {
            Self::Passed
        } else {
            Self::Failed
        }
    }
}

/// What was being done when it stopped.
pub fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Reading => "reading",
        Stage::Inspection => "inspection",
        Stage::Compilation => "compilation",
    }
}

/// All scenarios, in order.
pub fn scenarios(grade: &Grade) -> impl Iterator<Item = &ScenarioGrade> {
    grade.labs.iter().flat_map(|lab| &lab.scenarios)
}

/// Whether anything of a submission was run. Of one that stopped, there may be a lab that compiles.
pub fn was_run(grade: &Grade) -> bool {
    scenarios(grade).any(|scenario| Verdict::of(scenario) != Verdict::NotRun)
}

/// How many seeds passed, and how many were not run.
pub fn seeds(scenario: &ScenarioGrade) -> String {
    let all = scenario.seeds();
    let plural = if all == 1 { "" } else { "s" };
    match (Verdict::of(scenario), scenario.not_run) {
        (Verdict::NotRun, _) => "not run".to_string(),
        (_, 0) => format!("{} of {all} seed{plural} passed", scenario.passed),
        (_, 1) => format!("{} of {all} seeds passed, 1 was not run", scenario.passed),
        (_, rest) => format!("{} of {all} seeds passed, {rest} were not run", scenario.passed),
    }
}

/// The failing seeds that are told, those with facts first.
pub fn told(scenario: &ScenarioGrade) -> impl Iterator<Item = &RunFailure> {
    let (with, without): (Vec<_>, Vec<_>) =
        scenario.failures.iter().partition(|failure| failure.facts.is_some());
    with.into_iter().chain(without).take(TOLD)
}

/// `… and 12 more`, if there are more failing seeds than are told.
pub fn more(scenario: &ScenarioGrade) -> Option<String> {
    let rest = scenario.failures.len().checked_sub(TOLD).filter(|rest| *rest > 0)?;
    Some(format!("… and {rest} more"))
}

/// The scenarios of which nothing has been written yet, in order.
pub fn unwritten(grade: &Grade) -> Vec<&ScenarioGrade> {
    scenarios(grade).filter(|scenario| scenario.is_unwritten()).collect()
}

/// How many scenarios these are, by part: `3 scenarios (2B 1, 2C 2)`.
pub fn by_part(scenarios: &[&ScenarioGrade]) -> String {
    let parts: Vec<String> = scenarios
        .chunk_by(|a, b| a.part == b.part)
        .map(|some| format!("{} {}", some[0].part.to_uppercase(), some.len()))
        .collect();
    let plural = if scenarios.len() == 1 { "" } else { "s" };
    format!("{} scenario{plural} ({})", scenarios.len(), parts.join(", "))
}

/// All that is told of a scenario, in lines. Of what has not been written yet that is enough.
pub fn account(scenario: &ScenarioGrade) -> String {
    let mut text = format!("{}\n{}\n", scenario.about, seeds(scenario));
    if scenario.is_unwritten() {
        let _ = writeln!(text, "\n{}", Reason::NotWritten);
        return clean(&text);
    }
    for failure in told(scenario) {
        text += &one_seed(failure);
    }
    if let Some(more) = more(scenario) {
        let _ = writeln!(text, "\n{more}");
    }
    clean(&text)
}

fn one_seed(failure: &RunFailure) -> String {
    let mut text = format!("\n{}: {}\n", failure.seed, failure.reason);
    let Some(facts) = &failure.facts else { return text };
    for line in facts.text.lines() {
        let _ = writeln!(text, "  {line}");
    }
    if !facts.replay.is_empty() {
        let _ = writeln!(text, "  again: {}", facts.replay);
    }
    if !facts.output.is_empty() {
        text += "  it printed:\n";
    }
    for line in facts.output.lines() {
        let _ = writeln!(text, "    {line}");
    }
    text
}

/// How points come about, in a few sentences.
pub fn rules(grade: &Grade) -> String {
    let known = match grade.visible {
        0 => "no seeds that you know".to_string(),
        1 => "one seed that you know, 0,".to_string(),
        visible => format!("{visible} seeds that you know, 0 to {},", visible - 1),
    };
    let hidden = match grade.hidden {
        0 => "no hidden ones".to_string(),
        1 => "one hidden one".to_string(),
        hidden => format!("{hidden} hidden ones"),
    };
    let only = grade.parts.titles().map(|it| format!("Only these parts count: {it}. "));
    let mut text = only.unwrap_or_default();
    let _ = write!(
        text,
        "Each scenario is run on {known} and {hidden}. It brings all of its points if every seed passes. \
         A seed that fails takes away as many seeds' shares as the scenario's cost says: with × 5, all points \
         are gone when a fifth of the seeds fail, with × 2, when half of them do. What is left is rounded down to hundredths of a point. \
         Seeds that could gain nothing any more are not run, nor those that are left when runs have taken \
         too long; they count as failed."
    );
    if grade.hidden > 0 {
        text += " Of hidden seeds only a number and the reason are told.";
    }
    text
}
