//! What is on the disk: figure 2's persistent state, and section 7's snapshot.
//!
//! | place | what | written by |
//! |---|---|---|
//! | state | term and vote, in one piece | [`save_hard_state`] |
//! | record *i* | entry *i*: its term, then the command | [`encode_entry`] |
//! | snapshot | the last entry covered, then the service's state | [`save_snapshot`] |
//!
//! A crash may come between any two writes of a step, so their order matters: the term is written
//! before anything of that term, and a snapshot before the log that it replaces is dropped. What
//! is left half done is finished by [`load`].

use crate::log::Log;
use crate::{Index, LogId, Term};
use labrpc::{NodeId, Persister};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What must never be forgotten: a server that forgets its term or its vote may vote twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct HardState {
    pub term: Term,
    pub voted_for: Option<NodeId>,
}

pub(crate) fn save_hard_state(disk: &mut dyn Persister, state: HardState) {
    disk.save_state(&labgob::encode(&state));
}

/// An entry of the log, borrowed from wherever it is.
///
/// ```
/// use raft::{Entries, Term};
/// let mut entries = Entries::default();
/// entries.push(Term::new(2), b"x = 1");
/// let entry = entries.iter().next().unwrap().unwrap();
/// assert_eq!((entry.term, entry.command), (Term::new(2), &b"x = 1"[..]));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The term of the leader that made it.
    pub term: Term,
    /// What the service will apply.
    pub command: &'a [u8],
    /// Both, as on the disk.
    pub(crate) record: &'a [u8],
}

impl<'a> Entry<'a> {
    pub(crate) fn decode(record: &'a [u8]) -> Option<Self> {
        let (term, command) = labgob::decode_prefix::<Term>(record).ok()?;
        Some(Self { term, command, record })
    }
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 32;
        let shown = &self.command[..self.command.len().min(SHOWN)];
        write!(f, "{} \"{}\"", self.term, shown.escape_ascii())?;
        if shown.len() < self.command.len() {
            write!(f, "... ({} bytes)", self.command.len())?;
        }
        Ok(())
    }
}

pub(crate) fn encode_entry(term: Term, command: &[u8], record: &mut Vec<u8>) {
    labgob::encode_into(&term, record);
    record.extend_from_slice(command);
}

/// An entry that this server wrote itself.
pub(crate) fn read_entry(disk: &dyn Persister, index: u64) -> Entry<'_> {
    Entry::decode(disk.record(index)).expect("a record on the disk is an entry")
}

pub(crate) fn save_snapshot(disk: &mut dyn Persister, last: LogId, state: &[u8]) {
    let mut bytes = Vec::with_capacity(state.len() + 18);
    labgob::encode_into(&last, &mut bytes);
    bytes.extend_from_slice(state);
    disk.save_snapshot(&bytes);
}

/// The snapshot on the disk: the last entry it covers, and the service's state.
pub(crate) fn read_snapshot(disk: &dyn Persister) -> Option<(LogId, &[u8])> {
    let bytes = disk.snapshot();
    if bytes.is_empty() {
        return None;
    }
    Some(labgob::decode_prefix(bytes).expect("a snapshot on the disk begins with its last entry"))
}

/// Everything a server remembers when it starts. Of what the snapshot covers, the log keeps `tail`
/// entries.
///
/// # Panics
/// If the disk holds anything that no server of this kind can have written.
pub(crate) fn load(disk: &mut dyn Persister, tail: u64) -> (HardState, Log) {
    let hard_state = match disk.state() {
        [] => HardState::default(),
        bytes => labgob::decode(bytes).expect("the state on the disk is a term and a vote"),
    };
    let snapshot = read_snapshot(disk).map_or(LogId::BEFORE_FIRST, |(last, _)| last);
    // A crash came between a snapshot's arrival and the end of the log that it replaces: the log
    // ends before the snapshot, or has another entry in the place of its last one.
    let held = disk.log();
    let at = snapshot.index.get();
    let replaced = if held.contains(&at) {
        read_entry(disk, at).term != snapshot.term
    } else {
        held.end <= at
    };
    if replaced {
        discard_log(disk, snapshot);
    }
    let held = disk.log();
    assert!(held.start <= at + 1, "the log {held:?} begins after the snapshot {snapshot}");
    // The snapshot comes last: entries that it covers may be of terms before its own.
    let mut log = Log::starting_at(held.start, LogId::BEFORE_FIRST);
    for index in held.clone() {
        log.push(read_entry(disk, index).term);
    }
    compact(disk, &mut log, snapshot, tail);
    (hard_state, log)
}

/// Drops what a snapshot covers, less a tail for followers that lag a little.
pub(crate) fn compact(disk: &mut dyn Persister, log: &mut Log, snapshot: LogId, tail: u64) {
    log.compact(snapshot, Index::new(snapshot.index.get().saturating_sub(tail) + 1));
    let start = log.held().start.get();
    if disk.log().start < start {
        disk.trim(start);
    }
}

/// Drops the whole log in favour of a snapshot.
pub(crate) fn discard_log(disk: &mut dyn Persister, snapshot: LogId) {
    let start = disk.log().start;
    disk.truncate(start);
    disk.trim(snapshot.index.next().get());
}
