//! A Raft that ends the process, as if all were well, when its election timer runs out.
//!
//! Expected: refused before it is compiled, for `std::process`. If it ran, it would have no points, as a run
//! that gives no answer has failed, whatever its status.

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

    fn on_wakeup(&mut self, _: &mut Context<'_, Message>) {
        std::process::exit(0);
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
