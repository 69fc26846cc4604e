//! `grades.csv` and `summary.html`: many submissions side by side.

use super::page::{address, frame, text};
use super::text::{Verdict, clean, points, scenarios, was_run};
use crate::catalogue::PARTS;
use crate::grade::lab::Lab;
use crate::grade::result::{Grade, ScenarioGrade};
use std::fmt::Write;

/// The table as RFC 4180 has it, its lines ended by CR LF: who, what became of it, points, points of, and
/// the points of each part that counts. A part that was not handed in is empty.
///
/// A name that a spreadsheet would take for a formula has an apostrophe before it.
pub fn csv(grades: &[Grade]) -> String {
    let mut out = "submission,status,points,of".to_string();
    let parts = parts(grades);
    for part in &parts {
        let _ = write!(out, ",{}", part.to_uppercase());
    }
    out += "\r\n";
    for grade in grades {
        let (name, credit) = (field(&grade.submission), points(grade.credit()));
        let _ = write!(out, "{name},{},{credit},{}", field(&grade.status()), grade.points());
        for part in &parts {
            let _ = write!(out, ",{}", of_part(grade, part).map(points).unwrap_or_default());
        }
        out += "\r\n";
    }
    out
}

/// The parts that count.
fn parts(grades: &[Grade]) -> Vec<&'static str> {
    let counts = |part: &&str| grades.iter().all(|grade| grade.parts.has(part));
    PARTS.iter().map(|(part, _)| *part).filter(counts).collect()
}

/// What a part brings, in hundredths, if it was handed in.
fn of_part(grade: &Grade, part: &str) -> Option<u64> {
    scenarios(grade)
        .filter(|scenario| scenario.part == part)
        .map(ScenarioGrade::credit)
        .reduce(|a, b| a + b)
}

/// A text as one field.
fn field(text: &str) -> String {
    let mut text = clean(text);
    if text.trim_start().starts_with(['=', '+', '-', '@']) {
        text.insert(0, '\'');
    }
    if text.contains(['"', ',', '\n']) {
        text = format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

/// The summary: submissions with their points by lab, and what is hard.
pub fn html(grades: &[Grade]) -> String {
    let run = grades.iter().filter(|grade| was_run(grade)).count();
    let mut body = format!(
        "<h1>Grades</h1>\n<p class=\"total\"><b>{}</b> submissions, {run} of them run</p>\n\
         <p><a href=\"./grades.csv\">as a table</a>, with the points of each part</p>\n",
        grades.len()
    );
    submissions(&mut body, grades);
    hard(&mut body, grades);
    frame("Grades", &body)
}

fn submissions(body: &mut String, grades: &[Grade]) {
    *body +=
        "<table>\n<thead><tr><th>submission</th><th class=\"n\">points</th><th class=\"n\">of</th>";
    let parts = parts(grades);
    let counts = |lab: &Lab| parts.iter().any(|part| lab.has(part));
    for lab in Lab::ALL.into_iter().filter(counts) {
        let _ = write!(body, "<th class=\"n\">lab {}</th>", lab.title());
    }
    *body += "<th>status</th></tr></thead>\n<tbody>\n";
    for grade in grades {
        let _ = write!(
            body,
            "<tr><td><a href=\"./{}/index.html\">{}</a></td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td>",
            address(&grade.submission),
            text(&grade.submission),
            points(grade.credit()),
            grade.points(),
        );
        for lab in Lab::ALL.into_iter().filter(counts) {
            let mine = grade.labs.iter().find(|it| it.lab == lab);
            let credit = mine.map(|it| points(it.credit())).unwrap_or_default();
            let _ = write!(body, "<td class=\"n\">{credit}</td>");
        }
        let first = grade.stopped.as_ref().and_then(|stopped| stopped.why.first());
        let why = first.map(|line| format!(": {}", text(line))).unwrap_or_default();
        let _ = writeln!(body, "<td>{}{why}</td></tr>", grade.status());
    }
    *body += "</tbody>\n</table>\n";
}

/// In how many of the submissions that it was run with a scenario passed with every seed.
struct Tally<'a> {
    lab: Lab,
    scenario: &'a str,
    passed: usize,
    of: usize,
}

/// A tally for each scenario, in the order of the labs.
fn tallies(grades: &[Grade]) -> Vec<Tally<'_>> {
    let mut tallies: Vec<Tally> = Vec::new();
    let labs = grades.iter().flat_map(|grade| &grade.labs);
    for (lab, scenario) in
        labs.flat_map(|it| it.scenarios.iter().map(|scenario| (it.lab, scenario)))
    {
        let (name, verdict) = (scenario.name.as_str(), Verdict::of(scenario));
        if verdict == Verdict::NotRun {
            continue;
        }
        let known = tallies.iter().position(|it| it.lab == lab && it.scenario == name);
        let at = known.unwrap_or(tallies.len());
        if known.is_none() {
            tallies.push(Tally { lab, scenario: name, passed: 0, of: 0 });
        }
        tallies[at].of += 1;
        tallies[at].passed += usize::from(verdict == Verdict::Passed);
    }
    tallies.sort_by_key(|it| it.lab);
    tallies
}

fn hard(body: &mut String, grades: &[Grade]) {
    let tallies = tallies(grades);
    if tallies.is_empty() {
        return;
    }
    *body += "<h2>What is hard</h2>\n\
              <p>How many submissions passed a scenario with every seed, of those that it was run with.</p>\n\
              <table>\n<thead><tr><th>lab</th><th>scenario</th><th class=\"n\">passed</th><th></th>\
              </tr></thead>\n<tbody>\n";
    for Tally { lab, scenario, passed, of } in tallies {
        let _ = writeln!(
            body,
            "<tr><td>{}</td><td><code>{}</code></td><td class=\"n\">{passed} of {of}</td>\
             <td class=\"bar\"><div><i style=\"width:{}%\"></i></div></td></tr>",
            lab.title(),
            text(scenario),
            passed * 100 / of,
        );
    }
    *body += "</tbody>\n</table>\n";
}
