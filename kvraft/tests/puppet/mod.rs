//! A Raft that does what it is told: its messages are the orders.
//!
//! A message is what happens in one step, so that a script can say that leadership is lost and
//! another's entry applied in the same. What the server above asks of it is noted.

use crate::purse::{Command, Purse};
use kvraft::rsm::Request;
use labgob::Bytes;
use labrpc::{Context, Instant, Kind, NodeId, Persister, Wire};
use raft::{Applied, Config, Consensus, Index, LogId, NotLeader, ReadId, Status, Term};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// One thing that the puppet does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Order {
    /// It leads this term.
    Lead(Term),
    /// It does not lead, but knows perhaps who does.
    Follow(Option<NodeId>),
    /// An entry is committed: this command, or what is on the disk there.
    Commit(LogId, Option<Bytes>),
    /// A snapshot has come.
    Install(LogId, Bytes),
    /// This read may be answered once everything up to an index is applied.
    Confirm(u64, Index),
    /// This read may not be answered.
    Deny(u64, Option<NodeId>),
    /// From now on it is a Raft that has reads, or one that has none.
    TakeReads(bool),
    /// From now on it is alone, so that what is proposed is committed, and a read confirmed, at
    /// once.
    BeAlone,
}

/// What happens in one step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Orders(pub Vec<Order>);

impl Wire for Orders {
    fn kind(&self) -> Kind {
        Kind::Request
    }
}

#[derive(Clone, Debug, Default)]
pub struct Puppet {
    term: Term,
    leads: bool,
    leader: Option<NodeId>,
    has_no_reads: bool,
    alone: bool,
    /// How many reads it was asked for.
    reads: u64,
    /// What is to be applied, and what is lent for it at present.
    given: VecDeque<(LogId, Given)>,
    lent: Option<(LogId, Given)>,
    decided: VecDeque<(ReadId, Result<Index, NotLeader>)>,
}

#[derive(Clone, Debug)]
enum Given {
    Command(Bytes),
    Snapshot(Bytes),
}

type Cx<'a> = Context<'a, Orders>;

impl Puppet {
    fn obey(&mut self, cx: &mut Cx<'_>, order: Order) {
        match order {
            Order::Lead(term) => (self.term, self.leads, self.leader) = (term, true, Some(cx.me)),
            Order::Follow(leader) => (self.leads, self.leader) = (false, leader),
            Order::Commit(id, command) => {
                let held = cx.disk.log();
                let at = id.index.get();
                let command = match command {
                    Some(command) => {
                        if held.is_empty() || (held.start..=held.end).contains(&at) {
                            cx.disk.append(at, &command);
                        }
                        command
                    }
                    None if held.contains(&at) => Bytes::from(cx.disk.record(at)),
                    None => return,
                };
                self.given.push_back((id, Given::Command(command)));
            }
            Order::Install(last, state) => {
                keep(cx, last, &state);
                self.given.push_back((last, Given::Snapshot(state)));
            }
            Order::Confirm(id, index) => self.decided.push_back((ReadId::new(id), Ok(index))),
            Order::Deny(id, leader) => {
                self.decided.push_back((ReadId::new(id), Err(NotLeader { leader })));
            }
            Order::TakeReads(takes) => self.has_no_reads = !takes,
            Order::BeAlone => self.alone = true,
        }
    }
}

fn keep(cx: &mut Cx<'_>, last: LogId, state: &[u8]) {
    let mut bytes = labgob::encode(&last);
    bytes.extend_from_slice(state);
    cx.disk.save_snapshot(&bytes);
    cx.disk.trim(last.index.get().saturating_add(1));
}

impl Consensus for Puppet {
    type Message = Orders;

    fn boot(cx: &mut Cx<'_>, _: &[NodeId], _: Config) -> Self {
        let mut puppet = Self::default();
        if let Ok((last, state)) = labgob::decode_prefix(cx.disk.snapshot()) {
            puppet.given.push_back((last, Given::Snapshot(Bytes::from(state))));
        }
        puppet
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
            return Err(NotLeader { leader: self.leader });
        }
        let id = LogId { term: self.term, index: Index::new(cx.disk.log().end) };
        cx.disk.append(id.index.get(), command);
        cx.note("proposed", format_args!("{id} {}", text_of_command(command)));
        if self.alone {
            self.given.push_back((id, Given::Command(Bytes::from(command))));
        }
        Ok(id)
    }

    fn next_applied<'a>(&'a mut self, _: &'a dyn Persister) -> Option<Applied<'a>> {
        self.lent = self.given.pop_front();
        self.lent.as_ref().map(|(id, given)| match given {
            Given::Command(command) => Applied::Command { id: *id, command },
            Given::Snapshot(state) => Applied::Snapshot { last: *id, state },
        })
    }

    fn snapshot(&mut self, cx: &mut Cx<'_>, upto: Index, state: &[u8]) {
        cx.note("snapshot", format_args!("up to {upto}: {}", text_of_state(state)));
        keep(cx, LogId { term: self.term, index: upto }, state);
    }

    fn read(&mut self, cx: &mut Cx<'_>) -> Option<Result<ReadId, NotLeader>> {
        if self.has_no_reads {
            return None;
        }
        if !self.leads {
            return Some(Err(NotLeader { leader: self.leader }));
        }
        self.reads += 1;
        let id = ReadId::new(self.reads);
        cx.note("read", format_args!("{id}"));
        if self.alone {
            self.decided.push_back((id, Ok(Index::new(cx.disk.log().end - 1))));
        }
        Some(Ok(id))
    }

    fn next_read(&mut self) -> Option<(ReadId, Result<Index, NotLeader>)> {
        self.decided.pop_front()
    }

    fn status(&self) -> Status {
        let (term, is_leader) = (self.term, self.leads);
        let (last, commit) = (LogId::BEFORE_FIRST, Index::BEFORE_FIRST);
        Status { term, is_leader, last, commit, refused: 0 }
    }
}

fn text_of_command(command: &[u8]) -> String {
    match labgob::decode(command) {
        Ok(Command::NoOp) => "no-op".into(),
        Ok(Command::Client(Request { client, seq, op })) => format!("{client:?} {seq:?} {op:?}"),
        Ok(Command::Own(op)) => format!("own {op:?}"),
        Err(_) => format!("b\"{}\"", command.escape_ascii()),
    }
}

fn text_of_state(state: &[u8]) -> String {
    match labgob::decode::<Purse>(state) {
        Ok(Purse { coins, sessions }) => format!("{coins} coins, sessions {}", sessions.len()),
        Err(error) => format!("{error}"),
    }
}
