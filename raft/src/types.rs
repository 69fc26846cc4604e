//! Terms, indexes, and the identity of an entry.

use labrpc::NodeId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// A term: Raft's logical clock (section 5.1). Each has at most one leader.
///
/// ```
/// use raft::Term;
/// assert!(Term::default() < Term::default().next());
/// assert_eq!(Term::new(3).to_string(), "t3");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Term(u64);

/// A place in the log. The first entry is at 1; 0 is the place before it, as in figure 2.
///
/// ```
/// use raft::Index;
/// assert_eq!(Index::BEFORE_FIRST.next(), Index::new(1));
/// assert_eq!(Index::new(1).prev(), Index::BEFORE_FIRST);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Index(u64);

impl Term {
    /// The term with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The term after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Index {
    /// The place before the first entry, which every log has in common.
    pub const BEFORE_FIRST: Self = Self(0);

    /// The place with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The place before this one; the place before the first entry has none and stays.
    #[must_use]
    pub const fn prev(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The places from `from` to `to`, both included.
    pub fn span(from: Self, to: Self) -> impl DoubleEndedIterator<Item = Self> {
        (from.0..=to.0).map(Self)
    }
}

/// The identity of an entry: no two different entries ever have the same (section 5.3).
///
/// The order is by term first, then by index, so that `>=` on the last entries of two logs *is* the
/// comparison of section 5.4.1.
///
/// ```
/// use raft::LogId;
/// let (shorter, longer) = (LogId::new(3, 1), LogId::new(2, 9));
/// assert!(shorter > longer, "the later term is more up-to-date, whatever the length");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogId {
    /// The term of the leader that made the entry.
    pub term: Term,
    /// Where the entry is.
    pub index: Index,
}

impl LogId {
    /// The place before the first entry, which every log has in common.
    pub const BEFORE_FIRST: Self = Self { term: Term(0), index: Index::BEFORE_FIRST };

    /// The entry of this term at this index.
    pub const fn new(term: u64, index: u64) -> Self {
        Self { term: Term(term), index: Index(index) }
    }
}

macro_rules! shown {
    ($type:ty, $self:ident, $($format:tt)*) => {
        impl fmt::Display for $type {
            fn fmt(&$self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $($format)*)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}
shown!(Term, self, "t{}", self.0);
shown!(Index, self, "{}", self.0);
shown!(LogId, self, "{}@{}", self.index, self.term);

/// Which read it is, of those that a server was asked for; unique within a life of the server, and
/// rising.
///
/// ```
/// use raft::ReadId;
/// assert!(ReadId::new(1) < ReadId::new(2));
/// assert_eq!(ReadId::new(7).to_string(), "r7");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadId(u64);

impl ReadId {
    /// The read with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

shown!(ReadId, self, "r{}", self.0);

/// The server is not the leader; it may know who is.
///
/// ```
/// use labrpc::NodeId;
/// use raft::NotLeader;
/// assert_eq!(
///     NotLeader { leader: Some(NodeId::new(2)) }.to_string(),
///     "not the leader; that is n2",
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NotLeader {
    /// The leader of the present term, as far as this server knows.
    pub leader: Option<NodeId>,
}

impl fmt::Display for NotLeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.leader {
            Some(leader) => write!(f, "not the leader; that is {leader}"),
            None => write!(f, "not the leader, and there is none as far as this server knows"),
        }
    }
}

impl std::error::Error for NotLeader {}

/// What a server says of itself.
///
/// ```
/// use raft::{Index, LogId, Status, Term};
/// # let status = Status {
/// #     term: Term::new(2), is_leader: true, last: LogId::new(2, 8), commit: Index::new(7),
/// #     refused: 0,
/// # };
/// // A leader with one entry under way.
/// assert!(status.is_leader && status.last.term == status.term);
/// assert_eq!(status.last.index, status.commit.next());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    /// The latest term it has seen.
    pub term: Term,
    /// Whether it believes itself to be the leader of that term.
    pub is_leader: bool,
    /// The last entry of its log.
    pub last: LogId,
    /// The highest index that it knows to be committed.
    pub commit: Index,
    /// How many messages it has refused because no correct server can have sent them; 0, if it does
    /// not look.
    pub refused: u64,
}

/// What can be set. The defaults fit the labs: heartbeats ten times a second, a new leader well
/// within a second of the loss of the old one.
///
/// ```
/// use raft::Config;
/// let pipelined = Config { max_in_flight: 16, max_entries: 6, ..Config::default() };
/// assert!(pipelined.heartbeat < pipelined.election_timeout.start);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// How long a follower waits for a sign of a leader before it campaigns, drawn anew each time
    /// (section 5.2). It should be several times the heartbeat and the round trip.
    pub election_timeout: Range<Duration>,
    /// How often a leader says that it is there when there is nothing else to say.
    pub heartbeat: Duration,
    /// How long a leader waits for an acknowledgement of entries, or of a round of reads, before it
    /// sends again. It should be longer than the usual round trip, or every append is sent twice.
    pub retry: Duration,
    /// The most entries in one append, in `[1, 1024]`. Without a limit one follower that is cut off
    /// makes every command dearer, the longer the worse.
    pub max_entries: usize,
    /// The most appends with entries that a follower has not acknowledged, in `[1, 64]`. With one,
    /// new proposals wait and ride together, which is cheapest; more trade messages for latency.
    pub max_in_flight: usize,
    /// How many entries stay in the log behind a snapshot, so that a follower which lags a little
    /// needs no snapshot. The labs expect none.
    pub snapshot_tail: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            election_timeout: Duration::from_millis(400)..Duration::from_millis(800),
            heartbeat: Duration::from_millis(100),
            retry: Duration::from_millis(50),
            max_entries: 64,
            max_in_flight: 1,
            snapshot_tail: 0,
        }
    }
}
