//! The `lab` command, as one types it.

use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tests::catalogue::{Case, Catalogue};
use tests::cli::{BAD_USE, CLOSED, Console, FAILED, WELL, main_with};
use tests::suites::Scenario;

fn lab(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lab")).args(words).output().expect("lab runs")
}

/// Status, standard output, standard error.
fn said(words: &[&str]) -> (u8, String, String) {
    let output = lab(words);
    let status = output.status.code().and_then(|code| u8::try_from(code).ok());
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.expect("an exit status"), text(output.stdout), text(output.stderr))
}

/// What a command that does well prints; it has nothing to say on standard error.
fn well(words: &[&str]) -> String {
    let (status, out, err) = said(words);
    assert_eq!((status, err.as_str()), (WELL, ""), "lab {words:?} prints\n{out}");
    out
}

/// The scenarios that have a row in a table.
fn rows(out: &str) -> Vec<String> {
    let rows = out.lines().filter(|line| line.ends_with(" passed") && !line.contains(','));
    rows.filter_map(|line| line.split_whitespace().next()).map(str::to_string).collect()
}

fn names(accept: impl Fn(&Scenario) -> bool) -> Vec<String> {
    let catalogue = Catalogue::reference();
    let cases = catalogue.cases().iter().filter(|case| accept(&case.scenario));
    cases.map(|case| case.name().to_string()).collect()
}

fn json(path: &Path) -> Vec<Value> {
    serde_json::from_str(&fs::read_to_string(path).expect("a file")).expect("an array")
}

#[test]
fn without_a_word_everything_is_run() {
    let out = well(&["--seeds", "1"]);
    assert_eq!(rows(&out), names(|_| true));
    let count = names(|_| true).len();
    assert!(out.contains(&format!("\n{count} scenarios, {count} runs: all passed\n")), "{out}");
    assert!(out.lines().last().unwrap().contains("of simulated time in"), "{out}");
}

#[test]
fn patterns_choose_and_the_catalogue_orders() {
    let run = |patterns: &[&str]| rows(&well(&[&["run", "--seeds", "1"], patterns].concat()));
    assert_eq!(run(&["2"]), names(|it| ["2a", "2b", "2c", "2d"].contains(&it.part)));
    assert_eq!(run(&["count_2b", "2a"]), names(|it| it.part == "2a" || it.name == "count_2b"));
    assert_eq!(run(&["double_vote_2x"]), ["double_vote_2x"]);
    for go in ["TestPersist12C", "testpersist1", "TestPersist13C"] {
        assert_eq!(run(&[go]), ["persist1_2c"]);
    }
}

#[test]
fn rows_stand_in_columns() {
    let out = well(&["run", "2b", "--seed-range", "3..5"]);
    assert!(out.starts_with("10 scenarios, seeds 3..5, on "), "{out}");
    let table: Vec<&str> = out.lines().skip(1).take_while(|line| !line.is_empty()).collect();
    assert_eq!(table.len(), 11);
    let end = table[0].len();
    assert!(table[0].starts_with("scenario ") && table[0].ends_with(" seeds"));
    for row in &table[1..] {
        assert!(row[..end].ends_with(" 2") && &row[end..] == " passed", "{row}");
        assert_eq!(row.split_whitespace().count(), 11, "{row}");
    }
}

#[test]
fn a_name_that_stands_for_several_runs_them_all_and_says_so() {
    let reference = Catalogue::reference();
    let cases = ["initial_election_2a", "re_election_2a"].map(|name| {
        let mut case: Case = reference.find(name).expect("a scenario").clone();
        case.scenario.go = &["TestElections"];
        case
    });
    let catalogue = Catalogue::new(cases.to_vec());
    let run = |words: &[&str]| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut console = Console { out: &mut out, err: &mut err, progress: false };
        let status = main_with(&catalogue, words.iter().copied(), &mut console);
        (status, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    };
    let (status, out, err) = run(&["lab", "run", "TestElections", "--seeds", "1"]);
    assert_eq!((status, rows(&out).len()), (WELL, 2));
    assert_eq!(err, "TestElections stands for 2 scenarios: initial_election_2a, re_election_2a\n");
    let (status, _, err) = run(&["lab", "replay", "TestElections", "--seed", "1"]);
    assert_eq!(status, BAD_USE);
    assert!(err.contains("choose one: initial_election_2a, re_election_2a"), "{err}");
}

#[test]
fn what_is_unknown_gets_the_nearest_names() {
    for (words, nearest) in [
        (["run", "inital_election_2a"], "initial_election_2a"),
        (["list", "TestFigur82C"], "TestFigure82C"),
        (["determinism", "figure_8"], "figure_8_2c"),
        (["run", "2e"], "2a"),
        (["--seeds=1", "detreminism"], "determinism"),
    ] {
        let (status, out, err) = said(&words);
        assert_eq!((status, out.as_str()), (BAD_USE, ""), "{words:?}");
        assert!(err.starts_with("error: no part, scenario or Go test is called"), "{err}");
        assert!(err.contains(nearest) && err.contains("`list` shows all"), "{err}");
    }
}

#[test]
fn bad_use_is_told_before_anything_runs() {
    let bad: &[&[&str]] = &[
        &["run", "--jobs", "0"],
        &["run", "--seeds", "0"],
        &["run", "--seeds", "many"],
        &["run", "--seed-range", "5..5"],
        &["run", "--seed-range", "9..5"],
        &["run", "--seed-range", "5"],
        &["run", "--seeds", "5", "--seed-range", "5..9"],
        &["run", "--sedes", "5"],
        &["run", "--json", "no/such/folder/runs.json"],
        &["run", "--json", "."],
        &["replay", "figure_8_2c"],
        &["replay", "2a", "--seed", "1"],
        &["replay", "figure_8_2c", "--seed", "-1"],
        &["replay", "figure_8_2c", "--seed", "1", "--from", "soon"],
        &["replay", "figure_8_2c", "--seed", "1", "--from", "2", "--until", "1"],
        &["replay", "figure_8_2c", "--seed", "1", "--node", "x"],
        &["replay", "figure_8_2c", "--seed", "1", "--trace", "no/such/folder/trace.txt"],
        &["diff", "only-one"],
        &["diff", "no/such/file", "no/such/file"],
        &["determinism", "--seeds", "0"],
    ];
    for words in bad {
        let (status, out, err) = said(words);
        assert_eq!((status, out.as_str()), (BAD_USE, ""), "{words:?}");
        assert!(err.starts_with("error: ") && err.ends_with('\n'), "{words:?}: {err}");
        assert!(!err.contains("panicked"), "{words:?}: {err}");
    }
}

#[test]
fn json_has_an_object_for_each_run_in_order_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let run = |jobs: &str| {
        let path = folder.path().join(jobs);
        let file = path.to_str().unwrap();
        well(&["run", "2a", "persist1_2c", "--seed-range", "2..7", "--jobs", jobs, "--json", file]);
        let mut runs = json(&path);
        for run in &mut runs {
            let cpu = run.as_object_mut().unwrap().remove("cpu_seconds").unwrap();
            assert!(cpu.as_f64().is_some_and(|seconds| seconds > 0.0));
            let checking = run.as_object_mut().unwrap().remove("checking_seconds").unwrap();
            assert!(checking.as_f64().is_some_and(|seconds| seconds >= 0.0));
        }
        runs
    };
    let runs = run("1");
    for jobs in ["2", "5", "100"] {
        assert_eq!(run(jobs), runs, "--jobs {jobs}");
    }
    let order: Vec<(&str, u64)> = runs
        .iter()
        .map(|run| (run["scenario"].as_str().unwrap(), run["seed"].as_u64().unwrap()))
        .collect();
    let scenarios = ["initial_election_2a", "re_election_2a", "many_elections_2a", "persist1_2c"];
    let expected: Vec<_> =
        scenarios.iter().flat_map(|name| (2..7).map(move |seed| (*name, seed))).collect();
    assert_eq!(order, expected);

    let run = runs.last().unwrap();
    assert_eq!(
        (&run["part"], &run["passed"], &run["reason"]),
        (&"2c".into(), &true.into(), &Value::Null)
    );
    assert_eq!(
        (&run["config"]["servers"], &run["config"]["network"]),
        (&3.into(), &"reliable".into())
    );
    assert!(run["sim_seconds"].as_f64().unwrap() > 1.0);
    for key in ["steps", "rpcs", "bytes", "commands"] {
        assert!(run[key].as_u64().unwrap() > 0, "{key}");
    }
    let fingerprint = run["fingerprint"].as_str().unwrap();
    assert_eq!(fingerprint.len(), 16);
    assert!(u64::from_str_radix(fingerprint, 16).is_ok());
    assert_eq!(run.as_object().unwrap().len(), 13, "and two times of the CPU");
}

#[test]
fn a_replay_is_the_same_run_and_its_traces_can_be_compared() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    well(&["run", "persist1_2c", "--seed-range", "7..8", "--json", &path("runs")]);
    let runs = json(&folder.path().join("runs"));
    let fingerprint = format!("fingerprint {}\n", runs[0]["fingerprint"].as_str().unwrap());

    let replay = ["replay", "TestPersist12C", "--seed"];
    let shown = well(&[&replay[..], &["7"]].concat());
    assert!(shown.contains(&fingerprint), "{shown}");
    let (text, lines) = (path("a.txt"), path("a.jsonl"));
    let out = well(&[&replay[..], &["7", "--trace", &text, "--json-trace", &lines]].concat());
    assert!(
        out.contains(&fingerprint) && out.contains("a.txt") && out.contains("a.jsonl"),
        "{out}"
    );
    let (text, lines) = (fs::read_to_string(&text).unwrap(), fs::read_to_string(&lines).unwrap());
    assert!(shown.starts_with(&text) && !text.is_empty(), "the same trace, shown or written");
    assert_eq!(text.lines().count(), lines.lines().count());
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["event"], "boot");

    well(&[&replay[..], &["7", "--trace", &path("again.txt")]].concat());
    well(&[&replay[..], &["8", "--trace", &path("b.txt")]].concat());
    assert!(well(&["diff", &path("a.txt"), &path("again.txt")]).starts_with("no difference in "));
    well(&["diff", &path("a.jsonl"), &path("a.txt")]);
    for other in ["a.txt", "a.jsonl"] {
        let (status, out, _) = said(&["diff", &path(other), &path("b.txt")]);
        assert_eq!(status, FAILED);
        assert!(out.contains("lines are the same in both\n"), "{out}");
        assert!(out.contains("b.txt, line "), "{out}");
    }
}

#[test]
fn a_replay_shows_what_one_asks_for() {
    let show = |more: &[&str]| -> Vec<String> {
        let out = well(&[&["replay", "many_elections_2a", "--seed", "2"], more].concat());
        out.lines().take_while(|line| !line.is_empty()).map(str::to_string).collect()
    };
    let at = |line: &str| -> f64 {
        line.split_whitespace().nth(1).unwrap().trim_end_matches("ms").parse().unwrap()
    };
    let all = show(&[]);
    let part = show(&["--from", "0.5", "--until", "1.25"]);
    let expected: Vec<String> =
        all.iter().filter(|line| (500.0..1250.0).contains(&at(line))).cloned().collect();
    assert_eq!(part, expected);
    assert!(!part.is_empty() && part.len() < all.len());

    let of_two = show(&["--node", "1", "--node", "n4"]);
    let node = |line: &String| line.split_whitespace().nth(2).unwrap().to_string();
    assert!(of_two.iter().all(|line| ["n1", "n4", "*"].contains(&node(line).as_str())));
    assert!(of_two.iter().any(|line| node(line) == "n1"));

    let (status, _, err) = said(&["replay", "basic_agree_2b", "--seed", "1", "--node", "9"]);
    assert_eq!((status, err.as_str()), (WELL, "nothing happened at n9: is there such a node?\n"));
}

#[test]
fn the_list_is_complete() {
    let out = well(&["list"]);
    let catalogue = Catalogue::reference();
    let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
    for Case { scenario, .. } in catalogue.cases() {
        let go = scenario.go.join(", ");
        let points = tests::points::of(scenario.name).unwrap().points;
        let plural = if points == 1 { "" } else { "s" };
        let head = format!("\n  {} ({points} point{plural})\n", scenario.name);
        assert!(out.contains(&head), "{}", scenario.name);
        assert!(words.contains(scenario.about) && words.contains(&go), "{}", scenario.name);
    }
    for (part, count, points) in [
        ("2a", 3, 15),
        ("2b", 10, 25),
        ("2c", 8, 20),
        ("2d", 7, 15),
        ("3a", 14, 40),
        ("3b", 9, 35),
        ("4a", 3, 20),
        ("4b", 14, 55),
    ] {
        let head = out.lines().find(|line| line.starts_with(&format!("{part}: "))).unwrap();
        let tail = format!("({count} scenarios, {points} points)");
        assert!(head.ends_with(&tail), "{head}");
    }
    let last = out.lines().last().unwrap();
    assert!(
        last.starts_with(&format!("{} scenarios in 11 parts", catalogue.cases().len())),
        "{last}"
    );
    assert!(out.lines().all(|line| line.len() <= 100));

    let list: Vec<Value> = serde_json::from_str(&well(&["list", "2a", "--json"])).unwrap();
    assert_eq!(list.len(), 3);
    assert_eq!(list[0]["go"][0], "TestInitialElection2A");
    assert_eq!((&list[0]["points"], &list[0]["cost"]), (&json!(5), &json!(5)));
}

#[test]
fn twice_is_the_same_and_the_last_line_says_what() {
    let run = |jobs| well(&["determinism", "2a", "--seeds", "4", "--jobs", jobs]);
    let (one, three) = (run("1"), run("3"));
    assert!(one.contains("\n12 runs, each the same both times\n"), "{one}");
    let last = one.lines().last().unwrap();
    assert_eq!(Some(last), three.lines().last());
    assert!(last.strip_prefix("fingerprints: ").is_some_and(|digits| digits.len() == 16), "{last}");
}

#[test]
fn nobody_listens_any_more() {
    for words in [&["list"][..], &["run", "2a"], &["replay", "figure_8_2c", "--seed", "1"]] {
        let (nobody, pipe) = io::pipe().unwrap();
        drop(nobody);
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        let output = lab.args(words).stdout(pipe).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(CLOSED.into()), "{words:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{words:?}");
    }
}

#[test]
fn help_shows_what_an_implementation_of_ones_own_can_use() {
    let help = |catalogue: &Catalogue| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut console = Console { out: &mut out, err: &mut err, progress: false };
        assert_eq!(main_with(catalogue, ["lab", "--help"], &mut console), WELL);
        String::from_utf8(out).unwrap()
    };
    let has = |help: &str, name: &str| help.lines().any(|it| it.trim().starts_with(name));
    let (reference, own) =
        (help(&Catalogue::reference()), help(&Catalogue::of_raft::<raft::Raft>()));
    for name in ["mutants ", "scale ", "grade "] {
        assert!(has(&reference, name) && !has(&own, name), "{name}: {own}");
    }
    assert!(has(&own, "replay ") && has(&own, "fuzz "), "{own}");
}

#[test]
fn help_is_no_error() {
    for words in [&["--help"][..], &["help", "replay"], &["run", "--help"], &["--version"]] {
        assert!(!well(words).is_empty());
    }
}
