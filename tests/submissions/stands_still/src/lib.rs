//! A Raft that waits for itself: when its election timer runs out, it locks the same mutex twice.
//!
//! Expected: no points. Every run is ended when it has taken too long, although it uses no CPU time. (What
//! the second lock does is left open by the standard library; on Linux it waits.)

use labrpc::{Context, Instant, Kind, NodeId, Persister, Wire};
use raft::{Applied, Config, Consensus, Index, LogId, NotLeader, Status, Term};
use serde::{Deserialize, Serialize};
use std::sync::Mutex;

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
        let votes = Mutex::new(0_u32);
        let mine = votes.lock();
        let others = votes.lock();
        drop((mine, others));
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
