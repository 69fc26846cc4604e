//! Messages that no correct server sends, in every role: nothing panics, nothing that was committed
//! changes, and what is refused is counted and noted and does nothing to the log.
//!
//! A well-typed lie may be believed: it can depose a leader, commit what no majority has, or
//! replace what is not committed. What a server itself knows to be committed it never gives up.

use labgob::Bytes;
use labrpc::{Context, Disk, Instant, NodeId, Notes, Persister, Rng};
use proptest::collection::vec;
use proptest::prelude::*;
use raft::{
    AppendEntries, AppendEntriesReply, Appended, Applied, Config, Consensus, Entries, Index,
    InstallSnapshot, InstallSnapshotReply, LogId, Message, Raft, ReadId, RequestVote,
    RequestVoteReply, Status, Term, View,
};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

const ME: NodeId = NodeId::new(0);
const SERVERS: u16 = 5;

/// What happens to the victim next.
#[derive(Clone, Debug)]
enum Input {
    /// A message from a member or a stranger. With `relative`, its term is as far from the
    /// victim's.
    Message {
        from: u16,
        message: Message,
        relative: Option<i8>,
    },
    /// Bytes from the wire, which may be a message.
    Bytes {
        from: u16,
        bytes: Vec<u8>,
    },
    Wake {
        after_ms: u64,
    },
    Propose(Vec<u8>),
    Read,
    /// A snapshot of what is applied.
    Snapshot,
    Restart,
}

// ---- the victim ------------------------------------------------------------------------------

struct Victim {
    raft: Raft,
    disk: Disk,
    dice: Rng,
    now: Instant,
    config: Config,
    /// What it knew to be committed in this life, or has in a snapshot.
    committed: BTreeMap<u64, (Term, Vec<u8>)>,
    applied: Index,
    /// Reads that are not decided, and what was committed when they were asked for.
    reads: VecDeque<(ReadId, Index)>,
}

type Cx<'a> = Context<'a, Message>;

fn boot(cx: &mut Cx<'_>, config: &Config) -> Raft {
    let peers: Vec<NodeId> = (0..SERVERS).map(NodeId::new).collect();
    Raft::boot(cx, &peers, config.clone())
}

impl Victim {
    fn new(config: Config) -> Self {
        let (mut disk, mut dice) = (Disk::default(), Rng::new(1));
        let (mut outbox, mut notes, now) = (Vec::new(), Notes::off(), Instant::ZERO);
        let mut cx = Context::new(ME, now, &mut dice, &mut disk, &mut outbox, &mut notes);
        let raft = boot(&mut cx, &config);
        let (committed, applied, reads) = (BTreeMap::new(), Index::BEFORE_FIRST, VecDeque::new());
        Self { raft, disk, dice, now, config, committed, applied, reads }
    }

    fn step(&mut self, f: impl FnOnce(&mut Raft, &mut Cx<'_>)) -> (usize, bool) {
        let (mut outbox, mut notes) = (Vec::new(), Notes::on());
        let mut cx =
            Context::new(ME, self.now, &mut self.dice, &mut self.disk, &mut outbox, &mut notes);
        f(&mut self.raft, &mut cx);
        let refused = notes.drain().any(|note| note.what == "refused");
        (outbox.len(), refused)
    }

    fn take(&mut self, input: Input) {
        let before = self.raft.status();
        match input {
            Input::Message { from, mut message, relative } => {
                if let Some(delta) = relative {
                    let term = before.term.get().saturating_add_signed(delta.into());
                    set_term(&mut message, Term::new(term));
                }
                self.hear(NodeId::new(from), message);
            }
            Input::Bytes { from, bytes } => {
                if let Ok(message) = labgob::decode(&bytes) {
                    self.hear(NodeId::new(from), message);
                }
            }
            Input::Wake { after_ms } => {
                self.now = self.now + Duration::from_millis(after_ms);
                self.step(Raft::on_wakeup);
            }
            Input::Propose(command) => {
                self.step(|raft, cx| raft.propose(cx, &command).map_or((), |_| ()));
            }
            Input::Read => self.read(),
            Input::Snapshot => {
                let upto = self.applied;
                self.step(|raft, cx| raft.snapshot(cx, upto, b"state"));
            }
            Input::Restart => return self.restart(),
        }
        self.check(before);
    }

    fn hear(&mut self, from: NodeId, message: Message) {
        let before = (self.raft.status(), self.raft.log(), self.disk.clone());
        let (sent, refused) = self.step(|raft, cx| raft.on_message(cx, from, message));
        let after = self.raft.status();
        assert_eq!(after.refused - before.0.refused, u64::from(refused), "counted and noted");
        if refused {
            assert_eq!(sent, 0, "a refused message has no answer");
            assert_eq!((before.0.last, before.0.commit), (after.last, after.commit));
            assert_eq!(before.1, self.raft.log());
            assert_eq!(before.2.log(), self.disk.log());
            assert_eq!(before.2.snapshot(), self.disk.snapshot());
        }
    }

    fn read(&mut self) {
        let status = self.raft.status();
        let mut answer = None;
        self.step(|raft, cx| answer = raft.read(cx));
        let taken = answer.expect("it takes reads").ok();
        assert_eq!(taken.is_some(), status.is_leader, "only the leader takes reads");
        self.reads.extend(taken.map(|read| (read, status.commit)));
    }

    /// Reads are decided in the order in which they were asked for; by a leader in its reign, and
    /// all of them when that ends.
    fn pull_reads(&mut self) {
        let Status { commit, is_leader, .. } = self.raft.status();
        while let Some((read, decided)) = self.raft.next_read() {
            let (next, floor) = self.reads.pop_front().expect("it was asked for");
            assert_eq!(read, next, "in order, each once");
            match decided {
                Ok(index) => assert!(is_leader && (floor..=commit).contains(&index), "{index}"),
                Err(_) => assert!(!is_leader, "{read} is refused by a leader"),
            }
        }
        assert!(is_leader || self.reads.is_empty(), "{:?} are left over", self.reads);
    }

    /// Whatever it has been told, it has to boot from it; what was committed it learns anew.
    fn restart(&mut self) {
        self.raft = self.booted();
        self.applied = Index::BEFORE_FIRST;
        self.reads.clear();
        let covered = View::covered(&self.raft).index.get();
        self.committed.retain(|&index, _| index <= covered);
        self.pull();
    }

    fn booted(&mut self) -> Raft {
        let (mut outbox, mut notes) = (Vec::new(), Notes::off());
        let mut cx =
            Context::new(ME, self.now, &mut self.dice, &mut self.disk, &mut outbox, &mut notes);
        boot(&mut cx, &self.config)
    }

    fn pull(&mut self) {
        while let Some(applied) = self.raft.next_applied(&self.disk) {
            match applied {
                Applied::Command { id, command } => {
                    assert_eq!(id.index, self.applied.next(), "in order, each once");
                    let known = self.committed.get(&id.index.get()).expect("it is committed");
                    assert_eq!(known, &(id.term, command.to_vec()));
                    self.applied = id.index;
                }
                Applied::Snapshot { last, .. } => {
                    assert!(last.index > self.applied, "rolled back to {last}");
                    self.applied = last.index;
                }
            }
        }
    }

    fn check(&mut self, before: Status) {
        let after = self.raft.status();
        assert!(after.term >= before.term, "the term falls");
        assert!(after.commit >= before.commit, "the commit index falls");
        for index in Index::span(self.raft.log().start, after.commit) {
            let (term, command) = self.raft.entry(&self.disk, index).expect("it is held");
            let entry = (term, command.to_vec());
            let known = self.committed.entry(index.get()).or_insert_with(|| entry.clone());
            assert_eq!(*known, entry, "committed entry {index} changed");
        }
        self.pull();
        self.pull_reads();
        assert_eq!(self.applied, after.commit);
        let (disk, dice) = (self.disk.clone(), self.dice.clone());
        let booted = self.booted().status();
        assert_eq!((booted.term, booted.last), (after.term, after.last), "after a boot");
        (self.disk, self.dice) = (disk, dice);
    }
}

fn set_term(message: &mut Message, term: Term) {
    *match message {
        Message::RequestVote(m) => &mut m.term,
        Message::RequestVoteReply(m) => &mut m.term,
        Message::AppendEntries(m) => &mut m.term,
        Message::AppendEntriesReply(m) => &mut m.term,
        Message::InstallSnapshot(m) => &mut m.term,
        Message::InstallSnapshotReply(m) => &mut m.term,
    } = term;
}

// ---- what is thrown at it ----------------------------------------------------------------------

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        12 => 0..10_u64,
        1 => prop::sample::select(vec![u64::MAX, u64::MAX - 1, u64::MAX / 4, u64::MAX / 4 + 1]),
        1 => any::<u64>(),
    ]
}

fn term() -> impl Strategy<Value = Term> {
    number().prop_map(Term::new)
}

fn index() -> impl Strategy<Value = Index> {
    number().prop_map(Index::new)
}

/// Mostly none, or one that has begun, or the next.
fn round() -> impl Strategy<Value = u64> {
    prop_oneof![2 => Just(0_u64), 4 => 0..4_u64, 1 => number()]
}

fn id() -> impl Strategy<Value = LogId> {
    let near = (0..4_u64, 0..10_u64).prop_map(|(term, index)| LogId::new(term, index));
    prop_oneof![
        4 => near,
        1 => Just(LogId::BEFORE_FIRST),
        1 => (term(), index()).prop_map(|(term, index)| LogId { term, index }),
    ]
}

fn entries() -> impl Strategy<Value = Entries> {
    let proper = vec((0..6_u64, vec(any::<u8>(), 0..3)), 0..6).prop_map(|mut list| {
        list.sort_by_key(|entry| entry.0);
        list
    });
    let wild = vec((number(), vec(any::<u8>(), 0..3)), 0..4);
    let entries = prop_oneof![4 => proper, 1 => wild].prop_map(|list| {
        let mut entries = Entries::default();
        for (term, command) in &list {
            entries.push(Term::new(*term), command);
        }
        entries
    });
    // A count that lies, and bytes that are no entries.
    let garbage = (prop_oneof![0..4_u32, any::<u32>()], vec(any::<u8>(), 0..12)).prop_map(
        |(count, bytes)| {
            let bytes = labgob::encode(&(count, Bytes::from(bytes)));
            labgob::decode(&bytes).expect("whether they are entries is seen later")
        },
    );
    prop_oneof![6 => entries, 1 => garbage]
}

fn message() -> impl Strategy<Value = Message> {
    let conflict = (prop::option::of(term()), index())
        .prop_map(|(term, first)| Appended::Conflict { term, first });
    let matched = index().prop_map(Appended::Matched);
    let outcome = prop_oneof![3 => matched, 2 => conflict, 1 => Just(Appended::Stale)];
    let state = vec(any::<u8>(), 0..4).prop_map(Bytes::from);
    prop_oneof![
        1 => (term(), id()).prop_map(|(term, last)| RequestVote { term, last }.into_message()),
        1 => (term(), any::<bool>())
            .prop_map(|(term, granted)| RequestVoteReply { term, granted }.into_message()),
        4 => (term(), id(), entries(), index(), round()).prop_map(
            |(term, prev, entries, commit, round)| {
                AppendEntries { term, prev, entries, commit, round }.into_message()
            }
        ),
        3 => (term(), index(), outcome, round()).prop_map(|(term, prev, outcome, round)| {
            AppendEntriesReply { term, prev, outcome, round }.into_message()
        }),
        1 => (term(), id(), state)
            .prop_map(|(term, last, state)| InstallSnapshot { term, last, state }.into_message()),
        1 => (term(), prop::option::of(index())).prop_map(|(term, matched)| {
            InstallSnapshotReply { term, matched }.into_message()
        }),
    ]
}

/// Any of the six, as a message.
trait IntoMessage {
    fn into_message(self) -> Message;
}

macro_rules! into_message {
    ($($kind:ident)*) => {
        $(impl IntoMessage for $kind {
            fn into_message(self) -> Message {
                Message::$kind(self)
            }
        })*
    };
}
into_message! {
    RequestVote RequestVoteReply AppendEntries AppendEntriesReply InstallSnapshot
    InstallSnapshotReply
}

fn input() -> impl Strategy<Value = Input> {
    let from = 0..SERVERS + 1;
    let relative = prop::option::weighted(0.8, -1..=1_i8);
    let garbled = (message(), vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)).prop_map(
        |(message, changes)| {
            let mut bytes = labgob::encode(&message);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        },
    );
    let bytes = prop_oneof![2 => garbled, 1 => vec(any::<u8>(), 0..40)];
    prop_oneof![
        12 => (from.clone(), message(), relative)
            .prop_map(|(from, message, relative)| Input::Message { from, message, relative }),
        2 => (from, bytes).prop_map(|(from, bytes)| Input::Bytes { from, bytes }),
        2 => (0..700_u64).prop_map(|after_ms| Input::Wake { after_ms }),
        2 => vec(any::<u8>(), 0..4).prop_map(Input::Propose),
        2 => Just(Input::Read),
        1 => Just(Input::Snapshot),
        1 => Just(Input::Restart),
    ]
}

/// A follower with these entries, of which some are committed, and some of these in a snapshot.
fn follower(terms: &[u64], commit: u64, snapshot: bool, config: Config) -> Victim {
    let mut victim = Victim::new(config);
    let mut entries = Entries::default();
    for &term in terms {
        entries.push(Term::new(term), b"x");
    }
    let term = Term::new(terms.last().copied().unwrap_or(0) + 1);
    let (prev, commit) = (LogId::BEFORE_FIRST, Index::new(commit));
    let message = Message::AppendEntries(AppendEntries { term, prev, entries, commit, round: 0 });
    victim.take(Input::Message { from: 1, message, relative: None });
    if snapshot {
        victim.take(Input::Snapshot);
    }
    victim
}

/// Puts it into a role: 0 stays a follower, 1 campaigns, 2 leads.
fn promote(victim: &mut Victim, role: u8) {
    if role > 0 {
        victim.take(Input::Wake { after_ms: 700 });
    }
    if role > 1 {
        for from in 1..=2 {
            let message = Message::RequestVoteReply(RequestVoteReply {
                term: Term::default(),
                granted: true,
            });
            victim.take(Input::Message { from, message, relative: Some(0) });
        }
        assert!(victim.raft.status().is_leader);
        victim.take(Input::Propose(b"y".to_vec()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn no_message_shakes_what_is_committed(
        mut terms in vec(1..4_u64, 0..8),
        commit in 0..8_u64,
        snapshot in any::<bool>(),
        tail in prop_oneof![Just(0_u64), 1..4_u64],
        window in prop_oneof![Just(1_usize), Just(3)],
        max_entries in prop_oneof![Just(1_usize), Just(64)],
        role in 0..3_u8,
        inputs in vec(input(), 1..40),
    ) {
        terms.sort_unstable();
        let config = Config {
            max_entries,
            max_in_flight: window,
            snapshot_tail: tail,
            ..Config::default()
        };
        let mut victim = follower(&terms, commit, snapshot, config);
        promote(&mut victim, role);
        for input in inputs {
            victim.take(input);
        }
    }
}
