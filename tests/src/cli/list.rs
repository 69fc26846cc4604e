//! `lab list`: what there is.

use super::text::{WIDTH, count, wrap};
use super::{Console, ListArguments, Stop, WELL, choose};
use crate::catalogue::{Case, Catalogue, about_part};
use crate::points;
use serde::Serialize;
use std::fmt::Write;

#[derive(Serialize)]
struct Object<'a> {
    scenario: &'a str,
    part: &'a str,
    about: &'a str,
    go: &'a [&'a str],
    /// What it is worth, and how many shares of that a failing seed takes.
    points: Option<u32>,
    cost: Option<u32>,
    config: serde_json::Value,
}

pub fn list(
    catalogue: &Catalogue,
    arguments: &ListArguments,
    console: &mut Console<'_>,
) -> Result<u8, Stop> {
    let cases = choose(catalogue, &arguments.patterns, console)?.cases;
    if arguments.json {
        let objects: Vec<String> = cases.iter().map(|case| object(case)).collect();
        writeln!(console.out, "[\n{}\n]", objects.join(",\n"))?;
        return Ok(WELL);
    }
    let mut parts: Vec<&str> = cases.iter().map(|case| case.scenario.part).collect();
    parts.dedup();
    for part in &parts {
        let about = about_part(part).map(|about| format!(": {about}")).unwrap_or_default();
        let mine = cases.iter().filter(|case| case.scenario.part == *part);
        let worth: u32 = mine.clone().filter_map(|case| points_of(case)).sum();
        let scenarios = count(mine.clone().count(), "scenario");
        writeln!(console.out, "{part}{about} ({scenarios}, {})\n", count(worth as usize, "point"))?;
        for case in mine {
            write!(console.out, "{}", entry(case))?;
        }
        writeln!(console.out)?;
    }
    let names: usize = cases.iter().map(|case| case.scenario.go.len()).sum();
    let (scenarios, parts) = (count(cases.len(), "scenario"), count(parts.len(), "part"));
    writeln!(console.out, "{scenarios} in {parts}, and {} for them", count(names, "Go name"))?;
    Ok(WELL)
}

fn object(case: &Case) -> String {
    let scenario = &case.scenario;
    let worth = points::of(scenario.name);
    let object = Object {
        scenario: scenario.name,
        part: scenario.part,
        about: scenario.about,
        go: scenario.go,
        points: worth.map(|it| it.points),
        cost: worth.map(|it| it.cost),
        config: case.config(),
    };
    serde_json::to_string(&object).unwrap_or_default()
}

fn entry(case: &Case) -> String {
    let scenario = &case.scenario;
    let worth = points_of(case).map(|it| format!(" ({})", count(it as usize, "point")));
    let mut text = format!("  {}{}\n", scenario.name, worth.unwrap_or_default());
    let _ = writeln!(text, "      {}", wrap(scenario.about, WIDTH - 6, 6));
    if !scenario.go.is_empty() {
        let names = format!("Go: {}", scenario.go.join(", "));
        let _ = writeln!(text, "      {}", wrap(&names, WIDTH - 6, 10));
    }
    text
}

fn points_of(case: &Case) -> Option<u32> {
    points::of(case.name()).map(|it| it.points)
}
