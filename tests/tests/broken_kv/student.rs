//! A student's key/value service, from its messages to its clerk. Of the workspace it uses a Raft,
//! the codec, and what [`Lab3`] prescribes.
//!
//! Where `wrong` is asked, one can see what each [`Flaw`] breaks; without one it is sound.

use crate::flaw::Flaw;
use kvraft::kv::Op;
use kvraft::rsm::Config;
use labrpc::{Context, Instant, Kind, NodeId, Process, Wire};
use raft::{Applied, Consensus, Index, LogId, Raft, Term};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tests::kv::{KvClerk, KvServer, Lab3};

fn wrong(flaw: Flaw) -> bool {
    Flaw::present() == flaw
}

/// The solution.
pub struct Student;

impl Lab3 for Student {
    type Message = Message;
    type Server = Server;
    type Clerk = Clerk;

    fn server(cx: &mut Cx<'_>, servers: &[NodeId], config: &Config) -> Server {
        Server::boot(cx, servers, config)
    }

    fn clerk(cx: &mut Cx<'_>, servers: &[NodeId]) -> Clerk {
        Clerk::new(cx, servers)
    }
}

type Cx<'a> = Context<'a, Message>;

// ---- messages ----------------------------------------------------------------------------------

/// What servers and clerks send.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    Raft(raft::Message),
    Request(Request),
    Reply(RequestId, Answer),
}

/// Names an operation: asked again it is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RequestId {
    client: u64,
    number: u64,
}

/// What a clerk sends, and what is in the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    id: RequestId,
    op: Op,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Answer {
    Done(String),
    WrongLeader,
}

impl Wire for Message {
    fn kind(&self) -> Kind {
        match self {
            Self::Raft(message) => message.kind(),
            Self::Request(_) => Kind::Request,
            Self::Reply(..) if wrong(Flaw::RepliesAreRequests) => Kind::Request,
            Self::Reply(..) => Kind::Reply,
        }
    }
}

// ---- the store ---------------------------------------------------------------------------------

/// What is replicated, and in snapshots.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Store {
    values: BTreeMap<String, String>,
    /// The latest operation of each client, and the answer to it.
    done: BTreeMap<u64, (u64, String)>,
}

impl Store {
    /// The answer to what was done before. Nobody waits for the answer to what is older than the
    /// client's latest.
    fn done(&self, Request { id, op }: &Request) -> Option<String> {
        if wrong(Flaw::RepeatsPuts) && matches!(op, Op::Put { .. }) {
            return None;
        }
        let (number, answer) = self.done.get(&id.client)?;
        let is_done = if wrong(Flaw::KnowsOnlyTheLatest) {
            *number == id.number
        } else {
            *number >= id.number
        };
        let answer = if wrong(Flaw::ForgetsAnswers) { "" } else { answer };
        is_done.then(|| answer.to_string())
    }

    fn apply(&mut self, request: Request) -> String {
        if let Some(answer) = self.done(&request) {
            assert!(!wrong(Flaw::PanicsOnDuplicate), "{:?} was done before", request.id);
            if !wrong(Flaw::LooksOnlyWhenAsked) {
                return answer;
            }
        }
        let Request { id, op } = request;
        let answer = match op {
            Op::Get { key } => self.get(&key),
            Op::Append { key, value } if !wrong(Flaw::AppendsLikePut) => {
                self.values.entry(key).or_default().push_str(&value);
                String::new()
            }
            Op::Append { key, value } | Op::Put { key, value } => {
                self.values.insert(key, value);
                String::new()
            }
        };
        self.done.insert(id.client, (id.number, answer.clone()));
        answer
    }

    fn get(&self, key: &str) -> String {
        self.values.get(key).cloned().unwrap_or_default()
    }
}

// ---- the server --------------------------------------------------------------------------------

/// A server: a Raft, a store, and who waits for which entry.
pub struct Server {
    raft: Raft,
    store: Store,
    applied: Index,
    /// Who waits for what is at an index, if it is of this term: otherwise it is another's.
    waiting: BTreeMap<Index, (Term, NodeId, RequestId)>,
    max_raft_state: Option<usize>,
    /// For two of the flaws: what is under way, and the store before the latest operation.
    under_way: BTreeSet<RequestId>,
    before: Store,
}

impl Server {
    fn boot(cx: &mut Cx<'_>, servers: &[NodeId], config: &Config) -> Self {
        let mut outbox = Vec::new();
        let raft = Raft::boot(&mut cx.nested(&mut outbox), servers, config.raft.clone());
        let mut server = Self {
            raft,
            store: Store::default(),
            applied: Index::BEFORE_FIRST,
            waiting: BTreeMap::new(),
            max_raft_state: config.max_raft_state,
            under_way: BTreeSet::new(),
            before: Store::default(),
        };
        server.after_raft(cx, outbox);
        if wrong(Flaw::StartsEmpty) {
            server.store = Store::default();
        }
        server
    }

    fn with_raft<T>(
        &mut self,
        cx: &mut Cx<'_>,
        f: impl FnOnce(&mut Raft, &mut Context<'_, raft::Message>) -> T,
    ) -> (T, Vec<(NodeId, raft::Message)>) {
        let mut outbox = Vec::new();
        let result = f(&mut self.raft, &mut cx.nested(&mut outbox));
        (result, outbox)
    }

    fn on_request(&mut self, cx: &mut Cx<'_>, from: NodeId, request: &Request) {
        let (id, is_leader) = (request.id, self.raft.status().is_leader);
        if let Some(answer) = self.store.done(request) {
            return cx.send(from, Message::Reply(id, Answer::Done(answer)));
        }
        if let Op::Get { key } = &request.op
            && (wrong(Flaw::ReadsAnywhere) || (wrong(Flaw::ReadsAtLeader) && is_leader))
        {
            return cx.send(from, Message::Reply(id, Answer::Done(self.store.get(key))));
        }
        if wrong(Flaw::WaitsForever) && self.under_way.contains(&id) {
            return;
        }
        let command = labgob::encode(request);
        let (proposed, outbox) = self.with_raft(cx, |raft, cx| raft.propose(cx, &command));
        match proposed {
            Ok(LogId { term, index }) => {
                self.under_way.insert(id);
                self.waiting.insert(index, (term, from, id));
                if wrong(Flaw::AnswersBeforeCommit) && !matches!(request.op, Op::Get { .. }) {
                    cx.send(from, Message::Reply(id, Answer::Done(String::new())));
                }
            }
            Err(_) => cx.send(from, Message::Reply(id, Answer::WrongLeader)),
        }
        self.after_raft(cx, outbox);
    }

    /// After every step of the Raft: sends what it has to say, applies what it has committed, and
    /// takes a snapshot if the log is too long.
    fn after_raft(&mut self, cx: &mut Cx<'_>, outbox: Vec<(NodeId, raft::Message)>) {
        for (to, message) in outbox {
            cx.send(to, Message::Raft(message));
        }
        while let Some(applied) = self.raft.next_applied(cx.disk) {
            match applied {
                Applied::Snapshot { last, state } => {
                    if self.applied == Index::BEFORE_FIRST || !wrong(Flaw::IgnoresInstalled) {
                        self.store = labgob::decode(state).expect("a store was saved");
                    }
                    self.applied = last.index;
                }
                Applied::Command { id, command } => {
                    let request: Request = labgob::decode(command).expect("a request is logged");
                    self.apply(cx, id, request);
                }
            }
        }
        self.maybe_snapshot(cx);
    }

    fn apply(&mut self, cx: &mut Cx<'_>, at: LogId, request: Request) {
        let id = request.id;
        if wrong(Flaw::SavesTooEarly) || wrong(Flaw::SavesTableTooEarly) {
            self.before = self.store.clone();
        }
        let answer = self.store.apply(request);
        self.applied = at.index;
        self.under_way.remove(&id);
        let Some((term, node, asked)) = self.waiting.remove(&at.index) else { return };
        let answer = if term == at.term || wrong(Flaw::AnswersByIndex) {
            Answer::Done(answer)
        } else {
            Answer::WrongLeader
        };
        cx.send(node, Message::Reply(asked, answer));
    }

    fn maybe_snapshot(&mut self, cx: &mut Cx<'_>) {
        let Some(most) = self.max_raft_state else { return };
        let is_leader = self.raft.status().is_leader;
        if cx.disk.raft_state_bytes() <= most
            || wrong(Flaw::NeverSnapshots)
            || (wrong(Flaw::SnapshotsAsLeader) && !is_leader)
        {
            return;
        }
        let mut store = self.store.clone();
        match Flaw::present() {
            Flaw::SavesNoTable => store.done.clear(),
            Flaw::SavesTooEarly => store = self.before.clone(),
            Flaw::SavesTableTooEarly => store.done = self.before.done.clone(),
            _ => {}
        }
        let upto = match Flaw::present() {
            Flaw::LabelsTooHigh => self.applied.next(),
            Flaw::LabelsTooLow | Flaw::SavesTableTooEarly => self.applied.prev(),
            _ => self.applied,
        };
        let state = labgob::encode(&store);
        let ((), outbox) = self.with_raft(cx, |raft, cx| raft.snapshot(cx, upto, &state));
        assert!(outbox.is_empty(), "a snapshot is nobody else's affair");
    }
}

impl Process for Server {
    type Message = Message;

    fn on_message(&mut self, cx: &mut Cx<'_>, from: NodeId, message: Message) {
        match message {
            Message::Raft(message) => {
                let ((), outbox) =
                    self.with_raft(cx, |raft, cx| raft.on_message(cx, from, message));
                self.after_raft(cx, outbox);
            }
            Message::Request(request) => self.on_request(cx, from, &request),
            Message::Reply(..) => {}
        }
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_>) {
        let ((), outbox) = self.with_raft(cx, Raft::on_wakeup);
        self.after_raft(cx, outbox);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.raft.next_wakeup()
    }
}

impl KvServer for Server {
    fn is_leader(&self) -> bool {
        self.raft.status().is_leader
    }
}

// ---- the clerk ---------------------------------------------------------------------------------

/// How long a clerk waits for an answer.
const PATIENCE: Duration = Duration::from_millis(200);

/// A clerk: it asks the server that answered last, and the next one if that does not lead or does
/// not answer.
pub struct Clerk {
    id: u64,
    servers: Vec<NodeId>,
    leader: usize,
    number: u64,
    /// What has no answer yet, and until when to wait for one.
    open: Option<(Op, Instant)>,
    reply: Option<String>,
}

impl Clerk {
    fn new(cx: &mut Cx<'_>, servers: &[NodeId]) -> Self {
        let id = if wrong(Flaw::SharesIds) { 7 } else { cx.rng.next_u64() };
        let servers = servers.to_vec();
        Self { id, servers, leader: 0, number: 0, open: None, reply: None }
    }

    fn ask(&mut self, cx: &mut Cx<'_>, op: Op) {
        self.open = Some((op.clone(), cx.now + PATIENCE));
        let id = RequestId { client: self.id, number: self.number };
        cx.send(self.servers[self.leader], Message::Request(Request { id, op }));
    }

    fn ask_next(&mut self, cx: &mut Cx<'_>) {
        let Some((op, _)) = self.open.take() else { return };
        let circle = self.servers.len() - usize::from(wrong(Flaw::SkipsOneServer));
        self.leader = (self.leader + 1) % circle;
        if wrong(Flaw::RenamesRetries) {
            self.number += 1;
        }
        self.ask(cx, op);
    }

    fn finish(&mut self, answer: String) {
        self.open = None;
        self.reply = Some(answer);
    }
}

impl Process for Clerk {
    type Message = Message;

    fn on_message(&mut self, cx: &mut Cx<'_>, from: NodeId, message: Message) {
        let Message::Reply(id, answer) = message else { return };
        let is_mine = id.number == self.number || wrong(Flaw::BelievesOldAnswers);
        if self.open.is_none() || !is_mine {
            return;
        }
        match answer {
            Answer::Done(answer) => self.finish(answer),
            // A late one, from a server that was left since, says nothing about the present one.
            Answer::WrongLeader if from == self.servers[self.leader] => self.ask_next(cx),
            Answer::WrongLeader => {}
        }
    }

    fn on_wakeup(&mut self, cx: &mut Cx<'_>) {
        if self.next_wakeup().is_some_and(|due| due <= cx.now) {
            if wrong(Flaw::TakesSilenceForSuccess) {
                return self.finish(String::new());
            }
            self.ask_next(cx);
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        if wrong(Flaw::AsksOnce) {
            return None;
        }
        self.open.as_ref().map(|(_, due)| *due)
    }
}

impl KvClerk for Clerk {
    fn start(&mut self, cx: &mut Cx<'_>, op: Op) {
        self.number += 1;
        self.reply = None;
        self.ask(cx, op);
    }

    fn reply(&self) -> Option<&str> {
        self.reply.as_deref()
    }
}
