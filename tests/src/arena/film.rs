//! What each server was at every moment of a run: its role, its term, its log. A trace says what
//! happened to servers; a film says what became of them. The [viewer](crate::viewer) shows both.
//!
//! A [`Camera`] looks at a server after each of its steps and keeps what has changed. It only reads,
//! so that a run is the same with it and without.

use super::{Replica, Subject, Watch};
use labrpc::{Disk, Event, NodeId, Record, SimTime, World};
use raft::{Index, LogId, Status, Term};
use std::collections::BTreeMap;

/// So much of a command is kept, in characters.
const COMMAND: usize = 120;

/// What a server is, as far as it can be told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Neither of the others.
    Follower,
    /// It has voted for itself, and has not heard from a leader of its term.
    Candidate,
    /// It says so.
    Leader,
}

/// A server, but for its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Its role.
    pub role: Role,
    /// The latest term it has seen.
    pub term: Term,
    /// Whom it voted for in that term, if it shows it.
    pub vote: Option<NodeId>,
    /// The leader of that term, once it has heard from it: which is known if the run is traced.
    pub leader: Option<NodeId>,
    /// The highest index that it knows to be committed.
    pub commit: Index,
    /// How far it has applied in its present life.
    pub applied: Index,
    /// The last entry that its snapshot covers.
    pub covered: LogId,
    /// The last entry of its log.
    pub last: LogId,
}

/// What became of a log: the entries before `from` are as before, and these follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogChange {
    /// The first index that is not as before.
    pub from: Index,
    /// The entries from there to the end: their terms, and which of [`Film::commands`] they hold.
    pub entries: Vec<(Term, usize)>,
}

/// A server after a step that changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The step's number in the trace; of a run without one, how many events there have been.
    pub event: u64,
    /// Whose step it was.
    pub node: NodeId,
    /// What it is now.
    pub state: State,
    /// What became of its log, if something did.
    pub log: Option<LogChange>,
}

/// A replicated log, and who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// What it is called.
    pub name: String,
    /// Its servers.
    pub servers: Vec<NodeId>,
}

/// What a client did, in simulated time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCall {
    /// The client.
    pub node: NodeId,
    /// When it asked for something.
    pub began: SimTime,
    /// When it was answered; `None`: it never was.
    pub ended: Option<SimTime>,
    /// What it asked for, and what the answer was.
    pub what: String,
}

/// What became of all servers, step by step.
#[derive(Clone, Debug, Default)]
pub struct Film {
    /// The clusters. Nodes in none of them are clients.
    pub clusters: Vec<Cluster>,
    /// Every change, in the order of the steps.
    pub frames: Vec<Frame>,
    /// The commands of all entries, as text, and cut off where they are long.
    pub commands: Vec<String>,
    /// What clients did.
    pub calls: Vec<ClientCall>,
}

/// Films servers.
#[derive(Clone, Debug, Default)]
pub struct Camera {
    film: Film,
    /// What each server was when it was last looked at.
    servers: BTreeMap<NodeId, Known>,
    /// Since when a server leads a term of its cluster.
    leaders: BTreeMap<(usize, Term, NodeId), SimTime>,
    /// Which of the film's commands each is, by cluster: what it says is up to who has it.
    commands: BTreeMap<usize, BTreeMap<Vec<u8>, usize>>,
}

#[derive(Clone, Debug)]
struct Known {
    life: u32,
    /// How much of what its Raft has handed up was looked at.
    seen: u64,
    state: State,
    log: Log,
}

/// The entries that a server holds, from an index on.
#[derive(Clone, Debug)]
struct Log {
    first: u64,
    entries: Vec<(Term, usize)>,
}

impl Default for Log {
    fn default() -> Self {
        Self { first: 1, entries: Vec::new() }
    }
}

impl Log {
    /// From where on another is not as this one, if it is not. What it has dropped at its start is
    /// no change.
    fn change(&self, now: &Self) -> Option<LogChange> {
        let skipped = now.first.checked_sub(self.first).map(|skipped| skipped as usize);
        let kept = skipped.and_then(|skipped| self.entries.get(skipped..));
        let same = kept
            .map(|kept| kept.iter().zip(&now.entries).take_while(|(old, new)| old == new).count());
        if let (Some(kept), Some(same)) = (kept, same)
            && same == kept.len()
            && same == now.entries.len()
        {
            return None;
        }
        let same = same.unwrap_or_default();
        let from = Index::new(now.first + same as u64);
        Some(LogChange { from, entries: now.entries[same..].to_vec() })
    }
}

impl Camera {
    /// The film so far.
    pub fn film(&self) -> &Film {
        &self.film
    }

    /// Looks at a server of a cluster after its step.
    pub fn look<P: Subject>(&mut self, world: &World<P>, watches: &[Watch], id: NodeId) {
        let Some(cluster) = watches.iter().position(|watch| watch.slot(id).is_some()) else {
            return;
        };
        let Some(node) = world.node(id) else { return };
        let Some(replica) = node.replica() else { return };
        let life = world.life(id);
        let before = self.servers.remove(&id);
        let same_life = before.as_ref().filter(|known| known.life == life);
        let status = replica.status();
        if status.is_leader {
            self.leaders.entry((cluster, status.term, id)).or_insert(world.now());
        }
        let mut applied = same_life.map_or(Index::BEFORE_FIRST, |known| known.state.applied);
        let seen = same_life.map_or(0, |known| known.seen);
        if let Some(latest) = replica.deliveries().since(seen).last() {
            applied = latest.id.index;
        }
        let known_leader = same_life
            .filter(|known| known.state.term == status.term)
            .and_then(|known| known.state.leader);
        let leader = known_leader.or_else(|| self.heard(world, cluster, status.term, id));
        let state = state_of(replica, &status, id, leader, applied);
        let now = self.log_of(cluster, node, world.disk(id), same_life, seen);
        let (old_state, old_log) = before.map(|known| (known.state, known.log)).unzip();
        let old_log: Log = old_log.unwrap_or_default();
        let change = now.as_ref().and_then(|log| old_log.change(log));
        let log = now.unwrap_or(old_log);
        if change.is_some() || old_state != Some(state) {
            let event = cause(world, id).map_or(world.events(), |record| record.number);
            self.film.frames.push(Frame { event, node: id, state, log: change });
        }
        let seen = replica.deliveries().end();
        self.servers.insert(id, Known { life, seen, state, log });
    }

    /// Who leads this term, if this step was to hear from it.
    fn heard<P: Subject>(
        &self,
        world: &World<P>,
        cluster: usize,
        term: Term,
        id: NodeId,
    ) -> Option<NodeId> {
        if self.leaders.contains_key(&(cluster, term, id)) {
            return Some(id);
        }
        let Event::Deliver { from, sent, .. } = cause(world, id)?.event else { return None };
        // What it said before it led does not tell that it leads.
        self.leaders.get(&(cluster, term, from)).filter(|since| **since <= sent).map(|_| from)
    }

    /// The log of a server; `None`: it is as before. One that is not shown is known by what was
    /// applied.
    fn log_of<P: Subject>(
        &mut self,
        cluster: usize,
        node: &P,
        disk: &Disk,
        before: Option<&Known>,
        seen: u64,
    ) -> Option<Log> {
        let replica = node.replica()?;
        let Some(view) = replica.view() else {
            let news = replica.deliveries().since(seen);
            if before.is_some() && news.is_empty() {
                return None;
            }
            let mut log = before.map_or_else(Log::default, |known| known.log.clone());
            for delivery in news {
                let index = delivery.id.index.get();
                if delivery.is_snapshot || index != log.first + log.entries.len() as u64 {
                    let first = index + u64::from(delivery.is_snapshot);
                    log = Log { first, entries: Vec::new() };
                }
                if !delivery.is_snapshot {
                    let command = self.command(cluster, node, replica.deliveries().bytes(delivery));
                    log.entries.push((delivery.id.term, command));
                }
            }
            return Some(log);
        };
        if before.is_some() && disk.writes().count == 0 {
            return None;
        }
        let held = view.log();
        let entries = Index::span(held.start, held.end.prev()).map_while(|index| {
            let (term, command) = view.entry(disk, index)?;
            Some((term, self.command(cluster, node, command)))
        });
        Some(Log { first: held.start.get(), entries: entries.collect() })
    }

    /// Which command this is, to a node of a cluster that has it in its log.
    fn command(&mut self, cluster: usize, node: &impl Subject, bytes: &[u8]) -> usize {
        let known = self.commands.entry(cluster).or_default();
        if let Some(&number) = known.get(bytes) {
            return number;
        }
        let number = self.film.commands.len();
        let text = node.describe(bytes).unwrap_or_else(|| bytes.escape_ascii().to_string());
        let clipped = match text.char_indices().nth(COMMAND) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        };
        self.film.commands.push(clipped);
        known.insert(bytes.to_vec(), number);
        number
    }
}

/// What brought about the latest step of a node: what it sent may have been lost since, which is in
/// the trace, too.
fn cause<P: Subject>(world: &World<P>, id: NodeId) -> Option<&Record> {
    world.trace().records().rev().find(|record| {
        let is_step = matches!(
            record.event,
            Event::Boot { .. } | Event::Deliver { .. } | Event::Wake | Event::Poke
        );
        is_step && record.node == Some(id)
    })
}

fn state_of(
    replica: &dyn Replica,
    status: &Status,
    id: NodeId,
    leader: Option<NodeId>,
    applied: Index,
) -> State {
    let view = replica.view();
    let vote = view.and_then(raft::View::voted_for);
    let role = match leader {
        _ if status.is_leader => Role::Leader,
        None if vote == Some(id) => Role::Candidate,
        _ => Role::Follower,
    };
    State {
        role,
        term: status.term,
        vote,
        leader,
        commit: status.commit,
        applied,
        covered: view.map_or(LogId::BEFORE_FIRST, raft::View::covered),
        last: status.last,
    }
}
