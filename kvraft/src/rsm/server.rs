//! The server: a Raft, a service on top of it, and the clients that wait for an answer.
//!
//! After every step of its Raft, be it for a message, an alarm or a client, it does the same four
//! things in the same order ([`Server::after_raft`]): it applies what has been committed, answers
//! the reads that may be answered, looks whether it has begun or ceased to lead, and takes a
//! snapshot if the log has grown. A client is known to wait before that begins:
//!
//! 1. a server that is alone in its cluster proposes an operation;
//! 2. it is committed and applied in the same step, and nobody waits for it;
//! 3. whoever is noted down only now waits for ever.

use super::message::{Command, CommandRef};
use super::waiting::{Ticket, Waiter, Waiting};
use super::{
    Answer, ClientId, ClientMessage, Message, Outcome, Past, Reply, Request, Seq, Service,
};
use labrpc::{Context, Instant, NodeId, Persister, Process};
use raft::{Applied, Consensus, Index, LogId, NotLeader, Term};
use std::collections::VecDeque;

/// The messages of a service's servers and clerks.
pub type MessageOf<S, R> =
    Message<<R as Consensus>::Message, <S as Service>::Op, <S as Service>::Reply>;

type Cx<'a, S, R> = Context<'a, MessageOf<S, R>>;

/// How reads are served.
///
/// ```
/// use kvraft::rsm::Reads;
/// assert_eq!(Reads::default(), Reads::Log);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reads {
    /// As entries of the log, like everything else.
    #[default]
    Log,
    /// By the leader alone, without an entry, once it has made sure that it still leads (the
    /// dissertation, section 6.4). Over a Raft that cannot do this they go through the log.
    Index,
}

/// What can be set.
///
/// ```
/// use kvraft::rsm::{Config, Reads};
/// let config = Config { max_raft_state: Some(1_000), reads: Reads::Index, ..Config::default() };
/// assert_eq!(config.raft.snapshot_tail, 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Config {
    /// The Raft's. Its `snapshot_tail` counts towards `max_raft_state`.
    pub raft: raft::Config,
    /// How many bytes of Raft state (term, vote and log) are too many, so that a snapshot is taken:
    /// the labs' `maxraftstate`. `None`: no snapshots.
    pub max_raft_state: Option<usize>,
    /// How reads are served.
    pub reads: Reads,
}

/// A replica of a service.
///
/// It is driven as a [`Process`], and over any Raft. Here it is alone in its cluster; for one of
/// three see the [module](super).
///
/// ```
/// use kvraft::kv::{Kv, Op, Reply};
/// use kvraft::rsm::{Actor, ClientId, ClientMessage, Config, Request, Seq, Server};
/// use labrpc::{Network, NodeId, Process, World};
/// use raft::Raft;
/// use std::time::Duration;
///
/// let mut world = World::new(1, Network::reliable());
/// let me = NodeId::new(0);
/// world.add(move |cx| Server::<Kv, Raft>::boot(cx, &[me], Kv::default(), Config::default()));
/// world.run_for(Duration::from_secs(1)); // it elects itself
///
/// let op = Op::Put { key: "x".into(), value: "1".into() };
/// let request = Request { client: ClientId::new(1), seq: Seq::new(1), op };
/// let message = ClientMessage::Request(request).into();
/// world.poke(me, |server, cx| server.on_message(cx, me, message));
/// assert_eq!(world.node(me).unwrap().service().get("x"), Some("1"));
/// assert_eq!(world.node(me).unwrap().applied(), raft::Index::new(2), "after its no-op");
/// ```
#[derive(Clone, Debug)]
pub struct Server<S: Service, R: Consensus> {
    raft: R,
    service: S,
    config: Config,
    /// Everything up to here has been applied to the service.
    applied: Index,
    /// What the snapshot covers that it was given last.
    restored: Index,
    /// How many bytes of commands were applied since the latest snapshot.
    since_snapshot: usize,
    /// The term it leads, if it does.
    leads: Option<Term>,
    waiting: Waiting<S::Op>,
    /// Reads that may be answered once everything up to an index has been applied.
    confirmed: VecDeque<(Index, Waiter<S::Op>)>,
    refused: u64,
    /// It has been given a snapshot that it cannot read; see [`Server::stop`].
    stopped: bool,
    outbox: Vec<(NodeId, R::Message)>,
    command: Vec<u8>,
}

impl<S: Service, R: Consensus> Server<S, R> {
    /// Starts a replica from what is on its disk. `servers` are all replicas, this one among them,
    /// in the same order everywhere, and `service` is the state before the first operation.
    pub fn boot(cx: &mut Cx<'_, S, R>, servers: &[NodeId], service: S, config: Config) -> Self {
        let mut outbox = Vec::new();
        let raft = R::boot(&mut cx.nested(&mut outbox), servers, config.raft.clone());
        let mut server = Self {
            raft,
            service,
            config,
            applied: Index::BEFORE_FIRST,
            restored: Index::BEFORE_FIRST,
            since_snapshot: 0,
            leads: None,
            waiting: Waiting::default(),
            confirmed: VecDeque::new(),
            refused: 0,
            stopped: false,
            outbox,
            command: Vec::new(),
        };
        server.after_raft(cx);
        server
    }

    /// The service, as far as it has come.
    pub fn service(&self) -> &S {
        &self.service
    }

    /// The Raft below.
    pub fn raft(&self) -> &R {
        &self.raft
    }

    /// Everything up to here has been applied to the service.
    pub fn applied(&self) -> Index {
        self.applied
    }

    /// The term that it leads, as far as it knows; `None` if it does not.
    pub fn leads(&self) -> Option<Term> {
        self.leads
    }

    /// How many clients wait for an answer.
    pub fn waiting(&self) -> usize {
        self.waiting.len() + self.confirmed.len()
    }

    /// How many messages, commands and snapshots were refused because no correct server or clerk
    /// can have made them, here and in the Raft below.
    pub fn refused(&self) -> u64 {
        self.refused + self.raft.status().refused
    }

    /// Whether it has been given a snapshot that it cannot read. Then it is as good as crashed: it
    /// hears nothing and says nothing, and what it shows is what it was before.
    pub fn has_stopped(&self) -> bool {
        self.stopped
    }

    /// Puts an operation of the service's own into the log. It has no session, so the service must
    /// bear to see it twice.
    ///
    /// # Errors
    /// If this server does not lead, or [has stopped](Server::has_stopped).
    pub fn propose_own(&mut self, cx: &mut Cx<'_, S, R>, op: &S::Op) -> Result<LogId, NotLeader> {
        if self.stopped {
            return Err(NotLeader { leader: None });
        }
        let id = self.propose(cx, &CommandRef::Own(op));
        self.after_raft(cx);
        id
    }

    // ---- clients -----------------------------------------------------------------------------

    fn on_request(&mut self, cx: &mut Cx<'_, S, R>, node: NodeId, request: Request<S::Op>) {
        let Request { client, seq, .. } = request;
        // What was done once is done for good, so that any server that has applied it may say so.
        if let Some(sessions) = self.service.sessions(&request.op) {
            match sessions.recall(client, seq) {
                Past::New => {}
                Past::Done(reply) => {
                    let answer = Answer::Done(reply.clone());
                    cx.note("answers from memory", format_args!("{client:?} {seq:?}"));
                    return tell::<S, R>(cx, node, client, seq, answer);
                }
                Past::Forgotten => {
                    return cx.note("echo of a request", format_args!("{client:?} {seq:?}"));
                }
            }
        }
        if self.waiting.is_under_way(client, seq, node) {
            return cx.note("asked for again", format_args!("{client:?} {seq:?}"));
        }
        if self.leads.is_some()
            && let Some(reply) = self.service.refuses(&request.op)
        {
            cx.note("refuses at the door", format_args!("{client:?} {seq:?}: {reply:?}"));
            return tell::<S, R>(cx, node, client, seq, Answer::Refused(reply));
        }
        if let Err(NotLeader { leader }) = self.begin(cx, node, request) {
            tell::<S, R>(cx, node, client, seq, Answer::NotLeader { leader });
        }
        self.after_raft(cx);
    }

    /// Sets out to do what a client asks for.
    fn begin(
        &mut self,
        cx: &mut Cx<'_, S, R>,
        node: NodeId,
        request: Request<S::Op>,
    ) -> Result<(), NotLeader> {
        let Request { client, seq, .. } = request;
        if self.config.reads == Reads::Index
            && S::is_read(&request.op)
            && let Some(id) = self.raft.read(&mut cx.nested(&mut self.outbox))
        {
            let read = Some(request.op);
            self.waiting.add(Ticket::Read(id?), Waiter { node, client, seq, read });
            return Ok(());
        }
        let id = self.propose(cx, &CommandRef::Client(&request))?;
        self.waiting.add(Ticket::Entry(id), Waiter { node, client, seq, read: None });
        Ok(())
    }

    fn propose(
        &mut self,
        cx: &mut Cx<'_, S, R>,
        command: &CommandRef<'_, S::Op>,
    ) -> Result<LogId, NotLeader> {
        self.command.clear();
        labgob::encode_into(command, &mut self.command);
        self.raft.propose(&mut cx.nested(&mut self.outbox), &self.command)
    }

    // ---- after every step of Raft ------------------------------------------------------------

    fn after_raft(&mut self, cx: &mut Cx<'_, S, R>) {
        loop {
            self.apply_committed(cx);
            if self.stopped {
                return;
            }
            self.answer_reads(cx);
            if !self.follow_leadership(cx) {
                break;
            }
        }
        self.maybe_snapshot(cx);
        for (to, message) in self.outbox.drain(..) {
            cx.send(to, Message::Raft(message));
        }
    }

    fn apply_committed(&mut self, cx: &mut Cx<'_, S, R>) {
        loop {
            let disk: &dyn Persister = cx.disk;
            let Some(applied) = self.raft.next_applied(disk) else { return };
            match applied {
                Applied::Command { id, command } => {
                    self.since_snapshot += command.len();
                    let command = labgob::decode(command);
                    self.applied = id.index;
                    let done = match command {
                        Ok(command) => self.apply(cx, command),
                        Err(error) => {
                            // It is the same on every server, and so is doing nothing about it.
                            self.refused += 1;
                            cx.note("refused", format_args!("the command at {id}: {error}"));
                            None
                        }
                    };
                    self.answer_waiters(cx, id, done);
                }
                Applied::Snapshot { last, state } => {
                    if let Err(error) = self.service.load(state) {
                        cx.note("refused", format_args!("the snapshot up to {last}: {error}"));
                        return self.stop();
                    }
                    let comes_back = self.applied == Index::BEFORE_FIRST;
                    let what = if comes_back { "restored" } else { "caught up by snapshot" };
                    cx.note(what, format_args!("to {last}"));
                    self.applied = last.index;
                    self.restored = last.index;
                    self.since_snapshot = 0;
                    // What came of those operations only their sessions tell.
                    self.deny_waiters(cx, |waiting| waiting.take_entry_up_to(last.index));
                }
            }
        }
    }

    /// There is a snapshot that it cannot read. Unlike a command it cannot be skipped:
    ///
    /// 1. the server goes on with the state that it has;
    /// 2. what follows in the log is done to a state that lacks what the snapshot had;
    /// 3. the server's own next snapshot takes the place of that one, and is loaded after a
    ///    restart, or handed on to others, as if nothing had happened.
    ///
    /// So it stops, as in a crash before the messages of the step leave.
    fn stop(&mut self) {
        self.refused += 1;
        self.stopped = true;
        self.leads = None;
        self.waiting = Waiting::default();
        self.confirmed.clear();
        self.outbox.clear();
    }

    /// Does what a command says, unless it has been done. The answer is that to the client, if it
    /// is a client's command and one that may be answered.
    fn apply(
        &mut self,
        cx: &mut Cx<'_, S, R>,
        command: Command<S::Op>,
    ) -> Option<Answer<S::Reply>> {
        let Request { client, seq, op } = match command {
            Command::NoOp => return None,
            Command::Own(op) => {
                self.service.apply(&op);
                return None;
            }
            Command::Client(request) => request,
        };
        // A client that has no answer asks again, so that a command may be in the log twice.
        let remembers = !S::is_read(&op);
        if remembers && let Some(sessions) = self.service.sessions(&op) {
            match sessions.recall(client, seq) {
                Past::New => {}
                Past::Done(reply) => {
                    let reply = reply.clone();
                    // Of the log before it this life has seen nothing: the session came with it.
                    let after = self.applied == self.restored.next();
                    let what = if after { "duplicate after a snapshot" } else { "duplicate" };
                    cx.note(what, format_args!("{client:?} {seq:?}"));
                    return Some(Answer::Done(reply));
                }
                Past::Forgotten => {
                    cx.note("late duplicate", format_args!("{client:?} {seq:?}"));
                    return None;
                }
            }
        }
        match self.service.apply(&op) {
            Outcome::Done(reply) => {
                if remembers && let Some(sessions) = self.service.sessions(&op) {
                    sessions.remember(client, seq, reply.clone());
                }
                Some(Answer::Done(reply))
            }
            Outcome::Refused(reply) => {
                cx.note("refuses what is committed", format_args!("{client:?} {seq:?}"));
                Some(Answer::Refused(reply))
            }
        }
    }

    /// Answers whoever waits for the entry that has just been applied, or for one that cannot be
    /// applied any more:
    ///
    /// 1. a leader promises C an answer when index 2 is applied;
    /// 2. it is deposed, and its successor puts the command of D at index 2;
    /// 3. that one is applied. C is owed no answer to it, but the news that it has to ask again.
    fn answer_waiters(
        &mut self,
        cx: &mut Cx<'_, S, R>,
        applied: LogId,
        mut done: Option<Answer<S::Reply>>,
    ) {
        while let Some((id, waiter)) = self.waiting.take_entry_up_to(applied.index) {
            let answer = if id == applied {
                // What turns out to be an echo, now that it is applied, has nobody who waits.
                let Some(done) = done.take() else { continue };
                done
            } else {
                cx.note("another has its place", format_args!("{id}, {:?}", waiter.client));
                Answer::NotLeader { leader: None }
            };
            tell::<S, R>(cx, waiter.node, waiter.client, waiter.seq, answer);
        }
    }

    /// Tells some of those who wait to ask again.
    fn deny_waiters<T>(
        &mut self,
        cx: &mut Cx<'_, S, R>,
        mut next: impl FnMut(&mut Waiting<S::Op>) -> Option<(T, Waiter<S::Op>)>,
    ) {
        while let Some((_, waiter)) = next(&mut self.waiting) {
            cx.note("sends a client away", format_args!("{:?} {:?}", waiter.client, waiter.seq));
            let answer = Answer::NotLeader { leader: None };
            tell::<S, R>(cx, waiter.node, waiter.client, waiter.seq, answer);
        }
    }

    fn answer_reads(&mut self, cx: &mut Cx<'_, S, R>) {
        while let Some((id, decided)) = self.raft.next_read() {
            let Some(waiter) = self.waiting.take(Ticket::Read(id)) else { continue };
            match decided {
                Ok(index) => self.confirmed.push_back((index, waiter)),
                Err(NotLeader { leader }) => {
                    cx.note("read refused", format_args!("{:?} {:?}", waiter.client, waiter.seq));
                    let answer = Answer::NotLeader { leader };
                    tell::<S, R>(cx, waiter.node, waiter.client, waiter.seq, answer);
                }
            }
        }
        // Their indexes never fall.
        while self.confirmed.front().is_some_and(|(index, _)| *index <= self.applied) {
            let (_, waiter) = self.confirmed.pop_front().expect("there is a first");
            let op = waiter.read.as_ref().expect("a read was asked for");
            let answer = match self.service.apply(op) {
                Outcome::Done(reply) => Answer::Done(reply),
                Outcome::Refused(reply) => Answer::Refused(reply),
            };
            tell::<S, R>(cx, waiter.node, waiter.client, waiter.seq, answer);
        }
    }

    /// Looks whether it has begun or ceased to lead; the answer is whether it has proposed
    /// something.
    fn follow_leadership(&mut self, cx: &mut Cx<'_, S, R>) -> bool {
        let status = self.raft.status();
        let leads = status.is_leader.then_some(status.term);
        if leads == self.leads {
            return false;
        }
        self.leads = leads;
        // What it has promised in an earlier term it cannot keep; the clients are better off asking
        // again at once. The reads that Raft has given up have been told already, with a hint; it
        // should have given up all of them.
        self.deny_waiters(cx, Waiting::take_first);
        // A leader commits what earlier terms have left behind only together with an entry of its
        // own (section 5.4.2); a quiet one would wait for a client.
        leads.is_some() && self.propose(cx, &CommandRef::NoOp).is_ok()
    }

    /// Takes a snapshot if the log is too large and enough of it would go away: otherwise, behind a
    /// long tail of entries that are not committed, there would be one at every step.
    fn maybe_snapshot(&mut self, cx: &mut Cx<'_, S, R>) {
        let Some(most) = self.config.max_raft_state else { return };
        if cx.disk.raft_state_bytes() > most
            && self.since_snapshot > 0
            && 2 * self.since_snapshot >= most
        {
            let state = self.service.save();
            self.raft.snapshot(&mut cx.nested(&mut self.outbox), self.applied, &state);
            self.since_snapshot = 0;
        }
    }
}

fn tell<S: Service, R: Consensus>(
    cx: &mut Cx<'_, S, R>,
    node: NodeId,
    client: ClientId,
    seq: Seq,
    answer: Answer<S::Reply>,
) {
    cx.send(node, Message::Client(ClientMessage::Reply(Reply { client, seq, answer })));
}

impl<S: Service, R: Consensus> Process for Server<S, R> {
    type Message = MessageOf<S, R>;

    fn on_message(&mut self, cx: &mut Cx<'_, S, R>, from: NodeId, message: Self::Message) {
        match message {
            _ if self.stopped => {}
            Message::Raft(message) => {
                self.raft.on_message(&mut cx.nested(&mut self.outbox), from, message);
                self.after_raft(cx);
            }
            Message::Client(ClientMessage::Request(request)) => self.on_request(cx, from, request),
            Message::Client(ClientMessage::Reply(_)) => {
                self.refused += 1;
                cx.note("refused", format_args!("an answer from {from}: servers ask nothing"));
            }
        }
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_, S, R>) {
        if !self.stopped {
            self.raft.on_wakeup(&mut cx.nested(&mut self.outbox));
            self.after_raft(cx);
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        if self.stopped { None } else { self.raft.next_wakeup() }
    }
}
