//! Whether what a mutant's header names is there.

use super::format::{Catcher, Malformed, Mutant};
use super::patch;
use super::sources::Sources;
use crate::catalogue::nearest;

/// Checks that the patch fits, and that scenarios, properties and tests are called so: a name that
/// is wrong would never be right about anything.
///
/// A property is known if the sources of the suites have it as a string, a test if those of its target
/// declare it.
pub fn check(mutant: &Mutant, sources: &Sources, scenarios: &[&str]) -> Result<(), Malformed> {
    patch::apply(mutant, sources)?;
    let wrong = |key: &str, what: String| {
        let line = mutant.text.lines().position(|line| line.starts_with(key));
        Malformed { path: mutant.path.clone(), line: line.unwrap_or_default() + 1, what }
    };
    for property in &mutant.expects {
        let literal = format!("\"{property}\"");
        if !suites(sources).any(|text| text.contains(&literal)) {
            let what = format!("nothing in the suites says that `{property}` fails");
            return Err(wrong("expects:", what));
        }
    }
    for catcher in &mutant.caught_by {
        known(catcher, sources, scenarios).map_err(|what| wrong("caught by:", what))?;
    }
    Ok(())
}

/// The sources that can say that a property has failed; this module only speaks of them.
fn suites(sources: &Sources) -> impl Iterator<Item = &str> {
    let others = ["tests/src/mutants", "tests/src/explore"];
    let is_other = move |file: &str| others.iter().any(|other| file.starts_with(other));
    sources.rust_in("tests/src").filter(move |(file, _)| !is_other(file)).map(|(_, text)| text)
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
            let (path, folder) = match target.as_str() {
                "lib" => (format!("{package}/src/lib.rs"), format!("{package}/src")),
                _ => (format!("{package}/tests/{target}.rs"), format!("{package}/tests/{target}")),
            };
            let main = format!("{folder}/main.rs");
            if sources.text(&path).is_none() && sources.text(&main).is_none() {
                return Err(format!("there is no {path}, where `{name}` should be"));
            }
            let of_folder = sources.rust_in(&folder).map(|(_, text)| text);
            let mut texts = sources.text(&path).into_iter().chain(of_folder);
            let last = name.rsplit("::").next().unwrap_or(name);
            if texts.any(|text| has_test(text, last)) {
                Ok(())
            } else {
                Err(format!("no test in {path} is called `{last}`"))
            }
        }
    }
}

/// Whether a text has a test of this name: a function under `#[test]`, or a line of a list of which a
/// macro makes tests, which has nothing else on it.
fn has_test(text: &str, name: &str) -> bool {
    let function = format!("fn {name}(");
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line == name || (is_test && line.contains(&function)) {
            return true;
        }
        is_test = line == "#[test]" || (is_test && line.starts_with("#["));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn what_a_header_names_has_to_be_there() {
        let sources = Sources::of([
            ("raft/src/lib.rs", "x\n"),
            (
                "raft/tests/scripts.rs",
                "scripts! {\n    a_script\n}\n// a_tset a_comment\nfn helper() {}\n",
            ),
            ("raft/tests/rules/main.rs", "mod votes;\n"),
            ("raft/tests/rules/votes.rs", "#[test]\n#[ignore]\nfn of_a_folder() {}\n"),
            ("tests/src/mutants/format.rs", "\"of the corpus\""),
            ("tests/src/suites.rs", "fail!(\"agreement\", \"\")"),
            ("tests/src/panics.rs", "const PANIC: &str = \"panic\";"),
        ]);
        let checked = |header: &str| {
            let text = format!(
                "title: t\nbreaks: b\nsource: s\n{header}\n--- raft/src/lib.rs\n@@\n-x\n+y\n"
            );
            let mutant = Mutant::parse(Path::new("raft/m.mutant"), &text).unwrap();
            check(&mutant, &sources, &["basic_agree_2b"]).map_err(|wrong| wrong.to_string())
        };
        let good = "expects: agreement, panic\ncaught by: basic_agree_2b, test: raft scripts m::a_script, \
             test: raft rules votes::of_a_folder";
        checked(good).unwrap();
        for (old, new, what) in [
            ("agreement", "agrement", "4: nothing in the suites says that `agrement` fails"),
            (
                "basic_agree_2b",
                "basic_agre_2b",
                "5: there is no scenario `basic_agre_2b`; the nearest",
            ),
            (
                "agreement",
                "of the corpus",
                "4: nothing in the suites says that `of the corpus` fails",
            ),
            ("m::a_script", "a_tset", "5: no test in raft/tests/scripts.rs is called `a_tset`"),
            ("m::a_script", "a_comment", "5: no test in raft/tests/scripts.rs is called"),
            ("m::a_script", "helper", "5: no test in raft/tests/scripts.rs is called `helper`"),
            ("m::a_script", "of_a_folder", "5: no test in raft/tests/scripts.rs is called"),
            ("scripts", "script", "5: there is no raft/tests/script.rs"),
        ] {
            let error = checked(&good.replace(old, new)).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }
}
