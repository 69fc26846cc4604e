//! `results.json`: what Gradescope takes from an autograder, as its
//! [specification](https://gradescope-autograders.readthedocs.io/en/latest/specs/) has it.
//!
//! The score stands at the top, and again with each test; Gradescope takes the one at the top. Texts are
//! said to be text, since what stands at the top would be taken for HTML. Every test is visible: what
//! must not be seen of hidden seeds is not in a grade's texts.

use super::text::{
    Verdict, account, by_part, clean, number, of_points, points, rules, told, unwritten,
};
use crate::grade::result::{Grade, ScenarioGrade};
use serde::Serialize;

#[derive(Serialize)]
struct Results {
    score: f64,
    output: String,
    output_format: &'static str,
    test_output_format: &'static str,
    test_name_format: &'static str,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Test {
    name: String,
    /// The part, and which of its scenarios: `2A.1`.
    number: String,
    score: f64,
    max_score: u32,
    status: &'static str,
    output: String,
    visibility: &'static str,
}

/// The text of the file.
pub fn text(grade: &Grade) -> String {
    let results = Results {
        score: number(grade.credit()),
        output: output(grade),
        output_format: "text",
        test_output_format: "text",
        test_name_format: "text",
        tests: grade.labs.iter().flat_map(|lab| tests(&lab.scenarios)).collect(),
    };
    let mut text = serde_json::to_string_pretty(&results).expect("results have a text");
    text.push('\n');
    text
}

/// What is said of the whole, in paragraphs.
fn output(grade: &Grade) -> String {
    let mut paragraphs = Vec::new();
    if let Some(stopped) = &grade.stopped {
        paragraphs.push(format!("{}:\n{}", stopped.at, stopped.why.join("\n")));
    }
    paragraphs.extend(grade.labs.iter().map(|lab| {
        let (title, credit) = (lab.lab.title(), points(lab.credit()));
        format!("lab {title}: {credit} of {}", of_points(lab.points()))
    }));
    paragraphs.extend_from_slice(&grade.remarks);
    let unwritten = unwritten(grade);
    if let Some(first) = unwritten.first() {
        let facts = told(first).find_map(|failure| failure.facts.as_ref());
        let facts = facts.map(|it| format!("\n{}: {}", first.name, it.text)).unwrap_or_default();
        paragraphs.push(format!("not written yet: {}{facts}", by_part(&unwritten)));
    }
    paragraphs.push(rules(grade));
    clean(&paragraphs.join("\n\n"))
}

fn tests(scenarios: &[ScenarioGrade]) -> impl Iterator<Item = Test> {
    scenarios.iter().enumerate().map(|(at, scenario)| {
        let before = scenarios[..at].iter().filter(|it| it.part == scenario.part).count();
        Test {
            name: clean(&scenario.name),
            number: format!("{}.{}", clean(&scenario.part).to_uppercase(), before + 1),
            score: number(scenario.credit()),
            max_score: scenario.points,
            status: match Verdict::of(scenario) {
                Verdict::Passed => "passed",
                Verdict::Failed | Verdict::NotRun => "failed",
            },
            output: account(scenario),
            visibility: "visible",
        }
    })
}
