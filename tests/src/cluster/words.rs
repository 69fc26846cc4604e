//! The labs' words: what a script says (catalogue of the Go harness, `raft/config.go`).

use super::{Cluster, Setup};
use crate::script::Script;
use crate::{Outcome, demand, fail};
use labrpc::{CrashPoint, NodeId, Trace};
use raft::{Consensus, LogId, Status, Term};
use std::collections::BTreeMap;
use std::time::Duration;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Whether an agreement may be asked for again when it has not come about in two seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It may, for ten seconds in all.
    Yes,
    /// It must come about at the first go.
    No,
}

/// What a script of lab 2 holds.
pub type Lab<R> = Script<Cluster<R>>;

impl<R: Consensus + 'static> Lab<R> {
    /// A cluster, ready for a script.
    pub fn new(setup: Setup, seed: u64, trace: Trace) -> Self {
        Self::on(Cluster::new(setup, seed, trace))
    }

    // ---- the cluster -------------------------------------------------------------------------

    /// How many servers there are.
    pub fn servers(&self) -> usize {
        self.cluster().setup.servers
    }

    /// A random command.
    pub fn random_command(&self) -> Vec<u8> {
        self.below(1 << 31).to_string().into_bytes()
    }

    // ---- servers and links -------------------------------------------------------------------

    /// Connects a server to all others that are connected.
    pub fn connect(&self, server: usize) {
        self.cluster_mut().connect(server);
    }

    /// Cuts all links of a server, in both directions; it goes on running.
    pub fn disconnect(&self, server: usize) {
        self.cluster_mut().disconnect(server);
    }

    /// Whether a server is connected.
    pub fn is_connected(&self, server: usize) -> bool {
        self.cluster().connected[server]
    }

    /// Disconnects a server and ends its life.
    pub fn crash(&self, server: usize) {
        self.cluster_mut().crash(server);
    }

    /// Ends a server's life in the middle of its next step that writes.
    pub fn crash_at(&self, server: usize, point: CrashPoint) {
        self.world(|world| world.crash(NodeId::new(server as u16), point));
    }

    /// Ends a server's life, if it has one, and begins a new one. It stays disconnected.
    pub fn restart(&self, server: usize) {
        self.cluster_mut().restart(server);
    }

    /// Whether a server is up.
    pub fn is_up(&self, server: usize) -> bool {
        self.status(server).is_some()
    }

    /// What a server says of itself, if it is up.
    pub fn status(&self, server: usize) -> Option<Status> {
        self.cluster().status(server)
    }

    // ---- leaders -----------------------------------------------------------------------------

    /// The leader of the highest term among connected servers; up to ten looks, about half a second
    /// apart.
    pub async fn check_one_leader(&self) -> Outcome<usize> {
        for _ in 0..10 {
            let wait = self.dice(|dice| dice.between(450..550));
            self.sleep_ms(wait).await;
            let mut leaders: BTreeMap<Term, usize> = BTreeMap::new();
            for server in (0..self.servers()).filter(|&server| self.is_connected(server)) {
                if let Some(status) = self.status(server).filter(|status| status.is_leader)
                    && let Some(other) = leaders.insert(status.term, server)
                {
                    fail!("one leader", "n{other} and n{server} both lead {}", status.term);
                }
            }
            if let Some((_, &leader)) = leaders.last_key_value() {
                return Ok(leader);
            }
        }
        fail!("one leader", "no connected server leads after ten looks in five seconds")
    }

    /// The term that all connected servers agree on.
    pub fn check_terms(&self) -> Outcome<Term> {
        let mut agreed = None;
        for server in (0..self.servers()).filter(|&server| self.is_connected(server)) {
            let Some(status) = self.status(server) else { continue };
            let term = *agreed.get_or_insert(status.term);
            demand!(
                term == status.term,
                "agreed term",
                "n{server} is in {}, another in {term}",
                status.term
            );
        }
        match agreed {
            Some(term) => Ok(term),
            None => fail!("agreed term", "no server is connected"),
        }
    }

    /// No connected server claims to lead.
    pub fn check_no_leader(&self) -> Outcome {
        for server in (0..self.servers()).filter(|&server| self.is_connected(server)) {
            if let Some(status) = self.status(server) {
                demand!(!status.is_leader, "no leader", "n{server} leads {}", status.term);
            }
        }
        Ok(())
    }

    // ---- agreement ---------------------------------------------------------------------------

    /// The labs' `Start` on one server, connected or not.
    pub fn start(&self, server: usize, command: &[u8]) -> Option<LogId> {
        self.cluster_mut().propose(server, command)
    }

    /// How many live servers have applied an index in their present life.
    pub fn n_committed(&self, index: u64) -> usize {
        self.cluster().n_committed(index).0
    }

    /// What was applied at an index, once any server has applied something there.
    pub fn command_at(&self, index: u64) -> Option<Vec<u8>> {
        let cluster = self.cluster();
        let (count, command) = cluster.n_committed(index);
        if count == 0 { None } else { command.map(<[u8]>::to_vec) }
    }

    /// Nobody has applied anything at an index.
    pub fn demand_uncommitted(&self, index: u64) -> Outcome {
        let count = self.n_committed(index);
        demand!(count == 0, "not committed", "{count} servers have applied entry {index}");
        Ok(())
    }

    fn is_agreed(&self, index: u64, command: &[u8], expected: usize) -> bool {
        let cluster = self.cluster();
        let (count, there) = cluster.n_committed(index);
        count >= expected && there == Some(command)
    }

    /// Full agreement: submits a command to whichever connected server takes it, and waits until at
    /// least `expected` servers have applied it at the index it got. The answer is that index.
    pub async fn one(
        &self,
        command: impl AsRef<[u8]>,
        expected: usize,
        retry: Retry,
    ) -> Outcome<u64> {
        let command = command.as_ref();
        let (began, mut server) = (self.now(), 0);
        while self.now().since(began) < ms(10_000) {
            let mut accepted = None;
            for _ in 0..self.servers() {
                server = (server + 1) % self.servers();
                if self.is_connected(server) {
                    accepted = self.start(server, command);
                }
                if accepted.is_some() {
                    break;
                }
            }
            let Some(id) = accepted else {
                self.sleep_ms(50).await;
                continue;
            };
            let submitted = self.now();
            while self.now().since(submitted) < ms(2_000) {
                if self.is_agreed(id.index.get(), command, expected) {
                    return Ok(id.index.get());
                }
                self.sleep_ms(20).await;
            }
            demand!(
                retry == Retry::Yes,
                "agreement",
                "{} at {id} was not applied by {expected} servers within 2 s",
                command.escape_ascii()
            );
        }
        let command = command.escape_ascii();
        fail!("agreement", "{command} was not applied by {expected} servers within 10 s")
    }

    /// The labs' `one` with a number for a command.
    pub async fn one_number(&self, number: u64, expected: usize, retry: Retry) -> Outcome<u64> {
        self.one(number.to_string(), expected, retry).await
    }

    /// [`one`](Self::one) with a random command.
    pub async fn one_random(&self, expected: usize, retry: Retry) -> Outcome<u64> {
        let command = self.random_command();
        self.one(command, expected, retry).await
    }

    /// Waits for at least `expected` servers to apply an index; the answer is the command there, or
    /// `None` if `in_term` is given and a server has moved on from it.
    pub async fn wait(
        &self,
        index: u64,
        expected: usize,
        in_term: Option<Term>,
    ) -> Outcome<Option<Vec<u8>>> {
        let mut pause = 10;
        for _ in 0..30 {
            if self.n_committed(index) >= expected {
                break;
            }
            self.sleep_ms(pause).await;
            if pause < 1000 {
                pause *= 2;
            }
            if let Some(term) = in_term
                && (0..self.servers()).any(|s| self.status(s).is_some_and(|it| it.term > term))
            {
                return Ok(None);
            }
        }
        let count = self.n_committed(index);
        demand!(
            count >= expected,
            "agreement",
            "only {count} servers have applied entry {index} after half a minute, not {expected}"
        );
        Ok(self.command_at(index))
    }

    // ---- figures -----------------------------------------------------------------------------

    /// Requests handled by all servers in their present lives.
    pub fn rpcs_handled(&self) -> u64 {
        let cluster = self.cluster();
        let world = cluster.world();
        world.ids().map(|id| world.traffic(id).rpcs_in_this_life).sum()
    }

    /// Bytes on the network, as the labs count them.
    pub fn bytes_total(&self) -> u64 {
        self.cluster().totals().bytes
    }
}
