//! A Raft that panics while it panics, which ends the process at once: nobody can catch it.
//!
//! Expected: no points. Every run ends without an answer.

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

/// Panics when it is dropped.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        panic!("no leader, still");
    }
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
        let _guard = Guard;
        panic!("no leader");
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
