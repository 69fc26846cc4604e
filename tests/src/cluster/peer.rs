//! One server of a Raft cluster: the Raft under test, and the labs' applier on top of it.

use crate::Failure;
use labrpc::{Context, Instant, NodeId, Process};
use raft::{Applied, Config, Consensus, Index, LogId, NotLeader};
use std::ops::Range;

/// Something that a Raft handed up in the latest step. The bytes are in the peer's buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Which entry; of a snapshot, the last that it covers.
    pub id: LogId,
    /// Whether it is a snapshot.
    pub is_snapshot: bool,
    bytes: Range<usize>,
}

/// How the service on top behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applier {
    /// It takes commands, and no snapshots.
    Plain,
    /// It takes a snapshot after each entry whose index is one below a multiple of this: the labs'
    /// 2D, with 10.
    Snapshots {
        /// How many entries lie between two snapshots.
        every: u64,
    },
}

/// A server: a Raft and its applier.
#[derive(Clone, Debug)]
pub struct Peer<R> {
    /// The Raft under test.
    pub raft: R,
    applier: Applier,
    delivered: Vec<Delivery>,
    buffer: Vec<u8>,
    /// What the service has applied, command by command; kept only if it takes snapshots.
    history: Vec<Vec<u8>>,
    last: Index,
    complaint: Option<Failure>,
}

impl<R: Consensus> Peer<R> {
    /// Starts a server from its disk.
    pub fn boot(
        cx: &mut Context<'_, R::Message>,
        peers: &[NodeId],
        config: Config,
        applier: Applier,
    ) -> Self {
        let raft = R::boot(cx, peers, config);
        let mut peer = Self {
            raft,
            applier,
            delivered: Vec::new(),
            buffer: Vec::new(),
            history: Vec::new(),
            last: Index::BEFORE_FIRST,
            complaint: None,
        };
        peer.apply(cx);
        peer
    }

    /// The labs' `Start`.
    pub fn propose(
        &mut self,
        cx: &mut Context<'_, R::Message>,
        command: &[u8],
    ) -> Result<LogId, NotLeader> {
        self.begin();
        let id = self.raft.propose(cx, command);
        self.apply(cx);
        id
    }

    /// What the latest step handed up, in order.
    pub fn delivered(&self) -> &[Delivery] {
        &self.delivered
    }

    /// The bytes of something that the latest step handed up.
    pub fn bytes(&self, delivery: &Delivery) -> &[u8] {
        &self.buffer[delivery.bytes.clone()]
    }

    /// What the service found wrong with what it was handed.
    pub fn complaint(&self) -> Option<&Failure> {
        self.complaint.as_ref()
    }

    /// The commands of a snapshot made by this service, element 0 being index 1.
    pub fn commands_of(state: &[u8]) -> Result<(Index, Vec<Vec<u8>>), labgob::Error> {
        labgob::decode(state)
    }

    fn begin(&mut self) {
        self.delivered.clear();
        self.buffer.clear();
    }

    /// Pulls what there is to apply, and takes a snapshot where one is due.
    fn apply(&mut self, cx: &mut Context<'_, R::Message>) {
        while let Some(applied) = self.raft.next_applied(cx.disk) {
            let start = self.buffer.len();
            let (id, is_snapshot) = match applied {
                Applied::Command { id, command } => {
                    self.buffer.extend_from_slice(command);
                    (id, false)
                }
                Applied::Snapshot { last, state } => {
                    self.buffer.extend_from_slice(state);
                    (last, true)
                }
            };
            let bytes = start..self.buffer.len();
            self.delivered.push(Delivery { id, is_snapshot, bytes: bytes.clone() });
            if id.index <= self.last {
                // A Raft that hands up the same thing again and again would keep us here for ever.
                let facts = format!("was handed entry {} after entry {}", id.index, self.last);
                self.complain("in-order apply", cx.me, &facts);
                return;
            }
            self.last = id.index;
            if let Applier::Snapshots { every } = self.applier {
                if is_snapshot {
                    self.ingest(cx.me, id.index, bytes);
                } else {
                    self.history.push(self.buffer[bytes].to_vec());
                    if (id.index.get() + 1).is_multiple_of(every) {
                        let state = labgob::encode(&(id.index, &self.history));
                        self.raft.snapshot(cx, id.index, &state);
                    }
                }
            }
        }
    }

    fn ingest(&mut self, me: NodeId, upto: Index, state: Range<usize>) {
        let facts = match Self::commands_of(&self.buffer[state]) {
            Ok((index, history)) if index == upto && history.len() as u64 == upto.get() => {
                self.history = history;
                return;
            }
            Ok((index, history)) => {
                let commands = history.len();
                format!(
                    "a snapshot said to cover {upto} was made at {index}, of {commands} commands"
                )
            }
            Err(error) => format!("the snapshot of {upto} is not one of ours: {error}"),
        };
        self.complain("snapshot content", me, &facts);
    }

    fn complain(&mut self, property: &str, me: NodeId, facts: &str) {
        self.complaint.get_or_insert_with(|| Failure::new(property, format!("{me} {facts}")));
    }
}

impl<R: Consensus> Process for Peer<R> {
    type Message = R::Message;

    fn on_message(
        &mut self,
        cx: &mut Context<'_, R::Message>,
        from: NodeId,
        message: Self::Message,
    ) {
        self.begin();
        self.raft.on_message(cx, from, message);
        self.apply(cx);
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, R::Message>) {
        self.begin();
        self.raft.on_wakeup(cx);
        self.apply(cx);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.raft.next_wakeup()
    }
}
