//! Other people's Rafts, which are wrong: the same suites, through the same door, must find it.
//!
//! Each is the reference with one rule broken, in a thin layer around it that only uses what
//! everybody can use. The suites see a type that implements [`Consensus`], and nothing else.
//!
//! `one_line` is what stands in a student's crate. Its tests are of this program, and pass: nothing
//! is wrong if nothing is asked for. `BROKEN=AppliesTwice cargo test -p tests --test broken one_line`
//! shows what the student sees, and a test below demands it.

use labrpc::{Context, Instant, NodeId, Persister};
use raft::{
    AppendEntries, Appended, Applied, Config, Consensus, Entries, Index, LogId, Message, NotLeader,
    Raft, Status, Term, View,
};
use std::cell::Cell;
use std::env;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tests::catalogue::{Case, Catalogue};
use tests::cli::testing::verdict;
use tests::cli::{Console, FAILED, WELL, main_with};

type Cx<'a> = Context<'a, Message>;

/// Which rule is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// None: the layer itself does no harm.
    None,
    /// The vote is not on the disk.
    ForgetsItsVote,
    /// Who campaigns saves its term, and not its vote for itself.
    ForgetsToVoteForItself,
    /// Entry 3 is applied a second time.
    AppliesTwice,
    /// One server applies something else as entry 3.
    AppliesOther,
    /// Every vote is granted.
    VotesForAll,
    /// Who votes for itself says that it leads.
    LeadsTooSoon,
    /// Appends that do not fit are acknowledged.
    AgreesToAll,
    /// A leader answers each answer to an append with two more appends.
    Storms,
    /// From term 3 on nothing goes.
    Panics,
    /// Every eighth vote, counted over all runs of this program, is not granted.
    Moody,
    /// The first step that this program ever makes goes wrong.
    PanicsOnce,
}

thread_local! {
    /// What is wrong with the servers that are booted on this thread.
    static FLAW: Cell<Flaw> = Cell::new(asked_for());
}

/// The flaw that the environment asks for, by its name.
fn asked_for() -> Flaw {
    let Ok(name) = env::var("BROKEN") else { return Flaw::None };
    let flaws = [Flaw::AppliesTwice, Flaw::VotesForAll];
    let flaw = flaws.into_iter().find(|flaw| format!("{flaw:?}") == name);
    flaw.unwrap_or_else(|| panic!("BROKEN={name}: one of {flaws:?} is wanted"))
}

mod one_line {
    tests::raft_tests!(super::Broken);
}

/// The reference, with a flaw.
#[derive(Clone)]
struct Broken {
    raft: Raft,
    flaw: Flaw,
    me: NodeId,
    /// The entry that is handed up once more, and its command.
    again: Option<LogId>,
    command: Vec<u8>,
}

impl Broken {
    fn step<T>(&mut self, cx: &mut Cx<'_>, f: impl FnOnce(&mut Raft, &mut Cx<'_>) -> T) -> T {
        let mut outbox = Vec::new();
        let result = f(&mut self.raft, &mut cx.nested(&mut outbox));
        if self.flaw == Flaw::ForgetsToVoteForItself && self.raft.voted_for() == Some(self.me) {
            let term = self.raft.status().term;
            cx.disk.save_state(&labgob::encode(&(term, None::<NodeId>)));
        }
        for (to, mut message) in outbox {
            self.spoil(&mut message);
            cx.send(to, message);
        }
        result
    }

    fn spoil(&self, message: &mut Message) {
        static VOTES: AtomicU64 = AtomicU64::new(0);
        static FIRST: AtomicBool = AtomicBool::new(true);
        let term = message.term();
        match (self.flaw, message) {
            (Flaw::VotesForAll, Message::RequestVoteReply(reply)) => reply.granted = true,
            (Flaw::Moody, Message::RequestVoteReply(reply)) => {
                reply.granted &= !VOTES.fetch_add(1, Ordering::Relaxed).is_multiple_of(8);
            }
            (Flaw::AgreesToAll, Message::AppendEntriesReply(reply)) => {
                if let Appended::Conflict { .. } = reply.outcome {
                    reply.outcome = Appended::Matched(reply.prev);
                }
            }
            (Flaw::Panics, _) => assert!(term < Term::new(3), "no idea what to do in {term}"),
            (Flaw::PanicsOnce, _) => {
                assert!(!FIRST.swap(false, Ordering::Relaxed), "just this once");
            }
            _ => {}
        }
    }
}

impl Consensus for Broken {
    type Message = Message;

    fn boot(cx: &mut Cx<'_>, peers: &[NodeId], config: Config) -> Self {
        let (flaw, me) = (FLAW.get(), cx.me);
        let saved = labgob::decode::<(Term, Option<NodeId>)>(cx.disk.state());
        if let (Flaw::ForgetsItsVote, Ok((term, Some(_)))) = (flaw, saved) {
            cx.disk.save_state(&labgob::encode(&(term, None::<NodeId>)));
        }
        let raft = Raft::boot(cx, peers, config);
        Self { raft, flaw, me, again: None, command: Vec::new() }
    }

    fn on_message(&mut self, cx: &mut Cx<'_>, from: NodeId, message: Message) {
        let is_answer = matches!(message, Message::AppendEntriesReply(_));
        self.step(cx, |raft, cx| raft.on_message(cx, from, message));
        let Status { term, is_leader, .. } = self.raft.status();
        if self.flaw == Flaw::Storms && is_answer && is_leader {
            let (prev, commit) = (LogId::BEFORE_FIRST, Index::BEFORE_FIRST);
            for _ in 0..2 {
                let (entries, round) = (Entries::default(), 0);
                let append = AppendEntries { term, prev, entries, commit, round };
                cx.send(from, Message::AppendEntries(append));
            }
        }
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_>) {
        self.step(cx, Raft::on_wakeup);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.raft.next_wakeup()
    }

    fn propose(&mut self, cx: &mut Cx<'_>, command: &[u8]) -> Result<LogId, NotLeader> {
        self.step(cx, |raft, cx| raft.propose(cx, command))
    }

    fn next_applied<'a>(&'a mut self, disk: &'a dyn Persister) -> Option<Applied<'a>> {
        if let Some(id) = self.again.take() {
            return Some(Applied::Command { id, command: &self.command });
        }
        let applied = self.raft.next_applied(disk)?;
        match (self.flaw, applied) {
            (Flaw::AppliesTwice, Applied::Command { id, command }) if id.index.get() == 3 => {
                (self.again, self.command) = (Some(id), command.to_vec());
            }
            (Flaw::AppliesOther, Applied::Command { id, .. })
                if id.index.get() == 3 && self.me == NodeId::new(2) =>
            {
                self.command = b"something else".to_vec();
                return Some(Applied::Command { id, command: &self.command });
            }
            _ => {}
        }
        Some(applied)
    }

    fn snapshot(&mut self, cx: &mut Cx<'_>, upto: Index, state: &[u8]) {
        self.step(cx, |raft, cx| raft.snapshot(cx, upto, state));
    }

    fn status(&self) -> Status {
        let mut status = self.raft.status();
        if self.flaw == Flaw::LeadsTooSoon {
            status.is_leader |= self.raft.voted_for() == Some(self.me);
        }
        status
    }

    fn view(&self) -> Option<&dyn View> {
        self.raft.view()
    }
}

/// All scenarios for a Raft with this flaw.
fn catalogue(flaw: Flaw) -> Catalogue {
    let sound = Catalogue::of_raft::<Broken>();
    let broken = sound.cases().iter().cloned().map(|case| {
        let described = case.clone();
        Case::new(
            case.scenario,
            Arc::new(move |_| described.config()),
            Arc::new(move |seed, options| {
                FLAW.set(flaw);
                case.run(seed, options)
            }),
        )
    });
    Catalogue::new(broken.collect())
}

/// Runs a scenario with a few seeds, and demands that this property is found broken: the answer is
/// the lowest seed that does, and what is said.
fn caught(flaw: Flaw, scenario: &str, property: &str) -> (u64, String) {
    let catalogue = catalogue(flaw);
    let (seed, text) = (0..20)
        .filter_map(|seed| Some((seed, verdict(&catalogue, scenario, [seed]).err()?)))
        .find(|(_, text)| text.contains(&format!("reason:    {property}: ")))
        .unwrap_or_else(|| panic!("{property} is not found broken in {scenario}"));
    let expected = [
        format!("{scenario} failed 1 of 1 run\n"),
        format!("replay:    cargo run --release -- replay {scenario} --seed {seed}\n"),
        format!("replay {scenario} --seed {seed} --trace {scenario}-{seed}.txt\n"),
        format!("replay {scenario} --seed {seed} --html {scenario}-{seed}.html\n"),
        "the last 12 records of its trace:\n".to_string(),
    ];
    for line in expected {
        assert!(text.contains(&line), "`{line}` is missing in:\n{text}");
    }
    (seed, text)
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    for scenario in ["many_elections_2a", "backup_2b", "persist2_2c", "snapshot_install_crash_2d"] {
        assert_eq!(verdict(&catalogue(Flaw::None), scenario, 0..2), Ok(()));
    }
}

#[test]
fn what_passes_and_is_another_run_the_second_time() {
    let said = verdict(&catalogue(Flaw::Moody), "many_elections_2a", 0..4).unwrap_err();
    assert!(said.starts_with("many_elections_2a is not deterministic: seed 0 came to "), "{said}");
    assert!(said.contains("`cargo run --release -- determinism many_elections_2a`"), "{said}");
}

#[test]
fn a_vote_that_is_not_on_the_disk() {
    caught(Flaw::ForgetsItsVote, "double_vote_2x", "durable before promised");
    caught(Flaw::ForgetsItsVote, "persist2_2c", "one vote per term");
}

#[test]
fn a_vote_for_oneself_that_is_not_on_the_disk() {
    caught(Flaw::ForgetsToVoteForItself, "double_vote_2x", "durable before promised");
}

#[test]
fn an_entry_that_is_applied_twice() {
    let (seed, text) = caught(Flaw::AppliesTwice, "basic_agree_2b", "in-order apply");
    assert_eq!(seed, 0);
    assert!(text.contains("entry 3 after entry 3"), "{text}");
}

#[test]
fn an_entry_that_is_another_on_one_server() {
    caught(Flaw::AppliesOther, "basic_agree_2b", "state machine safety");
}

#[test]
fn a_vote_for_everyone() {
    caught(Flaw::VotesForAll, "many_elections_2a", "election safety");
    caught(Flaw::VotesForAll, "persist3_2c", "leader completeness");
}

#[test]
fn a_leader_before_it_is_elected() {
    caught(Flaw::LeadsTooSoon, "re_election_2a", "election safety");
    caught(Flaw::LeadsTooSoon, "fail_agree_2b", "leader completeness");
}

#[test]
fn entries_that_are_acknowledged_and_not_there() {
    caught(Flaw::AgreesToAll, "rejoin_2b", "committed on a majority");
}

/// The traffic doubles with each round trip: a script that sleeps for a second never wakes up.
#[test]
fn a_storm_of_messages_comes_to_an_end() {
    let (_, text) = caught(Flaw::Storms, "initial_election_2a", "step limit");
    assert!(text.contains("more than 100000 steps per simulated second"), "{text}");
}

#[test]
fn a_panic_is_a_failure_with_a_place() {
    let (_, text) = caught(Flaw::Panics, "many_elections_2a", "panic");
    assert!(text.contains("broken.rs"), "{text}");
    assert!(text.contains("no idea what to do in t3"), "{text}");
}

/// Runs one of the macro's tests as `cargo test` does, in a process of its own, with a flaw asked
/// for: it must fail, and say which runs did, of which property, and how to see it again.
#[test]
fn one_line_makes_the_tests_that_find_it() {
    for (flaw, scenario, property) in [
        (Flaw::AppliesTwice, "basic_agree_2b", "in-order apply"),
        (Flaw::VotesForAll, "many_elections_2a", "election safety"),
    ] {
        let test = format!("one_line::{scenario}");
        let mut command = Command::new(env::current_exe().expect("this program"));
        command.args(["--exact", test.as_str(), "--nocapture"]);
        command.env_remove("LAB_SEED").env("LAB_SEEDS", "20").env("BROKEN", format!("{flaw:?}"));
        let output = command.output().expect("this program runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{test} passes:\n{said}");
        let seed = said.lines().find_map(|line| line.strip_prefix("  seed:      "));
        let seed = seed.unwrap_or_else(|| panic!("no seed is named:\n{said}"));
        for line in [
            format!("test {test} ... "),
            format!("\n{scenario} failed "),
            format!("\n  {property}: seed"),
            format!("\n  scenario:  {scenario}\n"),
            format!("\n  reason:    {property}: "),
            format!("\n  replay:    cargo run --release -- replay {scenario} --seed {seed}\n"),
            "test result: FAILED. 0 passed; 1 failed; ".to_string(),
        ] {
            assert!(said.contains(&line), "`{line}` is missing in:\n{said}");
        }
    }
}

/// Runs the command for a broken Raft.
fn lab(flaw: Flaw, command_line: &str) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console { out: &mut out, err: &mut err, progress: false };
    let words = std::iter::once("lab").chain(command_line.split(' '));
    let status = main_with(&catalogue(flaw).with_program("my-lab"), words, &mut console);
    (status, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn the_command_says_which_seeds_failed_and_shows_the_first() {
    let command_line = "run 2a basic_agree_2b --seeds 4";
    let (status, out, err) = lab(Flaw::AppliesTwice, command_line);
    assert_eq!((status, err.as_str()), (FAILED, ""), "{out}");
    for line in [
        " 4 FAILED: 4\n",
        "\nbasic_agree_2b failed 4 of 4 runs\n  in-order apply: seeds 0-3\n",
        "  seed:      0\n",
        "  replay:    my-lab replay basic_agree_2b --seed 0\n",
        "\n4 scenarios, 16 runs: 4 FAILED in 1 scenario\n",
    ] {
        assert!(out.contains(line), "`{line}` is missing in:\n{out}");
    }
    assert_eq!(out.matches(" passed\n").count(), 3, "{out}");

    let (status, out, err) = lab(Flaw::AppliesTwice, "replay basic_agree_2b --seed 2");
    assert_eq!((status, err.as_str()), (FAILED, ""));
    assert!(out.contains("boot    life 0\n") && out.contains("basic_agree_2b with seed 2: FAILED"));
    assert!(out.contains("  reason:    in-order apply: "), "{out}");
}

#[test]
fn what_changes_from_run_to_run_is_found() {
    let (status, out, _) = lab(Flaw::Moody, "determinism many_elections_2a --seeds 4");
    assert_eq!(status, FAILED, "{out}");
    assert!(out.contains("DIFFER\n  seeds "), "{out}");
    assert!(out.contains("records are the same in both\n"), "{out}");
    assert!(out.contains("  - once, record ") && out.contains("  + again, record "), "{out}");
    assert!(out.lines().last().is_some_and(|line| line.starts_with("fingerprints: ")), "{out}");
}

#[test]
fn what_fails_twice_in_the_same_way_is_no_difference() {
    let (status, out, _) = lab(Flaw::AppliesTwice, "determinism basic_agree_2b --seeds 4");
    assert_eq!(status, WELL, "{out}");
    assert!(out.contains("4 runs FAILED, which is no difference"), "{out}");
    assert!(out.contains("\n4 runs, each the same both times\n"), "{out}");
}

#[test]
fn a_failure_that_does_not_come_again_is_told_as_such() {
    let text = verdict(&catalogue(Flaw::PanicsOnce), "initial_election_2a", [7]).unwrap_err();
    assert!(text.contains("reason:    panic: at "), "{text}");
    assert!(text.contains("This run is not deterministic"), "{text}");
    assert!(text.contains("when it was run again (passed)"), "{text}");
}
