//! A grade looks at the same of everybody; and a promise that is not kept is shown where it was made.

use labrpc::{Context, Instant, NodeId, Persister, Trace};
use raft::{
    Applied, Config, Consensus, Index, LogId, Message, NotLeader, Raft, Status, Term, View,
};
use std::ops::Range;
use tests::catalogue::Catalogue;
use tests::kv::Over;
use tests::run::{Monitors, Options, Report};

type Cx<'a> = Context<'a, Message>;

const DURABLE: &str = "durable before promised";

/// What a server shows of its inside.
const NOTHING: u8 = 0;
const ALL: u8 = 1;
/// Something that is not so.
const A_LIE: u8 = 2;
/// What there is, but for the terms before the third.
const LATE: u8 = 3;

/// The reference, whose vote is not on the disk after a crash if it is forgetful, and what it shows.
#[derive(Clone)]
struct Layer<const FORGETS: bool, const SHOWS: u8>(Raft);

impl<const FORGETS: bool, const SHOWS: u8> Consensus for Layer<FORGETS, SHOWS> {
    type Message = Message;

    fn boot(cx: &mut Cx<'_>, peers: &[NodeId], config: Config) -> Self {
        let saved = labgob::decode::<(Term, Option<NodeId>)>(cx.disk.state());
        if let (true, Ok((term, Some(_)))) = (FORGETS, saved) {
            cx.disk.save_state(&labgob::encode(&(term, None::<NodeId>)));
        }
        Self(Raft::boot(cx, peers, config))
    }

    fn on_message(&mut self, cx: &mut Cx<'_>, from: NodeId, message: Message) {
        self.0.on_message(cx, from, message);
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_>) {
        self.0.on_wakeup(cx);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.0.next_wakeup()
    }

    fn propose(&mut self, cx: &mut Cx<'_>, command: &[u8]) -> Result<LogId, NotLeader> {
        self.0.propose(cx, command)
    }

    fn next_applied<'a>(&'a mut self, disk: &'a dyn Persister) -> Option<Applied<'a>> {
        self.0.next_applied(disk)
    }

    fn snapshot(&mut self, cx: &mut Cx<'_>, upto: Index, state: &[u8]) {
        self.0.snapshot(cx, upto, state);
    }

    fn status(&self) -> Status {
        self.0.status()
    }

    fn view(&self) -> Option<&dyn View> {
        match SHOWS {
            NOTHING => None,
            A_LIE => Some(self),
            LATE if self.0.status().term < Term::new(3) => None,
            _ => Some(&self.0),
        }
    }
}

/// A log without entries, all of which is said to be in a snapshot.
impl<const FORGETS: bool, const SHOWS: u8> View for Layer<FORGETS, SHOWS> {
    fn voted_for(&self) -> Option<NodeId> {
        None
    }

    fn log(&self) -> Range<Index> {
        Index::new(1)..Index::new(1)
    }

    fn covered(&self) -> LogId {
        self.0.status().last
    }

    fn entry<'a>(&'a self, _: &'a dyn Persister, _: Index) -> Option<(Term, &'a [u8])> {
        None
    }
}

fn graded() -> Options {
    Options { monitors: Monitors::Graded, ..Options::default() }
}

fn run<R: Consensus + 'static>(scenario: &str, seed: u64, options: &Options) -> Report {
    Catalogue::of_raft::<R>().find(scenario).expect("a scenario").run(seed, options)
}

/// The property that did not hold, if one did not.
fn failed(report: &Report) -> Option<&str> {
    report.outcome.as_ref().err().map(|failure| failure.property.as_str())
}

#[test]
fn a_promise_is_shown_where_it_was_made() {
    let mut found = 0;
    for seed in 0..40 {
        let options = Options { trace: Trace::all(), ..Options::default() };
        let sampled = run::<Layer<true, ALL>>("initial_election_2a", seed, &options);
        let options = Options { every_promise: true, ..options };
        let every = run::<Layer<true, ALL>>("initial_election_2a", seed, &options);
        assert_eq!(failed(&every), Some(DURABLE), "seed {seed}");
        let end = every.trace.last().map(|record| record.number);
        let promised = every.outcome.as_ref().unwrap_err().event;
        assert_eq!(Some(promised), end, "it ends there");
        if failed(&sampled) == Some(DURABLE) {
            found += 1;
            assert_eq!(sampled.outcome, every.outcome, "seed {seed}");
            assert_eq!(sampled.fingerprint, every.fingerprint, "seed {seed}");
        }
    }
    assert!((5..40).contains(&found), "a sample finds some: {found}");
}

#[test]
fn what_is_on_a_disk_counts_where_servers_crash() {
    let lost = |scenario: &str, options: &Options| {
        let runs = (0..20).map(|seed| run::<Layer<true, ALL>>(scenario, seed, options));
        runs.filter(|report| failed(report).is_some()).count()
    };
    for scenario in ["initial_election_2a", "basic_agree_2b"] {
        assert!(lost(scenario, &Options::default()) > 0, "{scenario}");
        assert_eq!(lost(scenario, &graded()), 0, "{scenario}");
    }
    assert!(lost("persist2_2c", &graded()) > 0);
}

/// Who shows its inside passes, and nobody else, whose run is the same.
#[test]
fn who_hides_its_inside_does_not_pass_for_it() {
    fn compare<const SHOWS: u8>(scenario: &str, said: &str) {
        let plain = run::<Layer<false, SHOWS>>(scenario, 3, &Options::default());
        let judged = run::<Layer<false, SHOWS>>(scenario, 3, &graded());
        assert_eq!(plain.fingerprint, judged.fingerprint, "{scenario}");
        assert_eq!(failed(&judged), Some("view"), "{scenario}");
        let facts = judged.outcome.unwrap_err().facts;
        assert!(facts.contains(said), "{scenario}: {facts}");
    }
    for scenario in ["initial_election_2a", "basic_agree_2b", "persist1_2c"] {
        assert_eq!(failed(&run::<Layer<false, ALL>>(scenario, 3, &graded())), None, "{scenario}");
        let hidden = run::<Layer<false, NOTHING>>(scenario, 3, &Options::default());
        assert_eq!(failed(&hidden), None, "{scenario}");
        compare::<NOTHING>(scenario, "`Consensus::view` has to");
        compare::<LATE>(scenario, "`Consensus::view` has to");
        assert_eq!(failed(&run::<Layer<false, A_LIE>>(scenario, 3, &graded())), Some("view"));
    }
}

#[test]
fn what_is_below_a_service_has_to_be_shown_too() {
    let run = |catalogue: &Catalogue, name: &str, options: &Options| {
        catalogue.find(name).unwrap().run(2, options)
    };
    for name in ["basic_3a", "snapshot_recover_3b"] {
        let hidden = Catalogue::of_kv::<Over<Layer<false, NOTHING>>>();
        assert_eq!(failed(&run(&hidden, name, &Options::default())), None, "{name}");
        assert_eq!(failed(&run(&hidden, name, &graded())), Some("view"), "{name}");
        let shown = Catalogue::of_kv::<Over<Layer<false, ALL>>>();
        assert_eq!(failed(&run(&shown, name, &graded())), None, "{name}");
    }
}

/// Everything that the reference shows is true, in all scenarios.
#[test]
fn the_reference_passes_as_graded() {
    for case in Catalogue::reference().graded().cases() {
        assert_eq!(case.run(5, &Options::default()).outcome, Ok(()), "{}", case.name());
    }
}

#[test]
fn a_grade_leaves_alone_what_groups_may_show() {
    let marks = |monitors| {
        let options = Options { marks: true, monitors, ..Options::default() };
        let report = Catalogue::reference().find("join_leave_4b").unwrap().run(1, &options);
        assert_eq!(report.outcome, Ok(()));
        report.marks
    };
    let (every, some) = (marks(Monitors::On), marks(Monitors::Graded));
    let lacking: Vec<_> = every.keys().filter(|what| !some.contains_key(*what)).collect();
    assert!(!lacking.is_empty(), "who looks across groups has seen nothing: {every:?}");
}
