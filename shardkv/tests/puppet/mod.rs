//! A Raft that does what it is told: its messages are the orders. What is committed is on its disk,
//! so that a restart applies it anew.

use kvraft::kv;
use kvraft::rsm::Request;
use labgob::Bytes;
use labrpc::{Context, Instant, Kind, NodeId, Persister, Wire};
use raft::{Applied, Config, Consensus, Index, LogId, NotLeader, Status, Term};
use serde::{Deserialize, Serialize};
use shardkv::{Contents, Op};

/// One thing that the puppet does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Order {
    /// It leads this term.
    Lead(Term),
    /// It does not lead.
    Follow,
    /// What is proposed is committed at once, or only when it is told to.
    Hold(bool),
    /// What is in the log is committed.
    Commit,
    /// Another leader has put this into the log, in the place of what is not committed.
    Replace(Bytes),
    /// A snapshot has come that covers all of the log.
    Install(Bytes),
}

/// What happens in one step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Orders(pub Vec<Order>);

impl Wire for Orders {
    fn kind(&self) -> Kind {
        Kind::Request
    }
}

/// What servers put into the log, as anyone can who knows the format.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    NoOp,
    Client(Request<Op>),
    Own(Op),
}

#[derive(Clone, Debug, Default)]
pub struct Puppet {
    term: Term,
    leads: bool,
    holds: bool,
    /// The next entry to be applied.
    next: u64,
    snapshot: Option<Bytes>,
    lent: Option<Bytes>,
}

type Cx<'a> = Context<'a, Orders>;

impl Puppet {
    fn obey(&mut self, cx: &mut Cx<'_>, order: Order) {
        match order {
            Order::Lead(term) => (self.term, self.leads) = (term, true),
            Order::Follow => self.leads = false,
            Order::Hold(holds) => self.holds = holds,
            Order::Commit => cx.disk.save_state(&labgob::encode(&cx.disk.log().end)),
            Order::Replace(command) => {
                self.leads = false;
                cx.disk.truncate(committed(cx.disk));
                cx.disk.append(cx.disk.log().end, &command);
                cx.disk.save_state(&labgob::encode(&cx.disk.log().end));
            }
            Order::Install(state) => {
                cx.disk.save_snapshot(&state);
                let end = cx.disk.log().end;
                cx.disk.trim(end);
                cx.disk.save_state(&labgob::encode(&end));
                (self.next, self.snapshot) = (end, Some(state));
            }
        }
    }
}

/// Everything before this is.
fn committed(disk: &dyn Persister) -> u64 {
    labgob::decode(disk.state()).unwrap_or(disk.log().start)
}

impl Consensus for Puppet {
    type Message = Orders;

    fn boot(cx: &mut Cx<'_>, _: &[NodeId], _: Config) -> Self {
        let snapshot = cx.disk.snapshot();
        let snapshot = (!snapshot.is_empty()).then(|| Bytes::from(snapshot));
        Self { next: cx.disk.log().start, snapshot, ..Self::default() }
    }

    fn on_message(&mut self, cx: &mut Cx<'_>, _: NodeId, Orders(orders): Orders) {
        for order in orders {
            self.obey(cx, order);
        }
    }

    fn on_wakeup(&mut self, _: &mut Cx<'_>) {}

    fn next_wakeup(&self) -> Option<Instant> {
        None
    }

    fn propose(&mut self, cx: &mut Cx<'_>, command: &[u8]) -> Result<LogId, NotLeader> {
        if !self.leads {
            return Err(NotLeader { leader: None });
        }
        let index = cx.disk.log().end;
        cx.disk.append(index, command);
        cx.note("proposed", format_args!("{}", text_of(command)));
        if !self.holds {
            cx.disk.save_state(&labgob::encode(&(index + 1)));
        }
        Ok(LogId { term: self.term, index: Index::new(index) })
    }

    fn next_applied<'a>(&'a mut self, disk: &'a dyn Persister) -> Option<Applied<'a>> {
        self.lent = self.snapshot.take();
        if let Some(state) = &self.lent {
            let last = LogId { term: self.term, index: Index::new(self.next - 1) };
            return Some(Applied::Snapshot { last, state });
        }
        let index = self.next;
        (index < committed(disk) && disk.log().contains(&index)).then(|| {
            self.next += 1;
            let id = LogId { term: self.term, index: Index::new(index) };
            Applied::Command { id, command: disk.record(index) }
        })
    }

    fn snapshot(&mut self, cx: &mut Cx<'_>, upto: Index, state: &[u8]) {
        cx.disk.save_snapshot(state);
        cx.disk.trim(upto.get() + 1);
    }

    fn status(&self) -> Status {
        let (term, is_leader) = (self.term, self.leads);
        let (last, commit) = (LogId::BEFORE_FIRST, Index::BEFORE_FIRST);
        Status { term, is_leader, last, commit, refused: 0 }
    }
}

fn text_of(command: &[u8]) -> String {
    match labgob::decode(command) {
        Ok(Command::NoOp) => "no-op".into(),
        Ok(Command::Client(Request { client, seq, op })) => {
            format!("{client:?} {seq:?} {}", text_of_op(&op))
        }
        Ok(Command::Own(op)) => text_of_op(&op),
        Err(error) => format!("{error}"),
    }
}

pub fn text_of_op(op: &Op) -> String {
    match op {
        Op::Client(kv::Op::Get { key }) => format!("get {key}"),
        Op::Client(kv::Op::Put { key, value }) => format!("put {key} {value}"),
        Op::Client(kv::Op::Append { key, value }) => format!("append {key} {value}"),
        Op::Configure(config) => format!("configure {}", config.num),
        Op::Install { since, shard, contents } => {
            let values = match labgob::decode::<Contents>(contents) {
                Ok(contents) => format!("{:?}", contents.values),
                Err(error) => error.to_string(),
            };
            format!("install {shard} of {since} {values}")
        }
        Op::Drop { since, shard } => format!("drop {shard} of {since}"),
    }
}
