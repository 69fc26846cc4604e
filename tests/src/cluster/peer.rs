//! One server of a Raft cluster: the Raft under test, and the labs' applier on top of it.

use crate::Failure;
use crate::arena::{Deliveries, Replica, Subject};
use labrpc::{Context, Instant, NodeId, Process};
use raft::{Applied, Config, Consensus, Index, LogId, NotLeader, Status, View};

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
    deliveries: Deliveries,
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
            deliveries: Deliveries::default(),
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
        self.deliveries.clear();
        let id = self.raft.propose(cx, command);
        let text = command.escape_ascii();
        match &id {
            Ok(id) => cx.note("takes a proposal", format_args!("{id}: \"{text}\"")),
            Err(error) => cx.note("turns a proposal down", format_args!("\"{text}\": {error}")),
        }
        self.apply(cx);
        id
    }

    /// Pulls what there is to apply, and takes a snapshot where one is due.
    fn apply(&mut self, cx: &mut Context<'_, R::Message>) {
        while let Some(applied) = self.raft.next_applied(cx.disk) {
            let (id, is_snapshot, bytes) = match applied {
                Applied::Command { id, command } => (id, false, command),
                Applied::Snapshot { last, state } => (last, true, state),
            };
            self.deliveries.push(id, is_snapshot, bytes);
            if id.index <= self.last {
                // A Raft that hands up the same thing again and again would keep us here for ever.
                let facts = format!("was handed entry {} after entry {}", id.index, self.last);
                self.complain("in-order apply", cx.me, &facts);
                return;
            }
            self.last = id.index;
            if let Applier::Snapshots { every } = self.applier {
                if is_snapshot {
                    let ingested = ingest(id.index, bytes);
                    match ingested {
                        Ok(history) => self.history = history,
                        Err(facts) => self.complain("snapshot content", cx.me, &facts),
                    }
                } else {
                    self.history.push(bytes.to_vec());
                    if (id.index.get() + 1).is_multiple_of(every) {
                        let state = labgob::encode(&(id.index, &self.history));
                        self.raft.snapshot(cx, id.index, &state);
                    }
                }
            }
        }
    }

    fn complain(&mut self, property: &str, me: NodeId, facts: &str) {
        self.complaint.get_or_insert_with(|| Failure::new(property, format!("{me} {facts}")));
    }
}

/// The commands of a snapshot that is said to cover everything up to an index.
fn ingest(upto: Index, state: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let (index, history) = commands_of(state)
        .map_err(|error| format!("the snapshot of {upto} is not one of ours: {error}"))?;
    if index == upto && history.len() as u64 == upto.get() {
        return Ok(history);
    }
    let commands = history.len();
    Err(format!("a snapshot said to cover {upto} was made at {index}, of {commands} commands"))
}

/// The commands of a snapshot made by this service, element 0 being index 1.
fn commands_of(state: &[u8]) -> Result<(Index, Vec<Vec<u8>>), labgob::Error> {
    labgob::decode(state)
}

impl<R: Consensus> Subject for Peer<R> {
    fn replica(&self) -> Option<&dyn Replica> {
        Some(self)
    }
}

impl<R: Consensus> Replica for Peer<R> {
    fn status(&self) -> Status {
        self.raft.status()
    }

    fn view(&self) -> Option<&dyn View> {
        self.raft.view()
    }

    fn deliveries(&self) -> &Deliveries {
        &self.deliveries
    }

    fn complaint(&self) -> Option<&Failure> {
        self.complaint.as_ref()
    }

    fn commands_in(&self, snapshot: &[u8]) -> Option<Vec<Vec<u8>>> {
        if self.applier == Applier::Plain {
            return None;
        }
        commands_of(snapshot).ok().map(|(_, commands)| commands)
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
        self.deliveries.clear();
        self.raft.on_message(cx, from, message);
        self.apply(cx);
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, R::Message>) {
        self.deliveries.clear();
        self.raft.on_wakeup(cx);
        self.apply(cx);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.raft.next_wakeup()
    }
}
