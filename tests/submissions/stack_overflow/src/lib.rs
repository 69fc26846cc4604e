//! A Raft that calls itself without an end: when its election timer runs out, it looks for a free term.
//!
//! Expected: no points. Every run overflows its stack, which ends its process.

use labrpc::{Context, Instant, Kind, NodeId, Persister, Wire};
use raft::{Applied, Config, Consensus, Index, LogId, NotLeader, Status, Term};
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::time::Duration;

/// Servers send nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {}

impl Wire for Message {
    fn kind(&self) -> Kind {
        match *self {}
    }
}

/// A server that has an election timer and nothing else.
#[derive(Clone, Debug)]
pub struct Raft {
    due: Instant,
}

/// A term that nobody has had, from this one on. It never finds one.
fn free_term(term: u64) -> u64 {
    let seen = [term; 16];
    let later = if term == u64::MAX { 0 } else { free_term(term + 1) };
    later.max(black_box(&seen)[0])
}

impl Consensus for Raft {
    type Message = Message;

    fn boot(cx: &mut Context<'_, Message>, _: &[NodeId], config: Config) -> Self {
        Self { due: cx.now + config.election_timeout.start }
    }

    fn on_message(&mut self, _: &mut Context<'_, Message>, _: NodeId, message: Message) {
        match message {}
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, Message>) {
        self.due = cx.now + Duration::from_millis(free_term(1));
    }

    fn next_wakeup(&self) -> Option<Instant> {
        Some(self.due)
    }

    fn propose(&mut self, _: &mut Context<'_, Message>, _: &[u8]) -> Result<LogId, NotLeader> {
        Err(NotLeader { leader: None })
    }

    fn next_applied<'a>(&'a mut self, _: &'a dyn Persister) -> Option<Applied<'a>> {
        None
    }

    fn snapshot(&mut self, _: &mut Context<'_, Message>, _: Index, _: &[u8]) {}

    fn status(&self) -> Status {
        let (term, last, commit) = (Term::new(0), LogId::BEFORE_FIRST, Index::BEFORE_FIRST);
        Status { term, is_leader: false, last, commit, refused: 0 }
    }
}
