//! A Raft with a type error: a number in the place of a duration.
//!
//! Expected: no points, as it does not compile; the compiler's words are told.

use labrpc::{Context, Instant, Kind, NodeId, Persister, Wire};
use raft::{Applied, Config, Consensus, Index, LogId, NotLeader, Status, Term};
use serde::{Deserialize, Serialize};

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

impl Consensus for Raft {
    type Message = Message;

    fn boot(cx: &mut Context<'_, Message>, _: &[NodeId], config: Config) -> Self {
        Self { due: cx.now + config.election_timeout.start }
    }

    fn on_message(&mut self, _: &mut Context<'_, Message>, _: NodeId, message: Message) {
        match message {}
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, Message>) {
        self.due = cx.now;
    }

    fn next_wakeup(&self) -> Option<Instant> {
        Some(self.due + 150)
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
