//! The corpus of planted bugs, and the `lab mutants` command as far as nothing is built.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tests::Failure;
use tests::catalogue::{Case, Catalogue};
use tests::cli::{BAD_USE, Console, FAILED, WELL, main_with};
use tests::mutants::format::SAFETY;
use tests::mutants::{Corpus, Mutant, Sources, check, namesakes};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

fn folder() -> PathBuf {
    root().join("tests").join("mutants")
}

#[test]
fn every_mutant_still_applies_and_names_what_is_there() {
    let sources = Sources::read(root(), &root().join("target")).unwrap();
    let corpus = Corpus::find(&folder()).unwrap();
    assert!(!corpus.files().is_empty(), "there are mutants in {}", folder().display());
    let catalogue = Catalogue::reference();
    let scenarios: Vec<&str> = catalogue.cases().iter().map(Case::name).collect();
    let wrong: Vec<String> = corpus
        .files()
        .iter()
        .map(|found| found.read().and_then(|mutant| check(&mutant, &sources, &scenarios)))
        .filter_map(|checked| checked.err().map(|wrong| wrong.to_string()))
        .collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_mutant_has_a_name_of_its_own_and_is_in_the_folder_of_a_crate() {
    let corpus = Corpus::find(&folder()).unwrap();
    assert_eq!(namesakes(&corpus.files().iter().collect::<Vec<_>>()), None);
    for found in corpus.files() {
        let krate = root().join(&found.folder).join("Cargo.toml");
        assert!(krate.is_file(), "{}: there is no such crate", found.path.display());
    }
}

#[test]
fn nothing_else_is_in_the_folder() {
    for krate in fs::read_dir(folder()).unwrap() {
        let krate = krate.unwrap().path();
        if krate.is_dir() {
            for file in fs::read_dir(&krate).unwrap() {
                let file = file.unwrap().path();
                let is_mutant = file.extension().is_some_and(|it| it == "mutant");
                assert!(is_mutant, "{} is no mutant", file.display());
            }
        } else {
            assert_eq!(krate.file_name().unwrap(), "README.md");
        }
    }
}

/// Status, standard output, standard error.
fn mutants(words: &[&str]) -> (u8, String, String) {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    let output = lab.arg("mutants").args(words).output().expect("lab runs");
    let status = output.status.code().and_then(|code| u8::try_from(code).ok());
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.expect("an exit status"), text(output.stdout), text(output.stderr))
}

/// A folder with one mutant.
fn one(file: &str, text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    folder
}

const GOOD: &str = "title: No rule of the current term
breaks: Only entries of the leader's own term are committed by counting
source: section 5.4.2
expects: commit rule
caught by: figure_8_2x
--- raft/src/replication.rs
@@
-use labrpc::NodeId;
+use labrpc::NodeId ;
";

#[test]
fn whatever_counts_as_safety_is_a_property_of_the_suites() {
    let sources = Sources::read(root(), &root().join("target")).unwrap();
    for property in SAFETY {
        let text = GOOD.replace("commit rule", property);
        let mutant = Mutant::parse(Path::new("raft/current_term.mutant"), &text).unwrap();
        assert!(mutant.is_safety(), "{property}");
        check(&mutant, &sources, &["figure_8_2x"]).unwrap();
    }
    let text = GOOD.replace("commit rule", "progress, get, panic");
    let mutant = Mutant::parse(Path::new("raft/current_term.mutant"), &text).unwrap();
    assert!(!mutant.is_safety());
}

#[test]
fn the_list_shows_what_there_is() {
    let folder = one("raft/current_term.mutant", GOOD);
    let path = folder.path().to_str().unwrap();
    let (status, out, err) = mutants(&["--list", "--mutants", path]);
    assert_eq!((status, err.as_str()), (WELL, ""));
    let expected = "raft: 1 mutant\n  current_term\n    No rule of the current term\n";
    assert!(out.starts_with(expected), "{out}");
    let (status, out, err) = mutants(&["--list"]);
    assert_eq!((status, err.as_str()), (WELL, ""));
    for found in Corpus::find(&self::folder()).unwrap().files() {
        assert!(out.contains(&format!("\n  {}\n", found.id)), "{}", found.id);
    }
}

#[test]
fn bad_use_is_told_before_anything_is_built() {
    let bad = [
        (GOOD.to_string(), "nothing like that", "no mutant, and no crate with mutants, is called"),
        (GOOD.to_string(), "curent_term", "the nearest: current_term"),
        (GOOD.replace("source: ", "origin: "), "", "current_term.mutant:3: no header is called"),
        (GOOD.replace("figure_8_2x", "figure_9_2x"), "", ":5: there is no scenario `figure_9_2x`"),
        (GOOD.replace("commit rule", "comit rule"), "", ":4: nothing in the suites says that"),
        (
            GOOD.replace("figure_8_2x", "test: raft scripts a_test_that_is_none"),
            "",
            ":5: no test in raft/tests/scripts.rs is called `a_test_that_is_none`",
        ),
        (
            GOOD.replace("-use labrpc", "-use labrcp"),
            "",
            ":8: no line of raft/src/replication.rs is",
        ),
        (GOOD.replace("replication.rs", "replica.rs"), "", "there is no raft/src/replica.rs"),
    ];
    for (text, pattern, what) in bad {
        let folder = one("raft/current_term.mutant", &text);
        let mut words = vec!["--mutants", folder.path().to_str().unwrap()];
        words.extend((!pattern.is_empty()).then_some(pattern));
        let (status, out, err) = mutants(&words);
        assert_eq!((status, out.as_str()), (BAD_USE, ""), "{what}: {err}");
        assert!(err.starts_with("error: ") && err.contains(what), "{err}");
    }
    let nothing = tempfile::tempdir().unwrap();
    let nothing = nothing.path().to_str().unwrap();
    for words in [
        &["--mutants", nothing][..],
        &["--mutants", "no/such/folder"],
        &["--tree", nothing],
        &["--tree", "no/such/folder"],
        &["--jobs", "0"],
        &["--seeds", "0"],
        &["--json", "no/such/folder/mutants.json"],
        &["--list", "--all"],
        &["--only", "swarm", "--swarm", "0"],
        &["--only", "tests"],
        &["--swarm", "-1s"],
    ] {
        let (status, out, err) = mutants(words);
        assert_eq!((status, out.as_str()), (BAD_USE, ""), "{words:?}: {err}");
        assert!(err.starts_with("error: ") && !err.contains("panicked"), "{words:?}: {err}");
    }
}

/// A scenario that fails with some seeds.
fn failing(name: &'static str, seeds: &'static [u64]) -> Case {
    let reference = Catalogue::reference();
    let mut case = reference.find("initial_election_2a").expect("a scenario").clone();
    case.scenario.name = name;
    let inner = case.clone();
    let runner = move |seed, options: &_| {
        let mut report = inner.run(seed, options);
        if seeds.contains(&seed) {
            report.outcome = Err(Failure::new("a property", format!("seed {seed}")));
        }
        report
    };
    Case::new(case.scenario, Arc::new(|_| serde_json::Value::Null), Arc::new(runner))
}

#[test]
fn the_first_failure_is_the_last_run_on_any_number_of_threads() {
    let catalogue = Catalogue::new(vec![
        failing("none_2a", &[]),
        failing("some_2a", &[13, 7, 38]),
        failing("all_2a", &[0, 1, 2, 3]),
    ]);
    let folder = tempfile::tempdir().unwrap();
    for jobs in ["1", "2", "3", "8"] {
        let path = folder.path().join(jobs);
        let words = ["lab", "run", "--seeds", "40", "--fail-fast", "--jobs", jobs, "--json"];
        let words = words.into_iter().chain(path.to_str());
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut console = Console { out: &mut out, err: &mut err, progress: false };
        assert_eq!(main_with(&catalogue, words, &mut console), FAILED);
        let runs: Vec<serde_json::Value> =
            serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let last = runs.last().unwrap();
        assert_eq!(runs.len(), 48, "--jobs {jobs}: all of the first, eight of the second");
        assert_eq!((&last["scenario"], &last["seed"]), (&"some_2a".into(), &7.into()));
        assert_eq!(runs.iter().filter(|run| run["passed"] == false).count(), 1);
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains("2 scenarios, 48 runs: 1 FAILED in 1 scenario"), "{out}");
    }
}
