//! The swarm: trials are a function of their seed, shards of a campaign add up to the whole, and
//! what fails is made small and runs again from its file.

use labrpc::{Context, Fault, Instant, NodeId, Persister};
use raft::{Applied, Config, Consensus, LogId, Message, NotLeader, Raft, Status, View};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use tests::catalogue::Catalogue;
use tests::cli::{BAD_USE, Console, FAILED, WELL, main_with};
use tests::run::Options;
use tests::swarm::shrink::shrink;
use tests::swarm::{System, Trial, reference};

/// Status, standard output, standard error.
fn said(catalogue: &Catalogue, words: &[&str]) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console { out: &mut out, err: &mut err, progress: false };
    let words = ["lab"].iter().chain(words).copied();
    let status = main_with(catalogue, words, &mut console);
    (status, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// What `lab fuzz` says but for how long it took.
fn without_times(out: &str) -> String {
    let is_timed = |line: &&str| line.contains("CPU") || line.ends_with(" s");
    out.lines().filter(|line| !is_timed(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_trial_is_a_function_of_its_seed() {
    for system in System::ALL {
        for seed in 0..30 {
            let trial = Trial::draw(system, seed);
            let (one, other) = (
                reference(&trial, &Options::default()),
                reference(&trial, &Options { marks: true, ..Options::default() }),
            );
            assert_eq!(one.outcome, Ok(()), "{system} with seed {seed}");
            assert_eq!(one.fingerprint, other.fingerprint, "{system} with seed {seed}");
            assert!(!other.marks.is_empty(), "{system} with seed {seed} saw nothing");
        }
    }
}

#[test]
fn a_trial_has_a_text_and_a_text_its_trial() {
    for system in System::ALL {
        for seed in 0..200 {
            let trial = Trial::draw(system, seed);
            let text = trial.to_text();
            assert_eq!(Trial::from_text(&text), Ok(trial), "{text}");
        }
    }
}

#[test]
fn a_text_that_makes_no_sense_is_told_so() {
    let text = Trial::draw(System::Kv, 1).to_text();
    let change = |from: &str, to: &str| {
        let line = text.lines().find(|line| line.starts_with(from)).expect("there is such a line");
        Trial::from_text(&text.replace(line, to)).unwrap_err().to_string()
    };
    for (from, to, says) in [
        ("servers", "servers = 0", "servers = 0: it can be 1 to 15"),
        ("servers", "savers = 3", "savers"),
        ("keys", "keys = 0", "keys = 0: it can be 1 to 1000"),
        ("clients", "clients = 1000", "clients = 1000: it can be 0 to 100"),
        ("reads", "reads = \"maybe\"", "not `maybe`"),
        ("network", "network = \"wet\"", "wet"),
        ("system", "system = \"kvs\"", "kvs"),
        ("lasting", "lasting = \"\"\"\ncrash n99\n", "there is no n99"),
    ] {
        let error = change(from, to);
        assert!(error.contains(says), "{to}: {error}");
    }
}

/// Who is left out at the end is no majority, and what is drawn can be run.
#[test]
fn what_lasts_leaves_a_majority() {
    for system in System::ALL {
        for seed in 0..500 {
            let trial = Trial::draw(system, seed);
            let lost = |fault: &&Fault| matches!(fault, Fault::LoseDisk { .. });
            for cluster in 0..=trial.groups {
                let mine = |fault: &Fault| {
                    fault.nodes().iter().all(|node| node.index() / trial.servers == cluster)
                };
                let planned = trial.plan.0.iter().map(|(_, fault)| fault).filter(lost);
                let gone = planned.chain(&trial.lasting).filter(|fault| mine(fault)).count();
                assert!(2 * gone < trial.servers, "{system} with seed {seed}");
            }
        }
    }
}

#[test]
fn any_number_of_threads_comes_to_the_same() {
    let reference = Catalogue::reference();
    let run = |jobs| said(&reference, &["fuzz", "--seeds", "25", "--jobs", jobs]);
    let ((status, one, _), (_, three, _)) = (run("1"), run("3"));
    assert_eq!(status, WELL, "{one}");
    let of = |out: &str| without_times(out).replace("1 thread", "").replace("3 threads", "");
    assert_eq!(of(&one), of(&three));
}

#[test]
fn the_parts_of_a_campaign_are_the_whole() {
    let (reference, folder) = (Catalogue::reference(), tempfile::tempdir().unwrap());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let campaign = ["fuzz", "raft", "kv", "--seed-range", "3..40"];
    for part in ["0/3", "1/3", "2/3"] {
        let json = file(&part.replace('/', "-"));
        let words = [&campaign[..], &["--shard", part, "--json", &json]].concat();
        assert_eq!(said(&reference, &words).0, WELL);
    }
    let (whole, merged) = (file("whole"), file("merged"));
    assert_eq!(said(&reference, &[&campaign[..], &["--json", &whole]].concat()).0, WELL);
    let parts = ["2-3", "0-3", "1-3"].map(file);
    let words = ["merge", &parts[0], &parts[1], &parts[2], "--json", &merged];
    let (status, out, err) = said(&reference, &words);
    assert_eq!((status, err.as_str()), (WELL, ""), "{out}");
    let of = |path: &str| {
        let text = fs::read_to_string(path).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        ["raft", "kv"].map(|system| {
            let figures = &json["systems"][system];
            let of = |name: &str| figures[name].clone();
            (of("trials"), of("messages"), of("marks"), of("fingerprint"))
        })
    };
    assert_eq!(of(&whole), of(&merged));

    for (words, says) in [
        (vec!["merge", &parts[0], &parts[1]], "0/3"),
        (vec!["merge", &parts[0], &parts[0]], "this part is there already"),
        (vec!["merge", &parts[0], &whole], "another campaign"),
        (vec!["merge", "no-such-file"], "cannot read no-such-file"),
    ] {
        let (status, _, err) = said(&reference, &words);
        assert_eq!(status, BAD_USE, "{words:?}");
        assert!(err.contains(says) || says == "0/3" && err.contains("1/3"), "{err}");
    }
}

/// While a campaign runs, its report is there, whole and partial.
#[test]
fn what_is_interrupted_leaves_a_report_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("part.json");
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(["fuzz", "raft", "--for", "600s", "--jobs", "1", "--json"]).arg(&file);
    let mut campaign = lab.stdout(Stdio::null()).spawn().unwrap();
    while !file.exists() {
        assert_eq!(campaign.try_wait().unwrap(), None, "it ended without a report");
        std::thread::yield_now();
    }
    campaign.kill().unwrap();
    campaign.wait().unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["complete"], false, "{text}");
    let (status, _, err) = said(&Catalogue::reference(), &["merge", &file.display().to_string()]);
    assert_eq!(status, BAD_USE, "{err}");
    assert!(err.contains("part.json: this part was interrupted"), "{err}");
}

#[test]
fn everything_twice_is_scenarios_and_the_swarm() {
    let reference = Catalogue::reference();
    let run = |words: &[&str]| {
        let (status, out, err) =
            said(&reference, &[&["determinism", "--seeds", "2"], words].concat());
        assert_eq!((status, err.as_str()), (WELL, ""), "{words:?}: {out}");
        out
    };
    let last = |out: &str| out.lines().last().unwrap().to_string();
    let (scenarios, all) = (run(&["2a"]), run(&["2a", "swarm"]));
    assert!(scenarios.contains("\n6 runs, each the same both times\n"), "{scenarios}");
    assert!(!scenarios.contains("swarm"), "{scenarios}");
    assert!(all.contains("\n14 runs, each the same both times\n"), "{all}");
    assert_eq!(last(&scenarios), last(&all), "the line of the scenarios is about them alone");
    let of_all = |jobs| run(&["swarm", "--jobs", jobs]);
    let swarm = of_all("1");
    for system in System::ALL {
        assert!(swarm.contains(&format!("swarm/{system} ")), "{swarm}");
    }
    assert_eq!(last(&swarm), last(&of_all("3")));
    assert!(all.contains(&last(&swarm)), "{all}{swarm}");
    assert_ne!(last(&swarm), last(&run(&["swarm/kv"])));
}

#[test]
fn bad_use_is_told() {
    let reference = Catalogue::reference();
    for (words, says) in [
        (&["fuzz", "rafft"][..], "there is raft"),
        (&["fuzz", "--shard", "3/3"], "I/N is wanted"),
        (&["fuzz", "--for", "soon"], "a number of seconds"),
        (&["fuzz", "--seeds", "3", "--for", "3s"], "cannot be used with"),
        (&["fuzz", "--out", "no/such/folder"], "is no folder"),
        (&["fuzz", "--json", "no/such/folder/file"], "cannot write"),
        (&["replay", "no-such-file.toml"], "cannot read no-such-file.toml"),
        (&["replay", "figure_8_2c"], "Say --seed N"),
        (&["determinism", "swarm/rafts"], "there is swarm, which is swarm/raft, swarm/kv"),
    ] {
        let (status, _, err) = said(&reference, words);
        assert_eq!(status, BAD_USE, "{words:?}: {err}");
        assert!(err.contains(says), "{words:?}: {err}");
    }
}

// ---- what fails ------------------------------------------------------------------------------

type Cx<'a> = Context<'a, Message>;

/// The reference, but for one thing.
#[derive(Clone)]
struct Flawed<const MOODY: bool>(Raft);

/// Its disk keeps no term and no vote.
type Forgetful = Flawed<false>;

/// About half of all commands, counted over all runs of this program, are not taken: which, comes
/// back with no period, however many commands a run has.
type Moody = Flawed<true>;

static PROPOSED: AtomicU64 = AtomicU64::new(0);

impl<const MOODY: bool> Flawed<MOODY> {
    fn step<T>(cx: &mut Cx<'_>, step: impl FnOnce(&mut Cx<'_>) -> T) -> T {
        let before = cx.disk.state().to_vec();
        let out = step(cx);
        if !MOODY && cx.disk.state() != before {
            cx.disk.save_state(&before);
        }
        out
    }
}

impl<const MOODY: bool> Consensus for Flawed<MOODY> {
    type Message = Message;

    fn boot(cx: &mut Cx<'_>, peers: &[NodeId], config: Config) -> Self {
        Self(Raft::boot(cx, peers, config))
    }

    fn on_message(&mut self, cx: &mut Cx<'_>, from: NodeId, message: Message) {
        Self::step(cx, |cx| self.0.on_message(cx, from, message));
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_>) {
        Self::step(cx, |cx| self.0.on_wakeup(cx));
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.0.next_wakeup()
    }

    fn propose(&mut self, cx: &mut Cx<'_>, command: &[u8]) -> Result<LogId, NotLeader> {
        let count = PROPOSED.fetch_add(u64::from(MOODY), Ordering::Relaxed);
        if MOODY && count.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 1 {
            return Err(NotLeader { leader: None });
        }
        self.0.propose(cx, command)
    }

    fn next_applied<'a>(&'a mut self, disk: &'a dyn Persister) -> Option<Applied<'a>> {
        self.0.next_applied(disk)
    }

    fn snapshot(&mut self, cx: &mut Cx<'_>, upto: raft::Index, state: &[u8]) {
        self.0.snapshot(cx, upto, state);
    }

    fn status(&self) -> Status {
        self.0.status()
    }

    fn view(&self) -> Option<&dyn View> {
        None
    }
}

#[test]
fn trials_that_change_from_run_to_run_are_found() {
    let words = ["determinism", "swarm/raft", "--seeds", "5"];
    let (status, out, err) = said(&Catalogue::of_raft::<Moody>(), &words);
    assert_eq!((status, err.as_str()), (FAILED, ""), "{out}");
    assert!(out.starts_with("1 system of the swarm, seeds 0..5: once on "), "{out}");
    assert!(out.contains("DIFFER\n  seeds "), "{out}");
    assert!(out.contains("  - once, record ") && out.contains("  + again, record "), "{out}");
}

#[test]
fn what_fails_is_made_small_and_runs_from_its_file() {
    let (catalogue, folder) = (Catalogue::of_raft::<Forgetful>(), tempfile::tempdir().unwrap());
    let out = folder.path().display().to_string();
    let (status, said_of_it, err) =
        said(&catalogue, &["fuzz", "raft", "--seeds", "3000", "--out", &out]);
    assert_eq!(status, FAILED, "nobody noticed\n{said_of_it}{err}");
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("there are {files:?}") };
    let text = fs::read_to_string(file).unwrap();
    let trial = Trial::from_text(&text).unwrap();
    assert!(trial.plan.0.len() <= 5, "{text}");
    assert!(said_of_it.contains(&format!("replay {}", file.display())), "{said_of_it}");
    let picture = format!("{} --html {}\n", file.display(), file.with_extension("html").display());
    assert!(said_of_it.contains(&picture), "{said_of_it}");
    let (status, again, _) = said(&catalogue, &["replay", &file.display().to_string()]);
    assert_eq!(status, FAILED, "{again}");
    let reason = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("  reason:    "));
        line.map(|line| line.split(':').next().unwrap_or_default().to_string())
    };
    assert!(text.contains(&reason(&again).expect("a reason")), "{text}\n{again}");
    // The reference has no trouble with it.
    let (status, ..) = said(&Catalogue::reference(), &["replay", &file.display().to_string()]);
    assert_eq!(status, WELL);
    assert!(Path::new(file).exists());
}

/// What other threads have run behind the first failure does not count.
#[test]
fn a_campaign_ends_at_the_failure_with_the_least_seed() {
    let (catalogue, folder) = (Catalogue::of_raft::<Forgetful>(), tempfile::tempdir().unwrap());
    let out = folder.path().display().to_string();
    let json = folder.path().join("report.json").display().to_string();
    let run = |jobs| {
        let words = ["fuzz", "--seeds", "3000", "--no-shrink", "--out", &out, "--json", &json];
        let (status, said, err) = said(&catalogue, &[&words[..], &["--jobs", jobs]].concat());
        assert_eq!((status, err.as_str()), (FAILED, ""), "{said}");
        let text = fs::read_to_string(&json).unwrap();
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        let raft = &report["systems"]["raft"];
        assert_eq!((&report["complete"], &raft["failed"]), (&true.into(), &1.into()), "{text}");
        let seed = report["failures"][0]["seed"].as_u64().unwrap();
        assert_eq!(raft["trials"].as_u64(), Some(seed + 1), "{text}");
        without_times(&said).replace("1 thread", "").replace("3 threads", "")
    };
    let one = run("1");
    for _ in 0..3 {
        assert_eq!(one, run("3"));
    }
    assert_eq!(one.matches("event ").count(), 1, "the reason is told once\n{one}");
}

#[test]
fn only_the_same_failure_counts_while_a_trial_shrinks() {
    let catalogue = Catalogue::of_raft::<Forgetful>();
    let run = |trial: &Trial| catalogue.try_out(trial, &Options::default()).unwrap().outcome.err();
    let found = (0..3_000).map(|seed| Trial::draw(System::Raft, seed)).find_map(|trial| {
        let failure = run(&trial)?;
        Some((trial, failure))
    });
    let (trial, failure) = found.expect("what is forgotten is noticed");
    let mut tried = 0;
    let shrunk = shrink(&trial, &failure, 300, |trial| {
        tried += 1;
        run(trial)
    });
    assert_eq!((shrunk.attempts, shrunk.failure.property.as_str()), (tried, &*failure.property));
    assert!(tried <= 300);
    assert_eq!(run(&shrunk.trial).unwrap(), shrunk.failure, "what is reported is what happens");
    let untouched = shrink(&trial, &failure, 0, run);
    assert_eq!((untouched.trial, untouched.attempts), (trial, 0));
}
