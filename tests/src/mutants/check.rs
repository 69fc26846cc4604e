//! Whether what a mutant's header names is there.

use super::format::{Catcher, Malformed, Mutant, PANIC};
use super::patch;
use super::sources::Sources;
use crate::catalogue::nearest;

/// Checks that the patch fits, and that scenarios, properties and tests are called so: a name that
/// is wrong would never be right about anything.
///
/// A property is known if the sources of the suites have it as a string.
pub fn check(mutant: &Mutant, sources: &Sources, scenarios: &[&str]) -> Result<(), Malformed> {
    patch::apply(mutant, sources)?;
    let wrong = |key: &str, what: String| {
        let line = mutant.text.lines().position(|line| line.starts_with(key));
        Malformed { path: mutant.path.clone(), line: line.unwrap_or_default() + 1, what }
    };
    for property in &mutant.expects {
        let literal = format!("\"{property}\"");
        if property != PANIC && !sources.rust_of("tests/src").any(|text| text.contains(&literal)) {
            let what = format!("nothing in the suites says that `{property}` fails");
            return Err(wrong("expects:", what));
        }
    }
    for catcher in &mutant.caught_by {
        known(catcher, sources, scenarios).map_err(|what| wrong("caught by:", what))?;
    }
    Ok(())
}

fn known(catcher: &Catcher, sources: &Sources, scenarios: &[&str]) -> Result<(), String> {
    match catcher {
        Catcher::Scenario(name, _) if scenarios.contains(&name.as_str()) => Ok(()),
        Catcher::Scenario(name, _) => {
            let nearest = nearest(name, scenarios.iter().copied()).join(", ");
            let hint =
                if nearest.is_empty() { nearest } else { format!("; the nearest: {nearest}") };
            Err(format!("there is no scenario `{name}`{hint}"))
        }
        Catcher::Swarm(_) => Err(format!("`{catcher}` is asked by itself")),
        Catcher::Test { package, target, name } => {
            let path = match target.as_str() {
                "lib" => format!("{package}/src/lib.rs"),
                _ => format!("{package}/tests/{target}.rs"),
            };
            let folder = format!("{package}/tests/{target}/main.rs");
            if sources.text(&path).is_none() && sources.text(&folder).is_none() {
                return Err(format!("there is no {path}, where `{name}` should be"));
            }
            let last = name.rsplit("::").next().unwrap_or(name);
            let is_word = |text: &str| {
                text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == last)
            };
            if sources.rust_of(package).any(is_word) {
                Ok(())
            } else {
                Err(format!("nothing in {package} is called `{last}`"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn what_a_header_names_has_to_be_there() {
        let sources = Sources::of([
            ("raft/src/lib.rs", "x\n"),
            ("raft/tests/scripts.rs", "scripts! { a_test }"),
            ("tests/src/suites.rs", "fail!(\"agreement\", \"\")"),
        ]);
        let checked = |header: &str| {
            let text = format!(
                "title: t\nbreaks: b\nsource: s\n{header}\n--- raft/src/lib.rs\n@@\n-x\n+y\n"
            );
            let mutant = Mutant::parse(Path::new("raft/m.mutant"), &text).unwrap();
            check(&mutant, &sources, &["basic_agree_2b"]).map_err(|wrong| wrong.to_string())
        };
        let good =
            "expects: agreement, panic\ncaught by: basic_agree_2b, test: raft scripts m::a_test";
        checked(good).unwrap();
        for (old, new, what) in [
            ("agreement", "agrement", "4: nothing in the suites says that `agrement` fails"),
            (
                "basic_agree_2b",
                "basic_agre_2b",
                "5: there is no scenario `basic_agre_2b`; the nearest",
            ),
            ("m::a_test", "a_tset", "5: nothing in raft is called `a_tset`"),
            ("scripts", "script", "5: there is no raft/tests/script.rs"),
        ] {
            let error = checked(&good.replace(old, new)).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }
}
