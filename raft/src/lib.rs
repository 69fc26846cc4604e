//! The Raft consensus algorithm as a synchronous state machine.
//!
//! A handful of servers keep copies of one log. As long as a majority of them is up and connected,
//! commands are appended to it, and all servers apply the same commands in the same order, whatever
//! the network loses, copies, delays and reorders, and whenever servers crash and come back with
//! their disks. This crate is the algorithm of Ongaro and Ousterhout, *In Search of an
//! Understandable Consensus Algorithm (Extended Version)*; "the paper", "section" and "figure"
//! below and in the code mean it. "The dissertation" is Ongaro's *Consensus: Bridging Theory and
//! Practice*, of which this crate takes the reads.
//!
//! There is no thread, no lock, no channel, no clock and no socket in it. A server is a [`Raft`], a
//! plain value that is stepped by a driver and knows nothing of clients; the service that applies
//! the commands stands above it and owns it. The trait between the two is [`Consensus`], so that
//! this Raft can be exchanged for another one, a student's or a broken one; [`View`] is what
//! monitors see of the inside.
//!
//! ```
//! use labrpc::{Context, Instant, Network, NodeId, Process, World};
//! use raft::{Applied, Config, Consensus, Message, Raft};
//! use std::time::Duration;
//!
//! /// A service that remembers what it was given.
//! struct Server { raft: Raft, applied: Vec<String> }
//!
//! impl Server {
//!     fn pull(&mut self, cx: &mut Context<'_, Message>) {
//!         while let Some(applied) = self.raft.next_applied(&*cx.disk) {
//!             if let Applied::Command { command, .. } = applied {
//!                 self.applied.push(String::from_utf8_lossy(command).into_owned());
//!             }
//!         }
//!     }
//! }
//!
//! impl Process for Server {
//!     type Message = Message;
//!     fn on_message(&mut self, cx: &mut Context<'_, Message>, from: NodeId, message: Message) {
//!         self.raft.on_message(cx, from, message);
//!         self.pull(cx);
//!     }
//!     fn on_wakeup(&mut self, cx: &mut Context<'_, Message>) {
//!         self.raft.on_wakeup(cx);
//!         self.pull(cx);
//!     }
//!     fn next_wakeup(&self) -> Option<Instant> {
//!         self.raft.next_wakeup()
//!     }
//! }
//!
//! let peers = [NodeId::new(0), NodeId::new(1), NodeId::new(2)];
//! let mut world = World::new(7, Network::unreliable());
//! for _ in peers {
//!     world.add(move |cx| Server {
//!         raft: Raft::boot(cx, &peers, Config::default()),
//!         applied: Vec::new(),
//!     });
//! }
//! world.run_for(Duration::from_secs(2));
//! let leads = |id: &NodeId| world.node(*id).is_some_and(|s| s.raft.status().is_leader);
//! let leader = peers.into_iter().find(leads).expect("they have elected a leader");
//! world.poke(leader, |server, cx| server.raft.propose(cx, b"x = 1"));
//! world.run_for(Duration::from_secs(1));
//! for id in peers {
//!     assert_eq!(world.node(id).unwrap().applied, ["x = 1"]);
//! }
//! ```
//!
//! # How a step works
//!
//! A driver calls [`on_message`](Consensus::on_message), [`on_wakeup`](Consensus::on_wakeup),
//! [`propose`](Consensus::propose) or [`read`](Consensus::read) and lends a
//! [`Context`](labrpc::Context) for the length of the call: a clock reading, dice, a disk, an
//! outbox. The step reads and writes these and the server's own fields, and nothing else. When it
//! is over the driver makes the writes durable, *then* lets the messages leave, then asks
//! [`next_wakeup`](Consensus::next_wakeup). That is why the code answers in the line after the
//! write, and why nothing is ever cancelled.
//!
//! Inside, a message takes this way:
//!
//! 1. `Raft::vet` refuses what no correct server can have sent: a stranger's message, a term that
//!    nobody can have counted up to, entries that are none. What is refused is counted
//!    ([`Status::refused`]) and noted, and is never a panic. What can only be told in the light of
//!    this server's log, as an entry that contradicts a committed one, is refused further down,
//!    when the message's term may have been adopted already; it changes nothing but that.
//! 2. `Raft::handle` applies the term rule, then hands the message to the rule that it belongs to:
//!    a method of `Node`, which every server has, or of the role, `Candidate` or `Leader`.
//! 3. A role's method borrows the `Node` and says what happened. It never changes the role; `Raft`
//!    does, in `become_follower`, `become_candidate` and `become_leader`, and nowhere else.
//! 4. `Raft::check` asserts what must hold between two steps.
//! 5. The service pulls what is committed now with [`next_applied`](Consensus::next_applied), and
//!    which reads are decided with [`next_read`](Consensus::next_read).
//!
//! | module | is about | section |
//! |---|---|---|
//! | `types` | [`Term`], [`Index`], [`LogId`], [`Config`], [`Status`] | 5.1 |
//! | `message` | [`Message`] and what it carries | figures 2, 13 |
//! | `consensus` | the traits | |
//! | `raft` | dispatch, the term rule, the transitions of figure 4 | 5.1 |
//! | `election` | votes | 5.2, 5.4.1 |
//! | `replication` | appends, both ends of them; commitment | 5.3, 5.4.2 |
//! | `storage` | what is on the disk | figure 2 |
//! | `snapshot` | compaction | 7 |
//! | `read` | reads without entries in the log | 6.4 of the dissertation |
//! | `refusal` | what no correct server sends | |
//! | `log` | which terms the entries are of | |
//!
//! # From rule to function
//!
//! | the paper | here |
//! |---|---|
//! | **Figure 2, state** | |
//! | `currentTerm`, `votedFor` | `storage::HardState`, changed by `Node::save` only |
//! | `log[]` | the records of the disk; their terms also in `log::Log` |
//! | `commitIndex`, `lastApplied` | `Node::commit`, `Node::applied`; [`Status::commit`] |
//! | `nextIndex[]`, `matchIndex[]` | `replication::Progress` |
//! | **`RequestVote` RPC, receiver** | `Node::on_request_vote` |
//! | 1. false if term < `currentTerm` | `granted` there |
//! | 2. `votedFor` null or `candidateId`, and log up-to-date | `free` and `up_to_date` there; the order of [`LogId`] |
//! | **`AppendEntries` RPC, receiver** | `Node::on_append_entries` |
//! | 1. false if term < `currentTerm` | [`Appended::Stale`] |
//! | 2. false without the entry before | `Node::conflict_with`; `Node::is_early` if that is on its way |
//! | 3. delete what conflicts and all that follows | `Node::append` |
//! | 4. append what is not there | `Node::append` |
//! | 5. `commitIndex` = min(`leaderCommit`, last new entry) | `Node::commit_up_to` |
//! | **Rules for all servers** | |
//! | `commitIndex` > `lastApplied`: apply | [`Consensus::next_applied`], pulled by the service |
//! | a later term: adopt it, become follower | `Raft::handle`, `Raft::become_follower` |
//! | **Followers** | |
//! | respond to candidates and leaders | `Raft::handle` |
//! | no `AppendEntries` and no vote given in time: become candidate | [`Consensus::on_wakeup`], `Raft::become_candidate`; the timer is set by `Node::reset_election_timer` |
//! | **Candidates** | |
//! | increment the term, vote for self, reset the timer, ask all | `Raft::become_candidate`, `Candidate::campaign` |
//! | votes of a majority: become leader | `Candidate::tally`, `Raft::become_leader` |
//! | `AppendEntries` from a new leader: become follower | `Raft::recognise_leader` |
//! | timeout: start a new election | [`Consensus::on_wakeup`], `Raft::become_candidate` |
//! | **Leaders** | |
//! | on election a heartbeat to each | `Leader::take_office` |
//! | heartbeats when idle | `Leader::on_due` |
//! | command: append it, then respond when applied | [`Consensus::propose`], `Leader::on_proposal`; the service responds |
//! | last log index ≥ `nextIndex`: send entries | `Leader::maybe_append` |
//! | success: update `nextIndex` and `matchIndex` | `Leader::on_matched` |
//! | failure: decrement `nextIndex` and retry | `Leader::on_conflict` |
//! | majority of `matchIndex` ≥ N, `log[N].term` = `currentTerm`: commit N | `Leader::maybe_commit` |
//! | **Figure 13, `InstallSnapshot` RPC, receiver** | `Node::on_install_snapshot` |
//! | 1. reply if term < `currentTerm` | `matched: None` in [`InstallSnapshotReply`] |
//! | 2. to 4. chunks | left out: one message |
//! | 5. save the snapshot, discard an older one | `storage::save_snapshot` |
//! | 6. an entry that matches: keep what follows | `Node::install`, `Log::compact` |
//! | 7. else discard the log | `Node::install`, `storage::discard_log` |
//! | 8. reset the state machine | [`Applied::Snapshot`] |
//! | **Sections** | |
//! | 5.1 retry what is not answered | `Candidate::on_due`, to who has not answered: a refusal is final for the term; `Leader::on_due` |
//! | 5.1 terms as a logical clock | [`Term`]; `Node::save` asserts that it never falls |
//! | 5.2 one vote per term, durable | `Node::on_request_vote`, `Node::save` |
//! | 5.2 random timeouts | `Node::reset_election_timer`, [`Config::election_timeout`] |
//! | 5.3 consistency check | `Node::conflict_with` |
//! | 5.3 appends that overtake one another | `Node::is_early`, `Node::on_append_entries` |
//! | 5.3 back-up a term at a time | [`Appended::Conflict`], `Leader::on_conflict`, `Log::first_of_its_term`, `Log::last_of_term` |
//! | 5.4.1 who is up-to-date | the order of [`LogId`] |
//! | 5.4.2 no entry of an earlier term is committed by counting | `Leader::maybe_commit` |
//! | 5.5 RPCs may be repeated | every handler; an answer that tells nothing new changes nothing |
//! | 5.6 timing | [`Config`] |
//! | 7 compaction | [`Consensus::snapshot`], `Node::take_snapshot` |
//! | 7 a snapshot for who lags | `Leader::install`, `Node::send_snapshot` |
//! | 8 linearizable clients | not here: the service |
//! | 8 reads that do not go through the log | the dissertation's 6.4 |
//! | **The dissertation, 6.4** | |
//! | 1. wait until something of the own term is committed | `has_committed`, `Leader::on_committed` |
//! | 2. `readIndex` = `commitIndex` | `Leader::on_read`; [`Consensus::next_read`] |
//! | 3. a round of heartbeats, acknowledged by a majority | `Leader::begin_round`, `Leader::maybe_confirm`; [`AppendEntries::round`], echoed in [`AppendEntriesReply::round`] |
//! | 4. wait until `lastApplied` ≥ `readIndex`, then answer | the service |
//! | one round for any number of reads | `Leader::on_read`, `Leader::maybe_confirm` |
//!
//! # How entries reach a follower
//!
//! A leader keeps a `Progress` for each follower: how far the logs are known to agree
//! (`matchIndex`), and a `Flow`, which is one of three:
//!
//! | from | when | to |
//! |---|---|---|
//! | Probing | the follower agrees | Streaming |
//! | Probing | it disagrees | Probing, further back; Streaming, if that is known to agree; Installing, if it is gone |
//! | Streaming | an append has no answer, twice | Probing, at the end of what was sent |
//! | Streaming | the next entries are gone | Installing |
//! | Installing | the follower has the snapshot | Streaming |
//! | Installing | no answer within a heartbeat | Probing, from where the log begins |
//!
//! - *Probing* (`Leader::probe`): an append without entries asks whether the logs agree up to
//!   `prev`. "No" comes with the follower's term there and where that term begins, and the next
//!   probe goes back past the term. If that leads to where the logs are known to agree, there is
//!   nothing left to ask, and entries flow at once. A new leader probes from the end of its log.
//! - *Streaming* (`Leader::maybe_append`): entries flow, at most [`Config::max_entries`] in one
//!   append and at most [`Config::max_in_flight`] appends without an answer. What is proposed
//!   meanwhile rides with the next one. An append that is not answered within [`Config::retry`] is
//!   sent once more; then the leader falls back to probes, so that a follower which is cut off
//!   costs a heartbeat and no more. With more than one in flight an append may overtake the one
//!   before it. The follower keeps such an append in memory (`Node::early`) and does not answer it
//!   until the one before has come, whose answer is for both. What it keeps is lost in a crash, and
//!   with the term; then the leader's retry sends it again.
//! - *Installing* (`Leader::install`): what the follower needs is gone, into a snapshot, which is
//!   sent in its place. The log may go on to hold a tail behind the snapshot
//!   ([`Config::snapshot_tail`]), so that this is rare.
//!
//! A leader that has nothing to say to a follower says so every [`Config::heartbeat`]. A heartbeat
//! is an append without entries at the place where the logs agree; it also carries the commit
//! index, and its answer, which tells nothing new, starts nothing.
//!
//! # How a read is confirmed
//!
//! A read is an index and a round. The index is what the leader knows to be committed when the read
//! is asked for, or when first something of its own term is. The round is a number that appends
//! bear and answers echo: when a majority has answered appends that were sent after the read was
//! asked for, no other leader can have committed anything before. `read` says what goes wrong
//! without the one or the other.
//!
//! One round is under way at a time, and reads that come meanwhile wait for the next, so that a
//! round costs an append and an answer per follower and a read costs a share of that. The append is
//! a heartbeat, or a probe, and takes the place of one; where entries or a snapshot are under way
//! it changes nothing of that (`Leader::send_round`). Entries that are sent bear the round too.
//! Without reads nothing is sent, and the round is 0. A reign that ends refuses what is not
//! decided.
//!
//! # What is written, and in which order
//!
//! Every prefix of a step's writes boots, since a crash may come between any two of them; no
//! message of such a step has left.
//!
//! | step | writes, in this order | what a crash between them leaves |
//! |---|---|---|
//! | campaign | term and own vote, in one | |
//! | vote in a later term | the term; the vote | the term, and no vote that anyone has heard of |
//! | append | a later term; the entries one by one, of which the first to conflict drops all that follow | the first few of the leader's entries; what was dropped was not committed |
//! | proposal | the entry | |
//! | own snapshot | the snapshot; the log is trimmed | a log that begins too far before the snapshot; `storage::load` trims it |
//! | snapshot of the leader, which matches | the same | the same |
//! | snapshot of the leader, which does not | the snapshot; the log is emptied; it is moved | a log that the snapshot replaces; `storage::load` finishes the job |
//!
//! `commitIndex` and `lastApplied` are not written. After a boot the first thing applied is the
//! snapshot, if there is one, and the rest follows when a leader says that it is committed.
//!
//! # What is asserted
//!
//! Assertions stay on in release; a panic is a bug of this program, or of the service above it if
//! it takes a snapshot of what it has not applied. Between two steps (`Raft::check`, `Log::check`,
//! `Leader::check`):
//!
//! - snapshot ≤ `commitIndex` ≤ last entry, and `lastApplied` ≤ `commitIndex`;
//! - terms never fall along the log, nor from its last entry to `currentTerm`;
//! - the log begins no later than right after the snapshot, and ends no earlier than it;
//! - a candidate and a leader have voted for themselves, and nobody follows itself;
//! - no `matchIndex` lies past the leader's log, and no more appends are in flight than allowed;
//! - a round of reads is under way only if some read waits for it and no majority has answered, and
//!   no read waits that could be decided; read indexes are known exactly if something of the term
//!   is committed, and lie at or below `commitIndex` (`Reads::check`).
//!
//! Within a step: `currentTerm` never falls (`Node::save`), `commitIndex` never falls nor passes
//! the log (`Node::commit_up_to`), only a candidate becomes leader, an entry's term is no less than
//! the one before it (`Log::push`), a back-up goes back (`Leader::on_conflict`), and the terms in
//! memory are those on the disk (`View::entry`). The properties of figure 3, which are of the
//! cluster and not of a server, are for monitors to look at, through [`View`].
//!
//! # What is left out
//!
//! - *Changes of the membership* (section 6) and non-voting members.
//! - *Leadership transfer*, *pre-vote* and *check-quorum* (Ongaro's dissertation, 3.10, 9.6, 6.2):
//!   a server that comes back from a partition deposes the leader once; a leader that is cut off
//!   believes to lead until it hears otherwise.
//! - *Reads by lease* (the dissertation, 6.4.1), which cost no message and trust the clocks, and
//!   reads at followers.
//! - *Entries of Raft's own.* A new leader commits nothing, of its predecessors' either, until
//!   something is proposed; a service that wants to get on proposes a no-op when it sees
//!   [`Status::is_leader`] in a new term.
//! - *Chunks of a snapshot*, and flow control by bytes: a message is as large as its entries.
//! - *A driver for real time.* The simulated [`World`](labrpc::World) is one driver; whoever writes
//!   another needs a clock, a disk and a network, and nothing from here.

mod consensus;
mod election;
mod log;
mod message;
mod raft;
mod read;
mod refusal;
mod replication;
mod snapshot;
mod storage;
mod types;

pub use consensus::{Applied, Consensus, View};
pub use message::{
    AppendEntries, AppendEntriesReply, Appended, Entries, InstallSnapshot, InstallSnapshotReply,
    Malformed, Message, RequestVote, RequestVoteReply,
};
pub use raft::Raft;
pub use storage::Entry;
pub use types::{Config, Index, LogId, NotLeader, ReadId, Status, Term};
