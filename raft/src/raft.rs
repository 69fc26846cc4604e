//! The server: what arrives goes to the rule that handles it, and every change of role or term
//! happens here.
//!
//! A role's own code borrows the [`Node`] and says what happened; it never changes the role. So the
//! term rule ("if RPC request or response contains term T > currentTerm: set currentTerm = T,
//! convert to follower", figure 2) and each transition of figure 4 stand once, in this file.

use crate::election::{Candidate, Tally};
use crate::log::Log;
use crate::message::{AppendEntries, Message};
use crate::read::Decided;
use crate::refusal::Refusal;
use crate::replication::Leader;
use crate::storage::{self, HardState};
use crate::{Applied, Config, Consensus, Index, LogId, NotLeader, ReadId, Status, Term, View};
use labrpc::{Context, Instant, NodeId, Persister};
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::ops::Range;

pub(crate) type Cx<'a> = Context<'a, Message>;

/// A Raft server: the reference implementation of [`Consensus`].
///
/// ```
/// use labrpc::{Context, Disk, Instant, NodeId, Notes, Rng};
/// use raft::{Applied, Config, Consensus, LogId, Raft};
///
/// let (mut rng, mut disk) = (Rng::new(1), Disk::default());
/// let (mut outbox, mut notes) = (Vec::new(), Notes::off());
/// let me = NodeId::new(0);
/// let mut cx = Context::new(me, Instant::ZERO, &mut rng, &mut disk, &mut outbox, &mut notes);
///
/// // A cluster of one: it elects itself when its patience is over, and commits alone.
/// let mut raft = Raft::boot(&mut cx, &[me], Config::default());
/// cx.now = raft.next_wakeup().unwrap();
/// raft.on_wakeup(&mut cx);
/// assert_eq!(raft.propose(&mut cx, b"x = 1"), Ok(LogId::new(1, 1)));
/// assert_eq!(
///     raft.next_applied(&disk),
///     Some(Applied::Command { id: LogId::new(1, 1), command: b"x = 1" }),
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Raft {
    pub(crate) node: Node,
    pub(crate) role: Role,
}

/// Figure 4: the three states of a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Follower,
    Candidate(Candidate),
    Leader(Leader),
}

/// What a server has in every role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub me: NodeId,
    /// The other servers; what is kept for each of them is kept in this order.
    pub peers: Vec<NodeId>,
    pub config: Config,
    /// Figure 2, persistent state: currentTerm and votedFor …
    pub hard: HardState,
    /// … and log[], whose entries are on the disk.
    pub log: Log,
    /// Figure 2, volatile state: commitIndex …
    pub commit: Index,
    /// … and lastApplied.
    pub applied: Index,
    /// The leader of the present term, if it has been heard of.
    pub leader: Option<NodeId>,
    /// Appends of the present term that arrived before what comes before them, by their `prev`.
    pub early: BTreeMap<Index, AppendEntries>,
    /// Reads that are decided and not pulled yet.
    pub decided: Decided,
    pub refused: u64,
    pub timers: Timers,
}

/// Every instant that a server keeps. Two servers that differ only in these are equal, so that a
/// search through all states is not lost in times.
#[derive(Clone, Debug)]
pub(crate) struct Timers {
    /// When a follower or candidate runs out of patience.
    pub election: Instant,
    /// When a candidate or leader sends to each peer again, whatever happens.
    pub due: Vec<Instant>,
    /// When a leader repeats a round of reads that is not confirmed.
    pub round: Instant,
}

impl PartialEq for Timers {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Timers {}

impl Hash for Timers {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Node {
    pub fn term(&self) -> Term {
        self.hard.term
    }

    /// How many servers are a majority.
    pub fn quorum(&self) -> usize {
        let servers = self.peers.len() + 1;
        servers / 2 + 1
    }

    /// Which place a peer has in `peers`.
    pub fn slot(&self, peer: NodeId) -> Option<usize> {
        self.peers.iter().position(|&other| other == peer)
    }

    /// Section 5.2: timeouts are drawn anew each time, so that split votes do not repeat.
    pub fn reset_election_timer(&mut self, cx: &mut Cx<'_>) {
        self.timers.election = cx.now + cx.rng.duration(&self.config.election_timeout);
    }

    /// Changes term and vote, on the disk before anyone can hear of it.
    pub fn save(&mut self, cx: &mut Cx<'_>, term: Term, voted_for: Option<NodeId>) {
        assert!(term >= self.hard.term, "the term falls from {} to {term}", self.hard.term);
        if term > self.hard.term {
            self.early.clear();
        }
        self.hard = HardState { term, voted_for };
        storage::save_hard_state(cx.disk, self.hard);
    }

    pub fn commit_up_to(&mut self, cx: &mut Cx<'_>, index: Index) {
        assert!(index <= self.log.last().index, "commit {index} past the log {:?}", self.log);
        if index > self.commit {
            self.commit = index;
            cx.note("committed", format_args!("up to {index}"));
        }
    }
}

impl Raft {
    // ---- figure 4: the transitions -----------------------------------------------------------

    /// Discovers the current leader, or a new term.
    fn become_follower(&mut self, cx: &mut Cx<'_>, term: Term) {
        let node = &mut self.node;
        if term > node.term() {
            node.save(cx, term, None);
            node.leader = None;
        }
        match &mut self.role {
            Role::Follower => return,
            Role::Candidate(_) => {}
            Role::Leader(leader) => {
                if node.log.last().index > node.commit {
                    cx.note("deposed early", format_args!("with {} uncommitted", node.log.last()));
                }
                // A leader has had no election timer.
                node.reset_election_timer(cx);
                leader.give_up_reads(node);
            }
        }
        self.role = Role::Follower;
        cx.note("became follower", format_args!("{term}"));
    }

    /// Times out, starts an election; or times out again, starts a new one.
    fn become_candidate(&mut self, cx: &mut Cx<'_>) {
        let node = &mut self.node;
        let term = node.term().next();
        if matches!(self.role, Role::Candidate(_)) {
            cx.note("split vote", format_args!("nobody has won {}", node.term()));
        }
        node.save(cx, term, Some(node.me));
        node.leader = None;
        node.reset_election_timer(cx);
        cx.note("became candidate", format_args!("{term}, last entry {}", node.log.last()));
        let candidate = Candidate::campaign(node, cx);
        let tally = candidate.tally(node);
        self.role = Role::Candidate(candidate);
        self.decide(cx, tally);
    }

    /// Receives votes from a majority of servers.
    fn become_leader(&mut self, cx: &mut Cx<'_>) {
        let node = &mut self.node;
        assert!(matches!(self.role, Role::Candidate(_)), "{} leads without a campaign", node.me);
        node.leader = Some(node.me);
        cx.note("became leader", format_args!("{}, last entry {}", node.term(), node.log.last()));
        self.role = Role::Leader(Leader::take_office(node, cx));
    }

    fn decide(&mut self, cx: &mut Cx<'_>, tally: Tally) {
        match tally {
            Tally::Won => self.become_leader(cx),
            Tally::Open => {}
        }
    }

    // ---- dispatch ----------------------------------------------------------------------------

    fn handle(&mut self, cx: &mut Cx<'_>, from: NodeId, message: Message) -> Result<(), Refusal> {
        let slot = self.vet(from, &message)?;
        let term = message.term();
        // Figure 2, rules for all servers.
        if term > self.node.term() {
            self.become_follower(cx, term);
        }
        let current = term == self.node.term();
        if !current {
            cx.note(stale(&message), format_args!("{from} was in {term}"));
        }
        match message {
            Message::RequestVote(request) => self.node.on_request_vote(cx, from, &request),
            Message::RequestVoteReply(reply) => {
                // A vote counts in the term it was given in, and in no other.
                if let (true, Role::Candidate(candidate)) = (current, &mut self.role) {
                    candidate.on_answer(slot, reply.granted);
                    let tally = candidate.tally(&self.node);
                    self.decide(cx, tally);
                }
            }
            Message::AppendEntries(request) => {
                if current {
                    self.recognise_leader(cx, from)?;
                }
                self.node.on_append_entries(cx, from, &request)?;
            }
            Message::AppendEntriesReply(reply) => {
                if let (true, Role::Leader(leader)) = (current, &mut self.role) {
                    leader.on_append_reply(&mut self.node, cx, slot, &reply)?;
                }
            }
            Message::InstallSnapshot(request) => {
                if current {
                    self.recognise_leader(cx, from)?;
                }
                self.node.on_install_snapshot(cx, from, &request)?;
            }
            Message::InstallSnapshotReply(reply) => {
                if let (true, Role::Leader(leader), Some(matched)) =
                    (current, &mut self.role, reply.matched)
                {
                    leader.on_snapshot_reply(&mut self.node, cx, slot, matched)?;
                }
            }
        }
        Ok(())
    }

    /// "If `AppendEntries` RPC received from new leader: convert to follower" (figure 2); and it is
    /// a sign of life of the current leader.
    fn recognise_leader(&mut self, cx: &mut Cx<'_>, leader: NodeId) -> Result<(), Refusal> {
        if matches!(self.role, Role::Leader(_)) || self.node.leader.is_some_and(|l| l != leader) {
            return Err(Refusal::SecondLeader);
        }
        if matches!(self.role, Role::Candidate(_)) {
            cx.note("lost the election", format_args!("to {leader}"));
        }
        self.become_follower(cx, self.node.term());
        self.node.leader = Some(leader);
        self.node.reset_election_timer(cx);
        Ok(())
    }

    /// How many messages were refused because no correct server can have sent them.
    pub fn refused(&self) -> u64 {
        self.node.refused
    }

    /// What must hold between two steps.
    fn check(&self) {
        let Node { me, log, commit, applied, leader, hard, .. } = &self.node;
        log.check();
        let last = log.last();
        assert!(*commit <= last.index, "{me}: commit {commit}, last entry {last}");
        assert!(log.snapshot().index <= *commit, "{me}: snapshot past commit {commit}");
        assert!(applied <= commit, "{me}: applied {applied}, commit {commit}");
        assert!(last.term <= hard.term, "{me}: last entry {last} in {}", hard.term);
        match &self.role {
            Role::Follower => assert!(*leader != Some(*me), "{me} follows itself"),
            Role::Candidate(_) => {
                assert!(hard.voted_for == Some(*me), "{me} campaigns without its own vote");
            }
            Role::Leader(leader) => {
                assert!(hard.voted_for == Some(*me), "{me} leads without its own vote");
                leader.check(&self.node);
            }
        }
    }
}

/// What the trace calls a message of an earlier term.
fn stale(message: &Message) -> &'static str {
    match message {
        Message::RequestVote(_) => "stale campaign",
        Message::RequestVoteReply(_) => "stale vote",
        Message::AppendEntries(_) => "stale append",
        Message::AppendEntriesReply(_) => "stale append reply",
        Message::InstallSnapshot(_) => "stale snapshot",
        Message::InstallSnapshotReply(_) => "stale snapshot reply",
    }
}

impl Consensus for Raft {
    type Message = Message;

    fn boot(cx: &mut Cx<'_>, peers: &[NodeId], config: Config) -> Self {
        assert!(peers.contains(&cx.me), "{} is not among {peers:?}", cx.me);
        assert!((1..=1024).contains(&config.max_entries), "{config:?}");
        assert!((1..=64).contains(&config.max_in_flight), "{config:?}");
        assert!(!config.heartbeat.is_zero() && !config.retry.is_zero(), "{config:?}");
        let (hard, log) = storage::load(cx.disk, config.snapshot_tail);
        let peers: Vec<NodeId> = peers.iter().copied().filter(|&peer| peer != cx.me).collect();
        let timers = Timers { election: cx.now, due: vec![cx.now; peers.len()], round: cx.now };
        // What the snapshot covers is known to be committed; of the rest a leader will tell.
        let commit = log.snapshot().index;
        let mut node = Node {
            me: cx.me,
            peers,
            config,
            hard,
            log,
            commit,
            applied: Index::BEFORE_FIRST,
            leader: None,
            early: BTreeMap::new(),
            decided: Decided::default(),
            refused: 0,
            timers,
        };
        node.reset_election_timer(cx);
        let raft = Self { node, role: Role::Follower };
        raft.check();
        if raft.node.log.last().index > commit {
            cx.note("came back", format_args!("with entries up to {}", raft.node.log.last()));
        }
        raft
    }

    fn on_message(&mut self, cx: &mut Cx<'_>, from: NodeId, message: Message) {
        if let Err(why) = self.handle(cx, from, message) {
            self.node.refused += 1;
            cx.note("refused", format_args!("a message from {from}: {why:?}"));
        }
        self.check();
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_>) {
        match &mut self.role {
            Role::Follower | Role::Candidate(_) if cx.now >= self.node.timers.election => {
                self.become_candidate(cx);
            }
            Role::Follower => {}
            Role::Candidate(candidate) => candidate.on_due(&mut self.node, cx),
            Role::Leader(leader) => leader.on_due(&mut self.node, cx),
        }
        self.check();
    }

    fn next_wakeup(&self) -> Option<Instant> {
        let Timers { election, due, round } = &self.node.timers;
        match &self.role {
            Role::Follower => Some(*election),
            Role::Candidate(_) => due.iter().copied().chain([*election]).min(),
            Role::Leader(leader) => {
                let round = leader.reads.is_open().then_some(*round);
                due.iter().copied().chain(round).min()
            }
        }
    }

    fn propose(&mut self, cx: &mut Cx<'_>, command: &[u8]) -> Result<LogId, NotLeader> {
        let Role::Leader(leader) = &mut self.role else {
            return Err(NotLeader { leader: self.node.leader });
        };
        let id = leader.on_proposal(&mut self.node, cx, command);
        self.check();
        Ok(id)
    }

    fn next_applied<'a>(&'a mut self, disk: &'a dyn Persister) -> Option<Applied<'a>> {
        let Node { log, commit, applied, .. } = &mut self.node;
        if *applied < log.snapshot().index {
            let (last, state) = storage::read_snapshot(disk).expect("there is a snapshot");
            *applied = last.index;
            return Some(Applied::Snapshot { last, state });
        }
        if *applied >= *commit {
            return None;
        }
        *applied = applied.next();
        let entry = storage::read_entry(disk, applied.get());
        let id = LogId { term: entry.term, index: *applied };
        Some(Applied::Command { id, command: entry.command })
    }

    fn snapshot(&mut self, cx: &mut Cx<'_>, upto: Index, state: &[u8]) {
        self.node.take_snapshot(cx, upto, state);
        self.check();
    }

    fn read(&mut self, cx: &mut Cx<'_>) -> Option<Result<ReadId, NotLeader>> {
        let Role::Leader(leader) = &mut self.role else {
            return Some(Err(NotLeader { leader: self.node.leader }));
        };
        let id = leader.on_read(&mut self.node, cx);
        self.check();
        Some(Ok(id))
    }

    fn next_read(&mut self) -> Option<(ReadId, Result<Index, NotLeader>)> {
        let (id, index) = self.node.decided.next()?;
        // Who leads instead it may have heard of only in the same step, or since.
        Some((id, index.ok_or(NotLeader { leader: self.node.leader })))
    }

    fn status(&self) -> Status {
        Status {
            term: self.node.term(),
            is_leader: matches!(self.role, Role::Leader(_)),
            last: self.node.log.last(),
            commit: self.node.commit,
            refused: self.node.refused,
        }
    }

    fn view(&self) -> Option<&dyn View> {
        Some(self)
    }
}

impl View for Raft {
    fn voted_for(&self) -> Option<NodeId> {
        self.node.hard.voted_for
    }

    fn log(&self) -> Range<Index> {
        self.node.log.held()
    }

    fn covered(&self) -> LogId {
        self.node.log.snapshot()
    }

    fn entry<'a>(&'a self, disk: &'a dyn Persister, index: Index) -> Option<(Term, &'a [u8])> {
        let term =
            self.node.log.held().contains(&index).then(|| self.node.log.term_at(index))??;
        let entry = storage::read_entry(disk, index.get());
        assert!(entry.term == term, "entry {index} is of {term}, on the disk of {}", entry.term);
        Some((term, entry.command))
    }
}
