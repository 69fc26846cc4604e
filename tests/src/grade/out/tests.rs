//! The files of five grades made by hand, compared with those in `tests/golden/grade`.
//!
//! `UPDATE_GOLDENFILES=1 cargo test -p tests --lib grade::out` writes them anew.

use super::text::{number, points};
use super::{batch, write};
use crate::grade::lab::Lab;
use crate::grade::parts::Parts;
use crate::grade::result::{
    Facts, Grade, LabGrade, Reason, RunFailure, ScenarioGrade, SeedName, Stage, Stopped,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What nobody should find outside of the text it stands in.
const HOSTILE: &str =
    "</script></pre><b onclick=\"x()\">&amp; ]]> 'bold'\u{0}\u{1b}[31m \u{fffe}\r\nü → 🦀";
/// What nobody should find at all.
const SECRET: &str = "8675309";

fn scenario(name: &str, about: &str, points: u32, cost: u32) -> ScenarioGrade {
    ScenarioGrade {
        name: name.to_string(),
        part: name[name.len() - 2..].to_string(),
        about: about.to_string(),
        points,
        cost,
        passed: 30,
        not_run: 0,
        failures: Vec::new(),
    }
}

fn visible(seed: u64, reason: Reason, facts: Facts) -> RunFailure {
    RunFailure { seed: SeedName::Visible(seed), reason, facts: Some(facts) }
}

/// A hidden seed, with facts that it should not have.
fn hidden(number: u64, reason: Reason) -> RunFailure {
    let facts = Facts { text: format!("seed {SECRET}"), ..Facts::default() };
    RunFailure { seed: SeedName::Hidden(number), reason, facts: Some(facts) }
}

fn facts(name: &str, seed: u64) -> Facts {
    Facts {
        text: format!("n1 and n2 both lead term {seed} (event 81, at 0.304000 s)"),
        output: String::new(),
        replay: format!("cargo run --release -- replay {name} --seed {seed}"),
        picture: None,
    }
}

/// Everything that a grade can hold.
fn everything() -> Grade {
    let property = || Reason::Property("election safety".to_string());
    let mut few =
        scenario("re_election_2a", "a new leader comes when the old one is cut off", 5, 5);
    few.passed = 27;
    let picture = Some("pictures/re_election_2a 3?.html".to_string());
    let output = format!("{HOSTILE}\nsecond line");
    let text = format!("{HOSTILE} in the facts");
    few.failures = vec![
        visible(3, property(), Facts { text, output, picture, ..facts(&few.name, 3) }),
        visible(7, Reason::Panic, Facts::default()),
        hidden(2, Reason::NotDeterministic),
    ];
    let mut many = scenario("basic_agree_2b", "three commands are committed in order", 3, 5);
    (many.passed, many.not_run) = (4, 14);
    many.failures =
        (0..10).map(|seed| visible(seed, property(), facts(&many.name, seed))).collect();
    many.failures.insert(0, hidden(1, Reason::Time));
    many.failures.push(hidden(4, Reason::Memory));
    let mut quiet = scenario("snapshot_4x", "<i>a part</i> that nobody knows", 1, 2);
    quiet.passed = 29;
    quiet.failures = vec![hidden(20, Reason::StoodStill)];
    Grade {
        submission: "alice & \"bob\"/<b>".to_string(),
        visible: 10,
        hidden: 20,
        parts: Parts::all(),
        stopped: None,
        remarks: vec!["lab2/src/lib.rs:9: `HashMap<u64, _>`: its order differs".to_string()],
        labs: vec![
            LabGrade {
                lab: Lab::Lab2,
                scenarios: vec![
                    scenario("initial_election_2a", "one leader, and no other", 5, 5),
                    few,
                    many,
                ],
            },
            LabGrade { lab: Lab::Lab4B, scenarios: vec![quiet] },
        ],
    }
}

fn not_run(mut scenario: ScenarioGrade) -> ScenarioGrade {
    (scenario.passed, scenario.not_run) = (0, 30);
    scenario
}

/// One that does not compile.
fn stopped() -> Grade {
    let why = vec!["error[E0308]: expected `Vec<u8>`".to_string(), format!(" --> {HOSTILE}")];
    Grade {
        submission: "=carol".to_string(),
        visible: 1,
        hidden: 29,
        parts: Parts::all(),
        stopped: Some(Stopped { at: Stage::Compilation, why }),
        remarks: Vec::new(),
        labs: vec![LabGrade {
            lab: Lab::Lab2,
            scenarios: vec![not_run(scenario("re_election_2a", "a new leader comes", 5, 5))],
        }],
    }
}

/// One with a lab that compiles and another that does not.
fn partly() -> Grade {
    let scenarios = vec![not_run(scenario("basic_3a", "clients come to agree", 2, 5))];
    let mut grade = everything();
    grade.submission = "erin".to_string();
    grade.stopped = stopped().stopped;
    grade.labs.truncate(1);
    grade.labs.push(LabGrade { lab: Lab::Lab3, scenarios });
    grade
}

/// One that has only been begun: some seeds of a scenario come to what is not there, and all of others.
fn begun() -> Grade {
    let begun = |name: &str, about, passed| {
        let mut scenario = scenario(name, about, 2, 5);
        (scenario.passed, scenario.not_run) = (passed, 18);
        let text = "not written yet: lab 2C: a restart (event 7, at 0.100000 s)".to_string();
        let failure = |seed| {
            let facts = Facts { text: text.clone(), ..facts(name, seed) };
            visible(seed, Reason::NotWritten, facts)
        };
        scenario.failures = (passed..10).map(failure).collect();
        scenario.failures.push(hidden(1, Reason::NotWritten));
        scenario.failures.push(hidden(2, Reason::NotWritten));
        scenario
    };
    let scenarios = vec![
        scenario("initial_election_2a", "one leader, and no other", 5, 5),
        begun("rejoin_2b", "a leader comes back", 9),
        begun("backup_2b", "a leader backs up <quickly>", 0),
        begun("persist1_2c", "servers restart", 0),
        begun("persist2_2c", "more servers restart", 0),
    ];
    let labs = vec![LabGrade { lab: Lab::Lab2, scenarios }];
    Grade { submission: "frank".to_string(), labs, remarks: Vec::new(), ..everything() }
}

/// One in which nothing was found.
fn nothing() -> Grade {
    let why = vec!["no crate called lab2, lab3, lab4a or lab4b".to_string()];
    Grade {
        submission: "dave".to_string(),
        visible: 10,
        hidden: 0,
        parts: Parts::all(),
        stopped: Some(Stopped { at: Stage::Reading, why }),
        remarks: Vec::new(),
        labs: Vec::new(),
    }
}

fn all() -> [(&'static str, Grade); 5] {
    [
        ("everything", everything()),
        ("stopped", stopped()),
        ("partly", partly()),
        ("nothing", nothing()),
        ("begun", begun()),
    ]
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let text = |path: PathBuf| fs::read_to_string(path).unwrap();
    entries.map(|it| (it.file_name().into_string().unwrap(), text(it.path()))).collect()
}

fn written(grade: &Grade) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), grade).unwrap();
    files(folder.path())
}

fn written_batch(grades: &[Grade]) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    batch(folder.path(), grades).unwrap();
    files(folder.path())
}

fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/grade").join(name);
    // What pages have in common is not theirs to test.
    let text = match (text.split_once("<style>"), text.split_once("</style>")) {
        (Some((before, _)), Some((_, after))) => format!("{before}{after}"),
        _ => text.to_string(),
    };
    if std::env::var_os("UPDATE_GOLDENFILES").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name} differs: run this with UPDATE_GOLDENFILES=1, and look at it");
}

#[test]
fn files_are_as_they_were() {
    for (name, grade) in all() {
        let files = written(&grade);
        let names: Vec<&String> = files.keys().collect();
        let five = ["classroom.json", "grade.json", "index.html", "junit.xml", "results.json"];
        assert_eq!(names, five);
        for (file, text) in files {
            compare(&format!("{name}.{file}"), &text);
        }
    }
    let files = written_batch(&all().map(|it| it.1));
    compare("summary.html", &files["summary.html"]);
}

#[test]
fn nothing_is_told_of_hidden_seeds_but_number_and_reason() {
    let grade = everything();
    let batch = written_batch(std::slice::from_ref(&grade));
    for (file, text) in written(&grade).iter().chain(&batch) {
        assert!(!text.contains(SECRET), "{file}");
    }
    assert!(written(&grade)["index.html"].contains("<b>hidden seed no. 2</b>: not deterministic"));
}

#[test]
fn what_is_not_written_is_said_once() {
    let files = written(&begun());
    let page = &files["index.html"];
    assert!(page.contains("<h2>Failed: 1</h2>"), "{page}");
    assert!(page.contains("<h2>Not written yet: 3 scenarios (2B 1, 2C 2)</h2>"), "{page}");
    assert!(page.contains("backup_2b") && !page.contains("persist1_2c"), "{page}");
    let results: Value = serde_json::from_str(&files["results.json"]).unwrap();
    let whole = results["output"].as_str().unwrap();
    let once = "not written yet: 3 scenarios (2B 1, 2C 2)\nbackup_2b: not written yet: lab 2C";
    assert!(whole.contains(once), "{whole}");
    let one = results["tests"][3]["output"].as_str().unwrap();
    let short = "servers restart\n0 of 30 seeds passed, 18 were not run\n\nnot written yet\n";
    assert_eq!(one, short);
    let (junit, classroom) = (&files["junit.xml"], &files["classroom.json"]);
    assert!(junit.contains("persist2_2c") && classroom.contains("persist2_2c"));
}

#[test]
fn markup_is_well_formed_whatever_a_submission_says() {
    let grades = all().map(|it| it.1);
    for grade in &grades {
        let files = written(grade);
        well_formed(&files["junit.xml"]).unwrap();
        well_formed(files["index.html"].strip_prefix("<!doctype html>").unwrap()).unwrap();
    }
    let summary = &written_batch(&grades)["summary.html"];
    well_formed(summary.strip_prefix("<!doctype html>").unwrap()).unwrap();
}

#[test]
fn pages_load_nothing_and_run_nothing() {
    let mut pages: Vec<String> =
        all().iter().map(|(_, grade)| written(grade)["index.html"].clone()).collect();
    pages.push(written_batch(&all().map(|it| it.1))["summary.html"].clone());
    for page in pages {
        for word in ["<script", "http:", "https:", " src=", "url(", "@import", "<b onclick"] {
            assert!(!page.contains(word), "{word}");
        }
    }
}

#[test]
fn a_grade_can_be_read_again() {
    for (_, grade) in all() {
        let read: Grade = serde_json::from_str(&written(&grade)["grade.json"]).unwrap();
        assert_eq!(read, super::without_hidden_facts(&grade));
    }
}

#[test]
fn scores_are_those_of_the_grade() {
    for (name, grade) in all() {
        let files = written(&grade);
        let gradescope: Value = serde_json::from_str(&files["results.json"]).unwrap();
        let classroom: Value = serde_json::from_str(&files["classroom.json"]).unwrap();
        assert_eq!(gradescope["score"], number(grade.credit()), "{name}");
        assert_eq!(classroom["max_score"], grade.points(), "{name}");
        for results in [gradescope, classroom] {
            let tests = results["tests"].as_array().unwrap();
            let sum: f64 = tests.iter().map(|it| it["score"].as_f64().unwrap()).sum();
            assert!((sum - number(grade.credit())).abs() < 1e-6, "{name}: {sum}");
        }
    }
}

#[test]
fn a_score_has_two_digits_at_most() {
    assert_eq!([points(0), points(7), points(10_050)], ["0.00", "0.07", "100.50"]);
    for hundredths in 0..=30_000 {
        let text = serde_json::to_string(&number(hundredths)).unwrap();
        let (whole, digits) = text.split_once('.').unwrap();
        let padded = format!("{whole}.{digits:0<2}");
        assert_eq!(padded, points(hundredths));
    }
}

#[test]
fn the_statuses_of_classroom() {
    let status = |grade: &Grade| -> Value {
        serde_json::from_str::<Value>(&written(grade)["classroom.json"]).unwrap()["status"].clone()
    };
    let mut good = everything();
    assert_eq!(status(&good), "fail");
    good.labs[0].scenarios.truncate(1);
    good.labs.truncate(1);
    assert_eq!(status(&good), "pass");
    good.labs.clear();
    assert_eq!(status(&good), "fail");
    assert_eq!(status(&stopped()), "error");
}

/// The variable it goes into takes 128 KiB, name and all.
#[test]
fn the_largest_classroom_file_fits_its_variable() {
    let mut worst = everything();
    let quotes = "\"".repeat(1_000);
    let mut scenario = scenario(&format!("{}_2a", "n".repeat(60)), &quotes, 100, 5);
    let facts = Facts { replay: quotes[..160].to_string(), ..Facts::default() };
    scenario.passed = 0;
    scenario.failures = vec![visible(u64::MAX, Reason::Property(quotes.clone()), facts)];
    worst.labs[0].scenarios = vec![scenario; 117];
    worst.stopped = Some(Stopped { at: Stage::Compilation, why: vec![quotes; 100] });
    let base64 = written(&worst)["classroom.json"].len().div_ceil(3) * 4;
    assert!(base64 < 128 * 1_024 - 100, "{base64}");
}

#[test]
fn a_table_with_odd_names() {
    let names =
        ["a, b", "=1+1", "+x", "-y", "@z", " =1", "\t=1", "\"q\"", "two\nlines", "\u{0}=2", "ü"];
    let named = |name: &str| Grade { submission: name.to_string(), ..nothing() };
    let table = written_batch(&names.map(named))["grades.csv"].clone();
    let rest = ",cannot be read,0.00,0,,,,,,,,,,,\r\n";
    let fields = [
        "\"a, b\"",
        "'=1+1",
        "'+x",
        "'-y",
        "'@z",
        "' =1",
        "'\t=1",
        "\"\"\"q\"\"\"",
        "\"two\nlines\"",
        "'=2",
        "ü",
    ];
    let header = "submission,status,points,of,2A,2B,2C,2D,2X,3A,3B,3X,4A,4B,4X\r\n";
    let expected = fields.iter().fold(header.to_string(), |all, name| all + name + rest);
    assert_eq!(table, expected);
}

#[test]
fn a_table_with_points() {
    let table = written_batch(&[everything(), stopped()])["grades.csv"].clone();
    let rows: Vec<&str> = table.split_terminator("\r\n").skip(1).collect();
    assert_eq!(
        rows,
        [
            "\"alice & \"\"bob\"\"/<b>\",graded,8.43,14,7.50,0.00,,,,,,,,,0.93",
            "'=carol,does not compile,0.00,5,0.00,,,,,,,,,,",
        ]
    );
}

/// What does not count is nowhere: neither a column nor a lab nor points.
#[test]
fn only_parts_that_count_have_columns() {
    let mut grade = everything();
    grade.parts = Parts::named(&["2a", "2b"]).unwrap();
    grade.labs.truncate(1);
    let files = written_batch(std::slice::from_ref(&grade));
    let table = "submission,status,points,of,2A,2B\r\n\
                 \"alice & \"\"bob\"\"/<b>\",graded,7.50,13,7.50,0.00\r\n";
    assert_eq!(files["grades.csv"], table);
    let summary = &files["summary.html"];
    assert!(summary.contains(">lab 2<") && !summary.contains(">lab 3<"), "{summary}");
    for file in ["index.html", "results.json"] {
        assert!(written(&grade)[file].contains("Only these parts count: 2A, 2B. "), "{file}");
    }
}

/// What cannot be written is an error that names it.
#[test]
fn an_error_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("junit.xml")).unwrap();
    let error = write(folder.path(), &nothing()).unwrap_err();
    assert!(error.to_string().contains("junit.xml"), "{error}");
}

/// Whether a text is one element of XML 1.0 after an optional declaration: tags that match, attributes
/// in quotes, no character and no entity that XML has not. What the files do without is not known here:
/// comments, sections and processing instructions.
fn well_formed(text: &str) -> Result<(), String> {
    let held = |c: char| c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}') || "\t\n\r".contains(c);
    if let Some(c) = text.chars().find(|c| !held(*c)) {
        return Err(format!("the character {c:?}"));
    }
    let body = match text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>") {
        Some(body) => body,
        None => text,
    };
    let (mut open, mut roots) = (Vec::new(), 0);
    let mut rest = body.trim();
    while !rest.is_empty() {
        let (data, after) = rest.split_once('<').ok_or("text after the root")?;
        references(data)?;
        if open.is_empty() && !data.trim().is_empty() {
            return Err(format!("text outside of the root: {data}"));
        }
        let (tag, after) = after.split_once('>').ok_or("a tag without an end")?;
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("{name} ends, and is not open"));
            }
            continue;
        }
        let (inner, is_empty) = match tag.strip_suffix('/') {
            Some(inner) => (inner, true),
            None => (tag, false),
        };
        let name = inner.split_whitespace().next().ok_or("a tag without a name")?;
        attributes(&inner[name.len()..])?;
        roots += usize::from(open.is_empty());
        if !is_empty {
            open.push(name);
        }
    }
    if open.is_empty() && roots == 1 {
        Ok(())
    } else {
        Err(format!("{roots} roots, {open:?} open"))
    }
}

fn attributes(text: &str) -> Result<(), String> {
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").ok_or_else(|| format!("no value: {rest}"))?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(format!("the attribute {name}"));
        }
        let (value, after) = after.split_once('"').ok_or("a value without an end")?;
        references(value)?;
        rest = after.trim_start();
    }
    Ok(())
}

fn references(text: &str) -> Result<(), String> {
    for after in text.split('&').skip(1) {
        let known = ["amp;", "lt;", "gt;", "quot;", "#39;"];
        if !known.iter().any(|entity| after.starts_with(entity)) {
            return Err(format!("the reference &{after}"));
        }
    }
    Ok(())
}

/// The check above finds something.
#[test]
fn what_is_not_well_formed_is_found() {
    well_formed("<a b=\"1\"><c/>&lt;</a>").unwrap();
    for text in [
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "x<a/>",
        "<a>&x;</a>",
        "<a b=1/>",
        "<a>\u{1b}</a>",
        "<a b=\"<\">",
    ] {
        assert!(well_formed(text).is_err(), "{text}");
    }
}
