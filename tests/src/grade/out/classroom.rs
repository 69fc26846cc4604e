//! `classroom.json`: what GitHub Classroom's reporter takes, the action
//! [`autograding-grading-reporter`](https://github.com/classroom-resources/autograding-grading-reporter).
//!
//! The format has no specification. It is what the graders beside that action write and what the action
//! reads; the fields are those of `autograding-command-grader`, and their order, too:
//!
//! | field | is |
//! |---|---|
//! | `version` | 1 |
//! | `status` | `pass`, `fail`, or `error` if something stopped it: the reporter's step fails unless all pass |
//! | `max_score` | what it could bring; with 0, the reporter tells no points |
//! | `tests` | one for each scenario; before them, one for what stopped it |
//! | `name`, `status` | the scenario's name, and again `pass`, `fail` or `error` |
//! | `score` | what it brings. The reporter adds them up, as JavaScript adds |
//! | `message` | how many seeds passed, and the first failure |
//! | `test_code` | shown below the name: the command that runs the first visible failure again |
//! | `filename`, `line_no` | where the test is; empty and 0, with which the reporter shows neither |
//! | `execution_time` | 0, as equal grades shall be equal files |
//!
//! The reporter reads it, in base64, from an environment variable, and Linux takes no variable of more
//! than 128 KiB. So there is one line for each scenario, and what is long is cut.

use super::text::{Verdict, clean, number, scenarios, seeds, stage, told};
use crate::grade::result::{Grade, ScenarioGrade, Stopped};
use serde::Serialize;

/// The longest message of a scenario, the longest command, and what is said of why it was not run, in
/// bytes.
const MESSAGE: usize = 120;
const COMMAND: usize = 160;
const WHY: usize = 2_000;

#[derive(Serialize)]
struct Results {
    version: u32,
    status: &'static str,
    max_score: u32,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Test {
    name: String,
    status: &'static str,
    score: f64,
    message: String,
    #[serde(rename = "test_code")]
    code: String,
    filename: &'static str,
    line_no: u32,
    execution_time: u32,
}

/// The text of the file.
pub fn text(grade: &Grade) -> String {
    let passed = |scenario| Verdict::of(scenario) == Verdict::Passed;
    let all_pass = grade.points() > 0 && scenarios(grade).all(passed);
    let results = Results {
        version: 1,
        status: match &grade.stopped {
            Some(_) => "error",
            None if all_pass => "pass",
            None => "fail",
        },
        max_score: grade.points(),
        tests: grade.stopped.iter().map(stop).chain(scenarios(grade).map(test)).collect(),
    };
    let mut text = serde_json::to_string(&results).expect("results have a text");
    text.push('\n');
    text
}

fn stop(stopped: &Stopped) -> Test {
    let why = format!("{}: {}", stopped.at, stopped.why.join("\n"));
    Test {
        name: stage(stopped.at).to_string(),
        status: "error",
        score: 0.0,
        message: cut(&why, WHY),
        code: String::new(),
        filename: "",
        line_no: 0,
        execution_time: 0,
    }
}

fn test(scenario: &ScenarioGrade) -> Test {
    let mut message = seeds(scenario);
    if let Some(failure) = told(scenario).next() {
        message = format!("{message}; {}: {}", failure.seed, failure.reason);
    }
    let mut facts = scenario.failures.iter().filter_map(|failure| failure.facts.as_ref());
    let command = facts.next().map(|facts| clean(&facts.replay)).unwrap_or_default();
    Test {
        name: clean(&scenario.name),
        status: if Verdict::of(scenario) == Verdict::Passed { "pass" } else { "fail" },
        score: number(scenario.credit()),
        message: cut(&message, MESSAGE),
        // Half a command is none.
        code: if command.len() > COMMAND { String::new() } else { command },
        filename: "",
        line_no: 0,
        execution_time: 0,
    }
}

/// The beginning of a text, if it is longer than so many bytes.
fn cut(text: &str, bytes: usize) -> String {
    let text = clean(text);
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes - "…".len()).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &text[..end])
}
