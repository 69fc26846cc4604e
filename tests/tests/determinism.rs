//! The same seed makes the same run: twice in one process, in two processes, in debug and release
//! builds, on every platform.
//!
//! `golden/fingerprints.txt` holds what each scenario comes to with one seed. It changes with every
//! change of what happens in a run: of the Raft, the scripts, the network, the dice. Then
//! `UPDATE_GOLDENFILES=1 cargo test -p tests --test determinism` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use tests::catalogue::Catalogue;
use tests::run::Options;

/// The seed of the golden list; the next one is compared, too.
const SEED: u64 = 1;

type Fingerprints = BTreeMap<(String, u64), String>;

fn in_this_process() -> Fingerprints {
    let catalogue = Catalogue::reference();
    let mut all = Fingerprints::new();
    for case in catalogue.cases() {
        for seed in [SEED, SEED + 1] {
            let report = case.run(seed, &Options::default());
            all.insert((case.name().to_string(), seed), format!("{:016x}", report.fingerprint));
        }
    }
    all
}

fn in_another_process() -> Fingerprints {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let file = folder.path().join("runs.json");
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(["run", "--seed-range", &format!("{SEED}..{}", SEED + 2), "--json"]).arg(&file);
    let output = lab.output().expect("lab runs");
    assert!(output.status.code().is_some_and(|code| code < 2), "{output:?}");
    let text = fs::read_to_string(&file).expect("lab writes the file");
    let runs: Vec<serde_json::Value> = serde_json::from_str(&text).expect("an array");
    let of = |run: &serde_json::Value| {
        let text = |key: &str| run[key].as_str().expect("a text").to_string();
        ((text("scenario"), run["seed"].as_u64().expect("a number")), text("fingerprint"))
    };
    runs.iter().map(of).collect()
}

#[test]
fn a_second_run_is_the_same_in_this_process_and_in_another() {
    let once = in_this_process();
    assert_eq!(once.len(), 2 * Catalogue::reference().cases().len());
    assert_eq!(once, in_this_process());
    assert_eq!(once, in_another_process());
}

#[test]
fn fingerprints_are_what_they_were() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/fingerprints.txt");
    let mut now = String::new();
    for case in Catalogue::reference().cases() {
        let report = case.run(SEED, &Options::default());
        let _ = writeln!(now, "{:016x} {}", report.fingerprint, case.name());
    }
    if std::env::var_os("UPDATE_GOLDENFILES").is_some() {
        fs::write(&path, now).expect("the golden file can be written");
        return;
    }
    let golden = fs::read_to_string(&path).expect("there is a golden file").replace('\r', "");
    let differing: Vec<&str> = now.lines().filter(|line| !golden.contains(line)).collect();
    assert!(
        now == golden,
        "with seed {SEED} these are not, or not where they were, in {}:\n{}\n\
         If runs were meant to change, write it anew with UPDATE_GOLDENFILES=1 and say so in the \
         commit; if not, `lab replay` and `lab diff` show where they part from what they were.",
        path.display(),
        differing.join("\n"),
    );
}
