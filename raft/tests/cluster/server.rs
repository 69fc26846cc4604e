//! A server whose service does nothing but remember what it was given.

use labrpc::{Context, Fingerprint, Instant, Network, NodeId, Process, World};
use raft::{Applied, Config, Consensus, Index, LogId, Message, NotLeader, Raft, ReadId, View};

/// Something that the service applied: up to which entry, and a digest of the whole history up to
/// there. That is also its state, and what its snapshots hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    pub last: LogId,
    pub digest: u64,
    pub snapshot: bool,
}

pub struct Server {
    pub raft: Raft,
    /// Everything applied in this life, in order.
    pub given: Vec<Given>,
    /// Everything read in this life, as it was decided.
    pub reads: Vec<(ReadId, Result<Index, NotLeader>)>,
    snapshot_every: Option<u64>,
}

type Cx<'a> = Context<'a, Message>;

impl Server {
    pub fn boot(
        cx: &mut Cx<'_>,
        peers: &[NodeId],
        config: &Config,
        snapshot_every: Option<u64>,
    ) -> Self {
        let raft = Raft::boot(cx, peers, config.clone());
        let mut server = Self { raft, given: Vec::new(), reads: Vec::new(), snapshot_every };
        server.apply(cx);
        server
    }

    /// The last entry applied.
    pub fn last(&self) -> LogId {
        self.given.last().map_or(LogId::BEFORE_FIRST, |given| given.last)
    }

    pub fn propose(&mut self, cx: &mut Cx<'_>, command: &[u8]) -> Option<LogId> {
        let id = self.raft.propose(cx, command).ok()?;
        self.apply(cx);
        Some(id)
    }

    pub fn read(&mut self, cx: &mut Cx<'_>) -> Option<ReadId> {
        let read = self.raft.read(cx).expect("it takes reads").ok();
        self.apply(cx);
        read
    }

    fn apply(&mut self, cx: &mut Cx<'_>) {
        while let Some(applied) = self.raft.next_applied(&*cx.disk) {
            let given = match applied {
                Applied::Command { id, command } => {
                    let mut digest = Fingerprint::default();
                    digest.word(self.given.last().map_or(0, |given| given.digest));
                    digest.word(id.term.get());
                    digest.bytes(command);
                    Given { last: id, digest: digest.value(), snapshot: false }
                }
                Applied::Snapshot { last, state } => {
                    let digest = u64::from_le_bytes(state.try_into().expect("eight bytes"));
                    Given { last, digest, snapshot: true }
                }
            };
            self.given.push(given);
        }
        self.reads.extend(std::iter::from_fn(|| self.raft.next_read()));
        self.maybe_snapshot(cx);
    }

    /// Takes a snapshot now and then, of something applied a little while ago.
    fn maybe_snapshot(&mut self, cx: &mut Cx<'_>) {
        let Some(every) = self.snapshot_every else { return };
        let covered = View::covered(&self.raft).index.get();
        if self.last().index.get() >= covered + every {
            let back = cx.rng.below(4) as usize;
            let given = self.given[self.given.len().saturating_sub(1 + back)];
            let state = given.digest.to_le_bytes();
            Consensus::snapshot(&mut self.raft, cx, given.last.index, &state);
        }
    }
}

impl Process for Server {
    type Message = Message;

    fn on_message(&mut self, cx: &mut Cx<'_>, from: NodeId, message: Message) {
        self.raft.on_message(cx, from, message);
        self.apply(cx);
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_>) {
        self.raft.on_wakeup(cx);
        self.apply(cx);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.raft.next_wakeup()
    }
}

/// A world of so many servers.
pub fn cluster(
    seed: u64,
    network: Network,
    servers: u16,
    config: &Config,
    snapshot_every: Option<u64>,
) -> World<Server> {
    let mut world = World::new(seed, network);
    let peers: Vec<NodeId> = (0..servers).map(NodeId::new).collect();
    for _ in 0..servers {
        let (peers, config) = (peers.clone(), config.clone());
        world.add(move |cx| Server::boot(cx, &peers, &config, snapshot_every));
    }
    world
}

/// The leader of the latest term, if anyone leads.
pub fn leader(world: &World<Server>) -> Option<NodeId> {
    let term = |id: &NodeId| {
        let status = world.node(*id)?.raft.status();
        status.is_leader.then_some(status.term)
    };
    world.ids().filter(|id| term(id).is_some()).max_by_key(term)
}

/// The highest commit index of all.
pub fn committed(world: &World<Server>) -> Index {
    let commit = |id| world.node(id).map(|server: &Server| server.raft.status().commit);
    world.ids().filter_map(commit).max().unwrap_or_default()
}
