//! The three RPCs of the paper, as requests and replies (figures 2 and 13).
//!
//! Every message bears its sender's term, and none a time. Who sent it the network says.

use crate::storage::{Entry, encode_entry};
use crate::{Index, LogId, Term};
use labgob::Bytes;
use labrpc::{Kind, Wire};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A message between servers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// A candidate asks for a vote.
    RequestVote(RequestVote),
    /// The answer.
    RequestVoteReply(RequestVoteReply),
    /// A leader sends entries, or nothing but the sign that it is there.
    AppendEntries(AppendEntries),
    /// The answer.
    AppendEntriesReply(AppendEntriesReply),
    /// A leader sends its snapshot to a follower that lags behind the start of its log.
    InstallSnapshot(InstallSnapshot),
    /// The answer.
    InstallSnapshotReply(InstallSnapshotReply),
}

/// Figure 2, RequestVote RPC, arguments.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestVote {
    /// The term the candidate stands in.
    pub term: Term,
    /// The last entry of its log, for the comparison of section 5.4.1.
    pub last: LogId,
}

/// Figure 2, RequestVote RPC, results.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestVoteReply {
    /// The voter's term; if the vote is granted, the term it is granted in.
    pub term: Term,
    /// Whether the candidate has the vote.
    pub granted: bool,
}

/// Figure 2, AppendEntries RPC, arguments.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AppendEntries {
    /// The leader's term.
    pub term: Term,
    /// The entry that immediately precedes the new ones.
    pub prev: LogId,
    /// The new entries; none in a heartbeat or a probe.
    pub entries: Entries,
    /// The leader's commit index.
    pub commit: Index,
}

/// Figure 2, AppendEntries RPC, results, with the fast back-up of section 5.3.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AppendEntriesReply {
    /// The follower's term.
    pub term: Term,
    /// The index before the new entries of the request that is answered.
    pub prev: Index,
    /// What became of the request.
    pub outcome: Appended,
}

/// What became of an append.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Appended {
    /// The follower's log agrees with the leader's up to here, durably.
    Matched(Index),
    /// The follower has no such previous entry.
    Conflict {
        /// The term of what it has there instead; `None`: its log is shorter.
        term: Option<Term>,
        /// The first index it has of that term; or the one after its last.
        first: Index,
    },
    /// The request was from a leader of an earlier term.
    Stale,
}

/// Figure 13, InstallSnapshot RPC, arguments; the snapshot travels in one message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InstallSnapshot {
    /// The leader's term.
    pub term: Term,
    /// The last entry that the snapshot covers.
    pub last: LogId,
    /// The service's state.
    pub state: Bytes,
}

/// Figure 13, InstallSnapshot RPC, results.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InstallSnapshotReply {
    /// The follower's term.
    pub term: Term,
    /// The follower's log agrees with the leader's up to here, durably; `None`: the request was from
    /// a leader of an earlier term.
    pub matched: Option<Index>,
}

impl Message {
    /// The sender's term.
    pub fn term(&self) -> Term {
        match self {
            Self::RequestVote(m) => m.term,
            Self::RequestVoteReply(m) => m.term,
            Self::AppendEntries(m) => m.term,
            Self::AppendEntriesReply(m) => m.term,
            Self::InstallSnapshot(m) => m.term,
            Self::InstallSnapshotReply(m) => m.term,
        }
    }
}

impl Wire for Message {
    fn kind(&self) -> Kind {
        match self {
            Self::RequestVote(_) | Self::AppendEntries(_) | Self::InstallSnapshot(_) => {
                Kind::Request
            }
            Self::RequestVoteReply(_)
            | Self::AppendEntriesReply(_)
            | Self::InstallSnapshotReply(_) => Kind::Reply,
        }
    }
}

/// A run of entries as one piece of bytes: they are copied from disk to disk and never taken apart
/// on the way.
///
/// ```
/// use raft::{Entries, Term};
/// let mut entries = Entries::default();
/// entries.push(Term::new(2), b"x = 1");
/// entries.push(Term::new(3), b"x = 2");
/// let terms: Vec<Term> = entries.iter().map(|entry| entry.unwrap().term).collect();
/// assert_eq!(terms, [Term::new(2), Term::new(3)]);
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entries {
    count: u32,
    #[serde(with = "blob")]
    bytes: Vec<u8>,
}

/// Bytes in one piece instead of one by one.
mod blob {
    use labgob::Bytes;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        Bytes::deserialize(from).map(|bytes| bytes.to_vec())
    }
}

/// The bytes are no run of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl Entries {
    /// How many entries there are, by their own account.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds an entry at the end.
    pub fn push(&mut self, term: Term, command: &[u8]) {
        let mut record = Vec::with_capacity(command.len() + 9);
        encode_entry(term, command, &mut record);
        self.push_record(&record);
    }

    /// Adds an entry as it is on the disk.
    pub(crate) fn push_record(&mut self, record: &[u8]) {
        self.count += 1;
        labgob::encode_into(&(record.len() as u64), &mut self.bytes);
        self.bytes.extend_from_slice(record);
    }

    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// The entries, in order. Bytes that came off the wire may turn out to be none; then the last
    /// item is an error.
    pub fn iter(&self) -> impl Iterator<Item = Result<Entry<'_>, Malformed>> {
        let (mut rest, mut left) = (&self.bytes[..], self.count);
        std::iter::from_fn(move || {
            if left == 0 {
                // What is left over belongs to no entry.
                return (!std::mem::take(&mut rest).is_empty()).then_some(Err(Malformed));
            }
            left -= 1;
            let entry = split_entry(&mut rest);
            if entry.is_err() {
                (rest, left) = (&[], 0);
            }
            Some(entry)
        })
    }
}

fn split_entry<'a>(rest: &mut &'a [u8]) -> Result<Entry<'a>, Malformed> {
    let (len, after) = labgob::decode_prefix::<u64>(rest).map_err(|_| Malformed)?;
    let len = usize::try_from(len).map_err(|_| Malformed)?;
    let (record, after) = after.split_at_checked(len).ok_or(Malformed)?;
    *rest = after;
    Entry::decode(record).ok_or(Malformed)
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for entry in self.iter().take(4) {
            match entry {
                Ok(entry) => list.entry(&entry),
                Err(malformed) => list.entry(&malformed),
            };
        }
        if self.count > 4 {
            list.entry(&format_args!("… {} in all", self.count));
        }
        list.finish()
    }
}
