//! `grade.json`: the grade itself, and what it comes to in points.

use super::text::number;
use crate::grade::lab::Lab;
use crate::grade::parts::Parts;
use crate::grade::result::{Grade, LabGrade, ScenarioGrade, Stopped};
use serde::Serialize;

/// The grade as it is written. It is read as a [`Grade`], too: that has all but what can be counted.
#[derive(Serialize)]
struct Object<'a> {
    submission: &'a str,
    status: String,
    credit: f64,
    points: u32,
    visible: u64,
    hidden: u64,
    parts: &'a Parts,
    stopped: &'a Option<Stopped>,
    remarks: &'a [String],
    labs: Vec<LabObject<'a>>,
}

#[derive(Serialize)]
struct LabObject<'a> {
    lab: Lab,
    credit: f64,
    points: u32,
    scenarios: Vec<ScenarioObject<'a>>,
}

#[derive(Serialize)]
struct ScenarioObject<'a> {
    credit: f64,
    #[serde(flatten)]
    scenario: &'a ScenarioGrade,
}

/// The text of the file. `credit` is what a submission, a lab or a scenario brings, in points, and
/// `points` what it could.
pub fn text(grade: &Grade) -> String {
    let Grade { submission, visible, hidden, parts, stopped, remarks, labs } = grade;
    let object = Object {
        submission,
        status: grade.status(),
        credit: number(grade.credit()),
        points: grade.points(),
        visible: *visible,
        hidden: *hidden,
        parts,
        stopped,
        remarks,
        labs: labs.iter().map(lab_object).collect(),
    };
    let mut text = serde_json::to_string_pretty(&object).expect("a grade has a text");
    text.push('\n');
    text
}

fn lab_object(grade: &LabGrade) -> LabObject<'_> {
    let LabGrade { lab, scenarios } = grade;
    let object =
        |scenario| ScenarioObject { credit: number(ScenarioGrade::credit(scenario)), scenario };
    LabObject {
        lab: *lab,
        credit: number(grade.credit()),
        points: grade.points(),
        scenarios: scenarios.iter().map(object).collect(),
    }
}
