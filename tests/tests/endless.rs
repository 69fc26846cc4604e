//! A Raft that does not come back from a call: the run fails and says where, instead of standing still.

use labrpc::{Context, Instant, NodeId, Persister, Record};
use raft::{Applied, Config, Consensus, Index, LogId, Message, NotLeader, Raft, Status};
use std::cell::Cell;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use tests::catalogue::{Case, Catalogue};
use tests::cli::testing::{verdict, verdict_within};
use tests::cli::{Console, FAILED, main_with};

type Cx<'a> = Context<'a, Message>;

/// From which call it does not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hang {
    /// From its boot.
    Boot,
    /// From a message: the one that brings entry 3.
    Message,
    /// From being asked for its status, once entry 3 is committed.
    Status,
    /// As `Message`, but the first time only. From then on it panics at whatever it is told.
    Once,
}

thread_local! {
    /// What is wrong with the servers that are booted on this thread.
    static HANG: Cell<Option<Hang>> = const { Cell::new(None) };
}

/// Never comes back, as a loop without an end; but the other tests have the processor meanwhile.
fn hang() -> ! {
    loop {
        thread::park();
    }
}

/// The reference, but for one call.
#[derive(Clone)]
struct Hangs {
    raft: Raft,
    hang: Option<Hang>,
}

impl Consensus for Hangs {
    type Message = Message;

    fn boot(cx: &mut Cx<'_>, peers: &[NodeId], config: Config) -> Self {
        let wrong = HANG.get();
        if wrong == Some(Hang::Boot) {
            hang();
        }
        Self { raft: Raft::boot(cx, peers, config), hang: wrong }
    }

    fn on_message(&mut self, cx: &mut Cx<'_>, from: NodeId, message: Message) {
        static HUNG: AtomicBool = AtomicBool::new(false);
        let has_third = matches!(&message, Message::AppendEntries(append)
            if append.prev.index.get() == 2 && !append.entries.is_empty());
        match self.hang {
            Some(Hang::Message) if has_third => hang(),
            Some(Hang::Once) if HUNG.load(Ordering::Relaxed) => panic!("not again"),
            Some(Hang::Once) if has_third => {
                HUNG.store(true, Ordering::Relaxed);
                hang()
            }
            _ => self.raft.on_message(cx, from, message),
        }
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_>) {
        self.raft.on_wakeup(cx);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.raft.next_wakeup()
    }

    fn propose(&mut self, cx: &mut Cx<'_>, command: &[u8]) -> Result<LogId, NotLeader> {
        self.raft.propose(cx, command)
    }

    fn next_applied<'a>(&'a mut self, disk: &'a dyn Persister) -> Option<Applied<'a>> {
        self.raft.next_applied(disk)
    }

    fn snapshot(&mut self, cx: &mut Cx<'_>, upto: Index, state: &[u8]) {
        self.raft.snapshot(cx, upto, state);
    }

    fn status(&self) -> Status {
        let status = self.raft.status();
        if self.hang == Some(Hang::Status) && status.commit.get() == 3 {
            hang();
        }
        status
    }
}

/// All scenarios for a Raft that does not come back from this.
fn catalogue(hang: Option<Hang>) -> Catalogue {
    let sound = Catalogue::of_raft::<Hangs>();
    let wrong = sound.cases().iter().cloned().map(|case| {
        let described = case.clone();
        Case::new(
            case.scenario,
            Arc::new(move |_| described.config()),
            Arc::new(move |seed, options| {
                HANG.set(hang);
                case.run(seed, options)
            }),
        )
    });
    Catalogue::new(wrong.collect())
}

/// What the command says of a run that does not come back: it fails, and complains of nothing.
fn replay(hang: Hang, options: &str) -> String {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console { out: &mut out, err: &mut err, progress: false };
    let line = format!("lab replay basic_agree_2b --seed 2 --patience 1 {options}");
    let status = main_with(&catalogue(Some(hang)), line.split_whitespace(), &mut console);
    let [out, err] = [out, err].map(|text| String::from_utf8(text).expect("text"));
    assert_eq!((status, err.as_str()), (FAILED, ""), "{out}");
    assert!(out.contains("basic_agree_2b with seed 2: FAILED\n"), "{out}");
    out
}

fn reason(text: &str) -> &str {
    let line = text.lines().find_map(|line| line.strip_prefix("  reason:    endless loop: "));
    line.unwrap_or_else(|| panic!("no reason in:\n{text}"))
}

#[test]
fn a_test_says_where_it_hangs_and_runs_no_other_seed() {
    assert_eq!(verdict(&catalogue(None), "basic_agree_2b", 0..3), Ok(()));
    for (hang, expected) in [
        (Hang::Boot, "a server does not come back from its boot"),
        (Hang::Message, "n1 does not come back from a message from n2: AppendEntries {"),
        (Hang::Status, "between two steps something does not come back"),
        (Hang::Once, "a step did not come back; made again, the run failed: panic: "),
    ] {
        let (catalogue, patience) = (catalogue(Some(hang)), Duration::from_secs(1));
        let text = verdict_within(&catalogue, "basic_agree_2b", 0..3, patience).unwrap_err();
        let head = "basic_agree_2b failed 1 of 1 run\n  endless loop: seed 0\n";
        assert!(text.starts_with(head), "{text}");
        assert!(reason(&text).starts_with(expected), "{text}");
    }
}

/// The step that does not come back is the last in every form of the trace.
#[test]
fn a_replay_ends_with_the_step_that_hangs() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let written = |name: &str| fs::read_to_string(file(name)).expect("a file");
    let [text, json, html] = ["trace.txt", "trace.json", "run.html"].map(file);
    let out = replay(Hang::Message, &format!("--trace {text} --json-trace {json} --html {html}"));

    let (step, place) = reason(&out).rsplit_once(" (event ").expect("a place");
    let event = place.split_once(',').expect("a time").0;
    let (node, step) = step.split_once(" does not come back from a message from ").expect("a step");
    let (from, message) = step.split_once(": ").expect("a message");
    let trace = written("trace.txt");
    let last = trace.lines().last().expect("a record");
    assert!(message.starts_with("AppendEntries {"), "{message}");
    assert!(last.contains(&format!(" {node}   <- {from}   {message}  (sent ")), "{last}");
    assert_eq!(last.split_whitespace().next(), Some(event));
    let from_json = written("trace.json").lines().fold(String::new(), |text, line| {
        let record: Record = serde_json::from_str(line).expect("a record");
        text + &record.to_string() + "\n"
    });
    assert_eq!(from_json, trace);
    assert!(written("run.html").contains(" does not come back from a message from "));

    let out = replay(Hang::Message, "--until 0.01");
    let shown: Vec<&str> = out.lines().take_while(|line| !line.is_empty()).collect();
    let before: Vec<&str> = trace.lines().take(shown.len()).collect();
    assert!(shown.len() >= 3 && shown.len() < trace.lines().count() && shown == before, "{out}");
}

/// Before there is a world to look at; and between two steps, where the camera asks, too.
#[test]
fn a_replay_says_what_hangs_outside_of_a_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let [text, html] = ["trace.txt", "run.html"].map(file);
    for (hang, expected, last) in [
        (Hang::Boot, "a server does not come back from its boot", None),
        (Hang::Status, "between two steps something does not", Some("** committed: up to 3")),
    ] {
        let out = replay(hang, &format!("--trace {text} --html {html}"));
        assert!(reason(&out).starts_with(expected), "{out}");
        let trace = fs::read_to_string(&text).expect("a file");
        let end = trace.lines().last().and_then(|line| line.get(line.find("** ")?..));
        assert_eq!(end, last, "{trace}");
        assert!(fs::read_to_string(&html).expect("a file").contains(expected));
    }
}
