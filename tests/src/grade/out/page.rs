//! `index.html`: the page for who handed the submission in.
//!
//! It is one file without a script, loads nothing, and is told so by a policy of its own: should any text
//! of a submission ever get through as markup, a browser runs nothing of it. What colours say is said in
//! words, too. The look is the viewer's, light or dark as the system is, and light on paper.

use super::text::{
    Verdict, by_part, clean, more, of_points, points, rules, scenarios, seeds, told, unwritten,
    was_run,
};
use crate::catalogue::about_part;
use crate::grade::result::{Facts, Grade, LabGrade, RunFailure, ScenarioGrade, Stopped};
use crate::linear::escape;
use crate::viewer::LOOK;
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");

/// The page.
pub fn html(grade: &Grade) -> String {
    let mut body = format!(
        "<h1>{}</h1>\n<p class=\"total\"><b>{}</b> of {}</p>\n",
        text(&grade.submission),
        points(grade.credit()),
        of_points(grade.points()),
    );
    if let Some(stopped) = &grade.stopped {
        why(&mut body, stopped, was_run(grade));
    }
    overview(&mut body, &grade.labs);
    remarks(&mut body, &grade.remarks);
    failed(&mut body, grade);
    not_written(&mut body, grade);
    not_run(&mut body, grade);
    passed(&mut body, grade);
    let _ = writeln!(body, "<h2>How points come about</h2>\n<p>{}</p>", rules(grade));
    frame(&grade.submission, &body)
}

/// A whole page around a body.
pub fn frame(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width\"/>\n\
         <title>{}</title>\n<style>\n{LOOK}{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        text(title),
    )
}

/// Text that stays text.
pub fn text(text: &str) -> String {
    escape(&clean(text))
}

/// A path as a relative address: no character of it means anything else there.
pub fn address(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_./".contains(&byte) {
            out.push(byte.into());
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn why(body: &mut String, stopped: &Stopped, was_run: bool) {
    let what = if was_run { "Not all" } else { "Nothing" };
    let _ = writeln!(
        body,
        "<div class=\"stopped\">\n<h2>{what} was run: {}</h2>\n<pre>{}</pre>\n</div>",
        stopped.at,
        text(&stopped.why.join("\n")),
    );
}

/// Points by lab and part.
fn overview(body: &mut String, labs: &[LabGrade]) {
    if labs.is_empty() {
        return;
    }
    *body += "<table>\n<thead><tr><th>part</th><th>about</th><th class=\"n\">points</th>\
              <th class=\"n\">of</th><th class=\"n\">scenarios passed</th></tr></thead>\n<tbody>\n";
    for lab in labs {
        let all: Vec<&ScenarioGrade> = lab.scenarios.iter().collect();
        row(body, " class=\"lab\"", &format!("Lab {}", lab.lab.title()), "", &all);
        for some in all.chunk_by(|a, b| a.part == b.part) {
            let part = &some[0].part;
            row(body, "", &part.to_uppercase(), about_part(part).unwrap_or_default(), some);
        }
    }
    *body += "</tbody>\n</table>\n";
}

fn row(body: &mut String, class: &str, name: &str, about: &str, scenarios: &[&ScenarioGrade]) {
    let credit = scenarios.iter().map(|scenario| scenario.credit()).sum();
    let worth: u32 = scenarios.iter().map(|scenario| scenario.points).sum();
    let passed = scenarios.iter().filter(|it| Verdict::of(it) == Verdict::Passed).count();
    let _ = writeln!(
        body,
        "<tr{class}><td>{}</td><td>{about}</td><td class=\"n\">{}</td><td class=\"n\">{worth}</td>\
         <td class=\"n\">{passed} of {}</td></tr>",
        text(name),
        points(credit),
        scenarios.len(),
    );
}

fn remarks(body: &mut String, remarks: &[String]) {
    if remarks.is_empty() {
        return;
    }
    *body += "<h2>To know</h2>\n<ul>\n";
    for remark in remarks {
        let _ = writeln!(body, "<li>{}</li>", text(remark));
    }
    *body += "</ul>\n";
}

fn with(grade: &Grade, verdict: Verdict) -> Vec<&ScenarioGrade> {
    scenarios(grade).filter(|scenario| Verdict::of(scenario) == verdict).collect()
}

fn failed(body: &mut String, grade: &Grade) {
    let mut failed = with(grade, Verdict::Failed);
    failed.retain(|scenario| !scenario.is_unwritten());
    if !failed.is_empty() {
        let _ = writeln!(body, "<h2>Failed: {}</h2>", failed.len());
    }
    for scenario in failed {
        article(body, scenario);
    }
}

/// Where nothing has been written there is the same to say again and again: it is said of the first.
fn not_written(body: &mut String, grade: &Grade) {
    let unwritten = unwritten(grade);
    let Some(first) = unwritten.first() else { return };
    let _ = writeln!(
        body,
        "<h2>Not written yet: {}</h2>\n<article>\n<p>The first is <code>{}</code>: {}.</p>\n<ul>",
        by_part(&unwritten),
        text(&first.name),
        text(&first.about),
    );
    told(first).take(1).for_each(|failure| one_seed(body, failure));
    *body += "</ul>\n</article>\n";
}

fn not_run(body: &mut String, grade: &Grade) {
    let not_run = with(grade, Verdict::NotRun);
    if !not_run.is_empty() && was_run(grade) {
        let names: Vec<String> = not_run.iter().map(|scenario| text(&scenario.name)).collect();
        let _ = writeln!(body, "<h2>Not run: {}</h2>\n<p>{}</p>", names.len(), names.join(", "));
    }
}

fn article(body: &mut String, scenario: &ScenarioGrade) {
    let _ = writeln!(
        body,
        "<article>\n<h3><code>{}</code> <span>{} of {}</span></h3>\n\
         <p>{}</p>\n<p class=\"note\">{}; a failing seed costs × {}</p>\n<ul>",
        text(&scenario.name),
        points(scenario.credit()),
        of_points(scenario.points),
        text(&scenario.about),
        seeds(scenario),
        scenario.cost,
    );
    for failure in told(scenario) {
        one_seed(body, failure);
    }
    if let Some(more) = more(scenario) {
        let _ = writeln!(body, "<li>{more}</li>");
    }
    *body += "</ul>\n</article>\n";
}

fn one_seed(body: &mut String, failure: &RunFailure) {
    let reason = text(&failure.reason.to_string());
    let _ = write!(body, "<li><b>{}</b>: {reason}", failure.seed);
    if let Some(facts) = &failure.facts {
        one_seed_facts(body, facts);
    }
    *body += "</li>\n";
}

fn one_seed_facts(body: &mut String, facts: &Facts) {
    let Facts { text: found, output, replay, picture } = facts;
    if !found.is_empty() {
        let _ = write!(body, "\n<p class=\"found\">{}</p>", text(found));
    }
    if !replay.is_empty() {
        let _ = write!(
            body,
            "\n<p>again: <code class=\"copy\" title=\"a click selects it\">{}</code></p>",
            text(replay)
        );
    }
    if let Some(picture) = picture {
        let _ =
            write!(body, "\n<p><a href=\"./{}\">the picture of this run</a></p>", address(picture));
    }
    if !output.is_empty() {
        let _ = write!(body, "\n<p>it printed:</p>\n<pre>{}</pre>", text(output));
    }
}

fn passed(body: &mut String, grade: &Grade) {
    let passed = with(grade, Verdict::Passed);
    if passed.is_empty() {
        return;
    }
    let _ = writeln!(
        body,
        "<h2>Passed: {}</h2>\n<table>\n<thead><tr><th>scenario</th><th>what it asks</th>\
         <th class=\"n\">points</th></tr></thead>\n<tbody>",
        passed.len()
    );
    for scenario in passed {
        let _ = writeln!(
            body,
            "<tr><td><code>{}</code></td><td>{}</td><td class=\"n\">{}</td></tr>",
            text(&scenario.name),
            text(&scenario.about),
            scenario.points,
        );
    }
    *body += "</tbody>\n</table>\n";
}
