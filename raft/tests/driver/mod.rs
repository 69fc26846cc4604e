//! A cluster driven by hand: nothing happens but what the test says, in the order it says so, and
//! everything that a step did is told: notes, writes, applied entries, messages.
//!
//! After each step the safety properties of figure 3 are asserted.

mod recorder;
mod safety;

use labrpc::{Context, Disk, Instant, NodeId, Notes, Persister, Rng};
use raft::{Applied, Config, Consensus, Index, LogId, Message, Raft, Status, Term, View};
use recorder::{Recorder, text_of_record};
use safety::Safety;
use std::fmt::{self, Write};

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Flight {
    pub from: NodeId,
    pub to: NodeId,
    pub message: Message,
}

/// A server: up, or down with its disk.
pub struct Server {
    pub id: NodeId,
    pub raft: Option<Raft>,
    pub disk: Disk,
    clock: Instant,
    dice: Rng,
    /// The next step that writes is cut short by a crash after so many writes.
    armed: Option<u32>,
}

/// The cluster. The servers are `n1`, `n2`, …, as in the paper's figures.
pub struct Cluster {
    pub servers: Vec<Server>,
    pub flights: Vec<Flight>,
    pub config: Config,
    safety: Safety,
    out: String,
}

type Cx<'a> = Context<'a, Message>;

/// What kind of message it is, in the paper's word.
pub fn kind_of(message: &Message) -> String {
    let text = format!("{message:?}");
    text.split(' ').next().expect("some text").to_string()
}

impl Cluster {
    pub fn new(servers: u16, config: Config) -> Self {
        let server = |number| Server {
            id: NodeId::new(number),
            raft: None,
            disk: Disk::default(),
            clock: Instant::ZERO,
            dice: Rng::stream(1, [0, u64::from(number), 0]),
            armed: None,
        };
        let servers = (1..=servers).map(server).collect();
        let safety = Safety::default();
        let mut cluster = Self { servers, flights: Vec::new(), config, safety, out: String::new() };
        for number in 0..cluster.servers.len() {
            cluster.boot(cluster.servers[number].id);
        }
        cluster
    }

    /// What has happened since the last time.
    pub fn take_output(&mut self) -> String {
        std::mem::take(&mut self.out)
    }

    pub fn server(&mut self, id: NodeId) -> &mut Server {
        &mut self.servers[id.index() - 1]
    }

    fn ids(&self) -> Vec<NodeId> {
        self.servers.iter().map(|server| server.id).collect()
    }

    // ---- steps -------------------------------------------------------------------------------

    /// One step: lend, run, make durable, send.
    fn step<T>(
        &mut self,
        id: NodeId,
        what: fmt::Arguments<'_>,
        f: impl FnOnce(&mut Option<Raft>, &mut Cx<'_>) -> T,
    ) -> T {
        let server = &mut self.servers[id.index() - 1];
        let (mut outbox, mut notes) = (Vec::new(), Notes::on());
        let mut disk = Recorder::new(&mut server.disk, server.armed);
        let mut cx =
            Context::new(id, server.clock, &mut server.dice, &mut disk, &mut outbox, &mut notes);
        let result = f(&mut server.raft, &mut cx);
        let (writes, survives) = disk.finish();
        let out = &mut self.out;
        let _ = writeln!(out, "{id} {what}");
        for note in notes.drain() {
            let _ = writeln!(out, "    note  {}: {}", note.what, note.detail);
        }
        for write in &writes {
            let _ = writeln!(out, "    write {write}");
        }
        if let Some(survives) = survives.filter(|_| !writes.is_empty()) {
            let _ = writeln!(out, "    crash");
            (server.disk, server.raft, server.armed) = (survives, None, None);
            return result;
        }
        if let Some(raft) = &mut server.raft {
            while let Some(applied) = raft.next_applied(&server.disk) {
                let _ = writeln!(out, "    apply {}", text_of_applied(&applied));
                self.safety.applied(id, &applied);
            }
            while let Some((read, decided)) = raft.next_read() {
                let _ = match decided {
                    Ok(index) => writeln!(out, "    read  {read}: up to {index}"),
                    Err(not_leader) => writeln!(out, "    read  {read}: {not_leader}"),
                };
                self.safety.read(id, read, decided.ok());
            }
        }
        for (to, message) in outbox {
            let _ = writeln!(out, "    send  {to} {message:?}");
            self.flights.push(Flight { from: id, to, message });
        }
        self.safety.check(&self.servers);
        result
    }

    fn up<T>(
        &mut self,
        id: NodeId,
        what: fmt::Arguments<'_>,
        f: impl FnOnce(&mut Raft, &mut Cx<'_>) -> T,
    ) -> Option<T> {
        if self.server(id).raft.is_none() {
            let _ = writeln!(self.out, "{id} is down: {what}");
            return None;
        }
        Some(self.step(id, what, |raft, cx| f(raft.as_mut().expect("it is up"), cx)))
    }

    /// Starts a server, or starts it again.
    pub fn boot(&mut self, id: NodeId) {
        let (peers, config) = (self.ids(), self.config.clone());
        self.safety.new_life(id);
        self.step(id, format_args!("boots"), |raft, cx| {
            *raft = Some(Raft::boot(cx, &peers, config));
        });
    }

    /// Gives a server another disk and starts it: another server, as far as anyone knows.
    pub fn replace_disk(&mut self, id: NodeId, disk: Disk) {
        self.safety.forget(id);
        self.server(id).disk = disk;
        self.boot(id);
    }

    /// Crashes a server now, or in its next step that writes, after so many writes.
    pub fn crash(&mut self, id: NodeId, after: Option<u32>) {
        if after.is_none() {
            let _ = writeln!(self.out, "{id} crashes");
            self.server(id).raft = None;
        }
        self.server(id).armed = after;
    }

    /// Moves a server's clock on by so many milliseconds and wakes it then, once.
    pub fn wake_after(&mut self, id: NodeId, millis: u64) {
        let server = self.server(id);
        server.clock = server.clock + std::time::Duration::from_millis(millis);
        let now = server.clock;
        self.up(id, format_args!("wakes at {}ms", now.as_nanos() / 1_000_000), Raft::on_wakeup);
    }

    /// Asks a server to have a command committed.
    pub fn propose(&mut self, id: NodeId, command: &str) {
        let result = self.up(id, format_args!("is asked for {command:?}"), |raft, cx| {
            raft.propose(cx, command.as_bytes())
        });
        if let Some(Err(not_leader)) = result {
            let _ = writeln!(self.out, "    {not_leader}");
        }
    }

    /// Asks a server for a read.
    pub fn read(&mut self, id: NodeId) {
        let result = self.up(id, format_args!("is asked for a read"), Raft::read);
        match result.map(|answer| answer.expect("it takes reads")) {
            Some(Ok(read)) => {
                let _ = writeln!(self.out, "    it is {read}");
                self.safety.asked(id, read);
            }
            Some(Err(not_leader)) => {
                let _ = writeln!(self.out, "    {not_leader}");
            }
            None => {}
        }
    }

    /// The service above has put everything up to `upto` into `state`.
    pub fn snapshot(&mut self, id: NodeId, upto: Index, state: &str) {
        self.up(id, format_args!("takes a snapshot"), |raft, cx| {
            raft.snapshot(cx, upto, state.as_bytes());
        });
    }

    // ---- messages ----------------------------------------------------------------------------

    /// Delivers one message.
    pub fn deliver(&mut self, flight: Flight) {
        let Flight { from, to, message } = flight;
        let text = format!("{message:?}");
        self.up(to, format_args!("<- {from} {text}"), |raft, cx| {
            raft.on_message(cx, from, message);
        });
    }

    /// Delivers one message, and then once more, which must change nothing.
    pub fn deliver_twice(&mut self, flight: &Flight) {
        self.deliver(flight.clone());
        let server = self.server(flight.to);
        let before = (server.raft.clone(), server.disk.clone());
        let length = self.out.len();
        self.deliver(flight.clone());
        let server = self.server(flight.to);
        let same = before == (server.raft.clone(), server.disk.clone());
        assert!(same, "the second time changed something:\n{}", self.out);
        self.out.truncate(length);
        let _ = writeln!(self.out, "    again: nothing changes");
    }

    // ---- looking -----------------------------------------------------------------------------

    /// Every server in a line.
    pub fn show_status(&mut self) {
        for Server { id, raft, .. } in &self.servers {
            let Some(raft) = raft else {
                let _ = writeln!(self.out, "{id} down");
                continue;
            };
            let Status { term, is_leader, last, commit, refused } = raft.status();
            let vote = raft.view().and_then(View::voted_for);
            let vote = vote.map_or_else(|| "-".to_string(), |id| id.to_string());
            let role = if is_leader { " leader" } else { "" };
            let refused = if refused > 0 { format!(" refused {refused}") } else { String::new() };
            let _ = writeln!(
                self.out,
                "{id} {term} vote {vote} last {last} commit {commit}{role}{refused}"
            );
        }
    }

    /// What is on a server's disk.
    pub fn show_disk(&mut self, id: NodeId) {
        let disk = &self.servers[id.index() - 1].disk;
        let out = &mut self.out;
        let _ = write!(out, "{id} {}", recorder::text_of_state(disk.state()));
        if !disk.snapshot().is_empty() {
            let _ = write!(out, " | {}", recorder::text_of_snapshot(disk.snapshot()));
        }
        let _ = write!(out, " | log from {}:", disk.log().start);
        for index in disk.log() {
            let _ = write!(out, " {}", text_of_record(disk.record(index)));
        }
        let _ = writeln!(out);
    }

    /// What is on its way.
    pub fn show_flights(&mut self) {
        for Flight { from, to, message } in &self.flights {
            let _ = writeln!(self.out, "{from} -> {to} {message:?}");
        }
    }

    /// When a server wants to be woken.
    pub fn show_alarm(&mut self, id: NodeId) {
        let wakeup = self.server(id).raft.as_ref().and_then(Consensus::next_wakeup);
        let _ = match wakeup {
            Some(at) => writeln!(self.out, "{id} wakes at {}ms", at.as_nanos() / 1_000_000),
            None => writeln!(self.out, "{id} sleeps"),
        };
    }
}

fn text_of_applied(applied: &Applied<'_>) -> String {
    match applied {
        Applied::Command { id, command } => format!("{id} \"{}\"", command.escape_ascii()),
        Applied::Snapshot { last, state } => {
            format!("snapshot up to {last} \"{}\"", state.escape_ascii())
        }
    }
}

/// Puts a term, a vote and a log of entries without commands on an empty disk; what `snapshot`
/// covers is in a snapshot.
pub fn seeded_disk(terms: &[u64], term: Term, vote: Option<NodeId>, snapshot: u64) -> Disk {
    let mut disk = Disk::default();
    disk.save_state(&labgob::encode(&(term, vote)));
    for (index, term) in (1..).zip(terms) {
        disk.append(index, &labgob::encode(&Term::new(*term)));
    }
    if snapshot > 0 {
        let last = LogId::new(terms[snapshot as usize - 1], snapshot);
        let mut bytes = labgob::encode(&last);
        bytes.extend_from_slice(format!("state at {snapshot}").as_bytes());
        disk.save_snapshot(&bytes);
        disk.trim(snapshot + 1);
    }
    disk
}
