//! Bounded exhaustive exploration: that it is complete, finds what is wrong, and does not shrink.

use labrpc::{Context, Instant, NodeId, Persister};
use raft::{
    Applied, Config, Consensus, Index, LogId, Message, NotLeader, Raft, Status, Term, View,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use tests::cli::{BAD_USE, Console, UNDECIDED, WELL, main_with};
use tests::explore::{Bounds, Explorable, Found, Limits, Report, Verdict, explore, second_opinion};
use tests::mutants::{Corpus, Scratch, Sources, patch};

type Cx<'a> = Context<'a, Message>;

/// The bounds that are small enough for every way to explore them.
const SMALL: Bounds = Bounds {
    servers: 3,
    terms: 1,
    commands: 1,
    crashes: 0,
    snapshots: 0,
    elections: None,
    heartbeats: Some(0),
    in_flight: None,
    symmetry: true,
    covering: true,
};

fn report<C: Explorable>(bounds: Bounds) -> Report {
    explore::<C>(bounds, Limits::default(), &mut |_| {}).expect("servers boot")
}

/// How many states there are, all of them well.
fn states(bounds: Bounds) -> usize {
    let Report { verdict, progress, .. } = report::<Raft>(bounds);
    assert!(matches!(verdict, Verdict::Holds), "{bounds}: {verdict:?}");
    progress.states
}

fn found<C: Explorable>(bounds: Bounds) -> Found {
    match report::<C>(bounds).verdict {
        Verdict::Violated(found) => found,
        other => panic!("{bounds}: {other:?}"),
    }
}

fn each_way(bounds: Bounds) -> [Bounds; 4] {
    [(true, true), (true, false), (false, true), (false, false)]
        .map(|(symmetry, covering)| Bounds { symmetry, covering, ..bounds })
}

/// If one of these changes, the rules of Raft have, or what the search takes for possible.
#[test]
fn the_correct_raft_has_so_many_states() {
    assert_eq!(each_way(SMALL).map(states), [368, 2_599, 881, 4_873]);
    let in_flight = Some(1);
    assert_eq!(states(Bounds { in_flight, ..SMALL }), 811);
    assert_eq!(states(Bounds { terms: 2, commands: 0, ..SMALL }), 5_189);
    assert_eq!(states(Bounds { crashes: 1, ..SMALL }), 1_208);
    assert_eq!(states(Bounds { snapshots: 1, ..SMALL }), 502);
    assert_eq!(states(Bounds { heartbeats: None, ..SMALL }), 2_326);
    assert_eq!(states(Bounds { terms: 2, elections: Some(2), ..SMALL }), 3_077);
}

#[test]
fn another_engine_counts_the_same_states() {
    for in_flight in [None, Some(1), Some(2)] {
        for symmetry in [true, false] {
            let bounds = Bounds { symmetry, in_flight, crashes: 1, commands: 0, ..SMALL };
            let bounds = Bounds { covering: false, ..bounds };
            let Report { progress, .. } = report::<Raft>(bounds);
            let opinion = second_opinion::<Raft>(bounds, None).expect("servers boot");
            assert!(opinion.holds && opinion.is_exhausted, "{bounds}");
            assert_eq!((opinion.states, opinion.depth), (progress.states, progress.depth));
        }
    }
}

#[test]
fn a_search_that_reaches_its_limit_says_so() {
    let limits = Limits { states: 50 };
    let report = explore::<Raft>(SMALL, limits, &mut |_| {}).expect("servers boot");
    assert!(matches!(report.verdict, Verdict::Undecided), "{report:?}");
}

/// The vote is not there any more after a boot.
const FORGETS_ITS_VOTE: u8 = 0;
/// Who has voted, for whomever, says that it leads.
const LEADS_TOO_SOON: u8 = 1;
/// From term 2 on it cannot take votes.
const PANICS: u8 = 2;
/// A command is handed up as soon as it is in the log.
const APPLIES_WHAT_IT_HAS: u8 = 3;
/// For the length of one write there is rubbish on the disk.
const WRITES_RUBBISH: u8 = 4;
/// The same, when it boots.
const REPAIRS_BADLY: u8 = 5;
/// It cannot take the late heartbeat of somebody it has voted for since.
const CHOKES: u8 = 6;
/// What it has in its log it has not on its disk.
const LOSES: u8 = 7;

/// The reference, with a flaw.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Broken<const FLAW: u8> {
    raft: Raft,
    applied: u64,
}

impl<const FLAW: u8> Consensus for Broken<FLAW> {
    type Message = Message;

    fn boot(cx: &mut Cx<'_>, peers: &[NodeId], config: Config) -> Self {
        let saved = labgob::decode::<(Term, Option<NodeId>)>(cx.disk.state());
        if let (FORGETS_ITS_VOTE, Ok((term, Some(_)))) = (FLAW, saved) {
            cx.disk.save_state(&labgob::encode(&(term, None::<NodeId>)));
        }
        if FLAW == REPAIRS_BADLY && !cx.disk.state().is_empty() {
            assert!(cx.disk.snapshot() != b"half", "half of a repair");
            let old = cx.disk.snapshot().to_vec();
            cx.disk.save_snapshot(b"half");
            cx.disk.save_snapshot(&old);
        }
        Self { raft: Raft::boot(cx, peers, config), applied: 0 }
    }

    fn on_message(&mut self, cx: &mut Cx<'_>, from: NodeId, message: Message) {
        if let (PANICS, Message::RequestVoteReply(reply)) = (FLAW, &message) {
            assert!(reply.term < Term::new(2), "no idea what to do with a vote in {}", reply.term);
        }
        if let (CHOKES, Message::AppendEntries(append)) = (FLAW, &message) {
            let is_old = append.term < self.raft.status().term;
            let is_late = is_old && self.raft.voted_for() == Some(from);
            let is_heartbeat = append.entries.is_empty() && append.commit > Index::BEFORE_FIRST;
            assert!(!(is_late && is_heartbeat), "it chokes on an old heartbeat");
        }
        self.raft.on_message(cx, from, message);
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_>) {
        self.raft.on_wakeup(cx);
        if FLAW == WRITES_RUBBISH {
            let state = cx.disk.state().to_vec();
            cx.disk.save_state(b"rubbish");
            cx.disk.save_state(&state);
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.raft.next_wakeup()
    }

    fn propose(&mut self, cx: &mut Cx<'_>, command: &[u8]) -> Result<LogId, NotLeader> {
        let id = self.raft.propose(cx, command)?;
        if FLAW == LOSES {
            cx.disk.truncate(id.index.get());
        }
        Ok(id)
    }

    fn next_applied<'a>(&'a mut self, disk: &'a dyn Persister) -> Option<Applied<'a>> {
        if FLAW != APPLIES_WHAT_IT_HAS {
            return self.raft.next_applied(disk);
        }
        let index = Index::new(self.applied + 1);
        let (term, command) = self.raft.entry(disk, index)?;
        self.applied += 1;
        Some(Applied::Command { id: LogId { term, index }, command })
    }

    fn snapshot(&mut self, cx: &mut Cx<'_>, upto: Index, state: &[u8]) {
        self.raft.snapshot(cx, upto, state);
    }

    fn status(&self) -> Status {
        let status = self.raft.status();
        let has_voted = self.raft.voted_for().is_some();
        let is_leader = status.is_leader || (FLAW == LEADS_TOO_SOON && has_voted);
        Status { is_leader, ..status }
    }

    fn view(&self) -> Option<&dyn View> {
        Some(&self.raft)
    }
}

#[test]
fn a_double_vote_after_a_restart_is_found_in_each_way() {
    let bounds = Bounds { commands: 0, crashes: 1, ..SMALL };
    for bounds in each_way(bounds) {
        assert!(states(bounds) > 100, "it takes a flaw");
        let found = found::<Broken<FORGETS_ITS_VOTE>>(bounds);
        assert_eq!(found.failure.property, "election safety", "{bounds}");
        let path = found.to_string();
        assert_eq!(path.matches("became leader: t1").count(), 2, "{path}");
        assert_eq!(path.matches("crashes, and boots").count(), 1, "{path}");
        assert_eq!(found.steps.len(), 7, "{path}");
    }
}

#[test]
fn what_is_found_is_told_step_by_step() {
    let found = found::<Broken<FORGETS_ITS_VOTE>>(Bounds { commands: 0, crashes: 1, ..SMALL });
    let expected = "   1 n0   election time-out
     n0   ** became candidate: t1, last entry 0@t0
   2 n1   election time-out
     n1   ** became candidate: t1, last entry 0@t0
   3 n2   <- n0   RequestVote { term: t1, last: 0@t0 }
     n2   ** voted: for n0 in t1
   4 n0   <- n2   RequestVoteReply { term: t1, granted: true }
     n0   ** became leader: t1, last entry 0@t0
   5 n0   crashes, and boots
   6 n0   <- n1   RequestVote { term: t1, last: 0@t0 }
     n0   ** voted: for n1 in t1
   7 n1   <- n0   RequestVoteReply { term: t1, granted: true }
     n1   ** became leader: t1, last entry 0@t0
election safety: n0 and n1 are both leaders of term 1";
    assert_eq!(found.to_string(), expected);
}

#[test]
fn other_flaws_are_found_by_their_properties() {
    let bounds = Bounds { terms: 2, ..SMALL };
    let soon = found::<Broken<LEADS_TOO_SOON>>(bounds);
    assert_eq!(soon.failure.property, "election safety", "{soon}");
    let panics = found::<Broken<PANICS>>(bounds);
    assert_eq!(panics.failure.property, "panic", "{panics}");
    assert!(panics.failure.facts.contains("no idea what to do with a vote in t2"), "{panics}");
    let applies = found::<Broken<APPLIES_WHAT_IT_HAS>>(bounds);
    assert_eq!(applies.failure.property, "leader completeness", "{applies}");
}

#[test]
fn a_step_is_cut_short_between_any_two_writes() {
    assert!(matches!(report::<Broken<WRITES_RUBBISH>>(SMALL).verdict, Verdict::Holds));
    let found = found::<Broken<WRITES_RUBBISH>>(Bounds { crashes: 1, ..SMALL });
    assert_eq!((&*found.failure.property, found.steps.len()), ("panic", 1), "{found}");
    assert!(found.to_string().contains("n0   crashes after write 2 of this step"), "{found}");
}

#[test]
fn a_boot_is_cut_short_as_any_step() {
    let bounds = Bounds { commands: 0, ..SMALL };
    let once = Bounds { crashes: 1, ..bounds };
    assert!(matches!(report::<Broken<REPAIRS_BADLY>>(once).verdict, Verdict::Holds));
    let found = found::<Broken<REPAIRS_BADLY>>(Bounds { crashes: 2, ..bounds });
    assert_eq!((&*found.failure.property, found.steps.len()), ("panic", 2), "{found}");
    assert!(found.to_string().contains("crashes after write 1 of this step"), "{found}");
}

/// Who sent the late message has crashed by then, so that it has to be sent before.
#[test]
fn what_was_sent_by_the_way_is_told_in_time() {
    let bounds = Bounds { terms: 2, crashes: 1, elections: Some(2), ..Bounds::default() };
    let found = found::<Broken<CHOKES>>(bounds);
    assert_eq!(found.failure.property, "panic", "{found}");
    let path = found.to_string();
    let (due, crash) = (path.find("heartbeats are due"), path.find("crashes, and boots"));
    assert!(due.is_some() && due < crash, "{path}");
}

#[test]
fn a_server_that_panics_when_it_is_looked_at_is_found() {
    let found = found::<Broken<LOSES>>(SMALL);
    assert_eq!(found.failure.property, "panic", "{found}");
    assert!(found.to_string().contains("is asked to commit a"), "{found}");
}

#[test]
fn the_command_says_what_it_has_explored() {
    let lab = |words: &[&str]| {
        let mut out = Vec::new();
        let words = ["lab", "explore"].iter().chain(words).map(ToString::to_string);
        let (mut err, catalogue) = (Vec::new(), tests::catalogue::Catalogue::reference());
        let mut console = Console { out: &mut out, err: &mut err, progress: false };
        let status = main_with(&catalogue, words, &mut console);
        (status, String::from_utf8(out).expect("text") + &String::from_utf8_lossy(&err))
    };
    let small = ["--terms", "1", "--heartbeats", "0"];
    let (status, said) = lab(&small);
    assert_eq!(status, WELL, "{said}");
    assert!(said.starts_with("the Raft of this workspace: 3 servers, terms up to 1"), "{said}");
    assert!(said.contains("368 distinct states") && said.contains("exhausted"), "{said}");
    let (status, said) = lab(&[&small[..], &["--states", "50"]].concat());
    assert_eq!(status, UNDECIDED, "{said}");
    let (status, said) = lab(&[&small[..], &["--stateright"]].concat());
    assert!(status == WELL && said.contains("2,599 distinct states"), "{said}");
    assert_eq!(lab(&["--servers", "6"]).0, BAD_USE);
}

/// Builds `lab` with a planted bug, and has it explore that.
fn explore_mutant(id: &str, arguments: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let sources = Sources::read(root, &root.join("target")).expect("the sources");
    let corpus = Corpus::find(&root.join("tests/mutants")).expect("the corpus");
    let mutant = corpus.files().iter().find(|it| it.id == id).expect("there is such a mutant");
    let mutant = mutant.read().expect("it can be read");
    let mut patched: BTreeMap<String, String> =
        patch::apply(&mutant, &sources).expect("it applies");
    let manifest = sources.text("tests/Cargo.toml").expect("the manifest");
    let manifest = manifest.replace("[features]\n", "[features]\ndefault = [\"exhaustive\"]\n");
    patched.insert("tests/Cargo.toml".to_string(), manifest);
    // One folder for all mutants, so that what they have in common is built once.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("explored-mutants");
    std::fs::create_dir_all(&folder).expect("a folder");
    let scratch = Scratch::new(&folder, 0, 1);
    let lab = scratch.lab(&sources, &patched).unwrap_or_else(|error| panic!("{error}"));
    let output = Command::new(lab).arg("explore").args(arguments).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
#[ignore = "builds the workspace, and searches for a minute: cargo test --release -- --ignored"]
fn planted_bugs_are_found_in_the_real_sources() {
    let words = ["--terms", "1", "--commands", "0", "--crashes", "1"];
    let out = explore_mutant("forgotten_vote", &words);
    assert!(out.contains("election safety: "), "{out}");
    assert!(out.contains("crashes, and boots"), "{out}");

    let words = ["--terms", "4", "--elections", "4", "--commands", "2", "--heartbeats", "0"];
    let words = [&words[..], &["--in-flight", "1"]].concat();
    let out = explore_mutant("figure_8", &words);
    assert!(out.contains("leader completeness: "), "{out}");
    assert!(out.contains("without entry 1, a, which was applied in t3"), "{out}");
}
