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
///
/// ```
/// use raft::{LogId, Message, RequestVote, Term};
/// let request = RequestVote { term: Term::new(3), last: LogId::new(2, 9) };
/// let message = Message::RequestVote(request);
/// assert_eq!(format!("{message:?}"), "RequestVote { term: t3, last: 9@t2 }");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

/// Figure 2, `RequestVote` RPC, arguments.
///
/// ```
/// use raft::{LogId, RequestVote, Term};
/// // The order of LogId is that of section 5.4.1: the later term counts, then the longer log.
/// let request = RequestVote { term: Term::new(4), last: LogId::new(3, 7) };
/// assert!(request.last >= LogId::new(2, 9));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestVote {
    /// The term the candidate stands in.
    pub term: Term,
    /// The last entry of its log, for the comparison of section 5.4.1.
    pub last: LogId,
}

/// Figure 2, `RequestVote` RPC, results.
///
/// ```
/// use labrpc::{Kind, Wire};
/// use raft::{Message, RequestVoteReply, Term};
/// let vote = Message::RequestVoteReply(RequestVoteReply { term: Term::new(4), granted: true });
/// assert_eq!((vote.kind(), vote.term()), (Kind::Reply, Term::new(4)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestVoteReply {
    /// The voter's term; if the vote is granted, the term it is granted in.
    pub term: Term,
    /// Whether the candidate has the vote.
    pub granted: bool,
}

/// Figure 2, `AppendEntries` RPC, arguments.
///
/// ```
/// use raft::{AppendEntries, Entries, Index, LogId, Message, Term};
/// let mut entries = Entries::default();
/// entries.push(Term::new(3), b"x = 1");
/// let (term, prev, commit) = (Term::new(3), LogId::new(2, 6), Index::new(5));
/// let append = Message::AppendEntries(AppendEntries { term, prev, entries, commit, round: 0 });
/// assert_eq!(
///     format!("{append:?}"),
///     r#"AppendEntries { term: t3, prev: 6@t2, entries: [t3 "x = 1"], commit: 5 }"#,
/// );
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AppendEntries {
    /// The leader's term.
    pub term: Term,
    /// The entry that immediately precedes the new ones.
    pub prev: LogId,
    /// The new entries; none in a heartbeat or a probe.
    pub entries: Entries,
    /// The leader's commit index.
    pub commit: Index,
    /// The latest round of reads that the leader has begun in its term; 0 before the first, and
    /// then not shown. Not in the figure: section 6.4 of the dissertation.
    pub round: u64,
}

/// Figure 2, `AppendEntries` RPC, results, with the fast back-up of section 5.3.
///
/// ```
/// use raft::{AppendEntriesReply, Appended, Index, Term};
/// // The paper's `success`, and more than that.
/// let success = |reply: &AppendEntriesReply| matches!(reply.outcome, Appended::Matched(_));
/// let (term, prev) = (Term::new(3), Index::new(6));
/// let outcome = Appended::Matched(Index::new(7));
/// assert!(success(&AppendEntriesReply { term, prev, outcome, round: 0 }));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AppendEntriesReply {
    /// The follower's term.
    pub term: Term,
    /// The index before the new entries of the request that is answered.
    pub prev: Index,
    /// What became of the request.
    pub outcome: Appended,
    /// The round that the request bore: of the leader's term, unless the outcome is
    /// [`Appended::Stale`].
    pub round: u64,
}

/// What became of an append.
///
/// ```
/// use raft::{Appended, Index, Term};
/// // Figure 7 (f) to the leader's first question, about the entry at 10: the follower has one of
/// // term 3 there, and its entries of term 3 begin at 7. The next question is about 6.
/// let answer = Appended::Conflict { term: Some(Term::new(3)), first: Index::new(7) };
/// let Appended::Conflict { first, .. } = answer else { unreachable!() };
/// assert_eq!(first.prev(), Index::new(6));
/// ```
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

/// Figure 13, `InstallSnapshot` RPC, arguments; the snapshot travels in one message.
///
/// ```
/// use raft::{InstallSnapshot, LogId, Message, Term};
/// let (term, last) = (Term::new(3), LogId::new(2, 600));
/// let install = InstallSnapshot { term, last, state: b"x = 1, y = 2".into() };
/// assert_eq!(
///     format!("{install:?}"),
///     r#"InstallSnapshot { term: t3, last: 600@t2, state: b"x = 1, y = 2" }"#,
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InstallSnapshot {
    /// The leader's term.
    pub term: Term,
    /// The last entry that the snapshot covers.
    pub last: LogId,
    /// The service's state.
    pub state: Bytes,
}

/// Figure 13, `InstallSnapshot` RPC, results.
///
/// ```
/// use raft::{Index, InstallSnapshotReply, Term};
/// // The follower was ahead of the snapshot: it had committed up to 640.
/// let reply = InstallSnapshotReply { term: Term::new(3), matched: Some(Index::new(640)) };
/// assert!(reply.matched >= Some(Index::new(600)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InstallSnapshotReply {
    /// The follower's term.
    pub term: Term,
    /// The follower's log agrees with the leader's up to here, durably; `None`: the request was
    /// from a leader of an earlier term.
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

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestVote(m) => m.fmt(f),
            Self::RequestVoteReply(m) => m.fmt(f),
            Self::AppendEntries(m) => m.fmt(f),
            Self::AppendEntriesReply(m) => m.fmt(f),
            Self::InstallSnapshot(m) => m.fmt(f),
            Self::InstallSnapshotReply(m) => m.fmt(f),
        }
    }
}

/// Shows a round only where there is one: most messages belong to none.
fn debug_with_round(mut fields: fmt::DebugStruct<'_, '_>, round: u64) -> fmt::Result {
    if round > 0 {
        fields.field("round", &round);
    }
    fields.finish()
}

impl fmt::Debug for AppendEntries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { term, prev, entries, commit, round } = self;
        let mut fields = f.debug_struct("AppendEntries");
        fields.field("term", term).field("prev", prev);
        fields.field("entries", entries).field("commit", commit);
        debug_with_round(fields, *round)
    }
}

impl fmt::Debug for AppendEntriesReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { term, prev, outcome, round } = self;
        let mut fields = f.debug_struct("AppendEntriesReply");
        fields.field("term", term).field("prev", prev).field("outcome", outcome);
        debug_with_round(fields, *round)
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
///
/// ```
/// use raft::{Entries, Malformed};
/// // Off the wire: one entry, by its own account, in no bytes at all.
/// let entries: Entries = labgob::decode(&[1, 0]).unwrap();
/// assert_eq!(entries.len(), 1);
/// assert_eq!(entries.iter().next(), Some(Err(Malformed)));
/// ```
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
