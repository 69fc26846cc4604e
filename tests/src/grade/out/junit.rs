//! `junit.xml`: a report of tests, as build servers read it: a suite for each lab, a case for each scenario.
//!
//! A scenario is a failure as soon as one seed fails; the message has its points. What stopped a
//! submission is an error in a suite of its own, and scenarios that were not run are skipped.

use super::text::{Verdict, account, clean, of_points, points, scenarios, seeds, stage};
use crate::grade::result::{Grade, LabGrade, ScenarioGrade, Stopped};
use crate::linear::escape;
use std::fmt::Write;

/// The text of the file: well-formed XML 1.0, whatever the grade's texts hold.
pub fn text(grade: &Grade) -> String {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_string();
    let errors = usize::from(grade.stopped.is_some());
    let (all, failures, skipped) = count(scenarios(grade));
    let _ = writeln!(
        out,
        "<testsuites name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" \
         skipped=\"{skipped}\">",
        xml(&grade.submission),
        all + errors,
    );
    if let Some(stopped) = &grade.stopped {
        error(&mut out, stopped);
    }
    for lab in &grade.labs {
        suite(&mut out, lab);
    }
    out += "</testsuites>\n";
    out
}

/// How many there are, how many failed, and how many were not run.
fn count<'a>(scenarios: impl Iterator<Item = &'a ScenarioGrade>) -> (usize, usize, usize) {
    scenarios.fold((0, 0, 0), |(all, failed, skipped), scenario| match Verdict::of(scenario) {
        Verdict::Passed => (all + 1, failed, skipped),
        Verdict::Failed => (all + 1, failed + 1, skipped),
        Verdict::NotRun => (all + 1, failed, skipped + 1),
    })
}

fn error(out: &mut String, stopped: &Stopped) {
    let _ = writeln!(
        out,
        "<testsuite name=\"submission\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n\
         <testcase classname=\"submission\" name=\"{}\">\n\
         <error message=\"{}\">{}</error>\n</testcase>\n</testsuite>",
        stage(stopped.at),
        stopped.at,
        xml(&stopped.why.join("\n")),
    );
}

fn suite(out: &mut String, lab: &LabGrade) {
    let (all, failures, skipped) = count(lab.scenarios.iter());
    let _ = writeln!(
        out,
        "<testsuite name=\"lab {}\" tests=\"{all}\" failures=\"{failures}\" errors=\"0\" \
         skipped=\"{skipped}\">",
        lab.lab.title(),
    );
    for scenario in &lab.scenarios {
        case(out, lab.lab.package(), scenario);
    }
    *out += "</testsuite>\n";
}

fn case(out: &mut String, package: &str, scenario: &ScenarioGrade) {
    let (part, name) = (xml(&scenario.part), xml(&scenario.name));
    let _ = write!(out, "<testcase classname=\"{package}.{part}\" name=\"{name}\"");
    let _ = match Verdict::of(scenario) {
        Verdict::Passed => writeln!(out, "/>"),
        Verdict::NotRun => writeln!(out, ">\n<skipped message=\"not run\"/>\n</testcase>"),
        Verdict::Failed => writeln!(
            out,
            ">\n<failure message=\"{}; {} of {}\">{}</failure>\n</testcase>",
            seeds(scenario),
            points(scenario.credit()),
            of_points(scenario.points),
            xml(&account(scenario)),
        ),
    };
}

fn xml(text: &str) -> String {
    escape(&clean(text))
}
