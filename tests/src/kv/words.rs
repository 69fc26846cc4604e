//! The labs' words: what a script of lab 3 says (catalogue of the Go harness, `kvraft/config.go`).

use super::{Actor, KvClerk, KvServer, Lab3, Service, Setup};
use crate::arena::{Replica, SLACK};
use crate::linear::KvOp;
use crate::script::Script;
use crate::{Outcome, demand};
use kvraft::kv::Op;
use labrpc::{CrashPoint, NodeId, Persister, Trace};
use raft::Status;

/// What a script of lab 3 holds.
pub type KvLab<L> = Script<Service<L>>;

/// The labs' assumed bound on an election, in milliseconds.
pub const ELECTION_MS: u64 = 1_000;

/// A client, which does one thing at a time.
#[derive(Clone, Copy, Debug)]
pub struct Clerk {
    /// Its node.
    pub id: NodeId,
    /// Its number in the history.
    pub client: u64,
}

impl<L: Lab3> KvLab<L> {
    /// A service, ready for a script.
    pub fn new(setup: Setup, seed: u64, trace: Trace) -> Self {
        Self::on(Service::new(setup, seed, trace))
    }

    /// How many servers there are.
    pub fn servers(&self) -> usize {
        self.cluster().servers.len()
    }

    /// All servers.
    pub fn everyone(&self) -> Vec<usize> {
        (0..self.servers()).collect()
    }

    // ---- clients -----------------------------------------------------------------------------

    /// A clerk that reaches all servers.
    pub fn clerk(&self) -> Clerk {
        let client = self.cluster().clerks;
        self.clerk_as(client)
    }

    /// A clerk that reaches all servers, with this number in the history.
    pub fn clerk_as(&self, client: u64) -> Clerk {
        let mut servers = self.cluster().servers.clone();
        self.dice(|dice| dice.shuffle(&mut servers));
        self.cluster_mut().clerks += 1;
        let id = self.world(|world| world.add(move |cx| Actor::Clerk(L::clerk(cx, &servers))));
        Clerk { id, client }
    }

    /// A clerk that reaches only these servers.
    pub fn clerk_of(&self, servers: &[usize]) -> Clerk {
        let clerk = self.clerk();
        self.allow(clerk, servers);
        clerk
    }

    /// Lets a clerk reach these servers and no others.
    pub fn allow(&self, clerk: Clerk, servers: &[usize]) {
        for server in 0..self.servers() {
            let (id, allowed) = (self.id(server), servers.contains(&server));
            self.world(|world| {
                for (from, to) in [(clerk.id, id), (id, clerk.id)] {
                    if allowed { world.mend(from, to) } else { world.cut(from, to) }
                }
            });
        }
    }

    /// Does an operation and records it; the answer is that of a get, and empty otherwise. It waits
    /// for ever if the clerk crashes meanwhile.
    pub async fn call(&self, clerk: Clerk, op: KvOp) -> String {
        let now = self.now();
        let call = self.cluster_mut().calls.begin(clerk.client, clerk.id, now, op.clone());
        let life = self.cluster().world().life(clerk.id);
        self.world(|world| {
            world.poke(clerk.id, |actor, cx| match actor {
                Actor::Clerk(it) => {
                    cx.note("asks for", format_args!("{op:?}"));
                    it.start(cx, asked(op));
                }
                Actor::Server(_) => unreachable!("{} is a clerk", clerk.id),
            })
        });
        loop {
            if let Some(reply) = self.reply(clerk, life) {
                let now = self.now();
                self.cluster_mut().calls.end(call, now, reply.clone());
                return reply;
            }
            self.until_done(clerk.id).await;
        }
    }

    fn reply(&self, clerk: Clerk, life: u32) -> Option<String> {
        let service = self.cluster();
        match service.world().node(clerk.id) {
            Some(Actor::Clerk(it)) if service.world().life(clerk.id) == life => {
                it.reply().map(str::to_string)
            }
            _ => None,
        }
    }

    /// The value of a key; empty if it has none.
    pub async fn get(&self, clerk: Clerk, key: impl Into<String>) -> String {
        self.call(clerk, KvOp::get(key)).await
    }

    /// Sets the value of a key.
    pub async fn put(&self, clerk: Clerk, key: impl Into<String>, value: impl Into<String>) {
        self.call(clerk, KvOp::put(key, value)).await;
    }

    /// Adds to the end of the value of a key.
    pub async fn append(&self, clerk: Clerk, key: impl Into<String>, value: impl Into<String>) {
        self.call(clerk, KvOp::append(key, value)).await;
    }

    /// A get that must give this value.
    pub async fn check(&self, clerk: Clerk, key: &str, expected: &str) -> Outcome {
        let value = self.get(clerk, key).await;
        demand!(value == expected, "get", "{key} is {value:?} and should be {expected:?}");
        Ok(())
    }

    // ---- servers and links -------------------------------------------------------------------

    /// The node of a server.
    pub fn id(&self, server: usize) -> NodeId {
        self.cluster().servers[server]
    }

    /// Ends a server's life.
    pub fn crash(&self, server: usize) {
        let id = self.id(server);
        self.world(|world| world.crash(id, CrashPoint::Now));
    }

    /// Begins a server's next life.
    pub fn restart(&self, server: usize) {
        let id = self.id(server);
        self.world(|world| world.restart(id)).expect("scripts of lab 3 lose no disks");
    }

    /// Splits the servers: who is in one group does not reach who is in another. Clerks reach
    /// everyone, as before.
    pub fn partition(&self, groups: &[Vec<usize>]) {
        let ids: Vec<Vec<NodeId>> =
            groups.iter().map(|group| group.iter().map(|&it| self.id(it)).collect()).collect();
        self.world(|world| world.partition(&ids));
    }

    /// Lets all servers reach each other.
    pub fn heal(&self) {
        self.world(labrpc::World::heal);
    }

    /// Whether a server is up.
    pub fn is_up(&self, server: usize) -> bool {
        self.cluster().server(server).is_some()
    }

    /// What a server's Raft says of itself, if it is up and shows it.
    pub fn status(&self, server: usize) -> Option<Status> {
        self.cluster().server(server)?.replica().map(Replica::status)
    }

    /// The servers that are up and believe themselves to be the leader.
    pub fn leaders(&self) -> Vec<usize> {
        let service = self.cluster();
        let leads = |&it: &usize| service.server(it).is_some_and(KvServer::is_leader);
        (0..self.servers()).filter(leads).collect()
    }

    /// The first server that believes itself to be the leader.
    pub fn leader(&self) -> Option<usize> {
        self.leaders().first().copied()
    }

    /// Waits for a server to believe itself to be the leader; the answer is the one that says so.
    pub async fn wait_for_leader(&self) -> Outcome<usize> {
        for _ in 0..100 {
            if let Some(leader) = self.leader() {
                return Ok(leader);
            }
            self.sleep_ms(50).await;
        }
        crate::fail!("one leader", "nobody leads after five seconds")
    }

    // ---- figures -----------------------------------------------------------------------------

    /// The labs' look at disks, when the load has ended: the Raft state is not too large, and there
    /// are snapshots if there is a limit, and else there are none.
    pub fn check_disks(&self) -> Outcome {
        let service = self.cluster();
        let limit = service.setup.config.max_raft_state;
        for server in 0..self.servers() {
            let disk = service.world().disk(self.id(server));
            if let Some(limit) = limit {
                let (bytes, most) = (disk.raft_state_bytes(), SLACK * limit);
                demand!(
                    bytes <= most,
                    "state size",
                    "n{server} keeps {bytes} bytes of Raft state, more than {SLACK} times {limit}; its \
                     snapshot is of {} bytes",
                    disk.snapshot().len()
                );
            } else {
                let bytes = disk.snapshot().len();
                demand!(bytes == 0, "no snapshots", "n{server} has one, of {bytes} bytes");
            }
        }
        Ok(())
    }

    /// How large a server's snapshot is, in bytes.
    pub fn snapshot_size(&self, server: usize) -> usize {
        self.cluster().world().disk(self.id(server)).snapshot().len()
    }

    /// The largest snapshot, in bytes.
    pub fn largest_snapshot(&self) -> usize {
        (0..self.servers()).map(|it| self.snapshot_size(it)).max().unwrap_or_default()
    }
}

/// An operation of a history, as it is asked for.
pub(crate) fn asked(op: KvOp) -> Op {
    match op {
        KvOp::Get { key } => Op::Get { key },
        KvOp::Put { key, value } => Op::Put { key, value },
        KvOp::Append { key, value } => Op::Append { key, value },
    }
}
