//! What happened: a readable record when it is wanted, a fingerprint always.

use crate::rng::fold;
use crate::{Kind, NodeId, SimTime};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt;

/// Why a message was not delivered.
///
/// ```
/// use labrpc::{Event, Loss, Network, Trace, World};
/// let mut world = World::new(1, Network::reliable());
/// let (a, b) = (world.add(|_| ()), world.add(|_| ()));
/// world.cut(a, b);
/// world.set_trace(Trace::all());
/// world.poke(a, |(), cx| cx.send(b, ()));
/// let last = &world.trace().records().last().unwrap().event;
/// assert!(matches!(last, Event::Drop { why: Loss::CutAtSending, .. }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Loss {
    /// The network lost it, as it does by chance.
    Chance,
    /// The link was cut when it was sent.
    CutAtSending,
    /// A reply whose link was cut while it was on its way.
    CutOnTheWay,
    /// The receiver is down.
    Down,
    /// The receiver, or the sender of a reply, has crashed since it was sent.
    EarlierLife,
    /// The bytes are no message of the receiver's type.
    Garbled,
}

/// One thing that happened at a node.
///
/// ```
/// use labrpc::{Event, NodeId, SimTime};
/// let sent = SimTime::from_nanos(1_000_000);
/// let event = Event::Deliver { from: NodeId::new(1), sent, message: "Ping(7)".into() };
/// assert_eq!(event.to_string(), "<- n1   Ping(7)  (sent 1.000000ms)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The node started a life, the first one being 0.
    Boot {
        /// Which life.
        life: u32,
    },
    /// A message arrived and was handled.
    Deliver {
        /// Who sent it.
        from: NodeId,
        /// When.
        sent: SimTime,
        /// The message.
        message: String,
    },
    /// A message was lost.
    Drop {
        /// Who sent it.
        from: NodeId,
        /// When.
        sent: SimTime,
        /// Why it was lost.
        why: Loss,
        /// The message.
        message: String,
    },
    /// The network made a copy of a message.
    Copy {
        /// Who sent it.
        from: NodeId,
        /// The message.
        message: String,
    },
    /// The alarm rang.
    Wake,
    /// Somebody outside called the node: a proposal, a test.
    Poke,
    /// The node said something of itself.
    Note {
        /// In fixed words.
        what: String,
        /// The particulars.
        detail: String,
    },
    /// The node crashed.
    Crash {
        /// At which point of a step.
        point: String,
    },
    /// The node's disk is gone, and the node with it, for ever.
    DiskLost,
    /// The link from this node to another changed.
    Link {
        /// The other end.
        to: NodeId,
        /// What it is like now.
        now: String,
    },
    /// All links of the node were cut.
    Isolate,
    /// They were mended.
    Rejoin,
    /// The links between groups of nodes were cut.
    Partition {
        /// The groups.
        groups: String,
    },
    /// The partition is over.
    Heal,
    /// The node stopped doing anything.
    Pause,
    /// The node goes on.
    Resume,
    /// The node's clock, or its speed, changed.
    Tune {
        /// What it is like now.
        now: String,
    },
    /// The network changed for all.
    Network {
        /// What it is like now.
        now: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boot { life } => write!(f, "boot    life {life}"),
            Self::Deliver { from, sent, message } => {
                write!(f, "<- {from:<4} {message}  (sent {sent})")
            }
            Self::Drop { from, sent, why, message } => {
                write!(f, "lost    from {from}: {message}  ({why:?}, sent {sent})")
            }
            Self::Copy { from, message } => write!(f, "copied  from {from}: {message}"),
            Self::Wake => write!(f, "wake"),
            Self::Poke => write!(f, "poke"),
            Self::Note { what, detail } => write!(f, "** {what}: {detail}"),
            Self::Crash { point } => write!(f, "crash   {point}"),
            Self::DiskLost => write!(f, "crash   for ever, the disk is lost"),
            Self::Link { to, now } => write!(f, "link    to {to}: {now}"),
            Self::Isolate => write!(f, "isolate"),
            Self::Rejoin => write!(f, "rejoin"),
            Self::Partition { groups } => write!(f, "parted  {groups}"),
            Self::Heal => write!(f, "heal"),
            Self::Pause => write!(f, "pause"),
            Self::Resume => write!(f, "resume"),
            Self::Tune { now } => write!(f, "tune    {now}"),
            Self::Network { now } => write!(f, "network {now}"),
        }
    }
}

/// One line of a trace. As text it is made for reading and for line-by-line comparison; it is
/// `Serialize`, so that `serde_json::to_string` makes a line of JSON of it.
///
/// ```
/// use labrpc::{Event, NodeId, Record, SimTime};
/// let record = Record {
///     number: 12,
///     at: SimTime::from_nanos(3_500_000),
///     node: Some(NodeId::new(2)),
///     event: Event::Wake,
/// };
/// assert_eq!(record.to_string(), "    12       3.500000ms n2   wake");
/// assert_eq!(
///     serde_json::to_string(&record).unwrap(),
///     r#"{"number":12,"at":3500000,"node":2,"event":"wake"}"#,
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Which event it is, counted from the world's beginning; a note bears its step's number.
    pub number: u64,
    /// When it happened.
    pub at: SimTime,
    /// To whom; `None`: to all.
    pub node: Option<NodeId>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.node.map_or_else(|| "*".to_string(), |node| node.to_string());
        write!(f, "{:>6} {:>16} {node:<4} {}", self.number, self.at, self.event)
    }
}

/// The records of a run: none (the default), the last few, or all.
///
/// ```
/// use labrpc::{CrashPoint, Network, Trace, World};
/// let mut world = World::new(1, Network::reliable());
/// world.set_trace(Trace::last(2));
/// let node = world.add(|_| ());
/// world.poke(node, |(), cx| cx.note("hello", format_args!("from {node}")));
/// world.crash(node, CrashPoint::Now);
/// let lines: Vec<String> = world.trace().records().map(ToString::to_string).collect();
/// assert_eq!(
///     lines,
///     [
///         "     2       0.000000ms n0   ** hello: from n0",
///         "     3       0.000000ms n0   crash   Now",
///     ],
/// );
/// ```
#[derive(Clone, Debug, Default)]
pub struct Trace {
    keep: usize,
    records: VecDeque<Record>,
}

impl Trace {
    /// Keeps nothing; this is free.
    pub const fn off() -> Self {
        Self { keep: 0, records: VecDeque::new() }
    }

    /// Keeps the last `n` records.
    pub const fn last(n: usize) -> Self {
        Self { keep: n, records: VecDeque::new() }
    }

    /// Keeps everything.
    pub const fn all() -> Self {
        Self::last(usize::MAX)
    }

    /// Whether anything is kept.
    pub fn is_on(&self) -> bool {
        self.keep > 0
    }

    /// What was kept, the oldest first.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &Record> + ExactSizeIterator {
        self.records.iter()
    }

    pub(crate) fn push(&mut self, record: Record) {
        if self.records.len() == self.keep {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }
}

/// The place where two sequences part; see [`first_difference`].
///
/// ```
/// use labrpc::{Difference, first_difference};
/// let difference = first_difference(vec![1, 2], vec![1]);
/// assert_eq!(difference, Some(Difference { common: 1, left: Some(2), right: None }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference<T> {
    /// How many items they have in common before it.
    pub common: usize,
    /// What the first has there; `None`: it has ended.
    pub left: Option<T>,
    /// What the second has there.
    pub right: Option<T>,
}

/// Finds the first difference between two traces, as records or as lines; `None`: they are equal.
///
/// ```
/// let difference = labrpc::first_difference("a b c".split(' '), "a b d".split(' ')).unwrap();
/// assert_eq!((difference.common, difference.left, difference.right), (2, Some("c"), Some("d")));
/// ```
pub fn first_difference<T: PartialEq>(
    left: impl IntoIterator<Item = T>,
    right: impl IntoIterator<Item = T>,
) -> Option<Difference<T>> {
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    let mut common = 0;
    loop {
        match (left.next(), right.next()) {
            (None, None) => return None,
            (l, r) if l == r => common += 1,
            (left, right) => return Some(Difference { common, left, right }),
        }
    }
}

/// A running 64-bit digest of everything that happened: every event in its order, with its time, its
/// node and, if it is about a message, the bytes. What a step writes to its disk shows in it as soon
/// as a message depends on it. It is no defence against a forger.
///
/// ```
/// use labrpc::Fingerprint;
/// let mut print = Fingerprint::default();
/// print.word(4711);
/// print.bytes(b"a message");
/// assert_eq!(print.value(), 0x370f_8a7d_ab6d_d637);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u64);

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Default for Fingerprint {
    fn default() -> Self {
        Self(ODD)
    }
}

impl Fingerprint {
    /// Mixes in a number.
    pub fn word(&mut self, word: u64) {
        self.0 = fold(self.0 ^ word, ODD).wrapping_add(word.rotate_left(23));
    }

    /// Mixes in bytes and their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(16);
        for chunk in &mut chunks {
            let word =
                |at: usize| u64::from_le_bytes(chunk[at..at + 8].try_into().expect("eight bytes"));
            self.0 = fold(self.0 ^ word(0), ODD ^ word(8)).wrapping_add(word(0).rotate_left(32));
        }
        let mut tail = [0; 16];
        tail[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
        let (low, high) = tail.split_at(8);
        self.word(u64::from_le_bytes(low.try_into().expect("eight bytes")));
        self.word(u64::from_le_bytes(high.try_into().expect("eight bytes")));
        self.word(bytes.len() as u64);
    }

    /// The digest so far.
    pub const fn value(self) -> u64 {
        self.0
    }
}

/// What the fingerprint mixes in for each kind of event, before its particulars.
#[derive(Clone, Copy)]
pub(crate) enum Mark {
    Boot = 1,
    Request,
    Reply,
    Drop,
    Wake,
    Poke,
    Crash,
    DiskLost,
    Link,
    Pause,
    Resume,
    Tune,
    Network,
    Copy,
    Isolate,
    Rejoin,
    Partition,
    Heal,
}

impl From<Kind> for Mark {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Request => Self::Request,
            Kind::Reply => Self::Reply,
        }
    }
}
