//! The hand-outs in `docs/labs` say what the program says: points, scenarios, names.
//!
//! `UPDATE_GOLDENFILES=1 cargo test -p tests --test handouts` writes the tables of points anew.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use tests::catalogue::{Case, Catalogue, about_part};
use tests::points;

const BEGIN: &str = "<!-- points ";
const END: &str = "<!-- end -->";

fn labs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/labs")
}

/// The table of some parts, as it stands in a chapter.
fn table(catalogue: &Catalogue, parts: &[&str]) -> String {
    let mut text = String::new();
    let mut total = 0;
    for part in parts {
        let mine = || catalogue.cases().iter().filter(|it| it.scenario.part == *part);
        let points = |name| points::of(name).expect("it is in the table");
        let sum: u32 = mine().map(|it| points(it.name()).points).sum();
        total += sum;
        let about = about_part(part).expect("a part is about something");
        let _ = write!(
            text,
            "\n**{}**: {about}, {sum} points\n\n\
             | scenario | what it asks | points | a failing seed costs |\n|---|---|---:|---:|\n",
            part.to_uppercase()
        );
        for case in mine() {
            let worth = points(case.name());
            let (name, about) = (case.name(), case.scenario.about);
            let _ = writeln!(text, "| `{name}` | {about} | {} | × {} |", worth.points, worth.cost);
        }
    }
    let _ = write!(text, "\nTogether: {total} points.\n\n");
    text
}

/// The chapter with its tables as they should be.
fn with_tables(chapter: &str, catalogue: &Catalogue) -> String {
    let mut out = String::new();
    let mut rest = chapter;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (parts, after) = after.split_once("-->").expect("the comment has an end");
        let (_, after) = after.split_once(END).expect("the table has an end");
        let parts: Vec<&str> = parts.split_whitespace().collect();
        let _ = write!(
            out,
            "{before}{BEGIN}{} -->\n{}{END}",
            parts.join(" "),
            table(catalogue, &parts)
        );
        rest = after;
    }
    out + rest
}

#[test]
fn the_chapters_have_the_points_of_the_table() {
    let catalogue = Catalogue::reference();
    let (mut seen, mut stale) = (BTreeSet::new(), Vec::new());
    for name in ["lab2.md", "lab3.md", "lab4a.md", "lab4b.md"] {
        let path = labs().join(name);
        let is = fs::read_to_string(&path).unwrap();
        let should_be = with_tables(&is, &catalogue);
        if env::var_os("UPDATE_GOLDENFILES").is_some() {
            fs::write(&path, &should_be).unwrap();
        }
        if is != should_be {
            stale.push(name);
        }
        seen.extend(catalogue.cases().iter().map(Case::name).filter(|it| should_be.contains(it)));
    }
    assert!(stale.is_empty(), "{stale:?}: run this with UPDATE_GOLDENFILES=1, and look at them");
    let all: BTreeSet<_> = catalogue.cases().iter().map(Case::name).collect();
    assert_eq!(seen, all, "every scenario is in a chapter");
}

#[test]
fn every_chapter_is_in_the_book() {
    let summary = fs::read_to_string(labs().join("SUMMARY.md")).unwrap();
    let mut chapters = 0;
    for entry in fs::read_dir(labs()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.extension().is_some_and(|it| it == "md") && name != "SUMMARY.md" {
            assert!(summary.contains(&format!("({name})")), "{name} is not in SUMMARY.md");
            chapters += 1;
        }
    }
    assert_eq!(summary.matches(".md)").count(), chapters);
}
